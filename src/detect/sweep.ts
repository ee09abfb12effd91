/**
 * One text against very many accounts. What `identify` does for a list of marks, for a million keys and lanes of one profile: the same sums, p-values and correction for
 * the whole family (Holm 1979), but a verdict is made only for the few that come first. Keys share the work: each text is laid out once, lanes of a key are counted
 * together.
 *
 * Of tests with one null law and one number of scores the highest sum has the lowest p-value, so the first few are known without the others' p-values; and what Holm's
 * correction makes of the i-th depends on the size of the family and the tests before it.
 */
import { assertInteger, assertOptions, describe } from '../assert.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import { assertMarkKeys, type MarkKey, routeKeyWords } from '../keys/mark-key.ts'
import { SHARE_TOTAL } from '../keys/profile.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { laneSums } from '../schemes/score-many.ts'
import { lnUpperTail } from '../stats/tail.ts'
import { assertCountable, type Countable, pairsOf } from './countable.ts'
import { subjectOf } from './detect.ts'
import { eachOwnChunk } from './evidence.ts'
import { type DecisionRule, type Family, resolveRule, type Verdict, verdictOf } from './verdict.ts'

/** Options of {@link sweep}. */
export interface SweepOptions extends DecisionRule {
  /** How many tests come back with a verdict. @defaultValue 10 */
  readonly best?: number
}

/** One key and lane, and what it showed. */
export interface Swept {
  /** Place of the key in what was passed. */
  readonly candidate: number
  readonly label: string
  /** `family.lnAdjustedP` decides; `lnP` is the test by itself. */
  readonly verdict: Verdict
}

/** What {@link sweep} found. */
export interface Sweep {
  /** The one with the smallest p-value, if it is evidence after the correction. */
  readonly best: Swept | undefined
  /** The first few, smallest p-value first; equals in the order of keys and lanes. If the last of them is evidence, there may be more. */
  readonly ranked: readonly Swept[]
  /** How many were tried together, and how that was paid for. */
  readonly family: Pick<Family, 'size' | 'method'>
}

const DEFAULT_BEST = 10
const MOST_BEST = 10_000

/**
 * Tries all lanes of many keys on documents that are judged together. The chance that an innocent account is named is at most alpha, however many there are.
 * @param positions from `countable`.
 * @param keys at least one, each once, all of the profile of the positions; chosen before looking. What makes keys one by one may be passed: they need not exist all at once.
 * @throws TypeError or RangeError as `detect`, for no keys, and for a key that is there twice.
 * @example
 * import { countable, createProfile, deriveMarkKeys, generateMasterKey, sweep, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.5, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: ['north', 'south'].map((label) => ({ role: 'cohort', label, lanes: 512 })), created: '2026-11-24',
 * })
 * const { best, family } = sweep(countable([{ ids: [0, 1, 2, 0] }], profile), deriveMarkKeys(master, profile))
 * console.log(best, family.size) // undefined 1024
 */
export function sweep(positions: Countable, keys: Iterable<MarkKey>, options: SweepOptions = {}): Sweep {
  assertCountable(positions, { name: 'positions' })
  assertOptions(options, { name: 'options', keys: ['alpha', 'minimumCounted', 'best'] })
  const { best = DEFAULT_BEST, ...decision } = options
  const rule = resolveRule(decision)
  assertInteger(best, { name: 'options.best', min: 1, max: MOST_BEST })
  if (typeof (keys as Partial<Iterable<MarkKey>> | null | undefined)?.[Symbol.iterator] !== 'function')
    throw new TypeError(`"keys" expected mark keys from deriveMarkKeys, got ${describe(keys)}`)
  const groupOf = groupsOf(positions, best)
  // By range: keys of two profiles may have one id and different contexts. A million names are not put together for it.
  const tried = new Map<number, Set<string>>()
  let size = 0
  let candidate = 0
  for (const key of keys) {
    assertMarkKeys([key], { name: 'keys' })
    assertKeyFits(key, positions.profile)
    const names = tried.get(key.range.from) ?? new Set()
    tried.set(key.range.from, names)
    if (names.has(key.keyId))
      throw new RangeError(`"keys[${candidate}]" expected each key once, got key id ${key.keyId} again`)
    names.add(key.keyId)
    groupOf.add(key, candidate)
    size += key.format.lanes
    candidate++
  }
  if (candidate === 0) throw new RangeError('"keys" expected at least one key to try, got none')
  const ranked = verdictsOn(groupOf.first(), { positions, size, rule, best })
  return Object.freeze({
    best: ranked.find(({ verdict }) => verdict.decision === 'evidence'),
    ranked: Object.freeze(ranked),
    family: Object.freeze({ size, method: 'holm' as const }),
  })
}

/** A key and lane among the first of its group. */
interface Leader {
  readonly candidate: number
  readonly key: MarkKey
  readonly lane: number
  readonly sum: number
  readonly n: number
  readonly scheme: Scheme
}

