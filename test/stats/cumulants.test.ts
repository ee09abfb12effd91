/** Cumulants of one score: against sums over the law, by the calculus that ties them together, and between laws. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assertScoreLaw, type ScoreLaw, scoreCumulants, tiltedScore } from '../../src/stats/cumulants.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const probabilities = fc.oneof(
  fc.integer({ min: 1, max: 255 }).map((k) => k / 256),
  fc.double({ min: -9, max: -0.01, noNaN: true }).map((digits) => 10 ** digits),
)
const laws: fc.Arbitrary<ScoreLaw> = fc.oneof(
  probabilities.map((p) => ({ kind: 'bernoulli' as const, p })),
  fc.constant({ kind: 'exponential' as const }),
  fc
    .tuple(fc.integer({ min: 1, max: 30 }), probabilities)
    .map(([trials, p]) => ({ kind: 'binomial' as const, trials, p })),
  fc.double({ min: 0, max: 1, noNaN: true }).map((alpha) => ({ kind: 'hypoexponential' as const, alpha })),
)

/** A law and a tilt: of any size below, and up to 0.999 of what the law permits above. */
const cases = fc
  .tuple(laws, fc.double({ min: -12, max: 2, noNaN: true }), fc.boolean())
  .map(([law, digits, up]) => {
    const { tiltBelow } = scoreCumulants(law)
    const size = 10 ** digits
    return { law, t: up ? (tiltBelow < Infinity ? tiltBelow * 0.999 * Math.min(1, size) : size) : -size }
  })
const RUNS = { seed: 1, numRuns: 2000 }

describe('against sums over the law', () => {
  test('a bit: p and 1 - p, tilted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 255 }), fc.double({ min: -20, max: 20, noNaN: true }), (k, t) => {
        fc.pre(Math.abs(t) > 0.01)
        const p = k / 256
        const total = (1 - p) * Math.exp(-t * p) + p * Math.exp(t * (1 - p))
        const tilted = (p * Math.exp(t * (1 - p))) / total
        const { lnMgf, excess, variance } = tiltedScore({ kind: 'bernoulli', p }, t)
        expect(lnMgf).toBeCloseTo(Math.log(total), 12)
        expect(excess).toBeCloseTo(tilted - p, 13)
        expect(variance).toBeCloseTo(tilted * (1 - tilted), 13)
      }),
      RUNS,
    )
  })

  test('an exponential score: -ln(1 - t) - t', () => {
    for (const t of [-50, -2, -0.5, 0.3, 0.9, 0.999]) {
      const { lnMgf, excess, variance } = tiltedScore({ kind: 'exponential' }, t)
      expect(lnMgf).toBeCloseTo(-Math.log(1 - t) - t, 12)
      expect(excess / (t / (1 - t))).toBeCloseTo(1, 12)
      expect(variance * (1 - t) ** 2).toBeCloseTo(1, 12)
    }
  })

  test('mean, variance, third and fourth cumulant of bits, from their moments', () => {
    for (const [trials, p] of [
      [1, 0.25],
      [7, 0.9],
      [30, 0.5],
    ] as const) {
      const law = { kind: 'binomial', trials, p } as const
      const chance = (k: number): number => choose(trials, k) * p ** k * (1 - p) ** (trials - k)
      const mean = trials * p
      const moment = (power: number): number => {
        let total = 0
        for (let k = 0; k <= trials; k++) total += chance(k) * (k - mean) ** power
        return total
      }
      const cumulants = scoreCumulants(law)
      expect(cumulants.mean).toBe(mean)
      expect(cumulants.variance).toBeCloseTo(moment(2), 10)
      expect(cumulants.third).toBeCloseTo(moment(3), 10)
      expect(cumulants.fourth).toBeCloseTo(moment(4) - 3 * moment(2) ** 2, 8)
      expect(cumulants.lnLargest).toBeCloseTo(Math.log(chance(trials)), 10)
      expect(cumulants.lnSmallest).toBeCloseTo(Math.log(chance(0)), 10)
    }
  })
})

