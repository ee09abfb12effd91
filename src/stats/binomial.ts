/**
 * Tails of the binomial law, as natural logarithms: how likely n independent scores, each 1 with probability p, show k ones
 * or more. In go k, n and p, out comes ln P, right to about 1e-13 relative (and where the tail is almost 1, the same for its
 * tiny distance to 0) from n = 1 to 1e9 and down to P = 1e-100000000. It is an exact law: no normal approximation, no floor.
 *
 * One tail is computed directly, the other is its complement: the tail that starts at or beyond (n + 1) p is the
 * probability of its first point (Loader 2000, saddle-point form) times a continued fraction of the incomplete beta function
 * (DLMF 8.17.22, contracted as in DiDonato & Morris 1992, algorithm 708), whose terms are all positive on that side.
 * It refuses p outside [0, 1] and counts that are not integers: a rate of 1.5 or 3.7 green tokens is a caller's mistake.
 */
import { assertInteger, assertNumber, assertRecord } from '../assert.ts'
import { deviance, stirlingError } from './saddle-point.ts'
import { twoProduct } from './two-product.ts'

/** The two numbers of a binomial law. */
export interface BinomialParameters {
  /** Number of scores, 0 or more. */
  readonly n: number
  /** Probability that one score is 1, in [0, 1]. */
  readonly p: number
}

/**
 * ln P[Bin(n, p) >= k].
 *
 * @param k - number of ones seen; any integer: k <= 0 gives 0 (certain), k > n gives -Infinity (impossible)
 * @returns natural log of the upper tail, at most 0
 * @throws TypeError or RangeError when k or n is no integer, n is negative or p is outside [0, 1]
 * @example
 * import { lnBinomialUpperTail } from 'dyetrace/stats'
 * const lnP = lnBinomialUpperTail(148, { n: 371, p: 0.25 })
 * console.log((lnP / Math.LN10).toFixed(2)) // -9.68
 */
export function lnBinomialUpperTail(k: number, parameters: BinomialParameters): number {
  assertArguments(k, parameters)
  const { n, p } = parameters
  if (k <= 0) return 0
  if (k > n || p === 0) return -Infinity
  if (p === 1) return 0
  return lnUpper(k, law(n, p))
}

/**
 * ln P[Bin(n, p) <= k].
 *
 * @param k - number of ones seen; any integer: k < 0 gives -Infinity, k >= n gives 0
 * @returns natural log of the lower tail, at most 0
 * @throws TypeError or RangeError as `lnBinomialUpperTail`
 * @example
 * import { lnBinomialLowerTail } from 'dyetrace/stats'
 * console.log(lnBinomialLowerTail(0, { n: 10, p: 0.5 }) === 10 * Math.log(0.5)) // true
 */
export function lnBinomialLowerTail(k: number, parameters: BinomialParameters): number {
  assertArguments(k, parameters)
  const { n, p } = parameters
  if (k < 0) return -Infinity
  if (k >= n || p === 0) return 0
  if (p === 1) return -Infinity
  return lnUpper(n - k, mirrored(law(n, p)))
}

/**
 * ln P[Bin(n, p) = k].
 *
 * @param k - number of ones; any integer: outside 0..n gives -Infinity
 * @returns natural log of the probability, at most 0
 * @throws TypeError or RangeError as `lnBinomialUpperTail`
 * @example
 * import { lnBinomialPmf } from 'dyetrace/stats'
 * console.log(Math.exp(lnBinomialPmf(1, { n: 2, p: 0.5 })).toFixed(6)) // 0.500000
 */
export function lnBinomialPmf(k: number, parameters: BinomialParameters): number {
  assertArguments(k, parameters)
  const { n, p } = parameters
  if (k < 0 || k > n) return -Infinity
  if (p === 0) return k === 0 ? 0 : -Infinity
  if (p === 1) return k === n ? 0 : -Infinity
  return lnPoint(k, law(n, p))
}

function assertArguments(k: unknown, parameters: unknown): void {
  assertInteger(k, { name: 'k', min: -Number.MAX_SAFE_INTEGER })
  assertRecord(parameters, { name: 'parameters' })
  assertInteger(parameters['n'], { name: 'n' })
  assertNumber(parameters['p'], {
    name: 'p',
    expected: 'a probability in [0, 1]',
    holds: (p) => p >= 0 && p <= 1,
  })
}

