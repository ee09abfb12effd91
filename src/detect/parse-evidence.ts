/**
 * Evidence that comes back from a file, or from somebody else.
 */
import {
  assertArray,
  assertInteger,
  assertOneOf,
  assertOptions,
  assertRecord,
  assertString,
  describe,
} from '../assert.ts'
import { parseJson } from '../json.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile, profileDigest, ROLES, SHARE_TOTAL } from '../keys/profile.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import { assertNullLaw, EXPONENTIAL_MOST, EXPONENTIAL_STEP, type NullLaw } from '../stats/law.ts'
import { assertTokenIds } from '../tokens.ts'
import { scorePairs } from './evidence.ts'
import { assertIs, assertMergeable, comparePairs, type EvidenceRecord, mint } from './evidence-record.ts'
import { notesOnMark } from './mark-notes.ts'
import { testedKey } from './tested-key.ts'

/**
 * Checks evidence that came as JSON text or as a parsed object, possibly from somebody who wishes us ill: a repeated pair, a score that
 * no key gives, a law that is not the scheme's or a sum that its scores do not have would accuse an innocent. The result is a copy.
 * @param profile the profile that the evidence must be of.
 * @param options.key looks every score up again; without it, the scores are the sender's word, and a verdict on them says so.
 * @throws TypeError or RangeError for a field that is missing, unknown, out of range or in contradiction to the others.
 * @example
 * import { countable, createProfile, deriveMarkKeys, evidenceOf, generateMasterKey, parseEvidence, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (!key) throw new Error('no layer')
 * const saved = JSON.stringify(evidenceOf(countable([{ ids: [0, 1, 2] }], profile), key))
 * parseEvidence(saved, profile, { key }).n // 2
 */
export function parseEvidence(
  input: unknown,
  profile: Profile,
  options: { readonly key?: MarkKey } = {},
): EvidenceRecord {
  const fields = ownFields(typeof input === 'string' ? parseJson(input, { start: '"evidence"' }) : input)
  const checked = parseProfile(profile)
  assertOptions(options, { name: 'options', keys: ['key'] })
  const scheme = schemeOf(checked, { lanes: 1 })
  const own = { ...checked, profile: profileDigest(checked), law: scheme.nullLaw }
  assertOneOf(fields.format, { name: 'evidence.format', values: ['dyetrace/evidence-1'] })
  assertMergeable(checked)
  assertOneOf(fields.scheme, { name: 'evidence.scheme', values: [checked.scheme] })
  for (const field of ['profile', 'scheme', 'contextWidth'] as const)
    assertIs(fields[field], own[field], { name: `evidence.${field}` })
  assertLaw(fields.law, own.law)
  assertString(fields.keyId, {
    name: 'evidence.keyId',
    expected: '16 hex digits',
    pattern: /^[0-9a-f]{16}$/,
  })
  assertOneOf(fields.role, { name: 'evidence.role', values: ROLES })
  const layer = checked.layers.find(({ keyId }) => keyId === fields.keyId)
  // Any owner's key can be asked about; of one that is not in the profile, nothing says how many lanes it has.
  const lanes = layer?.lanes ?? 512 / checked.bits
  assertInteger(fields.lane, { name: 'evidence.lane', max: lanes - 1 })
  const range = parseRange(fields.range)
  const pairs = parsePairs(fields.pairs, checked)
  const stride = checked.contextWidth + 1
  const scores = parseScores(fields.scores, own.law)
  assertIs(pairs.length, scores.length * stride, { name: 'evidence.pairs.length' })
  for (let at = stride; at < pairs.length; at += stride) {
    if (comparePairs(pairs, at - stride, pairs, at, stride) >= 0)
      throw new RangeError(
        `"evidence.pairs" expected distinct pairs in ascending order, got ${pairs.slice(at, at + stride).join(' ')} after ${pairs.slice(at - stride, at).join(' ')}`,
      )
  }
  assertInteger(fields.seen, { name: 'evidence.seen', min: scores.length })
  const { key } = options
  if (key !== undefined) assertMarkKeys([key], { name: 'key' })
  const record = mint(
    {
      profile: own.profile,
      scheme: checked.scheme,
      contextWidth: checked.contextWidth,
      keyId: fields.keyId,
      role: fields.role,
      // JSON can say -0.
      lane: fields.lane + 0,
      range,
      seen: fields.seen + 0,
      law: own.law,
      pairs,
      scores,
    },
    {
      asGiven: key === undefined,
      publicIdentity: scheme.publicIdentity,
      notes: notesOnMark({ scheme, ...(key === undefined ? {} : { key }) }),
    },
  )
  for (const field of ['n', 'sum'] as const)
    assertIs(fields[field], record[field], { name: `evidence.${field}` })
  if (key !== undefined) assertScoredBy(record, key, checked)
  return record
}

