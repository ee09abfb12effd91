/** The one switch over null laws: it hands on to the law's own tail, and refuses what it does not know. */
import { describe, expect, test } from 'vitest'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { EXPONENTIAL_MOST, EXPONENTIAL_STEP, type NullLaw } from '../../src/stats/law.ts'
import { lnMeanExp } from '../../src/stats/ln-mean-exp.ts'
import {
  assertScoreSum,
  lnLeastTail,
  lnUpperTail,
  nullMean,
  nullVariance,
  type ScoreSum,
} from '../../src/stats/tail.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const quarter: NullLaw = { kind: 'bernoulli', p: 1 / 4 }

describe('Bernoulli scores', () => {
  test('the tail is the binomial one', () => {
    expect(lnUpperTail(quarter, { sum: 148, n: 371 })).toBe(lnBinomialUpperTail(148, { n: 371, p: 1 / 4 }))
  })
  test('nothing seen says nothing', () => {
    expect(lnUpperTail(quarter, { sum: 0, n: 0 })).toBe(0)
    expect(lnLeastTail(quarter, 0)).toBe(0)
  })
  test('the least tail is that of ones only', () => {
    expect(lnLeastTail(quarter, 64)).toBe(64 * Math.log(1 / 4))
  })
  test('a sum beyond the number of scores is impossible', () => {
    expect(lnUpperTail(quarter, { sum: 4, n: 3 })).toBe(-Infinity)
  })
  test('mean and variance', () => {
    expect([nullMean(quarter), nullVariance(quarter)]).toEqual([1 / 4, 3 / 16])
  })
})

describe('numbers of ones', () => {
  const five: NullLaw = { kind: 'binomial', trials: 5, p: 1 / 4 }
  test('the tail is that of all bits together', () => {
    expect(lnUpperTail(five, { sum: 40, n: 20 })).toBe(lnBinomialUpperTail(40, { n: 100, p: 1 / 4 }))
    expect(lnUpperTail({ ...five, trials: 1 }, { sum: 7, n: 20 })).toBe(
      lnUpperTail(quarter, { sum: 7, n: 20 }),
    )
  })
  test('nothing seen says nothing; the least tail is that of ones only; more than that is impossible', () => {
    expect(lnUpperTail(five, { sum: 0, n: 0 })).toBe(0)
    expect(lnLeastTail(five, 0)).toBe(0)
    expect(lnLeastTail(five, 64)).toBe(320 * Math.log(1 / 4))
    expect(lnUpperTail(five, { sum: 16, n: 3 })).toBe(-Infinity)
  })
  test('mean and variance', () => {
    expect([nullMean(five), nullVariance(five)]).toEqual([5 / 4, 15 / 16])
  })
  // Half a score of 30 bits would be 15 bits.
  test('a number of scores that is none is refused, though the bits come out even', () => {
    expectRefusal(() => lnUpperTail({ ...five, trials: 30 }, { sum: 3, n: 0.5 }), 'n')
  })
  test.each([
    { sum: 16, n: 3 },
    { sum: -1, n: 3 },
    { sum: 0.5, n: 3 },
    { sum: 1, n: 0 },
  ])('a sum that cannot be: $sum of $n', (evidence) => {
    expectRefusal(() => assertScoreSum(five, evidence), 'evidence.sum')
  })
})

