/**
 * Whatever is wrong with an engine's configuration or with what stands in the place of a key: no error shows the key, as digits, as hex or
 * as base64. Mutations put the key where it does not belong; what is passed in place of bigints is the likeliest mistake.
 */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { engineCandidates } from '../../src/integrations/engine-candidates.ts'
import { createEngineMark, type Engine, readEngineConfig } from '../../src/integrations/engine-config.ts'
import { engineKeyOf } from '../../src/keys/engine-key.ts'
import type { EngineProfileFields } from '../../src/keys/engine-profile.ts'
import { engineProfile } from '../support/engine-marks.ts'
import { formsShown } from '../support/keys.ts'

const about = {
  tokenizer: `sha256:${'0'.repeat(64)}`,
  vocabularySize: 50257,
  label: 'acme',
  created: '2026-11-25',
} as const
const { layers: _layers, format: _format, bits: _bits, ...plain } = engineProfile('vLLM gumbel')
const fields: EngineProfileFields = { ...plain, label: 'acme' }

// All eight bytes are drawn, the highest is not 0: no form of the key is short enough to stand in a message by chance.
const keys = fc.bigInt({ min: 2n ** 56n, max: 2n ** 63n - 1n })

function spellings(key: bigint): string[] {
  const hex = key.toString(16).padStart(16, '0')
  const bytes = Buffer.from(hex, 'hex')
  const low = Buffer.from(bytes).reverse()
  return [
    String(key),
    hex,
    hex.toUpperCase(),
    ...[bytes, low].flatMap((one) => [one.toString('base64'), one.toString('base64url')]),
    // A number loses the last digits, and shows the others.
    String(Number(key)).slice(0, 12),
  ]
}

/** The message and all else that printing the error shows; undefined where nothing is thrown. */
function shownBy(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    const { name, message } = error as Error
    expect(['TypeError', 'RangeError']).toContain(name)
    expect(message).toMatch(/expected/)
    // Not the stack's lines, whose numbers are those of this file.
    return inspect({ ...(error as object), message, cause: (error as Error).cause })
  }
}

function expectHidden(key: bigint, shown: string | undefined): void {
  if (shown === undefined) return
  const hex = key.toString(16).padStart(16, '0')
  for (const spelling of spellings(key)) expect(shown).not.toContain(spelling)
  expect(formsShown(shown, Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual([])
}

/** The key as it may be written by mistake. */
function written(key: bigint): fc.Arbitrary<unknown> {
  const hex = key.toString(16)
  const raw = (text: string) => ({ raw: text })
  return fc.constantFrom<unknown>(
    raw(String(key)),
    raw(`${key}.5`),
    raw(`-${key}`),
    raw(`${key}e2`),
    raw(`${key}${key}`),
    ...[String(key), hex, `0x${hex}`, hex + hex, `${key}n`],
    Buffer.from(hex.padStart(16, '0'), 'hex').toString('base64'),
    [raw(String(key))],
    [hex],
    { key: hex },
    { digits: hex },
    { digits: String(key) },
  )
}

function jsonOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if ('raw' in value) return String(value.raw)
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member)}`)
  return `{${members.join(',')}}`
}

const MEMBERS: Readonly<Record<Engine, readonly string[]>> = {
  vllm: ['key', 'algorithm', 'alpha', 'context_width', 'prf'],
  sglang: ['key', 'key_b', 'context_window', 'mixing_probability'],
  hf: [
    ...['hashing_key', 'greenlist_ratio', 'bias', 'seeding_scheme', 'context_width', 'watermarking_config'],
    ...['keys', 'ngram_len', 'sampling_table_size', 'sampling_table_seed'],
  ],
  google: ['keys', 'ngram_len'],
  textseal: ['secret_key', 'secret_key_b', 'ngram', 'mixing_alpha', 'scoring'],
}
const ENGINES = Object.keys(MEMBERS) as Engine[]

const configurations = keys.chain((key) =>
  fc.constantFrom(...ENGINES).chain((engine) => {
    const hex = key.toString(16)
    const members = fc.constantFrom(...MEMBERS[engine], hex, String(key), '__proto__', 'digits')
    const text = fc
      .array(fc.tuple(members, written(key)), { maxLength: 4 })
      .map(
        (pairs) => `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${jsonOf(value)}`).join(',')}}`,
      )
    const mangled = fc.oneof(
      text,
      written(key).map(jsonOf),
      fc.tuple(text, fc.nat({ max: 60 })).map(([whole, cut]) => whole.slice(0, -cut || undefined)),
      text.map((whole) => whole.replace(/"/g, "'")),
    )
    return fc.record({ key: fc.constant(key), engine: fc.constant(engine), text: mangled })
  }),
)

describe('no error shows the key', () => {
  test('of configurations, whatever is wrong with them', () => {
    let refused = 0
    fc.assert(
      fc.property(configurations, ({ key, engine, text }) => {
        const shown = shownBy(() => readEngineConfig(text, { engine, ...about }))
        if (shown !== undefined) refused++
        expectHidden(key, shown)
      }),
      { seed: 11, numRuns: 4000 },
    )
    expect(refused).toBeGreaterThan(2000)
  })

  test('of what is passed in place of a list of bigints', () => {
    fc.assert(
      fc.property(keys, (key) => {
        const hex = key.toString(16)
        const bytes = Uint8Array.from(Buffer.from(hex.padStart(16, '0'), 'hex'))
        const wrong: unknown[] = [key, String(key), hex, Number(key), bytes, { key }, undefined]
        const lists: unknown[] = [
          ...[[Number(key)], [hex], [String(key)], [bytes], [[key]], [`${key}n`]],
          [key, hex],
          new Array(1),
          BigUint64Array.of(key),
        ]
        for (const integers of [...wrong, ...lists] as (readonly bigint[])[]) {
          for (const run of [
            () => createEngineMark(fields, integers),
            () => engineKeyOf(engineProfile('vLLM gumbel'), integers),
            () => engineCandidates(integers, { ...plain, ...candidateOptions }),
            () => engineCandidates(integers, candidateOptions),
          ]) {
            const shown = shownBy(run)
            expect(shown).toBeDefined()
            expectHidden(key, shown)
          }
        }
      }),
      { seed: 12, numRuns: 50 },
    )
  })

  test('a list of decimal strings is not read as a key, and the message says what was expected', () => {
    for (const integers of [['123456789'], [4242424242], ['0123456789abcdef']] as never[])
      expect(() => createEngineMark(fields, integers)).toThrow(/"key" expected an array of bigints/)
    expect(() => engineCandidates(18446744073709551615n as never, candidateOptions)).toThrow(
      '"integers" expected an array of bigints, got a bigint',
    )
  })
})

const candidateOptions = {
  tokenizer: about.tokenizer,
  vocabularySize: about.vocabularySize,
  created: about.created,
}

test('the member is named, and what was expected there', () => {
  const read = (text: string) => readEngineConfig(text, { engine: 'vllm', ...about })
  expect(() => read('{"key": 5, "algorithm": "0123456789abcdef"}')).toThrow(
    /"config.algorithm" expected one of "gumbel", "dual_key_gumbel", got something else/,
  )
  expect(() => read('{"key": 5, "0123456789abcdef": 1}')).toThrow(/"config" expected only the keys/)
  expect(() => read('{"key": 5, "context_width": 1234567890123}')).toThrow(
    /"profile.contextWidth" expected an integer in 1..64, got something else/,
  )
})
