/**
 * Tails of continuous laws against values made by mpmath with 60 digits (test/vectors/tails.json). More of them, in regimes that
 * these rows do not reach: test/stats/fixtures.
 */
import { describe, expect, test } from 'vitest'
import { lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { lnHypoexponentialUpperTail } from '../../src/stats/hypoexponential.ts'
import { lnNormalUpperTail } from '../../src/stats/normal.ts'
import { readVectors } from './read-vectors.ts'

/** Largest relative error of ln p. Measured: 2e-14 (gamma), 3e-15 (normal), 2e-15 (hypoexponential). */
const TOLERANCE = 1e-13

type Row = Readonly<Record<string, number | string>>

const tails: Readonly<Record<string, { rows: number; tail: (row: Row) => number }>> = {
  gamma: { rows: 60, tail: ({ x, shape }) => lnGammaUpperTail(Number(x), { shape: Number(shape) }) },
  normal: { rows: 60, tail: ({ z }) => lnNormalUpperTail(Number(z)) },
  hypoexponential: {
    rows: 10,
    tail: ({ x, n, alpha }) => lnHypoexponentialUpperTail(Number(x), { n: Number(n), alpha: Number(alpha) }),
  },
}

const files = readVectors().filter(({ kind }) => kind === 'ln of upper tails')

describe.each(files)('$path', ({ content }) => {
  describe.each(Object.entries(tails))('%s', (kind, { rows, tail }) => {
    const list = content[kind] as Row[]

    test('rows are there', () => {
      expect(list.length).toBeGreaterThanOrEqual(rows)
    })

    test.each(list)('$#: $shape $n $alpha $x $z', (row) => {
      const expected = Number(row['lnSf'])
      expect(Math.abs(tail(row) - expected)).toBeLessThanOrEqual(TOLERANCE * Math.abs(expected))
    })
  })
})

test('there is such a file', () => {
  expect(files.length).toBeGreaterThan(0)
})
