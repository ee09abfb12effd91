/**
 * Checks of arguments at the public boundary: a wrong type is a TypeError, a wrong value a RangeError, and the message
 * names the argument, what was expected and what came. Inner loops do not call these; they trust their brands.
 * A value that could be a secret is never printed: `describe` shows the kind and length of binary data, not the bytes, and
 * where a key is expected `describeHidden` shows nothing of strings and numbers either, for they may be the key in another form.
 */

/** What a value is, in a few words that are safe to print (never the content of bytes or long strings). */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string')
    return value.length <= 40 ? JSON.stringify(value) : `a string of ${value.length} characters`
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'undefined')
    return String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `an array of length ${value.length}`
  if (ArrayBuffer.isView(value)) return `${className(value)} of ${value.byteLength} bytes`
  if (typeof value === 'object') return recordOf(value) ?? `an object (${className(value)})`
  return `a ${typeof value}`
}

/** What a value is where a key is expected: the kind and the length, nothing of the content. */
export function describeHidden(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length} characters`
  if (typeof value === 'number' || typeof value === 'bigint') return `a ${typeof value}`
  return describe(value)
}

// One record in place of another is a common mix-up, and both are "an object". A field read this way runs no getter.
function recordOf(value: object): string | undefined {
  const format: unknown = Object.getOwnPropertyDescriptor(value, 'format')?.value
  return typeof format === 'string' && RECORD_FORMAT.test(format)
    ? `a record of format "${format}"`
    : undefined
}

const RECORD_FORMAT = /^dyetrace\/[a-z-]{1,20}-\d$/

// Asked of the prototype: parsed JSON can hold a "constructor" of its own, whose "name" is anything.
function className(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null) return 'no prototype'
  const name: unknown = (prototype as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name.length <= 40 ? name : 'no name'
}

/** A safe integer within `min..max` (both inclusive). */
export function assertInteger(
  value: unknown,
  { name, min = 0, max = Number.MAX_SAFE_INTEGER }: { name: string; min?: number; max?: number },
): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`"${name}" expected an integer, got ${describe(value)}`)
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new RangeError(`"${name}" expected an integer in ${min}..${max}, got ${describe(value)}`)
}

/** A finite number for which `holds` is true; `expected` puts the condition in words. */
export function assertNumber(
  value: unknown,
  { name, expected, holds }: { name: string; expected: string; holds: (value: number) => boolean },
): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`"${name}" expected ${expected}, got ${describe(value)}`)
  if (!Number.isFinite(value) || !holds(value))
    throw new RangeError(`"${name}" expected ${expected}, got ${describe(value)}`)
}

/** A string, which must match `pattern` when one is given. */
export function assertString(
  value: unknown,
  { name, expected = 'a string', pattern }: { name: string; expected?: string; pattern?: RegExp },
): asserts value is string {
  if (typeof value !== 'string') throw new TypeError(`"${name}" expected ${expected}, got ${describe(value)}`)
  if (pattern && !pattern.test(value))
    throw new RangeError(`"${name}" expected ${expected}, got ${describe(value)}`)
}

/** A Uint8Array, of `length` bytes when one is given. Bytes are often a key, so nothing of another value is shown. */
export function assertBytes(
  value: unknown,
  { name, length }: { name: string; length?: number },
): asserts value is Uint8Array {
  const wanted = length === undefined ? 'a Uint8Array' : `a Uint8Array of ${length} bytes`
  if (!(value instanceof Uint8Array))
    throw new TypeError(`"${name}" expected ${wanted}, got ${describeHidden(value)}`)
  if (length !== undefined && value.length !== length)
    throw new RangeError(`"${name}" expected ${wanted}, got ${describeHidden(value)}`)
}

/** One of a closed set of words. */
export function assertOneOf<const T extends string>(
  value: unknown,
  { name, values }: { name: string; values: readonly T[] },
): asserts value is T {
  const expected = `one of ${values.map((v) => JSON.stringify(v)).join(', ')}`
  if (typeof value !== 'string') throw new TypeError(`"${name}" expected ${expected}, got ${describe(value)}`)
  if (!(values as readonly string[]).includes(value))
    throw new RangeError(`"${name}" expected ${expected}, got ${describe(value)}`)
}

/** An object that is not an array, null or binary; with `keys`, one without any other own key (a misspelt option is an error). */
export function assertRecord(
  value: unknown,
  { name, keys, expected = 'an object' }: { name: string; keys?: readonly string[]; expected?: string },
): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    throw new TypeError(`"${name}" expected ${expected}, got ${describe(value)}`)
  if (!keys) return
  for (const key of Object.keys(value)) {
    if (!keys.includes(key))
      throw new RangeError(`"${name}" expected only the keys ${keys.join(', ')}, got ${describe(key)}`)
  }
}

/** The trailing options object of a public function: no unknown keys. Unlike `assertRecord` it leaves the static type as it is. */
export function assertOptions(value: unknown, about: { name: string; keys?: readonly string[] }): void {
  assertRecord(value, about)
}

/** An array; typed arrays count. */
export function assertArray(
  value: unknown,
  { name, expected = 'an array' }: { name: string; expected?: string },
): void {
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && 'length' in value))
    throw new TypeError(`"${name}" expected ${expected}, got ${describe(value)}`)
}
