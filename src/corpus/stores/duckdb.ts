/**
 * The embedded store: pairs as Parquet files in a folder, one a part and reading, and DuckDB to count the distinct ones, which it spills to disk where they do not fit
 * the memory that it may take. No database file, so several shards may write into one folder, and folders of several machines read as one.
 *
 * `<part>.json` is written last and says which files belong to the part, with their digests; a part without it was never finished. It refuses files that
 * are not as they were written, parts of another scan, and one part with two contents.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { DuckDBConnection, DuckDBDataChunk, DuckDBUIntegerVector } from '@duckdb/node-api'
import { type Digest, digestJson } from '../../digest.ts'
import { addTotals } from '../add-totals.ts'
import { literalPath } from '../literal-path.ts'
import type { BlockSummer, PairBlock, PairStore, PartRecord, Totals } from '../store.ts'
import { notWritten, temporaryOf, writeWhole } from '../write-whole.ts'

/** Options of {@link duckdbStore}. */
export interface DuckDbStoreOptions {
  /** Where pairs are kept; made where it is not there. */
  readonly folder: string
  /** Folders of the same kind that are read too. @defaultValue none */
  readonly others?: readonly string[]
  /** Bytes that DuckDB may take. @defaultValue 1 GiB */
  readonly memory?: number
  /** @defaultValue as many as there are processors */
  readonly threads?: number
}

