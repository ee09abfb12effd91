/**
 * Observations: which positions and tokens are looked at, held against a reading of the rule that is as slow as it is plain, and
 * what is refused before a key comes near.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  assertObservations,
  MOST_TOKENS,
  type Observations,
  rowObservations,
  textObservations,
} from '../../src/distill/observations.ts'
import { promptsDigest } from '../../src/plan/plan.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const V = 8
const format = { contextWidth: 1, vocabularySize: V }

/** Window and first token of each observation, as text: "1 2>3". */
function shown({ list }: Observations): string[] {
  return list.map(({ window, tokens }) => `${Array.from(window).join(' ')}>${tokens[0]}`)
}

/** The rule in words: scored is each position of the answer whose window is complete and ends nowhere earlier in the context. */
function plainReading(
  ids: readonly number[],
  { from, contextWidth }: { from: number; contextWidth: number },
): { kept: number[]; seen: number } {
  const windowAt = (i: number) => ids.slice(i - contextWidth, i).join(' ')
  const all = ids.map((_, i) => i).filter((i) => i >= from && i >= contextWidth)
  const kept = all.filter((i) => {
    const earlier = ids.map((_, j) => j).filter((j) => j >= contextWidth && j < i)
    return contextWidth === 0 || !earlier.some((j) => windowAt(j) === windowAt(i))
  })
  return { kept, seen: all.length }
}

const ids = fc.array(fc.nat(3), { maxLength: 20 })
const answers = fc.array(fc.record({ prompt: ids, completion: ids }), { maxLength: 4 })
const contextWidth = fc.nat(4)

