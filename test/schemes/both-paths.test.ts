/**
 * Marks by kernels are the marks by JavaScript, bit for bit: rows of any length, with and without tokens that cannot come, any parameters, contexts and keys; what lies
 * beyond the vocabulary included.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { afterEach, describe, expect, test } from 'vitest'
import { exp32 } from '../../src/exp32.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { kernels, useKernels } from '../../src/prf/kernels/kernels.ts'
import { SMALLEST_ROW } from '../../src/prf/kernels/marking.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { raceWinner } from '../../src/schemes/gumbel.ts'
import { schemeWithKeys } from '../support/schemes.ts'

afterEach(() => useKernels('auto'))

const SCHEMES = fc.oneof(
  fc.constant({ scheme: 'green-list', gamma: 0.5, delta: 2 } as const),
  fc
    .record({ k: fc.integer({ min: 1, max: 255 }), tenths: fc.integer({ min: 1, max: 80 }) })
    .map(({ k, tenths }) => ({ scheme: 'green-list', gamma: k / 256, delta: tenths / 10 }) as const),
  fc.constant({ scheme: 'gumbel' } as const),
  fc.integer({ min: 1, max: 30 }).map((rounds) => ({ scheme: 'tournament', rounds }) as const),
)

/** How many tokens cannot come: none, some, nearly all; and how far logits lie apart. */
const ROWS = fc.record({
  seed: fc.integer(),
  vocabularySize: fc.integer({ min: SMALLEST_ROW, max: 5000 }),
  beyond: fc.nat({ max: 70 }),
  impossible: fc.constantFrom(0, 0.5, 0.9, 0.99),
  scale: fc.constantFrom(0, 1e-3, 1, 30, 1e4),
  shift: fc.constantFrom(0, -1e3, 1e5),
})

type Row = typeof ROWS extends fc.Arbitrary<infer T> ? T : never

function rowOf({ seed, vocabularySize, beyond, impossible, scale, shift }: Row): Float32Array {
  const random = seedrandom(String(seed))
  const row = Float32Array.from({ length: vocabularySize + beyond }, () =>
    random() < impossible
      ? Number.NEGATIVE_INFINITY
      : random() < 0.01
        ? -0
        : shift + scale * (random() - 0.5),
  )
  row[Math.floor(random() * vocabularySize)] = shift
  return row
}

/** Bits of a row: -0 is not 0 here. */
function bitsOf(row: Float32Array): Uint32Array {
  return new Uint32Array(row.buffer.slice(0))
}

