/**
 * Tails of sums of dual-key scores, as natural logarithms. An engine that marks each token with one of two keys, by a coin that the
 * detector does not see, is read with both: the score of a token is (1 - alpha) a + alpha b, where a and b are the exponential scores
 * (mean 1) under either key. A sum of n is (1 - alpha) G + alpha G' with two independent gamma variables of shape n: a hypoexponential
 * law. In go x, n and alpha, out comes ln P, right to about 1e-12 relative from n = 1 to 1e9 and for any alpha. (The gamma law that
 * has the same two moments, which engines quote, makes p too small: by a factor of 1.9 at 8 standard deviations for n = 20 and alpha = 0.1.)
 *
 * Method: T = G + G' has shape 2n, and B = G / T is independent of it with law Beta(n, n), so P[S >= x] is the mean over B of
 * P[T >= x / ((1 - alpha) B + alpha (1 - B))]. With u = ln(B / (1 - B)) the integrand is positive, analytic for |Im u| < pi and has
 * exponentially falling ends, so the trapezoidal rule converges geometrically (Trefethen and Weideman 2014, doi 10.1137/130932132,
 * section 5): 70 to 170 gamma tails beyond the mean, whatever n, alpha and x are (0.1 to 0.5 milliseconds), and below the mean at most about
 * 20 sqrt(n). The sum of all-positive gamma tails that a negative binomial mixture gives (Moschopoulos 1985) is exact too, but takes
 * sqrt(n) / alpha terms and more; tests hold the two against each other.
 */
import { assertInteger, assertNumber, assertRecord } from '../assert.ts'
import { lnGammaLower, lnGammaUpper } from './gamma.ts'
import { ln1MinusExp } from './ln1-minus-exp.ts'
import { stirlingError } from './saddle-point.ts'

/** A sum of dual-key scores. */
export interface HypoexponentialParameters {
  /** Number of scores, 0 or more, up to 1e9. */
  readonly n: number
  /** Weight of the second key in one score, in [0, 1]; the first has 1 - alpha. A weight below 1e-100 counts as none. */
  readonly alpha: number
}

/**
 * ln P[S >= x].
 *
 * @param x - the sum seen: 0, or from 1e-300 to 1e300
 * @returns natural log of the upper tail, at most 0; for n = 0 the sum is 0
 * @throws TypeError or RangeError when x is outside its range, n is no integer from 0 to 1e9, or alpha is outside [0, 1]
 * @example
 * import { lnHypoexponentialUpperTail } from 'dyetrace/stats'
 * const lnP = lnHypoexponentialUpperTail(44.2981, { n: 20, alpha: 0.1 })
 * console.log(lnP.toFixed(6)) // -12.642767
 */
export function lnHypoexponentialUpperTail(x: number, parameters: HypoexponentialParameters): number {
  assertArguments(x, parameters)
  const { n } = parameters
  if (x === 0) return 0
  if (n === 0) return -Infinity
  return x < n ? ln1MinusExp(lnBelow(x, parameters)) : lnBeyond(x, parameters)
}

/**
 * ln P[S <= x].
 *
 * @param x - the sum seen: 0, or from 1e-300 to 1e300
 * @returns natural log of the lower tail, at most 0
 * @throws TypeError or RangeError as `lnHypoexponentialUpperTail`
 * @example
 * import { lnHypoexponentialLowerTail } from 'dyetrace/stats'
 * console.log(lnHypoexponentialLowerTail(1, { n: 1, alpha: 0 }).toFixed(6)) // -0.458675
 */
export function lnHypoexponentialLowerTail(x: number, parameters: HypoexponentialParameters): number {
  assertArguments(x, parameters)
  const { n } = parameters
  if (n === 0) return 0
  if (x === 0) return -Infinity
  return x < n ? lnBelow(x, parameters) : ln1MinusExp(lnBeyond(x, parameters))
}

function assertArguments(x: unknown, parameters: unknown): void {
  assertNumber(x, {
    name: 'x',
    expected: '0 or a number from 1e-300 to 1e300',
    holds: (value) => value === 0 || (value >= 1e-300 && value <= 1e300),
  })
  assertRecord(parameters, { name: 'parameters' })
  assertInteger(parameters['n'], { name: 'n', max: 1e9 })
  assertNumber(parameters['alpha'], {
    name: 'alpha',
    expected: 'a weight in [0, 1]',
    holds: (value) => value >= 0 && value <= 1,
  })
}

/** ln of the upper tail where x >= n, the mean: there the tail of T grows with the share of the larger weight. */
function lnBeyond(x: number, parameters: HypoexponentialParameters): number {
  const [less, more] = weights(parameters)
  return lnMixture(x, { n: parameters.n, rising: more, falling: less, lnTail: lnGammaUpper })
}

/** ln of the lower tail where x < n: it grows with the share of the smaller weight. */
function lnBelow(x: number, parameters: HypoexponentialParameters): number {
  const [less, more] = weights(parameters)
  return lnMixture(x, { n: parameters.n, rising: less, falling: more, lnTail: lnGammaLower })
}

function weights({ alpha }: HypoexponentialParameters): [less: number, more: number] {
  return alpha < 0.5 ? [alpha, 1 - alpha] : [1 - alpha, alpha]
}

// Far below anything that changes a p-value, far above where doubles lose digits.
const LEAST_WEIGHT = 1e-100

interface Mixture {
  readonly n: number
  /** Weight of the share B, and that of 1 - B; the tail of T at x / (rising B + falling (1 - B)) grows with B. */
  readonly rising: number
  readonly falling: number
  readonly lnTail: (x: number, shape: number) => number
}