const KEYS = [
  'format',
  'profile',
  'scheme',
  'contextWidth',
  'keyId',
  'role',
  'lane',
  'range',
  'seen',
  'n',
  'sum',
  'law',
  'pairs',
  'scores',
] as const

// Reads each field once, and none that is inherited: a getter or a proxy could answer the check and the use differently.
function ownFields(value: unknown): Record<(typeof KEYS)[number], unknown> {
  assertRecord(value, { name: 'evidence' })
  // Before unknown fields are named: of another record, "format" is the one that says what it is.
  assertOneOf(value['format'], { name: 'evidence.format', values: ['dyetrace/evidence-1'] })
  assertRecord(value, { name: 'evidence', keys: KEYS })
  const fields = KEYS.map((key) => [key, Object.hasOwn(value, key) ? value[key] : undefined])
  return Object.fromEntries(fields) as Record<(typeof KEYS)[number], unknown>
}

function parseRange(value: unknown): EvidenceRecord['range'] {
  assertRecord(value, { name: 'evidence.range', keys: ['from', 'to'] })
  const { from, to } = value
  assertInteger(from, { name: 'evidence.range.from', max: SHARE_TOTAL - 1 })
  assertInteger(to, { name: 'evidence.range.to', min: from + 1, max: SHARE_TOTAL })
  return { from: from + 0, to }
}

function parsePairs(value: unknown, { vocabularySize }: Profile): number[] {
  const name = 'evidence.pairs'
  assertArray(value, { name, expected: 'an array of token ids' })
  // A copy first: what is checked is what is kept.
  const pairs: unknown = Array.from(value as ArrayLike<unknown>)
  assertTokenIds(pairs, { name, vocabularySize })
  return Array.from(pairs, (id) => id + 0)
}

/** The scheme's own law, no other: a gamma misstated makes every p-value wrong. */
function assertLaw(value: unknown, law: NullLaw): void {
  assertNullLaw(value)
  const own: Record<string, unknown> = { ...law }
  assertRecord(value, { name: 'evidence.law', keys: Object.keys(own) })
  for (const [field, expected] of Object.entries(own))
    assertIs(value[field], expected, { name: `evidence.law.${field}` })
}

function parseScores(value: unknown, law: NullLaw): number[] {
  assertArray(value, { name: 'evidence.scores', expected: 'an array of scores' })
  const { expected, holds } = scoreRule(law)
  return Array.from(value as ArrayLike<unknown>, (score, i) => {
    const name = `evidence.scores[${i}]`
    if (typeof score !== 'number')
      throw new TypeError(`"${name}" expected ${expected}, got ${describe(score)}`)
    if (!holds(score)) throw new RangeError(`"${name}" expected ${expected}, got ${describe(score)}`)
    // JSON can say -0.
    return score + 0
  })
}

/** Which numbers can be a score. */
function scoreRule(law: NullLaw): { expected: string; holds: (score: number) => boolean } {
  switch (law.kind) {
    case 'bernoulli':
      return { expected: '0 or 1', holds: (score) => score === 0 || score === 1 }
    case 'binomial': {
      const { trials } = law
      return {
        expected: `an integer in 0..${trials}`,
        holds: (score) => Number.isInteger(score) && score >= 0 && score <= trials,
      }
    }
    case 'exponential':
    case 'hypoexponential':
      return {
        expected: 'a multiple of 2^-20 from 0 to 32 ln 2',
        holds: (score) =>
          Number.isInteger(score / EXPONENTIAL_STEP) && score >= 0 && score <= EXPONENTIAL_MOST,
      }
  }
}

/** Looks every pair up again: whose it is, and what it scores. */
function assertScoredBy(record: EvidenceRecord, key: MarkKey, profile: Profile): void {
  const tested = testedKey(profile, { key, lane: record.lane }, { name: 'evidence.lane' })
  for (const field of ['keyId', 'role'] as const)
    assertIs(record[field], key[field], { name: `evidence.${field}` })
  for (const field of ['from', 'to'] as const)
    assertIs(record.range[field], key.range[field], { name: `evidence.range.${field}` })
  const { scores } = scorePairs(Uint32Array.from(record.pairs), tested)
  if (scores.length !== record.n)
    throw new RangeError(
      `"evidence.pairs" expected pairs of the key's own layer only, got ${record.n - scores.length} of others`,
    )
  const wrong = scores.findIndex((score, i) => score !== record.scores[i])
  if (wrong >= 0)
    throw new RangeError(
      `"evidence.scores[${wrong}]" expected what key id ${key.keyId} gives, got another score`,
    )
}
