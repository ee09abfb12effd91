/**
 * P-values by decoys: draw keys that nobody picked and see how many do as well as the tested one. Exact at any number of
 * decoys and for any statistic, but never smaller than 1 / (number + 1), so it convinces beside another p-value, not instead.
 */
import { assertArray } from '../assert.ts'

/** What decoys say. */
export interface DecoyP {
  /** (1 + decoys at least as high) / (decoys + 1). */
  readonly p: number
  /** The smallest p that this many decoys can give. */
  readonly floor: number
}

/**
 * The rank of an observed statistic among decoys. Under the null all are draws of one law in an order that does not matter, so
 * the rank is uniform; ties count against the accuser (Phipson and Smyth 2010, doi 10.2202/1544-6115.1585, equation 2).
 * @example
 * import { decoyP } from 'dyetrace/stats'
 * decoyP(3, [1, 2, 3, 4]) // { p: 0.6, floor: 0.2 }
 */
export function decoyP(observed: number, decoys: readonly number[]): DecoyP {
  assertArray(decoys, { name: 'decoys', expected: 'an array of numbers' })
  let below = 0
  // Counted from the other side, so that whatever cannot be compared (NaN, a hole in the list) counts against the accuser.
  for (let i = 0; i < decoys.length; i++) if (decoys[i]! < observed) below++
  const draws = decoys.length + 1
  return { p: (draws - below) / draws, floor: 1 / draws }
}
