/** `exposure`: from rows to an index file, and what it refuses. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseExposure } from '../../src/plan/exposure-index.ts'
import { cli, type Folder, makeFolder, type Ran } from './support.ts'

let folder: Folder
beforeAll(async () => {
  folder = makeFolder()
  const path = folder.path
  expect((await cli(path, ['keygen', 'acme.key.json'])).code).toBe(0)
  const words =
    'profile create --key acme.key.json --tokenizer teacher --layer provider:acme --context-width 2 --created 2026-11-25 --out p.json'
  expect((await cli(path, words.split(' '))).code).toBe(0)
})
afterAll(() => folder.remove())

const put = (name: string, content: string | Uint8Array): void =>
  writeFileSync(join(folder.path, name), content)
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder.path, name)))

async function run(words: string, input = ''): Promise<Ran> {
  return cli(
    folder.path,
    ['exposure', ...words.split(' '), '--profile', 'p.json', '--origin', 'mark off', '--json'],
    { input },
  )
}

describe('exposure', () => {
  test('counts rows of ids, reports what it left out, and repeats itself', async () => {
    put('a.jsonl.gz', gzipSync('{"ids":[1,2,3,1,2]}\n{"ids":"no"}\n{"ids":[1,2,4]}\n{"ids":[1,'))
    const { code, stdout } = await run('a.jsonl.gz --out a.exposure')
    expect(code).toBe(0)
    const { index, skipped } = JSON.parse(stdout)
    expect(index).toMatchObject({ positions: 4, counts: { kind: 'exact', windows: 3 }, origin: 'mark off' })
    expect(skipped.map(({ reason, rows }: { reason: string; rows: number }) => [reason, rows])).toEqual([
      ['wrong-type', 1],
      ['torn-line', 1],
    ])
    const exposure = parseExposure(bytesOf('a.exposure'))
    expect([exposure.count([1, 2]), exposure.count([3, 1]), exposure.count([9, 9])]).toEqual([2, 1, 0])
    expect((await run('a.jsonl.gz --out a.exposure')).code).toBe(0)
  })

  test('text through the tokenizer, standard input, and parts that are added', async () => {
    expect((await run('novels --tokenizer teacher --out novels.exposure')).code).toBe(0)
    expect((await run('- --out b.exposure', '{"ids":[1,2,5]}\n')).code).toBe(0)
    expect((await run('b.exposure novels.exposure --merge --out both.exposure')).code).toBe(0)
    const [novels, both] = [
      parseExposure(bytesOf('novels.exposure')),
      parseExposure(bytesOf('both.exposure')),
    ]
    expect(both.tokens).toBe(novels.tokens + 3)
    expect(both.count([1, 2])).toBe(novels.count([1, 2]) + 1)
  })

  test('a sketch has the size that it was given, and is never too low', async () => {
    expect(
      (await run('novels --tokenizer teacher --sketch --error 0.01 --confidence 0.9 --out s.exposure')).code,
    ).toBe(0)
    const bytes = bytesOf('s.exposure')
    expect(bytes.length - bytes.indexOf(10) - 1).toBe(4 * 512 * 3)
  })

  test.each<[string, string, number, RegExp]>([
    ['text without a tokenizer', 'novels --out x', 2, /--tokenizer/],
    ['nothing that can be read', 'bad.jsonl --out x', 2, /at least one document/],
    ['an operand that is nothing', 'none.jsonl --out x', 2, /source "none.jsonl"/],
    ['no operand', '--out x', 2, /at least one file, folder or pattern/],
    ['no index to merge', '--merge --out x', 2, /--merge: expected at least one index file/],
    ['a file of keys among texts', 'keys.pem --tokenizer teacher --out x', 2, /expected no file of keys/],
    ['an error without a sketch', 'ids.jsonl --error 0.1 --out x', 2, /--sketch/],
    ['more windows than allowed', 'ids.jsonl --windows 1 --out x', 2, /sketch/],
    ['another file of that name', 'ids.jsonl --out ids.jsonl', 2, /not overwritten/],
    ['the same documents twice', 'ids.exposure ids.exposure --merge --out x', 2, /twice/],
    ['a text in place of an index', 'ids.jsonl --merge --out x', 2, /ids.jsonl/],
    ['counts of pairs', 'pairs.exposure --merge --out x', 2, /depends on the key/],
    ['an index that is not there', 'none.exposure --merge --out x', 2, /ENOENT/],
  ])('%s: refused', async (_, words, code, message) => {
    put('keys.pem', '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n')
    put('bad.jsonl', '{"text"\n[]\n')
    put('ids.jsonl', '{"ids":[1,2,3,4]}\n')
    expect((await run('ids.jsonl --out ids.exposure')).code).toBe(0)
    const text = Buffer.from(bytesOf('ids.exposure')).toString('latin1')
    put('pairs.exposure', Buffer.from(text.replace('"windows"', '"pairs"'), 'latin1'))
    const ran = await run(words)
    expect(ran.stderr + ran.stdout).toMatch(message)
    expect(ran.code).toBe(code)
  })

  test('says its counts in words, and nothing of an origin that a terminal would obey', async () => {
    put('few.jsonl', '{"ids":[1,2,3]}\n')
    const words = 'exposure few.jsonl --profile p.json --out few.exposure --origin'
    const { code, stdout } = await cli(folder.path, [...words.split(' '), 'mark \u202eoff'])
    expect(code).toBe(0)
    expect(stdout).toContain('1 window of 2 ids in 1 document,')
    expect(stdout).toContain('mark \\u{202e}off')
  })

  test('an index is no text for "case plan", whose counts would be of its bytes', async () => {
    put('ids.jsonl', '{"ids":[1,2,3,4]}\n')
    expect((await run('ids.jsonl --out index.exposure')).code).toBe(0)
    const begin =
      'case new rival --profile p.json --tokenizer teacher --suspect http://127.0.0.1:1/v1 --model rival'
    expect((await cli(folder.path, begin.split(' '))).code).toBe(0)
    const plan = 'case plan rival --from-texts novels --answers 2 --exposure index.exposure'
    const { code, stderr } = await cli(folder.path, plan.split(' '))
    expect(code).toBe(2)
    expect(stderr.replace(/\s+/g, ' ')).toContain(
      '--exposure: expected texts, got index.exposure, an exposure index',
    )
  })
})
