/**
 * Evidence: the sum of scores over distinct pairs, how many there are, and the null law of one. All that a verdict rests on.
 */

import type { MarkKey } from '../keys/mark-key.ts'
import { reads } from '../schemes/reads.ts'
import type { Scheme } from '../schemes/scheme.ts'
import type { NullLaw } from '../stats/law.ts'
import { createTupleSet } from '../tuple-set.ts'

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
  return gatherLanes(pairs, { scheme, key, lanes: [lane] })[0]!
}

/** As {@link gatherEvidence} for several lanes of one key, in their order: lanes share blocks, so all of them cost little more than one. */
export function gatherLanes(
  pairs: Uint32Array,
  { scheme, key, lanes }: { scheme: Scheme; key: MarkKey; lanes: readonly number[] },
): readonly Evidence[] {
  const sums = new Float64Array(lanes.length)
  let n = 0
  eachOwnPair(pairs, { scheme, key }, (context, token) => {
    n++
    for (let l = 0; l < lanes.length; l++)
      sums[l]! += scheme.score(scheme.field(key, context, token, lanes[l]!))
  })
  return Array.from(sums, (sum) => ({ sum, n, law: scheme.nullLaw }))
}

/** The pairs that {@link gatherEvidence} scores, and the score of each. */
export function scorePairs(
  pairs: Uint32Array,
  { scheme, key, lane }: { scheme: Scheme; key: MarkKey; lane: number },
): { readonly pairs: Uint32Array; readonly scores: Float64Array } {
  const stride = scheme.contextWidth + 1
  const own = new Uint32Array(pairs.length)
  const scores = new Float64Array(pairs.length / stride)
  let n = 0
  eachOwnPair(pairs, { scheme, key }, (context, token) => {
    own.set(context, n * stride)
    own[(n + 1) * stride - 1] = token
    scores[n++] = scheme.score(scheme.field(key, context, token, lane))
  })
  return { pairs: own.slice(0, n * stride), scores: scores.slice(0, n) }
}

function eachOwnPair(
  pairs: Uint32Array,
  { scheme, key }: { scheme: Scheme; key: MarkKey },
  visit: (context: Uint32Array, token: number) => void,
): void {
  const { contextWidth, identity, publicIdentity } = scheme
  // Which pairs share a score may depend on the key; given that, scores of different identities are as independent as ever.
  const width = (identity ?? publicIdentity)?.width
  const seen = width === undefined ? undefined : createTupleSet(width)
  for (let at = 0; at < pairs.length; at += contextWidth + 1) {
    const context = pairs.subarray(at, at + contextWidth)
    const token = pairs[at + contextWidth]!
    if (!reads({ scheme, key }, context)) continue
    if (seen) {
      const known = seen.size
      seen.indexOf(identity?.of(key, context, token) ?? publicIdentity!.of(context, token))
      if (seen.size === known) continue
    }
    visit(context, token)
  }
}
