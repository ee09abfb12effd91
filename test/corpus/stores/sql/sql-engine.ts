/**
 * What SQL text must give in any engine: the library's words and bits, on random rows. Used on DuckDB in the test suite, and on ClickHouse where it is installed
 * (test/clickhouse). Each table is filled with data that is not part of a statement, as the key has to be.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  fieldSql,
  greenListSql,
  keyTableSql,
  sqlKeyWords,
} from '../../../../src/corpus/stores/sql/field-sql.ts'
import { philoxSql } from '../../../../src/corpus/stores/sql/philox-sql.ts'
import { gatherEvidence } from '../../../../src/detect/evidence.ts'
import { deriveMarkKeys, type MarkKey, markKeyWords } from '../../../../src/keys/mark-key.ts'
import { createProfile } from '../../../../src/keys/profile.ts'
import { createPhiloxWords } from '../../../../src/prf/engines/philox.ts'
import { createFieldFunction } from '../../../../src/prf/fields.ts'
import { schemeOf } from '../../../../src/schemes/from-profile.ts'
import { tokenizerDigest } from '../../../../src/text/tokenizer-digest.ts'
import { formsShown, keysOf, masterFromSeed } from '../../../support/keys.ts'

/** An engine as the tests use it. */
export interface SqlEngine {
  readonly dialect: 'duckdb' | 'clickhouse'
  run(statement: string): Promise<void>
  /** Fills a table that is there. */
  fill(table: string, rows: readonly (readonly (number | null)[])[]): Promise<void>
  rows(query: string): Promise<readonly (readonly string[])[]>
}

type Row = readonly (number | null)[]

const formats = fc
  .record({ contextWidth: fc.nat(4), bits: fc.constantFrom(1, 8, 32), halvings: fc.nat(9) })
  .map(({ contextWidth, bits, halvings }) => ({
    contextWidth,
    bits: bits as 1 | 8 | 32,
    lanes: Math.max(1, 2 ** (9 - halvings) / bits),
  }))

const word = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constant(2 ** 32 - 1))
const narrow = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 24 - 1 }), fc.constant(2 ** 24 - 1))

const rowsOf = (contextWidth: number, size: number, id = word): fc.Arbitrary<number[][]> =>
  fc.array(
    fc
      .tuple(
        fc.array(contextWidth === 4 ? narrow : id, { minLength: contextWidth, maxLength: contextWidth }),
        id,
      )
      .map(([context, token]) => [...context, token]),
    { minLength: size, maxLength: size },
  )

const fieldCases = formats.chain((format) =>
  fc.record({
    format: fc.constant(format),
    rows: rowsOf(format.contextWidth, 30),
    lane: fc.nat(format.lanes - 1),
    seed: fc.nat(1000),
  }),
)

