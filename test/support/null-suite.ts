/**
 * The slow calibration of one scheme: 20,000 texts of each of six kinds that do not depend on the tested key, each text under a fresh key;
 * and detectors broken on purpose, which the same checks must catch.
 *
 * For each text the chance of p <= a is known (the attainable size for its number of scores), so rejections are a sum of independent
 * Bernoullis with a known law; the sum of all scores of a kind has a known law too. All checks of all kinds and schemes together fail a sound
 * detector once in a million runs. Texts overlap, repeat and share templates: they are fixed, and only keys are drawn, so that does not
 * matter. For the same reason 500 marked texts serve for 20,000: whatever key marked them, the tested one is another, and new each time.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countable, pairsOf } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { gatherEvidence, scorePairs } from '../../src/detect/evidence.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import {
  createProfile,
  type LayerOptions,
  markFormat,
  type Profile,
  type ProfileOptions,
} from '../../src/keys/profile.ts'
import { inLayer } from '../../src/prf/fields.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnBinomialLowerTail, lnBinomialPmf } from '../../src/stats/binomial.ts'
import { lnGammaLowerTail } from '../../src/stats/gamma.ts'
import { lnHypoexponentialLowerTail } from '../../src/stats/hypoexponential.ts'
import { EXPONENTIAL_STEP, isOfBits, type NullLaw } from '../../src/stats/law.ts'
import { lnUpperTail, nullMean, nullVariance } from '../../src/stats/tail.ts'
import { lnNormalTail } from '../stats/normal-tail.ts'
import { keysOf, masterFromSeed } from './keys.ts'
import {
  createLabModel,
  excerpts,
  filledTemplates,
  type LabModel,
  repeatedPassages,
  writeMarked,
} from './lab-texts.ts'
import type { SCHEMES } from './schemes.ts'
import { novelIds, pairsWithRepeats } from './texts.ts'
import { binomialBand, chanceOutside, poissonBinomialBand } from './tolerance.ts'

const TEXTS = 20_000
const LENGTH = 150
/** Written anew for each text, so shorter: about 35 scores of the tested layer, which has three quarters of the contexts. */
const LAYER_LENGTH = 48
const MARKED_TEXTS = 500
const REPEATS = 3
const VOCABULARY = 2048
const LEVELS = [0.1, 0.01, 0.001]

const SUITES = 3
const KINDS = 6
/** Three levels, and the sum of all scores. */
const CHECKS = LEVELS.length + 1
/** The chance that a sound detector fails one check; all of them together: 1e-6. */
const FALSE_ALARM = 1e-6 / (SUITES * KINDS * CHECKS)
/** A broken detector is caught except this often. */
const MISS = 1e-6

type SchemeOptions =
  | (typeof SCHEMES)[keyof typeof SCHEMES]
  | { scheme: 'green-list'; gamma: number; delta: number }

/** What differs from suite to suite. */
export interface NullSuite {
  readonly scheme: SchemeOptions
  readonly contextWidth: number
  /** Whose mark the texts of another scheme carry. */
  readonly other: SchemeOptions
  /** Where a normal tail in place of the exact one does enough harm to be seen in 20,000 texts. */
  readonly normalTail: { readonly scheme: SchemeOptions; readonly counted: number; readonly level: number }
}

/** What a detector says of one text. */
interface Result {
  readonly sum: number
  readonly n: number
  readonly lnP: number
}

/** A tested key and what it reads. */
interface Mark {
  readonly profile: Profile
  readonly law: NullLaw
  /** Fresh key number i. */
  keyOf(i: number): MarkKey
}

