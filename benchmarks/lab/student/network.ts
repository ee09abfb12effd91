/**
 * The dense part of the student, run by jax-js on WebAssembly: embeddings of the context -> tanh layer -> softmax over the
 * vocabulary, with the direct row of the previous token added to the logits. Rows of the two tables come in as data and
 * their gradients go out, because a table in here would cost a whole-table gradient a step (the direct one has V x V
 * values). The weights in here learn by Adam (Kingma and Ba 2015, arXiv 1412.6980).
 *
 * jax-js owns arrays by reference counts: a function consumes its arguments, `.ref` keeps one for another use. In Node 20 it
 * runs on one thread and without fused multiply-add, so equal seeds give equal bits; an engine that has relaxed SIMD may round
 * otherwise from one processor to the next. A plain Float32Array loop took 320 us a token for the output layer alone, this
 * takes about 80 for a whole step.
 */
import { init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax'

/** Sizes of the network. `inputs` is context width times embedding width. */
export interface NetworkShape {
  readonly inputs: number
  readonly hidden: number
  readonly vocabularySize: number
}

/** Rows gathered from the tables, one example after another. */
export interface NetworkInputs {
  readonly embeddings: Float32Array<ArrayBuffer>
  readonly direct: Float32Array<ArrayBuffer>
}

/** What a training step gives back: the loss summed over the examples (nats) and its gradient by the inputs. */
export interface StepResult {
  readonly loss: number
  readonly gradients: { readonly embeddings: Float32Array; readonly direct: Float32Array }
}

/** The network with its weights. Every number of examples compiles once more: keep it constant. */
export interface Network {
  /** Number of weights in here, tables not counted. */
  readonly parameters: number
  /** One step of Adam at a rate. */
  train(
    inputs: NetworkInputs,
    targets: Int32Array<ArrayBuffer>,
    options: { rate: number },
  ): Promise<StepResult>
  /** Next-token probabilities, V a example. */
  probabilities(inputs: NetworkInputs): Promise<Float32Array>
  /** Frees what only training needs; `train` may not be called after. */
  endTraining(): void
}

// jax-js takes trees of arrays as type aliases, not as interfaces.
type Weights = {
  hiddenWeights: np.Array
  hiddenBias: np.Array
  outputWeights: np.Array
  outputBias: np.Array
}
type Moments = { first: Weights; second: Weights }

/** The defaults of the paper. */
const adam = { firstDecay: 0.9, secondDecay: 0.999, epsilon: 1e-8 }

/** Makes a network; its weights are drawn as Glorot and Bengio 2010 (AISTATS) advise, its biases are zero. */
export async function createNetwork(
  shape: NetworkShape,
  { random }: { random: () => number },
): Promise<Network> {
  await init('wasm')
  const { inputs, hidden, vocabularySize } = shape
  let weights: Weights = {
    hiddenWeights: uniformMatrix(inputs, hidden, random),
    hiddenBias: np.zeros([hidden]),
    outputWeights: uniformMatrix(hidden, vocabularySize, random),
    outputBias: np.zeros([vocabularySize]),
  }
  let moments: Moments = { first: zerosLike(weights), second: zerosLike(weights) }
  let steps = 0
  const trainingStep = jit(adamStep)
  const forward = jit((w: Weights, embeddings: np.Array, direct: np.Array) =>
    nn.softmax(logits(w, embeddings, direct)),
  )

  function arrays({ embeddings, direct }: NetworkInputs): [np.Array, np.Array] {
    return [
      np.array(embeddings, { shape: [embeddings.length / inputs, inputs] }),
      np.array(direct, { shape: [direct.length / vocabularySize, vocabularySize] }),
    ]
  }

  return Object.freeze<Network>({
    parameters: (inputs + 1) * hidden + (hidden + 1) * vocabularySize,
    async train(rows, targets, { rate }) {
      steps++
      const stepSize = np.array(rate * biasCorrection(steps))
      const out = trainingStep(weights, moments, ...arrays(rows), np.array(targets), stepSize)
      weights = out.weights
      moments = out.moments
      const [loss, embeddings, direct] = await Promise.all([
        out.loss.data(),
        out.embeddings.data(),
        out.direct.data(),
      ])
      return { loss: loss[0]!, gradients: { embeddings: floats(embeddings), direct: floats(direct) } }
    },
    async probabilities(rows) {
      return floats(await forward(tree.ref(weights), ...arrays(rows)).data())
    },
    endTraining() {
      tree.dispose(moments)
      trainingStep.dispose()
    },
  })
}

function logits(w: Weights, embeddings: np.Array, direct: np.Array): np.Array {
  const hidden = np.tanh(np.matmul(embeddings, w.hiddenWeights).add(w.hiddenBias))
  return np.matmul(hidden, w.outputWeights).add(w.outputBias).add(direct)
}

/** Cross-entropy, summed over the examples. */
function crossEntropy(w: Weights, embeddings: np.Array, direct: np.Array, targets: np.Array): np.Array {
  const scores = logits(w, embeddings, direct)
  const ofTarget = scores.ref.mul(nn.oneHot(targets, scores.shape[1]!)).sum(1)
  return nn.logsumexp(scores, 1).sub(ofTarget).sum()
}

const lossAndGradients = valueAndGrad(crossEntropy, { argnums: [0, 1, 2] })

function adamStep(
  weights: Weights,
  moments: Moments,
  embeddings: np.Array,
  direct: np.Array,
  targets: np.Array,
  stepSize: np.Array,
): { loss: np.Array; weights: Weights; moments: Moments; embeddings: np.Array; direct: np.Array } {
  const [loss, [gradient, byEmbeddings, byDirect]] = lossAndGradients(
    tree.ref(weights),
    embeddings,
    direct,
    targets,
  )
  const first = movingMean(moments.first, tree.ref(gradient), adam.firstDecay)
  const second = movingMean(moments.second, squared(gradient), adam.secondDecay)
  const moved = tree.map(
    (weight: np.Array, mean: np.Array, square: np.Array) =>
      weight.sub(mean.mul(stepSize.ref).div(np.sqrt(square).add(adam.epsilon))),
    weights,
    tree.ref(first),
    tree.ref(second),
  )
  stepSize.dispose()
  return { loss, weights: moved, moments: { first, second }, embeddings: byEmbeddings, direct: byDirect }
}

function movingMean(old: Weights, now: Weights, decay: number): Weights {
  return tree.map((a: np.Array, b: np.Array) => a.mul(decay).add(b.mul(1 - decay)), old, now)
}

function squared(weights: Weights): Weights {
  return tree.map((a: np.Array) => a.ref.mul(a), weights)
}

/** The factor that undoes the moments' start at zero (end of section 2 of the paper). */
function biasCorrection(steps: number): number {
  return Math.sqrt(1 - adam.secondDecay ** steps) / (1 - adam.firstDecay ** steps)
}

function uniformMatrix(rows: number, columns: number, random: () => number): np.Array {
  const spread = Math.sqrt(6 / (rows + columns))
  const values = Float32Array.from({ length: rows * columns }, () => spread * (2 * random() - 1))
  return np.array(values, { shape: [rows, columns] })
}

function zerosLike(weights: Weights): Weights {
  return tree.map((weight: np.Array) => np.zeros(weight.shape), weights)
}

function floats(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data
  throw new TypeError('jax-js: expected float32 data, got another type')
}
