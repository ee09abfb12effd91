/**
 * Seeds and words of vLLM's SBW (pull request 56859, vllm/v1/watermarking/sbw.py at caaac7c2; experimental). Products of a key and two
 * hashes that wrap at 64 bits, compared as signed integers; then one Philox block.
 */
import type { Context } from '../../context.ts'
import { philoxBlock } from './philox.ts'
import { add, assign, type Int64, int64, multiply } from './words.ts'

/** Jenkins's integer hash of id + 1. */
export function sbwHash(id: number): number {
  let i = (id + 1) | 0
  i = (i - (i << 6)) | 0
  i ^= i >> 17
  i = (i - (i << 9)) | 0
  i ^= i << 4
  i = (i - (i << 3)) | 0
  i ^= i << 10
  return i ^ (i >> 15)
}

const product = int64(0n)
const factor = int64(0n)

/** `seed` = the key times the sum of the context's ids. */
export function sbwLefthashSeed(seed: Int64, key: Uint32Array, context: Context): void {
  assign(seed, 0)
  for (let i = 0; i < context.length; i++) {
    assign(factor, context[i]! | 0)
    add(seed, factor)
  }
  factor.low = key[0]! | 0
  factor.high = key[1]! | 0
  multiply(seed, factor)
}

/** `seed` = the least of key times hash(other) times hash(token), others being the token itself and those of the context. */
export function sbwSelfhashSeed(seed: Int64, key: Uint32Array, context: Context, token: number): void {
  const own = sbwHash(token)
  writeProduct(seed, key, own, own)
  for (let i = 0; i < context.length; i++) {
    writeProduct(product, key, own, sbwHash(context[i]! | 0))
    if (isLess(product, seed)) {
      seed.low = product.low
      seed.high = product.high
    }
  }
}

function writeProduct(out: Int64, key: Uint32Array, a: number, b: number): void {
  out.low = key[0]! | 0
  out.high = key[1]! | 0
  assign(factor, a)
  multiply(out, factor)
  assign(factor, b)
  multiply(out, factor)
}

function isLess(a: Readonly<Int64>, b: Readonly<Int64>): boolean {
  return a.high === b.high ? a.low >>> 0 < b.low >>> 0 : a.high < b.high
}

const block = new Uint32Array(4)

/** The word of a token under a seed. */
export function sbwWord(seed: Readonly<Int64>, token: number): number {
  block[0] = token >>> 2
  block[1] = 0
  block[2] = 0
  block[3] = 0
  philoxBlock(block, seed.low, seed.high)
  return block[token & 3]!
}
