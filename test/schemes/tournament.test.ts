/**
 * The tournament: the laws of every scheme over rounds, widths and lanes, and what is its own: rounds are the matches that they stand
 * for, and keep the distribution on average, by going through every bit; weights stay weights; what marked text scores.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { createTournament, type TournamentParameters } from '../../src/schemes/tournament.ts'
import { testLaws } from '../laws/law.ts'
import { prfLaws } from '../laws/prf.laws.ts'
import { type SchemeUnderTest, schemeLaws } from '../laws/scheme.laws.ts'
import { HALF_PRECISIONS } from '../support/half-precision.ts'
import { keysOf } from '../support/keys.ts'
import { SCHEMES, schemeWithKeys } from '../support/schemes.ts'
import { playRound } from '../support/tournament-rounds.ts'

// Not a multiple of any block: rows begin and end within one.
const VOCABULARY = 700

function tournament(parameters: Partial<TournamentParameters> = {}): SchemeUnderTest {
  const full = { contextWidth: 1, param: 30, vocabularySize: VOCABULARY, lanes: 1, ...parameters }
  return {
    ...full,
    scheme: createTournament(full),
    keyOf: keysOf({ ...full, scheme: 'tournament', bits: 32 }),
  }
}

describe.each([1, 5, 30])('%i rounds', (param) => {
  describe.each([0, 1, 2, 3, 4])('contextWidth %i', (contextWidth) => {
    const lanes = [1, 4, 16][contextWidth % 3]!
    const subject = tournament({ param, contextWidth, lanes })
    describe(`lanes ${lanes}`, () => {
      testLaws(schemeLaws, subject)
      if (param === 5)
        testLaws(prfLaws, { ...subject, field: subject.scheme.field, contextWidth, bits: 32, lanes })
    })
  })
})

type Round = (weights: Float64Array, about: { fields: Uint32Array; round: number }) => void

/** The distribution after all rounds, for given fields. */
function played(
  probabilities: readonly number[],
  { fields, rounds, round = playRound }: { fields: Uint32Array; rounds: number; round?: Round },
): Float64Array {
  const weights = Float64Array.from(probabilities)
  for (let r = 0; r < rounds; r++) round(weights, { fields, round: r })
  return weights
}

/** Calls with every combination of `rounds` bits of each token. */
function forAllFields(tokens: number, rounds: number, use: (fields: Uint32Array) => void): void {
  const combinations = 2 ** (tokens * rounds)
  for (let c = 0; c < combinations; c++)
    use(Uint32Array.from({ length: tokens }, (_, token) => (c >>> (token * rounds)) & (2 ** rounds - 1)))
}

function averageOver(tokens: number, rounds: number, value: (fields: Uint32Array) => number): number {
  let total = 0
  forAllFields(tokens, rounds, (fields) => {
    total += value(fields)
  })
  return total / 2 ** (tokens * rounds)
}

const DISTRIBUTIONS = [
  [0.5, 0.5],
  [0.9, 0.1],
  [1 - 1e-12, 1e-12],
  [0.6, 0.3, 0.1],
  [1 / 3, 1 / 3, 1 / 3],
  [0.4, 0.3, 0.2, 0.1],
  [0.97, 0.01, 0.01, 0.01],
] as const

/** An error that is easy to make: ones twice as likely as zeros, as a green list of ln 2 nats would have it. */
const doublesOnes: Round = (weights, { fields, round }) => {
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    weights[i]! *= 1 + ((fields[i]! >>> round) & 1)
    total += weights[i]!
  }
  for (let i = 0; i < weights.length; i++) weights[i]! /= total
}

describe.each([1, 2, 3])('%i rounds over all bits', (rounds) => {
  const farthest = (round: Round): number =>
    Math.max(
      ...DISTRIBUTIONS.flatMap((probabilities) =>
        probabilities.map((p, token) =>
          Math.abs(
            averageOver(probabilities.length, rounds, (fields) => {
              return played(probabilities, { fields, rounds, round })[token]!
            }) - p,
          ),
        ),
      ),
    )

  test('give the distribution back on average', () => {
    expect(farthest(playRound)).toBeLessThan(1e-12)
  })

  test('positive control: rounds that double the ones do not', () => {
    expect(farthest(doublesOnes)).toBeGreaterThan(0.001)
  })
})

