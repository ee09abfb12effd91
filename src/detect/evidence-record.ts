/**
 * A record of evidence: pairs, scores and whose they are, as plain JSON. The records that this package made are known to hold
 * distinct pairs in order, with sums that follow from their scores; nothing else passes as one.
 */
import { describe } from '../assert.ts'
import type { Digest } from '../digest.ts'
import type { Profile, Role } from '../keys/profile.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { PublicIdentity } from '../schemes/scheme.ts'
import { createTupleSet } from '../tuple-set.ts'
import type { Evidence } from './evidence.ts'

/** The distinct pairs of some documents with their scores under one key. Frozen throughout; plain JSON. */
export interface EvidenceRecord extends Evidence {
  readonly format: 'dyetrace/evidence-1'
  readonly profile: Digest
  readonly scheme: Profile['scheme']
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

interface Origin {
  /** True if the scores came from outside and were not looked up under the key. */
  readonly asGiven: boolean
  /** What pairs of the scheme may share by accident; a record holds no two that do. */
  readonly publicIdentity: PublicIdentity | undefined
  /** What verdicts on it must say of the mark. */
  readonly notes: readonly string[]
}

const minted = new WeakMap<object, Origin>()

/**
 * Makes a record. Pairs are distinct and in ascending order, and become its own.
 * @throws RangeError for two pairs that have one score under every key.
 */
export function mint(about: Omit<EvidenceRecord, 'format' | 'n' | 'sum'>, origin: Origin): EvidenceRecord {
  const { profile, scheme, contextWidth, keyId, role, lane, range, seen, law, pairs, scores } = about
  assertOwnScores(about, origin)
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
  minted.set(record, origin)
  return record
}

/** Of pairs that share a score, one counts. Which one would depend on how documents were divided, and nobody has such pairs but by design. */
function assertOwnScores(
  { contextWidth, pairs, scheme }: Pick<EvidenceRecord, 'contextWidth' | 'pairs' | 'scheme'>,
  { publicIdentity }: Origin,
): void {
  if (!publicIdentity) return
  const seen = createTupleSet(publicIdentity.width)
  for (let at = 0; at < pairs.length; at += contextWidth + 1) {
    if (!seen.add(publicIdentity.of(pairs.slice(at, at + contextWidth), pairs[at + contextWidth]!)))
      throw new RangeError(
        `"evidence.pairs" expected pairs that have scores of their own under ${scheme}, got two that share one under every key; judge the documents together by one countable()`,
      )
  }
}

/** Where the scores of a record come from. */
export function originOf(record: EvidenceRecord): Origin {
  return minted.get(record)!
}

/** True if some scores of a record are the word of whoever it came from. */
export function isAsGiven(record: EvidenceRecord): boolean {
  return minted.get(record)!.asGiven
}

/** Refuses records that this package did not make, also where no compiler checks. */
export function assertMinted(value: unknown, { name }: { name: string }): asserts value is EvidenceRecord {
  if (typeof value === 'object' && value !== null && minted.has(value)) return
  const got = describe(value)
  const hint =
    got === 'a record of format "dyetrace/evidence-1"'
      ? ' that they did not make; parseEvidence() checks a copy'
      : ''
  throw new TypeError(
    `"${name}" expected evidence from evidenceOf(), mergeEvidence() or parseEvidence(), got ${got}${hint}`,
  )
}

/** Records hold pairs. Where different pairs may share a score, only the key tells which, and a union of records could count one twice. */
export function assertMergeable(profile: Profile): void {
  if (schemeOf(profile, { lanes: 1 }).identity)
    throw new RangeError(
      `"profile" expected a scheme whose pairs all have scores of their own, got ${profile.scheme}; judge its documents together by one countable()`,
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

const DIGEST = /^sha256:[0-9a-f]{64}$/

/** Refuses a value that contradicts another. */
export function assertIs(value: unknown, expected: unknown, { name }: { name: string }): void {
  if (value === expected) return
  const Kind = typeof value === typeof expected ? RangeError : TypeError
  // A digest is longer than what is shown of other strings, and what matters here.
  const got = typeof value === 'string' && DIGEST.test(value) ? value : describe(value)
  throw new Kind(`"${name}" expected ${String(expected)}, got ${got}`)
}
