/**
 * Scores of many pairs under one key or many: what `scheme.field` and `scheme.score` give pair by pair, bit for bit, by kernels or by JavaScript loops where the scheme says
 * how (`Scheme.bulk`). Everything that scores more than one pair comes here. Memory stays bounded: pairs are taken in chunks.
 *
 * Pairs are `contextWidth + 1` words each and all belong to the keys that are asked about (reads.ts).
 */
import { type MarkKey, markKeyWords } from '../keys/mark-key.ts'
import { addZeroCounts } from '../prf/count-zeros.ts'
import type { FieldFormat } from '../prf/fields.ts'
import { type Kernels, kernels } from '../prf/kernels/kernels.ts'
import {
  countZerosOfPlan,
  FEWEST_PAIRS,
  fieldsOfPlan,
  laneFieldsOfPlan,
  MOST_WORDS,
  type PairFormat,
  type PairPlan,
  PLAN_PAIRS,
  planPairs,
  sumLanes,
  wipePairs,
} from '../prf/kernels/pair-kernels.ts'
import { writePairFields } from '../prf/pair-fields.ts'
import type { Scheme } from './scheme.ts'
import { type ScoreRule, scoreByKernels, scoreInPlace, unitOfRule } from './score-rule.ts'

/** What is asked: a scheme and a lane. */
export interface Scored {
  readonly scheme: Scheme
  readonly lane: number
}

/** The sum of the scores of all pairs under each key. */
export function scoreSums(
  pairs: Uint32Array,
  { scheme, lane, keys }: Scored & { readonly keys: readonly MarkKey[] },
): Float64Array {
  const sums = new Float64Array(keys.length)
  eachChunk(pairs, { scheme, lane }, ({ sum }) => {
    for (let k = 0; k < keys.length; k++) sums[k]! += sum(keys[k]!)
  })
  return sums
}

/** The score of each pair. */
export function scoresOf(pairs: Uint32Array, { scheme, lane, key }: Scored & { key: MarkKey }): Float64Array {
  const scores = new Float64Array(pairs.length / (scheme.contextWidth + 1))
  eachChunk(pairs, { scheme, lane }, ({ units, unit }, from) => {
    const own = units(key)
    for (let i = 0; i < own.length; i++) scores[from + i] = own[i]! * unit
  })
  return scores
}

/** The sum of coefficient times score under each key, added up in the order of the pairs. */
export function weightedScoreSums(
  pairs: Uint32Array,
  {
    scheme,
    lane,
    keys,
    coefficients,
  }: Scored & { readonly keys: readonly MarkKey[]; readonly coefficients: Float64Array },
): Float64Array {
  const sums = new Float64Array(keys.length)
  eachChunk(pairs, { scheme, lane }, ({ units, unit }, from) => {
    for (const [k, key] of keys.entries()) {
      const own = units(key)
      let sum = sums[k]!
      for (let i = 0; i < own.length; i++) sum += coefficients[from + i]! * (own[i]! * unit)
      sums[k] = sum
    }
  })
  return sums
}

/** The sums of all lanes under each key, `lanes` a key: lanes share blocks, so that all of them cost little more than one. Of pairs that are distinct: neighbours that are equal are one block, which is counted as one pair where lanes are counted bit by bit. */
export function laneSums(
  pairs: Uint32Array,
  { scheme, lanes, keys }: { scheme: Scheme; lanes: number; keys: readonly MarkKey[] },
): Float64Array {
  const sums = new Float64Array(keys.length * lanes)
  eachChunk(pairs, { scheme, lane: 0, lanes }, ({ addLanes }) => {
    for (let k = 0; k < keys.length; k++) addLanes(keys[k]!, sums, k * lanes)
  })
  return sums
}

/** How many lanes a scheme's blocks have, where it says how they are laid out. */
export function lanesOf({ bulk }: Scheme): number | undefined {
  return bulk && typeof bulk.fields !== 'function' ? bulk.fields.lanes : undefined
}

/** A scheme and a lane, or so many lanes from there on. */
interface Asked extends Scored {
  readonly lanes?: number
}

/** Pairs that are scored together. What a function gives is overwritten by the next call. */
interface Chunk {
  /** Scores are units times this. */
  readonly unit: number
  units(key: MarkKey): ArrayLike<number>
  sum(key: MarkKey): number
  /** Adds to the sums of all lanes, which begin at `at`. */
  addLanes(key: MarkKey, sums: Float64Array, at: number): void
}

/** Goes through the pairs chunk by chunk. `visit` calls nothing but the chunk: kernels have one memory. */
function eachChunk(pairs: Uint32Array, scored: Asked, visit: (chunk: Chunk, from: number) => void): void {
  const { scheme } = scored
  const stride = scheme.contextWidth + 1
  const count = pairs.length / stride
  const step = pairsAtOnce(stride)
  const usable = scheme.bulk && count >= FEWEST_PAIRS ? kernels() : undefined
  const chunkOf = chunksOf(scored, usable)
  try {
    if (count <= step && count > 0) visit(chunkOf(pairs), 0)
    else
      for (let from = 0; from < count; from += step)
        visit(chunkOf(pairs.subarray(from * stride, (from + step) * stride)), from)
  } finally {
    if (usable) wipePairs(usable)
  }
}

