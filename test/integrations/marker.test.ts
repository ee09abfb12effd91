import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { createMarker, type Marker, type MarkerOptions } from '../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import {
  createProfile,
  type LayerOptions,
  type Profile,
  type ProfileOptions,
} from '../../src/keys/profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import type { TokenIds } from '../../src/tokens.ts'
import { markKeyFromBytes, masterFromSeed, profileWithKey } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'

const vocabularySize = 64

/** A profile with these layers, and its keys by label. */
function profileWithKeys(
  layers: readonly LayerOptions[],
  { seed = 'marker', ...options }: Partial<ProfileOptions> & { seed?: string } = {},
): { profile: Profile; keys: Record<string, MarkKey> } {
  const master = masterFromSeed(seed)
  const profile = createProfile(master, {
    scheme: 'green-list',
    contextWidth: 1,
    gamma: 0.5,
    delta: 2,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize,
    layers,
    created: '2026-11-24',
    ...options,
  })
  return { profile, keys: Object.fromEntries(deriveMarkKeys(master, profile).map((key) => [key.label, key])) }
}

const layered = profileWithKeys([
  { role: 'provider', label: 'acme', share: 49152 },
  { role: 'cohort', label: 'blue', share: 16384, lanes: 4 },
  { role: 'cohort', label: 'red', share: 16384, lanes: 4 },
])
const { acme, blue, red } = layered.keys as { acme: MarkKey; blue: MarkKey; red: MarkKey }

/** Tokens that a marker raises after these ids; undefined where it says that it marked nothing. */
function raised(marker: Marker, ids: TokenIds): number[] | undefined {
  const row = new Float32Array(marker.profile.vocabularySize)
  const marked = marker.mark(row, ids)
  expect(row.every((value) => value === 0 || value === marker.profile.delta)).toBe(true)
  const tokens = [...row.keys()].filter((token) => row[token]! > 0)
  if (marked) return tokens
  expect(tokens).toEqual([])
  return undefined
}

/** Tokens that count and score after a context under one key; undefined where nothing counts. */
function scored(
  profile: Profile,
  { key, lane, context }: { key: MarkKey; lane: number; context: readonly number[] },
): number[] | undefined {
  const tokens = Array.from({ length: profile.vocabularySize }, (_, token) => token)
  const verdicts = tokens.map((token) =>
    detect(countable([{ ids: [...context, token], promptLength: context.length }], profile), key, { lane }),
  )
  if (verdicts.every(({ counted }) => counted === 0)) return undefined
  return tokens.filter((_, i) => verdicts[i]!.sum === 1)
}

