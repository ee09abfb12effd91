/** Schemes of other engines for the command line: whose configuration they are, and the engines' own default settings. */
import type { Engine } from '../integrations/engine-config.ts'
import type { EngineSchemeId, EngineSettings } from '../keys/engine-profile.ts'
import { InputError } from './exit.ts'

interface Shape {
  readonly engine: Engine
  readonly contextWidth: number
  readonly param: number
  readonly delta: number
  readonly settings: EngineSettings
}

const plain = (engine: Engine, contextWidth: number, settings: EngineSettings = {}): Shape => ({
  engine,
  contextWidth,
  param: 0,
  delta: 0,
  settings,
})

/** Schemes whose configuration is settled, as their engines set them up. SynthID has 30 layers, as published. */
export const ENGINE_SHAPES: Readonly<Partial<Record<EngineSchemeId, Shape>>> = Object.freeze({
  'vllm/philox4x32-10-v1/gumbel': plain('vllm', 4),
  'vllm/philox4x32-10-v1/dual': plain('vllm', 4, { alpha: 0.1 }),
  'sglang/murmur3-v1/gumbel': plain('sglang', 4),
  'sglang/murmur3-v1/dual': plain('sglang', 4, { probabilityA: 0.5 }),
  'hf/kgw-cpu': { ...plain('hf', 1, { ratio: 0.25, seeding: 'lefthash' }), delta: 2 },
  'hf/synthid-cpu': { ...plain('hf', 4, { tableSize: 65536, tableSeed: 0 }), param: 30 },
  'google/synthid-lcg': { ...plain('google', 4), param: 30 },
  'meta/textseal': plain('textseal', 1, { probabilityA: 0.5 }),
})

/** The engine whose configuration a scheme has. */
export function engineOf(scheme: string): Engine {
  return shapeOf(scheme).engine
}

/** Default settings of a scheme. */
export function shapeOf(scheme: string): Shape {
  const shape = (ENGINE_SHAPES as Readonly<Record<string, Shape>>)[scheme]
  if (!shape)
    throw new InputError(
      `option --scheme: expected one of ${Object.keys(ENGINE_SHAPES).join(', ')}, got ${JSON.stringify(scheme.slice(0, 60))}`,
    )
  return shape
}
