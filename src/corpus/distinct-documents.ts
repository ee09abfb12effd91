/**
 * The documents of finished parts, each content once: of documents with the same ids the first counts, in the order of the corpus. Lists are read as often as it takes to keep
 * no more names in memory than fit: each time, those of one part of all names.
 */

import { createTupleSet } from '../tuple-set.ts'
import type { ScanRecords } from './records.ts'
import type { DocumentLine } from './work.ts'
import type { PartAccount } from './work-off.ts'

/** A finished part. */
export interface DonePart {
  readonly name: string
  readonly account: PartAccount
}

/** Memory of a name: four words, and up to four slots while the set grows. */
const BYTES_A_NAME = 64

/**
 * Goes through all documents.
 * @param parts in the order of the corpus.
 * @param visit is told the document, its part, and whether an earlier one has the same ids.
 */
export async function eachDocument(
  parts: readonly DonePart[],
  { records, memory }: { readonly records: ScanRecords; readonly memory: number },
  visit: (line: DocumentLine, part: DonePart, isRepeat: boolean) => void,
): Promise<void> {
  const documents = parts.reduce((total, { account }) => total + account.documents, 0)
  const passes = Math.max(1, Math.ceil((documents * BYTES_A_NAME) / memory))
  for (let pass = 0; pass < passes; pass++) {
    const names = createTupleSet(4)
    for (const part of parts) {
      const text = await records.lines(part.name, part.account.lines)
      for (const one of text.split('\n')) {
        if (one === '') continue
        const line = JSON.parse(one) as DocumentLine
        const words = wordsOf(line.hash)
        if (words[0]! % passes !== pass) continue
        visit(line, part, !names.add(words))
      }
    }
  }
}

function wordsOf(hash: string): Uint32Array {
  return Uint32Array.from({ length: 4 }, (_, i) => Number.parseInt(hash.slice(8 * i, 8 * i + 8), 16))
}
