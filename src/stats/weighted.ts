/**
 * Sums of independent null scores with unequal coefficients, S = sum of a_i x_i. They have no closed law, but their moment
 * generating function is exact, and Chernoff's inequality turns it into a p-value that holds for any coefficients and any n:
 * ln P[S >= s] <= sum of ln M(theta a_i) - theta s, for every theta > 0. The best theta is found by bisection; a poor search could
 * only make the p-value larger, never smaller.
 */
import { assertNumber, assertRecord, describe } from '../assert.ts'
import { compensatedSum } from './compensated-sum.ts'
import { assertNullLaw, EXPONENTIAL_STEP, isOfBits, levelShare, type NullLaw } from './law.ts'
import { lnMeanExp } from './ln-mean-exp.ts'
import { nullVariance } from './tail.ts'

/** Coefficients of distinct pairs and T = S - E[S] = sum of a_i (x_i - null mean). */
export interface WeightedSum {
  readonly coefficients: Float64Array
  /** T, known to within 1e-15 times the sum of the absolute coefficients; more than the largest possible T is read as that. */
  readonly excess: number
}

/** Variance of S under the null: (variance of one score) times the sum of a_i^2. */
export function weightedVariance(law: NullLaw, coefficients: Float64Array): number {
  assertCoefficients(coefficients)
  let squares = 0
  for (const a of coefficients) squares += a * a
  return nullVariance(law) * squares
}

/**
 * Number of equal coefficients that would make as near to a normal law: (sum a^2)^2 / sum a^4. Few large coefficients mean
 * that few field numbers decide, however many pairs there are.
 */
export function effectiveCount(coefficients: Float64Array): number {
  assertCoefficients(coefficients)
  const unit = unitOf(coefficients)
  let squares = 0
  let fourths = 0
  for (const coefficient of coefficients) {
    const a = coefficient / unit
    squares += a * a
    fourths += a * a * a * a
  }
  return fourths === 0 ? 0 : (squares * squares) / fourths
}

/**
 * Guaranteed upper bound of ln P[T >= excess] under the null (Chernoff): always at least the true value, whatever the
 * coefficients, which may have both signs.
 *
 * @returns natural log, at most 0; 0 where the excess is not positive
 * @throws TypeError or RangeError for a law that is not known, coefficients that are not a Float64Array, or a value that is not
 * finite
 * @example
 * import { lnWeightedTailBound } from 'dyetrace/stats'
 * const law = { kind: 'bernoulli', p: 0.5 } as const
 * const lnP = lnWeightedTailBound(law, { coefficients: new Float64Array(100).fill(1), excess: 20 })
 * console.log((lnP / Math.LN10).toFixed(2)) // -3.57, where the exact tail P[Bin(100, 1/2) >= 70] is 10^-4.41
 */
export function lnWeightedTailBound(law: NullLaw, sum: WeightedSum): number {
  const { coefficients, excess } = normalised(law, sum)
  const variance = weightedVariance(law, coefficients)
  if (excess <= 0 || variance === 0) return 0
  // The normal law's answer; for rare and large scores it is far too large, and the search is relative to where it starts.
  const start = Math.min(excess / variance, LARGEST_START)
  if (start === 0) return 0
  const bounds = minimiser(law, { coefficients, excess }, start)
  return Math.min(0, ...bounds.map((theta) => lnCentredMgf(law, coefficients, theta) - theta * excess))
}

/** ln of the smallest tail that these coefficients can give: each score on the side that its coefficient's sign favours. */
export function lnLeastWeightedTail(law: NullLaw, coefficients: Float64Array): number {
  let [positive, negative] = [0, 0]
  for (const a of coefficients) {
    if (a > 0) positive++
    else if (a < 0) negative++
  }
  switch (law.kind) {
    case 'bernoulli':
      return positive * Math.log(law.p) + negative * Math.log1p(-law.p)
    case 'binomial':
      return law.trials * (positive * Math.log(law.p) + negative * Math.log1p(-law.p))
    case 'exponential':
      // The highest score has one field of 2^32. The lowest has those below a step, of which this is a little less than all.
      // + 0 makes +0 of the -0 that no coefficients give.
      return positive * Math.log(levelShare(law)) + negative * Math.log(-Math.expm1(-EXPONENTIAL_STEP)) + 0
    case 'hypoexponential':
      // Both of its parts at an end.
      return (
        2 * (positive * Math.log(levelShare(law)) + negative * Math.log(-Math.expm1(-EXPONENTIAL_STEP))) + 0
      )
  }
}