describe('laws', () => {
  test('the divergence is t K’(t) - K(t), and like K itself never negative', () => {
    fc.assert(
      fc.property(cases, ({ law, t }) => {
        const { lnMgf, excess, variance, divergence } = tiltedScore(law, t)
        const parts = Math.abs(t * excess) + divergence
        expect(Math.abs(t * excess - divergence - lnMgf)).toBeLessThanOrEqual(1e-12 * parts)
        for (const value of [lnMgf, divergence, variance, t * excess])
          expect(value).toBeGreaterThanOrEqual(-1e-300)
      }),
      RUNS,
    )
  })

  // The central difference of a function is its derivative at some point between: K'' and K' are monotone enough that they bound it.
  test('each is the derivative of the one before', () => {
    fc.assert(
      fc.property(cases, ({ law, t }) => {
        fc.pre(Math.abs(t) > 1e-3)
        const h = 1e-4 * Math.min(1, Math.abs(t), Math.abs(scoreCumulants(law).tiltBelow - t))
        const [below, here, above] = [t - h, t, t + h].map((s) => tiltedScore(law, s)) as [
          Tilted,
          Tilted,
          Tilted,
        ]
        const within = (value: number, a: number, b: number): void => {
          const slack = 1e-9 * (Math.abs(a) + Math.abs(b) + scoreCumulants(law).variance)
          expect(value).toBeGreaterThanOrEqual(Math.min(a, b) - slack)
          expect(value).toBeLessThanOrEqual(Math.max(a, b) + slack)
        }
        within((above.lnMgf - below.lnMgf) / (2 * h), below.excess, above.excess)
        const slope = (above.excess - below.excess) / (2 * h)
        const lost = (4 * Number.EPSILON * Math.abs(here.excess)) / h
        expect(Math.abs(slope - here.variance)).toBeLessThan(1e-6 * here.variance + lost)
      }),
      { seed: 2, numRuns: 1000 },
    )
  })
  type Tilted = ReturnType<typeof tiltedScore>

  test('small tilts: the cumulants are the coefficients', () => {
    fc.assert(
      fc.property(laws, (law) => {
        const { variance, third, fourth } = scoreCumulants(law)
        for (const t of [1e-2, -1e-2, 1e-9]) {
          const series = (variance * t ** 2) / 2 + (third * t ** 3) / 6 + (fourth * t ** 4) / 24
          // The fifth cumulant is at most 24 (exponential), and at most the variance for a bit.
          expect(Math.abs(tiltedScore(law, t).lnMgf - series)).toBeLessThan(
            0.5 * variance * Math.abs(t) ** 5 + 1e-12 * series,
          )
        }
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  test('no tilt is the null itself', () => {
    fc.assert(
      fc.property(laws, (law) => {
        const { lnMgf, excess, variance, divergence } = tiltedScore(law, 0)
        expect([lnMgf, excess, divergence].map(Math.abs)).toEqual([0, 0, 0])
        expect(variance / scoreCumulants(law).variance).toBeCloseTo(1, 12)
      }),
      RUNS,
    )
  })

  test('laws that are others in disguise', () => {
    fc.assert(
      fc.property(probabilities, fc.double({ min: -30, max: 0.9, noNaN: true }), (p, t) => {
        expect(tiltedScore({ kind: 'binomial', trials: 1, p }, t)).toEqual(
          tiltedScore({ kind: 'bernoulli', p }, t),
        )
        const exponential = tiltedScore({ kind: 'exponential' }, t)
        for (const alpha of [0, 1]) {
          const dual = tiltedScore({ kind: 'hypoexponential', alpha }, t)
          for (const key of ['lnMgf', 'excess', 'variance', 'divergence'] as const)
            expect(Math.abs(dual[key] - exponential[key])).toBe(0)
        }
      }),
      RUNS,
    )
  })

  test('far tilts reach the largest score and do not overflow', () => {
    for (const t of [1e3, 1e6, 1e300]) {
      const { lnMgf, excess, divergence } = tiltedScore({ kind: 'binomial', trials: 30, p: 0.5 }, t)
      expect(excess).toBe(15)
      expect(divergence).toBeCloseTo(30 * Math.LN2, 10)
      expect(lnMgf).toBeCloseTo(15 * t - 30 * Math.LN2, 6)
    }
  })
})

describe('refuses', () => {
  test.each(wrongValues({ except: ['record', 'object'] }))('law: %s', (_, law) => {
    expectRefusal(() => assertScoreLaw(law), 'law')
  })
  test.each([undefined, 'cauchy', 'toString', 1])('a law of kind %s', (kind) => {
    expectRefusal(() => assertScoreLaw({ kind, p: 0.5 }), 'law.kind')
  })
  test.each([0, 1, -0.1, Number.NaN, '0.5', undefined])('p = %s', (p) => {
    expectRefusal(() => assertScoreLaw({ kind: 'bernoulli', p }), 'law.p')
    expectRefusal(() => assertScoreLaw({ kind: 'binomial', trials: 3, p }), 'law.p')
  })
  test.each([0, -1, 1.5, undefined])('trials = %s', (trials) => {
    expectRefusal(() => assertScoreLaw({ kind: 'binomial', trials, p: 0.5 }), 'law.trials')
  })
  test.each([-0.1, 1.1, Number.NaN, undefined])('alpha = %s', (alpha) => {
    expectRefusal(() => assertScoreLaw({ kind: 'hypoexponential', alpha }), 'law.alpha')
  })
})

function choose(n: number, k: number): number {
  let value = 1
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i
  return value
}
