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

/** Coefficients on their way into one set of pairs. */
export interface PairPool {
  /** Number of a window, in the order of first use. */
  windowOf(window: Context): number
  /** Adds to the coefficient of a pair. */
  add(window: number, token: number, value: number): void
  /** What has come so far, sorted. Pairs whose sum rounds to 0 carry nothing and are dropped. */
  pooled(): WeightedPairs
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

/** An empty pool for windows of one width. */
export function createPairPool(contextWidth: number): PairPool {
  const windows = createTupleSet(contextWidth)
  const tuples = createTupleSet(2)
  const sums: number[] = []
  const tuple = new Uint32Array(2)
  return {
    windowOf: (window) => windows.indexOf(window),
    add(window, token, value) {
      tuple[0] = window
      tuple[1] = token
      const index = tuples.indexOf(tuple)
      sums[index] = (sums[index] ?? 0) + onGrid(value)
    },
    pooled: () =>
      sortedPairs(windows.toWords(), tuples.toWords(), { contextWidth, windows: windows.size, sums }),
  }
}

/** Sums coefficients by pair. */
export function poolPairs(coefficients: Iterable<Coefficient>, contextWidth: number): WeightedPairs {
  const pool = createPairPool(contextWidth)
  for (const { window, token, value } of coefficients) pool.add(pool.windowOf(window), token, value)
  return pool.pooled()
}

// Windows are few and are sorted by comparing; millions of pairs go into one drawer a window, whose tokens are sorted as numbers.
function sortedPairs(
  words: Uint32Array,
  tuples: Uint32Array,
  { contextWidth, windows, sums }: { contextWidth: number; windows: number; sums: readonly number[] },
): WeightedPairs {
  const order = Array.from({ length: windows }, (_, index) => index).sort((a, b) => {
    for (let j = 0; j < contextWidth; j++) {
      const difference = words[a * contextWidth + j]! - words[b * contextWidth + j]!
      if (difference !== 0) return difference
    }
    return 0
  })
  const starts = new Uint32Array(windows + 1)
  for (let i = 0; i < sums.length; i++) if (sums[i] !== 0) starts[tuples[2 * i]! + 1]!++
  for (let w = 0; w < windows; w++) starts[w + 1]! += starts[w]!
  const drawers = new Uint32Array(starts[windows]!)
  const filled = starts.slice()
  for (let i = 0; i < sums.length; i++) if (sums[i] !== 0) drawers[filled[tuples[2 * i]!]!++] = i
  const stride = contextWidth + 1
  const pairs = new Uint32Array(drawers.length * stride)
  const coefficients = new Float64Array(drawers.length)
  let at = 0
  for (const window of order) {
    const drawer = drawers.subarray(starts[window]!, starts[window + 1]!)
    for (const i of drawer.sort((a, b) => tuples[2 * a + 1]! - tuples[2 * b + 1]!)) {
      for (let j = 0; j < contextWidth; j++) pairs[at * stride + j] = words[window * contextWidth + j]!
      pairs[at * stride + contextWidth] = tuples[2 * i + 1]!
      coefficients[at++] = sums[i]!
    }
  }
  return { contextWidth, pairs, coefficients }
}
