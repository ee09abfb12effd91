/**
 * The profile: the public description of a mark (JSON, safe to publish). It says which scheme, how strong, for which
 * tokenizer, under which layers of keys, and commits to the keys without showing them. Its digest names it everywhere.
 */
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertOptions,
  assertRecord,
  assertString,
  describe,
} from '../assert.ts'
import { type Digest, digestJson } from '../digest.ts'
import { parseJson } from '../json.ts'
import {
  commitmentOf,
  deriveCommitmentSalt,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
  keyIdOf,
  type MarkFormat,
  markInfo,
  SCHEME_IDS,
  type SchemeId,
} from './derive.ts'
import { type EngineSchemeId, type EngineSettings, parseEngineProfile } from './engine-profile.ts'
import { instantOf } from './instant.ts'
import { type MasterKey, masterKeyBytes } from './master.ts'

/** Whose key a layer is. */
export const ROLES = ['provider', 'epoch', 'cohort', 'canary'] as const
export type Role = (typeof ROLES)[number]

/** Shares of all roles sum to this. */
export const SHARE_TOTAL = 65536

/** One layer of a mark, in public. */
export interface Layer {
  readonly role: Role
  /** Lower-case name, 1..64 characters of `a-z 0-9 . _ -`. */
  readonly label: string
  /** Part of all contexts that belong to this role, of 65536. Labels of one role stand in for each other and share it. */
  readonly share: number
  /** Accounts that share the layer's key stream; 1 where lanes are not used. */
  readonly lanes: number
  readonly keyId: string
  readonly commitment: string
}

/** Public description of a mark; `format` versions it. */
export interface Profile {
  /** An engine profile describes a mark that another engine writes (docs/engines.md). */
  readonly format: 'dyetrace/profile-1' | 'dyetrace/engine-profile-1'
  readonly scheme: SchemeId | EngineSchemeId
  readonly contextWidth: number
  readonly bits: 1 | 8 | 32
  /** green-list: k, where gamma = k / 2^bits. tournament: number of rounds. gumbel: 0. */
  readonly param: number
  /** green-list: strength in nats added to the logit of a green token, before the host's temperature. Otherwise 0. */
  readonly delta: number
  readonly tokenizer: Digest
  readonly vocabularySize: number
  readonly layers: readonly Layer[]
  /** ISO 8601 time or date, given by the caller. */
  readonly created: string
  /** Marks of other engines only. */
  readonly engine?: EngineSettings
}

/** A layer as asked for; the share may be left out where there is only one role. */
export interface LayerOptions {
  readonly role: Role
  readonly label: string
  /** @defaultValue 65536, valid only for a single role */
  readonly share?: number
  /** @defaultValue 1: no lanes */
  readonly lanes?: number
}

/** What {@link createProfile} needs to know. */
export type ProfileOptions = CommonOptions & (GreenListOptions | GumbelOptions | TournamentOptions)

/** Green lists: as strong as `delta` says, at a price in the text's quality. The host's own sampling rules stay. */
export interface GreenListOptions {
  readonly scheme: 'green-list'
  /** Fraction of the vocabulary that is green: 1/2, or k/256 with k in 1..255. */
  readonly gamma: number
  /** Strength in nats, above 0 and at most 20. */
  readonly delta: number
}

/** Gumbel sampling: no distortion on average over keys; the same prompt gives the same answer, but for contexts that occur again. */
export interface GumbelOptions {
  readonly scheme: 'gumbel'
}

/** Tournament sampling (SynthID-Text): no distortion on average over keys, and answers still vary. */
export interface TournamentOptions {
  readonly scheme: 'tournament'
  /** Rounds, 1..30. @defaultValue 30, as published */
  readonly rounds?: number
}

/** What every mark needs. */
export interface CommonOptions {
  /** Previous tokens that choose the field numbers, 0..4 (gumbel, tournament: 1..4). 1 is inherited best by a student; 2 and more are harder to reverse. */
  readonly contextWidth: number
  /** From `tokenizerDigest`. */
  readonly tokenizer: Digest
  /** Number of token ids: largest id + 1. */
  readonly vocabularySize: number
  readonly layers: readonly LayerOptions[]
  /** ISO 8601 time or date. Time is an argument: dyetrace reads no clock. */
  readonly created: string
}

