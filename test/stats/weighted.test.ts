/**
 * Weighted sums: the bound lies above the true tail, by adding up every outcome in integers and comparing without any rounding;
 * it equals the closed form where there is one; the e-value has mean 1. Cheaper tails, and the same bound without its pad for
 * rounding, must fail.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { type BernoulliLaw, EXPONENTIAL_STEP, type NullLaw } from '../../src/stats/law.ts'
import {
  effectiveCount,
  lnLeastWeightedTail,
  lnWeightedEValue,
  lnWeightedTailBound,
  type WeightedSum,
  weightedVariance,
} from '../../src/stats/weighted.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { type Fraction, fixedLnOf, fixedOf } from './exact.ts'
import { lnNormalTail } from './normal-tail.ts'

type LnTail = (law: BernoulliLaw, sum: WeightedSum) => number

const law = (green: number): BernoulliLaw => ({ kind: 'bernoulli', p: green / 256 })

/** One possible value of T and the exact chance of reaching it. */
interface Outcome {
  /** Exact: coefficients are multiples of 2^-12 and rates of 2^-8. */
  readonly excess: number
  readonly tail: Fraction
  readonly chance: number
}

/** All values that T can take, highest first, with exact tails. */
function outcomes(coefficients: readonly number[], green: number): Outcome[] {
  const n = coefficients.length
  const denominator = 256n ** BigInt(n)
  const mean = (green / 256) * coefficients.reduce((total, a) => total + a, 0)
  const chances = new Map<number, bigint>()
  for (let subset = 0; subset < 2 ** n; subset++) {
    let [sum, weight] = [0, 1n]
    for (let i = 0; i < n; i++) {
      const isGreen = (subset >> i) & 1
      if (isGreen) sum += coefficients[i]!
      weight *= BigInt(isGreen ? green : 256 - green)
    }
    chances.set(sum, (chances.get(sum) ?? 0n) + weight)
  }
  let numerator = 0n
  return [...chances]
    .sort(([a], [b]) => b - a)
    .map(([sum, weight]) => {
      numerator += weight
      return {
        excess: sum - mean,
        tail: { numerator, denominator },
        chance: Number(weight) / Number(denominator),
      }
    })
}

/** Outcomes where a tail is below the true one, compared without rounding. */
function tooCertain(lnTail: LnTail, coefficients: readonly number[], green: number): Outcome[] {
  const list = outcomes(coefficients, green)
  // The highest, the lowest and an even choice of those between.
  const step = Math.max(1, Math.floor(list.length / 40))
  return list
    .filter((_, i) => i < 8 || i >= list.length - 2 || i % step === 0)
    .filter(({ excess, tail }) => {
      const value = lnTail(law(green), { coefficients: Float64Array.from(coefficients), excess })
      return fixedOf(value) < fixedLnOf(tail)
    })
}

/** Coefficients of both signs whose sizes differ up to ten-million-fold: m 2^e, so that their sums are exact in doubles. */
const coefficient = fc
  .record({ m: fc.integer({ min: -255, max: 255 }), e: fc.integer({ min: -12, max: 12 }) })
  .map(({ m, e }) => m * 2 ** e)
const coefficientLists = (most: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc.array(coefficient, { minLength: 1, maxLength: most }),
    fc
      .record({ a: coefficient, n: fc.integer({ min: 1, max: most }) })
      .map(({ a, n }) => new Array<number>(n).fill(a)),
    fc.array(
      fc.nat(255).map((m) => m / 256),
      { minLength: 1, maxLength: most },
    ),
  )
const greens = fc.oneof(fc.constantFrom(1, 64, 128, 255), fc.integer({ min: 1, max: 255 }))

