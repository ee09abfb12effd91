/**
 * The gamma tail: against mpmath, against closed forms (Poisson sums; the normal tail for half-integer shapes), and by the laws that tie
 * its values to each other, for shapes from 1 to 1e12.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lnGammaLowerTail, lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { lnNormalUpperTail } from '../../src/stats/normal.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { referenceTails, relativeError } from './fixtures/read-tails.ts'

/**
 * Relative error of ln p. x and the shape are known to half a rounding, which at the mean moves ln p by sqrt(shape) roundings; the rest is
 * a few hundred of them. Where a tail is almost 1, the error of its tiny ln p is the absolute one of the other tail, at most e^-740.
 */
const rounding = (shape: number): number => 2e-13 + Math.sqrt(shape) * Number.EPSILON

describe('against mpmath', () => {
  test('shapes are real and whole, up to 1e12, and tails go from e^-1e-300 to e^-1e16', () => {
    const rows = referenceTails.gamma
    expect(rows.length).toBeGreaterThan(150)
    expect(rows.filter(({ shape }) => !Number.isInteger(shape)).length).toBeGreaterThan(50)
    expect(rows.some(({ lnSf }) => Number(lnSf) < -1e15)).toBe(true)
    expect(rows.some(({ lnSf }) => Math.abs(Number(lnSf)) < 1e-200)).toBe(true)
  })

  test.each(referenceTails.gamma)('shape $shape, x $x', ({ shape, x, lnSf, lnCdf }) => {
    expect(relativeError(lnGammaUpperTail(x, { shape }), lnSf)).toBeLessThan(rounding(shape))
    expect(relativeError(lnGammaLowerTail(x, { shape }), lnCdf)).toBeLessThan(rounding(shape))
  })
})

/** A shape of any size, and an x anywhere: by distance from the mean, or by ratio. */
const cases = fc
  .oneof(
    fc.integer({ min: 1, max: 300 }),
    fc.double({ min: 0, max: 8, noNaN: true }).map((digits) => 10 ** digits),
    fc.double({ min: 0, max: 8, noNaN: true }).map((digits) => Math.round(10 ** digits)),
  )
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      x: fc.oneof(
        fc.double({ min: -40, max: 40, noNaN: true }).map((z) => Math.max(0, shape + z * Math.sqrt(shape))),
        fc.double({ min: -12, max: 6, noNaN: true }).map((digits) => shape * 10 ** digits),
        fc.constantFrom(shape, shape * (1 - Number.EPSILON), shape * (1 + Number.EPSILON)),
      ),
    }),
  )
const RUNS = { seed: 1, numRuns: 2000 }

describe('against closed forms', () => {
  // P[Gamma(n) >= x] = P[Poisson(x) < n].
  test('whole shapes: a sum of Poisson probabilities', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: -3, max: 3, noNaN: true }).map((digits) => 10 ** digits),
        (shape, x) => {
          const upper = lnPoissonSum(x, 0, shape)
          const lower = lnPoissonSum(x, shape, shape + 200 + Math.ceil(4 * x))
          // The sum is off by a rounding of its exponents: about x and n ln(x / n) of them.
          const error = 1e-14 * (1 + x + shape * (Math.abs(Math.log(x)) + 4))
          expect(Math.abs(lnGammaUpperTail(x, { shape }) - upper)).toBeLessThan(error)
          if (upper < -1e-6) expect(Math.abs(lnGammaLowerTail(x, { shape }) - lower)).toBeLessThan(error)
        },
      ),
      RUNS,
    )
  })

  // Shape 1/2 is half a squared normal, and each step of the shape adds x^a exp(-x) / Gamma(a + 1).
  test('shapes that are half of an odd number: from the normal tail', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: -2, max: 2.5, noNaN: true }).map((digits) => 10 ** digits),
        (steps, x) => {
          let lnGamma = Math.log(Math.sqrt(Math.PI) / 2)
          let total = Math.LN2 + lnNormalUpperTail(Math.sqrt(2 * x))
          for (let i = 0; i < steps; i++) {
            const a = i + 0.5
            total = lnAdd(total, a * Math.log(x) - x - lnGamma)
            lnGamma += Math.log(a + 1)
          }
          const value = lnGammaUpperTail(x, { shape: steps + 0.5 })
          expect(Math.abs(value - total)).toBeLessThan(1e-14 * (10 + x + steps * (Math.abs(Math.log(x)) + 4)))
        },
      ),
      RUNS,
    )
  })

  test('shape 1 is the exponential law itself', () => {
    for (const x of [1, 2, 700, 1e5, 1e300, Number.MAX_VALUE])
      expect(Math.abs(lnGammaUpperTail(x, { shape: 1 }) / -x - 1)).toBeLessThan(1e-15)
    // Below 1, as the complement of exp(-700) and more.
    for (const x of [1e-300, 1e-9, 0.5, 0.99])
      expect(Math.abs(lnGammaUpperTail(x, { shape: 1 }) / -x - 1)).toBeLessThan(1e-13)
  })
})

