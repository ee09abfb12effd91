/**
 * How often would the test accuse texts that nobody marked? The user's own texts come in as token ids; out comes a record of realised
 * false-positive rates by length of text (docs/statistics.md, section 8). Two columns that are easily taken for one:
 *
 * - Under fresh keys, one drawn for every test. Only the keys are random, the texts are fixed, so rejections are independent whatever the
 *   texts are (they may overlap, repeat or be one text many times), and the rate belongs to the test. Beside it stands what the law says
 *   of these very texts: the attainable size, which for a discrete score is below the level.
 * - Under the user's own key, where there is one. All texts share that key and a language uses the same pairs again and again, so this is
 *   one draw of one key's luck with one language. It says what to expect of this key and is no measurement of the test: no interval is given.
 *
 * It refuses to draw keys by itself: they come from a seed, so that everybody gets the same record. A seed is chosen before looking.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assertArray, assertInteger, assertNumber, assertOptions, assertString } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import type { Digest } from '../digest.ts'
import { decoyKeys, deriveMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { masterKeyFromBytes } from '../keys/master.ts'
import {
  assertOwnProfile,
  createProfile,
  type GreenListOptions,
  type GumbelOptions,
  gammaOf,
  type Profile,
  parseProfile,
  profileDigest,
  type TournamentOptions,
} from '../keys/profile.ts'
import { type RateInterval, rateInterval } from '../stats/interval.ts'
import { isOfBits, type NullLaw } from '../stats/law.ts'
import { lnUpperTail } from '../stats/tail.ts'
import { assertDocument, type CountableOptions, countable, pairsOf, type TokenDocument } from './countable.ts'
import { type Evidence, gatherEvidence } from './evidence.ts'
import { type TestedKey, testedKey } from './tested-key.ts'

/** Options of {@link calibrate}. */
export interface CalibrateOptions extends CountableOptions {
  readonly profile: Profile
  /** Fresh keys are derived from this text: 1..200 characters, public, chosen before looking. It is not a key and must not be one. */
  readonly seed: string
  /**
   * A key of this mark that did not mark the texts. Fresh keys then read the contexts of its layer, otherwise those of a layer as large as
   * the profile's first.
   * @defaultValue none: fresh keys only
   */
  readonly key?: MarkKey
  /** The account's lane in the layer's key stream. @defaultValue 0 */
  readonly lane?: number
  /** Fresh keys for each text. More of them narrow the intervals; they do not replace a variety of texts. @defaultValue 1 */
  readonly rounds?: number
  /** Levels at which rejections are counted. @defaultValue [0.1, 0.01, 0.001] */
  readonly levels?: readonly number[]
  /**
   * Where buckets of length begin, ascending, in tokens after the prompt. A text shorter than the first is in none and counts in the total
   * only.
   * @defaultValue [0, 50, 100, 200, 400, 800, 1600]
   */
  readonly lengths?: readonly number[]
}

/** Rejections at one level, of tests with a fresh key each. */
export interface FreshKeyRate {
  readonly level: number
  readonly tests: number
  readonly rejected: number
  readonly rate: number
  /** Exact 95 % interval of the rate. It errs on the wide side: texts of different length have different sizes (Hoeffding 1956, theorem 4). */
  readonly interval: RateInterval
  /**
   * What the null law says of these texts: the mean, over texts, of the largest chance to reject that is not above the level. For
   * exponential scores, which are continuous but for a rounding down, the level itself, as a bound (true to a part in 2^20 a score).
   */
  readonly size: number
}

/** Rejections at one level under one key: that key's luck with these texts. It has no interval, since the texts share the key. */
export interface OwnKeyRate {
  readonly level: number
  readonly tests: number
  readonly rejected: number
  readonly rate: number
}

/** Texts of similar length. */
export interface CalibrationBucket {
  /** Tokens after the prompt: `from <= tokens`, and `tokens < to` where there is an end. */
  readonly from: number
  readonly to?: number
  readonly texts: number
  /** Scores a text, on average. */
  readonly meanCounted: number
  readonly fresh: readonly FreshKeyRate[]
  readonly own?: readonly OwnKeyRate[]
}

/** What {@link calibrate} found. Plain and frozen; it goes to JSON as it is. */
export interface CalibrationRecord {
  readonly format: 'dyetrace/calibration-1'
  readonly profile: Digest
  readonly scheme: string
  readonly law: NullLaw
  readonly seed: string
  readonly rounds: number
  readonly lane: number
  /** Key id of the user's own key. */
  readonly ownKeyId?: string
  /** Buckets that hold texts, shortest first. */
  readonly buckets: readonly CalibrationBucket[]
  /** All texts together. */
  readonly all: CalibrationBucket
}

const DEFAULT_LEVELS: readonly number[] = Object.freeze([0.1, 0.01, 0.001])
const DEFAULT_LENGTHS: readonly number[] = Object.freeze([0, 50, 100, 200, 400, 800, 1600])