describe('the bound', () => {
  test('is never below the true tail: every outcome of up to 10 scores', () => {
    fc.assert(
      fc.property(coefficientLists(10), greens, (coefficients, green) => {
        expect(tooCertain(lnWeightedTailBound, coefficients, green)).toEqual([])
      }),
      { seed: 1, numRuns: 150 },
    )
  })

  test('nor with 14 scores', () => {
    fc.assert(
      fc.property(fc.array(coefficient, { minLength: 14, maxLength: 14 }), greens, (coefficients, green) => {
        expect(tooCertain(lnWeightedTailBound, coefficients, green)).toEqual([])
      }),
      { seed: 2, numRuns: 8 },
    )
  })

  // With every score at its best the bound is the true tail, and nothing but the pad stands between rounding and a p too small.
  const allBest = [1, 2, 3, 5, 14].flatMap((n) =>
    [1, 13, 64, 100, 128, 255].map((green) => ({ n, green, coefficients: new Array<number>(n).fill(3) })),
  )

  test('nor where it is tight to the last digit', () => {
    for (const { green, coefficients } of allBest)
      expect(tooCertain(lnWeightedTailBound, coefficients, green)).toEqual([])
  })

  test('positive control: without the pad for rounding it is below', () => {
    const caught = allBest.filter(
      ({ green, coefficients }) => tooCertain(lnUnpaddedBound, coefficients, green).length > 0,
    )
    expect(caught.length).toBeGreaterThan(allBest.length / 4)
  })

  test('positive control: a normal tail is below', () => {
    const cases = [
      { coefficients: new Array<number>(12).fill(1), green: 64 },
      { coefficients: [8, 4, 2, 1, 1, 1, 1, 1], green: 13 },
      { coefficients: [64, 1, -1, 2, -2, 3], green: 1 },
    ]
    for (const { coefficients, green } of cases)
      expect(tooCertain(lnNormalBound, coefficients, green).length).toBeGreaterThan(0)
  })

  test.each([1 / 256, 1 / 4, 1 / 2, 255 / 256])('of equal coefficients is n KL(s/n, %d)', (p) => {
    for (const n of [1, 10, 371, 20_000]) {
      for (const part of [0.01, 0.1, 0.5, 0.9, 1]) {
        const s = Math.ceil(n * (p + part * (1 - p)))
        const expected = -n * divergence(s / n, p)
        for (const a of [1, 0.3, 1e-9]) {
          const coefficients = new Float64Array(n).fill(a)
          const lnP = lnWeightedTailBound({ kind: 'bernoulli', p }, { coefficients, excess: a * (s - n * p) })
          expect(Math.abs(lnP - expected), `${s} of ${n}`).toBeLessThanOrEqual(
            1e-9 * Math.abs(expected) + 1e-14 * n,
          )
        }
      }
    }
  })

  // Below theta a = 1e-3 the logarithm is taken by cumulants; its third one is a thousand times what this allows.
  test.each([1 / 256, 1 / 4, 1 / 2, 255 / 256])(
    'also where the excess is far below a deviation, rate %d',
    (p) => {
      const [n, tilt] = [20_000, 5e-4]
      const excess = n * p * (1 - p) * tilt
      const expected = -n * smallDivergence(excess / n, p)
      const lnP = lnWeightedTailBound(
        { kind: 'bernoulli', p },
        { coefficients: new Float64Array(n).fill(1), excess },
      )
      expect(Math.abs(lnP - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected) + 4e-15 * n)
      expect(lnP).toBeGreaterThanOrEqual(expected)
    },
  )

  test('of next to nothing is 0, and it comes back', () => {
    for (const excess of [Number.MIN_VALUE, 1e-300, 1e-30])
      expect(lnWeightedTailBound(law(64), { coefficients: new Float64Array(100).fill(1), excess })).toBe(0)
  })

  test('with every score at its best is the chance of just that, whatever the coefficients', () => {
    fc.assert(
      fc.property(fc.array(coefficient, { minLength: 1, maxLength: 400 }), greens, (coefficients, green) => {
        const p = green / 256
        const best = coefficients.reduce((total, a) => total + (a > 0 ? a * (1 - p) : -a * p), 0)
        const positive = coefficients.filter((a) => a > 0).length
        const negative = coefficients.filter((a) => a < 0).length
        const expected = positive * Math.log(p) + negative * Math.log(1 - p)
        const sum = { coefficients: Float64Array.from(coefficients), excess: best }
        expect(lnLeastWeightedTail(law(green), sum.coefficients)).toBeCloseTo(expected, 9)
        const lnP = lnWeightedTailBound(law(green), sum)
        expect(lnP).toBeGreaterThanOrEqual(expected)
        // The search stops when 1e-12 of the excess is missing. Coefficients a ten-millionth of the largest are that close to it.
        expect(lnP - expected).toBeLessThanOrEqual(0.01 * Math.abs(expected) + 1e-9)
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  test('an excess that cannot be is not taken for the strongest evidence of all', () => {
    const coefficients = new Float64Array(50).fill(1)
    const most = { coefficients, excess: 25 }
    const least = 50 * Math.log(0.5)
    for (const excess of [25 * (1 + 1e-15), 25.000001, 26, 1e9, Number.MAX_VALUE]) {
      expect(lnWeightedTailBound(law(128), { coefficients, excess })).toBeGreaterThanOrEqual(least)
      expect(lnWeightedEValue(law(128), { coefficients, excess })).toBe(lnWeightedEValue(law(128), most))
    }
  })

  // Squares of coefficients beyond 1e154 or below 1e-162 leave the range of doubles.
  test('does not depend on the unit of the coefficients: powers of two exactly, any other to rounding', () => {
    const units = fc.oneof(
      fc.integer({ min: -1000, max: 980 }).map((e) => ({ unit: 2 ** e, tolerance: 0 })),
      fc.double({ min: -290, max: 290, noNaN: true }).map((e) => ({ unit: 10 ** e, tolerance: 1e-9 })),
    )
    fc.assert(
      fc.property(
        coefficientLists(30),
        greens,
        units,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (...at) => {
          const [list, green, { unit, tolerance }, part] = at
          const most = list.reduce((total, a) => total + Math.max(a, 0), 0) * (1 - green / 256)
          const coefficients = Float64Array.from(list)
          const plain = { coefficients, excess: part * most }
          const scaled = { coefficients: coefficients.map((a) => a * unit), excess: part * most * unit }
          for (const statistic of [lnWeightedTailBound, lnWeightedEValue]) {
            const [a, b] = [statistic(law(green), plain), statistic(law(green), scaled)]
            expect(Math.abs(a - b)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(a)))
          }
          const [a, b] = [effectiveCount(plain.coefficients), effectiveCount(scaled.coefficients)]
          expect(Math.abs(a - b)).toBeLessThanOrEqual(tolerance * a)
        },
      ),
      { seed: 4, numRuns: 300 },
    )
  })

  test('a higher sum is never weaker evidence', () => {
    const parts = fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    fc.assert(
      fc.property(coefficientLists(100), greens, parts, (list, green, [a, b]) => {
        const most = list.reduce((total, x) => total + Math.max(x, 0), 0)
        const coefficients = Float64Array.from(list)
        const bound = (part: number): number =>
          lnWeightedTailBound(law(green), { coefficients, excess: part * most })
        const [weaker, stronger] = [bound(Math.min(a, b)), bound(Math.max(a, b))]
        expect(stronger).toBeLessThanOrEqual(weaker + 1e-9 * Math.abs(weaker))
      }),
      { seed: 5, numRuns: 300 },
    )
  })

  test('for any finite numbers at all: a logarithm, at most 0, never NaN, and it comes back', () => {
    const any = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(0, Number.MIN_VALUE, Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** -1022),
    )
    const rate = fc.oneof(
      fc.constantFrom(Number.MIN_VALUE, 1e-300, 1 - 2 ** -53),
      fc.double({ min: Number.MIN_VALUE, max: 1 - 2 ** -53, noNaN: true }),
    )
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), any, rate, (list, excess, p) => {
        const coefficients = Float64Array.from(list)
        const lnP = lnWeightedTailBound({ kind: 'bernoulli', p }, { coefficients, excess })
        expect(lnP).toBeLessThanOrEqual(0)
        expect(lnP).toBeGreaterThan(-Infinity)
        expect(lnWeightedEValue({ kind: 'bernoulli', p }, { coefficients, excess })).not.toBeNaN()
        const effective = effectiveCount(coefficients)
        expect(effective).toBeGreaterThanOrEqual(0)
        expect(effective).toBeLessThanOrEqual(list.length * (1 + 1e-12))
      }),
      { seed: 6, numRuns: 1000 },
    )
  })

  test('100 coins, 20 more than half: 10^-3.57', () => {
    const sum = { coefficients: new Float64Array(100).fill(1), excess: 20 }
    expect((lnWeightedTailBound(law(128), sum) / Math.LN10).toFixed(2)).toBe('-3.57')
    expect((lnBinomialUpperTail(70, { n: 100, p: 0.5 }) / Math.LN10).toFixed(2)).toBe('-4.41')
  })
})

