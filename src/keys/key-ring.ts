/**
 * The key ring: an owner's profiles in the order in which they served, each with its master key or with some of its mark keys.
 * One profile serves at a time; all of them detect. A ring is a plain frozen record that shows ids and labels, and every change
 * makes a new one. Every key in it opens the commitment of its profile. Two models that are served side by side are two rings.
 */
import {
  assertArray,
  assertOptions,
  assertRecord,
  assertString,
  describe,
  describeHidden,
} from '../assert.ts'
import { type Digest, digestJson } from '../digest.ts'
import { instantOf, isBefore, isWithin } from './instant.ts'
import { assertMarkKeys, type MarkKey } from './mark-key.ts'
import type { MasterKey } from './master.ts'
import { layerOf, openableKeys, openingOf, opens } from './opening.ts'
import {
  assertOwnProfile,
  type CommonOptions,
  createProfile,
  type GreenListOptions,
  gammaOf,
  type Profile,
  type ProfileOptions,
  parseProfile,
  type TournamentOptions,
} from './profile.ts'

/** Profiles and keys in use one after another. Made by {@link createKeyRing} and its like only; a copy is not a ring. */
export interface KeyRing {
  readonly kind: 'key-ring'
  /** Every tokenizer that a profile of the ring is for; more than one only where the owner said so. */
  readonly tokenizers: readonly Digest[]
  /** In the order of time. */
  readonly epochs: readonly Epoch[]
}

/** One profile, its keys and the time in which it served: `from <= time < to`, times in UTC. */
export interface Epoch {
  readonly profile: Profile
  /** The profile's digest, by which ledgers and verdicts name it. */
  readonly digest: Digest
  readonly from: string
  /** Absent while it is open when the profile will be followed by another. */
  readonly to?: string
  /** Absent where only mark keys were added. */
  readonly master?: MasterKey
  /** Those that the ring holds, in profile order: all with a master key, otherwise those that were added. */
  readonly keys: readonly MarkKey[]
}

/** Options of {@link addProfile}. */
export type AddProfileOptions = {
  readonly profile: Profile
  /** ISO 8601: a date (its first moment in UTC) or a time with its zone. The profile serves from then on. */
  readonly from: string
  /** When the profile ends. @defaultValue none: until the next one begins */
  readonly to?: string
  /** True if the profile may be for a tokenizer that no profile of the ring had so far. @defaultValue false */
  readonly allowNewTokenizer?: boolean
} & (
  | { readonly master: MasterKey; readonly keys?: never }
  | { readonly keys: readonly MarkKey[]; readonly master?: never }
)

/** What may differ in the next profile. Options of another scheme are given together with `scheme`. */
export type ProfileChanges = Partial<CommonOptions> &
  Partial<Omit<GreenListOptions, 'scheme'>> &
  Partial<Omit<TournamentOptions, 'scheme'>> & { readonly scheme?: ProfileOptions['scheme'] }

/** Options of {@link rotate}. */
export interface RotateOptions {
  /** When the last profile stops serving and the new one begins; see {@link AddProfileOptions}. */
  readonly from: string
  /** @defaultValue none: until the next rotation */
  readonly to?: string
  /** @defaultValue the last profile's master key */
  readonly master?: MasterKey
  /** Label of the new epoch layer. @defaultValue the last one's with its final number counted up: `e9`, `e10` */
  readonly label?: string
  /** What else changes. @defaultValue nothing; `created` is `from` */
  readonly profile?: ProfileChanges
  /** As for {@link addProfile}. @defaultValue false */
  readonly allowNewTokenizer?: boolean
}

// Rings whose rules were checked. A WeakSet and not a field: parsed JSON can hold any field.
const made = new WeakSet<object>()

/**
 * An empty key ring.
 * @example
 * import { addProfile, createKeyRing, createProfile, generateMasterKey, keysAt, rotate, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'epoch', label: 'acme-1' }], created: '2026-11-24',
 * })
 * const first = addProfile(createKeyRing(), { profile, master, from: '2026-12-01' })
 * const ring = rotate(first, { from: '2027-01-01T00:00:00+01:00' })
 * keysAt(ring, '2026-12-31')?.keys[0]?.label // 'acme-1'
 * keysAt(ring, '2027-01-01')?.keys[0]?.label // 'acme-2'
 */
