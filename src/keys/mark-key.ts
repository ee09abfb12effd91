/**
 * Mark keys: what marks and what detects. A mark key is bound to one layer of one profile and carries, in public, what is
 * needed to score with it (format, key id, which contexts are its own) and, hidden, its bytes, the route key and the salt.
 */
import { assertArray, assertBytes, assertInteger } from '../assert.ts'
import { littleEndianWords } from '../bytes.ts'
import {
  deriveCommitmentSalt,
  deriveDecoyKeyBytes,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
  keyIdOf,
  type MarkFormat,
} from './derive.ts'
import { type MasterKey, masterKeyBytes } from './master.ts'
import { isRouted, markFormat, type Profile, parseProfile, type Role, roleRanges } from './profile.ts'
import { type Secret, sealSecret, secretOf } from './secret.ts'

/** A key that marks and detects, for one layer. Frozen; printing or serialising it shows no secret. */
export interface MarkKey {
  readonly kind: 'mark-key'
  readonly keyId: string
  readonly role: Role
  readonly label: string
  readonly format: MarkFormat
  /** Contexts with `from <= route value < to` belong to this layer; 0..65536 where there is no routing. */
  readonly range: { readonly from: number; readonly to: number }
}

/**
 * Derives the mark keys of a profile, one a layer, in profile order.
 * @throws RangeError if the master key is not the one that made the profile.
 * @example
 * import { createProfile, deriveMarkKeys, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * key?.keyId === profile.layers[0]?.keyId // true
 */
export function deriveMarkKeys(master: MasterKey, profile: Profile): readonly MarkKey[] {
  const masterBytes = masterKeyBytes(master)
  const checked = parseProfile(profile)
  const ranges = roleRanges(checked.layers)
  const routed = isRouted(checked)
  const keys = checked.layers.map((layer) => {
    const format = markFormat(checked, layer)
    const layerKey = deriveLayerKey(masterBytes, layer.label)
    const bytes = deriveMarkKeyBytes(layerKey, format)
    const keyId = keyIdOf(bytes)
    if (keyId !== layer.keyId)
      throw new RangeError(
        `"master" expected the key that made this profile (layer ${layer.label}: key id ${layer.keyId}), got one that gives key id ${keyId}`,
      )
    const route = routed ? deriveRouteKey(masterBytes, format) : undefined
    return markKey(
      { role: layer.role, label: layer.label, format, range: ranges.get(layer.role)! },
      { bytes, route, salt: deriveCommitmentSalt(layerKey, format) },
    )
  })
  return Object.freeze(keys)
}

/**
 * Decoy keys: keys of the same format that nobody picked. Their bytes come from public material only, their contexts are
 * those of `key`, so under the null a statistic under `key` and under the decoys are draws of the same law.
 * @param material public bytes fixed before the key is used: SHA-256 of the plan, then the head of the answer chain.
 */
export function* decoyKeys(
  key: MarkKey,
  { material, count }: { material: Uint8Array; count: number },
): Generator<MarkKey> {
  assertBytes(material, { name: 'material' })
  assertInteger(count, { name: 'count' })
  const { route, bytes } = markKeySecret(key)
  for (let i = 0; i < count; i++) {
    const { role, label, format, range } = key
    yield markKey(
      { role, label, format, range },
      { bytes: deriveDecoyKeyBytes(material, i, bytes.length), route },
    )
  }
}

/** Checks a list of mark keys, such as the layers that serve one request. */
export function assertMarkKeys(
  keys: unknown,
  { name }: { name: string },
): asserts keys is readonly MarkKey[] {
  assertArray(keys, { name, expected: 'an array of mark keys from deriveMarkKeys' })
  for (const key of keys as unknown[]) markKeySecret(key)
}

/** Where a key goes in with something beside it: the likeliest mistake is a key by itself, whose fields would be called unknown. */
export function assertNoBareKey(
  value: unknown,
  { name, expected }: { name: string; expected: string },
): void {
  if ((value as { kind?: unknown } | null | undefined)?.kind === 'mark-key')
    throw new TypeError(`"${name}" expected ${expected}, got a mark-key by itself`)
}

/** The mark key as 8 little-endian words, for the PRF; decoded once a key. */
export function markKeyWords(key: MarkKey): Uint32Array {
  return words(key).mark
}

/** The route key as 8 words, or undefined where every context belongs to the layer. */
export function routeKeyWords(key: MarkKey): Uint32Array | undefined {
  return words(key).route
}

const decoded = new WeakMap<MarkKey, { mark: Uint32Array; route: Uint32Array | undefined }>()

function words(key: MarkKey): { mark: Uint32Array; route: Uint32Array | undefined } {
  const known = decoded.get(key)
  if (known) return known
  const { bytes, route } = markKeySecret(key)
  const fresh = { mark: littleEndianWords(bytes), route: route && littleEndianWords(route) }
  decoded.set(key, fresh)
  return fresh
}

function markKeySecret(key: unknown): Secret {
  return secretOf(key, { kind: 'mark-key', name: 'key', from: 'deriveMarkKeys' })
}

function markKey(about: Omit<MarkKey, 'kind' | 'keyId'>, secret: Secret): MarkKey {
  return sealSecret(
    {
      kind: 'mark-key' as const,
      keyId: keyIdOf(secret.bytes),
      role: about.role,
      label: about.label,
      format: Object.freeze({ ...about.format }),
      range: Object.freeze({ ...about.range }),
    },
    secret,
  )
}
