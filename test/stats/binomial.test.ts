/**
 * The binomial tail: against exact rational arithmetic where that is possible, and by laws that tie its values to each other
 * over n from 1 to 1e9, any p and tails down to 10^-10^10. Vectors from another implementation: test/vectors/tails.test.ts.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BinomialParameters,
  lnBinomialLowerTail,
  lnBinomialPmf,
  lnBinomialUpperTail,
} from '../../src/stats/binomial.ts'
import { stirlingError } from '../../src/stats/saddle-point.ts'
import { twoProduct } from '../../src/stats/two-product.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { binomialUpperTails, binomialWeights, fixedOf, lnOf, PLACES } from './exact.ts'
import { lnNormalTail } from './normal-tail.ts'

/**
 * Relative error of ln p that is asked for: a few hundred roundings. Where a tail is almost 1 its ln is almost 0 and -expm1(ln) is
 * the other tail, so there the same number bounds the relative error of the ln of the other.
 */
const ROUNDING = 1e-13

describe('against exact rational arithmetic', () => {
  const greens = [1, 2, 13, 64, 100, 128, 200, 254, 255]

  test.each(greens)('all tails and probabilities for p = %i / 256', (green) => {
    const p = green / 256
    for (const n of [1, 2, 3, 5, 8, 13, 21, 34, 60]) {
      const tails = binomialUpperTails(n, green)
      const weights = binomialWeights(n, green)
      const { denominator } = tails[0]!
      for (let k = 0; k <= n; k++) {
        const { numerator } = tails[k]!
        expectLn(lnBinomialUpperTail(k, { n, p }), lnOf(tails[k]!))
        if (k > 0) {
          const lower = { numerator: denominator - numerator, denominator }
          expectLn(lnBinomialLowerTail(k - 1, { n, p }), lnOf(lower))
        }
        expectLn(lnBinomialPmf(k, { n, p }), lnOf({ numerator: weights[k]!, denominator }))
      }
    }
  })

  test('for any such n, p and k', () => {
    const cases = fc
      .record({ n: fc.integer({ min: 1, max: 60 }), green: fc.integer({ min: 1, max: 255 }) })
      .chain(({ n, green }) => fc.tuple(fc.constant(n), fc.constant(green), fc.integer({ min: 0, max: n })))
    fc.assert(
      fc.property(cases, ([n, green, k]) => {
        expectLn(lnBinomialUpperTail(k, { n, p: green / 256 }), lnOf(binomialUpperTails(n, green)[k]!))
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  function expectLn(value: number, expected: number): void {
    const scale = Math.abs(expected) * Math.max(1, Math.abs(Math.log(Math.abs(expected) || 1)))
    const error = Math.abs(value - expected)
    if (!(error <= ROUNDING * scale)) expect.fail(`expected ${expected}, got ${value}`)
  }
})

/** Any law: n of any size up to 1e9, p of any size at either end, and exact fractions as profiles have them. */
const laws: fc.Arbitrary<BinomialParameters> = fc.record({
  n: fc.oneof(
    fc.integer({ min: 1, max: 100 }),
    fc.double({ min: 0, max: 9, noNaN: true }).map((digits) => Math.round(10 ** digits)),
  ),
  p: fc.oneof(
    fc.constantFrom(1e-12, 1 - 1e-12, 1 / 256, 1 / 4, 1 / 2, 255 / 256),
    fc.double({ min: -12, max: -0.01, noNaN: true }).map((digits) => 10 ** digits),
    fc.double({ min: -12, max: -0.01, noNaN: true }).map((digits) => 1 - 10 ** digits),
    fc.integer({ min: 1, max: 255 }).map((green) => green / 256),
  ),
})

/** A law with a count 0..n: anywhere, near the mean (where the method changes), or near an end. */
const cases = laws.chain((law) => {
  const { n, p } = law
  const deviation = Math.sqrt(n * p * (1 - p))
  const within = (k: number): number => Math.min(n, Math.max(0, Math.round(k)))
  const k = fc.oneof(
    fc.integer({ min: 0, max: n }),
    fc.double({ min: -40, max: 40, noNaN: true }).map((z) => within(n * p + z * deviation)),
    fc.integer({ min: -3, max: 3 }).map((step) => within((n + 1) * p + step)),
    fc.nat(3).map(within),
    fc.nat(3).map((step) => within(n - step)),
  )
  return fc.record({ law: fc.constant(law), k })
})

const RUNS = { seed: 2, numRuns: 2000 }

/** ln(exp(a) + exp(b)). */
function lnAdd(a: number, b: number): number {
  const [high, low] = a > b ? [a, b] : [b, a]
  return high === -Infinity ? high : high + Math.log1p(Math.exp(low - high))
}

/** Equal up to rounding, relative to the larger; absolute where both are ln of something near 1. */
function expectNear(a: number, b: number): void {
  if (a === b) return
  if (!(Math.abs(a - b) <= 4 * ROUNDING * Math.max(1, Math.abs(a), Math.abs(b)))) expect.fail(`${a} and ${b}`)
}

describe('laws', () => {
  test('a tail is the next one and one probability: from above', () => {
    fc.assert(
      fc.property(cases, ({ law, k }) => {
        expectNear(lnBinomialUpperTail(k, law), lnAdd(lnBinomialUpperTail(k + 1, law), lnBinomialPmf(k, law)))
      }),
      RUNS,
    )
  })

  test('and from below', () => {
    fc.assert(
      fc.property(cases, ({ law, k }) => {
        expectNear(lnBinomialLowerTail(k, law), lnAdd(lnBinomialLowerTail(k - 1, law), lnBinomialPmf(k, law)))
      }),
      RUNS,
    )
  })

  test('both tails together are certain', () => {
    fc.assert(
      fc.property(cases, ({ law, k }) => {
        const total = Math.exp(lnBinomialUpperTail(k, law)) + Math.exp(lnBinomialLowerTail(k - 1, law))
        expect(Math.abs(total - 1)).toBeLessThanOrEqual(4 * Number.EPSILON)
      }),
      RUNS,
    )
  })

  test('ones read upwards are zeros read downwards', () => {
    fc.assert(
      fc.property(cases, ({ law: { n, p }, k }) => {
        fc.pre(1 - (1 - p) === p)
        expectNear(lnBinomialUpperTail(k, { n, p }), lnBinomialLowerTail(n - k, { n, p: 1 - p }))
        expectNear(lnBinomialPmf(k, { n, p }), lnBinomialPmf(n - k, { n, p: 1 - p }))
      }),
      RUNS,
    )
  })

  test('more ones are never likelier', () => {
    fc.assert(
      fc.property(cases, ({ law, k }) => {
        const [here, next] = [lnBinomialUpperTail(k, law), lnBinomialUpperTail(k + 1, law)]
        expect(next).toBeLessThanOrEqual(here + ROUNDING * Math.abs(here))
      }),
      RUNS,
    )
  })

  test('a higher rate never makes many ones rarer', () => {
    fc.assert(
      fc.property(cases, fc.double({ min: 0, max: 1, noNaN: true }), ({ law: { n, p }, k }, part) => {
        const [low, high] = [
          lnBinomialUpperTail(k, { n, p: p * part }),
          lnBinomialUpperTail(k, { n, p }),
        ] as const
        expect(low).toBeLessThanOrEqual(high + ROUNDING * Math.abs(high))
      }),
      RUNS,
    )
  })

  // P[Bin(n + 1) >= k] <= P[Bin(n) >= k - 1]: a pair more can add one green at most. Robustness to insertions rests on it.
  test('one score more adds at most one', () => {
    fc.assert(
      fc.property(cases, ({ law: { n, p }, k }) => {
        const [more, here, fewer] = [
          lnBinomialUpperTail(k, { n: n + 1, p }),
          lnBinomialUpperTail(k, { n, p }),
          lnBinomialUpperTail(k - 1, { n, p }),
        ] as const
        expect(more).toBeGreaterThanOrEqual(here - 4 * ROUNDING * Math.abs(here))
        expect(more).toBeLessThanOrEqual(fewer + 4 * ROUNDING * Math.abs(fewer))
      }),
      RUNS,
    )
  })

  test('for any numbers at all: a logarithm, at most 0, never NaN, finite where the event is possible', () => {
    const anyP = fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom(0, -0, 1, Number.MIN_VALUE, 2 ** -1022, 1 - 2 ** -53, 2 ** -53),
    )
    const anyCase = fc.tuple(fc.integer({ min: 0, max: 1e9 }), anyP).chain(([n, p]) =>
      fc.record({
        n: fc.constant(n),
        p: fc.constant(p),
        k: fc.oneof(fc.integer({ min: -2, max: n + 2 }), fc.maxSafeInteger()),
      }),
    )
    fc.assert(
      fc.property(anyCase, ({ n, p, k }) => {
        const upper = lnBinomialUpperTail(k, { n, p })
        const lower = lnBinomialLowerTail(k, { n, p })
        const point = lnBinomialPmf(k, { n, p })
        for (const value of [upper, lower, point]) {
          expect(value).toBeLessThanOrEqual(0)
          expect(Object.is(value, -0)).toBe(false)
        }
        expect(upper === -Infinity).toBe(k > n || (k > 0 && p === 0))
        expect(lower === -Infinity).toBe(k < 0 || (k < n && p === 1))
        // A point is never likelier than a tail that it belongs to, up to rounding.
        if (point > -Infinity) {
          expect(point).toBeLessThanOrEqual(upper + ROUNDING * Math.abs(point))
          expect(point).toBeLessThanOrEqual(lower + ROUNDING * Math.abs(point))
        }
      }),
      { seed: 3, numRuns: 2000 },
    )
  })
})

describe('what went wrong elsewhere', () => {
  test('nothing counted says nothing: p is 1, not 0', () => {
    expect(lnBinomialUpperTail(0, { n: 0, p: 0.25 })).toBe(0)
    expect(lnBinomialLowerTail(0, { n: 0, p: 0.25 })).toBe(0)
    expect(lnBinomialPmf(0, { n: 0, p: 0.25 })).toBe(0)
  })

  test('148 green of 371 at 1/4: p = 2.1e-10, where a z-test says 1.7e-11', () => {
    const exact = Math.exp(lnBinomialUpperTail(148, { n: 371, p: 0.25 }))
    const z = (148 - 371 / 4) / Math.sqrt((371 * 3) / 16)
    expect(exact.toPrecision(2)).toBe('2.1e-10')
    expect(Math.exp(lnNormalTail(z)).toPrecision(2)).toBe('1.7e-11')
  })

  test.each([
    [640, '3.32e-19'],
    [650, '8.08e-22'],
    [700, '8.83e-38'],
  ])('%i of 1000 at 1/2 is not 0, as one minus the other tail would be', (k, p) => {
    expect(Math.exp(lnBinomialUpperTail(k, { n: 1000, p: 0.5 })).toPrecision(3)).toBe(p)
  })

  test.each([
    // n ln p, far below what a double could hold as a probability.
    { n: 1e6, p: 0.5, k: 1e6, decades: -301029.9956639812 },
    { n: 1e9, p: 1e-12, k: 1e9, decades: -12e9 },
    { n: 1e9, p: 1 / 256, k: 1e9, decades: -2408239965.31185 },
  ])('all $n at $p: 10^$decades, not 10^-Infinity and not a floor', ({ n, p, k, decades }) => {
    const log10P = lnBinomialUpperTail(k, { n, p }) / Math.LN10
    expect(Math.abs(log10P / decades - 1)).toBeLessThan(1e-12)
    // One fewer: n times likelier and (1 - p) / p times.
    const gain = Math.log(n) + Math.log((1 - p) / p)
    const one = lnBinomialUpperTail(k - 1, { n, p }) - lnBinomialUpperTail(k, { n, p })
    expect(Math.abs(one - gain)).toBeLessThan(1e-15 * Math.abs(log10P) * Math.LN10 + 1e-3)
  })

  test('no ones is q^n, to the last digit', () => {
    expect(lnBinomialLowerTail(0, { n: 10, p: 0.5 })).toBe(10 * Math.log(0.5))
    expect(Math.exp(lnBinomialPmf(1, { n: 2, p: 0.5 })).toFixed(6)).toBe('0.500000')
  })

  test('a tiny p is tiny however it is reached: no step in between turns back to moderate values', () => {
    const law = { n: 20_000, p: 0.25 }
    let last = 0
    for (let k = 5000; k <= 20_000; k += 50) {
      const here = lnBinomialUpperTail(k, law)
      expect(here).toBeLessThan(last)
      last = here
    }
  })
})

describe('pieces', () => {
  // d(n) = ln n! - Stirling, so d(n) - d(n + 1) = (n + 1/2) ln(1 + 1/n) - 1 = v^2/3 + v^4/5 + ... with v = 1 / (2n + 1).
  test('the error of Stirling’s formula, by summing its steps from far out', () => {
    const step = (n: number): number => {
      const square = (2 * n + 1) ** -2
      let [sum, power] = [0, square]
      for (let odd = 3; power > 1e-25; odd += 2) {
        sum += power / odd
        power *= square
      }
      return sum
    }
    const far = 400
    // 1/(12n) - 1/(360n^3) + 1/(1260n^5): the next term is below 1e-21 there.
    let error = 1 / (12 * far) - 1 / (360 * far ** 3) + 1 / (1260 * far ** 5)
    for (let n = far - 1; n >= 1; n--) {
      error += step(n)
      expect(Math.abs(stirlingError(n) / error - 1), `n = ${n}`).toBeLessThan(1e-14)
    }
  })

  test('a product of doubles without loss', () => {
    const doubles = fc.double({ min: 1e-12, max: 1e12, noNaN: true })
    fc.assert(
      fc.property(doubles, doubles, (a, b) => {
        const { high, low } = twoProduct(a, b)
        expect(high).toBe(a * b)
        expect(fixedOf(high) + fixedOf(low)).toBe((fixedOf(a) * fixedOf(b)) >> PLACES)
      }),
      { seed: 4, numRuns: 500 },
    )
  })
})

describe('refuses', () => {
  const law = { n: 10, p: 0.5 }
  const tails = { lnBinomialUpperTail, lnBinomialLowerTail, lnBinomialPmf }
  describe.each(Object.entries(tails))('%s', (_, tail) => {
    test.each(wrongValues({ except: ['integer'] }))('k: %s', (_, k) => {
      expectRefusal(() => tail(k as number, law), 'k')
    })
    test.each(wrongValues({ except: ['record', 'object'] }))('parameters: %s', (_, parameters) => {
      expectRefusal(() => tail(1, parameters as BinomialParameters), 'parameters')
    })
    test.each(wrongValues({ except: ['integer'] }))('n: %s', (_, n) => {
      expectRefusal(() => tail(1, { ...law, n: n as number }), 'n')
    })
    test.each(wrongValues({ except: ['integer', 'number'] }))('p: %s', (_, p) => {
      expectRefusal(() => tail(1, { ...law, p: p as number }), 'p')
    })
    test.each([-1, 2 ** 53])('n: %s', (n) => {
      expectRefusal(() => tail(1, { ...law, n }), 'n')
    })
    test.each([-1e-300, 1 + 2 ** -52, Number.NaN, Infinity, 1.5])('p: %s', (p) => {
      expectRefusal(() => tail(1, { ...law, p }), 'p')
    })
  })
})
