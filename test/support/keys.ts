/**
 * Keys for tests: from a seed (a fresh, repeatable key a text) or from raw bytes. Production code has no door to make a mark key
 * from chosen bytes, so this one goes through the module that seals secrets.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '../../src/bytes.ts'
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

/** Independent keys of a format by number, each made once. */
export function keysOf(format: Partial<MarkFormat>): (seed: number) => MarkKey {
  const full: MarkFormat = {
    scheme: 'green-list',
    contextWidth: 1,
    bits: 8,
    lanes: 1,
    param: 64,
    tokenizer: tokenizerDigest(['a', 'b']),
    ...format,
  }
  const made = new Map<number, MarkKey>()
  return (seed) => {
    const known = made.get(seed)
    if (known) return known
    const key = markKeyFromBytes(sha256(utf8ToBytes(`dyetrace test mark key ${seed}`)), full)
    made.set(seed, key)
    return key
  }
}

/**
 * Which forms of secret bytes a text shows, in whole or in part: hexadecimal, base64 in both alphabets at any offset, decimal
 * lists, raw characters. Four bytes in a row are a part: by chance they turn up in a thousand characters once in a million.
 */
export function formsShown(text: string, secret: Uint8Array): string[] {
  const shown = new Set<string>()
  const low = text.toLowerCase()
  for (let i = 0; i + 4 <= secret.length; i++) {
    const part = secret.subarray(i, i + 4)
    if (low.includes(bytesToHex(part))) shown.add('hex')
    for (const separator of [',', ', ', ' ', '-'])
      if (text.includes(part.join(separator))) shown.add('decimal')
    if (text.includes(String.fromCharCode(...part))) shown.add('raw')
  }
  for (const alphabet of ['base64', 'base64url'] as const) {
    // Encoded from each of three offsets, for the secret may be a part of a longer text.
    for (let offset = 0; offset < 3; offset++) {
      const encoded = Buffer.from(secret.subarray(offset)).toString(alphabet).replace(/=+$/, '')
      for (let i = 0; i + 6 <= encoded.length; i++)
        if (text.includes(encoded.slice(i, i + 6))) shown.add(alphabet)
    }
  }
  return [...shown]
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
