/** Which positions are kept, and what the order of the answers may change: nothing but the order of the list, or what is new. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  type Observation,
  type Observations,
  rowObservations,
  type TextOptions,
  type TopKList,
  textObservations,
  topKObservations,
} from '../../src/distill/observations.ts'

const V = 6
const format = { contextWidth: 1, vocabularySize: V }
const first = { ...format, windows: 'globally-first' as const }

const ids = fc.array(fc.nat(V - 1), { maxLength: 12 })
const answers = fc.array(fc.record({ prompt: ids, completion: ids }), { maxLength: 5 })
const widths = fc.nat(4)

const shown = ({ list }: { list: readonly Observation[] }): string[] =>
  list.map(({ window, tokens }) => `${Array.from(window).join(' ')}>${tokens[0]}`)

test('distinct pairs: the order of the answers changes the order of the list and nothing else', () => {
  fc.assert(
    fc.property(answers, widths, fc.boolean(), (list, contextWidth, withReference) => {
      const observe = (given: readonly Answer[]): Observations => {
        const references = [
          given.map(({ completion }) => Array.from(completion).map((v): TopKList => [[v, -1]])),
        ]
        const options = { ...format, contextWidth, ...(withReference && { references }) }
        return textObservations(given, options)
      }
      const [there, back] = [observe(list), observe(list.toReversed())]
      const { list: a, prompts: _, ...counts } = there
      const { list: b, prompts: __, ...again } = back
      expect(again).toEqual(counts)
      expect(shown({ list: b }).toSorted()).toEqual(shown({ list: a }).toSorted())
    }),
    { seed: 1, numRuns: 200 },
  )
})

describe('globally first', () => {
  test('a window counts where it is new: marked text, prompts, answers and the seams between', () => {
    const list = [
      { prompt: [1, 2], completion: [3, 1, 4] },
      { prompt: [4, 0], completion: [3, 5] },
    ]
    const observed = textObservations(list, first)
    // 2 and 3; 1 was in the prompt. Then 0; and 3 was in the answer before.
    expect(shown(observed)).toEqual(['2>3', '3>1', '0>3'])
    expect(observed).toMatchObject({ seen: 5, repeatedWindow: 1, burned: 1, windows: 'globally-first' })
    const known = textObservations(list, { ...first, markedText: [[5, 3], [0]] })
    expect(shown(known)).toEqual(['2>3'])
    expect(known).toMatchObject({ seen: 5, repeatedWindow: 1, burned: 3 })
  })

  test('across the seam of prompt and answer, at width 2', () => {
    const list = [
      { prompt: [1, 2], completion: [3, 4] },
      { prompt: [2], completion: [3, 5] },
    ]
    expect(shown(textObservations(list, { ...first, contextWidth: 2 }))).toEqual(['1 2>3', '2 3>4'])
  })

  test('is the plain reading of the rule, for any answers, marked texts and widths', () => {
    fc.assert(
      fc.property(answers, fc.array(ids, { maxLength: 2 }), widths, (list, markedText, contextWidth) => {
        const observed = textObservations(list, { ...first, contextWidth, markedText })
        const before = new Set<string>()
        const windowAt = (text: readonly number[], i: number) => text.slice(i - contextWidth, i).join(' ')
        const take = (text: readonly number[]) => {
          for (let i = contextWidth; i <= text.length; i++) before.add(windowAt(text, i))
        }
        for (const text of markedText) take(text)
        const expected: string[] = []
        for (const { prompt, completion } of list) {
          const text = [...prompt, ...completion]
          for (let i = Math.max(contextWidth, prompt.length); i < text.length; i++) {
            const earlier = Array.from({ length: i - contextWidth }, (_, j) =>
              windowAt(text, contextWidth + j),
            )
            const window = windowAt(text, i)
            if (!before.has(window) && !earlier.includes(window)) expected.push(`${window}>${text[i]}`)
          }
          take(text)
        }
        expect(shown(observed)).toEqual(expected)
        expect(observed.list.length + observed.repeatedWindow + observed.burned).toBe(observed.seen)
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  test('an answer that is repeated adds nothing', () => {
    fc.assert(
      fc.property(answers, widths, fc.nat(), (list, contextWidth, which) => {
        fc.pre(list.length > 0)
        const again = [...list, list[which % list.length]!]
        const options = { ...first, contextWidth }
        expect(textObservations(again, options).list).toEqual(textObservations(list, options).list)
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  test('later answers change nothing about earlier ones: nobody can strike out a window whose score is known', () => {
    fc.assert(
      fc.property(answers, answers, widths, (list, later, contextWidth) => {
        const options = { ...first, contextWidth }
        const now = textObservations(list, options).list
        expect(textObservations([...list, ...later], options).list.slice(0, now.length)).toEqual(now)
      }),
      { seed: 4, numRuns: 200 },
    )
  })

  test('every window is kept once at most, and is a window of the other rule', () => {
    fc.assert(
      fc.property(answers, widths, (list, contextWidth) => {
        fc.pre(contextWidth > 0)
        const kept = textObservations(list, { ...first, contextWidth }).list
        const names = kept.map(({ window }) => Array.from(window).join())
        expect(new Set(names).size).toBe(names.length)
        const all = shown(textObservations(list, { ...format, contextWidth }))
        for (const said of shown({ list: kept })) expect(all).toContain(said)
      }),
      { seed: 5, numRuns: 200 },
    )
  })

  test('rows and lists follow the same rule', () => {
    const texts = [
      [1, 2, 1],
      [2, 3],
    ]
    const rows = texts.map(({ length }) => new Float32Array(length * V).fill(0.1))
    const byRows = rowObservations(texts, rows, { ...first, markedText: [[3]] })
    expect(byRows.list.map(({ window }) => window[0])).toEqual([1, 2])
    expect(byRows).toMatchObject({ seen: 5, repeatedWindow: 1, burned: 2 })
    const lists = texts.map((text) => text.map(() => [[0, -1]] as TopKList))
    const byLists = topKObservations(texts, lists, { ...first, markedText: [[3]], k: 1 })
    expect(byLists.list.map(({ window }) => window[0])).toEqual([1, 2])
  })
})

describe('what is reported', () => {
  test('prompt overlap: kept windows that occur inside of any prompt', () => {
    const list = [
      { prompt: [1, 2], completion: [3, 4] },
      { prompt: [3], completion: [5, 0] },
    ]
    // 2 ends its prompt, 3 is one, 3 again; 5 is in none.
    expect(textObservations(list, format)).toMatchObject({ promptOverlap: 3, seen: 4 })
    expect(textObservations(list, { ...format, contextWidth: 2 })).toMatchObject({
      promptOverlap: 1,
      seen: 3,
    })
    const rows = [new Float32Array(2 * V)]
    expect(rowObservations([[1, 2]], rows, format)).toMatchObject({ promptOverlap: 2 })
  })

  test('positions that do not survive as text, and windows that hold one, are left out', () => {
    const list = [{ prompt: [1], completion: [2, 3, 4, 5, 0] }]
    const observe = (skip: number[], contextWidth: number) =>
      textObservations(list, { ...format, contextWidth, skip: [skip] })
    expect(shown(observe([1], 1))).toEqual(['1>2', '4>5', '5>0'])
    expect(observe([1], 1)).toMatchObject({ seen: 5, notAligned: 2 })
    expect(shown(observe([1], 2))).toEqual(['4 5>0'])
    expect(shown(observe([], 1))).toHaveLength(5)
    expect(() => observe([5], 1)).toThrow('options.skip[0][0]')
    expect(() => textObservations(list, { ...format, skip: [] } as TextOptions)).toThrow('options.skip')
  })
})
