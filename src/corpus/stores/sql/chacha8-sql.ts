/**
 * The ChaCha block function with 8 rounds (prf/chacha8.ts, RFC 8439 layout) as chained sub-queries over word columns. In: columns of key, counter
 * and nonce words. Out: the sixteen words of the block as further columns. Half of each quarter round is one level, four beside each
 * other: 18 levels a block.
 */
import { chained, type Level, type WordArithmetic } from './dialect.ts'

// "expand 32-byte k" as little-endian words (RFC 8439 section 2.3).
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const
const DOUBLE_ROUNDS = 4

const COLUMNS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
] as const
const DIAGONALS = [
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const
/** A quarter round is two steps of one shape, with these rotations. */
const HALVES = [
  [16, 12],
  [8, 7],
] as const

/** Names of the columns, or SQL, that a block is made of. */
export interface BlockInput {
  /** 8 words. */
  readonly key: readonly string[]
  readonly counter: string
  /** 3 words. */
  readonly nonce: readonly string[]
}

/**
 * Computes the block of each row.
 * @param from SQL behind FROM. `keep`: its columns that are handed on, all of `input` among them.
 * @param prefix what the new columns are called: prefix and place, for the places in `words`.
 * @returns SQL behind FROM with the columns `keep` and the new ones.
 */
export function chacha8Sql(
  from: string,
  {
    keep,
    input,
    prefix,
    words,
    arithmetic,
  }: {
    readonly keep: readonly string[]
    readonly input: BlockInput
    readonly prefix: string
    readonly words: readonly number[]
    readonly arithmetic: WordArithmetic
  },
): string {
  const { add, rotateLeft, xor, literal } = arithmetic
  const start = [...CONSTANTS.map(literal), ...input.key, input.counter, ...input.nonce]
  const levels: Level[] = [Object.fromEntries(start.map((word, i) => [`${prefix}${i}_0`, word]))]
  const state = (i: number): string => `${prefix}${i}_${levels.length - 1}`
  for (let round = 0; round < DOUBLE_ROUNDS; round++) {
    for (const lanes of [COLUMNS, DIAGONALS]) {
      for (const [first, second] of HALVES) {
        const level: Record<string, string> = {}
        const made = (i: number): string => `${prefix}${i}_${levels.length}`
        for (const [a, b, c, d] of lanes) {
          const sumA = add(state(a), state(b))
          const turnedD = rotateLeft(xor(state(d), sumA), first)
          const sumC = add(state(c), turnedD)
          level[made(a)] = sumA
          level[made(b)] = rotateLeft(xor(state(b), sumC), second)
          level[made(c)] = sumC
          level[made(d)] = turnedD
        }
        levels.push(level)
      }
    }
  }
  levels.push(Object.fromEntries(words.map((i) => [`${prefix}${i}`, add(state(i), start[i]!)])))
  return chained(from, { keep, levels })
}
