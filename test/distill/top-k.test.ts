/**
 * Observations of lists: they agree with rows where both exist, and what a list does not say is never taken from a reference.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { probabilityOf } from '../../src/distill/observations/probability.ts'
import {
  type Answer,
  MOST_TOKENS,
  type Observation,
  rowObservations,
  type TopKList,
  topKObservations,
} from '../../src/distill/observations.ts'
import { promptsDigest } from '../../src/plan/plan.ts'
import { expectRefusal } from '../support/wrong-values.ts'

const V = 8
const format = { contextWidth: 1, vocabularySize: V }

/** Rows with ties and zeros, a law at each position. */
function rowsFor(sequences: readonly (readonly number[])[], seed: string, size = V): Float32Array[] {
  const random = seedrandom(seed)
  return sequences.map((ids) =>
    Float32Array.from({ length: ids.length * size }, () => Math.floor(12 * random()) / 100),
  )
}

function listsFor(rows: readonly Float32Array[], k: number, size = V): TopKList[][] {
  return rows.map((flat) =>
    Array.from({ length: flat.length / size }, (_, i) => {
      const row = flat.subarray(i * size, (i + 1) * size)
      return [...row.keys()]
        .sort((a, b) => row[b]! - row[a]! || a - b)
        .slice(0, k)
        .map((v) => [v, Math.log(row[v]!)] as const)
    }),
  )
}

const plain = ({ window, tokens, weights, references }: Observation) => ({
  window: Array.from(window),
  tokens: Array.from(tokens),
  weights: Array.from(weights),
  references: references.map((values) => Array.from(values)),
})

const sequences = fc.array(fc.array(fc.nat(3), { maxLength: 12 }), { maxLength: 4 })
const contextWidth = fc.nat(4)