/** Keys that read the same pairs by blocks of the same lanes: of these sums can be compared. */
interface Group {
  readonly range: MarkKey['range']
  readonly lanes: number
  readonly route: Uint32Array | undefined
  readonly scheme: Scheme
  readonly own: Uint32Array
  readonly n: number
  /** Highest sum first, earlier tests before later ones; at most as many as are asked for. */
  readonly leaders: Leader[]
  /** Waiting to be scored. */
  readonly waiting: { readonly key: MarkKey; readonly candidate: number }[]
}

// Sums that are in memory at a time: scored together, so that pairs are laid out once for many keys.
const SUMS_AT_ONCE = 65536

function groupsOf(
  positions: Countable,
  best: number,
): { add(key: MarkKey, candidate: number): void; first(): readonly Leader[] } {
  const pairs = pairsOf(positions)
  const groups: Group[] = []
  const schemes = new Map<number, Scheme>()
  const schemeFor = (lanes: number): Scheme => {
    const scheme = schemes.get(lanes) ?? schemeOf(positions.profile, { lanes })
    schemes.set(lanes, scheme)
    return scheme
  }
  const made = (key: MarkKey): Group => {
    const { range, format } = key
    const scheme = schemeFor(format.lanes)
    const own = ownPairs(pairs, { scheme, key })
    const n = own.length / (scheme.contextWidth + 1)
    const group: Group = {
      range,
      lanes: format.lanes,
      route: routeKeyWords(key),
      scheme,
      own,
      n,
      leaders: [],
      waiting: [],
    }
    groups.push(group)
    return group
  }
  return {
    add(key, candidate) {
      // Which pairs share a score may depend on the key: then each key has pairs of its own.
      const known = schemeFor(key.format.lanes).identity
        ? undefined
        : groups.find((group) => isOf(group, key))
      const group = known ?? made(key)
      group.waiting.push({ key, candidate })
      if (group.waiting.length * group.lanes >= SUMS_AT_ONCE) scoreWaiting(group, best)
    },
    first() {
      for (const group of groups) scoreWaiting(group, best)
      return groups.flatMap(({ leaders }) => leaders)
    },
  }
}

function isOf({ range, lanes, route }: Group, key: MarkKey): boolean {
  if (range.from !== key.range.from || range.to !== key.range.to || lanes !== key.format.lanes) return false
  // All contexts, whatever a route key says.
  if (range.from === 0 && range.to === SHARE_TOTAL) return true
  const other = routeKeyWords(key)
  return route === other || (other !== undefined && route?.every((word, i) => word === other[i]) === true)
}

function ownPairs(pairs: Uint32Array, tested: { scheme: Scheme; key: MarkKey }): Uint32Array {
  const parts: Uint32Array[] = []
  eachOwnChunk(pairs, tested, (own) => {
    // Only what is a view of the pairs themselves stays as it is.
    parts.push(own.buffer === pairs.buffer ? own : own.slice())
  })
  const length = parts.reduce((total, part) => total + part.length, 0)
  if (length === pairs.length) return pairs
  const own = new Uint32Array(length)
  let at = 0
  for (const part of parts) {
    own.set(part, at)
    at += part.length
  }
  return own
}

function scoreWaiting(group: Group, best: number): void {
  const { scheme, own, n, lanes, leaders, waiting } = group
  const sums = laneSums(own, { scheme, lanes, keys: waiting.map(({ key }) => key) })
  let least = leaders.length < best ? -1 : leaders.at(-1)!.sum
  for (let i = 0; i < sums.length; i++) {
    const sum = sums[i]!
    if (sum <= least) continue
    const { key, candidate } = waiting[Math.floor(i / lanes)]!
    // After those that are equal: they came earlier.
    let place = leaders.length
    while (place > 0 && sum > leaders[place - 1]!.sum) place--
    leaders.splice(place, 0, { candidate, key, lane: i % lanes, sum, n, scheme })
    if (leaders.length > best) leaders.pop()
    if (leaders.length === best) least = leaders.at(-1)!.sum
  }
  waiting.length = 0
}

function verdictsOn(
  leaders: readonly Leader[],
  {
    positions,
    size,
    rule,
    best,
  }: { positions: Countable; size: number; rule: Required<DecisionRule>; best: number },
): Swept[] {
  const tests = leaders
    .map((leader) => {
      const evidence = { sum: leader.sum, n: leader.n, law: leader.scheme.nullLaw }
      return { ...leader, evidence, lnP: lnUpperTail(evidence.law, evidence) }
    })
    // Compared, not subtracted: two may be -Infinity.
    .sort((a, b) => (a.lnP < b.lnP ? -1 : a.lnP > b.lnP ? 1 : a.candidate - b.candidate || a.lane - b.lane))
    .slice(0, best)
  let least = -Infinity
  return tests.map(({ candidate, key, lane, scheme, evidence, lnP }, i) => {
    // Holm's step, as in stats/multiplicity.ts, of which the others' p-values are not needed.
    least = Math.max(least, lnP + Math.log(size - i))
    const subject = { ...subjectOf({ scheme, key, lane }, positions), method: 'identify' }
    const family = { size, method: 'holm' as const, lnAdjustedP: Math.min(0, least) }
    return Object.freeze({ candidate, label: key.label, verdict: verdictOf(evidence, subject, rule, family) })
  })
}
