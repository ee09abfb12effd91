/**
 * Ids to text and back: what is said to survive does, in runs that the reader has too; what was spoilt on purpose is found, and nothing
 * else. With a toy tokenizer (byte pair encoding over three letters) and with the bundled one on human text.
 */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoTokenizer, env } from '@xenova/transformers'
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Retokenised, retokenise, type TextCodec } from '../../src/text/retokenise.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

/** Pieces by id: letters first, then each merge of two former pieces. */
function toyTokenizer(merges: readonly (readonly [number, number])[]): {
  pieces: string[]
  codec: TextCodec
} {
  const pieces = ['a', 'b', 'c']
  const ranks = new Map<string, number>()
  for (const [left, right] of merges) {
    const [a, b] = [left % pieces.length, right % pieces.length]
    const piece = pieces[a]! + pieces[b]!
    if (pieces.includes(piece)) continue
    ranks.set(`${a},${b}`, pieces.length)
    pieces.push(piece)
  }
  return {
    pieces,
    codec: {
      decode: (ids) => ids.map((id) => pieces[id]).join(''),
      encode(text) {
        const ids = Array.from(text, (letter) => pieces.indexOf(letter))
        for (;;) {
          let [best, place] = [Infinity, -1]
          for (let i = 0; i + 1 < ids.length; i++) {
            const rank = ranks.get(`${ids[i]},${ids[i + 1]}`) ?? Infinity
            if (rank < best) [best, place] = [rank, i]
          }
          if (place < 0) return ids
          ids.splice(place, 2, best)
        }
      },
    },
  }
}

const toys = fc
  .array(fc.tuple(fc.nat(20), fc.nat(20)), { minLength: 1, maxLength: 12 })
  .map(toyTokenizer)
  .chain(({ pieces, codec }) =>
    fc.record({
      codec: fc.constant(codec),
      ids: fc.array(fc.nat(pieces.length - 1), { maxLength: 60 }),
    }),
  )

/** Everything that a result says of itself, whatever the tokenizer. */
function expectSound(given: readonly number[], { ids, survives, spans, skip }: Retokenised): void {
  expect(survives).toHaveLength(given.length)
  let [i, j] = [0, 0]
  for (const { from, to, againFrom, againTo } of spans) {
    // What lies before the span agrees, one by one.
    expect(from - i).toBe(againFrom - j)
    expect(given.slice(i, from)).toEqual(ids.slice(j, againFrom))
    expect(to - from + (againTo - againFrom)).toBeGreaterThan(0)
    for (let k = i; k < from; k++) expect(survives[k]).toBe(true)
    for (let k = from; k < to; k++) expect(survives[k]).toBe(false)
    ;[i, j] = [to, againTo]
  }
  expect(given.slice(i)).toEqual(ids.slice(j))
  for (let k = i; k < given.length; k++) expect(survives[k]).toBe(true)
  const expected = given.flatMap((_, k) => {
    const inserted = spans.some(({ from, to }) => from === to && from === k)
    return !survives[k] || inserted ? [k] : []
  })
  expect(skip).toEqual(expected)
}

describe('a toy tokenizer', () => {
  test('what it says holds, for any ids', () => {
    let changed = 0
    fc.assert(
      fc.property(toys, ({ codec, ids }) => {
        const result = retokenise(ids, codec)
        expect(result.text).toBe(codec.decode([...ids]))
        expect(result.ids).toEqual(codec.encode(result.text))
        expectSound(ids, result)
        if (result.spans.length > 0) changed++
      }),
      { seed: 1, numRuns: 1000 },
    )
    expect(changed).toBeGreaterThan(300)
  })

  test.each([0, 1, 2, 3, 4])(
    'a pair of width %i that touches no skipped position is one that the reader has',
    (width) => {
      let untouched = 0
      fc.assert(
        fc.property(toys, ({ codec, ids }) => {
          const { ids: again, skip } = retokenise(ids, codec)
          const read = new Set(again.map((_, j) => (j < width ? '' : again.slice(j - width, j + 1).join())))
          for (let i = width; i < ids.length; i++) {
            if (skip.some((k) => k >= i - width && k <= i)) continue
            untouched++
            expect(read).toContain(ids.slice(i - width, i + 1).join())
          }
        }),
        { seed: 2, numRuns: 500 },
      )
      expect(untouched).toBeGreaterThan(100)
    },
  )

  test('what the tokenizer chose itself survives as a whole', () => {
    fc.assert(
      fc.property(toys, ({ codec, ids }) => {
        const chosen = Array.from(codec.encode(codec.decode([...ids])))
        const { survives, spans, skip } = retokenise(chosen, codec)
        expect([spans, skip]).toEqual([[], []])
        expect(survives).toEqual(chosen.map(() => true))
      }),
      { seed: 3, numRuns: 300 },
    )
  })
})

