/**
 * The cluster's store against a server that plays a part: what is sent and how, what is tried again, what is refused, and what no message shows. What an engine makes of it is
 * tested in test/clickhouse.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Call, optionReaders } from '../../../src/cli/call.ts'
import { clusterStore } from '../../../src/cli/cluster-store.ts'
import { InputError } from '../../../src/cli/exit.ts'
import type { PairStore, ScoredBlock } from '../../../src/corpus/store.ts'
import { rowBinary } from '../../../src/corpus/stores/clickhouse/row-binary.ts'
import { type ClickHouseStoreOptions, clickhouseStore } from '../../../src/corpus/stores/clickhouse.ts'

interface Seen {
  readonly statement: string
  readonly search: URLSearchParams
  readonly body: Buffer
}

let server: Server
let url = ''
let seen: Seen[] = []
/** What the server says to a request; undefined: what a sound one says. */
let part: (request: Seen, response: ServerResponse) => boolean

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const one = requestOf(request, Buffer.concat(pieces))
    seen.push(one)
    if (!part(one, response)) soundly(one, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))
beforeEach(() => {
  seen = []
  part = () => false
})

function requestOf(request: IncomingMessage, body: Buffer): Seen {
  const search = new URL(request.url!, 'http://127.0.0.1').searchParams
  return { statement: search.get('query') ?? body.toString(), search, body }
}

const PAIRS = ['scan LowCardinality(String)', 'reading UInt16', 'content UInt128', 'pair String']
const PARTS = [
  'scan LowCardinality(String)',
  'part String',
  'contents Array(UInt128)',
  'readings Array(UInt16)',
]
const COLUMNS = {
  dyetrace_pairs_1: [...PAIRS, 'scores String', 'bucket UInt16'],
  dyetrace_parts_1: [...PARTS, 'counts Array(UInt64)', 'account String'],
}

function soundly({ statement }: Seen, response: ServerResponse): void {
  const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]
  const data = statement.includes('system.tables')
    ? names.map((name) => ({ name, engine: 'ReplicatedReplacingMergeTree' }))
    : statement.includes('system.columns')
      ? names.flatMap((table) =>
          COLUMNS[table].map((column) => {
            const [name, type] = column.split(' ')
            return { table, name, type }
          }),
        )
      : []
  response.end(JSON.stringify({ data }))
}

const open = (options: Partial<ClickHouseStoreOptions> = {}): Promise<PairStore> =>
  clickhouseStore({ url, retries: 3, wait: async () => {}, ...options })

const BLOCK: ScoredBlock = {
  reading: 0,
  contextWidth: 1,
  tests: 2,
  pairs: Uint32Array.of(1, 2, 0xffffffff, 3),
  scores: Uint32Array.of(1, 0, 0xffffffff, 1_234_567_890),
}
const RECORD = { name: 'p', scan: 'sha256:s', account: { documents: 1 } }

