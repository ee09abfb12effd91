/** The sampler draws from the softmax of the marked row under the sampling rules, the same tokens on both paths; and in transformers.js when asked. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { afterEach, describe, expect, test } from 'vitest'
import { createMarker } from '../../src/integrations/marker.ts'
import { createSampler, drawToken } from '../../src/integrations/sampler.ts'
import { createLogitsProcessor } from '../../src/integrations/transformers-js.ts'
import { useKernels } from '../../src/prf/kernels/kernels.ts'
import { applySampling, type Sampling } from '../../src/sampling.ts'
import { SCHEMES, schemeWithKeys } from '../support/schemes.ts'
import { binomialBand } from '../support/tolerance.ts'

afterEach(() => useKernels('auto'))

const RULES: readonly Required<Sampling>[] = [
  { temperature: 1, topK: 0, topP: 1 },
  { temperature: 0.7, topK: 0, topP: 1 },
  { temperature: 1, topK: 3, topP: 1 },
  { temperature: 1.4, topK: 0, topP: 0.8 },
  { temperature: 0.9, topK: 5, topP: 0.9 },
]

function rowOf(seed: string, length: number): Float32Array {
  const random = seedrandom(seed)
  return Float32Array.from({ length }, () => 4 * random() ** 3)
}

describe('a drawn token', () => {
  // The null: 20,000 draws, five rules, 8 tokens: 40 counts share a false-alarm rate of 1e-6.
  const frequencies = (draw: (row: Float32Array) => number, draws: number): Float64Array => {
    const counts = new Float64Array(8)
    for (let i = 0; i < draws; i++) counts[draw(rowOf('law', 8))]!++
    return counts
  }
  const probabilities = (rules: Required<Sampling>): Float64Array => {
    const row = Float64Array.from(rowOf('law', 8))
    applySampling(row, rules)
    const weights = row.map(Math.exp)
    const total = weights.reduce((a, b) => a + b, 0)
    return weights.map((w) => w / total)
  }
  const off = (rules: Required<Sampling>, counts: Float64Array, draws: number): number[] =>
    [...probabilities(rules)].flatMap((p, id) => {
      if (p === 0) return counts[id] === 0 ? [] : [id]
      const { lo, hi } = binomialBand(draws, p, 1e-6 / 40)
      return counts[id]! < lo || counts[id]! > hi ? [id] : []
    })

  test.each(RULES)('has the law of the rules: %o', (rules) => {
    const random = seedrandom('draws')
    const counts = frequencies((row) => drawToken(row, { ...rules, random }), 20_000)
    expect(off(rules, counts, 20_000)).toEqual([])
  })

  test('positive control: without the temperature it has not', () => {
    const random = seedrandom('draws')
    const counts = frequencies((row) => drawToken(row, { ...RULES[0]!, random }), 20_000)
    expect(off(RULES[1]!, counts, 20_000)).not.toEqual([])
  })

  test('is the same on both paths, for rows of any length', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 3000 }),
        fc.nat(RULES.length - 1),
        (seed, length, r) => {
          const drawn = (['wasm', 'javascript'] as const).map((path) => {
            useKernels(path)
            const random = seedrandom(`${seed}`)
            return Array.from({ length: 5 }, () =>
              drawToken(rowOf(`${seed}`, length), { ...RULES[r]!, random }),
            )
          })
          expect(drawn[0]).toEqual(drawn[1])
        },
      ),
      { seed: 1, numRuns: 60 },
    )
  })
})

describe('createSampler', () => {
  test.each(Object.entries(SCHEMES))('%s: draws from the row that the marker leaves', (_, scheme) => {
    const { profile, key } = schemeWithKeys('sampler', scheme, { vocabularySize: 600 })
    const marker = createMarker(profile, [key])
    const [a, b] = [seedrandom('same'), seedrandom('same')]
    const next = createSampler(marker, { random: a })
    for (let i = 0; i < 20; i++) {
      const row = rowOf(`${i}`, 620)
      marker.mark(row, [i])
      const expected = drawToken(row, { temperature: 1, topK: 0, topP: 1, random: b })
      expect(next(rowOf(`${i}`, 620), [i])).toBe(expected)
    }
  })

  const { profile, key } = schemeWithKeys('refused', SCHEMES['green list'])
  const marker = createMarker(profile, [key])
  const random = (): number => 0.5
  test.each([
    [undefined, /^"options" expected/],
    [{}, /^"options.random" expected a function/],
    [{ random: 0.5 }, /^"options.random" expected a function/],
    [{ random, temperature: 0 }, /^"options.temperature" expected/],
    [{ random, topP: 2 }, /^"options.topP" expected/],
    [{ random, top_k: 3 }, /^"options" expected/],
  ])('%o is refused', (options, message) => {
    expect(() => createSampler(marker, options as never)).toThrow(message)
  })

  test('a mark on the distribution has its rules from the marker', () => {
    const gumbel = schemeWithKeys('refused', SCHEMES.gumbel)
    const onDistribution = createMarker(gumbel.profile, [gumbel.key], { sampling: { topK: 5 } })
    expect(() => createSampler(onDistribution, { random, topK: 5 })).toThrow(
      /"options" expected no sampling rules/,
    )
    expect(createSampler(onDistribution, { random })(rowOf('g', 256), [1])).toBeLessThan(256)
  })

  test('something else is no marker', () => {
    expect(() => createSampler({} as never, { random })).toThrow(/"marker" expected a marker/)
  })
})

describe('in transformers.js', () => {
  test('rules of `draw` are kept: of top-k 1 the likeliest marked token is forced', () => {
    const { profile, key } = schemeWithKeys('draw', SCHEMES['green list'], { vocabularySize: 600 })
    const marker = createMarker(profile, [key])
    const row = rowOf('draw', 600)
    const marked = row.slice()
    marker.mark(marked, [4])
    const likeliest = marked.indexOf(Math.max(...marked))
    const process = createLogitsProcessor(
      marker,
      { do_sample: false },
      { draw: { random: seedrandom('any'), topK: 1, temperature: 3 } },
    )
    process([4], { dims: [600], data: row })
    expect(row.indexOf(0)).toBe(likeliest)
    expect(row.filter((value) => value === Number.NEGATIVE_INFINITY).length).toBe(599)
  })

  test('a mark on the distribution refuses rules of `draw`', () => {
    const { profile, key } = schemeWithKeys('draw', SCHEMES.gumbel)
    const marker = createMarker(profile, [key])
    for (const rule of [{ topK: 4 }, { topP: 0.5 }])
      expect(() =>
        createLogitsProcessor(marker, { do_sample: false }, { draw: { random: Math.random, ...rule } }),
      ).toThrow(/"options.draw.top[KP]" expected/)
  })
})