describe('by hand', () => {
  /** A tokenizer that gives back what it is told to. */
  const giving = (again: readonly number[]): TextCodec => ({ decode: () => 'text', encode: () => again })
  const long = [1, 2, 3, 4, 5, 6, 7, 8, 9]

  test.each<[string, number[], number[], number[][], number[]]>([
    ['nothing', [], [], [], []],
    ['the same', long, long, [], []],
    ['two ids become one', long, [1, 2, 3, 30, 6, 7, 8, 9], [[3, 5, 3, 4]], [3, 4]],
    ['one id becomes two', long, [1, 2, 3, 30, 31, 5, 6, 7, 8, 9], [[3, 4, 3, 5]], [3]],
    ['one id more at the beginning', long, [0, ...long], [[0, 0, 0, 1]], [0]],
    ['one id more in between', long, [1, 2, 3, 30, 4, 5, 6, 7, 8, 9], [[3, 3, 3, 4]], [3]],
    ['one id more at the end', long, [...long, 0], [[9, 9, 9, 10]], []],
    ['one id fewer', long, [1, 2, 3, 5, 6, 7, 8, 9], [[3, 4, 3, 3]], [3]],
    ['all gone', long, [], [[0, 9, 0, 0]], long.map((_, i) => i)],
    ['all from nowhere', [], long, [[0, 0, 0, 9]], []],
    ['nothing in common', [1, 2, 3], [4, 5], [[0, 3, 0, 2]], [0, 1, 2]],
    ['the ending is kept, however short', [1, 2, 3, 9], [1, 7, 9], [[1, 3, 1, 2]], [1, 2]],
    [
      'a run of two between two changes is doubtful',
      [1, 2, 50, 6, 7, 51, 3, 4, 5],
      [1, 2, 60, 6, 7, 61, 3, 4, 5],
      [[2, 6, 2, 6]],
      [2, 3, 4, 5],
    ],
    [
      'a run of three is not',
      [1, 2, 50, 6, 7, 8, 51, 3, 4, 5],
      [1, 2, 60, 6, 7, 8, 61, 3, 4, 5],
      [
        [2, 3, 2, 3],
        [6, 7, 6, 7],
      ],
      [2, 6],
    ],
    [
      'repeats: the nearest place',
      [1, 5, 5, 5, 5, 9, 9, 9],
      [2, 3, 5, 5, 5, 5, 9, 9, 9],
      [[0, 1, 0, 2]],
      [0],
    ],
  ])('%s', (_, given, again, spans, skip) => {
    const result = retokenise(given, giving(again))
    expect(result.spans.map(({ from, to, againFrom, againTo }) => [from, to, againFrom, againTo])).toEqual(
      spans,
    )
    expect(result.skip).toEqual(skip)
    expectSound(given, result)
  })

  test('ids of any kind of array, theirs and ours', () => {
    for (const kind of [Uint32Array, Int32Array])
      expect(retokenise(kind.from(long), giving(kind.from(long) as never)).ids).toEqual(long)
  })

  test('frozen, and the ids given are left as they were', () => {
    const given = [1, 2, 3]
    const codec: TextCodec = {
      decode(ids) {
        ids.fill(0)
        return ''
      },
      encode: () => [1, 2, 4],
    }
    const result = retokenise(given, codec)
    expect(given).toEqual([1, 2, 3])
    expect(result.spans).toHaveLength(1)
    for (const record of [result, result.ids, result.survives, result.spans, result.spans[0], result.skip])
      expect(Object.isFrozen(record)).toBe(true)
  })

  test('a hundred thousand ids with a change every tenth', () => {
    const given = Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0)
    const again = given.flatMap((id, i) => (i % 10 === 5 ? [1, 2] : [id]))
    const { spans, skip } = retokenise(given, giving(again))
    expect(spans).toHaveLength(10_000)
    expect(skip).toEqual(given.flatMap((_, i) => (i % 10 === 5 ? [i] : [])))
  })
})

