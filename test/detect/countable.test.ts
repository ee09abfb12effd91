/**
 * Countable positions: each pair once, no prompt, no incomplete context, nothing after the end; against a plain reading of that
 * sentence, and by hand. Nothing else makes positions that `detect` takes.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Countable,
  type CountableOptions,
  countable,
  pairsOf,
  type TokenDocument,
} from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { retokenise } from '../../src/text/retokenise.ts'
import { profileWithKey } from '../support/keys.ts'
import { ON_DISTRIBUTION, SCHEMES, schemeWithKeys } from '../support/schemes.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const vocabularySize = 64

function profileOf(contextWidth: number): Profile {
  return profileWithKey('countable', { contextWidth, vocabularySize }).profile
}

/** The pairs as lists of ids. */
function listed({ pairs, profile, count }: Countable): number[][] {
  const stride = profile.contextWidth + 1
  expect(pairs).toHaveLength(count * stride)
  return Array.from({ length: count }, (_, i) => [...pairs.subarray(i * stride, (i + 1) * stride)])
}

/** Positions whose ids do not survive as text: none, or a few. */
const skips = fc.oneof(
  fc.constant([]),
  fc.uniqueArray(fc.nat(39), { maxLength: 6 }).map((list) => list.sort((a, b) => a - b)),
)

/** What is countable, said plainly. */
function plainly(
  documents: readonly TokenDocument[],
  contextWidth: number,
  { endOfText, padding }: CountableOptions,
): { pairs: number[][]; skipped: Record<string, number> } {
  const pairs = new Map<string, number[]>()
  const skipped = { prompt: 0, incompleteContext: 0, afterEnd: 0, lost: 0, repeated: 0 }
  for (const { ids: list, promptLength = 0, skip = [] } of documents) {
    const ids = Array.from(list)
    const isLost = (i: number): boolean => skip.some((at) => at >= i - contextWidth && at <= i)
    const end = ids.findIndex((id, i) => i >= promptLength && id === endOfText)
    for (const [i, id] of ids.entries()) {
      const context = ids.slice(Math.max(0, i - contextWidth), i)
      if (i < promptLength) skipped.prompt++
      else if (end >= 0 && i > end) skipped.afterEnd++
      else if (context.length < contextWidth || context.some((c) => c === padding))
        skipped.incompleteContext++
      else if (isLost(i)) skipped.lost++
      else if (pairs.has(String([...context, id]))) skipped.repeated++
      else pairs.set(String([...context, id]), [...context, id])
    }
  }
  return { pairs: [...pairs.values()], skipped }
}

