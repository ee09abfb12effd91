/** From another tokenizer's lists to lists of the provider's ids. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AlignedText,
  alignedLists,
  type SuspectToken,
  type TopKList,
  topKObservations,
  vocabularyOf,
} from '../../src/distill/observations.ts'
import { tokensOf } from '../../src/text/align.ts'
import { expectRefusal } from '../support/wrong-values.ts'

const pieces = ['a', 'b', 'ab', 'ba', 'aba', ' ']
const vocabulary = vocabularyOf(pieces)
const format = { contextWidth: 1, vocabularySize: pieces.length, k: 3 }

/** A text by ids, read by a suspect whose tokens are these. */
function read(
  ids: readonly number[],
  suspect: readonly string[],
  lists: (TopKList | undefined)[],
): AlignedText {
  const provider = tokensOf(ids.map((id) => pieces[id]!))
  const tokens = tokensOf(suspect).map((token, j): SuspectToken => {
    const candidates = lists[j]?.map(([id, logprob]) => ({ text: pieces[id] ?? 'unknown', logprob }))
    return { ...token, ...(candidates && { candidates }) }
  })
  return { text: ids.map((id) => pieces[id]).join(''), suspect: tokens, ids, provider }
}

test('with the same tokenizer the lists are those of the suspect, one place later', () => {
  const list = fc
    .uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 })
    .map((ids): TopKList => ids.map((id, j) => [id, -1 - j]))
  const texts = fc.array(fc.tuple(fc.nat(5), list), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(texts, (said) => {
      const ids = said.map(([id]) => id)
      const lists = said.map(([, list]) => list)
      const asked = read(
        ids,
        ids.map((id) => pieces[id]!),
        lists,
      )
      const made = alignedLists([asked], { vocabulary })
      expect(made.lists).toEqual([lists.slice(1)])
      expect(made.aligned).toBe(made.positions)
      expect(made.known).toBe(made.candidates)
      const direct = topKObservations([ids], [lists.slice(1)], format)
      expect(topKObservations(made.sequences as number[][], made.lists, format)).toEqual(direct)
      const answer = alignedLists([{ ...asked, prompt: [5] }], { vocabulary })
      expect(answer.lists).toEqual([lists])
      expect(answer.sequences).toEqual([{ prompt: [5], completion: ids }])
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('where the tokens end elsewhere there is null, and observations count it', () => {
  // a b|ab a| | : the suspect reads ab|a|ba|space.
  const ids = [0, 1, 2, 0, 5]
  const asked = read(ids, ['ab', 'a', 'ba', ' '], [[[2, -1]], [[0, -1]], [[3, -1]], [[5, -1]]])
  const made = alignedLists([asked], { vocabulary })
  expect(made.lists).toEqual([[null, [[0, -1]], null, [[5, -1]]]])
  expect(made).toMatchObject({ positions: 4, aligned: 2, candidates: 2, known: 2 })
  const observed = topKObservations(made.sequences as number[][], made.lists, format)
  expect(observed).toMatchObject({ seen: 4, notAligned: 2 })
  expect(observed.list.map(({ window, tokens }) => [window[0], tokens[0]])).toEqual(
    [
      [1, 0],
      [0, 5],
    ].slice(0, observed.list.length),
  )
})

test('candidates that are no token of the provider are left out and counted; of two alike the likelier stays', () => {
  const asked = read(
    [0, 1],
    ['a', 'b'],
    [
      undefined,
      [
        [9, -0.1],
        [1, -3],
        [1, -2],
        [1, -4],
      ],
    ],
  )
  const made = alignedLists([asked], { vocabulary })
  expect(made.lists).toEqual([[[[1, -2]]]])
  expect(made).toMatchObject({ candidates: 4, known: 1 })
})

test('texts that several ids stand for are nobody’s, as are ids without a text', () => {
  expect([...vocabularyOf(['a', null, 'b', 'a', ''])]).toEqual([['b', 2]])
})

describe('refused by name', () => {
  const good = read([0, 1], ['a', 'b'], [])
  test.each([
    [[null], 'texts[0]'],
    [{}, 'texts'],
    [[{ ...good, ids: [0] }], 'texts[0].provider'],
    [[{ ...good, ids: 3 }], 'texts[0].ids'],
    [[{ ...good, text: 3 }], 'text'],
    [[{ ...good, suspect: [3] }], 'suspect[0]'],
  ])('texts %#', (texts, name) => {
    expectRefusal(() => alignedLists(texts as AlignedText[], { vocabulary }), name)
  })

  test('pieces that are no text', () => {
    expectRefusal(() => vocabularyOf([1 as never]), 'pieces[0]')
    expectRefusal(() => vocabularyOf('ab' as never), 'pieces')
  })
})
