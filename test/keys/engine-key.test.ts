/** Keys of other engines: which are refused because they decide nothing, or because the engine would read them in another way. */
import { describe, expect, test } from 'vitest'
import {
  createEngineMark,
  exportEngineConfig,
  readEngineConfig,
} from '../../src/integrations/engine-config.ts'
import { engineKeyIntegers } from '../../src/keys/engine-key.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { createProfile, parseProfile } from '../../src/keys/profile.ts'
import { lefthashSeed, lowWord } from '../../src/prf/engines/kgw.ts'
import { ENGINE_SCHEMES, engineMark, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { masterFromSeed } from '../support/keys.ts'

const V = 50257

/** Different lists after the tokens of a vocabulary, counted by the recipe of the engine. */
function listsOf(key: bigint): number {
  const seeds = new Set<number>()
  for (let token = 1; token < V; token++) seeds.add(lowWord(lefthashSeed(key, [token])))
  return seeds.size
}

describe('lefthash keys under which tokens share their lists', () => {
  const weak: readonly [name: string, key: bigint][] = [
    ['0', 0n],
    ['2^64 - 1', 2n ** 64n - 1n],
    ['0x5555...', 0x5555555555555555n],
    ['0x3333...', 0x3333333333333333n],
    ['0x1111...', 0x1111111111111111n],
    ['0x0101...', 0x0101010101010101n],
    ['5 times 0x0101...', 5n * 0x0101010101010101n],
    ['2^32', 2n ** 32n],
    ['2^64 - 1 - 2^32', 2n ** 64n - 1n - 2n ** 32n],
    ['2^40 - 2^20', 2n ** 40n - 2n ** 20n],
  ]

  test.each(weak)('%s', (_, key) => {
    expect(listsOf(key)).toBeLessThan(V / 2)
    const make = () => engineMark('HF lefthash', [key], { vocabularySize: V })
    expect(make).toThrow(/"key" expected a key that decides its scores/)
    expect(make).toThrow(/not shown/)
  })

  test.each<[string, bigint]>([
    ['the published key', 15485863n],
    ['0x00010001..., whose 65,535 lists are enough', 0x0001000100010001n],
    ['a key of 64 bits', 0x9e3779b97f4a7c15n],
  ])('%s is taken', (_, key) => {
    expect(listsOf(key)).toBeGreaterThan(V - 10)
    expect(engineKeyIntegers(engineMark('HF lefthash', [key], { vocabularySize: V }).key)).toEqual([key])
  })

  test('a vocabulary that has more tokens than the key has lists is refused', () => {
    const make = (vocabularySize: number) =>
      engineMark('HF lefthash', [0x0001000100010001n], { vocabularySize })
    expect(() => make(65_535)).not.toThrow()
    expect(() => make(65_536)).toThrow(/share their lists/)
  })

  test('keys at random are taken', () => {
    const profile = engineProfile('HF lefthash', { vocabularySize: V })
    for (let i = 0; i < 40; i++) {
      const integers = engineKeyIntegers(freshEngineKey(profile, `random ${i}`))
      expect(() => engineMark('HF lefthash', integers, { vocabularySize: V })).not.toThrow()
    }
  })

  test('selfhash seeds are products of another kind: 0x5555... is taken', () => {
    expect(() => engineMark('HF selfhash', [0x5555555555555555n])).not.toThrow()
  })
})

describe('negative integers', () => {
  test.each(Object.keys(ENGINE_SCHEMES))('%s: read as the engine reads them, or refused', (name) => {
    const { scheme, param } = ENGINE_SCHEMES[name]!
    const integers = Array.from({ length: /synthid-(cpu|lcg)/.test(scheme) ? param : 1 }, (_, i) =>
      BigInt(-5 - i),
    )
    if (/dual|textseal/.test(scheme) && scheme !== 'vllm/philox4x32-10-v1/dual') integers.push(-77n)
    const make = () => engineMark(name, integers)
    // Integers of these are signed words of 64 bits in the engines themselves.
    if (/hf\/synthid|google|textseal/.test(scheme))
      expect(engineKeyIntegers(make().key)).toEqual(integers.map((value) => BigInt.asUintN(64, value)))
    else expect(make).toThrow(/"key" expected a key that the engine reads as it stands, got one below 0/)
  })

  test("a negative hashing key has other seeds than the one with the same bits: Python's modulo is of the sign", () => {
    const M = 2n ** 64n - 1n
    // As the engine: (key * token) % (2^64 - 1), never negative.
    const python = (((-5n * 464n) % M) + M) % M
    expect(lowWord(python)).not.toBe(lowWord(lefthashSeed(BigInt.asUintN(64, -5n), [464])))
    const about = {
      tokenizer: engineProfile('HF lefthash').tokenizer,
      vocabularySize: V,
      label: 'acme',
      created: '2026-11-25',
    }
    expect(() => readEngineConfig('{"hashing_key": -5}', { engine: 'hf', ...about })).toThrow(/below 0/)
    expect(() => readEngineConfig('{"key": -1}', { engine: 'vllm', ...about })).toThrow(/below 0/)
  })
})

describe('key ids say what is scored', () => {
  const idOf = (name: string, changes: Parameters<typeof engineProfile>[1] = {}) =>
    engineProfile(name, changes).layers[0].keyId

  test.each<[string, Parameters<typeof engineProfile>[1]]>([
    ['vLLM dual', { engine: { alpha: 0.3 } }],
    ['vLLM dual', { contextWidth: 3 }],
    ['vLLM gumbel', { label: 'other' }],
    ['vLLM gumbel', { tokenizer: `sha256:${'1'.repeat(64)}` }],
    ['SGLang dual', { engine: { probabilityA: 0.4 } }],
    ['HF lefthash', { engine: { ratio: 0.5, seeding: 'lefthash' } }],
    ['HF lefthash', { vocabularySize: 2049 }],
    ['HF SynthID', { param: 29 }],
    ['HF SynthID', { engine: { tableSize: 65536, tableSeed: 1 } }],
  ])('%s with %o has another', (name, changes) => {
    expect(idOf(name, changes)).not.toBe(idOf(name))
  })

  test('what scores do not depend on is not in it: strength, date, the key itself', () => {
    expect(idOf('HF lefthash', { delta: 3, created: '2020-01-01' })).toBe(idOf('HF lefthash'))
    expect(engineMark('HF lefthash', [7n]).key.keyId).toBe(engineMark('HF lefthash', [9n]).key.keyId)
  })

  test('for good: the id of the documentation', () => {
    expect(idOf('vLLM dual')).toMatchInlineSnapshot(`"4d2489e649fb3feb"`)
  })
})

describe('profiles as they come back from a file', () => {
  const text = JSON.stringify(engineProfile('vLLM dual'))

  test.each(['2026-02-30', '2025-02-29', '2026-04-31T23:59', '2026-06-31T10:00:00Z'])(
    'a day that is not there: %s',
    (created) => {
      expect(() => parseProfile({ ...JSON.parse(text), created })).toThrow(/"profile.created" expected/)
      expect(() => engineProfile('vLLM dual', { created })).toThrow(/"profile.created" expected/)
    },
  )

  test('a leap day is there', () => {
    expect(engineProfile('vLLM dual', { created: '2024-02-29' }).created).toBe('2024-02-29')
  })

  test.each([
    ['vLLM dual', 'alpha', { alpha: -0 }],
    ['SGLang dual', 'probabilityA', { probabilityA: -0 }],
    ['TextSeal', 'probabilityA', { probabilityA: -0 }],
    ['HF SynthID', 'tableSeed', { tableSize: 65536, tableSeed: -0 }],
  ] as const)('%s: -0 in %s comes back as 0', (name, setting, engine) => {
    const profile = parseProfile(engineProfile(name, { engine }))
    expect(Object.is(profile.engine?.[setting], 0)).toBe(true)
    expect(parseProfile(JSON.stringify(profile))).toEqual(profile)
  })

  test('a field of the layer that is inherited is not there', () => {
    const profile = JSON.parse(text) as { layers: [Record<string, unknown>] }
    for (const name of ['role', 'label', 'share', 'lanes', 'keyId', 'commitment']) {
      const { [name]: value, ...rest } = profile.layers[0]
      const layer = Object.assign(Object.create({ [name]: value }) as object, rest)
      expect(() => parseProfile({ ...profile, layers: [layer] }), name).toThrow(
        new RegExp(`"profile.layers\\[0\\].${name}" expected`),
      )
    }
  })
})

describe('a configuration is written of a key and its own profile', () => {
  const { profile, key } = engineMark('vLLM dual', [42n])

  test('a key of our own is not written into a file for vLLM', () => {
    const master = masterFromSeed('export')
    const own = createProfile(master, {
      scheme: 'gumbel',
      contextWidth: 2,
      tokenizer: profile.tokenizer,
      vocabularySize: 2048,
      layers: [{ role: 'provider', label: 'test' }],
      created: '2026-11-25',
    })
    const [foreign] = deriveMarkKeys(master, own)
    expect(() => exportEngineConfig({ profile, key: foreign! })).toThrow(
      /"key" expected a key made for scheme/,
    )
  })

  test("nor another label's, width's or weight's", () => {
    for (const changes of [{ label: 'other' }, { contextWidth: 3 }, { engine: { alpha: 0.2 } }]) {
      const other = engineMark('vLLM dual', [42n], changes)
      expect(() => exportEngineConfig({ profile, key: other.key }), JSON.stringify(changes)).toThrow(
        /expected/,
      )
    }
    expect(exportEngineConfig({ profile, key })).toContain('"key": 42')
  })
})

test('fields that are no record are refused by name', () => {
  for (const fields of [undefined, 5, [42n]] as never[])
    expect(() => createEngineMark(fields, [1n])).toThrow(/"fields" expected an object/)
})