export function createKeyRing(): KeyRing {
  return mint([])
}

/**
 * Adds a profile that serves after all others. A last profile without an end ends where the new one begins.
 * @returns a new ring; the one given stays as it is.
 * @throws TypeError or RangeError if the ring has a profile of this digest; if the time is empty, backwards or overlaps the last
 * one's; if a key is not of the profile, down to its commitment; if the tokenizer is new and nothing says that it may be.
 * @example
 * import { addProfile, createKeyRing, createProfile, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const ring = addProfile(createKeyRing(), { profile, master, from: '2026-12-01' })
 * ring.epochs[0]?.from // '2026-12-01T00:00:00Z'
 */
export function addProfile(ring: KeyRing, options: AddProfileOptions): KeyRing {
  assertKeyRing(ring, { name: 'ring' })
  assertOptions(options, {
    name: 'options',
    keys: ['profile', 'master', 'keys', 'from', 'to', 'allowNewTokenizer'],
  })
  const { master, keys, allowNewTokenizer = false } = options
  const validity = validityOf(options)
  if (typeof allowNewTokenizer !== 'boolean')
    throw new TypeError(
      `"options.allowNewTokenizer" expected true or false, got ${describe(allowNewTokenizer)}`,
    )
  const profile = parseProfile(options.profile)
  assertOwnProfile(profile, { name: 'options.profile' })
  const digest = digestJson(profile)
  if (ring.epochs.some((epoch) => epoch.digest === digest))
    throw new RangeError(`"profile" expected a profile that is not in the ring, got ${digest}, which is`)
  const { tokenizer } = profile
  if (ring.epochs.length > 0 && !ring.tokenizers.includes(tokenizer) && !allowNewTokenizer)
    throw new RangeError(
      `"profile.tokenizer" expected a tokenizer of the ring's other profiles (or allowNewTokenizer: true), got ${tokenizer}`,
    )
  const held = Object.freeze(heldKeys({ master, keys, profile }))
  const epoch = { profile, digest, ...validity, ...(master === undefined ? {} : { master }), keys: held }
  return mint([...endedBy(ring.epochs, validity.from), epoch])
}

/**
 * Begins a new epoch: a profile like the last one, with the next epoch label or a new master key. The old ones keep detecting.
 * Layers of other roles keep their labels, and under the same master key their keys.
 * @returns a new ring; the one given stays as it is. A last profile whose end lies later ends at `from`.
 * @throws TypeError or RangeError as {@link addProfile}, and if no key would change, or the epoch's key was in use before.
 * @example
 * import { addProfile, allKeys, createKeyRing, createProfile, generateMasterKey, rotate, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme', share: 49152 }, { role: 'epoch', label: '2026-12', share: 16384 }],
 *   created: '2026-11-24',
 * })
 * const ring = addProfile(createKeyRing(), { profile, master, from: '2026-12-01' })
 * const next = rotate(ring, { from: '2027-01-01', label: '2027-01' })
 * allKeys(next).map(({ key }) => key.label) // [ 'acme', '2026-12', '2027-01' ]
 */
export function rotate(ring: KeyRing, options: RotateOptions): KeyRing {
  assertKeyRing(ring, { name: 'ring' })
  assertOptions(options, {
    name: 'options',
    keys: ['from', 'to', 'master', 'label', 'profile', 'allowNewTokenizer'],
  })
  const { label, profile: changes = {}, allowNewTokenizer = false } = options
  assertRecord(changes, { name: 'options.profile' })
  if (label !== undefined) assertString(label, { name: 'options.label', expected: 'the label of a layer' })
  const last = ring.epochs.at(-1)
  if (!last)
    throw new RangeError('"ring" expected a profile to begin with, from addProfile, got an empty ring')
  const { master = last.master } = options
  if (master === undefined)
    throw new TypeError(
      '"options.master" expected a master key, as the last profile came with mark keys alone, got undefined',
    )
  const validity = validityOf(options)
  const { from } = validity
  if (!isBefore(last.from, from))
    throw new RangeError(
      `"options.from" expected a time after ${last.from}, when the last profile began, got ${from}`,
    )
  const profile = createProfile(master, {
    ...optionsOf(last.profile, changes.scheme),
    layers: nextLayers(last.profile, label, changes.layers),
    created: from,
    ...changes,
  } as ProfileOptions)
  assertRotated(ring, profile)
  const end = last.to !== undefined && isBefore(last.to, from) ? last.to : from
  const ended = mint([...ring.epochs.slice(0, -1), { ...last, to: end }])
  return addProfile(ended, { profile, master, allowNewTokenizer, ...validity })
}

