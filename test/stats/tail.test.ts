/** The one switch over null laws: it hands on to the law's own tail, and refuses what it does not know. */
import { describe, expect, test } from 'vitest'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import type { NullLaw } from '../../src/stats/law.ts'
import { lnMeanExp } from '../../src/stats/ln-mean-exp.ts'
import { lnLeastTail, lnUpperTail, nullMean, nullVariance, type ScoreSum } from '../../src/stats/tail.ts'
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
