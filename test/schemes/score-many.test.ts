/**
 * Scoring in bulk gives what field and score give pair by pair, bit for bit, by kernels and by JavaScript: whatever the format, the number of pairs, the order in which they share
 * blocks, the keys and lanes. The checks fail on a version that is one lane off.
 */
import { test as property } from '@fast-check/vitest'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { type KernelChoice, kernels, useKernels } from '../../src/prf/kernels/kernels.ts'
import { engineSchemeOf } from '../../src/schemes/engines/from-engine-profile.ts'
import { createGreenList } from '../../src/schemes/green-list.ts'
import { createGumbel } from '../../src/schemes/gumbel.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { laneSums, scoreSums, scoresOf, weightedScoreSums } from '../../src/schemes/score-many.ts'
import { createTournament } from '../../src/schemes/tournament.ts'
import { ENGINE_SCHEMES, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { profileWithKey } from '../support/keys.ts'

const PATHS: readonly KernelChoice[] = ['javascript', 'wasm']
const keys: readonly MarkKey[] = [1, 2, 3].map((seed) => profileWithKey(seed).key)

/** A scheme of any format, with the lanes of its blocks. */
const formats = fc
  .record({
    kind: fc.constantFrom('half', 'green', 'gumbel', 'tournament' as const),
    contextWidth: fc.nat({ max: 4 }),
    lanesLog2: fc.nat({ max: 9 }),
    param: fc.integer({ min: 1, max: 255 }),
  })
  .map(({ kind, contextWidth, lanesLog2, param }) => {
    const bits = kind === 'half' ? 1 : kind === 'green' ? 8 : 32
    const lanes = 2 ** Math.min(lanesLog2, Math.log2(512 / bits))
    const common = { contextWidth, vocabularySize: 2 ** 24, lanes }
    return { lanes, contextWidth, scheme: schemeOf(kind, { ...common, param }) }
  })

function schemeOf(
  kind: 'half' | 'green' | 'gumbel' | 'tournament',
  common: { contextWidth: number; vocabularySize: number; lanes: number; param: number },
): Scheme {
  switch (kind) {
    case 'half':
      return createGreenList({ ...common, bits: 1, param: 1, delta: 1 })
    case 'green':
      return createGreenList({ ...common, bits: 8, delta: 1 })
    case 'gumbel':
      return createGumbel(common)
    case 'tournament':
      return createTournament({ ...common, param: 1 + (common.param % 30) })
  }
}

/** Few ids, so that neighbours share contexts and blocks, among large ones, whose bits all count. */
const id = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 2000 }), fc.nat({ max: 2 ** 24 - 1 }))
const cases = formats.chain(({ lanes, contextWidth, scheme }) =>
  fc
    .oneof(fc.nat({ max: 9 }), fc.nat({ max: 70 }), fc.constantFrom(15, 16, 17, 64, 1024, 1025, 1100))
    .chain((count) =>
      fc.record({
        scheme: fc.constant(scheme),
        lanes: fc.constant(lanes),
        lane: fc.nat({ max: lanes - 1 }),
        pairs: fc
          .array(id, { minLength: count * (contextWidth + 1), maxLength: count * (contextWidth + 1) })
          .map((words) => Uint32Array.from(words)),
      }),
    ),
)

/** The definition, pair by pair. */
function scoresByDefinition(
  pairs: Uint32Array,
  { scheme, key, lane }: { scheme: Scheme; key: MarkKey; lane: number },
): Float64Array {
  const stride = scheme.contextWidth + 1
  return Float64Array.from({ length: pairs.length / stride }, (_, i) => {
    const context = pairs.subarray(i * stride, (i + 1) * stride - 1)
    return scheme.score(scheme.field(key, context, pairs[(i + 1) * stride - 1]!, lane))
  })
}

const total = (scores: Float64Array): number => scores.reduce((sum, score) => sum + score, 0)

afterEach(() => useKernels('auto'))

