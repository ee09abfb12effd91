/**
 * The contrast: what the suspect says beyond what it would have said anyway. A language has preferences, green or not; references
 * (the provider's own model with the mark off, a public base, ...) know them, and subtracting them leaves what training changed:
 * A(w, v) = weight(w) * sum over positions with window w of (f(p(v)) - sum over k of beta_k f(r_k(v))). Where the suspect gives
 * probabilities f is the square root, which makes the noise of frequent and rare tokens equal. For sampled text p(v) is 1 for the sampled
 * token and 0 for all others, and f leaves values as they are: the roots of an indicator would be compared with roots that do not sum to 1.
 *
 * The weight of a window is blind to the key as well. Widths 0 and 1: n^(-1/4), n the number of its positions, for narrow windows repeat a lot
 * and their residuals agree; it keeps a few of them from being the whole test. Widths 2 and more, where there is an exposure: c / (c + 10), c
 * the count of the window in unmarked text, because a window that a student never saw carries no mark.
 *
 * The fit never sees a key, so any references are valid; better ones only make the test stronger. beta is non-negative: a
 * reference that itself carries the mark then costs power, whereas a negative weight would turn its mark into the suspect's.
 * Why it only costs: such a reference gives a pair the coefficient a1 if it is green and a0 >= a1 if it is not (the sum to 1 of its
 * probabilities aside), and the mean of exp(theta a (x - gamma)) / M(theta a) over the two, 1 for a fixed a, is then at most 1.
 */
import type { Context } from '../context.ts'
import { nonNegativeLeastSquares } from './least-squares.ts'
import type { Observation } from './observations.ts'
import { createPairPool, onGrid, type WeightedPairs } from './pairs.ts'

/** Contrast coefficients and the fit they rest on. */
export interface ContrastPairs extends WeightedPairs {
  /** Weight of each reference, non-negative, in the plan's order. */
  readonly beta: readonly number[]
}

/** How probabilities are compared: by their square roots, or as they are. */
export type ContrastScale = 'root' | 'value'

/** How often a window occurs in text that nobody marked. */
export interface WindowCounts {
  count(window: Context): number
}

/** What shapes a contrast besides the observations; all of it blind to the key. */
export interface ContrastOptions {
  /** @defaultValue 'root' */
  readonly scale?: ContrastScale
  /** Used at widths of 2 and more. @defaultValue none: every window weighs the same there */
  readonly exposure?: WindowCounts | undefined
}

/** Fits the references and pools what is left by (window, token). */
export function contrastPairs(
  observations: readonly Observation[],
  contextWidth: number,
  { scale = 'root', exposure }: ContrastOptions = {},
): ContrastPairs {
  const beta = fitReferences(observations, scale)
  const pool = createPairPool(contextWidth)
  const windows = observations.map(({ window }) => pool.windowOf(window))
  const repeats = new Uint32Array(windows.length)
  for (const window of windows) repeats[window]!++
  for (const [i, observation] of observations.entries()) {
    const weight =
      contextWidth <= 1 ? repeatWeight(repeats[windows[i]!]!) : exposureWeight(observation.window, exposure)
    // An unseen window carries nothing, and to leave it out here saves its hundred pairs.
    if (weight === 0) continue
    const { tokens } = observation
    for (let k = 0; k < tokens.length; k++)
      pool.add(windows[i]!, tokens[k]!, weight * residual(observation, k, { beta, scale }))
  }
  return { ...pool.pooled(), beta }
}

/** What one position says of its k-th token beyond the references. */
export function residual(
  { weights, references }: Observation,
  k: number,
  { beta, scale }: { beta: readonly number[]; scale: ContrastScale },
): number {
  let value = scaled(weights[k]!, scale)
  for (let r = 0; r < beta.length; r++) value -= beta[r]! * scaled(references[r]![k]!, scale)
  return value
}

/** Weight of a window by how often unmarked text has it. */
export function exposureWeight(window: Context, exposure: WindowCounts | undefined): number {
  if (exposure === undefined) return 1
  const count = exposure.count(window)
  return count / (count + EXPOSURE_HALF)
}

// A window that was seen this often weighs one half.
const EXPOSURE_HALF = 10

// n^(-1/4) by square roots, which are the same on every machine; powers are not.
function repeatWeight(repeats: number): number {
  return 1 / Math.sqrt(Math.sqrt(repeats))
}

function scaled(value: number, scale: ContrastScale): number {
  return scale === 'root' ? Math.sqrt(value) : value
}

/**
 * Least squares of f(p) on the f(r_k) over all entries, with beta_k >= 0. Products are rounded to the grid, so that the fit, and
 * with it every coefficient, does not depend on the order of the observations.
 */
export function fitReferences(observations: readonly Observation[], scale: ContrastScale): number[] {
  return fitOf(momentsOf(observations, scale))
}

/** The normal equations of a fit: sums, so more observations can be added to them. */
export interface ReferenceMoments {
  readonly gram: readonly Float64Array[]
  readonly moments: Float64Array
}

/** Normal equations of the observations, added to earlier ones in place where there are any. */
export function momentsOf(
  observations: readonly Observation[],
  scale: ContrastScale,
  earlier?: ReferenceMoments,
): ReferenceMoments {
  const count = observations[0]?.references.length ?? 0
  const gram = earlier?.gram ?? Array.from({ length: count }, () => new Float64Array(count))
  const moments = earlier?.moments ?? new Float64Array(count)
  for (const { tokens, weights, references } of observations) {
    for (let k = 0; k < tokens.length; k++) {
      const said = scaled(weights[k]!, scale)
      for (let i = 0; i < count; i++) {
        const value = scaled(references[i]![k]!, scale)
        moments[i]! += onGrid(value * said)
        for (let j = 0; j <= i; j++) gram[i]![j]! += onGrid(value * scaled(references[j]![k]!, scale))
      }
    }
  }
  for (let i = 0; i < count; i++) for (let j = 0; j < i; j++) gram[j]![i] = gram[i]![j]!
  return { gram, moments }
}

/** The weights that solve normal equations. */
export function fitOf({ gram, moments }: ReferenceMoments): number[] {
  return nonNegativeLeastSquares(gram, moments)
}
