/**
 * Field numbers and routing: the laws of every PRF over the formats, and the layout against another ChaCha8, read as one
 * 512-bit number. What the vectors pin at a few points holds here for any.
 */
import { chacha8 } from '@noble/ciphers/chacha.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../src/bytes.ts'
import type { MarkFormat } from '../../src/keys/derive.ts'
import { deriveMarkKeys, type MarkKey, markKeyWords } from '../../src/keys/mark-key.ts'
import { createProfile, ROLES, type Role } from '../../src/keys/profile.ts'
import { createFieldFunction, inLayer, routeValue, writeNonce } from '../../src/prf/fields.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { testLaws } from '../laws/law.ts'
import { prfLaws } from '../laws/prf.laws.ts'
import { keysOf, masterFromSeed } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'

const FALSE_ALARM = 1e-6

type FieldFormat = Pick<MarkFormat, 'contextWidth' | 'bits' | 'lanes'>

const formats: fc.Arbitrary<FieldFormat> = fc
  .record({ contextWidth: fc.nat(4), bits: fc.constantFrom(1, 8, 32), halvings: fc.nat(9) })
  .map(({ contextWidth, bits, halvings }) => ({
    contextWidth,
    bits,
    lanes: Math.max(1, 2 ** (9 - halvings) / bits),
  }))

const idsOf = (contextWidth: number): fc.Arbitrary<number> => {
  const most = contextWidth === 4 ? 2 ** 24 - 1 : 2 ** 32 - 1
  return fc.oneof(fc.nat(300), fc.integer({ min: 0, max: most }), fc.constant(most))
}
const contextsOf = (contextWidth: number): fc.Arbitrary<number[]> =>
  fc.array(idsOf(contextWidth), { minLength: contextWidth, maxLength: contextWidth })

function bytesOf(words: Uint32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * words.length))
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true)
  })
  return new Uint8Array(view.buffer)
}

/** The nonce in bytes, from the description: ids little-endian; at width 4 three bytes each and then one of the newest. */
function nonceBytes(context: readonly number[]): Uint8Array {
  const nonce = new Uint8Array(12)
  const byte = (id: number, i: number): number => Math.floor(id / 256 ** i) % 256
  context.slice(0, 3).forEach((id, j) => {
    for (let i = 0; i < (context.length === 4 ? 3 : 4); i++) nonce[4 * j + i] = byte(id, i)
    if (context.length === 4) nonce[4 * j + 3] = byte(context[3]!, j)
  })
  return nonce
}

/** A whole block as one number, its first byte the least significant. */
function blockNumber(key: Uint8Array, context: readonly number[], counter: number): bigint {
  const stream = chacha8(key, nonceBytes(context), new Uint8Array(64), undefined, counter)
  return BigInt(`0x${bytesToHex(stream.reverse())}`)
}

describe.each([
  { bits: 1, lanes: 1 },
  { bits: 1, lanes: 16 },
  { bits: 1, lanes: 512 },
  { bits: 8, lanes: 1 },
  { bits: 8, lanes: 64 },
  { bits: 32, lanes: 1 },
  { bits: 32, lanes: 16 },
] as const)('bits $bits, lanes $lanes', ({ bits, lanes }) => {
  describe.each([0, 1, 2, 3, 4])('contextWidth %i', (contextWidth) => {
    const format = { contextWidth, bits, lanes }
    testLaws(prfLaws, {
      ...format,
      field: createFieldFunction(format),
      vocabularySize: 300,
      keyOf: keysOf(format),
    })
  })
})

