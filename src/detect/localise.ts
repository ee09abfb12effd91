/**
 * Which passages of a document carry the mark? A tenth of marked text is lost in the average of the whole, and a verdict on the
 * whole does not say where it lies. Looking at many passages and reporting the best is many tests: every p-value here is corrected
 * for all passages that were looked at, found or not (scan.ts; docs/statistics.md, section 10).
 *
 * Passages are stretches of counted pairs, whatever lies between them. The ends are as sharp as the scan's steps, an eighth of a
 * passage on average; the p-value is that of the stretch as it is reported.
 */
import { assertOptions, assertRecord } from '../assert.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { Profile } from '../keys/profile.ts'
import { type CountableOptions, countable, lostPositions, pairsOf, type TokenDocument } from './countable.ts'
import { type DetectOptions, subjectOf } from './detect.ts'
import { scorePairs } from './evidence.ts'
import { type Scan, type Stretch, scan } from './scan.ts'
import { testedKey } from './tested-key.ts'
import { ALONE, type Decision, resolveRule, type Verdict, verdictOf } from './verdict.ts'

/**
 * Options of {@link localise}. `minimumCounted` is the least number of pairs in a passage too; a smaller one finds shorter passages
 * and pays for looking at more of them.
 */
export interface LocaliseOptions extends DetectOptions, CountableOptions {}

/** A stretch of the document that carries the mark. */
export interface Passage {
  /** The first counted position, in `ids`. */
  readonly from: number
  /** One after the last counted position. */
  readonly to: number
  /** Distinct pairs scored between them. */
  readonly counted: number
  readonly sum: number
  readonly mean: number
  /** Natural log of the p-value, corrected for all passages that were looked at. */
  readonly lnP: number
  readonly log10P: number
  readonly decision: Decision
}

/** Where a document carries the mark. */
export interface Localisation {
  /**
   * On the question whether any passage carries it. `lnP` is corrected for the scan, and the decision rests on it; counted, sum, mean, effect,
   * interval and e-value are those of the whole document.
   */
  readonly verdict: Verdict
  /** Disjoint, in the order of the text; none without evidence. */
  readonly passages: readonly Passage[]
}

/**
 * Finds the passages of one document that were sampled under a key. The chance that it reports any where the text does not depend on the
 * key is at most alpha, over all passages together.
 * @param document ids with the length of the prompt; several texts are several calls.
 * @param key a mark key of the same format as the profile (any owner's).
 * @throws TypeError or RangeError as `countable` and `detect`.
 * @example
 * import { createProfile, deriveMarkKeys, generateMasterKey, localise, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (key) {
 *   const { verdict, passages } = localise({ ids: [0, 1, 2, 0, 0] }, profile, key)
 *   console.log(verdict.decision, passages) // insufficient []
 * }
 */