describe('laws', () => {
  test('both tails together are certain', () => {
    fc.assert(
      fc.property(cases, ({ shape, x }) => {
        const total = Math.exp(lnGammaUpperTail(x, { shape })) + Math.exp(lnGammaLowerTail(x, { shape }))
        expect(Math.abs(total - 1)).toBeLessThanOrEqual(4 * Number.EPSILON)
      }),
      RUNS,
    )
  })

  // P[Gamma(a + 1) >= x] - P[Gamma(a) >= x] = x^a exp(-x) / Gamma(a + 1), and the next difference is x / (a + 1) times this one.
  test('the steps from shape to shape are in their ratio', () => {
    fc.assert(
      fc.property(cases, ({ shape, x }) => {
        const [p0, p1, p2] = [0, 1, 2].map((more) => lnGammaUpperTail(x, { shape: shape + more })) as [
          number,
          number,
          number,
        ]
        fc.pre(p0 > -600 && p2 < -1e-3 && p1 - p0 > 1e-6)
        const [first, second] = [Math.expm1(p1 - p0), Math.exp(p1 - p0) * Math.expm1(p2 - p1)]
        // Each difference has lost what the two values have in common.
        const lost = (3 * rounding(shape) * Math.abs(p0)) / Math.min(first, second)
        expect(Math.abs((second * (shape + 1)) / (first * x) - 1)).toBeLessThan(lost + 1e-12)
      }),
      RUNS,
    )
  })

  test('a larger sum is never likelier, one score more never makes it rarer', () => {
    fc.assert(
      fc.property(cases, fc.double({ min: 0, max: 1, noNaN: true }), ({ shape, x }, more) => {
        const here = lnGammaUpperTail(x, { shape })
        const slack = 2 * rounding(shape) * Math.abs(here)
        expect(lnGammaUpperTail(x * (1 + more), { shape })).toBeLessThanOrEqual(here + slack)
        expect(lnGammaUpperTail(x, { shape: shape + more })).toBeGreaterThanOrEqual(here - slack)
      }),
      RUNS,
    )
  })

  test('nothing happens where the method changes', () => {
    for (const shape of [1, 1.5, 20, 1e3, 1e5 + 0.25, 1e8]) {
      const [below, at] = [shape * (1 - Number.EPSILON), shape].map((x) =>
        lnGammaUpperTail(x, { shape }),
      ) as [number, number]
      expect(Math.abs(below / at - 1)).toBeLessThan(3 * rounding(shape))
    }
  })

  test('for any numbers at all: a logarithm, at most 0, never NaN, finite where the event is possible', () => {
    const shapes = fc.double({ min: 0, max: 12, noNaN: true }).map((digits) => 10 ** digits)
    const anyX = fc.oneof(
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(0, -0, Number.MIN_VALUE, Number.MAX_VALUE),
    )
    fc.assert(
      fc.property(shapes, anyX, (shape, x) => {
        const [upper, lower] = [lnGammaUpperTail(x, { shape }), lnGammaLowerTail(x, { shape })]
        for (const value of [upper, lower]) {
          expect(value).toBeLessThanOrEqual(0)
          expect(Object.is(value, -0)).toBe(false)
        }
        expect(upper).toBeGreaterThan(-Infinity)
        expect(lower === -Infinity).toBe(x === 0)
      }),
      { seed: 2, numRuns: 1000 },
    )
  })
})