/** A file of pairs. */
interface PairFile {
  readonly reading: number
  readonly contextWidth: number
  readonly decidedBy?: number
  readonly rows: number
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

interface StoredPart {
  readonly format: 'dyetrace/scan-part-1'
  readonly record: PartRecord
  readonly files: readonly PairFile[]
  /** Of record and files: a part whose list of files lost one would be whole without it. */
  readonly digest: Digest
}

/** Rows of one of DuckDB's chunks, and pairs that are handed over at a time. */
const CHUNK = 2048
const BATCH = 2 ** 18

/**
 * Opens the store of a folder.
 * @throws Error where @duckdb/node-api is not installed.
 */
export async function duckdbStore({
  folder,
  others = [],
  memory = 2 ** 30,
  threads,
}: DuckDbStoreOptions): Promise<PairStore> {
  const duckdb = await import('@duckdb/node-api').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(
      'the package @duckdb/node-api is needed to keep pairs on disk and is not installed: npm install @duckdb/node-api',
    )
  })
  const { DuckDBDataChunk, DuckDBInstance, UINTEGER } = duckdb
  // Of this store alone: in containers that share the folder processes may have one number.
  const spill = await mkdir(folder, { recursive: true })
    .then(() => mkdtemp(join(folder, '.spill-')))
    .catch((error) => {
      throw notWritten(folder, error)
    })
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${Math.max(64, Math.floor(memory / 2 ** 20))}MiB`,
    temp_directory: spill,
    preserve_insertion_order: 'false',
    ...(threads === undefined ? {} : { threads: String(threads) }),
    // Nothing is fetched from anywhere.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connection = await instance.connect()
  // One statement after the other: parts are put as they come.
  let queue: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = queue.then(work)
    queue = done.catch(() => undefined)
    return done
  }

  async function write(block: PairBlock, part: string): Promise<PairFile> {
    const { reading, contextWidth, decidedBy, pairs } = block
    const width = contextWidth + 1
    const file = join(`reading=${reading}`, `${part}.parquet`)
    const path = join(folder, file)
    const temporary = temporaryOf(path)
    await mkdir(join(folder, `reading=${reading}`), { recursive: true })
    const columns = columnsOf(width)
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE part (${columns.map((name) => `${name} UINTEGER`).join(', ')})`,
    )
    const appender = await connection.createAppender('part')
    const chunk = DuckDBDataChunk.create(Array(width).fill(UINTEGER), CHUNK)
    const rows = pairs.length / width
    for (let from = 0; from < rows; from += CHUNK) {
      const count = Math.min(CHUNK, rows - from)
      chunk.reset()
      chunk.rowCount = count
      for (let c = 0; c < width; c++) {
        const vector = chunk.getColumnVector(c) as DuckDBUIntegerVector
        for (let i = 0; i < count; i++) vector.setItem(i, pairs[(from + i) * width + c]!)
        vector.flush()
      }
      appender.appendDataChunk(chunk)
    }
    appender.closeSync()
    try {
      // DuckDB would write through a link that somebody laid there.
      await rm(temporary, { force: true })
      await connection.run(`COPY part TO ${quoted(temporary)} (FORMAT parquet, COMPRESSION snappy)`)
      await connection.run('DROP TABLE part')
      const { bytes, sha256 } = await digestOf(temporary)
      await rename(temporary, path)
      return {
        reading,
        contextWidth,
        rows,
        file,
        bytes,
        sha256,
        ...(decidedBy === undefined ? {} : { decidedBy }),
      }
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw faultOf(error, 'write pairs')
    }
  }

  const store: PairStore = {
    wants: 'pairs',
    put: (record, blocks) =>
      inTurn(async () => {
        const files: PairFile[] = []
        for (const block of blocks as readonly PairBlock[]) {
          if (block.pairs.length > 0) files.push(await write(block, record.name))
        }
        const digest = digestJson({ record, files })
        const stored: StoredPart = { format: 'dyetrace/scan-part-1', record, files, digest }
        await writeWhole(join(folder, `${record.name}.json`), `${JSON.stringify(stored)}\n`)
      }),
    async parts() {
      return (await storedParts([folder, ...others])).map(({ stored }) => stored.record)
    },
    totals: (scan, tests, sum) =>
      inTurn(async () => {
        const parts = await storedParts([folder, ...others])
        const foreign = parts.find(({ stored }) => stored.record.scan !== scan)
        if (foreign)
          throw new RangeError(
            `folder ${foreign.folder}: expected parts of one scan, got ${foreign.stored.record.name} of another`,
          )
        for (const { folder: place, stored } of parts)
          for (const file of stored.files) await assertAsWritten(join(place, file.file), file)
        const totals: (readonly Totals[])[] = []
        for (const [reading, count] of tests.entries()) {
          const files = parts.flatMap(({ folder: place, stored }) =>
            stored.files
              .filter((file) => file.reading === reading)
              .map((file) => ({ ...file, file: join(place, file.file) })),
          )
          totals.push(await totalsOf(connection, files, { reading, count, sum }))
        }
        return totals
      }),
    async close() {
      await queue
      connection.closeSync()
      instance.closeSync()
      await rm(spill, { recursive: true, force: true })
    },
  }
  return store
}

/** Streams the distinct pairs of files and has them summed, a few batches at a time. */
async function totalsOf(
  connection: DuckDBConnection,
  files: readonly PairFile[],
  { reading, count, sum }: { reading: number; count: number; sum: BlockSummer },
): Promise<readonly Totals[]> {
  let totals: readonly Totals[] = Array.from({ length: count }, () => ({ n: 0n, units: 0n }))
  const [first] = files
  if (!first) return totals
  const { contextWidth, decidedBy } = first
  const width = contextWidth + 1
  const columns = columnsOf(width)
  // A folder is called what it is called: `*` in its name is no pattern, and `c0=7` no column.
  const paths = files.map(({ file }) => quoted(literalPath(resolve(file))))
  const from = `FROM read_parquet([${paths.join(', ')}], hive_partitioning = false)`
  const deciding = columns.slice(0, decidedBy ?? width)
  const others = columns.slice(decidedBy ?? width)
  // All other words of one row, and not each of some row.
  const row = `first({${others.map((name) => `'${name}': ${name}`).join(', ')}}) AS one`
  const query =
    others.length === 0
      ? `SELECT DISTINCT ${deciding.join(', ')} ${from}`
      : `SELECT ${[...deciding, ...others.map((name) => `one.${name}`)].join(', ')} FROM (SELECT ${[...deciding, row].join(', ')} ${from} GROUP BY ${deciding.join(', ')})`
  const waiting: Promise<void>[] = []
  const add = (pairs: Uint32Array): void => {
    const block = { reading, contextWidth, pairs, ...(decidedBy === undefined ? {} : { decidedBy }) }
    const done = sum(block).then((more) => {
      totals = addTotals(totals, more)
    })
    // Heard at once, also where it is waited for later.
    done.catch(() => undefined)
    waiting.push(done)
  }
  try {
    const result = await connection.stream(query)
    let batch = new Uint32Array(BATCH * width)
    let rows = 0
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) break
      if (rows + chunk.rowCount > BATCH) {
        add(batch.subarray(0, rows * width).slice())
        rows = 0
        if (waiting.length > MOST_WAITING) await waiting.shift()
      }
      copyRows(chunk, batch, rows, width)
      rows += chunk.rowCount
    }
    if (rows > 0) add(batch.slice(0, rows * width))
    batch = new Uint32Array(0)
  } catch (error) {
    throw faultOf(error, 'count pairs')
  } finally {
    await Promise.allSettled(waiting)
  }
  await Promise.all(waiting)
  return totals
}

