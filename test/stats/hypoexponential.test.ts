/**
 * The tail of dual-key sums: against mpmath, against a sum of all-positive gamma tails (another method), against the gamma law where they
 * must agree, and against the figures that others found for the law that engines quote in its place.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { lnGammaLowerTail, lnGammaUpperTail } from '../../src/stats/gamma.ts'
import {
  type HypoexponentialParameters,
  lnHypoexponentialLowerTail,
  lnHypoexponentialUpperTail,
} from '../../src/stats/hypoexponential.ts'
import { kolmogorovBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { referenceTails, relativeError } from './fixtures/read-tails.ts'

/**
 * Relative error of ln p; at the mean, half a rounding of x alone moves ln p by sqrt(n) roundings. Where a tail is almost 1, the error of its
 * tiny ln p is the absolute one of the other tail, at most e^-740.
 */
const rounding = (n: number): number => 2e-13 + 4 * Math.sqrt(n) * Number.EPSILON

describe('against mpmath', () => {
  test('n goes to 100,000, alpha from 0.001 to 0.95', () => {
    const rows = referenceTails.hypoexponential
    expect(rows.length).toBeGreaterThan(150)
    expect(Math.max(...rows.map(({ n }) => n))).toBe(1e5)
    expect(rows.filter(({ x, n }) => x < n).length).toBeGreaterThan(50)
  })

  test.each(referenceTails.hypoexponential)('n $n, alpha $alpha, x $x', ({ n, alpha, x, lnSf, lnCdf }) => {
    expect(relativeError(lnHypoexponentialUpperTail(x, { n, alpha }), lnSf)).toBeLessThan(rounding(n))
    expect(relativeError(lnHypoexponentialLowerTail(x, { n, alpha }), lnCdf)).toBeLessThan(rounding(n))
  })
})

/** A weight, n and an x near the mean, by ratio, or far out. */
const casesUpTo = (maxN: number, alphas: fc.Arbitrary<number>): fc.Arbitrary<Case> =>
  fc
    .record({
      n: fc.oneof(
        fc.integer({ min: 1, max: Math.min(20, maxN) }),
        fc.double({ min: 0, max: Math.log10(maxN), noNaN: true }).map((digits) => Math.round(10 ** digits)),
      ),
      alpha: alphas,
    })
    .chain(({ n, alpha }) =>
      fc.record({
        n: fc.constant(n),
        alpha: fc.constant(alpha),
        x: fc.oneof(
          fc.double({ min: -10, max: 20, noNaN: true }).map((z) => Math.max(0, n + z * Math.sqrt(n))),
          fc.double({ min: -3, max: 2, noNaN: true }).map((digits) => n * 10 ** digits),
        ),
      }),
    )
type Case = HypoexponentialParameters & { readonly x: number }

// Multiples of 2^-20, so that 1 - alpha is exact.
const weights = fc.integer({ min: 0, max: 2 ** 20 }).map((k) => k / 2 ** 20)

