/**
 * One row -> a document, or why it is none. JSON lines and Parquet rows are judged here alike; text and ids of a document are checked, and whatever else the row has
 * is left alone, as public data sets have columns of all sorts.
 */
import { describe } from '../assert.ts'
import type { CorpusDocument, DocumentPlace, Skipped, SkipReason } from './document.ts'

/** Names of the columns to read. */
export interface Columns {
  readonly text: string | undefined
  readonly ids: string | undefined
  readonly promptLength: string | undefined
  readonly group: string | undefined
}

/** What a row has in the columns; undefined where it has no such column. */
export interface RowValues {
  readonly text: unknown
  readonly ids: unknown
  readonly promptLength: unknown
  readonly group: unknown
}

/** Ids of the wire format are words of 32 bits. */
export const MOST_IDS: number = 2 ** 32

/** What every row is held against. */
export interface RowRules {
  readonly columns: Columns
  /** Ids from this number on are of another tokenizer. */
  readonly vocabularySize: number
}

/** Longer values are no moment or origin, and are kept for each group of a scan. */
export const MOST_GROUP = 256

/** The document of a row. */
export function documentOf(
  place: DocumentPlace,
  values: RowValues,
  { columns, vocabularySize }: RowRules,
): CorpusDocument | Skipped {
  const wrong = (column: string | undefined, expected: string, got: string): Skipped =>
    skipped(place, 'wrong-type', `column ${describe(column)}: expected ${expected}, got ${got}`)
  const { text, promptLength } = values
  if (text === undefined && values.ids === undefined)
    return skipped(place, 'no-column', `expected a column ${namesOf(columns)}, got a row without it`)
  if (text !== undefined && values.ids !== undefined)
    return skipped(
      place,
      'wrong-type',
      `expected one of the columns ${describe(columns.text)} and ${describe(columns.ids)}, got both; name the one to read`,
    )
  const group = groupOf(values.group)
  if (group === undefined)
    return wrong(
      columns.group,
      `a string of at most ${MOST_GROUP} characters, a number or a truth value`,
      'another value',
    )
  const about = { kind: 'document', ...place, ...(group === null ? {} : { group }) } as const
  if (text !== undefined) {
    if (typeof text !== 'string') return wrong(columns.text, 'a string', kindOf(text))
    if (LONE_SURROGATE.test(text))
      return skipped(place, 'not-utf8', 'expected text that has a UTF-8 form, got half of a surrogate pair')
    return Object.freeze({ ...about, text })
  }
  if (!isList(values.ids)) return wrong(columns.ids, 'a list of integers', kindOf(values.ids))
  const ids = new Uint32Array(values.ids as ArrayLike<number>)
  for (let i = 0; i < ids.length; i++) {
    const id = values.ids[i]
    // What is no integer in 0..2^32 - 1 is another number in the array.
    if (ids[i] !== id || ids[i]! >= vocabularySize)
      return wrong(
        columns.ids,
        `integers in 0..${vocabularySize - 1}`,
        `another value at place ${i}; is it another tokenizer's?`,
      )
  }
  if (promptLength === undefined || promptLength === null) return Object.freeze({ ...about, ids })
  const isLength =
    typeof promptLength === 'number' &&
    Number.isInteger(promptLength) &&
    promptLength >= 0 &&
    promptLength <= ids.length
  if (!isLength) return wrong(columns.promptLength, `an integer in 0..${ids.length}`, 'another value')
  return Object.freeze({ ...about, ids, promptLength })
}

/** A row that was left out. */
export function skipped(place: DocumentPlace, reason: SkipReason, message: string): Skipped {
  return Object.freeze({ kind: 'skipped', ...place, reason, message })
}

// With the flag u, a whole pair is one character.
const LONE_SURROGATE = /\p{Surrogate}/u

function namesOf({ text, ids }: Columns): string {
  return [text, ids].flatMap((name) => (name === undefined ? [] : [describe(name)])).join(' or ')
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || value instanceof Uint32Array
}

/** Null where the row has none, undefined where it is no group. */
function groupOf(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value.length <= MOST_GROUP ? value : undefined
}

/** The kind of a value, and nothing of what it says. */
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}
