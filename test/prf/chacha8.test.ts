/**
 * The block function against two others: the ChaCha8 of @noble/ciphers, and a plain transcript of RFC 8439 with the number of
 * rounds as an argument, itself checked against the RFC's vectors for 20 rounds.
 */
import { chacha8 } from '@noble/ciphers/chacha.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesToHex, hexToBytes, littleEndianWords } from '../../src/bytes.ts'
import { chacha8Block } from '../../src/prf/chacha8.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const counters = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2),
)

function ours(key: Uint8Array, nonce: Uint8Array, counter: number): string {
  const out = new Uint32Array(16)
  chacha8Block(out, { key: littleEndianWords(key), counter, nonce: littleEndianWords(nonce) })
  return hexOf(out)
}

function hexOf(words: Uint32Array): string {
  const out = new Uint8Array(4 * words.length)
  const view = new DataView(out.buffer)
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true)
  })
  return bytesToHex(out)
}

/** RFC 8439 section 2.3, word for word and slow. */
function rfcBlock(key: Uint8Array, nonce: Uint8Array, counter: number, rounds: number): string {
  const initial = Uint32Array.of(
    ...[0x61707865, 0x3320646e, 0x79622d32, 0x6b206574],
    ...littleEndianWords(key),
    counter,
    ...littleEndianWords(nonce),
  )
  const state = initial.slice()
  const turn = (target: number, source: number, by: number, bits: number): void => {
    state[target]! += state[source]!
    const x = state[by]! ^ state[target]!
    state[by] = (x << bits) | (x >>> (32 - bits))
  }
  const quarter = (a: number, b: number, c: number, d: number): void => {
    turn(a, b, d, 16)
    turn(c, d, b, 12)
    turn(a, b, d, 8)
    turn(c, d, b, 7)
  }
  for (let round = 0; round < rounds; round += 2) {
    for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i)
    for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4))
  }
  return hexOf(state.map((word, i) => word + initial[i]!))
}

describe('chacha8Block', () => {
  test('is the keystream of another implementation, for any key, nonce and counter', () => {
    fc.assert(
      fc.property(bytes(32), bytes(12), counters, (key, nonce, counter) => {
        const theirs = chacha8(key, nonce, new Uint8Array(64), undefined, counter)
        expect(ours(key, nonce, counter)).toBe(bytesToHex(theirs))
      }),
      { seed: 1, numRuns: 1000 },
    )
  })

  test('gives at counters 0..511 the keystream that another implementation gives in one piece', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1)
    const nonce = Uint8Array.from({ length: 12 }, (_, i) => 255 - i)
    const stream = chacha8(key, nonce, new Uint8Array(64 * 512))
    for (let counter = 0; counter < 512; counter++)
      expect(ours(key, nonce, counter)).toBe(bytesToHex(stream.subarray(64 * counter, 64 * counter + 64)))
  })

  test('the plain transcript has the vectors of the RFC (2.3.2, and the first two of A.1) with 20 rounds', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i)
    expect(rfcBlock(key, hexToBytes('000000090000004a00000000'), 1, 20)).toBe(
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
    )
    const zeros = [new Uint8Array(32), new Uint8Array(12)] as const
    expect(rfcBlock(...zeros, 0, 20)).toBe(
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
    )
    expect(rfcBlock(...zeros, 1, 20)).toBe(
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    )
  })

  // The other implementation refuses the last counter, which token 2^32 - 1 of a full block of lanes needs.
  test('is the plain transcript with 8 rounds, up to the last counter', () => {
    fc.assert(
      fc.property(
        bytes(32),
        bytes(12),
        fc.oneof(counters, fc.constant(2 ** 32 - 1)),
        (key, nonce, counter) => {
          expect(ours(key, nonce, counter)).toBe(rfcBlock(key, nonce, counter, 8))
        },
      ),
      { seed: 2, numRuns: 500 },
    )
  })
})
