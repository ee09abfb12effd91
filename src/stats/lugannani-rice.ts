/**
 * An estimate of the tail of a weighted sum of null scores: Lugannani and Rice (1980), the saddle-point formula. It stands beside the
 * guaranteed bound (`lnWeightedTailBound`) and shows how much that gives away. **An estimate is never decisive**: it may lie on either side
 * of the truth. What the test measures, as errors of p up to 6 standard deviations from the mean: equal coefficients, 10 per cent for 20 or
 * 100 bits (next to the end of their range), 0.2 per cent for 1,000; exponential scores, 4 per cent for two of them, 0.1 per cent for 20;
 * unequal coefficients, 2 per cent for 16 bits up to 2 standard deviations, but a factor of 2 for 12 bits where only a few outcomes lie
 * beyond. For rare scores (n p below 1) not even the order of magnitude is right near the mean.
 *
 * Formula: with theta such that the tilted mean of S is s, w = sign(theta) sqrt(2 (theta s - K(theta))) and u = theta sqrt(K''(theta)),
 * P[S >= s] = 1 - Phi(w) + phi(w) (1 / u - 1 / w). Where all coefficients are equal and scores are counts, S lives on a lattice, and u has
 * (1 - exp(-theta d)) / d in place of theta (Daniels 1987, doi 10.2307/1403269, first continuity correction; d is the step); without it
 * half of P[S = s] would be missing. Sums of few distinct coefficients can be nearly as coarse, and nothing corrects that.
 */
import { assertNumber, assertRecord, describe } from '../assert.ts'
import { compensatedSum } from './compensated-sum.ts'
import {
  assertScoreLaw,
  type ScoreCumulants,
  type ScoreLaw,
  scoreCumulants,
  tiltedScore,
} from './cumulants.ts'
import { ln1MinusExp } from './ln1-minus-exp.ts'
import { lnNormalDensity, millsRatio } from './normal.ts'

/**
 * Estimate of ln P[S >= s] for S = sum of a_i x_i, with s given as its distance from the mean, as `lnWeightedTailBound` takes it.
 *
 * @param law - null law of one score
 * @param sum - coefficients of either sign, and the excess s - E[S]; more than S can reach is read as the most that it can
 * @returns natural log, at most 0 and never NaN; exact where S is at its largest or smallest
 * @throws TypeError or RangeError for a law that is not known, coefficients that are not a Float64Array, or a value that is not finite
 * @example
 * import { lnLugannaniRiceTail } from 'dyetrace/stats'
 * const law = { kind: 'bernoulli', p: 0.5 } as const
 * const lnP = lnLugannaniRiceTail(law, { coefficients: new Float64Array(100).fill(1), excess: 20 })
 * console.log((lnP / Math.LN10).toFixed(3)) // -4.406, as the exact tail P[Bin(100, 1/2) >= 70]
 */
export function lnLugannaniRiceTail(
  law: ScoreLaw,
  sum: { readonly coefficients: Float64Array; readonly excess: number },
): number {
  assertScoreLaw(law)
  assertSum(sum)
  const score = scoreCumulants(law)
  const { coefficients, excess, span, lnMost, range } = normalised(score, sum)
  if (excess <= range.least) return 0
  if (excess >= range.most) return lnMost
  const theta = saddlePoint(law, { coefficients, excess, score })
  const lnP = lnFormula(law, { coefficients, excess, score, span, theta })
  // A formula, not a probability: it may not say less than the chance of the very largest sum.
  return Math.min(0, Math.max(lnP, lnMost))
}

interface NormalisedSum {
  /** In units of the largest one. */
  readonly coefficients: Float64Array
  readonly excess: number
  /** The step of the lattice, 0 if there is none. */
  readonly span: number
  /** Least and most that the excess can be, and ln of the chance of the most. */
  readonly range: { readonly least: number; readonly most: number }
  readonly lnMost: number
}

function normalised(
  score: ScoreCumulants,
  sum: { readonly coefficients: Float64Array; readonly excess: number },
): NormalisedSum {
  const nonzero = sum.coefficients.filter((a) => a !== 0)
  const unit = nonzero.reduce((largest, a) => Math.max(largest, Math.abs(a)), 0)
  const coefficients = nonzero.map((a) => a / unit)
  const positive = compensatedSum(coefficients.length, (i) => Math.max(0, coefficients[i]!))
  const negative = compensatedSum(coefficients.length, (i) => Math.max(0, -coefficients[i]!))
  const { mean, largest } = score
  const rest = largest - mean
  const most = (positive > 0 ? rest * positive : 0) + mean * negative
  const least = -mean * positive - (negative > 0 ? rest * negative : 0)
  const ups = coefficients.reduce((count, a) => count + (a > 0 ? 1 : 0), 0)
  const downs = coefficients.length - ups
  const lattice = score.span > 0 && coefficients.every((a) => Math.abs(a) === 1)
  let excess = unit > 0 ? Math.max(-FARTHEST, Math.min(FARTHEST, sum.excess / unit)) : 0
  if (lattice) {
    // The next sum that exists; one part in 1e9 is rounding and not a step.
    const centre = mean * (ups - downs)
    const place = excess + centre
    excess = Math.ceil(place - 1e-9 * Math.max(1, Math.abs(place))) - centre
  }
  return {
    coefficients,
    excess,
    span: lattice ? score.span : 0,
    range: { least: least * (1 - ROUNDING), most: most * (1 - ROUNDING) },
    lnMost: (ups > 0 ? ups * score.lnLargest : 0) + (downs > 0 ? downs * score.lnSmallest : 0),
  }
}

