/**
 * Where weighted pairs meet a key: which of them are the key's own, and what they sum to. The same call scores under the tested
 * key and under decoys.
 */
import type { MarkKey } from '../keys/mark-key.ts'
import { readsOf } from '../schemes/reads.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { weightedScoreSums } from '../schemes/score-many.ts'
import { createTupleSet } from '../tuple-set.ts'
import type { WeightedPairs } from './pairs.ts'

/**
 * Pairs whose context belongs to the key's layer. Routing has a key of its own, so this choice is blind to the mark key. Of pairs that share a score
 * under every key (`publicIdentity`) the first is kept.
 */
export function ownPairs(
  { contextWidth, pairs, coefficients }: WeightedPairs,
  key: MarkKey,
  scheme?: Scheme,
): WeightedPairs {
  const stride = contextWidth + 1
  const read = readsOf(pairs, { key, scheme, contextWidth })
  const isFirst = firstOfItsKind(scheme)
  const kept = new Uint32Array(pairs.length)
  const keptCoefficients = new Float64Array(coefficients.length)
  let n = 0
  for (let i = 0, at = 0; i < coefficients.length; i++, at += stride) {
    if (read?.[i] === 0 || !isFirst(pairs.subarray(at, at + contextWidth), pairs[at + contextWidth]!))
      continue
    for (let j = 0; j < stride; j++) kept[n * stride + j] = pairs[at + j]!
    keptCoefficients[n++] = coefficients[i]!
  }
  return { contextWidth, pairs: kept.slice(0, n * stride), coefficients: keptCoefficients.slice(0, n) }
}

function firstOfItsKind(scheme: Scheme | undefined): (context: Uint32Array, token: number) => boolean {
  const identity = scheme?.publicIdentity
  if (!identity) return () => true
  const seen = createTupleSet(identity.width)
  return (context, token) => seen.add(identity.of(context, token))
}

/** Sum of coefficient times score under one key. Exact: coefficients are multiples of one power of two (pairs.ts). */
export function weightedScoreSum(
  weighted: WeightedPairs,
  { scheme, key, lane }: { scheme: Scheme; key: MarkKey; lane: number },
): number {
  return weightedSumsUnder([key], weighted, { scheme, lane })[0]!
}

/** As {@link weightedScoreSum} under many keys, in their order. */
export function weightedSumsUnder(
  keys: readonly MarkKey[],
  { pairs, coefficients }: WeightedPairs,
  { scheme, lane }: { scheme: Scheme; lane: number },
): Float64Array {
  return weightedScoreSums(pairs, { scheme, lane, keys, coefficients })
}
