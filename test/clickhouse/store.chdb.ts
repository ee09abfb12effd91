/**
 * The cluster's store against the engine: exact, whatever is sent twice, half, or by others; and an error where a total would be wrong.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NOT_OWN, type PairStore, type ScoredBlock, type Totals } from '../../src/corpus/store.ts'
import { type ClickHouseStoreOptions, clickhouseStore } from '../../src/corpus/stores/clickhouse.ts'
import { ask, type Engine, openWire, PASSWORD, startEngine, USER, type Wire } from './engine.ts'

let engine: Engine
let wire: Wire
let databases = 0

beforeAll(async () => {
  engine = await startEngine()
  wire = await openWire(engine.url)
})
afterAll(async () => {
  await wire.close()
  await engine.remove()
})

/** An empty database of its own. */
async function fresh(): Promise<{
  readonly database: string
  open(options?: Partial<ClickHouseStoreOptions>): Promise<PairStore>
}> {
  const database = `case_${databases++}`
  await ask(engine, `CREATE DATABASE ${database}`)
  return {
    database,
    open: (options = {}) =>
      clickhouseStore({
        url: engine.url,
        username: USER,
        password: PASSWORD,
        database,
        retries: 4,
        wait: async () => {},
        ...options,
      }),
  }
}

const SCAN = 'sha256:this'
const TESTS = [2, 1] as const
const WIDTHS = [1, 4] as const

/** Scores that depend on the pair alone, as a key's do. */
function scoreOf(pair: readonly number[], test: number): number {
  const mixed =
    pair.reduce((hash, word) => Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 15), test + 1) >>> 0
  return mixed % 5 === 0 ? NOT_OWN : mixed % 7 === 0 ? 0xfffffffe : mixed % 3
}

function blockOf(reading: 0 | 1, pairs: readonly (readonly number[])[]): ScoredBlock {
  const tests = TESTS[reading]
  return {
    reading,
    contextWidth: WIDTHS[reading],
    tests,
    pairs: Uint32Array.from(pairs.flat()),
    scores: Uint32Array.from(
      pairs.flatMap((pair) => Array.from({ length: tests }, (_, t) => scoreOf(pair, t))),
    ),
  }
}

function record(name: string, scan = SCAN): { name: string; scan: string; account: Record<string, unknown> } {
  return { name, scan, account: { documents: 1, name } }
}

/** The same sums by hand. */
function summed(blocks: readonly ScoredBlock[]): readonly (readonly Totals[])[] {
  return TESTS.map((tests, reading) => {
    const known = new Set<string>()
    const totals = Array.from({ length: tests }, () => ({ n: 0n, units: 0n }))
    for (const block of blocks.filter((one) => one.reading === reading)) {
      const width = block.contextWidth + 1
      for (let at = 0; at < block.pairs.length; at += width) {
        const pair = [...block.pairs.subarray(at, at + width)]
        if (known.has(pair.join())) continue
        known.add(pair.join())
        totals.forEach((total, t) => {
          const score = scoreOf(pair, t)
          if (score === NOT_OWN) return
          total.n++
          total.units += BigInt(score)
        })
      }
    }
    return totals
  })
}

const noSum = async (): Promise<never> => {
  throw new Error('a store that adds up by itself asks nobody')
}

const pairsOf = (reading: 0 | 1): fc.Arbitrary<number[][]> =>
  fc.uniqueArray(
    fc.array(fc.oneof(fc.nat(6), fc.constant(2 ** 32 - 1)), {
      minLength: WIDTHS[reading] + 1,
      maxLength: WIDTHS[reading] + 1,
    }),
    { selector: (pair) => pair.join(), maxLength: 60 },
  )

const blocksOf = fc.array(
  fc
    .constantFrom(0 as const, 1 as const)
    .chain((reading) => pairsOf(reading).map((pairs) => blockOf(reading, pairs))),
  { maxLength: 3 },
)

/** Pairs 0..size-1 as a block of reading 0. */
const range = (from: number, size: number): ScoredBlock =>
  blockOf(
    0,
    Array.from({ length: size }, (_, i) => [from + i, (from + i) % 97]),
  )

