/**
 * MT19937 (Matsumoto and Nishimura 1998) and the random permutations that PyTorch's CPU generator makes of it: seeded with the low 32
 * bits of the seed; position i is swapped with position i + next mod (N - i), for i = 0, 1, ... (torch.randperm, executed with 2.13.0). CUDA
 * generators of PyTorch are another stream.
 */

const SIZE = 624
const SHIFT = 397

/** A stream of unsigned 32-bit words. */
export interface Mt19937 {
  next(): number
}

/** Makes a generator. Words are twisted one at a time, as they are asked for. */
export function createMt19937(seed: number): Mt19937 {
  const state = new Int32Array(SIZE)
  return restartable(state, seed)
}

function restartable(state: Int32Array, seed: number): Mt19937 {
  state[0] = seed
  for (let i = 1; i < SIZE; i++) {
    const last = state[i - 1]!
    state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i
  }
  let at = 0
  return {
    next() {
      const i = at
      const after = i + 1 === SIZE ? 0 : i + 1
      const mixed = (state[i]! & 0x80000000) | (state[after]! & 0x7fffffff)
      let word = state[i + SHIFT < SIZE ? i + SHIFT : i + SHIFT - SIZE]! ^ (mixed >>> 1)
      if ((mixed & 1) !== 0) word ^= 0x9908b0df
      state[i] = word
      at = after
      word ^= word >>> 11
      word ^= (word << 7) & 0x9d2c5680
      word ^= (word << 15) & 0xefc60000
      return (word ^ (word >>> 18)) >>> 0
    },
  }
}

const scratch = new Int32Array(SIZE)

/**
 * True if a token is among the first `prefix` entries of a random permutation of 0..size - 1. It follows one token through the swaps and
 * keeps no list: a token that has come to the front of what is left stays there.
 */
export function isInPrefix(
  seed: number,
  { size, prefix, token }: { size: number; prefix: number; token: number },
): boolean {
  const generator = restartable(scratch, seed)
  let place = token
  // The last entry has nothing to be swapped with.
  const steps = Math.min(prefix, size - 1)
  for (let i = 0; i < steps; i++) {
    const other = i + (generator.next() % (size - i))
    if (other === place) return true
    if (place === i) place = other
  }
  return place < prefix
}

/** Entries of a random permutation of 0..size - 1 from the front, computed as far as they are asked for. */
export function createPermutation(seed: number, { size }: { size: number }): (index: number) => number {
  const generator = createMt19937(seed)
  const entries = new Int32Array(size)
  for (let i = 0; i < size; i++) entries[i] = i
  let settled = 0
  return (index) => {
    for (; settled <= index && settled < size - 1; settled++) {
      const other = settled + (generator.next() % (size - settled))
      const entry = entries[settled]!
      entries[settled] = entries[other]!
      entries[other] = entry
    }
    return entries[index]!
  }
}

/** The first `prefix` entries of a random permutation of 0..size - 1. */
export function permutationPrefix(
  seed: number,
  { size, prefix }: { size: number; prefix: number },
): Uint32Array {
  const entryAt = createPermutation(seed, { size })
  return Uint32Array.from({ length: prefix }, (_, i) => entryAt(i))
}