describe('marking and scoring', () => {
  const width2 = profileWithKeys([{ role: 'provider', label: 'acme' }], { contextWidth: 2, gamma: 0.25 })
  const width4 = profileWithKeys([{ role: 'provider', label: 'acme' }], { contextWidth: 4 })
  const width0 = profileWithKeys([{ role: 'provider', label: 'acme' }], { contextWidth: 0 })
  test.each([
    { about: 'width 0', ...width0 },
    { about: 'width 2, gamma 1/4', ...width2 },
    { about: 'width 4', ...width4 },
  ])('agree for any logits and context: $about', ({ profile, keys }) => {
    const { contextWidth } = profile
    const key = keys['acme']!
    const marker = createMarker(profile, [key])
    const id = fc.nat(vocabularySize - 1)
    const ids = fc.array(id, { minLength: contextWidth, maxLength: contextWidth + 3 })
    fc.assert(
      fc.property(logitsRow(vocabularySize), ids, (before, ids) => {
        const after = before.slice()
        expect(marker.mark(after, ids)).toBe(true)
        const green = scored(profile, { key, lane: 0, context: ids.slice(ids.length - contextWidth) })
        for (const [token, value] of before.entries()) {
          expect(after[token]).toBe(
            green!.includes(token) ? Math.fround(value + Math.fround(profile.delta)) : value,
          )
        }
      }),
      { seed: 1, numRuns: 25 },
    )
  })

  test('every context is marked by one layer, and scores under the key of that layer only', () => {
    const marker = createMarker(layered.profile, [acme, blue], { lanes: { cohort: 2 } })
    let own = 0
    for (let context = 0; context < vocabularySize; context++) {
      const tokens = raised(marker, [context])
      const byAcme = scored(layered.profile, { key: acme, lane: 0, context: [context] })
      const byBlue = scored(layered.profile, { key: blue, lane: 2, context: [context] })
      expect([byAcme, byBlue].filter((counted) => counted !== undefined)).toEqual([tokens])
      if (byAcme) own++
    }
    const { lo, hi } = binomialBand(vocabularySize, 49152 / 65536, 1e-6)
    expect(own).toBeGreaterThanOrEqual(lo)
    expect(own).toBeLessThanOrEqual(hi)
  })

  test('labels of one role stand in for each other: same contexts, other tokens', () => {
    const [withBlue, withRed] = [blue, red].map((key) => createMarker(layered.profile, [acme, key]))
    let other = 0
    for (let context = 0; context < vocabularySize; context++) {
      const owner = scored(layered.profile, { key: acme, lane: 0, context: [context] })
      const [a, b] = [raised(withBlue!, [context]), raised(withRed!, [context])]
      if (owner) expect(a).toEqual(b)
      else if (String(a) !== String(b)) other++
    }
    expect(other).toBeGreaterThan(0)
  })

  test('lanes are lists of their own, and an account is served by its lane only', () => {
    const lists = [0, 1, 2, 3].map((lane) => {
      const marker = createMarker(layered.profile, [acme, blue], { lanes: { cohort: lane } })
      return Array.from({ length: vocabularySize }, (_, context) => raised(marker, [context]))
    })
    expect(new Set(lists.map(String)).size).toBe(4)
    const first = createMarker(layered.profile, [acme, blue])
    expect(Array.from({ length: vocabularySize }, (_, context) => raised(first, [context]))).toEqual(lists[0])
  })

  test('the order of the keys does not matter', () => {
    const [one, other] = [
      createMarker(layered.profile, [acme, red]),
      createMarker(layered.profile, [red, acme]),
    ]
    for (let context = 0; context < vocabularySize; context++)
      expect(raised(one!, [context])).toEqual(raised(other!, [context]))
  })

  test('a marker keeps nothing between calls: requests may take turns', () => {
    const marker = createMarker(width2.profile, [width2.keys['acme']!])
    const alone = [raised(marker, [1, 2]), raised(marker, [3, 4])]
    raised(marker, [5, 6])
    expect([raised(marker, [1, 2]), raised(marker, [3, 4])]).toEqual(alone)
    expect(
      raised(
        marker,
        Array.from({ length: 500 }, (_, i) => (i < 498 ? i % 7 : i - 497)),
      ),
    ).toEqual(alone[0])
  })
})

describe('what is left alone', () => {
  const { profile, key } = profileWithKey('alone', { vocabularySize, contextWidth: 2 })
  const marker = createMarker(profile, [key])

  test.each([{ ids: [] }, { ids: [3] }])('an incomplete context: $ids.length ids of 2', ({ ids }) => {
    expect(raised(marker, ids)).toBeUndefined()
    expect(countable([{ ids: [...ids, 5], promptLength: ids.length }], profile).count).toBe(0)
  })

  test('a context with padding, in either place; padding before it does not matter', () => {
    const padded = createMarker(profile, [key], { padding: 0 })
    for (const ids of [
      [0, 1],
      [1, 0],
      [0, 0],
    ]) {
      expect(raised(padded, ids)).toBeUndefined()
      expect(raised(marker, ids)).toBeDefined()
      expect(countable([{ ids: [...ids, 5], promptLength: 2 }], profile, { padding: 0 }).count).toBe(0)
    }
    expect(raised(padded, [0, 0, 1, 2])).toEqual(raised(marker, [1, 2]))
  })

  test('columns beyond the vocabulary, in every kind of row', () => {
    const wide = vocabularySize + 5
    const rows = [new Float32Array(wide), new Float64Array(wide), new Array<number>(wide).fill(0)]
    for (const row of rows) {
      expect(marker.mark(row, [1, 2])).toBe(true)
      expect(Array.from(row).slice(vocabularySize)).toEqual([0, 0, 0, 0, 0])
      expect([...row.keys()].filter((token) => row[token]! > 0)).toEqual(raised(marker, [1, 2]))
    }
  })

  test('tokens that cannot come stay so', () => {
    const row = new Float32Array(vocabularySize).fill(Number.NEGATIVE_INFINITY)
    row[7] = 0
    marker.mark(row, [1, 2])
    expect(row.filter((value) => value > Number.NEGATIVE_INFINITY)).toHaveLength(1)
  })

  test('ids may come in typed arrays', () => {
    expect(raised(marker, Uint32Array.of(9, 1, 2))).toEqual(raised(marker, [1, 2]))
    expect(raised(marker, Int32Array.of(9, 1, 2))).toEqual(raised(marker, [1, 2]))
  })
})