describe('what is sent', () => {
  test('rows in RowBinary: the words of the pair, the scores, little-endian', () => {
    const rows = [
      [8, 1, 0, 0, 0, 2, 0, 0, 0, 8, 1, 0, 0, 0, 0, 0, 0, 0],
      [8, 255, 255, 255, 255, 3, 0, 0, 0, 8, 255, 255, 255, 255, 0xd2, 0x02, 0x96, 0x49],
    ]
    expect([...Buffer.concat([...rowBinary(BLOCK)])]).toEqual(rows.flat())
    // A context of 64 ids, 300 tests: lengths of two bytes.
    const [wide] = rowBinary({
      ...{ reading: 0, contextWidth: 64, tests: 300 },
      pairs: new Uint32Array(65),
      scores: new Uint32Array(300),
    })
    expect([...wide!.subarray(0, 2)]).toEqual([0x84, 0x02])
    expect([...wide!.subarray(262, 264)]).toEqual([0xb0, 0x09])
    expect(wide!.length).toBe(2 + 260 + 2 + 1200)
  })

  test('many rows in bounded pieces, in order', () => {
    const pairs = Uint32Array.from({ length: 200_000 }, (_, i) => i)
    const pieces = [...rowBinary({ reading: 0, contextWidth: 0, tests: 1, pairs, scores: pairs })]
    expect(pieces.length).toBeGreaterThan(5)
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(2 ** 18)
    const all = Buffer.concat(pieces)
    expect([0, 77_777, 199_999].map((row) => all.readUInt32LE(10 * row + 1))).toEqual([0, 77_777, 199_999])
  })

  test('a part: its blocks as bodies, then its record; nothing of them in an address', async () => {
    const store = await open()
    seen = []
    await store.put(RECORD, [BLOCK, { ...BLOCK, pairs: new Uint32Array(0), scores: new Uint32Array(0) }])
    await store.close()
    expect(seen.map(({ statement }) => /INTO (\w+)/.exec(statement)?.[1])).toEqual([
      'dyetrace_pairs_1',
      'dyetrace_parts_1',
    ])
    const [block, record] = seen as [Seen, Seen]
    expect([...block.body]).toEqual([...Buffer.concat([...rowBinary(BLOCK)])])
    expect(block.search.get('param_scan')).toBe('sha256:s')
    expect(block.search.toString()).not.toContain('1234567890')
    const stored = JSON.parse(record.body.toString())
    expect(stored).toMatchObject({ scan: 'sha256:s', part: 'p', readings: [0], counts: ['2'] })
    expect(stored.contents).toEqual([block.search.get('param_content')])
    for (const { search } of seen) expect(search.get('async_insert')).toBe('0')
  })

  test('names of blocks depend on all that is in them', async () => {
    const store = await open()
    seen = []
    const other = { ...BLOCK, scores: Uint32Array.of(1, 0, 0xffffffff, 1) }
    for (const [scan, block] of [
      ['a', BLOCK],
      ['a', BLOCK],
      ['b', BLOCK],
      ['a', other],
      ['a', { ...BLOCK, reading: 1 }],
      ['a', { ...BLOCK, contextWidth: 3, tests: 4 }],
    ] as const)
      await store.put({ ...RECORD, scan }, [block])
    await store.close()
    const names = seen.flatMap(({ search }) => search.get('param_content') ?? [])
    expect(names[0]).toBe(names[1])
    expect(new Set(names).size).toBe(5)
  })
})

