/**
 * What opens a layer's commitment: mark key, route key and salt. The key id in a profile pins the mark key alone; only the
 * commitment says whether the routing is the one that was promised, so a key that comes from a file is checked against it.
 */
import {
  commitmentOf,
  deriveCommitmentSalt,
  deriveLayerKey,
  deriveMarkKeyBytes,
  keyIdOf,
  markInfo,
} from './derive.ts'
import { deriveMarkKeys, type MarkKey } from './mark-key.ts'
import { type MasterKey, masterKeyBytes } from './master.ts'
import { isRouted, type Layer, markFormat, type Profile, roleRanges } from './profile.ts'
import { type Secret, sealSecret, secretOf } from './secret.ts'

/** The three values that whoever checks a commitment is given. */
export interface Opening {
  readonly markKey: Uint8Array
  /** Undefined where there is no routing. */
  readonly routeKey: Uint8Array | undefined
  readonly salt: Uint8Array
}

// Beside the secrets of secret.ts: a mark key marks and detects without its salt.
const salts = new WeakMap<MarkKey, Uint8Array>()

/**
 * The mark keys of a profile, one a layer in profile order, as `deriveMarkKeys` gives them, with their salts at hand.
 * @throws RangeError if the master key did not make the profile, commitments included.
 */
export function openableKeys(master: MasterKey, profile: Profile): readonly MarkKey[] {
  const keys = deriveMarkKeys(master, profile)
  for (const [i, key] of keys.entries()) {
    const salt = saltFrom(master, key)
    const { bytes, route } = secretOfMarkKey(key)
    const opening = { markKey: bytes, routeKey: route, salt }
    if (!opens(opening, { profile, layer: profile.layers[i]! }))
      throw new RangeError(
        `"profile.layers[${i}].commitment" expected the commitment to the master key's routing and mark, got another`,
      )
    salts.set(key, salt)
  }
  return keys
}

/**
 * What opens the commitment of a key.
 * @param master needed for keys that came straight from `deriveMarkKeys`, which do not know their salt.
 * @throws TypeError for what is not a mark key or has no salt; RangeError if the master key is another's.
 */
export function openingOf(
  key: MarkKey,
  { name = 'key', master }: { name?: string; master?: MasterKey | undefined } = {},
): Opening {
  const { bytes, route } = secretOfMarkKey(key, name)
  const salt = master === undefined ? salts.get(key) : saltFrom(master, key)
  if (salt === undefined)
    throw new TypeError(
      `"${name}" expected a mark key that can open its commitment, from a key ring or readMarkKeyFile, got one from deriveMarkKeys; give the master key with it`,
    )
  return { markKey: bytes, routeKey: route, salt }
}

/** True if the three values are those that the layer's commitment was made from. */
export function opens(
  { markKey, routeKey, salt }: Opening,
  { profile, layer }: { profile: Profile; layer: Layer },
): boolean {
  // A commitment without a route key promises no routing: it is none of a profile that divides contexts.
  if ((routeKey !== undefined) !== isRouted(profile)) return false
  const info = markInfo(markFormat(profile, layer))
  return commitmentOf({ markKey, routeKey, salt, info }) === layer.commitment
}

/** The mark key of a layer, from an opening for which {@link opens} holds. */
export function markKeyOf(
  { markKey, routeKey, salt }: Opening,
  { profile, layer }: { profile: Profile; layer: Layer },
): MarkKey {
  const key: MarkKey = sealSecret(
    {
      kind: 'mark-key' as const,
      keyId: keyIdOf(markKey),
      role: layer.role,
      label: layer.label,
      format: Object.freeze(markFormat(profile, layer)),
      range: Object.freeze({ ...roleRanges(profile.layers).get(layer.role)! }),
    },
    { bytes: markKey, route: routeKey },
  )
  salts.set(key, salt)
  return key
}

/** The layer of a profile to which a key belongs, if it is exactly that layer's key, contexts included. */
export function layerOf(key: MarkKey, profile: Profile): Layer | undefined {
  const { from, to } = key.range
  return profile.layers.find((layer) => {
    const range = roleRanges(profile.layers).get(layer.role)!
    return (
      layer.keyId === key.keyId &&
      layer.role === key.role &&
      layer.label === key.label &&
      markInfo(markFormat(profile, layer)) === markInfo(key.format) &&
      range.from === from &&
      range.to === to
    )
  })
}

function saltFrom(master: MasterKey, { keyId, label, format }: MarkKey): Uint8Array {
  const layerKey = deriveLayerKey(masterKeyBytes(master), label)
  if (keyIdOf(deriveMarkKeyBytes(layerKey, format)) !== keyId)
    throw new RangeError(
      `"master" expected the key from which the mark key ${keyId} was derived, got another`,
    )
  return deriveCommitmentSalt(layerKey, format)
}

function secretOfMarkKey(key: MarkKey, name = 'key'): Secret {
  return secretOf(key, { kind: 'mark-key', name, from: 'a key ring, readMarkKeyFile or deriveMarkKeys' })
}
