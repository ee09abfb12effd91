/** Laws of scores that other engines' marks need: two weighted exponential scores, few levels, and how far the engines' own p-values are from them. */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { lnEValue } from '../../src/stats/e-value.ts'
import { lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { lnHypoexponentialUpperTail } from '../../src/stats/hypoexponential.ts'
import { meanInterval } from '../../src/stats/interval.ts'
import { assertNullLaw, EXPONENTIAL_STEP, isOfBits, type NullLaw } from '../../src/stats/law.ts'
import { assertScoreSum, lnUpperTail, nullMean, nullVariance } from '../../src/stats/tail.ts'
import { lnWeightedEValue, lnWeightedTailBound, weightedVariance } from '../../src/stats/weighted.ts'
import { binomialBand } from '../support/tolerance.ts'

const dual: NullLaw = { kind: 'hypoexponential', alpha: 0.1 }
const floor = (x: number): number => Math.floor(x / EXPONENTIAL_STEP) * EXPONENTIAL_STEP

/** Draws a score as an engine's scheme makes it, of `levels` equal cells. */
function scoreOf(law: NullLaw, random: () => number): number {
  if (isOfBits(law)) throw new Error('no bits here')
  const { levels = 2 ** 32 } = law
  const part = (): number => -Math.log(1 - Math.floor(random() * levels) / levels)
  return law.kind === 'exponential' ? floor(part()) : floor((1 - law.alpha) * part() + law.alpha * part())
}

describe('two weighted exponential scores', () => {
  test('mean, variance, tail and what n scores can give', () => {
    assertNullLaw(dual)
    expect([nullMean(dual), nullVariance(dual)]).toEqual([1, 0.9 ** 2 + 0.1 ** 2])
    expect(lnUpperTail(dual, { sum: 44.25, n: 20 })).toBe(
      lnHypoexponentialUpperTail(44.25, { n: 20, alpha: 0.1 }),
    )
    expect(lnUpperTail(dual, { sum: 0, n: 0 })).toBe(0)
    expect(() => assertScoreSum(dual, { sum: 33, n: 1 })).toThrow(RangeError)
  })

  test.each([0, 0.1, 0.25, 0.5, 1])(
    'alpha %d: with 20,000 sums of 16, tails and e-values are as often low as they may be',
    (alpha) => {
      const law: NullLaw = { kind: 'hypoexponential', alpha }
      const random = seedrandom(`dual ${alpha}`)
      const [rejected, enriched] = [{ count: 0 }, { count: 0 }]
      for (let i = 0; i < 20_000; i++) {
        let sum = 0
        for (let j = 0; j < 16; j++) sum += scoreOf(law, random)
        if (lnUpperTail(law, { sum, n: 16 }) <= Math.log(0.01)) rejected.count++
        if (lnEValue(law, { sum, n: 16 }) >= Math.log(100)) enriched.count++
      }
      const { lo, hi } = binomialBand(20_000, 0.01, 1e-6)
      expect(rejected.count).toBeGreaterThanOrEqual(lo)
      expect(rejected.count).toBeLessThanOrEqual(hi)
      expect(enriched.count).toBeLessThanOrEqual(hi)
    },
  )

  test('the interval of the mean covers it 95 times in 100', () => {
    const random = seedrandom('interval')
    let covered = 0
    for (let i = 0; i < 300; i++) {
      let sum = 0
      for (let j = 0; j < 10; j++) sum += scoreOf(dual, random)
      const { lower, upper } = meanInterval(dual, { sum, n: 10 })
      if (lower <= 1 && upper >= 1) covered++
    }
    const { lo, hi } = binomialBand(300, 0.95, 1e-6)
    expect(covered).toBeGreaterThanOrEqual(lo)
    expect(covered).toBeLessThanOrEqual(hi)
  })

  test('weights 0 and 1 are one exponential score', () => {
    for (const alpha of [0, 1]) {
      const law: NullLaw = { kind: 'hypoexponential', alpha }
      expect(lnUpperTail(law, { sum: 40, n: 10 })).toBeCloseTo(
        lnUpperTail({ kind: 'exponential' }, { sum: 40, n: 10 }),
        10,
      )
      const weights = { coefficients: Float64Array.of(1, 2, -0.5), excess: 9 }
      expect(lnWeightedTailBound(law, weights)).toBeCloseTo(
        lnWeightedTailBound({ kind: 'exponential' }, weights),
        4,
      )
    }
  })
})

describe("engines' own p-values", () => {
  // A gamma law with the same mean and variance, as vLLM and TextSeal state.
  const claimed = (sum: number, n: number, alpha: number): number => {
    const v = (1 - alpha) ** 2 + alpha ** 2
    return lnGammaUpperTail(sum / v, { shape: n / v })
  }

  // docs/engines.md has this table.
  test.each([
    [0.1, 20, [1.03, 1.16, 1.44, 1.93]],
    [0.1, 200, [1.02, 1.08, 1.27, 1.64]],
    [0.1, 1000, [1.01, 1.04, 1.15, 1.36]],
    [0.2, 20, [1.06, 1.24, 1.75, 2.81]],
  ])('alpha %d, n = %d: too small by these factors at 2.33, 4, 6 and 8 deviations', (alpha, n, factors) => {
    const deviation = Math.sqrt(n * ((1 - alpha) ** 2 + alpha ** 2))
    const found = [2.33, 4, 6, 8].map((z) => {
      const sum = n + z * deviation
      return Math.exp(lnHypoexponentialUpperTail(sum, { n, alpha }) - claimed(sum, n, alpha))
    })
    for (const [i, factor] of factors.entries())
      expect(Math.abs(found[i]! - factor), `${found}`).toBeLessThan(0.02)
  })

  test("Hugging Face's p-value at z = 1.17 is 0.209 where the binomial says 0.149", () => {
    const z = 1.171700198827415
    expect(1 - 0.5 * (1 + (1 - Math.exp((-2 * z * z) / Math.PI)))).toBeCloseTo(0.2086, 4)
    expect(Math.exp(lnUpperTail({ kind: 'bernoulli', p: 0.5 }, { sum: 34, n: 59 }))).toBeCloseTo(0.1488, 3)
  })
})

describe('scores of few levels', () => {
  test.each<[string, NullLaw]>([
    ['8 levels', { kind: 'exponential', levels: 8 }],
    ['8,191 levels', { kind: 'exponential', levels: 8191 }],
    ['two keys, 8 levels', { kind: 'hypoexponential', alpha: 0.3, levels: 8 }],
  ])('%s: the bound and the e-value of weights of both signs hold', (_, law) => {
    const random = seedrandom(`levels ${JSON.stringify(law)}`)
    const coefficients = Float64Array.of(1, -1, -1, -1, 0.5, -2)
    const deviation = Math.sqrt(weightedVariance(law, coefficients))
    const draws = Array.from({ length: 20_000 }, () =>
      coefficients.reduce((sum, a) => sum + a * (scoreOf(law, random) - 1), 0),
    )
    for (const z of [1, 1.5, 2, 2.5]) {
      const excess = z * deviation
      const bound = Math.exp(lnWeightedTailBound(law, { coefficients, excess }))
      const { hi } = binomialBand(draws.length, Math.min(0.999, bound), 1e-6)
      expect(draws.filter((draw) => draw >= excess).length).toBeLessThanOrEqual(hi)
    }
    const rich = draws.filter(
      (excess) => lnWeightedEValue(law, { coefficients, excess }) >= Math.log(20),
    ).length
    expect(rich).toBeLessThanOrEqual(binomialBand(draws.length, 0.05, 1e-6).hi)
  })

  test('with levels left out, the bound is broken: all of four scores at the lowest of two levels', () => {
    const coefficients = new Float64Array(4).fill(-1)
    const exact = 4 * Math.log(1 / 2)
    const all = { coefficients, excess: 4 }
    expect(lnWeightedTailBound({ kind: 'exponential', levels: 2 }, all)).toBeGreaterThanOrEqual(exact)
    expect(lnWeightedTailBound({ kind: 'exponential' }, all)).toBeLessThan(exact)
  })
})

test.each([
  [{ kind: 'exponential', levels: 1 }, 'law.levels'],
  [{ kind: 'exponential', levels: 2.5 }, 'law.levels'],
  [{ kind: 'hypoexponential', alpha: -0.1 }, 'law.alpha'],
  [{ kind: 'hypoexponential' }, 'law.alpha'],
])('refuses %o', (law, name) => {
  expect(() => assertNullLaw(law)).toThrow(`"${name}" expected`)
})
