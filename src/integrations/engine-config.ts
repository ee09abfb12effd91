/**
 * Configurations of engines that mark by themselves, in and out: vLLM (`--watermark-config`), SGLang (`--watermark-config`), Hugging Face
 * transformers (`watermarking_config`), SynthID's reference and TextSeal. In: text to a profile and a key, which everything takes that takes a
 * profile and a key of our own. Out: the text for the engine, of a key that was read or derived from a master key.
 *
 * Keys there are JSON numbers of up to 64 bits, which JSON.parse rounds beyond 2^53. Here numbers are read digit by digit. Unknown members
 * are refused: one that changes the mark and is overlooked would read as "no evidence".
 */
import { assertNumber, assertOneOf, assertOptions, assertRecord, assertString } from '../assert.ts'
import type { Digest } from '../digest.ts'
import { parseJson } from '../json.ts'
import { deriveEngineKey, engineKeyIntegers, engineKeyOf } from '../keys/engine-key.ts'
import {
  type EngineProfile,
  type EngineProfileFields,
  type EngineSchemeId,
  engineProfileOf,
  parseEngineProfile,
} from '../keys/engine-profile.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { MasterKey } from '../keys/master.ts'
import { withoutContent } from '../keys/without-content.ts'

/** An engine's mark: what `countable`, `detect`, `identify` and the test of models take as profile and key. */
export interface EngineMark {
  readonly profile: EngineProfile
  readonly key: MarkKey
}

const ENGINES = ['vllm', 'sglang', 'hf', 'google', 'textseal'] as const
/** Whose configuration a text is. */
export type Engine = (typeof ENGINES)[number]

/** What an engine's configuration does not say. */
export interface EngineMarkOptions {
  /** From `tokenizerDigest`, of the model's tokenizer. */
  readonly tokenizer: Digest
  /** Number of ids. For Hugging Face's green lists the model's `vocab_size`, which the lists depend on, not the tokenizer's. */
  readonly vocabularySize: number
  /** Whose mark it is: 1..64 characters of `a-z 0-9 . _ -`. Key ids are made of it, so each key gets a label of its own. */
  readonly label: string
  /** ISO 8601 time or date. */
  readonly created: string
}

const OPTION_KEYS = ['tokenizer', 'vocabularySize', 'label', 'created'] as const

/**
 * Reads an engine's configuration.
 * @param text JSON as the engine takes it. For "hf" a generation configuration with `watermarking_config`, or that object by itself.
 * @returns profile, safe to publish, and key, which shows nothing of itself.
 * @throws TypeError or RangeError that names the member and shows nothing of the text, which has a key somewhere.
 * @example
 * import { countable, detect, readEngineConfig, tokenizerDigest } from 'dyetrace'
 * const { profile, key } = readEngineConfig('{"key": 18446744073709551615, "context_width": 2}', {
 *   engine: 'vllm', tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3, label: 'acme', created: '2026-11-25',
 * })
 * detect(countable([{ ids: [0, 1, 2, 1], promptLength: 1 }], profile), key).decision // 'insufficient'
 */
export function readEngineConfig(
  text: string,
  options: EngineMarkOptions & { readonly engine: Engine },
): EngineMark {
  if (typeof text !== 'string') throw new TypeError('"config" expected JSON text, got no string')
  assertOptions(options, { name: 'options', keys: [...OPTION_KEYS, 'engine'] })
  const { engine, ...about } = options
  assertOneOf(engine, { name: 'options.engine', values: ENGINES })
  const config = parseExact(text)
  // A key may stand anywhere in the text: under a wrong name, as a name, as a number of another kind.
  const { profile, integers } = withoutContent(
    () => {
      assertRecord(config, { name: 'config' })
      const { integers, ...fields } = READERS[engine](config)
      return { integers, profile: engineProfileOf({ ...fields, ...about }) }
    },
    { name: 'configuration' },
  )
  return Object.freeze({ profile, key: engineKeyOf(profile, integers) })
}

/** A mark without a configuration text: for schemes whose engine has no stable one. The fields are those of an engine profile. */
export function createEngineMark(fields: EngineProfileFields, integers: readonly bigint[]): EngineMark {
  const profile = engineProfileOf(fields)
  return Object.freeze({ profile, key: engineKeyOf(profile, integers) })
}

/**
 * Derives an engine's key from a master key, so that one secret governs all engines: `exportEngineConfig` then writes what the engine is
 * given. The same master key and fields give the same key.
 */
export function deriveEngineMark(master: MasterKey, fields: EngineProfileFields): EngineMark {
  const profile = engineProfileOf(fields)
  return Object.freeze({ profile, key: deriveEngineKey(master, profile) })
}

/**
 * The configuration text for the engine. It holds the key in the clear: write it where only the engine reads it.
 * @throws RangeError for a key of another profile, and for experimental schemes, whose configuration is not settled.
 */