describe('what fails', () => {
  const fail = (response: ServerResponse, code: number, name: string, said = ''): true => {
    response.writeHead(code === 516 ? 403 : 500, { 'X-ClickHouse-Exception-Code': String(code) })
    response.end(`Code: ${code}. DB::Exception: ${said}. (${name}) (version 26.7.1)`)
    return true
  }

  test.each([
    ['no connection', 210, 'NETWORK_ERROR'],
    ['too many parts', 252, 'TOO_MANY_PARTS'],
    ['a replica that cannot write', 242, 'TABLE_IS_READ_ONLY'],
  ])('%s passes, and is tried again after growing pauses', async (_, code, name) => {
    const waits: number[] = []
    const store = await open({
      wait: async (seconds) => {
        waits.push(seconds)
      },
    })
    let left = 2
    part = (_, response) => left-- > 0 && fail(response, code, name)
    await store.put(RECORD, [BLOCK])
    expect(waits).toEqual([1, 2])
    await store.close()
  })

  test('a connection that is cut passes; one that stays away is an error with the number of tries', async () => {
    const store = await open()
    part = (_, response) => {
      response.destroy()
      return true
    }
    seen = []
    await expect(store.put(RECORD, [BLOCK])).rejects.toThrow(/could not insert pairs \(\w+\), tried 4 times/)
    expect(seen.length).toBe(4)
    await store.close()
  })

  test('what a server says of rows is not repeated', async () => {
    const store = await open()
    part = ({ statement }, response) =>
      statement.startsWith('INSERT') && fail(response, 27, 'CANNOT_PARSE_INPUT', 'at row 1: "1234567890"')
    const put = store.put(RECORD, [BLOCK])
    await expect(put).rejects.toThrow(/could not insert pairs \(CANNOT_PARSE_INPUT, code 27\)$/)
    await store.close()
  })

  test('rights and credentials do not pass, and the password is not shown', async () => {
    part = (_, response) => fail(response, 516, 'AUTHENTICATION_FAILED', 'wrong')
    const opened = open({ password: 'hunter-2-hunter-2' })
    await expect(opened).rejects.toThrow(/AUTHENTICATION_FAILED/)
    await expect(opened).rejects.not.toThrow(/hunter/)
    expect(seen.length).toBe(1)
  })

  test('an answer that is cut off, or of another program, is no answer', async () => {
    part = ({ statement }, response) => {
      if (!statement.includes('account')) return false
      response.end('{"data": [')
      return true
    }
    const store = await open()
    await expect(store.parts()).rejects.toThrow(/could not list its parts/)
    part = (_, response) => {
      response.end('{"hello": 1}')
      return true
    }
    await expect(store.parts()).rejects.toThrow(/not one of ClickHouse/)
    await store.close()
  })

  test('blocks without scores, or with too few, are refused', async () => {
    const store = await open()
    const { scores, ...pairs } = BLOCK
    for (const block of [pairs, { ...BLOCK, scores: scores.subarray(1) }, { ...BLOCK, decidedBy: 1 }])
      await expect(store.put(RECORD, [block as ScoredBlock])).rejects.toThrow(/expected scored pairs/)
    await store.close()
  })
})

describe('options that are refused', () => {
  test.each([
    ['an address with a password', { url: 'http://u:hunter2@localhost:8123' }],
    ['an address with options', { url: 'http://localhost:8123/?password=hunter2' }],
    ['http to another machine', { url: 'http://clickhouse.example:8123' }],
    ['what is no address', { url: 'hunter2' }],
    ['another protocol', { url: 'ftp://localhost' }],
    ['a database that is more than a name', { database: 'a; DROP TABLE b' }],
    ['no pairs a query', { pairsPerQuery: 0 }],
    ['an unknown option', { passwort: 'hunter2' }],
  ])('%s', async (_, options) => {
    const opened = open(options as Partial<ClickHouseStoreOptions>)
    await expect(opened).rejects.toThrow(RangeError)
    await expect(opened).rejects.not.toThrow(/hunter2/)
    expect(seen).toEqual([])
  })

  test('on the command line: an address with a password, a variable that is not set, options without an address', async () => {
    const open = (options: Record<string, unknown>) =>
      clusterStore({ ...optionReaders(options), environment: { env: { EMPTY: '' } } } as unknown as Call)
    expect(await open({})).toBeUndefined()
    for (const [options, message] of [
      [
        { clickhouse: 'http://u:hunter2@localhost' },
        /^option --clickhouse: expected an address .* without user/,
      ],
      [{ clickhouse: url, clickhouseDatabase: 'a b' }, /^option --clickhouse-database: expected the name/],
      [
        { clickhouse: url, clickhousePasswordEnv: 'EMPTY' },
        /^environment variable "EMPTY": expected the pass/,
      ],
      [{ clickhouseUser: 'me' }, /^option --clickhouse: expected the address of a server, got none/],
      [{ privateNetwork: true }, /^option --clickhouse: expected the address of a server, got none/],
    ] as const) {
      const opened = open(options)
      await expect(opened).rejects.toThrow(InputError)
      await expect(opened).rejects.toThrow(message)
      await expect(opened).rejects.not.toThrow(/hunter2/)
    }
    const store = await open({ clickhouse: url })
    expect(store?.wants).toBe('scores')
    await store?.close()
  })
})