describe('marks', () => {
  const marked = (path: 'wasm' | 'javascript', about: Row, context: readonly number[], spec: never) => {
    const { vocabularySize, seed } = about
    const { profile, key } = schemeWithKeys(seed, spec, { vocabularySize, contextWidth: context.length })
    const row = rowOf(about)
    useKernels(path)
    schemeOf(profile, { lanes: 1 }).mark(row, { key, context, lane: 0 })
    return row
  }
  const contexts = fc.array(fc.nat({ max: 511 }), { minLength: 1, maxLength: 4 })

  test('are the same bits on both paths', () => {
    fc.assert(
      fc.property(SCHEMES, ROWS, contexts, (spec, about, context) => {
        const [a, b] = (['wasm', 'javascript'] as const).map((path) =>
          bitsOf(marked(path, about, context, spec as never)),
        )
        expect(a).toEqual(b)
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('positive control: another context is another mark', () => {
    let different = 0
    fc.assert(
      fc.property(SCHEMES, ROWS, (spec, about) => {
        const [a, b] = ([[1], [2]] as const).map((context) =>
          bitsOf(marked('wasm', about, context, spec as never)),
        )
        if (a!.some((bits, i) => bits !== b![i])) different++
      }),
      { seed: 1, numRuns: 100 },
    )
    expect(different).toBeGreaterThan(50)
  })

  test('a green list changes green tokens by the rounded sum and no other bit', () => {
    fc.assert(
      fc.property(ROWS, fc.integer({ min: 1, max: 255 }), (about, k) => {
        const { vocabularySize, seed } = about
        const spec = { scheme: 'green-list', gamma: k / 256, delta: 1.7 } as const
        const { profile, key } = schemeWithKeys(seed, spec, { vocabularySize })
        const scheme = schemeOf(profile, { lanes: 1 })
        const before = rowOf(about)
        for (const path of ['wasm', 'javascript'] as const) {
          useKernels(path)
          const row = before.slice()
          scheme.mark(row, { key, context: [7], lane: 0 })
          for (let token = 0; token < row.length; token++) {
            const isGreen = token < vocabularySize && scheme.score(scheme.field(key, [7], token, 0)) === 1
            const expected = isGreen ? Math.fround(before[token]! + Math.fround(1.7)) : before[token]!
            if (!Object.is(row[token], expected)) expect.fail(`token ${token} by ${path}`)
          }
        }
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('the race is won by whom the definition says, whatever is screened', () => {
    fc.assert(
      fc.property(ROWS, contexts, (about, context) => {
        const { vocabularySize, seed } = about
        const spec = { scheme: 'gumbel' } as const
        const { profile, key } = schemeWithKeys(seed, spec, { vocabularySize, contextWidth: context.length })
        const scheme = schemeOf(profile, { lanes: 1 })
        const before = rowOf(about)
        const winner = raceWinner(before, {
          vocabularySize,
          uniform: (token) => (scheme.field(key, context, token, 0) + 0.5) / 2 ** 32,
        })
        for (const path of ['wasm', 'javascript'] as const) {
          useKernels(path)
          const row = before.slice()
          scheme.mark(row, { key, context, lane: 0 })
          expect(row.indexOf(0)).toBe(winner)
        }
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  test('what cannot be sampled from is refused alike, wherever it stands', () => {
    fc.assert(
      fc.property(
        ROWS,
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 3e38, -3e38),
        fc.nat(),
        fc.boolean(),
        (about, value, place, alone) => {
          const spec = { scheme: 'green-list', gamma: 0.25, delta: 2 } as const
          const { profile, key } = schemeWithKeys(1, spec, { vocabularySize: about.vocabularySize })
          const marker = createMarker(profile, [key])
          const [a, b] = (['wasm', 'javascript'] as const).map((path) => {
            useKernels(path)
            const row = rowOf(about)
            if (alone) row.fill(Number.NEGATIVE_INFINITY)
            else row[place % row.length] = value
            try {
              return marker.mark(row, [3])
            } catch (error) {
              return (error as Error).message
            }
          })
          expect(a).toBe(b)
          if (alone || !(value < Number.POSITIVE_INFINITY)) expect(a).toMatch(/"logits(\[\d+\])?" expected/)
        },
      ),
      { seed: 1, numRuns: 100 },
    )
  })

  test('no key stays in the kernels', () => {
    for (const spec of [
      { scheme: 'green-list', gamma: 0.25, delta: 2 },
      { scheme: 'gumbel' },
      { scheme: 'tournament' },
    ])
      for (const impossible of [0, 0.99] as const) {
        const about = { seed: 3, vocabularySize: 2000, beyond: 0, impossible, scale: 1, shift: 0 } as const
        marked('wasm', about, [5], spec as never)
        const { bytes, words, at } = kernels()!
        expect(bytes.subarray(at.key, at.data).every((byte) => byte === 0)).toBe(true)
        if (spec.scheme !== 'tournament') continue
        // Nor a field of 32 bits: those of tokens in the middle of the row are unlike anything else that lies there.
        const { profile, key } = schemeWithKeys(3, { scheme: 'tournament' }, { vocabularySize: 2000 })
        const field = schemeOf(profile, { lanes: 1 }).field
        for (let token = 900; token < 1000; token++)
          expect(words.indexOf(field(key, [5], token, 0)), `token ${token}`).toBe(-1)
      }
  })
})

describe('exp32', () => {
  test('is the exponential to 2^-21 where it is not tiny, and never above 1', () => {
    fc.assert(
      fc.property(fc.double({ min: -80, max: 0, noNaN: true }).map(Math.fround), (x) => {
        // The product with log2 e is rounded: an error of |x| 2^-24 in the exponent, and six roundings of the sum.
        const tolerance = (Math.abs(x) + 8) * 2 ** -23
        expect(Math.abs(exp32(x) / Math.exp(x) - 1)).toBeLessThan(tolerance)
        expect(exp32(x)).toBeLessThanOrEqual(1)
      }),
      { seed: 1, numRuns: 5000 },
    )
    expect([exp32(0), exp32(-0), exp32(Number.NEGATIVE_INFINITY), exp32(-1e30)]).toEqual([1, 1, 0, 0])
  })

  test('is the same on both paths, at every edge', () => {
    useKernels('wasm')
    const edges = [
      0,
      -0,
      -87,
      -87.3,
      -87.34,
      -88,
      -88.02,
      -88.03,
      -88.1,
      -89,
      -103,
      -1e38,
      Number.NEGATIVE_INFINITY,
    ]
    const random = seedrandom('edges')
    const xs = Float32Array.from({ length: 4096 }, (_, i) => edges[i] ?? -(random() ** 3) * 100)
    const { call, at, reserve } = kernels()!
    reserve(8 * xs.length)
    kernels()!.floats.set(xs, at.data / 4)
    call['weigh']!(at.data + 4 * xs.length, at.data, xs.length, 0)
    const got = kernels()!.floats.slice(at.data / 4 + xs.length, at.data / 4 + 2 * xs.length)
    expect(bitsOf(got)).toEqual(bitsOf(xs.map((x) => exp32(x))))
  })
})