/** Registers the tests, for an engine that is there when they run. */
export function testSql(engineOf: () => SqlEngine, { runs }: { runs: number }): void {
  test('field numbers are the library’s, whatever format, key, context, token and lane', async () => {
    await fc.assert(
      fc.asyncProperty(fieldCases, async ({ format, rows, lane, seed }) => {
        const key = keysOf(format)(seed)
        const columns = await fill(engineOf(), rows, key)
        const sql = fieldSql({ ...columns, format, lane })
        expect(await sorted(engineOf(), sql)).toEqual(fieldsOf(rows, { key, format, lane }))
        expect(formsShown(sql, bytesOf(key))).toEqual([])
      }),
      { seed: 11, numRuns: runs },
    )
  })

  test('one wrong rotation is caught', async () => {
    const format = { contextWidth: 2, bits: 8, lanes: 1 } as const
    const rows = fc.sample(rowsOf(2, 30), { seed: 12, numRuns: 1 })[0]!
    const key = keysOf(format)(1)
    const columns = await fill(engineOf(), rows, key)
    const sql = fieldSql({ ...columns, format })
    const broken =
      columns.dialect === 'duckdb'
        ? sql.replace('>> 20::UBIGINT', '>> 19::UBIGINT')
        : sql.replace(/, 12\)/, ', 13)')
    expect(broken).not.toBe(sql)
    expect(await sorted(engineOf(), broken)).not.toEqual(fieldsOf(rows, { key, format, lane: 0 }))
  })

  test.each([0, 1, 2, 3, 4])(
    'totals of a green list of width %i are the library’s evidence',
    async (contextWidth) => {
      const master = masterFromSeed(`sql ${contextWidth}`)
      const profile = createProfile(master, {
        scheme: 'green-list',
        contextWidth,
        gamma: contextWidth === 2 ? 0.5 : 0.25,
        delta: 2,
        tokenizer: tokenizerDigest(['a', 'b']),
        vocabularySize: 400,
        layers: [
          { role: 'provider', label: 'acme', share: contextWidth === 0 ? 65536 : 40000 },
          ...(contextWidth === 0 ? [] : [{ role: 'cohort' as const, label: 'one', share: 25536, lanes: 4 }]),
        ],
        created: '2026-11-24',
      })
      const distinct = fc
        .sample(rowsOf(contextWidth, 300, fc.nat(399)), { seed: contextWidth, numRuns: 1 })[0]!
        .filter((row, i, all) => all.findIndex((other) => other.join() === row.join()) === i)
      // Repeats and incomplete rows must not count.
      const rows: Row[] = [...distinct, ...distinct.slice(0, 50), [...Array(contextWidth).fill(1), null]]
      if (contextWidth > 0) rows.push([null, ...Array(contextWidth).fill(2)])
      for (const [i, key] of deriveMarkKeys(master, profile).entries()) {
        const { lanes } = profile.layers[i]!
        const scheme = schemeOf(profile, { lanes })
        const lane = lanes - 1
        const { n, sum } = gatherEvidence(Uint32Array.from(distinct.flat()), { scheme, key, lane })
        const columns = await fill(engineOf(), rows, key)
        const { totals, pairs } = greenListSql({
          ...columns,
          format: { contextWidth, bits: profile.bits, lanes },
          param: profile.param,
          ...(contextWidth === 0 ? {} : { range: key.range }),
          lane,
        })
        expect(n).toBeGreaterThan(0)
        expect(await engineOf().rows(totals)).toEqual([[String(n), String(sum), '1']])
        const each = await engineOf().rows(pairs)
        expect(each.length).toBe(n)
        expect(each.filter((row) => row.at(-1) === '1').length).toBe(sum)
      }
    },
  )

  test('an empty key table is seen in the totals, and no pairs add up to nothing', async () => {
    const key = keysOf({})(1)
    const columns = await fill(engineOf(), [[1, 2]], key)
    const format = { contextWidth: 1, bits: 8, lanes: 1 } as const
    await engineOf().fill('dyetrace_rows', [])
    const { totals } = greenListSql({ ...columns, format, param: 64 })
    expect(await engineOf().rows(totals)).toEqual([['1', expect.stringMatching(/^[01]$/), '1']])
    await engineOf().run('DROP TABLE dyetrace_key')
    await engineOf().run(keyTableSql({ dialect: engineOf().dialect }))
    expect(await engineOf().rows(totals)).toEqual([['0', '0', '0']])
  })

  test('an id that is no word fails the query', async () => {
    const format = { contextWidth: 1, bits: 8, lanes: 1 } as const
    for (const id of [-1, 2 ** 32]) {
      const columns = await fill(engineOf(), [[id, 2]], keysOf({})(1))
      await expect(engineOf().rows(fieldSql({ ...columns, format }))).rejects.toThrow()
    }
  })

  test.each([1, 2, 3, 4, 5, 9, 16])(
    'Philox words of contexts of %i ids are the library’s',
    async (contextWidth) => {
      const padded = fc.oneof({ weight: 4, arbitrary: word }, fc.constant(2 ** 32 - 1))
      const rows = fc.sample(
        fc.array(fc.array(padded, { minLength: contextWidth + 1, maxLength: contextWidth + 1 }), {
          minLength: 60,
          maxLength: 60,
        }),
        { seed: contextWidth, numRuns: 1 },
      )[0]!
      const key = Uint32Array.of(0xdeadbeef, 0x9e3779b9 ^ contextWidth)
      const columns = await fill(engineOf(), rows, key)
      const of = createPhiloxWords()
      const expected = rows.map((row) => [...row, of(key, row.slice(0, contextWidth), row[contextWidth]!)])
      expect(await sorted(engineOf(), philoxSql(columns))).toEqual(lines(expected))
    },
  )
}

/** Puts rows and a key into the engine. @returns the options that say where they are. */
async function fill(
  engine: SqlEngine,
  rows: readonly Row[],
  key: MarkKey | Uint32Array,
): Promise<{
  readonly dialect: SqlEngine['dialect']
  readonly rows: string
  readonly columns: { readonly context: readonly string[]; readonly token: string }
}> {
  const context = rows[0]!.slice(1).map((_, j) => `before_${j}`)
  const isWords = key instanceof Uint32Array
  const { columns, words } = isWords ? { columns: ['k0', 'k1'], words: key } : sqlKeyWords(key)
  const type = engine.dialect === 'duckdb' ? 'BIGINT' : 'Nullable(Int64)'
  await engine.run('DROP TABLE IF EXISTS dyetrace_key')
  await engine.run(keyTableSql({ dialect: engine.dialect, columns }))
  await engine.fill('dyetrace_key', [[...words]])
  await engine.run('DROP TABLE IF EXISTS dyetrace_rows')
  const list = [...context, 'token'].map((name) => `${name} ${type}`).join(', ')
  await engine.run(
    `CREATE TEMPORARY TABLE dyetrace_rows (${list})${engine.dialect === 'duckdb' ? '' : ' ENGINE = Memory'}`,
  )
  await engine.fill('dyetrace_rows', rows)
  return { dialect: engine.dialect, rows: 'dyetrace_rows', columns: { context, token: 'token' } }
}

function fieldsOf(
  rows: readonly (readonly number[])[],
  {
    key,
    format,
    lane,
  }: {
    key: MarkKey
    format: { readonly contextWidth: number; readonly bits: 1 | 8 | 32; readonly lanes: number }
    lane: number
  },
): readonly string[] {
  const field = createFieldFunction(format)
  const { contextWidth } = format
  return lines(rows.map((row) => [...row, field(key, row.slice(0, contextWidth), row[contextWidth]!, lane)]))
}

async function sorted(engine: SqlEngine, query: string): Promise<readonly string[]> {
  return lines(await engine.rows(query))
}

function lines(rows: readonly (readonly (string | number)[])[]): readonly string[] {
  return [...new Set(rows.map((row) => row.join(' ')))].sort()
}

function bytesOf(key: MarkKey): Uint8Array {
  const words = markKeyWords(key)
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}
