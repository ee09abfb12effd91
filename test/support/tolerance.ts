/**
 * Tolerances of statistical tests, computed from n and a stated false-alarm rate: the chance that a sound program fails. The
 * binomial tails used here are themselves checked against independent values in test/vectors/tails.test.ts.
 */
import { lnBinomialLowerTail, lnBinomialUpperTail } from '../../src/stats/binomial.ts'

/**
 * Counts that a Binomial(n, p) leaves at most `falseAlarm` of the time, half on each side: `lo <= count <= hi` is the pass.
 * @example binomialBand(20_000, 0.01, 1e-6) // { lo: 135, hi: 272 }
 */
export function binomialBand(n: number, p: number, falseAlarm: number): { lo: number; hi: number } {
  const limit = Math.log(falseAlarm / 2)
  // Smallest hi with P[X > hi] <= falseAlarm / 2, largest lo with P[X < lo] <= falseAlarm / 2.
  const hi = leastTrue(0, n, (k) => lnBinomialUpperTail(k + 1, { n, p }) <= limit)
  const lo = n - leastTrue(0, n, (k) => lnBinomialLowerTail(n - k - 1, { n, p }) <= limit)
  return { lo, hi }
}

/**
 * Largest Kolmogorov-Smirnov distance of n draws from their continuous law, passed at most `falseAlarm` of the time
 * (Dvoretzky-Kiefer-Wolfowitz with Massart's constant 1990: P[D > d] <= 2 exp(-2 n d^2)).
 */
export function kolmogorovBand(n: number, falseAlarm: number): number {
  return Math.sqrt(Math.log(2 / falseAlarm) / (2 * n))
}

/**
 * Counts that a sum of independent Bernoullis with these probabilities leaves at most `falseAlarm` of the time, half on each
 * side. Exact: the law is folded together one probability at a time, by sums of positive numbers only.
 */
export function poissonBinomialBand(
  probabilities: readonly number[],
  falseAlarm: number,
): { lo: number; hi: number } {
  const law = poissonBinomialLaw(probabilities)
  let [lo, hi] = [0, law.length - 1]
  for (let below = law[0]!; below <= falseAlarm / 2; below += law[lo]!) lo++
  for (let above = law[hi]!; above <= falseAlarm / 2; above += law[hi]!) hi--
  return { lo, hi }
}

/** The chance that a sum of independent Bernoullis with these probabilities lies outside of a band: the power of a test. */
export function chanceOutside(
  { lo, hi }: { lo: number; hi: number },
  probabilities: readonly number[],
): number {
  return poissonBinomialLaw(probabilities).reduce(
    (total, mass, count) => (count < lo || count > hi ? total + mass : total),
    0,
  )
}

/** P[count = 0], P[count = 1], ... of a sum of independent Bernoullis. */
function poissonBinomialLaw(probabilities: readonly number[]): Float64Array {
  const law = new Float64Array(probabilities.length + 1)
  law[0] = 1
  for (const [i, p] of probabilities.entries()) {
    for (let count = i + 1; count > 0; count--) law[count] = law[count]! * (1 - p) + law[count - 1]! * p
    law[0]! *= 1 - p
  }
  return law
}

function leastTrue(from: number, to: number, holds: (k: number) => boolean): number {
  let [lo, hi] = [from, to]
  while (lo < hi) {
    const middle = Math.floor((lo + hi) / 2)
    if (holds(middle)) hi = middle
    else lo = middle + 1
  }
  return lo
}
