/**
 * What every scheme must obey, whatever its mark. A scheme's test calls `testLaws`; laws.test.ts calls single laws with broken
 * schemes that must fail.
 *
 * Null scores are drawn at sites that are all distinct (another key, context or token each), as counted pairs are: their sum then has
 * the declared law, and its tails are the tolerances. Exponential scores are rounded down by up to a step, 2^-20; the bands below are
 * wider than that by orders of magnitude.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { expect } from 'vitest'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { lnBinomialLowerTail, lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnGammaLowerTail, lnGammaUpperTail } from '../../src/stats/gamma.ts'
import { lnHypoexponentialLowerTail } from '../../src/stats/hypoexponential.ts'
import { EXPONENTIAL_STEP, type NullLaw } from '../../src/stats/law.ts'
import { lnUpperTail, nullMean, type ScoreSum } from '../../src/stats/tail.ts'
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

const scoresBits = ({ scheme }: SchemeUnderTest): boolean => scheme.nullLaw.kind === 'bernoulli'
const countsBits = ({ scheme }: SchemeUnderTest): boolean => scheme.nullLaw.kind === 'binomial'
const forcesToken = ({ scheme }: SchemeUnderTest): boolean => scheme.draw === 'argmax'
const actsOnDistribution = ({ scheme }: SchemeUnderTest): boolean => scheme.actsOn === 'distribution'

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

  'what the host ruled out stays ruled out, and a token is left': {
    check(subject) {
      const { scheme, vocabularySize } = subject
      fc.assert(
        fc.property(anyStep(subject), ({ row, ...site }) => {
          const after = Float32Array.from(row)
          scheme.mark(after, site)
          let left = 0
          for (let token = 0; token < vocabularySize; token++) {
            if (Number.isNaN(after[token])) expect.fail(`token ${token} is NaN`)
            if (after[token] === Number.NEGATIVE_INFINITY) continue
            left++
            if (row[token] === Number.NEGATIVE_INFINITY)
              expect.fail(`token ${token} was at -Infinity, is ${after[token]}`)
          }
          expect(left).toBeGreaterThan(0)
        }),
        { seed: 4, numRuns: 30 },
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
            if (before === Number.NEGATIVE_INFINITY) continue
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

  'marking then scoring agrees: whoever has all bits of another is raised at least as much, for any logits': {
    appliesTo: countsBits,
    check(subject) {
      const { scheme } = subject
      const mask = 2 ** trialsOf(scheme) - 1
      fc.assert(
        fc.property(anyStep(subject), ({ row, ...site }) => {
          // Within 6 nats, so that no weight falls out of the range of doubles.
          const before = Float64Array.from(row, (value) => value / 20)
          const after = before.slice()
          scheme.mark(after, site)
          const tokens = [...before.keys()].filter((token) => before[token]! > Number.NEGATIVE_INFINITY)
          const bits = tokens.map((token) => scheme.field(site.key, site.context, token, site.lane) & mask)
          const gains = tokens.map((token) => after[token]! - before[token]!)
          for (const [i, own] of bits.entries()) {
            for (const [j, other] of bits.entries()) {
              if ((own & other) !== other) continue
              // At most 30 products and two logarithms of at most 40 nats: a thousand roundings.
              if (gains[i]! < gains[j]! - 1e-12)
                expect.fail(`bits ${own} gain ${gains[i]}, their part ${other} gains ${gains[j]}`)
            }
          }
        }),
        { seed: 5, numRuns: 8 },
      )
    },
  },

  'marking then scoring agrees: the token that is left has won the race of its numbers, for any logits': {
    appliesTo: forcesToken,
    check(subject) {
      const { scheme, vocabularySize } = subject
      fc.assert(
        fc.property(anyStep(subject), ({ row, ...site }) => {
          const after = Float32Array.from(row)
          scheme.mark(after, site)
          const left = [...after.keys()].filter((token) => after[token]! > Number.NEGATIVE_INFINITY)
          expect(left.map((token) => after[token])).toEqual([0])
          const race = (token: number): number => {
            const u = (scheme.field(site.key, site.context, token, site.lane) + 0.5) / 2 ** 32
            return row[token]! - Math.log(-Math.log(u))
          }
          for (let token = 0; token < vocabularySize; token++) {
            // Two logarithms of at most 23 nats and a logit of at most 60.
            if (race(token) > race(left[0]!) + 1e-12) expect.fail(`token ${token} is ahead of ${left[0]}`)
          }
        }),
        { seed: 6, numRuns: 30 },
      )
    },
  },

  'columns beyond the vocabulary are never marked': {
    check(subject) {
      const { scheme, vocabularySize } = subject
      // Where one token is forced, every other column is closed.
      const expected = forcesToken(subject) ? Number.NEGATIVE_INFINITY : 0.5
      fc.assert(
        fc.property(anyStep(subject), fc.integer({ min: 1, max: 600 }), ({ row, ...site }, extra) => {
          const wide = new Float32Array(vocabularySize + extra).fill(0.5)
          wide.set(row)
          scheme.mark(wide, site)
          expect(wide.subarray(vocabularySize).every((value) => value === expected)).toBe(true)
        }),
        { seed: 3, numRuns: 30 },
      )
    },
  },

  // Sums of steps are exact in any order, so evidence does not depend on who adds up.
  'scores are whole steps of the law, from 0 on': {
    check(subject) {
      const { scheme, vocabularySize, keyOf } = subject
      const step = stepOf(scheme.nullLaw)
      for (let i = 0; i < 3000; i++) {
        const field = scheme.field(keyOf(i), contextOf(subject, i), i % vocabularySize, 0)
        const steps = scheme.score(field) / step
        if (!Number.isInteger(steps) || steps < 0) expect.fail(`field ${field} scores ${steps} steps`)
      }
    },
  },

  'the null mean is that of the declared law': {
    check(subject) {
      const { nullLaw: law } = subject.scheme
      const n = nullDraws(law)
      expectNull(law, { sum: nullSum(subject, { from: 0, n }), n })
    },
  },

  // The mean alone does not see scores that hang together: their sums spread too far, and p-values come out too small.
  'sums of null scores have the declared law, from end to end': {
    check(subject) {
      const { nullLaw: law } = subject.scheme
      const step = stepOf(law)
      const random = seedrandom('randomised p')
      const [texts, n] = [4000, 64]
      const p = Array.from({ length: texts }, (_, text) => {
        const sum = nullSum(subject, { from: text * n, n })
        const above = Math.exp(lnUpperTail(law, { sum: sum + step, n }))
        // A discrete p-value is made uniform by spreading each step evenly.
        return above + random() * (Math.exp(lnUpperTail(law, { sum, n })) - above)
      }).sort((a, b) => a - b)
      const distance = Math.max(...p.map((value, i) => Math.max(value - i / texts, (i + 1) / texts - value)))
      expect(distance).toBeLessThan(kolmogorovBand(texts, FALSE_ALARM))
    },
  },

  'scores of a key say nothing about scores of another': {
    check(subject) {
      const { scheme, vocabularySize } = subject
      const { threshold, chance } = highScore(scheme.nullLaw)
      const pairs = 6000
      let differ = 0
      for (let i = 0; i < pairs; i++) {
        const context = contextOf(subject, i)
        const isHigh = (seed: number): boolean =>
          scheme.score(scheme.field(subject.keyOf(seed), context, i % vocabularySize, 0)) >= threshold
        const seed = 2 * Math.floor(i / vocabularySize)
        if (isHigh(seed) !== isHigh(seed + 1)) differ++
      }
      const { lo, hi } = binomialBand(pairs, 2 * chance * (1 - chance), FALSE_ALARM)
      expect(differ).toBeGreaterThanOrEqual(lo)
      expect(differ).toBeLessThanOrEqual(hi)
    },
  },

  'marked text scores higher than unmarked text, as much as its rows say': {
    check(subject) {
      const { nullLaw: law } = subject.scheme
      const random = seedrandom('marked mean')
      let [sum, expected, variance, raised] = [0, 0, 0, 0]
      for (let i = 0; i < TEXT; i++) {
        const { plain, marked, scores } = markedStep(subject, { i, random })
        const [before, after] = [meanScore(plain, scores), meanScore(marked, scores)]
        // Not a matter of chance with green lists: where both kinds of token are on offer, the high-scoring ones must gain.
        if (law.kind === 'bernoulli' && scores.includes(0) && scores.includes(1)) {
          expect(after).toBeGreaterThan(before)
          raised++
        }
        expected += after
        variance +=
          meanScore(
            marked,
            scores.map((score) => score * score),
          ) -
          after * after
        sum += scores[sampleFromLogits(marked, { temperature: 1, random })]!
      }
      if (law.kind === 'bernoulli') expect(raised).toBeGreaterThan(0)
      else expect(lnUpperTail(law, { sum, n: TEXT })).toBeLessThan(Math.log(FALSE_ALARM))
      // Bernstein's inequality for independent scores no further than `range` from their means, solved for the deviation at the
      // false-alarm rate.
      const range = {
        bernoulli: 1,
        binomial: trialsOf(subject.scheme),
        exponential: 32 * Math.LN2,
        hypoexponential: 32 * Math.LN2,
      }[law.kind]
      const l = Math.log(2 / FALSE_ALARM)
      const deviation = (l * range) / 3 + Math.sqrt(((l * range) / 3) ** 2 + 2 * variance * l)
      expect(Math.abs(sum - expected)).toBeLessThan(deviation)
    },
  },

  'text marked under one key is null under another': {
    check(subject) {
      const { scheme } = subject
      const random = seedrandom('wrong key')
      let sum = 0
      for (let i = 0; i < TEXT; i++) {
        const { marked, context } = markedStep(subject, { i, random })
        const token = sampleFromLogits(marked, { temperature: 1, random })
        sum += scheme.score(scheme.field(subject.keyOf(TEXT + i), context, token, 0))
      }
      expectNull(scheme.nullLaw, { sum, n: TEXT })
    },
  },

  // Of a distribution over four tokens the counts are then exactly binomial, since every draw has a key of its own.
  'on average over keys the distribution stays as it was': {
    appliesTo: actsOnDistribution,
    check(subject) {
      const { scheme, vocabularySize, keyOf } = subject
      const random = seedrandom('average over keys')
      const probabilities = [0.4, 0.3, 0.2, 0.1]
      const tokens = probabilities.map((_, i) => Math.floor(((i + 1) * vocabularySize) / 5))
      const counts = probabilities.map(() => 0)
      const draws = 4000
      for (let i = 0; i < draws; i++) {
        const row = new Float64Array(vocabularySize).fill(Number.NEGATIVE_INFINITY)
        for (const [t, token] of tokens.entries()) row[token] = Math.log(probabilities[t]!)
        scheme.mark(row, { key: keyOf(i), context: contextOf(subject, i), lane: 0 })
        counts[tokens.indexOf(sampleFromLogits(row, { temperature: 1, random }))]!++
      }
      for (const [t, p] of probabilities.entries()) {
        const { lo, hi } = binomialBand(draws, p, FALSE_ALARM / probabilities.length)
        expect(counts[t], `token of probability ${p}`).toBeGreaterThanOrEqual(lo)
        expect(counts[t], `token of probability ${p}`).toBeLessThanOrEqual(hi)
      }
    },
  },
}

/** Positions of a text in the laws that sample one, each under a key of its own. */
const TEXT = 400

