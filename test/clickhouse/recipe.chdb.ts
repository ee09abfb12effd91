/**
 * The recipe of docs/scan-cluster.md, start to finish: keys, shards as commands side by side, the merger; and the same JSON as one command without a cluster gives.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import seedrandom from 'seedrandom'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Engine, PASSWORD, startEngine, USER } from './engine.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)
let engine: Engine
let folder = ''

beforeAll(async () => {
  engine = await startEngine()
  folder = mkdtempSync(join(tmpdir(), 'dyetrace-recipe-'))
})
afterAll(async () => {
  await engine.remove()
  rmSync(folder, { recursive: true, force: true })
})

test('shards run by xargs, merged, say what one command says', async () => {
  const loader = join(ROOT, 'node_modules/tsx/dist/esm/index.mjs')
  const program = `node --import ${loader} ${join(ROOT, 'src/cli/main.ts')}`
  const env = {
    ...process.env,
    URL: engine.url,
    WORKER_PASSWORD: PASSWORD,
    MARK: '--profile p.json --key m.json',
  }
  const cluster = `--clickhouse "$URL" --clickhouse-user ${USER} --clickhouse-password-env WORKER_PASSWORD`
  const sh = async (command: string): Promise<string> =>
    (await run('sh', ['-ec', command], { cwd: folder, env, maxBuffer: 2 ** 24 })).stdout

  const random = seedrandom('recipe')
  mkdirSync(join(folder, 'crawl'))
  for (let file = 0; file < 3; file++) {
    const lines = Array.from({ length: 60 }, () =>
      JSON.stringify({ ids: Array.from({ length: 150 }, () => Math.floor(500 * random() ** 2)) }),
    )
    writeFileSync(join(folder, 'crawl', `${file}.jsonl`), `${lines.join('\n')}\n`)
  }
  cpSync(join(ROOT, 'benchmarks/lab/teacher/tokenizer.json'), join(folder, 'tokenizer.json'))
  await sh(`${program} keygen k.json
    ${program} profile create --key k.json --tokenizer tokenizer.json --layer provider:acme --created 2026-11-25 --out p.json
    ${program} keys reveal --key k.json --profile p.json --label acme --out m.json`)
  const whole = await sh(`${program} scan crawl $MARK --workers 0 --json`)
  await sh(
    `seq 3 | xargs -P 2 -I{} sh -ec '${program} scan crawl $MARK --workers 0 --out scan/{} --shard {}/3 ${cluster}'`,
  )
  expect(await sh(`${program} scan --merge scan/* $MARK --workers 0 --json ${cluster}`)).toBe(whole)
  // A wrong password is code 2 or 3, never a verdict.
  const wrong = run('sh', ['-ec', `${program} scan --merge scan/* $MARK --json ${cluster}`], {
    cwd: folder,
    env: { ...env, WORKER_PASSWORD: 'wrong' },
  })
  await expect(wrong).rejects.toMatchObject({
    code: 3,
    stdout: expect.stringContaining('AUTHENTICATION_FAILED'),
  })
}, 240_000)
