/** The green list: the laws of every scheme over its parameters, and what is its own: rounding, the closed form of its effect. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { createGreenList, type GreenListParameters } from '../../src/schemes/green-list.ts'
import { testLaws } from '../laws/law.ts'
import { prfLaws } from '../laws/prf.laws.ts'
import { type SchemeUnderTest, schemeLaws } from '../laws/scheme.laws.ts'
import { HALF_PRECISIONS } from '../support/half-precision.ts'
import { keysOf, profileWithKey } from '../support/keys.ts'

// Not a multiple of any block: rows begin and end within one.
const VOCABULARY = 700

function greenList(parameters: Partial<GreenListParameters>): SchemeUnderTest {
  const full = {
    contextWidth: 1,
    bits: 8 as const,
    param: 64,
    delta: 2,
    vocabularySize: VOCABULARY,
    lanes: 1,
    ...parameters,
  }
  return { ...full, scheme: createGreenList(full), keyOf: keysOf(full) }
}

const GAMMAS = [
  { gamma: '1/2', bits: 1, param: 1 },
  { gamma: '1/4', bits: 8, param: 64 },
  { gamma: '1/256', bits: 8, param: 1 },
  { gamma: '255/256', bits: 8, param: 255 },
] as const

// One lane, some lanes, all lanes: a block then serves 512 / bits, a few, or one token.
const LANES: Record<1 | 8, readonly number[]> = { 1: [1, 32, 512], 8: [1, 8, 64] }

describe.each(GAMMAS)('gamma $gamma', ({ bits, param }) => {
  describe.each([0, 1, 2, 3, 4])('contextWidth %i', (contextWidth) => {
    const lanes = LANES[bits][contextWidth % 3]!
    const subject = greenList({ contextWidth, bits, param, lanes })
    describe(`lanes ${lanes}`, () => {
      testLaws(schemeLaws, subject)
      testLaws(prfLaws, { ...subject, field: subject.scheme.field, contextWidth, bits, lanes })
    })
  })
})

describe('marks', () => {
  // Any delta of a profile, not only those that a float32 can hold.
  const deltas = fc.double({ min: 2 ** -20, max: 20, noNaN: true })
  const rows = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 80 })

  test('on a Float32Array a green logit becomes Math.fround(logit + Math.fround(delta)), a red one stays', () => {
    fc.assert(
      fc.property(rows, deltas, fc.nat(50), (values, delta, seed) => {
        const { scheme, keyOf } = greenList({ delta, bits: 1, param: 1, vocabularySize: values.length })
        const site = { key: keyOf(seed), context: [seed], lane: 0 }
        const row = Float32Array.from(values)
        scheme.mark(row, site)
        for (const [token, before] of values.entries()) {
          const green = scheme.field(site.key, site.context, token, 0) < 1
          expect(row[token]).toBe(green ? Math.fround(before + Math.fround(delta)) : before)
        }
      }),
      { seed: 11, numRuns: 200 },
    )
  })

  test.each([
    ['an array of numbers', (values: number[]) => [...values]],
    ['a Float64Array', (values: number[]) => Float64Array.from(values)],
  ])('on %s a green logit becomes logit + delta in double precision', (_, rowOf) => {
    fc.assert(
      fc.property(rows, deltas, fc.nat(50), (values, delta, seed) => {
        const { scheme, keyOf } = greenList({ delta, vocabularySize: values.length })
        const site = { key: keyOf(seed), context: [seed], lane: 0 }
        const row = rowOf(values)
        scheme.mark(row, site)
        for (const [token, before] of values.entries()) {
          const green = scheme.field(site.key, site.context, token, 0) < 64
          expect(row[token]).toBe(green ? before + delta : before)
        }
      }),
      { seed: 12, numRuns: 200 },
    )
  })

  // Which tokens are green does not depend on the logits, so neither does it on their precision.
  test.each(Object.entries(HALF_PRECISIONS))(
    'rows that come in %s: the same tokens are raised as in full precision',
    (_, rounded) => {
      fc.assert(
        fc.property(rows, fc.nat(50), (values, seed) => {
          const { scheme, keyOf } = greenList({ bits: 1, param: 1, vocabularySize: values.length })
          const site = { key: keyOf(seed), context: [seed], lane: 0 }
          const raised = (row: Float64Array): number[] => {
            const before = row.slice()
            scheme.mark(row, site)
            return [...row.keys()].filter((token) => row[token]! > before[token]!)
          }
          // Beyond 2^50 two nats are lost in any row.
          const full = Float64Array.from(values, (value) => value % 1000)
          expect(raised(full.map(rounded))).toEqual(raised(full))
        }),
        { seed: 14, numRuns: 200 },
      )
    },
  )

  // Kirchenbauer et al. 2023, section 4: green mass g becomes g e^delta / (1 + g (e^delta - 1)).
  test('green probability moves as the closed form says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 2, maxLength: 80 }),
        fc.double({ min: 0.01, max: 20, noNaN: true }),
        fc.nat(50),
        (values, delta, seed) => {
          const { scheme, keyOf } = greenList({ delta, bits: 1, param: 1, vocabularySize: values.length })
          const site = { key: keyOf(seed), context: [seed], lane: 0 }
          const greenMass = (row: ArrayLike<number>): number => {
            const weights = Array.from(row, Math.exp)
            const green = weights.filter((_, token) => scheme.field(site.key, site.context, token, 0) < 1)
            return green.reduce((a, b) => a + b, 0) / weights.reduce((a, b) => a + b, 0)
          }
          const g = greenMass(values)
          const row = Float64Array.from(values)
          scheme.mark(row, site)
          const expected = (g * Math.exp(delta)) / (1 + g * Math.expm1(delta))
          // Both sides take about 160 sums and 3 exponentials of arguments up to 50: 60 nats round to 2^-47 relative.
          expect(Math.abs(greenMass(row) - expected)).toBeLessThanOrEqual(2 ** -44 * expected)
        },
      ),
      { seed: 13, numRuns: 200 },
    )
  })
})

describe('declares', () => {
  test.each(GAMMAS)(
    'for gamma $gamma the law, and the edge of green where the law has it',
    ({ bits, param }) => {
      const { scheme } = greenList({ bits, param })
      expect(scheme.nullLaw).toEqual({ kind: 'bernoulli', p: param / 2 ** bits })
      expect([param - 1, param].map(scheme.score)).toEqual([1, 0])
      expect([0, 2 ** bits - 1].map(scheme.score)).toEqual([1, 0])
      expect(Object.isFrozen(scheme) && Object.isFrozen(scheme.nullLaw)).toBe(true)
      expect([scheme.id, scheme.draw, scheme.countOnce]).toEqual(['green-list', 'sample', 'pair'])
    },
  )

  test('as context the last ids, prompt or not, oldest first; none where there are fewer', () => {
    const ids = [5, 6, 7, 8, 9]
    for (let contextWidth = 0; contextWidth <= 4; contextWidth++) {
      const { scheme } = greenList({ contextWidth })
      for (let i = 0; i <= ids.length; i++) {
        const expected = i < contextWidth ? undefined : ids.slice(i - contextWidth, i)
        expect(scheme.contextAt(ids, i)).toEqual(expected)
        expect(scheme.contextAt(Uint32Array.from(ids), i)).toEqual(expected)
      }
    }
  })
})

describe('from a profile', () => {
  test('the scheme has the numbers of the profile and the lanes of the layer', () => {
    const { profile, key } = profileWithKey('from profile', { gamma: 0.5, contextWidth: 3, delta: 1.5 })
    const made = schemeOf(profile, { lanes: 4 })
    const direct = createGreenList({ ...profile, lanes: 4 })
    const rows = [made, direct].map((scheme) => {
      const row = new Float32Array(profile.vocabularySize)
      scheme.mark(row, { key, context: [1, 2, 3], lane: 3 })
      return row
    })
    expect(rows[0]).toEqual(rows[1])
    expect(new Set(rows[0])).toEqual(new Set([0, 1.5]))
    expect(made.contextWidth).toBe(3)
  })
})
