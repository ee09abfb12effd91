/**
 * The hashes of SynthID-Text: a linear congruential step acc(h, x) = (h + x) A + 1 modulo 2^64 over the tokens of an n-gram, then one more
 * step a layer with the layer's key. Two variants make bits of it: Hugging Face looks them up in a table, Google's reference shifts.
 *
 * Hugging Face's table has a power of two of entries, which divides 2^64. So its index needs the low bits of everything only, and low bits of
 * sums and products depend on low bits alone: 32-bit arithmetic gives the same index. (With 65,536 entries 16 bits decide, and there are no
 * more than 65,536 different n-grams.) Google's variant shifts high bits down and needs all 64.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import type { Context } from '../../context.ts'
import { createMt19937 } from './mt19937.ts'
import { add, assign, type Int64, int64, multiply } from './words.ts'

const A = int64(6364136223846793005n)
const A_LOW = A.low
const ONE: Readonly<Int64> = Object.freeze(int64(1n))

/** Low 32 bits of the state after the tokens of an n-gram. */
export function lowStateOf(context: Context, token: number): number {
  let state = 1
  for (let i = 0; i < context.length; i++) state = (Math.imul(state + context[i]!, A_LOW) + 1) | 0
  return (Math.imul(state + token, A_LOW) + 1) | 0
}

/** Index of a layer's bit in a table of `size` entries, a power of two. `key`: the low word of the layer's key. */
export function tableIndex(state: number, key: number, size: number): number {
  return (Math.imul(state + key, A_LOW) + 1) & (size - 1)
}

/** Hugging Face's table of bits: torch.randint(0, 2) of the CPU generator. */
export function samplingTable({ size, seed }: { size: number; seed: number }): Uint8Array {
  const generator = createMt19937(seed)
  return Uint8Array.from({ length: size }, () => generator.next() & 1)
}

/** `state = acc(state, x)` with all 64 bits. */
export function accumulate(state: Int64, x: Readonly<Int64>): void {
  add(state, x)
  multiply(state, A)
  add(state, ONE)
}

/** The 64-bit state after the tokens of an n-gram, in place, from a start. */
export function accumulateTokens(state: Int64, context: Context, token: number): void {
  for (let i = 0; i < context.length; i++) accumulateToken(state, context[i]!)
  accumulateToken(state, token)
}

const asInt64 = int64(0n)

function accumulateToken(state: Int64, token: number): void {
  assign(asInt64, token)
  accumulate(state, asInt64)
}

/** Google's start: SHA-256 of the keys (64-bit little-endian), as a big-endian integer modulo 2^63 - 1. Once a key, so BigInt may do it. */
export function googleStart(keyBytes: Uint8Array): Int64 {
  let value = 0n
  for (const byte of sha256(keyBytes)) value = (value << 8n) | BigInt(byte)
  return int64(value % (2n ** 63n - 1n))
}

const GOOGLE_STEPS = 12
const layer = int64(0n)

/** Google's bit of a layer from the n-gram's state. */
export function googleBit(state: Readonly<Int64>, key: Readonly<Int64>): number {
  layer.low = state.low
  layer.high = state.high
  accumulate(layer, key)
  for (let i = 0; i < GOOGLE_STEPS; i++) {
    accumulate(layer, ONE)
    layer.low = (layer.low >>> 5) | (layer.high << 27)
    layer.high >>= 5
  }
  return (layer.low >>> 30) & 1
}
