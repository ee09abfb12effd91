/**
 * Commitments to engines' keys. A key id names settings and label, not the key, which may be short enough to be found from any digest. So
 * nothing shows by itself that a key was not looked for after the answers were in. Whoever commits beforehand can show it: a digest of all
 * that decides scores, with a salt that stays secret until it is opened.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assertBytes, assertString } from '../assert.ts'
import { bytesToHex, concatBytes, utf8ToBytes } from '../bytes.ts'
import { canonicalJson } from '../digest.ts'
import { engineKeyIntegers } from './engine-key.ts'
import { type EngineProfile, parseEngineProfile } from './engine-profile.ts'
import { assertKeyFits } from './key-fits.ts'
import type { MarkKey } from './mark-key.ts'

/** Bytes of a salt. Fewer would let a short key be found from the commitment by trying. */
const SALT_BYTES = 32

/**
 * Commits to an engine's key: hexadecimal SHA-256 of the salt, then `dyetrace/1|engine-commitment|`, then the canonical JSON (RFC 8785) of label, scheme,
 * contextWidth, param, tokenizer, vocabularySize, engine and `key`, the integers as unsigned decimal strings.
 * @param salt 32 random bytes, kept with the key. Published too early, they let a key of 32 bits be found.
 * @returns 64 hex digits, safe to publish.
 * @throws TypeError or RangeError for a key that is not one of the profile, or a salt of another length; they show nothing of either.
 * @example
 * import { commitEngineKey, createEngineMark, opensEngineCommitment, tokenizerDigest } from 'dyetrace'
 * const { profile, key } = createEngineMark({
 *   scheme: 'vllm/philox4x32-10-v1/gumbel', contextWidth: 2, param: 0, delta: 0, engine: {}, label: 'acme',
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3, created: '2026-11-25',
 * }, [8127364510293847561n])
 * const salt = crypto.getRandomValues(new Uint8Array(32))
 * const commitment = commitEngineKey(profile, key, salt) // published before the test
 * opensEngineCommitment(commitment, { profile, key, salt }) // true
 */
export function commitEngineKey(profile: EngineProfile, key: MarkKey, salt: Uint8Array): string {
  const checked = parseEngineProfile(profile)
  const integers = engineKeyIntegers(key)
  assertKeyFits(key, checked)
  if (key.label !== checked.layers[0].label)
    throw new RangeError(`"key" expected the key of label ${checked.layers[0].label}, got that of another`)
  assertBytes(salt, { name: 'salt', length: SALT_BYTES })
  const { scheme, contextWidth, param, tokenizer, vocabularySize, engine } = checked
  const text = canonicalJson({
    label: key.label,
    scheme,
    contextWidth,
    param,
    tokenizer,
    vocabularySize,
    engine,
    key: integers.map(String),
  })
  return bytesToHex(sha256(concatBytes(salt, utf8ToBytes(`dyetrace/1|engine-commitment|${text}`))))
}

/** True if the commitment is one to this key under this profile, with this salt. */
export function opensEngineCommitment(
  commitment: string,
  {
    profile,
    key,
    salt,
  }: { readonly profile: EngineProfile; readonly key: MarkKey; readonly salt: Uint8Array },
): boolean {
  assertString(commitment, {
    name: 'commitment',
    expected: '64 hex digits, from commitEngineKey',
    pattern: /^[0-9a-f]{64}$/,
  })
  return commitEngineKey(profile, key, salt) === commitment
}