export function exportEngineConfig({ profile, key }: EngineMark): string {
  const checked = parseEngineProfile(profile)
  const integers = engineKeyIntegers(key)
  assertKeyFits(key, checked)
  if (key.keyId !== checked.layers[0].keyId)
    throw new RangeError(
      `"mark.key" expected the key of the profile, ${checked.layers[0].keyId}, got one with key id ${key.keyId}`,
    )
  const members = WRITERS[checked.scheme]?.(checked, integers)
  if (!members)
    throw new RangeError(
      `"profile.scheme" expected a scheme with a settled configuration, got ${checked.scheme}`,
    )
  return `{${Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}: ${rawJson(value)}`)
    .join(', ')}}`
}

function rawJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(rawJson).join(', ')}]`
  return JSON.stringify(value)
}

type Members = Record<string, unknown>
type Read = Omit<EngineProfileFields, keyof EngineMarkOptions> & { readonly integers: readonly bigint[] }

const READERS: Readonly<Record<Engine, (config: Members) => Read>> = {
  vllm(config) {
    known(config, [
      'key',
      'algorithm',
      'alpha',
      'context_width',
      'deduplicate_contexts',
      'deduplicate_contexts_max_history',
      'prf',
      'allow_target_only_watermarking',
    ])
    const algorithm = word(config, 'algorithm', ['gumbel', 'dual_key_gumbel'])
    word(config, 'prf', ['philox'])
    const own = { contextWidth: number(config, 'context_width', 4), param: 0, delta: 0 }
    const integers = [integer(config, 'key')]
    return algorithm === 'gumbel'
      ? { ...own, scheme: 'vllm/philox4x32-10-v1/gumbel', engine: {}, integers }
      : {
          ...own,
          scheme: 'vllm/philox4x32-10-v1/dual',
          engine: { alpha: number(config, 'alpha', 0.1) },
          integers,
        }
  },
  sglang(config) {
    known(config, [
      'key',
      'key_b',
      'context_window',
      'mixing_probability',
      'max_probability',
      'default_enabled',
      'enforce_all',
    ])
    const own = { contextWidth: number(config, 'context_window', 4), param: 0, delta: 0 }
    const a = hexadecimal(config, 'key')
    if (config['key_b'] === undefined || config['key_b'] === null)
      return { ...own, scheme: 'sglang/murmur3-v1/gumbel', engine: {}, integers: [a] }
    return {
      ...own,
      scheme: 'sglang/murmur3-v1/dual',
      engine: { probabilityA: number(config, 'mixing_probability', 0.5) },
      integers: [a, hexadecimal(config, 'key_b')],
    }
  },
  hf(config) {
    const nested = config['watermarking_config']
    if (nested !== undefined) assertRecord(nested, { name: 'config.watermarking_config' })
    const own = nested ?? config
    return own['keys'] === undefined ? readGreenList(own) : readSynthId(own)
  },
  google(config) {
    known(config, ['keys', 'ngram_len', 'context_history_size', 'temperature', 'top_k', 'device'])
    const integers = listOfIntegers(config, 'keys')
    return {
      scheme: 'google/synthid-lcg',
      contextWidth: number(config, 'ngram_len', 5) - 1,
      param: integers.length,
      delta: 0,
      engine: {},
      integers,
    }
  },
  textseal(config) {
    known(config, ['secret_key', 'secret_key_b', 'ngram', 'mixing_alpha', 'scoring'])
    const a = integer(config, 'secret_key')
    return {
      scheme: 'meta/textseal',
      contextWidth: number(config, 'ngram', 1),
      param: 0,
      delta: 0,
      engine: { probabilityA: number(config, 'mixing_alpha', 0.5) },
      integers: [a, config['secret_key_b'] === undefined ? a + 12345n : integer(config, 'secret_key_b')],
    }
  },
}

function readGreenList(config: Members): Read {
  known(config, ['greenlist_ratio', 'bias', 'hashing_key', 'seeding_scheme', 'context_width'])
  const seeding = word(config, 'seeding_scheme', ['lefthash', 'selfhash'])
  const width = number(config, 'context_width', 1)
  return {
    scheme: 'hf/kgw-cpu',
    // lefthash reads one token whatever the width says; a window of selfhash counts the candidate.
    contextWidth: seeding === 'lefthash' ? 1 : width - 1,
    param: 0,
    delta: number(config, 'bias', 2),
    engine: { ratio: number(config, 'greenlist_ratio', 0.25), seeding },
    integers: [config['hashing_key'] === undefined ? 15485863n : integer(config, 'hashing_key')],
  }
}

function readSynthId(config: Members): Read {
  known(config, [
    'keys',
    'ngram_len',
    'context_history_size',
    'sampling_table_seed',
    'sampling_table_size',
    'skip_first_ngram_calls',
    'debug_mode',
  ])
  const integers = listOfIntegers(config, 'keys')
  const seed = config['sampling_table_seed'] === undefined ? 0n : integer(config, 'sampling_table_seed')
  return {
    scheme: 'hf/synthid-cpu',
    contextWidth: number(config, 'ngram_len', 5) - 1,
    param: integers.length,
    delta: 0,
    engine: {
      tableSize: number(config, 'sampling_table_size', 65536),
      // The generator takes the low 32 bits.
      tableSeed: Number(BigInt.asUintN(32, seed)),
    },
    integers,
  }
}