describe('text', () => {
  test('one token of weight 1 after each window that is new in its context, prompt included', () => {
    const observed = textObservations([{ prompt: [1, 2], completion: [3, 1, 2, 4] }], format)
    // Windows 1 and 2 of the completion were in the prompt: what follows could be copied.
    expect(observed.list).toEqual([
      { window: [2], tokens: [3], weights: [1], references: [] },
      { window: [3], tokens: [1], weights: [1], references: [] },
    ])
    expect(observed).toMatchObject({ access: 'text', ...format, references: 0, seen: 4, repeatedWindow: 2 })
  })

  test('each answer is a context of its own', () => {
    const answer = { prompt: [1], completion: [2] }
    expect(shown(textObservations([answer, answer], format))).toEqual(['1>2', '1>2'])
  })

  test.each([
    { contextWidth: 0, expected: ['>3', '>1', '>2', '>4'], seen: 4 },
    { contextWidth: 2, expected: ['1 2>3', '2 3>1', '3 1>2'], seen: 4 },
    { contextWidth: 3, expected: ['1 2 3>1', '2 3 1>2', '3 1 2>4'], seen: 3 },
    { contextWidth: 4, expected: ['1 2 3 1>2', '2 3 1 2>4'], seen: 2 },
  ])('width $contextWidth', ({ contextWidth, expected, seen }) => {
    const observed = textObservations([{ prompt: [1, 2], completion: [3, 1, 2, 4] }], {
      ...format,
      contextWidth,
    })
    expect(shown(observed)).toEqual(expected)
    expect(observed.seen).toBe(seen)
    expect(observed.list.length + observed.repeatedWindow).toBe(seen)
  })

  test('is the plain reading of the rule, for any answers and widths', () => {
    fc.assert(
      fc.property(answers, contextWidth, (list, contextWidth) => {
        const observed = textObservations(list, { ...format, contextWidth })
        const readings = list.map(({ prompt, completion }) => {
          const all = [...prompt, ...completion]
          const { kept, seen } = plainReading(all, { from: prompt.length, contextWidth })
          const said = kept.map((i) => `${all.slice(i - contextWidth, i).join(' ')}>${all[i]}`)
          return { said, seen }
        })
        expect(shown(observed)).toEqual(readings.flatMap(({ said }) => said))
        expect(observed.seen).toBe(readings.reduce((total, { seen }) => total + seen, 0))
        expect(observed.repeatedWindow).toBe(observed.seen - observed.list.length)
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('the end of the text is looked at, what follows it is not; a prompt may hold one', () => {
    const ended = { prompt: [0, 1], completion: [2, 0, 5, 6] }
    const observed = textObservations([ended, { prompt: [1], completion: [4] }], { ...format, endOfText: 0 })
    expect(shown(observed)).toEqual(['1>2', '2>0', '1>4'])
    expect(observed.seen).toBe(3)
    expect(shown(textObservations([ended], format))).toEqual(['1>2', '2>0', '5>6'])
  })

  test.each([
    { what: 'no answers', list: [] },
    { what: 'nothing said', list: [{ prompt: [1, 2], completion: [] }] },
    { what: 'no prompt and one token: no window', list: [{ prompt: [], completion: [3] }] },
  ])('$what: no observations', ({ list }) => {
    expect(textObservations(list, format)).toMatchObject({ list: [], seen: 0, repeatedWindow: 0 })
  })

  test('typed arrays are read as plain ones, and nothing is written into them', () => {
    const answer = { prompt: Uint32Array.of(1, 2), completion: Int32Array.of(3, 1, 2, 4) }
    expect(shown(textObservations([answer], format))).toEqual(['2>3', '3>1'])
    expect(answer).toEqual({ prompt: Uint32Array.of(1, 2), completion: Int32Array.of(3, 1, 2, 4) })
  })

  test('names the prompts as the plan does, in their order; the answers are no part of it', () => {
    const digestOf = (...list: Answer[]) => textObservations(list, format).prompts
    const [a, b] = [
      { prompt: [1, 2], completion: [3] },
      { prompt: [4], completion: [5] },
    ]
    expect(digestOf(a, b)).toBe(promptsDigest([[1, 2], [4]]))
    expect(digestOf({ ...a, completion: [] }, b)).toBe(digestOf(a, b))
    expect(digestOf(b, a)).not.toBe(digestOf(a, b))
    expect(digestOf({ prompt: [1], completion: [2, 3] }, b)).not.toBe(digestOf(a, b))
  })

  test.each([
    ['an id beyond the vocabulary', [{ prompt: [1], completion: [V] }], 'answers[0].completion[0]'],
    ['a negative id', [{ prompt: [-1], completion: [] }], 'answers[0].prompt[0]'],
    ['a bigint', [{ prompt: [1n], completion: [] }], 'answers[0].prompt[0]'],
    ['an answer without a completion', [{ prompt: [1] }], 'answers[0].completion'],
    ['text instead of ids', [{ prompt: [], completion: 'abc' }], 'answers[0].completion'],
    ['nothing for an answer', [{ prompt: [], completion: [] }, null], 'answers[1]'],
    ['a hole in the list', new Array(1), 'answers[0]'],
    ['a list of ids', [[1, 2]], 'answers[0]'],
    ['a typed array', Uint32Array.of(1), 'answers[0]'],
  ])('%s is refused by name', (_, list, name) => {
    expectRefusal(() => textObservations(list as Answer[], format), name)
  })

  test.each([
    ['contextWidth', 5],
    ['contextWidth', -1],
    ['contextWidth', undefined],
    ['vocabularySize', 1],
    ['vocabularySize', '8'],
    ['endOfText', V],
    ['endOfText', -1],
    ['endOfText', null],
  ])('option %s = %j is refused by name', (name, value) => {
    const options = { ...format, [name]: value } as typeof format
    expectRefusal(() => textObservations([], options), `options.${name}`)
  })

  test('a misspelt option is refused: the end of the text would be read past', () => {
    expectRefusal(() => textObservations([], { ...format, endofText: 0 } as typeof format), 'options')
  })
})

describe('rows', () => {
  /** Rows that can be told apart: position and token can be read off each probability. */
  function numberedRows(sequences: readonly (readonly number[])[], about: { model: number; size?: number }) {
    const { model, size = V } = about
    return sequences.map((ids, s) =>
      Float32Array.from({ length: ids.length * size }, (_, at) => (1 + model + 2 * s + 4 * at) / 4096),
    )
  }

  test('the row after ids[0..i] is the law after the window that ends at i', () => {
    const sequences = [[1, 2, 1], [3]]
    const rows = numberedRows(sequences, { model: 0 })
    const references = [numberedRows(sequences, { model: 1 })]
    const observed = rowObservations(sequences, rows, { ...format, references })
    const tokens = Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7)
    const rowAt = (of: Float32Array[], s: number, i: number) =>
      Float64Array.from(of[s]!.slice(i * V, (i + 1) * V))
    // The last window of the first sequence, 1, is its first one again.
    expect(observed.list).toEqual(
      [
        { window: [1], s: 0, i: 0 },
        { window: [2], s: 0, i: 1 },
        { window: [3], s: 1, i: 0 },
      ].map(({ window, s, i }) => ({
        window,
        tokens,
        weights: rowAt(rows, s, i),
        references: [rowAt(references[0]!, s, i)],
      })),
    )
    expect(observed).toMatchObject({ access: 'rows', ...format, references: 1, seen: 4, repeatedWindow: 1 })
    expect(observed.prompts).toBe(promptsDigest(sequences))
  })

  test('positions and windows are those of the plain reading, for any sequences and widths', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 4 }), contextWidth, (sequences, contextWidth) => {
        const rows = numberedRows(sequences, { model: 0 })
        const observed = rowObservations(sequences, rows, { ...format, contextWidth })
        const expected = sequences.flatMap((ids, s) => {
          // Also what follows the last id is judged, and nothing is before the first.
          const { kept } = plainReading([...ids, 0], { from: 1, contextWidth })
          return kept.map((i) => ({ window: ids.slice(i - contextWidth, i), first: rows[s]![(i - 1) * V] }))
        })
        expect(observed.list.map(({ window, weights }) => ({ window, first: weights[0] }))).toEqual(expected)
        expect(observed.seen - observed.repeatedWindow).toBe(expected.length)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  describe('of a wide row the most probable tokens', () => {
    const size = 3 * MOST_TOKENS
    const wide = { contextWidth: 1, vocabularySize: size }

    /** Few different values, so that ties are everywhere. */
    function rowWithTies(seed: string, values: number): Float32Array {
      const random = seedrandom(seed)
      return Float32Array.from({ length: size }, () => Math.floor(values * random()) / 1000)
    }
    const kept = (row: Float32Array, references: readonly Float32Array[] = []) =>
      rowObservations([[0]], [row], { ...wide, references: references.map((r) => [r]) }).list[0]!

    test.each([1, 2, 5, 20, 900])('ties go to the lowest ids, among %d values', (values) => {
      const row = rowWithTies(`ties ${values}`, values)
      const best = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, MOST_TOKENS)
      const { tokens, weights } = kept(row)
      expect(Array.from(tokens)).toEqual(best.sort((a, b) => a - b))
      expect(Array.from(weights)).toEqual(Array.from(tokens, (v) => row[v]))
    })

    test('zero and minus zero are one value', () => {
      const row = new Float32Array(size).map((_, v) => (v % 2 === 0 ? -0 : 0))
      expect(Array.from(kept(row).tokens)).toEqual(Array.from({ length: MOST_TOKENS }, (_, v) => v))
    })

    test('references have no say in it', () => {
      const row = rowWithTies('suspect', 900)
      const { tokens } = kept(row)
      const reference = new Float32Array(size).fill(0.0001)
      // A reference that is sure of exactly what the suspect would not say.
      for (let v = 0; v < size; v++) if (!Array.from(tokens).includes(v)) reference[v] = 0.005
      const held = kept(row, [reference])
      expect(held.tokens).toEqual(tokens)
      expect(held.references).toEqual([Float64Array.from(tokens, (v) => reference[v]!)])
    })

    test('up to so many tokens, all of them', () => {
      const options = { contextWidth: 1, vocabularySize: MOST_TOKENS }
      const { list } = rowObservations([[0]], [new Float32Array(MOST_TOKENS)], options)
      expect(list[0]!.tokens).toHaveLength(MOST_TOKENS)
    })
  })

  const one = (values: ArrayLike<number>) => [Float32Array.from(values)]

  test.each([0, -0, 1e-45, 1.0009, 0.3])('a probability of %d is taken as it is', (value) => {
    const { list } = rowObservations([[1]], [new Float32Array(V).fill(value)], format)
    expect(Array.from(list[0]!.weights)).toEqual(new Array(V).fill(Math.fround(value)))
  })

  test.each([Number.NaN, -1e-45, -0.1, 1.0011, 50, Number.POSITIVE_INFINITY])(
    '%d is no probability',
    (value) => {
      const row = new Float32Array(2 * V)
      row[V + 3] = value
      const options = { ...format, references: [one(new Float32Array(2 * V))] }
      expectRefusal(() => rowObservations([[1, 2]], [row], options), 'rows[0][11]')
      const swapped = { ...format, references: [[row]] }
      expectRefusal(
        () => rowObservations([[1, 2]], one(new Float32Array(2 * V)), swapped),
        'options.references[0][0][11]',
      )
    },
  )

  const sequences = [[1, 2]]
  const good = one(new Float32Array(2 * V))
  test.each([
    ['rows for fewer sequences', [], {}, 'rows'],
    ['rows for more sequences', [...good, ...good], {}, 'rows'],
    ['a row too few', one(new Float32Array(V)), {}, 'rows[0]'],
    ['rows of a wider vocabulary', one(new Float32Array(4 * V)), {}, 'rows[0]'],
    ['doubles', [new Float64Array(2 * V)], {}, 'rows[0]'],
    ['plain arrays', [new Array(2 * V).fill(0)], {}, 'rows[0]'],
    ['a hole', new Array(1), {}, 'rows[0]'],
    ['one array for all', good[0], {}, 'rows'],
    ['no rows', undefined, {}, 'rows'],
    ['a reference that is no list', good, { references: [good[0]] }, 'options.references[0]'],
    ['references that are no list', good, { references: {} }, 'options.references'],
    ['no references, said with null', good, { references: null }, 'options.references'],
    ['a reference of other sequences', good, { references: [[...good, ...good]] }, 'options.references[0]'],
    ['an option for text', good, { endOfText: 0 }, 'options'],
    ['a misspelt option', good, { reference: [good] }, 'options'],
  ])('%s: refused by name', (_, rows, options, name) => {
    const call = () =>
      rowObservations(sequences, rows as Float32Array[], { ...format, ...options } as typeof format)
    expectRefusal(call, name)
  })

  test('ids outside the vocabulary are refused by name', () => {
    expectRefusal(() => rowObservations([[1], [V]], [...one([]), ...one([])], format), 'rows[0]')
    const rows = [new Float32Array(V), new Float32Array(V)]
    expectRefusal(() => rowObservations([[1], [V]], rows, format), 'sequences[1][0]')
  })

  test('does not hang on to the rows that were passed', () => {
    const rows = [new Float32Array(V).fill(0.1)]
    const { list } = rowObservations([[1]], rows, format)
    rows[0]!.fill(1)
    expect(list[0]!.weights[0]).toBe(Math.fround(0.1))
  })
})

describe('made here only', () => {
  const observed = textObservations([{ prompt: [1], completion: [2, 3] }], format)

  test('frozen, list included', () => {
    expect(Object.isFrozen(observed)).toBe(true)
    expect(Object.isFrozen(observed.list)).toBe(true)
  })

  test('the real ones pass', () => {
    expect(() => assertObservations(observed, { name: 'observations' })).not.toThrow()
    const rows = rowObservations([[1]], [new Float32Array(V)], format)
    expect(() => assertObservations(rows, { name: 'observations' })).not.toThrow()
  })

  test.each([
    ['a copy', { ...observed }],
    ['a record with them as prototype', Object.create(observed)],
    ['a proxy of them', new Proxy(observed, {})],
    ['what JSON makes of them', JSON.parse(JSON.stringify(observed))],
    ...wrongValues({ except: [] }),
  ])('%s: refused', (_, value) => {
    expectRefusal(() => assertObservations(value, { name: 'observations' }), 'observations')
  })
})
