/**
 * The laws themselves: sound implementations pass them (here, and in every scheme's own test), and each law catches
 * implementations that break what it says. A law without such a control would prove nothing by passing.
 */
import { describe, expect, test } from 'vitest'
import { createFieldFunction, type FieldFunction } from '../../src/prf/fields.ts'
import { createGreenList } from '../../src/schemes/green-list.ts'
import { createGumbel } from '../../src/schemes/gumbel.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { createTournament } from '../../src/schemes/tournament.ts'
import { keysOf } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'
import { applies, FALSE_ALARM, type LawBook, testLaws } from './law.ts'
import { type PrfUnderTest, prfLaws } from './prf.laws.ts'
import {
  drawsToTell,
  drawsToTellMean,
  MISSTATEMENT,
  MOST_DRAWS,
  type SchemeUnderTest,
  schemeLaws,
} from './scheme.laws.ts'

const FORMAT = { contextWidth: 2, bits: 8, lanes: 4, param: 64 } as const
const vocabularySize = 700
const keyOf = keysOf(FORMAT)
const field = createFieldFunction(FORMAT)
const soundPrf: PrfUnderTest = { ...FORMAT, field, vocabularySize, keyOf }

function greenList(param: number): Scheme {
  return createGreenList({ ...FORMAT, param, delta: 2, vocabularySize })
}
const sound = greenList(64)
const soundScheme: SchemeUnderTest = { scheme: sound, vocabularySize, lanes: FORMAT.lanes, keyOf }

type Broken<Subject> = readonly [what: string, law: string, broken: Subject]

/** The law throws for the broken subject, and the subject is one of which it speaks. `sound`: what was broken. */
function testControls<Subject>(
  laws: LawBook<Subject>,
  { sound, controls }: { sound: Subject; controls: readonly Broken<Subject>[] },
): void {
  test.each(controls)('%s breaks "%s"', (_, name, broken) => {
    const law = laws[name]!
    expect(applies(law, broken)).toBe(true)
    expect(() => law.check(broken)).toThrow()
  })

  test('every law that speaks of the subject has a control, and every control names a law', () => {
    const names = Object.keys(laws).filter((name) => applies(laws[name]!, sound))
    expect(new Set(controls.map(([, name]) => name))).toEqual(new Set(names))
  })
}

