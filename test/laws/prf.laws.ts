/**
 * What every PRF of a scheme must obey: (key, context, token, lane) -> field number. A scheme's test calls `testLaws` with its
 * field function; broken versions must fail (laws.test.ts).
 *
 * The statistical laws compare field numbers at sites that are all distinct, each used once: for a random function the
 * comparisons are then independent, and their number has an exact binomial law.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { expect } from 'vitest'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import type { FieldFunction } from '../../src/prf/fields.ts'
import { binomialBand } from '../support/tolerance.ts'
import { FALSE_ALARM, type LawBook } from './law.ts'

/** The PRF under test and its format. */
export interface PrfUnderTest {
  readonly field: FieldFunction
  readonly contextWidth: number
  readonly bits: number
  readonly lanes: number
  readonly vocabularySize: number
  /** Independent keys of this format, by number. */
  readonly keyOf: (seed: number) => MarkKey
}

export const prfLaws: LawBook<PrfUnderTest> = {
  'is a function: the order of calls does not matter': {
    check(prf) {
      const { field, keyOf } = prf
      fc.assert(
        fc.property(fc.array(anySite(prf, 2), { minLength: 2, maxLength: 30 }), (sites) => {
          const ask = (s: Site): number => field(keyOf(s.key), s.context, s.token, s.lane)
          const forward = sites.map(ask)
          const backward = [...sites].reverse().map(ask).reverse()
          expect(backward).toEqual(forward)
        }),
        { seed: 1, numRuns: 100 },
      )
    },
  },

  'gives integers of the declared bits': {
    check(prf) {
      const { field, keyOf, bits, vocabularySize } = prf
      fc.assert(
        fc.property(anySite(prf, vocabularySize), ({ key, context, token, lane }) => {
          const value = field(keyOf(key), context, token, lane)
          expect(Number.isInteger(value) && value >= 0 && value < 2 ** bits).toBe(true)
        }),
        { seed: 2, numRuns: 300 },
      )
    },
  },

  // For each argument: after changing it alone the field number must be the same as often as a fresh draw's would, 2^-bits.
  'depends on every id of the context': {
    appliesTo: ({ contextWidth }) => contextWidth > 0,
    check(prf) {
      for (let j = 0; j < prf.contextWidth; j++)
        dependsOn(prf, (s) => ({
          ...s,
          context: s.context.map((id, i) => (i === j ? (id + 1) % prf.vocabularySize : id)),
        }))
    },
  },

  'depends on the order of the context': {
    appliesTo: ({ contextWidth }) => contextWidth > 1,
    check(prf) {
      for (let j = 1; j < prf.contextWidth; j++)
        dependsOn(prf, (s) => {
          const context = [...s.context]
          context[j - 1] = s.context[j]!
          context[j] = s.context[j - 1]!
          return { ...s, context }
        })
    },
  },

  'depends on the token': {
    check(prf) {
      for (const step of [1, 7, 64])
        dependsOn(prf, (s) => ({ ...s, token: (s.token + step) % prf.vocabularySize }))
    },
  },

  'depends on the key': {
    check(prf) {
      dependsOn(prf, (s) => ({ ...s, key: s.key + 1 }))
    },
  },

  'depends on the lane': {
    appliesTo: ({ lanes }) => lanes > 1,
    check(prf) {
      dependsOn(prf, (s) => ({ ...s, lane: (s.lane + 1) % prf.lanes }))
    },
  },

  // Whoever learns the list of one account must not know another's, also not by moving it along the vocabulary.
  'no lane is another lane, at any shift of the tokens': {
    appliesTo: ({ lanes }) => lanes > 1,
    check({ field, keyOf, contextWidth, bits, lanes, vocabularySize }) {
      const context = Array.from({ length: contextWidth }, (_, j) => (17 * j + 3) % vocabularySize)
      const list = (lane: number): number[] =>
        Array.from({ length: vocabularySize }, (_, token) => field(keyOf(0), context, token, lane))
      const lists = Array.from({ length: Math.min(lanes, 32) }, (_, lane) => list(lane))
      const comparisons = (lists.length - 1) * vocabularySize
      const { lo, hi } = binomialBand(vocabularySize, 2 ** -bits, FALSE_ALARM / comparisons)
      const [first, ...others] = lists
      for (const [l, other] of others.entries()) {
        for (let shift = 0; shift < vocabularySize; shift++) {
          let same = 0
          for (let t = 0; t < vocabularySize; t++)
            if (first![t] === other[(t + shift) % vocabularySize]) same++
          if (same < lo || same > hi)
            expect.fail(
              `lane ${l + 1} shifted by ${shift} agrees with lane 0 in ${same} of ${vocabularySize}`,
            )
        }
      }
    },
  },

  'each bit is balanced': {
    check(prf) {
      const draws = 4000
      const values = distinctValues(prf, draws)
      const { lo, hi } = binomialBand(draws, 0.5, FALSE_ALARM / prf.bits)
      for (let bit = 0; bit < prf.bits; bit++) {
        const ones = values.filter((value) => Math.floor(value / 2 ** bit) % 2 === 1).length
        expect(ones, `bit ${bit}`).toBeGreaterThanOrEqual(lo)
        expect(ones, `bit ${bit}`).toBeLessThanOrEqual(hi)
      }
    },
  },

  'each value of the low eight bits is as frequent as any other': {
    check(prf) {
      const draws = 30_000
      const values = 2 ** Math.min(8, prf.bits)
      const counts = new Array<number>(values).fill(0)
      for (const value of distinctValues(prf, draws)) counts[value % values]!++
      const { lo, hi } = binomialBand(draws, 1 / values, FALSE_ALARM / values)
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(lo)
      expect(Math.max(...counts)).toBeLessThanOrEqual(hi)
    },
  },
}