/**
 * ln of the e-value of a weighted sum: exp(theta T - ln M(theta)), mixed evenly over theta = z / (null standard deviation of T) for
 * z = 1, 2, 4, ... 64. The grid is made of the coefficients alone, so each part has mean 1 under the null and so has the mixture.
 * Exponential scores: theta = z / (deviation + z times the largest coefficient), which stays below the pole and is nearly the same where
 * there are many coefficients.
 */
export function lnWeightedEValue(law: NullLaw, sum: WeightedSum): number {
  const { coefficients, excess } = normalised(law, sum)
  const deviation = Math.sqrt(weightedVariance(law, coefficients))
  if (deviation === 0) return 0
  const reach = largestOf(coefficients) / poleOf(law)
  return lnMeanExp(
    E_VALUE_GRID.map((z) => {
      const theta = z / (deviation + z * reach)
      return theta * excess - lnCentredMgf(law, coefficients, theta)
    }),
  )
}

/** Best for excesses of 1 to 64 standard deviations; beyond, growth is linear instead of quadratic but never stops. */
const E_VALUE_GRID = [1, 2, 4, 8, 16, 32, 64]

/**
 * ln E[exp(theta T)], rounded up: each term is off by a few units in the last place, and that must not flatter the accuser. Infinity where it
 * does not exist.
 */
export function lnCentredMgf(law: NullLaw, coefficients: Float64Array, theta: number): number {
  if (theta * largestOf(coefficients) >= poleOf(law)) return Infinity
  let size = 0
  const total = compensatedSum(coefficients.length, (i) => {
    const t = theta * coefficients[i]!
    size += errorScale(law, t)
    return lnCentredMgfOfOne(law, t)
  })
  return total + ROUNDING * size
}

/**
 * Error of one term by 1 + |theta a|. Half of it for the term and its part of theta T: the products, sums, exponential and logarithm
 * (whose value is at most |theta a|) are each within 2.3e-16 of a number that is at most 1 or |theta a|. The other half for T as given.
 */
const ROUNDING = 2e-15

/** What the rounding of one term is measured in. Near the pole of an exponential score that of t itself is magnified. */
function errorScale(law: NullLaw, t: number): number {
  switch (law.kind) {
    case 'bernoulli':
      return 1 + Math.abs(t)
    case 'binomial':
      return law.trials * (1 + Math.abs(t))
    case 'exponential':
      return 1 + Math.abs(t) / Math.min(1, 1 - t)
    case 'hypoexponential':
      return 2 * (1 + Math.abs(t) / Math.min(1, 1 - t * Math.max(law.alpha, 1 - law.alpha)))
  }
}

/** Where the moment generating function of one score ends. */
function poleOf(law: NullLaw): number {
  if (isOfBits(law)) return Infinity
  return law.kind === 'exponential' ? 1 : 1 / Math.max(law.alpha, 1 - law.alpha)
}

/** ln E[exp(t (x - mean))], or for exponential scores, which are rounded down, at least that; never negative. */
function lnCentredMgfOfOne(law: NullLaw, t: number): number {
  switch (law.kind) {
    case 'bernoulli':
      return law.fixedSize ? law.p * expm1MinusItself(t) : lnCentredBernoulliMgf(law.p, t)
    case 'binomial':
      return law.trials * lnCentredBernoulliMgf(law.p, t)
    case 'exponential':
      // Rounding down makes exp(t x) smaller where t > 0, and larger where t < 0: there what was lost counts for the accuser.
      return -Math.log1p(-t) - t + (t < 0 ? EXPONENTIAL_STEP * -t + levelShare(law) * (1 - t) : 0)
    case 'hypoexponential': {
      const [a, b] = [(1 - law.alpha) * t, law.alpha * t]
      const lost = t < 0 ? EXPONENTIAL_STEP * -t + levelShare(law) * (2 - t) : 0
      return -Math.log1p(-a) - a - Math.log1p(-b) - b + lost
    }
  }
}

