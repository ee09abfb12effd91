/** Power and sample size: against exact arithmetic and brute force, and by the laws that tie them together. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { criticalCount, power, sampleSize } from '../../src/stats/power.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { binomialUpperTails, lnOf } from './exact.ts'

describe('against exact arithmetic', () => {
  test.each([1, 20, 64, 128, 200])('gamma = %i / 256', (green) => {
    for (const n of [1, 2, 7, 30, 60]) {
      const lnTails = binomialUpperTails(n, green).map(lnOf)
      for (const alpha of [0.5, 0.05, 1e-6]) {
        const least = lnTails.findIndex((lnP) => lnP <= Math.log(alpha))
        const k = least < 0 ? n + 1 : least
        expect(criticalCount({ n, gamma: green / 256, alpha })).toBe(k)
        for (const rate of [1, 100, 250]) {
          const exact = k > n ? 0 : Math.exp(lnOf(binomialUpperTails(n, rate)[k]!))
          const value = power({ n, gamma: green / 256, rate: rate / 256, alpha })
          expect(Math.abs(value - exact)).toBeLessThanOrEqual(1e-12 * exact)
        }
      }
    }
  })
})

const rates = fc.double({ min: 0.01, max: 0.99, noNaN: true })
const alphas = fc.double({ min: -8, max: -0.1, noNaN: true }).map((digits) => 10 ** digits)
const sizes = fc.double({ min: 0, max: 6, noNaN: true }).map((digits) => Math.round(10 ** digits))
const RUNS = { seed: 1, numRuns: 500 }

describe('laws', () => {
  test('the critical count is evidence, and one less is not', () => {
    fc.assert(
      fc.property(sizes, rates, alphas, (n, gamma, alpha) => {
        const k = criticalCount({ n, gamma, alpha })
        if (k <= n) expect(lnBinomialUpperTail(k, { n, p: gamma })).toBeLessThanOrEqual(Math.log(alpha))
        expect(lnBinomialUpperTail(k - 1, { n, p: gamma })).toBeGreaterThan(Math.log(alpha))
      }),
      RUNS,
    )
  })

  test('at gamma it is the size of the test: at most alpha', () => {
    fc.assert(
      fc.property(sizes, rates, alphas, (n, gamma, alpha) => {
        expect(power({ n, gamma, rate: gamma, alpha })).toBeLessThanOrEqual(alpha * (1 + 1e-12))
      }),
      RUNS,
    )
  })

  test('a higher rate or a larger alpha never means less of it', () => {
    fc.assert(
      fc.property(
        sizes,
        rates,
        rates,
        alphas,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, gamma, rate, alpha, f) => {
          const here = power({ n, gamma, rate, alpha })
          expect(power({ n, gamma, rate: rate + (1 - rate) * f, alpha })).toBeGreaterThanOrEqual(
            here * (1 - 1e-12),
          )
          expect(power({ n, gamma, rate, alpha: alpha + (1 - alpha) * f * 0.99 })).toBeGreaterThanOrEqual(
            here * (1 - 1e-12),
          )
        },
      ),
      RUNS,
    )
  })

  test('certain and hopeless rates', () => {
    expect(power({ n: 20, gamma: 0.5, rate: 1, alpha: 1e-6 })).toBe(1)
    expect(power({ n: 19, gamma: 0.5, rate: 1, alpha: 1e-6 })).toBe(0)
    expect(power({ n: 100, gamma: 0.5, rate: 0, alpha: 1e-6 })).toBe(0)
    expect(power({ n: 0, gamma: 0.5, rate: 1, alpha: 0.5 })).toBe(0)
  })
})

/** A test with a sample size that brute force can reach: the normal law says at most a few hundred. */
const smallTests = fc
  .record({
    gamma: fc.oneof(fc.constantFrom(0.25, 0.5, 1 / 256), fc.double({ min: 0.02, max: 0.9, noNaN: true })),
    gap: fc.double({ min: 0.15, max: 1, noNaN: true }),
    alpha: fc.constantFrom(0.5, 0.3, 0.05, 1e-3, 1e-6),
    power: fc.constantFrom(0.05, 0.5, 0.8, 0.99),
  })
  .map(({ gamma, gap, alpha, power }) => ({ gamma, rate: gamma + (1 - gamma) * gap, alpha, power }))

/** Powers at n = 0, 1, ... */
function powersUpTo(
  limit: number,
  { gamma, rate, alpha }: { gamma: number; rate: number; alpha: number },
): number[] {
  return Array.from({ length: limit + 1 }, (_, n) => power({ n, gamma, rate, alpha }))
}