/** Runs the suite of a scheme. */
export function describeNull(name: string, suite: NullSuite): void {
  let novels: Uint32Array
  let model: LabModel
  const figures: string[] = []
  beforeAll(async () => {
    novels = await novelIds()
    model = createLabModel(novels, { vocabularySize: VOCABULARY })
  })
  afterAll(() => console.log([`${name}: rejected of ${TEXTS}`, ...figures].join('\n')))

  const optionsOf = (scheme: SchemeOptions, layers: readonly LayerOptions[]): ProfileOptions => ({
    ...scheme,
    contextWidth: suite.contextWidth,
    tokenizer: `sha256:${'0'.repeat(64)}`,
    vocabularySize: VOCABULARY,
    layers,
    created: '2026-11-24',
  })
  const one: readonly LayerOptions[] = [{ role: 'provider', label: 'one' }]
  const profileOf = (scheme: SchemeOptions): Profile =>
    createProfile(masterFromSeed(name), optionsOf(scheme, one))

  /** Keys of a kind of text are its own: `about` tells the kinds apart. */
  const markOf = (scheme: SchemeOptions, about: number): Mark => {
    const profile = profileOf(scheme)
    const keyOf = keysOf(markFormat(profile, { lanes: 1 }))
    const law = schemeOf(profile, { lanes: 1 }).nullLaw
    return { profile, law, keyOf: (i) => keyOf(1e6 * about + i) }
  }

  const results = (
    texts: readonly Uint32Array[],
    { profile, keyOf }: Pick<Mark, 'profile' | 'keyOf'>,
  ): Result[] => texts.map((ids, i) => detected(ids, profile, { key: keyOf(i), thorough: i % 50 === 0 }))

  const expectSound = (kind: string, found: readonly Result[], law: NullLaw): void => {
    const { failures, line } = judge(found, law)
    figures.push(`${kind}: ${line}`)
    expect(failures, line).toEqual([])
  }

  /** Texts that the model wrote under one key of a scheme, said again and again until there are enough. */
  const marked = (scheme: SchemeOptions): Uint32Array[] => {
    const master = masterFromSeed(`${name} marks`)
    const profile = createProfile(master, optionsOf(scheme, one))
    const keys = deriveMarkKeys(master, profile)
    const written = Array.from({ length: MARKED_TEXTS }, (_, i) =>
      writeMarked(model, { profile, keys, starts: novels, length: LENGTH, seed: `${name} ${i}` }),
    )
    // Under its own key nearly each of them is evidence: these texts do carry a mark.
    const own = written.map((ids) => detect(countable([{ ids }], profile), keys[0]!, { alpha: 1e-3 }))
    expect(own.filter(({ decision }) => decision === 'evidence').length).toBeGreaterThan(0.5 * MARKED_TEXTS)
    return Array.from({ length: TEXTS }, (_, i) => written[i % MARKED_TEXTS]!)
  }

  describe(`${name}: each text under a fresh key, rejections are as many as the law says`, () => {
    const batch = { count: TEXTS, length: LENGTH, seed: name }
    test.each<[kind: string, about: number, texts: () => Uint32Array[]]>([
      ['human text', 11, () => excerpts(novels, batch)],
      ['text marked under another key', 12, () => marked(suite.scheme)],
      [`one passage said ${REPEATS} times`, 13, () => repeatedPassages(novels, { ...batch, times: REPEATS })],
      ['templates with slots', 14, () => filledTemplates(novels, { ...batch, forms: 20, slots: 6, slot: 4 })],
      ['text marked by another scheme', 15, () => marked(suite.other)],
    ])('%s', (kind, about, texts) => {
      const mark = markOf(suite.scheme, about)
      expectSound(kind, results(texts(), mark), mark.law)
    })

    // Here the owner is new for each text: the tested layer and the one that marked the text have the same master.
    test('text marked under another layer of the same profile', () => {
      const layers = [
        { role: 'provider', label: 'house', share: 49152 },
        { role: 'cohort', label: 'school', share: 16384 },
      ] as const
      const options = optionsOf(suite.scheme, layers)
      const { law } = markOf(suite.scheme, 0)
      let marks = 0
      const found = Array.from({ length: TEXTS }, (_, i) => {
        const master = masterFromSeed(`${name} owner ${i}`)
        const profile = createProfile(master, options)
        const keys = deriveMarkKeys(master, profile)
        const [house, school] = keys
        const width = suite.contextWidth
        const ids = writeMarked(model, {
          profile,
          keys,
          starts: novels,
          length: LAYER_LENGTH,
          seed: `${name} layer ${i}`,
          when: (all) => inLayer(school!, all.slice(all.length - width)),
        })
        const { sum, n } = gatherEvidence(pairsOf(countable([{ ids }], profile)), {
          scheme: schemeOf(profile, { lanes: 1 }),
          key: school!,
          lane: 0,
        })
        marks += sum - n * nullMean(law)
        return detected(ids, profile, { key: house!, thorough: i % 50 === 0 })
      })
      // The other layer did mark: its scores are far above their mean.
      expect(marks / Math.sqrt(TEXTS * nullVariance(law))).toBeGreaterThan(20)
      expectSound('another layer', found, law)
    })
  })

  describe(`${name}: detectors broken on purpose are caught, except once in a million`, () => {
    const { law } = markOf(suite.scheme, 0)
    const scheme = schemeOf(profileOf(suite.scheme), { lanes: 1 })
    const caught = (kind: string, found: readonly Result[], { law, does, level }: Control): void => {
      const says = found.map(({ n }) => sizeOf(law, n, level))
      const { lo, hi } = poissonBinomialBand(says, FALSE_ALARM)
      const missed = 1 - chanceOutside({ lo, hi }, found.map(does))
      const { failures, line } = judge(found, law)
      figures.push(`broken, ${kind}: ${line}`)
      expect(missed, `${kind} could be missed`).toBeLessThan(MISS)
      expect(failures.join(), line).toContain(`at ${level}`)
    }

    test('no de-duplication', () => {
      const { keyOf } = markOf(suite.scheme, 13)
      const texts = repeatedPassages(novels, { count: TEXTS, length: LENGTH, seed: name, times: REPEATS })
      const found = texts.map((ids, i): Result => {
        const pairs = pairsWithRepeats(ids, { contextWidth: suite.contextWidth })
        const { sum, n } = gatherEvidence(pairs, { scheme, key: keyOf(i), lane: 0 })
        return { sum, n, lnP: lnUpperTail(law, { sum, n }) }
      })
      // Were the pairs of the passage distinct, each would count three times. Its own repeats and the seams make it worse.
      const distinct = LENGTH / REPEATS - suite.contextWidth
      const does = remembered((n: number) => tail(law, distinct, threshold(law, n, 0.001) / REPEATS))
      caught('no de-duplication', found, { law, level: 0.001, does: ({ n }) => does(n) })
    })

    test.each([0.98, 1.02])('the mean misstated: %d of what it is', (factor) => {
      const stated: NullLaw = isOfBits(law) ? { ...law, p: law.p * factor } : law
      const sumOf = (sum: number): number => (isOfBits(law) ? sum : sum / factor)
      const mark = markOf(suite.scheme, 11)
      const texts = excerpts(novels, { count: TEXTS, length: LENGTH, seed: name })
      const found = results(texts, mark).map(({ sum, n }): Result => {
        return { sum: sumOf(sum), n, lnP: lnUpperTail(stated, { sum: sumOf(sum), n }) }
      })
      const back = isOfBits(law) ? 1 : factor
      const does = remembered((n: number) => tail(law, n, back * threshold(stated, n, 0.1)))
      caught(`mean times ${factor}`, found, { law: stated, level: 0.1, does: ({ n }) => does(n) })
    })

    test('one pair twice in a sum', () => {
      const counted = 16
      const mark = markOf(suite.scheme, 21)
      const found = firstScores(counted, mark, novels, name).map((scores): Result => {
        const sum = total(scores) + scores[0]!
        return { sum, n: counted, lnP: lnUpperTail(law, { sum, n: counted }) }
      })
      const does = tailWithOneTwice(law, counted, threshold(law, counted, 0.1))
      caught(`one pair twice, n = ${counted}`, found, { law, level: 0.1, does: () => does })
    })

    test('a normal tail in place of the exact one', () => {
      const { counted: n, level } = suite.normalTail
      const mark = markOf(suite.normalTail.scheme, 22)
      const [mean, deviation] = [n * nullMean(mark.law), Math.sqrt(n * nullVariance(mark.law))]
      const scores = firstScores(n, mark, novels, name)
      const found = scores.map((each): Result => {
        return { sum: total(each), n, lnP: lnNormalTail((total(each) - mean) / deviation) }
      })
      const does = tail(mark.law, n, mean + deviation * normalQuantile(level))
      caught(`normal tail, n = ${n}`, found, { law: mark.law, level, does: () => does })
      // The same scores under the exact tail are as they should be.
      expect(
        judge(
          found.map((r) => ({ ...r, lnP: lnUpperTail(mark.law, r) })),
          mark.law,
        ).failures,
      ).toEqual([])
    })
  })
}