/**
 * A law with p and q = 1 - p both at hand, so that it can be read from either end (ones or zeros) without loss. n p is
 * kept as a sum of two doubles: near the mean, k - n p is small and everything depends on it.
 */
interface TwoSidedLaw {
  readonly n: number
  readonly p: number
  readonly q: number
  readonly lnP: number
  readonly lnQ: number
  /** k - n p for a count k of this side. */
  readonly delta: (k: number) => number
}

function law(n: number, p: number): TwoSidedLaw {
  const mean = twoProduct(n, p)
  return { n, p, q: 1 - p, lnP: Math.log(p), lnQ: Math.log1p(-p), delta: (k) => k - mean.high - mean.low }
}

/** The law of n - X. */
function mirrored({ n, p, q, lnP, lnQ, delta }: TwoSidedLaw): TwoSidedLaw {
  return { n, p: q, q: p, lnP: lnQ, lnQ: lnP, delta: (k) => -delta(n - k) }
}

/** ln P[X >= k] for 1 <= k <= n and p within (0, 1). */
function lnUpper(k: number, side: TwoSidedLaw): number {
  const lambda = side.delta(k) - side.p
  if (lambda >= 0) return lnUpperBeyondMean(k, side, lambda)
  return ln1MinusExp(lnUpperBeyondMean(side.n - k + 1, mirrored(side), -lambda))
}

/** ln P[X = k] for 0 <= k <= n: minus the deviance, and three errors of Stirling's formula (Loader 2000, equation 3). */
function lnPoint(k: number, { n, p, q, lnP, lnQ, delta }: TwoSidedLaw): number {
  // + 0 makes +0 of the -0 that n = 0 gives: -0 would not come back from JSON as itself.
  if (k === 0) return n * lnQ + 0
  if (k === n) return n * lnP
  const rest = n - k
  const d = delta(k)
  const distance = deviance({ x: k, mean: n * p, delta: d }) + deviance({ x: rest, mean: n * q, delta: -d })
  const stirling = stirlingError(n) - stirlingError(k) - stirlingError(rest)
  return stirling - distance - 0.5 * Math.log(2 * Math.PI * k * (rest / n))
}

/** ln P[X >= k] where lambda = k - (n + 1) p >= 0, so that the tail is at most about 0.64 and its logarithm harmless. */
function lnUpperBeyondMean(k: number, side: TwoSidedLaw, lambda: number): number {
  if (k === side.n) return side.n * side.lnP
  return lnPoint(k, side) + Math.log(side.q * tailOverPoint(k, side, lambda))
}

/**
 * P[X >= k] / (q P[X = k]): k over the continued fraction of I_p(k, n - k + 1), with a = k, b = n - k + 1, x = p (DLMF 8.17.22,
 * even part). For lambda >= 0 every term is positive: convergents lie on alternate sides of the value, so the difference of
 * two bounds the truncation, and nothing cancels. The fraction is finite (b - 1 rounds); in the tail about ten rounds do, at
 * the mean about 4 sqrt(n).
 */
function tailOverPoint(a: number, { n, p: x, q: y }: TwoSidedLaw, lambda: number): number {
  const b = n - a + 1
  let value = a * ((lambda + 1) / (a + 1))
  // Numerators and denominators of the last two convergents, rescaled so that the newest denominator is 1.
  let [olderTop, olderBottom] = [1, 0]
  for (let m = 1; m < b; m++) {
    const s = a + 2 * m - 1
    const w = m * (b - m) * x
    const alpha = ((a + m - 1) / s) * ((n + m) / s) * w * x
    const beta = m + w / s + ((a + m) / (s + 2)) * (lambda + 1 + m * (1 + y))
    const top = beta * value + alpha * olderTop
    const bottom = beta + alpha * olderBottom
    const next = top / bottom
    const moved = Math.abs(next - value)
    olderTop = value / bottom
    olderBottom = 1 / bottom
    value = next
    if (moved <= 4 * Number.EPSILON * next) break
  }
  return a / value
}

/** ln(1 - exp(x)) for x < 0, right at both ends (Maechler 2012). */
function ln1MinusExp(x: number): number {
  // + 0 as in lnPoint, for an x below -745.
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x)) + 0
}
