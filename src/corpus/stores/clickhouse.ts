/**
 * The cluster's store: workers anywhere score pairs and insert them, ClickHouse counts the distinct ones and adds up. In: scored blocks of parts. Out: totals that are
 * equal, bit for bit, to those of the embedded store over the same parts.
 *
 * Why a total is exact or an error:
 * - A block is named by its content, and its rows carry the name; so what is sent twice, in whole or in part, by the same or another worker, is the same rows.
 * - A part's record is written when all its blocks were taken, and says which blocks they are and how many pairs each has. Rows of blocks that no record names are not
 *   looked at: those of a worker that was killed, and of a part that was replaced.
 * - Each query that adds up also counts the rows of the named blocks, of an earlier moment than it adds up, each once. The counts must come to what the records say:
 *   a replica that lags, rows that were removed or hidden by a policy are noticed.
 * - All parts must agree on the scores of a pair, and the list of parts must be the same before and after. Sums are of 64 bits, for at most 2^32 pairs each.
 *
 * Scores are as secret as the key, and so are the tables (docs/scan-cluster.md).
 */
import { createHash } from 'node:crypto'
import { assertInteger, assertOptions, assertString } from '../../assert.ts'
import { canonicalJson } from '../../digest.ts'
import { NOT_OWN, type PairStore, type PartRecord, type ScoredBlock, type Totals } from '../store.ts'
import { type Connection, connect, type Parameters } from './clickhouse/connection.ts'
import { ROW, rowBinary } from './clickhouse/row-binary.ts'
import { BUCKETS, PAIRS, PARTS, prepareTables } from './clickhouse/schema.ts'

/** Options of {@link clickhouseStore}. */
export interface ClickHouseStoreOptions {
  /** Address of the HTTP interface, without user and password: `https://clickhouse.example:8443`. */
  readonly url: string
  /** @defaultValue default */
  readonly username?: string
  /** From a file or the environment, never from an argument of a program. @defaultValue empty */
  readonly password?: string
  /** @defaultValue default */
  readonly database?: string
  /**
   * Allow `http:` to another machine: scores, and the password, can then be read on the way. @defaultValue false: only to this machine
   */
  readonly isPrivateNetwork?: boolean
  /** How often a statement is tried again while the server is away, with pauses of 1, 2, 4 .. 30 seconds. @defaultValue 8 */
  readonly retries?: number
  /** Distinct pairs that one query counts, about; at some 150 bytes each and what their scores take. @defaultValue 2^24 */
  readonly pairsPerQuery?: number
  /** Longest time of one statement. @defaultValue 3600 */
  readonly timeoutSeconds?: number
  /** Waits so many seconds; tests bring their own. @defaultValue a timer */
  readonly wait?: (seconds: number) => Promise<void>
}

/** A part as it is recorded. Numbers are text, as they may be wider than 53 bits. */
interface StoredPart {
  readonly scan: string
  readonly part: string
  readonly contents: readonly string[]
  readonly readings: readonly number[]
  readonly counts: readonly string[]
}

/** Most pairs whose scores, below 2^32 each, add up to less than 2^64. */
const MOST_PER_SUM = 2n ** 32n

/**
 * Opens the store and makes its tables where they are not there.
 * @throws TypeError or RangeError for options out of range and for tables of another make; Error where the client is not installed or the server refuses.
 */
