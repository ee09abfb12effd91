/**
 * Corrections for many tests: against their definitions by brute force, by the laws that they keep, and by simulation: the error that they
 * promise to bound is counted, and uncorrected tests are caught by the same count.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import {
  type AdjustedFamily,
  benjaminiHochberg,
  eBenjaminiHochberg,
  holm,
} from '../../src/stats/multiplicity.ts'
import { binomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

type Correction = (values: readonly number[], options: { alpha: number }) => AdjustedFamily

/** Corrections of p-values; e-values enter as p = 1 / e. */
const corrections: Readonly<Record<string, Correction>> = {
  holm,
  benjaminiHochberg,
  eBenjaminiHochberg: (lnPs, options) =>
    eBenjaminiHochberg(
      lnPs.map((lnP) => -lnP),
      options,
    ),
}

// Whole numbers now and then, for ties.
const lnPs = fc.array(
  fc.oneof(
    fc.double({ min: -30, max: 0, noNaN: true }),
    fc.integer({ min: -5, max: 0 }),
    fc.constantFrom(-Infinity, -1e9),
  ),
  { maxLength: 8 },
)
const alphas = fc.constantFrom(0.5, 0.05, 1e-6)
const RUNS = { seed: 1, numRuns: 1000 }

describe('by definition', () => {
  // Closed testing (Marcus, Peritz and Gabriel 1976): a test is rejected if Bonferroni rejects every set of tests that it is in.
  test('Holm: the largest Bonferroni p of all sets that a test is in', () => {
    fc.assert(
      fc.property(lnPs, (family) => {
        const { lnAdjusted } = holm(family, { alpha: 0.05 })
        for (const [i, value] of lnAdjusted.entries()) {
          let largest = -Infinity
          for (let set = 0; set < 2 ** family.length; set++) {
            if (!((set >> i) & 1)) continue
            const members = family.filter((_, j) => (set >> j) & 1)
            largest = Math.max(largest, Math.log(members.length) + Math.min(...members))
          }
          expect(value).toBe(Math.min(0, largest))
        }
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  test('Benjamini and Hochberg: the largest k with p_(k) <= k alpha / m', () => {
    fc.assert(
      fc.property(lnPs, alphas, (family, alpha) => {
        fc.pre(!onTheEdge(family, alpha))
        const sorted = [...family].sort((a, b) => a - b)
        const m = family.length
        let k = m
        while (k > 0 && sorted[k - 1]! > Math.log((k * alpha) / m)) k--
        expect(benjaminiHochberg(family, { alpha }).rejected).toEqual(
          family.map((lnP) => k > 0 && lnP <= sorted[k - 1]!),
        )
      }),
      RUNS,
    )
  })

  test('e-BH: the largest k with e_(k) >= m / (k alpha)', () => {
    fc.assert(
      fc.property(lnPs, alphas, (family, alpha) => {
        fc.pre(!onTheEdge(family, alpha))
        const lnEs = family.map((lnP) => -lnP - 1)
        const m = lnEs.length
        const sorted = [...lnEs].sort((a, b) => b - a)
        const passing = sorted.flatMap((lnE, i) => (lnE >= Math.log(m / ((i + 1) * alpha)) ? [i + 1] : []))
        const k = Math.max(0, ...passing)
        const { rejected } = eBenjaminiHochberg(lnEs, { alpha })
        expect(rejected.filter(Boolean).length).toBe(k)
        expect(rejected).toEqual(lnEs.map((lnE) => k > 0 && lnE >= sorted[k - 1]!))
      }),
      RUNS,
    )
  })

  /** Where a p-value meets a threshold to the last digit, two ways of rounding may differ. */
  const onTheEdge = (family: readonly number[], alpha: number): boolean =>
    family.some((lnP) =>
      family.some((_, i) => {
        const limit = Math.log(((i + 1) * alpha) / family.length)
        return Math.abs(lnP - limit) < 1e-9 || Math.abs(lnP + 1 - limit) < 1e-9
      }),
    )

  test('five p-values that every textbook has', () => {
    const family = [0.01, 0.02, 0.03, 0.04, 0.05].map(Math.log)
    const adjusted = (correction: Correction): string[] =>
      correction(family, { alpha: 0.05 }).lnAdjusted.map((lnP) => Math.exp(lnP).toFixed(4))
    expect(adjusted(holm)).toEqual(['0.0500', '0.0800', '0.0900', '0.0900', '0.0900'])
    expect(adjusted(benjaminiHochberg)).toEqual(['0.0500', '0.0500', '0.0500', '0.0500', '0.0500'])
  })

  test('a family of none, and a family of one', () => {
    for (const correction of Object.values(corrections)) {
      expect(correction([], { alpha: 0.05 })).toEqual({ lnAdjusted: [], rejected: [], alpha: 0.05 })
      expect(correction([-3], { alpha: 0.05 }).lnAdjusted).toEqual([-3])
    }
  })

  test('p far below the smallest double is corrected like any other', () => {
    expect(holm([-1e6, -1e6, 0], { alpha: 1e-6 }).lnAdjusted).toEqual([
      -1e6 + Math.log(3),
      -1e6 + Math.log(3),
      0,
    ])
  })

  test('an e-value without bound is found, one of 0 says nothing', () => {
    const { lnAdjusted, rejected } = eBenjaminiHochberg([Infinity, -Infinity], { alpha: 1e-9 })
    expect(lnAdjusted).toEqual([-Infinity, 0])
    expect(rejected).toEqual([true, false])
  })
})

describe('laws', () => {
  test('Holm rejects whatever Bonferroni rejects, and Benjamini and Hochberg whatever Holm rejects', () => {
    fc.assert(
      fc.property(lnPs, alphas, (family, alpha) => {
        const [strict, wide] = [holm(family, { alpha }), benjaminiHochberg(family, { alpha })]
        for (const [i, lnP] of family.entries()) {
          if (lnP + Math.log(family.length) <= Math.log(alpha)) expect(strict.rejected[i]).toBe(true)
          if (strict.rejected[i]) expect(wide.rejected[i]).toBe(true)
          expect(wide.lnAdjusted[i]).toBeLessThanOrEqual(strict.lnAdjusted[i]!)
        }
      }),
      RUNS,
    )
  })

  describe.each(Object.entries(corrections))('%s', (_, correction) => {
    test('nothing gets smaller, order stays, and the decision is the adjusted value’s', () => {
      fc.assert(
        fc.property(lnPs, alphas, (family, alpha) => {
          const { lnAdjusted, rejected } = correction(family, { alpha })
          for (const [i, lnP] of family.entries()) {
            expect(lnAdjusted[i]).toBeGreaterThanOrEqual(lnP)
            expect(lnAdjusted[i]).toBeLessThanOrEqual(0)
            expect(rejected[i]).toBe(lnAdjusted[i]! <= Math.log(alpha))
            for (const [j, other] of family.entries())
              if (lnP <= other) expect(lnAdjusted[i]).toBeLessThanOrEqual(lnAdjusted[j]!)
          }
        }),
        RUNS,
      )
    })

    test('the order in which tests come does not matter', () => {
      const shuffled = lnPs.chain((family) =>
        fc.tuple(fc.constant(family), fc.shuffledSubarray([...family.keys()], { minLength: family.length })),
      )
      fc.assert(
        fc.property(shuffled, alphas, ([family, order], alpha) => {
          const straight = correction(family, { alpha }).lnAdjusted
          const other = correction(
            order.map((i) => family[i]!),
            { alpha },
          ).lnAdjusted
          expect(other).toEqual(order.map((i) => straight[i]))
        }),
        RUNS,
      )
    })

    test('a smaller p never takes a rejection away, of any test', () => {
      fc.assert(
        fc.property(lnPs, fc.nat(7), fc.double({ min: 0, max: 9, noNaN: true }), (family, at, less) => {
          fc.pre(at < family.length)
          const before = correction(family, { alpha: 0.05 }).lnAdjusted
          const after = correction(
            family.map((lnP, i) => (i === at ? lnP - less : lnP)),
            { alpha: 0.05 },
          ).lnAdjusted
          for (const i of family.keys()) expect(after[i]).toBeLessThanOrEqual(before[i]!)
        }),
        RUNS,
      )
    })

    test('one test more, whatever it says, never makes the others stronger by itself', () => {
      fc.assert(
        fc.property(lnPs, (family) => {
          const before = correction(family, { alpha: 0.05 }).lnAdjusted
          const after = correction([...family, 0], { alpha: 0.05 }).lnAdjusted
          for (const i of family.keys()) expect(after[i]).toBeGreaterThanOrEqual(before[i]!)
        }),
        RUNS,
      )
    })
  })
})

/** Chance that a sound program fails one of these. */
const FALSE_ALARM = 1e-9

describe('errors, counted', () => {
  const [families, size, trueNulls, alpha] = [20_000, 10, 7, 0.2]

  /** Families of 7 null and 3 marked tests: independent, or all nulls with the same p. */
  const draw = (random: () => number, dependent: boolean): number[] => {
    const shared = random()
    return Array.from({ length: size }, (_, i) => {
      const p = i >= trueNulls ? random() ** 8 : dependent ? shared : random()
      return Math.log(p)
    })
  }

  /** How many families have any false rejection, and the mean share of false ones among all rejections. */
  const errors = (correction: Correction, dependent: boolean): { any: number; share: number } => {
    const random = seedrandom(`families ${dependent}`)
    let [any, share] = [0, 0]
    for (let i = 0; i < families; i++) {
      const { rejected } = correction(draw(random, dependent), { alpha })
      const wrong = rejected.slice(0, trueNulls).filter(Boolean).length
      if (wrong > 0) any++
      if (wrong > 0) share += wrong / rejected.filter(Boolean).length
    }
    return { any, share: share / families }
  }

  const uncorrected: Correction = (family, options) => ({
    lnAdjusted: family,
    rejected: family.map((lnP) => lnP <= Math.log(options.alpha)),
    ...options,
  })

  // A mean of n numbers in [0, 1] is off by more than this with chance FALSE_ALARM (Hoeffding 1963).
  const shareBand = Math.sqrt(Math.log(2 / FALSE_ALARM) / (2 * families))
  const mostFamilies = binomialBand(families, alpha, FALSE_ALARM).hi

  test.each([false, true])(
    'Holm: any false rejection in at most alpha of the families (dependent: %s)',
    (dependent) => {
      expect(errors(holm, dependent).any).toBeLessThanOrEqual(mostFamilies)
    },
  )

  // With nulls only, Holm's first step is all that counts: 1 - (1 - alpha / m)^m exactly.
  test('Holm: with independent nulls only, as often as it should', () => {
    const random = seedrandom('nulls')
    const m = 5
    let any = 0
    for (let i = 0; i < families; i++) {
      const family = Array.from({ length: m }, () => Math.log(random()))
      if (holm(family, { alpha }).rejected.includes(true)) any++
    }
    const { lo, hi } = binomialBand(families, 1 - (1 - alpha / m) ** m, FALSE_ALARM)
    expect(any).toBeGreaterThanOrEqual(lo)
    expect(any).toBeLessThanOrEqual(hi)
  })

  // Benjamini and Yekutieli 2001, theorem 5.1: for independent tests with continuous p it is alpha times the share of nulls exactly.
  test('Benjamini and Hochberg: the share of false rejections is alpha times that of nulls', () => {
    const { share } = errors(benjaminiHochberg, false)
    expect(Math.abs(share - (alpha * trueNulls) / size)).toBeLessThan(shareBand)
    expect(errors(benjaminiHochberg, true).share).toBeLessThan((alpha * trueNulls) / size + shareBand)
  })

  // 1 / (2 sqrt p) is an e-value for a p-value p: its mean is 1.
  test.each([false, true])('e-BH: at most alpha times that of nulls (dependent: %s)', (dependent) => {
    const calibrated: Correction = (family, options) =>
      eBenjaminiHochberg(
        family.map((lnP) => -lnP / 2 - Math.LN2),
        options,
      )
    const { share } = errors(calibrated, dependent)
    expect(share).toBeLessThan((alpha * trueNulls) / size + shareBand)
  })

  /** Families of nulls whose e-values are all the same: 1 / alpha with this chance, else 0. How many have a rejection. */
  const withEqual = (chance: number): number => {
    const random = seedrandom('equal')
    let any = 0
    for (let i = 0; i < families; i++) {
      const lnE = random() < chance ? -Math.log(alpha) + 1e-12 : -Infinity
      if (eBenjaminiHochberg(new Array(size).fill(lnE), { alpha }).rejected.includes(true)) any++
    }
    return any
  }

  // Their mean is 1 where the chance is alpha, and alpha is reached: with this dependence the bound is as tight as it can be.
  test('e-BH with equal e-values: alpha, and not more', () => {
    expect(withEqual(alpha)).toBeGreaterThanOrEqual(binomialBand(families, alpha, FALSE_ALARM).lo)
    expect(withEqual(alpha)).toBeLessThanOrEqual(mostFamilies)
  })

  test('control: numbers with mean 1.2 are no e-values, and the count notices', () => {
    expect(withEqual(1.2 * alpha)).toBeGreaterThan(mostFamilies)
  })

  test('control: uncorrected tests are caught by both counts', () => {
    const { any, share } = errors(uncorrected, false)
    expect(any).toBeGreaterThan(mostFamilies)
    expect(share).toBeGreaterThan((alpha * trueNulls) / size + shareBand)
  })

  test('control: Benjamini and Hochberg is not Holm: it permits false rejections in more families', () => {
    expect(errors(benjaminiHochberg, false).any).toBeGreaterThan(mostFamilies)
  })
})

describe('refuses', () => {
  describe.each([
    ['holm', holm, 'lnPs'],
    ['benjaminiHochberg', benjaminiHochberg, 'lnPs'],
    ['eBenjaminiHochberg', eBenjaminiHochberg, 'lnEs'],
  ] as const)('%s', (_, correction, name) => {
    test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('values: %s', (_, values) => {
      expectRefusal(() => correction(values as number[], { alpha: 0.05 }), name)
    })
    test.each([Number.NaN, '0', undefined, null])('a value of %s', (value) => {
      expectRefusal(() => correction([-1, value as number], { alpha: 0.05 }), `${name}[1]`)
    })
    test.each(wrongValues({ except: ['record', 'object'] }))('options: %s', (_, options) => {
      expectRefusal(() => correction([-1], options as { alpha: number }), 'options')
    })
    test('an option that does not exist', () => {
      expectRefusal(() => correction([-1], { alpha: 0.05, beta: 1 } as { alpha: number }), 'options')
    })
    test.each([0, 1, -0.1, 5, Number.NaN, undefined, '0.05'])('alpha: %s', (alpha) => {
      expectRefusal(() => correction([-1], { alpha: alpha as number }), 'options.alpha')
    })
  })

  test('p above 1', () => {
    for (const correction of [holm, benjaminiHochberg])
      expectRefusal(() => correction([-1, 1e-9], { alpha: 0.05 }), 'lnPs[1]')
  })
})
