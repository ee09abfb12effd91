/** For tests of readers: folders that go away, sources over bytes, and results as plain values. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CorpusDocument, Skipped } from '../../src/corpus/document.ts'
import { readDocuments } from '../../src/corpus/read-documents.ts'
import type { ReadOptions } from '../../src/corpus/read-options.ts'
import type { SourceFile } from '../../src/corpus/sources.ts'

/** A new folder, and what takes it away. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'dyetrace-corpus-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** Standard input of these bytes, in pieces that end at the given places. */
export async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const cut of [...cuts.map((c) => Math.min(c, bytes.length)).sort((a, b) => a - b), bytes.length]) {
    // Each piece is written over when the next is asked for, as a stream may.
    const piece = new Uint8Array(bytes.subarray(start, cut))
    start = cut
    yield piece
    piece.fill(0x7b)
  }
}

/** JSON lines from standard input. */
export function standardInput(changed: Partial<SourceFile> = {}): SourceFile {
  return { name: 'in', path: undefined, format: 'jsonl', compression: 'none', bytes: undefined, ...changed }
}

/** A file with these bytes. */
export async function fileOf(
  path: string,
  bytes: Uint8Array | string,
  kind: Pick<SourceFile, 'format' | 'compression'>,
): Promise<SourceFile> {
  await writeFile(path, bytes)
  return { name: 'file', path, bytes: (await stat(path)).size, ...kind }
}

/** All that a source gives. */
export async function readAll(
  source: SourceFile,
  options: ReadOptions = {},
): Promise<(CorpusDocument | Skipped)[]> {
  const all: (CorpusDocument | Skipped)[] = []
  for await (const read of readDocuments(source, options)) all.push(read)
  return all
}

/** A result in short: the text or ids of a document, or the reason of a skip. */
export function inShort(read: CorpusDocument | Skipped): unknown {
  if (read.kind === 'skipped') return read.reason
  return read.text ?? Array.from(read.ids!)
}