const PROFILE_KEYS = [
  'format',
  'scheme',
  'contextWidth',
  'bits',
  'param',
  'delta',
  'tokenizer',
  'vocabularySize',
  'layers',
  'created',
] as const
const LAYER_KEYS = ['role', 'label', 'share', 'lanes', 'keyId', 'commitment'] as const
const MAX_DELTA = 20
// Bit r of a 32-bit field is round r's; the two highest stay unused.
const MAX_ROUNDS = 30
const MAX_VOCABULARY = 2 ** 32
// Width 4 packs four ids into three words of 32 bits (docs/wire-format.md, "context").
const MAX_VOCABULARY_WIDTH_4 = 2 ** 24
// A date, or a date and a time with an optional zone. Nothing else may hide in a record that others print. Days that no month has match.
const ISO_8601 =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?)?$/
const YYYY_MM_DD = 10

/**
 * Makes a profile from a master key. The same inputs give the same profile, so nothing but the master key needs keeping.
 * @returns a frozen record, safe to publish; write it down before serving.
 * @throws TypeError or RangeError that names the option, what was expected and what came.
 * @example
 * import { createProfile, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const profile = createProfile(generateMasterKey(), {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * profile.param // 64, since gamma = 64 / 256
 */
export function createProfile(master: MasterKey, options: ProfileOptions): Profile {
  const masterBytes = masterKeyBytes(master)
  const { bits, param, delta } = markFields(options)
  assertArray(options.layers, { name: 'options.layers', expected: 'an array of layers' })
  const draft = {
    format: 'dyetrace/profile-1' as const,
    scheme: options.scheme,
    contextWidth: options.contextWidth,
    bits,
    param,
    delta,
    tokenizer: options.tokenizer,
    vocabularySize: options.vocabularySize,
    created: options.created,
    // Array.from visits the holes of a sparse array, which `map` would leave unchecked.
    layers: Array.from(options.layers, (layer, i) => {
      assertRecord(layer, { name: `options.layers[${i}]`, keys: ['role', 'label', 'share', 'lanes'] })
      const { role, label, share = SHARE_TOTAL, lanes = 1 } = layer
      return { role, label, share, lanes }
    }),
  }
  assertProfileFields(draft)
  const routed = isRouted(draft)
  const layers = draft.layers.map((layer) => {
    const format = markFormat(draft, layer)
    const layerKey = deriveLayerKey(masterBytes, layer.label)
    const markKey = deriveMarkKeyBytes(layerKey, format)
    const commitment = commitmentOf({
      markKey,
      routeKey: routed ? deriveRouteKey(masterBytes, format) : undefined,
      salt: deriveCommitmentSalt(layerKey, format),
      info: markInfo(format),
    })
    return { ...layer, keyId: keyIdOf(markKey), commitment }
  })
  return freezeProfile({ ...draft, layers })
}

/**
 * Checks a profile that came as JSON text or as a parsed object, possibly from somebody who wishes us ill. The result is a
 * copy: what was checked is what is kept.
 * @throws TypeError or RangeError for text that is not JSON, and for a field that is missing, unknown or out of range.
 */
export function parseProfile(input: unknown): Profile {
  const value = typeof input === 'string' ? parseJson(input, { start: '"profile"' }) : input
  assertRecord(value, { name: 'profile' })
  const fields = ownFields(value, PROFILE_KEYS)
  if (fields['format'] === 'dyetrace/engine-profile-1') return parseEngineProfile(value)
  // Before unknown fields are named: of another record, "format" is the one that says what it is.
  assertOneOf(fields['format'], { name: 'profile.format', values: ['dyetrace/profile-1'] })
  assertRecord(value, { name: 'profile', keys: PROFILE_KEYS })
  assertArray(fields['layers'], { name: 'profile.layers', expected: 'an array of layers' })
  const layers = Array.from(fields['layers'] as ArrayLike<unknown>, (layer, i) => {
    assertRecord(layer, { name: `profile.layers[${i}]`, keys: LAYER_KEYS })
    const layerFields = ownFields(layer, LAYER_KEYS)
    assertString(layerFields['keyId'], {
      name: `profile.layers[${i}].keyId`,
      expected: '16 hex digits',
      pattern: /^[0-9a-f]{16}$/,
    })
    assertString(layerFields['commitment'], {
      name: `profile.layers[${i}].commitment`,
      expected: '64 hex digits',
      pattern: /^[0-9a-f]{64}$/,
    })
    return layerFields
  })
  const profile = { ...fields, layers } as unknown as Profile
  assertProfileFields(profile)
  assertOwnKeyIds(profile)
  return freezeProfile(profile)
}

// One key for two labels would be two customers' at once: whoever is looked up first by key id would be the one accused.
function assertOwnKeyIds({ layers }: Profile): void {
  const keyIds = new Set<string>()
  for (const [i, { keyId }] of layers.entries()) {
    if (keyIds.has(keyId))
      throw new RangeError(`"layers[${i}].keyId" expected a key id of its own, got ${keyId} twice`)
    keyIds.add(keyId)
  }
}