describe('totals', () => {
  test('are those of the set of pairs, in any order of parts, with parts sent twice and replaced, however many queries', async () => {
    const parts = fc.uniqueArray(fc.record({ name: fc.nat(9), blocks: blocksOf }), {
      selector: ({ name }) => name,
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(
        parts,
        fc.nat(4),
        fc.constantFrom(1, 40, 2 ** 24),
        async (all, again, pairsPerQuery) => {
          const { open } = await fresh()
          const store = await open({ pairsPerQuery })
          // Replaced at once, so it must not count.
          for (const { name } of all.slice(0, 1)) await store.put(record(`${name}`), [range(1000, 7)])
          for (const { name, blocks } of all) await store.put(record(`${name}`), blocks)
          const twice = all[again]
          if (twice) await store.put(record(`${twice.name}`), twice.blocks)
          // Another scan in the same tables.
          await store.put(record('0', 'sha256:other'), [range(0, 20)])
          expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed(all.flatMap(({ blocks }) => blocks)))
          const names = (await store.parts()).filter(({ scan }) => scan === SCAN).map(({ name }) => name)
          expect(names).toEqual(all.map(({ name }) => `${name}`).sort())
          await store.close()
        },
      ),
      { seed: 21, numRuns: 8 },
    )
  })

  test('of a scan without parts are nothing, and its parts none', async () => {
    const store = await (await fresh()).open()
    expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed([]))
    expect(await store.parts()).toEqual([])
    await store.close()
  })

  test('leave out what a worker sent that was killed before its part was done', async () => {
    const { database, open } = await fresh()
    const store = await open()
    await store.put(record('a'), [range(0, 500)])
    await store.put(record('b'), [range(400, 500)])
    await ask(engine, `DELETE FROM ${database}.dyetrace_parts_1 WHERE part = 'b'`)
    expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed([range(0, 500)]))
    await store.close()
  })
})

describe('a server that goes away', () => {
  test('in the middle of an insert: the insert is sent again, and counts once', async () => {
    const { database, open } = await fresh()
    const store = await open({ url: wire.url })
    const before = wire.cuts
    wire.cutAfter(500_000)
    await store.put(record('a'), [range(0, 40_000)])
    expect(wire.cuts).toBe(before + 1)
    const rows = Number(
      await ask(engine, `SELECT count() FROM ${database}.dyetrace_pairs_1 FORMAT TabSeparated`),
    )
    // What had arrived before the cut is there twice, until the engine merges.
    expect(rows).toBeGreaterThan(40_000)
    expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed([range(0, 40_000)]))
    await store.close()
  })

  test('killed in the middle of an insert and started again: the same call goes on', async () => {
    const { open } = await fresh()
    let waits = 0
    const store = await open({
      url: wire.url,
      wait: async () => {
        if (waits++ === 1) await engine.start()
      },
    })
    await store.put(record('a'), [range(0, 5000)])
    wire.cutAfter(300_000, () => engine.kill())
    await store.put(record('b'), [range(4000, 40_000)])
    expect(waits).toBeGreaterThanOrEqual(2)
    expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed([range(0, 44_000)]))
    await store.close()
  })

  test('while totals are taken: asked again', async () => {
    const { open } = await fresh()
    const store = await open({ url: wire.url })
    await store.put(record('a'), [range(0, 5000)])
    const before = wire.cuts
    wire.cutAt('sumForEach')
    expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed([range(0, 5000)]))
    expect(wire.cuts).toBe(before + 1)
    await store.close()
  })

  test('for good: an error that says how often it was tried, and the part is not there', async () => {
    const { open } = await fresh()
    const store = await open({ url: wire.url, retries: 1 })
    wire.cutAfter(300_000, () => engine.kill())
    const put = store.put(record('a'), [range(0, 40_000)])
    await expect(put).rejects.toThrow(/could not insert pairs \(.+\), tried 2 times/)
    await engine.start()
    expect(await store.parts()).toEqual([])
    await store.close()
  })
})