describe('what went wrong elsewhere', () => {
  test('nothing scored says nothing', () => {
    const nothing = { coefficients: new Float64Array(0), excess: 0 }
    expect(lnWeightedTailBound(law(64), nothing)).toBe(0)
    expect(lnWeightedEValue(law(64), nothing)).toBe(0)
    expect(effectiveCount(nothing.coefficients)).toBe(0)
    // All coefficients 0 is nothing too, whatever the excess claims.
    const zeros = { coefficients: new Float64Array(5), excess: 3 }
    expect(lnWeightedTailBound(law(64), zeros)).toBe(0)
    expect(lnWeightedEValue(law(64), zeros)).toBe(0)
  })

  // Hoeffding's bound exp(-2 n d^2) does not know that green is rare, and throws six decades away.
  test('Hoeffding’s inequality is not used: 34 of 400 at 1/32', () => {
    const [n, s, green] = [400, 34, 8]
    const p = green / 256
    const hoeffding = (-2 * n * (s / n - p) ** 2) / Math.LN10
    const exact = lnBinomialUpperTail(s, { n, p }) / Math.LN10
    const bound =
      lnWeightedTailBound(law(green), { coefficients: new Float64Array(n).fill(1), excess: s - n * p }) /
      Math.LN10
    expect([exact, bound, hoeffding].map((decades) => decades.toFixed(1))).toEqual(['-6.7', '-5.7', '-1.0'])
  })
})

