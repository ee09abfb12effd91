/**
 * The sampling rules of a host, applied by us: temperature, then top-k, then top-p, the order of the transformers libraries. Marks that
 * act on the distribution which the host would sample need it before them, and some hosts ignore a rule (2.17 and 4 of transformers.js
 * have no top-p).
 */
import { assertInteger, assertNumber, assertOptions } from './assert.ts'
import type { LogitsRow } from './logits.ts'

/** Sampling rules. The default of each changes nothing. */
export interface Sampling {
  /** Logits are divided by it; above 0. @defaultValue 1 */
  readonly temperature?: number
  /** Only this many of the likeliest tokens stay; 0: all. @defaultValue 0 */
  readonly topK?: number
  /** Only the likeliest tokens that together have at least this probability stay; above 0, at most 1. @defaultValue 1 */
  readonly topP?: number
}

/** Fills in and checks sampling rules. */
export function resolveSampling(sampling: Sampling, { name }: { name: string }): Required<Sampling> {
  assertOptions(sampling, { name, keys: ['temperature', 'topK', 'topP'] })
  const { temperature = 1, topK = 0, topP = 1 } = sampling
  assertNumber(temperature, {
    name: `${name}.temperature`,
    expected: 'a number above 0',
    holds: (t) => t > 0,
  })
  assertInteger(topK, { name: `${name}.topK` })
  assertNumber(topP, {
    name: `${name}.topP`,
    expected: 'a probability above 0 and at most 1',
    holds: (p) => p > 0 && p <= 1,
  })
  return Object.freeze({ temperature, topK, topP })
}

/**
 * Applies sampling rules in place: what may not be drawn becomes -Infinity. Ties at an edge go to the lower ids. At a temperature other
 * than 1 all logits are moved so that the largest is 0, which no softmax sees: the smallest temperature then makes no logit infinite.
 * @param logits a row that can be sampled from: no NaN, no Infinity, at least one value above -Infinity.
 */
export function applySampling(logits: LogitsRow, { temperature, topK, topP }: Required<Sampling>): void {
  // Before temperature, which does not change what is likeliest, except that rounding makes ties.
  if (topK > 0 && topK < logits.length) {
    keepLikeliest(logits, topK, { sorted: likeliest(logits, (sorted) => sorted.length >= topK) })
  }
  if (temperature !== 1) {
    const largest = largestOf(logits)
    for (let id = 0; id < logits.length; id++) logits[id] = (logits[id]! - largest) / temperature
  }
  if (topP < 1) {
    const largest = largestOf(logits)
    let total = 0
    for (let id = 0; id < logits.length; id++) total += Math.exp(logits[id]! - largest)
    const size = (sorted: Float64Array): number => nucleusSize(sorted, topP * total)
    const sorted = likeliest(logits, (sorted) => size(sorted) <= sorted.length)
    keepLikeliest(logits, size(sorted), { sorted })
  }
}

/**
 * The likeliest logits, largest first, as many as are enough or all above -Infinity. Sorting a whole row takes longer than all else, so
 * the search reaches down step by step; in most rows a few nats do.
 */
function likeliest(logits: LogitsRow, enough: (sorted: Float64Array) => boolean): Float64Array {
  const largest = largestOf(logits)
  const near = new Float64Array(logits.length)
  for (let reach = 2; ; reach = reach < 32 ? 4 * reach : Number.POSITIVE_INFINITY) {
    let count = 0
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id]!
      if (logit >= largest - reach && logit > Number.NEGATIVE_INFINITY) near[count++] = logit
    }
    const sorted = near.slice(0, count).sort().reverse()
    if (reach === Number.POSITIVE_INFINITY || enough(sorted)) return sorted
  }
}

function keepLikeliest(logits: LogitsRow, count: number, { sorted }: { sorted: Float64Array }): void {
  if (count > sorted.length) return
  const edge = sorted[count - 1]!
  // Of the logits that are equal to the edge, the lowest ids stay.
  let atEdge = count - sorted.indexOf(edge)
  for (let id = 0; id < logits.length; id++) {
    if (logits[id]! < edge || (logits[id] === edge && atEdge-- <= 0)) logits[id] = Number.NEGATIVE_INFINITY
  }
}

/** How many of the likeliest tokens weigh `wanted`, in weights of which the largest is 1; one more than there are where all do not. */
function nucleusSize(sorted: Float64Array, wanted: number): number {
  let mass = 0
  let size = 0
  while (size < sorted.length && mass < wanted) mass += Math.exp(sorted[size++]! - sorted[0]!)
  return mass < wanted ? size + 1 : size
}

function largestOf(logits: LogitsRow): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let id = 0; id < logits.length; id++) if (logits[id]! > largest) largest = logits[id]!
  return largest
}
