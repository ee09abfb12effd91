/**
 * Reading JSON that holds keys (JWK, RFC 7517). Nothing of the content is ever described, whatever it is: a file of the wrong
 * kind, or a field of a wrong name, may still be a key. Messages name the place in the file and what was expected there.
 */
import { parseJson } from '../json.ts'

/** Bytes of every key of the wire format, and of a salt, and characters of one as base64url. */
const KEY_BYTES = 32
const KEY_CHARACTERS = 43

/** Parses the text of a file. `name` names the file, `expected` what should be in it. */
export function parseKeyJson(
  text: string,
  { name, expected }: { name: string; expected: string },
): Record<string, unknown> {
  return record(parseJson(text, { start: `${name}:`, expected: `JSON (${expected})` }), { name, expected })
}

/** An object's own fields: all of `required`, perhaps some of `optional`, and no others. */
export function fieldsOf(
  value: unknown,
  {
    name,
    required,
    optional = [],
  }: { name: string; required: readonly string[]; optional?: readonly string[] },
): Record<string, unknown> {
  const all = [...required, ...optional]
  const fields = record(value, { name, expected: `an object with the fields ${all.join(', ')}` })
  const missing = required.find((field) => !Object.hasOwn(fields, field))
  if (missing !== undefined) throw new RangeError(`${name}: expected a field "${missing}", got none`)
  if (Object.keys(fields).some((field) => !all.includes(field)))
    throw new RangeError(`${name}: expected only the fields ${all.join(', ')}, got another`)
  return fields
}

/** A string, which must be `value` or match it. */
export function textOf(
  text: unknown,
  { name, expected, value }: { name: string; expected?: string; value: string | RegExp },
): string {
  const fits = typeof text === 'string' && (typeof value === 'string' ? text === value : value.test(text))
  if (!fits)
    throw new RangeError(`${name}: expected ${expected ?? JSON.stringify(value)}, got something else`)
  return text
}

/** A JSON array. */
export function arrayOf(value: unknown, { name }: { name: string }): readonly unknown[] {
  if (!Array.isArray(value)) throw new RangeError(`${name}: expected an array, got something else`)
  return value
}

/** The 32 bytes of a key written as base64url without padding. */
export function keyBytesOf(text: unknown, { name, field }: { name: string; field: string }): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES)
  // Written into an array of its own: Buffer.from would put the key into a pool, and whoever clones or posts another small buffer
  // sends the whole pool along.
  const fits = typeof text === 'string' && text.length === KEY_CHARACTERS
  const written = fits ? viewOf(bytes).write(text, 'base64url') : 0
  // Encoding it again refuses what a lenient decoder reads past: other alphabets, padding, white space, stray last bits.
  if (written !== KEY_BYTES || keyText(bytes) !== text)
    throw new RangeError(
      `${name}: expected ${field} to hold ${KEY_BYTES} bytes as base64url, got something else`,
    )
  return bytes
}

/** The same, written. */
export function keyText(bytes: Uint8Array): string {
  return viewOf(bytes).toString('base64url')
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function record(
  value: unknown,
  { name, expected }: { name: string; expected: string },
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RangeError(`${name}: expected ${expected}, got something else`)
  return value as Record<string, unknown>
}
