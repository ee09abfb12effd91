/** What operands stand for: every file once, in one order; nothing is left out without a word. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expandSources } from '../../src/corpus/sources.ts'
import { temporaryFolder } from './read.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
const FILES = [
  'a.jsonl',
  'b.txt',
  'data/1.parquet',
  'data/2.NDJSON.GZ',
  'data/deep/3.json.zst',
  'data/deep/README',
  '.hidden',
  'data/.git/x',
  'odd[1]*.txt',
  'odd1.txt',
]

beforeAll(async () => {
  folder = await temporaryFolder()
  for (const file of FILES) {
    const path = join(folder.path, file)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, 'x'.repeat(file.length))
  }
})
afterAll(() => folder.remove())

const names = async (...operands: string[]): Promise<string[]> =>
  (await expandSources(operands, { cwd: folder.path })).map(({ name }) => name)

describe('operands', () => {
  test.each<[string, string[], string[]]>([
    ['a file', ['b.txt'], ['b.txt']],
    [
      'a folder, with all that is below',
      ['data'],
      ['data/1.parquet', 'data/2.NDJSON.GZ', 'data/deep/3.json.zst', 'data/deep/README'],
    ],
    ['a pattern', ['*.jsonl'], ['a.jsonl']],
    ['a pattern over folders', ['data/**/*.{json,parquet}*'], ['data/1.parquet', 'data/deep/3.json.zst']],
    [
      'a pattern that matches a folder',
      ['dat*'],
      ['data/1.parquet', 'data/2.NDJSON.GZ', 'data/deep/3.json.zst', 'data/deep/README'],
    ],
    ['a name that looks like a pattern', ['odd[1]*.txt'], ['odd[1]*.txt']],
    [
      'the same file in several ways',
      ['b.txt', './b.txt', 'data/../b.txt', '*.txt'],
      ['b.txt', 'odd1.txt', 'odd[1]*.txt'],
    ],
    ['standard input, once', ['-', 'b.txt', '-'], ['b.txt', 'standard input']],
  ])('%s', async (_, operands, expected) => {
    expect(await names(...operands)).toEqual(expected)
  })

  test('what a file holds is told by its name', async () => {
    const sources = await expandSources(['a.jsonl', 'b.txt', 'data', '-'], { cwd: folder.path })
    expect(sources.map(({ format, compression, bytes }) => [format, compression, bytes])).toEqual([
      ['jsonl', 'none', 7],
      ['text', 'none', 5],
      ['parquet', 'none', 14],
      ['jsonl', 'gzip', 16],
      ['jsonl', 'zstd', 20],
      ['text', 'none', 16],
      ['jsonl', 'none', undefined],
    ])
    expect(Object.isFrozen(sources) && sources.every(Object.isFrozen)).toBe(true)
  })

  test('links are followed, and those in a circle end', async () => {
    const linked = await temporaryFolder()
    await mkdir(join(linked.path, 'in'))
    await writeFile(join(linked.path, 'in/x.txt'), '')
    await symlink(join(linked.path, 'in/x.txt'), join(linked.path, 'y.txt'))
    await symlink(linked.path, join(linked.path, 'in/up'))
    const found = await expandSources([linked.path], { cwd: '/' })
    expect(found.map(({ name }) => name.slice(linked.path.length))).toEqual(['/in/x.txt'])
    await symlink(join(linked.path, 'gone'), join(linked.path, 'z.txt'))
    await expect(expandSources([linked.path], { cwd: '/' })).rejects.toThrow(/z\.txt".*expected .*got ENOENT/)
    await linked.remove()
  })

  test('what stands for nothing is an error that names it', async () => {
    await mkdir(join(folder.path, 'empty/below'), { recursive: true })
    for (const operand of ['none.jsonl', 'none/*.jsonl', '*.csv', 'empty', 'b.txt/c'])
      await expect(names('b.txt', operand), operand).rejects.toThrow(
        new RegExp(`source "${operand.replace(/[*.]/g, '\\$&')}": expected .*, got `),
      )
    await expect(names()).rejects.toThrow(/"sources" expected/)
  })

  test('a pipe is refused: nobody may ever write to it', async () => {
    const other = await temporaryFolder()
    execFileSync('mkfifo', [join(other.path, 'pipe')])
    for (const operand of [other.path, join(other.path, 'pipe')])
      await expect(expandSources([operand], { cwd: '/' })).rejects.toThrow(/pipe or device/)
    await other.remove()
  })

  // The superuser may read everything.
  test.skipIf(process.getuid?.() === 0)('a folder that cannot be listed is an error', async () => {
    const other = await temporaryFolder()
    await mkdir(join(other.path, 'shut/in'), { recursive: true })
    await chmod(join(other.path, 'shut'), 0)
    for (const operand of ['.', '**/*.txt'])
      await expect(expandSources([operand], { cwd: other.path })).rejects.toThrow(/EACCES/)
    await chmod(join(other.path, 'shut'), 0o700)
    await other.remove()
  })
})

test('folders that lead to the next in two ways, thirty times over, are each listed once', async () => {
  const chain = await temporaryFolder()
  try {
    for (let level = 0; level <= 30; level++) await mkdir(join(chain.path, String(level)))
    for (let level = 0; level < 30; level++)
      for (const link of ['a', 'b']) await symlink(`../${level + 1}`, join(chain.path, String(level), link))
    await writeFile(join(chain.path, '30/x.txt'), 'x')
    const found = await expandSources(['0'], { cwd: chain.path })
    expect(found.map(({ name }) => name)).toEqual([`0/${'a/'.repeat(30)}x.txt`])
  } finally {
    await chain.remove()
  }
})
