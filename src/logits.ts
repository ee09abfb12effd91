/**
 * Rows of logits and of probabilities, as hosts hand them over. A row is a Float32Array or a plain array of numbers (the 2.17
 * line of transformers.js passes both), one value a token id, in nats.
 */
import { describe } from './assert.ts'

/** Next-token scores before softmax, in nats; index = token id. Mutated in place by marks. */
export type LogitsRow = Float32Array | Float64Array | number[]

/** A row of at least `vocabularySize` floats. Half-precision rows are refused by name, for adding to their bits would be silent nonsense. */
export function assertLogitsRow(
  row: unknown,
  { name, vocabularySize }: { name: string; vocabularySize: number },
): asserts row is LogitsRow {
  if (!(row instanceof Float32Array) && !(row instanceof Float64Array) && !Array.isArray(row)) {
    const half =
      row instanceof Uint16Array || (row as object | null)?.constructor?.name === 'Float16Array'
        ? '; convert half-precision rows to Float32Array first (in transformers.js: dtype "fp32")'
        : ''
    throw new TypeError(
      `"${name}" expected a Float32Array, Float64Array or array of numbers, got ${describe(row)}${half}`,
    )
  }
  if (row.length < vocabularySize)
    throw new RangeError(
      `"${name}" expected at least ${vocabularySize} values (the profile's vocabulary), got ${row.length}`,
    )
}

/**
 * Largest value of a row that can be sampled from.
 * @throws RangeError if a value is NaN or +Infinity, or if all are -Infinity: such a row has no law to mark. TypeError if a
 * value is not a number: "1" compares like one, but delta would be appended to it.
 */
export function assertSampleable(row: LogitsRow, { name }: { name: string }): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < row.length; i++) {
    const value = row[i]!
    if (typeof value !== 'number')
      throw new TypeError(`"${name}[${i}]" expected a number, got ${describe(value)}`)
    if (!(value < Number.POSITIVE_INFINITY))
      throw new RangeError(`"${name}[${i}]" expected a number below Infinity, got ${describe(value)}`)
    if (value > largest) largest = value
  }
  if (largest === Number.NEGATIVE_INFINITY)
    throw new RangeError(`"${name}" expected a value above -Infinity, got none in ${row.length}`)
  return largest
}

/**
 * Draws an id from the softmax of a row at a temperature.
 * @param random one uniform number in [0, 1) is taken.
 */
export function sampleFromLogits(
  row: LogitsRow,
  { temperature, random }: { temperature: number; random: () => number },
): number {
  const largest = assertSampleable(row, { name: 'logits' })
  const weights = new Float64Array(row.length)
  let total = 0
  for (let i = 0; i < row.length; i++) {
    const weight = Math.exp((row[i]! - largest) / temperature)
    weights[i] = weight
    total += weight
  }
  return drawFromWeights(weights, { total, random })
}

/** Draws an index with probability weight / total. Weights are non-negative; the last positive one takes any rounding rest. */
export function drawFromWeights(
  weights: ArrayLike<number>,
  { total, random }: { total: number; random: () => number },
): number {
  let rest = random() * total
  let last = -1
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!
    if (weight <= 0) continue
    last = i
    rest -= weight
    if (rest < 0) return i
  }
  return last
}