describe('sample size', () => {
  test('is the n from which on the power never falls below, by brute force', () => {
    fc.assert(
      fc.property(smallTests, (wanted) => {
        const n = sampleSize(wanted)
        const powers = powersUpTo(3 * n + 100, wanted)
        // To the last digit of a power, two ways of computing may differ: none of these comes that close.
        expect(powers[n]!).toBeGreaterThanOrEqual(wanted.power)
        expect(Math.min(...powers.slice(n))).toBeGreaterThanOrEqual(wanted.power)
        expect(powers[n - 1]!).toBeLessThan(wanted.power)
      }),
      { seed: 2, numRuns: 150 },
    )
  })

  // The saw is real: the first n that reaches the power is often not the last that misses it.
  test('and not the first n that reaches it', () => {
    const wanted = { gamma: 0.25, rate: 0.4, alpha: 1e-6, power: 0.8 }
    const n = sampleSize(wanted)
    const first = powersUpTo(n, wanted).findIndex((p) => p >= wanted.power)
    expect(first).toBeLessThan(n)
    expect(
      powersUpTo(n, wanted)
        .slice(first)
        .some((p) => p < wanted.power),
    ).toBe(true)
  })

  // What the walk back rests on: the least power of a tooth, read one pair before it begins, grows from tooth to tooth.
  test('the feet of the saw rise: a longer run at a rate that is barely above gamma', () => {
    const [gamma, rate, alpha] = [0.25, 0.2588, 1e-6]
    const n = sampleSize({ gamma, rate, alpha, power: 0.8 })
    let k = criticalCount({ n, gamma, alpha })
    let least = 1
    for (let i = n; i < n + 400; i++) {
      const next = criticalCount({ n: i, gamma, alpha })
      if (next > k) least = Math.min(least, power({ n: i, gamma, rate, alpha }))
      k = next
    }
    expect(least).toBeGreaterThanOrEqual(0.8)
    expect(power({ n: n - 1, gamma, rate, alpha })).toBeLessThan(0.8)
  })

  test('alpha 1e-6, gamma 1/4, rate 0.2588: about 75,800 pairs, as the normal law says; exactly 1.2 per cent more', () => {
    const test = { gamma: 0.25, rate: 0.2588, alpha: 1e-6, power: 0.8 }
    const n = sampleSize(test)
    expect(n).toBe(76_688)
    // z of 1e-6 and of 0.8, over the rate's distance in standard deviations.
    const normal = ((4.753424 + 0.841621) / (0.0088 / Math.sqrt(0.25 * 0.75))) ** 2
    expect(Math.round(normal / 100) * 100).toBe(75_800)
    expect(Math.abs(n / normal - 1)).toBeLessThan(0.015)
    expect(power({ n: 75_800, ...withoutPower(test) })).toBeGreaterThan(0.78)
  })

  test('more power, a smaller alpha or a weaker mark never take fewer pairs', () => {
    fc.assert(
      fc.property(smallTests, fc.double({ min: 0.1, max: 1, noNaN: true }), (wanted, part) => {
        const n = sampleSize(wanted)
        expect(sampleSize({ ...wanted, power: 1 - (1 - wanted.power) * part })).toBeGreaterThanOrEqual(n)
        expect(sampleSize({ ...wanted, alpha: wanted.alpha * part })).toBeGreaterThanOrEqual(n)
        const weaker = wanted.gamma + (wanted.rate - wanted.gamma) * Math.max(0.5, part)
        expect(sampleSize({ ...wanted, rate: weaker })).toBeGreaterThanOrEqual(n)
      }),
      { seed: 3, numRuns: 150 },
    )
  })

  test('a rate that a billion pairs cannot tell from gamma is refused by name', () => {
    const wanted = { gamma: 0.25, rate: 0.25 + 1e-6, alpha: 1e-6, power: 0.8 }
    expectRefusal(() => sampleSize(wanted), 'test.rate')
  })
})

function withoutPower({ gamma, rate, alpha }: { gamma: number; rate: number; alpha: number }): {
  gamma: number
  rate: number
  alpha: number
} {
  return { gamma, rate, alpha }
}

describe('refuses', () => {
  const good = { n: 10, gamma: 0.25, rate: 0.4, alpha: 1e-3 }
  const wanted = { gamma: 0.25, rate: 0.4, alpha: 1e-3, power: 0.8 }
  const { gamma, alpha, n } = good

  test.each(wrongValues({ except: ['record', 'object'] }))('test: %s', (_, wrong) => {
    expectRefusal(() => criticalCount(wrong as typeof good), 'test')
    expectRefusal(() => power(wrong as typeof good), 'test')
    expectRefusal(() => sampleSize(wrong as typeof wanted), 'test')
  })
  test.each(wrongValues({ except: ['integer'] }))('n: %s', (_, wrong) => {
    expectRefusal(() => power({ ...good, n: wrong as number }), 'test.n')
    expectRefusal(() => criticalCount({ n: wrong as number, gamma, alpha }), 'test.n')
  })
  test.each([0, 1, -0.1, 1.1, Number.NaN, undefined, '0.5'])('a probability of %s', (wrong) => {
    const p = wrong as number
    for (const name of ['gamma', 'alpha'] as const) {
      expectRefusal(() => power({ ...good, [name]: p }), `test.${name}`)
      expectRefusal(() => criticalCount({ n, gamma, alpha, [name]: p }), `test.${name}`)
      expectRefusal(() => sampleSize({ ...wanted, [name]: p }), `test.${name}`)
    }
    expectRefusal(() => sampleSize({ ...wanted, power: p }), 'test.power')
  })
  test.each([-0.1, 1.1, Number.NaN, undefined])('a rate of %s', (rate) => {
    expectRefusal(() => power({ ...good, rate: rate as number }), 'test.rate')
  })
  test.each([0.25, 0.1, 1.1, Number.NaN, undefined])('a rate to be found of %s', (rate) => {
    expectRefusal(() => sampleSize({ ...wanted, rate: rate as number }), 'test.rate')
  })
  test('an option that does not exist', () => {
    expectRefusal(() => sampleSize({ ...wanted, n: 3 } as typeof wanted), 'test')
  })
})
