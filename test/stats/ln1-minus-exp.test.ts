/** ln(1 - exp(x)): the complement of a tail. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ln1MinusExp } from '../../src/stats/ln1-minus-exp.ts'
import { lnOf } from './exact.ts'

test('of fractions k / 2^b, as exact arithmetic has it', () => {
  const fractions = fc
    .integer({ min: 1, max: 200 })
    .chain((bits) =>
      fc.tuple(fc.constant(1n << BigInt(bits)), fc.bigInt({ min: 1n, max: (1n << BigInt(bits)) - 1n })),
    )
  fc.assert(
    fc.property(fractions, ([denominator, numerator]) => {
      const x = lnOf({ numerator, denominator })
      const expected = lnOf({ numerator: denominator - numerator, denominator })
      // An error of one rounding in x moves the result by exp(x - result) of it.
      const rounding = Number.EPSILON * (Math.abs(x) * Math.exp(x - expected) + Math.abs(expected))
      expect(Math.abs(ln1MinusExp(x) - expected)).toBeLessThanOrEqual(4 * rounding)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('below the smallest double it is 0, and not -0', () => {
  expect(Object.is(ln1MinusExp(-800), 0)).toBe(true)
  expect(Object.is(ln1MinusExp(-Infinity), 0)).toBe(true)
  expect(ln1MinusExp(-700)).toBe(-Math.exp(-700))
})
