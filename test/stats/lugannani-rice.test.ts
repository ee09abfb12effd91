/**
 * The saddle-point estimate: its error, measured against exact tails and exact enumeration, at most what its header says; and that it is
 * a number wherever it is asked.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import type { ScoreLaw } from '../../src/stats/cumulants.ts'
import { lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { lnHypoexponentialUpperTail } from '../../src/stats/hypoexponential.ts'
import { lnLugannaniRiceTail } from '../../src/stats/lugannani-rice.ts'
import { lnNormalUpperTail } from '../../src/stats/normal.ts'
import { lnLeastWeightedTail, lnWeightedTailBound } from '../../src/stats/weighted.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const ones = (n: number): Float64Array => new Float64Array(n).fill(1)

/** Largest relative error of p. */
const worst = (errors: readonly number[]): number => Math.max(...errors.map((e) => Math.abs(Math.expm1(e))))

describe('equal coefficients, against exact tails', () => {
  /** Errors of ln p for all counts within 6 standard deviations of the mean. */
  const binomialErrors = (n: number, p: number): number[] => {
    const deviation = Math.sqrt(n * p * (1 - p))
    const errors: number[] = []
    for (let z = -6; z <= 6; z += n > 1000 ? 1 : 0.25) {
      const k = Math.round(n * p + z * deviation)
      if (k < 0 || k > n) continue
      const estimate = lnLugannaniRiceTail(
        { kind: 'bernoulli', p },
        { coefficients: ones(n), excess: k - n * p },
      )
      errors.push(estimate - lnBinomialUpperTail(k, { n, p }))
    }
    return errors
  }

  test.each([
    [20, 0.1],
    [100, 0.1],
    [1000, 0.002],
    [10_000, 3e-5],
  ])('%i bits: within %f of p', (n, bound) => {
    expect(worst([0.05, 0.25, 0.5, 0.9].flatMap((p) => binomialErrors(n, p)))).toBeLessThan(bound)
  })

  test.each([
    [1, 0.04],
    [2, 0.04],
    [5, 0.01],
    [20, 0.001],
    [1000, 1e-6],
  ])('%i exponential scores: within %f of p', (n, bound) => {
    const errors: number[] = []
    for (let z = -6; z <= 6; z += 0.25) {
      const excess = z * Math.sqrt(n)
      if (n + excess <= 0) continue
      const estimate = lnLugannaniRiceTail({ kind: 'exponential' }, { coefficients: ones(n), excess })
      errors.push(estimate - lnGammaUpperTail(n + excess, { shape: n }))
    }
    expect(worst(errors)).toBeLessThan(bound)
  })

  test('means of 30 bits: coefficients of 1 / 30', () => {
    const [n, trials] = [50, 30]
    const law = { kind: 'binomial', trials, p: 0.5 } as const
    for (const k of [700, 750, 751, 800, 900, 1200]) {
      const estimate = lnLugannaniRiceTail(law, {
        coefficients: new Float64Array(n).fill(1 / trials),
        excess: (k - (n * trials) / 2) / trials,
      })
      expect(Math.abs(estimate - lnBinomialUpperTail(k, { n: n * trials, p: 0.5 }))).toBeLessThan(0.002)
    }
  })

  test('dual-key scores', () => {
    const [n, alpha] = [40, 0.1]
    for (const x of [20, 40, 41, 60, 120, 1000]) {
      const estimate = lnLugannaniRiceTail(
        { kind: 'hypoexponential', alpha },
        { coefficients: ones(n), excess: x - n },
      )
      expect(Math.abs(estimate - lnHypoexponentialUpperTail(x, { n, alpha }))).toBeLessThan(0.003)
    }
  })

  // What the step of the lattice is for: without it, half of P[S = s] is missing, and p looks smaller than it is.
  test('control: the formula without the lattice is noticed', () => {
    const [n, p, k] = [100, 0.5, 60]
    const nearly = ones(n)
    nearly[0] = 1 + 1e-9
    const without = lnLugannaniRiceTail({ kind: 'bernoulli', p }, { coefficients: nearly, excess: k - n * p })
    const error = Math.expm1(without - lnBinomialUpperTail(k, { n, p }))
    expect(error).toBeLessThan(-0.1)
    expect(worst(binomialErrors(n, p))).toBeLessThan(0.01)
  })

  test('control: a z-test is noticed', () => {
    const [n, p, k] = [1000, 0.25, 332]
    const z = (k - n * p) / Math.sqrt(n * p * (1 - p))
    expect(Math.abs(Math.expm1(lnNormalUpperTail(z) - lnBinomialUpperTail(k, { n, p })))).toBeGreaterThan(0.5)
  })
})