describe('exponential scores', () => {
  const exponential: NullLaw = { kind: 'exponential' }
  test('the tail is the gamma one', () => {
    expect(lnUpperTail(exponential, { sum: 1200, n: 1000 })).toBe(lnGammaUpperTail(1200, { shape: 1000 }))
    expect(lnUpperTail(exponential, { sum: 3, n: 1 })).toBeCloseTo(-3, 13)
  })
  test('nothing seen says nothing; a sum of 0 says nothing either; the least tail is that of the highest field only', () => {
    expect(lnUpperTail(exponential, { sum: 0, n: 0 })).toBe(0)
    expect(lnUpperTail(exponential, { sum: 0, n: 5 })).toBe(0)
    expect(lnLeastTail(exponential, 0)).toBe(0)
    expect(lnLeastTail(exponential, 1)).toBe(-EXPONENTIAL_MOST)
    expect(lnLeastTail(exponential, 64)).toBe(lnGammaUpperTail(64 * EXPONENTIAL_MOST, { shape: 64 }))
  })
  test('mean and variance', () => {
    expect([nullMean(exponential), nullVariance(exponential)]).toEqual([1, 1])
  })
  test.each([0.5, -1, Number.NaN, 2 ** 53])('%d scores are refused', (n) => {
    expectRefusal(() => lnUpperTail(exponential, { sum: 3, n }), 'n')
    expectRefusal(() => assertScoreSum(exponential, { sum: 3, n }), 'evidence.n')
  })
  test.each([
    { sum: -0.001, n: 3 },
    { sum: Infinity, n: 3 },
    { sum: Number.NaN, n: 3 },
    { sum: 1, n: 0 },
  ])('a sum that cannot be: $sum of $n', (evidence) => {
    expectRefusal(() => assertScoreSum(exponential, evidence), 'evidence.sum')
  })
  test('any sum up to n times the highest score can be, and no other: 32 ln 2, rounded down to a step', () => {
    expect(EXPONENTIAL_MOST).toBe(Math.floor((32 * Math.LN2) / EXPONENTIAL_STEP) * EXPONENTIAL_STEP)
    for (const sum of [0, 2 ** -20, 3 * EXPONENTIAL_MOST]) assertScoreSum(exponential, { sum, n: 3 })
    for (const sum of [3 * EXPONENTIAL_MOST + 2 ** -20, 3 * 33 * Math.LN2, 1e300])
      expectRefusal(() => assertScoreSum(exponential, { sum, n: 3 }), 'evidence.sum')
    assertScoreSum(exponential, { sum: 0, n: 0 })
  })
})

describe('the mean of exponentials', () => {
  test.each<[number[], number]>([
    [[0], 0],
    [[Math.log(1), Math.log(3)], Math.log(2)],
    [[1e6, 1e6], 1e6],
    [[-1e6, 0], -Math.LN2],
    [[-Infinity, -Infinity], -Infinity],
    [[], -Infinity],
  ])('of %j', (values, expected) => {
    if (Number.isFinite(expected)) expect(lnMeanExp(values)).toBeCloseTo(expected, 14)
    else expect(lnMeanExp(values)).toBe(expected)
  })
})

describe('refuses', () => {
  test.each(wrongValues({ except: ['record', 'object'] }))('law: %s', (_, law) => {
    for (const use of [nullMean, nullVariance]) expectRefusal(() => use(law as NullLaw), 'law')
    expectRefusal(() => lnUpperTail(law as NullLaw, { sum: 0, n: 0 }), 'law')
  })
  // A switch that falls through would answer "undefined".
  test.each([undefined, 'cauchy', 'toString', 1])('a law of kind %s', (kind) => {
    const law = { kind, p: 0.5 } as unknown as NullLaw
    for (const use of [nullMean, nullVariance]) expectRefusal(() => use(law), 'law.kind')
    expectRefusal(() => lnUpperTail(law, { sum: 0, n: 0 }), 'law.kind')
  })
  test.each([0, 1, -0.1, 1.1, Number.NaN, '0.5', undefined])('a law with p = %s', (p) => {
    const law = { kind: 'bernoulli', p: p as number } as const
    for (const use of [nullMean, nullVariance]) expectRefusal(() => use(law), 'law.p')
    expectRefusal(() => lnUpperTail(law, { sum: 0, n: 0 }), 'law.p')
  })
  test.each(wrongValues({ except: ['record', 'object'] }))('evidence: %s', (_, evidence) => {
    expectRefusal(() => lnUpperTail(quarter, evidence as ScoreSum), 'evidence')
  })
  test.each(wrongValues({ except: ['integer'] }))('sum and n: %s', (_, wrong) => {
    expectRefusal(() => lnUpperTail(quarter, { sum: wrong as number, n: 1 }), 'k')
    expectRefusal(() => lnUpperTail(quarter, { sum: 0, n: wrong as number }), 'n')
  })
})
