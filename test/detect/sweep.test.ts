/**
 * Sweeping over accounts: the numbers of `identify`, without a verdict for everybody, on both paths; a marked text's account among thousands; and a family that is a size too
 * small, or a ranking by the wrong sums, fails the same check.
 */
import seedrandom from 'seedrandom'
import { afterEach, describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { identify } from '../../src/detect/identify.ts'
import { parseVerdict } from '../../src/detect/parse-verdict.ts'
import { type Sweep, type SweepOptions, sweep } from '../../src/detect/sweep.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import {
  createProfile,
  type LayerOptions,
  type Profile,
  type ProfileOptions,
} from '../../src/keys/profile.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import { type KernelChoice, useKernels } from '../../src/prf/kernels/kernels.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { ENGINE_SCHEMES, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { masterFromSeed } from '../support/keys.ts'
import { expectRefusal } from '../support/wrong-values.ts'

const vocabularySize = 64
const PATHS: readonly KernelChoice[] = ['javascript', 'wasm']

function markOf(
  layers: readonly LayerOptions[],
  scheme: object = { scheme: 'green-list', gamma: 0.5, delta: 3 },
): { profile: Profile; keys: readonly MarkKey[] } {
  const master = masterFromSeed('sweep')
  const common = {
    contextWidth: 2,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize,
    created: '2026-11-24',
  }
  const profile = createProfile(master, { ...common, layers, ...scheme } as ProfileOptions)
  return { profile, keys: deriveMarkKeys(master, profile) }
}

const cohorts = (count: number, lanes: number, share = 65536): LayerOptions[] =>
  Array.from({ length: count }, (_, i) => ({ role: 'cohort', label: `c${i}`, lanes, share }))

const FAMILIES = {
  '512 lanes': markOf(cohorts(2, 512)),
  '32 lanes': markOf(cohorts(5, 32)),
  'no lanes': markOf(cohorts(40, 1)),
  'gamma 1/4, 64 lanes': markOf(cohorts(3, 64), { scheme: 'green-list', gamma: 0.25, delta: 3 }),
  gumbel: markOf(cohorts(4, 16), { scheme: 'gumbel' }),
  tournament: markOf(cohorts(4, 8), { scheme: 'tournament' }),
  'layers of different shares and lanes': markOf([
    { role: 'provider', label: 'acme', share: 20000 },
    ...cohorts(3, 64, 40000),
    { role: 'canary', label: 'bird', share: 5536, lanes: 2 },
  ]),
} as const

const random = seedrandom('sweep')
const text = (length: number): number[] => Array.from({ length }, () => Math.floor(random() * vocabularySize))
const TEXTS = [text(7), text(300), text(1500)]

function markedText(
  profile: Profile,
  key: MarkKey,
  { lane, length }: { lane: number; length: number },
): number[] {
  const marker = createMarker(profile, [key], { lanes: { [key.role]: lane } })
  const ids = [1, 2]
  const draw = seedrandom('marked')
  while (ids.length < length) {
    const row = new Float64Array(vocabularySize)
    marker.mark(row, ids)
    ids.push(sampleFromLogits(row, { temperature: 1, random: draw }))
  }
  return ids
}

/** What `identify` says of the same tests, as far as a sweep tells it. */
function byIdentify(ids: readonly number[], profile: Profile, keys: readonly MarkKey[], best: number): Sweep {
  const { ranked, family } = identify(
    [{ ids }],
    keys.map((key) => ({ profile, key })),
  )
  const first = ranked.slice(0, best).map(({ candidate, label, verdict }) => ({ candidate, label, verdict }))
  return { best: first.find(({ verdict }) => verdict.decision === 'evidence'), ranked: first, family }
}

afterEach(() => useKernels('auto'))

describe.each(PATHS)('%s', (path) => {
  test.each(Object.entries(FAMILIES))('%s: the numbers of identify', (_, { profile, keys }) => {
    useKernels(path)
    for (const [t, ids] of TEXTS.entries()) {
      const best = [1, 3, 25][t]!
      expect(sweep(countable([{ ids }], profile), keys, { best })).toEqual(
        byIdentify(ids, profile, keys, best),
      )
    }
  })

  test('the account of a marked text is named, among 4,096', () => {
    useKernels(path)
    const { profile, keys } = markOf(cohorts(8, 512))
    const ids = markedText(profile, keys[5]!, { lane: 300, length: 400 })
    const { best, ranked, family } = sweep(countable([{ ids }], profile), keys)
    expect(best).toMatchObject({ candidate: 5, label: 'c5', verdict: { lane: 300, decision: 'evidence' } })
    expect(parseVerdict(JSON.parse(JSON.stringify(best!.verdict)))).toEqual(best!.verdict)
    expect(ranked).toHaveLength(10)
    expect(ranked.filter(({ verdict }) => verdict.decision === 'evidence')).toHaveLength(1)
    expect(family).toEqual({ size: 4096, method: 'holm' })
  })
})

test('keys may come one by one, in any order', () => {
  const { profile, keys } = FAMILIES['layers of different shares and lanes']
  const positions = countable([{ ids: TEXTS[1]! }], profile)
  function* oneByOne(): Generator<MarkKey> {
    for (const key of keys) {
      // Whoever makes keys may score in between.
      sweep(positions, [key])
      yield key
    }
  }
  expect(sweep(positions, oneByOne())).toEqual(sweep(positions, keys))
  const reversed = sweep(positions, [...keys].reverse())
  const sorted = (found: Sweep): number[] => found.ranked.map(({ verdict }) => verdict.lnP)
  expect(sorted(reversed)).toEqual(sorted(sweep(positions, keys)))
})

test.each(Object.keys(ENGINE_SCHEMES))('a mark of another engine: %s', (name) => {
  const engine = engineProfile(name)
  const profile = engine as unknown as Profile
  const key = freshEngineKey(engine, 1)
  const ids = TEXTS[1]!
  expect(sweep(countable([{ ids }], profile), [key])).toEqual(byIdentify(ids, profile, [key], 10))
})

test('the check fails for a smaller family and for sums of another lane', () => {
  const { profile, keys } = FAMILIES['32 lanes']
  const ids = TEXTS[1]!
  const found = sweep(countable([{ ids }], profile), keys)
  expect(sweep(countable([{ ids }], profile), keys.slice(1))).not.toEqual(found)
  const shifted = byIdentify(ids, profile, keys, 10).ranked.map((one) => ({
    ...one,
    verdict: { ...one.verdict, lane: (one.verdict.lane! + 1) % 32 },
  }))
  expect(found.ranked).not.toEqual(shifted)
})

describe('refuses', () => {
  const { profile, keys } = FAMILIES['no lanes']
  const positions = countable([{ ids: TEXTS[1]! }], profile)
  const swept = (given: unknown, options?: unknown) => () =>
    sweep(positions, given as MarkKey[], options as SweepOptions)

  test('what are no keys, no keys at all, a key twice, and one of another mark', () => {
    for (const wrong of [undefined, null, 3, {}, keys[0]]) expectRefusal(swept(wrong), 'keys')
    expectRefusal(swept([{ ...keys[0]! }]), 'key')
    expectRefusal(swept([]), 'keys')
    const twice = expectRefusal(swept([keys[0], keys[1], keys[0]]), 'keys[2]')
    expect(twice.message).toContain(`each key once, got key id ${keys[0]!.keyId} again`)
    expectRefusal(swept([FAMILIES.gumbel.keys[0]]), 'key')
  })

  test('options that are none', () => {
    for (const best of [0, 1.5, 10_001, '3']) expectRefusal(swept(keys, { best }), 'options.best')
    expectRefusal(swept(keys, { lanes: [1] }), 'options')
    expectRefusal(() => sweep({ ...positions }, keys), 'positions')
  })
})
