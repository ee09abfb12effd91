/**
 * Marking in transformers.js: one logits processor for @xenova/transformers 2.17 (called once a sequence with number[] ids and
 * one row, changes it in place) and for @huggingface/transformers 3 and 4 (called once a batch with bigint[][] ids and a
 * (batch, vocabulary) tensor, must return it). Neither package is imported: the function only touches `dims` and `data`.
 *
 * Refused, because they would silently weaken or break the mark: beam search (beams are compared by marked scores), and rows
 * that are not float32.
 */
import { assertNumber, assertOptions, describe } from '../assert.ts'
import { type LogitsRow, sampleFromLogits } from '../logits.ts'
import type { Marker } from './marker.ts'

/** What both packages call a tensor, as far as we use it. */
export interface LogitsTensor {
  readonly dims: readonly number[]
  readonly data: unknown
}

/** The fields of a generation config that decide whether the mark holds. Others are not looked at. */
export interface MarkedGenerationConfig {
  readonly num_beams?: number | null
  readonly num_beam_groups?: number | null
  readonly penalty_alpha?: number | null
  readonly do_sample?: boolean
  readonly [option: string]: unknown
}

/** Options of {@link createLogitsProcessor}. */
export interface LogitsProcessorOptions {
  /**
   * Draw the token here, from the marked softmax, and force the host to take it: all other logits become -Infinity. For runs
   * that must be repeatable (both packages draw with Math.random), and for 2.17, whose own sampler sorts the whole row.
   * The host must then run with `do_sample: false`, and its temperature, top-k and top-p have no effect.
   * @defaultValue the host draws
   */
  readonly draw?: {
    /** Uniform numbers in [0, 1). */
    readonly random: () => number
    /** @defaultValue 1 */
    readonly temperature?: number
  }
}

/** A processor that either package takes in its list of logits processors. */
export type MarkingLogitsProcessor = <T extends LogitsTensor>(
  inputIds: readonly number[] | readonly (readonly bigint[])[],
  logits: T,
) => T

/**
 * Makes the logits processor that marks while the model generates.
 * @param generationConfig the same object that goes to `generate`, so that what would break the mark is refused before a token
 * is drawn. If the model's own `generation_config` sets beams, pass `{ ...model.generation_config, ...yours }`.
 * @throws RangeError for beam search or contrastive search; at generation time TypeError for half-precision logits.
 * @example
 * // model and ids come from `AutoModelForCausalLM` and `AutoTokenizer`, marker from createMarker(profile, keys)
 * // const config = { max_new_tokens: 64, do_sample: true, temperature: 1 }
 * // await model.generate(ids, config, [createLogitsProcessor(marker, config)])                 // @xenova/transformers 2.17
 * // const logits_processor = [createLogitsProcessor(marker, config)]
 * // await model.generate({ inputs: ids, ...config, logits_processor })                         // @huggingface/transformers 3, 4
 */
export function createLogitsProcessor(
  marker: Marker,
  generationConfig: MarkedGenerationConfig,
  options: LogitsProcessorOptions = {},
): MarkingLogitsProcessor {
  assertOptions(marker, { name: 'marker' })
  if (typeof marker.mark !== 'function')
    throw new TypeError('"marker" expected a marker from createMarker, got another object')
  assertOptions(generationConfig, { name: 'generationConfig' })
  assertOptions(options, { name: 'options', keys: ['draw'] })
  const draw = resolveDraw(options.draw)
  assertOneSequence(generationConfig, { forced: draw !== undefined })
  const apply = (row: LogitsRow, ids: readonly number[]): void => {
    marker.mark(row, ids)
    if (draw === undefined) return
    const token = sampleFromLogits(row, draw)
    row.fill(Number.NEGATIVE_INFINITY)
    row[token] = 0
  }
  return (inputIds, logits) => {
    const { rows, width, data } = rowsOf(logits)
    const sequences = sequencesOf(inputIds)
    if (sequences.length !== rows)
      throw new RangeError(
        `logits processor expected a row a sequence, got ${rows} rows of logits and ${sequences.length} sequences`,
      )
    for (let r = 0; r < rows; r++) apply(data.subarray(r * width, (r + 1) * width), sequences[r]!)
    return logits
  }
}

function resolveDraw(
  draw: LogitsProcessorOptions['draw'],
): { random: () => number; temperature: number } | undefined {
  if (draw === undefined) return undefined
  assertOptions(draw, { name: 'options.draw', keys: ['random', 'temperature'] })
  if (typeof draw.random !== 'function')
    throw new TypeError(
      `"options.draw.random" expected a function that returns numbers in [0, 1), got ${describe(draw.random)}`,
    )
  const temperature = draw.temperature ?? 1
  assertNumber(temperature, {
    name: 'options.draw.temperature',
    expected: 'a number above 0',
    holds: (t) => t > 0,
  })
  return { random: draw.random, temperature }
}

function assertOneSequence(config: MarkedGenerationConfig, { forced }: { forced: boolean }): void {
  for (const option of ['num_beams', 'num_beam_groups'] as const) {
    const value = config[option] ?? 1
    if (value !== 1)
      throw new RangeError(
        `"generationConfig.${option}" expected 1, got ${describe(value)}: beam search compares sequences by marked scores and would break the mark; sample instead (do_sample: true)`,
      )
  }
  if ((config.penalty_alpha ?? 0) !== 0)
    throw new RangeError(
      `"generationConfig.penalty_alpha" expected 0, got ${describe(config.penalty_alpha)}: contrastive search would break the mark`,
    )
  if (forced && config.do_sample === true)
    throw new RangeError(
      '"generationConfig.do_sample" expected false when options.draw draws the token here, got true',
    )
}

function rowsOf(logits: LogitsTensor): { rows: number; width: number; data: Float32Array } {
  if (typeof logits !== 'object' || logits === null || !Array.isArray(logits.dims))
    throw new TypeError(`"logits" expected a tensor with dims and data, got ${describe(logits)}`)
  const { dims, data } = logits
  if (!(data instanceof Float32Array))
    throw new TypeError(
      `"logits.data" expected a Float32Array, got ${describe(data)}: load the model so that its logits are float32 (dtype "fp32", or a quantisation with float32 outputs)`,
    )
  const width = dims.at(-1) ?? 0
  const rows = dims.length === 1 ? 1 : (dims[0] ?? 0)
  if (dims.length > 2 || rows * width !== data.length)
    throw new RangeError(
      `"logits" expected shape (vocabulary) or (batch, vocabulary), got (${dims.join(', ')})`,
    )
  return { rows, width, data }
}

function sequencesOf(inputIds: unknown): readonly (readonly number[])[] {
  if (!Array.isArray(inputIds))
    throw new TypeError(`"inputIds" expected number[] or bigint[][], got ${describe(inputIds)}`)
  if (Array.isArray(inputIds[0])) return inputIds.map((ids: readonly bigint[]) => ids.map(Number))
  return [inputIds as number[]]
}
