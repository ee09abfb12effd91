/**
 * What every scheme must obey, whatever its mark. A scheme's test calls `testLaws`; laws.test.ts calls single laws with broken
 * schemes that must fail.
 *
 * Null scores are drawn at sites that are all distinct (another key, context or token each), as counted pairs are: their
 * number above chance then has the declared law exactly, and its tails are the tolerances.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { expect } from 'vitest'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { lnBinomialLowerTail, lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnUpperTail, nullMean } from '../../src/stats/tail.ts'
import { binomialBand, kolmogorovBand } from '../support/tolerance.ts'
import { FALSE_ALARM, type LawBook } from './law.ts'

/** The scheme under test. */
export interface SchemeUnderTest {
  readonly scheme: Scheme
  readonly vocabularySize: number
  readonly lanes: number
  /** Independent keys of the scheme's format, by number. */
  readonly keyOf: (seed: number) => MarkKey
}

// Schemes whose score is 0 or 1.
const scoresBits = ({ scheme }: SchemeUnderTest): boolean => scheme.nullLaw.kind === 'bernoulli'

export const schemeLaws: LawBook<SchemeUnderTest> = {
  'marking is deterministic': {
    check(subject) {
      const { scheme } = subject
      fc.assert(
        fc.property(anyStep(subject), ({ row, ...site }) => {
          const [a, b] = [Float32Array.from(row), Float32Array.from(row)]
          scheme.mark(a, site)
          scheme.mark(b, site)
          expect(a.every((value, token) => Object.is(value, b[token]))).toBe(true)
        }),
        { seed: 1, numRuns: 30 },
      )
    },
  },

  'marking then scoring agrees: what was raised scores highest, for any logits': {
    appliesTo: scoresBits,
    check(subject) {
      const { scheme, vocabularySize } = subject
      const mean = nullMean(scheme.nullLaw)
      fc.assert(
        fc.property(anyStep(subject), ({ row, ...site }) => {
          const after = Float32Array.from(row)
          scheme.mark(after, site)
          for (let token = 0; token < vocabularySize; token++) {
            const before = row[token]!
            if (before === Number.NEGATIVE_INFINITY) {
              // What the host ruled out stays ruled out.
              if (after[token] !== before) expect.fail(`token ${token} was at -Infinity, is ${after[token]}`)
              continue
            }
            const score = scheme.score(scheme.field(site.key, site.context, token, site.lane))
            const raised = after[token]! > before
            if (raised !== score > mean || (!raised && after[token] !== before))
              expect.fail(`token ${token} scores ${score} and went from ${before} to ${after[token]}`)
          }
        }),
        { seed: 2, numRuns: 30 },
      )
    },
  },

  'columns beyond the vocabulary are never touched': {
    check(subject) {
      const { scheme, vocabularySize } = subject
      fc.assert(
        fc.property(anyStep(subject), fc.integer({ min: 1, max: 600 }), ({ row, ...site }, extra) => {
          const wide = new Float32Array(vocabularySize + extra).fill(0.5)
          wide.set(row)
          scheme.mark(wide, site)
          expect(wide.subarray(vocabularySize).every((value) => value === 0.5)).toBe(true)
        }),
        { seed: 3, numRuns: 30 },
      )
    },
  },

  'the null mean is that of the declared law': {
    appliesTo: scoresBits,
    check(subject) {
      const n = nullDraws(subject.scheme)
      const sum = nullSum(subject, { from: 0, n })
      // Exact tails of the declared law on both sides, half of the false-alarm rate each.
      expect(lnUpperTail(subject.scheme.nullLaw, { sum, n })).toBeGreaterThan(Math.log(FALSE_ALARM / 2))
      const lower = -Math.expm1(lnUpperTail(subject.scheme.nullLaw, { sum: sum + 1, n }))
      expect(lower).toBeGreaterThan(FALSE_ALARM / 2)
    },
  },

  // The mean alone does not see scores that hang together: their sums spread too far, and p-values come out too small.
  'sums of null scores have the declared law, from end to end': {
    appliesTo: scoresBits,
    check(subject) {
      const { nullLaw: law } = subject.scheme
      const random = seedrandom('randomised p')
      const [texts, n] = [4000, 64]
      const p = Array.from({ length: texts }, (_, text) => {
        const sum = nullSum(subject, { from: text * n, n })
        const above = Math.exp(lnUpperTail(law, { sum: sum + 1, n }))
        // A discrete p-value is made uniform by spreading each step evenly.
        return above + random() * (Math.exp(lnUpperTail(law, { sum, n })) - above)
      }).sort((a, b) => a - b)
      const distance = Math.max(...p.map((value, i) => Math.max(value - i / texts, (i + 1) / texts - value)))
      expect(distance).toBeLessThan(kolmogorovBand(texts, FALSE_ALARM))
    },
  },

  'scores of a key say nothing about scores of another': {
    appliesTo: scoresBits,
    check(subject) {
      const { scheme, vocabularySize } = subject
      const pairs = 6000
      let differ = 0
      for (let i = 0; i < pairs; i++) {
        const context = contextOf(subject, i)
        const score = (seed: number): number =>
          scheme.score(scheme.field(subject.keyOf(seed), context, i % vocabularySize, 0))
        const seed = 2 * Math.floor(i / vocabularySize)
        if (score(seed) !== score(seed + 1)) differ++
      }
      const p = nullMean(scheme.nullLaw)
      const { lo, hi } = binomialBand(pairs, 2 * p * (1 - p), FALSE_ALARM)
      expect(differ).toBeGreaterThanOrEqual(lo)
      expect(differ).toBeLessThanOrEqual(hi)
    },
  },

  'marked text scores higher than unmarked text, as much as its rows say': {
    appliesTo: scoresBits,
    check(subject) {
      const random = seedrandom('marked mean')
      let [sum, expected, variance, raised] = [0, 0, 0, 0]
      for (let i = 0; i < TEXT; i++) {
        const { plain, marked, scores } = markedStep(subject, { i, random })
        const [before, after] = [meanScore(plain, scores), meanScore(marked, scores)]
        // Not a matter of chance: where both kinds of token are on offer, the high-scoring ones must gain.
        if (scores.includes(0) && scores.includes(1)) {
          expect(after).toBeGreaterThan(before)
          raised++
        }
        expected += after
        variance += after * (1 - after)
        sum += scores[sampleFromLogits(marked, { temperature: 1, random })]!
      }
      expect(raised).toBeGreaterThan(0)
      // Bernstein's inequality for independent scores in [0, 1], solved for the deviation at the false-alarm rate.
      const l = Math.log(2 / FALSE_ALARM)
      const deviation = l / 3 + Math.sqrt((l / 3) ** 2 + 2 * variance * l)
      expect(Math.abs(sum - expected)).toBeLessThan(deviation)
    },
  },

  'text marked under one key is null under another': {
    appliesTo: scoresBits,
    check(subject) {
      const { scheme } = subject
      const random = seedrandom('wrong key')
      let sum = 0
      for (let i = 0; i < TEXT; i++) {
        const { marked, context } = markedStep(subject, { i, random })
        const token = sampleFromLogits(marked, { temperature: 1, random })
        sum += scheme.score(scheme.field(subject.keyOf(TEXT + i), context, token, 0))
      }
      const { lo, hi } = binomialBand(TEXT, nullMean(scheme.nullLaw), FALSE_ALARM)
      expect(sum).toBeGreaterThanOrEqual(lo)
      expect(sum).toBeLessThanOrEqual(hi)
    },
  },
}