test('with k = the vocabulary it is what rows give, for any texts and widths', () => {
  fc.assert(
    fc.property(sequences, contextWidth, (texts, contextWidth) => {
      const [rows, reference] = [rowsFor(texts, 'suspect'), rowsFor(texts, 'reference')]
      const options = { ...format, contextWidth, references: [reference] }
      const byRows = rowObservations(texts, rows, options)
      const byLists = topKObservations(texts, listsFor(rows, V), { ...options, k: V })
      expect(byLists.list.map(plain)).toEqual(byRows.list.map(plain))
      const { list: _, access, ...counts } = byRows
      expect(access).toBe('rows')
      expect(byLists).toMatchObject({ ...counts, access: 'top-k', topK: V })
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('of a wide vocabulary, the hundred likeliest are those that rows give, ties and all', () => {
  const size = 3 * MOST_TOKENS
  const wide = { contextWidth: 1, vocabularySize: size }
  const texts = [[1, 2, 3, 4]]
  const rows = rowsFor(texts, 'wide', size)
  const byRows = rowObservations(texts, rows, wide)
  const byLists = topKObservations(texts, listsFor(rows, size, size), { ...wide, k: MOST_TOKENS })
  expect(byLists.list.map(plain)).toEqual(byRows.list.map(plain))
})

test('cutting lists to k beforehand changes nothing, nor does the order within a list', () => {
  fc.assert(
    fc.property(sequences, fc.integer({ min: 1, max: V }), fc.integer(), (texts, k, seed) => {
      const rows = rowsFor(texts, `cut ${seed}`)
      const random = seedrandom(`shuffle ${seed}`)
      const shuffled = listsFor(rows, V).map((lists) =>
        lists.map((list) => [...list].sort(() => random() - 0.5)),
      )
      const references = [rowsFor(texts, 'reference'), listsFor(rowsFor(texts, 'other'), 3)]
      const options = { ...format, k, references }
      expect(topKObservations(texts, shuffled, options)).toEqual(
        topKObservations(texts, listsFor(rows, k), options),
      )
    }),
    { seed: 2, numRuns: 200 },
  )
})

test('scored are the tokens that the suspect lists, whatever references say', () => {
  fc.assert(
    fc.property(sequences, fc.integer({ min: 1, max: 3 }), fc.integer(), (texts, k, seed) => {
      const lists = listsFor(rowsFor(texts, 'suspect'), k)
      const references = [rowsFor(texts, `r ${seed}`), listsFor(rowsFor(texts, `s ${seed}`), 5)]
      const alone = topKObservations(texts, lists, { ...format, k })
      const beside = topKObservations(texts, lists, { ...format, k, references })
      const scored = (list: readonly Observation[]) =>
        list.map((observation) => ({ ...plain(observation), references: [] }))
      expect(scored(beside.list)).toEqual(scored(alone.list))
    }),
    { seed: 3, numRuns: 100 },
  )
})

test('a token that a list leaves out is at half of what the suspect lists last, and so is one that it names below', () => {
  const lists: TopKList[][] = [
    [
      [
        [3, Math.log(0.5)],
        [5, Math.log(0.25)],
        [6, Math.log(0.125)],
      ],
    ],
  ]
  const reference: TopKList[][] = [
    [
      [
        [5, Math.log(0.75)],
        [6, Math.log(0.01)],
        [7, Math.log(0.125)],
      ],
    ],
  ]
  const { list } = topKObservations([[1]], lists, { ...format, k: 3, references: [reference] })
  expect(list.map(plain)).toEqual([
    { window: [1], tokens: [3, 5, 6], weights: [0.5, 0.25, 0.125], references: [[0.0625, 0.75, 0.0625]] },
  ])
  // A whole row says everything: nothing is put in its place. Where a reference says nothing at all, it is a list without entries.
  const row = Float32Array.of(0.5, 0, 0, 0, 0, 0.5, 0, 0)
  const options = { ...format, k: 3, references: [[row], [[row]], [[null]]] }
  expect(topKObservations([[1]], lists, options).list.map(plain)[0]!.references).toEqual([
    [0, 0.5, 0],
    [0, 0.5, 0],
    [0.0625, 0.0625, 0.0625],
  ])
})

test('of an answer, the lists are about its own tokens, and the prompt is what was put', () => {
  const answer: Answer = { prompt: [1, 2], completion: [3, 4] }
  const said: TopKList[] = [[[3, -0.5]], [[4, -0.25]]]
  const observed = topKObservations([answer], [said], { ...format, k: 1 })
  expect(observed.list.map(({ window, tokens }) => [window[0], tokens[0]])).toEqual([
    [2, 3],
    [3, 4],
  ])
  expect(observed.prompts).toBe(promptsDigest([[1, 2]]))
  expect(observed).toMatchObject({ seen: 2, promptOverlap: 1 })
})

test('the law after the last id may be missing', () => {
  const lists: TopKList[] = [[[3, -0.5]], [[4, -0.25]]]
  const shorter = topKObservations([[1, 2]], [lists.slice(0, 1)], { ...format, k: 1 })
  expect(shorter.seen).toBe(1)
  expect(shorter.list).toEqual(topKObservations([[1, 2]], [lists], { ...format, k: 1 }).list.slice(0, 1))
})

test('null: the tokens end elsewhere, so the position is left out and counted', () => {
  const lists = [[[[3, -0.5]], null, [[4, -0.25]]] as (TopKList | null)[]]
  const observed = topKObservations([[1, 2, 4]], lists, { ...format, k: 1 })
  expect(observed).toMatchObject({ seen: 3, notAligned: 1, repeatedWindow: 0 })
  expect(observed.list.map(({ window }) => window[0])).toEqual([1, 4])
})

test('30,000 positions of 100 tokens take seconds, with a reference', { timeout: 60_000 }, () => {
  const size = 4096
  const random = seedrandom('many')
  const ids = Array.from({ length: 300 }, () =>
    Array.from({ length: 100 }, () => Math.floor(size * random())),
  )
  const list: TopKList = Array.from({ length: 100 }, (_, j) => [(37 * j) % size, -1 - j / 10] as const)
  const lists = ids.map((text) => text.map(() => list))
  const options = { contextWidth: 2, vocabularySize: size, k: 100, references: [lists] }
  const { list: kept } = topKObservations(ids, lists, options)
  expect(kept.length).toBeGreaterThan(29_000)
})

describe('probabilities', () => {
  test('exp, in float32', () => {
    const wrong: number[] = []
    for (let x = -110; x <= 0.001; x += 0.000137)
      if (probabilityOf(x) !== Math.fround(Math.exp(x))) wrong.push(x)
    expect(wrong).toEqual([])
    expect(probabilityOf(0)).toBe(1)
    expect(probabilityOf(-9999)).toBe(0)
  })

  test('every float32 comes back from its logarithm', () => {
    fc.assert(
      fc.property(fc.float({ min: Math.fround(1e-44), max: 1, noNaN: true }), (p) => {
        expect(probabilityOf(Math.log(p))).toBe(p)
      }),
      { seed: 4, numRuns: 2000 },
    )
  })
})

describe('refused by name', () => {
  const good: TopKList[][] = [[[[3, -0.5]], [[4, -0.25]]]]
  const call = (lists: unknown, options: object = {}) =>
    topKObservations([[1, 2]], lists as TopKList[][], { ...format, k: 2, ...options })

  test.each([
    ['lists for fewer sequences', [], 'lists'],
    ['no lists', undefined, 'lists'],
    ['a list for the text as a whole', [[[3, -0.5]]], 'lists[0]'],
    ['too many positions', [[[], [], []]], 'lists[0]'],
    ['a token outside', [[[[V, -1]], []]], 'lists[0][0][0][0]'],
    ['a token that is text', [[[['a', -1]], []]], 'lists[0][0][0][0]'],
    [
      'a token twice',
      [
        [
          [
            [3, -1],
            [3, -2],
          ],
          [],
        ],
      ],
      'lists[0][0][1][0]',
    ],
    ['a probability', [[[[3, 0.5]], []]], 'lists[0][0][0][1]'],
    ['no number', [[[[3, Number.NaN]], []]], 'lists[0][0][0][1]'],
    ['a triple', [[[[3, -1, 0]], []]], 'lists[0][0][0]'],
    ['an object', [[[{ token: 3, logprob: -1 }], []]], 'lists[0][0][0]'],
  ])('%s', (_, lists, name) => {
    expectRefusal(() => call(lists), name)
  })

  test.each([
    [{ k: 0 }, 'options.k'],
    [{ k: MOST_TOKENS + 1 }, 'options.k'],
    [{ k: undefined }, 'options.k'],
    [{ references: [[]] }, 'options.references[0]'],
    [{ references: {} }, 'options.references'],
    [{ references: [[[[[3, 1]], []]]] }, 'options.references[0][0][0][0][1]'],
    [{ references: [[new Float32Array(V - 1)]] }, 'options.references[0][0]'],
    [{ references: [[[new Float32Array(V - 1), null]]] }, 'options.references[0][0][0]'],
    [{ windows: 'all' }, 'options.windows'],
    [{ markedText: [[1]] }, 'options.markedText'],
    [{ windows: 'globally-first', markedText: [[V]] }, 'options.markedText[0][0]'],
    [{ endOfText: 1 }, 'options'],
  ])('option %j', (options, name) => {
    expectRefusal(() => call(good, options), name)
  })
})