describe('the bundled tokenizer', () => {
  let codec: TextCodec
  let text: string
  beforeAll(async () => {
    const lab = new URL('../../benchmarks/lab/', import.meta.url)
    env.allowRemoteModels = false
    env.useFSCache = false
    env.localModelPath = dirname(fileURLToPath(new URL('teacher', lab)))
    const tokenizer = await AutoTokenizer.from_pretrained('teacher')
    const raw = { skip_special_tokens: false, clean_up_tokenization_spaces: false }
    codec = {
      encode: (text) => tokenizer.encode(text, null, { add_special_tokens: false }),
      decode: (ids) => tokenizer.decode(ids, raw),
    }
    text = await readFile(new URL('corpora/Doyle_Hound_1902.txt', lab), 'utf8')
  })

  test('its own ids of human text survive', () => {
    const ids = Array.from(codec.encode(text.slice(0, 50_000)))
    const result = retokenise(ids, codec)
    expect(result.text).toBe(text.slice(0, 50_000))
    expect([result.spans, result.skip]).toEqual([[], []])
  })

  test('ids split in two are found, and those around them survive', () => {
    const ids = Array.from(codec.encode(text.slice(0, 40_000)))
    const random = seedrandom('split')
    const spoilt: number[] = []
    const wrong: number[] = []
    for (const id of ids) {
      const piece = codec.decode([id])
      const halves = random() < 0.05 && /^ ?[a-z]{4,}$/.test(piece) ? halvesOf(id, piece) : undefined
      if (halves) wrong.push(spoilt.length, spoilt.length + 1)
      spoilt.push(...(halves ?? [id]))
    }
    expect(wrong.length).toBeGreaterThan(100)
    const result = retokenise(spoilt, codec)
    expect(result.ids).toEqual(ids)
    expectSound(spoilt, result)
    // Each split is lost; what else is lost lies between two splits that are near.
    expect(wrong.filter((i) => result.survives[i])).toEqual([])
    for (const i of result.skip)
      if (!wrong.includes(i)) expect(wrong.some((k) => Math.abs(k - i) <= 3)).toBe(true)
    // The same text lies under both sides of each span.
    for (const { from, to, againFrom, againTo } of result.spans)
      expect(codec.decode(spoilt.slice(from, to))).toBe(codec.decode(ids.slice(againFrom, againTo)))
  })

  /** Two ids whose pieces make up a piece. */
  function halvesOf(id: number, piece: string): number[] | undefined {
    const [left, right] = [piece.slice(0, 3), piece.slice(3)].map((half) => Array.from(codec.encode(half)))
    const halves = [...left!, ...right!]
    return halves.length === 2 && codec.decode(halves) === codec.decode([id]) ? halves : undefined
  }

  test('ids drawn at random, broken characters included', () => {
    const random = seedrandom('random ids')
    const ids = Array.from({ length: 2000 }, () => Math.floor(random() * 2048))
    const result = retokenise(ids, codec)
    expectSound(ids, result)
    expect(result.skip.length).toBeGreaterThan(0)
    expect(result.survives.filter(Boolean).length).toBeGreaterThan(0)
  })
})

describe('refuses', () => {
  const codec: TextCodec = { encode: () => [1], decode: () => '' }
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('ids: %s', (_, ids) => {
    expectRefusal(() => retokenise(ids as number[], codec), 'ids')
  })
  test.each([-1, 0.5, Number.NaN, 2 ** 32, '1', 1n, null])('an id: %s', (id) => {
    expectRefusal(() => retokenise([1, id as number], codec), 'ids[1]')
  })
  test.each(wrongValues({ except: [] }))('a tokenizer: %s', (_, wrong) => {
    expectRefusal(() => retokenise([1], wrong as TextCodec), 'tokenizer')
  })
  test.each(wrongValues({ except: ['function'] }))('its functions: %s', (_, wrong) => {
    for (const name of ['encode', 'decode'])
      expectRefusal(() => retokenise([1], { ...codec, [name]: wrong }), `tokenizer.${name}`)
  })
  test.each(wrongValues({ except: ['string'] }))('no text: %s', (_, wrong) => {
    expectRefusal(() => retokenise([1], { ...codec, decode: () => wrong as string }), 'tokenizer.decode')
  })
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('no ids: %s', (_, wrong) => {
    expectRefusal(() => retokenise([1], { ...codec, encode: () => wrong as number[] }), 'tokenizer.encode')
  })
  test('a function that is async', () => {
    const async = { ...codec, decode: async () => 'text' } as unknown as TextCodec
    expectRefusal(() => retokenise([1], async), 'tokenizer.decode')
  })
})
