/**
 * Marking in transformers.js: one logits processor for @xenova/transformers 2.17 (called once a sequence with number[] ids and
 * one row, changes it in place) and for @huggingface/transformers 3 and 4 (called once a batch with bigint[][] ids and a
 * (batch, vocabulary) tensor, must return it). Neither package is imported: the function only touches `dims` and `data`.
 *
 * Both run processors of the caller after all of their own, so penalties, bans and classifier-free guidance have had their say
 * before the mark. They differ in temperature: 2.17 divides by it after us, 3 and 4 before us. A profile's delta counts before
 * temperature, so for 3 and 4 the row is taken back to temperature 1 while it is marked.
 *
 * Marks that act on the distribution (gumbel, tournament) get the sampling rules from the marker's options instead, and the host must
 * draw without rules of its own. That makes top-p work too, which neither package has.
 *
 * Refused, because they would silently weaken or break the mark: beam search (beams are compared by marked scores), rows
 * that are not float32, and for marks on the distribution every sampling rule of the host, top-k's default of 50 included.
 */
import { assertNumber, assertOptions, describe } from '../assert.ts'
import { assertMarker, type Marker } from './marker.ts'
import { type Draw, drawToken, resolveDraw, type SamplerOptions } from './sampler.ts'

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
  readonly temperature?: number | null
  readonly [option: string]: unknown
}

/** Options of {@link createLogitsProcessor}. */
export interface LogitsProcessorOptions {
  /**
   * Draw the token here, from the marked softmax, and force the host to take it: all other logits become -Infinity. For runs
   * that must be repeatable (both packages draw with Math.random), and for 2.17, whose own sampler sorts the whole row (`createSampler` is what draws here).
   * The host must then run with `do_sample: false`, and its temperature, top-k and top-p have no effect. The rules here are for marks
   * on logits; those on the distribution take theirs from the marker.
   * @defaultValue the host draws
   */
  readonly draw?: SamplerOptions
}

/** A processor that either package takes in its list of logits processors. */
export interface MarkingLogitsProcessor {
  <T extends LogitsTensor>(inputIds: readonly number[] | readonly (readonly bigint[])[], logits: T): T
  /** The function itself, under the name that the types of 3 and 4 ask of a processor. */
  _call<T extends LogitsTensor>(inputIds: readonly number[] | readonly (readonly bigint[])[], logits: T): T
}

/**
 * Makes the logits processor that marks while the model generates. It must be the last of the caller's processors: what a later
 * one does to the row is not marked.
 *
 * The packages drop a processor without a word where they do not look for it, and then nothing is marked. 2.17 takes the list as
 * third argument of `generate`, and its `pipeline` takes none; 3 and 4 take `logits_processor` beside the options, not within
 * `generation_config`.
 *
 * These weaken the mark, or leave less to mark, and break nothing: `do_sample: false`, which is the default of both (text then
 * repeats itself, and each pair counts once); `top_k` (50 unless set to 0); forced or banned tokens; temperatures above 1. In a
 * batch, 3 and 4 go on drawing for a row after its end-of-text until all rows have ended, so pass `endOfText` to `countable`.
 * For gumbel and tournament the config must say `do_sample: true` and `top_k: 0`, temperature and top-p left at 1: what the host would
 * have done is asked for in `createMarker(profile, keys, { sampling: { temperature, topK, topP } })`.
 * @param generationConfig the same object that goes to `generate`, so that what would break the mark is refused before a token
 * is drawn. If the model's own `generation_config` sets beams, temperature or sampling, pass `{ ...model.generation_config, ...yours }`.
 * @throws RangeError for beam search, contrastive search or, where the mark acts on the distribution, sampling rules of the host; at
 * generation time TypeError for half-precision logits.
 * @example
 * // model and ids come from `AutoModelForCausalLM` and `AutoTokenizer`, marker from createMarker(profile, keys)
 * // const config = { max_new_tokens: 64, do_sample: true, top_k: 0 }
 * // await model.generate(ids, config, [createLogitsProcessor(marker, config)])                 // @xenova/transformers 2.17
 * // const logits_processor = new LogitsProcessorList()                                         // @huggingface/transformers 3, 4
 * // logits_processor.push(createLogitsProcessor(marker, config))
 * // await model.generate({ inputs: ids, ...config, logits_processor })
 */
