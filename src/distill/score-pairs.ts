/**
 * Where weighted pairs meet a key: which of them are the key's own, and what they sum to. The same call scores under the tested
 * key and under decoys.
 */
import type { MarkKey } from '../keys/mark-key.ts'
import { reads } from '../schemes/reads.ts'
import type { Scheme } from '../schemes/scheme.ts'
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
  const contextAt = (i: number): Uint32Array => pairs.subarray(i * stride, (i + 1) * stride - 1)
  const isFirst = firstOfItsKind(scheme)
  const own = [...coefficients.keys()].filter(
    (i) => reads({ key, scheme }, contextAt(i)) && isFirst(contextAt(i), pairs[(i + 1) * stride - 1]!),
  )
  const kept = new Uint32Array(own.length * stride)
  for (const [at, i] of own.entries()) kept.set(pairs.subarray(i * stride, (i + 1) * stride), at * stride)
  return { contextWidth, pairs: kept, coefficients: Float64Array.from(own, (i) => coefficients[i]!) }
}

function firstOfItsKind(scheme: Scheme | undefined): (context: Uint32Array, token: number) => boolean {
  const identity = scheme?.publicIdentity
  if (!identity) return () => true
  const seen = createTupleSet(identity.width)
  return (context, token) => {
    const known = seen.size
    return seen.indexOf(identity.of(context, token)) === known
  }
}

/** Sum of coefficient times score under one key. Exact: coefficients are multiples of one power of two (pairs.ts). */
export function weightedScoreSum(
  { contextWidth, pairs, coefficients }: WeightedPairs,
  { scheme, key, lane }: { scheme: Scheme; key: MarkKey; lane: number },
): number {
  const stride = contextWidth + 1
  // One context serves all pairs of a window: pairs are sorted, and under a thousand decoys every allocation counts.
  const context = new Uint32Array(contextWidth)
  let sum = 0
  for (let i = 0, at = 0; i < coefficients.length; i++, at += stride) {
    for (let j = 0; j < contextWidth; j++) context[j] = pairs[at + j]!
    sum += coefficients[i]! * scheme.score(scheme.field(key, context, pairs[at + contextWidth]!, lane))
  }
  return sum
}