describe('counts what the sentence says', () => {
  // Few ids, so that pairs repeat, prompts meet answers and ends come early.
  const ids = fc.oneof(
    fc.array(fc.nat(3), { maxLength: 40 }),
    fc.array(fc.nat(vocabularySize - 1), { maxLength: 40 }),
  )
  const documents = fc.array(
    fc.tuple(ids, fc.nat(40), fc.boolean(), skips).map(([ids, prompt, typed, skip]) => ({
      ids: typed ? Uint32Array.from(ids) : ids,
      promptLength: Math.min(prompt, ids.length),
      skip: skip.filter((at) => at < ids.length),
    })),
    { maxLength: 5 },
  )
  const optional = fc.option(fc.nat(3), { nil: undefined })

  test.each([0, 1, 2, 3, 4])('contextWidth %i', (contextWidth) => {
    const profile = profileOf(contextWidth)
    fc.assert(
      fc.property(documents, optional, optional, (documents, endOfText, padding) => {
        const options = {
          ...(endOfText === undefined ? {} : { endOfText }),
          ...(padding === undefined ? {} : { padding }),
        }
        const positions = countable(documents, profile, options)
        const { pairs, skipped } = plainly(documents, contextWidth, options)
        expect(listed(positions)).toEqual(pairs)
        expect(positions.count).toBe(pairs.length)
        expect(positions.skipped).toEqual(skipped)
        const { prompt, incompleteContext, afterEnd, lost, repeated } = positions.skipped
        expect(positions.seen).toBe(positions.count + prompt + incompleteContext + afterEnd + lost + repeated)
        expect(positions.seen).toBe(documents.reduce((total, { ids }) => total + ids.length, 0))
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

describe('by hand', () => {
  const profile = profileOf(1)

  test('repeats within a document and across documents count once', () => {
    const positions = countable([{ ids: [0, 1, 0, 1, 2] }, { ids: [1, 2, 0] }], profile)
    expect(listed(positions)).toEqual([
      [0, 1],
      [1, 0],
      [1, 2],
      [2, 0],
    ])
    expect(positions.skipped).toEqual({ prompt: 0, incompleteContext: 2, afterEnd: 0, lost: 0, repeated: 2 })
  })

  test('prompt positions are not counted, but are context', () => {
    expect(listed(countable([{ ids: [5, 6, 7, 8], promptLength: 2 }], profile))).toEqual([
      [6, 7],
      [7, 8],
    ])
    expect(countable([{ ids: [5, 6, 7], promptLength: 3 }], profile).count).toBe(0)
  })

  test('a pair of the prompt that the answer says again is counted there, once', () => {
    const positions = countable([{ ids: [5, 6, 5, 6, 5, 6], promptLength: 2 }], profile)
    expect(listed(positions)).toEqual([
      [6, 5],
      [5, 6],
    ])
  })

  test('a document does not look into the one before it', () => {
    expect(listed(countable([{ ids: [1, 2] }, { ids: [3, 4] }], profile))).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  test('the end of text counts, what follows does not; an end in the prompt ends nothing', () => {
    const options = { endOfText: 9 }
    const positions = countable([{ ids: [9, 1, 9, 2, 9, 3], promptLength: 1 }], profile, options)
    expect(listed(positions)).toEqual([
      [9, 1],
      [1, 9],
    ])
    expect(positions.skipped.afterEnd).toBe(3)
  })

  test('padding on the left is no context; with the same id as the end of text too', () => {
    const wide = profileOf(2)
    const ids = [9, 9, 9, 1, 2, 3, 9, 9, 9]
    expect(listed(countable([{ ids, promptLength: 5 }], wide, { padding: 9, endOfText: 9 }))).toEqual([
      [1, 2, 3],
      [2, 3, 9],
    ])
    expect(listed(countable([{ ids: [9, 9, 1, 2, 3] }], wide, { padding: 9 }))).toEqual([[1, 2, 3]])
    expect(countable([{ ids: [9, 9, 1, 2, 3] }], wide).count).toBe(3)
  })

  test('width 0: each token once', () => {
    expect(listed(countable([{ ids: [4, 4, 2, 4] }], profileOf(0)))).toEqual([[4], [2]])
  })

  test('a pair that touches a position of `skip` is not counted; the same pair elsewhere is', () => {
    const ids = [1, 2, 3, 1, 2, 3]
    expect(listed(countable([{ ids, skip: [1] }], profile))).toEqual([
      [3, 1],
      [1, 2],
      [2, 3],
    ])
    expect(countable([{ ids, skip: [1] }], profile).skipped).toMatchObject({ lost: 2, repeated: 0 })
    expect(countable([{ ids, skip: [0, 1, 2, 3, 4, 5] }], profile).count).toBe(0)
  })

  test('nothing at all', () => {
    for (const documents of [[], [{ ids: [] }], [{ ids: [1] }]]) {
      const positions = countable(documents, profile)
      expect([positions.count, positions.pairs]).toEqual([0, new Uint32Array(0)])
    }
  })

  test('ids of any kind of array of numbers', () => {
    const expected = listed(countable([{ ids: [1, 2, 3] }], profile))
    for (const ids of [Uint32Array.of(1, 2, 3), Int32Array.of(1, 2, 3), Object.freeze([1, 2, 3])])
      expect(listed(countable([{ ids }], profile))).toEqual(expected)
  })

  test('pairs are told apart by value, not by hash: a hundred thousand of them', () => {
    const large = profileWithKey('countable', { contextWidth: 2, vocabularySize: 2 ** 32 }).profile
    const ids = Uint32Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0)
    expect(countable([{ ids }], large).count).toBe(ids.length - 2)
    expect(countable([{ ids }, { ids }], large).count).toBe(ids.length - 2)
  })
})

/** What is countable where contexts are marked once a document, said plainly. */
function plainlyOnce(
  documents: readonly TokenDocument[],
  contextWidth: number,
  { endOfText, padding }: CountableOptions,
): { pairs: number[][]; skipped: Record<string, number> } {
  const pairs = new Map<string, number[]>()
  const skipped = { prompt: 0, incompleteContext: 0, afterEnd: 0, lost: 0, repeated: 0 }
  for (const { ids: list, promptLength = 0, skip = [] } of documents) {
    const ids = Array.from(list)
    const isLost = (i: number): boolean => skip.some((at) => at >= i - contextWidth && at <= i)
    const end = ids.findIndex((id, i) => i >= promptLength && id === endOfText)
    const contextOf = (i: number): number[] => ids.slice(Math.max(0, i - contextWidth), i)
    for (const [i, id] of ids.entries()) {
      const context = contextOf(i)
      const earlier = ids
        .slice(0, i)
        .some((_, j) => j >= contextWidth && String(contextOf(j)) === String(context))
      if (i < promptLength) skipped.prompt++
      else if (end >= 0 && i > end) skipped.afterEnd++
      else if (context.length < contextWidth || context.some((c) => c === padding))
        skipped.incompleteContext++
      else if (isLost(i)) skipped.lost++
      else if (earlier || pairs.has(String([...context, id]))) skipped.repeated++
      else pairs.set(String([...context, id]), [...context, id])
    }
  }
  return { pairs: [...pairs.values()], skipped }
}

describe.each(Object.entries(ON_DISTRIBUTION))(
  '%s: the first use of a context in a document counts',
  (_, scheme) => {
    const ids = fc.oneof(
      fc.array(fc.nat(3), { maxLength: 30 }),
      fc.array(fc.nat(vocabularySize - 1), { maxLength: 30 }),
    )
    const documents = fc.array(
      fc.tuple(ids, fc.nat(30), skips).map(([ids, prompt, skip]) => ({
        ids,
        promptLength: Math.min(prompt, ids.length),
        skip: skip.filter((at) => at < ids.length),
      })),
      { maxLength: 4 },
    )
    const optional = fc.option(fc.nat(3), { nil: undefined })

    test.each([1, 2, 3, 4])('contextWidth %i', (contextWidth) => {
      const { profile } = schemeWithKeys('countable', scheme, { contextWidth, vocabularySize })
      fc.assert(
        fc.property(documents, optional, optional, (documents, endOfText, padding) => {
          const options = {
            ...(endOfText === undefined ? {} : { endOfText }),
            ...(padding === undefined ? {} : { padding }),
          }
          const positions = countable(documents, profile, options)
          const { pairs, skipped } = plainlyOnce(documents, contextWidth, options)
          expect(listed(positions)).toEqual(pairs)
          expect(positions.skipped).toEqual(skipped)
          const { prompt, incompleteContext, afterEnd, lost, repeated } = positions.skipped
          expect(positions.seen).toBe(
            positions.count + prompt + incompleteContext + afterEnd + lost + repeated,
          )
        }),
        { seed: 1, numRuns: 150 },
      )
    })

    test('a context that stands in the prompt is used; another token after it does not count', () => {
      const { profile } = schemeWithKeys('countable', scheme, { vocabularySize })
      expect(listed(countable([{ ids: [5, 6, 7, 5, 8, 7, 9], promptLength: 3 }], profile))).toEqual([
        [7, 5],
        [8, 7],
      ])
    })

    test('a use that is lost is a use: the marker marked it, and left the next one alone', () => {
      const { profile } = schemeWithKeys('countable', scheme, { vocabularySize })
      // The token after the first 7 is lost; the second 7 was not marked.
      expect(listed(countable([{ ids: [7, 5, 8, 7, 9], skip: [1] }], profile))).toEqual([[8, 7]])
      // Another document's first use was marked.
      expect(listed(countable([{ ids: [7, 5], skip: [1] }, { ids: [7, 5] }], profile))).toEqual([[7, 5]])
    })

    test('another document may use it again: the same token counts once, another token is another pair', () => {
      const { profile } = schemeWithKeys('countable', scheme, { vocabularySize })
      const documents = [{ ids: [1, 2, 3] }, { ids: [1, 2, 4] }, { ids: [1, 5] }]
      expect(listed(countable(documents, profile))).toEqual([
        [1, 2],
        [2, 3],
        [2, 4],
        [1, 5],
      ])
    })
  },
)

describe.each(Object.entries(SCHEMES))('%s: repetition', (_, scheme) => {
  const ids = fc.oneof(
    fc.array(fc.nat(3), { minLength: 1, maxLength: 25 }),
    fc.array(fc.nat(vocabularySize - 1), { minLength: 1, maxLength: 25 }),
  )

  test.each([1, 2, 3, 4])(
    'contextWidth %i: a text inside itself adds the seam, a document twice nothing',
    (contextWidth) => {
      const { profile } = schemeWithKeys('repetition', scheme, { contextWidth, vocabularySize })
      const setOf = (documents: TokenDocument[]): Set<string> =>
        new Set(listed(countable(documents, profile)).map(String))
      fc.assert(
        fc.property(ids, ids, fc.integer({ min: 2, max: 4 }), (x, y, times) => {
          const once = setOf([{ ids: x }])
          const repeated = setOf([{ ids: new Array<number[]>(times).fill(x).flat() }])
          expect([...once].every((pair) => repeated.has(pair))).toBe(true)
          expect(repeated.size - once.size).toBeLessThanOrEqual(contextWidth)
          const both = setOf([{ ids: x }, { ids: y }])
          expect(setOf([{ ids: y }, { ids: x }, { ids: y }])).toEqual(both)
        }),
        { seed: 1, numRuns: 150 },
      )
    },
  )
})

describe('ids that do not survive as text', () => {
  const pieces = ['a', 'b', 'ab', 'ba', 'aab', 'bb', 'c']
  /** Takes the longest piece that fits, as its model need not. */
  const codec = {
    encode: (text: string): number[] => {
      const ids: number[] = []
      for (let at = 0; at < text.length; ) {
        const fitting = pieces.filter((piece) => text.startsWith(piece, at))
        const piece = fitting.reduce((a, b) => (b.length > a.length ? b : a))
        ids.push(pieces.indexOf(piece))
        at += piece.length
      }
      return ids
    },
    decode: (ids: number[]): string => ids.map((id) => pieces[id]).join(''),
  }
  // Few 'c' stand between long runs in which ids grow together.
  const texts = fc.array(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 6, 6), { maxLength: 40 })

  test.each([0, 1, 2, 3, 4])(
    'contextWidth %i: without them, what counts is what a reader counts',
    (width) => {
      const profile = profileOf(width)
      let [lost, left, without] = [0, 0, 0]
      fc.assert(
        fc.property(texts, (ids) => {
          const { ids: again, skip } = retokenise(ids, codec)
          const reader = new Set(listed(countable([{ ids: again }], profile)).map(String))
          const missing = (positions: Countable): number =>
            listed(positions).filter((pair) => !reader.has(String(pair))).length
          const positions = countable([{ ids, skip }], profile)
          expect(missing(positions)).toBe(0)
          lost += positions.skipped.lost
          left += positions.count
          without += missing(countable([{ ids }], profile))
        }),
        { seed: 1, numRuns: 150 },
      )
      expect(Math.min(lost, left)).toBeGreaterThan(100)
      // The control: with all of them, pairs count that no reader has. (Of single ids a reader has most somewhere.)
      if (width > 0) expect(without).toBeGreaterThan(100)
    },
  )
})

describe('is the only door', () => {
  const { profile, key } = profileWithKey('door', { vocabularySize })
  const positions = countable([{ ids: Array.from({ length: 65 }, (_, i) => i % 64) }], profile)

  test('positions cannot be written by hand, spread, copied, inherited or parsed', () => {
    const byHand = {
      profile,
      seen: 3,
      count: 2,
      skipped: { prompt: 0, incompleteContext: 1, afterEnd: 0, lost: 0, repeated: 0 },
      pairs: Uint32Array.of(1, 2, 1, 2),
    }
    // @ts-expect-error positions that were not de-duplicated are refused by the compiler
    expectRefusal(() => detect(byHand, key), 'positions')
    // @ts-expect-error so are pairs without more
    expectRefusal(() => detect(byHand.pairs, key), 'positions')
    // @ts-expect-error and documents
    expectRefusal(() => detect([{ ids: [1, 2, 3] }], key), 'positions')
    const others: unknown[] = [
      { ...positions },
      Object.create(positions),
      structuredClone({ ...positions }),
      JSON.parse(JSON.stringify(positions)),
      new Proxy(positions, {}),
    ]
    for (const other of others) expectRefusal(() => detect(other as Countable, key), 'positions')
  })

  test('frozen, and no writing into its pairs brings a repeat back', () => {
    expect(Object.isFrozen(positions)).toBe(true)
    expect(Object.isFrozen(positions.skipped)).toBe(true)
    expect(Object.isFrozen(positions.profile)).toBe(true)
    const before = detect(positions, key)
    const [first, second] = positions.pairs
    positions.pairs.fill(7)
    new Uint32Array(positions.pairs.buffer).fill(7)
    expect([positions.pairs[0], positions.pairs[1]]).toEqual([first, second])
    expect(() => Object.assign(positions, { pairs: Uint32Array.of(7, 7) })).toThrow(TypeError)
    expect(detect(positions, key)).toEqual(before)
    expect(pairsOf(positions)).toEqual(positions.pairs)
  })

  test('changing documents or options afterwards changes nothing', () => {
    const ids = [1, 2, 3, 4]
    const made = countable([{ ids }], profile)
    ids.fill(9)
    expect(listed(made)).toEqual([
      [1, 2],
      [2, 3],
      [3, 4],
    ])
  })
})

describe('refuses', () => {
  const profile = profileOf(1)
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('documents: %s', (_, documents) => {
    expectRefusal(() => countable(documents as TokenDocument[], profile), 'documents')
  })
  test.each(wrongValues({ except: [] }))('a document: %s', (_, document) => {
    expectRefusal(() => countable([document as TokenDocument], profile), 'documents[0]')
  })
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('ids: %s', (_, ids) => {
    expectRefusal(() => countable([{ ids: ids as number[] }], profile), 'documents[0].ids')
  })
  test.each([-1, 64, 0.5, Number.NaN, 2 ** 53, '1', 1n, null, undefined])('an id: %s', (id) => {
    expectRefusal(() => countable([{ ids: [1, id as number] }], profile), 'documents[0].ids[1]')
  })
  test('ids with a hole, and ids of 64 bits', () => {
    expectRefusal(() => countable([{ ids: new Array(3) }], profile), 'documents[0].ids[0]')
    const wide = { ids: BigInt64Array.of(1n) } as unknown as TokenDocument
    expect(expectRefusal(() => countable([wide], profile), 'documents[0].ids[0]').message).toContain(
      'Array.from(ids, Number)',
    )
  })
  test.each(wrongValues({ except: ['integer', 'undefined'] }))('promptLength: %s', (_, promptLength) => {
    const document = { ids: [1, 2, 3], promptLength } as TokenDocument
    expectRefusal(() => countable([document], profile), 'documents[0].promptLength')
  })
  test.each([-1, 4, 2 ** 53])('promptLength: %d of 3', (promptLength) => {
    expectRefusal(() => countable([{ ids: [1, 2, 3], promptLength }], profile), 'documents[0].promptLength')
  })
  test.each([
    [[3], 'documents[0].skip[0]'],
    [[-1], 'documents[0].skip[0]'],
    [[1, 1], 'documents[0].skip[1]'],
    [[2, 1], 'documents[0].skip[1]'],
    [[0.5], 'documents[0].skip[0]'],
    [['1'], 'documents[0].skip[0]'],
    [new Array<number>(1), 'documents[0].skip[0]'],
    [new Set([1]), 'documents[0].skip'],
    [null, 'documents[0].skip'],
  ])('skip: %j of 3', (skip, name) => {
    expectRefusal(() => countable([{ ids: [1, 2, 3], skip: skip as number[] }], profile), name)
  })
  test('a misspelt prompt length', () => {
    const document = { ids: [1, 2], promptLenght: 1 } as TokenDocument
    expectRefusal(() => countable([document], profile), 'documents[0]')
  })
  test.each(wrongValues({ except: [] }))('profile: %s', (_, wrong) => {
    expectRefusal(() => countable([], wrong as Profile), 'profile')
  })
  test.each(wrongValues({ except: ['undefined', 'record', 'object'] }))('options: %s', (_, options) => {
    expectRefusal(() => countable([], profile, options as CountableOptions), 'options')
  })
  test.each(['endOfText', 'padding'])('%s out of range or of another kind', (name) => {
    for (const [, wrong] of wrongValues({ except: ['integer', 'undefined'] }))
      expectRefusal(() => countable([], profile, { [name]: wrong }), `options.${name}`)
    for (const wrong of [-1, 64, 2 ** 53])
      expectRefusal(() => countable([], profile, { [name]: wrong }), `options.${name}`)
  })
  test('a misspelt option', () => {
    expectRefusal(() => countable([], profile, { eos: 1 } as CountableOptions), 'options')
  })
})
