/** A file of text -> one document. */
import type { CorpusDocument, Skipped } from './document.ts'
import { isSixteenBit } from './jsonl.ts'
import type { ReadRules } from './read-options.ts'
import { skipped } from './row.ts'

/** Reads the one document of a source. Beyond the limit bytes are counted and let go of. */
export async function* readTextFile(
  pieces: AsyncIterable<Uint8Array>,
  { source, rules }: { readonly source: string; readonly rules: ReadRules },
): AsyncGenerator<CorpusDocument | Skipped> {
  const place = { source, row: 0 }
  const { maximumBytes } = rules
  let parts: Uint8Array[] = []
  let size = 0
  for await (const piece of pieces) {
    size += piece.length
    if (size > maximumBytes) parts = []
    else parts.push(new Uint8Array(piece))
  }
  if (size > maximumBytes) {
    yield skipped(place, 'too-large', `expected a text of at most ${maximumBytes} bytes, got ${size}`)
    return
  }
  const bytes = Buffer.concat(parts)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    const got = isSixteenBit(bytes) ? 'UTF-16 as its byte order mark says' : 'other bytes'
    yield skipped(place, 'not-utf8', `expected UTF-8 text, got ${got}`)
    return
  }
  yield Object.freeze({ kind: 'document', ...place, text })
}
