/**
 * Zstandard (RFC 8878) as a stream: packed pieces in, unpacked pieces out. `fzstd` unpacks the blocks; this file takes frames apart, as fzstd by itself
 * compares no check sum, takes a frame that ends too early for one that goes on, and allocates whatever window a frame asks for. Memory: the window (at most 128 MiB, what `zstd -d` allows
 * too) and a block. Dictionaries are refused: without theirs, such frames cannot be read.
 */
import { Decompress } from 'fzstd'
import { StreamFault } from './stream-fault.ts'
import { createXxh64 } from './xxh64.ts'

const FRAME = 0xfd2fb528
/** Sixteen numbers from this one on mark frames that are to be skipped. */
const SKIPPABLE = 0x184d2a50
const MOST_WINDOW = 128 * 2 ** 20
/** RFC 8878, 3.1.1.2.4: no block has more, packed or unpacked. */
const MOST_BLOCK = 128 * 2 ** 10

/**
 * Unpacks a stream of frames.
 * @throws StreamFault for what is no frame, is damaged, ends too early, or needs a dictionary or too large a window.
 */
export async function* unpackZstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = createReader(packed)
  let frames = 0
  while (!(await reader.isAtEnd())) {
    const magic = wordOf(await reader.take(4))
    if ((magic & ~0xf) >>> 0 === SKIPPABLE) await reader.skip(wordOf(await reader.take(4)))
    else if (magic === FRAME) yield* unpackFrame(reader)
    else
      throw new StreamFault(
        `expected a Zstandard frame ${frames === 0 ? 'at the start' : 'or the end'}, got other bytes`,
      )
    frames++
  }
  if (frames === 0) throw new StreamFault('expected a Zstandard frame, got no bytes')
}

async function* unpackFrame(reader: Reader): AsyncGenerator<Uint8Array> {
  const { header, hasSum, size } = await readHeader(reader)
  const sum = createXxh64()
  let pieces: Uint8Array[] = []
  let length = 0
  const decompress = new Decompress((piece) => {
    if (piece.length > 0) pieces.push(piece)
  })
  let head = header
  for (;;) {
    const blockHead = await reader.take(3)
    const word = blockHead[0]! | (blockHead[1]! << 8) | (blockHead[2]! << 16)
    const [isLast, type, blockSize] = [(word & 1) === 1, (word >> 1) & 3, word >> 3]
    if (type === 3 || blockSize > MOST_BLOCK) throw damaged('a block that no encoder writes')
    const body = await reader.take(type === 1 ? 1 : blockSize)
    const check = isLast && hasSum ? await reader.take(4) : new Uint8Array(0)
    try {
      decompress.push(Buffer.concat([head, blockHead, body, check]), isLast)
    } catch {
      throw damaged('a block that does not unpack')
    }
    head = new Uint8Array(0)
    for (const piece of pieces) {
      length += piece.length
      if (hasSum) sum.update(piece)
      yield piece
    }
    pieces = []
    if (!isLast) continue
    if (size !== undefined && length !== size)
      throw damaged(`${length} bytes where the frame's header says ${size}`)
    if (hasSum && sum.low32() !== wordOf(check))
      throw damaged('another check sum; rows before this place may be wrong')
    return
  }
}

interface Header {
  /** The frame's bytes up to its first block, as fzstd wants them. */
  readonly header: Uint8Array
  readonly hasSum: boolean
  readonly size: number | undefined
}

/** RFC 8878, 3.1.1.1. */
async function readHeader(reader: Reader): Promise<Header> {
  const descriptor = (await reader.take(1))[0]!
  const isSingle = (descriptor & 0x20) !== 0
  if ((descriptor & 0x08) !== 0) throw damaged('a header that no encoder writes')
  if ((descriptor & 3) !== 0)
    throw new StreamFault('expected a Zstandard frame without a dictionary, got one that needs one')
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  const fields = await reader.take((isSingle ? 0 : 1) + sizeBytes)
  const size = sizeBytes === 0 ? undefined : sizeOf(fields.subarray(isSingle ? 0 : 1))
  const window = isSingle ? size! : windowOf(fields[0]!)
  if (window > MOST_WINDOW)
    throw new StreamFault(`expected a Zstandard window of at most ${MOST_WINDOW} bytes, got ${window}`)
  return {
    header: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, descriptor, ...fields),
    hasSum: (descriptor & 4) !== 0,
    size,
  }
}

function windowOf(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 7)
}

function sizeOf(bytes: Uint8Array): number {
  let size = 0
  for (let i = bytes.length - 1; i >= 0; i--) size = size * 256 + bytes[i]!
  return bytes.length === 2 ? size + 256 : size
}

function wordOf(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0
}

function damaged(got: string): StreamFault {
  return new StreamFault(`expected a Zstandard frame without damage, got ${got}`)
}

/** Pieces of any size as a source of exactly so many bytes. */
interface Reader {
  isAtEnd(): Promise<boolean>
  take(count: number): Promise<Uint8Array>
  skip(count: number): Promise<void>
}

function createReader(pieces: AsyncIterable<Uint8Array>): Reader {
  const iterator = pieces[Symbol.asyncIterator]()
  let piece: Uint8Array = new Uint8Array(0)
  let at = 0

  async function isAtEnd(): Promise<boolean> {
    while (at === piece.length) {
      const next = await iterator.next()
      if (next.done) return true
      piece = next.value
      at = 0
    }
    return false
  }

  async function eachPart(count: number, part: (bytes: Uint8Array) => void): Promise<void> {
    for (let left = count; left > 0; ) {
      if (await isAtEnd())
        throw new StreamFault('expected the end of a Zstandard frame, got the end of the bytes')
      const bytes = piece.subarray(at, at + left)
      part(bytes)
      at += bytes.length
      left -= bytes.length
    }
  }

  return {
    isAtEnd,
    async take(count) {
      const taken = new Uint8Array(count)
      let filled = 0
      await eachPart(count, (bytes) => {
        taken.set(bytes, filled)
        filled += bytes.length
      })
      return taken
    },
    skip: (count) => eachPart(count, () => {}),
  }
}
