/**
 * Whose mark is it? All configured schemes, keys and lanes are tried on one set of documents, and the one that shows is named. Trying many
 * is many tests: each verdict is corrected for the whole family (Holm 1979), whose size is the number of (candidate, lane) asked about,
 * fixed by the list that was passed. The chance that an innocent key is named is at most alpha, however many keys there are.
 *
 * Where the prompt ends need not be known: positions of a prompt that does not depend on the key are scored by chance, which costs power
 * and accuses nobody.
 */
import { assertArray, assertOptions, assertRecord } from '../assert.ts'
import { assertNoBareKey, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile } from '../keys/profile.ts'
import { type Countable, type CountableOptions, countable, pairsOf, type TokenDocument } from './countable.ts'
import { subjectOf } from './detect.ts'
import { gatherLanes } from './evidence.ts'
import { type TestedKey, testedKey } from './tested-key.ts'
import { type DecisionRule, type Family, familyVerdictsOf, resolveRule, type Verdict } from './verdict.ts'

/** A mark that the text may carry. What `allKeys` of a key ring lists can be passed as it is. */
export interface KnownMark {
  readonly profile: Profile
  readonly key: MarkKey
  /** Accounts to ask about. @defaultValue all lanes of the key's layer */
  readonly lanes?: readonly number[]
}

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
  assertArray(candidates, { name: 'candidates', expected: 'an array of { profile, key, lanes }' })
  assertOptions(options, {
    name: 'options',
    keys: ['alpha', 'minimumCounted', 'endOfText', 'padding'],
  })
  if (candidates.length === 0)
    throw new RangeError('"candidates" expected at least one mark to try, got none')
  const { alpha, minimumCounted, ...reading } = options
  const rule = resolveRule({
    ...(alpha === undefined ? {} : { alpha }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
  })
  const marks = Array.from(candidates, (candidate, i) => resolveMark(candidate, `candidates[${i}]`))
  assertOneTokenizer(marks)
  assertDifferent(marks)
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

interface TestedMark extends Omit<TestedKey, 'lane'> {
  readonly profile: Profile
  readonly lanes: readonly number[]
}

function resolveMark(candidate: unknown, name: string): TestedMark {
  assertNoBareKey(candidate, { name, expected: '{ profile, key, lanes }' })
  assertRecord(candidate, { name, keys: ['profile', 'key', 'lanes'], expected: '{ profile, key, lanes }' })
  const { key, lanes } = candidate as Partial<KnownMark>
  const profile = parseProfile(candidate['profile'])
  const { scheme, key: checked } = testedKey(profile, { key: key as MarkKey }, { name: `${name}.lanes` })
  if (lanes === undefined) {
    const all = Array.from({ length: checked.format.lanes }, (_, lane) => lane)
    return { profile, key: checked, scheme, lanes: all }
  }
  assertArray(lanes, { name: `${name}.lanes`, expected: 'an array of lanes' })
  if (lanes.length === 0)
    throw new RangeError(`"${name}.lanes" expected at least one lane, or nothing for all of them, got none`)
  const own = Array.from(lanes, (lane, i) => {
    const at = `${name}.lanes[${i}]`
    if (lane === undefined) throw new TypeError(`"${at}" expected a lane, got undefined`)
    return testedKey(profile, { key: checked, lane }, { name: at }).lane
  })
  return { profile, key: checked, scheme, lanes: own }
}

/** Ids have a meaning in one tokenizer only, so candidates of another would be tried on nonsense. */
function assertOneTokenizer(marks: readonly TestedMark[]): void {
  const { tokenizer } = marks[0]!.profile
  const other = marks.findIndex(({ profile }) => profile.tokenizer !== tokenizer)
  if (other >= 0)
    throw new RangeError(
      `"candidates[${other}]" expected a mark for ${tokenizer} as candidates[0] is, got one for ${marks[other]!.profile.tokenizer}; the documents have ids of one tokenizer`,
    )
}

/** A test that is there twice is a list made by mistake; it would be paid for twice. */
function assertDifferent(marks: readonly TestedMark[]): void {
  const tried = new Set<string>()
  for (const [i, { key, lanes }] of marks.entries()) {
    for (const lane of lanes) {
      const test = `key id ${key.keyId}, route values ${key.range.from}..${key.range.to - 1}, lane ${lane}`
      if (tried.has(test))
        throw new RangeError(`"candidates[${i}]" expected each key and lane once, got ${test} again`)
      tried.add(test)
    }
  }
}

/** What is countable depends on the width, on what a scheme counts once and on the ids that are allowed: profiles share readings. */
function rememberedReadings(
  documents: readonly TokenDocument[],
  reading: CountableOptions,
): (profile: Profile) => Countable {
  const known = new Map<string, Countable>()
  return (profile) => {
    const { scheme, contextWidth, vocabularySize } = profile
    const name = [scheme, contextWidth, vocabularySize].join()
    const positions = known.get(name) ?? countable(documents, profile, reading)
    known.set(name, positions)
    return positions
  }
}