interface Site {
  readonly key: number
  readonly context: readonly number[]
  readonly token: number
  readonly lane: number
}

// `choices` values of each argument: with few, sites often differ in one argument only, and a memory that forgets one shows.
function anySite({ contextWidth, vocabularySize, lanes }: PrfUnderTest, choices: number): fc.Arbitrary<Site> {
  const spread = (n: number): fc.Arbitrary<number> =>
    fc.nat(Math.min(n, choices) - 1).map((i) => Math.floor((i * n) / Math.min(n, choices)))
  return fc.record({
    key: fc.nat(1),
    context: fc.array(spread(vocabularySize), { minLength: contextWidth, maxLength: contextWidth }),
    token: spread(vocabularySize),
    lane: spread(lanes),
  })
}

const COMPARISONS = 1000

function dependsOn(prf: PrfUnderTest, change: (site: Site) => Site): void {
  const { field, keyOf, bits, contextWidth, vocabularySize, lanes } = prf
  const random = seedrandom('depends on')
  const below = (n: number): number => Math.floor(random() * n)
  const ask = (s: Site): number => field(keyOf(s.key), s.context, s.token, s.lane)
  const used = new Set<string>()
  let same = 0
  for (let compared = 0; compared < COMPARISONS; ) {
    const context = Array.from({ length: contextWidth }, () => below(vocabularySize))
    const site: Site = { key: below(500), context, token: below(vocabularySize), lane: below(lanes) }
    const changed = change(site)
    const names = [site, changed].map((s) => JSON.stringify(s))
    if (names[0] === names[1] || names.some((name) => used.has(name))) continue
    for (const name of names) used.add(name)
    if (ask(site) === ask(changed)) same++
    compared++
  }
  const { lo, hi } = binomialBand(COMPARISONS, 2 ** -bits, FALSE_ALARM)
  expect(same).toBeGreaterThanOrEqual(lo)
  expect(same).toBeLessThanOrEqual(hi)
}

// Field numbers at sites that differ in key or token, all lanes and many contexts.
function distinctValues(
  { field, keyOf, contextWidth, vocabularySize, lanes }: PrfUnderTest,
  draws: number,
): number[] {
  return Array.from({ length: draws }, (_, i) => {
    const key = Math.floor(i / vocabularySize)
    const context = Array.from({ length: contextWidth }, (_, j) => (7 * key + j) % vocabularySize)
    return field(keyOf(key), context, i % vocabularySize, i % lanes)
  })
}