const WRITERS: Readonly<
  Partial<Record<EngineSchemeId, (profile: EngineProfile, integers: readonly bigint[]) => Members>>
> = {
  'vllm/philox4x32-10-v1/gumbel': ({ contextWidth }, [key]) => ({
    algorithm: 'gumbel',
    key,
    context_width: contextWidth,
    prf: 'philox',
  }),
  'vllm/philox4x32-10-v1/dual': ({ contextWidth, engine }, [key]) => ({
    algorithm: 'dual_key_gumbel',
    key,
    alpha: engine.alpha,
    context_width: contextWidth,
    prf: 'philox',
  }),
  'sglang/murmur3-v1/gumbel': ({ contextWidth }, [key]) => ({
    key: hexOf(key),
    context_window: contextWidth,
  }),
  'sglang/murmur3-v1/dual': ({ contextWidth, engine }, [a, b]) => ({
    key: hexOf(a),
    key_b: hexOf(b),
    context_window: contextWidth,
    mixing_probability: engine.probabilityA,
  }),
  'hf/kgw-cpu': ({ contextWidth, delta, engine }, [key]) => ({
    greenlist_ratio: engine.ratio,
    bias: delta,
    hashing_key: key,
    seeding_scheme: engine.seeding,
    context_width: engine.seeding === 'lefthash' ? 1 : contextWidth + 1,
  }),
  'hf/synthid-cpu': ({ contextWidth, engine }, integers) => ({
    ngram_len: contextWidth + 1,
    keys: integers.map((value) => BigInt.asIntN(64, value)),
    sampling_table_size: engine.tableSize,
    sampling_table_seed: engine.tableSeed,
  }),
  'google/synthid-lcg': ({ contextWidth }, integers) => ({
    ngram_len: contextWidth + 1,
    keys: integers.map((value) => BigInt.asIntN(64, value)),
  }),
  'meta/textseal': ({ contextWidth, engine }, [a, b]) => ({
    secret_key: BigInt.asIntN(64, a ?? 0n),
    secret_key_b: BigInt.asIntN(64, b ?? 0n),
    ngram: contextWidth,
    mixing_alpha: engine.probabilityA,
  }),
}

function hexOf(value: bigint | undefined): string {
  return (value ?? 0n).toString(16).padStart(16, '0')
}

/** A number as it stands in the text. */
interface Digits {
  readonly digits: string
}

/** JSON with numbers as their digits. What is no JSON before is none after: a number is put in place of a number. */
function parseExact(text: string): unknown {
  const quoted = text.replace(
    /("(?:[^"\\]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/g,
    (_, string, digits) => string ?? `{"digits":"${digits}"}`,
  )
  return parseJson(quoted, { start: '"config"', expected: 'JSON of an engine' })
}

function isDigits(value: unknown): value is Digits {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Digits>).digits === 'string'
}

function known(config: Members, keys: readonly string[]): void {
  assertRecord(config, { name: 'config', keys })
}

function integer(config: Members, name: string): bigint {
  return integerOf(config[name], `config.${name}`)
}

function integerOf(value: unknown, name: string): bigint {
  if (isDigits(value) && /^-?\d+$/.test(value.digits)) return BigInt(value.digits)
  throw new TypeError(`"${name}" expected an integer, got another`)
}

function listOfIntegers(config: Members, name: string): readonly bigint[] {
  const list = config[name]
  if (!Array.isArray(list)) throw new TypeError(`"config.${name}" expected an array of integers, got another`)
  return list.map((value, i) => integerOf(value, `config.${name}[${i}]`))
}

function hexadecimal(config: Members, name: string): bigint {
  const value = config[name]
  if (typeof value !== 'string' || !/^(?:0[xX])?[0-9a-fA-F]{1,16}$/.test(value))
    throw new TypeError(`"config.${name}" expected 1 to 16 hex digits, got another`)
  return BigInt(`0x${value.replace(/^0[xX]/, '')}`)
}

function number(config: Members, name: string, otherwise: number): number {
  const value = config[name]
  if (value === undefined) return otherwise
  const read: unknown = isDigits(value) ? Number(value.digits) : undefined
  assertNumber(read, { name: `config.${name}`, expected: 'a number', holds: () => true })
  return read
}

/** One of some words; the first where nothing is said. */
function word<const T extends string>(config: Members, name: string, values: readonly [T, ...T[]]): T {
  const value = config[name] === undefined ? values[0] : config[name]
  assertString(value, { name: `config.${name}` })
  assertOneOf(value, { name: `config.${name}`, values })
  return value
}
