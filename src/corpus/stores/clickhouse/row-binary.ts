/**
 * Scored pairs as ClickHouse's RowBinary: a row is the bytes of a pair's words, little-endian, and those of its scores. Out: pieces of some hundred thousand
 * bytes, made as they are asked for, so that a big block is not twice in memory.
 */
import type { ScoredBlock } from '../../store.ts'

/** Columns of a row, for `input()`. */
export const ROW = 'pair String, scores String'

const PIECE_BYTES = 2 ** 18

/** The rows of a block. */
export function* rowBinary({ contextWidth, pairs, tests, scores }: ScoredBlock): Generator<Uint8Array> {
  const width = contextWidth + 1
  const head = varint(4 * width)
  const middle = varint(4 * tests)
  const rowBytes = head.length + 4 * width + middle.length + 4 * tests
  const rows = pairs.length / width
  const rowsPerPiece = Math.max(1, Math.floor(PIECE_BYTES / rowBytes))
  for (let from = 0; from < rows; from += rowsPerPiece) {
    const count = Math.min(rowsPerPiece, rows - from)
    const piece = new Uint8Array(count * rowBytes)
    let at = 0
    const put = (word: number): void => {
      piece[at++] = word
      piece[at++] = word >>> 8
      piece[at++] = word >>> 16
      piece[at++] = word >>> 24
    }
    for (let row = from; row < from + count; row++) {
      for (const byte of head) piece[at++] = byte
      for (let j = row * width; j < (row + 1) * width; j++) put(pairs[j]!)
      for (const byte of middle) piece[at++] = byte
      for (let j = row * tests; j < (row + 1) * tests; j++) put(scores[j]!)
    }
    yield piece
  }
}

/** A length as ClickHouse writes it: seven bits a byte, least significant first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}
