/**
 * A corpus cut into parts: blocks of rows of a stream, the same on every machine, whatever the number of shards. Which rows are in a block depends on the
 * rows before it in the stream, and on nothing else. A part is the unit of work, of resuming and of sharding; its name says where it is from.
 */
import { createHash, type Hash } from 'node:crypto'
import { utf8ToBytes } from '../bytes.ts'
import { type Digest, digestBytes, digestJson } from '../digest.ts'
import type { CorpusDocument, Skipped } from './document.ts'

/** What is read one after the other: a file, a run of small files, standard input, or documents that a caller gives. */
export interface Stream {
  readonly name: string
  /** Files of the stream with their sizes; empty where there are none. */
  readonly files: readonly StreamFile[]
  /** Changes when a file is written; undefined where nobody can say without reading. */
  stamp(): Promise<string | undefined>
  /** True where the characters that were read say how much of the files that is. */
  readonly isPlain: boolean
  read(): AsyncIterable<CorpusDocument | Skipped>
}

/** A file of a stream. */
export interface StreamFile {
  readonly name: string
  /** Undefined for standard input. */
  readonly bytes: number | undefined
}

/** A block of rows. */
export interface CutPart {
  readonly name: string
  readonly stream: number
  readonly block: number
  /** True for the last block of its stream. */
  readonly isLast: boolean
  readonly rows: readonly (CorpusDocument | Skipped)[]
  /** Names what was read: a source that has changed gives another. */
  readonly input: Digest
  /** Names what was read of the stream before: of two that differ anywhere, later blocks do not go together. */
  readonly before: Digest
}

/** A block ends with the row that reaches one of these. */
export interface BlockSize {
  readonly rows: number
  /** Characters, or bytes of ids. */
  readonly size: number
}

/** About a million tokens: seconds of work, and tens of megabytes in a thread. */
export const DEFAULT_BLOCK: BlockSize = Object.freeze({ rows: 2048, size: 2 ** 22 })

/** Cuts a stream. An empty one has one block without rows, so that its end is on record too. */
export async function* partsOf(stream: Stream, place: number, most: BlockSize): AsyncGenerator<CutPart> {
  let rows: (CorpusDocument | Skipped)[] = []
  let size = 0
  let hash = createHash('sha256')
  let block = 0
  let before = START
  const cut = (isLast: boolean): CutPart => {
    const part = {
      name: partName(place, block++),
      stream: place,
      block: block - 1,
      isLast,
      rows,
      input: `sha256:${hash.digest('hex')}` as const,
      before,
    }
    before = followedBy(before, part.input)
    rows = []
    size = 0
    hash = createHash('sha256')
    return part
  }
  for await (const row of stream.read()) {
    // A block ends when the next row comes, so that the last one is known to be the last.
    if (rows.length >= most.rows || size >= most.size) yield cut(false)
    rows.push(row)
    size += addTo(hash, row)
  }
  yield cut(true)
}

/** What stands before the first block: nothing. */
const START = digestBytes(new Uint8Array(0))

/** What stands before the block that follows. */
export function followedBy(before: Digest, input: Digest): Digest {
  return digestBytes(utf8ToBytes(`${before} ${input}`))
}

/** A part's name; in the order of names, parts stand as they were read. */
export function partName(stream: number, block: number): string {
  return `s${String(stream).padStart(7, '0')}-b${String(block).padStart(7, '0')}`
}

function addTo(hash: Hash, row: CorpusDocument | Skipped): number {
  if (row.kind === 'skipped') {
    hash.update(JSON.stringify([row.source, row.row, row.reason]))
    return 0
  }
  const { source, row: number, text, ids, promptLength, group } = row
  const content = ids ? new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength) : text!
  hash.update(JSON.stringify([source, number, promptLength ?? null, group ?? null, content.length]))
  hash.update(content)
  return content.length
}

/** Which parts a shard works off. */
export interface Shard {
  /** From 1. */
  readonly index: number
  readonly of: number
}

/** Whole streams, where there are enough of them for every shard, and blocks otherwise. */
export function sharesBlocks(streams: number, { of }: Shard): boolean {
  return streams < of
}

/** Whether a block is a shard's own. */
export function isOwn(
  { stream, block }: { stream: number; block: number },
  shard: Shard,
  streams: number,
): boolean {
  const place = sharesBlocks(streams, shard) ? stream + block : stream
  return place % shard.of === shard.index - 1
}

/** Names the files of a corpus and their sizes. */
export function digestOfFiles(streams: readonly Pick<Stream, 'name' | 'files'>[]): Digest {
  return digestJson(
    streams.map(({ name, files }) => [name, files.map((file) => [file.name, file.bytes ?? null])]),
  )
}
