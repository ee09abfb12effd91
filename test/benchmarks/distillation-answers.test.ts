import seedrandom from 'seedrandom'
import { expect, test } from 'vitest'
import {
  keepLikeliest,
  keepReferences,
  listsOf,
  packLikeliest,
  packReferences,
  rowsOf,
  textLawsOf,
  topTokensOf,
  unpackLikeliest,
  unpackReferences,
} from '../../benchmarks/power/distillation/answers.ts'
import { bigramOf } from '../../benchmarks/power/distillation/bigram.ts'
import { reachedAt } from '../../benchmarks/power/distillation/judge.ts'
import { rowObservations, textObservations, topKObservations } from '../../src/distill/observations.ts'

const VOCABULARY = 300
const random = seedrandom('distillation answers')

/** A row as models give them: a few likely tokens and a long tail. */
function row(): Float32Array {
  const weights = Float64Array.from({ length: VOCABULARY }, () => random() ** 8)
  const total = weights.reduce((a, b) => a + b)
  return Float32Array.from(weights, (w) => w / total)
}

const token = (): number => Math.floor(random() * VOCABULARY)
const matrix = (rows: readonly Float32Array[]): Float32Array =>
  Float32Array.from(rows.flatMap((one) => Array.from(one)))
const sequences = [12, 7].map((length) => Array.from({ length }, token))
const rows = sequences.map((ids) => matrix(ids.map(row)))
const reference = sequences.map((ids) => matrix(ids.map(row)))
const lengths = sequences.map((ids) => ids.length)
const format = { contextWidth: 1, vocabularySize: VOCABULARY }

test('observations of what was kept are those of the whole rows', () => {
  const kept = unpackLikeliest(packLikeliest(keepLikeliest(rows, VOCABULARY)))
  const again = rowsOf(kept, { lengths, vocabularySize: VOCABULARY })
  const options = { ...format, references: [reference] }
  expect(rowObservations(sequences, again, options)).toEqual(rowObservations(sequences, rows, options))
})

test('a list is the k likeliest tokens', () => {
  const kept = keepLikeliest(rows, VOCABULARY)
  const { list } = topKObservations(sequences, listsOf(kept, { k: 5, lengths }), { ...format, k: 5 })
  const whole = rowObservations(sequences, rows, format)
  for (const [i, { tokens, weights }] of list.entries()) {
    const all = whole.list[i]!
    const best = Array.from(all.tokens, (token, j) => ({ token, p: all.weights[j]! }))
      .sort((a, b) => b.p - a.p)
      .slice(0, 5)
    expect(Array.from(tokens)).toEqual(best.map(({ token }) => token).sort((a, b) => a - b))
    expect(Math.max(...Array.from(weights))).toBeCloseTo(best[0]!.p, 6)
  }
})

test('the top token has the largest probability, and its window stands before it', () => {
  const tokens = topTokensOf(keepLikeliest(rows, VOCABULARY), sequences, 2)
  expect(tokens).toHaveLength(19)
  expect(tokens[0]!.window).toBeUndefined()
  expect(tokens[1]!.window).toEqual(sequences[0]!.slice(0, 2))
  expect(tokens[12]!.window).toBeUndefined()
  const last = rows[1]!.subarray(6 * VOCABULARY)
  expect(tokens[18]).toEqual({ window: sequences[1]!.slice(5, 7), token: last.indexOf(Math.max(...last)) })
})

test.each([2, 3])('text with %i references: what was kept of them is all that is scored', (count) => {
  const answers = sequences.map((completion) => ({ prompt: [1], completion }))
  const laws = Array.from({ length: 3 }, () => sequences.map((ids) => ids.map(row)))
  const keeper = keepReferences(3)
  for (const [a, { completion }] of answers.entries())
    for (const [j, id] of completion.entries())
      keeper.add(
        id,
        laws.map((law) => law[a]![j]!),
      )
  const kept = textLawsOf(unpackReferences(packReferences(keeper.kept())), sequences)
  const [whole, again] = [laws, kept].map((references) =>
    textObservations(answers, { ...format, references: references.slice(0, count) }),
  )
  expect(again!.list.length).toBeGreaterThan(0)
  for (const [i, { tokens, weights, references }] of whole!.list.entries()) {
    const found = again!.list[i]!
    expect(Array.from(found.tokens)).toEqual(Array.from(tokens))
    expect(Array.from(found.weights)).toEqual(Array.from(weights))
    for (const [r, values] of references.entries())
      for (let k = 0; k < tokens.length; k++) expect(found.references[r]![k]).toBeCloseTo(values[k]!, 12)
  }
})

test('counts of pairs are smoothed by how many tokens follow', () => {
  const counts = bigramOf(
    [
      [0, 1, 0, 1, 0, 2],
      [3, 1],
    ],
    4,
  )
  // Single tokens: 3, 3, 1 and 1 of 8, and one more each for those that never stood anywhere.
  const alone = [4 / 12, 4 / 12, 2 / 12, 2 / 12]
  // After 0: 1 twice, 2 once; two different ones.
  const after = alone.map((p, v) => ([0, 2, 1, 0][v]! + 2 * p) / 5)
  for (const [v, p] of after.entries()) expect(counts.row(0)[v]).toBeCloseTo(p, 6)
  for (const [v, p] of alone.entries()) expect(counts.row(2)[v]).toBeCloseTo(p, 6)
})

test('queries are those from which p stays small', () => {
  const found = (lnPs: number[]) => lnPs.map((lnP) => ({ lnP: () => lnP }))
  const queries = [250, 500, 1000]
  expect(reachedAt(queries, found([0, 0, -9]), -10)).toBeNull()
  // Small for a moment is not enough.
  expect(reachedAt(queries, found([-20, -5, -10]), -10)).toBe(1000)
  expect(reachedAt(queries, found([0, -20, -40]), -10)).toBe(375)
  expect(reachedAt(queries, found([-10, -20, -40]), -10)).toBe(250)
})
