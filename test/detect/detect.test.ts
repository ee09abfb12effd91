/**
 * Detection end to end on ids: which keys it takes and refuses, layers, lanes and prompts, and that what was marked is found.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { type DetectOptions, detect } from '../../src/detect/detect.ts'
import { gatherEvidence } from '../../src/detect/evidence.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import { createProfile, type LayerOptions, type Profile } from '../../src/keys/profile.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { keysOf, masterFromSeed, profileWithKey } from '../support/keys.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const vocabularySize = 256
const { profile, key } = profileWithKey('detect', { vocabularySize })

/** Text of a model with changing tastes, its favourite token each time after marking: green wherever a green one is within delta. */
function markedText(
  profile: Profile,
  keys: readonly MarkKey[],
  {
    prompt,
    length,
    lanes = {},
  }: { prompt: readonly number[]; length: number; lanes?: Record<string, number> },
): number[] {
  const marker = createMarker(profile, keys, { lanes })
  const ids = [...prompt]
  const random = seedrandom('tastes')
  for (let i = 0; i < length; i++) {
    const row = Float32Array.from({ length: profile.vocabularySize }, random)
    marker.mark(row, ids)
    ids.push(row.indexOf(Math.max(...row)))
  }
  return ids
}

const prompt = [1, 2, 3, 4, 5, 6, 7]
const marked = markedText(profile, [key], { prompt, length: 200 })

describe('finds', () => {
  test('what was marked: every counted pair is green', () => {
    const positions = countable([{ ids: marked, promptLength: prompt.length }], profile)
    const verdict = detect(positions, key)
    expect(verdict).toMatchObject({
      method: 'detect',
      scheme: 'green-list',
      keyId: key.keyId,
      role: 'provider',
      lane: 0,
      seen: marked.length,
      counted: positions.count,
      sum: positions.count,
      law: { kind: 'bernoulli', p: 0.25 },
      decision: 'evidence',
    })
    expect(verdict.lnP).toBeCloseTo(positions.count * Math.log(0.25), 9)
    expect(Object.isFrozen(verdict)).toBe(true)
  })

  test('nothing under any of 200 other keys: the key of another owner is a fair question with an exact answer', () => {
    const positions = countable([{ ids: marked, promptLength: prompt.length }], profile)
    const keyOf = keysOf({})
    for (let seed = 0; seed < 200; seed++) {
      const { decision, counted, lnP } = detect(positions, keyOf(seed))
      expect(counted).toBe(positions.count)
      // 200 looks at 1e-6 each: a false alarm once in 5000 such tests, and the seeds are fixed.
      expect(decision).toBe('no-evidence')
      expect(lnP).toBeGreaterThan(Math.log(1e-6))
    }
    const other = profileWithKey('another owner', { vocabularySize })
    expect(detect(positions, other.key).keyId).toBe(other.key.keyId)
  })

  test('nothing where nothing counts', () => {
    const verdict = detect(countable([{ ids: [1] }], profile), key)
    expect(verdict).toMatchObject({ decision: 'insufficient', counted: 0, seen: 1, lnP: 0, lnE: 0, sum: 0 })
  })

  test('the mark in the answer, not in the prompt', () => {
    const answer = Array.from({ length: 150 }, (_, i) => (i * i * 7 + i) % 256)
    const ids = [...marked, ...answer]
    const all = detect(countable([{ ids }], profile), key)
    const answered = detect(countable([{ ids, promptLength: marked.length }], profile), key)
    expect(all.decision).toBe('evidence')
    expect(answered.decision).toBe('no-evidence')
  })
})

describe('the rule', () => {
  const positions = countable([{ ids: marked, promptLength: prompt.length }], profile)
  test('alpha and floor are the caller’s', () => {
    const { counted } = detect(positions, key)
    expect(detect(positions, key, { minimumCounted: counted }).decision).toBe('evidence')
    expect(detect(positions, key, { minimumCounted: counted + 1 }).decision).toBe('insufficient')
    const strict = detect(positions, key, { alpha: 1e-30 })
    expect(strict).toMatchObject({ alpha: 1e-30, decision: 'evidence' })
    expect(detect(positions, key, { alpha: 1e-300 }).decision).toBe('insufficient')
  })
})

