/**
 * Field numbers of `dyetrace/1` (prf/fields.ts) and green lists as SQL, for an auditor who wants to score pairs inside a warehouse, with an engine that we did not
 * write. Out: text of queries, bit for bit what the library computes, for DuckDB and ClickHouse. The key is never part of the text, since engines log
 * queries, ClickHouse with its parameters filled in: it is read from a table of one row, k0 .. k7, and where layers are routed r0 .. r7.
 * What is counted is what `detect` counts: distinct pairs, contexts of the layer only. Rows with a null (an incomplete context) are left out; which pairs a
 * text has (prompt, end of text, padding, what does not survive as text) is for the query that makes them to say.
 */
import { assertArray, assertInteger, assertOptions, assertString, describe } from '../../../assert.ts'
import { MAX_CONTEXT_WIDTH } from '../../../context.ts'
import { type MarkKey, markKeyWords, routeKeyWords } from '../../../keys/mark-key.ts'
import type { FieldFormat } from '../../../prf/fields.ts'
import { chacha8Sql } from './chacha8-sql.ts'
import { arithmeticOf, assertSqlName, chained, type SqlDialect, type WordArithmetic } from './dialect.ts'

/** Where pairs are, and how their fields are cut. */
export interface FieldSqlOptions {
  readonly dialect: SqlDialect
  readonly format: FieldFormat
  /** @defaultValue 0 */
  readonly lane?: number
  /** Where the profile has several roles: the key's `range`. Route words are then read from the key table. @defaultValue none */
  readonly range?: { readonly from: number; readonly to: number }
  /** A table, or a query in parentheses, without a name given to it by AS. It becomes part of the text as it is. */
  readonly rows: string
  /** Names of the columns of `rows`: of the context's ids, oldest first, `format.contextWidth` of them, and of the token's. */
  readonly columns: { readonly context: readonly string[]; readonly token: string }
  /** Name of the table with the key. @defaultValue dyetrace_key */
  readonly keyTable?: string
}

/** A green list beside. */
export interface GreenListSqlOptions extends FieldSqlOptions {
  /** Green where the field is less. */
  readonly param: number
}

const KEY = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7'] as const
const ROUTE = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7'] as const
const BLOCK_BITS = 512
const OPTIONS = ['dialect', 'format', 'lane', 'range', 'rows', 'columns', 'keyTable']

/**
 * The query that gives each distinct pair of the key's layer its field number: columns c0.. (context, oldest first), token, field.
 * @throws TypeError or RangeError for options out of range.
 */
export function fieldSql(options: FieldSqlOptions): string {
  assertOptions(options, { name: 'options', keys: OPTIONS })
  const { context, from } = fields(options)
  return `SELECT ${[...context, 'token', 'field'].join(', ')} FROM ${from}`
}

/**
 * Two queries for a green list. `pairs`: each distinct pair of the key's layer with its field and green (0 or 1). `totals`: one row, n (distinct pairs), green
 * (their sum) and keys, the number of rows in the key table, which has to be 1 or the row says nothing.
 * @throws TypeError or RangeError for options out of range.
 * @example
 * import { greenListSql } from 'dyetrace/corpus'
 * const { totals } = greenListSql({
 *   dialect: 'duckdb', format: { contextWidth: 1, bits: 8, lanes: 1 }, param: 64,
 *   rows: 'pairs', columns: { context: ['previous'], token: 'token' },
 * })
 * totals.includes('dyetrace_key') // true
 */
export function greenListSql(options: GreenListSqlOptions): {
  readonly pairs: string
  readonly totals: string
} {
  assertOptions(options, { name: 'options', keys: [...OPTIONS, 'param'] })
  const { context, from, keyTable } = fields(options)
  assertInteger(options.param, { name: 'options.param', min: 1, max: 2 ** options.format.bits - 1 })
  const green = `CASE WHEN field < ${options.param} THEN 1 ELSE 0 END`
  return Object.freeze({
    pairs: `SELECT ${[...context, 'token', 'field'].join(', ')}, ${green} AS green FROM ${from}`,
    totals: `SELECT count(*) AS n, coalesce(sum(${green}), 0) AS green, (SELECT count(*) FROM ${keyTable}) AS keys FROM ${from}`,
  })
}

