/**
 * Keys of marks that other engines write: the 64-bit integers of an engine's configuration as a mark key, so that everything that takes a key
 * takes these too; and such integers derived from a master key, so that one secret governs all engines (docs/engines.md, "Keys").
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { describeHidden } from '../assert.ts'
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
 * @throws TypeError for what is no array of bigints; RangeError for another number of integers, for one outside 64 bits, and for a key that
 * does not decide its scores or that the engine reads in another way.
 */
export function engineKeyOf(profile: EngineProfile, integers: readonly bigint[]): MarkKey {
  assertBigints(integers, { name: 'key' })
  const expected = integersOfKey(profile)
  if (integers.length !== expected)
    throw new RangeError(
      `"key" expected ${expected} integers for ${profile.scheme}, got ${integers.length}; their values are not shown`,
    )
  if (integers.some((value) => value < LEAST || value >= BEYOND))
    throw new RangeError('"key" expected integers of 64 bits, got one outside; its value is not shown')
  if (!isSigned(profile.scheme) && integers.some((value) => value < 0n))
    throw new RangeError(
      `"key" expected a key that the engine reads as it stands, got one below 0 for ${profile.scheme}; its value is not shown`,
    )
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

/** Refuses what is no array of bigints, and shows nothing of it: numbers and digits in the place of a key may be the key. */
export function assertBigints(
  integers: unknown,
  { name }: { name: string },
): asserts integers is readonly bigint[] {
  const expected = `"${name}" expected an array of bigints`
  if (!Array.isArray(integers)) throw new TypeError(`${expected}, got ${describeHidden(integers)}`)
  // Array.from visits the holes of a sparse array.
  const other = Array.from(integers as unknown[]).find((value) => typeof value !== 'bigint')
  if (other !== undefined || Array.from(integers as unknown[]).includes(undefined))
    throw new TypeError(`${expected}, got one with ${describeHidden(other)}`)
}

/** True where a negative integer is the one of the same 64 bits. PyTorch seeds a generator with another; the others have unsigned keys. */
function isSigned(scheme: EngineProfile['scheme']): boolean {
  return scheme === 'hf/synthid-cpu' || scheme === 'google/synthid-lcg' || scheme === 'meta/textseal'
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
      if (engine.seeding === 'lefthash' && sharesLists(first, vocabularySize))
        weak('under which tokens share their lists')
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

// Far more repeats than the half of one that 32-bit seeds of so many tokens have by chance, which nobody sees in 10^19 keys.
const LISTS_LOOKED_AT = 2 ** 16
const MOST_REPEATS = 16

/**
 * Whether many tokens have one list: the seed after a token is the low word of key times token modulo 2^64 - 1. That modulus has small
 * factors, so the products repeat with a period of 2^64 - 1 over what the key has in common with it; and keys next to a multiple of 2^32
 * change the high word only.
 */
function sharesLists(key: bigint, vocabularySize: number): boolean {
  const modulus = 2n ** 64n - 1n
  const step = key % modulus
  if (modulus / greatestCommonDivisor(step, modulus) < BigInt(vocabularySize)) return true
  // No product of a key of one word reaches the modulus, and what is left of the key is odd enough.
  if (step < 2n ** 32n) return false
  const tokens = Math.min(vocabularySize, LISTS_LOOKED_AT)
  const seeds = new Set<number>()
  let product = 0n
  for (let token = 1; token < tokens; token++) {
    product = (product + step) % modulus
    seeds.add(Number(BigInt.asUintN(32, product)))
  }
  return tokens - 1 - seeds.size > MOST_REPEATS
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
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