// The published definition, without the vectorised form: 2^m draws from p are put into pairs, of each pair the one with the larger bit
// goes on, and a coin decides a tie; with the winners the same by the next bit, until one is left.
describe('is the tournament', () => {
  function winnerOdds(
    probabilities: readonly number[],
    { fields, rounds }: { fields: Uint32Array; rounds: number },
  ): Float64Array {
    const odds = new Float64Array(probabilities.length)
    const add = (competitors: readonly number[], round: number, chance: number): void => {
      if (competitors.length === 1) {
        odds[competitors[0]!]! += chance
        return
      }
      const pairs = competitors.length / 2
      // Every outcome of the coins, whether a tie needs them or not.
      for (let coins = 0; coins < 2 ** pairs; coins++) {
        const winners = Array.from({ length: pairs }, (_, i) => {
          const [a, b] = [competitors[2 * i]!, competitors[2 * i + 1]!]
          const [bitA, bitB] = [a, b].map((token) => (fields[token]! >>> round) & 1)
          if (bitA !== bitB) return bitA! > bitB! ? a : b
          return (coins >>> i) & 1 ? a : b
        })
        add(winners, round + 1, chance / 2 ** pairs)
      }
    }
    const draws = 2 ** rounds
    for (let c = 0; c < probabilities.length ** draws; c++) {
      const drawn = Array.from(
        { length: draws },
        (_, i) => Math.floor(c / probabilities.length ** i) % probabilities.length,
      )
      add(
        drawn,
        0,
        drawn.reduce((chance, token) => chance * probabilities[token]!, 1),
      )
    }
    return odds
  }

  test.each([
    { probabilities: [0.6, 0.3, 0.1], rounds: 1 },
    { probabilities: [0.4, 0.3, 0.2, 0.1], rounds: 1 },
    { probabilities: [0.6, 0.3, 0.1], rounds: 2 },
    { probabilities: [0.7, 0.3], rounds: 3 },
  ])('of $rounds rounds among $probabilities', ({ probabilities, rounds }) => {
    forAllFields(probabilities.length, rounds, (fields) => {
      const [rows, matches] = [
        played(probabilities, { fields, rounds }),
        winnerOdds(probabilities, { fields, rounds }),
      ]
      // Up to 32,768 chances are added.
      for (const token of probabilities.keys())
        expect(Math.abs(rows[token]! - matches[token]!)).toBeLessThan(1e-12)
    })
  })
})

describe('weights', () => {
  // Probabilities down to 1e-300 beside large ones, where 1 - mean loses everything.
  const weighted = fc
    .array(
      fc.oneof(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: -300, max: 0 }).map((e) => 10 ** e),
      ),
      { minLength: 1, maxLength: 60 },
    )
    .filter((list) => list.some((w) => w > 0))
    .map((list) => {
      const total = list.reduce((a, b) => a + b, 0)
      return list.map((w) => w / total)
    })

  /** Worst of 30 rounds: the least weight, and the largest distance of a sum from 1. */
  function extremes(list: readonly number[], seed: number, round: Round): { least: number; off: number } {
    const random = seedrandom(String(seed))
    const fields = Uint32Array.from(list, () => random() * 2 ** 30)
    const weights = Float64Array.from(list)
    let [least, off] = [1, 0]
    for (let r = 0; r < 30; r++) {
      round(weights, { fields, round: r })
      least = Math.min(least, ...weights)
      off = Math.max(off, Math.abs(weights.reduce((a, b) => a + b, 0) - 1))
    }
    return { least, off }
  }

  test('are never below 0 and sum to 1, through 30 rounds', () => {
    fc.assert(
      fc.property(weighted, fc.nat(), (list, seed) => {
        const { least, off } = extremes(list, seed, playRound)
        expect(least).toBeGreaterThanOrEqual(0)
        // A round keeps the sum as it was, up to the rounding of at most 60 additions.
        expect(off).toBeLessThan(30 * 64 * 2 ** -52)
      }),
      { seed: 1, numRuns: 1000 },
    )
  })

  test('positive control: by 1 + g - mean they fall below 0', () => {
    const textbook: Round = (weights, { fields, round }) => {
      const bit = (i: number): number => (fields[i]! >>> round) & 1
      const mean = weights.reduce((total, weight, i) => total + weight * bit(i), 0)
      for (let i = 0; i < weights.length; i++) weights[i]! *= 1 + bit(i) - mean
    }
    const lists = fc.sample(weighted, { seed: 1, numRuns: 1000 })
    expect(lists.filter((list, i) => extremes(list, i, textbook).least < 0).length).toBeGreaterThan(0)
  })

  test('where no rounding is at stake, are p (1 + g - mean) a round', () => {
    const random = seedrandom('plain')
    for (let i = 0; i < 200; i++) {
      const list = Array.from({ length: 20 }, () => random())
      const total = list.reduce((a, b) => a + b, 0)
      const p = list.map((w) => w / total)
      const fields = Uint32Array.from(p, () => random() * 2 ** 32)
      const round = i % 32
      const bits = p.map((_, token) => Math.floor(fields[token]! / 2 ** round) % 2)
      const mean = p.reduce((sum, w, token) => sum + w * bits[token]!, 0)
      const weights = Float64Array.from(p)
      playRound(weights, { fields, round })
      for (const token of p.keys())
        expect(Math.abs(weights[token]! - p[token]! * (1 + bits[token]! - mean))).toBeLessThan(1e-15)
    }
  })
})

