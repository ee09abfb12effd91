/**
 * Keys for tests: from a seed (a fresh, repeatable key a text) or from raw bytes. Production code has no door to make a mark key
 * from chosen bytes, so this one goes through the module that seals secrets.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '../../src/bytes.ts'
import { keyIdOf, type MarkFormat } from '../../src/keys/derive.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import { type MasterKey, masterKeyFromBytes } from '../../src/keys/master.ts'
import { createProfile, type Profile, type ProfileOptions } from '../../src/keys/profile.ts'
import { sealSecret } from '../../src/keys/secret.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'

/** A master key that depends on the seed only. */
export function masterFromSeed(seed: string | number): MasterKey {
  return masterKeyFromBytes(sha256(utf8ToBytes(`dyetrace test master ${seed}`)))
}

export function markKeyFromBytes(
  bytes: Uint8Array,
  format: MarkFormat,
  range = { from: 0, to: 65536 },
): MarkKey {
  return sealSecret(
    {
      kind: 'mark-key' as const,
      keyId: keyIdOf(bytes),
      role: 'provider' as const,
      label: 'test',
      format,
      range,
    },
    { bytes },
  )
}

/** A profile with one provider layer and the key that serves it. */
export function profileWithKey(
  seed: string | number,
  options: Partial<ProfileOptions> = {},
): { master: MasterKey; profile: Profile; key: MarkKey } {
  const master = masterFromSeed(seed)
  const profile = createProfile(master, {
    scheme: 'green-list',
    contextWidth: 1,
    gamma: 0.25,
    delta: 2,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize: 256,
    layers: [{ role: 'provider', label: 'test' }],
    created: '2026-11-24',
    ...options,
  })
  const [key] = deriveMarkKeys(master, profile)
  return { master, profile, key: key! }
}
