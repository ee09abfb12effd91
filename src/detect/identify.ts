/**
 * Whose mark is it? All configured schemes, keys and lanes are tried on one set of documents, and the one that shows is named. Trying many
 * is many tests: each verdict is corrected for the whole family (Holm 1979), whose size is the number of (candidate, lane) asked about,
 * fixed by the list that was passed. The chance that an innocent key is named is at most alpha, however many keys there are.
 *
 * Where the prompt ends need not be known: positions of a prompt that does not depend on the key are scored by chance, which costs power
 * and accuses nobody.
 */
import { assertOptions } from '../assert.ts'
import type { Profile } from '../keys/profile.ts'
import {
  type Countable,
  type CountableOptions,
  countable,
  pairsOf,
  readingName,
  type TokenDocument,
} from './countable.ts'
import { subjectOf } from './detect.ts'
import { gatherLanes } from './evidence.ts'
import { type KnownMark, resolveMarks } from './known-marks.ts'
import { type DecisionRule, type Family, familyVerdictsOf, resolveRule, type Verdict } from './verdict.ts'

export type { KnownMark } from './known-marks.ts'

/** Options of {@link identify}. */
export interface IdentifyOptions extends DecisionRule, CountableOptions {}

/** One (candidate, lane) and what it showed. */
export interface Identified {
  /** Place in the list of candidates. */
  readonly candidate: number
  readonly profile: Profile
  readonly label: string
  /** `family.lnAdjustedP` decides; `lnP` is the test by itself. */
  readonly verdict: Verdict
}

/** What {@link identify} found. */
export interface Identification {
  /** The one with the smallest p-value of those that are evidence after the correction. */
  readonly best: Identified | undefined
  /** All that were tried, smallest p-value first; equals in the order of the candidates. */
  readonly ranked: readonly Identified[]
  /** How many were tried together, and how that was paid for. */
  readonly family: Pick<Family, 'size' | 'method'>
}

/**
 * Tries marks on documents that are judged together, and names the one that shows.
 * @param documents ids of the one tokenizer that all candidates are for; prompt lengths where they are known.
 * @param candidates at least one, chosen before looking. Each key, range of contexts and lane once.
 * @throws TypeError or RangeError as `countable` and `detect`; for candidates of different tokenizers; for one that is there twice.
 * @example
 * import { createProfile, deriveMarkKeys, generateMasterKey, identify, tokenizerDigest } from 'dyetrace'
 * const common = {
 *   contextWidth: 1, tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * } as const
 * const master = generateMasterKey()
 * const candidates = [
 *   createProfile(master, { scheme: 'green-list', gamma: 0.25, delta: 2, ...common }),
 *   createProfile(master, { scheme: 'tournament', ...common }),
 * ].flatMap((profile) => deriveMarkKeys(master, profile).map((key) => ({ profile, key })))
 * const { best, family } = identify([{ ids: [0, 1, 2, 0] }], candidates)
 * console.log(best, family.size) // undefined 2
 */
export function identify(
  documents: readonly TokenDocument[],
  candidates: readonly KnownMark[],
  options: IdentifyOptions = {},
): Identification {
  assertOptions(options, {
    name: 'options',
    keys: ['alpha', 'minimumCounted', 'endOfText', 'padding'],
  })
  const { alpha, minimumCounted, ...reading } = options
  const rule = resolveRule({
    ...(alpha === undefined ? {} : { alpha }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
  })
  const marks = resolveMarks(candidates, { name: 'candidates' })
  const positionsOf = rememberedReadings(documents, reading)
  const tests = marks.flatMap((tested, candidate) => {
    const positions = positionsOf(tested.profile)
    const { key, scheme, lanes } = tested
    return gatherLanes(pairsOf(positions), { scheme, key, lanes }).map((evidence, l) => ({
      candidate,
      profile: tested.profile,
      label: key.label,
      evidence,
      subject: { ...subjectOf({ ...tested, lane: lanes[l]! }, positions), method: 'identify' },
    }))
  })
  const verdicts = familyVerdictsOf(tests, rule)
  const ranked = tests
    .map(({ candidate, profile, label }, i) =>
      Object.freeze({ candidate, profile, label, verdict: verdicts[i]! }),
    )
    // Compared, not subtracted: two may be -Infinity.
    .sort(({ verdict: { lnP: a } }, { verdict: { lnP: b } }) => (a < b ? -1 : a > b ? 1 : 0))
  return Object.freeze({
    // Not simply the first: its text may be too short to say anything under that width.
    best: ranked.find(({ verdict }) => verdict.decision === 'evidence'),
    ranked: Object.freeze(ranked),
    family: Object.freeze({ size: tests.length, method: 'holm' as const }),
  })
}

function rememberedReadings(
  documents: readonly TokenDocument[],
  reading: CountableOptions,
): (profile: Profile) => Countable {
  const known = new Map<string, Countable>()
  return (profile) => {
    const name = readingName(profile)
    const positions = known.get(name) ?? countable(documents, profile, reading)
    known.set(name, positions)
    return positions
  }
}
