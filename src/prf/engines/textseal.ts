/**
 * TextSeal's hash of window, token and key onto 0..8190 (facebookresearch/textseal, textseal/watermarking/core.py at 046cec45): a sum of
 * multiples, two products and a shift, all of 64-bit integers that wrap, then modulo 8191. Sums and products need all 64 bits.
 */
import type { Context } from '../../context.ts'
import { add, assign, type Int64, int64, multiply } from './words.ts'

/** Different values of the hash. */
export const TEXTSEAL_LEVELS = 8191

const PRIMES = [
  10000019, 10000247, 10000439, 10000643, 10000747, 10000867, 10000993, 10001213, 10001357, 10001501,
].map((prime) => int64(BigInt(prime)))

/** The widest window that has primes. */
export const TEXTSEAL_MAX_WIDTH: number = PRIMES.length

const TOKEN = int64(100000007n)
const KEY = int64(500001713n)
// The two products of the original as one: both wrap.
const PRODUCT = int64(15485863n * 40499n)
const sum = int64(0n)
const part = int64(0n)

/** Hash of (key, window, token). `key`: two words, low first, from `at` on. */
export function textsealHash(key: Uint32Array, context: Context, token: number, at = 0): number {
  part.low = key[at]! | 0
  part.high = key[at + 1]! | 0
  multiply(part, KEY)
  sum.low = part.low
  sum.high = part.high
  addMultiples(context, token)
  multiply(sum, PRODUCT)
  const low = sum.low ^ ((sum.low >>> 13) | (sum.high << 19))
  const high = sum.high ^ (sum.high >> 13)
  // 2^13 is 1 modulo 8191, so 2^32, which is 2^26 times 2^6, counts as 2^6.
  const rest = (high * 64 + (low >>> 0)) % TEXTSEAL_LEVELS
  return rest < 0 ? rest + TEXTSEAL_LEVELS : rest
}

/** What is left of window and token in every key's hash: their part of the sum, as two words. */
export function textsealSum(context: Context, token: number): readonly [number, number] {
  assign(sum, 0)
  addMultiples(context, token)
  return [sum.low, sum.high]
}

function addMultiples(context: Context, token: number): void {
  for (let j = 0; j < context.length; j++) addMultiple(context[j]!, PRIMES[j]!)
  addMultiple(token, TOKEN)
}

function addMultiple(value: number, factor: Readonly<Int64>): void {
  assign(part, value)
  multiply(part, factor)
  add(sum, part)
}