/** Most null scores that one law may draw, for the time it takes. */
export const MOST_DRAWS: number = 2 ** 20

/** By how much a declared probability or mean may be wrong, relative, before the law of the null mean is sure to see it. */
export const MISSTATEMENT = 0.02

function nullDraws(law: NullLaw): number {
  const needed = [1 + MISSTATEMENT, 1 - MISSTATEMENT].map((factor) => drawsToTellFactor(law, factor))
  return Math.min(MOST_DRAWS, Math.max(...needed.filter(Number.isFinite)))
}

function drawsToTellFactor(law: NullLaw, factor: number): number {
  switch (law.kind) {
    case 'bernoulli':
      return drawsToTell(law.p, law.p / factor)
    case 'binomial':
      return Math.ceil(drawsToTell(law.p, law.p / factor) / law.trials)
    case 'exponential':
    case 'hypoexponential':
      return drawsToTellMean(1 / factor)
  }
}

/**
 * Least number of draws (to a factor of 1.01) at which scores of probability `truth` pass a test of `declared` at FALSE_ALARM
 * with a chance of at most FALSE_ALARM; Infinity where `truth` is no probability.
 */
export function drawsToTell(declared: number, truth: number): number {
  if (!(truth > 0 && truth < 1)) return Number.POSITIVE_INFINITY
  return leastFailing((n) => {
    const { lo, hi } = binomialBand(n, declared, FALSE_ALARM)
    return truth < declared
      ? lnBinomialUpperTail(lo, { n, p: truth })
      : lnBinomialLowerTail(hi, { n, p: truth })
  })
}

