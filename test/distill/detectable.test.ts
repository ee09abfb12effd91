/**
 * The power that a test had. With equal coefficients the effect that is named is found as often as it says, by the exact law; with
 * unequal ones it is an estimate, and fresh keys say how good.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { detectableContrast, detectableCount } from '../../src/distill/detectable.ts'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnGammaUpperTail } from '../../src/stats/gamma.ts'
import type { NullLaw } from '../../src/stats/law.ts'
import { criticalCount, power } from '../../src/stats/power.ts'
import { lnWeightedTailBound, weightedVariance } from '../../src/stats/weighted.ts'
import { binomialBand } from '../support/tolerance.ts'

const quarter: NullLaw = { kind: 'bernoulli', p: 0.25 }
const lnAlpha = Math.log(1e-6)

describe('count', () => {
  test.each([64, 371, 5000])('%d bits: the rate that is named has the power that is named', (n) => {
    const { effect, z } = detectableCount(quarter, { n, lnAlpha, power: 0.8 })!
    const rate = 0.25 + effect * Math.sqrt(0.25 * 0.75)
    expect(power({ n, gamma: 0.25, rate, alpha: 1e-6 })).toBeCloseTo(0.8, 9)
    expect(z).toBeCloseTo(effect * Math.sqrt(n), 12)
  })

  test('tournament: ones among n times the rounds', () => {
    const law: NullLaw = { kind: 'binomial', trials: 30, p: 0.5 }
    const { effect } = detectableCount(law, { n: 100, lnAlpha, power: 0.9 })!
    // Standard deviation of one score: sqrt(30) / 2.
    const rate = 0.5 + (effect * Math.sqrt(30)) / 2 / 30
    const critical = criticalCount({ n: 3000, gamma: 0.5, alpha: 1e-6 })
    expect(Math.exp(lnBinomialUpperTail(critical, { n: 3000, p: rate }))).toBeCloseTo(0.9, 9)
  })

  test('gumbel: exponential scores with a larger mean', () => {
    const { effect } = detectableCount({ kind: 'exponential' }, { n: 200, lnAlpha, power: 0.8 })!
    let [low, high] = [200, 600]
    for (let i = 0; i < 80; i++) {
      const middle = (low + high) / 2
      if (lnGammaUpperTail(middle, { shape: 200 }) <= lnAlpha) high = middle
      else low = middle
    }
    expect(Math.exp(lnGammaUpperTail(high / (1 + effect), { shape: 200 }))).toBeCloseTo(0.8, 9)
  })

  test('where even the highest scores would not be enough there is no such effect', () => {
    expect(detectableCount(quarter, { n: 9, lnAlpha, power: 0.8 })).toBeUndefined()
    expect(detectableCount(quarter, { n: 10, lnAlpha, power: 0.8 })).toBeDefined()
    expect(detectableCount(quarter, { n: 0, lnAlpha, power: 0.8 })).toBeUndefined()
  })

  test('more pairs, a weaker effect; a smaller level, a stronger one', () => {
    const effects = [100, 400, 1600].map((n) => detectableCount(quarter, { n, lnAlpha, power: 0.8 })!.effect)
    expect(effects).toEqual([...effects].sort((a, b) => b - a))
    const strict = detectableCount(quarter, { n: 400, lnAlpha: 2 * lnAlpha, power: 0.8 })!
    expect(strict.effect).toBeGreaterThan(effects[1]!)
  })
})

describe('contrast', () => {
  const random = seedrandom('coefficients')
  const coefficients = Float64Array.from({ length: 2000 }, () => random() ** 3 - 0.2)

  test.each<NullLaw>([quarter, { kind: 'binomial', trials: 30, p: 0.5 }, { kind: 'exponential' }])(
    '$kind: at z less the quantile of the power the bound is at its level',
    (law) => {
      const { z } = detectableContrast(law, { coefficients, positions: 500, lnAlpha, power: 0.5 })!
      const excess = z * Math.sqrt(weightedVariance(law, coefficients))
      const lnP = lnWeightedTailBound(law, { coefficients, excess })
      // The search stops within 1 part in 1,000 of the nats.
      expect(Math.abs(lnP / lnAlpha - 1)).toBeLessThan(2e-3)
      // A half is found at the threshold itself, 80 % 0.8416 standard deviations further.
      const more = detectableContrast(law, { coefficients, positions: 500, lnAlpha, power: 0.8 })!
      expect(more.z - z).toBeCloseTo(0.8416, 4)
      expect(more).toMatchObject({ power: 0.8, per: 'position', n: 500, law: 'estimate' })
      expect(more.effect).toBeCloseTo(more.z / Math.sqrt(500), 12)
    },
  )

  test('a shift of that size is found about as often as said', () => {
    const { z } = detectableContrast(quarter, { coefficients, positions: 500, lnAlpha, power: 0.8 })!
    const deviation = Math.sqrt(weightedVariance(quarter, coefficients))
    const draws = 2000
    let found = 0
    for (let i = 0; i < draws; i++) {
      const excess = coefficients.reduce(
        (sum, a) => sum + a * ((random() < 0.25 ? 1 : 0) - 0.25),
        z * deviation,
      )
      if (lnWeightedTailBound(quarter, { coefficients, excess }) <= lnAlpha) found++
    }
    // The estimate is a normal law for 2,000 unequal coefficients: within two hundredths, beside what 2,000 draws leave open.
    const { lo, hi } = binomialBand(draws, 0.8, 1e-6)
    expect(found).toBeGreaterThan(lo - 0.02 * draws)
    expect(found).toBeLessThan(hi + 0.02 * draws)
  })

  test('nothing to score, or too little: no such effect', () => {
    for (const few of [[], [0], [1, 1, 1], [-1, -2]])
      expect(
        detectableContrast(quarter, {
          coefficients: Float64Array.from(few),
          positions: 3,
          lnAlpha,
          power: 0.8,
        }),
      ).toBeUndefined()
  })
})
