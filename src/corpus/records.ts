/**
 * What a scan keeps beside its pairs: its header, the lines of its documents, and which shards have ended. In a folder, or in memory. Several folders of one scan, of
 * several machines perhaps, read as one.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { utf8ToBytes } from '../bytes.ts'
import { type Digest, digestBytes, digestJson } from '../digest.ts'
import { digestOfFiles, type Shard } from './parts.ts'
import { assertSameScan, type ScanHeader } from './spec.ts'
import { writeWhole } from './write-whole.ts'

/** Records of one scan. */
export interface ScanRecords {
  /** Refuses a header other than the one that is there; keeps it where there is none. */
  begin(header: ScanHeader): Promise<void>
  putLines(part: string, lines: string): Promise<void>
  /** A part is done where its lines are here and its record is in the store. */
  hasLines(part: string): Promise<boolean>
  /** The lines of a part, which must have this digest. */
  lines(part: string, digest: Digest): Promise<string>
  /** Says that a stream was read to its end, when its files had this stamp. */
  putStream(stream: number, end: StreamEnd): Promise<void>
  stream(stream: number): Promise<StreamEnd | undefined>
  /** Says that a shard has worked off all its parts. */
  putShard(shard: Shard): Promise<void>
  shards(): Promise<readonly Shard[]>
}

/** What is known of a stream that was read to its end. */
export interface StreamEnd {
  readonly stamp: string
  readonly blocks: number
}

/** Records that are gone with the process. */
export function memoryRecords(): ScanRecords {
  const lines = new Map<string, string>()
  const shards: Shard[] = []
  let begun: ScanHeader | undefined
  return {
    async begin(header) {
      if (begun) assertSameScan(header, begun, 'scan:')
      begun = header
    },
    async putLines(part, text) {
      lines.set(part, text)
    },
    hasLines: async (part) => lines.has(part),
    async lines(part) {
      const text = lines.get(part)
      if (text === undefined) throw new Error(lost(part))
      return text
    },
    // Read again each time: nothing outlives the call.
    async putStream() {},
    stream: async () => undefined,
    async putShard(shard) {
      shards.push(shard)
    },
    shards: async () => shards,
  }
}

const HEADER = 'scan.json'

/** Records in folders: written into the first, read from all. */
export function folderRecords(folders: readonly string[]): ScanRecords {
  const [own] = folders as [string, ...string[]]
  return {
    async begin(header) {
      for (const folder of folders) {
        const known = await readHeader(folder)
        if (known) assertSameScan(header, known, `folder ${folder}:`)
      }
      if (!(await readHeader(own))) await writeWhole(join(own, HEADER), `${JSON.stringify(header)}\n`)
    },
    putLines: (part, text) => writeWhole(linesPath(own, part), text),
    hasLines: async (part) => (await stat(linesPath(own, part)).catch(() => undefined))?.isFile() === true,
    async lines(part, digest) {
      let damaged: string | undefined
      for (const folder of folders) {
        const path = linesPath(folder, part)
        const text = await readIfThere(path)
        if (text === undefined) continue
        if (digestBytes(utf8ToBytes(text)) === digest) return text
        damaged = path
      }
      throw new Error(
        damaged === undefined
          ? lost(part)
          : `${damaged}: is not as it was written; remove the part's files and run the same command again`,
      )
    },
    putStream: (stream, end) => writeWhole(streamPath(own, stream), `${JSON.stringify(end)}\n`),
    async stream(stream) {
      const text = await readIfThere(streamPath(own, stream))
      try {
        return text === undefined ? undefined : (JSON.parse(text) as StreamEnd)
      } catch {
        // Damaged, it says nothing: the stream is read again.
        return undefined
      }
    },
    putShard: ({ index, of }) =>
      writeWhole(join(own, 'shards', `${index}-of-${of}.json`), `${JSON.stringify({ index, of })}\n`),
    async shards() {
      const found = new Map<string, Shard>()
      for (const folder of folders) {
        for (const name of await readdir(join(folder, 'shards')).catch(() => [])) {
          const [, index, of] = /^(\d+)-of-(\d+)\.json$/.exec(name) ?? []
          if (index !== undefined) found.set(name, { index: Number(index), of: Number(of) })
        }
      }
      return [...found.values()]
    },
  }
}

/** The header of a folder; undefined where there is none. It must be what its name, the digest of the spec, stands for: a list of sources that lost one would miss nothing of it. */
export async function readHeader(folder: string): Promise<ScanHeader | undefined> {
  const text = await readIfThere(join(folder, HEADER))
  if (text === undefined) return undefined
  try {
    const header = JSON.parse(text) as ScanHeader
    const { format, scan, spec, streams } = header
    if (
      format === 'dyetrace/scan-header-1' &&
      digestJson(spec) === scan &&
      digestOfFiles(streams) === spec.sources
    )
      return header
  } catch {
    // Said below.
  }
  throw new RangeError(
    `folder ${folder}: expected the ${HEADER} of a scan, as it was written, got another content`,
  )
}

function lost(part: string): string {
  return `part ${part}: the list of its documents is in none of the folders; run the shard that has it again`
}

function streamPath(folder: string, stream: number): string {
  return join(folder, 'streams', `${stream}.json`)
}

function linesPath(folder: string, part: string): string {
  return join(folder, 'documents', `${part}.jsonl`)
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new Error(`${path}: could not be read (${code ?? 'an unknown error'})`)
  }
}