describe('the e-value', () => {
  test('has mean 1 over every outcome, and not less than the pad for rounding costs', () => {
    fc.assert(
      fc.property(coefficientLists(10), greens, (coefficients, green) => {
        fc.pre(coefficients.some((a) => a !== 0))
        const mean = meanE(lnWeightedEValue, coefficients, green)
        expect(mean).toBeLessThanOrEqual(1 + 1e-9)
        expect(mean).toBeGreaterThanOrEqual(1 - 1e-9)
      }),
      { seed: 7, numRuns: 100 },
    )
  })

  // Fine as a tail bound, where theta is picked for the sum at hand; wrong as an e-value for the same reason.
  test('positive control: the best theta for each sum, instead of a grid fixed before, has a mean above 1', () => {
    const best: LnTail = (law, sum) => -lnWeightedTailBound(law, sum)
    expect(meanE(best, [1, 2, 3, -1], 64)).toBeGreaterThan(1.5)
  })

  test('where the sum is at or below its null mean it is at most 1', () => {
    fc.assert(
      fc.property(coefficientLists(30), greens, fc.double({ min: 0, max: 1, noNaN: true }), (...at) => {
        const [list, green, part] = at
        const size = list.reduce((total, a) => total + Math.abs(a), 0)
        const sum = { coefficients: Float64Array.from(list), excess: -part * size }
        expect(lnWeightedEValue(law(green), sum)).toBeLessThanOrEqual(0)
      }),
      { seed: 8, numRuns: 300 },
    )
  })
})

describe('how many coefficients decide', () => {
  test('n of equal ones, one of one large and many small', () => {
    expect(effectiveCount(new Float64Array(100).fill(0.3))).toBeCloseTo(100, 9)
    expect(effectiveCount(Float64Array.from([1e6, ...new Array<number>(1000).fill(1)]))).toBeCloseTo(1, 6)
    expect(effectiveCount(new Float64Array(7))).toBe(0)
    // Fourth powers of these are 10^-400 and 10^400.
    for (const a of [1e-100, 1e100]) expect(effectiveCount(new Float64Array(9).fill(a))).toBeCloseTo(9, 9)
  })

  test('variance: that of one score times the sum of squares', () => {
    expect(weightedVariance(law(64), Float64Array.of(3, -4))).toBe((25 * 3) / 16)
  })
})

