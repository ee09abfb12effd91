/**
 * Gumbel sampling: the laws of every scheme over widths and lanes, and what is its own: the race is a draw from the distribution, by
 * counting every combination of numbers; the score never lies above its law, to the last bit; what marked text scores.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { createGumbel, type GumbelParameters, raceWinner } from '../../src/schemes/gumbel.ts'
import { testLaws } from '../laws/law.ts'
import { prfLaws } from '../laws/prf.laws.ts'
import { type SchemeUnderTest, schemeLaws } from '../laws/scheme.laws.ts'
import { fixedLnOf, fixedOf } from '../stats/exact.ts'
import { HALF_PRECISIONS } from '../support/half-precision.ts'
import { keysOf } from '../support/keys.ts'
import { SCHEMES, schemeWithKeys } from '../support/schemes.ts'

// Not a multiple of any block: rows begin and end within one.
const VOCABULARY = 700

function gumbel(parameters: Partial<GumbelParameters> = {}): SchemeUnderTest {
  const full = { contextWidth: 1, vocabularySize: VOCABULARY, lanes: 1, ...parameters }
  return {
    ...full,
    scheme: createGumbel(full),
    keyOf: keysOf({ ...full, scheme: 'gumbel', bits: 32, param: 0 }),
  }
}

describe.each([0, 1, 2, 3, 4])('contextWidth %i', (contextWidth) => {
  const lanes = [1, 4, 16][contextWidth % 3]!
  const subject = gumbel({ contextWidth, lanes })
  describe(`lanes ${lanes}`, () => {
    testLaws(schemeLaws, subject)
    testLaws(prfLaws, { ...subject, field: subject.scheme.field, contextWidth, bits: 32, lanes })
  })
})

describe('the race', () => {
  /** How often each token wins over all combinations of uniform numbers of `bits` bits, in their cells' middles. */
  function winShares(
    probabilities: readonly number[],
    { bits, winnerOf }: { bits: number; winnerOf: (uniform: (token: number) => number) => number },
  ): number[] {
    const cells = 2 ** bits
    const combinations = cells ** probabilities.length
    const wins = probabilities.map(() => 0)
    for (let c = 0; c < combinations; c++)
      wins[winnerOf((token) => ((Math.floor(c / cells ** token) % cells) + 0.5) / cells)]!++
    return wins.map((count) => count / combinations)
  }

  /**
   * How far a share may be from the probability. The true race is over uniform numbers from the whole of each cell. Two tokens i and j
   * change places within a square of cells only if the curve on which they tie, u_i = u_j^(p_i / p_j), runs through it; the curve rises, so
   * it runs through at most 2 * 2^bits - 1 of 4^bits squares. A token's share changes where it changes places with one of the others.
   */
  function errorBound(tokens: number, bits: number): number {
    return ((tokens - 1) * (2 * 2 ** bits - 1)) / 4 ** bits
  }

  const cases = [
    { probabilities: [0.5, 0.5], most: 9 },
    { probabilities: [0.9, 0.1], most: 9 },
    { probabilities: [0.99, 0.01], most: 9 },
    { probabilities: [0.6, 0.3, 0.1], most: 6 },
    { probabilities: [1 / 3, 1 / 3, 1 / 3], most: 6 },
    { probabilities: [0.4, 0.3, 0.2, 0.1], most: 4 },
  ]
  const raceOf = (probabilities: readonly number[]) => (uniform: (token: number) => number) =>
    raceWinner(probabilities.map(Math.log), { vocabularySize: probabilities.length, uniform })

  test.each(cases)('is a draw from $probabilities, up to the cut into cells', ({ probabilities, most }) => {
    for (let bits = 1; bits <= most; bits++) {
      const shares = winShares(probabilities, { bits, winnerOf: raceOf(probabilities) })
      for (const [token, p] of probabilities.entries())
        expect(Math.abs(shares[token]! - p), `token ${token}, ${bits} bits`).toBeLessThanOrEqual(
          errorBound(probabilities.length, bits),
        )
    }
  })

  test('with the 32 bits of a field and 128,000 tokens no probability is off by more than 0.00006', () => {
    expect(errorBound(128_000, 32)).toBeLessThan(6e-5)
  })

  test.each([
    ['ln(u) p instead of ln(u) / p', (logit: number, u: number) => Math.log(u) * Math.exp(logit)],
    ['the number alone', (_: number, u: number) => u],
    ['the number times p', (logit: number, u: number) => u * Math.exp(logit)],
  ])('positive control: a race by %s is not', (_, value) => {
    const probabilities = [0.6, 0.3, 0.1]
    const winnerOf = (uniform: (token: number) => number): number => {
      const values = probabilities.map((p, token) => value(Math.log(p), uniform(token)))
      return values.indexOf(Math.max(...values))
    }
    const shares = winShares(probabilities, { bits: 6, winnerOf })
    expect(Math.abs(shares[0]! - 0.6)).toBeGreaterThan(errorBound(3, 6))
  })

  test('goes to the lowest id where two tie; tokens that cannot come do not run', () => {
    const even = () => 0.5
    expect(raceWinner([1, 1, 1], { vocabularySize: 3, uniform: even })).toBe(0)
    expect(raceWinner([-Infinity, 1, 1], { vocabularySize: 3, uniform: even })).toBe(1)
    expect(raceWinner([-Infinity, -60, -Infinity, 99], { vocabularySize: 3, uniform: even })).toBe(1)
    const last = (token: number) => (token === 2 ? 1 - 2 ** -33 : 2 ** -33)
    expect(raceWinner([20, 20, -5], { vocabularySize: 3, uniform: last })).toBe(2)
  })

  test('does not depend on what is added to all logits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -400, max: 400 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: -4000, max: 4000 }),
        fc.string(),
        (eighths, shift, seed) => {
          const random = seedrandom(seed)
          const uniforms = eighths.map(() => (Math.floor(random() * 2 ** 32) + 0.5) / 2 ** 32)
          const run = (logits: number[]) =>
            raceWinner(logits, { vocabularySize: logits.length, uniform: (token) => uniforms[token]! })
          expect(run(eighths.map((x) => (x + shift) / 8))).toBe(run(eighths.map((x) => x / 8)))
        },
      ),
      { seed: 1, numRuns: 500 },
    )
  })
})

