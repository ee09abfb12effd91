/**
 * Philox4x32-10 (Salmon et al. 2011, Random123) as vLLM chains it into a hash of key, context and token, version
 * `philox4x32-10-v1` (vllm/v1/watermarking/prfs/philox.py at 373305d6). Not a cipher: whoever knows enough words may find the key.
 */
import type { Context } from '../../context.ts'
import { multiplyHigh } from './words.ts'

/** A hash of (key, context, token): an unsigned 32-bit word. `key` holds two words, low first; a context's padding is -1. */
export type WordFunction = (key: Uint32Array, context: Context, token: number) => number

const ROUNDS = 10

/** One block, in place: `block` holds the four words of the counter. */
export function philoxBlock(block: Uint32Array, key0: number, key1: number): void {
  let c0 = block[0]! | 0
  let c1 = block[1]! | 0
  let c2 = block[2]! | 0
  let c3 = block[3]! | 0
  let k0 = key0 | 0
  let k1 = key1 | 0
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0)
    const high2 = multiplyHigh(0xcd9e8d57, c2)
    const low0 = Math.imul(0xd2511f53, c0)
    const low2 = Math.imul(0xcd9e8d57, c2)
    c0 = high2 ^ c1 ^ k0
    c1 = low2
    c2 = high0 ^ c3 ^ k1
    c3 = low0
    k0 = (k0 + 0x9e3779b9) | 0
    k1 = (k1 + 0xbb67ae85) | 0
  }
  block[0] = c0
  block[1] = c1
  block[2] = c2
  block[3] = c3
}

/**
 * Makes the word function. It remembers the state of the last key and context and the last block of four tokens, so that going through
 * tokens in order costs a quarter of a block each; results do not depend on the order.
 * @param stream two words, low first; the mark uses stream 0.
 */
export function createPhiloxWords({
  stream = [0, 0],
}: {
  stream?: readonly [number, number]
} = {}): WordFunction {
  const state = new Uint32Array(4)
  const block = new Uint32Array(4)
  let lastKey: Uint32Array | undefined
  let lastContext = new Uint32Array(0)
  let lastQuad = -1
  return (key, context, token) => {
    if (key !== lastKey || !isSame(context, lastContext)) {
      if (context.length !== lastContext.length) lastContext = new Uint32Array(context.length)
      for (let i = 0; i < context.length; i++) lastContext[i] = context[i]!
      contextState(state, key, lastContext)
      lastKey = key
      lastQuad = -1
    }
    const quad = token >>> 2
    if (quad !== lastQuad) {
      block[0] = quad
      block[1] = state[0]!
      block[2] = state[1]!
      block[3] = state[2]!
      philoxBlock(block, key[0]! ^ state[3]! ^ stream[1], key[1]! ^ 0x574d544b ^ stream[0])
      lastQuad = quad
    }
    return block[token & 3]!
  }
}

function contextState(state: Uint32Array, key: Uint32Array, context: Uint32Array): void {
  const width = context.length
  state[0] = 0x574d4358
  state[1] = width
  state[2] = 0
  state[3] = 0
  for (let offset = 0; offset < width; offset += 4) {
    for (let i = 0; i < 4; i++) state[i]! ^= offset + i < width ? context[offset + i]! : 0xffffffff - i
    philoxBlock(state, key[0]! ^ offset, key[1]!)
  }
}

function isSame(context: Context, known: Uint32Array): boolean {
  if (context.length !== known.length) return false
  for (let i = 0; i < known.length; i++) if (context[i]! >>> 0 !== known[i]!) return false
  return true
}

/** The 24 bits of a word that make the uniform number. */
export function mantissaOf(word: number): number {
  return word >>> 8
}

/** vLLM's uniform number of a mantissa, a float32 within (0, 1). */
export function uniformOfMantissa(mantissa: number): number {
  return Math.fround((mantissa + 1) / 16777217)
}
