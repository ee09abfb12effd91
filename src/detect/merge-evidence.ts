/**
 * Evidence that merges. A corpus is read in shards, by several workers, twice after a crash; each shard becomes a record of its distinct
 * pairs and their scores, and records merge into the record of the whole. What is merged is a set: identity is the exact (context,
 * token) tuple, a pair of both shards counts once, and neither split nor order changes a bit of the result. For gumbel and tournament
 * that holds because `countable` takes the first use of a context in its own document and asks no other document about it.
 *
 * A record is plain and frozen, and goes to JSON as it is; `parseEvidence` reads it back. It holds no key, but it says of every pair how
 * the key scores it: whoever has many of them can mimic the mark, so they are kept as the key is.
 */
import { assertInteger, assertOptions } from '../assert.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import { profileDigest } from '../keys/profile.ts'
import { type Countable, pairsOf } from './countable.ts'
import { scorePairs } from './evidence.ts'
import {
  assertIs,
  assertMergeable,
  assertMinted,
  comparePairs,
  type EvidenceRecord,
  isAsGiven,
  mint,
  originOf,
} from './evidence-record.ts'
import { notesOnMark } from './mark-notes.ts'
import { testedKey } from './tested-key.ts'
import { type DecisionRule, resolveRule, type Verdict, verdictOf } from './verdict.ts'

/**
 * Scores positions under one key and keeps every pair, to be merged with the evidence of other documents.
 * @param positions from `countable`: the documents of one shard.
 * @throws TypeError or RangeError as `detect`.
 * @example
 * import { countable, createProfile, deriveMarkKeys, evidenceOf, generateMasterKey, mergeEvidence, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (!key) throw new Error('no layer')
 * const shards = [[0, 1, 2], [1, 2, 0]].map((ids) => evidenceOf(countable([{ ids }], profile), key))
 * shards.reduce(mergeEvidence).n // 3: (0,1) (1,2) (2,0)
 */
export function evidenceOf(
  positions: Countable,
  key: MarkKey,
  options: { readonly lane?: number } = {},
): EvidenceRecord {
  const all = pairsOf(positions)
  assertOptions(options, { name: 'options', keys: ['lane'] })
  const { profile, seen } = positions
  assertMergeable(profile)
  const tested = testedKey(profile, { key, lane: options.lane }, { name: 'options.lane' })
  const { pairs, scores } = scorePairs(all, tested)
  const { contextWidth, nullLaw } = tested.scheme
  return mint(
    {
      profile: profileDigest(profile),
      scheme: profile.scheme,
      contextWidth,
      keyId: key.keyId,
      role: key.role,
      lane: tested.lane,
      range: key.range,
      seen,
      law: nullLaw,
      ...inOrder({ pairs, scores, stride: contextWidth + 1 }),
    },
    { asGiven: false, publicIdentity: tested.scheme.publicIdentity, notes: notesOnMark(tested) },
  )
}

/**
 * The evidence of two shards together: the union of their pairs. Associative and commutative, and merging a shard again changes
 * nothing but `seen`.
 * @throws TypeError for what this file did not make; RangeError for shards of different profiles, keys, lanes or layers, for a pair on
 * whose score they disagree, and for more positions seen than a number can count.
 * @example
 * import { countable, createProfile, deriveMarkKeys, evidenceOf, generateMasterKey, mergeEvidence, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (!key) throw new Error('no layer')
 * const shard = evidenceOf(countable([{ ids: [0, 1, 2] }], profile), key)
 * mergeEvidence(shard, shard).n === shard.n // true
 */
export function mergeEvidence(a: EvidenceRecord, b: EvidenceRecord): EvidenceRecord {
  assertMinted(a, { name: 'a' })
  assertMinted(b, { name: 'b' })
  for (const field of ['profile', 'keyId', 'lane', 'role'] as const)
    assertIs(b[field], a[field], { name: `b.${field}` })
  for (const field of ['from', 'to'] as const)
    assertIs(b.range[field], a.range[field], { name: `b.range.${field}` })
  // Beyond, the record could not be read back.
  assertInteger(a.seen + b.seen, { name: 'b.seen' })
  const stride = a.contextWidth + 1
  const pairs: number[] = []
  const scores: number[] = []
  for (let [i, j] = [0, 0]; i < a.n || j < b.n; ) {
    const order =
      i === a.n ? 1 : j === b.n ? -1 : comparePairs(a.pairs, i * stride, b.pairs, j * stride, stride)
    if (order === 0 && a.scores[i] !== b.scores[j])
      throw new RangeError(
        `"b.scores" expected ${a.scores[i]} as in "a" for pair ${b.pairs.slice(j * stride, (j + 1) * stride).join(' ')}, got ${b.scores[j]}`,
      )
    const [from, at] = order <= 0 ? [a, i] : [b, j]
    for (let k = at * stride; k < (at + 1) * stride; k++) pairs.push(from.pairs[k]!)
    scores.push(from.scores[at]!)
    if (order <= 0) i++
    if (order >= 0) j++
  }
  const { profile, scheme, contextWidth, keyId, role, lane, range, law } = a
  return mint(
    {
      ...{ profile, scheme, contextWidth, keyId, role, lane, range, law },
      seen: a.seen + b.seen,
      pairs,
      scores,
    },
    {
      ...originOf(a),
      asGiven: isAsGiven(a) || isAsGiven(b),
      notes: [...new Set([...originOf(a).notes, ...originOf(b).notes])],
    },
  )
}

/**
 * The verdict on gathered or merged evidence: that of `detect` on all documents at once. If any of it was read by `parseEvidence` without
 * the key, a note says so: its scores are the word of whoever it came from.
 * @param evidence from `evidenceOf`, `mergeEvidence` or `parseEvidence`.
 * @throws TypeError or RangeError for what these did not make, or options out of range.
 * @example
 * import { countable, createProfile, deriveMarkKeys, evidenceOf, generateMasterKey, judge, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (!key) throw new Error('no layer')
 * judge(evidenceOf(countable([{ ids: [0, 1, 2] }], profile), key)).decision // 'insufficient'
 */
export function judge(evidence: EvidenceRecord, options: DecisionRule = {}): Verdict {
  assertMinted(evidence, { name: 'evidence' })
  assertOptions(options, { name: 'options', keys: ['alpha', 'minimumCounted'] })
  const { scheme, keyId, role, lane, seen } = evidence
  const notes = [...originOf(evidence).notes, ...(isAsGiven(evidence) ? [AS_GIVEN] : [])]
  return verdictOf(
    evidence,
    { method: 'detect', scheme, keyId, role, lane, seen, notes },
    resolveRule(options),
  )
}

const AS_GIVEN =
  'scores were taken from a record as they stood and not looked up under the key: they are the word of whoever made it'

/** Distinct pairs and their scores in ascending order of pairs: one set, one record. */
function inOrder({ pairs, scores, stride }: { pairs: Uint32Array; scores: Float64Array; stride: number }): {
  pairs: number[]
  scores: number[]
} {
  const order = Uint32Array.from(scores, (_, i) => i).sort((i, j) =>
    comparePairs(pairs, i * stride, pairs, j * stride, stride),
  )
  const sorted: number[] = []
  for (const i of order) for (let k = 0; k < stride; k++) sorted.push(pairs[i * stride + k]!)
  return { pairs: sorted, scores: Array.from(order, (i) => scores[i]!) }
}