export async function clickhouseStore(options: ClickHouseStoreOptions): Promise<PairStore> {
  const { pairsPerQuery, retries, wait, ...rest } = checked(options)
  const connection = await connect({ ...rest, retries, wait })
  try {
    await prepareTables(connection)
  } catch (error) {
    await connection.close()
    throw error
  }

  async function totalsOf(
    params: Parameters & { readonly tests: number },
    { held, assertStill }: { held: bigint; assertStill: () => Promise<void> },
  ): Promise<readonly Totals[]> {
    const queries = queriesFor(held, pairsPerQuery)
    for (let tries = 0; ; tries++) {
      let found = 0n
      const totals = Array.from({ length: params.tests }, () => ({ n: 0n, units: 0n }))
      for (let i = 0; i < queries; i++) {
        const [from, to] = [i, i + 1].map((bound) => (bound * BUCKETS) / queries) as [number, number]
        found += await addBuckets(connection, totals, { ...params, from, to })
      }
      if (found === held) return totals.map((total) => Object.freeze(total))
      // Rows of another list of parts are no mistake of the server's.
      await assertStill()
      if (found > held || tries >= retries)
        throw new Error(
          `ClickHouse: reading ${params['reading']} of the scan expected ${held} rows of its finished parts, got ${found}: rows were removed or hidden, or a replica lags behind; nothing was added up`,
        )
      await wait(Math.min(2 ** tries, 30))
    }
  }

  const store: PairStore = {
    wants: 'scores',
    async put(record, blocks) {
      const stored = (blocks as readonly ScoredBlock[]).filter(({ pairs }) => pairs.length > 0)
      const contents = stored.map((block) => assertScored(block) ?? contentOf(block, record.scan))
      for (const [i, block] of stored.entries())
        await connection.insert(
          `INSERT INTO ${PAIRS} (scan, reading, content, pair, scores) SELECT {scan:String}, {reading:UInt16}, {content:UInt128}, pair, scores FROM input('${ROW}') FORMAT RowBinary`,
          {
            name: 'insert pairs',
            params: { scan: record.scan, reading: block.reading, content: contents[i]! },
            bytes: () => rowBinary(block),
          },
        )
      const row: StoredPart & { readonly account: string } = {
        scan: record.scan,
        part: record.name,
        contents,
        readings: stored.map(({ reading }) => reading),
        counts: stored.map(({ pairs, contextWidth }) => String(pairs.length / (contextWidth + 1))),
        account: canonicalJson(record.account),
      }
      const bytes = Buffer.from(JSON.stringify(row))
      await connection.insert(`INSERT INTO ${PARTS} FORMAT JSONEachRow`, {
        name: 'insert the record of a part',
        bytes: () => [bytes],
      })
    },
    async parts() {
      const rows = await connection.select<{ scan: string; part: string; account: string }>(
        `SELECT scan, part, account FROM ${PARTS} FINAL ORDER BY scan, part`,
        { name: 'list its parts' },
      )
      return rows.map(
        ({ scan, part, account }): PartRecord => ({
          name: part,
          scan,
          account: JSON.parse(account) as PartRecord['account'],
        }),
      )
    },
    async totals(scan, tests) {
      const before = await storedParts(connection, scan)
      const assertStill = async (): Promise<void> => {
        const after = await storedParts(connection, scan)
        if (JSON.stringify(after) !== JSON.stringify(before))
          throw new Error(
            `ClickHouse: expected the ${before.length} parts of the scan to stay as they are while they are added up, got others: a shard is still at work; run it again when all have ended`,
          )
      }
      const held = rowsByReading(before, tests.length)
      const totals: (readonly Totals[])[] = []
      for (const [reading, count] of tests.entries())
        totals.push(await totalsOf({ scan, reading, tests: count }, { held: held[reading]!, assertStill }))
      await assertStill()
      return totals
    },
    close: () => connection.close(),
  }
  return store
}

function checked(
  options: ClickHouseStoreOptions,
): Required<Omit<ClickHouseStoreOptions, 'isPrivateNetwork'>> {
  assertOptions(options, {
    name: 'options',
    keys: [
      ...['url', 'username', 'password', 'database', 'isPrivateNetwork'],
      ...['retries', 'pairsPerQuery', 'timeoutSeconds', 'wait'],
    ],
  })
  const {
    url,
    username = 'default',
    password = '',
    database = 'default',
    isPrivateNetwork = false,
    retries = 8,
    pairsPerQuery = 2 ** 24,
    timeoutSeconds = 3600,
    wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds)),
  } = options
  assertUrl(url, { isPrivateNetwork })
  assertString(username, { name: 'options.username' })
  if (typeof password !== 'string')
    throw new TypeError('"options.password" expected a string, got something else')
  assertString(database, {
    name: 'options.database',
    expected: 'the name of a database',
    pattern: /^[A-Za-z_]\w*$/,
  })
  assertInteger(retries, { name: 'options.retries' })
  assertInteger(pairsPerQuery, { name: 'options.pairsPerQuery', min: 1 })
  assertInteger(timeoutSeconds, { name: 'options.timeoutSeconds', min: 1, max: 2 ** 20 })
  return { url, username, password, database, retries, pairsPerQuery, timeoutSeconds, wait }
}

const OWN_MACHINE = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

// Nothing of the address is shown before it is known to hold no password.
function assertUrl(url: unknown, { isPrivateNetwork }: { isPrivateNetwork: boolean }): void {
  const expected = '"options.url" expected an address such as https://clickhouse.example:8443'
  if (typeof url !== 'string') throw new TypeError(`${expected}, got a ${typeof url}`)
  if (!URL.canParse(url)) throw new RangeError(`${expected}, got something else`)
  const { protocol, hostname, username, password, search } = new URL(url)
  if (username !== '' || password !== '' || search !== '')
    throw new RangeError(
      `${expected} without user, password and options, got some: they would be seen in lists of processes`,
    )
  if (protocol !== 'https:' && protocol !== 'http:') throw new RangeError(`${expected}, got ${protocol}`)
  if (protocol === 'http:' && !isPrivateNetwork && !OWN_MACHINE.test(hostname))
    throw new RangeError(
      `${expected}, got http: to another machine, on the way to which scores can be read, and scores are as secret as the key; allow it only on a private network`,
    )
}

