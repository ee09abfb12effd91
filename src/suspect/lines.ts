/**
 * Files of JSON lines that are evidence: nothing in them is skipped, mended or read in two ways. A line ends with one line feed. A piece
 * behind the last line feed that is no JSON is a line that was cut off while it was written; any other defect is an error that names the line.
 */
import { assertArray, assertNumber, assertRecord, assertString, describe } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { type Digest, digestBytes } from '../digest.ts'

/** A line that was read. */
export interface JsonLine {
  /** The first is 1. */
  readonly number: number
  /** Its bytes as text, without the line feed. */
  readonly text: string
  readonly value: Record<string, unknown>
  /** What it is called in messages. */
  readonly name: string
}

/** A last line that was cut off, and is left out. Frozen. */
export interface TornLine {
  /** The first line is 1. */
  readonly line: number
  readonly text: string
}

/** The lines of a file, and what is behind the last whole one. */
export interface JsonLines {
  readonly lines: readonly JsonLine[]
  readonly torn?: TornLine
}

/** Name of a line: SHA-256 of its bytes, without the line feed. */
export function lineDigest(text: string): Digest {
  return digestBytes(utf8ToBytes(text))
}

/**
 * Splits a file into its lines.
 * @param file what it is called in messages.
 * @throws TypeError or RangeError that names the first line that is no JSON object, or names a field twice.
 */
export function readJsonLines(text: string, { file }: { file: string }): JsonLines {
  assertString(text, { name: file, expected: `the text of ${file}` })
  const texts = text.split('\n')
  const rest = texts.pop()!
  const lines = texts.map((line, i) => readLine(line, { file, number: i + 1 }))
  if (rest === '') return { lines }
  const number = texts.length + 1
  // No beginning of an object is an object, so a line that lacks its line feed only is whole.
  if (isJson(rest)) return { lines: [...lines, readLine(rest, { file, number })] }
  return { lines, torn: Object.freeze({ line: number, text: rest }) }
}

/** As {@link readJsonLines}, of a file that is written as a whole: cut off, it is not that file. */
export function readWholeJsonLines(text: string, { file }: { file: string }): readonly JsonLine[] {
  const { lines, torn } = readJsonLines(text, { file })
  if (torn)
    throw new RangeError(`"${file} line ${torn.line}" expected a whole line, got one that was cut off`)
  return lines
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function readLine(text: string, { file, number }: { file: string; number: number }): JsonLine {
  const name = `${file} line ${number}`
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new RangeError(`"${name}" expected a JSON object, got text that does not parse`)
  }
  assertRecord(value, { name })
  // JSON.parse keeps the last of two fields of one name, other readers keep the first.
  if (countKeys(text) !== Object.keys(value).length)
    throw new RangeError(
      `"${name}" expected each field once and no objects in it, got more names than fields`,
    )
  return { number, text, value, name }
}

/** Strings before a colon, at any depth, of text that is known to be JSON. By hand: a line can have strings of megabytes. */
function countKeys(text: string): number {
  let keys = 0
  for (let start = text.indexOf('"'); start !== -1; ) {
    let end = text.indexOf('"', start + 1)
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
    let next = end + 1
    while (' \t\r'.includes(text[next] ?? '}')) next++
    if (text[next] === ':') keys++
    start = text.indexOf('"', end + 1)
  }
  return keys
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

/** The named own fields of a line that has no others. */
export function fieldsOf<const Key extends string>(
  { value, name }: JsonLine,
  keys: readonly Key[],
): Record<Key, unknown> {
  assertRecord(value, { name, keys })
  const fields = keys.map((key) => [key, Object.hasOwn(value, key) ? value[key] : undefined])
  return Object.fromEntries(fields) as Record<Key, unknown>
}

/** A model's likeliest next tokens in one position, the likeliest first. */
export type ListedTokens = readonly (readonly [token: number, logprob: number])[]

// A logprob of a probability that was rounded up may come out above 0.
const MOST_LOGPROB = 0.001

/** Checks lists, one a position, and copies them. null: the position has none, for the model's tokens end elsewhere. */
export function readPositions(
  value: unknown,
  { name, lengths, vocabularySize }: { name: string; lengths: readonly number[]; vocabularySize: number },
): readonly (ListedTokens | null)[] {
  assertArray(value, { name, expected: 'an array of lists, one a position' })
  const positions = value as readonly unknown[]
  if (!lengths.includes(positions.length))
    throw new RangeError(`"${name}" expected ${lengths.join(' or ')} positions, got ${positions.length}`)
  return Object.freeze(
    positions.map((list, i) =>
      list === null ? null : readList(list, { name: `${name}[${i}]`, vocabularySize }),
    ),
  )
}

function readList(
  value: unknown,
  { name, vocabularySize }: { name: string; vocabularySize: number },
): ListedTokens {
  assertArray(value, { name, expected: 'an array of [token, logprob] or null' })
  const known = new Set<number>()
  let before = Infinity
  return Object.freeze(
    Array.from(value as ArrayLike<unknown>, (entry, j) => {
      const at = `${name}[${j}]`
      if (!Array.isArray(entry) || entry.length !== 2)
        throw new TypeError(`"${at}" expected [token, logprob], got ${describe(entry)}`)
      const [token, logprob] = entry as readonly unknown[]
      assertNumber(token, {
        name: `${at}[0]`,
        expected: `a token id in 0..${vocabularySize - 1} that is not listed before`,
        holds: (id) => Number.isInteger(id) && id >= 0 && id < vocabularySize && !known.has(id),
      })
      assertNumber(logprob, {
        name: `${at}[1]`,
        expected: 'a natural logarithm, at most 0, in descending order',
        holds: (ln) => ln <= MOST_LOGPROB && ln <= before,
      })
      known.add(token)
      before = logprob
      // JSON can say -0.
      return Object.freeze([token + 0, logprob + 0] as const)
    }),
  )
}

/** Rows as text: base64 (RFC 4648 section 4, padded) of 32-bit floats, little-endian. */
export function encodeRows(rows: Float32Array): string {
  const bytes = new Uint8Array(rows.length * 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < rows.length; i++) view.setFloat32(4 * i, rows[i]!, true)
  const pieces: string[] = []
  // A multiple of 3 bytes, so that pieces can be joined; a function takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 24_576)
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(at, at + 24_576))))
  return pieces.join('')
}

/** The other way. @throws TypeError or RangeError for text that is not what `encodeRows` writes, or another number of values. */
export function decodeRows(value: unknown, { name, values }: { name: string; values: number }): Float32Array {
  const expected = `base64 of ${values} 32-bit floats of at least 0`
  assertString(value, { name, expected, pattern: /^[A-Za-z0-9+/]*={0,2}$/ })
  const length = 4 * Math.ceil((4 * values) / 3)
  if (value.length !== length)
    throw new RangeError(
      `"${name}" expected ${expected} (${length} characters), got ${value.length} characters`,
    )
  const bytes = Uint8Array.from(atob(value), (character) => character.charCodeAt(0))
  const view = new DataView(bytes.buffer)
  const rows = new Float32Array(values)
  for (let i = 0; i < values; i++) {
    const probability = view.getFloat32(4 * i, true)
    if (!(probability >= 0 && probability <= 1.001))
      throw new RangeError(`"${name}" expected probabilities, got ${probability} at ${i}`)
    rows[i] = probability
  }
  return rows
}