interface Control {
  /** The law that the broken detector states. */
  readonly law: NullLaw
  readonly level: number
  /** How likely the broken detector rejects this text. */
  readonly does: (result: Result) => number
}

/** The detector on one text: through `detect` where `thorough`, otherwise through its parts, which leave out the interval (most of the time). */
function detected(
  ids: Uint32Array,
  profile: Profile,
  { key, thorough }: { key: MarkKey; thorough: boolean },
): Result {
  const positions = countable([{ ids }], profile)
  const scheme = schemeOf(profile, { lanes: 1 })
  const { sum, n, law } = gatherEvidence(pairsOf(positions), { scheme, key, lane: 0 })
  const lnP = lnUpperTail(law, { sum, n })
  if (thorough) {
    const verdict = detect(positions, key, { minimumCounted: 1 })
    expect([verdict.sum, verdict.counted, verdict.lnP]).toEqual([sum, n, lnP])
  }
  return { sum, n, lnP }
}

/** Scores of the first `counted` countable pairs of 20,000 excerpts that have so many, under fresh keys. */
function firstScores(
  counted: number,
  { profile, keyOf }: Mark,
  novels: Uint32Array,
  seed: string,
): readonly number[][] {
  const scheme = schemeOf(profile, { lanes: 1 })
  const texts = excerpts(novels, { count: TEXTS, length: 3 * counted + scheme.contextWidth, seed })
  const stride = scheme.contextWidth + 1
  return texts.map((ids, i) => {
    const pairs = pairsOf(countable([{ ids }], profile))
    expect(pairs.length).toBeGreaterThanOrEqual(counted * stride)
    const own = pairs.slice(0, counted * stride)
    return Array.from(scorePairs(own, { scheme, key: keyOf(i), lane: 0 }).scores)
  })
}

