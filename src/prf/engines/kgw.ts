/**
 * Green lists of Hugging Face transformers (WatermarkingConfig, CPU generator, executed with 5.18.0): a seed from the key and one token or
 * several, and the first entries of the random permutation under that seed.
 *
 * Seeds are taken modulo 2^64 - 1, of products of Python integers (lefthash) or of integers that wrap (selfhash). Both are computed once for a
 * context or a candidate, beside a permutation that takes a hundred times as long, so BigInt does it.
 */
import type { Context } from '../../context.ts'
import { createPermutation } from './mt19937.ts'

const MODULUS = 2n ** 64n - 1n
const TABLE_SIZE = 1000003

/** The part of a seed that the generator takes. */
export function lowWord(seed: bigint): number {
  return Number(seed & 0xffffffffn)
}

/** Seed of the list after a token: the key times the last token. */
export function lefthashSeed(key: bigint, context: Context): bigint {
  return modulo(key * BigInt(context[context.length - 1]!))
}

/** The seed of a candidate, before it is taken modulo 2^64 - 1. */
export function selfhashProduct(
  key: bigint,
  { context, token, entryAt }: { context: Context; token: number; entryAt: (index: number) => number },
): bigint {
  const own = entryAt(token % TABLE_SIZE) + 1
  // The product is monotone in the other factor until it wraps, which is why all of them are looked at.
  let least = BigInt.asIntN(64, key * BigInt(own) * BigInt(own))
  for (let i = 0; i < context.length; i++) {
    const other = BigInt.asIntN(64, key * BigInt(entryAt(context[i]! % TABLE_SIZE) + 1) * BigInt(own))
    if (other < least) least = other
  }
  return least
}

/** As Python's modulo: never negative. */
export function modulo(seed: bigint): bigint {
  const rest = seed % MODULUS
  return rest < 0n ? rest + MODULUS : rest
}

/** The fixed table of a key, as far as it is asked for. */
export function selfhashTable(key: bigint): (index: number) => number {
  return createPermutation(lowWord(key), { size: TABLE_SIZE })
}
