/**
 * The e-value: its mean under the null is 1 at every n, by adding up every outcome, and it is a martingale, so that it may be
 * looked at after every pair. Low rates never make it grow. Broken versions must fail.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lnBinomialPmf } from '../../src/stats/binomial.ts'
import { lnEValue, lnTiltMixture } from '../../src/stats/e-value.ts'
import type { BernoulliLaw, NullLaw } from '../../src/stats/law.ts'
import { lnMeanExp } from '../../src/stats/ln-mean-exp.ts'
import { lnUpperTail, type ScoreSum } from '../../src/stats/tail.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

type LnE = (law: BernoulliLaw, evidence: ScoreSum) => number

const bernoulli = (p: number): BernoulliLaw => ({ kind: 'bernoulli', p })
const RATES = [1 / 256, 0.05, 1 / 4, 1 / 2, 0.9, 255 / 256]

/** E[exp(lnE)] of n null scores. */
function meanE(lnE: LnE, { n, p }: { n: number; p: number }): number {
  let total = 0
  for (let sum = 0; sum <= n; sum++)
    total += Math.exp(lnBinomialPmf(sum, { n, p }) + lnE(bernoulli(p), { sum, n }))
  return total
}

/** Largest ln e among sums that are at or below their null mean. */
function largestOnLowRates(lnE: LnE, { n, p }: { n: number; p: number }): number {
  const sums = Array.from({ length: Math.floor(n * p) + 1 }, (_, sum) => sum)
  return Math.max(...sums.map((sum) => lnE(bernoulli(p), { sum, n })))
}

/** ln of (a, b) beta function over the null likelihood, without the cut at the null rate. */
function lnUncutWeight({ a, b, p }: { a: number; b: number; p: number }): number {
  return -Math.log(a + b - 1) - lnBinomialPmf(a - 1, { n: a + b - 2, p })
}

/** The textbook's beta mixture: also grows where the rate is too low. */
const uncut: LnE = ({ p }, { sum, n }) =>
  lnMeanExp(
    [10, 1000].map((pairs) => {
      const a = Math.max(1, Math.round(pairs * p))
      const b = Math.max(1, pairs - a)
      return lnUncutWeight({ a: a + sum, b: b + n - sum, p }) - lnUncutWeight({ a, b, p })
    }),
  )

/** The likelihood ratio of the rate that fits best: picked after looking. */
const bestFit: LnE = ({ p }, { sum, n }) => {
  const rate = Math.max(p, sum / n)
  return lnBinomialPmf(sum, { n, p: rate }) - lnBinomialPmf(sum, { n, p })
}

describe('is an e-value', () => {
  test.each(RATES)('mean 1 over all outcomes of n scores, rate %d', (p) => {
    for (const n of [0, 1, 2, 3, 10, 64, 371, 2000]) {
      const mean = meanE(lnEValue, { n, p })
      expect(mean, `n = ${n}`).toBeLessThanOrEqual(1 + 1e-9)
      expect(mean, `n = ${n}`).toBeGreaterThanOrEqual(1 - 1e-9)
    }
  })

  test('positive control: the best fit picked afterwards has a mean above 1', () => {
    for (const p of [0.05, 1 / 4, 1 / 2]) expect(meanE(bestFit, { n: 64, p })).toBeGreaterThan(1.2)
  })

  const scores = fc.record({ n: fc.nat(100_000), p: fc.constantFrom(...RATES) }).chain(({ n, p }) =>
    fc.record({
      n: fc.constant(n),
      p: fc.constant(p),
      sum: fc.oneof(
        fc.integer({ min: 0, max: n }),
        fc.double({ min: -10, max: 10, noNaN: true }).map((z) => {
          return Math.min(n, Math.max(0, Math.round(n * p + z * Math.sqrt(n * p * (1 - p)))))
        }),
      ),
    }),
  )

  test('what it is now is its mean after one score more: a martingale', () => {
    fc.assert(
      fc.property(scores, ({ n, p, sum }) => {
        const law = bernoulli(p)
        const now = lnEValue(law, { sum, n })
        const [up, down] = [
          Math.log(p) + lnEValue(law, { sum: sum + 1, n: n + 1 }),
          Math.log1p(-p) + lnEValue(law, { sum, n: n + 1 }),
        ] as const
        const next = Math.max(up, down) + Math.log1p(Math.exp(-Math.abs(up - down)))
        // Two binomial logarithms make an e-value, each right to 1e-13.
        const size = Math.max(1, -lnBinomialPmf(sum, { n, p }))
        expect(Math.abs(now - next)).toBeLessThanOrEqual(1e-12 * size)
      }),
      { seed: 1, numRuns: 1000 },
    )
  })

  test('grows with the sum; is a finite number', () => {
    fc.assert(
      fc.property(scores, ({ n, p, sum }) => {
        fc.pre(sum < n)
        const law = bernoulli(p)
        const [here, next] = [lnEValue(law, { sum, n }), lnEValue(law, { sum: sum + 1, n })]
        expect(Number.isFinite(here)).toBe(true)
        expect(next).toBeGreaterThan(here - 1e-11 * Math.abs(here))
      }),
      { seed: 2, numRuns: 1000 },
    )
  })

  // An e-value of 1/alpha is rarer than alpha (Markov), so it can never say more than the best possible test by much.
  test('never says more than the likelihood ratio of the best rate', () => {
    fc.assert(
      fc.property(scores, ({ n, p, sum }) => {
        fc.pre(n > 0)
        const law = bernoulli(p)
        const best = sum / n > p ? bestFit(law, { sum, n }) : 0
        expect(lnEValue(law, { sum, n })).toBeLessThanOrEqual(best + 1e-9)
      }),
      { seed: 3, numRuns: 1000 },
    )
  })
})