describe('an error, and not a total', () => {
  test('where rows of a finished part are missing', async () => {
    const { database, open } = await fresh()
    let waits = 0
    const store = await open({
      wait: async () => {
        waits++
      },
    })
    await store.put(record('a'), [range(0, 500)])
    await ask(
      engine,
      `DELETE FROM ${database}.dyetrace_pairs_1 WHERE bucket = cityHash64(unhex('0700000007000000')) % 4096`,
    )
    await expect(store.totals(SCAN, TESTS, noSum)).rejects.toThrow(
      /expected 500 rows of its finished parts, got 499/,
    )
    // It could have been a replica that lags.
    expect(waits).toBe(4)
    await store.close()
  })

  test('where there are rows that no worker sent', async () => {
    const { database, open } = await fresh()
    const store = await open()
    await store.put(record('a'), [range(0, 500)])
    await ask(
      engine,
      `INSERT INTO ${database}.dyetrace_pairs_1 (scan, reading, content, pair, scores) SELECT scan, reading, content, concat(pair, 'xxxx'), scores FROM ${database}.dyetrace_pairs_1 LIMIT 1`,
    )
    await expect(store.totals(SCAN, TESTS, noSum)).rejects.toThrow(/expected 500 rows .* got 501/)
    await store.close()
  })

  test('where two workers score a pair differently', async () => {
    const store = await (await fresh()).open()
    await store.put(record('a'), [range(0, 10)])
    const { scores, ...rest } = range(5, 10)
    await store.put(record('b'), [
      { ...rest, scores: scores.map((score, i) => (i === 0 ? score ^ 1 : score)) },
    ])
    await expect(store.totals(SCAN, TESTS, noSum)).rejects.toThrow(/got 1 pairs on which they do not/)
    await store.close()
  })

  test('where a worker tested more keys than asked for, or read in more ways', async () => {
    const store = await (await fresh()).open()
    await store.put(record('a'), [range(0, 10)])
    await expect(store.totals(SCAN, [1, 1], noSum)).rejects.toThrow(/got 10 pairs on which they do not/)
    await store.put(record('b'), [blockOf(1, [[1, 2, 3, 4, 5]])])
    await expect(store.totals(SCAN, [2], noSum)).rejects.toThrow(/part b: expected pairs of 1 readings/)
    await store.close()
  })

  test('where parts come in while totals are taken', async () => {
    const { open } = await fresh()
    const other = await open()
    const store = await open({
      url: wire.url,
      pairsPerQuery: 1,
      wait: () => other.put(record('b'), [range(0, 9)]),
    })
    await store.put(record('a'), [range(0, 10)])
    // The parts were listed; then a query fails, and in the pause before it is asked again another shard ends.
    wire.cutAt('sumForEach')
    await expect(store.totals(SCAN, TESTS, noSum)).rejects.toThrow(/a shard is still at work/)
    await other.close()
    await store.close()
  })

  test('where a limit of the server would make it of a part of the rows', async () => {
    const store = await (await fresh()).open()
    await store.put(record('a'), [range(0, 500)])
    await ask(engine, `SET max_rows_to_group_by = 10, group_by_overflow_mode = 'any'`)
    await expect(store.totals(SCAN, TESTS, noSum)).rejects.toThrow(/TOO_MANY_ROWS/)
    await ask(engine, 'SET max_rows_to_group_by = 0')
    expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed([range(0, 500)]))
    await store.close()
  })
})

describe('what is refused when a store is opened', () => {
  test('wrong credentials: at once, and the password is not shown', async () => {
    const { open } = await fresh()
    const opened = open({
      password: 'wrong-password-1',
      wait: async () => {
        throw new Error('waited')
      },
    })
    await expect(opened).rejects.toThrow(/AUTHENTICATION_FAILED/)
    await expect(opened).rejects.not.toThrow(/wrong-password-1/)
  })

  test('a database that is not there', async () => {
    const { open } = await fresh()
    await expect(open({ database: 'nowhere' })).rejects.toThrow(/UNKNOWN_DATABASE/)
  })

  test('tables of another version or make', async () => {
    const [columns, plain] = [await fresh(), await fresh()]
    await ask(
      engine,
      `CREATE TABLE ${columns.database}.dyetrace_pairs_1 (scan String) ENGINE = MergeTree ORDER BY scan`,
    )
    await expect(columns.open()).rejects.toThrow(/table dyetrace_pairs_1: expected the columns/)
    await (await plain.open()).close()
    await ask(
      engine,
      `CREATE TABLE ${plain.database}.copy AS ${plain.database}.dyetrace_pairs_1 ENGINE = MergeTree ORDER BY pair`,
    )
    await ask(engine, `DROP TABLE ${plain.database}.dyetrace_pairs_1`)
    await ask(engine, `RENAME TABLE ${plain.database}.copy TO ${plain.database}.dyetrace_pairs_1`)
    await expect(plain.open()).rejects.toThrow(/expected the engine ReplacingMergeTree .* got MergeTree/)
  })

  test('unless they were made beforehand as they should be: then nothing is made', async () => {
    const { open } = await fresh()
    await (await open()).close()
    const store = await open()
    await store.put(record('a'), [range(0, 10)])
    expect(await store.totals(SCAN, TESTS, noSum)).toEqual(summed([range(0, 10)]))
    await store.close()
  })
})
