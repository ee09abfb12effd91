/**
 * Files, or documents that a caller has, as streams to be cut into parts. A file is a stream; text files, of which there may be a million with a document each, are
 * one stream together, in the order of their names.
 */
import { stat } from 'node:fs/promises'
import { assertRecord, describe } from '../assert.ts'
import { digestJson } from '../digest.ts'
import type { CorpusDocument, Skipped } from './document.ts'
import type { Stream } from './parts.ts'
import { readDocuments } from './read-documents.ts'
import type { ReadOptions } from './read-options.ts'
import type { SourceFile } from './sources.ts'

/** The streams of files, in their order. */
export function streamsOfFiles(files: readonly SourceFile[], options: ReadOptions): readonly Stream[] {
  const texts = files.filter(({ format }) => format === 'text')
  const others = files.filter(({ format }) => format !== 'text')
  const streams = others.map((file) => streamOf(file.name, [file], options))
  if (texts.length === 0) return streams
  const name = texts.length === 1 ? texts[0]!.name : 'text files'
  return [...streams, streamOf(name, texts, options)]
}

function streamOf(name: string, files: readonly SourceFile[], options: ReadOptions): Stream {
  return {
    name,
    files: files.map((file) => ({ name: file.name, bytes: file.bytes })),
    isPlain: files.every(
      ({ compression, format, bytes }) =>
        compression === 'none' && format !== 'parquet' && bytes !== undefined,
    ),
    async stamp() {
      if (files.some(({ path }) => path === undefined)) return undefined
      const stamps: string[] = []
      for (const { path } of files) {
        const { size, mtimeMs } = await stat(path!)
        stamps.push(`${size}@${mtimeMs}`)
      }
      return digestJson(stamps)
    },
    async *read() {
      for (const file of files) yield* readDocuments(file, options)
    },
  }
}

/** Documents that a caller has, as one stream. */
export function streamOfDocuments(
  documents: AsyncIterable<CorpusDocument | Skipped> | Iterable<CorpusDocument | Skipped>,
): Stream {
  return {
    name: 'documents',
    files: [],
    isPlain: false,
    stamp: async () => undefined,
    async *read() {
      let place = 0
      for await (const one of documents) {
        assertRow(one, `documents[${place++}]`)
        yield one
      }
    },
  }
}

// Ids of another type would be read, but their bytes not: nobody would notice that they have changed.
function assertRow(row: unknown, name: string): void {
  const expected = 'a document with text or a Uint32Array of ids, or a row that was left out'
  assertRecord(row, { name, expected })
  const { kind, text, ids } = row
  if (kind === 'skipped') return
  if (kind !== 'document')
    throw new TypeError(`"${name}.kind" expected document or skipped, got ${describe(kind)}`)
  if (ids === undefined ? typeof text !== 'string' : !(ids instanceof Uint32Array))
    throw new TypeError(`"${name}" expected ${expected}, got ${describe(ids === undefined ? text : ids)}`)
}
