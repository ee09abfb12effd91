/**
 * From observations to coefficients and from these to a sum: nothing depends on the order in which observations come, to the last
 * bit, and every sum is what adding up by hand gives.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contrastPairs } from '../../src/distill/contrast.ts'
import { countInOrder, countPairs } from '../../src/distill/count.ts'
import type { Observation } from '../../src/distill/observations.ts'
import { type Coefficient, poolPairs, type WeightedPairs } from '../../src/distill/pairs.ts'
import { ownPairs, weightedScoreSum } from '../../src/distill/score-pairs.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { createFieldFunction } from '../../src/prf/fields.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { profileWithKey } from '../support/keys.ts'

/** Pairs with their coefficients, as text. */
function shown({ contextWidth, pairs, coefficients }: WeightedPairs): string[] {
  const stride = contextWidth + 1
  return Array.from(coefficients, (a, i) => {
    const words = Array.from(pairs.subarray(i * stride, (i + 1) * stride))
    return `${words.slice(0, -1).join(' ')}>${words.at(-1)} ${a}`
  })
}

function shuffled<T>(list: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length })
}

/** A list and the same list in another order. */
function twoOrders<T>(lists: fc.Arbitrary<T[]>): fc.Arbitrary<[T[], T[]]> {
  return lists.chain((list) => fc.tuple(fc.constant(list), shuffled(list)))
}

const REFERENCES = 2
const probability = fc.oneof(fc.constantFrom(0, 1, 0.25), fc.double({ min: 0, max: 1, noNaN: true }))

/** Observations over few windows, so that most come several times. */
function observationsOf(contextWidth: number): fc.Arbitrary<Observation[]> {
  const window = fc.array(fc.nat(2), { minLength: contextWidth, maxLength: contextWidth })
  const observation = fc
    .tuple(window, fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 10 }))
    .chain(([window, tokens]) => {
      const row = fc.array(probability, { minLength: tokens.length, maxLength: tokens.length })
      return fc.record({
        window: fc.constant(window),
        tokens: fc.constant(tokens.sort((a, b) => a - b)),
        weights: row,
        references: fc.array(row, { minLength: REFERENCES, maxLength: REFERENCES }),
      })
    })
  return fc.array(observation, { minLength: 1, maxLength: 12 })
}

