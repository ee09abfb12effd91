/** Sampled text with references: which tokens are scored beside the sampled one. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  completionRows,
  type PositionLaw,
  type TextLaws,
  type TopKList,
  textObservations,
} from '../../src/distill/observations.ts'
import { expectRefusal } from '../support/wrong-values.ts'

const V = 5
const format = { contextWidth: 1, vocabularySize: V }
const answers = [{ prompt: [1], completion: [2, 3] }]
const rowOf = (...values: number[]) => Float32Array.from(values)
const observe = (...references: TextLaws[]) =>
  textObservations(answers, { ...format, references: references.map((laws) => [laws]) }).list.map(
    ({ tokens, weights, references }) => ({
      tokens: Array.from(tokens),
      weights: Array.from(weights),
      references: references.map((values) => Array.from(values, (p) => Math.round(1e6 * p) / 1e6)),
    }),
  )

test('the sampled token, and those with more than 1/100 in the references on average', () => {
  const rows = [rowOf(0.5, 0.47, 0.005, 0.005, 0.02), rowOf(0.01, 0.99, 0, 0, 0)]
  expect(observe(rows)).toEqual([
    { tokens: [0, 1, 2, 4], weights: [0, 0, 1, 0], references: [[0.5, 0.47, 0.005, 0.02]] },
    { tokens: [1, 3], weights: [0, 1], references: [[0.99, 0]] },
  ])
  const second = [rowOf(0, 0.02, 0.98, 0, 0), rowOf(0.02, 0, 0, 0.5, 0.48)]
  expect(observe(rows, second)[0]).toEqual({
    tokens: [0, 1, 2],
    weights: [0, 0, 1],
    references: [
      [0.5, 0.47, 0.005],
      [0, 0.02, 0.98],
    ],
  })
})

test('rows one after another, a row each, and lists of all tokens are one and the same', () => {
  const [a, b] = [rowOf(0.5, 0.25, 0.125, 0.0625, 0.0625), rowOf(0.25, 0.25, 0.25, 0.125, 0.125)]
  const expected = observe([a, b])
  expect(observe(Float32Array.of(...a, ...b))).toEqual(expected)
  const listOf = (row: Float32Array): TopKList => Array.from(row, (p, v) => [v, Math.log(p)] as const)
  expect(observe([listOf(a), listOf(b)])).toEqual(expected)
})

test('what a list leaves out is 0, and null says nothing', () => {
  const list: PositionLaw[] = [[[4, Math.log(0.5)]], null]
  expect(observe(list)).toEqual([
    { tokens: [2, 4], weights: [1, 0], references: [[0, 0.5]] },
    { tokens: [3], weights: [1], references: [[0]] },
  ])
})

test('never more than a hundred tokens, even of a reference that is flat', () => {
  const size = 1000
  const row = new Float32Array(size).fill(0.0101, 0, 99)
  const { list } = textObservations([{ prompt: [1], completion: [500] }], {
    contextWidth: 1,
    vocabularySize: size,
    references: [[[row]]],
  })
  expect(list[0]!.tokens).toHaveLength(100)
})

test('rows over prompt and completion are cut to the completion', () => {
  fc.assert(
    fc.property(fc.nat(3), fc.nat(4), (prompt, completion) => {
      const answer = { prompt: new Array(prompt).fill(1), completion: new Array(completion).fill(2) }
      const rows = Float32Array.from({ length: (prompt + completion) * V }, (_, i) => Math.floor(i / V) / 16)
      const [cut] = completionRows([answer], [rows], { vocabularySize: V })
      // The law of the token at i is in the row after i - 1.
      const expected = answer.completion.map((_, j) => (prompt + j === 0 ? null : (prompt + j - 1) / 16))
      expect(cut!.map((row) => row?.[0] ?? null)).toEqual(expected)
    }),
    { seed: 1, numRuns: 50 },
  )
  expectRefusal(() => completionRows(answers, [], { vocabularySize: V }), 'rows')
  expectRefusal(() => completionRows(answers, [new Float32Array(2 * V)], { vocabularySize: V }), 'rows[0]')
})

describe('refused by name', () => {
  test.each([
    [{}, 'options.references'],
    [[[]], 'options.references[0]'],
    [[[new Float32Array(V)]], 'options.references[0][0]'],
    [[[[null]]], 'options.references[0][0]'],
    [[['ab']], 'options.references[0][0]'],
    [[[[null, new Float32Array(V + 1)]]], 'options.references[0][0][1]'],
    [[[[null, [[V, -1]]]]], 'options.references[0][0][1][0][0]'],
    [[[[null, new Float32Array(V).fill(2)]]], 'options.references[0][0][1][0]'],
  ])('references %#', (references, name) => {
    expectRefusal(() => textObservations(answers, { ...format, references: references as never }), name)
  })
})
