/**
 * The host's sampling rules, applied by us: against a plain reading of them, and by the laws that each has. Rows have few distinct values,
 * so that ties at every edge are met.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogitsRow } from '../src/logits.ts'
import { applySampling, resolveSampling, type Sampling } from '../src/sampling.ts'
import { expectRefusal, wrongValues } from './support/wrong-values.ts'

const OFF = { temperature: 1, topK: 0, topP: 1 }

function applied(row: LogitsRow, sampling: Sampling): LogitsRow {
  const copy = row.slice()
  applySampling(copy, { ...OFF, ...sampling })
  return copy
}

/** Ids that may still be drawn. */
function possible(row: LogitsRow): number[] {
  return [...row.keys()].filter((id) => row[id]! > Number.NEGATIVE_INFINITY)
}

function probabilities(row: LogitsRow): Float64Array {
  const largest = Math.max(...row)
  const weights = Float64Array.from(row, (logit) => Math.exp(logit - largest))
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / total)
}

/** The rules, said plainly: ids sorted by probability, then by id; the first topK; of these the first that reach topP of their mass. */
function plainly(row: LogitsRow, { temperature, topK, topP }: typeof OFF): number[] {
  const tempered = Float64Array.from(row, (logit) => logit / temperature)
  const sorted = possible(tempered).sort((a, b) => tempered[b]! - tempered[a]! || a - b)
  const kept = topK > 0 ? sorted.slice(0, topK) : sorted
  const cut = tempered.map((logit, id) => (kept.includes(id) ? logit : Number.NEGATIVE_INFINITY))
  const p = probabilities(cut)
  const size = kept.findIndex(
    (_, i) => kept.slice(0, i + 1).reduce((total, id) => total + p[id]!, 0) >= topP - 1e-12,
  )
  return topP < 1
    ? kept.slice(0, size < 0 ? kept.length : size + 1).sort((a, b) => a - b)
    : kept.sort((a, b) => a - b)
}

const logit = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(-3, -1, 0, -0, 1, 2) },
  // Multiples of 1/64, so that temperatures that are powers of two round nothing and make no ties.
  { weight: 4, arbitrary: fc.integer({ min: -3840, max: 3840 }).map((i) => i / 64) },
  { weight: 1, arbitrary: fc.constant(Number.NEGATIVE_INFINITY) },
)
const rows: fc.Arbitrary<LogitsRow> = fc
  .tuple(fc.array(logit, { minLength: 1, maxLength: 40 }), fc.nat(2))
  .filter(([values]) => values.some((value) => value > Number.NEGATIVE_INFINITY))
  .map(([values, kind]) =>
    kind === 0 ? values : kind === 1 ? Float64Array.from(values) : Float32Array.from(values),
  )
const temperatures = fc.constantFrom(0.25, 0.5, 1, 2, 4)
const topKs = fc.nat(45)
const topPs = fc.oneof(fc.constantFrom(1, 0.5, 0.9, 1e-9), fc.double({ min: 0.001, max: 0.999, noNaN: true }))
const samplings = fc.record({ temperature: temperatures, topK: topKs, topP: topPs })

describe('applySampling', () => {
  test('leaves what a plain reading leaves', () => {
    fc.assert(
      fc.property(rows, samplings, (row, sampling) => {
        // Where a sum of probabilities meets topP exactly, rounding decides: those rows are left out.
        fc.pre(
          String(plainly(row, sampling)) ===
            String(plainly(row, { ...sampling, topP: Math.min(1, sampling.topP + 2e-12) })),
        )
        expect(possible(applied(row, sampling))).toEqual(plainly(row, sampling))
      }),
      { seed: 1, numRuns: 3000 },
    )
  })

  test('keeps the probabilities of what is left in proportion', () => {
    fc.assert(
      fc.property(rows, samplings, (row, sampling) => {
        const after = applied(row, sampling)
        const left = possible(after)
        const tempered = Float64Array.from(row, (logit) => logit / sampling.temperature)
        const expected = probabilities(left.map((id) => tempered[id]!))
        const actual = probabilities(left.map((id) => after[id]!))
        // On float32 rows a logit of up to 480 is rounded to 2^-25 of that.
        for (const [i, p] of expected.entries()) expect(Math.abs(actual[i]! - p)).toBeLessThan(480 * 2 ** -24)
      }),
      { seed: 2, numRuns: 1000 },
    )
  })

  test('changes nothing by default, and nothing but what is ruled out at temperature 1', () => {
    fc.assert(
      fc.property(rows, topKs, topPs, (row, topK, topP) => {
        expect(applied(row, {})).toEqual(row)
        const after = applied(row, { topK, topP })
        for (const id of possible(after)) expect(after[id]).toBe(row[id])
      }),
      { seed: 3, numRuns: 500 },
    )
  })
})