/** ln of the integral over u of the density of u = ln(B / (1 - B)) times the tail of T. */
function lnMixture(x: number, mixture: Mixture): number {
  const { n, rising, falling, lnTail } = mixture
  // Equal weights: every B gives the same tail. One weight alone: a gamma law of shape n, without the detour.
  if (rising === falling) return lnTail(x / rising, 2 * n)
  if (Math.min(rising, falling) < LEAST_WEIGHT) return lnTail(x, n)
  const lnTailAt = (u: number): number => lnTail(threshold(x, mixture, u), 2 * n)
  const at = (u: number): Node => {
    const lnWeight = lnDensity(n, u)
    return { u, lnWeight, lnValue: lnWeight + lnTailAt(u) }
  }
  const centre = likeliest(x, mixture)
  const unit = at(centre).lnValue
  // There the rounding of one term is larger than what tells the terms apart. The largest times a width: ln P to a part in 1e11.
  if (unit < -3e12) return unit + 0.5 * Math.log((2 * Math.PI) / n)
  const balance = Math.log(falling) - Math.log(rising)
  const limits = { unit, balance, lnTailAtBalance: lnTailAt(balance), lnMost: lnTail(x / rising, 2 * n) }
  // The integrand's width is about 1 / sqrt(n) at the least, its error at half of that 1e-8 at the most. Nodes halfway between have the same
  // error with the other sign and leave its square, so that where they agree to 1e-7, the mean of both is right to rounding. Of
  // exponents of a million and more, rounding itself leaves a difference: it is as small beside ln P as elsewhere.
  const agreement = 1e-7 + 16 * Number.EPSILON * (n + Math.abs(unit))
  let step = 0.5 / Math.sqrt(n)
  let integral = trapezoid(at, { ...limits, from: centre, step })
  for (;;) {
    const between = trapezoid(at, { ...limits, from: centre + step / 2, step })
    const difference = Math.abs(between - integral)
    integral = (between + integral) / 2
    if (difference <= agreement * integral) return unit + Math.log(integral)
    step /= 2
  }
}

interface Node {
  readonly u: number
  readonly lnWeight: number
  readonly lnValue: number
}

interface Limits {
  readonly from: number
  readonly step: number
  /** ln of what the integral is measured in. */
  readonly unit: number
  /** The u with rising B = falling (1 - B), and the tail there. */
  readonly balance: number
  readonly lnTailAtBalance: number
  /** The tail where B = 1. */
  readonly lnMost: number
}

/**
 * The integral by steps from one node to both sides, until what is left out is less than a rounding. Two bounds for that, both from
 * geometric series. The weights are log-concave in u: to the left, where they fall, the tail is at most that of the last node; to the
 * right it is at most exp(lnMost). And from the balance on the values are log-concave too: the tail of T is log-concave in its threshold,
 * which is convex (or concave, where the tail rises with it) in u there. Left of the balance the tail is at most what it is there, and
 * all weights together, a unimodal density, at most 2 / step.
 */
function trapezoid(at: (u: number) => Node, limits: Limits): number {
  const { from, step, unit, balance, lnTailAtBalance, lnMost } = limits
  const inUnits = (ln: number): number => Math.exp(ln - unit)
  const beyondBalance = (2 / step) * inUnits(lnTailAtBalance)
  const first = at(from)
  let sum = inUnits(first.lnValue)
  for (const direction of [1, -1]) {
    let last = first
    for (let j = direction; ; j += direction) {
      const next = at(from + step * j)
      const value = inUnits(next.lnValue)
      sum += value
      const byWeight = geometric(
        direction > 0 ? inUnits(next.lnWeight + lnMost) : value,
        Math.exp(next.lnWeight - last.lnWeight),
      )
      if (byWeight <= Number.EPSILON * sum) break
      if (next.u >= balance && last.u >= balance) {
        const byValue = geometric(value, Math.exp(next.lnValue - last.lnValue))
        if (byValue + (direction > 0 ? 0 : beyondBalance) <= Number.EPSILON * sum) break
      }
      last = next
    }
  }
  return step * sum
}

/** Sum of a geometric series after its term `last`. */
function geometric(last: number, ratio: number): number {
  return ratio < 1 ? (last * ratio) / (1 - ratio) : Infinity
}

/** ln of the density of u: 1 / (4^n B(n, n) cosh(u / 2)^2n), the first factor as errors of Stirling's formula. */
function lnDensity(n: number, u: number): number {
  const distance = Math.abs(u)
  const lnCosh2 =
    distance < 1
      ? Math.log1p(Math.sinh(u / 2) ** 2)
      : distance + 2 * (Math.log1p(Math.exp(-distance)) - Math.LN2)
  return stirlingError(2 * n) - 2 * stirlingError(n) - 0.5 * Math.log((4 * Math.PI) / n) - n * lnCosh2
}

/** What T must reach where B is logistic(u). */
function threshold(x: number, { rising, falling }: Mixture, u: number): number {
  const e = Math.exp(-Math.abs(u))
  return u > 0 ? (x * (1 + e)) / (rising + falling * e) : (x * (1 + e)) / (rising * e + falling)
}

/**
 * The u of the largest term where T has its density in place of its tail, which is right in the tails and close enough elsewhere: with
 * t = e^u, n rising^2 t^2 - x (rising - falling) t - n falling^2 = 0.
 */
function likeliest(x: number, { n, rising, falling }: Mixture): number {
  const r = (x / (2 * n)) * (rising - falling)
  const root = Math.hypot(r, rising * falling)
  return r > 0 ? Math.log(r + root) - 2 * Math.log(rising) : 2 * Math.log(falling) - Math.log(root - r)
}