/** Refuses what cannot be added up here. */
function assertScored({ tests, scores, pairs, contextWidth, decidedBy }: ScoredBlock): undefined {
  if (decidedBy !== undefined || scores?.length !== (pairs.length / (contextWidth + 1)) * tests)
    throw new TypeError('"blocks" expected scored pairs, one word for each test, got others')
}

/** The name of a block: 128 bits of SHA-256 of all that is in it, as a decimal number. */
function contentOf({ reading, contextWidth, tests, pairs, scores }: ScoredBlock, scan: string): string {
  const hash = createHash('sha256')
  hash.update(canonicalJson({ format: 'dyetrace/pair-block-1', scan, reading, contextWidth, tests }))
  for (const { buffer, byteOffset, byteLength } of [pairs, scores])
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  return BigInt(`0x${hash.digest('hex').slice(0, 32)}`).toString()
}

async function storedParts(connection: Connection, scan: string): Promise<readonly StoredPart[]> {
  return connection.select<StoredPart>(
    `SELECT scan, part, contents, readings, counts FROM ${PARTS} FINAL WHERE scan = {scan:String} ORDER BY part`,
    { name: 'list the parts of a scan', params: { scan } },
  )
}

/** Rows that there must be, by reading: blocks of one content are the same rows. */
function rowsByReading(parts: readonly StoredPart[], readings: number): readonly bigint[] {
  const held = Array.from({ length: readings }, () => 0n)
  const seen = new Set<string>()
  for (const { part, contents, readings: places, counts } of parts) {
    for (const [i, content] of contents.entries()) {
      const place = places[i]!
      if (!(place < readings))
        throw new RangeError(
          `part ${part}: expected pairs of ${readings} readings, got one of reading ${place}: it is a part of another scan`,
        )
      if (seen.has(content)) continue
      seen.add(content)
      held[place]! += BigInt(counts[i]!)
    }
  }
  return held
}

/** A power of two, so that buckets divide. */
function queriesFor(rows: bigint, pairsPerQuery: number): number {
  let queries = 1
  while (queries < BUCKETS && Number(rows) / queries > pairsPerQuery) queries *= 2
  return queries
}

const WHERE = `scan = {scan:String} AND reading = {reading:UInt16} AND bucket >= {from:UInt16} AND bucket < {to:UInt16}
  AND content GLOBAL IN (SELECT arrayJoin(contents) FROM ${PARTS} FINAL WHERE scan = {scan:String})`

/**
 * The query. A scalar sub-query is computed before the rest is read, so `held` is of a moment before: rows only ever come, and what was counted is also added up. Without
 * FINAL below, since GROUP BY takes each pair once by itself.
 */
const TOTALS = `SELECT
  (SELECT count() FROM ${PAIRS} FINAL WHERE ${WHERE}) AS held,
  count() AS pairs,
  countIf(low != high) AS torn,
  countIf(length(low) != 4 * {tests:UInt32}) AS misfits,
  sumForEach(arrayMap(score -> toUInt64(score != ${NOT_OWN}), words)) AS n,
  sumForEach(arrayMap(score -> toUInt64(score) * (score != ${NOT_OWN}), words)) AS units
FROM (
  SELECT low, high, arrayMap(test -> reinterpretAsUInt32(substring(low, 4 * test + 1, 4)), range({tests:UInt32})) AS words
  FROM (SELECT min(scores) AS low, max(scores) AS high FROM ${PAIRS} WHERE ${WHERE} GROUP BY pair)
)
SETTINGS do_not_merge_across_partitions_select_final = 1`

interface TotalsRow {
  readonly held: string
  readonly pairs: string
  readonly torn: string
  readonly misfits: string
  readonly n: readonly string[]
  readonly units: readonly string[]
}

/** Adds the pairs of some buckets to `totals`. @returns rows of finished parts that were there. */
async function addBuckets(
  connection: Connection,
  totals: { n: bigint; units: bigint }[],
  params: Parameters,
): Promise<bigint> {
  const rows = await connection.select<TotalsRow>(TOTALS, { name: 'add up pairs', params })
  const [row] = rows
  if (rows.length !== 1 || !row) throw new Error(`ClickHouse: expected one row of totals, got ${rows.length}`)
  if (row.torn !== '0' || row.misfits !== '0')
    throw new Error(
      `ClickHouse: expected all parts to agree on the scores of a pair, got ${BigInt(row.torn) + BigInt(row.misfits)} pairs on which they do not: a worker had another key, other lanes or another version`,
    )
  if (BigInt(row.pairs) >= MOST_PER_SUM)
    throw new Error(
      `ClickHouse: expected fewer than ${MOST_PER_SUM} pairs in a query, got ${row.pairs}: lower "pairsPerQuery"`,
    )
  for (const [test, total] of totals.entries()) {
    total.n += BigInt(row.n[test] ?? 0)
    total.units += BigInt(row.units[test] ?? 0)
  }
  return BigInt(row.held)
}