/**
 * What serves at a time: the profile and its keys.
 * @param time ISO 8601, a date (its first moment in UTC) or a time with its zone.
 * @returns undefined where nothing serves: then nothing is marked.
 * @example
 * import { createKeyRing, keysAt } from 'dyetrace'
 * keysAt(createKeyRing(), '2026-12-01T12:00:00Z') // undefined
 */
export function keysAt(ring: KeyRing, time: string): Epoch | undefined {
  assertKeyRing(ring, { name: 'ring' })
  const at = instantOf(time, { name: 'time' })
  return ring.epochs.find((epoch) => isWithin(at, epoch))
}

/**
 * Every (profile, key) to detect with, in the order of time. A key that served in several epochs with the same contexts is one test
 * and stands here once, with its first profile: tried twice, it would be counted twice in the correction for many keys.
 * @example
 * import { addProfile, allKeys, createKeyRing, createProfile, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const ring = addProfile(createKeyRing(), { profile, master, from: '2026-12-01' })
 * allKeys(ring).length // 1
 */
export function allKeys(ring: KeyRing): readonly { readonly profile: Profile; readonly key: MarkKey }[] {
  assertKeyRing(ring, { name: 'ring' })
  const tests = new Map<string, { readonly profile: Profile; readonly key: MarkKey }>()
  for (const { profile, keys } of ring.epochs) {
    for (const key of keys) {
      // What a score depends on besides the key, whose id stands for its format too.
      const test = [key.keyId, key.range.from, key.range.to, profile.vocabularySize].join()
      if (!tests.has(test)) tests.set(test, Object.freeze({ profile, key }))
    }
  }
  return Object.freeze([...tests.values()])
}

/** A ring made by this module, and no copy of one. */
export function assertKeyRing(ring: unknown, { name }: { name: string }): asserts ring is KeyRing {
  if (typeof ring === 'object' && ring !== null && made.has(ring)) return
  throw new TypeError(
    `"${name}" expected a key ring from createKeyRing or readKeyRing, got ${describeHidden(ring)}; a copy of a ring does not carry the keys`,
  )
}

function mint(epochs: readonly Epoch[]): KeyRing {
  const ring: KeyRing = Object.freeze({
    kind: 'key-ring',
    tokenizers: Object.freeze([...new Set(epochs.map(({ profile }) => profile.tokenizer))]),
    epochs: Object.freeze(epochs.map((epoch) => Object.freeze(epoch))),
  })
  made.add(ring)
  return ring
}

function validityOf(options: { readonly from: string; readonly to?: string | undefined }): {
  from: string
  to?: string
} {
  const from = instantOf(options.from, { name: 'options.from' })
  if (options.to === undefined) return { from }
  const to = instantOf(options.to, { name: 'options.to' })
  if (!isBefore(from, to)) throw new RangeError(`"options.to" expected a time after ${from}, got ${to}`)
  return { from, to }
}

/** The epochs so far, the last of them ended where the next begins. */
function endedBy(epochs: readonly Epoch[], from: string): readonly Epoch[] {
  const last = epochs.at(-1)
  if (!last) return epochs
  if (last.to !== undefined) {
    if (!isBefore(from, last.to)) return epochs
    throw new RangeError(
      `"options.from" expected ${last.to}, when the last profile ends, or later, got ${from}`,
    )
  }
  if (!isBefore(last.from, from))
    throw new RangeError(
      `"options.from" expected a time after ${last.from}, when the last profile began, got ${from}`,
    )
  return [...epochs.slice(0, -1), { ...last, to: from }]
}

