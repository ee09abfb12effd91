/**
 * The count statistic: the suspect's first choice in each position, each distinct (window, token) pair with weight 1. For
 * sampled text that is the token itself; for probabilities the top token, which is the published baseline (Sander et al. 2024,
 * arXiv 2402.14904). Equal weights, so the null law of the sum is exact.
 */

import { createTupleSet } from '../tuple-set.ts'
import type { Observation } from './observations.ts'
import { type Coefficient, poolPairs, type WeightedPairs } from './pairs.ts'

/** Distinct pairs of window and first choice, coefficient 1 each. */
export function countPairs(observations: readonly Observation[], contextWidth: number): WeightedPairs {
  const pooled = poolPairs(firstChoices(observations), contextWidth)
  return { ...pooled, coefficients: pooled.coefficients.fill(1) }
}

/** In the order of the observations, each window once: the first so many of them are then the first asked. */
export function countInOrder(observations: readonly Observation[], contextWidth: number): WeightedPairs {
  const windows = createTupleSet(contextWidth)
  const choices = Array.from(firstChoices(observations)).filter(({ window }) => windows.add(window))
  const stride = contextWidth + 1
  const pairs = new Uint32Array(choices.length * stride)
  for (const [i, { window, token }] of choices.entries()) {
    for (let j = 0; j < contextWidth; j++) pairs[i * stride + j] = window[j]!
    pairs[(i + 1) * stride - 1] = token
  }
  return { contextWidth, pairs, coefficients: new Float64Array(choices.length).fill(1) }
}

/** What the suspect would say first in a position; undefined where all weights are zero and it made no choice. */
export function firstChoice({ tokens, weights }: Observation): number | undefined {
  let best = 0
  for (let k = 1; k < tokens.length; k++) if (weights[k]! > weights[best]!) best = k
  return weights[best]! > 0 ? tokens[best]! : undefined
}

function* firstChoices(observations: readonly Observation[]): Generator<Coefficient> {
  for (const observation of observations) {
    const token = firstChoice(observation)
    if (token !== undefined) yield { window: observation.window, token, value: 1 }
  }
}
