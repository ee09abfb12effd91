/**
 * A suspect whose weights we have, run through transformers.js (2.17 of @xenova/transformers, 3 and 4 of
 * @huggingface/transformers). The package is not imported: the caller loads the model and hands over it and the package's
 * Tensor. Prompts of equal length run as one batch with a key-value cache, so nothing is padded.
 */
import { assertInteger, assertOptions, assertString } from '../assert.ts'
import { sampleFromLogits } from '../logits.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import type { CompletionOptions, Suspect } from './suspect.ts'

/** A tensor of either package, as far as we use it. */
interface ModelTensor {
  readonly dims: readonly number[]
  readonly data: unknown
}

/** Constructor of the package's tensors. */
export type TensorConstructor = new (
  type: 'int64' | 'float32',
  data: BigInt64Array | Float32Array,
  dims: number[],
) => ModelTensor

/** A causal language model of either package, as far as we use it. */
export interface CausalModel {
  forward(inputs: Record<string, unknown>): Promise<{ logits: ModelTensor; past_key_values?: unknown }>
  /** Set by 2.17 only, which does not make the empty cache of a batch itself. */
  readonly num_heads?: number
  readonly num_layers?: number
  readonly dim_kv?: number
}

/** Options of {@link localSuspect}. */
export interface LocalSuspectOptions {
  readonly name: string
  readonly vocabularySize: number
  readonly Tensor: TensorConstructor
  /** A completion ends after this id. @defaultValue none: completions run to `maxTokens` */
  readonly endOfText?: number
  /** Sequences in one batch. @defaultValue 64 */
  readonly batchSize?: number
}

/** Completions of a model that we run may have their logits changed before each draw: there a provider marks its own text. */
export interface LocalCompletionOptions extends CompletionOptions {
  /** Changes the logits of the next token in place. `ids` are all ids so far, prompt included. */
  readonly processLogits?: (logits: Float32Array, ids: readonly number[]) => void
}

/** A model whose rows and completions we compute ourselves. */
export interface LocalSuspect extends Suspect {
  complete(prompts: readonly TokenIds[], options: LocalCompletionOptions): Promise<number[][]>
  rows(sequences: readonly TokenIds[]): Promise<Float32Array[]>
}

/**
 * Wraps a loaded causal language model.
 * @throws TypeError or RangeError for options out of range; when asked, for ids outside the vocabulary or empty prompts.
 * @example
 * // import { AutoModelForCausalLM, Tensor } from '@xenova/transformers'
 * // const model = await AutoModelForCausalLM.from_pretrained('suspect-model', { quantized: false })
 * // const suspect = localSuspect(model, { name: 'suspect-model', vocabularySize: 2048, Tensor })
 * // const [row] = await suspect.rows([[17, 4, 99]])
 */
