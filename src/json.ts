/**
 * JSON text that comes from somebody else. RFC 8259 leaves open what an object with one member twice says: most readers take the last
 * one, some the first, a person the one that catches the eye. What two readers read differently is refused, as is text nested deeper than
 * any format of this package. Nothing of the text is shown: whoever mixes up two files may have passed a key.
 */

/** Levels of arrays and objects within each other; the formats need fewer than ten. */
const MAX_DEPTH = 64

/**
 * The value of a JSON text.
 * @param start how a message begins: what was read, in quotation marks if it is an argument. `expected`: what should be in it.
 * @throws RangeError for what is not JSON, an object with a member twice, or text nested too deep.
 */
export function parseJson(
  text: string,
  { start, expected = 'JSON' }: { start: string; expected?: string },
): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own message quotes the text.
    throw new RangeError(
      `${start} expected ${expected}, got a string of ${text.length} characters that does not parse`,
    )
  }
  assertOneReading(text, { start, expected })
  return value
}

/** One pass over text that is JSON. */
function assertOneReading(text: string, { start, expected }: { start: string; expected: string }): void {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') {
      if (open.length === MAX_DEPTH)
        throw new RangeError(`${start} expected ${expected} nested at most ${MAX_DEPTH} deep, got deeper`)
      open.push(character === '{' ? new Set() : undefined)
    } else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = endOfString(text, at)
      const members = open.at(-1)
      if (members && isName(text, end)) {
        const spelt = text.slice(at + 1, end - 1)
        // Two spellings can be one name.
        const name = spelt.includes('\\') ? (JSON.parse(`"${spelt}"`) as string) : spelt
        if (members.has(name))
          throw new RangeError(
            `${start} expected ${expected} without a member twice in an object, got one twice`,
          )
        members.add(name)
      }
      at = end - 1
    }
  }
}

/** The place behind the string that begins at a quotation mark. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function isName(text: string, from: number): boolean {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}
