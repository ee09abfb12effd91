/**
 * What every scheme must obey, whatever its mark. A scheme's test calls each law; laws.test.ts calls them with broken schemes
 * that must fail.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { expect } from 'vitest'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { lnUpperTail, nullMean, nullVariance } from '../../src/stats/tail.ts'
import { binomialBand } from '../support/tolerance.ts'

/** The scheme under test. */
export interface SchemeUnderTest {
  readonly scheme: Scheme
  readonly vocabularySize: number
  readonly keyOf: (seed: number) => MarkKey
}

const FALSE_ALARM = 1e-6

export const schemeLaws: Record<string, (subject: SchemeUnderTest) => void> = {
  'marking is deterministic'({ scheme, vocabularySize, keyOf }) {
    fc.assert(
      fc.property(rows(vocabularySize), contexts(scheme, vocabularySize), (row, context) => {
        const [a, b] = [Float32Array.from(row), Float32Array.from(row)]
        scheme.mark(a, { key: keyOf(1), context, lane: 0 })
        scheme.mark(b, { key: keyOf(1), context, lane: 0 })
        expect(a).toEqual(b)
      }),
      { seed: 1, numRuns: 50 },
    )
  },

  'marking then scoring agrees: what was raised scores highest, for any logits'({
    scheme,
    vocabularySize,
    keyOf,
  }) {
    if (scheme.draw !== 'sample') return
    fc.assert(
      fc.property(
        rows(vocabularySize),
        contexts(scheme, vocabularySize),
        fc.nat(20),
        (row, context, seed) => {
          const key = keyOf(seed)
          const before = Float32Array.from(row)
          const after = Float32Array.from(row)
          scheme.mark(after, { key, context, lane: 0 })
          for (let token = 0; token < vocabularySize; token++) {
            if (before[token] === Number.NEGATIVE_INFINITY) continue
            const score = scheme.score(scheme.field(key, context, token, 0))
            expect(after[token]! > before[token]!).toBe(score > nullMean(scheme.nullLaw))
          }
        },
      ),
      { seed: 2, numRuns: 100 },
    )
  },

  'columns beyond the vocabulary are never touched'({ scheme, vocabularySize, keyOf }) {
    const row = new Float32Array(vocabularySize + 7).fill(0.5)
    scheme.mark(row, { key: keyOf(3), context: new Array(scheme.contextWidth).fill(1), lane: 0 })
    expect([...row.subarray(vocabularySize)]).toEqual(new Array(7).fill(0.5))
  },

  'the null mean and variance are those of the declared law'({ scheme, vocabularySize, keyOf }) {
    const draws = 20_000
    let sum = 0
    for (let i = 0; i < draws; i++)
      sum += scheme.score(
        scheme.field(keyOf(i % 400), contextOf(scheme, i, vocabularySize), i % vocabularySize, 0),
      )
    const mean = nullMean(scheme.nullLaw)
    // Exact tails of the declared law on both sides, half of the false-alarm rate each.
    const limit = Math.log(FALSE_ALARM / 2)
    expect(lnUpperTail(scheme.nullLaw, { sum, n: draws })).toBeGreaterThan(limit)
    if (scheme.nullLaw.kind === 'bernoulli') {
      expect(
        lnUpperTail({ kind: 'bernoulli', p: 1 - scheme.nullLaw.p }, { sum: draws - sum, n: draws }),
      ).toBeGreaterThan(limit)
      expect(nullVariance(scheme.nullLaw)).toBeCloseTo(mean * (1 - mean), 12)
    }
  },

  'scores of a key say nothing about scores of another'({ scheme, vocabularySize, keyOf }) {
    const pairs = 4000
    let agree = 0
    for (let i = 0; i < pairs; i++) {
      const context = contextOf(scheme, i, vocabularySize)
      const score = (seed: number): boolean =>
        scheme.score(scheme.field(keyOf(seed), context, i % vocabularySize, 0)) > nullMean(scheme.nullLaw)
      if (score(5) && score(6)) agree++
    }
    const high = scheme.nullLaw.kind === 'bernoulli' ? scheme.nullLaw.p : 0.5
    const { lo, hi } = binomialBand(pairs, high * high, FALSE_ALARM)
    expect(agree).toBeGreaterThanOrEqual(lo)
    expect(agree).toBeLessThanOrEqual(hi)
  },

  'marked text scores higher than unmarked text, as much as theory says'({ scheme, vocabularySize, keyOf }) {
    const random = seedrandom('marked mean')
    const key = keyOf(9)
    let sum = 0
    let expected = 0
    let variance = 0
    const draws = 3000
    for (let i = 0; i < draws; i++) {
      const context = contextOf(scheme, i, vocabularySize)
      const row = Float32Array.from({ length: vocabularySize }, () => 2 * random())
      scheme.mark(row, { key, context, lane: 0 })
      const weights = Array.from(row, Math.exp)
      const total = weights.reduce((a, b) => a + b, 0)
      const scores = weights.map((_, token) => scheme.score(scheme.field(key, context, token, 0)))
      const mean = weights.reduce((m, w, token) => m + (w / total) * scores[token]!, 0)
      expected += mean
      variance += weights.reduce((m, w, token) => m + (w / total) * (scores[token]! - mean) ** 2, 0)
      sum += scores[sampleFromLogits(row, { temperature: 1, random })]!
    }
    // Bernstein's inequality for independent bounded scores, solved for the deviation at the false-alarm rate.
    const l = Math.log(2 / FALSE_ALARM)
    const deviation = l / 3 + Math.sqrt((l / 3) ** 2 + 2 * variance * l)
    expect(Math.abs(sum - expected)).toBeLessThan(deviation)
    expect(expected).toBeGreaterThan(draws * nullMean(scheme.nullLaw) + 3 * deviation)
  },
}

function rows(vocabularySize: number): fc.Arbitrary<number[]> {
  const value = fc.oneof(
    { weight: 9, arbitrary: fc.float({ min: -60, max: 60, noNaN: true }) },
    { weight: 1, arbitrary: fc.constant(Number.NEGATIVE_INFINITY) },
  )
  return fc.array(value, { minLength: vocabularySize, maxLength: vocabularySize })
}

function contexts({ contextWidth }: Scheme, vocabularySize: number): fc.Arbitrary<number[]> {
  return fc.array(fc.nat(vocabularySize - 1), { minLength: contextWidth, maxLength: contextWidth })
}

// Distinct contexts for distinct i below vocabularySize^contextWidth; at width 0 there is only one.
function contextOf({ contextWidth }: Scheme, i: number, vocabularySize: number): number[] {
  return Array.from({ length: contextWidth }, (_, j) => Math.floor(i / vocabularySize ** j) % vocabularySize)
}