describe('PRF laws', () => {
  describe('a sound PRF', () => testLaws(prfLaws, soundPrf))

  const breaks = (change: (sound: FieldFunction) => FieldFunction): PrfUnderTest => ({
    ...soundPrf,
    field: change(createFieldFunction(FORMAT)),
  })
  testControls(prfLaws, {
    sound: soundPrf,
    controls: [
      [
        'one that remembers a block without its context',
        'is a function: the order of calls does not matter',
        breaks((f) => {
          let last = { token: -1, lane: -1, value: 0 }
          return (key, context, token, lane) => {
            if (token !== last.token || lane !== last.lane)
              last = { token, lane, value: f(key, context, token, lane) }
            return last.value
          }
        }),
      ],
      [
        'one that remembers a block without its key',
        'is a function: the order of calls does not matter',
        breaks((f) => {
          let last = { site: '', value: 0 }
          return (key, context, token, lane) => {
            const site = `${Array.from(context)} ${token} ${lane}`
            if (site !== last.site) last = { site, value: f(key, context, token, lane) }
            return last.value
          }
        }),
      ],
      [
        'one that leaves a bit too many',
        'gives integers of the declared bits',
        breaks((f) => (key, context, token, lane) => f(key, context, token, lane) * 2),
      ],
      [
        'one that gives fractions',
        'gives integers of the declared bits',
        breaks((f) => (key, context, token, lane) => f(key, context, token, lane) / 2),
      ],
      [
        'one that ignores the last id of the context',
        'depends on every id of the context',
        breaks((f) => (key, context, token, lane) => f(key, [context[0]!, 0], token, lane)),
      ],
      [
        'one that ignores the first id of the context',
        'depends on every id of the context',
        breaks((f) => (key, context, token, lane) => f(key, [0, context[1]!], token, lane)),
      ],
      [
        'one that takes the ids of the context as a set',
        'depends on the order of the context',
        breaks(
          (f) => (key, context, token, lane) =>
            f(
              key,
              Array.from(context).sort((a, b) => a - b),
              token,
              lane,
            ),
        ),
      ],
      [
        'one that ignores the token',
        'depends on the token',
        breaks((f) => (key, context, _, lane) => f(key, context, 0, lane)),
      ],
      [
        'one that gives neighbours the same number',
        'depends on the token',
        breaks((f) => (key, context, token, lane) => f(key, context, token >>> 1, lane)),
      ],
      [
        'one that repeats itself from block to block',
        'depends on the token',
        breaks((f) => (key, context, token, lane) => f(key, context, token % 64, lane)),
      ],
      [
        'one that ignores the key',
        'depends on the key',
        breaks((f) => (_, context, token, lane) => f(keyOf(0), context, token, lane)),
      ],
      [
        'one that ignores the lane',
        'depends on the lane',
        breaks((f) => (key, context, token) => f(key, context, token, 0)),
      ],
      [
        'one whose lanes are shifts of one list',
        'no lane is another lane, at any shift of the tokens',
        breaks(
          (f) => (key, context, token, lane) => f(key, context, (token + 100 * lane) % vocabularySize, 0),
        ),
      ],
      [
        'one whose top bit is set five times in eight',
        'each bit is balanced',
        breaks((f) => (key, context, token, lane) => {
          const value = f(key, context, token, lane)
          return (value & 3) === 0 ? value | 128 : value
        }),
      ],
      [
        'one that never gives 255',
        'each value of the low eight bits is as frequent as any other',
        breaks((f) => (key, context, token, lane) => Math.min(254, f(key, context, token, lane))),
      ],
    ],
  })

  test('with one lane and one id of context, the laws of lanes and order say nothing; with more, all speak', () => {
    const silent = (subject: PrfUnderTest): string[] =>
      Object.keys(prfLaws).filter((name) => !applies(prfLaws[name]!, subject))
    expect(silent({ ...soundPrf, contextWidth: 1, lanes: 1 })).toEqual([
      'depends on the order of the context',
      'depends on the lane',
      'no lane is another lane, at any shift of the tokens',
    ])
    expect(silent({ ...soundPrf, contextWidth: 0 })).toEqual([
      'depends on every id of the context',
      'depends on the order of the context',
    ])
    expect(silent(soundPrf)).toEqual([])
  })
})

