/**
 * The scan against its own definition, written out without any shortcut: the same stretches, the same corrected p-values. And the
 * family that it tries: fixed by n alone, its weights sum to 1, and every passage has a near relative in it.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { blocksOf, type Stretch, scan, startsOf } from '../../src/detect/scan.ts'
import type { NullLaw } from '../../src/stats/law.ts'
import { lnUpperTail } from '../../src/stats/tail.ts'

const LAWS: readonly NullLaw[] = [
  { kind: 'bernoulli', p: 0.25 },
  { kind: 'binomial', trials: 5, p: 0.5 },
  { kind: 'exponential' },
  { kind: 'hypoexponential', alpha: 0.1 },
]

/** Scores of a law; in the middle third some are raised, so that there is something to find. */
function scoresOf(
  law: NullLaw,
  { n, seed, raised }: { n: number; seed: number; raised: number },
): Float64Array {
  const random = seedrandom(String(seed))
  const one = (): number => {
    switch (law.kind) {
      case 'bernoulli':
        return random() < law.p ? 1 : 0
      case 'binomial':
        return Array.from({ length: law.trials }, () => (random() < law.p ? 1 : 0) as number).reduce(
          (a, b) => a + b,
          0,
        )
      case 'exponential':
        return Math.floor(-Math.log(1 - random()) * 2 ** 20) / 2 ** 20
      case 'hypoexponential': {
        const parts = [1 - law.alpha, law.alpha].map((weight) => -weight * Math.log(1 - random()))
        return Math.floor((parts[0]! + parts[1]!) * 2 ** 20) / 2 ** 20
      }
    }
  }
  return Float64Array.from({ length: n }, (_, i) =>
    i >= n / 3 && i < (2 * n) / 3 && random() < raised ? Math.max(one(), one(), one()) : one(),
  )
}

/** Every stretch of the family with its p-value, then Holm's procedure as it stands in the textbook. */
function plainly(
  scores: Float64Array,
  { law, shortest, alpha }: { law: NullLaw; shortest: number; alpha: number },
): { lnP: number; found: Stretch[]; size: number } {
  const family = blocksOf(scores.length, shortest).blocks.flatMap((block) =>
    startsOf(block, scores.length).map((from) => {
      const to = from + block.length
      const sum = scores.slice(from, to).reduce((a, b) => a + b, 0)
      const lnCorrected = lnUpperTail(law, { sum, n: to - from }) - block.lnWeight
      return { from, to, sum, lnCorrected, weight: Math.exp(block.lnWeight) }
    }),
  )
  const sorted = family.sort((a, b) => a.lnCorrected - b.lnCorrected || a.from - b.from || a.to - b.to)
  const found: Stretch[] = []
  let least = -Infinity
  for (const [i, { weight: _, ...stretch }] of sorted.entries()) {
    const left = sorted.slice(i).reduce((total, { weight }) => total + weight, 0)
    least = Math.max(least, stretch.lnCorrected + Math.log(left))
    if (least > Math.log(alpha)) break
    found.push({ ...stretch, lnP: least })
  }
  return { lnP: Math.min(0, sorted[0]!.lnCorrected), found, size: sorted.length }
}

describe('the scan', () => {
  test.each(LAWS)('finds what the plain reading finds: $kind', (law) => {
    let some = 0
    fc.assert(
      fc.property(
        fc.record({
          n: fc.integer({ min: 1, max: 150 }),
          seed: fc.nat(1e6),
          raised: fc.constantFrom(0, 0.5, 1),
        }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(0.5, 0.05, 1e-4),
        (about, shortest, alpha) => {
          const scores = scoresOf(law, about)
          const got = scan(scores, { law, shortest, alpha })
          const expected = plainly(scores, { law, shortest, alpha })
          expect(got.size).toBe(expected.size)
          expect(got.lnP).toBeCloseTo(expected.lnP, 9)
          expect(got.found.map(({ from, to, sum }) => [from, to, sum])).toEqual(
            expected.found.map(({ from, to, sum }) => [from, to, sum]),
          )
          for (const [i, { lnP }] of got.found.entries()) expect(lnP).toBeCloseTo(expected.found[i]!.lnP, 9)
          if (got.found.length > 0) some++
        },
      ),
      { seed: 1, numRuns: 200 },
    )
    expect(some).toBeGreaterThan(40)
  })

  test('nothing at all', () => {
    const nothing = scan(new Float64Array(0), { law: LAWS[0]!, shortest: 64, alpha: 0.01 })
    expect(nothing).toEqual({ lnP: 0, found: [], size: 1, scales: 1 })
  })

  test('all rejected: the last one has nobody to share with', () => {
    const { found, size } = scan(new Float64Array(64).fill(1), { law: LAWS[0]!, shortest: 16, alpha: 0.5 })
    expect(found).toHaveLength(size)
    for (const { lnP } of found) expect(lnP).toBeLessThan(Math.log(0.5))
  })
})

describe('the family', () => {
  const sizes = [1, 2, 15, 16, 17, 63, 64, 65, 100, 1000, 12345]

  test.each(sizes)('of %i scores: weights sum to 1, all lengths differ, all stretches lie within', (n) => {
    for (const shortest of [1, 5, 16, 64]) {
      const { blocks } = blocksOf(n, shortest)
      const weight = blocks.reduce((total, { starts, lnWeight }) => total + starts * Math.exp(lnWeight), 0)
      expect(Math.abs(weight - 1)).toBeLessThan(1e-12)
      expect(new Set(blocks.map(({ length }) => length)).size).toBe(blocks.length)
      for (const block of blocks) {
        const starts = startsOf(block, n)
        expect(new Set(starts).size).toBe(starts.length)
        expect(starts[0]).toBe(0)
        expect(starts.at(-1)! + block.length).toBe(n)
        expect(block.length === n || block.length >= shortest).toBe(true)
      }
    }
  })

  test('its size grows like n', () => {
    const sizeOf = (n: number): number =>
      blocksOf(n, 64).blocks.reduce((total, { starts }) => total + starts, 0)
    for (const n of [1e3, 1e4, 1e5, 1e6]) expect(sizeOf(n)).toBeLessThan((32 * n) / 64 + 20 * Math.log2(n))
  })

  // Of the shortest ones of 1, 2 and 5, whose quarters round up most, less.
  test.each<[shortest: number, n: number, share: number]>([
    [8, 150, 2 / 3],
    ...[3, 4, 6, 7, 9, 13].map((shortest): [number, number, number] => [shortest, 70, 2 / 3]),
    [1, 70, 1 / 4],
    [2, 70, 1 / 2],
    [5, 70, 5 / 8],
  ])(
    'every passage of %i or more of %i scores has a member that shares %d of what either covers',
    (shortest, n, share) => {
      const members = blocksOf(n, shortest).blocks.flatMap((block) =>
        startsOf(block, n).map((from) => [from, from + block.length] as const),
      )
      let worst = 1
      for (let from = 0; from < n; from++) {
        for (let to = from + shortest; to <= n; to++) {
          const shared = members.map(([a, b]) => {
            const both = Math.min(b, to) - Math.max(a, from)
            return both <= 0 ? 0 : both / (Math.max(b, to) - Math.min(a, from))
          })
          worst = Math.min(worst, Math.max(...shared))
        }
      }
      expect(worst).toBeGreaterThanOrEqual(share)
    },
  )
})
