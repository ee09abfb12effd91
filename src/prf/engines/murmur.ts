/**
 * MurmurHash3 x86-32 over words, as SGLang hashes contexts, tokens and coins (python/sglang/srt/sampling/watermarking/detector.py at
 * 519697e3): seed 0, little-endian words, the length in bytes mixed in at the end.
 */

/** What a word is exclusive-ored into the state as: a permutation of words that no key takes part in. */
export function murmurScramble(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51)
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593)
}

/** One word into the state. */
export function murmurMix(state: number, word: number): number {
  let mixed = state ^ murmurScramble(word)
  mixed = (mixed << 13) | (mixed >>> 19)
  return (Math.imul(mixed, 5) + 0xe6546b64) | 0
}

/** The hash of a state that `count` words were mixed into. */
export function murmurFinish(state: number, count: number): number {
  let hash = state ^ (4 * count)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The hash of a list of words. */
export function murmurHash(words: ArrayLike<number>): number {
  let state = 0
  for (let i = 0; i < words.length; i++) state = murmurMix(state, words[i]!)
  return murmurFinish(state, words.length)
}

/** Hash of a token. `key` holds two words, low first. */
export function murmurToken(key: Uint32Array, contextHash: number, token: number): number {
  return murmurFinish(murmurMix(murmurMix(murmurMix(murmurMix(0, key[0]!), key[1]!), contextHash), token), 4)
}

// Rotated to the highest bit, which a product with 5 leaves alone and carries nowhere.
const PASSING_BIT = 1 << 18

/**
 * What decides the hash of a token under every key: two words. The key makes a state s, which the hash of the window and then the token change:
 * rotate(s ^ f(window), 13) 5 + c, then ^ f(token), all of which can be undone. So two pairs have one hash under every key if the f(window)
 * agree and the f(token) do, or if both differ in the one bit that goes through rotation and product as a difference whatever s is.
 */
export function murmurTokenClass(contextHash: number, token: number): readonly [number, number] {
  const first = murmurScramble(contextHash)
  const passes = first & PASSING_BIT
  return [first & ~PASSING_BIT, murmurScramble(token) ^ (passes << 13)]
}

/** The coin of a context under two keys: key A is used where it is below a threshold. */
export function murmurCoin(keys: Uint32Array, contextHash: number): number {
  let state = 0
  for (let i = 0; i < 4; i++) state = murmurMix(state, keys[i]!)
  return murmurFinish(murmurMix(state, contextHash), 5)
}
