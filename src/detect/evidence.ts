/**
 * Evidence: the sum of scores over distinct pairs, how many there are, and the null law of one. All that a verdict rests on.
 */

import type { MarkKey } from '../keys/mark-key.ts'
import { readsOf } from '../schemes/reads.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { laneSums, lanesOf, scoreSums, scoresOf } from '../schemes/score-many.ts'
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
  const sums = lanes.map(() => 0)
  const keys = [key]
  const all = lanesOf(scheme)
  let n = 0
  eachOwnChunk(pairs, { scheme, key }, (own) => {
    n += own.length / (scheme.contextWidth + 1)
    if (lanes.length === 1 || all === undefined) {
      for (const [l, lane] of lanes.entries()) sums[l]! += scoreSums(own, { scheme, lane, keys })[0]!
      return
    }
    const ofLanes = laneSums(own, { scheme, lanes: all, keys })
    for (let l = 0; l < lanes.length; l++) sums[l]! += ofLanes[lanes[l]!]!
  })
  return sums.map((sum) => ({ sum, n, law: scheme.nullLaw }))
}

/** The pairs that {@link gatherEvidence} scores, and the score of each. */
export function scorePairs(
  pairs: Uint32Array,
  { scheme, key, lane }: { scheme: Scheme; key: MarkKey; lane: number },
): { readonly pairs: Uint32Array; readonly scores: Float64Array } {
  const stride = scheme.contextWidth + 1
  const all = new Uint32Array(pairs.length)
  const scores = new Float64Array(pairs.length / stride)
  let n = 0
  eachOwnChunk(pairs, { scheme, key }, (own) => {
    all.set(own, n * stride)
    scores.set(scoresOf(own, { scheme, lane, key }), n)
    n += own.length / stride
  })
  return { pairs: all.slice(0, n * stride), scores: scores.slice(0, n) }
}

/** Pairs that are looked at together where some of them are left out: what is kept of them is a copy. */
const CHUNK = 16384

/** Visits the pairs that a key says anything about, each identity once, many at a time; the next call may overwrite them. */
export function eachOwnChunk(
  pairs: Uint32Array,
  { scheme, key }: { scheme: Scheme; key: MarkKey },
  visit: (own: Uint32Array) => void,
): void {
  const { contextWidth } = scheme
  const stride = contextWidth + 1
  const isFirst = firstOfItsKind({ scheme, key })
  let kept: Uint32Array | undefined
  for (let at = 0; at < pairs.length; at += CHUNK * stride) {
    const chunk = pairs.length <= CHUNK * stride ? pairs : pairs.subarray(at, at + CHUNK * stride)
    const own = readsOf(chunk, { scheme, key, contextWidth })
    if (!own && !isFirst) {
      visit(chunk)
      continue
    }
    kept ??= new Uint32Array(chunk.length)
    let filled = 0
    for (let i = 0, from = 0; from < chunk.length; i++, from += stride) {
      if (own?.[i] === 0) continue
      if (isFirst?.(chunk.subarray(from, from + contextWidth), chunk[from + contextWidth]!) === false)
        continue
      for (let j = 0; j < stride; j++) kept[filled++] = chunk[from + j]!
    }
    visit(kept.subarray(0, filled))
  }
}

/** Which pairs share a score may depend on the key; given that, scores of different identities are as independent as ever. */
function firstOfItsKind({
  scheme: { identity, publicIdentity },
  key,
}: {
  scheme: Scheme
  key: MarkKey
}): ((context: Uint32Array, token: number) => boolean) | undefined {
  const width = (identity ?? publicIdentity)?.width
  if (width === undefined) return undefined
  const seen = createTupleSet(width)
  return (context, token) => seen.add(identity?.of(key, context, token) ?? publicIdentity!.of(context, token))
}
