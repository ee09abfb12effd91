/**
 * vLLM's Philox hash (prf/engines/philox.ts, version philox4x32-10-v1) as SQL: the word of each (context, token) under a key, for an auditor inside a
 * warehouse. The uniform number of the mark is (word >> 8) + 1 over 2^24 + 1; logarithms differ between engines in the last bit and are not taken here. The
 * key stays out of the text, as in field-sql.ts; its table has two words, k0 (low) and k1. Each round is one level of sub-query, eleven levels a block.
 */
import { assertArray, assertInteger, assertOptions, assertString } from '../../../assert.ts'
import {
  arithmeticOf,
  assertSqlName,
  chained,
  type Level,
  type SqlDialect,
  type WordArithmetic,
} from './dialect.ts'

/** Where pairs are. */
export interface PhiloxSqlOptions {
  readonly dialect: SqlDialect
  /** A table, or a query in parentheses, without a name given to it by AS. It becomes part of the text as it is. */
  readonly rows: string
  /**
   * Names of the columns of `rows`: of the context's ids, oldest first, and of the token's. Where the engine pads a context, the column holds 4294967295.
   */
  readonly columns: { readonly context: readonly string[]; readonly token: string }
  /** Name of the table with the key. @defaultValue dyetrace_key */
  readonly keyTable?: string
}

const ROUNDS = 10
// Multipliers and Weyl constants of Philox4x32 (Salmon et al. 2011, Random123).
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_2 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85
// ClickHouse takes a hundred levels of sub-query (max_subquery_depth); a block of four ids is eleven.
const MAX_CONTEXT = 16
const KEY = ['k0', 'k1'] as const

/**
 * The query that gives each distinct pair its word: columns c0.. (context, oldest first), token, word.
 * @throws TypeError or RangeError for options out of range.
 * @example
 * import { philoxSql } from 'dyetrace/corpus'
 * const sql = philoxSql({
 *   dialect: 'clickhouse', rows: 'pairs', columns: { context: ['a', 'b'], token: 'token' },
 * })
 * sql.includes('dyetrace_key') // true
 */
export function philoxSql(options: PhiloxSqlOptions): string {
  assertOptions(options, { name: 'options', keys: ['dialect', 'rows', 'columns', 'keyTable'] })
  const { dialect, rows, columns, keyTable = 'dyetrace_key' } = options
  const arithmetic = arithmeticOf(dialect)
  const { and, literal, shiftRight, word, xor } = arithmetic
  assertString(rows, { name: 'options.rows', expected: 'a table or a query in parentheses' })
  assertSqlName(keyTable, { name: 'options.keyTable', dotted: true })
  assertOptions(columns, { name: 'options.columns', keys: ['context', 'token'] })
  assertArray(columns.context, { name: 'options.columns.context', expected: 'an array of names' })
  assertInteger(columns.context.length, { name: 'options.columns.context.length', min: 1, max: MAX_CONTEXT })
  const names = [...columns.context, columns.token]
  for (const name of names) assertSqlName(name, { name: 'options.columns' })

  const context = columns.context.map((_, j) => `c${j}`)
  const keep = [...context, 'token', ...KEY]
  const list = names.map((name, i) => `${word(`source.${name}`)} AS ${keep[i]}`)
  const complete = names.map((name) => `source.${name} IS NOT NULL`).join(' AND ')
  const pairs = `(SELECT DISTINCT ${list.join(', ')} FROM ${rows} AS source WHERE ${complete})`
  const keyed = `(SELECT ${KEY.map((key) => `${word(key)} AS ${key}`).join(', ')} FROM ${keyTable})`
  let from = `${pairs} AS pairs CROSS JOIN ${keyed} AS keys`

  // The context four words at a time, each block of words folded into the state before.
  let state = [0x574d4358, context.length, 0, 0].map(literal)
  for (let offset = 0; offset < context.length; offset += 4) {
    const prefix = `s${offset}_`
    from = philoxBlocks(from, {
      keep: [...keep, ...(offset === 0 ? [] : state)],
      block: state.map((before, i) => xor(before, context[offset + i] ?? literal(0xffffffff - i))),
      key: [xor('k0', literal(offset)), 'k1'],
      prefix,
      arithmetic,
    })
    state = [0, 1, 2, 3].map((i) => `${prefix}${i}`)
  }
  // The token's block; the mark uses stream 0.
  from = philoxBlocks(from, {
    keep: [...keep, ...state],
    block: [shiftRight('token', literal(2)), state[0]!, state[1]!, state[2]!],
    key: [xor('k0', state[3]!), xor('k1', literal(0x574d544b))],
    prefix: 'x',
    arithmetic,
  })
  const chosen = arithmetic.pick(and('token', literal(3)), ['x0', 'x1', 'x2', 'x3'])
  return `SELECT ${[...context, 'token'].join(', ')}, ${chosen} AS word FROM ${from}`
}

/** One block for each row: columns prefix0 .. prefix3 beside `keep`. */
function philoxBlocks(
  from: string,
  {
    keep,
    block,
    key,
    prefix,
    arithmetic,
  }: {
    readonly keep: readonly string[]
    readonly block: readonly string[]
    readonly key: readonly [string, string]
    readonly prefix: string
    readonly arithmetic: WordArithmetic
  },
): string {
  const { add, literal, productHigh, productLow, xor } = arithmetic
  const place = (round: number, i: number): string =>
    round === ROUNDS ? `${prefix}${i}` : `${prefix}${i}_${round}`
  const keyed = [`${prefix}k0`, `${prefix}k1`] as const
  const first = chained(from, {
    keep,
    levels: [
      {
        ...Object.fromEntries(block.map((word, i) => [place(0, i), word])),
        [keyed[0]]: key[0],
        [keyed[1]]: key[1],
      },
    ],
  })
  const levels: Level[] = Array.from({ length: ROUNDS }, (_, round) => {
    const [c0, c1, c2, c3] = [0, 1, 2, 3].map((i) => place(round, i)) as [string, string, string, string]
    const k0 = add(keyed[0], literal(Math.imul(round, WEYL_0) >>> 0))
    const k1 = add(keyed[1], literal(Math.imul(round, WEYL_1) >>> 0))
    return {
      [place(round + 1, 0)]: xor(xor(productHigh(literal(MULTIPLIER_2), c2), c1), k0),
      [place(round + 1, 1)]: productLow(literal(MULTIPLIER_2), c2),
      [place(round + 1, 2)]: xor(xor(productHigh(literal(MULTIPLIER_0), c0), c3), k1),
      [place(round + 1, 3)]: productLow(literal(MULTIPLIER_0), c0),
    }
  })
  return chained(first, { keep: [...keep, ...keyed], levels })
}
