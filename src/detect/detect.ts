/**
 * Was this text sampled under this key? Countable positions and a mark key in, a verdict out.
 */
import { assertOptions } from '../assert.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import { type Countable, pairsOf } from './countable.ts'
import { gatherEvidence } from './evidence.ts'
import { notesOnMark } from './mark-notes.ts'
import { type TestedKey, testedKey } from './tested-key.ts'
import { type DecisionRule, resolveRule, type Verdict, type VerdictSubject, verdictOf } from './verdict.ts'

/** Options of {@link detect}. */
export interface DetectOptions extends DecisionRule {
  /** The account's lane in the layer's key stream. @defaultValue 0 */
  readonly lane?: number
}

/**
 * Tests text against one key. The p-value is the exact tail: the chance that a key drawn at random scores at least this
 * high on this very text, however the text came about, as long as it does not depend on the key.
 * @param positions from `countable`; one text or many judged together.
 * @param key a mark key of the same format as the profile (any owner's).
 * @throws TypeError or RangeError for positions not made by `countable`, a key of another format, or options out of range.
 * @example
 * import { countable, createProfile, deriveMarkKeys, detect, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (key) detect(countable([{ ids: [0, 1, 2] }], profile), key).decision // 'insufficient'
 */
export function detect(positions: Countable, key: MarkKey, options: DetectOptions = {}): Verdict {
  const pairs = pairsOf(positions)
  assertOptions(options, { name: 'options', keys: ['alpha', 'minimumCounted', 'lane'] })
  const rule = resolveRule(options)
  const tested = testedKey(positions.profile, { key, lane: options.lane }, { name: 'options.lane' })
  return verdictOf(gatherEvidence(pairs, tested), subjectOf(tested, positions), rule)
}

/** What a verdict on one key is about. */
export function subjectOf(
  { scheme, key, lane }: TestedKey,
  { seen }: { readonly seen: number },
): VerdictSubject {
  const notes = notesOnMark({ scheme, key })
  return { method: 'detect', scheme: scheme.id, keyId: key.keyId, role: key.role, lane, seen, notes }
}