// Reads each field once, and none that is inherited: a getter or a proxy could answer the check and the use differently.
function ownFields(value: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, Object.hasOwn(value, key) ? value[key] : undefined]))
}

/** A profile of a mark of our own. */
export type OwnProfile = Profile & { readonly scheme: SchemeId }

/** Refuses profiles of other engines' marks where keys of our own are made. */
export function assertOwnProfile(
  profile: Profile,
  { name }: { name: string },
): asserts profile is OwnProfile {
  assertOneOf(profile.scheme, { name: `${name}.scheme`, values: SCHEME_IDS })
}

/**
 * The profile's name everywhere else: SHA-256 of its canonical JSON (RFC 8785).
 * @throws TypeError or RangeError for what is not a profile.
 */
export function profileDigest(profile: Profile): Digest {
  return digestJson(parseProfile(profile))
}

/** Fraction of tokens that are green: param / 2^bits. */
export function gammaOf({ bits, param }: Pick<Profile, 'bits' | 'param'>): number {
  return param / 2 ** bits
}

/** What the mark key's name says, for one layer of a profile. */
export function markFormat(
  profile: Pick<Profile, 'scheme' | 'contextWidth' | 'bits' | 'param' | 'tokenizer'>,
  { lanes }: Pick<Layer, 'lanes'>,
): MarkFormat {
  const { scheme, contextWidth, bits, param, tokenizer } = profile
  return { scheme, contextWidth, bits, lanes, param, tokenizer }
}

/** True if contexts are divided among roles, so that a route key is needed. */
export function isRouted({ layers }: { readonly layers: readonly Pick<Layer, 'role'>[] }): boolean {
  return layers.some(({ role }) => role !== layers[0]?.role)
}

/** The part `from <= route value < to` of 0..65535 that belongs to each role, in profile order. */
export function roleRanges(
  layers: readonly Pick<Layer, 'role' | 'share'>[],
): Map<Role, { from: number; to: number }> {
  const ranges = new Map<Role, { from: number; to: number }>()
  let from = 0
  for (const { role, share } of layers) {
    if (ranges.has(role)) continue
    ranges.set(role, { from, to: from + share })
    from += share
  }
  return ranges
}

/** The fields of a profile that say how a scheme marks. Options of another scheme are unknown keys. */
function markFields(options: ProfileOptions): Pick<Profile, 'bits' | 'param' | 'delta'> {
  assertRecord(options, { name: 'options' })
  const { scheme } = options
  assertOneOf(scheme, { name: 'options.scheme', values: SCHEME_IDS })
  const known = (...own: string[]): void =>
    assertOptions(options, {
      name: 'options',
      keys: ['scheme', ...own, 'contextWidth', 'tokenizer', 'vocabularySize', 'layers', 'created'],
    })
  switch (scheme) {
    case 'green-list':
      known('gamma', 'delta')
      return { ...greenListParam(options.gamma), delta: options.delta }
    case 'gumbel':
      known()
      return { bits: 32, param: 0, delta: 0 }
    case 'tournament': {
      known('rounds')
      const { rounds = MAX_ROUNDS } = options
      assertInteger(rounds, { name: 'options.rounds', min: 1, max: MAX_ROUNDS })
      return { bits: 32, param: rounds, delta: 0 }
    }
  }
}

function greenListParam(gamma: unknown): { bits: 1 | 8; param: number } {
  const expected = '1/2 or k/256 with k in 1..255'
  assertNumber(gamma, {
    name: 'options.gamma',
    expected,
    holds: (g) => Number.isInteger(g * 256) && g > 0 && g < 1,
  })
  return gamma === 0.5 ? { bits: 1, param: 1 } : { bits: 8, param: gamma * 256 }
}

type ProfileDraft = Omit<Profile, 'format' | 'layers'> & {
  readonly layers: readonly Omit<Layer, 'keyId' | 'commitment'>[]
}

function assertProfileFields(draft: ProfileDraft): void {
  assertOneOf(draft.scheme, { name: 'scheme', values: SCHEME_IDS })
  assertInteger(draft.contextWidth, { name: 'contextWidth', min: 0, max: 4 })
  if (draft.contextWidth === 0 && draft.scheme !== 'green-list')
    throw new RangeError(
      `"contextWidth" expected 1..4 for a ${draft.scheme} mark, which leaves contexts that occur again unmarked: of width 0 there is only one, got 0`,
    )
  assertMarkFields(draft)
  assertString(draft.tokenizer, {
    name: 'tokenizer',
    expected: 'a digest "sha256:" + 64 hex digits, from tokenizerDigest',
    pattern: /^sha256:[0-9a-f]{64}$/,
  })
  assertInteger(draft.vocabularySize, {
    name: 'vocabularySize',
    min: 2,
    max: draft.contextWidth === 4 ? MAX_VOCABULARY_WIDTH_4 : MAX_VOCABULARY,
  })
  assertString(draft.created, {
    name: 'created',
    expected: 'an ISO 8601 date or time, such as "2026-11-24" or "2026-11-24T09:30:00Z"',
    pattern: ISO_8601,
  })
  instantOf(draft.created.slice(0, YYYY_MM_DD), { name: 'created' })
  assertLayers(draft)
}

