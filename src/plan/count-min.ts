/**
 * The count-min sketch (Cormode and Muthukrishnan 2005, "An improved data stream summary: the count-min sketch and its applications"): counts of tuples in a table of
 * fixed size. Each of `depth` rows adds a tuple to one of its `width` cells, and a tuple's count is the least of its cells. It is never too low, and too high by more than
 * e / width of all that was added with probability at most exp(-depth) (theorem 1, which asks that two tuples meet in a cell with probability 1 / width).
 *
 * Cells are chosen by multiply-add-shift for vectors (Thorup, "High speed hashing for integers and strings", section 3.3): strongly universal for words of 32 bits
 * and up to 2^32 cells, with 64-bit coefficients. These come from SHA-256 of the row's number, so that tables of one shape can be added.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { littleEndianWords, utf8ToBytes } from '../bytes.ts'

/** Shape of a table. */
export interface SketchShape {
  /** Cells of a row: a power of two. */
  readonly width: number
  /** Rows. */
  readonly depth: number
}

/** Fits a table to a promise: counts are too high by more than `error` of everything added with probability at most 1 - `confidence`. */
export function sketchShape({ error, confidence }: { error: number; confidence: number }): SketchShape {
  const width = 2 ** Math.max(1, Math.ceil(Math.log2(Math.E / error)))
  return Object.freeze({ width, depth: Math.max(1, Math.ceil(-Math.log1p(-confidence))) })
}

/** Cells of tuples of `length` words: index of the cell in row r of a table that has its rows one behind the other. */
export function sketchCells(
  { width, depth }: SketchShape,
  length: number,
): (tuple: ArrayLike<number>, row: number) => number {
  // Two words a coefficient: low, high; the first of a row is added.
  const coefficients = Array.from({ length: depth }, (_, row) =>
    Array.from({ length: length + 1 }, (_, i) =>
      littleEndianWords(sha256(utf8ToBytes(`dyetrace/exposure-1|row ${row}|${i}`)).subarray(0, 8)),
    ),
  )
  const shift = 32 - Math.log2(width)
  return (tuple, row) => {
    const own = coefficients[row]!
    let low = own[0]![0]!
    let high = own[0]![1]!
    for (let i = 0; i < length; i++) {
      const [a, b] = own[i + 1]!
      const word = tuple[i]! >>> 0
      const sum = low + (Math.imul(a!, word) >>> 0)
      high = (high + timesHigh(a!, word) + Math.imul(b!, word) + (sum > 0xffffffff ? 1 : 0)) >>> 0
      low = sum >>> 0
    }
    return row * width + (shift === 32 ? 0 : high >>> shift)
  }
}

/** The high 32 bits of a product of two words. */
function timesHigh(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = (a1 * b0 + ((a0 * b0) >>> 16)) >>> 0
  const carry = (a0 * b1 + (middle & 0xffff)) >>> 0
  return (Math.imul(a1, b1) + (middle >>> 16) + (carry >>> 16)) >>> 0
}
