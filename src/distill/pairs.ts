/**
 * Pooling: coefficients of all observations of a (window, token) pair are summed, so that each field number enters a
 * statistic once. Pairs are sorted by window and, within one, by token, so that the PRF computes each of its blocks once.
 */
import type { Context } from '../context.ts'
import { createTupleSet } from '../tuple-set.ts'

/** Distinct (window, token) pairs with a coefficient each. */
export interface WeightedPairs {
  readonly contextWidth: number
  /** `contextWidth + 1` words a pair, sorted. */
  readonly pairs: Uint32Array
  readonly coefficients: Float64Array
}

/** One coefficient, before pooling. */
export interface Coefficient {
  readonly window: Context
  readonly token: number
  readonly value: number
}

/**
 * Coefficients are rounded to multiples of this. Sums of up to 2^21 in size are then exact in doubles, so a statistic is the same in
 * any order of adding and on any machine, and no rounding decides. The grid is blind to the key, and ten decimals are plenty.
 */
const GRID = 2 ** -32

/** The multiple of the grid that is nearest. */
export function onGrid(value: number): number {
  return Math.round(value / GRID) * GRID
}

/** Sums coefficients by pair. Pairs whose sum rounds to 0 carry nothing and are dropped. */
export function poolPairs(coefficients: Iterable<Coefficient>, contextWidth: number): WeightedPairs {
  const stride = contextWidth + 1
  const set = createTupleSet(stride)
  const sums: number[] = []
  const tuple = new Uint32Array(stride)
  for (const { window, token, value } of coefficients) {
    for (let j = 0; j < contextWidth; j++) tuple[j] = window[j]!
    tuple[contextWidth] = token
    const index = set.indexOf(tuple)
    sums[index] = (sums[index] ?? 0) + onGrid(value)
  }
  const words = set.toWords()
  const order = [...sums.keys()].filter((index) => sums[index] !== 0)
  order.sort((a, b) => {
    for (let j = 0; j < stride; j++) {
      const difference = words[a * stride + j]! - words[b * stride + j]!
      if (difference !== 0) return difference
    }
    return 0
  })
  const pairs = new Uint32Array(order.length * stride)
  order.forEach((index, i) => {
    pairs.set(words.subarray(index * stride, (index + 1) * stride), i * stride)
  })
  return { contextWidth, pairs, coefficients: Float64Array.from(order, (index) => sums[index]!) }
}
