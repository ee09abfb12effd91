/** Configurations of engines in and out: 64-bit keys survive, keys are not shown, and what would be read wrongly is refused by name. */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  createEngineMark,
  deriveEngineMark,
  type Engine,
  exportEngineConfig,
  readEngineConfig,
} from '../../src/integrations/engine-config.ts'
import { engineKeyIntegers, engineKeyOf } from '../../src/keys/engine-key.ts'
import { ENGINE_SCHEME_IDS } from '../../src/keys/engine-profile.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { parseProfile } from '../../src/keys/profile.ts'
import { ENGINE_SCHEMES, engineMark, engineProfile } from '../support/engine-marks.ts'
import { formsShown, masterFromSeed } from '../support/keys.ts'
import { wrongValues } from '../support/wrong-values.ts'

const about = {
  tokenizer: `sha256:${'0'.repeat(64)}`,
  vocabularySize: 50257,
  label: 'acme',
  created: '2026-11-25',
} as const

const read = (text: string, engine: Engine) => readEngineConfig(text, { engine, ...about })

const KEYS30 = Array.from({ length: 30 }, (_, i) => 4611686018427387904n + BigInt(i * i))

const CONFIGS: readonly [Engine, string, string, readonly bigint[]][] = [
  ['vllm', '{"key": 18446744073709551615}', 'vllm/philox4x32-10-v1/gumbel', [2n ** 64n - 1n]],
  [
    'vllm',
    '{"algorithm":"dual_key_gumbel","key":9007199254740993,"alpha":0.2,"context_width":5,"prf":"philox","deduplicate_contexts":"all","deduplicate_contexts_max_history":null}',
    'vllm/philox4x32-10-v1/dual',
    [9007199254740993n],
  ],
  [
    'sglang',
    '{"key": "0123456789abcdef", "context_window": 2}',
    'sglang/murmur3-v1/gumbel',
    [0x0123456789abcdefn],
  ],
  [
    'sglang',
    '{"key": "0xFEDCBA9876543210", "key_b": "1", "mixing_probability": 0.3, "default_enabled": true}',
    'sglang/murmur3-v1/dual',
    [0xfedcba9876543210n, 1n],
  ],
  [
    'hf',
    '{"watermarking_config": {"hashing_key": 15485863, "bias": 2.5}, "temperature": 0.7}',
    'hf/kgw-cpu',
    [15485863n],
  ],
  ['hf', '{"seeding_scheme": "selfhash", "context_width": 4}', 'hf/kgw-cpu', [15485863n]],
  [
    'hf',
    `{"keys": [${KEYS30.join(',')}], "ngram_len": 5, "sampling_table_seed": 4294967301}`,
    'hf/synthid-cpu',
    KEYS30,
  ],
  [
    'google',
    '{"keys": [-1, 4611686018427387904], "ngram_len": 5}',
    'google/synthid-lcg',
    [2n ** 64n - 1n, 2n ** 62n],
  ],
  ['textseal', '{"secret_key": 42}', 'meta/textseal', [42n, 12387n]],
]

describe.each(CONFIGS)('%s: %s', (engine, text, scheme, integers) => {
  const mark = read(text, engine)

  test('reads as it stands', () => {
    expect(mark.profile.scheme).toBe(scheme)
    expect(engineKeyIntegers(mark.key)).toEqual(integers)
    expect(parseProfile(JSON.stringify(mark.profile))).toEqual(mark.profile)
  })

  test('what is written reads as the same mark', () => {
    const again = read(exportEngineConfig(mark), engine)
    expect(again.profile).toEqual(mark.profile)
    expect(engineKeyIntegers(again.key)).toEqual(integers)
  })
})

test('JSON.parse would have changed the key', () => {
  expect(JSON.parse('{"key": 9007199254740993}').key).toBe(9007199254740992)
  expect(engineKeyIntegers(read('{"key": 9007199254740993}', 'vllm').key)).toEqual([9007199254740993n])
})