export function localise(
  document: TokenDocument,
  profile: Profile,
  key: MarkKey,
  options: LocaliseOptions = {},
): Localisation {
  assertOptions(options, {
    name: 'options',
    keys: ['alpha', 'minimumCounted', 'lane', 'endOfText', 'padding'],
  })
  assertRecord(document, {
    name: 'document',
    keys: ['ids', 'promptLength', 'skip'],
    expected: '{ ids, promptLength, skip }',
  })
  const { alpha, minimumCounted, lane, ...reading } = options
  const rule = resolveRule({
    ...(alpha === undefined ? {} : { alpha }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
  })
  const positions = countable([document], profile, reading)
  const tested = testedKey(positions.profile, { key, lane }, { name: 'options.lane' })
  const { pairs, scores } = scorePairs(pairsOf(positions), tested)
  const law = tested.scheme.nullLaw
  const scanned = scan(scores, { law, shortest: rule.minimumCounted, alpha: rule.alpha })
  const sum = scores.reduce((total, score) => total + score, 0)
  const about = subjectOf(tested, positions)
  const subject = { ...about, method: 'localise', notes: [...(about.notes ?? []), ...notesOn(scanned)] }
  // The whole is one of the stretches, with the weight of a scale: so much its own p-value is multiplied.
  const family = { ...ALONE, size: scanned.scales, lnAdjustedP: scanned.lnP }
  const whole = verdictOf({ sum, n: scores.length, law }, subject, rule, family)
  const places = placesOf(pairs, document, tested.scheme.contextWidth)
  const found = whole.decision === 'evidence' ? joined(disjoint(scanned.found)) : []
  return Object.freeze({
    verdict: Object.freeze({
      ...whole,
      lnP: scanned.lnP,
      log10P: scanned.lnP / Math.LN10,
      tail: 'bound' as const,
      family: ALONE,
    }),
    passages: Object.freeze(found.map((stretch) => passageOf(stretch, places))),
  })
}

function notesOn({ size, scales, found }: Scan): string[] {
  const looked = `p is corrected for looking at ${size} stretches of ${scales} scales`
  return found.length === 0 ? [looked] : [looked, `${found.length} of them are too high for chance`]
}

function passageOf({ from, to, sum, lnP }: Stretch, places: Uint32Array): Passage {
  const counted = to - from
  return Object.freeze({
    from: places[from]!,
    to: places[to - 1]! + 1,
    counted,
    sum,
    mean: sum / counted,
    lnP,
    log10P: lnP / Math.LN10,
    decision: 'evidence' as const,
  })
}

/**
 * Where pairs were counted: the first place of each after the one before. `countable` lists them in the order of their first places,
 * and no earlier place holds such a pair, unless its ids are lost: there it would have been counted.
 */
function placesOf(pairs: Uint32Array, document: TokenDocument, contextWidth: number): Uint32Array {
  const { ids, promptLength = 0 } = document
  const isLost = lostPositions(document, contextWidth)
  const stride = contextWidth + 1
  const places = new Uint32Array(pairs.length / stride)
  let next = 0
  for (let i = Math.max(promptLength, contextWidth); i < ids.length && next < places.length; i++) {
    let same = !isLost(i)
    for (let j = 0; same && j < stride; j++) same = ids[i - contextWidth + j] === pairs[next * stride + j]
    if (same) places[next++] = i
  }
  return places
}

/**
 * Disjoint stretches among those found that together say most: the largest sum of -lnCorrected. Any choice among them is sound, for
 * the correction covers all of them. It is also what keeps two passages from becoming one with what lies between: each pays it again,
 * but what lies between costs more.
 */
function disjoint(found: readonly Stretch[]): Stretch[] {
  const byEnd = [...found].sort((a, b) => a.to - b.to || a.from - b.from)
  const ends = byEnd.map(({ to }) => to)
  // best[i]: of the first i stretches. chosen[i]: whether the last of them is among those.
  const best = new Float64Array(byEnd.length + 1)
  const chosen = new Uint8Array(byEnd.length + 1)
  for (const [i, { from, lnCorrected }] of byEnd.entries()) {
    const withIt = best[countUpTo(ends, from)]! - lnCorrected
    chosen[i + 1] = withIt > best[i]! ? 1 : 0
    best[i + 1] = Math.max(best[i]!, withIt)
  }
  const stretches: Stretch[] = []
  for (let i = byEnd.length; i > 0; ) {
    if (chosen[i] === 0) {
      i--
      continue
    }
    stretches.push(byEnd[i - 1]!)
    i = countUpTo(ends, byEnd[i - 1]!.from)
  }
  return stretches.reverse()
}

/** Stretches that touch are one passage. It carries the mark if any of them does, so the best p-value among them is its own. */
function joined(stretches: readonly Stretch[]): Stretch[] {
  const passages: Stretch[] = []
  for (const stretch of stretches) {
    const last = passages.at(-1)
    if (last?.to !== stretch.from) {
      passages.push(stretch)
      continue
    }
    const { from, sum, lnP } = last
    const both = { ...stretch, from, sum: sum + stretch.sum, lnP: Math.min(lnP, stretch.lnP) }
    passages[passages.length - 1] = both
  }
  return passages
}

/** How many of these ascending numbers are at most a limit. */
function countUpTo(ascending: readonly number[], limit: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! <= limit) low = middle + 1
    else high = middle
  }
  return low
}
