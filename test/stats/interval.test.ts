/**
 * Exact intervals: coverage by adding up every outcome, at the rates where it is lowest (just beside an end), and ends against
 * closed forms. A popular approximation must fail the same check.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lnBinomialLowerTail, lnBinomialPmf, lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnGammaLowerTail, lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { meanInterval, rateInterval } from '../../src/stats/interval.ts'
import { EXPONENTIAL_STEP, type NullLaw } from '../../src/stats/law.ts'
import type { ScoreSum } from '../../src/stats/tail.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

type Interval = { readonly lower: number; readonly upper: number }

/** Lowest chance, over a grid of rates and just beside every end, that the interval covers the rate. */
function lowestCoverage(n: number, intervalOf: (ones: number) => Interval): number {
  const intervals = Array.from({ length: n + 1 }, (_, ones) => intervalOf(ones))
  const ends = intervals.flatMap(({ lower, upper }) => [lower, upper])
  const rates = [
    ...Array.from({ length: 199 }, (_, i) => (i + 1) / 200),
    ...ends.flatMap((end) => [end * (1 - 1e-9), end * (1 + 1e-9)]),
  ].filter((p) => p > 0 && p < 1)
  const coverage = (p: number): number =>
    intervals.reduce(
      (total, { lower, upper }, ones) =>
        lower <= p && p <= upper ? total + Math.exp(lnBinomialPmf(ones, { n, p })) : total,
      0,
    )
  return Math.min(...rates.map(coverage))
}

describe('coverage, by enumeration', () => {
  test.each([0.5, 0.95, 0.999])('confidence %d holds for every rate and every n up to 40', (confidence) => {
    for (const n of [1, 2, 3, 4, 5, 7, 10, 14, 20, 29, 40]) {
      const lowest = lowestCoverage(n, (ones) => rateInterval(ones, { n, confidence }))
      // 41 probabilities, each right to about 1e-13, and the step of 1e-9 beside an end.
      expect(lowest, `n = ${n}`).toBeGreaterThanOrEqual(confidence - 1e-8)
    }
  })

  test('positive control: mean +- 1.96 standard errors does not cover', () => {
    const wald =
      (n: number) =>
      (ones: number): Interval => {
        const mean = ones / n
        const reach = 1.96 * Math.sqrt((mean * (1 - mean)) / n)
        return { lower: mean - reach, upper: mean + reach }
      }
    for (const n of [5, 20, 40]) expect(lowestCoverage(n, wald(n))).toBeLessThan(0.5)
  })
})

/** Counts out of n up to 1e9, ends and the middle included. */
const counts = fc
  .oneof(
    fc.nat(100),
    fc.double({ min: 0, max: 9, noNaN: true }).map((digits) => Math.round(10 ** digits)),
  )
  .chain((n) =>
    fc.record({
      n: fc.constant(n),
      ones: fc.oneof(fc.integer({ min: 0, max: n }), fc.constantFrom(0, n, Math.floor(n / 4))),
    }),
  )