/** Positions of a text in the laws that sample one, each under a key of its own. */
const TEXT = 400

/** Most null scores that one law may draw, for the time it takes. */
export const MOST_DRAWS: number = 2 ** 20

/** By how much a declared probability may be wrong, relative, before the law of the null mean is sure to see it. */
export const MISSTATEMENT = 0.02

function nullDraws({ nullLaw }: Scheme): number {
  const p = nullMean(nullLaw)
  const needed = [1 + MISSTATEMENT, 1 - MISSTATEMENT].map((factor) => drawsToTell(p, p / factor))
  return Math.min(MOST_DRAWS, Math.max(...needed.filter(Number.isFinite)))
}

/**
 * Least number of draws (to a factor of 1.01) at which scores of probability `truth` pass a test of `declared` at FALSE_ALARM
 * with a chance of at most FALSE_ALARM; Infinity where `truth` is no probability.
 */
export function drawsToTell(declared: number, truth: number): number {
  if (!(truth > 0 && truth < 1)) return Number.POSITIVE_INFINITY
  const passes = (n: number): boolean => {
    const { lo, hi } = binomialBand(n, declared, FALSE_ALARM)
    const lnPass =
      truth < declared ? lnBinomialUpperTail(lo, { n, p: truth }) : lnBinomialLowerTail(hi, { n, p: truth })
    return lnPass > Math.log(FALSE_ALARM)
  }
  let n = 16
  while (n < 2 ** 30 && passes(n)) n *= 2
  for (let step = n / 4; step > n / 200; step /= 2) if (!passes(Math.ceil(n - step))) n = Math.ceil(n - step)
  return n
}