describe('the mark', () => {
  test('leaves columns beyond the vocabulary their share, whatever they are', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(50), (seed, k) => {
        const random = seedrandom(String(seed))
        const { scheme, keyOf } = tournament({ vocabularySize: 50 })
        const row = Float64Array.from({ length: 60 }, () => 40 * random() - 20)
        const share = (logits: Float64Array): number => {
          const weights = logits.map(Math.exp)
          const total = weights.reduce((a, b) => a + b, 0)
          return weights.subarray(50).reduce((a, b) => a + b, 0) / total
        }
        const before = share(row)
        scheme.mark(row, { key: keyOf(k), context: [5], lane: 0 })
        expect(Math.abs(share(row) - before)).toBeLessThan(1e-12)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('leaves a token that is alone alone', () => {
    const { scheme, keyOf } = tournament({ vocabularySize: 3 })
    const row = [-Infinity, 3, -Infinity]
    scheme.mark(row, { key: keyOf(1), context: [5], lane: 0 })
    expect(row).toEqual([-Infinity, 3, -Infinity])
  })
})

/**
 * What marked text scores. After a round the mean bit is sum p g (1 + g - mean) = mean (2 - mean); over all bits the mean has mean 1/2 and
 * variance C / 4, with C = sum of p^2 the chance that two draws collide: 1/2 + (1 - C) / 4. The rounds after it keep the distribution on
 * average, and that bit's mean with it. So m rounds score m / 2 + sum of (1 - C_r) / 4, C_r the mean collision of what round r begins with.
 */
describe('marked text', () => {
  function meanScore(weights: Float64Array, fields: Uint32Array, rounds: number): number {
    const ones = (field: number): number =>
      Array.from({ length: rounds }, (_, r) => (field >>> r) & 1).reduce((a, b) => a + b, 0)
    return weights.reduce((total, weight, token) => total + weight * ones(fields[token]!), 0)
  }
  const collision = (weights: ArrayLike<number>): number =>
    Array.from(weights).reduce((total, p) => total + p * p, 0)

  test.each([1, 2, 3])(
    'scores rounds / 2 + sum of (1 - collision) / 4 on average: %i rounds, all bits',
    (rounds) => {
      for (const probabilities of DISTRIBUTIONS) {
        const tokens = probabilities.length
        let expected = rounds / 2
        for (let r = 0; r < rounds; r++)
          expected +=
            (1 -
              averageOver(tokens, r, (fields) => collision(played(probabilities, { fields, rounds: r })))) /
            4
        const score = averageOver(tokens, rounds, (fields) =>
          meanScore(played(probabilities, { fields, rounds }), fields, rounds),
        )
        expect(Math.abs(score - expected)).toBeLessThan(1e-12)
      }
    },
  )

  test('as keys have it: 4,000 keys, one round, four tokens', () => {
    const probabilities = [0.4, 0.3, 0.2, 0.1]
    const { scheme, keyOf } = tournament({ param: 1, vocabularySize: 4 })
    const draws = 4000
    let sum = 0
    for (let i = 0; i < draws; i++) {
      const row = Float64Array.from(probabilities, Math.log)
      const site = { key: keyOf(i), context: [i % 3], lane: 0 }
      scheme.mark(row, site)
      for (const [token, logit] of row.entries())
        sum += Math.exp(logit) * scheme.score(scheme.field(site.key, site.context, token, 0))
    }
    // Hoeffding's inequality at 1e-6 for numbers between 0 and 1.
    const deviation = Math.sqrt((draws * Math.log(2 / 1e-6)) / 2)
    const expected = draws * (0.5 + (1 - collision(probabilities)) / 4)
    expect(Math.abs(sum - expected)).toBeLessThan(deviation)
    expect(deviation).toBeLessThan(expected - draws / 2)
  })
})

// Ratios of probabilities move by e^(2 error) at most. A round's factors, 1 + zeros or zeros, move as much as the weights did, so with each
// round the bound doubles: ln p' moves by 2^(m + 1) error at most. After 30 rounds that says nothing, and rows do differ.
describe('rows of half precision', () => {
  describe.each(Object.entries(HALF_PRECISIONS))('%s', (_, rounded) => {
    test.each([1, 5])('%i rounds: ln p moves by 2^(rounds + 1) times the rounding at most', (param) => {
      const { scheme, keyOf } = tournament({ param, vocabularySize: 200 })
      let largest = 0
      fc.assert(
        fc.property(fc.integer(), fc.nat(50), (seed, k) => {
          const random = seedrandom(String(seed))
          const row = Float64Array.from({ length: 200 }, () => 20 * random() - 10)
          const half = row.map(rounded)
          const error = Math.max(...row.map((logit, token) => Math.abs(logit - half[token]!)))
          const site = { key: keyOf(k), context: [3], lane: 0 }
          for (const logits of [row, half]) {
            scheme.mark(logits, site)
            const lnTotal = Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0))
            for (const token of logits.keys()) logits[token]! -= lnTotal
          }
          const moved = Math.max(...row.map((logit, token) => Math.abs(logit - half[token]!)))
          largest = Math.max(largest, moved)
          expect(moved).toBeLessThanOrEqual(2 ** (param + 1) * error)
        }),
        { seed: 1, numRuns: 200 },
      )
      expect(largest).toBeGreaterThan(0)
    })
  })
})