describe('low rates', () => {
  test.each(RATES)('never make it grow: at or below the null rate %d it is at most 1', (p) => {
    for (const n of [1, 10, 371, 5000])
      expect(largestOnLowRates(lnEValue, { n, p })).toBeLessThanOrEqual(1e-9)
  })

  test('positive control: a mixture that is not cut at the null rate grows on them', () => {
    expect(meanE(uncut, { n: 371, p: 1 / 4 })).toBeLessThanOrEqual(1 + 1e-9)
    // Not one green in 371: an accusation of 10^31 against text that has less of the mark than chance.
    expect(largestOnLowRates(uncut, { n: 371, p: 1 / 4 })).toBeGreaterThan(Math.log(1e31))
  })
})

// Ratios of incomplete beta functions, mixed over both priors, by mpmath 1.3 (betainc, 40 digits).
describe('is the mixture that it says it is', () => {
  test.each([
    { sum: 148, n: 371, p: 1 / 4, lnE: 17.49494170261127 },
    { sum: 40, n: 100, p: 1 / 4, lnE: 3.772030675190472 },
    { sum: 10, n: 40, p: 1 / 2, lnE: -0.984361271503649 },
  ])('$sum of $n at $p', ({ sum, n, p, lnE }) => {
    expect(Math.abs(lnEValue(bernoulli(p), { sum, n }) - lnE)).toBeLessThan(1e-12 * Math.abs(lnE))
  })
})

describe('power', () => {
  test('nothing seen says nothing', () => {
    expect(lnEValue(bernoulli(1 / 4), { sum: 0, n: 0 })).toBe(0)
  })

  // What it costs to be allowed to look at any time: a few decades, not most of them.
  test.each([
    { sum: 148, n: 371 },
    { sum: 19_616, n: 75_795 },
  ])('$sum of $n at 1/4 costs less than 3 decades on the p-value', ({ sum, n }) => {
    const law = bernoulli(1 / 4)
    const lost = lnEValue(law, { sum, n }) + lnUpperTail(law, { sum, n })
    expect(lost / Math.LN10).toBeGreaterThan(-3)
    expect(lost).toBeLessThan(0)
  })
})

describe('of numbers of ones', () => {
  test('is that of the ones, one by one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.nat(500),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (...at) => {
          const [trials, n, part] = at
          const sum = Math.round(part * n * trials)
          const law: NullLaw = { kind: 'binomial', trials, p: 0.5 }
          expect(lnEValue(law, { sum, n })).toBe(lnEValue(bernoulli(0.5), { sum, n: n * trials }))
        },
      ),
      { seed: 4, numRuns: 200 },
    )
  })
})

