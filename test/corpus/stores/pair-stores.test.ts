/** What every store of pairs promises: each distinct pair is handed over once, whole, whatever the parts, and where some words decide, one pair for each of these. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import seedrandom from 'seedrandom'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PairBlock, PairStore } from '../../../src/corpus/store.ts'
import { duckdbStore } from '../../../src/corpus/stores/duckdb.ts'
import { memoryStore } from '../../../src/corpus/stores/memory.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dyetrace-stores-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const scan = `sha256:${'0'.repeat(64)}`
let made = 0

const KINDS: readonly (readonly [string, () => Promise<PairStore>])[] = [
  ['memory', async () => memoryStore()],
  ['DuckDB', () => duckdbStore({ folder: join(folder, String(made++)), threads: 2 })],
]

/** Distinct rows of four words; the last two are one of several that go with the first two. */
function blockOf(seed: string, rows: number): Uint32Array {
  const random = seedrandom(seed)
  const known = new Map<string, number[]>()
  for (let i = 0; i < rows; i++) {
    const a = 2 ** 32 - 1 - Math.floor(40 * random())
    const b = Math.floor(50 * random())
    const which = Math.floor(3 * random())
    known.set([a, b].join(), [a, b, (a ^ b ^ which) >>> 0, which])
  }
  return Uint32Array.from([...known.values()].flat())
}

describe.each(KINDS)('%s', (_, open) => {
  test.each([
    ['all words decide', undefined],
    ['two of four words decide', 2],
  ] as const)('%s', async (_name, decidedBy) => {
    const store = await open()
    const blocks = Array.from({ length: 5 }, (_block, i) => blockOf(`block ${i}`, 3000))
    try {
      for (const name of ['d', 'a', 'c', 'b', 'e', 'a']) {
        const pairs = blocks['abcde'.indexOf(name)]!
        const block: PairBlock = {
          reading: 0,
          contextWidth: 3,
          pairs,
          ...(decidedBy === undefined ? {} : { decidedBy }),
        }
        await store.put({ name, scan, account: { name } }, [
          block,
          { reading: 1, contextWidth: 0, pairs: Uint32Array.of(7) },
        ])
      }
      expect((await store.parts()).map(({ name }) => name).sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
      const rows: string[] = []
      const totals = await store.totals(scan, [1, 2, 1], async ({ reading, contextWidth, pairs }) => {
        const width = contextWidth + 1
        for (let at = 0; reading === 0 && at < pairs.length; at += width) {
          const [a, b, mixed, which] = pairs.subarray(at, at + width) as unknown as [
            number,
            number,
            number,
            number,
          ]
          expect(mixed).toBe((a ^ b ^ which) >>> 0)
          rows.push(pairs.subarray(at, at + (decidedBy ?? width)).join())
        }
        const n = BigInt(pairs.length / width)
        return reading === 0
          ? [{ n, units: 2n ** 40n * n }]
          : [
              { n, units: 5n },
              { n: 0n, units: 0n },
            ]
      })
      const expected = new Set(
        blocks.flatMap((pairs) =>
          Array.from({ length: pairs.length / 4 }, (_row, r) =>
            pairs.subarray(4 * r, 4 * r + (decidedBy ?? 4)).join(),
          ),
        ),
      )
      expect(rows.length).toBe(expected.size)
      expect(new Set(rows)).toEqual(expected)
      const n = BigInt(expected.size)
      expect(totals).toEqual([
        [{ n, units: 2n ** 40n * n }],
        [
          { n: 1n, units: 5n },
          { n: 0n, units: 0n },
        ],
        [{ n: 0n, units: 0n }],
      ])
    } finally {
      await store.close()
    }
  })

  test('an error of whoever sums is heard', async () => {
    const store = await open()
    await store.put({ name: 'a', scan, account: {} }, [
      { reading: 0, contextWidth: 0, pairs: Uint32Array.of(1) },
    ])
    const failing = async (): Promise<never> => {
      throw new Error('no thread left')
    }
    await expect(store.totals(scan, [1], failing)).rejects.toThrow('no thread left')
    await store.close()
  })
})

test.each(['c0=abc', 'c0=5', 'scan*', 'scan?', 'scan[12]', "o'clock"])(
  'a folder called %s holds the pairs that were put there, and no others',
  async (name) => {
    const place = mkdtempSync(join(folder, 'names-'))
    const put = async (own: string, pairs: number[]): Promise<PairStore> => {
      const store = await duckdbStore({ folder: join(place, own, 'pairs'), threads: 1 })
      await store.put({ name: 'a', scan, account: {} }, [
        { reading: 0, contextWidth: 0, pairs: Uint32Array.from(pairs) },
      ])
      return store
    }
    // Folders that a pattern of the name would find.
    for (const other of ['scan1', 'scan2']) await (await put(other, [101, 102, 103])).close()
    const store = await put(name, [1, 2, 3])
    const seen: number[] = []
    await store.totals(scan, [1], async ({ pairs }) => {
      seen.push(...pairs)
      return [{ n: BigInt(pairs.length), units: 0n }]
    })
    await store.close()
    expect(seen.sort()).toEqual([1, 2, 3])
  },
)

test('two stores in one folder do not take each other away what they spill', async () => {
  const place = mkdtempSync(join(folder, 'spills-'))
  const spills = (): number => readdirSync(place).filter((name) => name.startsWith('.spill-')).length
  const stores = [await duckdbStore({ folder: place }), await duckdbStore({ folder: place })]
  expect(spills()).toBe(2)
  await stores[0]!.close()
  expect(spills()).toBe(1)
  await stores[1]!.close()
  expect(spills()).toBe(0)
})