/** Batches that wait for a thread: enough that none is idle. */
const MOST_WAITING = 16

function copyRows(chunk: DuckDBDataChunk, to: Uint32Array, row: number, width: number): void {
  // Asked once: it is a call into the library.
  const count = chunk.rowCount
  for (let c = 0; c < width; c++) {
    const vector = chunk.getColumnVector(c) as DuckDBUIntegerVector
    for (let i = 0; i < count; i++) to[(row + i) * width + c] = vector.getItem(i)!
  }
}

/** Finished parts of all folders, by name; each once. */
async function storedParts(
  folders: readonly string[],
): Promise<readonly { readonly folder: string; readonly stored: StoredPart }[]> {
  const found = new Map<string, { readonly folder: string; readonly stored: StoredPart }>()
  for (const folder of folders) {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw new Error(`${folder}: could not be read (${error.code ?? 'an unknown error'})`)
    })
    for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
      const stored = parsed(await readFile(join(folder, name), 'utf8'), join(folder, name))
      const known = found.get(stored.record.name)
      if (!known) found.set(stored.record.name, { folder, stored })
      else if (JSON.stringify(known.stored.record) !== JSON.stringify(stored.record))
        throw new RangeError(
          `part ${stored.record.name}: expected one content in all folders, got two (${known.folder}, ${folder}): a source changed between them`,
        )
    }
  }
  return [...found.values()].sort((a, b) => (a.stored.record.name < b.stored.record.name ? -1 : 1))
}

function parsed(text: string, path: string): StoredPart {
  try {
    const stored = JSON.parse(text) as StoredPart
    const { format, record, files, digest } = stored
    if (format === 'dyetrace/scan-part-1' && digestJson({ record, files }) === digest) return stored
  } catch {
    // Said below.
  }
  throw new Error(`${path}: is not as it was written; remove it and run the same command again`)
}

async function assertAsWritten(path: string, { bytes, sha256 }: PairFile): Promise<void> {
  const found = await digestOf(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: could not be read (${error.code ?? 'an unknown error'})`)
  })
  if (found.bytes !== bytes || found.sha256 !== sha256)
    throw new Error(
      `${path}: is not as it was written; remove the part's files and run the same command again`,
    )
}

async function digestOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece)
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') }
}

/** Keeps what DuckDB says of a full disk or of memory, in one line. */
function faultOf(error: unknown, what: string): Error {
  const { message } = error as Error
  if (!/Error: /.test(message)) return error as Error
  return new Error(
    `DuckDB could not ${what}: ${message.split('\n')[0]}. Parts that are done are kept: the same command goes on with the others`,
  )
}

function columnsOf(width: number): string[] {
  return Array.from({ length: width }, (_, c) => `c${c}`)
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`
}