/**
 * Counts false accusations among texts that were not marked, each text judged by itself. p-values are compared with the levels
 * whatever the number of scores; a verdict would call fewer than its minimum "insufficient" and accuse less often still.
 * @param texts documents as token ids; nothing in them may be marked under `options.key`.
 * @throws TypeError or RangeError for what `countable` refuses, a key of another format, or options out of range.
 * @example
 * import { calibrate, createProfile, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const profile = createProfile(generateMasterKey(), {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const texts = [{ ids: [0, 1, 2, 2, 0] }, { ids: [2, 1, 0] }]
 * const { all } = calibrate(texts, { profile, seed: 'march', rounds: 500 })
 * console.log(all.fresh[0].tests, all.fresh[0].size.toFixed(4)) // 1000 0.0566, below 0.1: of 4 pairs 3 must be green, of 2 both
 */
export function calibrate(texts: readonly TokenDocument[], options: CalibrateOptions): CalibrationRecord {
  assertArray(texts, { name: 'texts', expected: 'an array of { ids, promptLength }' })
  const resolved = resolveOptions(options)
  const { profile, seed, rounds, levels, own, tested, read } = resolved
  const sizeOf = attainableSizes(tested.scheme.nullLaw)
  const lnLevels = levels.map(Math.log)
  // As they were checked: nothing that changes afterwards can shift texts against keys.
  const { vocabularySize } = profile
  const documents = Array.from(texts, (text, t) =>
    assertDocument(text, { name: `texts[${t}]`, vocabularySize }),
  )
  const material = sha256(utf8ToBytes(`dyetrace/calibration-1|${seed}`))
  const keys = decoyKeys(tested.key, { material, count: documents.length * rounds })
  const results = documents.map((text): TextResult => {
    const pairs = pairsOf(countable([text], profile, read))
    const evidenceUnder = (key: MarkKey): Evidence => gatherEvidence(pairs, { ...tested, key })
    const rejects = ({ law, ...sum }: Evidence): boolean[] => {
      const lnP = lnUpperTail(law, sum)
      return lnLevels.map((lnLevel) => lnP <= lnLevel)
    }
    const fresh = levels.map(() => 0)
    for (let round = 0; round < rounds; round++) {
      const { value: key } = keys.next() as { value: MarkKey }
      for (const [l, rejected] of rejects(evidenceUnder(key)).entries()) fresh[l]! += Number(rejected)
    }
    // How many are scored depends on the contexts and the route key alone, so it is the same under every key.
    const evidence = evidenceUnder(tested.key)
    const tokens = text.ids.length - text.promptLength
    return { tokens, n: evidence.n, fresh, own: own && rejects(evidence).map(Number) }
  })

  const bucket = (from: number, to: number | undefined): CalibrationBucket =>
    summarise(
      results.filter(({ tokens }) => tokens >= from && (to === undefined || tokens < to)),
      { from, to, rounds, levels, sizeOf, hasOwn: own !== undefined },
    )
  const buckets = resolved.lengths
    .map((from, i) => bucket(from, resolved.lengths[i + 1]))
    .filter(({ texts }) => texts > 0)
  return Object.freeze({
    format: 'dyetrace/calibration-1' as const,
    profile: profileDigest(profile),
    scheme: tested.scheme.id,
    law: tested.scheme.nullLaw,
    seed,
    rounds,
    lane: tested.lane,
    ...(own ? { ownKeyId: own.key.keyId } : {}),
    buckets: Object.freeze(buckets),
    all: bucket(0, undefined),
  })
}

/** Rejections of one text at each level. */
interface TextResult {
  readonly tokens: number
  readonly n: number
  readonly fresh: readonly number[]
  readonly own: readonly number[] | undefined
}

interface Resolved {
  readonly profile: Profile
  readonly seed: string
  readonly rounds: number
  readonly levels: readonly number[]
  readonly lengths: readonly number[]
  readonly read: CountableOptions
  /** What fresh keys stand in for: the user's key, or one of the same format that nobody has. */
  readonly tested: TestedKey
  readonly own: TestedKey | undefined
}

function resolveOptions(options: CalibrateOptions): Resolved {
  assertOptions(options, {
    name: 'options',
    keys: ['profile', 'seed', 'key', 'lane', 'rounds', 'levels', 'lengths', 'endOfText', 'padding'],
  })
  const { seed, key, lane, rounds = 1, levels = DEFAULT_LEVELS, lengths = DEFAULT_LENGTHS } = options
  const profile = parseProfile(options.profile)
  assertString(seed, { name: 'options.seed', expected: 'a text of 1..200 characters', pattern: SEED })
  assertInteger(rounds, { name: 'options.rounds', min: 1, max: MAX_ROUNDS })
  assertArray(levels, { name: 'options.levels', expected: 'an array of levels' })
  assertArray(lengths, { name: 'options.lengths', expected: 'an array of numbers of tokens' })
  for (const [i, level] of Array.from(levels).entries())
    assertNumber(level, {
      name: `options.levels[${i}]`,
      expected: 'a level above 0 and below 1',
      holds: (a) => a > 0 && a < 1,
    })
  for (const [i, length] of Array.from(lengths).entries())
    assertInteger(length, { name: `options.lengths[${i}]`, min: i === 0 ? 0 : lengths[i - 1]! + 1 })
  const own = key === undefined ? undefined : testedKey(profile, { key, lane }, { name: 'options.lane' })
  const { endOfText, padding } = options
  return {
    profile,
    seed,
    rounds,
    levels: [...levels],
    lengths: [...lengths],
    read: {
      ...(endOfText === undefined ? {} : { endOfText }),
      ...(padding === undefined ? {} : { padding }),
    },
    tested: own ?? testedKey(profile, { key: nobodysKey(profile, seed), lane }, { name: 'options.lane' }),
    own,
  }
}