describe('unequal coefficients', () => {
  const random = seedrandom('coefficients')
  const draw = (n: number): number[] =>
    Array.from({ length: n }, () => (0.25 + random()) * (random() < 0.2 ? -1 : 1))

  /** Errors of ln p at z standard deviations, by enumeration of all 2^n outcomes. */
  const errorsAt = (z: number, { n, p, sums }: { n: number; p: number; sums: number }): number[] => {
    const errors: number[] = []
    for (let i = 0; i < sums; i++) {
      const a = draw(n)
      const excess = z * Math.sqrt(a.reduce((total, x) => total + x * x, 0) * p * (1 - p))
      const exact = enumerate(a, p, p * a.reduce((x, y) => x + y) + excess)
      if (exact === 0) continue
      const law = { kind: 'bernoulli', p } as const
      errors.push(lnLugannaniRiceTail(law, { coefficients: Float64Array.from(a), excess }) - Math.log(exact))
    }
    return errors
  }

  test.each([0.25, 0.5])('16 bits at %f: within 2 per cent up to 2 standard deviations', (p) => {
    const errors = [-2, -1, 0, 0.001, 1, 2].flatMap((z) => errorsAt(z, { n: 16, p, sums: 4 }))
    expect(worst(errors)).toBeLessThan(0.02)
  })

  test('12 bits at 3 standard deviations, where a few outcomes are left: not nearly as good', () => {
    const errors = errorsAt(3, { n: 12, p: 0.5, sums: 40 })
    expect(errors.length).toBeGreaterThan(5)
    expect(worst(errors)).toBeGreaterThan(0.02)
    expect(worst(errors)).toBeLessThan(2)
  })

  test.each([2, 3, 5, 8])(
    '%i exponential scores with weights 1, 2, ...: within 4 per cent at any distance',
    (n) => {
      const a = Array.from({ length: n }, (_, i) => (i + 1) / n)
      const mean = a.reduce((x, y) => x + y)
      const deviation = Math.sqrt(a.reduce((total, x) => total + x * x, 0))
      const errors = [-1, 0, 1e-9, 1e-3, 1, 2, 5, 10, 20].map((z) => {
        const excess = z * deviation
        const estimate = lnLugannaniRiceTail(
          { kind: 'exponential' },
          { coefficients: Float64Array.from(a), excess },
        )
        return estimate - Math.log(exponentials(a, mean + excess))
      })
      expect(worst(errors)).toBeLessThan(0.04)
    },
  )

  test('a dual-key score is two exponential ones', () => {
    const alpha = 0.25
    const coefficients = Float64Array.of(1, 2, 0.5, -1)
    const split = Float64Array.from(coefficients, (a) => a * (1 - alpha))
    const both = Float64Array.of(...split, ...coefficients.map((a) => a * alpha))
    for (const excess of [-3, -0.1, 0, 0.1, 5, 100]) {
      const fused = lnLugannaniRiceTail({ kind: 'hypoexponential', alpha }, { coefficients, excess })
      expect(fused).toBeCloseTo(
        lnLugannaniRiceTail({ kind: 'exponential' }, { coefficients: both, excess }),
        9,
      )
    }
  })
})

const laws: fc.Arbitrary<ScoreLaw> = fc.oneof(
  fc
    .constantFrom(1e-6, 1 / 256, 0.25, 0.5, 255 / 256, 1 - 1e-6)
    .map((p) => ({ kind: 'bernoulli' as const, p })),
  fc.constantFrom(0.25, 0.5).map((p) => ({ kind: 'binomial' as const, trials: 30, p })),
  fc.constant({ kind: 'exponential' as const }),
  fc.constantFrom(0, 0.1, 0.5, 1).map((alpha) => ({ kind: 'hypoexponential' as const, alpha })),
)
const coefficientLists = fc.oneof(
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { maxLength: 30 }),
  fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 5 }),
  fc.array(fc.constantFrom(1, -1, 0), { maxLength: 30 }),
)
const excesses = fc.oneof(
  fc.double({ min: -50, max: 50, noNaN: true }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e-300, -1e-300, 1e-9, Number.MAX_VALUE),
)

describe('laws', () => {
  test('for any numbers at all: a logarithm, at most 0, never NaN', () => {
    fc.assert(
      fc.property(laws, coefficientLists, excesses, (law, list, excess) => {
        const lnP = lnLugannaniRiceTail(law, { coefficients: Float64Array.from(list), excess })
        expect(lnP).toBeLessThanOrEqual(0)
      }),
      { seed: 1, numRuns: 3000 },
    )
  })

  test('above the mean it is never above Chernoff’s bound, and never below the chance of the largest sum', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1 / 256, 0.25, 0.5, 255 / 256),
        fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (p, numbers, part) => {
          const list = numbers.filter((a) => a !== 0)
          const law = { kind: 'bernoulli', p } as const
          const most = list.reduce((total, a) => total + (a > 0 ? a * (1 - p) : -a * p), 0)
          const sum = { coefficients: Float64Array.from(list), excess: part * most }
          const lnP = lnLugannaniRiceTail(law, sum)
          expect(lnP).toBeLessThanOrEqual(lnWeightedTailBound(law, sum) + 1e-6)
          expect(lnP).toBeGreaterThanOrEqual(lnLeastWeightedTail(law, sum.coefficients) - 1e-9)
        },
      ),
      { seed: 2, numRuns: 1000 },
    )
  })

  test('units do not matter', () => {
    fc.assert(
      fc.property(
        laws,
        coefficientLists,
        fc.double({ min: -5, max: 5, noNaN: true }),
        (law, list, excess) => {
          fc.pre(list.every((a) => a === 0 || (Math.abs(a) > 1e-6 && Math.abs(a) < 1e6)))
          const [one, other] = [1, 2 ** 40].map((unit) =>
            lnLugannaniRiceTail(law, {
              coefficients: Float64Array.from(list, (a) => a * unit),
              excess: excess * unit,
            }),
          ) as [number, number]
          expect(other).toBe(one)
        },
      ),
      { seed: 3, numRuns: 500 },
    )
  })
})

