/**
 * Calibration: on text that no mark touched, p-values are what they say. 2,000 texts, each under a key of its own, so that the key
 * is the only thing that is random; for each text the chance of p <= a is known exactly (the attainable size of a discrete
 * test), so the number of rejections is a sum of independent Bernoullis whose law is known too.
 *
 * All checks of all texts together fail a sound detector once in a million times. Broken detectors must fail, and how surely they
 * do is computed, not hoped for.
 */
import seedrandom from 'seedrandom'
import { beforeAll, describe, expect, test } from 'vitest'
import { countable, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { gatherEvidence } from '../../src/detect/evidence.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { gammaOf, type Profile } from '../../src/keys/profile.ts'
import { createFieldFunction } from '../../src/prf/fields.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnBinomialLowerTail, lnBinomialPmf, lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnNormalTail } from '../stats/normal-tail.ts'
import { keysOf, profileWithKey } from '../support/keys.ts'
import { novelIds, pairsWithRepeats, pieces } from '../support/texts.ts'
import { binomialBand, chanceOutside, kolmogorovBand, poissonBinomialBand } from '../support/tolerance.ts'

const TEXTS = 2000
const LENGTH = 150
const VOCABULARY = 2048
const LEVELS = [0.1, 0.01, 0.001]

/** Kinds of text that a sound detector is run on, below. */
const SOUND_RUNS = 8
/** Three levels, the whole distribution, and the number of greens of all texts together. */
const CHECKS = LEVELS.length + 2
/** The chance that a sound detector fails one check; all of them together: 1e-6. */
const FALSE_ALARM = 1e-6 / (SOUND_RUNS * CHECKS)
/** A broken detector is caught except this often. */
const MISS = 1e-6

/** What a detector says of one text. */
interface Result {
  readonly sum: number
  readonly n: number
  readonly lnP: number
}

/** The format of a mark: width and gamma = param / 2^bits. */
type Format = Pick<Profile, 'contextWidth' | 'bits' | 'param'>

let novels: Uint32Array
beforeAll(async () => {
  novels = await novelIds()
})

/** A profile of a format, and as many keys for it as there are texts. */
function markOf(format: Format, about: number): { profile: Profile; keyOf: (text: number) => MarkKey } {
  const { contextWidth } = format
  const { profile } = profileWithKey('calibration', {
    contextWidth,
    gamma: gammaOf(format),
    vocabularySize: VOCABULARY,
  })
  const keyOf = keysOf(format)
  return { profile, keyOf: (text) => keyOf(1e6 * about + text) }
}

/** The detector itself, on each text under a key of its own. */
function detected(texts: readonly TokenDocument[], format: Format, about: number): Result[] {
  const { profile, keyOf } = markOf(format, about)
  return texts.map((text, i) => {
    const { sum, counted, lnP } = detect(countable([text], profile), keyOf(i), { minimumCounted: 1 })
    return { sum, n: counted, lnP }
  })
}

/** The smallest k with P[Bin(n, p) >= k] <= level, and that probability: how often an exact test of this level rejects. */
const attainable = remembered((n: number, p: number, level: number): { k: number; size: number } => {
  let k = Math.floor(n * p)
  while (k <= n && lnBinomialUpperTail(k, { n, p }) > Math.log(level)) k++
  return { k, size: Math.exp(lnBinomialUpperTail(k, { n, p })) }
})

/** Checks that a detector fails on results whose scores have rate p, by name. */
function failures(results: readonly Result[], p: number): string[] {
  const failed: string[] = []
  for (const level of LEVELS) {
    const { lo, hi } = poissonBinomialBand(
      results.map(({ n }) => attainable(n, p, level).size),
      FALSE_ALARM,
    )
    const rejected = results.filter(({ lnP }) => lnP <= Math.log(level)).length
    if (rejected < lo || rejected > hi) failed.push(`${rejected} at ${level}, expected ${lo}..${hi}`)
  }

  // A discrete p-value is made uniform by spreading each of its steps evenly; in tests only.
  const random = seedrandom('spread')
  const spread = results
    .map(({ sum, n, lnP }) => Math.exp(lnP) - random() * Math.exp(lnBinomialPmf(sum, { n, p })))
    .sort((a, b) => a - b)
  const m = spread.length
  const distance = Math.max(...spread.map((u, i) => Math.max(u - i / m, (i + 1) / m - u)))
  if (distance > kolmogorovBand(m, FALSE_ALARM)) failed.push(`distance ${distance.toFixed(3)} from uniform`)

  const [sum, n] = [total(results.map(({ sum }) => sum)), total(results.map(({ n }) => n))]
  const { lo, hi } = binomialBand(n, p, FALSE_ALARM)
  if (sum < lo || sum > hi) failed.push(`${sum} of ${n} green, expected ${lo}..${hi}`)
  return failed
}

const texts = (length = LENGTH): TokenDocument[] =>
  pieces(novels, { count: TEXTS, length }).map((ids) => ({ ids }))

const QUARTER = { bits: 8, param: 64 } as const
const HALF = { bits: 1, param: 1 } as const

describe('p-values are what they say', () => {
  test.each([
    { about: 1, contextWidth: 1, ...QUARTER },
    { about: 2, contextWidth: 2, ...QUARTER },
    { about: 3, contextWidth: 1, ...HALF },
    { about: 4, contextWidth: 2, ...HALF },
  ])('on human prose: contextWidth $contextWidth, gamma $param / 2^$bits', ({ about, ...format }) => {
    const results = detected(texts(), format, about)
    // Enough to count: nearly every position of such a text is a pair of its own.
    expect(total(results.map(({ n }) => n)) / TEXTS).toBeGreaterThan(100)
    expect(failures(results, gammaOf(format))).toEqual([])
  })

  test('on texts that say everything three times', () => {
    expect(failures(detected(repeated(3), { contextWidth: 1, ...QUARTER }, 5), 1 / 4)).toEqual([])
  })

  test('on answers that repeat their prompt', () => {
    const copies = repeated(2).map(({ ids }) => ({ ids, promptLength: ids.length / 2 }))
    expect(failures(detected(copies, { contextWidth: 1, ...QUARTER }, 6), 1 / 4)).toEqual([])
  })

  test('on text that somebody else marked', () => {
    const format = { contextWidth: 1, ...QUARTER }
    const foreign = markOf(format, 99).keyOf(0)
    const field = createFieldFunction({ ...format, lanes: 1 })
    const marked = texts().map(({ ids }) => {
      const out = Uint32Array.from(ids)
      // Each token is moved on to the next that is green under the other key: all green there.
      for (let i = 1; i < out.length; i++)
        while (field(foreign, [out[i - 1]!], out[i]!, 0) >= format.param) out[i] = (out[i]! + 1) % VOCABULARY
      return { ids: out }
    })
    const { profile } = markOf(format, 99)
    const other = detect(countable([marked[0]!], profile), foreign)
    expect(other.sum).toBe(other.counted)
    expect(failures(detected(marked, format, 7), 1 / 4)).toEqual([])
  })
})

describe('positive controls: each is caught, but for one time in a million', () => {
  test('counting repeats again', () => {
    const format = { contextWidth: 1, ...QUARTER }
    const { profile, keyOf } = markOf(format, 5)
    const scheme = schemeOf(profile, { lanes: 1 })
    const results = repeated(3).map(({ ids }, i): Result => {
      const { sum, n } = gatherEvidence(pairsWithRepeats(ids, format), { scheme, key: keyOf(i), lane: 0 })
      return { sum, n, lnP: lnBinomialUpperTail(sum, { n, p: 1 / 4 }) }
    })
    // Were the 49 pairs of a part all distinct, each would count three times among 149; repeats within it only make it worse.
    const level = 0.01
    const { k, size } = attainable(LENGTH - 1, 1 / 4, level)
    const single = Math.exp(lnBinomialUpperTail(Math.ceil(k / 3), { n: LENGTH / 3 - 1, p: 1 / 4 }))
    expectCaught({ says: size, does: single })
    expect(failures(results, 1 / 4).join()).toContain(`at ${level}`)
  })

  test.each([61, 67])('gamma given as %i/256 where it is 64/256', (stated) => {
    const p = stated / 256
    const results = detected(texts(), { contextWidth: 1, ...QUARTER }, 1).map(({ sum, n }) => ({
      sum,
      n,
      lnP: lnBinomialUpperTail(sum, { n, p }),
    }))
    const n = total(results.map(({ n }) => n))
    const { lo, hi } = binomialBand(n, p, FALSE_ALARM)
    const missed =
      stated < 64 ? lnBinomialLowerTail(hi, { n, p: 1 / 4 }) : lnBinomialUpperTail(lo, { n, p: 1 / 4 })
    expect(missed).toBeLessThan(Math.log(MISS))
    expect(failures(results, p).join()).toContain('green')
  })

  // With a quarter green and 100 tokens a z-test at 0.001 accuses twice as often as the exact one, which 2,000 texts do not show.
  // With one in 64 green and 24 tokens it is nine times at 0.01, and they do.
  test('a normal tail in place of the exact one', () => {
    const format = { contextWidth: 1, bits: 8, param: 4 } as const
    const p = 4 / 256
    const lnZTest = (sum: number, n: number): number =>
      lnNormalTail((sum - n * p) / Math.sqrt(n * p * (1 - p)))
    const exact = detected(texts(24), format, 8)
    const results = exact.map(({ sum, n }) => ({ sum, n, lnP: lnZTest(sum, n) }))
    const level = 0.01
    const does = results.map(({ n }) => {
      let k = 0
      while (lnZTest(k, n) > Math.log(level)) k++
      return Math.exp(lnBinomialUpperTail(k, { n, p }))
    })
    expectCaught({ says: results.map(({ n }) => attainable(n, p, level).size), does })
    expect(failures(results, p).join()).toContain(`at ${level}`)
    expect(failures(exact, p)).toEqual([])
  })
})

describe('positive control of the method', () => {
  test('one key for all texts: the rate is then a property of that key and of the language', () => {
    const { profile, keyOf } = markOf({ contextWidth: 0, ...QUARTER }, 9)
    const key = keyOf(0)
    const results = texts().map((text): Result => {
      const { sum, counted, lnP } = detect(countable([text], profile), key, { minimumCounted: 1 })
      return { sum, n: counted, lnP }
    })
    expect(failures(results, 1 / 4)).not.toEqual([])
  })
})

/** A check at one level: how often a sound detector rejects a text, and how often this one does. */
function expectCaught({ says, does }: { says: number | number[]; does: number | number[] }): void {
  const each = (p: number | number[]): number[] => (typeof p === 'number' ? new Array(TEXTS).fill(p) : p)
  const missed = 1 - chanceOutside(poissonBinomialBand(each(says), FALSE_ALARM), each(does))
  expect(missed).toBeLessThan(MISS)
}

/** Texts that say a shorter one over and over. */
function repeated(times: number): TokenDocument[] {
  return texts(LENGTH / times).map(({ ids }) => ({
    ids: Uint32Array.from({ length: times * ids.length }, (_, i) => ids[i % ids.length]!),
  }))
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function remembered<A extends number[], R>(of: (...at: A) => R): (...at: A) => R {
  const known = new Map<string, R>()
  return (...at) => {
    const name = at.join()
    const value = known.get(name) ?? of(...at)
    known.set(name, value)
    return value
  }
}
