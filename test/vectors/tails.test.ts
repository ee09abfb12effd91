/**
 * Tails against values made by mpmath with 60 digits (test/vectors/tails.json): the binomial; tails-continuous.test.ts reads
 * the others.
 */
import { describe, expect, test } from 'vitest'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnNormalTail } from '../stats/normal-tail.ts'
import { readVectors } from './read-vectors.ts'

/** Largest relative error of ln p. */
const TOLERANCE = 1e-11

type Row = Readonly<Record<string, number | string>>

/** Kinds of row that dyetrace computes. */
const BUILT: Readonly<Record<string, (row: Row) => number>> = {
  binomial: ({ n, p, k }) => lnBinomialUpperTail(Number(k), { n: Number(n), p: Number(p) }),
}

/** Kinds of the other file, tails-continuous.test.ts. A kind that stands in neither list is an error. */
const READ_ELSEWHERE = ['gamma', 'normal', 'hypoexponential']

/** What of a file is not rows. */
const ABOUT = ['format', 'source']

const files = readVectors().filter(({ kind }) => kind === 'ln of upper tails')

test('there are vectors, and they hold every kind that is built', () => {
  expect(files.length).toBeGreaterThan(0)
  for (const kind of Object.keys(BUILT)) {
    const rows = files.flatMap(({ content }) => content[kind] as Row[])
    expect(rows.length).toBeGreaterThan(50)
  }
})

describe.each(files)('$path', ({ content }) => {
  const kinds = Object.keys(content).filter((key) => !ABOUT.includes(key))

  test('every kind of row is known', () => {
    expect(kinds.filter((kind) => !(kind in BUILT) && !READ_ELSEWHERE.includes(kind))).toEqual([])
  })

  describe.each(kinds.filter((kind) => kind in BUILT))('%s', (kind) => {
    test.each(content[kind] as Row[])('$#: $n $p $k', (row) => {
      expectRelative(BUILT[kind]!(row), Number(row['lnSf']))
    })
  })

  // What tests hold against the exact tail must itself be the normal tail and not a bad one.
  test('the normal tail of the tests is the normal tail', () => {
    for (const { z, lnSf } of (content['normal'] ?? []) as Row[])
      if (Number(z) < 40) expectRelative(lnNormalTail(Number(z)), Number(lnSf))
  })
})

function expectRelative(value: number, expected: number): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(TOLERANCE * Math.abs(expected))
}
