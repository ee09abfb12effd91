/** The bytes of a source, unpacked, in pieces of bounded size. */
import { createReadStream } from 'node:fs'
import { utf8ToBytes } from '../bytes.ts'
import { unpackGzip } from './gzip.ts'
import type { SourceFile } from './sources.ts'
import { StreamFault } from './stream-fault.ts'
import { unpackZstd } from './zstd.ts'

const PIECE = 64 * 1024

/** Standard input, as an environment gives it. */
export type InputStream = AsyncIterable<Uint8Array | string>

/**
 * Reads a source. Standard input is unpacked where it begins as a packed stream does; a file, where its name says so.
 * @throws StreamFault for what cannot be read or unpacked, after the pieces before it.
 */
export async function* bytesOf(
  source: Pick<SourceFile, 'path' | 'compression'>,
  stdin?: InputStream,
): AsyncGenerator<Uint8Array> {
  const { path, compression } = source
  if (path !== undefined) {
    yield* unpacked(readFile(path), compression)
    return
  }
  if (stdin === undefined)
    throw new TypeError('"options.stdin" expected a stream to read standard input from, got undefined')
  const { head, pieces } = await peek(asBytes(stdin))
  const begins = (...magic: readonly number[]): boolean => magic.every((byte, i) => head[i] === byte)
  if (begins(0x50, 0x41, 0x52, 0x31))
    throw new RangeError('standard input: expected JSON lines, got a Parquet file; name it instead')
  yield* unpacked(pieces, begins(0x1f, 0x8b) ? 'gzip' : begins(0x28, 0xb5, 0x2f, 0xfd) ? 'zstd' : compression)
}

function unpacked(
  pieces: AsyncIterable<Uint8Array>,
  compression: SourceFile['compression'],
): AsyncIterable<Uint8Array> {
  if (compression === 'gzip') return unpackGzip(pieces)
  return compression === 'zstd' ? unpackZstd(pieces) : pieces
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: PIECE }) as AsyncIterable<Uint8Array>
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new StreamFault(`expected a file that can be read, got ${code}`)
  }
}

async function* asBytes(stream: InputStream): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    const bytes = typeof piece === 'string' ? utf8ToBytes(piece) : piece
    for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
  }
}

/** The first four bytes, and all pieces still to come. */
async function peek(
  stream: AsyncGenerator<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly pieces: AsyncIterable<Uint8Array> }> {
  const first: Uint8Array[] = []
  let size = 0
  while (size < 4) {
    const { done, value } = await stream.next()
    if (done) break
    // Kept beyond its turn, and a stream may write over its pieces.
    first.push(new Uint8Array(value))
    size += value.length
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* first
    yield* stream
  }
  return { head: Buffer.concat(first).subarray(0, 4), pieces: all() }
}
