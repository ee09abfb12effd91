/**
 * The hashes of other engines once more, written for reading and not for speed: BigInt throughout, lists in place of tricks. Tests hold the
 * code under src/prf/engines against these, and these against the published values (test/vectors/engines.test.ts).
 */
import { createHash } from 'node:crypto'

const M32 = 2n ** 32n - 1n
const u32 = (x: bigint): bigint => x & M32
const i64 = (x: bigint): bigint => BigInt.asIntN(64, x)
/** Modulo as Python has it. */
const mod = (x: bigint, m: bigint): bigint => ((x % m) + m) % m

function leastOf(values: readonly bigint[]): bigint {
  let least = values[0]!
  for (const value of values) if (value < least) least = value
  return least
}

/** A Philox4x32-10 block. */
function philox(counter: readonly bigint[], key: readonly [bigint, bigint]): bigint[] {
  let [c0, c1, c2, c3] = counter as [bigint, bigint, bigint, bigint]
  let [k0, k1] = key.map(u32) as [bigint, bigint]
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0
    const p1 = 0xcd9e8d57n * c2
    ;[c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, u32(p1), (p0 >> 32n) ^ c3 ^ k1, u32(p0)]
    k0 = u32(k0 + 0x9e3779b9n)
    k1 = u32(k1 + 0xbb67ae85n)
  }
  return [c0, c1, c2, c3]
}

/** vLLM's word of (key, context, token); -1 is padding. */
export function vllmWord(key: bigint, context: readonly number[], token: number, stream = 0n): number {
  const [k0, k1] = [u32(key), key >> 32n]
  const ids = context.map((id) => u32(BigInt(id)))
  let state: bigint[] = [0x574d4358n, BigInt(ids.length), 0n, 0n]
  for (let offset = 0; offset < ids.length; offset += 4) {
    const block = [0, 1, 2, 3].map((i) => ids[offset + i] ?? 0xffffffffn - BigInt(i))
    state = philox(
      state.map((word, i) => word ^ block[i]!),
      [k0 ^ BigInt(offset), k1],
    )
  }
  const out = philox(
    [BigInt(token) >> 2n, state[0]!, state[1]!, state[2]!],
    [k0 ^ state[3]! ^ (stream >> 32n), k1 ^ 0x574d544bn ^ u32(stream)],
  )
  return Number(out[token & 3]!)
}

/** vLLM's uniform number of a word. */
export function vllmUniform(word: number): number {
  return Math.fround(((word >>> 8) + 1) / (2 ** 24 + 1))
}

export function vllmDerivedKey(key: bigint, domain: 'key_a' | 'key_b'): bigint {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(key)
  return createHash('sha256').update(domain).update(bytes).digest().readBigUInt64BE()
}

/** MurmurHash3 x86-32 over words. */
export function murmur(words: readonly bigint[]): number {
  const rotate = (x: bigint, by: bigint): bigint => u32((x << by) | (x >> (32n - by)))
  let h = 0n
  for (const word of words) {
    h ^= u32(rotate(u32(u32(word) * 0xcc9e2d51n), 15n) * 0x1b873593n)
    h = u32(rotate(h, 13n) * 5n + 0xe6546b64n)
  }
  h ^= BigInt(4 * words.length)
  h ^= h >> 16n
  h = u32(h * 0x85ebca6bn)
  h ^= h >> 13n
  h = u32(h * 0xc2b2ae35n)
  return Number(h ^ (h >> 16n))
}

export function sglangContextHash(context: readonly number[]): number {
  return murmur(context.map(BigInt))
}

export function sglangTokenHash(key: bigint, context: readonly number[], token: number): number {
  return murmur([u32(key), key >> 32n, BigInt(sglangContextHash(context)), BigInt(token)])
}

export function sglangCoin(a: bigint, b: bigint, context: readonly number[]): number {
  return murmur([u32(a), a >> 32n, u32(b), b >> 32n, BigInt(sglangContextHash(context))])
}

/** MT19937 in whole blocks. */
export function mt19937(seed: number): () => number {
  const state = [seed >>> 0]
  for (let i = 1; i < 624; i++) {
    const last = BigInt(state[i - 1]!)
    state.push(Number(u32(1812433253n * (last ^ (last >> 30n)) + BigInt(i))))
  }
  let at = 624
  return () => {
    if (at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = ((state[i]! & 0x80000000) | (state[(i + 1) % 624]! & 0x7fffffff)) >>> 0
        state[i] = (state[(i + 397) % 624]! ^ (y >>> 1) ^ (y % 2 === 1 ? 0x9908b0df : 0)) >>> 0
      }
      at = 0
    }
    let y = state[at++]!
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
}

/** torch.randperm on the CPU. */
export function randperm(seed: number, size: number): number[] {
  const next = mt19937(seed)
  const list = Array.from({ length: size }, (_, i) => i)
  for (let i = 0; i < size - 1; i++) {
    const other = i + (next() % (size - i))
    ;[list[i], list[other]] = [list[other]!, list[i]!]
  }
  return list
}

