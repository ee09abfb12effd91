/**
 * All examples of all commands, run in their order as a reader would: exit codes, JSON, width of lines, and keys that must not stand anywhere. Then
 * what must fail: errors inside of commands, wrong words, evidence that was changed.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { COMMANDS, GROUPS } from '../../src/cli/commands.ts'
import { plainPower } from '../../src/cli/printable.ts'
import {
  cli,
  type Folder,
  formsOf,
  makeFolder,
  runLine,
  secretsIn,
  type Told,
  tellStory,
  wordsOf,
} from './support.ts'

let text: Folder
let json: Folder
let told: readonly Told[]
let toldAsJson: readonly Told[]

beforeAll(async () => {
  text = makeFolder()
  json = makeFolder()
  told = await tellStory(text.path)
  toldAsJson = await tellStory(json.path, ['--json'])
}, 120_000)
afterAll(() => {
  text.remove()
  json.remove()
})

describe('the story', () => {
  test('every example ran and has its exit code', () => {
    expect(told.length).toBeGreaterThanOrEqual(COMMANDS.length)
    const codes = new Map(told.map(({ line, ran }) => [line, ran.code]))
    const evidence = [...codes]
      .filter(([, code]) => code === 10)
      .map(([line]) => wordsOf(line).slice(1, 3).join(' '))
    expect(evidence).toEqual([
      'detect letter.txt',
      'detect answers',
      'identify letter.txt',
      'scan answers',
      'scan --merge',
      'doctor letter.txt',
      'case test',
      'case verify',
    ])
    // One document of the batch cannot be read, and nothing else is evidence.
    expect([...codes].filter(([, code]) => code === 2).map(([line]) => line.includes('batch.jsonl'))).toEqual(
      [true],
    )
    expect(new Set(codes.values())).toEqual(new Set([0, 2, 10]))
  })

  test('the test of a case says whether the instrument works, and the chance as the report does', () => {
    const { stdout } = told.find(({ spec }) => spec.path === 'case test')!.ran
    expect(stdout).toContain('instrument check: recognised')
    const said = /all that was tried: (one in [\d.,]+( x 10\^\d+)?|one in 10\^\d+)$/m.exec(
      stdout.replace(/\n {2}/g, ' '),
    )
    const { answer } = JSON.parse(readFileSync(join(text.path, 'rival/report.json'), 'utf8'))
    expect(said?.[1]).toBe(plainPower(answer.number.oneIn))
  })

  test('said as JSON: one document, members as documented, silence beside it', () => {
    expect(toldAsJson.map(({ ran }) => ran.code)).toEqual(told.map(({ ran }) => ran.code))
    for (const { spec, line, ran } of toldAsJson) {
      const { error, ...document } = JSON.parse(ran.stdout)
      expect(error, line).toBeUndefined()
      expect(ran.stderr, line).toBe('')
      const names = Object.keys(spec.json)
      const known = names.map((name) => name.replace(/\?$/, ''))
      expect(
        Object.keys(document).filter((name) => !known.includes(name)),
        line,
      ).toEqual([])
      const missing = names.filter((name) => !name.endsWith('?') && !(name in document))
      expect(missing, line).toEqual([])
    }
  })

  test('lines of text fit 80 columns, but for words and tables that cannot be broken', () => {
    for (const { line, ran, spec } of told) {
      // Text of a model, of a table and JSON are results as such.
      if (['mark', 'attack', 'calibrate'].includes(spec.path) || line.includes('--json')) continue
      const wide = ran.stdout.split('\n').filter((own) => own.length > 80 && own.trim().includes(' '))
      expect(wide, line).toEqual([])
    }
  })

  test('no key in any stream, in any form; nor in a file of the case, profiles, ledger or texts', async () => {
    for (const [folder, story] of [
      [text, told],
      [json, toldAsJson],
    ] as const) {
      const secrets = await secretsIn(folder.path)
      const streams = story.map(({ ran }) => ran.stdout + ran.stderr)
      const open = filesIn(folder.path).filter((file) => (statSync(file).mode & 0o077) !== 0)
      expect(open.length).toBeGreaterThan(15)
      const everything = [...streams, ...open.map((file) => readFileSync(file, 'utf8'))].join('\n')
      expect(secrets.filter((secret) => everything.includes(secret))).toEqual([])
      // The search finds what is there.
      const key = JSON.parse(readFileSync(join(folder.path, 'acme.key.json'), 'utf8')).k as string
      expect(secrets.some((secret) => key.includes(secret))).toBe(true)
    }
    expect(formsOf(new Uint8Array(32).fill(255))).toContain('18446744073709551615')
  })

  test('files with keys are for their owner only', () => {
    for (const name of ['acme.key.json', 'acme.mark.json', 'acme.ring.json', 'investigator.pem', 'vllm.json'])
      expect(statSync(join(text.path, name)).mode & 0o777, name).toBe(0o600)
  })

  test('what was collected can be told from the journal, and nothing is locked', () => {
    const folder = join(text.path, 'rival')
    expect(readFileSync(join(folder, 'answers.jsonl'), 'utf8').split('\n')).toHaveLength(25)
    expect(readFileSync(join(folder, 'journal.jsonl'), 'utf8').split('\n').length).toBeGreaterThanOrEqual(25)
    expect(existsSync(join(folder, 'collect.lock'))).toBe(false)
  })
})

describe('each step can be repeated', () => {
  test('plan, collect, test, report, status: the same answer', async () => {
    const before = readFileSync(join(text.path, 'rival/answers.jsonl'), 'utf8')
    for (const { line, ran } of told.filter(({ spec }) =>
      /^case (new|plan|collect|test|status)$/.test(spec.path),
    )) {
      const again = await runLine(text.path, line, { env: { RIVAL_API_KEY: 'x' } })
      expect([line, again.code]).toEqual([line, ran.code])
    }
    expect(readFileSync(join(text.path, 'rival/answers.jsonl'), 'utf8')).toBe(before)
  })

  test('a plan that was asked by is not changed', async () => {
    const { code, stderr } = await cli(text.path, [
      'case',
      'plan',
      'rival',
      '--from-texts',
      'novels',
      '--answers',
      '3',
    ])
    expect(code).toBe(2)
    expect(stderr).toContain('a plan is not changed afterwards')
  })

  test('a verdict forgets no key that was tried', async () => {
    await cli(text.path, ['keygen', 'other.key.json'])
    const { code, stderr } = await cli(text.path, ['case', 'test', 'rival', '--key', 'other.key.json'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/expected/)
  })
})

describe('evidence that was changed', () => {
  test('is not what it says: exit code 2, with the place', async () => {
    const file = join(text.path, 'rival/answers.jsonl')
    const before = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      before.replace(/"completion":\[(\d+),/, (_, id) => `"completion":[${(Number(id) + 1) % 2048},`),
    )
    const { code, stdout } = await runLine(
      text.path,
      told.find(({ spec }) => spec.path === 'case verify')!.line,
    )
    writeFileSync(file, before)
    expect(code).toBe(2)
    expect(stdout).toContain('NOT')
    expect(stdout).toContain('answers.jsonl')
  })
})

describe('what must not read as an answer', () => {
  const thrown = [
    new TypeError("Cannot read properties of undefined (reading 'x')"),
    new RangeError('Maximum call stack size exceeded'),
    'a string',
    undefined,
  ]
  test.each(COMMANDS.map((spec) => [spec.path, spec] as const))(
    'an error inside of %s is 3',
    async (_, spec) => {
      for (const error of thrown) {
        const run = vi.spyOn(spec, 'run').mockRejectedValue(error)
        try {
          const { code, stdout } = await runLine(text.path, spec.examples[0]!)
          expect(run).toHaveBeenCalledOnce()
          expect(code).toBe(3)
          expect(stdout).not.toMatch(/evidence/)
        } finally {
          run.mockRestore()
        }
      }
    },
  )

  test('output that nobody takes is 3', async () => {
    const broken = {
      isTTY: false,
      write: () => {
        throw new Error('EPIPE')
      },
    }
    for (const line of ['dyetrace profile tokenizer teacher', 'dyetrace --help', 'dyetrace nonsense'])
      expect((await runLine(text.path, line, { stdout: broken, stderr: broken })).code).toBe(3)
  })

  test('with --json an error is a document too', async () => {
    const { code, stdout, stderr } = await cli(text.path, ['profile', 'show', 'nothing.json', '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toEqual({ error: { message: expect.stringContaining('ENOENT'), exit: 2 } })
    expect(stderr).toContain('nothing.json')
  })
})

describe('help', () => {
  const pages = [[''], ...GROUPS.map(([path]) => [path]), ...COMMANDS.map(({ path }) => [path])]
  test.each(pages)('of "%s" fits 80 columns and teaches', async (path) => {
    const { code, stdout, stderr } = await cli(text.path, [...wordsOf(path), '--help'], {
      columns: 80,
      isTTY: true,
    })
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout.split('\n').filter((line) => line.length > 80 && !/^ *\S+ *\\?$/.test(line))).toEqual([])
    const spec = COMMANDS.find((one) => one.path === path)
    if (!spec) return
    expect(stdout).toMatch(/Examples?:\n {2}(dyetrace|cat)/)
    expect(stdout).toContain('Exit codes:')
    for (const { flags } of spec.options) expect(stdout).toContain(flags.split(/[ ,]/).at(0))
  })

  test('of a group without a command is wrong usage, and says no more', async () => {
    const { code, stdout, stderr } = await cli(text.path, ['case'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: dyetrace case')
    expect(stderr).not.toContain('dyetrace: ')
  })

  test('without words it is shown, and is wrong usage', async () => {
    const { code, stdout, stderr } = await cli(text.path, [])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: dyetrace')
  })

  test('colours only for a terminal that wants them', async () => {
    const line = [
      'detect',
      'letter.txt',
      '--profile',
      'acme.profile.json',
      '--key',
      'acme.mark.json',
      '--tokenizer',
      'teacher',
    ]
    const colour = '\u001b['
    expect((await cli(text.path, line, { isTTY: true })).stdout).toContain(colour)
    expect((await cli(text.path, line, { isTTY: true, env: { NO_COLOR: '1' } })).stdout).not.toContain(colour)
    expect((await cli(text.path, line)).stdout).not.toContain(colour)
  })
})

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : []
  })
}