/** The same for exponential scores of mean `truth`, where the declared mean is 1. */
export function drawsToTellMean(truth: number): number {
  return leastFailing((n) => {
    const limit = Math.log(FALSE_ALARM / 2)
    // The edge of the band, by bisection between the declared mean and ten deviations from it.
    let [inside, outside] = [n, truth < 1 ? Math.max(0, n - 10 * Math.sqrt(n)) : n + 10 * Math.sqrt(n)]
    for (let step = 0; step < 40; step++) {
      const middle = (inside + outside) / 2
      const lnTail =
        truth < 1 ? lnGammaLowerTail(middle, { shape: n }) : lnGammaUpperTail(middle, { shape: n })
      if (lnTail > limit) inside = middle
      else outside = middle
    }
    return truth < 1
      ? lnGammaUpperTail(outside / truth, { shape: n })
      : lnGammaLowerTail(outside / truth, { shape: n })
  })
}

function leastFailing(lnPass: (n: number) => number): number {
  const passes = (n: number): boolean => lnPass(n) > Math.log(FALSE_ALARM)
  let n = 16
  while (n < 2 ** 30 && passes(n)) n *= 2
  for (let step = n / 4; step > n / 200; step /= 2) if (!passes(Math.ceil(n - step))) n = Math.ceil(n - step)
  return n
}

