/**
 * Exact intervals: coverage by adding up every outcome, at the rates where it is lowest (just beside an end), and ends against
 * closed forms. A popular approximation must fail the same check.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lnBinomialLowerTail, lnBinomialPmf, lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { rateInterval } from '../../src/stats/interval.ts'
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
