/**
 * Several keys asked about one text. Whoever tries a thousand keys and reports the best has made a thousand tests: here all of them
 * come back, each decided by its p-value corrected for the whole family (Holm 1979; docs/statistics.md, section 4). The family is
 * what was passed: leaving keys out after looking is the mistake that this file exists to prevent.
 *
 * `detectAny` asks which of several keys or accounts it was. `detectLayers` asks about one mark, whose layers share the contexts of a
 * text among them: each layer by itself, and all of them together, which is the stronger question where each has few contexts.
 */
import { assertArray, assertOptions, assertRecord } from '../assert.ts'
import { assertNoBareKey, type MarkKey } from '../keys/mark-key.ts'
import { assertCountable, type Countable, pairsOf } from './countable.ts'
import { subjectOf } from './detect.ts'
import { type Evidence, gatherLanes } from './evidence.ts'
import { notesOnMark } from './mark-notes.ts'
import { type TestedKey, testedKey } from './tested-key.ts'
import {
  type DecisionRule,
  familyVerdictsOf,
  resolveRule,
  type Verdict,
  type VerdictSubject,
} from './verdict.ts'

/** A key to be tried; where its layer has lanes, one account of it. */
export interface Candidate {
  readonly key: MarkKey
  /** @defaultValue 0 */
  readonly lane?: number
}

/** What the layers of a mark show. */
export interface LayerVerdicts {
  /** One verdict a layer, in the order of the candidates. */
  readonly layers: readonly Verdict[]
  /** The verdict on the sum over all layers; with one layer, the same verdict. */
  readonly joint: Verdict
}

/**
 * Tests text against several keys or lanes. The chance that any of the verdicts is a wrong accusation is at most alpha.
 * @param positions from `countable`.
 * @param candidates at least one, each key and lane once: all that will be tried, chosen before looking.
 * @returns one verdict a candidate, in their order; `family.lnAdjustedP` decides, `lnP` is the test by itself.
 * @throws TypeError or RangeError as `detect`, and for a candidate that is there twice.
 * @example
 * import { countable, createProfile, deriveMarkKeys, detectAny, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.5, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'cohort', label: 'accounts', lanes: 32 }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * const accounts = Array.from({ length: 32 }, (_, lane) => ({ key, lane }))
 * const verdicts = detectAny(countable([{ ids: [0, 1, 2] }], profile), accounts)
 * verdicts.filter(({ decision }) => decision === 'evidence').length // 0
 */
export function detectAny(
  positions: Countable,
  candidates: readonly Candidate[],
  options: DecisionRule = {},
): readonly Verdict[] {
  const { rule, list } = resolveFamily(positions, candidates, options)
  const evidence = gatherAll(positions, list)
  return familyVerdictsOf(
    list.map((tested, i) => ({ evidence: evidence[i]!, subject: subjectOf(tested, positions) })),
    rule,
  )
}

/**
 * Tests text for a mark with several layers. Every context belongs to one layer, so the sum over the layers is a sum over distinct
 * pairs, and its law under the null is the same as that of one layer. Layers and sum are one family.
 * @param candidates one a layer, of different roles, each with the lane that is asked about.
 * @throws TypeError or RangeError as `detect`, and where two of the keys would own the same contexts.
 * @example
 * import { countable, createProfile, deriveMarkKeys, detectLayers, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [
 *     { role: 'provider', label: 'acme', share: 49152 },
 *     { role: 'cohort', label: 'autumn', share: 16384 },
 *   ],
 *   created: '2026-11-24',
 * })
 * const candidates = deriveMarkKeys(master, profile).map((key) => ({ key }))
 * const { layers, joint } = detectLayers(countable([{ ids: [0, 1, 2, 0] }], profile), candidates)
 * layers.reduce((sum, { counted }) => sum + counted, 0) === joint.counted // true
 */
