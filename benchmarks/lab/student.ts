/**
 * The student of the lab: a small language model that is trained here and now, on a CPU, from tokens that a teacher
 * sampled. It is the neural probabilistic language model of Bengio, Ducharme, Vincent and Jauvin 2003 (JMLR 3, 1137-1155)
 * as a 5-gram: embeddings of the last four ids -> tanh layer -> softmax, cross-entropy, stochastic gradient descent.
 *
 * Deviation: the paper's optional direct connections run from the embeddings to the logits; here they run from the previous
 * token itself, one learned row of logits a token, since no matrix through 32 embedding features can hold what a teacher
 * prefers after each single token. That path is trained by the same gradient as all else: nothing is counted.
 *
 * It is not a good language model, and not a model of how large students learn: it stands in for "somebody trained on these
 * outputs". It sees documents only, never a key, a mark or a teacher.
 */
import { assertInteger, assertOptions, assertString } from '../../src/assert.ts'
import { drawFromWeights } from '../../src/logits.ts'
import type { Suspect } from '../../src/suspect/suspect.ts'
import { assertTokenIds, type TokenIds } from '../../src/tokens.ts'
import { batchAt, contextBefore, type Examples, examplesOf, shuffle } from './student/examples.ts'
import {
  batchSize,
  countParameters,
  createModel,
  type Model,
  probabilityRows,
  trainBatch,
  turnOfEventLoop,
} from './student/model.ts'

/** A trained student. Prompts may be empty: it has learnt how documents begin. */
export interface Student extends Suspect {
  /** Number of learned weights, tables included. */
  readonly parameters: number
  /** Tokens it was trained on, each once an epoch. */
  readonly trainingTokens: number
  /** Mean loss over the last epoch, as met while training, in nats a token. */
  readonly loss: number
  rows(sequences: readonly TokenIds[]): Promise<Float32Array[]>
}

/** Options of {@link trainStudent}. */
export interface StudentOptions {
  readonly name: string
  readonly vocabularySize: number
  /** Uniform numbers in [0, 1): starting weights and the order of the examples. Same numbers, same student. */
  readonly random: () => number
  /** Passes over the documents. @defaultValue 4: held-out loss is flat from 2 to 4, what it inherits still grows */
  readonly epochs?: number
  /**
   * Documents that it is trained on afterwards, as many epochs and with the same rates: fine-tuning on something else.
   * @defaultValue none
   */
  readonly later?: readonly TokenIds[]
  /**
   * Rows of a table of logits that the previous two tokens add. Without it this model hardly learns what follows a window of two, which
   * larger models do. @defaultValue 0: no such table
   */
  readonly pairRows?: number
  /** Called after each step (128 examples, about 10 ms) with the examples seen and to be seen, over all epochs of one set of documents. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Trains a student.
 * @param documents ids of each document; contexts do not reach across documents.
 * @throws TypeError or RangeError for options out of range, ids outside the vocabulary, or no token at all.
 * @example
 * // import seedrandom from 'seedrandom'
 * // const student = await trainStudent(documents, { name: 'thief', vocabularySize: 2048, random: seedrandom('thief') })
 * // const [text] = await student.complete([[17, 4, 99]], { maxTokens: 64, random: seedrandom('ask') })
 */
export async function trainStudent(
  documents: readonly TokenIds[],
  options: StudentOptions,
): Promise<Student> {
  assertOptions(options, {
    name: 'options',
    keys: ['name', 'vocabularySize', 'random', 'epochs', 'later', 'pairRows', 'onProgress'],
  })
  const {
    name,
    vocabularySize,
    random,
    epochs = 4,
    later = [],
    pairRows = 0,
    onProgress = () => {},
  } = options
  assertString(name, { name: 'options.name' })
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2 })
  assertInteger(epochs, { name: 'options.epochs', min: 1 })
  assertInteger(pairRows, { name: 'options.pairRows' })
  assertAllTokenIds(documents, { name: 'documents', vocabularySize })
  assertAllTokenIds(later, { name: 'options.later', vocabularySize })
  const model = await createModel({ vocabularySize, pairRows, random })
  const examples = examplesOf(documents, model)
  if (examples.targets.length === 0) throw new RangeError('"documents" expected at least one token, got none')
  const afterwards = examplesOf(later, model)
  let loss = await runEpochs(model, examples, { epochs, random, onProgress })
  if (afterwards.targets.length > 0) loss = await runEpochs(model, afterwards, { epochs, random, onProgress })
  model.network.endTraining()
  const trainingTokens = examples.targets.length + afterwards.targets.length
  return createStudent(model, { name, trainingTokens, loss })
}

/** All epochs, each in an order of its own; all rates fall linearly to zero. @returns the mean loss of the last epoch. */
async function runEpochs(
  model: Model,
  examples: Examples,
  { epochs, random, onProgress }: Required<Pick<StudentOptions, 'epochs' | 'random' | 'onProgress'>>,
): Promise<number> {
  const size = examples.targets.length
  const stepsPerEpoch = Math.ceil(size / batchSize)
  const order = Int32Array.from({ length: size }, (_, i) => i)
  let loss = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    shuffle(order, { random })
    loss = 0
    for (let step = 0; step < stepsPerEpoch; step++) {
      const from = step * batchSize
      const decay = 1 - (epoch + step / stepsPerEpoch) / epochs
      loss += await trainBatch(model, batchAt(examples, { order, from, size: batchSize }), { decay })
      onProgress(epoch * size + Math.min(from + batchSize, size), epochs * size)
      await turnOfEventLoop()
    }
  }
  return loss / (stepsPerEpoch * batchSize)
}

function createStudent(model: Model, about: Pick<Student, 'name' | 'trainingTokens' | 'loss'>): Student {
  const { vocabularySize } = model
  return Object.freeze<Student>({
    ...about,
    vocabularySize,
    parameters: countParameters(model),
    async complete(prompts, { maxTokens, random, onProgress }) {
      assertAllTokenIds(prompts, { name: 'prompts', vocabularySize })
      const sequences = prompts.map((prompt) => Array.from(prompt))
      for (let drawn = 1; drawn <= maxTokens; drawn++) {
        const contexts = sequences.map((ids) => contextBefore(ids, ids.length, model))
        let s = 0
        for await (const row of probabilityRows(model, contexts))
          sequences[s++]!.push(drawFromWeights(row, { total: 1, random }))
        onProgress?.(drawn * prompts.length, maxTokens * prompts.length)
      }
      return sequences.map((ids, p) => ids.slice(prompts[p]!.length))
    },
    async rows(sequences) {
      assertAllTokenIds(sequences, { name: 'sequences', vocabularySize })
      const contexts = sequences.flatMap((ids) => Array.from(ids, (_, i) => contextBefore(ids, i + 1, model)))
      const answers = sequences.map(({ length }) => new Float32Array(length * vocabularySize))
      const places = answers.flatMap((answer) => rowsOf(answer, vocabularySize))
      let i = 0
      for await (const row of probabilityRows(model, contexts)) places[i++]!.set(row)
      return answers
    },
  })
}

/** Views of the rows of a matrix. */
function rowsOf(matrix: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: matrix.length / width }, (_, i) => matrix.subarray(i * width, (i + 1) * width))
}

function assertAllTokenIds(
  sequences: readonly TokenIds[],
  { name, vocabularySize }: { name: string; vocabularySize: number },
): void {
  for (const [s, ids] of sequences.entries()) assertTokenIds(ids, { name: `${name}[${s}]`, vocabularySize })
}
