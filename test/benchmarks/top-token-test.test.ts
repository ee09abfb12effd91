import { expect, test } from 'vitest'
import { topTokenTest } from '../../benchmarks/thirdparty/top-token-test.ts'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'

const even = (_: readonly number[], token: number): boolean => token % 2 === 0
const positions = (green: number, n: number) =>
  Array.from({ length: n }, (_, i) => ({ window: [7, i], token: i < green ? 2 : 3 }))

test('its proportion test is the exact upper tail of the binomial law', () => {
  for (const gamma of [0.25, 0.5])
    for (const n of [1, 10, 100, 1000, 30_000])
      for (const rate of [0.01, 0.2, 0.25, 0.3, 0.6, 1]) {
        const green = Math.round(rate * n)
        const { scored, lnP } = topTokenTest(positions(green, n), { gamma, isGreen: even })
        const exact = lnBinomialUpperTail(green, { n, p: gamma })
        expect(scored).toBe(n)
        // Both tails near 1 and near 10^-18,000; ln of a p-value near 1 is as exact as 1 - p is.
        expect(Math.abs(lnP - exact), `${green} of ${n} at ${gamma}`).toBeLessThan(
          1e-9 * Math.abs(exact) + 1e-12,
        )
      }
})

test('a pair counts once, whatever its place; a token after another window is another pair', () => {
  const asked = [...positions(5, 20), ...positions(5, 20), { window: [8, 0], token: 2 }]
  const { scored, green } = topTokenTest(asked, { gamma: 0.25, isGreen: even })
  expect([scored, green]).toEqual([21, 6])
})

test('nothing scored, or nothing green, is no evidence', () => {
  expect(topTokenTest([], { gamma: 0.25, isGreen: even })).toEqual({ scored: 0, green: 0, z: 0, lnP: 0 })
  expect(topTokenTest(positions(0, 50), { gamma: 0.25, isGreen: even }).lnP).toBe(0)
})