// For t < 0 a score x, rounded down from an exponential number, has E[exp(t x)] <= (1 / (1 - t) + 1 / N) exp(-t step), N the levels: before
// the step it is -ln(j / N) with j even on 1..N, and the mean of (j / N)^-t is an upper Riemann sum of N parts of an increasing function.

/**
 * e^t - 1 - t, which times p bounds ln E[exp(t (x - p))] for lists of fixed size, and sums over them: a draw of g of V without replacement has
 * E[exp(S)] at most that of g draws with replacement, for weights of either sign (Hoeffding 1963, theorem 4), ((1 / V) sum of exp(a_v))^g over
 * the vocabulary, which is at most exp(p sum of (exp(a_v) - 1)).
 */
function expm1MinusItself(t: number): number {
  // The two leading terms cancel for small t; 1/100 rounds the fifth up.
  if (Math.abs(t) < 1e-2) return t * t * (1 / 2 + t / 6 + (t * t) / 24 + Math.abs(t * t * t) / 100)
  return Math.expm1(t) - t
}

// ln((1 - p) exp(-t p) + p exp(t (1 - p))), with the larger exponential taken out so that nothing overflows.
function lnCentredBernoulliMgf(p: number, t: number): number {
  const q = 1 - p
  // Small t by cumulants, since the leading terms of ln(1 + p (e^t - 1)) - t p cancel. The fifth is at most p q t^5 / 120: 1/100 rounds up.
  if (Math.abs(t) < 1e-3) {
    const t2 = t * t
    return p * q * t2 * (1 / 2 + (t * (q - p)) / 6 + (t2 * (1 - 6 * p * q)) / 24 + Math.abs(t2 * t) / 100)
  }
  return t > 0 ? t * q + Math.log(p + q * Math.exp(-t)) : -t * p + Math.log(q + p * Math.exp(t))
}

/** Derivative of ln E[exp(t (x - mean))] by t: the tilted mean minus the mean. */
function tiltedExcess(law: NullLaw, t: number): number {
  switch (law.kind) {
    case 'bernoulli':
      return law.fixedSize ? law.p * Math.expm1(t) : tiltedRate(law.p, t) - law.p
    case 'binomial':
      return law.trials * (tiltedRate(law.p, t) - law.p)
    case 'exponential':
      return t / (1 - t) - (t < 0 ? EXPONENTIAL_STEP + levelShare(law) : 0)
    case 'hypoexponential': {
      const [a, b] = [(1 - law.alpha) * t, law.alpha * t]
      const lost = t < 0 ? EXPONENTIAL_STEP + levelShare(law) : 0
      return ((1 - law.alpha) * a) / (1 - a) + (law.alpha * b) / (1 - b) - lost
    }
  }
}

function tiltedRate(p: number, t: number): number {
  return p / (p + (1 - p) * Math.exp(-t))
}

/**
 * Two thetas between which the bound is smallest: where the tilted mean of T is the excess. `start` is the normal law's answer. Where S is
 * at its largest possible value no theta gets there, and the search stops when the bound has reached its limit to 12 digits. Near a pole
 * the bound follows the distance to it, so that is what the search resolves there.
 */