describe('top-k', () => {
  test('keeps k tokens, or all where there are fewer; none of the others is likelier; ties go to the lower ids', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 45 }), (row, topK) => {
        const left = possible(applied(row, { topK }))
        const before = possible(row)
        expect(left).toHaveLength(Math.min(topK, before.length))
        const least = Math.min(...left.map((id) => row[id]!))
        for (const id of before) {
          if (left.includes(id)) continue
          expect(row[id]).toBeLessThanOrEqual(least)
          if (row[id] === least)
            expect(id).toBeGreaterThan(Math.max(...left.filter((other) => row[other] === least)))
        }
      }),
      { seed: 4, numRuns: 1000 },
    )
  })

  test('twice is once', () => {
    fc.assert(
      fc.property(rows, topKs, (row, topK) => {
        const once = applied(row, { topK })
        expect(applied(once, { topK })).toEqual(once)
      }),
      { seed: 5, numRuns: 500 },
    )
  })
})

describe('top-p', () => {
  test('keeps the smallest set of the likeliest tokens that has this probability', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (row, topP) => {
        const p = probabilities(row)
        const left = possible(applied(row, { topP }))
        const mass = left.reduce((total, id) => total + p[id]!, 0)
        const least = Math.min(...left.map((id) => p[id]!))
        // 40 probabilities, each with a few roundings.
        expect(mass).toBeGreaterThanOrEqual(topP - 1e-13)
        expect(mass - least).toBeLessThan(topP + 1e-13)
        for (const id of possible(row)) if (!left.includes(id)) expect(p[id]).toBeLessThanOrEqual(least)
      }),
      { seed: 6, numRuns: 1000 },
    )
  })

  test('of next to nothing keeps the likeliest token, with the lowest id', () => {
    expect(possible(applied([0, 2, 2, 1], { topP: Number.MIN_VALUE }))).toEqual([1])
  })

  test('of almost 1 keeps all that rounding can see', () => {
    expect(possible(applied([0, 1, 2, -30], { topP: 1 - 2 ** -53 }))).toEqual([0, 1, 2, 3])
    expect(possible(applied(new Array<number>(1000).fill(0), { topP: 1 - 2 ** -53 }))).toHaveLength(1000)
  })

  // It is not a projection: what is left has all of the mass, and a part of that is enough.
  test('twice may be less than once', () => {
    const row = [Math.log(0.4), Math.log(0.3), Math.log(0.2), Math.log(0.1)]
    const once = applied(row, { topP: 0.65 })
    expect(possible(once)).toEqual([0, 1])
    expect(possible(applied(applied(row, { topP: 0.55 }), { topP: 0.55 }))).toEqual([0])
  })
})

describe('the order', () => {
  const row = [Math.log(0.4), Math.log(0.3), Math.log(0.2), Math.log(0.1)]

  test('temperature comes before top-p: at 1/2 the first has 16 of 30, at 1 it has 12 of 30', () => {
    expect(possible(applied(row, { temperature: 0.5, topP: 0.5 }))).toEqual([0])
    expect(possible(applied(row, { topP: 0.5 }))).toEqual([0, 1])
  })

  test('top-k comes before top-p, which sees the mass that is left: of two, the first has 4 of 7', () => {
    expect(possible(applied(row, { topK: 2, topP: 0.55 }))).toEqual([0])
    expect(possible(applied(row, { topP: 0.55 }))).toEqual([0, 1])
  })

  test('temperature does not change what top-k keeps', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 45 }), temperatures, (row, topK, temperature) => {
        expect(possible(applied(row, { topK, temperature }))).toEqual(possible(applied(row, { topK })))
      }),
      { seed: 7, numRuns: 500 },
    )
  })
})

describe('temperatures at the ends of the range', () => {
  test.each([1e-300, Number.MIN_VALUE, 1e300, Number.MAX_VALUE])(
    '%d makes no NaN and no Infinity',
    (temperature) => {
      for (const row of [[1, 2, 2, -3], Float32Array.of(1, 2, 2, -3)] as LogitsRow[]) {
        const after = applied(row, { temperature })
        expect(Math.max(...after)).toBe(0)
        expect(after.some(Number.isNaN)).toBe(false)
        if (temperature < 1) expect(probabilities(after)).toEqual(Float64Array.of(0, 0.5, 0.5, 0))
        else expect(probabilities(after)).toEqual(Float64Array.of(0.25, 0.25, 0.25, 0.25))
      }
    },
  )
})

describe('resolveSampling', () => {
  const named = { name: 'options.sampling' }
  test('fills in rules that change nothing, frozen', () => {
    expect(resolveSampling({}, named)).toEqual(OFF)
    expect(Object.isFrozen(resolveSampling({ topK: 3 }, named))).toBe(true)
  })
  test.each(wrongValues({ except: ['record', 'object'] }))('refuses %s', (_, wrong) => {
    expectRefusal(() => resolveSampling(wrong as Sampling, named), 'options.sampling')
  })
  test('refuses a misspelt rule', () => {
    expectRefusal(() => resolveSampling({ top_k: 5 } as Sampling, named), 'options.sampling')
  })
  test.each(['temperature', 'topK', 'topP'])('refuses %s out of range or of another kind', (name) => {
    for (const [, wrong] of wrongValues({ except: ['integer', 'number', 'undefined'] }))
      expectRefusal(() => resolveSampling({ [name]: wrong }, named), `options.sampling.${name}`)
    const wrong = { temperature: [0, -1], topK: [-1, 0.5], topP: [0, -0.1, 1.1] }[name]!
    for (const value of [...wrong, Number.NaN, Infinity])
      expectRefusal(() => resolveSampling({ [name]: value }, named), `options.sampling.${name}`)
  })
})
