/**
 * Ranks among decoys: the p-value is exactly uniform under exchange, by trying every order, and whatever cannot be compared
 * counts against the accuser.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decoyP } from '../../src/stats/decoys.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

type Rank = (observed: number, decoys: readonly number[]) => { p: number }

/** Largest excess of P[p <= a] over a, where each of these draws is the observed one equally often. */
function excess(rank: Rank, draws: readonly number[]): number {
  const ps = draws.map((observed, i) => rank(observed, [...draws.slice(0, i), ...draws.slice(i + 1)]).p)
  return Math.max(...ps.map((a) => ps.filter((p) => p <= a).length / draws.length - a))
}

/** Forgets to count the tested key among the draws. */
const withoutOne: Rank = (observed, decoys) => ({
  p: decoys.filter((decoy) => decoy >= observed).length / decoys.length,
})

/** Counts ties for the accuser. */
const tiesForUs: Rank = (observed, decoys) => ({
  p: (1 + decoys.filter((decoy) => decoy > observed).length) / (decoys.length + 1),
})

/** Every list of `length` values out of 0..values - 1. */
function* lists(length: number, values: number): Generator<number[]> {
  for (let i = 0; i < values ** length; i++)
    yield Array.from({ length }, (_, j) => Math.floor(i / values ** j) % values)
}

describe('rank among decoys', () => {
  test('distinct draws: each rank as likely as any other, p = 1/m, 2/m, ..., 1', () => {
    for (let m = 1; m <= 12; m++) {
      const draws = Array.from({ length: m }, (_, i) => (7 * i) % 13)
      const ps = draws.map((observed, i) => decoyP(observed, draws.toSpliced(i, 1)).p)
      expect(ps.sort((a, b) => a - b)).toEqual(Array.from({ length: m }, (_, i) => (i + 1) / m))
    }
  })

  test('with ties, in every list of up to 6 draws out of 3 values, p <= a at most as often as a', () => {
    for (let m = 1; m <= 6; m++)
      for (const draws of lists(m, 3)) expect(excess(decoyP, draws)).toBeLessThanOrEqual(1e-12)
  })

  test('positive controls: without the tested key among the draws, or with ties for us, it is too often small', () => {
    expect(excess(withoutOne, [0, 1, 2, 3])).toBeGreaterThan(0.2)
    expect(excess(tiesForUs, [0, 1, 1, 1])).toBeGreaterThan(0.2)
  })

  test('NaN, missing and incomparable values count against the accuser', () => {
    expect(decoyP(Number.NaN, [1, 2, 3]).p).toBe(1)
    expect(decoyP(3, [1, Number.NaN, 2]).p).toBe(2 / 3 - 1 / 6)
    // A hole is skipped by filter() and forEach(), and 999 of them would be a p-value of 1/1000.
    expect(decoyP(3, new Array(999)).p).toBe(1)
    expect(decoyP(3, ['a', {}, undefined] as never[]).p).toBe(1)
    expect(decoyP(undefined as never, [1, 2]).p).toBe(1)
  })

  test('is never below its floor, never above 1, and no decoys say nothing', () => {
    expect(decoyP(3, [])).toEqual({ p: 1, floor: 1 })
    const values = fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }))
    fc.assert(
      fc.property(values, fc.array(values, { maxLength: 200 }), (observed, decoys) => {
        const { p, floor } = decoyP(observed, decoys)
        expect(floor).toBe(1 / (decoys.length + 1))
        expect(p).toBeGreaterThanOrEqual(floor)
        expect(p).toBeLessThanOrEqual(1)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('3 among 1, 2, 3, 4', () => {
    expect(decoyP(3, [1, 2, 3, 4])).toEqual({ p: 0.6, floor: 0.2 })
  })

  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('refuses %s for decoys', (_, decoys) => {
    expectRefusal(() => decoyP(1, decoys as number[]), 'decoys')
  })
})
