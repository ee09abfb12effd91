/** How documents are read: which columns, how much of one. Checked once, with every default filled in. */
import { assertInteger, assertOptions, assertString } from '../assert.ts'
import type { InputStream } from './bytes-of.ts'
import { type Columns, MOST_IDS, type RowRules } from './row.ts'

/** Options of {@link readDocuments}. */
export interface ReadOptions {
  /** Column with the text. @defaultValue "text", where neither this nor `idsColumn` is given */
  readonly textColumn?: string | undefined
  /** Column with the token ids. @defaultValue "ids", where neither this nor `textColumn` is given */
  readonly idsColumn?: string | undefined
  /** Column with the number of ids at the start that are prompt. @defaultValue "promptLength", if a row has ids and that column */
  readonly promptLengthColumn?: string | undefined
  /** Column that says when or from where. @defaultValue none */
  readonly groupColumn?: string | undefined
  /** Rows with more bytes are skipped. @defaultValue 16 MiB */
  readonly maximumBytes?: number | undefined
  /** Ids must be smaller. @defaultValue the most that the wire format knows */
  readonly vocabularySize?: number | undefined
  /** Memory that DuckDB may take for a Parquet file. @defaultValue 1 GiB */
  readonly parquetMemory?: number | undefined
  /** Where standard input comes from; needed where it is a source. */
  readonly stdin?: InputStream | undefined
}

/** The same, complete. */
export interface ReadRules extends RowRules {
  readonly maximumBytes: number
  readonly parquetMemory: number
  readonly stdin: InputStream | undefined
  /** Columns that the caller named: a table without one of them is another table than was meant. */
  readonly named: readonly string[]
}

const NAMES = ['textColumn', 'idsColumn', 'promptLengthColumn', 'groupColumn'] as const
const NUMBERS = ['maximumBytes', 'vocabularySize', 'parquetMemory'] as const

/** Checks options and fills in the defaults. */
export function readRules(options: ReadOptions): ReadRules {
  assertOptions(options, { name: 'options', keys: [...NAMES, ...NUMBERS, 'stdin'] })
  for (const name of NAMES) {
    if (options[name] !== undefined)
      assertString(options[name], { name: `options.${name}`, expected: 'the name of a column', pattern: /./ })
  }
  const { textColumn, idsColumn, promptLengthColumn, groupColumn, stdin } = options
  const { maximumBytes = 16 * 2 ** 20, vocabularySize = MOST_IDS, parquetMemory = 2 ** 30 } = options
  assertInteger(maximumBytes, { name: 'options.maximumBytes', min: 1, max: 2 ** 29 })
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2, max: MOST_IDS })
  assertInteger(parquetMemory, { name: 'options.parquetMemory', min: 2 ** 26 })
  if (textColumn !== undefined && idsColumn !== undefined)
    throw new RangeError('"options.idsColumn" expected no column beside options.textColumn, got both')
  if (textColumn !== undefined && promptLengthColumn !== undefined)
    throw new RangeError(
      '"options.promptLengthColumn" expected none beside options.textColumn, as it counts ids, got one',
    )
  const isOpen = textColumn === undefined && idsColumn === undefined
  const columns: Columns = Object.freeze({
    text: isOpen ? 'text' : textColumn,
    ids: isOpen ? 'ids' : idsColumn,
    promptLength: textColumn === undefined ? (promptLengthColumn ?? 'promptLength') : undefined,
    group: groupColumn,
  })
  const named = NAMES.flatMap((name) => options[name] ?? [])
  return Object.freeze({ columns, maximumBytes, vocabularySize, parquetMemory, stdin, named })
}