export function localSuspect(model: CausalModel, options: LocalSuspectOptions): LocalSuspect {
  assertOptions(options, {
    name: 'options',
    keys: ['name', 'vocabularySize', 'Tensor', 'endOfText', 'batchSize'],
  })
  const { name, vocabularySize, Tensor, endOfText, batchSize = 64 } = options
  assertString(name, { name: 'options.name' })
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2 })
  assertInteger(batchSize, { name: 'options.batchSize', min: 1 })
  if (typeof model?.forward !== 'function')
    throw new TypeError('"model" expected a loaded transformers.js model with forward(), got another value')

  async function forward(
    batch: readonly TokenIds[],
    state: { seen: number; cache: unknown },
  ): Promise<{ logits: Float32Array; width: number; cache: unknown }> {
    const rows = batch.length
    const length = batch[0]!.length
    const ids = BigInt64Array.from(batch.flatMap((sequence) => Array.from(sequence, BigInt)))
    const mask = new BigInt64Array(rows * (state.seen + length)).fill(1n)
    const { logits, past_key_values } = await model.forward({
      input_ids: new Tensor('int64', ids, [rows, length]),
      attention_mask: new Tensor('int64', mask, [rows, state.seen + length]),
      past_key_values: state.cache ?? emptyCache(model, Tensor, rows),
    })
    if (!(logits.data instanceof Float32Array))
      throw new TypeError(
        `model "${name}": expected float32 logits, got another type; load it with dtype "fp32"`,
      )
    return { logits: logits.data, width: logits.dims.at(-1)!, cache: past_key_values }
  }

  return Object.freeze<LocalSuspect>({
    name,
    vocabularySize,
    async complete(prompts, { maxTokens, random, onProgress, processLogits }) {
      assertSequences(prompts, { name: 'prompts', vocabularySize })
      const completions: number[][] = prompts.map(() => [])
      const total = prompts.length * maxTokens
      let done = 0
      for (const batch of equalLengthBatches(prompts, batchSize)) {
        const sequences = batch.map((p) => Array.from(prompts[p]!))
        const ended = batch.map(() => false)
        let input: readonly TokenIds[] = sequences
        let state: { seen: number; cache: unknown } = { seen: 0, cache: undefined }
        for (let step = 0; step < maxTokens && !ended.every(Boolean); step++) {
          const { logits, width, cache } = await forward(input, state)
          state = { seen: state.seen + input[0]!.length, cache }
          const length = input[0]!.length
          const drawn = sequences.map((ids, r) => {
            const from = ((r + 1) * length - 1) * width
            const row = logits.subarray(from, from + vocabularySize)
            if (ended[r]) return endOfText ?? 0
            processLogits?.(row, ids)
            const token = sampleFromLogits(row, { temperature: 1, random })
            ids.push(token)
            completions[batch[r]!]!.push(token)
            ended[r] = token === endOfText
            return token
          })
          input = drawn.map((token) => [token])
          onProgress?.(done + batch.length * (step + 1), total)
        }
        done += batch.length * maxTokens
        onProgress?.(done, total)
      }
      return completions
    },
    async rows(sequences) {
      assertSequences(sequences, { name: 'sequences', vocabularySize })
      const rows: Float32Array[] = new Array(sequences.length)
      for (const batch of equalLengthBatches(sequences, batchSize)) {
        const { logits, width } = await forward(
          batch.map((s) => sequences[s]!),
          { seen: 0, cache: undefined },
        )
        const length = sequences[batch[0]!]!.length
        batch.forEach((s, r) => {
          const row = new Float32Array(length * vocabularySize)
          for (let i = 0; i < length; i++) {
            const from = (r * length + i) * width
            row.set(softmax(logits.subarray(from, from + vocabularySize)), i * vocabularySize)
          }
          rows[s] = row
        })
      }
      return rows
    },
  })
}

function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const weights = Float64Array.from(logits, (value) => Math.exp(value - largest))
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / total)
}

/** Indices of sequences, grouped into batches whose members are equally long. */
function* equalLengthBatches(sequences: readonly TokenIds[], batchSize: number): Generator<number[]> {
  const byLength = new Map<number, number[]>()
  for (const [s, { length }] of sequences.entries()) {
    const group = byLength.get(length) ?? []
    byLength.set(length, group)
    group.push(s)
  }
  for (const group of byLength.values()) {
    for (let at = 0; at < group.length; at += batchSize) yield group.slice(at, at + batchSize)
  }
}

/** What 2.17 does not do for a batch: a past of length 0 for every layer. Undefined for 3 and 4, which make their own. */
function emptyCache(
  { num_heads, num_layers, dim_kv }: CausalModel,
  Tensor: TensorConstructor,
  rows: number,
): unknown {
  if (num_heads === undefined || num_layers === undefined || dim_kv === undefined) return undefined
  const past: Record<string, ModelTensor> = {}
  for (let layer = 0; layer < num_layers; layer++) {
    for (const half of ['key', 'value'])
      past[`past_key_values.${layer}.${half}`] = new Tensor('float32', new Float32Array(0), [
        rows,
        num_heads,
        0,
        dim_kv,
      ])
  }
  return past
}

function assertSequences(
  sequences: readonly TokenIds[],
  { name, vocabularySize }: { name: string; vocabularySize: number },
): void {
  for (const [s, ids] of sequences.entries()) {
    assertTokenIds(ids, { name: `${name}[${s}]`, vocabularySize })
    if (ids.length === 0) throw new RangeError(`"${name}[${s}]" expected at least one id, got none`)
  }
}
