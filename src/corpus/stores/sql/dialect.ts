/**
 * Arithmetic of 32-bit words as SQL text, for the engines whose SQL is written here. In: SQL expressions of words. Out: SQL expressions of words, each of which
 * names its arguments once or a bounded number of times, so that chained sub-queries stay small. DuckDB holds a word in a UBIGINT, for its 32-bit sums do
 * not wrap but fail; ClickHouse in a UInt32. Refuses names that would need quoting: what is put into SQL text must be a name and nothing else.
 */
import { assertString, describe } from '../../../assert.ts'

/** An engine whose SQL is written here. */
export type SqlDialect = 'duckdb' | 'clickhouse'

/** Word arithmetic of one dialect. Arguments and results are SQL text. */
export interface WordArithmetic {
  /** An integer column or literal as a word; the query fails for what is not in 0..2^32 - 1. */
  word(x: string): string
  /** A word as a literal. */
  literal(value: number): string
  /** Sum modulo 2^32. */
  add(a: string, b: string): string
  xor(a: string, b: string): string
  and(a: string, b: string): string
  or(a: string, b: string): string
  rotateLeft(x: string, bits: number): string
  /** Shifted left; the result must fit a word. */
  shiftLeft(x: string, bits: number): string
  /** `bits` is SQL: a literal or a column. */
  shiftRight(x: string, bits: string): string
  /** Low and high word of the product of two words. */
  productLow(a: string, b: string): string
  productHigh(a: string, b: string): string
  /** The choice at `index` (SQL), from 0; choices that no row asks for are undefined. */
  pick(index: string, choices: readonly (string | undefined)[]): string
}

const MASK = 4294967295

const DUCKDB: WordArithmetic = {
  // By way of UINTEGER, which refuses what is not a word; -1 would otherwise become something.
  word: (x) => `CAST(CAST(${x} AS UINTEGER) AS UBIGINT)`,
  literal: (value) => `${value}::UBIGINT`,
  add: (a, b) => `((${a} + ${b}) & ${MASK}::UBIGINT)`,
  xor: (a, b) => `xor(${a}, ${b})`,
  and: (a, b) => `(${a} & ${b})`,
  or: (a, b) => `(${a} | ${b})`,
  // The word beside itself in 64 bits: its argument stands here once, where two shifts would name it twice.
  rotateLeft: (x, bits) => `((${x} * 4294967297::UBIGINT) >> ${32 - bits}::UBIGINT & ${MASK}::UBIGINT)`,
  shiftLeft: (x, bits) => `(${x} * ${2 ** bits}::UBIGINT)`,
  shiftRight: (x, bits) => `(${x} >> ${bits})`,
  productLow: (a, b) => `((${a} * ${b}) & ${MASK}::UBIGINT)`,
  productHigh: (a, b) => `((${a} * ${b}) >> 32::UBIGINT)`,
  pick: (index, choices) =>
    `CASE ${choices.map((choice, i) => (choice === undefined ? '' : `WHEN ${index} = ${i} THEN ${choice} `)).join('')}END`,
}

const CLICKHOUSE: WordArithmetic = {
  // Rows with a null are left out, but perhaps later.
  word: (x) => `accurateCast(assumeNotNull(${x}), 'UInt32')`,
  literal: (value) => `toUInt32(${value})`,
  add: (a, b) => `toUInt32(bitAnd(plus(${a}, ${b}), ${MASK}))`,
  xor: (a, b) => `bitXor(${a}, ${b})`,
  and: (a, b) => `bitAnd(${a}, ${b})`,
  or: (a, b) => `bitOr(${a}, ${b})`,
  rotateLeft: (x, bits) => `bitRotateLeft(${x}, ${bits})`,
  shiftLeft: (x, bits) => `bitShiftLeft(${x}, ${bits})`,
  shiftRight: (x, bits) => `bitShiftRight(${x}, ${bits})`,
  productLow: (a, b) => `toUInt32(bitAnd(multiply(toUInt64(${a}), toUInt64(${b})), ${MASK}))`,
  productHigh: (a, b) => `toUInt32(bitShiftRight(multiply(toUInt64(${a}), toUInt64(${b})), 32))`,
  // Not CASE: ClickHouse puts off the branches of a condition, and what is shared between them is then computed again in each, thousandfold.
  pick: (index, choices) =>
    `arrayElement([${choices.map((choice) => choice ?? 'toUInt32(0)').join(', ')}], ${index} + 1)`,
}

/** The arithmetic of a dialect. @throws RangeError for one that is not known. */
export function arithmeticOf(dialect: SqlDialect): WordArithmetic {
  if (dialect === 'duckdb') return DUCKDB
  if (dialect === 'clickhouse') return CLICKHOUSE
  throw new RangeError(`"dialect" expected duckdb or clickhouse, got ${describe(dialect)}`)
}

/** Checks the name of a column, or of a table (`dotted`: perhaps with its schema). */
export function assertSqlName(
  value: unknown,
  { name, dotted = false }: { name: string; dotted?: boolean },
): asserts value is string {
  assertString(value, {
    name,
    expected: 'a name of letters, digits and _, not beginning with a digit',
    pattern: dotted ? /^[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}$/ : /^[A-Za-z_]\w*$/,
  })
}

/** Columns of one level by name, and what they are computed from. */
export type Level = Readonly<Record<string, string>>

/**
 * Chained sub-queries: each level computes its columns from those of the level below, so that a value that is used many times is written once. Without
 * it, text and work would double with every step. A level must not name a column as one below it: in ClickHouse the new meaning would win within the level.
 * @param from SQL that can stand behind FROM. `keep`: its columns that every level hands on; a level's own live until the next.
 * @returns SQL behind FROM with the columns `keep` and those of the last level.
 */
export function chained(
  from: string,
  { keep, levels }: { readonly keep: readonly string[]; readonly levels: readonly Level[] },
): string {
  return levels.reduce((below, level, i) => {
    const made = Object.entries(level).map(([name, sql]) => `${sql} AS ${name}`)
    return `(SELECT ${[...keep, ...made].join(', ')} FROM ${below}) AS s${i}`
  }, from)
}
