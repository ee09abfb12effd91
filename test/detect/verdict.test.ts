/**
 * The verdict: every number in it follows from the sum, the count and the law that stand beside it; the decision from the rule.
 * Too little evidence is an answer, never NaN and never a "no".
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Evidence } from '../../src/detect/evidence.ts'
import {
  DEFAULT_ALPHA,
  DEFAULT_MINIMUM_COUNTED,
  resolveRule,
  type Verdict,
  verdictOf,
  weightedVerdictOf,
} from '../../src/detect/verdict.ts'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnEValue } from '../../src/stats/e-value.ts'
import { rateInterval } from '../../src/stats/interval.ts'
import type { BernoulliLaw, NullLaw } from '../../src/stats/law.ts'
import { lnWeightedEValue, lnWeightedTailBound } from '../../src/stats/weighted.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const subject = { method: 'detect', scheme: 'green-list', keyId: '0123456789abcdef', seen: 500 }
const rule = resolveRule({})
const quarter: BernoulliLaw = Object.freeze({ kind: 'bernoulli', p: 1 / 4 })

function of(sum: number, n: number, options: Parameters<typeof resolveRule>[0] = {}, law = quarter): Verdict {
  return verdictOf({ sum, n, law }, subject, resolveRule(options))
}

const evidences: fc.Arbitrary<Evidence & { law: BernoulliLaw }> = fc
  .record({
    n: fc.oneof(fc.nat(200), fc.nat(1_000_000)),
    p: fc.integer({ min: 1, max: 255 }).map((k) => k / 256),
  })
  .chain(({ n, p }) =>
    fc.record({
      n: fc.constant(n),
      sum: fc.oneof(fc.integer({ min: 0, max: n }), fc.constant(Math.round(n * p)), fc.constantFrom(0, n)),
      law: fc.constant(Object.freeze({ kind: 'bernoulli' as const, p })),
    }),
  )

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  expect(Object.isFrozen(value)).toBe(true)
  for (const inner of Object.values(value)) expectFrozen(inner)
}

describe('the record', () => {
  test('148 of 371 at 1/4, all fields', () => {
    const verdict = verdictOf(
      { sum: 148, n: 371, law: quarter },
      { ...subject, role: 'provider', lane: 0 },
      rule,
    )
    const { lnP, lnE, interval, ...rest } = verdict
    expect(rest).toEqual({
      format: 'dyetrace/verdict-1',
      ...subject,
      role: 'provider',
      lane: 0,
      counted: 371,
      sum: 148,
      law: { kind: 'bernoulli', p: 0.25 },
      tail: 'exact',
      log10P: lnP / Math.LN10,
      mean: 148 / 371,
      effect: (148 / 371 - 0.25) / Math.sqrt(0.1875),
      minimumCounted: 64,
      alpha: 1e-6,
      decision: 'evidence',
      family: { size: 1, method: 'none' },
      notes: [],
    })
    expect((lnP / Math.LN10).toFixed(2)).toBe('-9.68')
    expect((lnE / Math.LN10).toFixed(2)).toBe('7.60')
    expect(interval).toEqual(rateInterval(148, { n: 371 }))
    expectFrozen(verdict)
  })

  test('is recomputed from itself', () => {
    fc.assert(
      fc.property(evidences, ({ sum, n, law }) => {
        const parsed = JSON.parse(JSON.stringify(verdictOf({ sum, n, law }, subject, rule))) as Verdict
        const { p } = law
        expect(parsed.lnP).toBe(lnBinomialUpperTail(parsed.sum, { n: parsed.counted, p }))
        expect(parsed.log10P).toBe(parsed.lnP / Math.LN10)
        expect(parsed.lnE).toBe(lnEValue(parsed.law, { sum: parsed.sum, n: parsed.counted }))
        expect(parsed.interval).toEqual(rateInterval(parsed.sum, { n: parsed.counted }))
        expect(parsed.mean).toBe(parsed.counted === 0 ? p : parsed.sum / parsed.counted)
        expect(parsed.effect).toBe((parsed.mean - p) / Math.sqrt(p * (1 - p)))
        expect(parsed.tail).toBe('exact')
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('comes back from JSON as it was: no NaN, no Infinity, no -0; p in (0, 1]', () => {
    fc.assert(
      fc.property(evidences, (evidence) => {
        const verdict = verdictOf(evidence, subject, rule)
        expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict)
        expect(verdict.lnP).toBeLessThanOrEqual(0)
        expect(Number.isFinite(verdict.lnP)).toBe(true)
        expectFrozen(verdict)
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  test('notes of the subject come first and are not the caller’s array', () => {
    const notes = ['from the caller']
    const verdict = verdictOf({ sum: 0, n: 0, law: quarter }, { ...subject, notes }, rule)
    expect(verdict.notes[0]).toBe('from the caller')
    expect(notes).toHaveLength(1)
  })

  test('evidence that cannot be is refused', () => {
    for (const sum of [11, -1, 2.5, Number.NaN]) expect(() => of(sum, 10)).toThrow(RangeError)
    expect(() => of(1, -1)).toThrow(RangeError)
  })
})

describe('the decision', () => {
  test('defaults', () => {
    expect(resolveRule({})).toEqual({ alpha: 1e-6, minimumCounted: 64 })
    expect([DEFAULT_ALPHA, DEFAULT_MINIMUM_COUNTED]).toEqual([1e-6, 64])
    // Why 64: half green where a quarter is expected does not reach 1e-6 with fewer.
    expect(lnBinomialUpperTail(32, { n: 63, p: 1 / 4 })).toBeGreaterThan(Math.log(1e-6))
  })

  test('p at most alpha is evidence: just at it, and not just below', () => {
    fc.assert(
      fc.property(evidences, ({ sum, n, law }) => {
        fc.pre(n >= 64)
        const p = Math.exp(lnBinomialUpperTail(sum, { n, p: law.p }))
        fc.pre(p > 1e-300 && p < 0.999)
        const decide = (alpha: number): string =>
          verdictOf({ sum, n, law }, subject, resolveRule({ alpha })).decision
        expect(decide(p * (1 + 1e-9))).toBe('evidence')
        expect(decide(p * (1 - 1e-9))).not.toBe('evidence')
      }),
      { seed: 3, numRuns: 200 },
    )
    // p = 2^-64, exactly alpha.
    const half: NullLaw = { kind: 'bernoulli', p: 1 / 2 }
    expect(of(64, 64, { alpha: 2 ** -64 }, half).decision).toBe('evidence')
    expect(of(63, 64, { alpha: 2 ** -64 }, half).decision).toBe('no-evidence')
  })

  test('"no evidence" says that it clears nobody', () => {
    const { decision, notes } = of(25, 100)
    expect(decision).toBe('no-evidence')
    expect(notes.join()).toContain('no evidence is not a clearance')
  })

  test('nothing counted: insufficient, p = 1, e = 1, an interval of everything', () => {
    const verdict = of(0, 0)
    expect(verdict).toMatchObject({
      decision: 'insufficient',
      counted: 0,
      lnP: 0,
      log10P: 0,
      lnE: 0,
      effect: 0,
    })
    expect(verdict.mean).toBe(0.25)
    expect(verdict.interval).toEqual({ lower: 0, upper: 1, confidence: 0.95 })
    expect(verdict.notes.join()).toContain('0 pairs, fewer than the 64 asked for')
  })

  test('below the floor nothing is evidence and nothing is a "no", however it looks', () => {
    for (const n of [1, 20, 63])
      for (const sum of [0, Math.round(n / 4), n]) {
        const { decision, notes, lnP } = of(sum, n)
        expect(decision).toBe('insufficient')
        expect(notes.join()).toContain('neither yes nor no')
        expect(lnP).toBe(lnBinomialUpperTail(sum, { n, p: 1 / 4 }))
      }
    expect(of(64, 64).decision).toBe('evidence')
    expect(of(12, 12, { minimumCounted: 12 }).decision).toBe('evidence')
  })

  // A "no" from a test that could not have said "yes" is worth nothing.
  test('where no sum could reach alpha, it is insufficient and not a "no"', () => {
    const mostlyGreen: NullLaw = { kind: 'bernoulli', p: 255 / 256 }
    for (const sum of [900, 1000]) {
      const { decision, notes } = of(sum, 1000, {}, mostlyGreen)
      expect(decision).toBe('insufficient')
      expect(notes.join()).toMatch(
        /even the highest scores on these pairs would give p = 10\^-1\.7, above alpha/,
      )
    }
    // From 3530 pairs on (255/256)^n is below 1e-6.
    expect(of(3529, 3529, {}, mostlyGreen).decision).toBe('insufficient')
    expect(of(3530, 3530, {}, mostlyGreen).decision).toBe('evidence')
    expect(of(3500, 3530, {}, mostlyGreen).decision).toBe('no-evidence')
    expect(of(64, 64, { alpha: 1e-39 }).decision).toBe('insufficient')
    // The highest exponential score is 32 ln 2: one of it is p = 10^-9.6.
    const oneOf = (sum: number, alpha: number): Verdict =>
      verdictOf(
        { sum, n: 1, law: { kind: 'exponential' } },
        subject,
        resolveRule({ minimumCounted: 1, alpha }),
      )
    expect(oneOf(3, 1e-10).decision).toBe('insufficient')
    expect(oneOf(3, 1e-9).decision).toBe('no-evidence')
    expect(oneOf(22, 1e-9).decision).toBe('evidence')
    expect(() => oneOf(33 * Math.LN2, 1e-9)).toThrow(/"evidence.sum" expected/)
  })

  test.each(wrongValues({ except: ['number', 'integer', 'undefined'] }))('alpha: %s', (_, alpha) => {
    expectRefusal(() => resolveRule({ alpha: alpha as number }), 'alpha')
  })
  test.each([0, 1, -1e-6, 1.5, 5, Number.NaN, Infinity])('alpha: %d', (alpha) => {
    expectRefusal(() => resolveRule({ alpha }), 'alpha')
  })
  test.each(wrongValues({ except: ['integer', 'undefined'] }))('minimumCounted: %s', (_, minimumCounted) => {
    expectRefusal(() => resolveRule({ minimumCounted: minimumCounted as number }), 'minimumCounted')
  })
  test.each([0, -1, 2 ** 53])('minimumCounted: %d', (minimumCounted) => {
    expectRefusal(() => resolveRule({ minimumCounted }), 'minimumCounted')
  })
})

describe('with coefficients', () => {
  const coefficient = fc.integer({ min: -1000, max: 1000 }).map((m) => m / 64)
  const weighted = fc
    .record({
      coefficients: fc.array(coefficient, { maxLength: 300 }),
      p: fc.constantFrom(1 / 2, 1 / 4, 1 / 256, 255 / 256),
      seed: fc.array(fc.boolean(), { minLength: 300, maxLength: 300 }),
    })
    .map(({ coefficients, p, seed }) => ({
      coefficients: Float64Array.from(coefficients),
      sum: coefficients.reduce((total, a, i) => total + (seed[i] ? a : 0), 0),
      law: Object.freeze({ kind: 'bernoulli' as const, p }),
    }))

  test('the numbers follow from coefficients, sum and law', () => {
    fc.assert(
      fc.property(weighted, (evidence) => {
        const { coefficients, sum, law } = evidence
        const verdict = weightedVerdictOf(evidence, subject, rule)
        const list = [...coefficients]
        const total = list.reduce((t, a) => t + a, 0)
        const absolute = list.reduce((t, a) => t + Math.abs(a), 0)
        const squares = list.reduce((t, a) => t + a * a, 0)
        const fourths = list.reduce((t, a) => t + a ** 4, 0)
        const excess = sum - law.p * total
        expect(verdict.weights).toMatchObject({ total, absolute, squares })
        expect(verdict.weights!.effective).toBeCloseTo(fourths === 0 ? 0 : squares ** 2 / fourths, 9)
        expect(verdict.lnP).toBe(lnWeightedTailBound(law, { coefficients, excess }))
        expect(verdict.lnE).toBe(lnWeightedEValue(law, { coefficients, excess }))
        expect(verdict.mean).toBe(law.p + (absolute === 0 ? 0 : excess / absolute))
        expect(verdict.effect).toBeCloseTo((verdict.mean - law.p) / Math.sqrt(law.p * (1 - law.p)), 12)
        expect(verdict).toMatchObject({ counted: list.length, sum, law, tail: 'bound' })
        expect(verdict).not.toHaveProperty('interval')
        expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict)
        expectFrozen(verdict)
      }),
      { seed: 4, numRuns: 200 },
    )
  })

  test('all of one size it never says more than the exact test of the same scores', () => {
    fc.assert(
      fc.property(evidences, fc.constantFrom(1, 2 ** -7), ({ sum, n, law }, a) => {
        fc.pre(n <= 2000)
        const coefficients = new Float64Array(n).fill(a)
        const bound = weightedVerdictOf({ sum: a * sum, coefficients, law }, subject, rule)
        const exact = verdictOf({ sum, n, law }, subject, rule)
        expect(bound.lnP).toBeGreaterThanOrEqual(exact.lnP)
        expect(bound.mean).toBeCloseTo(exact.mean, 12)
        if (exact.decision !== 'evidence') expect(bound.decision).toBe(exact.decision)
      }),
      { seed: 5, numRuns: 200 },
    )
  })

  test('what counts against the floor is how many coefficients decide, not how many there are', () => {
    const many = new Float64Array(10_000).fill(2 ** -20)
    many[0] = 1
    const verdict = weightedVerdictOf({ sum: 1, coefficients: many, law: quarter }, subject, rule)
    expect(verdict.decision).toBe('insufficient')
    expect(verdict.notes.join()).toContain('1 effective pairs, fewer than the 64')
    const even = new Float64Array(64).fill(2 ** -20)
    const all = 64 * 2 ** -20
    expect(weightedVerdictOf({ sum: all, coefficients: even, law: quarter }, subject, rule).decision).toBe(
      'evidence',
    )
  })

  test('nothing scored, or nothing but zeros, is insufficient', () => {
    for (const coefficients of [new Float64Array(0), new Float64Array(100)]) {
      const verdict = weightedVerdictOf({ sum: 0, coefficients, law: quarter }, subject, rule)
      expect(verdict).toMatchObject({ decision: 'insufficient', lnP: 0, lnE: 0, mean: 0.25, effect: 0 })
    }
  })

  test('where no scores could reach alpha, it is insufficient: negative coefficients hope for red', () => {
    const coefficients = new Float64Array(100).fill(-1)
    const verdict = weightedVerdictOf(
      { sum: 0, coefficients, law: { kind: 'bernoulli', p: 1 / 256 } },
      subject,
      rule,
    )
    expect(verdict.decision).toBe('insufficient')
    expect(verdict.notes.join()).toContain('would give p = 10^-0.2')
  })

  test('numbers that are none are refused', () => {
    const coefficients = new Float64Array(100).fill(1)
    const verdict = (evidence: object): unknown =>
      weightedVerdictOf({ sum: 50, coefficients, law: quarter, ...evidence }, subject, rule)
    expect(() => verdict({ sum: Number.NaN })).toThrow(RangeError)
    expect(() => verdict({ coefficients: coefficients.with(3, Number.NaN) })).toThrow(RangeError)
    expect(() => verdict({ coefficients: coefficients.with(3, Infinity) })).toThrow(RangeError)
    expect(() => verdict({ law: { kind: 'bernoulli', p: 1 } })).toThrow(RangeError)
  })
})
