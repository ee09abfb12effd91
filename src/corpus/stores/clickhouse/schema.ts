/**
 * Tables of the ClickHouse store, and how they are looked over. Two tables with the version of the schema in their names:
 *
 * - pairs: one row a pair and block that it came in. `content` names the block by its content (128 bits of SHA-256), so a block that is sent twice gives the same rows
 *   again, and ReplacingMergeTree keeps one of each. `bucket` is a hash of the pair: all rows of a pair lie in one bucket, and so in one partition.
 *   Pairs and scores are words of 32 bits, little-endian, as text of bytes: ClickHouse groups and compares that some ten times quicker than arrays.
 * - parts: one row a part that is done, with the blocks that it is made of and how many pairs each has. The last one written counts.
 *
 * Tables may be made beforehand by an administrator (as Replicated or Shared tables of the same columns, or Distributed ones over them), for a worker that may only
 * insert and select. Refuses tables with other columns.
 */
import type { Connection } from './connection.ts'

/** Buckets of pairs: distinct pairs are counted some buckets at a time. */
export const BUCKETS = 4096
const BUCKETS_PER_PARTITION = 512

/** The table of pairs and that of parts. */
export const PAIRS = 'dyetrace_pairs_1'
export const PARTS = 'dyetrace_parts_1'

/** Columns that a table must have, beside which it must have none. */
const COLUMNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [PAIRS]: {
    scan: 'LowCardinality(String)',
    reading: 'UInt16',
    content: 'UInt128',
    pair: 'String',
    scores: 'String',
    bucket: 'UInt16',
  },
  [PARTS]: {
    scan: 'LowCardinality(String)',
    part: 'String',
    contents: 'Array(UInt128)',
    readings: 'Array(UInt16)',
    counts: 'Array(UInt64)',
    account: 'String',
  },
}

/** Engines that keep one row of each key, or hand on to tables that do. */
const ENGINE = /^(Replicated|Shared)?ReplacingMergeTree$|^Distributed$/

/** Statements that make the tables, as this program makes them where they are not there. */
export const CREATE: readonly string[] = Object.freeze([
  `CREATE TABLE IF NOT EXISTS ${PAIRS} (
  scan LowCardinality(String),
  reading UInt16,
  content UInt128,
  pair String CODEC(ZSTD(1)),
  scores String CODEC(ZSTD(1)),
  bucket UInt16 MATERIALIZED cityHash64(pair) % ${BUCKETS}
) ENGINE = ReplacingMergeTree
PARTITION BY (scan, intDiv(bucket, ${BUCKETS_PER_PARTITION}))
ORDER BY (scan, reading, bucket, content, pair)`,
  `CREATE TABLE IF NOT EXISTS ${PARTS} (
  scan LowCardinality(String),
  part String,
  contents Array(UInt128),
  readings Array(UInt16),
  counts Array(UInt64),
  account String
) ENGINE = ReplacingMergeTree
ORDER BY (scan, part)`,
])

/**
 * Makes the tables that are not there, and looks over those that are.
 * @throws RangeError for tables of another make.
 */
export async function prepareTables(connection: Connection): Promise<void> {
  const known = await tables(connection)
  if (known.size < 2) {
    for (const statement of CREATE) await connection.command(statement, { name: 'make its tables' })
    for (const [name, table] of await tables(connection)) known.set(name, table)
  }
  for (const [name, wanted] of Object.entries(COLUMNS)) {
    const expected = Object.entries(wanted).map((column) => column.join(' '))
    const { engine, columns } = known.get(name) ?? { engine: 'no table', columns: [] }
    const other = [...expected, ...columns].find((one) => expected.includes(one) !== columns.includes(one))
    if (other !== undefined)
      throw new RangeError(
        `table ${name}: expected the columns ${expected.join(', ')}, got ${columns.join(', ') || 'none'}: it was made by something else, or another version; name another database`,
      )
    if (!ENGINE.test(engine))
      throw new RangeError(
        `table ${name}: expected the engine ReplacingMergeTree (or Replicated, Shared, Distributed), got ${engine}: with it, what is sent twice could count twice`,
      )
  }
}

async function tables(
  connection: Connection,
): Promise<Map<string, { readonly engine: string; readonly columns: readonly string[] }>> {
  const names = { pairs: PAIRS, parts: PARTS }
  const where = 'database = currentDatabase()'
  const engines = await connection.select<{ name: string; engine: string }>(
    `SELECT name, engine FROM system.tables WHERE ${where} AND name IN ({pairs:String}, {parts:String})`,
    { name: 'look at its tables', params: names },
  )
  const columns = await connection.select<{ table: string; name: string; type: string }>(
    `SELECT table, name, type FROM system.columns WHERE ${where} AND table IN ({pairs:String}, {parts:String})`,
    { name: 'look at its tables', params: names },
  )
  return new Map(
    engines.map(({ name, engine }) => [
      name,
      {
        engine,
        columns: columns
          .filter(({ table }) => table === name)
          .map((column) => `${column.name} ${column.type}`),
      },
    ]),
  )
}
