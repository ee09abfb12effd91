/**
 * A record of evidence: pairs, scores and whose they are, as plain JSON. The records that this package made are known to hold
 * distinct pairs in order, with sums that follow from their scores; nothing else passes as one.
 */
import { describe } from '../assert.ts'
import type { Digest } from '../digest.ts'
import type { SchemeId } from '../keys/derive.ts'
import type { Role } from '../keys/profile.ts'
import type { Evidence } from './evidence.ts'

/** The distinct pairs of some documents with their scores under one key. Frozen throughout; plain JSON. */
export interface EvidenceRecord extends Evidence {
  readonly format: 'dyetrace/evidence-1'
  readonly profile: Digest
  readonly scheme: SchemeId
  readonly contextWidth: number
  readonly keyId: string
  readonly role: Role
  readonly lane: number
  /** Route values of the contexts that belong to the key. */
  readonly range: { readonly from: number; readonly to: number }
  /** Positions looked at: adds up over shards, also where they overlap. */
  readonly seen: number
  /** `contextWidth + 1` ids a pair, context oldest first, then token; pairs in ascending order. */
  readonly pairs: readonly number[]
  /** One score a pair: integers, or (gumbel) multiples of 2^-20, whose sums are exact in any order. */
  readonly scores: readonly number[]
}

const minted = new WeakSet<object>()

/** Makes a record. Pairs are distinct and in ascending order, and become its own. */
export function mint(about: Omit<EvidenceRecord, 'format' | 'n' | 'sum'>): EvidenceRecord {
  const { profile, scheme, contextWidth, keyId, role, lane, range, seen, law, pairs, scores } = about
  const record = Object.freeze({
    format: 'dyetrace/evidence-1' as const,
    ...{ profile, scheme, contextWidth, keyId, role, lane },
    range: Object.freeze({ from: range.from, to: range.to }),
    seen,
    n: scores.length,
    sum: scores.reduce((sum, score) => sum + score, 0),
    law: Object.freeze({ ...law }),
    pairs: Object.freeze(pairs),
    scores: Object.freeze(scores),
  })
  minted.add(record)
  return record
}

/** Refuses records that this package did not make, also where no compiler checks. */
export function assertMinted(value: unknown, { name }: { name: string }): asserts value is EvidenceRecord {
  if (typeof value !== 'object' || value === null || !minted.has(value))
    throw new TypeError(
      `"${name}" expected evidence from evidenceOf(), mergeEvidence() or parseEvidence(), got something else`,
    )
}

/** Order of two pairs: negative, 0 or positive. */
export function comparePairs(
  a: ArrayLike<number>,
  i: number,
  b: ArrayLike<number>,
  j: number,
  stride: number,
): number {
  for (let k = 0; k < stride; k++) {
    const difference = a[i + k]! - b[j + k]!
    if (difference !== 0) return difference
  }
  return 0
}

/** Refuses a value that contradicts another. */
export function assertIs(value: unknown, expected: unknown, { name }: { name: string }): void {
  if (value === expected) return
  const Kind = typeof value === typeof expected ? RangeError : TypeError
  throw new Kind(`"${name}" expected ${String(expected)}, got ${describe(value)}`)
}