describe('ends', () => {
  test('bracket the observed rate and lie within [0, 1]', () => {
    fc.assert(
      fc.property(counts, ({ n, ones }) => {
        const { lower, upper, confidence } = rateInterval(ones, { n })
        expect(confidence).toBe(0.95)
        expect(lower).toBeGreaterThanOrEqual(0)
        expect(upper).toBeLessThanOrEqual(1)
        if (n > 0) {
          expect(lower).toBeLessThanOrEqual(ones / n)
          expect(upper).toBeGreaterThanOrEqual(ones / n)
        }
        expect(upper).toBeGreaterThan(lower)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('are where a tail is half of what is left: at the end it is ruled out, just inside it is not', () => {
    fc.assert(
      fc.property(counts, fc.constantFrom(0.5, 0.95, 1 - 1e-9), ({ n, ones }, confidence) => {
        fc.pre(n > 0)
        const { lower, upper } = rateInterval(ones, { n, confidence })
        const limit = Math.log((1 - confidence) / 2)
        if (ones > 0) {
          expect(lnBinomialUpperTail(ones, { n, p: lower })).toBeLessThanOrEqual(limit)
          expect(lnBinomialUpperTail(ones, { n, p: lower * (1 + 1e-11) })).toBeGreaterThan(
            limit * (1 + 1e-12),
          )
        }
        if (ones < n) {
          expect(lnBinomialLowerTail(ones, { n, p: upper })).toBeLessThanOrEqual(limit)
          expect(lnBinomialLowerTail(ones, { n, p: upper * (1 - 1e-11) })).toBeGreaterThan(
            limit * (1 + 1e-12),
          )
        }
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  test('move up with the ones and apart with the confidence', () => {
    fc.assert(
      fc.property(counts, ({ n, ones }) => {
        fc.pre(ones < n)
        const [here, next] = [rateInterval(ones, { n }), rateInterval(ones + 1, { n })]
        expect(next.lower).toBeGreaterThan(here.lower)
        expect(next.upper).toBeGreaterThan(here.upper)
        const wider = rateInterval(ones, { n, confidence: 0.99 })
        expect(wider.lower).toBeLessThanOrEqual(here.lower)
        expect(wider.upper).toBeGreaterThan(here.upper)
      }),
      { seed: 3, numRuns: 100 },
    )
  })

  test.each([1, 10, 371, 1e6, 1e9])('no ones and only ones of %d, by the closed form', (n) => {
    const rest = Math.exp(Math.log(0.025) / n)
    const none = rateInterval(0, { n })
    expect(none.lower).toBe(0)
    expect(Math.abs(none.upper / -Math.expm1(Math.log(0.025) / n) - 1)).toBeLessThan(1e-12)
    const all = rateInterval(n, { n })
    expect(all.upper).toBe(1)
    expect(Math.abs(all.lower / rest - 1)).toBeLessThan(1e-12)
  })

  test('nothing seen rules nothing out', () => {
    expect(rateInterval(0, { n: 0 })).toEqual({ lower: 0, upper: 1, confidence: 0.95 })
  })

  test('0 of 10: up to 0.3085', () => {
    const { lower, upper } = rateInterval(0, { n: 10 })
    expect([lower, upper.toFixed(4)]).toEqual([0, '0.3085'])
  })
})

describe('of means', () => {
  const exponential: NullLaw = { kind: 'exponential' }

  test('of Bernoulli scores is the interval of rates, of numbers of ones that of the bits times their number', () => {
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 30 }), ({ n, ones }, trials) => {
        expect(meanInterval({ kind: 'bernoulli', p: 0.25 }, { sum: ones, n })).toEqual(
          rateInterval(ones, { n }),
        )
        const sum = Math.min(ones * trials, n * trials)
        const { lower, upper } = rateInterval(sum, { n: n * trials })
        const law: NullLaw = { kind: 'binomial', trials, p: 0.5 }
        expect(meanInterval(law, { sum, n })).toEqual({
          lower: trials * lower,
          upper: trials * upper,
          confidence: 0.95,
        })
      }),
      { seed: 4, numRuns: 100 },
    )
  })

  const sums = fc.record({
    n: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 10_000 })),
    mean: fc.double({ min: 2 ** -10, max: 8, noNaN: true }),
    confidence: fc.constantFrom(0.5, 0.95, 1 - 1e-9),
  })

  // sum / mean is Gamma(n, 1), whatever the mean is; so coverage is exact where each end leaves half of the rest.
  test('of exponential scores ends where a tail is half of what is left, and a step is allowed for on top', () => {
    fc.assert(
      fc.property(sums, ({ n, mean, confidence }) => {
        const sum = n * mean
        const { lower, upper } = meanInterval(exponential, { sum, n }, confidence)
        const limit = Math.log((1 - confidence) / 2)
        expect(lower).toBeLessThanOrEqual(mean)
        expect(upper).toBeGreaterThanOrEqual(mean)
        expect(lnGammaUpperTail(sum / lower, { shape: n })).toBeLessThanOrEqual(limit * (1 - 1e-9))
        expect(lnGammaUpperTail((sum / lower) * (1 - 1e-9), { shape: n })).toBeGreaterThan(limit)
        const most = sum + n * EXPONENTIAL_STEP
        expect(lnGammaLowerTail(most / upper, { shape: n })).toBeLessThanOrEqual(limit * (1 - 1e-9))
        // At a confidence of 1 - 1e-9 the end is where a tail of 5e-10 is resolved to 2^-52 of 1.
        expect(lnGammaLowerTail((most / upper) * (1 + 1e-6), { shape: n })).toBeGreaterThan(limit)
      }),
      { seed: 5, numRuns: 300 },
    )
  })

  test('does not miss the mean because scores were rounded down: the interval of what they were lies within', () => {
    fc.assert(
      fc.property(sums, fc.double({ min: 0, max: 1, noNaN: true }), ({ n, mean }, lost) => {
        const sum = Math.floor((n * mean) / EXPONENTIAL_STEP) * EXPONENTIAL_STEP
        const unrounded = sum + lost * n * EXPONENTIAL_STEP
        const limit = Math.log(0.025)
        const { lower, upper } = meanInterval(exponential, { sum, n })
        // The lower end is that of the rounded sum, which is below that of the sum itself.
        expect(lower).toBeLessThanOrEqual(meanInterval(exponential, { sum: unrounded, n }).lower)
        expect(lnGammaLowerTail(unrounded / upper, { shape: n })).toBeLessThanOrEqual(limit * (1 - 1e-9))
      }),
      { seed: 6, numRuns: 200 },
    )
  })

  test('nothing seen rules nothing out; scores that were all rounded to 0 do not say that the mean is 0', () => {
    expect(meanInterval(exponential, { sum: 0, n: 0 })).toEqual({
      lower: 0,
      upper: Infinity,
      confidence: 0.95,
    })
    const { lower, upper } = meanInterval(exponential, { sum: 0, n: 10 })
    expect(lower).toBe(0)
    expect(upper).toBeGreaterThan(2 ** -20)
    expect(upper).toBeLessThan(2 ** -18)
  })

  // mpmath 1.3: 12 over the quantiles of gammainc(10, 0, x) at 0.975 and 0.025 is 0.702379 and 2.502404.
  test('12 of 10: 0.7024 to 2.5024', () => {
    const { lower, upper } = meanInterval(exponential, { sum: 12, n: 10 })
    expect([lower.toFixed(4), upper.toFixed(4)]).toEqual(['0.7024', '2.5024'])
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('refuses as law: %s', (_, law) => {
    expectRefusal(() => meanInterval(law as NullLaw, { sum: 0, n: 0 }), 'law')
  })
  test.each(wrongValues({ except: ['record', 'object'] }))('refuses as evidence: %s', (_, evidence) => {
    expectRefusal(() => meanInterval(exponential, evidence as ScoreSum), 'evidence')
  })
  test.each([0, 1, -1, 95, Number.NaN, '0.95', null])('refuses as confidence: %s', (confidence) => {
    for (const law of [exponential, { kind: 'bernoulli', p: 0.5 }] as NullLaw[])
      expectRefusal(() => meanInterval(law, { sum: 1, n: 2 }, confidence as number), 'confidence')
  })
  test('refuses sums that cannot be', () => {
    expectRefusal(() => meanInterval(exponential, { sum: -1, n: 2 }), 'evidence.sum')
    expectRefusal(
      () => meanInterval({ kind: 'binomial', trials: 2, p: 0.5 }, { sum: 5, n: 2 }),
      'evidence.sum',
    )
  })
})

describe('refuses', () => {
  test.each(wrongValues({ except: ['integer'] }))('ones: %s', (_, ones) => {
    expectRefusal(() => rateInterval(ones as number, { n: 10 }), 'ones')
  })
  test.each([-1, 11])('ones: %i of 10', (ones) => {
    expectRefusal(() => rateInterval(ones, { n: 10 }), 'ones')
  })
  test.each(wrongValues({ except: ['integer'] }))('n: %s', (_, n) => {
    expectRefusal(() => rateInterval(0, { n: n as number }), 'options.n')
  })
  test.each(wrongValues({ except: ['number', 'integer', 'undefined'] }))(
    'confidence: %s',
    (_, confidence) => {
      expectRefusal(() => rateInterval(0, { n: 1, confidence: confidence as number }), 'options.confidence')
    },
  )
  test.each([0, 1, -0.5, 95, Number.NaN])('confidence: %d', (confidence) => {
    expectRefusal(() => rateInterval(0, { n: 1, confidence }), 'options.confidence')
  })
  test.each(wrongValues({ except: ['record', 'object'] }))('options: %s', (_, options) => {
    expectRefusal(() => rateInterval(0, options as { n: number }), 'options')
  })
  test('a misspelt option', () => {
    expectRefusal(() => rateInterval(0, { n: 1, level: 0.9 } as { n: number }), 'options')
  })
})
