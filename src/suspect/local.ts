/**
 * A suspect whose weights we have, run through transformers.js (2.17 of @xenova/transformers, 3 and 4 of
 * @huggingface/transformers). The package is not imported: the caller loads the model and hands over it and the package's
 * Tensor. Prompts of equal length run as one batch with a key-value cache, so nothing is padded.
 *
 * Refused: sequences longer than the model's context. An exported graph need not notice them (learned positions may be
 * clamped to the last one), and what it then answers is not the model.
 */
import { assertArray, assertInteger, assertOptions, assertString, describe } from '../assert.ts'
import { assertSampleable, sampleFromLogits } from '../logits.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import type { CompletionOptions, Suspect } from './suspect.ts'

/** A tensor of either package, as far as we use it. */
interface ModelTensor {
  readonly dims: readonly number[]
  readonly data: unknown
}

/** Constructor of the package's tensors. */
export type TensorConstructor = new (type: 'int64', data: BigInt64Array, dims: number[]) => ModelTensor

/** A causal language model of either package, as far as we use it. */
export interface CausalModel {
  /**
   * 2.17 returns the cache as `past_key_values`; 3 and 4 return it as outputs named `present...` and want these back under the
   * names that their `generate` gives them.
   */
  forward(inputs: Record<string, unknown>): Promise<CausalOutput>
  /** Read for the length of the context only. */
  readonly config?: unknown
}

/** What a forward pass returns, as far as we use it. */
export interface CausalOutput {
  readonly logits: ModelTensor
  readonly past_key_values?: unknown
  readonly [output: string]: unknown
}

/** Options of {@link localSuspect}. */
export interface LocalSuspectOptions {
  readonly name: string
  readonly vocabularySize: number
  readonly Tensor: TensorConstructor
  /** A completion ends after this id. @defaultValue none: completions run to `maxTokens` */
  readonly endOfText?: number
  /** Sequences in one batch. A batch holds sequences * length * vocabularySize logits at once. @defaultValue 64 */
  readonly batchSize?: number
  /**
   * Most ids the model can read. Longer sequences, and prompts that `maxTokens` would take beyond it, are refused.
   * @defaultValue `n_positions` or `max_position_embeddings` of the model's config; no limit where it has neither
   */
  readonly contextLength?: number
}

/** Completions of a model that we run may have their logits changed before each draw: there a provider marks its own text. */
export interface LocalCompletionOptions extends CompletionOptions {
  /** Changes the logits of the next token in place. `ids` are all ids so far, prompt included. */
  readonly processLogits?: (logits: Float32Array, ids: readonly number[]) => void
}

/** A model whose rows and completions we compute ourselves. */
export interface LocalSuspect extends Suspect {
  complete(prompts: readonly TokenIds[], options: LocalCompletionOptions): Promise<number[][]>
  /** As {@link Suspect.rows}. The rows of a sequence take 4 * length * vocabularySize bytes: ask for many in portions. */
  rows(sequences: readonly TokenIds[]): Promise<Float32Array[]>
}

/**
 * Wraps a loaded causal language model.
 * @throws TypeError or RangeError for options out of range; when asked, for ids outside the vocabulary, empty prompts, or more
 * ids than the model's context holds.
 * @example
 * // import { AutoModelForCausalLM, Tensor } from '@xenova/transformers'
 * // const model = await AutoModelForCausalLM.from_pretrained('suspect-model', { quantized: false })
 * // const suspect = localSuspect(model, { name: 'suspect-model', vocabularySize: 2048, Tensor })
 * // const [row] = await suspect.rows([[17, 4, 99]])
 */