describe('scheme laws, on green lists', () => {
  describe('a sound scheme', () => testLaws(schemeLaws, soundScheme))

  const breaks = (change: Partial<Scheme>): SchemeUnderTest => ({
    ...soundScheme,
    scheme: { ...sound, ...change },
  })
  const declares = (p: number, param = 64): SchemeUnderTest => ({
    ...soundScheme,
    scheme: { ...greenList(param), nullLaw: { kind: 'bernoulli', p } },
  })
  const marksAs = (raises: (field: number) => boolean): SchemeUnderTest =>
    breaks({
      mark(row, { key, context, lane }) {
        for (let token = 0; token < vocabularySize; token++)
          if (raises(field(key, context, token, lane))) row[token]! += 2
      },
    })
  const agrees = 'marking then scoring agrees: what was raised scores highest, for any logits'
  let calls = 0
  testControls(schemeLaws, {
    sound: soundScheme,
    controls: [
      [
        'a mark that changes from call to call',
        'marking is deterministic',
        breaks({
          mark(row, site) {
            sound.mark(row, { ...site, lane: calls++ % 2 })
          },
        }),
      ],
      ['a mark that raises the red tokens', agrees, marksAs((value) => value >= 64)],
      ['a mark that raises one field number more than score counts', agrees, marksAs((value) => value <= 64)],
      ['a mark that raises one field number fewer', agrees, marksAs((value) => value < 63)],
      [
        'a mark that takes lane 0 for every account',
        agrees,
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: 0 }) }),
      ],
      [
        'a mark that lowers the red tokens instead',
        agrees,
        breaks({
          mark(row, { key, context, lane }) {
            for (let token = 0; token < vocabularySize; token++)
              if (field(key, context, token, lane) >= 64) row[token]! -= 2
          },
        }),
      ],
      [
        'a mark that revives tokens the host ruled out',
        'what the host ruled out stays ruled out, and a token is left',
        breaks({
          mark(row, site) {
            for (let token = 0; token < vocabularySize; token++) row[token] = Math.max(row[token]!, -1000)
            sound.mark(row, site)
          },
        }),
      ],
      [
        'a mark over the whole row, padding columns included',
        'columns beyond the vocabulary are never marked',
        breaks({
          mark: (row, site) =>
            createGreenList({ ...FORMAT, delta: 2, vocabularySize: row.length }).mark(row, site),
        }),
      ],
      [
        'a mark that rules every token out',
        'what the host ruled out stays ruled out, and a token is left',
        breaks({ mark: (row) => row.fill(Number.NEGATIVE_INFINITY) }),
      ],
      [
        'a score of half a token',
        'scores are whole steps of the law, from 0 on',
        breaks({ score: (value) => sound.score(value) / 2 }),
      ],
      [
        'a score below 0',
        'scores are whole steps of the law, from 0 on',
        breaks({ score: (value) => 2 * sound.score(value) - 1 }),
      ],
      ['a gamma stated 2 % too high', 'the null mean is that of the declared law', declares(0.25 * 1.02)],
      ['a gamma stated 2 % too low', 'the null mean is that of the declared law', declares(0.25 * 0.98)],
      [
        'a gamma of 1/2 stated 2 % too high',
        'the null mean is that of the declared law',
        declares(0.51, 128),
      ],
      ['a gamma of 1/2 stated 2 % too low', 'the null mean is that of the declared law', declares(0.49, 128)],
      [
        'scores that come in equal pairs',
        'sums of null scores have the declared law, from end to end',
        breaks({ field: (key, context, token, lane) => field(key, context, token & ~1, lane) }),
      ],
      [
        'scores that are spread too evenly',
        'sums of null scores have the declared law, from end to end',
        breaks({ field: (_key, _context, token) => (token % 4 === 0 ? 0 : 255) }),
      ],
      [
        'a scheme that ignores the key',
        'scores of a key say nothing about scores of another',
        breaks({ field: (_, context, token, lane) => field(keyOf(0), context, token, lane) }),
      ],
      [
        'a mark that does nothing',
        'marked text scores higher than unmarked text, as much as its rows say',
        breaks({ mark() {} }),
      ],
      [
        'a mark that raises tokens by another account’s numbers',
        'marked text scores higher than unmarked text, as much as its rows say',
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: 1 }) }),
      ],
      [
        'a scheme that marks and scores without the key',
        'text marked under one key is null under another',
        breaks({
          field: (_, context, token, lane) => field(keyOf(0), context, token, lane),
          mark: (row, site) => sound.mark(row, { ...site, key: keyOf(0) }),
        }),
      ],
    ],
  })

  test('the law of the null mean draws enough to see a misstatement of 2 %, where that many can be drawn', () => {
    for (const p of [0.5, 0.25]) {
      for (const declared of [p * (1 + MISSTATEMENT), p * (1 - MISSTATEMENT)])
        expect(drawsToTell(declared, p)).toBeLessThan(MOST_DRAWS)
    }
    // A rare green list needs more than that: there the law sees larger misstatements only.
    expect(drawsToTell((1 / 256) * (1 + MISSTATEMENT), 1 / 256)).toBeGreaterThan(MOST_DRAWS)
  })

  test('drawsToTell is the number at which two laws part, not less and not much more', () => {
    // Normal approximation, as a check from outside: (4.8916 + 4.7534)^2 p q / d^2, quantiles of 5e-7 and 1e-6.
    const approximate = ((4.8916 + 4.7534) ** 2 * 0.25) / 0.01 ** 2
    expect(drawsToTell(0.51, 0.5) / approximate).toBeGreaterThan(0.99)
    expect(drawsToTell(0.51, 0.5) / approximate).toBeLessThan(1.03)
    expect(drawsToTell(0.5, 1.01)).toBe(Number.POSITIVE_INFINITY)
    // Exponential scores: their deviation is their mean.
    for (const factor of [1.02, 0.98]) {
      const normal = ((4.8916 + 4.7534 * factor) / 0.02) ** 2
      expect(drawsToTellMean(factor) / normal).toBeGreaterThan(0.98)
      expect(drawsToTellMean(factor) / normal).toBeLessThan(1.03)
    }
    const { lo, hi } = binomialBand(100, 0.5, FALSE_ALARM)
    expect([lo, hi]).toEqual([26, 74])
  })
})

