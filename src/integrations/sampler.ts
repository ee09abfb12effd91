/**
 * A sampler for hosts whose own is slow: marks a row, applies the sampling rules and draws the token. A row of logits goes in, an id comes out. The 2.17 line of
 * transformers.js sorts a whole row of objects for every token, which takes longer than many a model's step.
 *
 * Rows of float32 are weighed by kernels where there are any (prf/kernels), with the same bits otherwise: the same numbers give the same tokens on every machine.
 */
import { assertOptions, describe } from '../assert.ts'
import { weigh } from '../exp32.ts'
import { assertSampleable, drawFromWeights, type LogitsRow } from '../logits.ts'
import { kernelsFor, weighByKernels } from '../prf/kernels/marking.ts'
import { applySampling, resolveSampling, type Sampling } from '../sampling.ts'
import type { TokenIds } from '../tokens.ts'
import { assertMarker, type Marker } from './marker.ts'

/** Options of {@link createSampler}. */
export interface SamplerOptions extends Sampling {
  /** Uniform numbers in [0, 1); one is taken a token. */
  readonly random: () => number
}

/**
 * Draws the next token from a row of logits, marked.
 * @param logits one row, as for `Marker.mark`; it is overwritten.
 * @param ids all ids so far, oldest first.
 */
export type Sampler = (logits: LogitsRow, ids: TokenIds) => number

/**
 * Makes a sampler.
 * @param marker from `createMarker`. Where it acts on the distribution, the sampling rules are its own option and none are taken here.
 * @throws TypeError or RangeError for sampling rules out of range, or in two places; at a row, as `Marker.mark`.
 * @example
 * import { createMarker, createProfile, createSampler, deriveMarkKeys, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const marker = createMarker(profile, deriveMarkKeys(master, profile))
 * const next = createSampler(marker, { random: Math.random, temperature: 0.8, topK: 2 })
 * console.log(next(new Float32Array([0, 0, -9]), [2, 1]) < 2) // true
 */
export function createSampler(marker: Marker, options: SamplerOptions): Sampler {
  assertMarker(marker)
  const draw = resolveDraw(options, { name: 'options' })
  const { random: _, ...rules } = options
  if (marker.actsOn === 'distribution' && Object.values(rules).some((rule) => rule !== undefined))
    throw new RangeError(
      '"options" expected no sampling rules, for this mark comes after them: they are the option `sampling` of createMarker, got some',
    )
  return (logits, ids) => {
    marker.mark(logits, ids)
    return drawToken(logits, draw)
  }
}

/** Sampling rules, filled in, and where uniform numbers come from. */
export type Draw = Required<Sampling> & Pick<SamplerOptions, 'random'>

/** Checks how tokens are drawn and fills in the rules. */
export function resolveDraw(options: SamplerOptions, { name }: { name: string }): Draw {
  assertOptions(options, { name, keys: ['random', 'temperature', 'topK', 'topP'] })
  const { random, ...rules } = options
  if (typeof random !== 'function')
    throw new TypeError(
      `"${name}.random" expected a function that returns numbers in [0, 1), got ${describe(random)}`,
    )
  return { random, ...resolveSampling(rules, { name }) }
}

/** Draws an id from the softmax of a row after sampling rules; the row is overwritten. */
export function drawToken(logits: LogitsRow, { random, ...sampling }: Draw): number {
  const largest = assertSampleable(logits, { name: 'logits' })
  applySampling(logits, sampling)
  // At another temperature the largest is 0 now.
  const top = sampling.temperature === 1 ? largest : 0
  const usable = kernelsFor(logits)
  const weights = usable ? weighByKernels(usable, top) : weigh(logits, top)
  let total = 0
  for (let id = 0; id < weights.length; id++) total += weights[id]!
  return drawFromWeights(weights, { total, random })
}