/** Which checks results fail, and their figures in a line. */
function judge(results: readonly Result[], law: NullLaw): { failures: string[]; line: string } {
  const failures: string[] = []
  const parts: string[] = []
  const most = results.reduce((largest, { n }) => Math.max(largest, n), 0)
  for (const level of LEVELS) {
    const sizes = results.map(({ n }) => sizeOf(law, n, level))
    const { hi } = bandOf(sizes)
    // Exponential scores are rounded down by less than a step, and the highest field ends its cell early: a little below the level.
    const { lo } = bandOf(isOfBits(law) ? sizes : sizes.map((size) => leastSize(size, most)))
    const rejected = results.filter(({ lnP }) => lnP <= Math.log(level)).length
    parts.push(`${level}: ${rejected}, by the law ${total(sizes).toFixed(1)} (${lo}..${hi})`)
    if (rejected < lo || rejected > hi) failures.push(`${rejected} at ${level}, expected ${lo}..${hi}`)
  }
  const [sum, n] = [total(results.map(({ sum }) => sum)), total(results.map(({ n }) => n))]
  const z = (sum - n * nullMean(law)) / Math.sqrt(n * nullVariance(law))
  parts.push(`mean score ${(sum / n).toFixed(5)} of ${n}, z ${z.toFixed(2)}`)
  const limit = Math.log(FALSE_ALARM / 2)
  if (lnUpperTail(law, { sum, n }) <= limit || lnLowerTail(law, { sum, n }) <= limit)
    failures.push(`mean score ${sum / n} of ${n}`)
  return { failures, line: parts.join(' | ') }
}

