/**
 * A source -> its documents, one after the other, in memory that does not depend on its length. Whatever is left out is among the
 * results, with a reason: the totals of a scan say what they are of.
 */
import { bytesOf } from './bytes-of.ts'
import type { CorpusDocument, Skipped } from './document.ts'
import { readJsonLines } from './jsonl.ts'
import { readParquet } from './parquet.ts'
import { type ReadOptions, type ReadRules, readRules } from './read-options.ts'
import { skipped } from './row.ts'
import type { SourceFile } from './sources.ts'
import { StreamFault } from './stream-fault.ts'
import { readTextFile } from './text-file.ts'

/**
 * Reads the documents of a source. Where it cannot be read to its end, the documents before that place are given, and the rest is one skip of reason `unreadable`, the
 * last of the results.
 * @throws RangeError for a Parquet file without the columns that are to be read, TypeError or RangeError for options.
 */
export async function* readDocuments(
  source: SourceFile,
  options: ReadOptions = {},
): AsyncGenerator<CorpusDocument | Skipped> {
  const rules = readRules(options)
  let row = 0
  try {
    for await (const read of rowsOf(source, rules)) {
      row = read.row + 1
      yield read
    }
  } catch (error) {
    if (!(error instanceof StreamFault)) throw error
    const rest = row === 0 ? 'the source' : `what follows row ${row - 1}`
    yield skipped({ source: source.name, row }, 'unreadable', `${error.message}; ${rest} is left out`)
  }
}

function rowsOf(source: SourceFile, rules: ReadRules): AsyncGenerator<CorpusDocument | Skipped> {
  if (source.format === 'parquet') return readParquet(source, rules)
  const about = { source: source.name, rules }
  const pieces = bytesOf(source, rules.stdin)
  return source.format === 'jsonl' ? readJsonLines(pieces, about) : readTextFile(pieces, about)
}