describe('what is refused', () => {
  test.each<[Engine, string, RegExp]>([
    ['vllm', '{"key": 1, "algorithm": "sbw"}', /"config.algorithm" expected one of/],
    ['vllm', '{"key": 1, "context_widht": 2}', /"config" expected only the keys/],
    ['vllm', '{"key": 18446744073709551616}', /integers of 64 bits/],
    ['vllm', '{"key": 1.5}', /"config.key" expected an integer/],
    ['vllm', '{"key": 1e3}', /"config.key" expected an integer/],
    ['vllm', '{"key": "12"}', /"config.key" expected an integer/],
    ['vllm', '{}', /"config.key" expected an integer/],
    ['vllm', '{"key": 01}', /does not parse/],
    ['vllm', '{"key": 1, "key": 2}', /twice/],
    ['vllm', '[1]', /"config" expected an object/],
    ['vllm', '{"key": 1, "context_width": "4"}', /"config.context_width" expected a number/],
    ['vllm', '{"key": 1, "context_width": 0}', /contextWidth/],
    ['sglang', '{"key": "0123456789abcdef0"}', /1 to 16 hex digits/],
    ['sglang', '{"key": 12}', /1 to 16 hex digits/],
    ['sglang', '{"key": "1", "key_b": "01"}', /holds one integer twice/],
    ['hf', '{"hashing_key": 4294967296}', /a large power of two/],
    ['hf', '{"keys": [1, 65537]}', /the same place of the table/],
    ['hf', '{"keys": [1], "sampling_table_size": 1000}', /a power of two/],
    ['hf', '{"keys": 5}', /"config.keys" expected an array/],
    ['google', '{"keys": [3, 3]}', /one integer twice/],
  ])('%s: %s', (engine, text, message) => {
    expect(() => read(text, engine)).toThrow(message)
  })

  test.each(wrongValues({ except: ['string'] }))('as text: %s', (_, value) => {
    expect(() => read(value as string, 'vllm')).toThrow(TypeError)
  })

  test('an engine that nobody knows, and options that are not there', () => {
    expect(() => read('{"key": 1}', 'tensorrt' as Engine)).toThrow(/"options.engine" expected one of/)
    expect(() => readEngineConfig('{"key":1}', { engine: 'vllm', ...about, label: 'A B' })).toThrow(/label/)
  })

  test('profiles that say something else than their scheme', () => {
    const profile = engineProfile('vLLM gumbel')
    for (const [field, value] of [
      ['param', 1],
      ['bits', 8],
      ['delta', 1],
      ['engine', { alpha: 0.1 }],
      ['layers', []],
      ['scheme', 'gumbel'],
      ['vocabularySize', 1],
      ['other', 1],
    ] as const)
      expect(() => parseProfile({ ...profile, [field]: value }), field).toThrow(/"profile/)
    const [layer] = profile.layers
    expect(() => parseProfile({ ...profile, layers: [{ ...layer, keyId: '0'.repeat(16) }] })).toThrow(/keyId/)
  })

  test('keys of our own do not come from an engine profile', () => {
    expect(() => deriveMarkKeys(masterFromSeed(1), engineProfile('vLLM gumbel'))).toThrow(RangeError)
  })
})

describe('keys stay hidden', () => {
  const secret = 0xdeadbeefcafef00dn
  const bytes = Uint8Array.from(Buffer.from('0df0fecaefbeadde', 'hex'))
  const mark = read(`{"key": ${secret}}`, 'vllm')

  test('in what is printed', () => {
    for (const text of [
      inspect(mark, { depth: 9, showHidden: true }),
      JSON.stringify(mark),
      String(mark.key),
    ]) {
      expect(text).not.toContain(String(secret))
      expect(formsShown(text, bytes)).toEqual([])
    }
  })

  test('in errors, whichever member is wrong', () => {
    const wrong: [string, Engine][] = [
      [`{"key": ${secret}, "alpha": }`, 'vllm'],
      [`{"key": ${secret}.5}`, 'vllm'],
      [`{"key": "${secret}"}`, 'vllm'],
      [`{"key": ${secret}${secret}}`, 'vllm'],
      [`{"key": "${secret.toString(16)}0"}`, 'sglang'],
      [`{"key": "${secret.toString(16)}", "key_b": "${secret.toString(16)}"}`, 'sglang'],
      [`{"keys": [${secret}, ${secret}]}`, 'google'],
      [`{"keys": ${secret}}`, 'google'],
    ]
    for (const [text, engine] of wrong) {
      let message = ''
      try {
        read(text, engine)
      } catch (error) {
        message = inspect(error)
      }
      expect(message, text.slice(0, 8)).toContain('expected')
      expect(message).not.toContain(String(secret))
      expect(message).not.toContain(secret.toString(16))
    }
  })

  test('in the key id, which any digest of a short key would give away', () => {
    const [a, b] = [engineMark('HF lefthash', [15485863n]), engineMark('HF lefthash', [7n])]
    expect(a.key.keyId).toBe(b.key.keyId)
  })
})

describe('keys derived from a master key', () => {
  const master = masterFromSeed('engines')
  const fieldsOf = (name: string, label = 'acme') => {
    const { layers: _layers, format: _format, bits: _bits, ...fields } = engineProfile(name)
    return { ...fields, label }
  }

  test.each(Object.keys(ENGINE_SCHEMES))(
    '%s: the same again, another under another label or master',
    (name) => {
      const of = (label: string, owner = master) =>
        engineKeyIntegers(deriveEngineMark(owner, fieldsOf(name, label)).key)
      expect(of('acme')).toEqual(of('acme'))
      for (const other of [of('other'), of('acme', masterFromSeed(2))]) expect(other).not.toEqual(of('acme'))
    },
  )

  test('what is exported reads back as the derived key', () => {
    for (const [name, engine] of [
      ['vLLM gumbel', 'vllm'],
      ['SGLang dual', 'sglang'],
      ['HF lefthash', 'hf'],
      ['HF SynthID', 'hf'],
      ['Google SynthID', 'google'],
      ['TextSeal', 'textseal'],
    ] as const) {
      const mark = deriveEngineMark(master, fieldsOf(name))
      const again = readEngineConfig(exportEngineConfig(mark), { ...about, vocabularySize: 2048, engine })
      expect(again.profile).toEqual(mark.profile)
      expect(engineKeyIntegers(again.key)).toEqual(engineKeyIntegers(mark.key))
    }
  })

  test('the recipe of the documentation: these keys, for good', () => {
    const { key } = deriveEngineMark(master, fieldsOf('vLLM gumbel'))
    expect(engineKeyIntegers(key).map(String)).toMatchInlineSnapshot(`
      [
        "770404013008551265",
      ]
    `)
    expect(exportEngineConfig(deriveEngineMark(master, fieldsOf('HF lefthash')))).toMatchInlineSnapshot(
      `"{"greenlist_ratio": 0.25, "bias": 2, "hashing_key": 2400836005, "seeding_scheme": "lefthash", "context_width": 1}"`,
    )
  })

  test('experimental schemes have no configuration to write', () => {
    const mark = deriveEngineMark(master, fieldsOf('vLLM SBW, lefthash'))
    expect(() => exportEngineConfig(mark)).toThrow(/settled configuration/)
  })
})

test('every scheme has a mark in these tests', () => {
  expect(new Set(Object.values(ENGINE_SCHEMES).map(({ scheme }) => scheme))).toEqual(
    new Set(ENGINE_SCHEME_IDS),
  )
})

test('a key of the wrong number of integers is refused without being shown', () => {
  const profile = engineProfile('vLLM gumbel')
  expect(() => engineKeyOf(profile, [])).toThrow(/expected 1 integers/)
  const { layers, format: _format, bits: _bits, ...fields } = profile
  expect(() => createEngineMark({ ...fields, label: layers[0].label }, [123456789n, 2n])).toThrow(
    /expected 1/,
  )
})
