/** SQL for auditors in DuckDB: words and bits of the library, and what the text must not hold. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  fieldSql,
  greenListSql,
  keyTableSql,
  sqlKeyWords,
} from '../../../../src/corpus/stores/sql/field-sql.ts'
import { philoxSql } from '../../../../src/corpus/stores/sql/philox-sql.ts'
import { engineMark } from '../../../support/engine-marks.ts'
import { keysOf } from '../../../support/keys.ts'
import { type SqlEngine, testSql } from './sql-engine.ts'

let instance: DuckDBInstance
let connection: DuckDBConnection

const engine: SqlEngine = {
  dialect: 'duckdb',
  async run(statement) {
    await connection.run(statement)
  },
  async fill(table, rows) {
    const appender = await connection.createAppender(table)
    for (const row of rows) {
      for (const value of row) {
        if (value === null) appender.appendNull()
        else if (table === 'dyetrace_key') appender.appendUInteger(value)
        else appender.appendBigInt(BigInt(value))
      }
      appender.endRow()
    }
    appender.closeSync()
  },
  rows: async (query) =>
    (await connection.runAndReadAll(query)).getRows().map((row) => row.map((value) => String(value))),
}

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  connection = await instance.connect()
})
afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

describe('DuckDB', () => testSql(() => engine, { runs: 25 }))

describe('what is refused', () => {
  const options = {
    dialect: 'duckdb',
    format: { contextWidth: 1, bits: 8, lanes: 1 },
    rows: 'pairs',
    columns: { context: ['previous'], token: 'token' },
  } as const

  test.each([
    ['a dialect', { dialect: 'oracle' }, RangeError],
    ['a width', { format: { contextWidth: 5, bits: 8, lanes: 1 } }, RangeError],
    ['bits', { format: { contextWidth: 1, bits: 7, lanes: 1 } }, RangeError],
    ['lanes', { format: { contextWidth: 1, bits: 8, lanes: 3 } }, RangeError],
    ['more lanes than a block has', { format: { contextWidth: 1, bits: 8, lanes: 128 } }, RangeError],
    ['a lane', { lane: 1 }, RangeError],
    ['a range', { range: { from: 9, to: 8 } }, RangeError],
    ['too few columns', { columns: { context: [], token: 'token' } }, RangeError],
    [
      'a name that is more than a name',
      { columns: { context: ['a; DROP TABLE x'], token: 't' } },
      RangeError,
    ],
    ['a name that is more than a name', { columns: { context: ['a'], token: 'a"' } }, RangeError],
    ['a table that is more than a name', { keyTable: 'k, other' }, RangeError],
    ['rows that are no text', { rows: 5 }, TypeError],
    ['an unknown option', { key: 'k' }, RangeError],
  ])('%s', (_, change, error) => {
    expect(() => fieldSql({ ...options, ...change } as never)).toThrow(error)
  })

  test('a param that makes nothing or everything green', () => {
    for (const param of [0, 256]) expect(() => greenListSql({ ...options, param })).toThrow(RangeError)
  })

  test('a context that is too long for engines that count levels', () => {
    const context = Array.from({ length: 17 }, (_, i) => `c_${i}`)
    const { dialect, rows } = options
    expect(() => philoxSql({ dialect, rows, columns: { context, token: 'token' } })).toThrow(RangeError)
  })

  test('what is not a mark key, without showing it', () => {
    expect(() => sqlKeyWords({ ...keysOf({})(1) })).toThrow(/expected a mark-key from deriveMarkKeys/)
  })

  test('a key of another engine; of vLLM’s Gumbel mark there are two words', () => {
    const { columns, words } = sqlKeyWords(
      engineMark('vLLM gumbel', [0x123456789n], { vocabularySize: 9 }).key,
    )
    expect([columns, [...words]]).toEqual([
      ['k0', 'k1'],
      [0x23456789, 1],
    ])
    expect(() => sqlKeyWords(engineMark('SGLang gumbel', [5n], { vocabularySize: 9 }).key)).toThrow(
      RangeError,
    )
  })

  test('a key table with a name that is more than a name', () => {
    expect(() => keyTableSql({ dialect: 'duckdb', keyTable: 'a b' })).toThrow(RangeError)
  })
})
