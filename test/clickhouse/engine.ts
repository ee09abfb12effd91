/**
 * A ClickHouse for tests: server.mjs in a process of its own, so that it can be killed and started again on the same data; and a wire before it that can be cut.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const USER = 'worker'
export const PASSWORD = 'correct horse'

/** A server that can go away and come back. */
export interface Engine {
  readonly url: string
  kill(): Promise<void>
  /** Nothing where it runs. */
  start(): Promise<void>
  /** Ends it and removes its data. */
  remove(): Promise<void>
}

export async function startEngine(): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'dyetrace-engine-'))
  let child: ChildProcess | undefined
  let port = 0
  let starting: Promise<void> | undefined
  const isAlive = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  const start = async (): Promise<void> => {
    child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'server.mjs'), join(folder, 'data'), String(port)],
      {
        env: { ...process.env, CLICKHOUSE_USER: USER, CLICKHOUSE_PASSWORD: PASSWORD },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    port = await new Promise<number>((resolve, reject) => {
      let said = ''
      child!.stdout!.on('data', (text) => {
        said += text
        const [, found] = /port (\d+)\n/.exec(said) ?? []
        if (found !== undefined) resolve(Number(found))
      })
      child!.once('exit', (code) => reject(new Error(`the engine ended with code ${code}`)))
    })
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!isAlive()) return
    const gone = once(child!, 'exit')
    child!.kill(signal)
    await gone
  }
  await start()
  return {
    get url() {
      return `http://127.0.0.1:${port}`
    },
    kill: () => end('SIGKILL'),
    async start() {
      if (isAlive()) return starting
      starting = start()
      return starting
    },
    async remove() {
      await end('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One statement by hand. @returns what the server says. */
export async function ask(
  { url }: { readonly url: string },
  statement: string,
  data?: string,
  params: Readonly<Record<string, string>> = {},
): Promise<string> {
  const search = new URLSearchParams(data === undefined ? params : { ...params, query: statement })
  const response = await fetch(`${url}/?${search}`, {
    method: 'POST',
    headers: { 'X-ClickHouse-User': USER, 'X-ClickHouse-Key': PASSWORD },
    body: data ?? statement,
  })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}

/** A wire to a server. */
export interface Wire {
  readonly url: string
  /** The next connection is cut when so many bytes went to the server; once. `then` runs before it is cut. */
  cutAfter(bytes: number, then?: () => Promise<void>): void
  /** The next connection is cut when these words go to the server; once, and they do not arrive. */
  cutAt(words: string): void
  /** How often it was cut. */
  readonly cuts: number
  close(): Promise<void>
}

export async function openWire(to: string): Promise<Wire> {
  let limit = Number.POSITIVE_INFINITY
  let marker: string | undefined
  let before: (() => Promise<void>) | undefined
  let cuts = 0
  const open = new Set<Socket>()
  const server: Server = createServer((near) => {
    const { hostname, port } = new URL(to)
    const far = createConnection(Number(port), hostname)
    for (const [a, b] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(a)
      a.on('error', () => b.destroy())
      a.on('close', () => {
        open.delete(a)
        b.destroy()
      })
    }
    let sent = 0
    near.on('data', (piece) => {
      sent += piece.length
      const isMarked = marker !== undefined && piece.includes(marker)
      if (sent < limit && !isMarked) {
        if (!far.write(piece)) {
          near.pause()
          far.once('drain', () => near.resume())
        }
        return
      }
      const rest = isMarked ? piece.subarray(0, 0) : piece.subarray(0, piece.length - (sent - limit))
      limit = Number.POSITIVE_INFINITY
      marker = undefined
      cuts++
      near.pause()
      far.write(rest, async () => {
        await before?.()
        near.destroy()
        far.destroy()
      })
    })
    far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAfter(bytes, then) {
      limit = bytes
      before = then
    },
    cutAt(words) {
      marker = words
      before = undefined
    },
    get cuts() {
      return cuts
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
