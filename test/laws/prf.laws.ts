/**
 * What every PRF of a scheme must obey: (key, context, token, lane) -> field number. A scheme's test calls `prfLaws` with its
 * field function; broken versions are called with it in laws.test.ts and must fail.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import type { FieldFunction } from '../../src/prf/fields.ts'
import { binomialBand } from '../support/tolerance.ts'

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

/** Chance that a sound PRF fails one statistical law. */
const FALSE_ALARM = 1e-6

export const prfLaws: Record<string, (prf: PrfUnderTest) => void> = {
  'is a function: the order of calls does not matter'(prf) {
    const { field, keyOf } = prf
    fc.assert(
      fc.property(fc.array(site(prf), { minLength: 2, maxLength: 12 }), (sites) => {
        const ask = (s: Site): number => field(keyOf(s.key), s.context, s.token, s.lane)
        const forward = sites.map(ask)
        const backward = [...sites].reverse().map(ask).reverse()
        expect(backward).toEqual(forward)
      }),
      { seed: 1, numRuns: 100 },
    )
  },

  'gives integers of the declared bits'(prf) {
    const { field, keyOf, bits } = prf
    fc.assert(
      fc.property(site(prf), ({ key, context, token, lane }) => {
        const value = field(keyOf(key), context, token, lane)
        expect(Number.isInteger(value) && value >= 0 && value < 2 ** bits).toBe(true)
      }),
      { seed: 2, numRuns: 300 },
    )
  },

  // For each argument: changing it alone must change the field number as often as a fresh draw would, 1 - 2^-bits.
  'depends on every id of the context'(prf) {
    for (let j = 0; j < prf.contextWidth; j++)
      dependsOn(prf, (s) => ({
        ...s,
        context: s.context.map((id, i) => (i === j ? (id + 1) % prf.vocabularySize : id)),
      }))
  },

  'depends on the order of the context'(prf) {
    if (prf.contextWidth < 2) return
    dependsOn(
      prf,
      (s) => ({ ...s, context: [...s.context].reverse() }),
      (s) => s.context[0] !== s.context.at(-1),
    )
  },

  'depends on the token'(prf) {
    dependsOn(prf, (s) => ({ ...s, token: (s.token + 1) % prf.vocabularySize }))
  },

  'depends on the key'(prf) {
    dependsOn(prf, (s) => ({ ...s, key: s.key + 1000 }))
  },

  'depends on the lane'(prf) {
    if (prf.lanes === 1) return
    dependsOn(prf, (s) => ({ ...s, lane: (s.lane + 1) % prf.lanes }))
  },

  'each bit is balanced'({ field, keyOf, bits, contextWidth, vocabularySize }) {
    const draws = 4000
    for (let bit = 0; bit < bits; bit++) {
      let ones = 0
      for (let i = 0; i < draws; i++) {
        const context = Array.from({ length: contextWidth }, (_, j) => (i * 7 + j) % vocabularySize)
        ones += Math.floor(field(keyOf(i % 50), context, i % vocabularySize, 0) / 2 ** bit) % 2
      }
      const { lo, hi } = binomialBand(draws, 0.5, FALSE_ALARM / bits)
      expect(ones, `bit ${bit}`).toBeGreaterThanOrEqual(lo)
      expect(ones, `bit ${bit}`).toBeLessThanOrEqual(hi)
    }
  },
}

interface Site {
  readonly key: number
  readonly context: readonly number[]
  readonly token: number
  readonly lane: number
}

function site({ contextWidth, vocabularySize, lanes }: PrfUnderTest): fc.Arbitrary<Site> {
  return fc.record({
    key: fc.integer({ min: 0, max: 20 }),
    context: fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), {
      minLength: contextWidth,
      maxLength: contextWidth,
    }),
    token: fc.integer({ min: 0, max: vocabularySize - 1 }),
    lane: fc.integer({ min: 0, max: lanes - 1 }),
  })
}

function dependsOn(
  prf: PrfUnderTest,
  change: (site: Site) => Site,
  counts: (site: Site) => boolean = () => true,
): void {
  const { field, keyOf, bits } = prf
  const sites = fc.sample(site(prf), { seed: 3, numRuns: 2000 }).filter(counts)
  const ask = (s: Site): number => field(keyOf(s.key), s.context, s.token, s.lane)
  const same = sites.filter((s) => ask(s) === ask(change(s))).length
  const { lo, hi } = binomialBand(sites.length, 2 ** -bits, FALSE_ALARM)
  expect(same).toBeGreaterThanOrEqual(lo)
  expect(same).toBeLessThanOrEqual(hi)
}
