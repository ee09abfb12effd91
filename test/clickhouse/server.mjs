/**
 * ClickHouse's HTTP interface, as much of it as the store's client needs, before the engine in a process (chdb): the real client talks to the real engine. Arguments: a folder for
 * the data, beside which it keeps what is under way, a port (0: any). Environment: CLICKHOUSE_USER, CLICKHOUSE_PASSWORD. It prints "port <number>" when it listens. Statements run one after the other; settings
 * of one stay for the next. An insert whose sender goes away is carried out as far as it came, in blocks of a thousand rows, as a server does that commits what is
 * full.
 */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Session } from 'chdb'

const [folder, port = '0'] = process.argv.slice(2)
const { CLICKHOUSE_USER: user = 'default', CLICKHOUSE_PASSWORD: password = '' } = process.env
const session = new Session(folder)
const scratch = mkdtempSync(join(folder, '..', 'scratch-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    session.close()
    process.exit(0)
  })
}

// Of HTTP, and no settings of the engine.
const NOT_SETTINGS = [
  'query',
  'query_id',
  'database',
  'session_id',
  'wait_end_of_query',
  'enable_http_compression',
]

const run = (sql, format = 'TabSeparated') => session.queryAsync(sql, { format })
const quoted = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

let turn = Promise.resolve()
let requests = 0

createServer((request, response) => {
  const mine = turn.then(() => answer(request, response))
  turn = mine.catch(() => undefined)
  mine.catch((error) => {
    const text = String(error?.message ?? error)
    const code = /Code: (\d+)/.exec(text)?.[1] ?? '1001'
    if (response.headersSent || response.destroyed) return response.destroy()
    response.writeHead(code === '516' ? 403 : 500, { 'X-ClickHouse-Exception-Code': code })
    response.end(text)
  })
}).listen(Number(port), '127.0.0.1', function () {
  console.log(`port ${this.address().port}`)
})

async function answer(request, response) {
  const url = new URL(request.url, 'http://127.0.0.1')
  const [name, key] = credentials(request)
  if (name !== user || key !== password) {
    request.resume()
    throw new Error(
      `Code: 516. DB::Exception: ${name}: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)`,
    )
  }
  const file = join(scratch, String(requests++))
  const arrived = await pipeline(request, createWriteStream(file)).then(
    () => true,
    () => false,
  )
  const params = [...url.searchParams]
  await run(`USE ${url.searchParams.get('database') ?? 'default'}`)
  for (const [setting, value] of params)
    if (!NOT_SETTINGS.includes(setting)) await run(`SET ${setting} = ${quoted(value)}`)
  const statement = url.searchParams.get('query')
  try {
    if (statement === null) {
      if (!arrived) return
      const { readFile } = await import('node:fs/promises')
      const result = await run(await readFile(file, 'utf8'))
      const bytes = result.bytes()
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.end(bytes)
      return
    }
    const blocks = arrived ? 2 ** 20 : 1000
    await run(
      `SET max_block_size = ${blocks}, min_insert_block_size_rows = ${blocks}, min_insert_block_size_bytes = 0`,
    )
    await run(fromFile(statement, file))
    response.writeHead(200)
    response.end()
  } finally {
    rmSync(file, { force: true })
  }
}

function credentials({ headers }) {
  if (headers['x-clickhouse-user'] !== undefined)
    return [headers['x-clickhouse-user'], headers['x-clickhouse-key'] ?? '']
  const [, basic] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? []
  return basic === undefined ? ['default', ''] : Buffer.from(basic, 'base64').toString().split(':')
}

/** An insert whose data comes in the request, as one whose data is in a file. */
function fromFile(statement, file) {
  const [, head, format] = /^([\s\S]*)\sFORMAT (\w+)\s*$/.exec(statement) ?? []
  if (head === undefined)
    throw new Error('Code: 62. DB::Exception: an insert needs a format here (SYNTAX_ERROR)')
  if (!head.includes('input(')) return `${head} FROM INFILE ${quoted(file)} FORMAT ${format}`
  return head.replace(/input\(('[^']*')\)/, (_, columns) => `file(${quoted(file)}, '${format}', ${columns})`)
}