describe('numbers of ones', () => {
  const lists = coefficientLists(40)

  test('are the ones, one by one: bound, e-value and least tail', () => {
    fc.assert(
      fc.property(
        lists,
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: -1, max: 1.1, noNaN: true }),
        (...at) => {
          const [list, trials, part] = at
          const excess = (part * trials * list.reduce((total, a) => total + Math.abs(a), 0)) / 2
          const together = { coefficients: Float64Array.from(list), excess }
          const single = {
            coefficients: Float64Array.from(list.flatMap((a) => new Array<number>(trials).fill(a))),
            excess,
          }
          const binomial: NullLaw = { kind: 'binomial', trials, p: 0.5 }
          for (const statistic of [lnWeightedTailBound, lnWeightedEValue]) {
            const [a, b] = [statistic(binomial, together), statistic(law(128), single)]
            expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(b)))
          }
          expect(lnLeastWeightedTail(binomial, together.coefficients)).toBeCloseTo(
            lnLeastWeightedTail(law(128), single.coefficients),
            9,
          )
          expect(weightedVariance(binomial, together.coefficients)).toBeCloseTo(
            weightedVariance(law(128), single.coefficients),
            -9,
          )
        },
      ),
      { seed: 9, numRuns: 200 },
    )
  })

  test('the bound is never below the true tail: every outcome of up to 4 scores of 3 bits', () => {
    const tail: LnTail = ({ p }, { coefficients, excess }) =>
      lnWeightedTailBound(
        { kind: 'binomial', trials: 3, p },
        { coefficients: coefficients.filter((_, i) => i % 3 === 0), excess },
      )
    fc.assert(
      fc.property(fc.array(coefficient, { minLength: 1, maxLength: 4 }), greens, (list, green) => {
        expect(
          tooCertain(
            tail,
            list.flatMap((a) => [a, a, a]),
            green,
          ),
        ).toEqual([])
      }),
      { seed: 10, numRuns: 60 },
    )
  })
})