describe('the field number', () => {
  test('is its bits of its block, read from another ChaCha8', () => {
    const tokens = fc.oneof(fc.nat(5000), fc.integer({ min: 0, max: 2 ** 32 - 2 }))
    const cases = formats.chain((format) =>
      fc.record({
        format: fc.constant(format),
        context: contextsOf(format.contextWidth),
        token: tokens,
        lane: fc.nat(format.lanes - 1),
        seed: fc.nat(1000),
      }),
    )
    fc.assert(
      fc.property(cases, ({ format, context, token, lane, seed }) => {
        const { bits, lanes } = format
        const key = keysOf(format)(seed)
        const perBlock = 512 / (bits * lanes)
        const block = blockNumber(bytesOf(markKeyWords(key)), context, Math.floor(token / perBlock))
        const offset = BigInt(((token % perBlock) * lanes + lane) * bits)
        const expected = Number((block >> offset) & (2n ** BigInt(bits) - 1n))
        expect(createFieldFunction(format)(key, context, token, lane)).toBe(expected)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('lanes are disjoint: tokens and lanes of a block together use each of its bits exactly once', () => {
    const cases = formats.chain((format) =>
      fc.tuple(fc.constant(format), contextsOf(format.contextWidth), fc.nat(1000), fc.nat(5)),
    )
    fc.assert(
      fc.property(cases, ([format, context, seed, counter]) => {
        const { bits, lanes } = format
        const key = keysOf(format)(seed)
        const field = createFieldFunction(format)
        const perBlock = 512 / (bits * lanes)
        let together = 0n
        for (let i = perBlock * lanes - 1; i >= 0; i--) {
          const value = field(key, context, counter * perBlock + Math.floor(i / lanes), i % lanes)
          together = (together << BigInt(bits)) | BigInt(value)
        }
        expect(together).toBe(blockNumber(bytesOf(markKeyWords(key)), context, counter))
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  test('does not depend on other field functions or on keys asked before', () => {
    const format = { contextWidth: 1, bits: 8, lanes: 1 } as const
    const [a, b] = [createFieldFunction(format), createFieldFunction(format)]
    const keyOf = keysOf(format)
    const expected = createFieldFunction(format)(keyOf(1), [5], 9, 0)
    a(keyOf(2), [5], 9, 0)
    b(keyOf(1), [6], 9, 0)
    expect([a(keyOf(1), [5], 9, 0), b(keyOf(1), [5], 9, 0)]).toEqual([expected, expected])
  })

  test('is right after a call that threw', () => {
    const format = { contextWidth: 1, bits: 8, lanes: 1 } as const
    const key = keysOf(format)(1)
    const expected = createFieldFunction(format)(key, [6], 9, 0)
    const field = createFieldFunction(format)
    field(key, [5], 9, 0)
    expect(() => field({ ...key }, [6], 9, 0)).toThrow(TypeError)
    expect(field(key, [6], 9, 0)).toBe(expected)
  })
})

describe('the nonce', () => {
  test.each([0, 1, 2, 3, 4])('of width %i is the one described', (contextWidth) => {
    fc.assert(
      fc.property(contextsOf(contextWidth), (context) => {
        const nonce = Uint32Array.of(9, 9, 9)
        writeNonce(nonce, context, contextWidth)
        expect(bytesOf(nonce)).toEqual(nonceBytes(context))
      }),
      { seed: 3, numRuns: 300 },
    )
  })

  test('of width 4 gives the context back, so that distinct contexts have distinct nonces', () => {
    fc.assert(
      fc.property(contextsOf(4), (context) => {
        const nonce = new Uint32Array(3)
        writeNonce(nonce, context, 4)
        const newest = nonce.reduce((id, word, j) => id + 256 ** j * (word >>> 24), 0)
        expect([...Array.from(nonce, (word) => word & 0xffffff), newest]).toEqual(context)
      }),
      { seed: 4, numRuns: 1000 },
    )
  })

  test.each([1, 2, 3, 4])(
    'of width %i differs for contexts that differ in one bit of one id',
    (contextWidth) => {
      const cases = fc.tuple(
        contextsOf(contextWidth),
        fc.nat(contextWidth - 1),
        fc.nat(contextWidth === 4 ? 23 : 31),
      )
      fc.assert(
        fc.property(cases, ([context, at, bit]) => {
          const other = context.map((id, i) => (i === at ? (id ^ (1 << bit)) >>> 0 : id))
          const [a, b] = [new Uint32Array(3), new Uint32Array(3)]
          writeNonce(a, context, contextWidth)
          writeNonce(b, other, contextWidth)
          expect(a).not.toEqual(b)
        }),
        { seed: 5, numRuns: 300 },
      )
    },
  )
})

/** Mark keys of a profile with these shares, by role. */
function layered(
  shares: readonly { role: Role; share: number; label?: string }[],
  { contextWidth = 1, seed = 'layered' } = {},
): readonly MarkKey[] {
  const master = masterFromSeed(seed)
  const profile = createProfile(master, {
    scheme: 'green-list',
    contextWidth,
    gamma: 0.25,
    delta: 2,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize: 2 ** 20,
    layers: shares.map(({ role, share, label }) => ({ role, share, label: label ?? role })),
    created: '2026-11-24',
  })
  return deriveMarkKeys(master, profile)
}

describe('routing', () => {
  const route = Uint32Array.from({ length: 8 }, (_, i) => 0x9e3779b9 * (i + 1))

  test('the route value is the low 16 bits of block 0 under the route key, from another ChaCha8', () => {
    const cases = fc.nat(4).chain(contextsOf)
    fc.assert(
      fc.property(cases, (context) => {
        expect(routeValue(route, context)).toBe(Number(blockNumber(bytesOf(route), context, 0) & 0xffffn))
      }),
      { seed: 6, numRuns: 300 },
    )
  })

  test('each role gets its share of contexts', () => {
    const shares = [
      { role: 'provider', share: 49152 },
      { role: 'epoch', share: 16000 },
      { role: 'cohort', share: 384 },
    ] as const
    const keys = layered(shares)
    const n = 50_000
    const counts = keys.map(
      (key) => Array.from({ length: n }, (_, id) => id).filter((id) => inLayer(key, [id])).length,
    )
    expect(counts.reduce((a, b) => a + b, 0)).toBe(n)
    for (const [i, { share }] of shares.entries()) {
      const { lo, hi } = binomialBand(n, share / 65536, FALSE_ALARM)
      expect(counts[i], shares[i]!.role).toBeGreaterThanOrEqual(lo)
      expect(counts[i], shares[i]!.role).toBeLessThanOrEqual(hi)
    }
  })

  test('every context belongs to exactly one role, whatever the shares', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: 1, maxLength: 3 })
    const roles = fc.shuffledSubarray([...ROLES], { minLength: 4, maxLength: 4 })
    const cases = fc.integer({ min: 1, max: 4 }).chain((contextWidth) =>
      fc.record({
        contextWidth: fc.constant(contextWidth),
        cuts,
        roles,
        contexts: fc.array(
          contextsOf(contextWidth).map((context) => context.map((id) => id % 2 ** 20)),
          { minLength: 20, maxLength: 20 },
        ),
      }),
    )
    fc.assert(
      fc.property(cases, ({ contextWidth, cuts, roles, contexts }) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), 65536]
        const shares = edges.slice(1).map((edge, i) => ({ role: roles[i]!, share: edge - edges[i]! }))
        const keys = layered(shares, { contextWidth })
        for (const context of contexts) expect(keys.filter((key) => inLayer(key, context))).toHaveLength(1)
      }),
      { seed: 7, numRuns: 50 },
    )
  })

  test('the layer is the first whose cumulative share exceeds the route value, in profile order', () => {
    const shares = [
      { role: 'cohort', share: 1 },
      { role: 'provider', share: 65534 },
      { role: 'canary', share: 1 },
    ] as const
    expect(layered(shares).map(({ range }) => range)).toEqual([
      { from: 0, to: 1 },
      { from: 1, to: 65535 },
      { from: 65535, to: 65536 },
    ])
  })

  test('labels of one role stand in for each other: the same contexts, other field numbers', () => {
    const [provider, first, second] = layered([
      { role: 'provider', share: 32768 },
      { role: 'cohort', share: 32768, label: 'c-1' },
      { role: 'cohort', share: 32768, label: 'c-2' },
    ])
    const ids = Array.from({ length: 400 }, (_, id) => id)
    const own = (key: MarkKey): number[] => ids.filter((id) => inLayer(key, [id]))
    expect(own(first!)).toEqual(own(second!))
    expect([...own(provider!), ...own(first!)].sort((a, b) => a - b)).toEqual(ids)
    const field = createFieldFunction({ contextWidth: 1, bits: 8, lanes: 1 })
    const numbers = (key: MarkKey): number[] => ids.map((token) => field(key, [0], token, 0))
    expect(numbers(first!)).not.toEqual(numbers(second!))
  })

  test('one role needs no routing: every context is its own', () => {
    const keys = layered([
      { role: 'epoch', share: 65536, label: '2026-q3' },
      { role: 'epoch', share: 65536, label: '2026-q4' },
    ])
    for (const key of keys) {
      expect(key.range).toEqual({ from: 0, to: 65536 })
      expect(Array.from({ length: 500 }, (_, id) => inLayer(key, [id]))).not.toContain(false)
    }
  })
})
