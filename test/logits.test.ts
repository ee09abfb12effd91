/** Rows of logits: what can be marked and sampled, and that sampling follows the softmax. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import {
  assertLogitsRow,
  assertSampleable,
  drawFromWeights,
  type LogitsRow,
  sampleFromLogits,
} from '../src/logits.ts'
import { binomialBand } from './support/tolerance.ts'
import { expectRefusal, wrongValues } from './support/wrong-values.ts'

const FALSE_ALARM = 1e-6
const { POSITIVE_INFINITY, NEGATIVE_INFINITY, NaN: NOT_A_NUMBER } = Number

describe('assertLogitsRow', () => {
  const check = (row: unknown): void => assertLogitsRow(row, { name: 'logits', vocabularySize: 3 })

  test.each([
    ['a Float32Array', new Float32Array(3)],
    ['a wider one', new Float32Array(8)],
    ['a Float64Array', new Float64Array(3)],
    ['an array of numbers', [1, 2, 3]],
  ])('takes %s', (_, row) => {
    expect(() => check(row)).not.toThrow()
  })

  test.each(wrongValues({ except: [] }))('refuses %s', (_, value) => {
    expectRefusal(() => check(value), 'logits')
  })

  test('refuses rows narrower than the vocabulary', () => {
    expect(() => check(new Float32Array(2))).toThrow(
      new RangeError('"logits" expected at least 3 values (the profile\'s vocabulary), got 2'),
    )
  })

  test('refuses half-precision rows and says what to do', () => {
    class Float16Array extends Uint8Array {}
    for (const row of [new Uint16Array(3), new Float16Array(6)]) {
      const { message } = expectRefusal(() => check(row), 'logits')
      expect(message).toContain('convert half-precision rows to Float32Array first')
    }
  })
})

describe('assertSampleable', () => {
  const largest = (row: LogitsRow): number => assertSampleable(row, { name: 'logits' })

  test('gives the largest value', () => {
    const rows = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(rows, (row) => {
        expect(largest([NEGATIVE_INFINITY, ...row]) === Math.max(...row)).toBe(true)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test.each([
    ['NaN', Float32Array.of(0, NOT_A_NUMBER, 1), 'logits[1]'],
    ['Infinity', Float64Array.of(POSITIVE_INFINITY), 'logits[0]'],
    ['-Infinity only', [NEGATIVE_INFINITY, NEGATIVE_INFINITY], 'logits'],
    ['nothing', [], 'logits'],
  ])('refuses %s', (_, row, name) => {
    expect(expectRefusal(() => largest(row), name)).toBeInstanceOf(RangeError)
  })

  // A string compares like a number, null like 0; a mark would append to the one and revive the other.
  test.each(wrongValues({ except: ['integer', 'number'] }))('refuses %s in an array', (_, value) => {
    expect(expectRefusal(() => largest([0, value as number]), 'logits[1]')).toBeInstanceOf(TypeError)
  })

  test('refuses a hole', () => {
    expectRefusal(() => largest(new Array<number>(3)), 'logits[0]')
  })
})

describe('sampling', () => {
  test.each([0.5, 1, 2])('draws ids with their softmax probabilities at temperature %d', (temperature) => {
    const row = Float32Array.of(1, -2, NEGATIVE_INFINITY, 3, 2.5, 0)
    const random = seedrandom(`temperature ${temperature}`)
    const draws = 20_000
    const counts = new Array<number>(row.length).fill(0)
    for (let i = 0; i < draws; i++) counts[sampleFromLogits(row, { temperature, random })]!++
    const weights = Array.from(row, (value) => Math.exp(value / temperature))
    const total = weights.reduce((a, b) => a + b)
    for (const [token, weight] of weights.entries()) {
      const { lo, hi } = binomialBand(draws, weight / total, FALSE_ALARM / row.length)
      expect(counts[token], `token ${token}`).toBeGreaterThanOrEqual(lo)
      expect(counts[token], `token ${token}`).toBeLessThanOrEqual(hi)
    }
    expect(counts[2]).toBe(0)
  })

  test('takes one number a draw, and logits of any size', () => {
    let taken = 0
    const random = (): number => {
      taken++
      return 0.5
    }
    expect(sampleFromLogits([-1e30, 1e30, -1e30], { temperature: 1, random })).toBe(1)
    expect(sampleFromLogits([NEGATIVE_INFINITY, -5000], { temperature: 1, random })).toBe(1)
    expect(taken).toBe(2)
  })

  test('does not change the row, and refuses what cannot be sampled', () => {
    const row = Float32Array.of(1, 2, 3)
    sampleFromLogits(row, { temperature: 1, random: () => 0.9 })
    expect([...row]).toEqual([1, 2, 3])
    expectRefusal(() => sampleFromLogits([NOT_A_NUMBER], { temperature: 1, random: () => 0 }), 'logits[0]')
  })
})

describe('drawFromWeights', () => {
  const draw = (weights: number[], u: number): number =>
    drawFromWeights(weights, { total: weights.reduce((a, b) => a + b, 0), random: () => u })

  test('cuts [0, 1) into intervals of the weights, in order, empty ones left out', () => {
    const weights = [0, 1, 0, 2, 1, 0]
    expect([0, 0.2499, 0.25, 0.7499, 0.75, 0.9999].map((u) => draw(weights, u))).toEqual([1, 1, 3, 3, 4, 4])
  })

  test('gives the last positive weight where rounding leaves a rest', () => {
    expect(drawFromWeights([1, 1, 0], { total: 2 + 1e-9, random: () => 1 - 2 ** -53 })).toBe(1)
  })
})
