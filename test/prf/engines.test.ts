/** The hashes of other engines: the fast code against the slow one (test/support/engine-reference.ts) on drawn arguments, and what tricks rest on. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lefthashSeed, lowWord, modulo, selfhashProduct, selfhashTable } from '../../src/prf/engines/kgw.ts'
import { createMt19937, isInPrefix, permutationPrefix } from '../../src/prf/engines/mt19937.ts'
import { murmurCoin, murmurHash, murmurToken } from '../../src/prf/engines/murmur.ts'
import { createPhiloxWords, uniformOfMantissa } from '../../src/prf/engines/philox.ts'
import { sbwLefthashSeed, sbwSelfhashSeed, sbwWord } from '../../src/prf/engines/sbw.ts'
import {
  accumulateTokens,
  googleBit,
  googleStart,
  lowStateOf,
  samplingTable,
  tableIndex,
} from '../../src/prf/engines/synthid.ts'
import { textsealHash } from '../../src/prf/engines/textseal.ts'
import { add, assign, int64, multiply, multiplyHigh } from '../../src/prf/engines/words.ts'
import * as reference from '../support/engine-reference.ts'

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const any64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const id = fc.oneof(fc.nat(151_935), fc.nat(2 ** 31 - 1))
const idsOf = (least: number, most: number): fc.Arbitrary<number[]> =>
  fc.array(id, { minLength: least, maxLength: most })
const runs = (seed: number, numRuns = 500): { seed: number; numRuns: number } => ({ seed, numRuns })

function words(...values: bigint[]): Uint32Array {
  return Uint32Array.from(values.flatMap((value) => [int64(value).low, int64(value).high]))
}

describe('64-bit integers in halves', () => {
  const bigintOf = (x: { low: number; high: number }): bigint => (BigInt(x.high) << 32n) | BigInt(x.low >>> 0)

  test('sums, products and starts are those of BigInt', () => {
    fc.assert(
      fc.property(any64, any64, (a, b) => {
        const [sum, product] = [int64(a), int64(a)]
        add(sum, int64(b))
        multiply(product, int64(b))
        expect(bigintOf(sum)).toBe(BigInt.asIntN(64, a + b))
        expect(bigintOf(product)).toBe(BigInt.asIntN(64, a * b))
      }),
      runs(1, 2000),
    )
  })

  test('an integer of up to 53 bits, of either sign', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const x = int64(0n)
        assign(x, value)
        expect(bigintOf(x)).toBe(BigInt(value))
      }),
      runs(2),
    )
  })

  test.each([0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff])(
    'high half of %d times others',
    (a) => {
      for (const b of [0, 1, 0xffff, 0x10000, 0x80000000, 0xffffffff, 0xd2511f53])
        expect(multiplyHigh(a, b) >>> 0).toBe(Number((BigInt(a) * BigInt(b)) >> 32n))
    },
  )
})

describe('fast and slow agree', () => {
  test('Philox words, one function for all, so that what it remembers cannot mislead it', () => {
    const word = createPhiloxWords()
    const keys = new Map<bigint, Uint32Array>()
    fc.assert(
      fc.property(
        fc.oneof(uint64, fc.constantFrom(7n, 42n)),
        fc.array(fc.oneof(fc.constant(-1), fc.nat(3), id), { minLength: 1, maxLength: 9 }),
        fc.oneof(fc.nat(9), id),
        (key, context, token) => {
          const own = keys.get(key) ?? words(key)
          keys.set(key, own)
          for (const t of [token, token ^ 1, token ^ 4])
            expect(word(own, context, t)).toBe(reference.vllmWord(key, context, t))
        },
      ),
      runs(3),
    )
  })

  test('Murmur hashes', () => {
    fc.assert(
      fc.property(uint64, uint64, idsOf(1, 64), id, (a, b, context, token) => {
        const hash = murmurHash(context)
        expect(hash).toBe(reference.sglangContextHash(context))
        expect(murmurToken(words(a), hash, token)).toBe(reference.sglangTokenHash(a, context, token))
        expect(murmurCoin(words(a, b), hash)).toBe(reference.sglangCoin(a, b, context))
      }),
      runs(4),
    )
  })

  test('TextSeal', () => {
    fc.assert(
      fc.property(any64, idsOf(1, 10), id, (key, window, token) => {
        expect(textsealHash(words(key), window, token)).toBe(reference.textseal(key, window, token))
        expect(textsealHash(words(1n, key), window, token, 2)).toBe(reference.textseal(key, window, token))
      }),
      runs(5),
    )
  })

  test('SBW', () => {
    const seed = int64(0n)
    fc.assert(
      fc.property(any64, idsOf(1, 8), id, (key, context, token) => {
        sbwLefthashSeed(seed, words(key), context)
        expect(sbwWord(seed, token)).toBe(reference.sbw(key, context, token, 'lefthash').word)
        sbwSelfhashSeed(seed, words(key), context.slice(1), token)
        expect(sbwWord(seed, token)).toBe(reference.sbw(key, context, token, 'selfhash').word)
      }),
      runs(6),
    )
  })

  test("bits of Google's SynthID", () => {
    fc.assert(
      fc.property(fc.array(any64, { minLength: 1, maxLength: 6 }), idsOf(2, 17), (keys, ngram) => {
        const state = googleStart(new Uint8Array(words(...keys).buffer))
        accumulateTokens(state, ngram.slice(0, -1), ngram.at(-1)!)
        expect(keys.map((key) => googleBit(state, int64(key)))).toEqual(reference.googleBits(ngram, keys))
      }),
      runs(7),
    )
  })

  test('seeds of green lists', () => {
    fc.assert(
      fc.property(uint64, idsOf(1, 4), (key, sequence) => {
        expect(lefthashSeed(key, sequence)).toBe(reference.kgwSeed(key, sequence, 'lefthash').reduced)
      }),
      runs(8),
    )
    const entryAt = selfhashTable(77n)
    fc.assert(
      fc.property(idsOf(1, 5), (sequence) => {
        const own = { context: sequence.slice(0, -1), token: sequence.at(-1)!, entryAt }
        const expected = reference.kgwSeed(77n, sequence, 'selfhash')
        expect(modulo(selfhashProduct(77n, own))).toBe(expected.reduced)
      }),
      runs(9, 100),
    )
  })
})

describe('MT19937', () => {
  test('the ten thousandth word of the default seed is the one that the C++ standard states', () => {
    const generator = createMt19937(5489)
    let word = 0
    for (let i = 0; i < 10_000; i++) word = generator.next()
    expect(word).toBe(4123659995)
  })

  test('words are those of the generator in whole blocks', () => {
    const [fast, slow] = [createMt19937(2 ** 32 - 1), reference.mt19937(2 ** 32 - 1)]
    for (let i = 0; i < 2000; i++) expect(fast.next()).toBe(slow())
  })

  test('the table of SynthID has its digest', () => {
    const digest = createHash('sha256')
      .update(samplingTable({ size: 65536, seed: 0 }))
      .digest('hex')
    expect(digest).toBe('a3e9e18ea34546849c5136cf9b06c7bfd03e50e601da14af47cd926f9e623a85')
  })

  test('following one token through a permutation finds what the list has', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.integer({ min: 2, max: 300 }), fc.nat(300), (seed, size, cut) => {
        const prefix = Math.min(size, cut)
        const list = reference.randperm(seed, size).slice(0, prefix)
        expect([...permutationPrefix(seed, { size, prefix })]).toEqual(list)
        for (let token = 0; token < size; token++)
          expect(isInPrefix(seed, { size, prefix, token })).toBe(list.includes(token))
      }),
      runs(10, 60),
    )
  })
})

describe('what the short cuts rest on', () => {
  test("16 bits of everything give SynthID's places in a table of 65,536, and 64 bits the same", () => {
    const table = reference.hfTable(65536, 0n)
    const low = (x: bigint): number => Number(BigInt.asUintN(16, x))
    fc.assert(
      fc.property(fc.array(any64, { minLength: 1, maxLength: 30 }), idsOf(2, 9), (keys, ngram) => {
        // All of it modulo 65,536, with the multiplier's low 16 bits.
        const state = ngram.reduce((h, token) => ((h + (token & 0xffff)) * 32557 + 1) & 0xffff, 1)
        const bits = keys.map((key) => table[((state + low(key)) * 32557 + 1) & 0xffff])
        expect(bits).toEqual(reference.hfBits(ngram, keys, table))
        const word = lowStateOf(ngram.slice(0, -1), ngram.at(-1)!)
        expect(word & 0xffff).toBe(state)
        expect(keys.map((key) => table[tableIndex(word, int64(key).low, 65536)])).toEqual(bits)
      }),
      runs(11),
    )
  })

  test('other powers of two too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 14 }), any64, idsOf(2, 6), (bits, key, ngram) => {
        const size = 2 ** bits
        const places = Array.from({ length: size }, (_, i) => i)
        const word = lowStateOf(ngram.slice(0, -1), ngram.at(-1)!)
        expect(tableIndex(word, int64(key).low, size)).toBe(reference.hfBits(ngram, [key], places)[0])
      }),
      runs(12, 100),
    )
  })

  test('ids that differ by 65,536 are one token, and lowWord is what the generator takes', () => {
    expect(lowStateOf([1, 2], 3) & 0xffff).toBe(lowStateOf([1 + 65536, 2], 3 + 2 * 65536) & 0xffff)
    expect(lowWord(2n ** 32n + 5n)).toBe(5)
  })

  test("all 2^24 uniform numbers of vLLM are its kernel's: the float32 below (m + 1) / 2^24, within (0, 1)", () => {
    const one = new Float32Array(1)
    const bits = new Uint32Array(one.buffer)
    let wrong = 0
    for (let m = 0; m < 2 ** 24; m++) {
      one[0] = (m + 1) / 2 ** 24
      // The float before a positive one.
      bits[0]!--
      if (uniformOfMantissa(m) !== one[0]) wrong++
    }
    expect(wrong).toBe(0)
    expect(uniformOfMantissa(0)).toBeGreaterThan(0)
    expect(uniformOfMantissa(2 ** 24 - 1)).toBeLessThan(1)
  })
})
