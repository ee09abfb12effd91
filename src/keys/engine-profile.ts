/**
 * Profiles of marks that other engines write. The same record as a profile of our own with one more field, `engine`, so that everything that
 * reads a profile reads these too. What differs: one layer, no lanes, and no key of ours behind it unless it was derived (engine-key.ts).
 */

import { sha256 } from '@noble/hashes/sha2.js'
import { assertInteger, assertNumber, assertOneOf, assertRecord, assertString } from '../assert.ts'
import { bytesToHex, utf8ToBytes } from '../bytes.ts'
import { canonicalJson, type Digest } from '../digest.ts'
import { instantOf } from './instant.ts'

/** Schemes of other engines. What stands under `experimental` is unmerged there, and may change. */
export const ENGINE_SCHEME_IDS = [
  'vllm/philox4x32-10-v1/gumbel',
  'vllm/philox4x32-10-v1/dual',
  'sglang/murmur3-v1/gumbel',
  'sglang/murmur3-v1/dual',
  'hf/kgw-cpu',
  'hf/synthid-cpu',
  'google/synthid-lcg',
  'meta/textseal',
  'experimental/vllm-sbw',
  'experimental/vllm-synthid',
] as const
export type EngineSchemeId = (typeof ENGINE_SCHEME_IDS)[number]

/** What an engine's mark depends on beside its key. Which fields there are depends on the scheme. */
export interface EngineSettings {
  /** vllm dual: how often the second key is used, and its weight in a score. */
  readonly alpha?: number
  /** sglang dual, textseal: how often the first key is used. */
  readonly probabilityA?: number
  /** hf/kgw-cpu, vllm-sbw: part of the vocabulary that is green. */
  readonly ratio?: number
  readonly seeding?: 'lefthash' | 'selfhash'
  /** hf/synthid-cpu: entries of the table, a power of two, and the low word of the table's seed. */
  readonly tableSize?: number
  readonly tableSeed?: number
}

/** The layer of an engine's mark. */
export interface EngineLayer {
  readonly role: 'provider'
  readonly label: string
  readonly share: 65536
  readonly lanes: 1
  /**
   * Made of the label and of all that scores depend on, but not of the key: an engine's key may be short, and a digest of it would give it
   * away. So it does not show that the key is the one that was meant; `commitEngineKey` does.
   */
  readonly keyId: string
  /** Empty: nobody committed to an engine's key. */
  readonly commitment: ''
}

/** Public description of an engine's mark. */
export interface EngineProfile {
  readonly format: 'dyetrace/engine-profile-1'
  readonly scheme: EngineSchemeId
  /** Ids before a token that its score depends on; not always the width that the engine's configuration names (docs/engines.md). */
  readonly contextWidth: number
  readonly bits: 32
  /** SynthID: number of layers. Otherwise 0. */
  readonly param: number
  /** Green lists: nats added to a green token. Otherwise 0. */
  readonly delta: number
  readonly tokenizer: Digest
  readonly vocabularySize: number
  readonly layers: readonly [EngineLayer]
  readonly created: string
  readonly engine: EngineSettings
}

/** Bounds of what a scheme may say. */
interface Rule {
  readonly width: readonly [least: number, most: number]
  /** 64-bit integers in a key: a number, or one a layer. */
  readonly integers: 1 | 2 | 'layers'
  readonly layers?: readonly [least: number, most: number]
  readonly isGreenList?: true
  readonly settings: readonly (keyof EngineSettings)[]
}

const RULES: Readonly<Record<EngineSchemeId, Rule>> = {
  'vllm/philox4x32-10-v1/gumbel': { width: [1, 64], integers: 1, settings: [] },
  'vllm/philox4x32-10-v1/dual': { width: [1, 64], integers: 1, settings: ['alpha'] },
  'sglang/murmur3-v1/gumbel': { width: [1, 64], integers: 1, settings: [] },
  'sglang/murmur3-v1/dual': { width: [1, 64], integers: 2, settings: ['probabilityA'] },
  'hf/kgw-cpu': { width: [0, 63], integers: 1, isGreenList: true, settings: ['ratio', 'seeding'] },
  'hf/synthid-cpu': {
    width: [1, 64],
    integers: 'layers',
    layers: [1, 64],
    settings: ['tableSize', 'tableSeed'],
  },
  'google/synthid-lcg': { width: [1, 64], integers: 'layers', layers: [1, 64], settings: [] },
  'meta/textseal': { width: [1, 10], integers: 2, settings: ['probabilityA'] },
  'experimental/vllm-sbw': { width: [0, 64], integers: 1, isGreenList: true, settings: ['ratio', 'seeding'] },
  'experimental/vllm-synthid': { width: [1, 64], integers: 1, layers: [1, 32], settings: [] },
}