export function localSuspect(model: CausalModel, options: LocalSuspectOptions): LocalSuspect {
  if (typeof model?.forward !== 'function')
    throw new TypeError('"model" expected a loaded transformers.js model with forward(), got another value')
  const { name, vocabularySize, Tensor, endOfText, batchSize, contextLength } = resolveOptions(model, options)

  async function forward(batch: readonly TokenIds[], { seen, cache }: Past): Promise<Forwarded> {
    const rows = batch.length
    const length = batch[0]!.length
    const ids = BigInt64Array.from(batch.flatMap((sequence) => Array.from(sequence, BigInt)))
    const mask = new BigInt64Array(rows * (seen + length)).fill(1n)
    const output = await model.forward({
      input_ids: new Tensor('int64', ids, [rows, length]),
      attention_mask: new Tensor('int64', mask, [rows, seen + length]),
      // None at first: an empty one of our own would make 2.17 take the branch of the graph that expects one new id a row.
      past_key_values: cache,
    })
    const { data, dims } = output.logits
    if (!(data instanceof Float32Array))
      throw new TypeError(
        `model "${name}" expected to give float32 logits, got ${describe(data)}; load it with dtype "fp32"`,
      )
    const width = dims.at(-1) ?? 0
    if (width < vocabularySize || data.length !== rows * length * width)
      throw new RangeError(
        `model "${name}" expected to give logits of shape (${rows}, ${length}, ${vocabularySize} or more), got (${dims.join(', ')})`,
      )
    return {
      // Row of a sequence (in the batch) at a position (of those just fed), without columns beyond the vocabulary.
      rowAt: (r, i) => data.subarray((r * length + i) * width, (r * length + i) * width + vocabularySize),
      past: { seen: seen + length, cache: cacheOf(output) },
    }
  }

  return Object.freeze<LocalSuspect>({
    name,
    vocabularySize,
    async complete(prompts, completionOptions) {
      const { maxTokens, random, onProgress, processLogits } = assertCompletionOptions(completionOptions, {
        contextLength,
      })
      assertSequences(prompts, { name: 'prompts', vocabularySize, contextLength, maxTokens })
      const completions: number[][] = prompts.map(() => [])
      const total = prompts.length * maxTokens
      let done = 0
      for (const batch of equalLengthBatches(prompts, batchSize)) {
        const sequences = batch.map((p) => Array.from(prompts[p]!))
        const ended = batch.map(() => false)
        let input: readonly TokenIds[] = sequences
        let past: Past = NOTHING_SEEN
        for (let step = 0; step < maxTokens && !ended.every(Boolean); step++) {
          const last = input[0]!.length - 1
          const { rowAt, past: next } = await forward(input, past)
          const drawn = sequences.map((ids, r) => {
            // An ended row is fed on with its batch; nothing is drawn for it.
            if (ended[r]) return endOfText!
            const row = rowAt(r, last)
            processLogits?.(row, ids)
            const token = sampleFromLogits(row, { temperature: 1, random })
            completions[batch[r]!]!.push(token)
            ended[r] = token === endOfText
            return token
          })
          for (const [r, token] of drawn.entries()) sequences[r]!.push(token)
          // A model exported without a cache is fed everything again.
          const cached = next.cache !== undefined
          input = cached ? drawn.map((token) => [token]) : sequences
          past = cached ? next : NOTHING_SEEN
          onProgress?.(done + batch.length * (step + 1), total)
        }
        done += batch.length * maxTokens
        onProgress?.(done, total)
      }
      return completions
    },
    async rows(sequences) {
      assertSequences(sequences, { name: 'sequences', vocabularySize, contextLength })
      const answers = sequences.map(({ length }) => new Float32Array(length * vocabularySize))
      for (const batch of equalLengthBatches(sequences, batchSize)) {
        const { rowAt } = await forward(
          batch.map((s) => sequences[s]!),
          NOTHING_SEEN,
        )
        for (const [r, s] of batch.entries()) {
          for (let i = 0; i < sequences[s]!.length; i++)
            answers[s]!.set(softmax(rowAt(r, i), { name: `model "${name}": logits` }), i * vocabularySize)
        }
      }
      return answers
    },
  })
}

/** How many ids the model has read, and what it remembers of them. */
interface Past {
  readonly seen: number
  readonly cache: unknown
}

interface Forwarded {
  rowAt(r: number, i: number): Float32Array
  readonly past: Past
}

const NOTHING_SEEN: Past = { seen: 0, cache: undefined }

