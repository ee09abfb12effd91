/** Marks of every scheme that other engines write, for tests: the profile and a key by seed. */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '../../src/bytes.ts'
import { createEngineMark, type EngineMark } from '../../src/integrations/engine-config.ts'
import {
  type EngineProfile,
  type EngineProfileFields,
  type EngineSchemeId,
  engineProfileOf,
  integersOfKey,
} from '../../src/keys/engine-profile.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { sealSecret } from '../../src/keys/secret.ts'

const NOTHING = { param: 0, delta: 0, engine: {} }

/** One of each kind, two where a setting changes the rule. */
export const ENGINE_SCHEMES: Readonly<
  Record<string, Pick<EngineProfileFields, 'scheme' | 'contextWidth' | 'param' | 'delta' | 'engine'>>
> = {
  'vLLM gumbel': { ...NOTHING, scheme: 'vllm/philox4x32-10-v1/gumbel', contextWidth: 2 },
  'vLLM dual': { ...NOTHING, scheme: 'vllm/philox4x32-10-v1/dual', contextWidth: 2, engine: { alpha: 0.1 } },
  'SGLang gumbel': { ...NOTHING, scheme: 'sglang/murmur3-v1/gumbel', contextWidth: 2 },
  'SGLang dual': {
    ...NOTHING,
    scheme: 'sglang/murmur3-v1/dual',
    contextWidth: 2,
    engine: { probabilityA: 0.5 },
  },
  'HF lefthash': {
    scheme: 'hf/kgw-cpu',
    contextWidth: 1,
    param: 0,
    delta: 2,
    engine: { ratio: 0.25, seeding: 'lefthash' },
  },
  'HF selfhash': {
    scheme: 'hf/kgw-cpu',
    contextWidth: 3,
    param: 0,
    delta: 2,
    engine: { ratio: 0.25, seeding: 'selfhash' },
  },
  'HF SynthID': {
    scheme: 'hf/synthid-cpu',
    contextWidth: 4,
    param: 30,
    delta: 0,
    engine: { tableSize: 65536, tableSeed: 0 },
  },
  'Google SynthID': { scheme: 'google/synthid-lcg', contextWidth: 4, param: 30, delta: 0, engine: {} },
  TextSeal: { ...NOTHING, scheme: 'meta/textseal', contextWidth: 1, engine: { probabilityA: 0.5 } },
  'vLLM SBW, selfhash': {
    scheme: 'experimental/vllm-sbw',
    contextWidth: 3,
    param: 0,
    delta: 2,
    engine: { ratio: 0.5, seeding: 'selfhash' },
  },
  'vLLM SBW, lefthash': {
    scheme: 'experimental/vllm-sbw',
    contextWidth: 1,
    param: 0,
    delta: 2,
    engine: { ratio: 0.5, seeding: 'lefthash' },
  },
  'vLLM SynthID': { scheme: 'experimental/vllm-synthid', contextWidth: 4, param: 30, delta: 0, engine: {} },
}

/** The profile of a scheme. */
export function engineProfile(
  name: keyof typeof ENGINE_SCHEMES,
  { vocabularySize = 2048, ...changes }: Partial<EngineProfileFields> = {},
): EngineProfile {
  return engineProfileOf({
    tokenizer: `sha256:${'0'.repeat(64)}`,
    vocabularySize,
    label: 'test',
    created: '2026-11-25',
    ...ENGINE_SCHEMES[name]!,
    ...changes,
  })
}

/** A mark of a scheme under chosen integers. */
export function engineMark(
  name: keyof typeof ENGINE_SCHEMES,
  integers: readonly bigint[],
  changes: Partial<EngineProfileFields> = {},
): EngineMark {
  const { layers, format: _format, bits: _bits, ...fields } = engineProfile(name, changes)
  return createEngineMark({ ...fields, label: layers[0].label }, integers)
}

/**
 * Fresh key number i of a profile, all bits drawn: what the null law speaks of. (Keys that `engineKeyOf` would refuse are a part of that law, and
 * rarer than anything a test could see.)
 */
export function freshEngineKey(profile: EngineProfile, seed: string | number): MarkKey {
  const length = 8 * integersOfKey(profile)
  const bytes = hkdf(
    sha256,
    utf8ToBytes(`engine test key ${seed}`),
    new Uint8Array(0),
    new Uint8Array(0),
    length,
  )
  const { scheme, contextWidth, bits, param, tokenizer } = profile
  const [{ role, label, keyId }] = profile.layers
  const format = { scheme: scheme as EngineSchemeId, contextWidth, bits, lanes: 1, param, tokenizer }
  return sealSecret(
    { kind: 'mark-key' as const, keyId, role, label, format, range: { from: 0, to: 65536 } },
    { bytes },
  )
}