describe('exponential scores', () => {
  const exponential: NullLaw = { kind: 'exponential' }
  const bound = (coefficients: readonly number[], excess: number): number =>
    lnWeightedTailBound(exponential, { coefficients: Float64Array.from(coefficients), excess })
  const eValue = (coefficients: readonly number[], excess: number): number =>
    lnWeightedEValue(exponential, { coefficients: Float64Array.from(coefficients), excess })

  // min over theta of -n ln(1 - theta) - n theta - theta (s - n), where 1 - theta = n / s.
  test('the bound of equal coefficients is n (ln r + 1 - r), r the mean, however near to the pole that is', () => {
    for (const n of [1, 10, 371, 20_000]) {
      for (const r of [1 + 1e-6, 1.1, 2, 5, 22, 1000, 1e6, 1e9]) {
        const expected = n * (Math.log(r) + 1 - r)
        for (const a of [1, 0.3, 1e-9, 1e9]) {
          const lnP = bound(new Array<number>(n).fill(a), a * n * (r - 1))
          expect(Math.abs(lnP - expected), `mean ${r} of ${n}`).toBeLessThanOrEqual(
            1e-9 * Math.abs(expected) + 1e-14 * n * r,
          )
          expect(lnP).toBeGreaterThan(lnGammaUpperTail(n * r, { shape: n }))
        }
      }
    }
  })

  /** ln P[T >= excess] of two coefficients of any sign, by the closed form of a sum or difference of two exponentials. */
  function lnTailOfTwo(a: number, b: number, excess: number): number {
    const s = excess + a + b
    const [large, small] = a >= b ? [a, b] : [b, a]
    // Both negative: P[|a| x + |b| y <= -s].
    if (large < 0) return s > 0 ? -Infinity : Math.log1p(-Math.exp(lnSumTail(-small, -large, -s)))
    if (small > 0) return s <= 0 ? 0 : lnSumTail(large, small, s)
    if (s >= 0) return Math.log(large / (large - small)) - s / large
    return Math.log1p((small / (large - small)) * Math.exp(s / -small))
  }

  /** ln P[a x + b y >= s], a > b > 0: (a e^(-s/a) - b e^(-s/b)) / (a - b). */
  function lnSumTail(a: number, b: number, s: number): number {
    return -s / a + Math.log((a - b * Math.exp(-s / b + s / a)) / (a - b))
  }

  const size = fc.integer({ min: -40, max: 40 }).map((e) => 2 ** (e / 4))
  const signs = fc.constantFrom([1, 1], [1, -1], [-1, 1], [-1, -1])

  test('the bound is never below the true tail of two scores, whatever their signs', () => {
    let tight = 0
    fc.assert(
      fc.property(size, size, signs, fc.double({ min: 0, max: 40, noNaN: true }), (x, y, [i, j], z) => {
        fc.pre(x !== y)
        const [a, b] = [x * i!, y * j!]
        const most = Math.abs(Math.min(a, 0)) + Math.abs(Math.min(b, 0))
        const excess = a < 0 && b < 0 ? (most * z) / 41 : z * Math.hypot(a, b)
        const [lnP, truth] = [bound([a, b], excess), lnTailOfTwo(a, b, excess)]
        // The closed form takes a difference of exponentials: right to 1e-12 here.
        expect(lnP).toBeGreaterThanOrEqual(truth - 1e-12 * Math.max(1, Math.abs(truth)))
        if (lnP < truth + 4) tight++
      }),
      { seed: 11, numRuns: 2000 },
    )
    expect(tight).toBeGreaterThan(200)
  })

  test('positive control: a normal tail is below', () => {
    for (const excess of [5, 10, 20])
      expect(lnNormalTail(excess / Math.SQRT2)).toBeLessThan(lnGammaUpperTail(2 + excess, { shape: 2 }))
  })

  /**
   * Scores are rounded down, which makes T larger where a coefficient is negative. With n coefficients of -1, T reaches its largest value n
   * where all scores were rounded to 0: with probability (1 - exp(-step))^n.
   */
  const lnAllZero = (n: number): number => n * Math.log(-Math.expm1(-EXPONENTIAL_STEP))

  test('nor is it where negative coefficients profit from rounding down', () => {
    for (const n of [1, 2, 10, 100]) {
      const lnP = bound(new Array<number>(n).fill(-1), n)
      expect(lnP).toBeGreaterThanOrEqual(lnAllZero(n))
      expect(lnP).toBeLessThan(lnAllZero(n) + 2 * n)
      for (const steps of [1, 2, 5]) {
        const below = bound([-1], 1 - steps * EXPONENTIAL_STEP)
        expect(below).toBeGreaterThanOrEqual(Math.log(-Math.expm1(-(steps + 1) * EXPONENTIAL_STEP)))
      }
    }
  })

  test('positive control: without what rounding down costs, it would be', () => {
    // -ln(1 + t) + t - t T at T = 1 falls without end.
    const unpadded = Math.min(...[1e3, 1e6, 1e9, 1e12].map((t) => -Math.log1p(t)))
    expect(unpadded).toBeLessThan(lnAllZero(1))
  })

  /** E[e] of one score with this coefficient; `lost` is what rounding down may take away, at most a step. */
  function meanE(a: number, lost: number, lnE: (excess: number) => number): number {
    // Simpson's rule in x = 2500 u^3, fine where it begins; e^(-x / 65) is left at its end for the largest tilt, 64/65.
    const parts = 200_000
    let total = 0
    for (let i = 0; i <= parts; i++) {
      const u = i / parts
      const x = 2500 * u ** 3
      const value = Math.exp(lnE(a * (Math.max(0, x - lost) - 1)) - x) * 7500 * u * u
      total += (i === 0 || i === parts ? 1 : i % 2 === 1 ? 4 : 2) * value
    }
    return total / (3 * parts)
  }

  test.each([1, 3, 2 ** -30])('the e-value of one score with coefficient %d has mean 1', (a) => {
    expect(Math.abs(meanE(a, 0, (excess) => eValue([a], excess)) - 1)).toBeLessThan(1e-9)
  })

  // e falls with the score, so a whole step less is the most that rounding down can do.
  test.each([-1, -3])(
    'the e-value of one score with coefficient %d has mean 1 at most, rounded down or not',
    (a) => {
      const mean = meanE(a, EXPONENTIAL_STEP, (excess) => eValue([a], excess))
      expect(mean).toBeLessThanOrEqual(1 + 1e-10)
      expect(mean).toBeGreaterThan(1 - 1e-4)
    },
  )

  test('positive control: without what rounding down costs, its mean is above 1', () => {
    const tilt = 64
    const mean = meanE(-1, EXPONENTIAL_STEP, (excess) => tilt * excess - (tilt - Math.log1p(tilt)))
    expect(mean).toBeGreaterThan(1 + 1e-6)
  })

  // The part of each tilt is a product of parts of one score, so this is the mean over all outcomes, computed one score at a time.
  test('the e-value of many scores has mean 1: each tilt’s part is 1', () => {
    const coefficients = [3, 1, 0.5, -2, -0.25, 8]
    const deviation = Math.hypot(...coefficients)
    const parts = [1, 2, 4, 8, 16, 32, 64].map((z) => {
      const theta = z / (deviation + 8 * z)
      // E[exp(theta a (x - 1))] = exp(-theta a) / (1 - theta a).
      return coefficients.reduce((total, a) => total - Math.log1p(-theta * a) - theta * a, 0)
    })
    const thetas = [1, 2, 4, 8, 16, 32, 64].map((z) => z / (deviation + 8 * z))
    for (const excess of [-5, 0, 3, 30]) {
      const expected = Math.log(
        thetas.reduce((total, theta, i) => total + Math.exp(theta * excess - parts[i]!), 0) / 7,
      )
      const ours = eValue(coefficients, excess)
      expect(ours).toBeLessThanOrEqual(expected)
      expect(ours).toBeGreaterThan(expected - 1e-5)
    }
  })

  test('one score can be evidence too: the grid stays below the pole', () => {
    expect(eValue([1], 20)).toBeGreaterThan(14)
    expect(eValue([2 ** 40], 20 * 2 ** 40)).toBeGreaterThan(14)
  })

  test('for any finite numbers at all: a logarithm, at most 0, never NaN or infinite, and it comes back', () => {
    const any = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: -10, max: 10, noNaN: true }),
      fc.constantFrom(0, Number.MIN_VALUE, Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** -1022),
    )
    const laws: NullLaw[] = [exponential, { kind: 'binomial', trials: 30, p: 0.5 }]
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), any, fc.constantFrom(...laws), (list, excess, law) => {
        const sum = { coefficients: Float64Array.from(list), excess }
        const lnP = lnWeightedTailBound(law, sum)
        expect(lnP).toBeLessThanOrEqual(0)
        expect(lnP).toBeGreaterThan(-Infinity)
        expect(lnWeightedEValue(law, sum)).not.toBeNaN()
        expect(lnWeightedEValue(law, sum)).toBeLessThan(Infinity)
      }),
      { seed: 12, numRuns: 2000 },
    )
  })

  test('does not depend on the unit of the coefficients', () => {
    fc.assert(
      fc.property(
        coefficientLists(30),
        fc.integer({ min: -1000, max: 900 }),
        fc.double({ min: 0, max: 5, noNaN: true }),
        (list, e, part) => {
          const excess = part * list.reduce((total, a) => total + Math.abs(a), 0)
          const scaled = [list.map((a) => a * 2 ** e), excess * 2 ** e] as const
          expect(bound(...scaled)).toBe(bound(list, excess))
          expect(eValue(...scaled)).toBe(eValue(list, excess))
        },
      ),
      { seed: 13, numRuns: 200 },
    )
  })

  test('a higher sum is never weaker evidence', () => {
    const part = fc.double({ min: 0, max: 30, noNaN: true })
    fc.assert(
      fc.property(coefficientLists(60), part, part, (list, x, y) => {
        const unit = Math.max(...list.map(Math.abs))
        const [low, high] = [Math.min(x, y) * unit, Math.max(x, y) * unit]
        const weaker = bound(list, low)
        expect(bound(list, high)).toBeLessThanOrEqual(weaker + 1e-9 * Math.abs(weaker))
      }),
      { seed: 14, numRuns: 300 },
    )
  })

  test('with negative coefficients only, more than the largest sum is read as that', () => {
    for (const excess of [2, 2.000001, 100, 1e300]) expect(bound([-1, -1], excess)).toBe(bound([-1, -1], 2))
    // The highest score has one field of 2^32, the lowest 4,096 of them.
    const least = Math.log(2 ** -32) + Math.log(2 ** -20)
    const stated = lnLeastWeightedTail(exponential, Float64Array.of(1, -1))
    expect(stated).toBeLessThanOrEqual(least)
    expect(stated).toBeGreaterThan(least - 1e-6)
    expect(lnLeastWeightedTail(exponential, Float64Array.of(0, 0))).toBe(0)
    expect(lnLeastWeightedTail(exponential, new Float64Array(0))).toBe(0)
  })

  test('nothing scored says nothing; variance is the sum of squares', () => {
    for (const coefficients of [[], [0, 0, 0]]) {
      expect(bound(coefficients, 3)).toBe(0)
      expect(eValue(coefficients, 3)).toBe(0)
    }
    expect(weightedVariance(exponential, Float64Array.of(3, -4))).toBe(25)
  })

  // Hypoexponential sums have a closed tail: how much the guarantee costs.
  test('costs one and a half decades: two coefficients 2 : 1 at ten deviations', () => {
    const excess = 10 * Math.sqrt(5)
    const lost = bound([2, 1], excess) - lnTailOfTwo(2, 1, excess)
    expect((lost / Math.LN10).toFixed(2)).toBe('1.50')
  })
})