describe('what went wrong elsewhere', () => {
  test('1,000 scores that sum to 1,200: the large-x series that starts one factor late is off by 0.5 per cent', () => {
    const [shape, x] = [1000, 1200]
    // DLMF 8.11.2: Gamma(a, x) = x^(a - 1) exp(-x) (1 + (a - 1) / x + (a - 1) (a - 2) / x^2 + ...), which ends for a whole a.
    const series = (first: number): number => {
      let [sum, term] = [1, 1]
      for (let factor = first; factor > 0; factor--) {
        term *= factor / x
        sum += term
      }
      return sum
    }
    const lnFactorial = Array.from({ length: shape - 1 }, (_, i) => Math.log(i + 1)).reduce((a, b) => a + b)
    const lnTail = (first: number): number =>
      (shape - 1) * Math.log(x) - x - lnFactorial + Math.log(series(first))
    const ours = lnGammaUpperTail(x, { shape })
    expect(Math.abs(lnTail(shape - 1) - ours)).toBeLessThan(1e-11)
    expect(Math.expm1(lnTail(shape) - ours)).toBeGreaterThan(1e-3)
    expect(Math.exp(ours).toPrecision(6)).toBe('1.28816e-9')
  })

  test('a z-test would accuse too soon: 64 scores at 6 standard deviations', () => {
    const exact = lnGammaUpperTail(64 + 6 * 8, { shape: 64 })
    expect(Math.exp(exact - lnNormalUpperTail(6))).toBeGreaterThan(20)
  })

  test('a tail far below the smallest double is not a floor', () => {
    expect(lnGammaUpperTail(1e9, { shape: 1e5 }) / Math.LN10).toBeLessThan(-4e8)
    expect(lnGammaUpperTail(1e9 + 1e3, { shape: 1e5 })).toBeLessThan(lnGammaUpperTail(1e9, { shape: 1e5 }))
  })
})

describe('refuses', () => {
  describe.each(Object.entries({ lnGammaUpperTail, lnGammaLowerTail }))('%s', (_, tail) => {
    test.each(wrongValues({ except: ['integer', 'number'] }))('x: %s', (_, x) => {
      expectRefusal(() => tail(x as number, { shape: 1 }), 'x')
    })
    test.each([-1, -1e-300, Number.NaN, Infinity])('x: %s', (x) => {
      expectRefusal(() => tail(x, { shape: 1 }), 'x')
    })
    test.each(wrongValues({ except: ['record', 'object'] }))('parameters: %s', (_, parameters) => {
      expectRefusal(() => tail(1, parameters as { shape: number }), 'parameters')
    })
    test.each(wrongValues({ except: ['integer', 'number'] }))('shape: %s', (_, shape) => {
      expectRefusal(() => tail(1, { shape: shape as number }), 'shape')
    })
    test.each([0, 0.5, 1 - 2 ** -53, -1, 1e13, Number.NaN, Infinity])('shape: %s', (shape) => {
      expectRefusal(() => tail(1, { shape }), 'shape')
    })
  })
})

/** ln of the sum of exp(-x) x^j / j! for j = from..to - 1. */
function lnPoissonSum(x: number, from: number, to: number): number {
  let lnTerm = -x
  let total = -Infinity
  for (let j = 0; j < to; j++) {
    if (j >= from) total = lnAdd(total, lnTerm)
    lnTerm += Math.log(x / (j + 1))
  }
  return total
}

/** ln(exp(a) + exp(b)). */
function lnAdd(a: number, b: number): number {
  const [high, low] = a > b ? [a, b] : [b, a]
  return high === -Infinity ? high : high + Math.log1p(Math.exp(low - high))
}