function leastSize(size: number, n: number): number {
  // The hazard of a gamma law with mean n is below 1, so a shift of n steps costs at most this share.
  return size * Math.exp(-n * EXPONENTIAL_STEP) - n * 2 ** -32
}

function bandOf(sizes: readonly number[]): { lo: number; hi: number } {
  // Equal sizes, as exponential scores have, need no folding.
  if (sizes.every((size) => size === sizes[0])) return binomialBand(sizes.length, sizes[0]!, FALSE_ALARM)
  return poissonBinomialBand(sizes, FALSE_ALARM)
}

/** P[sum of n null scores >= x], for exponential scores before they are rounded. */
function tail(law: NullLaw, n: number, x: number): number {
  if (x <= 0) return 1
  return Math.exp(lnUpperTail(law, { sum: isOfBits(law) ? Math.ceil(x - 1e-9) : x, n }))
}

function lnLowerTail(law: NullLaw, { sum, n }: { sum: number; n: number }): number {
  switch (law.kind) {
    case 'bernoulli':
      return lnBinomialLowerTail(sum, { n, p: law.p })
    case 'binomial':
      return lnBinomialLowerTail(sum, { n: n * law.trials, p: law.p })
    case 'exponential':
      return lnGammaLowerTail(sum + n * EXPONENTIAL_STEP, { shape: n })
    case 'hypoexponential':
      return lnHypoexponentialLowerTail(sum + n * EXPONENTIAL_STEP, { n, alpha: law.alpha })
  }
}

/** The least sum whose tail is not above a level: an integer, or for exponential scores to the last bit. */
function threshold(law: NullLaw, n: number, level: number): number {
  const isExponential = !isOfBits(law)
  let [lo, hi] = [0, isExponential ? 100 * (n + 1) : (law.kind === 'binomial' ? law.trials * n : n) + 1]
  for (;;) {
    const middle = isExponential ? (lo + hi) / 2 : Math.floor((lo + hi) / 2)
    if (middle <= lo && (isExponential || lo >= hi)) return hi
    if (isExponential && middle >= hi) return hi
    if (tail(law, n, middle) <= level) hi = middle
    else lo = isExponential ? middle : middle + 1
  }
}

const sizes = new Map<string, number>()

/** How often an exact test of this level rejects. */
function sizeOf(law: NullLaw, n: number, level: number): number {
  if (n === 0) return 0
  if (!isOfBits(law)) return level
  const name = `${law.p} ${law.kind === 'binomial' ? law.trials : 1} ${n} ${level}`
  const size = sizes.get(name) ?? tail(law, n, threshold(law, n, level))
  sizes.set(name, size)
  return size
}

/** P[sum of n - 1 null scores + twice another >= x]. */
function tailWithOneTwice(law: NullLaw, n: number, x: number): number {
  if (!isOfBits(law)) {
    // Over the doubled score y, with density exp(-y / 2) / 2: Simpson's rule up to x, beyond which the tail is 1.
    const steps = 2000
    let sum = 0
    for (let i = 0; i <= steps; i++) {
      const y = (i * x) / steps
      const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2
      sum += (weight * Math.exp(-y / 2) * tail(law, n - 1, x - y)) / 2
    }
    return (sum * x) / steps / 3 + Math.exp(-x / 2)
  }
  const trials = law.kind === 'binomial' ? law.trials : 1
  let sum = 0
  for (let y = 0; y <= trials; y++)
    sum += Math.exp(lnBinomialPmf(y, { n: trials, p: law.p })) * tail(law, n - 1, x - 2 * y)
  return sum
}

function normalQuantile(level: number): number {
  let [lo, hi] = [0, 40]
  for (let i = 0; i < 100; i++) {
    const middle = (lo + hi) / 2
    if (lnNormalTail(middle) <= Math.log(level)) hi = middle
    else lo = middle
  }
  return hi
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function remembered(of: (n: number) => number): (n: number) => number {
  const known = new Map<number, number>()
  return (n) => {
    const value = known.get(n) ?? of(n)
    known.set(n, value)
    return value
  }
}