const fixedTables = new Map<bigint, number[]>()

/** Hugging Face's seed of a sequence: before and after its modulo. */
export function kgwSeed(
  key: bigint,
  sequence: readonly number[],
  seeding: 'lefthash' | 'selfhash',
): { seed: bigint; reduced: bigint } {
  const modulus = 2n ** 64n - 1n
  if (seeding === 'lefthash') {
    const seed = key * BigInt(sequence.at(-1)!)
    return { seed, reduced: mod(seed, modulus) }
  }
  const table = fixedTables.get(key) ?? randperm(Number(u32(key)), 1000003)
  fixedTables.set(key, table)
  const entry = (id: number): bigint => BigInt(table[id % 1000003]! + 1)
  const last = sequence.at(-1)!
  const products = sequence.map((id) => i64(key * entry(id) * entry(last)))
  const seed = leastOf(products)
  return { seed, reduced: mod(seed, modulus) }
}

/** Hugging Face's green list of a sequence, in the order of the permutation. */
export function kgwGreenList(
  key: bigint,
  sequence: readonly number[],
  { vocab, ratio, seeding }: { vocab: number; ratio: number; seeding: 'lefthash' | 'selfhash' },
): number[] {
  const { reduced } = kgwSeed(key, sequence, seeding)
  return randperm(Number(u32(reduced)), vocab).slice(0, Math.floor(vocab * ratio))
}

const A = 6364136223846793005n
const accumulate = (h: bigint, x: bigint): bigint => i64((h + x) * A + 1n)

/** State of each layer after an n-gram, as both variants of SynthID have it: they differ in the start. */
export function synthIdKeys(start: bigint, ngram: readonly number[], keys: readonly bigint[]): bigint[] {
  const state = ngram.reduce((h, token) => accumulate(h, BigInt(token)), start)
  return keys.map((key) => accumulate(state, key))
}

export function hfTable(size: number, seed: bigint): number[] {
  const next = mt19937(Number(u32(seed)))
  return Array.from({ length: size }, () => next() & 1)
}

/** Hugging Face's bits of an n-gram. */
export function hfBits(
  ngram: readonly number[],
  keys: readonly bigint[],
  table: readonly number[],
): number[] {
  return synthIdKeys(1n, ngram, keys).map((k) => table[Number(mod(k, BigInt(table.length)))]!)
}

export function googleIv(keys: readonly bigint[]): bigint {
  const bytes = Buffer.alloc(8 * keys.length)
  for (const [i, key] of keys.entries()) bytes.writeBigInt64LE(key, 8 * i)
  return BigInt(`0x${createHash('sha256').update(bytes).digest('hex')}`) % (2n ** 63n - 1n)
}

/** Google's bits of an n-gram. */
export function googleBits(ngram: readonly number[], keys: readonly bigint[]): number[] {
  return synthIdKeys(googleIv(keys), ngram, keys).map((start) => {
    let k = start
    for (let i = 0; i < 12; i++) k = accumulate(k, 1n) >> 5n
    return Number(mod(k >> 30n, 2n))
  })
}

const PRIMES = [
  10000019n,
  10000247n,
  10000439n,
  10000643n,
  10000747n,
  10000867n,
  10000993n,
  10001213n,
  10001357n,
  10001501n,
]

export function textseal(key: bigint, window: readonly number[], token: number): number {
  const sum = window.reduce((total, id, j) => total + PRIMES[j]! * BigInt(id), 0n)
  let h = i64(i64((sum + 100000007n * BigInt(token) + 500001713n * key) * 15485863n) * 40499n)
  h ^= h >> 13n
  return Number(mod(h, 8191n))
}

export function sbwHashint(x: number): number {
  let i = (x + 1) | 0
  i = (i - (i << 6)) | 0
  i ^= i >> 17
  i = (i - (i << 9)) | 0
  i ^= i << 4
  i = (i - (i << 3)) | 0
  i ^= i << 10
  return i ^ (i >> 15)
}

/** vLLM SBW's seed and word; the oldest token of a selfhash window is not read. */
export function sbw(
  key: bigint,
  context: readonly number[],
  token: number,
  seeding: 'lefthash' | 'selfhash',
): { seed: bigint; word: number } {
  const h = (x: number): bigint => BigInt(sbwHashint(x))
  const read = [...context.slice(1), token]
  const seeds =
    seeding === 'lefthash'
      ? [i64(key * context.reduce((sum, id) => sum + BigInt(id), 0n))]
      : read.map((id) => i64(key * h(id) * h(token)))
  const seed = leastOf(seeds)
  const unsigned = BigInt.asUintN(64, seed)
  const out = philox([BigInt(token) >> 2n, 0n, 0n, 0n], [u32(unsigned), unsigned >> 32n])
  return { seed, word: Number(out[token & 3]!) }
}
