/**
 * Pieces of a text whose beginning nobody knows: what a piece shows is what the whole shows there, less the few pairs at the cut. Where the
 * first use of a context counts, a piece may count a later use in its stead, and its law stays what it is.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Countable, countable, pairsOf, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { keysOf } from '../support/keys.ts'
import { type Mark, markedIds, markOf, marks } from '../support/marked-texts.ts'
import { SCHEMES } from '../support/schemes.ts'
import { binomialBand } from '../support/tolerance.ts'

/** Distinct pairs, or their contexts, as words. */
function setOf(positions: Countable, part: 'pairs' | 'contexts'): Set<string> {
  const stride = positions.profile.contextWidth + 1
  const words = pairsOf(positions)
  return new Set(
    Array.from({ length: positions.count }, (_, i) =>
      words.subarray(i * stride, (i + 1) * stride - (part === 'contexts' ? 1 : 0)).join(' '),
    ),
  )
}

function missing(from: Set<string>, other: Set<string>): string[] {
  return [...from].filter((pair) => !other.has(pair))
}

/** A text and one cut out of its middle. Few different ids in some, so that much repeats. */
const cuts = marks.chain((mark) =>
  fc
    .record({
      length: fc.integer({ min: 0, max: 80 }),
      choices: fc.constantFrom(1, 10),
      kinds: fc.constantFrom(2, 6, mark.profile.vocabularySize),
      seed: fc.nat(1e6),
      from: fc.nat(80),
      size: fc.nat(80),
    })
    .map(({ kinds, from, size, ...options }) => {
      const ids = markedIds(mark, { ...options, isOffered: (id) => id < kinds })
      const start = Math.min(from, ids.length)
      return { mark, ids, from: start, to: Math.min(ids.length, start + size) }
    }),
)

const countsPairs = ({ profile }: Mark): boolean => profile.scheme === 'green-list'

/** What of a mark may be compared between a text and a piece of it. */
const comparable = (mark: Mark): 'pairs' | 'contexts' => (countsPairs(mark) ? 'pairs' : 'contexts')

function read({ profile }: Mark, ...documents: TokenDocument[]): Countable {
  return countable(documents, profile)
}

describe('a piece', () => {
  test('shows a part of what the whole shows, and nothing else', () => {
    fc.assert(
      fc.property(cuts, ({ mark, ids, from, to }) => {
        const piece = read(mark, { ids: ids.slice(from, to) })
        const whole = read(mark, { ids })
        expect(missing(setOf(piece, comparable(mark)), setOf(whole, comparable(mark)))).toEqual([])
      }),
      { seed: 1, numRuns: 400 },
    )
  })

  test('and what is left and right of it show the whole, less at most w pairs at each cut', () => {
    fc.assert(
      fc.property(cuts, ({ mark, ids, from, to }) => {
        const parts = [ids.slice(0, from), ids.slice(from, to), ids.slice(to)].map((part) => ({ ids: part }))
        const pieces = setOf(read(mark, ...parts), comparable(mark))
        const whole = setOf(read(mark, { ids }), comparable(mark))
        expect(missing(pieces, whole)).toEqual([])
        expect(missing(whole, pieces).length).toBeLessThanOrEqual(2 * mark.profile.contextWidth)
      }),
      { seed: 2, numRuns: 400 },
    )
  })

  test('scores each pair as the whole does: sums differ by what is missing only', () => {
    fc.assert(
      fc.property(cuts, ({ mark, ids, from, to }) => {
        fc.pre(countsPairs(mark))
        for (const key of mark.keys) {
          const piece = detect(read(mark, { ids: ids.slice(from, to) }), key)
          const whole = detect(read(mark, { ids }), key)
          expect(piece.counted).toBeLessThanOrEqual(whole.counted)
          expect(piece.sum).toBeLessThanOrEqual(whole.sum)
          expect(piece.counted - piece.sum).toBeLessThanOrEqual(whole.counted - whole.sum)
        }
      }),
      { seed: 3, numRuns: 150 },
    )
  })

  test('positive control: pieces glued together show up to w pairs more that the text never had', () => {
    const mark = markOf({ contextWidth: 2 })
    const ids = Array.from({ length: 40 }, (_, i) => i)
    const glued = read(mark, { ids: [...ids.slice(0, 10), ...ids.slice(30)] })
    const apart = read(mark, { ids: ids.slice(0, 10) }, { ids: ids.slice(30) })
    const whole = setOf(read(mark, { ids }), 'pairs')
    expect(missing(setOf(glued, 'pairs'), whole)).toEqual(['8 9 30', '9 30 31'])
    expect(missing(setOf(apart, 'pairs'), whole)).toEqual([])
  })
})

describe('without knowing where the prompt ends', () => {
  test('the prompt’s own pairs are counted as well, and no pair of the answer is lost', () => {
    fc.assert(
      fc.property(cuts, ({ mark, ids, from: promptLength }) => {
        const known = setOf(read(mark, { ids, promptLength }), comparable(mark))
        const unknown = setOf(read(mark, { ids }), comparable(mark))
        expect(missing(known, unknown)).toEqual([])
        expect(unknown.size - known.size).toBeLessThanOrEqual(promptLength)
      }),
      { seed: 4, numRuns: 300 },
    )
  })

  test('a marked answer is found behind a prompt that is not, and in a piece from its middle', () => {
    for (const scheme of Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]) {
      const mark = markOf({ scheme, vocabularySize: 400, contextWidth: 2 })
      const prompt = markedIds(mark, { length: 100, choices: 1 })
      const ids = markedIds(mark, { length: 600, choices: 8, start: prompt })
      for (const piece of [ids, ids.slice(50), ids.slice(211, 411)])
        expect(detect(read(mark, { ids: piece }), mark.keys[0]!).decision).toBe('evidence')
    }
  })

  // Contexts whose first use was cut away are counted at a later use; under other keys that is one pair like any other.
  test('a piece that repeats itself accuses nobody: gumbel, fresh keys, exact rate', () => {
    const { profile } = markOf({ scheme: 'gumbel' })
    const ids = Array.from({ length: 400 }, (_, i) => (i * i) % 37)
    const positions = countable([{ ids: ids.slice(150, 350) }], profile)
    const keyOf = keysOf({ scheme: 'gumbel', bits: 32, param: 0 })
    const [texts, alpha] = [3000, 0.05]
    let count = 0
    for (let seed = 0; seed < texts; seed++)
      if (detect(positions, keyOf(seed)).lnP <= Math.log(alpha)) count++
    const band = binomialBand(texts, alpha, 1e-6)
    expect(count).toBeGreaterThanOrEqual(band.lo)
    expect(count).toBeLessThanOrEqual(band.hi)
  })
})