describe('declares', () => {
  test.each([1, 5, 12, 30])('for %i rounds its law and the number of ones among as many bits', (param) => {
    const { scheme } = tournament({ param })
    expect(scheme.nullLaw).toEqual({ kind: 'binomial', trials: param, p: 0.5 })
    expect([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** param - 1, 2 ** (param - 1)].map(scheme.score)).toEqual([
      0,
      1,
      0,
      param,
      param,
      1,
    ])
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (field) => {
        const bits = field
          .toString(2)
          .padStart(32, '0')
          .slice(32 - param)
        expect(scheme.score(field)).toBe(bits.split('1').length - 1)
      }),
      { seed: 1, numRuns: 300 },
    )
    expect(Object.isFrozen(scheme) && Object.isFrozen(scheme.nullLaw)).toBe(true)
    expect([scheme.id, scheme.draw, scheme.countOnce, scheme.actsOn]).toEqual([
      'tournament',
      'sample',
      'context',
      'distribution',
    ])
  })

  test('from a profile: its numbers, and the lanes of the layer', () => {
    const { profile, key } = schemeWithKeys('from profile', SCHEMES['tournament, 30 rounds'], {
      contextWidth: 3,
    })
    const made = schemeOf(profile, { lanes: 4 })
    const direct = createTournament({ ...profile, lanes: 4 })
    const rows = [made, direct].map((scheme) => {
      const row = new Float32Array(profile.vocabularySize)
      scheme.mark(row, { key, context: [1, 2, 3], lane: 3 })
      return row
    })
    expect(rows[0]).toEqual(rows[1])
    expect(made.nullLaw).toEqual({ kind: 'binomial', trials: 30, p: 0.5 })
  })
})