/** Exact tails of the declared law on both sides, half of the false-alarm rate each. */
function expectNull(law: NullLaw, { sum, n }: ScoreSum): void {
  const limit = Math.log(FALSE_ALARM / 2)
  expect(lnUpperTail(law, { sum, n })).toBeGreaterThan(limit)
  switch (law.kind) {
    case 'bernoulli':
      expect(lnBinomialLowerTail(sum, { n, p: law.p })).toBeGreaterThan(limit)
      return
    case 'binomial':
      expect(lnBinomialLowerTail(sum, { n: n * law.trials, p: law.p })).toBeGreaterThan(limit)
      return
    case 'exponential':
      expect(lnGammaLowerTail(sum + n * EXPONENTIAL_STEP, { shape: n })).toBeGreaterThan(limit)
      return
    case 'hypoexponential':
      expect(lnHypoexponentialLowerTail(sum + n * EXPONENTIAL_STEP, { n, alpha: law.alpha })).toBeGreaterThan(
        limit,
      )
  }
}

/** A score that about a third of null scores reach, or those of a green token, and how many reach it. */
function highScore(law: NullLaw): { threshold: number; chance: number } {
  const threshold = {
    bernoulli: 1,
    binomial: law.kind === 'binomial' ? Math.floor(law.trials * law.p) + 1 : 0,
    exponential: 1,
    hypoexponential: 1,
  }[law.kind]
  return { threshold, chance: Math.exp(lnUpperTail(law, { sum: threshold, n: 1 })) }
}

function stepOf({ kind }: NullLaw): number {
  return kind === 'exponential' || kind === 'hypoexponential' ? EXPONENTIAL_STEP : 1
}

function trialsOf({ nullLaw }: Scheme): number {
  return nullLaw.kind === 'binomial' ? nullLaw.trials : 1
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