describe.each(PATHS)('scoring many pairs, %s', (path) => {
  property.prop([cases], { numRuns: 150 })('the score of each pair', ({ scheme, lane, pairs }) => {
    useKernels(path)
    const [key] = keys as [MarkKey]
    expect(scoresOf(pairs, { scheme, lane, key })).toEqual(scoresByDefinition(pairs, { scheme, lane, key }))
  })

  property.prop([cases], { numRuns: 100 })('their sums under several keys', ({ scheme, lane, pairs }) => {
    useKernels(path)
    const sums = keys.map((key) => total(scoresByDefinition(pairs, { scheme, lane, key })))
    expect(Array.from(scoreSums(pairs, { scheme, lane, keys }))).toEqual(sums)
  })

  property.prop([cases], { numRuns: 40 })('the sums of all lanes', ({ scheme, lanes, pairs }) => {
    useKernels(path)
    const own = keys.slice(0, 2)
    const sums = own.flatMap((key) =>
      Array.from({ length: lanes }, (_, lane) => total(scoresByDefinition(pairs, { scheme, lane, key }))),
    )
    expect(Array.from(laneSums(pairs, { scheme, lanes, keys: own }))).toEqual(sums)
  })

  property.prop([cases, fc.infiniteStream(fc.double({ min: -4, max: 4, noNaN: true }))], { numRuns: 100 })(
    'sums with coefficients, in the order of the pairs',
    ({ scheme, lane, pairs }, stream) => {
      useKernels(path)
      const scores = keys.map((key) => scoresByDefinition(pairs, { scheme, lane, key }))
      const coefficients = Float64Array.from({ length: scores[0]!.length }, () => stream.next().value!)
      const sums = scores.map((own) => own.reduce((sum, score, i) => sum + coefficients[i]! * score, 0))
      const found = weightedScoreSums(pairs, { scheme, lane, keys, coefficients })
      expect(Array.from(found)).toEqual(sums)
    },
  )

  test('no pairs have the sum 0', () => {
    useKernels(path)
    const scheme = schemeOf('half', { contextWidth: 1, vocabularySize: 9, lanes: 512, param: 1 })
    const none = new Uint32Array(0)
    expect(Array.from(scoreSums(none, { scheme, lane: 0, keys }))).toEqual([0, 0, 0])
    expect(laneSums(none, { scheme, lanes: 512, keys })).toEqual(new Float64Array(3 * 512))
  })

  test('a lane too far is seen', () => {
    useKernels(path)
    const [key] = keys as [MarkKey]
    const pairs = Uint32Array.from({ length: 200 }, (_, i) => (7919 * i) % 5003)
    const scheme = schemeOf('half', { contextWidth: 1, vocabularySize: 5003, lanes: 32, param: 1 })
    const wrong: Scheme = { ...scheme, field: (k, c, t, lane) => scheme.field(k, c, t, (lane + 1) % 32) }
    const byWrong = scoresByDefinition(pairs, { scheme: wrong, key, lane: 3 })
    expect(scoresOf(pairs, { scheme, lane: 3, key })).not.toEqual(byWrong)
    const lanes = Array.from({ length: 32 }, (_, lane) =>
      total(scoresByDefinition(pairs, { scheme: wrong, key, lane })),
    )
    expect(Array.from(laneSums(pairs, { scheme, lanes: 32, keys: [key] }))).not.toEqual(lanes)
  })
})

/** Marks of other engines that kernels know, at any width; a missing id, 2^32 - 1, may stand anywhere in a context. */
const ofEngines = fc
  .record({
    name: fc.constantFrom('vLLM gumbel', 'vLLM SynthID', 'SGLang gumbel', 'SGLang dual'),
    contextWidth: fc.integer({ min: 1, max: 11 }),
    seed: fc.nat({ max: 1000 }),
    probabilityA: fc.constantFrom(0, 0.25, 0.5, 1),
    count: fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(465, 466, 1025)),
  })
  .chain(({ name, contextWidth, seed, probabilityA, count }) => {
    const changes = name === 'SGLang dual' ? { engine: { probabilityA } } : {}
    const profile = engineProfile(name, { contextWidth, ...changes })
    const word = fc.oneof(id, fc.constant(2 ** 32 - 1))
    const length = count * (contextWidth + 1)
    return fc.record({
      scheme: fc.constant(engineSchemeOf(profile)),
      key: fc.constant(freshEngineKey(profile, seed)),
      pairs: fc.array(word, { minLength: length, maxLength: length }).map((words) => Uint32Array.from(words)),
    })
  })

describe.each(PATHS)('marks of other engines, %s', (path) => {
  property.prop([ofEngines], { numRuns: 150 })('scores and their sum', ({ scheme, key, pairs }) => {
    useKernels(path)
    const scores = scoresByDefinition(pairs, { scheme, key, lane: 0 })
    expect(scoresOf(pairs, { scheme, lane: 0, key })).toEqual(scores)
    expect(Array.from(scoreSums(pairs, { scheme, lane: 0, keys: [key] }))).toEqual([total(scores)])
  })
})

test('every scheme whose fields kernels compute is tested here', () => {
  const known = Object.keys(ENGINE_SCHEMES).filter((name) => engineSchemeOf(engineProfile(name)).bulk)
  expect(known).toEqual(['vLLM gumbel', 'SGLang gumbel', 'SGLang dual', 'vLLM SynthID'])
})

describe('what stays in the memory of the kernels', () => {
  test('nothing of the key and of what was computed under it', () => {
    useKernels('wasm')
    const [key, other] = keys as [MarkKey, MarkKey]
    const pairs = Uint32Array.from({ length: 4000 }, (_, i) => (7919 * i) % 5003)
    const scheme = schemeOf('gumbel', { contextWidth: 1, vocabularySize: 5003, lanes: 16, param: 1 })
    const run = (own: MarkKey): Uint32Array => {
      const scores = scoresOf(pairs, { scheme, lane: 0, key: own })
      laneSums(pairs, { scheme, lanes: 16, keys: [own] })
      return Uint32Array.from(scores, (score) => score * 2 ** 20)
    }
    // Ids of earlier calls may stay, and one may be a score by chance: what counts is what these calls changed.
    run(other)
    const before = kernels()!.words.slice()
    const secret = new Set(run(key))
    for (let i = 0; i < 2000; i++) secret.add(scheme.field(key, [pairs[2 * i]!], pairs[2 * i + 1]!, 0))
    const left = kernels()!.words.filter((word, at) => word !== before[at] && secret.has(word))
    expect(left.length).toBe(0)
  })
})
