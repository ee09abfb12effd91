/**
 * The hashes of other engines against the values in the vector files, each of which names its source: the code under src/prf/engines and
 * the slow reference of the tests alike. What engines make of their hashes (sums, p-values) is in engine-detectors.test.ts.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { lefthashSeed, modulo, selfhashProduct, selfhashTable } from '../../src/prf/engines/kgw.ts'
import { createPermutation, isInPrefix, permutationPrefix } from '../../src/prf/engines/mt19937.ts'
import { murmurCoin, murmurHash, murmurToken } from '../../src/prf/engines/murmur.ts'
import { createPhiloxWords, mantissaOf, uniformOfMantissa } from '../../src/prf/engines/philox.ts'
import { sbwHash, sbwLefthashSeed, sbwSelfhashSeed, sbwWord } from '../../src/prf/engines/sbw.ts'
import {
  accumulate,
  accumulateTokens,
  googleBit,
  googleStart,
  lowStateOf,
  samplingTable,
  tableIndex,
} from '../../src/prf/engines/synthid.ts'
import { textsealHash } from '../../src/prf/engines/textseal.ts'
import { type Int64, int64 } from '../../src/prf/engines/words.ts'
import { vllmSubKey } from '../../src/schemes/engines/vllm-gumbel.ts'
import * as reference from '../support/engine-reference.ts'
import { playRound } from '../support/tournament-rounds.ts'
import { readVectors } from './read-vectors.ts'

// biome-ignore lint/suspicious/noExplicitAny: each file has a shape of its own
type Row = any

function files(start: string): Row[] {
  const found = readVectors().filter(({ kind }) => kind.startsWith(start))
  test(`there is a file of "${start}"`, () => {
    expect(found.length).toBeGreaterThan(0)
  })
  return found
}

function words(...values: bigint[]): Uint32Array {
  return Uint32Array.from(values.flatMap((value) => [int64(value).low, int64(value).high]))
}

function bigintOf({ low, high }: Int64): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0)
}

function float32Hex(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return bytes.toString('hex')
}

describe('vLLM gumbel', () => {
  for (const { path, content } of files('vLLM gumbel / philox4x32-10-v1')) {
    test.each(content.prf as Row[])(
      `${path}: key $key, context $context, token $token, stream $stream`,
      (row) => {
        const stream = int64(BigInt(row.stream))
        const word = createPhiloxWords({ stream: [stream.low, stream.high] })
        expect(word(words(BigInt(row.key)), row.context, row.token)).toBe(row.word)
        expect(reference.vllmWord(BigInt(row.key), row.context, row.token, BigInt(row.stream))).toBe(row.word)
        const u = uniformOfMantissa(mantissaOf(row.word))
        expect(u).toBe(reference.vllmUniform(row.word))
        expect([u, float32Hex(u)]).toEqual([row.u, row.u_float32_hex])
        expect(-Math.log1p(-u)).toBeCloseTo(row.score, 14)
      },
    )
  }
  for (const { path, content } of files('vLLM derive_watermark_key')) {
    test.each(content.cases as Row[])(`${path}: key $key`, (row) => {
      for (const domain of ['key_a', 'key_b'] as const) {
        const [low, high] = vllmSubKey(words(BigInt(row.key)), domain)
        expect(String((BigInt(high!) << 32n) | BigInt(low!))).toBe(row[domain])
        expect(String(reference.vllmDerivedKey(BigInt(row.key), domain))).toBe(row[domain])
      }
    })
  }
})

describe('vLLM SBW', () => {
  for (const { path, content } of files('vLLM SBW')) {
    test.each(content.hashint as Row[])(`${path}: hash of $x`, ({ x, h }) => {
      expect([sbwHash(x), reference.sbwHashint(x)]).toEqual([h, h])
    })
    test.each(content.cases as Row[])(`${path}: $scheme, key $key, context $context, token $token`, (row) => {
      const seed = int64(0n)
      const key = words(BigInt(row.key))
      if (row.scheme === 'lefthash') sbwLefthashSeed(seed, key, row.context)
      else sbwSelfhashSeed(seed, key, row.context.slice(1), row.token)
      const word = sbwWord(seed, row.token)
      expect([String(bigintOf(seed)), word | 0, word & 0x7fffffff]).toEqual([
        row.seed_int64,
        row.word_int32,
        row.masked31,
      ])
      expect(reference.sbw(BigInt(row.key), row.context, row.token, row.scheme)).toEqual({
        seed: bigintOf(seed),
        word,
      })
      expect(row.masked31 < Math.floor(0.5 * 2147483647)).toBe(row.green_gamma_0_5)
      expect(row.masked31 < Math.floor(0.25 * 2147483647)).toBe(row.green_gamma_0_25)
    })
  }
})

describe('SGLang', () => {
  for (const { path, content } of files('SGLang Aaronson-Gumbel')) {
    test.each(content.hash as Row[])(`${path}: key $key, context $context, token $token`, (row) => {
      const [a, b] = [BigInt(`0x${row.key}`), BigInt(`0x${row.key_b}`)]
      const hash = murmurHash(row.context)
      expect(hash).toBe(row.context_hash)
      expect(murmurToken(words(a), hash, row.token)).toBe(row.token_hash)
      expect(murmurCoin(words(a, b), hash)).toBe(row.coin)
      expect(reference.sglangContextHash(row.context)).toBe(row.context_hash)
      expect(reference.sglangTokenHash(a, row.context, row.token)).toBe(row.token_hash)
      expect(reference.sglangCoin(a, b, row.context)).toBe(row.coin)
      expect((row.token_hash + 0.5) / 2 ** 32).toBe(row.u)
      expect(-Math.log1p(-row.u)).toBeCloseTo(row.score, 14)
    })
    test(`${path}: two contexts with one hash`, () => {
      const { contexts, context_hash } = content.collision
      expect(contexts.map(murmurHash)).toEqual([context_hash, context_hash])
    })
  }
})

describe('Hugging Face green lists', () => {
  for (const { path, content } of files('HF transformers KGW')) {
    test(`${path}: the fixed table`, () => {
      const { hashing_key, first16, last4, sha256_le_uint32 } = content.fixed_table
      const entryAt = createPermutation(hashing_key, { size: 1000003 })
      const table = Uint32Array.from({ length: 1000003 }, (_, i) => entryAt(i))
      expect([...table.slice(0, 16)]).toEqual(first16)
      expect([...table.slice(-4)]).toEqual(last4)
      expect(sha256(Buffer.from(table.buffer))).toBe(sha256_le_uint32)
      expect(reference.randperm(hashing_key, 1000003)).toEqual([...table])
    })
    test.each(content.greenlists as Row[])(
      `${path}: $seeding_scheme, width $context_width, $sequence of $vocab`,
      (row) => {
        const key = BigInt(row.hashing_key)
        const size = Math.floor(row.vocab * row.greenlist_ratio)
        expect(size).toBe(row.greenlist_size)
        const own = {
          context: row.sequence.slice(0, -1),
          token: row.sequence.at(-1),
          entryAt: selfhashTable(key),
        }
        const seed =
          row.seeding_scheme === 'lefthash' ? key * BigInt(row.sequence.at(-1)) : selfhashProduct(key, own)
        const reduced = row.seeding_scheme === 'lefthash' ? lefthashSeed(key, row.sequence) : modulo(seed)
        const low = Number(reduced & 0xffffffffn)
        expect([String(seed), String(reduced), low]).toEqual([row.seed, row.seed_mod, row.mt_seed_low32])
        const list = permutationPrefix(low, { size: row.vocab, prefix: size })
        expect([...list.slice(0, 8)]).toEqual(row.greenlist_first8)
        for (const [token, green] of Object.entries(row.member))
          expect(isInPrefix(low, { size: row.vocab, prefix: size, token: Number(token) })).toBe(green)
        expect(digestsOfSorted(list)).toContain(row.sorted_sha256)
        expect(reference.kgwSeed(key, row.sequence, row.seeding_scheme)).toEqual({ seed, reduced })
        const slow = { vocab: row.vocab, ratio: row.greenlist_ratio, seeding: row.seeding_scheme }
        expect(reference.kgwGreenList(key, row.sequence, slow)).toEqual([...list])
      },
    )
  }
})

describe('SynthID of Hugging Face', () => {
  for (const { path, content } of files('HF transformers SynthID')) {
    const keys = (content.keys as number[]).map(BigInt)
    const table = samplingTable({ size: 65536, seed: 0 })
    const bitsOf = (ngram: readonly number[], own = keys): string => {
      const state = lowStateOf(ngram.slice(0, -1), ngram.at(-1)!)
      return own.map((key) => table[tableIndex(state, int64(key).low, 65536)]).join('')
    }

    test.each(Object.entries<Row>(content.sampling_tables))(`${path}: table %s`, (name, row) => {
      const [seed, size] = name.split('/').map(BigInt) as [bigint, bigint]
      const bits = samplingTable({ size: Number(size), seed: int64(seed).low >>> 0 })
      expect(bits.slice(0, 32).join('')).toBe(row.first32)
      expect(bits.reduce((sum, bit) => sum + bit, 0)).toBe(row.ones)
      expect(sha256(bits)).toBe(row.sha256_bytes)
      expect(reference.hfTable(Number(size), seed)).toEqual([...bits])
    })
    test.each(content.ngrams as Row[])(`${path}: $ngram`, (row) => {
      expect(bitsOf(row.ngram)).toBe(row.g_values)
      expect(reference.hfBits(row.ngram, keys, [...table]).join('')).toBe(row.g_values)
      const full = keys.slice(0, 3).map((key) => {
        const state = int64(1n)
        accumulateTokens(state, row.ngram.slice(0, -1), row.ngram.at(-1))
        accumulate(state, int64(key))
        return String(bigintOf(state))
      })
      expect(full).toEqual(row.ngram_keys_first3)
    })
    test(`${path}: a sequence`, () => {
      const { tokens, g_rows, g_sum_per_position, context_repetition_mask } = content.sequence
      const rows = ngramsOf(tokens, content.ngram_len).map((ngram) => bitsOf(ngram))
      expect(rows).toEqual(g_rows)
      expect(rows.map((row) => [...row].filter((bit) => bit === '1').length)).toEqual(g_sum_per_position)
      expect(firstOfContext(tokens, content.ngram_len)).toEqual(context_repetition_mask)
    })
    test(`${path}: what it makes of scores`, () => {
      const { scores, keys: own, call1_out, call2_out } = content.update_scores
      const updated = (context: readonly number[]): number[] => {
        const total = scores.reduce((sum: number, score: number) => sum + Math.exp(score), 0)
        const weights = Float64Array.from(scores as number[], (score) => Math.exp(score) / total)
        const bits = scores.map((_: number, token: number) => bitsOf([...context, token], own.map(BigInt)))
        for (let round = 0; round < own.length; round++)
          playRound(weights, {
            fields: Uint32Array.from(bits, (row: Row) => Number(row[round])),
            round: 0,
          })
        return Array.from(weights, Math.log)
      }
      // The engine computes with float32.
      for (const [context, out] of [
        [[0, 0, 0, 0], call1_out],
        [[0, 0, 0, 2], call2_out],
      ] as const)
        for (const [token, value] of updated(context).entries())
          expect(Math.abs(value - out[token])).toBeLessThan(5e-5 * Math.max(1, Math.abs(value)))
    })
  }
})

describe("SynthID of Google's reference", () => {
  for (const { path, content } of files('google-deepmind/synthid-text')) {
    const keys = (content.keys as number[]).map(BigInt)
    const stateOf = (ngram: readonly number[], own: readonly bigint[]): Int64 => {
      const state = googleStart(new Uint8Array(words(...own).buffer))
      accumulateTokens(state, ngram.slice(0, -1), ngram.at(-1)!)
      return state
    }
    const bitsOf = (ngram: readonly number[], own: readonly bigint[]): string =>
      own.map((key) => googleBit(stateOf(ngram, own), int64(key))).join('')

    test.each(content.hash_iv as Row[])(`${path}: start of $keys`, (row) => {
      const own = row.keys.map(BigInt) as bigint[]
      expect(String(bigintOf(googleStart(new Uint8Array(words(...own).buffer))))).toBe(row.hash_iv)
      expect(String(reference.googleIv(own))).toBe(row.hash_iv)
    })
    const cases: Row[] = [
      ...content.ngrams.map((row: Row) => ({ ...row, own: keys, states: row.ngram_keys_first3 })),
      ...content.four_key_config.map((row: Row) => ({
        ...row,
        own: keys.slice(0, 4),
        states: row.ngram_keys,
      })),
    ]
    test.each(cases)(`${path}: $ngram`, ({ ngram, own, states, g_values }) => {
      expect(bitsOf(ngram, own)).toBe(g_values)
      expect(reference.googleBits(ngram, own).join('')).toBe(g_values)
      const full = own.slice(0, states.length).map((key: bigint) => {
        const state = stateOf(ngram, own)
        accumulate(state, int64(key))
        return String(bigintOf(state))
      })
      expect(full).toEqual(states)
    })
    test(`${path}: a sequence`, () => {
      const { tokens, g_rows, context_repetition_mask } = content.sequence
      expect(ngramsOf(tokens, content.ngram_len).map((ngram) => bitsOf(ngram, keys))).toEqual(g_rows)
      expect(firstOfContext(tokens, content.ngram_len)).toEqual(context_repetition_mask)
    })
  }
})

describe('TextSeal', () => {
  for (const { path, content } of files('Meta TextSeal')) {
    test.each(content.cases as Row[])(`${path}: key $key, window $window, token $token`, (row) => {
      expect(textsealHash(words(BigInt(row.key)), row.window, row.token)).toBe(row.h)
      expect(reference.textseal(BigInt(row.key), row.window, row.token)).toBe(row.h)
      const u = Math.fround(Math.fround(row.h) / 8191)
      expect(u).toBe(row.u_float32)
      // Printed in float32.
      expect(Math.abs(Math.log1p(-u) + row.score)).toBeLessThan(1e-6 * Math.max(1, row.score))
    })
  }
})

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function digestsOfSorted(list: Uint32Array): string[] {
  const sorted = [...list].sort((a, b) => a - b)
  const int64s = Buffer.from(BigInt64Array.from(sorted, BigInt).buffer)
  return [
    sha256(Buffer.from(Uint32Array.from(sorted).buffer)),
    sha256(int64s),
    sha256(Buffer.from(sorted.join(','))),
  ]
}

function ngramsOf(tokens: readonly number[], length: number): number[][] {
  return tokens.slice(length - 1).map((_, i) => tokens.slice(i, i + length))
}

function firstOfContext(tokens: readonly number[], length: number): number[] {
  const seen = new Set<string>()
  return ngramsOf(tokens, length).map((ngram) => {
    const context = ngram.slice(0, -1).join()
    const isFirst = !seen.has(context)
    seen.add(context)
    return isFirst ? 1 : 0
  })
}