export function createLogitsProcessor(
  marker: Marker,
  generationConfig: MarkedGenerationConfig,
  options: LogitsProcessorOptions = {},
): MarkingLogitsProcessor {
  assertMarker(marker)
  assertOptions(generationConfig, { name: 'generationConfig' })
  assertOptions(options, { name: 'options', keys: ['draw'] })
  const draw = options.draw === undefined ? undefined : resolveDraw(options.draw, { name: 'options.draw' })
  assertOneSequence(generationConfig, { forced: draw !== undefined })
  if (marker.actsOn === 'distribution') assertPlainSampling(generationConfig, draw)
  const hostTemperature = temperatureOf(generationConfig)
  const markRows = <T extends LogitsTensor>(
    inputIds: readonly number[] | readonly (readonly bigint[])[],
    logits: T,
  ): T => {
    const { rows, width, data } = rowsOf(logits)
    const { sequences, batched } = sequencesOf(inputIds)
    if (sequences.length !== rows)
      throw new RangeError(
        `logits processor expected a row a sequence, got ${rows} rows of logits and ${sequences.length} sequences`,
      )
    for (let r = 0; r < rows; r++) {
      const row = data.subarray(r * width, (r + 1) * width)
      markAtOne(marker, row, { ids: sequences[r]!, temperature: batched ? hostTemperature : 1 })
      if (draw === undefined) continue
      const token = drawToken(row, draw)
      row.fill(Number.NEGATIVE_INFINITY)
      row[token] = 0
    }
    return logits
  }
  return Object.assign(markRows, { _call: markRows })
}

/** Marks a row that was divided by a temperature as if it had not been yet. Where nothing is marked, nothing is rounded. */
function markAtOne(
  marker: Marker,
  row: Float32Array,
  { ids, temperature }: { ids: readonly number[]; temperature: number },
): void {
  if (temperature === 1) {
    marker.mark(row, ids)
    return
  }
  const undivided = row.map((value) => value * temperature)
  if (marker.mark(undivided, ids)) row.set(undivided.map((value) => value / temperature))
}

// 3 and 4 divide where they sample; a temperature of 0 makes them greedy.
function temperatureOf({ do_sample, temperature }: MarkedGenerationConfig): number {
  const value = temperature ?? 1
  assertNumber(value, {
    name: 'generationConfig.temperature',
    expected: 'a number of at least 0',
    holds: (t) => t >= 0,
  })
  return do_sample === true && value > 0 ? value : 1
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

/** The marker has applied its sampling rules already, and what it left unmarked must be sampled, not taken greedily. */
function assertPlainSampling(config: MarkedGenerationConfig, draw: Draw | undefined): void {
  const rule = 'this mark comes after temperature, top-k and top-p, which are options of createMarker'
  if (draw === undefined && config.do_sample !== true)
    throw new RangeError(
      `"generationConfig.do_sample" expected true, or options.draw, for a mark on the distribution, got ${describe(config.do_sample)}`,
    )
  // The packages' own default of top_k is 50, so it must be given.
  const wanted = [
    ['generationConfig.temperature', config.temperature ?? 1, 1],
    ['generationConfig.top_p', config['top_p'] ?? 1, 1],
    ['generationConfig.top_k', draw ? 0 : config['top_k'], 0],
    ['options.draw.temperature', draw?.temperature ?? 1, 1],
    ['options.draw.topK', draw?.topK ?? 0, 0],
    ['options.draw.topP', draw?.topP ?? 1, 1],
  ] as const
  for (const [name, value, expected] of wanted) {
    if (value !== expected)
      throw new RangeError(`"${name}" expected ${expected}, got ${describe(value)}: ${rule}`)
  }
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

function sequencesOf(inputIds: unknown): { sequences: readonly (readonly number[])[]; batched: boolean } {
  if (!Array.isArray(inputIds))
    throw new TypeError(`"inputIds" expected number[] or bigint[][], got ${describe(inputIds)}`)
  if (!inputIds.some(Array.isArray)) return { sequences: [inputIds as number[]], batched: false }
  const other = inputIds.findIndex((ids) => !Array.isArray(ids))
  if (other >= 0)
    throw new TypeError(
      `"inputIds[${other}]" expected bigint[] as beside it, got ${describe(inputIds[other])}`,
    )
  return { sequences: inputIds.map((ids: readonly bigint[]) => ids.map(Number)), batched: true }
}
