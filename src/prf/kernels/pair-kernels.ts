/**
 * Fields of many pairs by kernels: copies pairs in, plans which blocks they need, and computes the fields under any number of keys from one plan. The plan and the
 * fields lie in the kernels' memory: whoever plans computes at once, lets nothing else use the kernels in between, and calls `wipePairs` at the end.
 */
import type { FieldFormat } from '../fields.ts'
import type { Kernels } from './kernels.ts'

/** Pairs of one plan: small enough that pairs, blocks and fields stay near the processor. */
export const PLAN_PAIRS = 1024

/** Fewer pairs than this are quicker without copies. */
export const FEWEST_PAIRS = 16

/** Where the field of a pair's token lies; `lane` is the first one that is read. */
export interface PairFormat extends FieldFormat {
  readonly lane: number
}

/** A plan in the kernels' memory. */
export interface PairPlan {
  readonly count: number
  readonly groups: number
  readonly format: PairFormat
  /** Views that hold while the plan does: nothing grows the memory in between, and asking for one takes as long as some blocks. */
  readonly words: Uint32Array
  readonly doubles: Float64Array
}

/** Most lanes of a block that are computed field by field; 512 one-bit lanes are counted bit by bit. */
const MOST_FIELDS = 64
/** Words of a pair that {@link PLAN_PAIRS} pairs may have each. */
export const MOST_WORDS = 5
const LANES = 512
const ROOM = 2048 + 8192

// Bytes of fields since the last wipe. The kernels' memory is one a thread, and so is this.
let written = 0

interface Layout {
  readonly pairs: number
  readonly groups: number
  readonly ends: number
  readonly places: number
  readonly room: number
  readonly sums: number
  readonly fields: number
  readonly end: number
}

let layout: Layout | undefined

function layoutOf({ at: { data } }: Kernels): Layout {
  if (layout?.pairs === data) return layout
  const pairs = data
  const groups = pairs + 4 * MOST_WORDS * PLAN_PAIRS
  const ends = groups + 16 * PLAN_PAIRS
  const places = ends + PLAN_PAIRS
  const room = places + 2 * PLAN_PAIRS
  const sums = room + ROOM
  const fields = sums + 8 * LANES
  const end = fields + 4 * MOST_FIELDS * PLAN_PAIRS + 16
  layout = { pairs, groups, ends, places, room, sums, fields, end }
  return layout
}

/** Loads at most 8 words of key. A million keys are loaded one by one: no call of a typed array's `set` each. */
export function loadKey({ at: { key: to } }: Kernels, key: Uint32Array, words: Uint32Array): void {
  for (let i = 0; i < key.length; i++) words[to / 4 + i] = key[i]!
}

/** Plans at most {@link PLAN_PAIRS} pairs, at least one. */
export function planPairs(kernels: Kernels, pairs: Uint32Array, format: PairFormat): PairPlan {
  const { contextWidth, bits, lanes, lane } = format
  const tokensPerBlock = 512 / (bits * lanes)
  const place = {
    shift: Math.log2(tokensPerBlock),
    mask: tokensPerBlock - 1,
    placeShift: Math.log2(bits * lanes),
  }
  return plan(kernels, pairs, { contextWidth, ...place, offset: lane * bits }, format)
}

/** As {@link planPairs} for the first word of block 0 of each pair's context: what routes it. */
export function planRoutes(
  kernels: Kernels,
  pairs: Uint32Array,
  { contextWidth }: { contextWidth: number },
): PairPlan {
  const format: PairFormat = { contextWidth, bits: 32, lanes: 1, lane: 0 }
  return plan(kernels, pairs, { contextWidth, shift: 32, mask: 0, placeShift: 0, offset: 0 }, format)
}

function plan(
  kernels: Kernels,
  pairs: Uint32Array,
  place: { contextWidth: number; shift: number; mask: number; placeShift: number; offset: number },
  format: PairFormat,
): PairPlan {
  const at = layoutOf(kernels)
  kernels.reserve(at.end - at.pairs)
  const { contextWidth, shift, mask, placeShift, offset } = place
  const count = pairs.length / (contextWidth + 1)
  copyIn(kernels, pairs)
  const groups = kernels.call['planPairs']!(
    at.pairs,
    count,
    contextWidth,
    shift,
    mask,
    placeShift,
    offset,
    at.groups,
    at.ends,
    at.places,
  )
  return { count, groups, format, words: kernels.words, doubles: kernels.doubles }
}

/** Pairs into the kernels' memory; returns their address. */
export function copyIn(kernels: Kernels, pairs: Uint32Array): number {
  const { pairs: to, end } = layoutOf(kernels)
  kernels.reserve(end - to)
  kernels.words.set(pairs, to / 4)
  return to
}

/** Where so many words may be computed to; they are wiped by {@link wipePairs}. */
export function fieldsAddress(kernels: Kernels, words: number): number {
  // Kernels that take four at a time go over the end.
  written = Math.max(written, 4 * (words + 3))
  return layoutOf(kernels).fields
}

/** Computes the field of each planned pair under a key. Returns the address of the words. */
export function fieldsOfPlan(
  kernels: Kernels,
  key: Uint32Array,
  { groups, count, words, format: { bits } }: PairPlan,
): number {
  const at = layoutOf(kernels)
  const fields = fieldsAddress(kernels, count)
  loadKey(kernels, key, words)
  const { key: keyAt, state, blocks } = kernels.at
  const mask = 2 ** bits - 1
  kernels.call['pairFields']!(fields, keyAt, at.groups, at.ends, at.places, groups, mask, state, blocks)
  return fields
}

/** As {@link fieldsOfPlan}, of all lanes of a pair, pair by pair; the plan's lane is 0. At most 64 lanes. */
export function laneFieldsOfPlan(
  kernels: Kernels,
  key: Uint32Array,
  { groups, count, words, format: { bits, lanes } }: PairPlan,
): number {
  const at = layoutOf(kernels)
  const fields = fieldsAddress(kernels, count * lanes)
  loadKey(kernels, key, words)
  const { key: keyAt, state, blocks } = kernels.at
  kernels.call['laneFields']!(
    fields,
    keyAt,
    at.groups,
    at.ends,
    at.places,
    groups,
    bits,
    lanes,
    2 ** bits - 1,
    state,
    blocks,
  )
  return fields
}

/** Writes a double for each of 32 to 512 one-bit lanes: how many planned pairs have the bit 0; the plan's lane is 0. Returns their address. */
export function countZerosOfPlan(
  kernels: Kernels,
  key: Uint32Array,
  { groups, count, words, format: { lanes } }: PairPlan,
): number {
  const at = layoutOf(kernels)
  // The room and the sums lie before the fields.
  fieldsAddress(kernels, 0)
  loadKey(kernels, key, words)
  const { key: keyAt, state, blocks } = kernels.at
  kernels.call['countZeros']!(
    at.sums,
    keyAt,
    at.groups,
    at.ends,
    at.places,
    groups,
    count,
    lanes,
    state,
    blocks,
    at.room,
  )
  return at.sums
}

/** Writes the sum of each lane of `count` rows of words, a double each. Returns their address. */
export function sumLanes(
  kernels: Kernels,
  { words, count, lanes }: { words: number; count: number; lanes: number },
): number {
  const { sums } = layoutOf(kernels)
  kernels.call['sumLanes']!(sums, words, count, lanes)
  return sums
}

/** Overwrites the key and all that was computed under it. */
export function wipePairs(kernels: Kernels): void {
  const { room, fields } = layoutOf(kernels)
  kernels.wipe()
  if (written > 0) kernels.bytes.fill(0, room, fields + written)
  written = 0
}
