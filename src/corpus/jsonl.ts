/**
 * JSON lines -> documents. Each line stands for itself: one that is damaged is a skip and costs no other. What is left out is always told, also a
 * last line that was only half written.
 */
import { describe } from '../assert.ts'
import { parseJson } from '../json.ts'
import type { CorpusDocument, DocumentPlace, Skipped } from './document.ts'
import { createLineSplitter, type Line } from './lines.ts'
import type { ReadRules } from './read-options.ts'
import { documentOf, type RowValues, skipped } from './row.ts'

/** Reads the rows of one source. Blank lines are no rows. */
export async function* readJsonLines(
  pieces: AsyncIterable<Uint8Array>,
  { source, rules }: { readonly source: string; readonly rules: ReadRules },
): AsyncGenerator<CorpusDocument | Skipped> {
  let row = 0
  let isFirst = true
  for await (const lines of linesOf(pieces, rules)) {
    for (const line of lines) {
      if (isFirst && line.bytes !== undefined && isSixteenBit(line.bytes)) {
        const message =
          'expected UTF-8 text, got UTF-16 as its byte order mark says; the whole source is left out'
        yield skipped({ source, row }, 'not-utf8', message)
        return
      }
      isFirst = false
      const read = readLine(line, { source, row }, rules)
      if (read === undefined) continue
      row++
      yield read
    }
  }
}

async function* linesOf(
  pieces: AsyncIterable<Uint8Array>,
  { maximumBytes }: ReadRules,
): AsyncGenerator<readonly Line[]> {
  const splitter = createLineSplitter(maximumBytes)
  for await (const piece of pieces) yield splitter.push(piece)
  yield splitter.end()
}

/** A byte order mark of UTF-16. Its lines would be taken apart in the middle of characters. */
export function isSixteenBit(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
}

// Leaves out a byte order mark at the start of a line, as where two files were put together.
const UTF8 = new TextDecoder('utf-8', { fatal: true })

function readLine(line: Line, place: DocumentPlace, rules: ReadRules): CorpusDocument | Skipped | undefined {
  if (line.bytes === undefined)
    return skipped(
      place,
      'too-large',
      `expected a row of at most ${rules.maximumBytes} bytes, got ${line.size}`,
    )
  // At once: a packed file of a few hundred kilobytes may hold hundreds of millions of them.
  if (line.size === 0) return undefined
  const torn = (): Skipped =>
    skipped(place, 'torn-line', 'expected a whole line at the end of the source, got a part of one')
  let text: string
  try {
    text = UTF8.decode(line.bytes)
  } catch {
    return line.ended ? skipped(place, 'not-utf8', 'expected UTF-8 text, got other bytes') : torn()
  }
  if (/^\s*$/.test(text)) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return line.ended ? skipped(place, 'not-json', 'expected a JSON object, got what does not parse') : torn()
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return skipped(place, 'wrong-type', 'expected a JSON object, got another JSON value')
  const { columns } = rules
  const of = (column: string | undefined): unknown =>
    column !== undefined && Object.hasOwn(value, column)
      ? (value as Record<string, unknown>)[column]
      : undefined
  const values: RowValues = {
    text: of(columns.text),
    ids: of(columns.ids),
    promptLength: of(columns.promptLength),
    group: of(columns.group),
  }
  if (hasTwice(text, columns.text, columns.ids))
    return skipped(place, 'not-json', 'expected an object with each member once, got one twice')
  return documentOf(place, values, rules)
}

/**
 * Whether a column stands in the object twice: which of the two counts, each reader decides for itself. The thorough look is for lines in which the name
 * stands twice at all, or may stand in another spelling.
 */
function hasTwice(line: string, ...columns: readonly (string | undefined)[]): boolean {
  const isRepeated = columns.some((column) => {
    if (column === undefined) return false
    const quoted = JSON.stringify(column)
    const first = line.indexOf(quoted)
    return first >= 0 && line.indexOf(quoted, first + 1) >= 0
  })
  if (!isRepeated && !ESCAPED.test(line)) return false
  try {
    parseJson(line, { start: describe(columns) })
    return false
  } catch {
    return true
  }
}

/** An escape of a character that needs none. */
const ESCAPED = /\\u00[2-7]/i