const KEYS = [
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
  'engine',
] as const
const LAYER_KEYS = ['role', 'label', 'share', 'lanes', 'keyId', 'commitment'] as const
const SETTINGS = ['alpha', 'probabilityA', 'ratio', 'seeding', 'tableSize', 'tableSeed'] as const
const MAX_DELTA = 100
// The largest id stays free: it stands for padding in contexts.
const MAX_VOCABULARY = 2 ** 32 - 1
const MAX_TABLE = 2 ** 24
const ISO_8601 =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?)?$/
const YYYY_MM_DD = 10

/** What a profile is made of. */
export type EngineProfileFields = Pick<
  EngineProfile,
  'scheme' | 'contextWidth' | 'param' | 'delta' | 'tokenizer' | 'vocabularySize' | 'created' | 'engine'
> & { readonly label: string }

/** Makes a profile. */
export function engineProfileOf(fields: EngineProfileFields): EngineProfile {
  assertRecord(fields, { name: 'fields' })
  const { label, ...own } = fields
  return profileOf(
    {
      format: 'dyetrace/engine-profile-1',
      bits: 32,
      ...own,
      layers: [{ role: 'provider', label, share: 65536, lanes: 1, commitment: '' }],
    },
    { isNew: true },
  )
}

/** Checks a record that says it is an engine's profile; the result is a frozen copy. */
export function parseEngineProfile(value: unknown): EngineProfile {
  return profileOf(value, { isNew: false })
}

/** @param isNew the key id is made, not compared. */
function profileOf(value: unknown, { isNew }: { isNew: boolean }): EngineProfile {
  assertRecord(value, { name: 'profile', keys: KEYS })
  const own = (key: (typeof KEYS)[number]): unknown => (Object.hasOwn(value, key) ? value[key] : undefined)
  const format = own('format')
  assertOneOf(format, { name: 'profile.format', values: ['dyetrace/engine-profile-1'] })
  const scheme = own('scheme')
  assertOneOf(scheme, { name: 'profile.scheme', values: ENGINE_SCHEME_IDS })
  const rule = RULES[scheme]
  const contextWidth = own('contextWidth')
  assertInteger(contextWidth, { name: 'profile.contextWidth', min: rule.width[0], max: rule.width[1] })
  const bits = own('bits')
  assertInteger(bits, { name: 'profile.bits', min: 32, max: 32 })
  const param = own('param')
  const [least, most] = rule.layers ?? [0, 0]
  assertInteger(param, { name: 'profile.param', min: least, max: most })
  const delta = own('delta')
  assertNumber(delta, {
    name: 'profile.delta',
    expected: rule.isGreenList ? `nats above 0 and at most ${MAX_DELTA}` : '0',
    holds: (d) => (rule.isGreenList ? d > 0 && d <= MAX_DELTA : d === 0),
  })
  const tokenizer = own('tokenizer')
  assertString(tokenizer, {
    name: 'profile.tokenizer',
    expected: 'a digest "sha256:" + 64 hex digits, from tokenizerDigest',
    pattern: /^sha256:[0-9a-f]{64}$/,
  })
  const vocabularySize = own('vocabularySize')
  assertInteger(vocabularySize, { name: 'profile.vocabularySize', min: 2, max: MAX_VOCABULARY })
  const created = own('created')
  assertString(created, {
    name: 'profile.created',
    expected: 'an ISO 8601 date or time, such as "2026-11-24" or "2026-11-24T09:30:00Z"',
    pattern: ISO_8601,
  })
  instantOf(created.slice(0, YYYY_MM_DD), { name: 'profile.created' })
  const engine = parseSettings(own('engine'), rule, { vocabularySize })
  if (scheme === 'hf/kgw-cpu' && engine.seeding === 'lefthash' && contextWidth !== 1)
    throw new RangeError(
      `"profile.contextWidth" expected 1 for lefthash, which reads the last token only, got ${contextWidth}`,
    )
  if (scheme === 'experimental/vllm-sbw' && engine.seeding === 'lefthash' && contextWidth === 0)
    throw new RangeError('"profile.contextWidth" expected 1 or more for lefthash, got 0')
  const about = {
    scheme,
    contextWidth: contextWidth + 0,
    param: param + 0,
    tokenizer: tokenizer as Digest,
    vocabularySize,
    engine,
  }
  return Object.freeze({
    format,
    ...about,
    bits: 32 as const,
    delta: delta + 0,
    layers: Object.freeze([parseLayer(own('layers'), about, { isNew })] as const),
    created,
  })
}