describe('scheme laws, on gumbel', () => {
  const format = { contextWidth: 2, bits: 32, lanes: 4 } as const
  const keyOf = keysOf({ ...format, scheme: 'gumbel', param: 0 })
  const sound = createGumbel({ ...format, vocabularySize })
  const subject: SchemeUnderTest = { scheme: sound, vocabularySize, lanes: format.lanes, keyOf }
  describe('a sound scheme', () => testLaws(schemeLaws, subject))

  const breaks = (change: Partial<Scheme>): SchemeUnderTest => ({
    ...subject,
    scheme: { ...sound, ...change },
  })
  /** Forces the token with the largest value of (logit, u). */
  const forces = (value: (logit: number, u: number) => number): SchemeUnderTest =>
    breaks({
      mark(row, { key, context, lane }) {
        let [winner, best] = [0, Number.NEGATIVE_INFINITY]
        for (let token = 0; token < vocabularySize; token++) {
          if (row[token] === Number.NEGATIVE_INFINITY) continue
          const own = value(row[token]!, (sound.field(key, context, token, lane) + 0.5) / 2 ** 32)
          if (own > best) [winner, best] = [token, own]
        }
        row.fill(Number.NEGATIVE_INFINITY)
        row[winner] = 0
      },
    })
  const race = (logit: number, u: number): number => logit - Math.log(-Math.log(u))
  const wins =
    'marking then scoring agrees: the token that is left has won the race of its numbers, for any logits'
  const average = 'on average over keys the distribution stays as it was'
  let calls = 0
  testControls(schemeLaws, {
    sound: subject,
    controls: [
      [
        'a mark that changes from call to call',
        'marking is deterministic',
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: calls++ % 2 }) }),
      ],
      [
        'a mark that only lowers the other tokens',
        'what the host ruled out stays ruled out, and a token is left',
        breaks({
          mark(row, site) {
            sound.mark(row, site)
            for (let token = 0; token < row.length; token++) row[token] = Math.max(row[token]!, -1000)
          },
        }),
      ],
      [
        'a mark that forces a token that was ruled out',
        'what the host ruled out stays ruled out, and a token is left',
        breaks({
          mark(row, site) {
            row.fill(0)
            sound.mark(row, site)
          },
        }),
      ],
      ['a race by ln(u) p instead of ln(u) / p', wins, forces((logit, u) => Math.log(u) * Math.exp(logit))],
      ['a race by the complements of the numbers', wins, forces((logit, u) => race(logit, 1 - u))],
      [
        'a mark that takes lane 0 for every account',
        wins,
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: 0 }) }),
      ],
      [
        'a mark that leaves two tokens',
        wins,
        breaks({
          mark(row, site) {
            sound.mark(row, site)
            row[row.indexOf(0) === 0 ? 1 : 0] = 0
          },
        }),
      ],
      [
        'a mark that leaves the padding columns open',
        'columns beyond the vocabulary are never marked',
        breaks({
          mark(row, site) {
            const columns = row.slice(vocabularySize)
            sound.mark(row, site)
            for (let i = 0; i < columns.length; i++) row[vocabularySize + i] = columns[i]!
          },
        }),
      ],
      [
        'scores that are not rounded',
        'scores are whole steps of the law, from 0 on',
        breaks({ score: (value) => -Math.log1p(-value / 2 ** 32) }),
      ],
      [
        'scores 2 % too high',
        'the null mean is that of the declared law',
        breaks({ score: (value) => 1.02 * sound.score(value) }),
      ],
      [
        'scores 2 % too low',
        'the null mean is that of the declared law',
        breaks({ score: (value) => 0.98 * sound.score(value) }),
      ],
      [
        'Gumbel numbers as scores, of mean 0.577',
        'the null mean is that of the declared law',
        breaks({ score: (value) => Math.max(0, -Math.log(-Math.log((value + 0.5) / 2 ** 32))) }),
      ],
      [
        'scores that come in equal pairs',
        'sums of null scores have the declared law, from end to end',
        breaks({ field: (key, context, token, lane) => sound.field(key, context, token & ~1, lane) }),
      ],
      [
        'scores that are spread too evenly',
        'sums of null scores have the declared law, from end to end',
        breaks({ field: (_key, _context, token) => Math.floor(((token % 64) + 0.5) * 2 ** 26) }),
      ],
      [
        'a scheme that ignores the key',
        'scores of a key say nothing about scores of another',
        breaks({ field: (_, context, token, lane) => sound.field(keyOf(0), context, token, lane) }),
      ],
      [
        'a mark that does nothing',
        'marked text scores higher than unmarked text, as much as its rows say',
        breaks({ mark() {} }),
      ],
      [
        'a race by another account’s numbers',
        'marked text scores higher than unmarked text, as much as its rows say',
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: 1 }) }),
      ],
      [
        'a scheme that marks and scores without the key',
        'text marked under one key is null under another',
        breaks({
          field: (_, context, token, lane) => sound.field(keyOf(0), context, token, lane),
          mark: (row, site) => sound.mark(row, { ...site, key: keyOf(0) }),
        }),
      ],
      [
        'a race by ln(u) p instead of ln(u) / p',
        average,
        forces((logit, u) => Math.log(u) * Math.exp(logit)),
      ],
      ['a race by the number alone', average, forces((_, u) => u)],
      ['a race at half the temperature', average, forces((logit, u) => race(2 * logit, u))],
    ],
  })
})