// One character may be two code units; half of one has no UTF-8, and two seeds would give the same keys.
const SEED = /^\P{Surrogate}{1,200}$/u
const MAX_ROUNDS = 1e6

/** A key of the profile's first layer, format and shares, from a master key that the seed gives. Its route key divides contexts as the owner's would. */
function nobodysKey(profile: Profile, seed: string): MarkKey {
  const master = masterKeyFromBytes(sha256(utf8ToBytes(`dyetrace/calibration-1|master|${seed}`)))
  const { contextWidth, tokenizer, vocabularySize, created } = profile
  const layers = profile.layers.map(({ role, label, share, lanes }) => ({ role, label, share, lanes }))
  const like = createProfile(master, {
    ...markOptions(profile),
    contextWidth,
    tokenizer,
    vocabularySize,
    layers,
    created,
  })
  return deriveMarkKeys(master, like)[0]!
}

function markOptions(profile: Profile): GreenListOptions | GumbelOptions | TournamentOptions {
  assertOwnProfile(profile, { name: 'options.profile' })
  switch (profile.scheme) {
    case 'green-list':
      return { scheme: 'green-list', gamma: gammaOf(profile), delta: profile.delta }
    case 'gumbel':
      return { scheme: 'gumbel' }
    case 'tournament':
      return { scheme: 'tournament', rounds: profile.param }
  }
}

interface Summary {
  readonly rounds: number
  readonly levels: readonly number[]
  readonly sizeOf: SizeOf
  readonly hasOwn: boolean
}

function summarise(
  results: readonly TextResult[],
  { from, to, rounds, levels, sizeOf, hasOwn }: Summary & { from: number; to: number | undefined },
): CalibrationBucket {
  const texts = results.length
  const total = (of: (result: TextResult) => number): number =>
    results.reduce((sum, result) => sum + of(result), 0)
  const mean = (of: (result: TextResult) => number): number => (texts === 0 ? 0 : total(of) / texts)
  const counts = (rejected: number, tests: number): { tests: number; rejected: number; rate: number } => ({
    tests,
    rejected,
    rate: tests === 0 ? 0 : rejected / tests,
  })
  const fresh = levels.map((level, l): FreshKeyRate => {
    const rejected = total((result) => result.fresh[l]!)
    const tests = texts * rounds
    const interval = Object.freeze(rateInterval(rejected, { n: tests }))
    const size = mean(({ n }) => sizeOf(n, level))
    return Object.freeze({ level, ...counts(rejected, tests), interval, size })
  })
  const ownRate = (level: number, l: number): OwnKeyRate =>
    Object.freeze({
      level,
      ...counts(
        total((result) => result.own![l]!),
        texts,
      ),
    })
  const own = hasOwn ? levels.map(ownRate) : undefined
  return Object.freeze({
    from,
    ...(to === undefined ? {} : { to }),
    texts,
    meanCounted: mean(({ n }) => n),
    fresh: Object.freeze(fresh),
    ...(own ? { own: Object.freeze(own) } : {}),
  })
}

/** The largest chance to reject n null scores that is not above a level. */
type SizeOf = (n: number, level: number) => number

function attainableSizes(law: NullLaw): SizeOf {
  const known = new Map<string, number>()
  return (n, level) => {
    const name = `${n} ${level}`
    const size = known.get(name) ?? attainableSize(law, { n, level })
    known.set(name, size)
    return size
  }
}

function attainableSize(law: NullLaw, { n, level }: { n: number; level: number }): number {
  if (n === 0) return 0
  if (!isOfBits(law)) return level
  // The least sum whose tail is not above the level, by halving; one more than the largest sum has none.
  const most = law.kind === 'binomial' ? n * law.trials : n
  const lnLevel = Math.log(level)
  let [lo, hi] = [0, most + 1]
  while (lo < hi) {
    const middle = Math.floor((lo + hi) / 2)
    if (lnUpperTail(law, { sum: middle, n }) <= lnLevel) hi = middle
    else lo = middle + 1
  }
  return Math.exp(lnUpperTail(law, { sum: lo, n }))
}
