/**
 * Checks of what came from a file that may hold keys, or may turn out to be another file that does: the message says where and what was
 * expected, and shows nothing of what is there.
 */

/**
 * Runs a check whose message would describe a value from the file, and lets only what it expected through.
 * @throws an error of the same kind that begins with `name`.
 */
export function withoutContent<T>(check: () => T, { name }: { name: string }): T {
  try {
    return check()
  } catch (error) {
    // Messages of this package read `"argument" expected something, got something`; the second part is the file's.
    const [expected] = /^.*? expected .*?(?=, got )/s.exec((error as Error).message) ?? [
      'expected another content',
    ]
    const Kind = error instanceof TypeError ? TypeError : RangeError
    throw new Kind(`${name}: ${expected}, got something else`)
  }
}