describe('against other methods', () => {
  test('the negative binomial mixture of gamma tails', () => {
    const moderate = fc.integer({ min: 20, max: 980 }).map((k) => k / 1000)
    fc.assert(
      fc.property(casesUpTo(60, moderate), ({ n, alpha, x }) => {
        fc.pre(x > 0)
        const upper = lnHypoexponentialUpperTail(x, { n, alpha })
        const lower = lnHypoexponentialLowerTail(x, { n, alpha })
        if (x >= n) expectRelative(upper, lnMixture(x, { n, alpha }, lnGammaUpperTail))
        else expectRelative(lower, lnMixture(x, { n, alpha }, lnGammaLowerTail))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  function expectRelative(value: number, expected: number): void {
    if (value === expected) return
    if (!(Math.abs(value / expected - 1) < 1e-11)) expect.fail(`expected ${expected}, got ${value}`)
  }

  test('n = 1: two exponentials', () => {
    for (const alpha of [1 / 1024, 1 / 8, 3 / 8, 0.875])
      for (const x of [1, 1.5, 4, 30, 400]) {
        const [a, b] = [1 - alpha, alpha]
        // (a exp(-x / a) - b exp(-x / b)) / (a - b), the larger exponential taken out.
        const [more, less] = a > b ? [a, b] : [b, a]
        const rest = (less / more) * Math.exp(x / more - x / less)
        const expected = -x / more + Math.log(more / (more - less)) + Math.log1p(-rest)
        expect(Math.abs(lnHypoexponentialUpperTail(x, { n: 1, alpha }) / expected - 1)).toBeLessThan(1e-14)
      }
  })

  test('one key alone: gamma of shape n; two equal ones: gamma of shape 2n at 2x', () => {
    fc.assert(
      fc.property(casesUpTo(1e6, fc.constant(0)), ({ n, x }) => {
        for (const alpha of [0, 1])
          expect(lnHypoexponentialUpperTail(x, { n, alpha })).toBe(lnGammaUpperTail(x, { shape: n }))
        expect(lnHypoexponentialUpperTail(x, { n, alpha: 0.5 })).toBe(
          lnGammaUpperTail(2 * x, { shape: 2 * n }),
        )
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  // Nearly one key, and nearly equal ones: the general method next to the special cases. With S = G + alpha (G' - G), the tail
  // changes by alpha f(x) E[G' - G | G = x] = alpha f(x) (n - x); around equal weights it is even, so only squares are left.
  test('and close to those, close to that', () => {
    for (const n of [1, 4, 50, 1000, 1e5])
      for (const z of [-3, -1, 0, 1, 4, 9]) {
        const x = n + z * Math.sqrt(n)
        if (x <= 0) continue
        const gamma = lnGammaUpperTail(x, { shape: n })
        // f(x) / P by the difference of two shapes: f(x) = (P[Gamma(n + 1) >= x] - P[Gamma(n) >= x]) n / x.
        const hazard = (Math.expm1(lnGammaUpperTail(x, { shape: n + 1 }) - gamma) * n) / x
        for (const alpha of [1e-9, 1e-12]) {
          const expected = gamma + alpha * hazard * (n - x)
          const second = alpha * alpha * n * n * 200
          const value = lnHypoexponentialUpperTail(x, { n, alpha })
          expect(Math.abs(value - expected)).toBeLessThan(second + rounding(n) * Math.abs(gamma))
        }
        const equal = lnGammaUpperTail(2 * x, { shape: 2 * n })
        const almost = lnHypoexponentialUpperTail(x, { n, alpha: 0.5 - 2 ** -30 })
        expect(Math.abs(almost - equal)).toBeLessThan(2 ** -60 * 1000 * n + rounding(n) * Math.abs(equal))
      }
  })

  test('sums of drawn scores have this law', () => {
    const random = seedrandom('dual key')
    const [n, alpha, draws] = [3, 0.3, 20_000]
    const score = (): number => -(1 - alpha) * Math.log(random()) - alpha * Math.log(random())
    const sums = Array.from({ length: draws }, () => score() + score() + score()).sort((a, b) => a - b)
    const distance = (tail: (x: number) => number): number =>
      Math.max(...sums.map((x, i) => Math.abs(1 - (i + 0.5) / draws - Math.exp(tail(x))))) + 0.5 / draws
    const band = kolmogorovBand(draws, 1e-9)
    expect(distance((x) => lnHypoexponentialUpperTail(x, { n, alpha }))).toBeLessThan(band)
    // Controls: another weight, and one score fewer.
    expect(distance((x) => lnHypoexponentialUpperTail(x, { n, alpha: 0.1 }))).toBeGreaterThan(band)
    expect(distance((x) => lnHypoexponentialUpperTail(x, { n: 2, alpha }))).toBeGreaterThan(band)
  })
})

describe('laws', () => {
  const cases = casesUpTo(1e5, weights)
  const RUNS = { seed: 3, numRuns: 300 }

  test('both tails together are certain', () => {
    fc.assert(
      fc.property(cases, ({ n, alpha, x }) => {
        const upper = Math.exp(lnHypoexponentialUpperTail(x, { n, alpha }))
        const lower = Math.exp(lnHypoexponentialLowerTail(x, { n, alpha }))
        expect(Math.abs(upper + lower - 1)).toBeLessThanOrEqual(4 * Number.EPSILON)
      }),
      RUNS,
    )
  })

  test('the keys may change places', () => {
    fc.assert(
      fc.property(cases, ({ n, alpha, x }) => {
        expect(lnHypoexponentialUpperTail(x, { n, alpha: 1 - alpha })).toBe(
          lnHypoexponentialUpperTail(x, { n, alpha }),
        )
      }),
      RUNS,
    )
  })

  test('a larger sum is never likelier, one score more never makes it rarer', () => {
    fc.assert(
      fc.property(cases, fc.double({ min: 0, max: 1, noNaN: true }), ({ n, alpha, x }, more) => {
        const here = lnHypoexponentialUpperTail(x, { n, alpha })
        const slack = 2 * rounding(n) * Math.abs(here)
        expect(lnHypoexponentialUpperTail(x * (1 + more), { n, alpha })).toBeLessThanOrEqual(here + slack)
        expect(lnHypoexponentialUpperTail(x, { n: n + 1, alpha })).toBeGreaterThanOrEqual(here - slack)
      }),
      RUNS,
    )
  })

  // Both sums are between min(w) T and max(w) T with T of shape 2n.
  test('it lies between the gamma tails of its smaller and its larger weight', () => {
    fc.assert(
      fc.property(cases, ({ n, alpha, x }) => {
        const [less, more] = [Math.min(alpha, 1 - alpha), Math.max(alpha, 1 - alpha)]
        const value = lnHypoexponentialUpperTail(x, { n, alpha })
        const slack = 2 * rounding(n) * Math.abs(value)
        expect(value).toBeLessThanOrEqual(lnGammaUpperTail(x / more, { shape: 2 * n }) + slack)
        if (less > 0)
          expect(value).toBeGreaterThanOrEqual(lnGammaUpperTail(x / less, { shape: 2 * n }) - slack)
        expect(value).toBeGreaterThanOrEqual(lnGammaUpperTail(x / more, { shape: n }) - slack)
      }),
      RUNS,
    )
  })

  test('for any numbers at all: a logarithm, at most 0, never NaN', () => {
    const anyAlpha = fc.oneof(
      weights,
      fc.constantFrom(1e-300, Number.MIN_VALUE, 2 ** -53, 0.5 - 2 ** -54, 0.5 + 2 ** -53, 1 - 2 ** -53),
    )
    const anyX = fc.oneof(
      fc.double({ min: -300, max: 300, noNaN: true }).map((digits) => 10 ** digits),
      fc.constantFrom(0, -0, 1e-300, 1e300),
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), anyAlpha, anyX, (n, alpha, x) => {
        const upper = lnHypoexponentialUpperTail(x, { n, alpha })
        const lower = lnHypoexponentialLowerTail(x, { n, alpha })
        for (const value of [upper, lower]) {
          expect(value).toBeLessThanOrEqual(0)
          expect(Object.is(value, -0)).toBe(false)
        }
        expect(upper === -Infinity).toBe(n === 0 && x > 0)
        expect(lower === -Infinity).toBe(n > 0 && x === 0)
      }),
      { seed: 4, numRuns: 500 },
    )
  })
})

describe('the gamma law of equal mean and variance, which engines quote', () => {
  /** What it says over what is true, at z standard deviations. */
  const ratio = ({ n, alpha }: HypoexponentialParameters, z: number): number => {
    const v = (1 - alpha) ** 2 + alpha ** 2
    const x = n + z * Math.sqrt(n * v)
    return Math.exp(lnGammaUpperTail(x / v, { shape: n / v }) - lnHypoexponentialUpperTail(x, { n, alpha }))
  }

  // Figures of an independent computation (Moschopoulos' series).
  test.each([
    { n: 20, alpha: 0.1, ratios: ['0.97', '0.87', '0.70', '0.52'] },
    { n: 200, alpha: 0.1, ratios: ['0.98', '0.92', '0.79', '0.61'] },
    { n: 1000, alpha: 0.1, ratios: ['0.99', '0.96', '0.87', '0.74'] },
    { n: 20, alpha: 0.2, ratios: ['0.95', '0.81', '0.57', '0.36'] },
  ])('n $n, alpha $alpha: p is too small by $ratios', ({ n, alpha, ratios }) => {
    expect([2.33, 4, 6, 8].map((z) => ratio({ n, alpha }, z).toFixed(2))).toEqual(ratios)
  })
})

describe('refuses', () => {
  const good = { n: 3, alpha: 0.1 }
  const tails = { lnHypoexponentialUpperTail, lnHypoexponentialLowerTail }
  describe.each(Object.entries(tails))('%s', (_, tail) => {
    test.each(wrongValues({ except: ['integer', 'number'] }))('x: %s', (_, x) => {
      expectRefusal(() => tail(x as number, good), 'x')
    })
    test.each([-1, Number.NaN, Infinity, 1e301, 1e-301, Number.MIN_VALUE])('x: %s', (x) => {
      expectRefusal(() => tail(x, good), 'x')
    })
    test.each(wrongValues({ except: ['record', 'object'] }))('parameters: %s', (_, parameters) => {
      expectRefusal(() => tail(1, parameters as HypoexponentialParameters), 'parameters')
    })
    test.each(wrongValues({ except: ['integer'] }))('n: %s', (_, n) => {
      expectRefusal(() => tail(1, { ...good, n: n as number }), 'n')
    })
    test.each([-1, 1.5, 1e9 + 1])('n: %s', (n) => {
      expectRefusal(() => tail(1, { ...good, n }), 'n')
    })
    test.each(wrongValues({ except: ['integer', 'number'] }))('alpha: %s', (_, alpha) => {
      expectRefusal(() => tail(1, { ...good, alpha: alpha as number }), 'alpha')
    })
    test.each([-0.1, 1.1, Number.NaN])('alpha: %s', (alpha) => {
      expectRefusal(() => tail(1, { ...good, alpha }), 'alpha')
    })
  })
})

/**
 * Sum over k of P[K = k] times the tail of Gamma(2n + k) at x / less: the gamma variable of the larger weight is a negative binomial
 * mixture of gamma variables of the smaller one (Moschopoulos 1985). The tail of the last term bounds what is left out.
 */
function lnMixture(
  x: number,
  { n, alpha }: HypoexponentialParameters,
  lnTail: (x: number, parameters: { shape: number }) => number,
): number {
  const [less, more] = [Math.min(alpha, 1 - alpha), Math.max(alpha, 1 - alpha)]
  if (less === more) return lnTail(x / less, { shape: 2 * n })
  const lnQ = Math.log1p(-less / more)
  const terms: number[] = []
  let lnWeight = n * Math.log(less / more)
  let largest = -Infinity
  for (let k = 0; ; k++) {
    const term = lnWeight + lnTail(x / less, { shape: 2 * n + k })
    terms.push(term)
    largest = Math.max(largest, term)
    const ratio = Math.exp(lnQ) * ((n + k) / (k + 1))
    const bound = lnTail === lnGammaUpperTail ? lnWeight : term
    if (ratio < 1 && bound + Math.log(ratio / (1 - ratio)) < largest - 40) break
    lnWeight += lnQ + Math.log((n + k) / (k + 1))
  }
  return largest + Math.log(terms.reduce((total, term) => total + Math.exp(term - largest), 0))
}