function heldKeys({
  master,
  keys,
  profile,
}: {
  master: MasterKey | undefined
  keys: readonly MarkKey[] | undefined
  profile: Profile
}): readonly MarkKey[] {
  if (keys === undefined) {
    if (master === undefined)
      throw new TypeError('"options.master" expected a master key, or mark keys as "keys", got neither')
    return openableKeys(master, profile)
  }
  if (master !== undefined)
    throw new TypeError('"options.keys" expected none beside a master key, which gives them all, got both')
  assertArray(keys, { name: 'options.keys', expected: 'an array of mark keys' })
  assertMarkKeys(keys, { name: 'options.keys' })
  if (keys.length === 0) throw new RangeError('"options.keys" expected at least one mark key, got none')
  const layers = keys.map((key, i) => {
    const name = `options.keys[${i}]`
    const layer = layerOf(key, profile)
    if (!layer)
      throw new RangeError(
        `"${name}" expected a key of this profile with the contexts of its role, got ${key.keyId} for route values ${key.range.from}..${key.range.to - 1}`,
      )
    if (!opens(openingOf(key, { name }), { profile, layer }))
      throw new RangeError(
        `"${name}" expected a key that opens the commitment of layer ${layer.label}, got one that does not`,
      )
    return layer
  })
  if (new Set(layers).size < layers.length)
    throw new RangeError('"options.keys" expected each key once, got one twice')
  return profile.layers.flatMap((layer) => keys.filter((_, i) => layers[i] === layer))
}

/** The options that make such a profile again; without those of its scheme where another one is wanted. */
function optionsOf(profile: Profile, changed: ProfileOptions['scheme'] | undefined): object {
  assertOwnProfile(profile, { name: 'options.profile' })
  const { contextWidth, tokenizer, vocabularySize } = profile
  const scheme = changed ?? profile.scheme
  const common = { scheme, contextWidth, tokenizer, vocabularySize }
  if (scheme !== profile.scheme) return common
  switch (profile.scheme) {
    case 'green-list':
      return { ...common, gamma: gammaOf(profile), delta: profile.delta }
    case 'gumbel':
      return common
    case 'tournament':
      return { ...common, rounds: profile.param }
  }
}

function nextLayers(
  { layers }: Profile,
  label: string | undefined,
  given: CommonOptions['layers'] | undefined,
): CommonOptions['layers'] {
  if (given !== undefined) {
    if (label === undefined) return given
    throw new TypeError(
      '"options.label" expected none beside layers, which name the epoch themselves, got both',
    )
  }
  const epochs = layers.filter(({ role }) => role === 'epoch')
  if (epochs.length > 1)
    throw new RangeError(
      `"options.profile.layers" expected the new layers, as the last profile has ${epochs.length} of role epoch, got undefined`,
    )
  if (label !== undefined && epochs.length === 0)
    throw new RangeError(
      `"options.label" expected none, as the last profile has no layer of role epoch, got ${describe(label)}`,
    )
  return layers.map((layer) => ({
    role: layer.role,
    label: layer.role === 'epoch' ? (label ?? nextLabel(layer.label)) : layer.label,
    share: layer.share,
    lanes: layer.lanes,
  }))
}

function nextLabel(label: string): string {
  const [, head, digits] = /^(.*?)(\d*)$/.exec(label)!
  if (!digits) return `${label}-2`
  // Labels may be longer than what a number holds.
  return `${head}${String(BigInt(digits) + 1n).padStart(digits.length, '0')}`
}

function assertRotated({ epochs }: KeyRing, { layers }: Profile): void {
  const known = new Set(epochs.flatMap(({ profile }) => profile.layers.map(({ keyId }) => keyId)))
  if (layers.every(({ keyId }) => known.has(keyId)))
    throw new RangeError(
      '"options" expected a new master key or a new label, got a profile whose keys are all in the ring already',
    )
  const again = layers.find(({ role, keyId }) => role === 'epoch' && known.has(keyId))
  if (again)
    throw new RangeError(
      `"options.label" expected a label that was not in use under this master key, got ${describe(again.label)}`,
    )
}
