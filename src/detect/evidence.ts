/**
 * Evidence: the sum of scores over distinct pairs, how many there are, and the null law of one. All that a verdict rests on.
 */

import type { MarkKey } from '../keys/mark-key.ts'
import { inLayer } from '../prf/fields.ts'
import type { Scheme } from '../schemes/scheme.ts'
import type { NullLaw } from '../stats/law.ts'

/** Sum of `n` scores that are independent with law `law` each if the pairs do not depend on the key. */
export interface Evidence {
  readonly sum: number
  readonly n: number
  readonly law: NullLaw
}

/** Sum of scores times coefficients that were fixed before the key was used. */
export interface WeightedEvidence {
  readonly sum: number
  readonly coefficients: Float64Array
  readonly law: NullLaw
}

/**
 * Scores distinct pairs under one key. Pairs whose context belongs to another layer are left out: which ones these are
 * depends on the route key and the contexts alone, not on the mark key.
 * @param pairs `contextWidth + 1` words each, distinct.
 */
export function gatherEvidence(
  pairs: Uint32Array,
  { scheme, key, lane }: { scheme: Scheme; key: MarkKey; lane: number },
): Evidence {
  const stride = scheme.contextWidth + 1
  let sum = 0
  let n = 0
  for (let at = 0; at < pairs.length; at += stride) {
    const context = pairs.subarray(at, at + stride - 1)
    if (!inLayer(key, context)) continue
    sum += scheme.score(scheme.field(key, context, pairs[at + stride - 1]!, lane))
    n++
  }
  return { sum, n, law: scheme.nullLaw }
}
