/**
 * Parquet -> documents, through DuckDB, which an installation may lack: it is asked for when the first Parquet file comes. Rows are streamed in the file's order, on one
 * thread, so that a row has its number. How many rows there should be the file says itself; whatever did not come is a fault, not an end.
 */
import type { DuckDBConnection, DuckDBDataChunk, DuckDBListVector, DuckDBVector } from '@duckdb/node-api'
import { describe } from '../assert.ts'
import type { CorpusDocument, DocumentPlace, Skipped } from './document.ts'
import { literalPath } from './literal-path.ts'
import type { ReadRules } from './read-options.ts'
import { type Columns, documentOf, skipped } from './row.ts'
import type { SourceFile } from './sources.ts'
import { StreamFault } from './stream-fault.ts'

/**
 * Reads the rows of a Parquet file.
 * @throws RangeError for a file without the columns, or with columns of another type; StreamFault for what cannot be read; Error where DuckDB is not installed.
 */
export async function* readParquet(
  source: SourceFile,
  rules: ReadRules,
): AsyncGenerator<CorpusDocument | Skipped> {
  if (source.path === undefined || source.compression !== 'none')
    throw new RangeError(
      `${source.name}: expected a Parquet file as it is, got one packed again; unpack it first`,
    )
  const { DuckDBInstance } = await duckdb(source.name)
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: `${Math.floor(rules.parquetMemory / 2 ** 20)}MiB`,
    temp_directory: '',
    // Nothing is fetched from anywhere.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connection = await instance.connect()
  try {
    // Reading ahead, a fault would cost the rows that were read before it.
    await connection.run("SET streaming_buffer_size = '1KB'")
    yield* rowsOf(connection, { name: source.name, path: literalPath(source.path) }, rules)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function duckdb(name: string): Promise<typeof import('@duckdb/node-api')> {
  try {
    return await import('@duckdb/node-api')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(
      `${name}: expected the package @duckdb/node-api to read Parquet, got none; install it beside this one: npm install @duckdb/node-api`,
    )
  }
}

interface Table {
  readonly name: string
  readonly path: string
}

async function* rowsOf(
  connection: DuckDBConnection,
  table: Table,
  rules: ReadRules,
): AsyncGenerator<CorpusDocument | Skipped> {
  const { types, total } = await readFooter(connection, table)
  const columns = columnsIn(types, table, rules)
  const result = await connection
    .stream(queryOf(columns, types, rules), [table.path])
    .catch((error: unknown) => {
      throw pagesFault(error, total, 0)
    })
  let row = 0
  for (;;) {
    const chunk = await result.fetchChunk().catch((error: unknown) => {
      throw pagesFault(error, total, row)
    })
    if (chunk === null || chunk.rowCount === 0) break
    const readers = readersOf(chunk)
    for (let i = 0; i < chunk.rowCount; i++, row++)
      yield readRow(readers, i, { place: { source: table.name, row }, columns, rules })
  }
  if (row !== total) throw new StreamFault(`expected ${total} rows, as the file's footer says, got ${row}`)
}

/** Types of the columns by name, and the number of rows. */
async function readFooter(
  connection: DuckDBConnection,
  { path }: Table,
): Promise<{ readonly types: ReadonlyMap<string, string>; readonly total: number }> {
  try {
    const described = await connection.runAndReadAll(
      'SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet($1, hive_partitioning = false))',
      [path],
    )
    const counted = await connection.runAndReadAll('SELECT num_rows FROM parquet_file_metadata($1)', [path])
    const types = new Map(described.getRows().map(([name, type]) => [String(name), String(type)]))
    return { types, total: Number(counted.getRows()[0]![0]) }
  } catch (error) {
    throw new StreamFault(`expected a Parquet file, got one whose footer cannot be read (${classOf(error)})`)
  }
}

function pagesFault(error: unknown, total: number, row: number): Error {
  const kind = classOf(error)
  if (OF_PROGRAM.test(kind)) return error as Error
  const remedy = /memory/i.test(kind) ? '; it may need more memory' : ''
  return new StreamFault(
    `expected Parquet pages of ${total} rows, got ones that cannot be read (${kind}) after ${row} rows${remedy}`,
  )
}

// A statement of this file that is wrong is no fault of the source.
const OF_PROGRAM = /^(Binder|Parser|Catalog) Error$/

/** The class of an error; the rest of its message may quote what the file says. */
function classOf(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  return /^[A-Za-z ]{1,40}(?=:)/.exec(message)?.[0] ?? 'an unknown error'
}

const INTEGER = '(?:U?(?:TINY|SMALL|BIG)INT|U?INTEGER)'
const TYPES = {
  text: { pattern: /^(VARCHAR|BLOB)$/, expected: 'strings' },
  ids: { pattern: new RegExp(`^${INTEGER}\\[\\d*\\]$`), expected: 'lists of integers' },
  promptLength: { pattern: new RegExp(`^${INTEGER}$`), expected: 'integers' },
  group: { pattern: /^(?!.*(\[|\(|BLOB))/, expected: 'plain values' },
} as const

/** The columns that are in the file and are to be read. */
function columnsIn(types: ReadonlyMap<string, string>, { name }: Table, rules: ReadRules): Columns {
  const there = `its columns are ${[...types.keys()].slice(0, 50).map(describe).join(', ')}`
  const refuse = (expected: string, got: string): never => {
    throw new RangeError(`${name}: expected ${expected}, got ${got}; ${there}`)
  }
  for (const column of rules.named) {
    if (!types.has(column)) refuse(`a column ${describe(column)}`, 'a file without it')
  }
  const present = (column: string | undefined): string | undefined =>
    column !== undefined && types.has(column) ? column : undefined
  const { columns } = rules
  const [text, ids] = [present(columns.text), present(columns.ids)]
  if (text === undefined && ids === undefined) {
    const wanted = [columns.text, columns.ids].filter((column) => column !== undefined).map(describe)
    refuse(`a column ${wanted.join(' or ')}`, 'a file without it')
  }
  if (text !== undefined && ids !== undefined)
    refuse(`one of the columns ${describe(text)} and ${describe(ids)}`, 'both: name the one to read')
  const found: Columns = {
    text,
    ids,
    promptLength: ids === undefined ? undefined : present(columns.promptLength),
    group: present(columns.group),
  }
  for (const [role, { pattern, expected }] of Object.entries(TYPES)) {
    const column = found[role as keyof Columns]
    if (column !== undefined && !pattern.test(types.get(column)!))
      refuse(`a column ${describe(column)} of ${expected}`, `one of type ${types.get(column)!.slice(0, 40)}`)
  }
  return found
}

/** Six columns, whatever the file has: text, its bytes; ids, how many; length of the prompt; group. A value that is too large does not leave DuckDB. */
function queryOf(
  { text, ids, promptLength, group }: Columns,
  types: ReadonlyMap<string, string>,
  { maximumBytes }: ReadRules,
): string {
  const quoted = (column: string | undefined): string =>
    column === undefined ? 'NULL' : `"${column.replaceAll('"', '""')}"`
  const bytes =
    text === undefined ? 'NULL' : `${types.get(text) === 'BLOB' ? 'octet_length' : 'strlen'}(${quoted(text)})`
  const count = ids === undefined ? 'NULL' : `len(${quoted(ids)})`
  const list = ids === undefined ? 'NULL' : `TRY_CAST(${quoted(ids)} AS UINTEGER[])`
  return [
    `SELECT CASE WHEN ${bytes} <= ${maximumBytes} THEN ${quoted(text)} END, CAST(${bytes} AS DOUBLE)`,
    `CASE WHEN ${count} * 4 <= ${maximumBytes} THEN ${list} END, CAST(${count} AS DOUBLE)`,
    `CAST(${quoted(promptLength)} AS DOUBLE), CAST(${quoted(group)} AS VARCHAR)`,
  ]
    .join(', ')
    .concat(' FROM read_parquet($1, hive_partitioning = false)')
}

type Readers = readonly DuckDBVector[]

function readersOf(chunk: DuckDBDataChunk): Readers {
  return Array.from({ length: 6 }, (_, column) => chunk.getColumnVector(column))
}

function readRow(
  [textOf, bytesOf, idsOf, countOf, lengthOf, groupOf]: Readers,
  i: number,
  { place, columns, rules }: { place: DocumentPlace; columns: Columns; rules: ReadRules },
): CorpusDocument | Skipped {
  const size = numberAt(bytesOf!, i) ?? 4 * (numberAt(countOf!, i) ?? 0)
  if (size > rules.maximumBytes)
    return skipped(place, 'too-large', `expected a row of at most ${rules.maximumBytes} bytes, got ${size}`)
  let text: unknown
  if (columns.text !== undefined) {
    text = valueAt(textOf!, i)
    if (typeof text === 'object' && text !== null) {
      try {
        text = UTF8.decode((text as { bytes: Uint8Array }).bytes)
      } catch {
        return skipped(place, 'not-utf8', 'expected UTF-8 text, got other bytes')
      }
    }
  }
  const ids =
    columns.ids === undefined ? undefined : idsAt(idsOf as DuckDBListVector, i, numberAt(countOf!, i))
  const values = { text, ids, promptLength: numberAt(lengthOf!, i), group: valueAt(groupOf!, i) }
  return documentOf(place, values, { ...rules, columns })
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

function numberAt(vector: DuckDBVector, i: number): number | undefined {
  return (vector.getItem(i) as number | null) ?? undefined
}

/** Of a vector of one: the whole vector would keep each string until the last of its rows is read. */
function valueAt(vector: DuckDBVector, i: number): unknown {
  return vector.slice(i, 1).getItem(0)
}

/** Null where the row has no list; otherwise the ids, with NaN for what is no 32-bit id. */
function idsAt(vector: DuckDBListVector, i: number, count: number | undefined): unknown {
  if (count === undefined) return null
  // DuckDB gives no list where one of its values is out of range.
  if (vector.getItemVector(i) === null) return count === 0 ? [] : [Number.NaN]
  const { childVector } = vector
  const start = vector.getEntryOffset(i)
  const ids: number[] = new Array(count)
  for (let k = 0; k < count; k++) ids[k] = (childVector.getItem(start + k) as number | null) ?? Number.NaN
  return ids
}
