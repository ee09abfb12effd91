#!/usr/bin/env node
/**
 * The program `dyetrace`: the process around `run`. Here, and nowhere else under src, a clock is read and signals are heard. Whatever happens, the
 * process ends with one of the codes of exit.ts; so handlers stand before anything else is loaded, and what is loaded can fail like the rest.
 */
import { randomBytes } from 'node:crypto'
import { getEventListeners } from 'node:events'
import type { Environment, Sink } from './environment.ts'

// EXIT.unfinished, which is not loaded yet.
const UNFINISHED = 3

const interrupt = new AbortController()
const environment: Environment = {
  args: process.argv.slice(2),
  cwd: process.cwd(),
  env: process.env,
  stdin: process.stdin,
  stdout: sinkOf(process.stdout),
  stderr: sinkOf(process.stderr),
  // biome-ignore lint/style/noRestrictedGlobals: the edge of the process; below it time is an argument
  now: Date.now,
  random: (length) => randomBytes(length),
  interrupted: interrupt.signal,
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The reader has gone (`dyetrace ... | head`): there is nobody to tell, and what was not read is not a result.
    if (error.code === 'EPIPE') process.exit(UNFINISHED)
    fail(error)
  })
}
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Where a command finishes what is under way, it listens. Otherwise, and the second time, it means now: what was written is safe.
    const isHeard = !interrupt.signal.aborted && getEventListeners(interrupt.signal, 'abort').length > 0
    if (!isHeard) process.exit(UNFINISHED)
    interrupt.abort()
  })
}

try {
  const { run } = await import('./run.ts')
  const code = await run(environment)
  process.exitCode = code
  // Sockets that a server keeps open would hold the process; what was written goes out first.
  process.stdout.write('', (gone) => {
    process.stderr.write('', () => process.exit(gone ? UNFINISHED : code))
  })
} catch (error) {
  fail(error)
}

/** Says what nobody caught. The message only: a stack names the folders of this machine. */
function fail(error: unknown): never {
  try {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`dyetrace: ${message.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')}\n`)
  } finally {
    process.exit(UNFINISHED)
  }
}

function sinkOf(stream: NodeJS.WriteStream): Sink {
  return {
    write: (text) => void stream.write(text),
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.columns
    },
  }
}