// Sum of n null scores at sites from..from + n - 1: every token once under each of many keys, contexts and lanes changing.
function nullSum(subject: SchemeUnderTest, { from, n }: { from: number; n: number }): number {
  const { scheme, vocabularySize, lanes, keyOf } = subject
  let sum = 0
  let key = keyOf(0)
  let context: readonly number[] = []
  for (let i = from; i < from + n; i++) {
    const token = i % vocabularySize
    if (i === from || token === 0) {
      key = keyOf(Math.floor(i / vocabularySize))
      context = contextOf(subject, i)
    }
    sum += scheme.score(scheme.field(key, context, token, Math.floor(i / vocabularySize) % lanes))
  }
  return sum
}

function meanScore(row: Float64Array, scores: Float64Array): number {
  let [total, scored] = [0, 0]
  for (let token = 0; token < row.length; token++) {
    const weight = Math.exp(row[token]!)
    total += weight
    scored += weight * scores[token]!
  }
  return scored / total
}

function markedStep(
  subject: SchemeUnderTest,
  { i, random }: { i: number; random: () => number },
): { plain: Float64Array; marked: Float64Array; scores: Float64Array; context: readonly number[] } {
  const { scheme, vocabularySize, keyOf } = subject
  const key = keyOf(i)
  const context = contextOf(subject, i)
  const plain = new Float64Array(vocabularySize)
  const scores = new Float64Array(vocabularySize)
  for (let token = 0; token < vocabularySize; token++) {
    plain[token] = 2 * random()
    scores[token] = scheme.score(scheme.field(key, context, token, 0))
  }
  const marked = plain.slice()
  scheme.mark(marked, { key, context, lane: 0 })
  return { plain, marked, scores, context }
}

// A row of any logits with one place where it is marked. Rows come from a seed: arrays of this length are slow to draw.
function anyStep({ scheme, vocabularySize, lanes, keyOf }: SchemeUnderTest): fc.Arbitrary<{
  row: Float32Array
  key: MarkKey
  context: number[]
  lane: number
}> {
  const { contextWidth } = scheme
  return fc.record({
    row: fc.integer().map((seed) => anyRow(seed, vocabularySize)),
    key: fc.nat(20).map(keyOf),
    context: fc.array(fc.nat(vocabularySize - 1), { minLength: contextWidth, maxLength: contextWidth }),
    lane: fc.nat(lanes - 1),
  })
}

// Up to 60 nats either way, zeros of both signs, tiny values and, one in ten, -Infinity.
function anyRow(seed: number, vocabularySize: number): Float32Array {
  const random = seedrandom(String(seed))
  return Float32Array.from({ length: vocabularySize }, () => {
    const kind = random()
    if (kind < 0.1) return Number.NEGATIVE_INFINITY
    if (kind < 0.15) return 0
    if (kind < 0.2) return -0
    return (2 * random() - 1) * (kind < 0.3 ? 1e-30 : 60)
  })
}

// Contexts that differ from one i to the next; at width 0 there is only one.
function contextOf({ scheme, vocabularySize }: SchemeUnderTest, i: number): number[] {
  return Array.from({ length: scheme.contextWidth }, (_, j) => (i + Math.floor(i / 977) * j) % vocabularySize)
}
