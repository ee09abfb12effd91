/**
 * The two pieces of Loader's saddle-point form of a binomial probability. In goes a count and its mean, out come the
 * error of Stirling's formula and the deviance, each to a few units in the last place, so that no large logarithms of
 * factorials ever cancel. From C. Loader, "Fast and accurate computation of binomial probabilities" (2000).
 * Internal: counts are trusted to be integers >= 1 and means to be positive.
 */

/** ln n! minus Stirling's ln(sqrt(2 pi n) (n / e)^n) for n = 1..15 (mpmath 1.3, 40 digits; re-derived in the test). */
const STIRLING_ERRORS: readonly number[] = [
  0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.020790672103765093, 0.016644691189821193,
  0.013876128823070748, 0.01189670994589177, 0.010411265261972096, 0.009255462182712733, 0.00833056343336287,
  0.007573675487951841, 0.00694284010720953, 0.006408994188004207, 0.0059513701127588475,
  0.005554733551962801,
]

/** ln n! - ln(sqrt(2 pi n) (n / e)^n) for an integer n >= 1. */
export function stirlingError(n: number): number {
  if (n <= STIRLING_ERRORS.length) return STIRLING_ERRORS[n - 1]!
  // DLMF 5.11.1, B_2k / (2k (2k - 1) n^(2k - 1)); the first term left out is 1 / (156 n^13) < 1.5e-18 from n = 16 on.
  const s = 1 / (n * n)
  return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - (691 / 360360) * s) * s) * s) * s) * s) / n
}

/**
 * x ln(x / mean) - (x - mean), the deviance of one count x >= 0: never negative, 0 where x = mean. `delta` is x - mean as
 * the caller knows it best (it carries all the precision when x is close to its mean).
 */
export function deviance({ x, mean, delta }: { x: number; mean: number; delta: number }): number {
  if (x === 0) return mean
  const v = delta / (x + mean)
  if (Math.abs(v) >= 0.1) {
    const ratio = x / mean
    return x * (ratio < Infinity ? Math.log(ratio) : Math.log(x) - Math.log(mean)) - delta
  }
  // x ln((1 + v) / (1 - v)) - delta, with the leading terms cancelled by hand (Loader's bd0). |v| < 0.1: at most 9 rounds.
  let sum = delta * v
  let power = 2 * x * v
  for (let odd = 3; ; odd += 2) {
    power *= v * v
    const next = sum + power / odd
    if (next === sum) return sum
    sum = next
  }
}
