/** The small parts: time as text, lines of a terminal, exit codes, words that look like keys. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EXIT, exitCodeOf, InputError, UnfinishedError } from '../../src/cli/exit.ts'
import { duration, isoInstant } from '../../src/cli/instant.ts'
import { assertNoSecrets } from '../../src/cli/no-secrets.ts'
import { columns, excerpt, plainPower, printable, wrap, wrapCommand } from '../../src/cli/printable.ts'
import { seeded } from '../../src/cli/seeded.ts'
import { SuspectError } from '../../src/suspect/openai-compatible/suspect-error.ts'
import { cli, wordsOf } from './support.ts'

const seed = 20261125

describe('time', () => {
  test('is what Date says', () => {
    const least = Date.UTC(1600, 0, 1)
    const most = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
    fc.assert(
      fc.property(fc.integer({ min: least, max: most }), (at) => {
        expect(isoInstant(at)).toBe(new Date(at).toISOString())
      }),
      { seed, numRuns: 2000 },
    )
  })

  test('durations', () => {
    expect([0, 59_400, 60_000, 3_600_000, 5 * 86_400_000].map(duration)).toEqual([
      '0 s',
      '59 s',
      '1 min 0 s',
      '1 h 0 min',
      '5 days 0 h',
    ])
  })
})

describe('lines', () => {
  test('wrapped text has the words of the text, in lines that fit where words do', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' })),
        fc.integer({ min: 20, max: 100 }),
        (list, width) => {
          const text = list.join(' ').replace(/\s+/g, ' ').trim()
          const wrapped = wrap(text, { width, indent: '  ' })
          expect(wrapped.split(/\s+/).join(' ').trim()).toBe(text)
          for (const line of wrapped.split('\n')) expect(line.length).toBeLessThanOrEqual(width)
        },
      ),
      { seed, numRuns: 500 },
    )
  })

  test('lines that fit are left alone, and commands can be copied', () => {
    expect(wrap('a   b', { width: 10 })).toBe('a   b')
    const line = `dyetrace detect ${'x'.repeat(60)} --profile p.json --key k.json`
    const wrapped = wrapCommand(line, { width: 80, indent: '  ' })
    expect(wrapped).toContain(' \\\n')
    expect(wordsOf(wrapped.replaceAll('\\\n', ' '))).toEqual(wordsOf(line))
  })

  test('nothing that moves a cursor, hides or turns text comes through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        expect(Array.from(excerpt(text)).every((character) => !/[\p{Cc}\p{Cf}]/u.test(character))).toBe(true)
      }),
      { seed, numRuns: 500 },
    )
    expect(printable('\u001b[31m\u202e')).toBe('\\u{1b}[31m\\u{202e}')
  })

  test('columns stand under each other', () => {
    expect(
      columns([
        ['a', '10', 'x'],
        ['bbb', '7', 'y'],
      ]),
    ).toEqual(['a    10  x', 'bbb   7  y'])
  })
})

describe('powers of ten', () => {
  test('can be typed', () => {
    expect(plainPower('one in 2.7 × 10²²')).toBe('one in 2.7 x 10^22')
    expect(plainPower('3 × 10⁻⁹ and 10, 37 in 100')).toBe('3 x 10^-9 and 10, 37 in 100')
  })
})

describe('help', () => {
  test('of a command by its words is what --help shows', async () => {
    for (const words of ['case plan', 'case', 'keys ledger add', 'keygen']) {
      const asked = await cli(tmpdir(), ['help', ...wordsOf(words)])
      expect(asked).toMatchObject({ code: 0, stderr: '' })
      expect(asked.stdout).toBe((await cli(tmpdir(), [...wordsOf(words), '--help'])).stdout)
      expect(asked.stdout).toContain(`Usage: dyetrace ${words}`)
    }
  })
})

describe('numbers from a seed', () => {
  test('are the same again, uniform within 1 in 1e6, and others for another seed', () => {
    const [a, b, c] = [seeded('march'), seeded('march'), seeded('april')]
    const drawn = Array.from({ length: 20_000 }, () => a())
    expect(drawn).toEqual(drawn.map(() => b()))
    expect(c()).not.toBe(drawn[0])
    // Ten cells: chi-square of 9 degrees exceeds 46.4 with probability 5e-7.
    const cells = Array.from({ length: 10 }, (_, i) => drawn.filter((x) => Math.floor(10 * x) === i).length)
    expect(cells.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0)).toBeLessThan(46.4)
    expect(drawn.every((x) => x >= 0 && x < 1)).toBe(true)
  })
})

describe('exit codes', () => {
  test.each([
    [new InputError('x'), EXIT.usage],
    [new RangeError('"alpha" expected a level above 0, got 2'), EXIT.usage],
    [new Error('key file x: could not be read (ENOENT)'), EXIT.usage],
    [new UnfinishedError('x expected y, got z'), EXIT.unfinished],
    [
      new SuspectError('suspect expected to answer, got none', { kind: 'timeout', charged: true }),
      EXIT.unfinished,
    ],
    [new TypeError('x is not a function'), EXIT.unfinished],
    [new Error('key file x: could not be written (ENOSPC)'), EXIT.unfinished],
    [null, EXIT.unfinished],
  ])('%s', (error, code) => {
    expect(exitCodeOf(error)).toBe(code)
  })
})

describe('keys on the command line', () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => (7 * i + 200) % 256))
  const forms = [
    key.toString('hex'),
    `0x${key.toString('hex')}`,
    key.toString('base64'),
    key.toString('base64url'),
    String(key.readBigUInt64LE(0)),
    `{"kty":"oct","k":"${key.toString('base64url')}"}`,
    'sk-proj-abcdefghijklmnop1234',
    'hf_abcdefghijklmnopqrstuvwx',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc',
  ]
  const places = [
    (form: string) => ['detect', 'x.txt', '--key', form],
    (form: string) => ['detect', `--key=${form}`],
    (form: string) => ['keygen', form],
    (form: string) => [form],
    (form: string) => ['case', 'new', 'x', '--api-key', form],
    (form: string) => ['case', 'new', 'x', `--api-key=${form}`],
    (form: string) => ['case', 'new', 'x', '--api-key-env', form],
  ]

  test.each(forms)('%# is refused wherever it stands, and not shown', async (form) => {
    for (const place of places) {
      for (const more of [[], ['--json']]) {
        const { code, stdout, stderr } = await cli(tmpdir(), [...place(form), ...more])
        expect(code).toBe(2)
        expect(stdout + stderr).not.toContain(form)
        expect(stdout + stderr).not.toContain(form.slice(-12))
      }
    }
  })

  test('options for secrets do not exist, whatever their value', async () => {
    for (const option of ['--api-key', '--token', '--password', '--secret', '--master']) {
      const { code, stderr } = await cli(tmpdir(), ['case', 'new', 'x', option, 'hunter2'])
      expect(code).toBe(2)
      expect(stderr).not.toContain('hunter2')
    }
  })

  test('what is no key may be said', () => {
    const digest = `sha256:${'a1'.repeat(32)}`
    for (const word of [
      digest,
      '824010fc3c3c03c8',
      '824010fc3c3c03c8:5',
      '2026-11-25T12:00:00Z',
      '0.0000001',
      'The moor was dark, and',
      './letters/2026-11-25.txt',
      'RIVAL_API_KEY',
      '1000000',
    ])
      expect(() => assertNoSecrets([word]), word).not.toThrow()
  })

  test('a file of keys is taken for nothing else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dyetrace-cli-'))
    try {
      await cli(folder, ['keygen', 'a.key.json'])
      for (const line of [
        'profile show a.key.json',
        'attack a.key.json --step lowercase:rate=1',
        'profile tokenizer a.key.json',
      ]) {
        const { code, stdout, stderr } = await cli(folder, wordsOf(line))
        expect([line, code, stdout]).toEqual([line, 2, ''])
        expect(stderr).toContain('expected no file of keys here')
      }
      writeFileSync(join(folder, 'open.key.json'), '{}', { mode: 0o644 })
      const { code, stderr } = await cli(folder, ['keys', 'list', 'open.key.json'])
      expect(code).toBe(2)
      expect(stderr.replace(/\s+/g, ' ')).toContain('expected mode 600')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('errors say what was expected and what came', () => {
  test.each([
    ['profile show nothing.json', 'ENOENT'],
    ['detect', 'option --profile: expected one, got none'],
    ['detekt', "unknown command 'detekt'"],
    ['keygen', "missing required argument 'file'"],
    ['attack x --step nothing', 'expected the name of an attack'],
    ['keys ledger find x', 'ENOENT'],
    ['case status nothing', 'expected a folder with case.json'],
    ['keys export --key k --scheme nothing', 'expected one of vllm'],
    ['identify x', 'expected at least one --ring, --mark or --engine'],
    ['case new x --nonsense', "unknown option '--nonsense'"],
    ['case plan x --efect 1', "unknown option '--efect' (Did you mean --effect?)"],
    ['profile show nothing.json', 'ENOENT: there is no such file'],
  ])('%s', async (line, said) => {
    // A folder of its own: nobody's files are called as in these lines.
    const folder = mkdtempSync(join(tmpdir(), 'dyetrace-cli-'))
    const { code, stdout, stderr } = await cli(folder, wordsOf(line), { columns: 100 })
    rmSync(folder, { recursive: true })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr.replace(/\s+/g, ' ')).toContain(said)
  })
})