function resolveOptions(
  model: CausalModel,
  options: LocalSuspectOptions,
): Omit<Required<LocalSuspectOptions>, 'endOfText'> & Pick<LocalSuspectOptions, 'endOfText'> {
  assertOptions(options, {
    name: 'options',
    keys: ['name', 'vocabularySize', 'Tensor', 'endOfText', 'batchSize', 'contextLength'],
  })
  const { batchSize = 64, contextLength = contextLengthOf(model) } = options
  assertString(options.name, { name: 'options.name' })
  assertInteger(options.vocabularySize, { name: 'options.vocabularySize', min: 2 })
  if (typeof options.Tensor !== 'function')
    throw new TypeError(
      `"options.Tensor" expected the Tensor class of the package that loaded the model, got ${describe(options.Tensor)}`,
    )
  if (options.endOfText !== undefined)
    assertInteger(options.endOfText, { name: 'options.endOfText', max: options.vocabularySize - 1 })
  assertInteger(batchSize, { name: 'options.batchSize', min: 1 })
  if (contextLength !== Number.POSITIVE_INFINITY)
    assertInteger(contextLength, { name: 'options.contextLength', min: 1 })
  return { ...options, batchSize, contextLength }
}

function contextLengthOf({ config }: CausalModel): number {
  const { n_positions, max_position_embeddings } = (config ?? {}) as Record<string, unknown>
  const length = n_positions ?? max_position_embeddings
  return typeof length === 'number' ? length : Number.POSITIVE_INFINITY
}

/** The cache under the names of the inputs; undefined where the model has none. */
function cacheOf(output: CausalOutput): unknown {
  const past =
    output.past_key_values ??
    Object.fromEntries(
      Object.entries(output)
        .filter(([name]) => name.startsWith('present'))
        // As in 4: attention is present.0.key -> past_key_values.0.key, other states present_conv.0 -> past_conv.0.
        .map(([name, tensor]) => [
          name.replace(/^present(_?)/, (_, s) => (s ? 'past_' : 'past_key_values')),
          tensor,
        ]),
    )
  return Object.keys(past).length > 0 ? past : undefined
}

/** Probabilities of a row, in double precision until the caller stores them. */
function softmax(logits: Float32Array, { name }: { name: string }): Float64Array {
  const largest = assertSampleable(logits, { name })
  const weights = new Float64Array(logits.length)
  let total = 0
  for (let i = 0; i < weights.length; i++) total += weights[i] = Math.exp(logits[i]! - largest)
  for (let i = 0; i < weights.length; i++) weights[i]! /= total
  return weights
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

function assertCompletionOptions(
  options: LocalCompletionOptions,
  { contextLength }: { contextLength: number },
): LocalCompletionOptions {
  assertOptions(options, {
    name: 'options',
    keys: ['maxTokens', 'random', 'onProgress', 'processLogits'],
  })
  assertInteger(options.maxTokens, {
    name: 'options.maxTokens',
    // A prompt has at least one id.
    max: Math.min(contextLength - 1, Number.MAX_SAFE_INTEGER),
  })
  if (typeof options.random !== 'function')
    throw new TypeError(
      `"options.random" expected a function that returns numbers in [0, 1), got ${describe(options.random)}`,
    )
  for (const name of ['onProgress', 'processLogits'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw new TypeError(`"options.${name}" expected a function, got ${describe(options[name])}`)
  }
  return options
}

function assertSequences(
  sequences: readonly TokenIds[],
  limits: { name: string; vocabularySize: number; contextLength: number; maxTokens?: number },
): void {
  const { name, vocabularySize, contextLength, maxTokens = 0 } = limits
  assertArray(sequences, { name, expected: 'an array of arrays of token ids' })
  for (const [s, ids] of sequences.entries()) {
    assertTokenIds(ids, { name: `${name}[${s}]`, vocabularySize })
    if (ids.length === 0)
      throw new RangeError(
        `"${name}[${s}]" expected at least one id, got none: nothing comes before the first id that could foretell it (begin with the model's begin-of-text id)`,
      )
    if (ids.length + maxTokens > contextLength)
      throw new RangeError(
        `"${name}[${s}]" expected at most ${contextLength - maxTokens} ids (the model's context of ${contextLength}${maxTokens > 0 ? ` less maxTokens ${maxTokens}` : ''}), got ${ids.length}`,
      )
  }
}
