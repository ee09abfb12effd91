/** The command "scan": killed half-way it goes on and says the same; shards that never ran are named; rows that are none are reported; wrong words are refused. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli, type Folder, LAB, makeFolder, runLine, wordsOf } from './support.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const TSX = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href
const KEYS = '--profile acme.profile.json --key acme.mark.json'
const MODEL = `${KEYS} --tokenizer teacher`

/** Kills its process when the record of a third part is written, but has not its name yet. */
const KILLED_AT_THE_THIRD_PART = `
import { promises } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { rename } = promises
let parts = 0
promises.rename = async (from, to) => {
  if (/pairs.*[.]json$/.test(to) && ++parts === 3) process.kill(process.pid, 'SIGKILL')
  return rename(from, to)
}
syncBuiltinESMExports()
`

interface Ended {
  readonly code: number | string | null | undefined
  readonly signal: NodeJS.Signals | undefined
  readonly stdout: string
  readonly stderr: string
}

let folder: Folder
beforeAll(async () => {
  folder = makeFolder()
  for (const line of [
    // Of another name it would be another key; under this one the list of the last test is not empty.
    'dyetrace keygen bravo.key.json',
    'dyetrace profile create --key bravo.key.json --tokenizer teacher --layer provider:acme --created 2026-11-25 --out acme.profile.json',
    'dyetrace keys reveal --key bravo.key.json --profile acme.profile.json --label acme --out acme.mark.json',
  ])
    expect((await runLine(folder.path, line)).code).toBe(0)
  mkdirSync(join(folder.path, 'data'))
  const novel = readFileSync(join(LAB, 'corpora/Doyle_Hound_1902.txt'), 'utf8')
  for (let file = 0; file < 8; file++) {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      text: novel.slice(700 * (40 * file + i), 700 * (40 * file + i) + 600),
      year: 2020 + (i % 2),
    }))
    writeFileSync(
      join(folder.path, `data/${file}.jsonl`),
      rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    )
  }
})
afterAll(() => folder.remove())

const scan = (words: string, world = {}) => cli(folder.path, ['scan', ...wordsOf(words)], world)

describe('killed half-way', () => {
  test('goes on, and says what an undisturbed run says, byte for byte; threads or none', async () => {
    const undisturbed = await scan(`data ${MODEL} --group-column year --workers 0 --json`)
    expect(undisturbed.stderr).toBe('')
    expect(undisturbed.code).toBe(0)
    const start = (...nodeArgs: string[]): Promise<Ended> => {
      const args = wordsOf(`scan data ${MODEL} --group-column year --workers 1 --json --out kept`)
      return new Promise((ended) => {
        execFile(
          process.execPath,
          ['--import', TSX, ...nodeArgs, join(ROOT, 'src/cli/main.ts'), ...args],
          { cwd: folder.path },
          (error, stdout, stderr) =>
            ended({ code: error === null ? 0 : error.code, signal: error?.signal, stdout, stderr }),
        )
      })
    }
    const killer = join(folder.path, 'killer.mjs')
    writeFileSync(killer, KILLED_AT_THE_THIRD_PART)
    const killed = await start('--import', pathToFileURL(killer).href)
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: '' })
    const parts = readdirSync(join(folder.path, 'kept/pairs')).filter((name) => name.endsWith('.json'))
    expect(parts).toHaveLength(2)
    const again = await start()
    expect(again.code).toBe(0)
    expect(again.stdout).toBe(undisturbed.stdout)
  })
})

describe('shards', () => {
  test('one that never ran is named, with code 3; with --partial the result says so', async () => {
    for (const shard of ['1/3', '3/3'])
      expect((await scan(`data ${MODEL} --out third --shard ${shard} --workers 0`)).code).toBe(0)
    const { code, stdout, stderr } = await scan(`--merge third ${KEYS}`)
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr.replace(/\s+/g, ' ')).toContain(
      'shards 2/3 did not end; parts of 3 sources are missing ("data/1.jsonl": nothing is there;',
    )
    const partial = await scan(`--merge third ${KEYS} --partial --json`)
    expect(partial.code).toBe(0)
    expect(JSON.parse(partial.stdout).missing).toMatchObject({ shards: ['2/3'], streams: 3 })
    expect((await scan(`--merge third ${KEYS} --partial`)).stdout).toContain(
      'This is the result of what was there',
    )
    // The missing one, and the first again.
    for (const shard of ['2/3', '1/3'])
      expect((await scan(`data ${MODEL} --out third --shard ${shard} --workers 0`)).code).toBe(0)
    const all = await scan(`--merge third ${KEYS} --json`)
    expect(all.stdout).toBe((await scan(`data ${MODEL} --workers 0 --json`)).stdout)
  })

  test('of other sources are refused in the same folder', async () => {
    expect((await scan(`data/0.jsonl ${MODEL} --out other --workers 0`)).code).toBe(0)
    const { code, stderr } = await scan(`data/1.jsonl ${MODEL} --out other --workers 0`)
    expect(code).toBe(2)
    expect(stderr.replace(/\s+/g, ' ')).toContain('expected the 1 sources that the scan began with, got 1')
  })
})

describe('standard input', () => {
  test('is scanned; what is no document is reported', async () => {
    const input = `{"ids": [1, 2, 3]}\n{"ids": [1, 2, 999999]}\nnothing\n`
    const { code, stdout } = await scan(`- ${KEYS}`, { input })
    expect(code).toBe(0)
    expect(stdout).toContain('Left out: ')
    expect(stdout).toContain('1 not-json')
    expect(stdout).toContain('standard input, row 2')
    expect(stdout).toContain('insufficient')
  })
})

describe('wrong words', () => {
  test.each([
    [`data ${MODEL} --shard 4/3 --out x`, /--shard: expected a number of a total/],
    [`data ${MODEL} --shard 1/3`, /--shard: expected --out beside it/],
    [`data ${MODEL} --memory 5`, /--memory: expected at least 256MiB/],
    [`data ${MODEL} --partial`, /--partial: expected --merge/],
    [`--merge ${KEYS}`, /--merge: expected at least one folder/],
    [`--merge nowhere ${KEYS}`, /expected a scan, got a folder without one/],
    [`--merge nowhere ${MODEL}`, /--merge: expected no --tokenizer/],
    [KEYS, /expected at least one file/],
    ['data --tokenizer teacher', /expected --profile and --key, --ring, --mark or --engine/],
    [`data ${MODEL} --engine vllm=x.json --out y`, /--engine: expected --mark PROFILE=FILE instead/],
    ['data --key acme.mark.json', /--key: expected --profile/],
    ['data --profile acme.profile.json', /--profile: expected --key/],
    [`nothing-there ${MODEL}`, /expected a file, a folder or a pattern/],
    [`data ${KEYS}`, /option --tokenizer: expected one, as there is text/],
  ])('%s', async (words, message) => {
    const { code, stdout, stderr } = await scan(words)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr.replace(/\s+/g, ' ')).toMatch(message)
  })
})

test('a list of a clean corpus is not called a finding, and no share is named', async () => {
  const { code, stdout } = await scan(`data ${MODEL} --workers 0 --false-discovery-rate 0.99`)
  expect(code).toBe(0)
  const said = stdout.replace(/\s+/g, ' ')
  expect(said).toMatch(/documents? of \d+ for a closer look, which is no evidence/)
  expect(said).not.toMatch(/with a mark|share of documents/)
})
