/**
 * The count statistic: the suspect's first choice in each position, each distinct (window, token) pair with weight 1. For
 * sampled text that is the token itself; for probabilities the top token, which is the published baseline (Sander et al. 2024,
 * arXiv 2402.14904). Equal weights, so the null law of the sum is exact.
 */

import type { Observation } from './observations.ts'
import { type Coefficient, poolPairs, type WeightedPairs } from './pairs.ts'

/** Distinct pairs of window and first choice, coefficient 1 each. */
export function countPairs(observations: readonly Observation[], contextWidth: number): WeightedPairs {
  const pooled = poolPairs(firstChoices(observations), contextWidth)
  return { ...pooled, coefficients: pooled.coefficients.fill(1) }
}

function* firstChoices(observations: readonly Observation[]): Generator<Coefficient> {
  for (const { window, tokens, weights } of observations) {
    let best = 0
    for (let k = 1; k < tokens.length; k++) if (weights[k]! > weights[best]!) best = k
    // Where all weights are zero the suspect made no choice.
    if (weights[best]! > 0) yield { window, token: tokens[best]!, value: 1 }
  }
}