describe('the score', () => {
  const { scheme } = gumbel()
  const fields = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    // Where cells are wider than a step of the score, and where the score is next to nothing.
    fc.integer({ min: 2 ** 32 - 2 ** 20, max: 2 ** 32 - 1 }),
    fc.integer({ min: 2 ** 32 - 1000, max: 2 ** 32 - 1 }),
    fc.nat(5000),
  )

  /** Whether P[score >= x] <= exp(-x) at the score x of a field, which (2^32 - field) fields reach: without any rounding. */
  function isWithinLaw(score: (field: number) => number, field: number): boolean {
    const chance = { numerator: 2n ** 32n - BigInt(field), denominator: 2n ** 32n }
    return fixedLnOf(chance) <= -fixedOf(score(field))
  }

  test('never lies above its law: no score is more frequent than an exponential number of that size', () => {
    fc.assert(
      fc.property(fields, (field) => {
        expect(isWithinLaw(scheme.score, field)).toBe(true)
      }),
      { seed: 1, numRuns: 3000 },
    )
    for (let field = 2 ** 32 - 2000; field < 2 ** 32; field++)
      expect(isWithinLaw(scheme.score, field)).toBe(true)
  })

  test('nor far below: a step and a cell', () => {
    fc.assert(
      fc.property(fields, (field) => {
        const chance = (2 ** 32 - field) / 2 ** 32
        expect(Math.exp(-(scheme.score(field) + 2 ** -20))).toBeLessThan(chance * (1 + 1e-15))
      }),
      { seed: 2, numRuns: 3000 },
    )
  })

  test.each([
    [
      'the middle of the cell',
      (field: number) => Math.floor(-Math.log(1 - (field + 0.5) / 2 ** 32) * 2 ** 20) / 2 ** 20,
    ],
    ['no rounding down', (field: number) => Math.ceil(-Math.log(1 - field / 2 ** 32) * 2 ** 20) / 2 ** 20],
  ])('positive control: with %s it does', (_, score) => {
    const caught = Array.from({ length: 2000 }, (_, i) => 2 ** 32 - 1 - i).filter(
      (field) => !isWithinLaw(score, field),
    )
    expect(caught.length).toBeGreaterThan(1000)
  })

  test('grows with the field', () => {
    fc.assert(
      fc.property(fields, (field) => {
        fc.pre(field > 0)
        expect(scheme.score(field)).toBeGreaterThanOrEqual(scheme.score(field - 1))
      }),
      { seed: 3, numRuns: 2000 },
    )
  })

  test.each([
    [0, 0],
    [4095, 0],
    [4096, 1],
    [2 ** 31, Math.floor(Math.LN2 * 2 ** 20)],
    [2 ** 32 - 2 ** 16, Math.floor(16 * Math.LN2 * 2 ** 20)],
    [2 ** 32 - 1, Math.floor(32 * Math.LN2 * 2 ** 20)],
  ])('of field %d is %d steps', (field, steps) => {
    expect(Object.is(scheme.score(field), steps / 2 ** 20)).toBe(true)
  })

  test('sums are the same in any order', () => {
    const random = seedrandom('order')
    const scores = Array.from({ length: 10_000 }, () => scheme.score(Math.floor(random() * 2 ** 32)))
    const forward = scores.reduce((a, b) => a + b, 0)
    const sorted = [...scores].sort((a, b) => a - b).reduce((a, b) => a + b, 0)
    const halves = [0, 1].map((odd) => scores.filter((_, i) => i % 2 === odd).reduce((a, b) => a + b, 0))
    expect([sorted, halves[0]! + halves[1]!]).toEqual([forward, forward])
  })
})

