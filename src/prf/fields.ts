/**
 * The PRF of wire format `dyetrace/1`: (key, context, token, lane) -> field number, by ChaCha8 with the context as nonce and
 * the token's block as counter (docs/wire-format.md, "field"). Marking a row and scoring one token go through the same
 * function; there is no second path that could disagree. Scores never look at text, logits or tokenizer.
 */
import type { Context } from '../context.ts'
import { type MarkKey, markKeyWords, routeKeyWords } from '../keys/mark-key.ts'
import { chacha8Block } from './chacha8.ts'

/** How field numbers are cut from a block; 512 must be a multiple of bits * lanes. */
export interface FieldFormat {
  readonly contextWidth: number
  readonly bits: 1 | 8 | 32
  readonly lanes: number
}

/** Field number of (key, context, token, lane): an integer of `bits` bits. */
export type FieldFunction = (key: MarkKey, context: Context, token: number, lane: number) => number

export const BLOCK_BITS = 512

/**
 * Makes the field function of a format. It remembers the last block, so going through tokens in order (a whole row while
 * marking, sorted pairs while scoring) computes each block once; results do not depend on the order.
 */
export function createFieldFunction({ contextWidth, bits, lanes }: FieldFormat): FieldFunction {
  const tokensPerBlock = BLOCK_BITS / (bits * lanes)
  const mask = 2 ** bits - 1
  const block = new Uint32Array(16)
  const nonce = new Uint32Array(3)
  const next = new Uint32Array(3)
  let lastKey: MarkKey | undefined
  let lastCounter = -1
  return (key, context, token, lane) => {
    const counter = Math.floor(token / tokensPerBlock)
    writeNonce(next, context, contextWidth)
    if (
      key !== lastKey ||
      counter !== lastCounter ||
      next[0] !== nonce[0] ||
      next[1] !== nonce[1] ||
      next[2] !== nonce[2]
    ) {
      // Before anything is remembered: it throws for what is not a key, and the block would still be the former one's.
      const words = markKeyWords(key)
      nonce.set(next)
      chacha8Block(block, { key: words, counter, nonce })
      lastKey = key
      lastCounter = counter
    }
    const offset = ((token % tokensPerBlock) * lanes + lane) * bits
    return ((block[offset >>> 5]! >>> (offset & 31)) & mask) >>> 0
  }
}

/** The blocks of one key and context that `tokens` tokens from 0 on take their fields from, 16 words each: a whole row at once. */
export function rowWords(
  key: MarkKey,
  context: Context,
  { contextWidth, bits, lanes, tokens }: FieldFormat & { readonly tokens: number },
): Uint32Array {
  const blocks = Math.ceil((tokens * bits * lanes) / BLOCK_BITS)
  const words = new Uint32Array(16 * blocks)
  const nonce = nonceOf(context, contextWidth)
  const block = new Uint32Array(16)
  for (let counter = 0; counter < blocks; counter++) {
    chacha8Block(block, { key: markKeyWords(key), counter, nonce })
    words.set(block, 16 * counter)
  }
  return words
}

/**
 * True if a context belongs to the layer of `key`: the low 16 bits of block 0 under the route key fall into the layer's range.
 * Every context belongs to exactly one role, so layers do not dilute each other and each has its own exact null.
 */
export function inLayer(key: MarkKey, context: Context): boolean {
  const route = routeKeyWords(key)
  if (!route) return true
  const value = routeValue(route, context)
  return value >= key.range.from && value < key.range.to
}

/** Route value of a context, 0..65535. */
export function routeValue(route: Uint32Array, context: Context): number {
  const nonce = nonceOf(context, context.length)
  const block = new Uint32Array(16)
  chacha8Block(block, { key: route, counter: 0, nonce })
  return block[0]! & 0xffff
}

/** The nonce of a context, 3 words. */
export function nonceOf(context: Context, contextWidth: number): Uint32Array {
  const nonce = new Uint32Array(3)
  writeNonce(nonce, context, contextWidth)
  return nonce
}

/**
 * Widths 0..3: one id a word. Width 4: 24-bit ids, the newest one split over the high bytes of the other three.
 * @param at where the context begins in a longer list.
 */
export function writeNonce(nonce: Uint32Array, ids: Context, contextWidth: number, at = 0): void {
  let n0 = contextWidth > 0 ? ids[at]! : 0
  let n1 = contextWidth > 1 ? ids[at + 1]! : 0
  let n2 = contextWidth > 2 ? ids[at + 2]! : 0
  if (contextWidth === 4) {
    const newest = ids[at + 3]!
    n0 |= newest << 24
    n1 |= (newest >>> 8) << 24
    n2 |= (newest >>> 16) << 24
  }
  // Written out: quicker than a loop over the three words.
  nonce[0] = n0
  nonce[1] = n1
  nonce[2] = n2
}
