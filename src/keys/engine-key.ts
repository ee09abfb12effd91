/**
 * Keys of marks that other engines write: the 64-bit integers of an engine's configuration as a mark key, so that everything that takes a key
 * takes these too; and such integers derived from a master key, so that one secret governs all engines (docs/engines.md, "Keys").
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '../bytes.ts'
import { deriveLayerKey } from './derive.ts'
import { type EngineProfile, integersOfKey } from './engine-profile.ts'
import type { MarkKey } from './mark-key.ts'
import { type MasterKey, masterKeyBytes } from './master.ts'
import { sealSecret, secretOf } from './secret.ts'

const LEAST = -(2n ** 63n)
const BEYOND = 2n ** 64n

/**
 * Seals the integers of an engine's key. Nothing of them is shown by the record or by an error.
 * @param integers as many as the scheme has, each a signed or unsigned 64-bit integer: one; one a layer (SynthID); the two keys of
 * SGLang's and TextSeal's dual marks.
 * @throws RangeError for another number of integers, for one outside 64 bits, and for a key that does not decide its scores.
 */
export function engineKeyOf(profile: EngineProfile, integers: readonly bigint[]): MarkKey {
  const expected = integersOfKey(profile)
  if (integers.length !== expected)
    throw new RangeError(
      `"key" expected ${expected} integers for ${profile.scheme}, got ${integers.length}; their values are not shown`,
    )
  if (integers.some((value) => value < LEAST || value >= BEYOND))
    throw new RangeError('"key" expected integers of 64 bits, got one outside; its value is not shown')
  assertDecides(profile, integers)
  const bytes = new Uint8Array(8 * integers.length)
  const view = new DataView(bytes.buffer)
  for (const [i, value] of integers.entries()) view.setBigUint64(8 * i, BigInt.asUintN(64, value), true)
  const { scheme, contextWidth, bits, param, tokenizer } = profile
  const [{ role, label, keyId }] = profile.layers
  return sealSecret(
    {
      kind: 'mark-key' as const,
      keyId,
      role,
      label,
      format: Object.freeze({ scheme, contextWidth, bits, lanes: 1, param, tokenizer }),
      range: Object.freeze({ from: 0, to: 65536 }),
    },
    { bytes },
  )
}

/** The integers behind a key, for an engine's configuration file. Handle with care: they are the whole secret. */
export function engineKeyIntegers(key: MarkKey): readonly bigint[] {
  const { bytes } = secretOf(key, {
    kind: 'mark-key',
    name: 'key',
    from: 'readEngineConfig or deriveEngineMark',
  })
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(8 * i, true))
}

/** Under the null a key is random. A key of these kinds makes scores that no randomness is left in, or the same one twice. */
function assertDecides({ scheme, vocabularySize, engine }: EngineProfile, integers: readonly bigint[]): void {
  const weak = (why: string): never => {
    throw new RangeError(
      `"key" expected a key that decides its scores, got one ${why}; its value is not shown`,
    )
  }
  const [first = 0n] = integers
  switch (scheme) {
    case 'hf/kgw-cpu': {
      // Seeds are products modulo 2^32: a factor of 2^z in the key makes every 2^(32 - z)-th token's list the same.
      let lists = 2 ** 32
      for (let rest = BigInt.asUintN(32, first); rest % 2n === 0n && lists > 1; rest /= 2n) lists /= 2
      if (lists < vocabularySize)
        weak('that divides by a large power of two, so that tokens share their lists')
      return
    }
    case 'experimental/vllm-sbw':
      if (first === 0n) weak('of zero, which seeds every token alike')
      return
    case 'hf/synthid-cpu': {
      const size = BigInt(engine.tableSize ?? 1)
      const places = new Set(integers.map((value) => BigInt.asUintN(64, value) % size))
      if (places.size < integers.length) weak('with two layers that read the same place of the table')
      return
    }
    case 'sglang/murmur3-v1/dual':
    case 'google/synthid-lcg':
    case 'meta/textseal':
      if (new Set(integers.map((value) => BigInt.asUintN(64, value))).size < integers.length)
        weak('that holds one integer twice')
      return
    default:
  }
}

/**
 * Derives an engine's key from a master key: HKDF-SHA-256 of the layer key of the profile's label, info `dyetrace/1|engine|<scheme>|w<width>|p<param>|<tokenizer>|<attempt>`,
 * 8 bytes an integer, little-endian; the first attempt that gives a key which `engineKeyOf` takes. Integers that an engine wants signed lose their
 * highest bit; Hugging Face's green lists get 32 bits, as more do not count there, and those and SBW's an odd number.
 */
export function deriveEngineKey(master: MasterKey, profile: EngineProfile): MarkKey {
  const { scheme, contextWidth, param, tokenizer } = profile
  const layerKey = deriveLayerKey(masterKeyBytes(master), profile.layers[0].label)
  const count = integersOfKey(profile)
  for (let attempt = 0; ; attempt++) {
    const info = `dyetrace/1|engine|${scheme}|w${contextWidth}|p${param}|${tokenizer}|${attempt}`
    const bytes = hkdf(sha256, layerKey, new Uint8Array(0), utf8ToBytes(info), 8 * count)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const integers = Array.from({ length: count }, (_, i) => shaped(scheme, view.getBigUint64(8 * i, true)))
    try {
      return engineKeyOf(profile, integers)
    } catch (error) {
      if (!(error instanceof RangeError) || attempt === MOST_ATTEMPTS) throw error
    }
  }
}

const MOST_ATTEMPTS = 1000

function shaped(scheme: EngineProfile['scheme'], value: bigint): bigint {
  switch (scheme) {
    case 'hf/kgw-cpu':
      return BigInt.asUintN(32, value) | 1n
    case 'experimental/vllm-sbw':
      return BigInt.asUintN(63, value) | 1n
    case 'hf/synthid-cpu':
    case 'google/synthid-lcg':
    case 'meta/textseal':
      return BigInt.asUintN(63, value)
    default:
      return value
  }
}