describe('refuses', () => {
  const sum: WeightedSum = { coefficients: Float64Array.of(1, 2), excess: 1 }
  const statistics = { lnWeightedTailBound, lnWeightedEValue }
  describe.each(Object.entries(statistics))('%s', (_, statistic) => {
    test.each(wrongValues({ except: ['record', 'object'] }))('law: %s', (_, wrong) => {
      expectRefusal(() => statistic(wrong as NullLaw, sum), 'law')
    })
    test.each([0, 1, 1.5, -1, Number.NaN])('a law with p = %d', (p) => {
      expectRefusal(() => statistic({ kind: 'bernoulli', p }, sum), 'law.p')
    })
    test.each(wrongValues({ except: ['record', 'object'] }))('sum: %s', (_, wrong) => {
      expectRefusal(() => statistic(law(64), wrong as WeightedSum), 'sum')
    })
    test.each(wrongValues({ except: [] }))('coefficients: %s', (what, coefficients) => {
      if (what === 'a Float64Array') return
      const wrong = { ...sum, coefficients: coefficients as Float64Array }
      expectRefusal(() => statistic(law(64), wrong), 'coefficients')
    })
    test.each(wrongValues({ except: ['number', 'integer'] }))('excess: %s', (_, excess) => {
      expectRefusal(() => statistic(law(64), { ...sum, excess: excess as number }), 'excess')
    })
    test.each([Number.NaN, Infinity, -Infinity])('%d', (wrong) => {
      expectRefusal(() => statistic(law(64), { ...sum, excess: wrong }), 'excess')
      const coefficients = Float64Array.of(1, wrong)
      expectRefusal(() => statistic(law(64), { ...sum, coefficients }), 'coefficients[1]')
    })
  })
  test('a coefficient that is not finite, also where only its size is asked', () => {
    for (const wrong of [Number.NaN, Infinity]) {
      expectRefusal(() => effectiveCount(Float64Array.of(1, wrong)), 'coefficients[1]')
      expectRefusal(() => weightedVariance(law(64), Float64Array.of(wrong)), 'coefficients[0]')
    }
  })
})

