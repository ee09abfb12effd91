import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compensatedSum } from '../../src/stats/compensated-sum.ts'

const sumOf = (terms: readonly number[]): number => compensatedSum(terms.length, (i) => terms[i]!)

test('what one addition loses is not lost', () => {
  expect(sumOf([1, 1e100, 1, -1e100])).toBe(2)
  expect(sumOf([])).toBe(0)
  expect(compensatedSum(1_000_000, () => 0.1)).toBe(100_000)
})

test('is right to one rounding, in any order', () => {
  // Multiples of 2^-40, summed as integers too.
  const terms = fc.array(fc.integer({ min: -(2 ** 50), max: 2 ** 50 }), { maxLength: 200 })
  fc.assert(
    fc.property(terms, (units) => {
      const exact = Number(units.reduce((total, unit) => total + BigInt(unit), 0n)) * 2 ** -40
      const sum = sumOf(units.map((unit) => unit * 2 ** -40))
      expect(Math.abs(sum - exact)).toBeLessThanOrEqual(Number.EPSILON * Math.abs(exact))
    }),
    { seed: 1, numRuns: 300 },
  )
})