/**
 * What marked text scores. -ln(u) / p is exponential with rate p, and the smallest of independent ones is exponential with rate 1 whoever
 * it belongs to; so a winner of probability p has u = exp(-p x) with x exponential, u is Beta(1/p, 1), 1 - u is Beta(1, 1/p), and its score has
 * mean H(1/p), the harmonic number psi(1 + 1/p) - psi(1) (logarithms of beta numbers: DLMF 5.12.1 differentiated by its second argument).
 * Where 1/p = a is an integer, H(a) = 1 + 1/2 + ... + 1/a, and the variance is 1 + 1/4 + ... + 1/a^2. Together: sum of p H(1/p).
 */
describe('marked text', () => {
  const DRAWS = 3000
  const harmonic = (a: number, power: number): number =>
    Array.from({ length: a }, (_, k) => 1 / (k + 1) ** power).reduce((total, term) => total + term, 0)

  test.each([
    { shares: [1], mean: 1 },
    { shares: [2, 2], mean: 1.5 },
    { shares: [2, 4, 8, 8], mean: 0.75 + 25 / 48 + 761 / 280 / 4 },
    { shares: new Array<number>(64).fill(64), mean: harmonic(64, 1) },
  ])('scores sum of p H(1/p) on average, here $mean', ({ shares, mean }) => {
    expect(shares.reduce((total, a) => total + harmonic(a, 1) / a, 0)).toBeCloseTo(mean, 12)
    const second = shares.reduce((total, a) => total + (harmonic(a, 2) + harmonic(a, 1) ** 2) / a, 0)
    const { scheme, keyOf } = gumbel({ vocabularySize: shares.length })
    let sum = 0
    for (let i = 0; i < DRAWS; i++) {
      const row = shares.map((a) => -Math.log(a))
      const site = { key: keyOf(i), context: [i % 7], lane: 0 }
      scheme.mark(row, site)
      sum += scheme.score(scheme.field(site.key, site.context, row.indexOf(0), 0))
    }
    // Bernstein's inequality at 1e-6, for scores no further than 32 ln 2 from their mean, and a step lost on each.
    const l = Math.log(2 / 1e-6)
    const third = (l * 32 * Math.LN2) / 3
    const deviation = third + Math.sqrt(third ** 2 + 2 * DRAWS * (second - mean * mean) * l)
    expect(Math.abs(sum - DRAWS * mean)).toBeLessThan(deviation + DRAWS * 2 ** -20)
    // Which is enough to tell it from the null, unless there was no choice.
    if (mean > 1) expect(deviation).toBeLessThan(DRAWS * (mean - 1))
  })
})

describe('rows of half precision', () => {
  test.each(Object.entries(HALF_PRECISIONS))(
    'in %s the same token wins, unless it was ahead by less than the rounding',
    (_, rounded) => {
      let [same, close] = [0, 0]
      const { scheme, keyOf } = gumbel({ vocabularySize: 200 })
      fc.assert(
        fc.property(fc.integer(), fc.nat(50), (seed, k) => {
          const random = seedrandom(String(seed))
          const row = Float32Array.from({ length: 200 }, () => 20 * random() - 10)
          const half = row.map(rounded)
          const site = { key: keyOf(k), context: [3], lane: 0 }
          const values = Array.from(row, (logit, token) => {
            const u = (scheme.field(site.key, site.context, token, 0) + 0.5) / 2 ** 32
            return logit - Math.log(-Math.log(u))
          }).sort((a, b) => b - a)
          const margin = values[0]! - values[1]!
          const error = Math.max(...row.map((logit, token) => Math.abs(logit - half[token]!)))
          scheme.mark(row, site)
          scheme.mark(half, site)
          if (margin > 2 * error) {
            expect(half).toEqual(row)
            same++
          } else close++
        }),
        { seed: 1, numRuns: 300 },
      )
      expect(same).toBeGreaterThan(close)
    },
  )
})

describe('declares', () => {
  test('its law, frozen, and that a context counts once', () => {
    const { scheme } = gumbel()
    expect(scheme.nullLaw).toEqual({ kind: 'exponential' })
    expect(Object.isFrozen(scheme) && Object.isFrozen(scheme.nullLaw)).toBe(true)
    expect([scheme.id, scheme.draw, scheme.countOnce, scheme.actsOn]).toEqual([
      'gumbel',
      'argmax',
      'context',
      'distribution',
    ])
  })

  test('from a profile: its numbers, and the lanes of the layer', () => {
    const { profile, key } = schemeWithKeys('from profile', SCHEMES.gumbel, { contextWidth: 3 })
    const made = schemeOf(profile, { lanes: 4 })
    const direct = createGumbel({ ...profile, lanes: 4 })
    const rows = [made, direct].map((scheme) => {
      const row = new Float32Array(profile.vocabularySize)
      scheme.mark(row, { key, context: [1, 2, 3], lane: 3 })
      return row
    })
    expect(rows[0]).toEqual(rows[1])
    expect(new Set(rows[0])).toEqual(new Set([0, Number.NEGATIVE_INFINITY]))
    expect(made.contextWidth).toBe(3)
  })
})