function chunksOf(scored: Asked, usable: Kernels | undefined): (pairs: Uint32Array) => Chunk {
  const { bulk } = scored.scheme
  if (!bulk) return (pairs) => pairByPair(pairs, scored)
  const { fields, rule } = bulk
  if (typeof fields !== 'function') {
    const format = { ...fields, lane: scored.lane }
    return usable
      ? (pairs) => byPlan(usable, planPairs(usable, pairs, format), rule)
      : (pairs) => byLoops(pairs, format, rule)
  }
  return usable
    ? (pairs) =>
        byFields(usable, pairs.length / (scored.scheme.contextWidth + 1), rule, (key) =>
          fields(usable, pairs, markKeyWords(key)),
        )
    : (pairs) => pairByPair(pairs, scored)
}

/** Any scheme: the definition. */
function pairByPair(pairs: Uint32Array, { scheme, lane, lanes = 1 }: Asked): Chunk {
  const { contextWidth } = scheme
  const scores = new Float64Array(pairs.length / (contextWidth + 1))
  // One context serves all pairs of a chunk: every allocation counts.
  const context = new Uint32Array(contextWidth)
  const units = (key: MarkKey, ofLane = lane): Float64Array => {
    for (let i = 0, at = 0; i < scores.length; i++) {
      for (let j = 0; j < contextWidth; j++) context[j] = pairs[at++]!
      scores[i] = scheme.score(scheme.field(key, context, pairs[at++]!, ofLane))
    }
    return scores
  }
  return {
    unit: 1,
    units: (key) => units(key),
    sum: (key) => sumOf(units(key)),
    addLanes(key, sums, at) {
      for (let l = 0; l < lanes; l++) sums[at + l]! += sumOf(units(key, l))
    },
  }
}

/** Fields of our own format, in JavaScript. */
function byLoops(pairs: Uint32Array, format: PairFormat, rule: ScoreRule): Chunk {
  const count = pairs.length / (format.contextWidth + 1)
  const unit = unitOfRule(rule)
  const scored = (key: MarkKey, { lane, read }: { lane: number; read: number }): Uint32Array => {
    const words = new Uint32Array(count * read)
    writePairFields(words, pairs, { key: markKeyWords(key), format, lane, read })
    scoreInPlace(words, words.length, rule)
    return words
  }
  const units = (key: MarkKey): Uint32Array => scored(key, { lane: format.lane, read: 1 })
  return {
    unit,
    units,
    sum: (key) => sumOf(units(key)) * unit,
    addLanes(key, sums, at) {
      const { lanes } = format
      const own = sums.subarray(at, at + lanes)
      if (countsZeros(format, rule)) {
        addZeroCounts(own, pairs, { ...format, key: markKeyWords(key) })
        return
      }
      const words = scored(key, { lane: 0, read: lanes })
      for (let i = 0; i < words.length; i++) own[i % lanes]! += words[i]! * unit
    },
  }
}

/** Fields of our own format, by kernels. */
function byPlan(usable: Kernels, plan: PairPlan, rule: ScoreRule): Chunk {
  const unit = unitOfRule(rule)
  const { count, format, doubles } = plan
  const { lanes } = format
  const counts = countsZeros(format, rule)
  const sumsOf = (key: Uint32Array): number => {
    if (counts) return countZerosOfPlan(usable, key, plan)
    const words = laneFieldsOfPlan(usable, key, plan)
    scoreByKernels(usable, words, count * lanes, rule)
    return sumLanes(usable, { words, count, lanes })
  }
  return {
    ...byFields(usable, count, rule, (key) => fieldsOfPlan(usable, markKeyWords(key), plan)),
    addLanes(key, sums, at) {
      const from = sumsOf(markKeyWords(key)) / 8
      for (let l = 0; l < lanes; l++) sums[at + l]! += doubles[from + l]! * unit
    },
  }
}

/** Whatever fields a kernel computes. */
function byFields(
  usable: Kernels,
  count: number,
  rule: ScoreRule,
  fieldsOf: (key: MarkKey) => number,
): Chunk {
  const unit = unitOfRule(rule)
  const score = (key: MarkKey): number => {
    const fields = fieldsOf(key)
    scoreByKernels(usable, fields, count, rule)
    return fields
  }
  const sum = (key: MarkKey): number => usable.call['sumOf']!(score(key), count) * unit
  return {
    unit,
    sum,
    units(key) {
      const words = score(key) / 4
      return usable.words.subarray(words, words + count)
    },
    // Other engines' formats have one lane.
    addLanes(key, sums, at) {
      sums[at]! += sum(key)
    },
  }
}

/** True where lanes are counted bit by bit, 32 at a time: below the limit of 1 is a bit of 0. */
function countsZeros({ bits, lanes }: FieldFormat, rule: ScoreRule): boolean {
  return bits === 1 && lanes >= 32 && rule.kind === 'below' && rule.limit === 1
}

/** Contexts of other engines may be wider than ours; the room for pairs is the same. */
function pairsAtOnce(stride: number): number {
  return Math.min(PLAN_PAIRS, Math.floor((PLAN_PAIRS * MOST_WORDS) / stride))
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum
}
