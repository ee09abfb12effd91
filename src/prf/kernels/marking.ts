/**
 * Marks on float32 rows by kernels: copies the row in, calls, copies out, wipes the key. What is computed, and what it must be equal to, stands with the schemes
 * (src/schemes). All take the stream of one lane; rows of others go token by token in JavaScript.
 */
import type { Kernels } from './kernels.ts'

/** The stream that fields come from: 8 words of key, 3 of nonce. */
export interface Stream {
  readonly key: Uint32Array
  readonly nonce: Uint32Array
}

/** Rows below this are quicker without copies. */
export const SMALLEST_ROW = 512

const TOKENS_A_CHUNK = { 1: 2048, 8: 256 } as const

/** Adds `step` to the first `count` logits whose field of `bits` bits is below `param`. */
export function addToGreen(
  kernels: Kernels,
  row: Float32Array,
  about: Stream & {
    readonly count: number
    readonly bits: 1 | 8
    readonly param: number
    readonly step: number
  },
): void {
  const { count, bits, param, step, key, nonce } = about
  const { at, call } = kernels
  // The last chunk goes over the end.
  kernels.reserve(4 * (count + TOKENS_A_CHUNK[bits]))
  const first = at.data / 4
  kernels.floats.set(row.subarray(0, count), first)
  kernels.load(key, nonce)
  call['markGreenList']!(at.data, count, bits, param, step, at.key, at.nonce, at.state, at.blocks)
  kernels.wipe()
  row.set(kernels.floats.subarray(first, first + count))
}

/** The winner of the race among the first `count` logits, of which one at least is above -Infinity (src/schemes/gumbel.ts). */
export function raceByKernels(
  kernels: Kernels,
  row: Float32Array,
  { count, key, nonce }: Stream & { readonly count: number },
): number {
  const { at, call } = kernels
  const padded = multiple(count, 64)
  copyIn(kernels, row, { count, padded })
  kernels.load(key, nonce)
  const winner = call['race']!(at.data, padded, at.key, at.nonce, at.state, at.blocks)
  kernels.wipe()
  return winner
}

/** True where so few tokens of a row can come that they are better taken one by one. */
export function isFew(possible: number, count: number): boolean {
  return 8 * possible <= count
}

/** The tokens of a row that can come, and their fields of 32 bits. */
export interface Candidates {
  readonly tokens: Uint32Array
  readonly fields: Uint32Array
}

/** Tables of one group of rounds: the factor of each value of its bits, and its logarithm. */
export interface GroupTables {
  readonly factors: Float64Array
  readonly logarithms: Float64Array
}

const BINS = 1024
const GROUPS = 3

/**
 * Plays tournament rounds on the first `count` logits, in place.
 * @param tablesOf from the masses of the values of a group's bits to its tables (src/schemes/tournament.ts).
 * @param few is called in place of all that, where {@link isFew} says so, with their ids and fields.
 */
export function tournamentByKernels(
  kernels: Kernels,
  row: Float32Array,
  about: Stream & { readonly count: number; readonly rounds: number },
  tablesOf: (masses: Float64Array, rounds: number) => GroupTables,
  few: (candidates: Candidates) => void,
): void {
  const { count, rounds, key, nonce } = about
  const { at, call } = kernels
  const padded = multiple(count, 64)
  const fields = at.data + 4 * padded
  const weights = fields + 4 * padded
  const tables = weights + 4 * padded
  const masses = tables + 4 * BINS * GROUPS
  kernels.reserve(masses + 8 * BINS - at.data)
  copyIn(kernels, row, { count, padded })
  kernels.load(key, nonce)
  const possible = call['survey']!(at.data, padded, masses)
  const largest = kernels.floats[masses / 4]!
  if (isFew(possible, count)) {
    // The tokens lie where weights would.
    call['possible']!(weights, at.data, padded)
    const whole = multiple(possible, 4)
    kernels.words.fill(0, weights / 4 + possible, weights / 4 + whole)
    call['fieldsAt']!(fields, weights, whole, at.key, at.nonce, at.state, at.blocks)
    kernels.wipe()
    const { words } = kernels
    few({
      tokens: words.slice(weights / 4, weights / 4 + possible),
      fields: words.slice(fields / 4, fields / 4 + possible),
    })
    return
  }
  call['keystream']!(fields, padded / 16, at.key, at.nonce, 0, at.state)
  kernels.wipe()
  call['weigh']!(weights, at.data, padded, largest)
  const { doubles, floats } = kernels
  const logarithms: Float64Array[] = []
  for (let group = 0; group < GROUPS; group++) {
    const own = Math.min(10, rounds - 10 * group)
    if (own <= 0) break
    const bins = 2 ** own
    doubles.fill(0, masses / 8, masses / 8 + bins)
    if (group === 0) call['gatherMasses']!(masses, fields, weights, padded, bins - 1)
    else call['scaleAndGatherMasses']!(masses, fields, weights, padded, bins - 1, tables, 10 * (group - 1))
    const made = tablesOf(doubles.slice(masses / 8, masses / 8 + bins), own)
    floats.set(made.factors, tables / 4)
    logarithms.push(made.logarithms)
  }
  floats.fill(0, tables / 4, masses / 4)
  // A group of fewer rounds leaves the bits above them without a say.
  for (const [group, table] of logarithms.entries())
    for (let from = 0; from < BINS; from += table.length) floats.set(table, tables / 4 + BINS * group + from)
  call['tilt']!(at.data, fields, padded, tables)
  row.set(kernels.floats.subarray(at.data / 4, at.data / 4 + count))
}

/** exp32 (src/exp32.ts) of each logit less the largest. */
export function weighByKernels(kernels: Kernels, row: Float32Array, largest: number): Float32Array {
  const { at, call } = kernels
  const padded = multiple(row.length, 64)
  const weights = at.data + 4 * padded
  kernels.reserve(8 * padded)
  copyIn(kernels, row, { count: row.length, padded })
  call['weigh']!(weights, at.data, padded, largest)
  return kernels.floats.slice(weights / 4, weights / 4 + row.length)
}

function copyIn(
  kernels: Kernels,
  row: Float32Array,
  { count, padded }: { count: number; padded: number },
): void {
  kernels.reserve(4 * padded)
  const first = kernels.at.data / 4
  const { floats } = kernels
  floats.set(count === row.length ? row : row.subarray(0, count), first)
  floats.fill(Number.NEGATIVE_INFINITY, first + count, first + padded)
}

function multiple(count: number, of: number): number {
  return Math.ceil(count / of) * of
}
