/**
 * Hashes of other engines, four pairs at a time: Philox4x32-10 as vLLM chains it (src/prf/engines/philox.ts) and MurmurHash3 as SGLang uses it
 * (src/prf/engines/murmur.ts). A pair is `width` words of context and a token. `count` is rounded up to a multiple of four: pairs beyond it must be readable, and their words
 * writable.
 */

// @ts-ignore: decorator
@inline
function multiply(a: v128, b: v128, high: bool): v128 {
  const low2 = i64x2.extmul_low_i32x4_u(a, b)
  const high2 = i64x2.extmul_high_i32x4_u(a, b)
  return high
    ? i8x16.shuffle(low2, high2, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
    : i8x16.shuffle(low2, high2, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
}

/** Word `offset` bytes from the start of four neighbours. */
// @ts-ignore: decorator
@inline
function gather(pairs: usize, stride: usize): v128 {
  let words = v128.load32_zero(pairs)
  words = i32x4.replace_lane(words, 1, load<i32>(pairs + stride))
  words = i32x4.replace_lane(words, 2, load<i32>(pairs + 2 * stride))
  return i32x4.replace_lane(words, 3, load<i32>(pairs + 3 * stride))
}

/** Ten rounds of four counters, the four vectors at `state`, in place. */
function philox(state: usize, key0: v128, key1: v128): void {
  let x0 = v128.load(state)
  let x1 = v128.load(state, 16)
  let x2 = v128.load(state, 32)
  let x3 = v128.load(state, 48)
  const m0 = i32x4.splat(0xd2511f53)
  const m2 = i32x4.splat(0xcd9e8d57)
  for (let round = 0; round < 10; round++) {
    const high0 = multiply(m0, x0, true)
    const low0 = multiply(m0, x0, false)
    const high2 = multiply(m2, x2, true)
    const low2 = multiply(m2, x2, false)
    x0 = v128.xor(v128.xor(high2, x1), key0)
    x1 = low2
    x2 = v128.xor(v128.xor(high0, x3), key1)
    x3 = low0
    key0 = i32x4.add(key0, i32x4.splat(0x9e3779b9))
    key1 = i32x4.add(key1, i32x4.splat(0xbb67ae85))
  }
  v128.store(state, x0)
  v128.store(state, x1, 16)
  v128.store(state, x2, 32)
  v128.store(state, x3, 48)
}

// @ts-ignore: decorator
@inline
function absorb(state: usize, words: v128): void {
  v128.store(state, v128.xor(v128.load(state), words))
}

/** The word of each pair, shifted right. `key`: two words, low first. */
export function philoxFields(
  out: usize,
  pairs: usize,
  count: u32,
  width: u32,
  key: usize,
  shift: u32,
  state: usize,
): void {
  const stride = (<usize>width + 1) << 2
  const key0 = v128.load32_splat(key)
  const key1 = v128.load32_splat(key, 4)
  for (let i: u32 = 0; i < count; i += 4) {
    v128.store(state, i32x4.splat(0x574d4358))
    v128.store(state, i32x4.splat(width), 16)
    v128.store(state, i32x4.splat(0), 32)
    v128.store(state, i32x4.splat(0), 48)
    for (let offset: u32 = 0; offset < width; offset += 4) {
      for (let j: u32 = 0; j < 4; j++) {
        const at = offset + j
        absorb(state + (j << 4), at < width ? gather(pairs + (<usize>at << 2), stride) : i32x4.splat(-1 - j))
      }
      philox(state, v128.xor(key0, i32x4.splat(offset)), key1)
    }
    const tokens = gather(pairs + (<usize>width << 2), stride)
    const k0 = v128.xor(key0, v128.load(state, 48))
    const k1 = v128.xor(key1, i32x4.splat(0x574d544b))
    v128.store(state, v128.load(state, 32), 48)
    v128.store(state, v128.load(state, 16), 32)
    v128.store(state, v128.load(state), 16)
    v128.store(state, i32x4.shr_u(tokens, 2))
    philox(state, k0, k1)
    // Which of the four words is the token's.
    const place = v128.and(tokens, i32x4.splat(3))
    let word = v128.bitselect(v128.load(state, 16), v128.load(state), i32x4.eq(place, i32x4.splat(1)))
    word = v128.bitselect(v128.load(state, 32), word, i32x4.eq(place, i32x4.splat(2)))
    word = v128.bitselect(v128.load(state, 48), word, i32x4.eq(place, i32x4.splat(3)))
    v128.store(out, i32x4.shr_u(word, shift))
    out += 16
    pairs += 4 * stride
  }
}

// @ts-ignore: decorator
@inline
function mix(state: v128, word: v128): v128 {
  const product = i32x4.mul(word, i32x4.splat(0xcc9e2d51))
  const scrambled = i32x4.mul(v128.or(i32x4.shl(product, 15), i32x4.shr_u(product, 17)), i32x4.splat(0x1b873593))
  const mixed = v128.xor(state, scrambled)
  const rotated = v128.or(i32x4.shl(mixed, 13), i32x4.shr_u(mixed, 19))
  return i32x4.add(i32x4.mul(rotated, i32x4.splat(5)), i32x4.splat(0xe6546b64))
}

// @ts-ignore: decorator
@inline
function finish(state: v128, bytes: v128): v128 {
  let hash = v128.xor(state, bytes)
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 16)), i32x4.splat(0x85ebca6b))
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 13)), i32x4.splat(0xc2b2ae35))
  return v128.xor(hash, i32x4.shr_u(hash, 16))
}

/**
 * The hash of each pair. `key`: two words, low first; with two keys four, and the coin of a context below `threshold` says that the first is used. Ids of 0xffffffff are
 * not there. `threshold` is 2^32 for one key.
 */
export function murmurFields(out: usize, pairs: usize, count: u32, width: u32, key: usize, threshold: f64): void {
  const stride = (<usize>width + 1) << 2
  const none = i32x4.splat(-1)
  const zero = i32x4.splat(0)
  const first = mix(mix(zero, v128.load32_splat(key)), v128.load32_splat(key, 4))
  const hasTwo = threshold < 4294967296
  const second = hasTwo ? mix(mix(zero, v128.load32_splat(key, 8)), v128.load32_splat(key, 12)) : zero
  const both = hasTwo ? mix(mix(first, v128.load32_splat(key, 8)), v128.load32_splat(key, 12)) : zero
  const limit = i32x4.splat(hasTwo ? <u32>threshold : 0)
  for (let i: u32 = 0; i < count; i += 4) {
    let hash = zero
    let bytes = zero
    for (let at: usize = 0; at < (<usize>width << 2); at += 4) {
      const word = gather(pairs + at, stride)
      const isThere = i32x4.ne(word, none)
      hash = v128.bitselect(mix(hash, word), hash, isThere)
      bytes = i32x4.add(bytes, v128.and(isThere, i32x4.splat(4)))
    }
    hash = finish(hash, bytes)
    let state = first
    if (hasTwo) {
      const coin = finish(mix(both, hash), i32x4.splat(20))
      state = v128.bitselect(first, second, i32x4.lt_u(coin, limit))
    }
    const tokens = gather(pairs + (<usize>width << 2), stride)
    v128.store(out, finish(mix(mix(state, hash), tokens), i32x4.splat(16)))
    out += 16
    pairs += 4 * stride
  }
}
