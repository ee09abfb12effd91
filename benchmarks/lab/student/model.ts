/**
 * The student's model: two tables of rows, one row a token id, around the dense network. It reads padded contexts and knows
 * one training step and one question, "what follows"; documents, epochs and prompts are the caller's.
 */
import { contextWidth, type Examples, previousIds } from './examples.ts'
import { createNetwork, type Network, type NetworkInputs } from './network.ts'
import { addRows, createTable, createZeroTable, gatherRows, learnRows, type Table } from './table.ts'

/** Found by held-out loss and inherited stain on 20,000 and 80,000 tokens of the lab's teacher (V = 2,048). */
const settings = {
  embeddingWidth: 32,
  hidden: 64,
  /** Adam, for the dense weights. */
  networkRate: 0.003,
  /** Adagrad, for the tables. */
  embeddings: { spread: 0.2, rate: 0.3, damping: 0.01 },
  direct: { rate: 1.5, damping: 1 },
  /** A window of two is met far more rarely, and at the rate of single tokens its row would learn single sentences by heart. */
  pairs: { rate: 0.7, damping: 1 },
}

/** Examples in a batch: of 64, 128 and 256 the cheapest a token. */
export const batchSize = 128

/** A model. In both tables a last row stands for the places before a document begins: the id `padding`. */
export interface Model {
  readonly vocabularySize: number
  readonly padding: number
  readonly embeddings: Table
  /** Logits that the previous token adds. */
  readonly direct: Table
  /** Logits that the previous two tokens add; one row serves all windows of one hash. Absent: none. */
  readonly pairs: Table | undefined
  readonly network: Network
}

/** A model with starting weights. */
export async function createModel({
  vocabularySize,
  pairRows,
  random,
}: {
  vocabularySize: number
  pairRows: number
  random: () => number
}): Promise<Model> {
  const { embeddingWidth, hidden } = settings
  const { spread } = settings.embeddings
  const rows = vocabularySize + 1
  return {
    vocabularySize,
    padding: vocabularySize,
    embeddings: createTable({ rows, width: embeddingWidth }, { spread, random }),
    direct: createZeroTable({ rows, width: vocabularySize }),
    pairs: pairRows > 0 ? createZeroTable({ rows: pairRows, width: vocabularySize }) : undefined,
    network: await createNetwork(
      { inputs: contextWidth * embeddingWidth, hidden, vocabularySize },
      { random },
    ),
  }
}

/** Number of learned weights. */
export function countParameters({ embeddings, direct, pairs, network }: Model): number {
  return embeddings.values.length + direct.values.length + (pairs?.values.length ?? 0) + network.parameters
}

/**
 * One step of gradient descent, all rates times `decay`.
 * @returns the loss before the step, summed over the examples, in nats.
 */
export async function trainBatch(
  model: Model,
  batch: Examples,
  { decay }: { decay: number },
): Promise<number> {
  const { embeddings, direct, pairs, network } = model
  const { contexts, targets } = batch
  const rate = settings.networkRate * decay
  const { loss, gradients } = await network.train(inputsOf(model, contexts), targets, { rate })
  learnRows(embeddings, contexts, gradients.embeddings, decayed(settings.embeddings, decay))
  learnRows(direct, previousIds(contexts), gradients.direct, decayed(settings.direct, decay))
  if (pairs) learnRows(pairs, pairNumbers(contexts, pairs), gradients.direct, decayed(settings.pairs, decay))
  return loss
}

/** The law of what follows each context: V probabilities each, in the order of the contexts. */
export async function* probabilityRows(
  model: Model,
  contexts: readonly number[][],
): AsyncGenerator<Float32Array> {
  const { vocabularySize, padding, network } = model
  for (let from = 0; from < contexts.length; from += batchSize) {
    const asked = contexts.slice(from, from + batchSize)
    // The network is compiled for one number of examples: a short batch is filled up and the answers to that dropped.
    const ids = new Int32Array(batchSize * contextWidth).fill(padding)
    ids.set(asked.flat())
    const probabilities = await network.probabilities(inputsOf(model, ids))
    for (let b = 0; b < asked.length; b++)
      yield probabilities.subarray(b * vocabularySize, (b + 1) * vocabularySize)
    await turnOfEventLoop()
  }
}

/** Lets timers and output run: a progress bar draws between two steps. */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function inputsOf({ embeddings, direct, pairs }: Model, contexts: Int32Array): NetworkInputs {
  const added = gatherRows(direct, previousIds(contexts))
  if (pairs) addRows(pairs, pairNumbers(contexts, pairs), added)
  return { embeddings: gatherRows(embeddings, contexts), direct: added }
}

/** For each context the row of its last two ids. */
function pairNumbers(contexts: Int32Array, { width, values }: Table): Int32Array {
  const rows = values.length / width
  return previousIds(contexts).map((id, i) => {
    const before = contexts[(i + 1) * contextWidth - 2]!
    // 2^32 over the golden ratio: neighbours in either id end far apart.
    return (Math.imul(before * width + id, 0x9e3779b1) >>> 8) % rows
  })
}

function decayed(
  { rate, damping }: { rate: number; damping: number },
  decay: number,
): { rate: number; damping: number } {
  return { rate: rate * decay, damping }
}
