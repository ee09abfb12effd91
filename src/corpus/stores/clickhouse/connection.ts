/**
 * A connection to ClickHouse over HTTP by its official client, an optional package. In: statements, their parameters, bytes of inserts. Out: rows. What fails for a reason
 * that passes (the server is gone, starting, too busy) is tried again with growing pauses, so a statement may run twice; callers make sure that this changes nothing.
 * What does not pass (credentials, rights, a wrong statement) is an error at once. Of what was inserted nothing is put into a message: a server repeats
 * rows that it cannot read.
 */
import { Readable } from 'node:stream'

/** Where a server is and who asks. */
export interface ConnectionOptions {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly database: string
  /** How often a statement is tried again. */
  readonly retries: number
  /** Waits so many seconds. */
  readonly wait: (seconds: number) => Promise<void>
  readonly timeoutSeconds: number
}

/** Parameters of a statement, by name; they may be seen in the server's logs. */
export type Parameters = Readonly<Record<string, string | number>>

/** Statements of one database. */
export interface Connection {
  /** @param about.name what the statement is to do, for messages. */
  command(statement: string, about: { readonly name: string }): Promise<void>
  select<Row>(
    statement: string,
    about: { readonly name: string; readonly params?: Parameters },
  ): Promise<readonly Row[]>
  /** @param bytes is asked again for each try. */
  insert(
    statement: string,
    about: {
      readonly name: string
      readonly params?: Parameters
      readonly bytes: () => Iterable<Uint8Array>
    },
  ): Promise<void>
  close(): Promise<void>
}

/** What of the client is used. */
interface Client {
  command(params: Record<string, unknown>): Promise<unknown>
  query(params: Record<string, unknown>): Promise<{ json(): Promise<unknown> }>
  exec(params: Record<string, unknown>): Promise<{ stream: AsyncIterable<unknown> }>
  close(): Promise<void>
}

const PACKAGE = '@clickhouse/client'
const LONGEST_PAUSE_SECONDS = 30

/** Limits of a server's profile must be errors: some modes would make a total of a part of the rows. Whole answers only, so that a late error is one. */
const SETTINGS = {
  wait_end_of_query: 1,
  read_overflow_mode: 'throw',
  read_overflow_mode_leaf: 'throw',
  group_by_overflow_mode: 'throw',
  sort_overflow_mode: 'throw',
  distinct_overflow_mode: 'throw',
  set_overflow_mode: 'throw',
  result_overflow_mode: 'throw',
  timeout_overflow_mode: 'throw',
  skip_unavailable_shards: 0,
  output_format_json_quote_64bit_integers: 1,
}

/** An insert is known to be in the table, or has failed, when it returns; and nobody drops rows for having seen them once. */
const INSERT_SETTINGS = { async_insert: 0, insert_deduplicate: 0, wait_end_of_query: 1 }

/** Errors of ClickHouse that pass. Names as in system.errors; codes do not change. */
const PASSING = new Set([
  '159', // TIMEOUT_EXCEEDED
  '164', // READONLY, of a replica that is starting
  '202', // TOO_MANY_SIMULTANEOUS_QUERIES
  '203', // NO_FREE_CONNECTION
  '209', // SOCKET_TIMEOUT
  '210', // NETWORK_ERROR
  '236', // ABORTED, by a server that shuts down
  '242', // TABLE_IS_READ_ONLY
  '252', // TOO_MANY_PARTS
  '279', // ALL_CONNECTION_TRIES_FAILED
  '285', // TOO_FEW_LIVE_REPLICAS
  '319', // UNKNOWN_STATUS_OF_INSERT
  '425', // SYSTEM_ERROR
  '999', // KEEPER_EXCEPTION
])

/**
 * Connects; nothing is sent yet.
 * @throws Error where the client is not installed.
 */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const { url, username, password, database, retries, wait, timeoutSeconds } = options
  const { createClient, ClickHouseLogLevel } = (await clientPackage()) as {
    createClient(config: Record<string, unknown>): Client
    ClickHouseLogLevel: { OFF: number }
  }
  const client = createClient({
    url,
    username,
    password,
    database,
    application: 'dyetrace',
    request_timeout: 1000 * timeoutSeconds,
    // The client would write what fails to the console.
    log: { level: ClickHouseLogLevel.OFF },
  })
  const where = new URL(url).host

  async function again<T>(name: string, isInsert: boolean, action: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await action()
      } catch (error) {
        const fault = faultOf(error, isInsert)
        if (!fault.passes || tries >= retries)
          throw new Error(
            `ClickHouse at ${where}, database ${database}: could not ${name} (${fault.message})${fault.passes ? `, tried ${tries + 1} times` : ''}`,
          )
        await wait(Math.min(2 ** tries, LONGEST_PAUSE_SECONDS))
      }
    }
  }

  return {
    command: (query, { name }) =>
      again(name, false, async () => {
        await client.command({ query })
      }),
    select: (query, { name, params = {} }) =>
      again(name, false, async () => {
        const result = await client.query({
          query,
          // Not a row a line: what was cut off is no JSON, and so is noticed.
          format: 'JSON',
          query_params: params,
          clickhouse_settings: SETTINGS,
        })
        const { data } = (await result.json()) as { data?: unknown }
        if (!Array.isArray(data)) throw new Error('the answer is not one of ClickHouse')
        return data
      }),
    insert: (query, { name, params = {}, bytes }) =>
      again(name, true, async () => {
        const { stream } = await client.exec({
          query,
          query_params: params,
          values: Readable.from(bytes(), { objectMode: false }),
          clickhouse_settings: INSERT_SETTINGS,
        })
        for await (const _ of stream) {
          // An insert answers nothing; the end of it says that it is done.
        }
      }),
    close: () => client.close(),
  }
}

async function clientPackage(): Promise<unknown> {
  try {
    // A name in a variable: bundlers leave it alone.
    return await import(PACKAGE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(
      `the package ${PACKAGE} is needed to reach ClickHouse and is not installed: npm install ${PACKAGE}`,
    )
  }
}

/** What failed, in words that show nothing of the rows, and whether it may pass. */
function faultOf(error: unknown, isInsert: boolean): { readonly message: string; readonly passes: boolean } {
  const { code, type, message } = error as { code?: unknown; type?: unknown; message?: unknown }
  if (typeof type === 'string' && typeof code === 'string') {
    const said = isInsert ? '' : `: ${String(message).slice(0, 300).trim()}`
    return { message: `${type}, code ${code}${said}`, passes: PASSING.has(code) }
  }
  // Not from ClickHouse: the network, or a program between. A code is a name such as ECONNRESET.
  const said = typeof code === 'string' ? code : isInsert ? 'no answer' : String(message).slice(0, 300).trim()
  return { message: said, passes: true }
}
