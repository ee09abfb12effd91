/**
 * Marked ids and a key, but no configuration: which of the schemes that are read here would it be? A list of marks for `identify`, which corrects for
 * trying all of them. An engine whose hash is not known (docs/engines.md) shows by none of them fitting.
 */
import { assertInteger, assertOptions } from '../assert.ts'
import { assertBigints } from '../keys/engine-key.ts'
import type { EngineProfileFields } from '../keys/engine-profile.ts'
import { createEngineMark, type EngineMark, type EngineMarkOptions } from './engine-config.ts'

/** What the marks have in common. */
export type EngineCandidatesOptions = Omit<EngineMarkOptions, 'label'> & {
  /** Context widths to try where a scheme has any. @defaultValue [1, 2, 4] */
  readonly widths?: readonly number[]
}

type Shape = Pick<EngineProfileFields, 'scheme' | 'contextWidth' | 'param' | 'delta' | 'engine'>

const PLAIN = { param: 0, delta: 0, engine: {} }

/**
 * Marks of all schemes that a key of so many integers could belong to, with the engines' default settings. A single integer also stands for
 * the two keys that TextSeal makes of it. Marks that the key is too weak for are left out.
 * @param integers 64-bit integers as in the engine's configuration: one, two, or one a layer of SynthID.
 * @returns candidates for `identify`: key ids and labels say which is which (`candidate-0`, ...); their profiles name the schemes.
 * @example
 * import { engineCandidates, identify, tokenizerDigest } from 'dyetrace'
 * const candidates = engineCandidates([42n], {
 *   tokenizer: tokenizerDigest(['a', 'b', 'c', 'd']), vocabularySize: 4, created: '2026-11-25',
 * })
 * const { best } = identify([{ ids: [0, 1, 2, 0, 1] }], candidates)
 * best?.profile.scheme // undefined: five tokens are too few to say
 */
export function engineCandidates(
  integers: readonly bigint[],
  options: EngineCandidatesOptions,
): readonly EngineMark[] {
  assertBigints(integers, { name: 'integers' })
  assertOptions(options, { name: 'options', keys: ['tokenizer', 'vocabularySize', 'created', 'widths'] })
  const { widths = [1, 2, 4], ...about } = options
  for (const [i, width] of widths.entries())
    assertInteger(width, { name: `options.widths[${i}]`, min: 1, max: 10 })
  const marks: EngineMark[] = []
  for (const [shape, key] of shapesOf(integers, widths)) {
    const mark = markOf({ ...about, ...shape, label: `candidate-${marks.length}` }, key)
    if (mark) marks.push(mark)
  }
  return Object.freeze(marks)
}

/** Undefined where the key would not decide the scores of this scheme, or the engine takes no such key. */
function markOf(fields: EngineProfileFields, integers: readonly bigint[]): EngineMark | undefined {
  try {
    return createEngineMark(fields, integers)
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith('"key" expected a key that '))
      return undefined
    throw error
  }
}

function shapesOf(
  integers: readonly bigint[],
  widths: readonly number[],
): readonly (readonly [shape: Shape, key: readonly bigint[]])[] {
  const each = (shapes: (width: number) => readonly Shape[]): readonly Shape[] => widths.flatMap(shapes)
  const [first = 0n] = integers
  const param = integers.length
  const synthId = each((contextWidth) => [
    {
      scheme: 'hf/synthid-cpu',
      contextWidth,
      param,
      delta: 0,
      engine: { tableSize: 65536, tableSeed: 0 },
    },
    { scheme: 'google/synthid-lcg', contextWidth, param, delta: 0, engine: {} },
  ])
  const textSeal = each((contextWidth) => [
    { ...PLAIN, scheme: 'meta/textseal', contextWidth, engine: { probabilityA: 0.5 } },
  ])
  const withKey = (shapes: readonly Shape[], key: readonly bigint[]) =>
    shapes.map((shape) => [shape, key] as const)
  if (integers.length === 1)
    return [
      ...withKey(each(ofOneKey), integers),
      ...withKey(greenLists(), integers),
      ...withKey(textSeal, [first, first + 12345n]),
    ]
  const two = each((contextWidth) => [
    { ...PLAIN, scheme: 'sglang/murmur3-v1/dual', contextWidth, engine: { probabilityA: 0.5 } },
  ])
  return [
    ...(integers.length === 2 ? withKey([...two, ...textSeal], integers) : []),
    ...withKey(synthId, integers),
  ]
}

function ofOneKey(contextWidth: number): readonly Shape[] {
  return [
    { ...PLAIN, scheme: 'vllm/philox4x32-10-v1/gumbel', contextWidth },
    { ...PLAIN, scheme: 'vllm/philox4x32-10-v1/dual', contextWidth, engine: { alpha: 0.1 } },
    { ...PLAIN, scheme: 'sglang/murmur3-v1/gumbel', contextWidth },
    { scheme: 'experimental/vllm-synthid', contextWidth, param: 32, delta: 0, engine: {} },
  ]
}

function greenLists(): readonly Shape[] {
  const list = (scheme: Shape['scheme'], contextWidth: number, engine: Shape['engine']): Shape => ({
    scheme,
    contextWidth,
    param: 0,
    delta: 2,
    engine,
  })
  return [
    list('hf/kgw-cpu', 1, { ratio: 0.25, seeding: 'lefthash' }),
    list('hf/kgw-cpu', 3, { ratio: 0.25, seeding: 'selfhash' }),
    list('experimental/vllm-sbw', 1, { ratio: 0.5, seeding: 'lefthash' }),
    list('experimental/vllm-sbw', 3, { ratio: 0.5, seeding: 'selfhash' }),
  ]
}