describe('pooling', () => {
  const coefficient: fc.Arbitrary<Coefficient> = fc.record({
    window: fc.array(fc.constantFrom(0, 2 ** 32 - 1), { minLength: 2, maxLength: 2 }),
    token: fc.nat(1),
    value: fc.oneof(
      fc.integer({ min: -1000, max: 1000 }).map((n) => n / 7),
      fc.double({ min: -4, max: 4, noNaN: true }),
    ),
  })

  test('sums by pair, in order of window and token', () => {
    const pooled = poolPairs(
      [
        { window: [2, 1], token: 0, value: 1 },
        { window: [1, 9], token: 5, value: 0.5 },
        { window: [2, 0], token: 7, value: 3 },
        { window: [1, 9], token: 4, value: -2 },
        { window: [1, 9], token: 5, value: 0.25 },
      ],
      2,
    )
    expect(shown(pooled)).toEqual(['1 9>4 -2', '1 9>5 0.75', '2 0>7 3', '2 1>0 1'])
  })

  test('drops what sums to nothing', () => {
    const values = (list: number[]) =>
      poolPairs(
        list.map((value) => ({ window: [1], token: 2, value })),
        1,
      )
    expect(shown(values([0.1, -0.1]))).toEqual([])
    expect(shown(values([2 ** -34, -0]))).toEqual([])
    expect(shown(values([1, -0.5]))).toEqual(['1>2 0.5'])
    expect(shown(values([]))).toEqual([])
  })

  test('width 0: one window for everything', () => {
    const pooled = poolPairs(
      [3, 1, 3].map((token) => ({ window: [], token, value: 1 })),
      0,
    )
    expect(shown(pooled)).toEqual(['>1 1', '>3 2'])
  })

  test('any order gives the same, bit for bit', () => {
    fc.assert(
      fc.property(twoOrders(fc.array(coefficient, { maxLength: 60 })), ([list, other]) => {
        expect(poolPairs(other, 2)).toEqual(poolPairs(list, 2))
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('a coefficient may come in parts', () => {
    // Parts on the grid: what is rounded, each for itself, is a coefficient, not a sum.
    const part = fc.integer({ min: -(2 ** 34), max: 2 ** 34 }).map((steps) => steps * 2 ** -32)
    const split = fc.record({ window: fc.constant([1, 2]), token: fc.nat(2), parts: fc.array(part) })
    fc.assert(
      fc.property(fc.array(split, { maxLength: 10 }), (list) => {
        const whole = list.map(({ parts, ...pair }) => ({ ...pair, value: parts.reduce((a, b) => a + b, 0) }))
        const parts = list.flatMap(({ parts, ...pair }) => parts.map((value) => ({ ...pair, value })))
        expect(poolPairs(parts, 2)).toEqual(poolPairs(whole, 2))
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})

describe('count', () => {
  const observation = (window: number[], tokens: number[], weights: number[]): Observation => ({
    window,
    tokens,
    weights,
    references: [],
  })

  test('the first choice of each position, each pair once with coefficient 1', () => {
    const pooled = countPairs(
      [
        observation([1], [4], [1]),
        observation([1], [2, 5, 7], [0.2, 0.5, 0.3]),
        observation([1], [4], [1]),
        observation([0], [4], [1]),
      ],
      1,
    )
    expect(shown(pooled)).toEqual(['0>4 1', '1>4 1', '1>5 1'])
  })

  test('of equals the lowest id; of nothing, nothing', () => {
    expect(shown(countPairs([observation([1], [2, 5, 7], [0.1, 0.4, 0.4])], 1))).toEqual(['1>5 1'])
    expect(shown(countPairs([observation([1], [2, 5, 7], [0, 0, -0])], 1))).toEqual([])
    expect(shown(countPairs([observation([1], [2, 5], [0, 1e-45])], 1))).toEqual(['1>5 1'])
    expect(shown(countPairs([observation([1], [], [])], 1))).toEqual([])
  })

  test('neither order nor repetition changes it, and parts can be joined', () => {
    fc.assert(
      fc.property(twoOrders(observationsOf(1)), fc.nat(12), ([list, other], cut) => {
        const whole = countPairs(list, 1)
        expect(countPairs(other, 1)).toEqual(whole)
        expect(countPairs([...list, ...other], 1)).toEqual(whole)
        const parts = [list.slice(0, cut), list.slice(cut)].flatMap((part) => shown(countPairs(part, 1)))
        expect(new Set(parts)).toEqual(new Set(shown(whole)))
        expect(new Set(whole.coefficients)).toEqual(new Set([1]))
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

describe('contrast', () => {
  test('is the sum of weighted residuals, written down from the formula', () => {
    fc.assert(
      fc.property(
        fc.nat(2).chain((width) => fc.tuple(fc.constant(width), observationsOf(width))),
        ([width, list]) => {
          const { beta, ...pooled } = contrastPairs(list, width)
          const expected = new Map<string, number>()
          for (const { window, tokens, weights, references } of list) {
            const name = Array.from(window).join(' ')
            const n = list.filter((other) => Array.from(other.window).join(' ') === name).length
            for (const [k, token] of Array.from(tokens).entries()) {
              const told = references.reduce((sum, row, r) => sum + beta[r]! * Math.sqrt(row[k]!), 0)
              const value = (width <= 1 ? n ** -0.25 : 1) * (Math.sqrt(weights[k]!) - told)
              expected.set(`${name}>${token}`, (expected.get(`${name}>${token}`) ?? 0) + value)
            }
          }
          for (const line of shown(pooled)) {
            const [pair, a] = [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]
            // A dozen coefficients, each rounded by at most 2^-33.
            expect(Math.abs(Number(a) - expected.get(pair)!)).toBeLessThanOrEqual(12 * 2 ** -33 + 1e-13)
            expected.delete(pair)
          }
          for (const left of expected.values())
            expect(Math.abs(left)).toBeLessThanOrEqual(12 * 2 ** -33 + 1e-13)
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  test('any order of observations gives the same coefficients and fit, bit for bit', () => {
    fc.assert(
      fc.property(
        fc.nat(2).chain((width) => fc.tuple(fc.constant(width), twoOrders(observationsOf(width)))),
        ([width, [list, other]]) => {
          expect(contrastPairs(other, width)).toEqual(contrastPairs(list, width))
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  test('at width 2 an observation may come in parts', () => {
    fc.assert(
      fc.property(observationsOf(2), (list) => {
        const parts = list.flatMap(({ window, tokens, weights, references }) =>
          Array.from(tokens, (token, k) => ({
            window,
            tokens: [token],
            weights: [weights[k]!],
            references: references.map((row) => [row[k]!]),
          })),
        )
        expect(contrastPairs(parts, 2)).toEqual(contrastPairs(list, 2))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('no weight of a reference is negative', () => {
    fc.assert(
      fc.property(observationsOf(1), (list) => {
        const { beta } = contrastPairs(list, 1)
        expect(beta).toHaveLength(REFERENCES)
        for (const weight of beta) expect(weight).toBeGreaterThanOrEqual(0)
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('gives back how a suspect is made of its references', () => {
    const share = [0.7, 0, 0.25]
    const rows = share.map((_, k) => Array.from({ length: 60 }, (_, v) => (1 + Math.cos((k + 1) * v)) / 60))
    const roots = rows[0]!.map((_, v) => share.reduce((sum, c, k) => sum + c * Math.sqrt(rows[k]![v]!), 0))
    const tokens = Array.from({ length: 60 }, (_, v) => v)
    const weights = roots.map((root) => root * root)
    const { beta, coefficients } = contrastPairs([{ window: [1], tokens, weights, references: rows }], 1)
    for (const [k, c] of share.entries()) expect(beta[k]).toBeCloseTo(c, 6)
    for (const a of coefficients) expect(Math.abs(a)).toBeLessThan(1e-6)
  })

  test('a suspect that is silent, or the reference itself, leaves nothing', () => {
    const row = [0.5, 0.3, 0.2]
    const silent = { window: [1], tokens: [1, 2, 3], weights: [0, 0, 0], references: [row] }
    expect(contrastPairs([silent], 1)).toMatchObject({ beta: [0], coefficients: new Float64Array(0) })
    expect(contrastPairs([{ ...silent, weights: row }], 1)).toMatchObject({
      beta: [1],
      coefficients: new Float64Array(0),
    })
    expect(contrastPairs([], 1)).toMatchObject({ beta: [], coefficients: new Float64Array(0) })
  })

  test('a reference that is zero everywhere, or next to it, is passed over', () => {
    const row = [0.5, 0.3, 0.2]
    const odd = { window: [1], tokens: [1, 2, 3], weights: row, references: [[0, -0, 1e-45], row] }
    const { beta, coefficients } = contrastPairs([odd], 1)
    expect(beta).toEqual([0, 1])
    expect(coefficients).toHaveLength(0)
  })
})

describe('scores', () => {
  const { profile, key } = profileWithKey('scores', { contextWidth: 2, vocabularySize: 10 })
  const scheme = schemeOf(profile, { lanes: 1 })
  const tested = { scheme, key, lane: 0 }

  /** Adding up by hand: integers, a field function of its own, one pair at a time. */
  function plainSum({ pairs, coefficients }: WeightedPairs): number {
    let steps = 0n
    for (const [i, a] of coefficients.entries()) {
      const [first, second, token] = pairs.subarray(3 * i, 3 * i + 3)
      const field = createFieldFunction({ contextWidth: 2, bits: 8, lanes: 1 })
      if (field(key, [first!, second!], token!, 0) < 64) steps += BigInt(a * 2 ** 32)
    }
    return Number(steps) / 2 ** 32
  }

  test('are what adding up by hand gives, exactly', () => {
    fc.assert(
      fc.property(observationsOf(2), (list) => {
        for (const weighted of [contrastPairs(list, 2), countPairs(list, 2)])
          expect(weightedScoreSum(weighted, tested)).toBe(plainSum(weighted))
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('do not depend on the order of adding', () => {
    const positions = Array.from({ length: 10 }, (_, i) => i)
    const words = positions.map((token) => [1, 2, token])
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 10, maxLength: 10 }),
        shuffled(positions),
        (values, order) => {
          // On the grid, as pooling leaves them.
          const onGrid = values.map((value) => Math.round(value * 2 ** 32) / 2 ** 32)
          const ordered = (places: readonly number[]): WeightedPairs => ({
            contextWidth: 2,
            pairs: Uint32Array.from(places.flatMap((i) => words[i]!)),
            coefficients: Float64Array.from(places, (i) => onGrid[i]!),
          })
          const sum = weightedScoreSum(ordered(order), tested)
          expect(sum).toBe(weightedScoreSum(ordered(positions), tested))
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  test('of nothing are 0', () => {
    expect(weightedScoreSum(poolPairs([], 2), tested)).toBe(0)
  })
})

describe('own pairs', () => {
  const layers = [
    { role: 'provider', label: 'p', share: 40000 },
    { role: 'cohort', label: 'c', share: 25536 },
  ] as const
  const { master, profile } = profileWithKey('layers', { layers, vocabularySize: 1000 })
  const windows = Array.from({ length: 1000 }, (_, w) => [w])
  const weighted = poolPairs(
    windows.flatMap((window) => [3, 5].map((token) => ({ window, token, value: window[0]! + 1 }))),
    1,
  )

  test('every pair belongs to exactly one layer, with its coefficient; all pairs of a window go together', () => {
    const parts = deriveMarkKeys(master, profile).map((key) => shown(ownPairs(weighted, key)))
    expect(parts.every(({ length }) => length > 0)).toBe(true)
    expect(parts.flat().sort()).toEqual(shown(weighted).sort())
    for (const part of parts) {
      const of = (token: number) => part.map((line) => line.split(`>${token} `)).filter((s) => s.length === 2)
      expect(of(3).map(([window]) => window)).toEqual(of(5).map(([window]) => window))
    }
  })

  test('with one layer all pairs are its own', () => {
    const { key } = profileWithKey('one layer', { vocabularySize: 1000 })
    expect(ownPairs(weighted, key)).toEqual(weighted)
  })
})

describe('count in order', () => {
  test('first choices as they came, each window once, whatever it says the second time', () => {
    const list = [[9], [2], [9], [5]].map(([window], i): Observation => {
      return { window: [window!], tokens: [i, i + 10], weights: [0.1, 0.9], references: [] }
    })
    const silent: Observation = { window: [7], tokens: [1], weights: [0], references: [] }
    expect(shown(countInOrder([...list, silent], 1))).toEqual(['9>10 1', '2>11 1', '5>13 1'])
  })
})
