/** Null laws as data: what is one, and what is refused by name before a switch could fall through. */
import { describe, expect, test } from 'vitest'
import { assertNullLaw, EXPONENTIAL_STEP } from '../../src/stats/law.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

describe('assertNullLaw', () => {
  test.each([
    { kind: 'bernoulli', p: 0.25 },
    { kind: 'binomial', trials: 1, p: 0.5 },
    { kind: 'binomial', trials: 30, p: 0.5 },
    { kind: 'exponential' },
  ])('takes %o', (law) => {
    expect(() => assertNullLaw(law)).not.toThrow()
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('refuses %s', (_, law) => {
    expectRefusal(() => assertNullLaw(law), 'law')
  })

  test.each([undefined, 'cauchy', 'toString', '__proto__', 1])('refuses the kind %s', (kind) => {
    expectRefusal(() => assertNullLaw({ kind, p: 0.5, trials: 1 }), 'law.kind')
  })

  test.each(wrongValues({ except: ['integer'] }))('refuses as number of trials: %s', (_, trials) => {
    expectRefusal(() => assertNullLaw({ kind: 'binomial', trials, p: 0.5 }), 'law.trials')
  })

  test.each([0, -1, 2 ** 53])('refuses %d trials', (trials) => {
    expectRefusal(() => assertNullLaw({ kind: 'binomial', trials, p: 0.5 }), 'law.trials')
  })

  test.each([0, 1, -0.1, 1.1, Number.NaN, '0.5', undefined])('refuses the probability %s', (p) => {
    for (const kind of ['bernoulli', 'binomial'])
      expectRefusal(() => assertNullLaw({ kind, trials: 3, p }), 'law.p')
  })
})

test('a step of exponential scores is a power of two, so that sums of them are exact: up to 2^33 = 8.6e9', () => {
  expect(EXPONENTIAL_STEP).toBe(2 ** -20)
  const most = 2 ** 53 * EXPONENTIAL_STEP
  expect(most - EXPONENTIAL_STEP).toBeLessThan(most)
})