describe('layers', () => {
  const layers: LayerOptions[] = [
    { role: 'provider', label: 'acme', share: 49152 },
    { role: 'cohort', label: 'blue', share: 16384, lanes: 4 },
    { role: 'cohort', label: 'red', share: 16384, lanes: 4 },
  ]
  const master = masterFromSeed('layers')
  const layered = createProfile(master, {
    scheme: 'green-list',
    contextWidth: 2,
    gamma: 0.5,
    delta: 20,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize,
    layers,
    created: '2026-11-24',
  })
  const [acme, blue, red] = deriveMarkKeys(master, layered) as [MarkKey, MarkKey, MarkKey]
  const ids = markedText(layered, [acme, blue], { prompt, length: 600, lanes: { cohort: 2 } })
  const positions = countable([{ ids, promptLength: prompt.length }], layered)

  test('each pair belongs to one role; each serving key finds its own all green, prompt contexts included', () => {
    const provider = detect(positions, acme)
    const cohort = detect(positions, blue, { lane: 2 })
    expect(provider.counted + cohort.counted).toBe(positions.count)
    expect([provider.sum, cohort.sum]).toEqual([provider.counted, cohort.counted])
    expect([provider.decision, cohort.decision]).toEqual(['evidence', 'evidence'])
    expect([provider.role, cohort.role, cohort.lane]).toEqual(['provider', 'cohort', 2])
    expect(cohort.counted).toBeGreaterThan(64)
  })

  test('another lane and another label of the role score the same pairs and find nothing', () => {
    const cohort = detect(positions, blue, { lane: 2 })
    for (const [other, lane] of [
      [blue, 0],
      [blue, 1],
      [blue, 3],
      [red, 2],
    ] as const) {
      const verdict = detect(positions, other, { lane })
      expect(verdict.counted).toBe(cohort.counted)
      expect(verdict.decision).toBe('no-evidence')
    }
  })

  test('which pairs are whose does not depend on the mark key', () => {
    const scheme = schemeOf(layered, { lanes: 4 })
    const counts = [blue, red].map((key) => gatherEvidence(positions.pairs, { scheme, key, lane: 0 }).n)
    expect(counts[0]).toBe(counts[1])
  })
})

describe('refuses', () => {
  const positions = countable([{ ids: [1, 2, 3] }], profile)

  test.each(wrongValues({ except: [] }))('positions: %s', (_, wrong) => {
    expectRefusal(() => detect(wrong as typeof positions, key), 'positions')
  })
  test.each(wrongValues({ except: [] }))('key: %s', (_, wrong) => {
    expectRefusal(() => detect(positions, wrong as MarkKey), 'key')
  })
  test('a copy of a key', () => {
    expectRefusal(() => detect(positions, { ...key }), 'key')
  })
  test.each([
    ['contextWidth', { contextWidth: 2 }],
    ['bits', { bits: 1, param: 1 }],
    ['param', { param: 63 }],
    ['tokenizer', { tokenizer: tokenizerDigest(['a', 'c']) }],
    ['scheme', { scheme: 'gumbel', bits: 32, param: 0 }],
  ] as const)('a key of another %s', (field, format) => {
    const { message } = expectRefusal(() => detect(positions, keysOf(format)(1)), 'key')
    expect(message).toContain(`made for ${field}`)
  })
  test.each(wrongValues({ except: ['undefined', 'record', 'object'] }))('options: %s', (_, options) => {
    expectRefusal(() => detect(positions, key, options as DetectOptions), 'options')
  })
  test.each(['alpha', 'minimumCounted', 'lane'] as const)('%s', (name) => {
    const except = name === 'alpha' ? (['number', 'integer'] as const) : (['integer'] as const)
    for (const [, wrong] of wrongValues({ except: [...except, 'undefined'] }))
      expectRefusal(() => detect(positions, key, { [name]: wrong }), name)
  })
  test.each([
    { lane: -1 },
    { lane: 1 },
    { lane: 0.5 },
    { alpha: 0 },
    { alpha: 1 },
    { alpha: 5 },
    { minimumCounted: 0 },
    { minimumCounted: 1.5 },
  ])('%j', (options) => {
    expectRefusal(() => detect(positions, key, options), Object.keys(options)[0]!)
  })
  test('a misspelt option', () => {
    expectRefusal(() => detect(positions, key, { level: 0.1 } as DetectOptions), 'options')
  })
})
