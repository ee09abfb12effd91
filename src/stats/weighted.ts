/**
 * Sums of independent null scores with unequal coefficients, S = sum of a_i x_i. They have no closed law, but their moment
 * generating function is exact, and Chernoff's inequality turns it into a p-value that holds for any coefficients and any n:
 * ln P[S >= s] <= sum of ln M(theta a_i) - theta s, for every theta > 0. The best theta is found by bisection; a poor search could
 * only make the p-value larger, never smaller.
 */
import { assertNumber, describe } from '../assert.ts'
import type { NullLaw } from './law.ts'
import { lnMeanExp } from './ln-mean-exp.ts'
import { nullVariance } from './tail.ts'

/** Coefficients of distinct pairs and T = S - E[S] = sum of a_i (x_i - null mean). */
export interface WeightedSum {
  readonly coefficients: Float64Array
  readonly excess: number
}

/** Variance of S under the null: (variance of one score) times the sum of a_i^2. */
export function weightedVariance(law: NullLaw, coefficients: Float64Array): number {
  let squares = 0
  for (const a of coefficients) squares += a * a
  return nullVariance(law) * squares
}

/**
 * Number of equal coefficients that would make as near to a normal law: (sum a^2)^2 / sum a^4. Few large coefficients mean
 * that few field numbers decide, however many pairs there are.
 */
export function effectiveCount(coefficients: Float64Array): number {
  let squares = 0
  let fourths = 0
  for (const a of coefficients) {
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
 * @throws TypeError or RangeError for coefficients that are not a Float64Array, or a value that is not finite
 * @example
 * import { lnWeightedTailBound } from 'dyetrace/stats'
 * const law = { kind: 'bernoulli', p: 0.5 } as const
 * const lnP = lnWeightedTailBound(law, { coefficients: new Float64Array(100).fill(1), excess: 20 })
 * console.log((lnP / Math.LN10).toFixed(2)) // -3.57, where the exact tail P[Bin(100, 1/2) >= 70] is 10^-4.41
 */
export function lnWeightedTailBound(law: NullLaw, sum: WeightedSum): number {
  assertWeightedSum(sum)
  const { coefficients, excess } = sum
  const deviation = Math.sqrt(weightedVariance(law, coefficients))
  if (excess <= 0 || deviation === 0) return 0
  const objective = (theta: number): number => lnCentredMgf(law, coefficients, theta) - theta * excess
  const theta = minimiser(law, sum, excess / (deviation * deviation))
  return Math.min(0, objective(theta))
}

/**
 * ln of the e-value of a weighted sum: exp(theta T - ln M(theta)), mixed evenly over theta = z / (null standard deviation of T) for
 * z = 1, 2, 4, 8, 16. The grid is made of the coefficients alone, so each part has mean 1 under the null and so has the mixture.
 */
export function lnWeightedEValue(law: NullLaw, sum: WeightedSum): number {
  assertWeightedSum(sum)
  const { coefficients, excess } = sum
  const deviation = Math.sqrt(weightedVariance(law, coefficients))
  if (deviation === 0) return 0
  return lnMeanExp(
    E_VALUE_GRID.map((z) => (z / deviation) * excess - lnCentredMgf(law, coefficients, z / deviation)),
  )
}

/** Best for excesses of about 1 to 16 standard deviations; beyond, growth is linear instead of quadratic but never stops. */
const E_VALUE_GRID = [1, 2, 4, 8, 16]

/**
 * ln E[exp(theta T)], rounded up: each term is off by a few units in the last place, and that must not flatter the accuser.
 * Neumaier's compensated sum (1974) adds no error that grows with the number of terms.
 */
function lnCentredMgf(law: NullLaw, coefficients: Float64Array, theta: number): number {
  let total = 0
  let lost = 0
  let size = 0
  for (const a of coefficients) {
    const term = lnCentredMgfOfOne(law, theta * a)
    const next = total + term
    lost += total >= term ? total - next + term : term - next + total
    total = next
    size += 1 + Math.abs(theta * a)
  }
  return total + lost + ROUNDING * size
}

/** Error of one term by 1 + |theta a|: a product, an exponential and a logarithm of a number within [1/256, 1], each within 2.3e-16. */
const ROUNDING = 1e-15

/** ln E[exp(t (x - mean))], never negative. */
function lnCentredMgfOfOne(law: NullLaw, t: number): number {
  switch (law.kind) {
    case 'bernoulli':
      return lnCentredBernoulliMgf(law.p, t)
  }
}

// ln((1 - p) exp(-t p) + p exp(t (1 - p))), with the larger exponential taken out so that nothing overflows.
function lnCentredBernoulliMgf(p: number, t: number): number {
  const q = 1 - p
  // expm1 keeps small t: ln(1 + p (e^t - 1)) - t p, whose leading terms cancel, is about p q t^2 / 2 there.
  if (Math.abs(t) < 1e-3) {
    const t2 = t * t
    return p * q * t2 * (1 / 2 + (t * (q - p)) / 6 + (t2 * (1 - 6 * p * q)) / 24 + Math.abs(t2 * t) / 100)
  }
  return t > 0 ? t * q + Math.log(p + q * Math.exp(-t)) : -t * p + Math.log(q + p * Math.exp(t))
}

/** Derivative of ln E[exp(t (x - mean))] by t: the tilted mean minus the mean. */
function tiltedExcess(law: NullLaw, t: number): number {
  switch (law.kind) {
    case 'bernoulli': {
      const { p } = law
      return p / (p + (1 - p) * Math.exp(-t)) - p
    }
  }
}

/**
 * Where the bound is smallest: the theta whose tilted mean of T is the excess. `start` is the normal law's answer. Where S is at its
 * largest possible value no theta gets there, and the search stops when the bound has reached its limit to 12 digits.
 */
function minimiser(law: NullLaw, { coefficients, excess }: WeightedSum, start: number): number {
  const slope = (theta: number): number => {
    let mean = 0
    for (const a of coefficients) mean += a * tiltedExcess(law, theta * a)
    return mean - excess
  }
  let [low, high] = [0, start]
  while (slope(high) < 0) {
    if (slope(high) > -1e-12 * excess || high > LARGEST_THETA_RATIO * start) return high
    low = high
    high *= 2
  }
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2
    if (slope(middle) < 0) low = middle
    else high = middle
  }
  return high
}

// An excess beyond the largest possible one would never be reached: the caller's sum is wrong, and the bound stays harmless.
const LARGEST_THETA_RATIO = 2 ** 60
// The bound is flat at its minimum: an error of 2^-30 in theta costs 2^-60 of its curvature.
const BISECTIONS = 30

function assertWeightedSum({ coefficients, excess }: WeightedSum): void {
  if (!(coefficients instanceof Float64Array))
    throw new TypeError(`"coefficients" expected a Float64Array, got ${describe(coefficients)}`)
  assertNumber(excess, { name: 'excess', expected: 'a finite number', holds: () => true })
  for (let i = 0; i < coefficients.length; i++)
    assertNumber(coefficients[i], {
      name: `coefficients[${i}]`,
      expected: 'a finite number',
      holds: () => true,
    })
}
