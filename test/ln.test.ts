/**
 * Our own logarithm against logarithms to 640 binary places, at the arguments that marks and scores have and at any other, and against
 * itself on other machines: its bits are pinned.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../src/bytes.ts'
import { ln } from '../src/ln.ts'
import { type Fraction, fixedLnOf, fixedOf, PLACES } from './stats/exact.ts'

/** A positive normal double as the fraction that it is. */
function fractionOf(x: number): Fraction {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  const bits = view.getBigUint64(0)
  const mantissa = (bits & (2n ** 52n - 1n)) | (2n ** 52n)
  const exponent = (bits >> 52n) - 1075n
  return exponent >= 0n
    ? { numerator: mantissa << exponent, denominator: 1n }
    : { numerator: mantissa, denominator: 1n << -exponent }
}

/** Distance of a logarithm from the true one, in units of its last place. */
function errorInUlps(value: number, x: number): number {
  const distance = fixedOf(value) - fixedLnOf(fractionOf(x))
  // The smallest logarithm of a double other than 0 is 2^-53 in size: its last place is 2^-106.
  const ulp = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 52)
  return Math.abs(Number(distance >> (PLACES - 200n)) / 2 ** 200) / ulp
}

const arguments_ = fc.oneof(
  // What the race takes: middles of cells; and what a score takes: upper ends of cells.
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((field) => (field + 0.5) / 2 ** 32),
  fc.integer({ min: 1, max: 2 ** 32 }).map((j) => j / 2 ** 32),
  fc.integer({ min: 1, max: 5000 }).map((j) => j / 2 ** 32),
  // The race's inner logarithms, and the neighbourhood of 1, where nothing may cancel.
  fc.double({ min: 2 ** -33, max: 23, noNaN: true }),
  fc.double({ min: 0.999, max: 1.001, noNaN: true }),
  fc.double({ min: 2 ** -1022, max: Number.MAX_VALUE, noNaN: true }),
)

describe('ln', () => {
  test('is right to about one unit in the last place', () => {
    fc.assert(
      fc.property(arguments_, (x) => {
        fc.pre(x !== 1)
        // Measured: 1.0. Built-in logarithms: 0.76.
        expect(errorInUlps(ln(x), x)).toBeLessThan(1.25)
      }),
      { seed: 1, numRuns: 3000 },
    )
  })

  test('positive control: a shorter series is not', () => {
    const ofTerms = (x: number, terms: number): number => {
      const s = (x - 1) / (x + 1)
      let series = 0
      for (let k = terms; k >= 1; k--) series = (series + 2 / (2 * k + 1)) * s * s
      return s * (2 + series)
    }
    expect(errorInUlps(ofTerms(1.4, 11), 1.4)).toBeLessThan(2)
    expect(errorInUlps(ofTerms(1.4, 7), 1.4)).toBeGreaterThan(20)
  })

  test.each([
    [1, 0],
    [2, Math.LN2],
    [0.5, -Math.LN2],
    [2 ** -32, -32 * Math.LN2],
    [2 ** -1022, -1022 * Math.LN2],
    [2 ** 1023, 1023 * Math.LN2],
    [Math.SQRT1_2, Math.log(Math.SQRT1_2)],
    [Math.SQRT2, Math.log(Math.SQRT2)],
  ])('of %d', (x, expected) => {
    expect(Math.abs(ln(x) - expected)).toBeLessThanOrEqual(2 ** -52 * Math.abs(expected))
  })

  test('grows with its argument where scores are made', () => {
    // Neighbouring doubles may swap by a unit in the last place; arguments 2^-32 apart may not.
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 - 1 }), (j) => {
        expect(ln((j + 1) / 2 ** 32)).toBeGreaterThan(ln(j / 2 ** 32))
      }),
      { seed: 2, numRuns: 2000 },
    )
  })

  // No function of the engine takes part, so these bits are the same everywhere (the same operations in Python give them too); a change
  // of one of them changes scores.
  test('is pinned', () => {
    const values = new DataView(new ArrayBuffer(8 * 20_000))
    for (let i = 0; i < 20_000; i++) {
      const field = Math.imul(i, 0x9e3779b1) >>> 0
      values.setFloat64(8 * i, ln(i % 2 === 0 ? (field + 0.5) / 2 ** 32 : (2 ** 32 - field) / 2 ** 32))
    }
    expect(bytesToHex(sha256(new Uint8Array(values.buffer)))).toBe(
      '318b27670bba356d59d90c0ee2e1ab788669d2f5c4e913f98640564b1d207a70',
    )
  })
})
