/**
 * The marker: what a provider calls at every sampling step. It picks the layer that owns the context, marks the row in place
 * and says whether it did. Hosts differ in how they reach it (transformers-js.ts and its neighbours), never in what it does.
 */
import { assertInteger, assertOptions, describe } from '../assert.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile, type Role, roleRanges } from '../keys/profile.ts'
import { assertTokenizerFits } from '../keys/tokenizer-fits.ts'
import { assertLogitsRow, assertSampleable, type LogitsRow } from '../logits.ts'
import { inLayer } from '../prf/fields.ts'
import { isSampleableByKernels, kernelsFor } from '../prf/kernels/marking.ts'
import { applySampling, resolveSampling, type Sampling } from '../sampling.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { Scheme } from '../schemes/scheme.ts'
import type { TokenStrings } from '../text/tokenizer-digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'

/** Marks rows for one request after another. Holds no state between calls. */
export interface Marker {
  readonly profile: Profile
  /**
   * logits: the host goes on with its temperature and truncation. distribution: `mark` has applied the sampling rules of its
   * options, and the host must draw from the softmax of what it finds, without rules of its own.
   */
  readonly actsOn: Scheme['actsOn']
  /**
   * Marks the logits of the next token in place, before temperature and truncation. Where the scheme acts on the distribution, the
   * sampling rules are applied first, also to rows that are not marked.
   * @param logits one row of at least `vocabularySize` floats; columns beyond the vocabulary are not marked (gumbel, which leaves one
   * token only, sets them to -Infinity).
   * @param ids all ids so far, prompt and template included, oldest first.
   * @returns false where nothing was marked: the context is incomplete, holds padding, or (schemes that act on the distribution)
   * was used before in this sequence; no token of the vocabulary can come; or `when` said no.
   * @throws TypeError or RangeError for half-precision rows, NaN, rows of -Infinity only, ids outside the vocabulary.
   */
  mark(logits: LogitsRow, ids: TokenIds): boolean
}

/** Options of {@link createMarker}. */
export interface MarkerOptions {
  /** The account's lane by role. @defaultValue lane 0 for every role */
  readonly lanes?: Partial<Record<Role, number>>
  /** Padding id: a context that holds it is not marked, as it will not be counted. @defaultValue none */
  readonly padding?: number
  /** How the host would sample, for gumbel and tournament only: they act on that distribution. @defaultValue temperature 1, no truncation */
  readonly sampling?: Sampling
  /** Asked before each mark with all ids so far: false leaves the position unmarked (JSON, code, tool calls). @defaultValue always */
  readonly when?: (ids: TokenIds) => boolean
  /**
   * The host's token strings by id, as for `tokenizerDigest`: checked to be those of the profile, since ids of another tokenizer would be
   * marked without a word and never found. Hashing them takes tens of milliseconds for 128,000, once a marker and not at its rows: give
   * them where a server starts. @defaultValue not checked
   */
  readonly tokens?: TokenStrings
}

/**
 * Makes a marker from a profile and the keys that serve this request: one key a role.
 * @throws TypeError or RangeError if a role has no key or two, a key was made for another format or other shares, or the token strings are
 * another tokenizer's.
 * @example
 * import { createMarker, createProfile, deriveMarkKeys, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const marker = createMarker(profile, deriveMarkKeys(master, profile))
 * const logits = new Float32Array([0, 0, 0])
 * marker.mark(logits, [2, 1]) // true; green tokens after token 1 now have 2 nats more
 */
export function createMarker(
  profile: Profile,
  keys: readonly MarkKey[],
  options: MarkerOptions = {},
): Marker {
  const checked = parseProfile(profile)
  assertMarkKeys(keys, { name: 'keys' })
  assertOptions(options, { name: 'options', keys: ['lanes', 'padding', 'sampling', 'when', 'tokens'] })
  if (options.tokens !== undefined)
    assertTokenizerFits(options.tokens, { profile: checked, name: 'options.tokens' })
  const { contextWidth, vocabularySize } = checked
  const { padding, when } = options
  if (when !== undefined && typeof when !== 'function')
    throw new TypeError(`"options.when" expected a function of the ids, got ${describe(when)}`)
  if (padding !== undefined) assertInteger(padding, { name: 'options.padding', max: vocabularySize - 1 })
  const layers = layersOf(checked, keys, options)
  // Every layer reads contexts the same way; only keys and lanes differ.
  const reader = layers[0]!.scheme
  const { actsOn } = reader
  if (actsOn === 'logits' && options.sampling !== undefined)
    throw new RangeError(
      `"options.sampling" expected nothing for a ${checked.scheme} mark, which comes before the host's own sampling rules, got some`,
    )
  const sampling = resolveSampling(options.sampling ?? {}, { name: 'options.sampling' })
  return Object.freeze<Marker>({
    profile: checked,
    actsOn,
    mark(logits, ids) {
      assertLogitsRow(logits, { name: 'logits', vocabularySize })
      assertSound(logits)
      assertTokenIds(lastOf(ids, contextWidth), { name: 'ids', vocabularySize })
      if (actsOn === 'distribution') applySampling(logits, sampling)
      const context = reader.contextAt(ids, ids.length)
      if (context === undefined) return false
      if (padding !== undefined && Array.prototype.includes.call(context, padding)) return false
      // The same numbers again would force the same token (gumbel) or tilt the same way: an answer would go in circles.
      if (actsOn === 'distribution' && occursEarlier(ids, contextWidth)) return false
      // The host is about to sample from columns beyond the vocabulary.
      if (actsOn === 'distribution' && !canCome(logits, vocabularySize)) return false
      if (when !== undefined && !answerOf(when, ids)) return false
      for (const { scheme, key, lane } of layers) {
        if (!inLayer(key, context)) continue
        scheme.mark(logits, { key, context, lane })
        return true
      }
      return false
    },
  })
}