function assertMarkFields({ scheme, bits, param, delta }: ProfileDraft): void {
  assertInteger(bits, { name: 'bits', min: 1, max: 32 })
  if (scheme === 'green-list') {
    if (bits !== 1 && bits !== 8)
      throw new RangeError(`"bits" expected 1 or 8 for a green-list, got ${describe(bits)}`)
    assertInteger(param, { name: 'param', min: 1, max: 2 ** bits - 1 })
    if (bits === 8 && param === 128)
      throw new RangeError(
        '"param" expected gamma 1/2 to be written as bits 1, param 1, got bits 8, param 128',
      )
    assertNumber(delta, {
      name: 'delta',
      expected: `a number of nats above 0 and at most ${MAX_DELTA}`,
      holds: (value) => value > 0 && value <= MAX_DELTA,
    })
    return
  }
  if (bits !== 32) throw new RangeError(`"bits" expected 32 for a ${scheme} mark, got ${describe(bits)}`)
  const [least, most] = scheme === 'gumbel' ? [0, 0] : [1, MAX_ROUNDS]
  assertInteger(param, { name: 'param', min: least, max: most })
  assertNumber(delta, { name: 'delta', expected: `0 for a ${scheme} mark`, holds: (value) => value === 0 })
}

function assertLayers({
  bits,
  contextWidth,
  layers,
}: Pick<ProfileDraft, 'bits' | 'contextWidth' | 'layers'>): void {
  if (layers.length === 0) throw new RangeError('"layers" expected at least one layer, got none')
  const shares = new Map<Role, number>()
  const labels = new Set<string>()
  for (const [i, layer] of layers.entries()) {
    const name = `layers[${i}]`
    assertOneOf(layer.role, { name: `${name}.role`, values: ROLES })
    assertString(layer.label, {
      name: `${name}.label`,
      expected: '1..64 characters of a-z 0-9 . _ -, the first a letter or digit',
      pattern: /^[a-z0-9][a-z0-9._-]{0,63}$/,
    })
    // The layer key depends on the label alone, so a label used twice would be one key under two names.
    if (labels.has(layer.label))
      throw new RangeError(`"${name}.label" expected a label of its own, got "${layer.label}" twice`)
    labels.add(layer.label)
    assertInteger(layer.share, { name: `${name}.share`, min: 1, max: SHARE_TOTAL })
    assertInteger(layer.lanes, { name: `${name}.lanes`, min: 1, max: 512 / bits })
    if (512 % (bits * layer.lanes) !== 0)
      throw new RangeError(`"${name}.lanes" expected a divisor of ${512 / bits}, got ${layer.lanes}`)
    const share = shares.get(layer.role)
    if (share !== undefined && share !== layer.share)
      throw new RangeError(
        `"${name}.share" expected ${share} as for the other labels of role ${layer.role}, got ${layer.share}`,
      )
    shares.set(layer.role, layer.share)
  }
  if (contextWidth === 0 && shares.size > 1)
    throw new RangeError(
      `"layers" expected one role at contextWidth 0, which has a single context to give away, got ${shares.size}`,
    )
  const total = [...shares.values()].reduce((sum, share) => sum + share, 0)
  if (total !== SHARE_TOTAL)
    throw new RangeError(`"layers" expected shares of all roles to sum to ${SHARE_TOTAL}, got ${total}`)
}

function freezeProfile(profile: Profile): Profile {
  const layers = profile.layers.map(({ role, label, share, lanes, keyId, commitment }) =>
    Object.freeze({ role, label, share, lanes, keyId, commitment }),
  )
  const { format, scheme, contextWidth, bits, param, delta, tokenizer, vocabularySize, created } = profile
  return Object.freeze({
    format,
    scheme,
    // JSON can say -0, which would come back from JSON as another value.
    contextWidth: contextWidth + 0,
    bits,
    param: param + 0,
    delta: delta + 0,
    tokenizer,
    vocabularySize,
    layers: Object.freeze(layers),
    created,
  })
}
