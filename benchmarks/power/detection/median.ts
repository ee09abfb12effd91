/**
 * The median of a sample and its exact interval from order statistics: the number of draws below the true median is Binomial(n, 1/2)
 * whatever the law of a draw, so X(j) .. X(n + 1 - j) covers it with chance at least 1 - 2 P[Bin(n, 1/2) <= j - 1]. Draws that were
 * not seen to the end are Infinity.
 */
import { lnBinomialLowerTail } from '../../../src/stats/binomial.ts'

/** A median, or Infinity where half of the draws or more are. */
export interface MedianInterval {
  readonly median: number
  readonly lower: number
  readonly upper: number
}

/** @param draws an odd number of them, so that the median is one; at least as many as an interval of this confidence needs. */
export function medianInterval(draws: readonly number[], confidence: number): MedianInterval {
  const n = draws.length
  if (n % 2 === 0) throw new RangeError(`"draws" expected an odd number of draws, got ${n}`)
  const limit = Math.log((1 - confidence) / 2)
  let j = 0
  while (lnBinomialLowerTail(j, { n, p: 0.5 }) <= limit) j++
  if (j === 0) throw new RangeError(`"draws" expected enough draws for a ${confidence} interval, got ${n}`)
  const sorted = [...draws].sort((a, b) => a - b)
  return { median: sorted[(n - 1) / 2]!, lower: sorted[j - 1]!, upper: sorted[n - j]! }
}
