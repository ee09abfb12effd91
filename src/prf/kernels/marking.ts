/**
 * Marks on float32 rows by kernels: copies the row in, calls, copies out, wipes the key. What is computed, and what it must be equal to, stands with the schemes
 * (src/schemes). All take the stream of one lane; rows of others go token by token in JavaScript.
 */
import type { LogitsRow } from '../../logits.ts'
import { type Kernels, kernels } from './kernels.ts'

/** The stream that fields come from: 8 words of key, 3 of nonce. */
export interface Stream {
  readonly key: Uint32Array
  readonly nonce: Uint32Array
}

/** Rows below this are quicker without copies. */
export const SMALLEST_ROW = 512

/** A row that kernels can take, with the kernels. */
export interface KernelRow {
  readonly kernels: Kernels
  readonly row: Float32Array
}

/** The kernels for a row of which so many logits matter; undefined where JavaScript is to be used, or is quicker. */
export function kernelsFor(row: LogitsRow, count: number = row.length): KernelRow | undefined {
  if (!(row instanceof Float32Array) || count < SMALLEST_ROW) return undefined
  const usable = kernels()
  return usable && { kernels: usable, row }
}

/** True where a row can be sampled from: no NaN, no Infinity, one value above -Infinity. Some five times quicker than a loop, the copy included. */
export function isSampleableByKernels({ kernels, row }: KernelRow): boolean {
  const padded = multiple(row.length, 64)
  copyIn(kernels, row, { count: row.length, padded })
  return kernels.call['isSampleable']!(kernels.at.data, padded) === 1
}

const TOKENS_A_CHUNK = { 1: 2048, 8: 256 } as const