/** E[exp(lnE)] over every outcome. */
function meanE(lnE: LnTail, coefficients: readonly number[], green: number): number {
  return outcomes(coefficients, green).reduce(
    (total, { excess, chance }) =>
      total + chance * Math.exp(lnE(law(green), { coefficients: Float64Array.from(coefficients), excess })),
    0,
  )
}

/** Kullback-Leibler divergence of two coins, in nats. */
function divergence(x: number, p: number): number {
  const part = (a: number, b: number): number => (a === 0 ? 0 : a * Math.log(a / b))
  return part(x, p) + part(1 - x, 1 - p)
}

/** The same of p + d and p, for a small d: x ln(x / p) = (p + d) ln(1 + d / p), where plain logarithms would cancel. */
function smallDivergence(d: number, p: number): number {
  return (p + d) * Math.log1p(d / p) + (1 - p - d) * Math.log1p(-d / (1 - p))
}

/** Chernoff's bound over a fine grid of theta, added up plainly and with nothing added for rounding. */
function lnUnpaddedBound({ p }: BernoulliLaw, { coefficients, excess }: WeightedSum): number {
  const largest = Math.max(...coefficients.map(Math.abs))
  let least = 0
  for (let step = -40; step <= 24; step++) {
    const theta = 2 ** (step / 4) / largest
    let total = -theta * excess
    for (const a of coefficients) {
      const t = theta * a
      total +=
        t > 0
          ? t * (1 - p) + Math.log(p + (1 - p) * Math.exp(-t))
          : -t * p + Math.log(1 - p + p * Math.exp(t))
    }
    least = Math.min(least, total)
  }
  return least
}

/** What a z-test says. */
function lnNormalBound(law: NullLaw, { coefficients, excess }: WeightedSum): number {
  return excess <= 0 ? 0 : lnNormalTail(excess / Math.sqrt(weightedVariance(law, coefficients)))
}