/** Refuses what is no marker. */
export function assertMarker(marker: Marker): void {
  assertOptions(marker, { name: 'marker' })
  if (typeof marker.mark !== 'function')
    throw new TypeError('"marker" expected a marker from createMarker, got another object')
}

/** Refuses a row that nothing can be drawn from. At every token of every answer, so the common case is quick; what is wrong is found and named by the slow one. */
function assertSound(logits: LogitsRow): void {
  const usable = kernelsFor(logits)
  if (!usable || !isSampleableByKernels(usable)) assertSampleable(logits, { name: 'logits' })
}

/** Anything but a boolean, a promise for one, would be taken for yes: a host that forgot a return would mark what it meant to leave. */
function answerOf(when: (ids: TokenIds) => boolean, ids: TokenIds): boolean {
  const answer: unknown = when(ids)
  if (typeof answer !== 'boolean')
    throw new TypeError(`"options.when" expected to return true or false, got ${describe(answer)}`)
  return answer
}

interface ServingLayer {
  readonly scheme: Scheme
  readonly key: MarkKey
  readonly lane: number
}

function layersOf(
  profile: Profile,
  keys: readonly MarkKey[],
  options: MarkerOptions,
): readonly ServingLayer[] {
  const roles = [...new Set(profile.layers.map(({ role }) => role))]
  assertOptions(options.lanes ?? {}, { name: 'options.lanes', keys: roles })
  const extra = keys.find((key) => !profile.layers.some(({ keyId }) => keyId === key.keyId))
  if (extra)
    throw new RangeError(
      `"keys" expected keys of this profile, got key id ${extra.keyId}, which is not among its layers`,
    )
  const ranges = roleRanges(profile.layers)
  return roles.map((role) => {
    const own = keys.filter((key) => key.role === role)
    const [key] = own
    if (!key || own.length > 1)
      throw new RangeError(
        `"keys" expected one key for role ${role} (one label of a role serves a request), got ${own.length}`,
      )
    assertKeyFits(key, profile)
    assertOwnRange(key, ranges.get(role)!)
    const lane = options.lanes?.[role] ?? 0
    assertInteger(lane, { name: `options.lanes.${role}`, max: key.format.lanes - 1 })
    return { scheme: schemeOf(profile, { lanes: key.format.lanes }), key, lane }
  })
}

// A label keeps its key and key id when shares change, but a key of the old profile would mark the contexts of other layers.
function assertOwnRange({ role, range }: MarkKey, { from, to }: MarkKey['range']): void {
  if (range.from === from && range.to === to) return
  throw new RangeError(
    `"keys" expected a key for route values ${from}..${to - 1} of role ${role} as the profile says, got one for ${range.from}..${range.to - 1}, derived for a profile with other shares`,
  )
}

/** True if the last `width` ids, which are a context, were the context of an earlier position too. */
function occursEarlier(ids: TokenIds, width: number): boolean {
  for (let end = ids.length - 1; end >= width; end--) {
    let same = true
    for (let j = 1; same && j <= width; j++) same = ids[end - j] === ids[ids.length - j]
    if (same) return true
  }
  return false
}

function canCome(logits: LogitsRow, vocabularySize: number): boolean {
  for (let id = 0; id < vocabularySize; id++) if (logits[id]! > Number.NEGATIVE_INFINITY) return true
  return false
}

// Only the ids that can matter are checked: a request of 100,000 tokens must not be walked at every step.
function lastOf(ids: TokenIds, contextWidth: number): TokenIds {
  if (!Array.isArray(ids) && !ArrayBuffer.isView(ids)) return ids
  return ids.slice(Math.max(0, ids.length - contextWidth))
}