describe('scheme laws, on the tournament', () => {
  const format = { contextWidth: 2, bits: 32, lanes: 4, param: 5 } as const
  const keyOf = keysOf({ ...format, scheme: 'tournament' })
  const sound = createTournament({ ...format, vocabularySize })
  const subject: SchemeUnderTest = { scheme: sound, vocabularySize, lanes: format.lanes, keyOf }
  describe('a sound scheme', () => testLaws(schemeLaws, subject))

  const breaks = (change: Partial<Scheme>): SchemeUnderTest => ({
    ...subject,
    scheme: { ...sound, ...change },
  })
  const declares = (p: number): SchemeUnderTest =>
    breaks({ nullLaw: { kind: 'binomial', trials: format.param, p } })
  /** Plays the rounds with the factors of a round, given the bit and the mean bit of all tokens; sums become 1 again. */
  const plays = (factor: (bit: number, mean: number) => number): SchemeUnderTest =>
    breaks({
      mark(row, { key, context, lane }) {
        let weights = Array.from({ length: vocabularySize }, (_, token) => Math.exp(row[token]!))
        const normalise = (values: number[]): number[] => {
          const total = values.reduce((a, b) => a + b, 0)
          return values.map((value) => value / total)
        }
        weights = normalise(weights)
        for (let round = 0; round < format.param; round++) {
          const bits = weights.map((_, token) => (sound.field(key, context, token, lane) >>> round) & 1)
          const mean = weights.reduce((total, weight, token) => total + weight * bits[token]!, 0)
          weights = normalise(weights.map((weight, token) => weight * factor(bits[token]!, mean)))
        }
        for (const [token, weight] of weights.entries()) row[token] = Math.log(weight)
      },
    })
  const raised =
    'marking then scoring agrees: whoever has all bits of another is raised at least as much, for any logits'
  const average = 'on average over keys the distribution stays as it was'
  let calls = 0
  testControls(schemeLaws, {
    sound: subject,
    controls: [
      [
        'a mark that changes from call to call',
        'marking is deterministic',
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: calls++ % 2 }) }),
      ],
      [
        'a mark that revives tokens the host ruled out',
        'what the host ruled out stays ruled out, and a token is left',
        breaks({
          mark(row, site) {
            sound.mark(row, site)
            for (let token = 0; token < vocabularySize; token++) row[token] = Math.max(row[token]!, -1000)
          },
        }),
      ],
      [
        'a mark whose weights fall below 0',
        'what the host ruled out stays ruled out, and a token is left',
        plays((bit, mean) => bit - mean),
      ],
      ['rounds that raise the zeros', raised, plays((bit, mean) => 1 - bit + mean)],
      [
        'one round more than is counted',
        raised,
        breaks({ mark: createTournament({ ...format, param: 6, vocabularySize }).mark }),
      ],
      [
        'a mark that takes lane 0 for every account',
        raised,
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: 0 }) }),
      ],
      [
        'a mark over the whole row, padding columns included',
        'columns beyond the vocabulary are never marked',
        breaks({
          mark: (row, site) => createTournament({ ...format, vocabularySize: row.length }).mark(row, site),
        }),
      ],
      [
        'the mean of the bits as score',
        'scores are whole steps of the law, from 0 on',
        breaks({ score: (value) => sound.score(value) / format.param }),
      ],
      ['a rate stated 2 % too high', 'the null mean is that of the declared law', declares(0.51)],
      ['a rate stated 2 % too low', 'the null mean is that of the declared law', declares(0.49)],
      [
        'one bit more than is declared',
        'the null mean is that of the declared law',
        breaks({ score: createTournament({ ...format, param: 6, vocabularySize }).score }),
      ],
      [
        'scores that come in equal pairs',
        'sums of null scores have the declared law, from end to end',
        breaks({ field: (key, context, token, lane) => sound.field(key, context, token & ~1, lane) }),
      ],
      [
        'bits that are all alike',
        'sums of null scores have the declared law, from end to end',
        breaks({ score: (value) => format.param * (value & 1) }),
      ],
      [
        'scores that are spread too evenly',
        'sums of null scores have the declared law, from end to end',
        breaks({ field: (_key, _context, token) => token % 32 }),
      ],
      [
        'a scheme that ignores the key',
        'scores of a key say nothing about scores of another',
        breaks({ field: (_, context, token, lane) => sound.field(keyOf(0), context, token, lane) }),
      ],
      [
        'a mark that does nothing',
        'marked text scores higher than unmarked text, as much as its rows say',
        breaks({ mark() {} }),
      ],
      [
        'a tournament by another account’s numbers',
        'marked text scores higher than unmarked text, as much as its rows say',
        breaks({ mark: (row, site) => sound.mark(row, { ...site, lane: 1 }) }),
      ],
      [
        'a scheme that marks and scores without the key',
        'text marked under one key is null under another',
        breaks({
          field: (_, context, token, lane) => sound.field(keyOf(0), context, token, lane),
          mark: (row, site) => sound.mark(row, { ...site, key: keyOf(0) }),
        }),
      ],
      ['rounds that multiply ones by e^4', average, plays((bit) => Math.exp(4 * bit))],
      ['rounds whose factor is squared', average, plays((bit, mean) => (1 + bit - mean) ** 2)],
    ],
  })
})