/**
 * What goes into the key table: names of its columns and the words. As secret as the key: hand them to the engine as data of an insert, never as text
 * of a query (docs/scan-cluster.md). Of a key of `dyetrace/1`, or of vLLM's Gumbel mark.
 * @throws TypeError for what is not a mark key, RangeError for one of another engine.
 */
export function sqlKeyWords(key: MarkKey): {
  readonly columns: readonly string[]
  readonly words: Uint32Array
} {
  const mark = markKeyWords(key)
  const route = routeKeyWords(key)
  if (key.format.scheme === 'vllm/philox4x32-10-v1/gumbel')
    return { columns: KEY.slice(0, mark.length), words: mark.slice() }
  if (mark.length !== KEY.length)
    throw new RangeError(
      '"key" expected a key of dyetrace/1 or of vLLM\'s Gumbel mark, got one of another engine',
    )
  return route === undefined
    ? { columns: KEY, words: mark.slice() }
    : { columns: [...KEY, ...ROUTE], words: Uint32Array.from([...mark, ...route]) }
}

/** The statement that makes the key table, gone with the session. */
export function keyTableSql({
  dialect,
  keyTable = 'dyetrace_key',
  columns = KEY,
}: {
  readonly dialect: SqlDialect
  readonly keyTable?: string
  readonly columns?: readonly string[]
}): string {
  arithmeticOf(dialect)
  assertSqlName(keyTable, { name: 'keyTable', dotted: true })
  for (const [i, column] of columns.entries()) assertSqlName(column, { name: `columns[${i}]` })
  const type = dialect === 'duckdb' ? 'UINTEGER NOT NULL' : 'UInt32'
  const engine = dialect === 'duckdb' ? '' : ' ENGINE = Memory'
  return `CREATE TEMPORARY TABLE ${keyTable} (${columns.map((column) => `${column} ${type}`).join(', ')})${engine}`
}

function fields({
  dialect,
  format,
  lane = 0,
  range,
  rows,
  columns,
  keyTable = 'dyetrace_key',
}: FieldSqlOptions): {
  readonly from: string
  readonly context: readonly string[]
  readonly keyTable: string
} {
  const arithmetic = arithmeticOf(dialect)
  assertFormat(format)
  const { contextWidth, bits, lanes } = format
  assertInteger(lane, { name: 'options.lane', max: lanes - 1 })
  assertString(rows, { name: 'options.rows', expected: 'a table or a query in parentheses' })
  assertSqlName(keyTable, { name: 'options.keyTable', dotted: true })
  const names = columnNames(columns, contextWidth)
  const context = names.context.map((_, j) => `c${j}`)

  // Innermost: each distinct pair once, as words, beside the key. `source.`, for in ClickHouse a bare name could be the word of this query and not the column: a null would
  // then be a zero.
  const words = [...names.context, names.token]
  const list = words.map(
    (column, i) => `${arithmetic.word(`source.${column}`)} AS ${[...context, 'token'][i]}`,
  )
  const complete = words.map((column) => `source.${column} IS NOT NULL`).join(' AND ')
  const pairs = `(SELECT DISTINCT ${list.join(', ')} FROM ${rows} AS source WHERE ${complete})`
  const keys = [...KEY, ...(range === undefined ? [] : ROUTE)]
  const keyed = `(SELECT ${keys.map((key) => `${arithmetic.word(key)} AS ${key}`).join(', ')} FROM ${keyTable})`
  const nonce = nonceOf(context, arithmetic)
  const named = ['n0', 'n1', 'n2']
  let from = chained(`${pairs} AS pairs CROSS JOIN ${keyed} AS keys`, {
    keep: [...context, 'token', ...keys],
    levels: [Object.fromEntries(nonce.map((word, j) => [named[j]!, word]))],
  })

  if (range !== undefined) {
    assertInteger(range.from, { name: 'options.range.from', max: 65536 })
    assertInteger(range.to, { name: 'options.range.to', min: range.from, max: 65536 })
    const keep = [...context, 'token', ...KEY, ...named]
    const routed = chacha8Sql(from, {
      keep: [...keep, ...ROUTE],
      input: { key: ROUTE, counter: arithmetic.literal(0), nonce: named },
      prefix: 'v',
      words: [0],
      arithmetic,
    })
    const value = arithmetic.and('v0', arithmetic.literal(0xffff))
    from = `(SELECT ${keep.join(', ')} FROM ${routed} WHERE ${value} >= ${range.from} AND ${value} < ${range.to}) AS own`
  }

  const tokensPerBlock = BLOCK_BITS / (bits * lanes)
  // A power of two; and the offset is below 512.
  const counter = arithmetic.shiftRight('token', arithmetic.literal(Math.log2(tokensPerBlock)))
  const place = arithmetic.and('token', arithmetic.literal(tokensPerBlock - 1))
  const reached = wordsReached({ lanes, bits, lane, tokensPerBlock })
  const keep = [...context, 'token', 'place']
  from = chacha8Sql(
    chained(from, {
      keep: [...context, 'token', ...KEY, ...named],
      levels: [{ counter, place: arithmetic.word(`${place} * ${lanes * bits} + ${lane * bits}`) }],
    }),
    {
      keep: [...keep, ...KEY, ...named, 'counter'],
      input: { key: KEY, counter: 'counter', nonce: named },
      prefix: 'x',
      words: reached,
      arithmetic,
    },
  )
  const index = arithmetic.shiftRight('place', arithmetic.literal(5))
  from = chained(from, {
    keep,
    levels: [
      {
        word: arithmetic.pick(
          index,
          Array.from({ length: 16 }, (_, i) => (reached.includes(i) ? `x${i}` : undefined)),
        ),
      },
    ],
  })
  const shift = arithmetic.and('place', arithmetic.literal(31))
  from = chained(from, {
    keep: [...context, 'token'],
    levels: [
      { field: arithmetic.and(arithmetic.shiftRight('word', shift), arithmetic.literal(2 ** bits - 1)) },
    ],
  })
  return { from, context, keyTable }
}