describe('at the ends', () => {
  const law = { kind: 'bernoulli', p: 0.25 } as const
  const coefficients = Float64Array.of(1, 2, 0.5, -1)

  test('the largest sum: every score on its side, exactly, and nothing beyond', () => {
    const expected = 3 * Math.log(0.25) + Math.log(0.75)
    for (const excess of [3.5 * 0.75 + 0.25, 4, 1e300])
      expect(lnLugannaniRiceTail(law, { coefficients, excess })).toBeCloseTo(expected, 12)
  })
  test('the smallest sum and less: certain', () => {
    for (const excess of [-(3.5 * 0.25 + 0.75), -4, -1e300])
      expect(lnLugannaniRiceTail(law, { coefficients, excess })).toBe(0)
  })
  test('a sum of exponential scores that is never positive', () => {
    const negative = { coefficients: Float64Array.of(-1, -2), excess: 3 }
    expect(lnLugannaniRiceTail({ kind: 'exponential' }, negative)).toBe(-Infinity)
  })
  test('no coefficients: nothing said', () => {
    for (const excess of [-1, 0, 1])
      expect(lnLugannaniRiceTail(law, { coefficients: new Float64Array(3), excess })).toBe(0)
  })
  // The estimate passes through the mean, where the formula itself is 0 / 0.
  test('the mean and next to it', () => {
    const exponential = { kind: 'exponential' } as const
    const at = (excess: number): number =>
      lnLugannaniRiceTail(exponential, { coefficients: ones(30), excess })
    for (const e of [1e-12, 1e-9, 1e-6, 1e-4, 5e-4, 6e-4, 1e-3])
      for (const excess of [e, -e]) {
        const line = lnGammaUpperTail(30 + excess, { shape: 30 }) - lnGammaUpperTail(30, { shape: 30 })
        // The estimate's own error, about 1e-5, changes by that much of the distance.
        expect(Math.abs(at(excess) - at(0) - line)).toBeLessThan(2e-9 + 5e-5 * e)
      }
  })
})

describe('refuses', () => {
  const law = { kind: 'exponential' } as const
  const good = { coefficients: ones(2), excess: 1 }
  test.each(wrongValues({ except: ['record', 'object'] }))('law: %s', (_, wrong) => {
    expectRefusal(() => lnLugannaniRiceTail(wrong as ScoreLaw, good), 'law')
  })
  test.each(wrongValues({ except: ['record', 'object'] }))('sum: %s', (_, sum) => {
    expectRefusal(() => lnLugannaniRiceTail(law, sum as typeof good), 'sum')
  })
  test.each(wrongValues({ except: ['view'] }))('coefficients: %s', (_, coefficients) => {
    expectRefusal(
      () => lnLugannaniRiceTail(law, { ...good, coefficients: coefficients as Float64Array }),
      'coefficients',
    )
  })
  test('a coefficient that is not finite', () => {
    expectRefusal(
      () => lnLugannaniRiceTail(law, { ...good, coefficients: Float64Array.of(1, Number.NaN) }),
      'coefficients[1]',
    )
  })
  test.each(wrongValues({ except: ['integer', 'number'] }))('excess: %s', (_, excess) => {
    expectRefusal(() => lnLugannaniRiceTail(law, { ...good, excess: excess as number }), 'excess')
  })
  test.each([Number.NaN, Infinity])('excess: %s', (excess) => {
    expectRefusal(() => lnLugannaniRiceTail(law, { ...good, excess }), 'excess')
  })
})

/** P[sum of a_i x_i >= s] over all 2^n outcomes of bits with P(1) = p. */
function enumerate(a: readonly number[], p: number, s: number): number {
  let total = 0
  for (let outcome = 0; outcome < 2 ** a.length; outcome++) {
    let [sum, chance] = [0, 1]
    for (const [i, ai] of a.entries()) {
      const one = (outcome >> i) & 1
      sum += one * ai
      chance *= one === 1 ? p : 1 - p
    }
    if (sum >= s - 1e-12) total += chance
  }
  return total
}

/** P[sum of a_i times exponentials >= x] for different a_i > 0, by partial fractions. */
function exponentials(a: readonly number[], x: number): number {
  return a.reduce(
    (total, ai) =>
      total +
      Math.exp(-x / ai) * a.reduce((product, aj) => (aj === ai ? product : (product * ai) / (ai - aj)), 1),
    0,
  )
}
