/**
 * What opens a layer's commitment: mark key, route key and salt. The key id in a profile pins the mark key alone; only the
 * commitment says whether the routing is the one that was promised, so a key that comes from a file is checked against it.
 */
import { commitmentOf, keyIdOf, markInfo } from './derive.ts'
import { deriveMarkKeys, type MarkKey } from './mark-key.ts'
import type { MasterKey } from './master.ts'
import { isRouted, type Layer, markFormat, type Profile, roleRanges } from './profile.ts'
import { sealSecret, secretOf } from './secret.ts'

/** The three values that whoever checks a commitment is given. */
export interface Opening {
  readonly markKey: Uint8Array
  /** Undefined where there is no routing. */
  readonly routeKey: Uint8Array | undefined
  readonly salt: Uint8Array
}

/**
 * The mark keys of a profile, one a layer in profile order, as `deriveMarkKeys` gives them, which looks at key ids only.
 * @throws RangeError if the master key did not make the profile, commitments included.
 */
export function openableKeys(master: MasterKey, profile: Profile): readonly MarkKey[] {
  const keys = deriveMarkKeys(master, profile)
  for (const [i, key] of keys.entries()) {
    if (!opens(openingOf(key), { profile, layer: profile.layers[i]! }))
      throw new RangeError(
        `"profile.layers[${i}].commitment" expected the commitment to the master key's routing and mark, got another`,
      )
  }
  return keys
}

/**
 * What opens the commitment of a key.
 * @throws TypeError for what is not a mark key or, such as a decoy or another engine's key, has no commitment.
 */
export function openingOf(key: MarkKey, { name = 'key' }: { name?: string } = {}): Opening {
  const from = 'a key ring, readMarkKeyFile or deriveMarkKeys'
  const { bytes, route, salt } = secretOf(key, { kind: 'mark-key', name, from })
  if (salt === undefined)
    throw new TypeError(
      `"${name}" expected a mark-key of a profile, from ${from}, got one that nothing commits to`,
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
  return sealSecret(
    {
      kind: 'mark-key' as const,
      keyId: keyIdOf(markKey),
      role: layer.role,
      label: layer.label,
      format: Object.freeze(markFormat(profile, layer)),
      range: Object.freeze({ ...roleRanges(profile.layers).get(layer.role)! }),
    },
    { bytes: markKey, route: routeKey, salt },
  )
}

/** The layer of a profile to which a key belongs, if it is exactly that layer's key, contexts included. */
export function layerOf(key: MarkKey, profile: Profile): Layer | undefined {
  // Key ids are distinct in a profile.
  const layer = profile.layers.find(({ keyId }) => keyId === key.keyId)
  if (!layer) return undefined
  const { from, to } = roleRanges(profile.layers).get(layer.role)!
  const isSame =
    layer.role === key.role &&
    layer.label === key.label &&
    markInfo(markFormat(profile, layer)) === markInfo(key.format) &&
    from === key.range.from &&
    to === key.range.to
  return isSame ? layer : undefined
}