/** Adds `step` to the first `count` logits whose field of `bits` bits is below `param`. */
export function addToGreen(
  { kernels, row }: KernelRow,
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
  { kernels, row }: KernelRow,
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

const BINS = 1024
const GROUPS = 3

/** What a row's rounds are. */
type Rounds = Stream & {
  readonly count: number
  readonly rounds: number
  /** Rounds a group where {@link isFew} says so; with more tokens it is ten. */
  readonly groupOfFew: number
}

/** Plays tournament rounds on the first `count` logits, in place. */
export function tournamentByKernels({ kernels, row }: KernelRow, about: Rounds): void {
  const { count, rounds, key, nonce } = about
  const { at, call } = kernels
  const padded = multiple(count, 64)
  const fields = at.data + 4 * padded
  const weights = fields + 4 * padded
  const tables = weights + 4 * padded
  const masses = tables + 4 * BINS * (GROUPS + 1)
  kernels.reserve(masses + TABLE_ROOM - at.data)
  copyIn(kernels, row, { count, padded })
  kernels.load(key, nonce)
  const most = Math.floor(count / 8)
  const possible = call['possible']!(fields, weights, at.data, padded, most)
  if (isFew(possible, count)) {
    tournamentOfFew(kernels, row, { ...about, possible, room: { fields, weights, tables } })
    return
  }
  call['survey']!(at.data, padded, masses)
  const largest = kernels.floats[masses / 4]!
  call['keystream']!(fields, padded / 16, at.key, at.nonce, 0, at.state)
  kernels.wipe()
  call['weigh']!(weights, at.data, padded, largest)
  const { doubles, floats } = kernels
  const factors = tables + 4 * BINS * GROUPS
  floats.fill(0, tables / 4, factors / 4)
  for (let group = 0; group < GROUPS; group++) {
    const own = Math.min(10, rounds - 10 * group)
    if (own <= 0) break
    const bins = 2 ** own
    doubles.fill(0, masses / 8, masses / 8 + bins)
    if (group === 0) call['gatherMasses']!(masses, fields, weights, padded, bins - 1)
    else call['scaleAndGatherMasses']!(masses, fields, weights, padded, bins - 1, factors, 10 * (group - 1))
    const logarithms = tables + 4 * BINS * group
    buildTables(kernels, { masses, rounds: own, factors, logarithms })
    // A group of fewer rounds leaves the bits above them without a say.
    for (let from = bins; from < BINS; from += bins)
      floats.copyWithin(logarithms / 4 + from, logarithms / 4, logarithms / 4 + bins)
  }
  call['tilt']!(at.data, fields, padded, tables)
  // Fields are what a key says of tokens; with the key they do not outlive the call.
  kernels.bytes.fill(0, fields, weights)
  row.set(kernels.floats.subarray(at.data / 4, at.data / 4 + count))
}

/**
 * The same where few tokens can come: they and their logits are side by side in `room.fields` and `room.weights`, which have room for eight times as many.
 */
function tournamentOfFew(
  kernels: Kernels,
  row: Float32Array,
  about: Rounds & {
    readonly possible: number
    readonly room: { readonly fields: number; readonly weights: number; readonly tables: number }
  },
): void {
  const { possible, rounds, groupOfFew, room } = about
  const { at, call } = kernels
  const whole = multiple(possible, 16)
  const [tokens, logits] = [room.fields, room.weights]
  const fields = tokens + 4 * whole
  const weights = logits + 4 * whole
  const tilts = weights + 4 * whole
  const factors = room.tables
  const logarithms = factors + 4 * BINS
  const masses = factors + 4 * BINS * (GROUPS + 1)
  const { doubles, floats, words } = kernels
  words.fill(0, tokens / 4 + possible, tokens / 4 + whole)
  floats.fill(Number.NEGATIVE_INFINITY, logits / 4 + possible, logits / 4 + whole)
  call['fieldsAt']!(fields, tokens, whole, at.key, at.nonce, at.state, at.blocks)
  kernels.wipe()
  call['survey']!(logits, whole, masses)
  call['weigh']!(weights, logits, whole, floats[masses / 4]!)
  floats.fill(0, tilts / 4, tilts / 4 + possible)
  for (let from = 0; from < rounds; from += groupOfFew) {
    const own = Math.min(groupOfFew, rounds - from)
    const bins = 2 ** own
    doubles.fill(0, masses / 8, masses / 8 + bins)
    call['massesFrom']!(masses, fields, weights, possible, from, bins - 1)
    buildTables(kernels, { masses, rounds: own, factors, logarithms })
    call['scaleAndTilt']!(weights, tilts, fields, possible, from, bins - 1, factors, logarithms)
  }
  for (let i = 0; i < possible; i++) {
    const token = words[tokens / 4 + i]!
    row[token] = row[token]! + floats[tilts / 4 + i]!
  }
  words.fill(0, fields / 4, fields / 4 + whole)
}

/** Masses, a table's doubles, and a round's shares and what is made of them. */
const TABLE_ROOM = 8 * (2 * BINS + 5 * 16)

/** From the masses of the values of some rounds' bits to the tables of factors and of their logarithms (`tablesOf` of src/schemes/tournament.ts). */
function buildTables(
  { call, doubles }: Pick<Kernels, 'call' | 'doubles'>,
  {
    masses,
    rounds,
    factors,
    logarithms,
  }: { masses: number; rounds: number; factors: number; logarithms: number },
): void {
  const room = masses + 8 * BINS
  const shares = room + 8 * BINS
  const values = shares + 8 * 16
  const lnValues = values + 8 * 32
  call['sharesOf']!(shares, masses, rounds)
  for (let round = 0; round < rounds; round++) {
    const zero = doubles[shares / 8 + round]!
    const at = values / 8 + 2 * round
    doubles[at] = zero
    doubles[at + 1] = 1 + zero
    // Logarithms of the engine's own, as on the other path.
    doubles[at + 32] = Math.log(zero)
    doubles[at + 33] = Math.log(1 + zero)
  }
  call['buildTable']!(factors, rounds, values, 0, room)
  call['buildTable']!(logarithms, rounds, lnValues, 1, room)
}

/** exp32 (src/exp32.ts) of each logit less the largest. */
export function weighByKernels({ kernels, row }: KernelRow, largest: number): Float32Array {
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
