/**
 * The marker: what a provider calls at every sampling step. It picks the layer that owns the context, marks the row in place
 * and says whether it did. Hosts differ in how they reach it (transformers-js.ts and its neighbours), never in what it does.
 */
import { assertInteger, assertOptions } from '../assert.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile, type Role, roleRanges } from '../keys/profile.ts'
import { assertLogitsRow, assertSampleable, type LogitsRow } from '../logits.ts'
import { inLayer } from '../prf/fields.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'

/** Marks rows for one request after another. Holds no state between calls. */
export interface Marker {
  readonly profile: Profile
  /**
   * Marks the logits of the next token in place, before temperature and truncation.
   * @param logits one row of at least `vocabularySize` floats; columns beyond the vocabulary stay as they are.
   * @param ids all ids so far, prompt and template included, oldest first.
   * @returns false where the context is incomplete or holds padding, so that nothing was marked.
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
}

/**
 * Makes a marker from a profile and the keys that serve this request: one key a role.
 * @throws TypeError or RangeError if a role has no key or two, or a key was made for another format or other shares.
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
  assertOptions(options, { name: 'options', keys: ['lanes', 'padding'] })
  const { contextWidth, vocabularySize } = checked
  const { padding } = options
  if (padding !== undefined) assertInteger(padding, { name: 'options.padding', max: vocabularySize - 1 })
  const layers = layersOf(checked, keys, options)
  // Every layer reads contexts the same way; only keys and lanes differ.
  const reader = layers[0]!.scheme
  return Object.freeze<Marker>({
    profile: checked,
    mark(logits, ids) {
      assertLogitsRow(logits, { name: 'logits', vocabularySize })
      assertSampleable(logits, { name: 'logits' })
      assertTokenIds(lastOf(ids, contextWidth), { name: 'ids', vocabularySize })
      const context = reader.contextAt(ids, ids.length)
      if (context === undefined) return false
      if (padding !== undefined && Array.prototype.includes.call(context, padding)) return false
      for (const { scheme, key, lane } of layers) {
        if (!inLayer(key, context)) continue
        scheme.mark(logits, { key, context, lane })
        return true
      }
      return false
    },
  })
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

// Only the ids that can matter are checked: a request of 100,000 tokens must not be walked at every step.
function lastOf(ids: TokenIds, contextWidth: number): TokenIds {
  if (!Array.isArray(ids) && !ArrayBuffer.isView(ids)) return ids
  return ids.slice(Math.max(0, ids.length - contextWidth))
}