describe('what is refused', () => {
  const { profile } = layered
  const other = profileWithKeys([{ role: 'provider', label: 'acme' }], { seed: 'other' })
  // The same master key and label, so the same bytes and key id: only the shares differ, or the order.
  const unrouted = profileWithKeys([{ role: 'provider', label: 'acme' }])
  const reordered = profileWithKeys([
    { role: 'cohort', label: 'blue', share: 16384, lanes: 4 },
    { role: 'provider', label: 'acme', share: 49152 },
  ])
  const forged = markKeyFromBytes(new Uint8Array(32), acme.format)

  test('keys of equal key id that mark other contexts exist', () => {
    expect(unrouted.keys['acme']!.keyId).toBe(acme.keyId)
    expect(reordered.keys['acme']!.keyId).toBe(acme.keyId)
  })

  test.each<[string, unknown, typeof TypeError, RegExp]>([
    ['a role without a key', [acme], RangeError, /"keys" expected one key for role cohort.*got 0/],
    ['no keys', [], RangeError, /"keys" expected one key for role provider.*got 0/],
    ['two keys for a role', [acme, blue, red], RangeError, /"keys" expected one key for role cohort.*got 2/],
    ['a key twice', [acme, acme, blue], RangeError, /"keys" expected one key for role provider.*got 2/],
    [
      'a key of another master',
      [other.keys['acme'], blue],
      RangeError,
      /key id [0-9a-f]{16}, which is not among its layers/,
    ],
    [
      'a key beyond those of the profile',
      [acme, blue, other.keys['acme']],
      RangeError,
      /which is not among its layers/,
    ],
    ['a key of no profile', [forged, blue], RangeError, /which is not among its layers/],
    [
      'a key for all contexts',
      [unrouted.keys['acme'], blue],
      RangeError,
      /route values 0\.\.49151 of role provider.*got one for 0\.\.65535.*other shares/,
    ],
    [
      'a key for other contexts',
      [reordered.keys['acme'], blue],
      RangeError,
      /route values 0\.\.49151.*got one for 16384\.\.65535/,
    ],
    ['something that is no key', [acme, {}], TypeError, /"key" expected/],
    ['a copy of a key', [{ ...acme }, blue], TypeError, /"key" expected/],
    ['no list', acme, TypeError, /"keys" expected an array of mark keys/],
    ['nothing', undefined, TypeError, /"keys" expected an array of mark keys/],
  ])('keys: %s', (_, keys, Kind, message) => {
    expectRefusal(() => createMarker(profile, keys as MarkKey[]), Kind, message)
  })

  test('no message shows a key', () => {
    const secret = new Uint8Array(32).fill(0xab)
    for (const keys of [[secret], ['ab'.repeat(32)], [markKeyFromBytes(secret, acme.format)], secret]) {
      const message = messageOf(() => createMarker(profile, keys as MarkKey[]))
      expect(message).not.toMatch(/abab|171/)
    }
  })

  test.each<[string, unknown, typeof TypeError, RegExp]>([
    [
      'a lane beyond the lanes',
      { lanes: { cohort: 4 } },
      RangeError,
      /"options.lanes.cohort" expected an integer in 0\.\.3, got 4/,
    ],
    [
      'a lane where there are none',
      { lanes: { provider: 1 } },
      RangeError,
      /"options.lanes.provider" expected an integer in 0\.\.0, got 1/,
    ],
    ['a negative lane', { lanes: { cohort: -1 } }, RangeError, /"options.lanes.cohort".*got -1/],
    ['half a lane', { lanes: { cohort: 0.5 } }, RangeError, /"options.lanes.cohort".*got 0.5/],
    [
      'a lane in words',
      { lanes: { cohort: '1' } },
      TypeError,
      /"options.lanes.cohort" expected an integer, got "1"/,
    ],
    [
      'a lane of a role that is not there',
      { lanes: { canary: 0 } },
      RangeError,
      /"options.lanes" expected only the keys provider, cohort/,
    ],
    ['lanes in a list', { lanes: [0, 1] }, TypeError, /"options.lanes" expected an object/],
    [
      'padding outside the vocabulary',
      { padding: vocabularySize },
      RangeError,
      /"options.padding" expected an integer in 0\.\.63, got 64/,
    ],
    ['padding in words', { padding: '<pad>' }, TypeError, /"options.padding" expected an integer/],
    ['padding as null', { padding: null }, TypeError, /"options.padding" expected an integer, got null/],
    ['a misspelt option', { lane: 1 }, RangeError, /"options" expected only the keys lanes, padding/],
    ['no object', 3, TypeError, /"options" expected an object, got 3/],
  ])('options: %s', (_, options, Kind, message) => {
    expectRefusal(() => createMarker(profile, [acme, blue], options as MarkerOptions), Kind, message)
  })

  test.each<[string, unknown, typeof TypeError, RegExp]>([
    ['nothing', undefined, TypeError, /"profile" expected an object/],
    [
      'a profile of another format',
      { ...profile, format: 'dyetrace/profile-0' },
      RangeError,
      /"profile.format"/,
    ],
    [
      'a profile with shares that do not sum',
      { ...profile, layers: profile.layers.slice(0, 1) },
      RangeError,
      /sum to 65536/,
    ],
  ])('profile: %s', (_, wrong, Kind, message) => {
    expectRefusal(() => createMarker(wrong as Profile, [acme, blue]), Kind, message)
  })

  const good = () => new Float32Array(vocabularySize)
  test.each<[string, unknown, unknown, typeof TypeError, RegExp]>([
    [
      'a row of half floats',
      new Uint16Array(vocabularySize),
      [1],
      TypeError,
      /"logits" expected a Float32Array.*got Uint16Array.*fp32/,
    ],
    [
      'a row of integers',
      new Int32Array(vocabularySize),
      [1],
      TypeError,
      /"logits" expected a Float32Array.*got Int32Array/,
    ],
    ['no row', undefined, [1], TypeError, /"logits" expected a Float32Array.*got undefined/],
    [
      'a row too short',
      new Float32Array(63),
      [1],
      RangeError,
      /"logits" expected at least 64 values.*got 63/,
    ],
    ['NaN', good().fill(Number.NaN, 3, 4), [1], RangeError, /"logits\[3\]".*got NaN/],
    ['Infinity', good().fill(Number.POSITIVE_INFINITY, 3, 4), [1], RangeError, /"logits\[3\]".*got Infinity/],
    [
      '-Infinity only',
      good().fill(Number.NEGATIVE_INFINITY),
      [1],
      RangeError,
      /"logits" expected a value above -Infinity/,
    ],
    ['an id outside the vocabulary', good(), [1, 64], RangeError, /token id in 0\.\.63, got 64/],
    ['a negative id', good(), [-1], RangeError, /token id in 0\.\.63, got -1/],
    ['half an id', good(), [0.5], RangeError, /token id in 0\.\.63, got 0.5/],
    [
      'bigint ids',
      good(),
      [1n],
      TypeError,
      /token id in 0\.\.63, got 1n; convert with Array.from\(ids, Number\)/,
    ],
    ['bigint ids in a typed array', good(), BigInt64Array.of(1n), TypeError, /got 1n; convert/],
    ['a text', good(), 'text', TypeError, /"ids" expected an array of token ids, got "text"/],
    ['no ids', good(), undefined, TypeError, /"ids" expected an array of token ids, got undefined/],
  ])('at a step: %s', (_, logits, ids, Kind, message) => {
    const marker = createMarker(profile, [acme, blue])
    const before = Array.from((logits ?? []) as Float32Array)
    expectRefusal(() => marker.mark(logits as Float32Array, ids as number[]), Kind, message)
    expect(Array.from((logits ?? []) as Float32Array)).toEqual(before)
  })

  test('ids that no context reaches are not walked at every step', () => {
    const ids = new Proxy([1, 2, 3], {
      get(target, at) {
        if (at === '0' || at === '1') throw new Error('read')
        return Reflect.get(target, at)
      },
    })
    expect(raised(createMarker(profile, [acme, blue]), ids)).toEqual(
      raised(createMarker(profile, [acme, blue]), [3]),
    )
  })
})

function logitsRow(length: number): fc.Arbitrary<Float32Array> {
  const value = fc.oneof(
    { weight: 9, arbitrary: fc.float({ min: -60, max: 60, noNaN: true }) },
    { weight: 1, arbitrary: fc.constant(Number.NEGATIVE_INFINITY) },
  )
  return fc
    .array(value, { minLength: length, maxLength: length })
    .filter((row) => row.some((x) => x > Number.NEGATIVE_INFINITY))
    .map((row) => Float32Array.from(row))
}

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return String(error)
  }
  throw new Error('expected a refusal, got none')
}

function expectRefusal(run: () => unknown, Kind: typeof TypeError, message: RegExp): void {
  expect(run).toThrow(Kind)
  expect(run).toThrow(message)
}