export function detectLayers(
  positions: Countable,
  candidates: readonly Candidate[],
  options: DecisionRule = {},
): LayerVerdicts {
  const { rule, list } = resolveFamily(positions, candidates, options)
  assertDisjoint(list)
  const evidence = gatherAll(positions, list)
  const tests = list.map((tested, i) => ({ evidence: evidence[i]!, subject: subjectOf(tested, positions) }))
  if (list.length > 1) tests.push({ evidence: sumOf(evidence), subject: jointSubjectOf(positions, list) })
  const verdicts = familyVerdictsOf(tests, rule)
  return Object.freeze({
    layers: Object.freeze(verdicts.slice(0, list.length)),
    joint: verdicts.at(-1)!,
  })
}

function resolveFamily(
  positions: Countable,
  candidates: readonly Candidate[],
  options: DecisionRule,
): { rule: Required<DecisionRule>; list: readonly TestedKey[] } {
  assertCountable(positions, { name: 'positions' })
  assertArray(candidates, { name: 'candidates', expected: 'an array of { key, lane }' })
  assertOptions(options, { name: 'options', keys: ['alpha', 'minimumCounted'] })
  const rule = resolveRule(options)
  if (candidates.length === 0) throw new RangeError('"candidates" expected at least one key to try, got none')
  const tried = new Set<string>()
  const list = Array.from(candidates, (candidate, i) => {
    const name = `candidates[${i}]`
    assertNoBareKey(candidate, { name, expected: '{ key, lane }' })
    assertRecord(candidate, { name, keys: ['key', 'lane'], expected: '{ key, lane }' })
    const tested = testedKey(positions.profile, candidate, { name: `${name}.lane` })
    // By its id: one key may come as two objects, derived twice.
    const test = `key id ${tested.key.keyId}, lane ${tested.lane}`
    if (tried.has(test)) throw new RangeError(`"${name}" expected each key and lane once, got ${test} again`)
    tried.add(test)
    return tested
  })
  return { rule, list }
}

/** Scores all candidates, going through the pairs once a key. */
function gatherAll(positions: Countable, list: readonly TestedKey[]): readonly Evidence[] {
  const pairs = pairsOf(positions)
  const places = new Map<MarkKey, number[]>()
  for (const [i, { key }] of list.entries()) places.set(key, [...(places.get(key) ?? []), i])
  const gathered: Evidence[] = new Array(list.length)
  for (const [key, own] of places) {
    const { scheme } = list[own[0]!]!
    const evidence = gatherLanes(pairs, { scheme, key, lanes: own.map((i) => list[i]!.lane) })
    for (const [at, i] of own.entries()) gathered[i] = evidence[at]!
  }
  return gathered
}

/** Evidence of disjoint sets of pairs, or of keys that are independent of each other, taken together. */
function sumOf(parts: readonly Evidence[]): Evidence {
  const total = (field: 'sum' | 'n'): number => parts.reduce((sum, part) => sum + part[field], 0)
  return { sum: total('sum'), n: total('n'), law: parts[0]!.law }
}

function jointSubjectOf({ profile, seen }: Countable, list: readonly TestedKey[]): VerdictSubject {
  const names = list.map(({ key, lane }) => `${key.role} ${key.label}, lane ${lane}`)
  return {
    method: 'detect/joint',
    scheme: profile.scheme,
    keyId: list.map(({ key }) => key.keyId).join('+'),
    seen,
    notes: [...new Set(list.flatMap(notesOnMark)), `the sum over ${list.length} layers: ${names.join('; ')}`],
  }
}

/** One mark gives each context to one layer. Two labels of a role stand in for each other and own the same ones. */
function assertDisjoint(list: readonly TestedKey[]): void {
  for (const [i, { key }] of list.entries()) {
    const { from, to } = key.range
    const other = list.slice(0, i).find(({ key: { range } }) => range.from < to && from < range.to)
    if (other)
      throw new RangeError(
        `"candidates[${i}]" expected a key of a layer that shares no contexts with the others, got one of role ${key.role} (route values ${from}..${to - 1}) beside one of role ${other.key.role} (${other.key.range.from}..${other.key.range.to - 1})`,
      )
  }
}