function minimiser(law: NullLaw, { coefficients, excess }: WeightedSum, start: number): number[] {
  const largest = largestOf(coefficients)
  const pole = poleOf(law) / largest
  const slope = (theta: number): number => {
    if (theta * largest >= poleOf(law)) return Infinity
    const tilted = (i: number): number => coefficients[i]! * tiltedExcess(law, theta * coefficients[i]!)
    return compensatedSum(coefficients.length, tilted) - excess
  }
  let [low, high] = [0, Math.min(start, pole)]
  while (slope(high) < 0) {
    if (slope(high) > -1e-12 * excess || high > LARGEST_THETA_RATIO * start) return [high]
    low = high
    high *= 2
  }
  for (let step = 0; step < BISECTIONS || high - low > RESOLUTION * (pole - low); step++) {
    const middle = (low + high) / 2
    if (middle === low || middle === high) break
    if (slope(middle) < 0) low = middle
    else high = middle
  }
  return [low, high]
}

function largestOf(coefficients: Float64Array): number {
  return coefficients.reduce((a, b) => Math.max(a, b), 0)
}

// In units of the largest coefficient: a score of law p = 1e-300 needs about 700.
const LARGEST_START = 1024
// Where rounding alone keeps the slope below its limit. What is added for rounding grows with theta, so the bound only gets worse.
const LARGEST_THETA_RATIO = 2 ** 60
// The bound is flat at its minimum: an error of 2^-30 in theta costs 2^-60 of its curvature.
const BISECTIONS = 30
const RESOLUTION = 2 ** -BISECTIONS

/**
 * The same sum in units of about its largest coefficient (a power of two, so that nothing is rounded and no square over- or
 * underflows), the excess cut to what the coefficients can give: beyond, every theta would do better than the one before, and a
 * caller's mistake or rounding would pass for the strongest evidence of all.
 */
function normalised(law: NullLaw, sum: WeightedSum): WeightedSum {
  assertNullLaw(law)
  assertWeightedSum(sum)
  const unit = unitOf(sum.coefficients)
  const coefficients = sum.coefficients.map((a) => a / unit)
  const total = compensatedSum(coefficients.length, (i) => coefficients[i]!)
  const absolute = compensatedSum(coefficients.length, (i) => Math.abs(coefficients[i]!))
  const { least, most } = excessRange(law, {
    positive: (absolute + total) / 2,
    negative: (absolute - total) / 2,
  })
  return { coefficients, excess: Math.max(least, Math.min(most, sum.excess / unit)) }
}

/** Smallest and largest T, by the sums of absolute coefficients of either sign. */
function excessRange(
  law: NullLaw,
  { positive, negative }: { positive: number; negative: number },
): { least: number; most: number } {
  switch (law.kind) {
    case 'bernoulli': {
      const { p } = law
      return { least: -p * positive - (1 - p) * negative, most: (1 - p) * positive + p * negative }
    }
    case 'binomial': {
      const { p, trials } = law
      return {
        least: trials * (-p * positive - (1 - p) * negative),
        most: trials * ((1 - p) * positive + p * negative),
      }
    }
    case 'exponential':
    case 'hypoexponential':
      return {
        least: negative > 0 ? -UNBOUNDED : -positive,
        most: positive > 0 ? UNBOUNDED : negative,
      }
  }
}

// Stands for a sum that has no end, far beyond what scores give, so that products with it stay finite.
const UNBOUNDED = 2 ** 900

/** The power of two at or just below the largest absolute value; 1 where all are 0. */
function unitOf(coefficients: Float64Array): number {
  let largest = 0
  for (const a of coefficients) largest = Math.max(largest, Math.abs(a))
  return largest === 0 ? 1 : 2 ** Math.min(1023, Math.floor(Math.log2(largest)))
}

function assertWeightedSum(sum: WeightedSum): void {
  assertRecord(sum, { name: 'sum' })
  assertCoefficients(sum.coefficients)
  assertNumber(sum.excess, { name: 'excess', expected: 'a finite number', holds: () => true })
}

function assertCoefficients(coefficients: unknown): asserts coefficients is Float64Array {
  if (!(coefficients instanceof Float64Array))
    throw new TypeError(`"coefficients" expected a Float64Array, got ${describe(coefficients)}`)
  const wrong = coefficients.findIndex((a) => !Number.isFinite(a))
  if (wrong >= 0)
    throw new RangeError(
      `"coefficients[${wrong}]" expected a finite number, got ${describe(coefficients[wrong])}`,
    )
}