// In units of the largest coefficient; beyond, squares overflow.
const FARTHEST = 1e300
const FARTHEST_W = 1e150
// Closer than this to an end, a sum is at the end.
const ROUNDING = 1e-13

interface Tilt {
  readonly excess: number
  readonly variance: number
  readonly divergence: number
}

/** The sum under the law that is tilted by exp(theta S). */
function tilted(law: ScoreLaw, coefficients: Float64Array, theta: number): Tilt {
  let [excess, variance, divergence] = [0, 0, 0]
  for (const a of coefficients) {
    const one = tiltedScore(law, theta * a)
    excess += a * one.excess
    variance += a * a * one.variance
    divergence += one.divergence
  }
  return { excess, variance, divergence }
}

/** The theta whose tilted mean is the excess: Newton's method, kept within a bracket that bisection shrinks where it would leave it. */
function saddlePoint(
  law: ScoreLaw,
  { coefficients, excess, score }: { coefficients: Float64Array; excess: number; score: ScoreCumulants },
): number {
  let [low, high] = [-Infinity, Infinity]
  for (const a of coefficients) {
    if (a > 0) high = Math.min(high, score.tiltBelow / a)
    else low = Math.max(low, score.tiltBelow / a)
  }
  let theta = 0
  for (let step = 0; step < STEPS; step++) {
    const here = tilted(law, coefficients, theta)
    const short = excess - here.excess
    const move = short / here.variance
    if (short === 0 || Math.abs(move) <= 1e-13 * Math.abs(theta)) return theta
    if (short > 0) low = theta
    else high = theta
    const newton = theta + move
    // Where the tilted variance has under- or overflown, the move is no number or leads nowhere.
    const next = newton > low && newton < high ? newton : between(low, high)
    if (!(next > low && next < high)) return theta
    theta = next
  }
  return theta
}

// Newton's method takes 5 to 15; halving to the last digit from 2^40 takes about 100.
const STEPS = 200

/** Within a bracket; where it is open on one side, twice as far. */
function between(low: number, high: number): number {
  if (high === Infinity) return Math.max(1, 2 * low)
  if (low === -Infinity) return Math.min(-1, 2 * high)
  return (low + high) / 2
}

interface Saddle {
  readonly coefficients: Float64Array
  readonly excess: number
  readonly score: ScoreCumulants
  readonly span: number
  readonly theta: number
}

function lnFormula(law: ScoreLaw, saddle: Saddle): number {
  const { coefficients, excess, theta, span } = saddle
  const { variance, divergence, excess: reached } = tilted(law, coefficients, theta)
  // theta s - K(theta), which theta's last digits do not change, where the divergence alone depends on them.
  const w = Math.min(FARTHEST_W, Math.sqrt(2 * Math.max(0, divergence + theta * (excess - reached))))
  const steps = span > 0 ? -Math.expm1(-theta * span) / span : theta
  const correction = nearMean(saddle) ?? 1 / (steps * Math.sqrt(variance)) - Math.sign(theta) / w
  const side = millsRatio(w) + (theta < 0 ? -correction : correction)
  // Chernoff's bound, exp(-w^2 / 2), holds for either tail. Where the formula gives nothing, its leading term stays.
  const over = side > 0 ? Math.min(side, Math.sqrt(2 * Math.PI)) : millsRatio(w)
  const lnSide = lnNormalDensity(w) + Math.log(over)
  return theta < 0 ? ln1MinusExp(lnSide) : lnSide
}

/**
 * 1 / u - 1 / w near theta = 0, where both are infinite: by the cumulants k of S at 0, with e = theta sqrt(k2), skewness g = k3 / k2^1.5,
 * kurtosis h = k4 / k2^2 and step d in units of sqrt(k2) it is d / 2 - g / 6 + e (5 g^2 / 24 - h / 8 + d^2 / 12 - g d / 4), and the
 * rest is of the order of e^2. Undefined where e is not small.
 */
function nearMean({ coefficients, score, span, theta }: Saddle): number | undefined {
  let [squares, cubes, fourths] = [0, 0, 0]
  for (const a of coefficients) {
    squares += a * a
    cubes += a * a * a
    fourths += a * a * a * a
  }
  const deviation = Math.sqrt(squares * score.variance)
  const e = theta * deviation
  const g = (cubes * score.third) / deviation ** 3
  const h = (fourths * score.fourth) / deviation ** 4
  const d = span / deviation
  if (Math.abs(e) * Math.max(1, Math.abs(g), Math.sqrt(Math.abs(h)), d) > 1e-4) return undefined
  return d / 2 - g / 6 + e * ((5 * g * g) / 24 - h / 8 + (d * d) / 12 - (g * d) / 4)
}

function assertSum(sum: unknown): void {
  assertRecord(sum, { name: 'sum' })
  const { coefficients, excess } = sum
  if (!(coefficients instanceof Float64Array))
    throw new TypeError(`"coefficients" expected a Float64Array, got ${describe(coefficients)}`)
  const wrong = coefficients.findIndex((a) => !Number.isFinite(a))
  if (wrong >= 0)
    throw new RangeError(
      `"coefficients[${wrong}]" expected a finite number, got ${describe(coefficients[wrong])}`,
    )
  assertNumber(excess, { name: 'excess', expected: 'a finite number', holds: () => true })
}