/** Nonce words, as prf/fields.ts writes them. */
function nonceOf(context: readonly string[], arithmetic: WordArithmetic): readonly string[] {
  const zero = arithmetic.literal(0)
  if (context.length < 4) return [0, 1, 2].map((j) => context[j] ?? zero)
  return [0, 1, 2].map((j) => {
    const byte = arithmetic.and(
      arithmetic.shiftRight('c3', arithmetic.literal(8 * j)),
      arithmetic.literal(0xff),
    )
    return arithmetic.or(`c${j}`, arithmetic.shiftLeft(byte, 24))
  })
}

/** Which words of a block hold fields of the lane. */
function wordsReached({
  lanes,
  bits,
  lane,
  tokensPerBlock,
}: {
  lanes: number
  bits: number
  lane: number
  tokensPerBlock: number
}): readonly number[] {
  const places = Array.from({ length: tokensPerBlock }, (_, token) => ((token * lanes + lane) * bits) >>> 5)
  return [...new Set(places)]
}

function assertFormat(format: unknown): asserts format is FieldFormat {
  assertOptions(format, { name: 'options.format', keys: ['contextWidth', 'bits', 'lanes'] })
  const { contextWidth, bits, lanes } = format as Record<string, unknown>
  assertInteger(contextWidth, { name: 'options.format.contextWidth', max: MAX_CONTEXT_WIDTH })
  if (bits !== 1 && bits !== 8 && bits !== 32)
    throw new RangeError(`"options.format.bits" expected 1, 8 or 32, got ${describe(bits)}`)
  assertInteger(lanes, { name: 'options.format.lanes', min: 1, max: BLOCK_BITS / bits })
  if (!Number.isInteger(Math.log2(lanes)))
    throw new RangeError(`"options.format.lanes" expected a power of two, got ${lanes}`)
}

function columnNames(
  columns: unknown,
  contextWidth: number,
): { readonly context: readonly string[]; readonly token: string } {
  assertOptions(columns, { name: 'options.columns', keys: ['context', 'token'] })
  const { context, token } = columns as { context: unknown; token: unknown }
  assertArray(context, { name: 'options.columns.context', expected: 'an array of names' })
  const names = Array.from(context as ArrayLike<unknown>)
  if (names.length !== contextWidth)
    throw new RangeError(
      `"options.columns.context" expected ${contextWidth} names, as many as the context is wide, got ${names.length}`,
    )
  for (const [j, name] of names.entries()) assertSqlName(name, { name: `options.columns.context[${j}]` })
  assertSqlName(token, { name: 'options.columns.token' })
  return { context: names as string[], token }
}