function parseLayer(value: unknown, about: IdentifiedFields, { isNew }: { isNew: boolean }): EngineLayer {
  const [layer] = Array.isArray(value) && value.length === 1 ? value : []
  assertRecord(layer, { name: 'profile.layers[0]', keys: LAYER_KEYS, expected: 'the one layer of an engine' })
  const own = (key: (typeof LAYER_KEYS)[number]): unknown =>
    Object.hasOwn(layer, key) ? layer[key] : undefined
  const [role, label, share] = [own('role'), own('label'), own('share')]
  const [lanes, commitment] = [own('lanes'), own('commitment')]
  assertOneOf(role, { name: 'profile.layers[0].role', values: ['provider'] })
  assertString(label, {
    name: 'profile.layers[0].label',
    expected: '1..64 characters of a-z 0-9 . _ -, the first a letter or digit',
    pattern: /^[a-z0-9][a-z0-9._-]{0,63}$/,
  })
  assertInteger(share, { name: 'profile.layers[0].share', min: 65536, max: 65536 })
  assertInteger(lanes, { name: 'profile.layers[0].lanes', min: 1, max: 1 })
  const keyId = engineKeyId(about, label)
  if (!isNew) assertOneOf(own('keyId'), { name: 'profile.layers[0].keyId', values: [keyId] })
  assertOneOf(commitment, { name: 'profile.layers[0].commitment', values: [''] })
  return Object.freeze({ role, label, share: 65536 as const, lanes: 1 as const, keyId, commitment })
}

function parseSettings(
  value: unknown,
  { settings }: Rule,
  { vocabularySize }: { vocabularySize: number },
): EngineSettings {
  assertRecord(value, { name: 'profile.engine', keys: settings })
  const fields: Record<string, unknown> = {}
  for (const name of SETTINGS) {
    if (!settings.includes(name)) continue
    const setting = Object.hasOwn(value, name) ? value[name] : undefined
    assertSetting(name, setting, vocabularySize)
    // JSON can say -0, which would come back from JSON as another value.
    fields[name] = typeof setting === 'number' ? setting + 0 : setting
  }
  return Object.freeze(fields)
}

function assertSetting(name: (typeof SETTINGS)[number], value: unknown, vocabularySize: number): void {
  const at = `profile.engine.${name}`
  switch (name) {
    case 'alpha':
    case 'probabilityA':
      assertNumber(value, { name: at, expected: 'a probability from 0 to 1', holds: (p) => p >= 0 && p <= 1 })
      return
    case 'ratio':
      assertNumber(value, {
        name: at,
        expected: 'a part of the vocabulary, at least one token and not all of them',
        holds: (r) => Math.floor(r * vocabularySize) >= 1 && r < 1,
      })
      return
    case 'seeding':
      assertOneOf(value, { name: at, values: ['lefthash', 'selfhash'] })
      return
    case 'tableSize':
      assertNumber(value, {
        name: at,
        expected: `a power of two from 256 to ${MAX_TABLE}; the index into other tables is not built`,
        holds: (size) => Number.isInteger(Math.log2(size)) && size >= 256 && size <= MAX_TABLE,
      })
      return
    case 'tableSeed':
      assertInteger(value, { name: at, max: 0xffffffff })
  }
}

type IdentifiedFields = Pick<
  EngineProfileFields,
  'scheme' | 'contextWidth' | 'param' | 'tokenizer' | 'vocabularySize' | 'engine'
>

/**
 * Name of an engine's key in profiles and verdicts: the first 16 hex digits of SHA-256(`dyetrace/1|engine-id|<label>|<JSON>`), the canonical JSON of
 * what scores depend on beside the key. Profiles of one label that score differently have different ids.
 */
export function engineKeyId(fields: IdentifiedFields, label: string): string {
  const { scheme, contextWidth, param, tokenizer, vocabularySize, engine } = fields
  const about = canonicalJson({ scheme, contextWidth, param, tokenizer, vocabularySize, engine })
  return bytesToHex(sha256(utf8ToBytes(`dyetrace/1|engine-id|${label}|${about}`))).slice(0, 16)
}

/** 64-bit integers that a key of this profile has. */
export function integersOfKey({ scheme, param }: Pick<EngineProfile, 'scheme' | 'param'>): number {
  const { integers } = RULES[scheme]
  return integers === 'layers' ? param : integers
}