describe('of exponential scores', () => {
  const law: NullLaw = { kind: 'exponential' }
  type LnESum = (evidence: ScoreSum) => number
  // Before rounding, scores have no end; what n scores can give is checked before.
  const ours: LnESum = (evidence) => lnTiltMixture(evidence)
  /** The likelihood ratio of the mean that fits best: picked after looking. */
  const bestFit: LnESum = ({ sum, n }) => (sum > n ? sum - n - n * Math.log(sum / n) : 0)

  /** Integral from 0 on of exp(ln f), by Simpson's rule; ln f falls by at least a quarter a unit beyond `most`. */
  function integral(lnF: (x: number) => number, most: number): number {
    const [parts, end] = [200_000, most + 160]
    const h = end / parts
    let total = 0
    for (let i = 0; i <= parts; i++)
      total += (i === 0 || i === parts ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(lnF(i * h))
    return (total * h) / 3
  }

  /** E[e] where the sum of n scores is Gamma(n, 1); the density's factorial as a sum of logarithms. */
  function meanE(lnE: LnESum, n: number): number {
    let lnFactorial = 0
    for (let k = 2; k < n; k++) lnFactorial += Math.log(k)
    const lnDensity = (x: number): number => (n === 1 ? 0 : (n - 1) * Math.log(x)) - x - lnFactorial
    return integral((x) => lnDensity(x) + lnE({ sum: x, n }), 8 * n)
  }

  // Rounded scores have less: the e-value grows with the sum, and rounding down makes sums smaller.
  test.each([1, 2, 10, 64, 371])('mean 1 over all sums of %i scores', (n) => {
    expect(Math.abs(meanE(ours, n) - 1)).toBeLessThan(1e-9)
  })

  test('positive control: the best fit picked afterwards has a mean above 1', () => {
    for (const n of [1, 10, 64]) expect(meanE(bestFit, n)).toBeGreaterThan(1.5)
  })

  const sums = fc.record({
    n: fc.integer({ min: 1, max: 10_000 }),
    ratio: fc.double({ min: 0, max: 6, noNaN: true }),
  })

  test('what it is now is its mean after one score more: a martingale', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 200 }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        (n, ratio) => {
          const sum = n * ratio
          const now = ours({ sum, n })
          const next = integral((x) => -x + ours({ sum: sum + x, n: n + 1 }) - now, 0)
          expect(Math.abs(next - 1)).toBeLessThan(1e-9)
        },
      ),
      { seed: 5, numRuns: 15 },
    )
  })

  test('grows with the sum; is finite; at or below the null mean it is at most 1', () => {
    fc.assert(
      fc.property(sums, ({ n, ratio }) => {
        const here = lnEValue(law, { sum: n * ratio, n })
        expect(here).toBe(ours({ sum: n * ratio, n }))
        expect(Number.isFinite(here)).toBe(true)
        expect(ours({ sum: n * ratio + 2 ** -20, n })).toBeGreaterThanOrEqual(here)
        if (ratio <= 1) expect(here).toBeLessThanOrEqual(0)
        expect(here).toBeLessThanOrEqual(bestFit({ sum: n * ratio, n }) + 1e-9)
      }),
      { seed: 6, numRuns: 1000 },
    )
    expect(Number.isFinite(ours({ sum: 1e300, n: 1 }))).toBe(true)
    expect(ours({ sum: 0, n: 0 })).toBe(0)
  })

  // A tilt within a factor of 2 of the best one, and an eighth of the mixture: ln 8 and a part of what there is.
  test.each([1.02, 1.1, 1.5, 2.5, 4])(
    'mean %d: at least half of what the best fit says, less ln 8',
    (mean) => {
      for (const n of [64, 1000, 100_000])
        expect(ours({ sum: n * mean, n })).toBeGreaterThan(0.5 * bestFit({ sum: n * mean, n }) - Math.log(8))
    },
  )

  test.each([
    { sum: 1, n: 0 },
    { sum: -1, n: 10 },
    { sum: Number.NaN, n: 10 },
    { sum: Infinity, n: 10 },
    { sum: 10 * 32 * Math.LN2, n: 10 },
  ])('refuses a sum that cannot be: $sum of $n', (evidence) => {
    expectRefusal(() => lnEValue(law, evidence), 'evidence.sum')
  })
})

describe('refuses', () => {
  const law = bernoulli(1 / 4)
  test.each(wrongValues({ except: ['record', 'object'] }))('law: %s', (_, wrong) => {
    expectRefusal(() => lnEValue(wrong as NullLaw, { sum: 0, n: 0 }), 'law')
  })
  test.each([0, 1, -1, Number.NaN])('a law with p = %d', (p) => {
    expectRefusal(() => lnEValue(bernoulli(p), { sum: 1, n: 1 }), 'law.p')
  })
  test('a law that is not known', () => {
    expectRefusal(() => lnEValue({ kind: 'cauchy', p: 0.5 } as never, { sum: 1, n: 1 }), 'law.kind')
  })
  test.each(wrongValues({ except: ['record', 'object'] }))('evidence: %s', (_, wrong) => {
    expectRefusal(() => lnEValue(law, wrong as ScoreSum), 'evidence')
  })
  test.each(wrongValues({ except: ['integer'] }))('n: %s', (_, n) => {
    expectRefusal(() => lnEValue(law, { sum: 0, n: n as number }), 'evidence.n')
  })
  test.each(wrongValues({ except: ['integer'] }))('sum: %s', (_, sum) => {
    expectRefusal(() => lnEValue(law, { sum: sum as number, n: 1 }), 'evidence.sum')
  })
  // Impossible sums would be the strongest evidence of all.
  test.each([
    { sum: 7, n: 0 },
    { sum: 11, n: 10 },
    { sum: -1, n: 10 },
  ])('a sum that cannot be: $sum of $n', (evidence) => {
    expectRefusal(() => lnEValue(law, evidence), 'evidence.sum')
  })
})
