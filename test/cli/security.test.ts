/** What somebody else's case folder and somebody's slip of the hand must not do: hang, write elsewhere, show a key. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readCaseFile } from '../../src/cli/case-folder.ts'
import type { Environment } from '../../src/cli/environment.ts'
import { writeText } from '../../src/cli/files.ts'
import { growingFile } from '../../src/cli/growing-file.ts'
import { locked } from '../../src/cli/lock.ts'
import { masked } from '../../src/cli/masked.ts'
import { cli } from './support.ts'

const seed = 20261125

describe("somebody else's case folder", () => {
  let cwd: string
  let world: Environment
  const at = (name: string): string => join(cwd, name)
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dyetrace-cli-'))
    world = { cwd } as Environment
    mkdirSync(at('x'))
    writeFileSync(at('mine.txt'), 'mine')
  })
  afterEach(() => rmSync(cwd, { recursive: true }))

  test('a pipe, a folder or a link in the place of a file is refused, and nothing hangs', async () => {
    execFileSync('mkfifo', [at('x/plan.json')])
    mkdirSync(at('x/case.json'))
    symlinkSync(at('mine.txt'), at('x/profile.json'))
    symlinkSync('/dev/zero', at('x/answers.jsonl'))
    await expect(readCaseFile(world, 'x', 'plan.json')).rejects.toThrow('got a pipe or device')
    await expect(readCaseFile(world, 'x', 'case.json')).rejects.toThrow('got a folder')
    await expect(readCaseFile(world, 'x', 'profile.json')).rejects.toThrow('got a symbolic link')
    await expect(readCaseFile(world, 'x', 'answers.jsonl')).rejects.toThrow('got a symbolic link')
    expect(await readCaseFile(world, 'x', 'prompts.jsonl')).toBeUndefined()
    const { code, stderr } = await cli(cwd, ['case', 'verify', 'x', '--key', 'k'])
    expect(code).toBe(2)
    expect(stderr.replace(/\s+/g, ' ')).toContain('case x, plan.json: expected a file, got a pipe or device')
  })

  test('a file that would fill the memory is refused by its size', async () => {
    execFileSync('truncate', ['-s', '600M', at('x/plan.json')])
    await expect(readCaseFile(world, 'x', 'plan.json')).rejects.toThrow(/expected at most \d+ bytes, got/)
  })

  test('nothing is written through a link, not even through one to nothing', async () => {
    for (const [name, target] of [
      ['answers.jsonl', 'mine.txt'],
      ['journal.jsonl', 'nothing.txt'],
    ] as const) {
      symlinkSync(at(target), at(`x/${name}`))
      await expect(growingFile(world, `x/${name}`)).rejects.toThrow('got a symbolic link; it is not followed')
      await expect(writeText(world, `x/${name}`, 'theirs', { replace: true })).rejects.toThrow(
        'got a symbolic link; it is not followed',
      )
    }
    // The name of what is written beside it can be foreseen.
    symlinkSync(at('mine.txt'), at(`x/report.html.new-${process.pid}`))
    await writeText(world, 'x/report.html', 'page')
    expect(readFileSync(at('x/report.html'), 'utf8')).toBe('page')
    expect(readFileSync(at('mine.txt'), 'utf8')).toBe('mine')
    expect(existsSync(at('nothing.txt'))).toBe(false)
  })

  test('a pipe in the place of a file that grows, or of the lock, is refused', async () => {
    execFileSync('mkfifo', [at('x/answers.jsonl'), at('x/collect.lock')])
    await expect(growingFile(world, 'x/answers.jsonl')).rejects.toThrow('got a pipe or device')
    await expect(locked(world, 'x/collect.lock', async () => undefined)).rejects.toThrow(
      'nobody else collects',
    )
  })
})

describe('messages', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const forms = [
    (key: Buffer) => key.toString('hex'),
    (key: Buffer) => key.toString('hex').toUpperCase(),
    (key: Buffer) => key.toString('hex').slice(0, 32),
    (key: Buffer) => key.toString('base64'),
    (key: Buffer) => key.toString('base64').replace(/=+$/, ''),
    (key: Buffer) => key.toString('base64url'),
    (key: Buffer) => [...key].join(),
    (key: Buffer) => [...key.subarray(0, 5)].join(),
    (key: Buffer) => [...key].join(', '),
  ]
  const places = [
    (form: string) => form,
    (form: string) => `--${form}`,
    (form: string) => `KEY=${form}`,
    (form: string) => `--key=${form}`,
    (form: string) => `"${form}"`,
    (form: string) => `'${form}'`,
    (form: string) => `./${form}`,
    (form: string) => `${form}.json`,
    (form: string) => `[${form}]`,
    (form: string) => `{"k":"${form}"}`,
    (form: string) => `key:${form}`,
    (form: string) => `x${form}y`,
  ]
  const key = fc.tuple(bytes, fc.constantFrom(...forms), fc.constantFrom(...places))

  test('never contain what contains a key', () => {
    fc.assert(
      fc.property(key, ([given, formOf, placeOf]) => {
        const form = formOf(Buffer.from(given))
        const said = masked(
          `file ${placeOf(form)}: expected one that can be read, got ${JSON.stringify(placeOf(form))}.`,
        )
        expect(said).not.toContain(form)
        expect(said).not.toContain(form.slice(0, 12))
        expect(said).not.toContain(form.slice(-12))
        expect(said).toMatch(/^file .* expected one that can be read, got .*not shown/)
      }),
      { seed, numRuns: 3000 },
    )
  })

  test('of a command whose words contain a key do not show it', async () => {
    await fc.assert(
      fc.asyncProperty(
        key,
        fc.constantFrom(
          (word: string) => [word],
          (word: string) => ['keygen', 'a', word],
          (word: string) => ['profile', 'show', word],
          (word: string) => ['case', 'status', word],
          (word: string) => ['attack', 'x', '--step', word],
          (word: string) => ['case', 'plan', 'x', '--answers', word],
        ),
        fc.boolean(),
        async ([given, formOf, placeOf], argsOf, isJson) => {
          const form = formOf(Buffer.from(given))
          const { code, stdout, stderr } = await cli(tmpdir(), [
            ...argsOf(placeOf(form)),
            ...(isJson ? ['--json'] : []),
          ])
          expect(code).toBe(2)
          const said = (stdout + stderr).replace(/\n */g, ' ')
          expect(said).not.toContain(form)
          expect(said).not.toContain(form.slice(0, 12))
        },
      ),
      { seed, numRuns: 300 },
    )
  })

  test('keep digests, key ids, times, sizes and long paths', () => {
    const digest = `sha256:${'a1'.repeat(32)}`
    for (const said of [
      `"plan.json" expected ${digest}, got sha256:${'0'.repeat(64)}.`,
      'key id 824010fc3c3c03c8, lane 3, of 1, 2, 3 and 4',
      'at 2026-11-25T12:00:00Z of 1,234,567 bytes in letters/2026-11-25.txt',
      'expected 256, 257, 258, 259, 260',
      'texts/investigations/benchmarks/lab/corpora/Doyle_Hound_1902: expected a file',
    ])
      expect(masked(said)).toBe(said)
    // Longer than a digest is no digest.
    expect(masked(`${digest}00`)).not.toContain('a1a1')
  })
})
