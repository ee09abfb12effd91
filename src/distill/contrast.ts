/**
 * The root contrast: what the suspect says beyond what it would have said anyway. A language has preferences, green or not;
 * references (the provider's own model with the mark off, a public base, ...) know them, and subtracting their square-rooted
 * probabilities leaves what training changed: a(w, v) = weight(w) * sum over positions with window w of
 * (sqrt p(v) - sum over k of beta_k sqrt r_k(v)). Square roots, because they make the noise of frequent and rare tokens equal.
 *
 * The fit never sees a key, so any references are valid; better ones only make the test stronger. beta is non-negative: a
 * reference that itself carries the mark then costs power, whereas a negative weight would turn its mark into the suspect's.
 * Why it only costs: such a reference gives a pair the coefficient a1 if it is green and a0 >= a1 if it is not (the sum to 1 of its
 * probabilities aside), and the mean of exp(theta a (x - gamma)) / M(theta a) over the two, 1 for a fixed a, is then at most 1.
 */
import { nonNegativeLeastSquares } from './least-squares.ts'
import type { Observation } from './observations.ts'
import { type Coefficient, onGrid, poolPairs, type WeightedPairs } from './pairs.ts'

/** Contrast coefficients and the fit they rest on. */
export interface ContrastPairs extends WeightedPairs {
  /** Weight of each reference, non-negative, in the plan's order. */
  readonly beta: readonly number[]
}

/** Fits the references and pools what is left by (window, token). */
export function contrastPairs(observations: readonly Observation[], contextWidth: number): ContrastPairs {
  const beta = fitReferences(observations)
  return { ...poolPairs(residuals(observations, { beta, contextWidth }), contextWidth), beta }
}

function* residuals(
  observations: readonly Observation[],
  { beta, contextWidth }: { beta: readonly number[]; contextWidth: number },
): Generator<Coefficient> {
  const repeats = new Map<string, number>()
  const name = (window: Observation['window']): string => Array.prototype.join.call(window, ' ')
  for (const { window } of observations) repeats.set(name(window), (repeats.get(name(window)) ?? 0) + 1)
  for (const { window, tokens, weights, references } of observations) {
    // Narrow windows repeat a lot and their residuals agree: n^(-1/4) keeps a few of them from being the whole test.
    // By square roots, which are the same on every machine; powers are not.
    const weight = contextWidth <= 1 ? 1 / Math.sqrt(Math.sqrt(repeats.get(name(window))!)) : 1
    for (let k = 0; k < tokens.length; k++) {
      let value = Math.sqrt(weights[k]!)
      for (let r = 0; r < beta.length; r++) value -= beta[r]! * Math.sqrt(references[r]![k]!)
      yield { window, token: tokens[k]!, value: weight * value }
    }
  }
}

/**
 * Least squares of sqrt p on the sqrt r_k over all entries, with beta_k >= 0. Products are rounded to the grid, so that the fit, and
 * with it every coefficient, does not depend on the order of the observations.
 */
function fitReferences(observations: readonly Observation[]): number[] {
  const count = observations[0]?.references.length ?? 0
  const gram = Array.from({ length: count }, () => new Float64Array(count))
  const moments = new Float64Array(count)
  for (const { tokens, weights, references } of observations) {
    for (let k = 0; k < tokens.length; k++) {
      for (let i = 0; i < count; i++) {
        const root = Math.sqrt(references[i]![k]!)
        moments[i]! += onGrid(root * Math.sqrt(weights[k]!))
        for (let j = 0; j <= i; j++) gram[i]![j]! += onGrid(root * Math.sqrt(references[j]![k]!))
      }
    }
  }
  for (let i = 0; i < count; i++) for (let j = 0; j < i; j++) gram[j]![i] = gram[i]![j]!
  return nonNegativeLeastSquares(gram, moments)
}
