/** The one evaluator of continued fractions: against fractions with a closed value. */
import { expect, test } from 'vitest'
import { continuedFraction } from '../../src/stats/continued-fraction.ts'

const golden = (1 + Math.sqrt(5)) / 2

test.each([
  ['1 + 1 / (1 + 1 / (1 + ...))', { a: () => 1, b: () => 1 }, golden],
  ['1 + 1 / (2 + 1 / (2 + ...))', { a: () => 1, b: (k: number) => (k === 0 ? 1 : 2) }, Math.SQRT2],
  ['1 + 1^2 / (3 + 2^2 / (5 + ...))', { a: (k: number) => k * k, b: (k: number) => 2 * k + 1 }, 4 / Math.PI],
])('%s', (_, fraction, value) => {
  expect(Math.abs(continuedFraction(fraction) / value - 1)).toBeLessThan(4 * Number.EPSILON)
})

test('one that ends, ends', () => {
  expect(continuedFraction({ a: (k) => 3 - k, b: (k) => k + 1 })).toBeCloseTo(1 + 2 / (2 + 1 / 3), 14)
  expect(continuedFraction({ a: () => 0, b: () => 7 })).toBe(7)
})

test('terms of any size: nothing overflows on the way', () => {
  const scaled = (c: number): number => continuedFraction({ a: () => c * c, b: () => c }) / c
  for (const c of [1e-150, 1e-10, 1e10, 1e150]) expect(Math.abs(scaled(c) / golden - 1)).toBeLessThan(1e-14)
})
