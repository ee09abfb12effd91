/** Words and files that nobody meant: whatever they are, an answer or an error that says what was expected; never a crash, a wrong verdict or a key. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import seedrandom from 'seedrandom'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { readKeyFile } from '../../src/keys/key-file.ts'
import { masterKeyBytes } from '../../src/keys/master.ts'
import {
  API_KEY,
  cli,
  type Folder,
  formsOf,
  makeFolder,
  type Ran,
  servedBy,
  serveThief,
  wordsOf,
} from './support.ts'

const CODES = [0, 2, 3, 10]
// How a JavaScript engine speaks of a mistake in the program.
const BUG =
  /Cannot (read|set|access|convert|destructure)|is not (a function|iterable|defined|a constructor)|undefined is|Maximum call stack|Invalid (array|string) length|Assignment to constant/

let folder: Folder
let secrets: readonly string[]

beforeAll(async () => {
  folder = makeFolder()
  const run = async (line: string, world = {}): Promise<void> => {
    const { code, stderr } = await cli(folder.path, wordsOf(line), world)
    if (code !== 0 && code !== 10) throw new Error(`${line}: ${stderr}`)
  }
  await run('keygen acme.key.json')
  await run(
    'profile create --key acme.key.json --tokenizer teacher --layer provider:acme --out acme.profile.json',
  )
  await run('keys reveal --key acme.key.json --profile acme.profile.json --out acme.mark.json')
  await run('keys add acme.ring.json --profile acme.profile.json --key acme.key.json --from 2026-12-01')
  await run(
    'keys ledger add acme.ledger.jsonl --profile acme.profile.json --account A --label acme --from 2026-12-01',
  )
  const server = await serveThief(folder.path, { lean: false })
  try {
    await run(
      'case new rival --profile acme.profile.json --tokenizer teacher --suspect http://127.0.0.1:8000/v1 --model rival-1 --api-key-env RIVAL_API_KEY',
    )
    await run('case plan rival --from-texts novels --answers 6 --max-tokens 40')
    await run('case collect rival --api-key-env RIVAL_API_KEY', servedBy(server))
  } finally {
    await server.close()
  }
  await run('case test rival --key acme.mark.json')
  secrets = [...formsOf(masterKeyBytes(await readKeyFile(join(folder.path, 'acme.key.json')))), API_KEY]
}, 120_000)
afterAll(() => folder.remove())

function assertSound({ args, code, stdout, stderr }: Ran): void {
  const line = args.join(' ')
  expect(CODES, line).toContain(code)
  expect(`${stdout}${stderr}`, line).not.toMatch(BUG)
  expect(
    secrets.filter((secret) => stdout.includes(secret) || stderr.includes(secret)),
    line,
  ).toEqual([])
  if (code === 2 || code === 3) expect(stderr + stdout, line).not.toBe('')
}

describe('words', () => {
  test('any order of words, options and files', async () => {
    const random = seedrandom('words of the command line')
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
    // Commands that run a model or wait for a server have their own tests.
    const specs = COMMANDS.filter(({ path }) => !['mark', 'case collect'].includes(path))
    const values = [
      ...[
        'acme.profile.json',
        'acme.key.json',
        'acme.mark.json',
        'acme.ring.json',
        'acme.ledger.jsonl',
        'batch.jsonl',
      ],
      ...[
        'teacher',
        'novels',
        'answers',
        'rival',
        'nothing',
        '-',
        '',
        '.',
        '/dev/null',
        '1',
        '0',
        '-1',
        '1e9',
        '1e-6',
      ],
      ...[
        '0.5',
        'NaN',
        'acme',
        '2026-12-01',
        'provider:acme',
        'name=value',
        'gumbel',
        'lowercase:rate=1',
        'x'.repeat(3000),
      ],
      ...[
        '\u0000',
        '\ud800',
        '\u202e',
        '{}',
        '[]',
        '--',
        '--json',
        '824010fc3c3c03c8',
        'http://u:p@host/v1',
        'http://h/?k=1',
      ],
    ]
    const seen = new Set<number>()
    let copy = ''
    for (let i = 0; i < 160; i++) {
      const spec = pick(specs)
      const args = wordsOf(spec.path)
      for (const [name] of spec.operands ?? [])
        if (name.startsWith('<') || random() < 0.7) args.push(pick(values))
      for (const { flags, required } of spec.options) {
        if (random() > (required ? 0.9 : 0.25)) continue
        const option = /--[a-z-]+/.exec(flags)![0]
        args.push(option, ...(flags.includes('<') ? [guess(option, pick(values), random)] : []))
      }
      if (random() < 0.1) args.splice(Math.floor(random() * args.length), 1)
      if (random() < 0.3) args.push('--json')
      if (i % 20 === 0) {
        if (copy !== '') rmSync(copy, { recursive: true })
        copy = scratch()
      }
      const ran = await cli(copy, args, { input: 'some text' })
      assertSound(ran)
      seen.add(ran.code)
    }
    rmSync(copy, { recursive: true })
    // It is no use if all of it is refused.
    expect(seen).toContain(0)
    expect(seen).toContain(2)
  })
})

/** Now and then the file that an option is for, so that what lies behind is reached. */
function guess(option: string, otherwise: string, random: () => number): string {
  const right: Record<string, string> = {
    '--profile': 'acme.profile.json',
    '--key': 'acme.mark.json',
    '--tokenizer': 'teacher',
    '--from': '2027-01-01',
    '--step': 'swap-words:rate=0.5',
    '--seed': '7',
    '--out': 'out.file',
  }
  return random() < 0.8 ? (right[option] ?? otherwise) : otherwise
}

