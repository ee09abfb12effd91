/** The program as a process: exit codes, pipes that close, errors that nobody caught, signals, and a collector that is killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type SuspectServer, startSuspectServer } from '../support/suspect-server.ts'
import { API_KEY, cli, type Folder, makeFolder, serveThief, wordsOf } from './support.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const TSX = pathToFileURL(resolve(import.meta.dirname, '../../node_modules/tsx/dist/loader.mjs')).href

let folder: Folder
let server: SuspectServer

beforeAll(async () => {
  folder = makeFolder()
  for (const line of [
    'keygen acme.key.json',
    'profile create --key acme.key.json --tokenizer teacher --layer provider:acme --out acme.profile.json',
    'keys reveal --key acme.key.json --profile acme.profile.json --out acme.mark.json',
  ])
    expect((await cli(folder.path, wordsOf(line))).code).toBe(0)
  server = await serveThief(folder.path)
})
afterAll(async () => {
  await server.close()
  folder.remove()
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the program. */
function start(
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): ChildProcess & { ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', TSX, ...nodeArgs, MAIN, ...args], {
    cwd: folder.path,
    env: { PATH: process.env['PATH'], RIVAL_API_KEY: API_KEY },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const ended = new Promise<Ended>((done) => {
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr }))
  })
  return Object.assign(child, { ended })
}

async function newCase(name: string, url: string, answers: number): Promise<void> {
  for (const line of [
    `case new ${name} --profile acme.profile.json --tokenizer teacher --suspect ${url} --model rival-1 --api-key-env RIVAL_API_KEY`,
    `case plan ${name} --from-texts novels --answers ${answers} --max-tokens 24`,
  ]) {
    const { code, stderr } = await cli(folder.path, wordsOf(line))
    expect(stderr).toBe('')
    expect(code).toBe(0)
  }
}

const answersIn = (name: string): number => {
  const file = join(folder.path, name, 'answers.jsonl')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; !holds() && i < 2000; i++) await new Promise((done) => setTimeout(done, 10))
  expect(holds()).toBe(true)
}

describe('a process', () => {
  test('ends with the codes, and a crash of any kind is 3', async () => {
    // Once the program listens; before, Node itself would speak.
    const whenReady = (what: string): string =>
      `const timer = setInterval(() => { if (process.listenerCount('SIGTERM') > 0) { clearInterval(timer); ${what} } }, 1)\n`
    const late = join(folder.path, 'late.mjs')
    writeFileSync(late, whenReady("Promise.reject(new TypeError('nobody caught this'))"))
    const early = join(folder.path, 'early.mjs')
    writeFileSync(early, whenReady("throw new Error('nor this')"))
    const [tokenizer, wrong, rejected, thrown] = await Promise.all([
      start(['profile', 'tokenizer', 'teacher', '--json']).ended,
      start(['profile', 'tokenizer', 'nothing']).ended,
      start(['profile', 'tokenizer', '-'], ['--import', late]).ended,
      start(
        ['detect', '-', '--jsonl', '--profile', 'acme.profile.json', '--key', 'acme.mark.json'],
        ['--import', early],
      ).ended,
    ])
    expect(tokenizer.code).toBe(0)
    expect(JSON.parse(tokenizer.stdout).vocabularySize).toBe(2048)
    expect(wrong.code).toBe(2)
    for (const { code, stderr, stdout } of [rejected, thrown]) {
      expect(code).toBe(3)
      expect(stderr).toMatch(/nobody caught this|nor this/)
      expect(stdout).toBe('')
    }
  })

  test('whose reader has gone ends with 3, and silently', async () => {
    const child = start(['attack', '--list', '--json'])
    child.stdout!.destroy()
    const { code, stderr } = await child.ended
    expect(code).toBe(3)
    expect(stderr).toBe('')
  })
})

describe('a collector', () => {
  test('that is killed loses nothing and asks nothing twice', async () => {
    await newCase('killed', server.url, 20)
    const before = server.requests.length
    for (const stopAt of [4]) {
      const child = start([
        'case',
        'collect',
        'killed',
        '--api-key-env',
        'RIVAL_API_KEY',
        '--concurrency',
        '2',
      ])
      await until(() => answersIn('killed') >= stopAt || child.exitCode !== null)
      child.kill('SIGKILL')
      await child.ended
    }
    const { code, stdout } = await start([
      'case',
      'collect',
      'killed',
      '--api-key-env',
      'RIVAL_API_KEY',
      '--json',
    ]).ended
    expect(code).toBe(0)
    const { ended, answers, tokens, charged } = JSON.parse(stdout)
    expect({ ended, answers }).toEqual({ ended: 'complete', answers: 20 })
    // What was under way at a kill is charged: at most two requests.
    expect(charged.tokens).toBeGreaterThanOrEqual(tokens)
    const asked = server.requests.slice(before).filter(({ body }) => body['max_tokens'] === 24)
    expect(asked.length).toBeLessThanOrEqual(20 + 2)
    const lines = readFileSync(join(folder.path, 'killed/answers.jsonl'), 'utf8').trim().split('\n')
    expect(new Set(lines.map((line) => JSON.parse(line).prompt)).size).toBe(20)
    const verdict = await cli(folder.path, wordsOf('case test killed --key acme.mark.json'))
    expect([0, 10]).toContain(verdict.code)
    expect(verdict.stderr).toBe('')
  })

  test('finishes what is under way at Ctrl-C, and ends with 3 and what to do next', async () => {
    await newCase('stopped', server.url, 40)
    const child = start([
      'case',
      'collect',
      'stopped',
      '--api-key-env',
      'RIVAL_API_KEY',
      '--concurrency',
      '1',
    ])
    await until(() => answersIn('stopped') >= 3 || child.exitCode !== null)
    child.kill('SIGINT')
    const { code, stdout } = await child.ended
    expect(code).toBe(3)
    expect(stdout.replace(/\s+/g, ' ')).toContain('Next: dyetrace case collect stopped, to go on')
    const journal = readFileSync(join(folder.path, 'stopped/journal.jsonl'), 'utf8').trim().split('\n')
    // Every intent has its answer: nothing was dropped.
    expect(journal.length).toBe(answersIn('stopped'))
  })

  test('stops at once at the second Ctrl-C; another command at the first', async () => {
    const hanging = await startSuspectServer({
      suspect: { name: 'x', vocabularySize: 2048, complete: async () => [[1]] },
      tokenizer: { encode: () => [1], decode: () => 'a' },
      fault: () => ({ kind: 'hang' }),
    })
    try {
      await newCase('hanging', hanging.url, 3)
      const child = start(['case', 'collect', 'hanging', '--api-key-env', 'RIVAL_API_KEY'])
      await until(() => hanging.requests.length > 0)
      child.kill('SIGINT')
      child.kill('SIGINT')
      expect((await child.ended).code).toBe(3)
      const ready = join(folder.path, 'ready.mjs')
      writeFileSync(
        ready,
        "const timer = setInterval(() => { if (process.listenerCount('SIGTERM') > 0) { clearInterval(timer); console.error('ready') } }, 1)\n",
      )
      const reader = start(['attack', '-', '--step', 'lowercase:rate=1'], ['--import', ready])
      await new Promise((done) => reader.stderr!.once('data', done))
      reader.kill('SIGINT')
      expect((await reader.ended).code).toBe(3)
    } finally {
      await hanging.close()
    }
  })
})
