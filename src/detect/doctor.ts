/**
 * Why is a mark not found that must be there? Given text that is known to be marked, the doctor tries variations of the configuration and
 * of the way in which the text is read, one field at a time and then two (variations.ts), and says which one shows the mark and what to do
 * about it. Fields that are part of a mark key's name need the master key, so this is a tool for the owner, not for an investigator.
 *
 * It is no test of whether text is marked: whoever does not know that asks `detect` or `identify`. The p-values are exact all the same, and
 * corrected for all variations (Bonferroni; half of alpha for the configuration as it is), so that the search does not find what is
 * not there. No key and nothing made from one but key ids is ever in the result.
 */
import { assertArray, assertInteger, assertOptions, assertString, describe } from '../assert.ts'
import { deriveMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import type { MasterKey } from '../keys/master.ts'
import {
  assertOwnProfile,
  createProfile,
  gammaOf,
  type Layer,
  type Profile,
  type ProfileOptions,
  parseProfile,
} from '../keys/profile.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import { lnLeastTail, lnUpperTail } from '../stats/tail.ts'
import { type TokenStrings, tokenizerDigest } from '../text/tokenizer-digest.ts'
import {
  assertDocument,
  type Countable,
  type CountableOptions,
  countable,
  pairsOf,
  type TokenDocument,
} from './countable.ts'
import { type Evidence, gatherLanes } from './evidence.ts'
import {
  type Change,
  type Field,
  type Hints,
  pairedChanges,
  type Setup,
  servingLayers,
  singleChanges,
} from './variations.ts'
import { type DecisionRule, resolveRule } from './verdict.ts'

/** Options of {@link doctor}. */
export interface DoctorOptions extends DecisionRule, CountableOptions {
  /** Label of the layer that is expected to show. @defaultValue the profile's first layer */
  readonly label?: string
  /** The account's lane in that layer. @defaultValue 0 */
  readonly lane?: number
  /** Other labels that may have served, such as those of other epochs. @defaultValue none */
  readonly labels?: readonly string[]
  /**
   * Token strings of the tokenizers that may have been mixed up, the profile's among them; see `tokenStrings`.
   * @defaultValue none: tokenizers are not varied
   */
  readonly tokenizers?: readonly TokenStrings[]
  /** Begin-of-text id that documents may lack. @defaultValue none: only the first id of documents that share it is taken off */
  readonly beginOfText?: number
}

/** One thing that was tried. */
export interface Variation {
  /** What was varied; nothing for the configuration as it is. */
  readonly fields: readonly Field[]
  /** How the mark would show, in words. */
  readonly says: string
  /** What to do if this is the one. */
  readonly remedy: string
  readonly label: string
  readonly lane: number
  /** Id of the key that was derived for it. */
  readonly keyId: string
  readonly counted: number
  readonly sum: number
  /** Natural log of the exact p-value of this variation by itself. */
  readonly lnP: number
  /** Natural log of the p-value corrected for all variations. */
  readonly lnAdjustedP: number
}

/** What the doctor says. */
export interface Diagnosis {
  /** works: the configuration is right. explained: a variation shows the mark. nothing-fits: none does. */
  readonly conclusion: 'works' | 'explained' | 'nothing-fits'
  /** The finding and the remedy, in words. */
  readonly sentence: string
  readonly configured: Variation
  /** What shows the mark: the configuration where it works, or the best variation. */
  readonly best: Variation | undefined
  /** What is odd about text, key or configuration, whatever the p-values say. */
  readonly symptoms: readonly string[]
  /** All that was tried, smallest corrected p-value first. */
  readonly tried: readonly Variation[]
  /** Number of variations that the correction pays for. */
  readonly family: { readonly size: number; readonly method: 'bonferroni' }
  readonly alpha: number
}

/** More than this is not read: every id is scored under hundreds of keys, and a mark that needs more text is not what went wrong. */
const MOST_IDS = 8192
/** Fits all widths. Ids are read up to a little less, so that those shifted by a few fit too. */
const VOCABULARY = 2 ** 24

/**
 * Says which field is wrong where text that is known to be marked does not show its mark.
 * @param documents ids with prompt lengths, as they were passed to `countable`. The first 8,192 ids are read.
 * @param master the owner's master key; the key ids in the profile need not be its own.
 * @throws TypeError or RangeError for ids that no vocabulary has, a label that the profile does not have, or options out of range.
 * @example
 * import { createMarker, createProfile, deriveMarkKeys, doctor, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const common = {
 *   scheme: 'green-list', gamma: 0.25, delta: 20, tokenizer: tokenizerDigest(['a', 'b']), vocabularySize: 500,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * } as const
 * const served = createProfile(master, { ...common, contextWidth: 2 })
 * const marker = createMarker(served, deriveMarkKeys(master, served))
 * const ids = [0, 1]
 * while (ids.length < 200) {
 *   const row = Float64Array.from({ length: 500 }, (_, token) => (token * 7 + ids.length * 13) % 500 / 100)
 *   marker.mark(row, ids)
 *   ids.push(row.indexOf(Math.max(...row)))
 * }
 * const configured = createProfile(master, { ...common, contextWidth: 1 })
 * const { conclusion, best } = doctor([{ ids }], configured, master)
 * console.log(conclusion, best?.remedy) // explained detect with the profile of contextWidth 2
 */
export function doctor(
  documents: readonly TokenDocument[],
  profile: Profile,
  master: MasterKey,
  options: DoctorOptions = {},
): Diagnosis {
  const checked = parseProfile(profile)
  const { rule, reading, hints, setup, seen } = resolve(documents, checked, options)
  const limit = Math.log(rule.alpha)
  const score = createScorer({ master, created: checked.created, reading })

  const singles = singleChanges(setup, hints).flatMap((change) => attempt(setup, [change]))
  const pairs = pairedChanges(setup, hints).flatMap((changes) => attempt(setup, changes))
  const size = [...singles, ...pairs].reduce((total, { setup: { lanes } }) => total + lanes.length, 1)
  const lnShare = Math.log(2 * Math.max(1, size - 1))
  const [configured] = variationsOf({ setup, changes: [] }, score(setup), Math.log(2))
  const tried: Variation[] = [configured!]
  const fits = ({ lnAdjustedP, counted }: Variation): boolean =>
    lnAdjustedP <= limit && counted >= rule.minimumCounted
  for (const attempts of [singles, pairs]) {
    // Pairs contain what is right by itself: they are asked only where one change does not do.
    if (tried.some(fits)) break
    for (const one of attempts) tried.push(...variationsOf(one, score(one.setup), lnShare))
  }
  // Stable: among equals the likelier explanation, which was tried first.
  tried.sort((a, b) => (a.lnAdjustedP < b.lnAdjustedP ? -1 : a.lnAdjustedP > b.lnAdjustedP ? 1 : 0))
  const best = fits(configured!) ? configured! : tried.find(fits)
  const conclusion = best === undefined ? 'nothing-fits' : best === configured ? 'works' : 'explained'
  const symptoms = symptomsOf(
    { profile: checked, setup, configured: configured!, seen, rule, reading },
    score,
  )
  return Object.freeze({
    conclusion,
    sentence: sentenceOf({ conclusion, best, size, profile: checked, hints }),
    configured: configured!,
    best,
    symptoms: Object.freeze(symptoms),
    tried: Object.freeze(tried),
    family: Object.freeze({ size, method: 'bonferroni' as const }),
    alpha: rule.alpha,
  })
}

interface Attempt {
  readonly setup: Setup
  readonly changes: readonly Change[]
}

/** What a setup shows: one piece of evidence a lane. */
interface Scored {
  readonly key: MarkKey
  readonly positions: Countable
  readonly evidence: readonly Evidence[]
}

type Scorer = (setup: Setup) => Scored

function attempt(setup: Setup, changes: readonly Change[]): Attempt[] {
  const varied = changes.reduce<Setup | undefined>((s, change) => s && change.apply(s), setup)
  return varied && varied.lanes.length > 0 ? [{ setup: varied, changes }] : []
}

function variationsOf({ setup, changes }: Attempt, { key, evidence }: Scored, lnShare: number): Variation[] {
  return evidence.map(({ sum, n, law }, l) => {
    const lane = setup.lanes[l]!
    const lnP = lnUpperTail(law, { sum, n })
    const says = changes.map((change) => change.says)
    if (setup.lanes.length > 1 || changes.some(({ field }) => field === 'lane')) says.push(`lane ${lane}`)
    return Object.freeze({
      fields: Object.freeze(changes.map(({ field }) => field)),
      says: changes.length === 0 ? 'as configured' : says.join(', '),
      remedy: changes.map(({ remedy }) => remedy).join('; '),
      label: setup.label,
      lane,
      keyId: key.keyId,
      counted: n,
      sum,
      lnP,
      lnAdjustedP: Math.min(0, lnP + lnShare),
    })
  })
}

/** Derives the key of a setup, counts and scores. Keys and countable pairs are made once each. */
function createScorer({
  master,
  created,
  reading,
}: {
  master: MasterKey
  created: string
  reading: CountableOptions
}): Scorer {
  const marks = new Map<string, { profile: Profile; key: MarkKey }>()
  const counted = new Map<Setup['documents'], Map<string, Countable>>()
  return ({ documents, scheme, contextWidth, tokenizer, layers, label, lanes }) => {
    // Ids may be another tokenizer's: the vocabulary is no part of the key, and its limit would only refuse them.
    const vocabularySize = VOCABULARY
    const options = { ...scheme, contextWidth, tokenizer, vocabularySize, layers, created } as ProfileOptions
    const name = JSON.stringify([options, label])
    const mark = marks.get(name) ?? markOf(master, options, label)
    marks.set(name, mark)
    const own = counted.get(documents) ?? new Map<string, Countable>()
    counted.set(documents, own)
    const width = [contextWidth, scheme.scheme].join()
    const positions = own.get(width) ?? countable(documents, mark.profile, reading)
    own.set(width, positions)
    const evidence = gatherLanes(pairsOf(positions), {
      scheme: schemeOf(mark.profile, { lanes: mark.key.format.lanes }),
      key: mark.key,
      lanes,
    })
    return { key: mark.key, positions, evidence }
  }
}

function markOf(
  master: MasterKey,
  options: ProfileOptions,
  label: string,
): { profile: Profile; key: MarkKey } {
  const profile = createProfile(master, options)
  const at = profile.layers.findIndex((layer) => layer.label === label)
  return { profile, key: deriveMarkKeys(master, profile)[at]! }
}

function sentenceOf(about: {
  conclusion: Diagnosis['conclusion']
  best: Variation | undefined
  size: number
  profile: Profile
  hints: Hints
}): string {
  const { conclusion, best, size, profile, hints } = about
  if (conclusion === 'works') return `Works as configured: p = ${power(best!.lnP)} on ${best!.counted} pairs.`
  if (best) {
    const { says, remedy, counted, lnAdjustedP, keyId } = best
    const named = profile.layers.some((layer) => layer.keyId === keyId)
      ? ' The key id in the profile is the one of this variation.'
      : ''
    return `The mark shows ${says} (p = ${power(lnAdjustedP)} on ${counted} pairs, corrected for ${size} variations). Remedy: ${remedy}.${named}`
  }
  const untried = [
    ...(hints.tokenizers.length < 2
      ? ['other tokenizers (options.tokenizers, the token strings of both)']
      : []),
    ...(hints.beginOfText === undefined ? ['a missing begin-of-text id (options.beginOfText)'] : []),
    ...(hints.labels.length === 0 ? ['labels that the profile does not have (options.labels)'] : []),
  ]
  const hint = untried.length === 0 ? '' : ` Not tried: ${untried.join('; ')}.`
  return `Nothing fits among ${size} variations of the configuration: another master key, another text, an edited text or a mark that was off would look like this.${hint}`
}

function power(lnP: number): string {
  return `10^${(lnP / Math.LN10).toFixed(1)}`
}

function symptomsOf(
  about: {
    profile: Profile
    setup: Setup
    configured: Variation
    seen: number
    rule: Required<DecisionRule>
    reading: CountableOptions
  },
  score: Scorer,
): string[] {
  const { profile, setup, configured, seen, rule, reading } = about
  const { key, positions, evidence } = score(setup)
  const { count, skipped } = positions
  const read = positions.seen
  const layer = profile.layers.find(({ label }) => label === setup.label)!
  const symptoms: string[] = []
  const say = (holds: boolean, symptom: string): void => {
    if (holds) symptoms.push(symptom)
  }
  const more = (part: number, whole: number): boolean => whole > 0 && 2 * part > whole
  say(
    layer.keyId !== key.keyId,
    `the master key gives key id ${key.keyId} for layer ${layer.label}, the profile says ${layer.keyId}: another master key, or another profile, made the one or the other`,
  )
  say(seen > read, `only the first ${read} of ${seen} ids were read`)
  const { law, n } = evidence[0]!
  say(
    configured.counted < rule.minimumCounted || lnLeastTail(law, n) > Math.log(rule.alpha),
    `too few pairs as configured: ${configured.counted} of ${read} positions (${skipped.prompt} in prompts, ${skipped.incompleteContext} with an incomplete context, ${skipped.afterEnd} after the end, ${skipped.lost} that do not survive as text, ${skipped.repeated} repeated, ${count - n} in contexts of other layers)`,
  )
  say(
    count > 0 && n === 0,
    `all contexts belong to other layers than ${layer.label}; wrong shares, or very little text`,
  )
  const generated = read - skipped.prompt
  say(more(skipped.prompt, read), `${percent(skipped.prompt, read)} of the ids are prompt`)
  say(
    more(skipped.repeated, generated),
    `${percent(skipped.repeated, generated)} of the generated ids are repeats, which count once`,
  )
  say(
    more(skipped.afterEnd, generated),
    `${percent(skipped.afterEnd, generated)} of the generated ids stand after the end of text`,
  )
  say(
    more(skipped.incompleteContext, generated),
    `${percent(skipped.incompleteContext, generated)} of the generated ids have an incomplete context: very short documents, or padding in them`,
  )
  const skip = setup.documents.reduce((total, document) => total + document.skip.length, 0)
  say(
    skip > 0,
    `${skip} ids do not survive as text (skip): the ${skipped.lost} pairs that touch them are skipped, and whoever has only the text reads other ids there`,
  )
  const { id, times } = commonest(setup)
  say(
    reading.padding === undefined && 4 * times > read && read >= rule.minimumCounted,
    `${percent(times, read)} of the ids are ${id}: if that is padding, pass it as options.padding and leave it out of promptLength`,
  )
  const outside = setup.documents.flatMap(({ ids }) =>
    Array.from(ids).filter((other) => other >= profile.vocabularySize),
  )
  say(
    outside.length > 0,
    `${outside.length} ids are outside of the profile's vocabulary (the first is ${outside[0]} of ${profile.vocabularySize}): another tokenizer, or ids counted from another start`,
  )
  return symptoms
}

function percent(part: number, whole: number): string {
  return `${Math.round((100 * part) / whole)} %`
}

/** The most frequent id. */
function commonest({ documents }: Setup): { id: number; times: number } {
  const times = new Map<number, number>()
  let most = { id: 0, times: 0 }
  for (const { ids } of documents) {
    for (const id of ids) {
      const now = (times.get(id) ?? 0) + 1
      times.set(id, now)
      if (now > most.times) most = { id, times: now }
    }
  }
  return most
}

interface Resolved {
  readonly rule: Required<DecisionRule>
  readonly reading: CountableOptions
  readonly hints: Hints
  readonly setup: Setup
  /** Ids of all documents, read or not. */
  readonly seen: number
}

function resolve(documents: readonly TokenDocument[], profile: Profile, options: DoctorOptions): Resolved {
  assertOptions(options, {
    name: 'options',
    keys: [
      'alpha',
      'minimumCounted',
      'endOfText',
      'padding',
      'label',
      'lane',
      'labels',
      'tokenizers',
      'beginOfText',
    ],
  })
  const { alpha, minimumCounted, endOfText, padding } = options
  const rule = resolveRule({
    ...(alpha === undefined ? {} : { alpha }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
  })
  const layer = layerOf(profile, options.label)
  const { lane = 0, labels = [], tokenizers = [], beginOfText } = options
  assertInteger(lane, { name: 'options.lane', max: layer.lanes - 1 })
  for (const [name, id] of Object.entries({ endOfText, padding, beginOfText }))
    if (id !== undefined) assertInteger(id, { name: `options.${name}`, max: profile.vocabularySize - 1 })
  const setup: Setup = {
    documents: firstIds(documents),
    scheme: schemeOptions(profile),
    contextWidth: profile.contextWidth,
    tokenizer: profile.tokenizer,
    layers: servingLayers(profile.layers, layer.label),
    label: layer.label,
    lanes: [lane],
  }
  const hints: Hints = {
    layers: profile.layers,
    labels: assertLabels(labels),
    tokenizers: assertTokenizers(tokenizers),
    beginOfText,
  }
  const reading = {
    ...(endOfText === undefined ? {} : { endOfText }),
    ...(padding === undefined ? {} : { padding }),
  }
  const seen = documents.reduce((total, { ids }) => total + ids.length, 0)
  return { rule, reading, hints, setup, seen }
}

function layerOf({ layers }: Profile, label: unknown): Layer {
  if (label === undefined) return layers[0]!
  const labels = layers.map((layer) => layer.label).join(', ')
  assertString(label, { name: 'options.label', expected: `a label of the profile (${labels})` })
  const layer = layers.find((one) => one.label === label)
  if (!layer)
    throw new RangeError(
      `"options.label" expected a label of the profile (${labels.slice(0, 200)}), got ${describe(label)}`,
    )
  return layer
}

function schemeOptions(profile: Profile): Setup['scheme'] {
  assertOwnProfile(profile, { name: 'profile' })
  switch (profile.scheme) {
    case 'green-list':
      return { scheme: 'green-list', gamma: gammaOf(profile), delta: profile.delta }
    case 'gumbel':
      return { scheme: 'gumbel' }
    case 'tournament':
      return { scheme: 'tournament', rounds: profile.param }
  }
}

function assertLabels(labels: unknown): readonly string[] {
  assertArray(labels, { name: 'options.labels', expected: 'an array of labels' })
  return Array.from(labels as ArrayLike<unknown>, (label, i) => {
    assertString(label, {
      name: `options.labels[${i}]`,
      expected: '1..64 characters of a-z 0-9 . _ -, the first a letter or digit',
      pattern: /^[a-z0-9][a-z0-9._-]{0,63}$/,
    })
    return label
  })
}

function assertTokenizers(tokenizers: unknown): readonly TokenStrings[] {
  assertArray(tokenizers, { name: 'options.tokenizers', expected: 'an array of lists of token strings' })
  return Array.from(tokenizers as ArrayLike<unknown>, (tokens, i) => {
    assertArray(tokens, { name: `options.tokenizers[${i}]`, expected: 'an array of token strings by id' })
    tokenizerDigest(tokens as TokenStrings)
    return tokens as TokenStrings
  })
}

/** Copies of the first documents, checked: ids that any tokenizer may have, prompts no longer than their documents. */
function firstIds(documents: unknown): readonly Required<TokenDocument>[] {
  assertArray(documents, { name: 'documents', expected: 'an array of { ids, promptLength }' })
  const first: Required<TokenDocument>[] = []
  let room = MOST_IDS
  for (const [d, document] of Array.from(documents as ArrayLike<unknown>).entries()) {
    const name = `documents[${d}]`
    const { ids, promptLength, skip } = assertDocument(document, { name, vocabularySize: VOCABULARY - 16 })
    if (room > 0) {
      const read = Math.min(room, ids.length)
      first.push({
        ids: Array.from(ids).slice(0, read),
        promptLength: Math.min(read, promptLength),
        skip: skip.filter((position) => position < read),
      })
    }
    room -= ids.length
  }
  return first
}
