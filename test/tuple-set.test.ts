/** The set of tuples against a Map of their texts: exact identity, first insertion order, any number of them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createTupleSet } from '../src/tuple-set.ts'

/** Inserts tuples into the set and into a Map, and compares every answer. */
function compare(width: number, tuples: readonly (readonly number[])[]): void {
  const set = createTupleSet(width)
  const model = new Map<string, number>()
  for (const tuple of tuples) {
    const text = tuple.join()
    const known = model.get(text)
    if (set.find(tuple) !== known || set.size !== model.size)
      expect.fail(`(${text}): found at ${set.find(tuple)}, expected ${known}, size ${set.size}`)
    const expected = known ?? model.size
    model.set(text, expected)
    const index = set.indexOf(tuple)
    if (index !== expected || set.size !== model.size)
      expect.fail(`(${text}): index ${index} of ${set.size}, expected ${expected} of ${model.size}`)
  }
  const words = [...model.keys()].flatMap((text) => (width === 0 ? [] : text.split(',').map(Number)))
  expect(set.toWords()).toEqual(Uint32Array.from(words))
  const atOnce = createTupleSet(width)
  if (width > 0) atOnce.addAll(Uint32Array.from(tuples.flat()))
  else for (const tuple of tuples) atOnce.indexOf(tuple)
  expect(atOnce.size).toBe(set.size)
  expect(atOnce.toWords()).toEqual(set.toWords())
  atOnce.clear()
  expect(atOnce.size).toBe(0)
  for (const tuple of tuples) expect(atOnce.find(tuple)).toBeUndefined()
  for (const [i, tuple] of [...tuples].reverse().entries()) atOnce.add([...tuple, i], 0)
  expect(atOnce.size).toBe(set.size)
}

describe('createTupleSet', () => {
  test('is a set by exact value, for any tuples of any width', () => {
    const word = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constant(2 ** 32 - 1))
    const cases = fc
      .integer({ min: 0, max: 6 })
      .chain((width) =>
        fc.tuple(
          fc.constant(width),
          fc.array(fc.array(word, { minLength: width, maxLength: width }), { maxLength: 200 }),
        ),
      )
    fc.assert(
      fc.property(cases, ([width, tuples]) => compare(width, tuples)),
      { seed: 1, numRuns: 200 },
    )
  })

  test.each([1, 2, 5])('keeps all tuples of width %i as it grows, and knows each again', (width) => {
    // Not all distinct: each comes back, some at once and some after the set has grown.
    const tuples = Array.from({ length: 30_000 }, (_, i) => {
      const id = i % 3 === 0 ? Math.floor(i / 7) : i
      return Array.from({ length: width }, (_, j) => (j === width - 1 ? id : id % (j + 2)))
    })
    compare(width, tuples)
  })

  // Equal low bits, differences in high bits and in one place only: what a careless hash or comparison mixes up.
  test('tells apart tuples that differ in one bit', () => {
    const tuples: number[][] = []
    for (let at = 0; at < 3; at++) {
      for (let bit = 0; bit < 32; bit++) tuples.push([0, 1, 2].map((j) => (j === at ? (1 << bit) >>> 0 : 0)))
    }
    compare(3, [...tuples, ...tuples])
  })

  test('tells apart thousands of tuples that crowd few slots', () => {
    // Multiples of 2^20 differ in bits that hardly reach the slot: 64 of 8192.
    compare(
      1,
      Array.from({ length: 4000 }, (_, i) => [(i * 2 ** 20) % 2 ** 32]),
    )
  })

  test('takes typed arrays, and does not keep the one it was given', () => {
    const set = createTupleSet(2)
    const tuple = Uint32Array.of(1, 2)
    expect(set.indexOf(tuple)).toBe(0)
    tuple[1] = 3
    expect([set.indexOf(tuple), set.indexOf([1, 2]), set.size]).toEqual([1, 0, 2])
    const words = set.toWords()
    words.fill(9)
    expect(set.toWords()).toEqual(Uint32Array.of(1, 2, 1, 3))
  })
})