/** A copy of the folder that may be spoilt. */
function scratch(): string {
  const path = mkdtempSync(join(tmpdir(), 'dyetrace-fuzz-'))
  cpSync(folder.path, path, { recursive: true, verbatimSymlinks: true })
  return path
}

describe('files', () => {
  const JUDGES = [
    'case test rival --key acme.mark.json',
    'case verify rival --key acme.mark.json',
    'case report rival',
    'case status rival',
    'detect batch.jsonl --profile acme.profile.json --key acme.mark.json --tokenizer teacher',
    'keys list acme.ring.json',
    'keys ledger find acme.ledger.jsonl --account A',
    'profile show acme.profile.json',
  ]
  const FILES = [
    ...[
      'answers.jsonl',
      'plan.json',
      'prompts.jsonl',
      'case.json',
      'profile.json',
      'verdict.json',
      'journal.jsonl',
    ].map((name) => `rival/${name}`),
    ...['acme.profile.json', 'acme.mark.json', 'acme.ring.json', 'acme.ledger.jsonl', 'batch.jsonl'],
  ]

  test('with bytes that were changed, cut, doubled or put in', async () => {
    const random = seedrandom('files of the command line')
    const copy = scratch()
    let refused = 0
    try {
      for (let i = 0; i < 48; i++) {
        const file = FILES[i % FILES.length]!
        const before = readFileSync(join(folder.path, file))
        writeFileSync(join(copy, file), mutated(before, random))
        for (const line of JUDGES.filter(() => random() < 0.4)) {
          const ran = await cli(copy, wordsOf(line))
          assertSound(ran)
          if (ran.code === 2) refused++
          // The model of this case is innocent: no change of a byte makes it a thief.
          expect(line.startsWith('case') ? ran.code : 0, `${line} with ${file} changed`).not.toBe(10)
        }
        for (const own of [file, 'rival/verdict.json'])
          writeFileSync(join(copy, own), readFileSync(join(folder.path, own)))
      }
      expect(refused).toBeGreaterThan(12)
    } finally {
      rmSync(copy, { recursive: true })
    }
  })

  test('that are folders, or not there, or empty', async () => {
    const random = seedrandom('no files')
    for (const file of FILES) {
      const copy = scratch()
      try {
        for (const make of [
          () => {},
          () => mkdirSync(join(copy, file)),
          () => writeFileSync(join(copy, file), '', { mode: 0o600 }),
        ]) {
          rmSync(join(copy, file), { recursive: true, force: true })
          make()
          for (const line of JUDGES.filter(() => random() < 0.3)) assertSound(await cli(copy, wordsOf(line)))
        }
      } finally {
        rmSync(copy, { recursive: true })
      }
    }
  })
})

function mutated(bytes: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * bytes.length)
  const to = Math.min(bytes.length, at + 1 + Math.floor(random() * 40))
  switch (Math.floor(random() * 6)) {
    case 0: {
      const copy = Buffer.from(bytes)
      copy[at] = Math.floor(random() * 256)
      return copy
    }
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)])
    case 3:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from('{"a":[1,{"b":null}],"a":1e999}'),
        bytes.subarray(at),
      ])
    case 4:
      return Buffer.from(bytes.toString().replace(/\d+/, () => String(Math.floor(random() * 1e12))))
    default:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
  }
}
