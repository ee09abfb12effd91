/** Attacks on ids, beyond what holds for all: what is left, what is new, and that it is drawn evenly. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { replaceTokenChunks, scrambleTokenChunks } from '../../src/attacks/chunks.ts'
import { deleteTokens } from '../../src/attacks/delete.ts'
import { insertTokens } from '../../src/attacks/insert.ts'
import { substituteTokens } from '../../src/attacks/substitute.ts'
import { truncateTokens } from '../../src/attacks/truncate.ts'
import { binomialBand } from '../support/tolerance.ts'

const numbered = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const rate = fc.double({ min: 0, max: 1, noNaN: true })
const seeds = fc.nat(1e6)

describe('deleteTokens', () => {
  test('leaves a subsequence', () => {
    fc.assert(
      fc.property(fc.nat(40), rate, seeds, (n, share, seed) => {
        const { ids } = deleteTokens(numbered(n), { rate: share, random: seedrandom(String(seed)) })
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
      }),
      { seed: 1 },
    )
  })

  test('takes typed arrays', () => {
    expect(deleteTokens(Uint32Array.of(7, 8), { rate: 0, random: () => 0 }).ids).toEqual([7, 8])
  })
})

describe('insertTokens', () => {
  test('leaves what was there, in its order, and puts at most one token into a place', () => {
    // New ids are below 4, old ones are not.
    const old = numbered(30).map((i) => i + 4)
    for (let seed = 0; seed < 50; seed++) {
      const random = seedrandom(`insert ${seed}`)
      let draws = 0
      // The first draws choose places among 31; of those that follow, the small half chooses ids below 4 of 64.
      const { ids } = insertTokens(old, {
        rate: 1,
        vocabularySize: 64,
        random: () => (draws++ < 30 ? random() : random() / 16),
      })
      expect(ids.filter((id) => id >= 4)).toEqual(old)
      expect(ids.length).toBe(60)
      for (let i = 1; i < ids.length; i++) expect(ids[i]! < 4 && ids[i - 1]! < 4).toBe(false)
    }
  })

  test('reaches both ends', () => {
    const first = insertTokens([5], { rate: 1, vocabularySize: 9, random: () => 0 }).ids
    const last = insertTokens([5], { rate: 1, vocabularySize: 9, random: () => 0.9 }).ids
    expect([first, last]).toEqual([
      [0, 5],
      [5, 8],
    ])
  })
})

describe('substituteTokens', () => {
  test('never draws the id that was there, and all others as often as each other', () => {
    const RUNS = 20_000
    const counts = new Array<number>(5).fill(0)
    const random = seedrandom('substitute')
    const { ids } = substituteTokens(new Array(RUNS).fill(3), { rate: 1, vocabularySize: 5, random })
    for (const id of ids) counts[id]!++
    const { lo, hi } = binomialBand(RUNS, 1 / 4, 1e-9 / 4)
    expect(counts[3]).toBe(0)
    for (const id of [0, 1, 2, 4]) expect(counts[id]! >= lo && counts[id]! <= hi).toBe(true)
  })
})

describe('truncateTokens', () => {
  test('keeps what it says', () => {
    fc.assert(
      fc.property(fc.nat(40), rate, seeds, (n, share, seed) => {
        const all = numbered(n)
        const cut = Math.round(share * n)
        const random = seedrandom(String(seed))
        const kept = (keep: 'head' | 'tail' | 'middle') =>
          truncateTokens(all, { rate: share, keep, random }).ids
        expect(kept('head')).toEqual(all.slice(0, n - cut))
        expect(kept('tail')).toEqual(all.slice(cut))
        const middle = kept('middle')
        const start = middle[0] ?? 0
        expect(middle).toEqual(all.slice(start, start + n - cut))
      }),
      { seed: 2 },
    )
  })

  test('a stretch starts anywhere', () => {
    const starts = (u: number) =>
      truncateTokens(numbered(10), { rate: 0.3, keep: 'middle', random: () => u }).ids[0]
    expect([0, 0.3, 0.6, 0.99].map(starts)).toEqual([0, 1, 2, 3])
  })
})

describe('replaceTokenChunks', () => {
  const source = numbered(50).map((i) => i + 1000)

  test('replaces whole chunks by stretches of the source, and leaves the others', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.integer({ min: 1, max: 9 }), rate, seeds, (n, size, share, seed) => {
        const { ids, attack } = replaceTokenChunks(numbered(n), {
          rate: share,
          size,
          source,
          random: seedrandom(String(seed)),
        })
        expect(ids.length).toBe(n)
        let replaced = 0
        for (let start = 0; start < n; start += size) {
          const chunk = ids.slice(start, start + size)
          if (chunk[0] === start) expect(chunk).toEqual(numbered(n).slice(start, start + size))
          else {
            replaced++
            expect(chunk).toEqual(chunk.map((_, i) => chunk[0]! + i))
            expect(chunk.every((id) => id >= 1000)).toBe(true)
          }
        }
        expect(replaced).toBe(Math.round(share * Math.ceil(n / size)))
        expect(attack.edits).toBe(ids.filter((id) => id >= 1000).length)
      }),
      { seed: 3 },
    )
  })

  test('counts no edit where the source says the same', () => {
    const options = { rate: 1, size: 2, source: [7, 7], random: () => 0 }
    expect(replaceTokenChunks([7, 7, 7, 8], options).attack.edits).toBe(1)
  })
})

describe('scrambleTokenChunks', () => {
  test('a chunk may be as long as the text', () => {
    const n = 300_000
    const { ids, attack } = scrambleTokenChunks(numbered(n), { rate: 1, size: n, drop: 1, random: () => 0.5 })
    expect([ids.length, attack.edits]).toEqual([0, n])
  })

  test('keeps every token in its chunk, less what is dropped, and leaves the other chunks', () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.integer({ min: 1, max: 9 }),
        rate,
        rate,
        seeds,
        (n, size, share, drop, seed) => {
          const { ids, attack } = scrambleTokenChunks(numbered(n), {
            rate: share,
            size,
            drop,
            random: seedrandom(String(seed)),
          })
          let [changed, at] = [0, 0]
          for (let start = 0; start < n; start += size) {
            const chunk = numbered(n).slice(start, start + size)
            const left: number[] = []
            while (at < ids.length && chunk.includes(ids[at]!)) left.push(ids[at++]!)
            expect(new Set(left).size).toBe(left.length)
            if (left.join() === chunk.join()) continue
            changed++
            expect(left.length).toBe(chunk.length - Math.round(drop * chunk.length))
          }
          expect(at).toBe(ids.length)
          expect(changed).toBeLessThanOrEqual(Math.round(share * Math.ceil(n / size)))
          expect(attack.edits === 0).toBe(changed === 0)
        },
      ),
      { seed: 4 },
    )
  })

  test('takes a chunk longer than the text', () => {
    const { ids, attack } = scrambleTokenChunks(numbered(1000), {
      rate: 1,
      size: 2 ** 53 - 1,
      drop: 0.5,
      random: seedrandom('long'),
    })
    expect([ids.length, new Set(ids).size]).toEqual([500, 500])
    expect(attack.edits).toBeGreaterThan(900)
  })
})
