/**
 * Commands run in this process, in a folder of their own. The examples of all commands, in their order, are one story: who runs them one after the other
 * has marked, detected, and carried a case from its beginning to a bundle that was verified. The clock stands still; the model that is asked is
 * a table of pairs of a novel that leans to the mark, behind a real server on the loopback interface.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import seedrandom from 'seedrandom'
import type { CommandSpec } from '../../src/cli/call.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import type { Environment } from '../../src/cli/environment.ts'
import { run } from '../../src/cli/run.ts'
import { type ReadTokenizer, readTokenizer } from '../../src/cli/tokenizer.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { readKeyFile } from '../../src/keys/key-file.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { type MasterKey, masterKeyBytes } from '../../src/keys/master.ts'
import { openingOf } from '../../src/keys/opening.ts'
import { parseProfile } from '../../src/keys/profile.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import type { Suspect } from '../../src/suspect/suspect.ts'
import { type SuspectServer, startSuspectServer } from '../support/suspect-server.ts'

export const LAB: string = resolve(import.meta.dirname, '../../benchmarks/lab')
export const NOW: number = Date.UTC(2026, 10, 25, 12)
/** What the server of the story asks for. */
export const API_KEY = 'Zq7-not-a-real-key-81f3'

/** What came of a command. */
export interface Ran {
  readonly args: readonly string[]
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What a test may change of the world. */
export interface World extends Partial<Environment> {
  readonly input?: string | Uint8Array
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Runs a command in a folder. */
export async function cli(cwd: string, args: readonly string[], world: World = {}): Promise<Ran> {
  const { input = '', isTTY = false, columns, ...environment } = world
  const written = { stdout: '', stderr: '' }
  const sink = (name: keyof typeof written): Environment['stdout'] => ({
    write(text) {
      written[name] += text
    },
    isTTY,
    columns,
  })
  // Another file, another key; the same command, the same key, so that no verdict is a matter of luck.
  const random = seedrandom(`cli ${args.join(' ')}`)
  const code = await run({
    args,
    cwd,
    env: {},
    stdin: (async function* () {
      yield input
    })(),
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    now: () => NOW,
    random: (length) => Uint8Array.from({ length }, () => Math.floor(256 * random())),
    interrupted: new AbortController().signal,
    ...environment,
  })
  return { args, code, ...written }
}

/** Words of a command line as a shell reads them: blanks part, double quotes keep together. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
}

/** Runs a line of the documentation: `dyetrace ...`, or `cat FILE | dyetrace ...`. */
export async function runLine(
  cwd: string,
  line: string,
  world: World = {},
  more: readonly string[] = [],
): Promise<Ran> {
  const [, file, rest] = /^(?:cat (\S+) \| )?dyetrace (.*)$/.exec(line)!
  const input = file === undefined ? {} : { input: readFileSync(join(cwd, file)) }
  return cli(cwd, [...wordsOf(rest!), ...more], { ...world, ...input })
}

/** A folder with a model and texts, and nothing made yet. */
export interface Folder {
  readonly path: string
  remove(): void
}

export function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'dyetrace-cli-'))
  const at = (name: string): string => join(path, name)
  symlinkSync(join(LAB, 'teacher'), at('teacher'))
  const novel = readFileSync(join(LAB, 'corpora/Doyle_Hound_1902.txt'), 'utf8')
  mkdirSync(at('novels'))
  mkdirSync(at('answers'))
  for (let i = 0; i < 4; i++) writeFileSync(at(`novels/${i + 1}.txt`), novel.slice(9000 * i, 9000 * i + 3000))
  writeFileSync(at('answers/innocent.txt'), novel.slice(50_000, 51_200))
  writeFileSync(
    at('batch.jsonl'),
    `${JSON.stringify({ id: 'first', text: novel.slice(60_000, 61_000) })}\n{"ids": [1, 2, 99999]}\n`,
  )
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** What ran in a story. */
export interface Told {
  readonly spec: CommandSpec
  readonly line: string
  readonly ran: Ran
}

/** Runs all examples in their order. `more` is put behind each. */
export async function tellStory(path: string, more: readonly string[] = []): Promise<readonly Told[]> {
  let server: SuspectServer | undefined
  const told: Told[] = []
  try {
    for (const spec of COMMANDS) {
      for (const line of spec.examples) {
        if (spec.path === 'case collect') server ??= await serveThief(path)
        if (spec.path === 'detect') cpSync(join(path, 'letter.txt'), join(path, 'answers/letter.txt'))
        const ran = await runLine(path, line, servedBy(server), more)
        told.push({ spec, line, ran })
        // What follows builds on it.
        if (![0, 10].includes(ran.code) && !line.includes('batch.jsonl'))
          throw new Error(`${line}\nexit code ${ran.code}\n${ran.stdout}${ran.stderr}`)
      }
    }
    return told
  } finally {
    await server?.close()
  }
}

/** The world in which the address of the story leads to a server. */
export function servedBy(server: SuspectServer | undefined): World {
  const env = { RIVAL_API_KEY: API_KEY }
  if (!server) return { env }
  return {
    env,
    fetch: (input, init) => {
      const request = input as Request
      const url = request.url.replace('http://127.0.0.1:8000/v1', server.url)
      return fetch(new Request(url, request), init)
    },
  }
}

/** Serves a model that leans to the mark of the story's profile. */
export async function serveThief(path: string, options: { lean?: boolean } = {}): Promise<SuspectServer> {
  const tokenizer = await readTokenizer({ cwd: path } as Environment, 'teacher')
  const master = await readKeyFile(join(path, 'acme.key.json'))
  return startSuspectServer({
    suspect: pairSuspect(tokenizer, { path, master: options.lean === false ? undefined : master }),
    tokenizer,
    model: 'rival-1',
    apiKey: API_KEY,
  })
}

/** A model that goes on as the novel does, by pairs; with a master key, as one would who learned the mark. */
function pairSuspect(
  { encode, vocabularySize }: ReadTokenizer,
  { path, master }: { path: string; master: MasterKey | undefined },
): Suspect {
  const novel = encode(
    readFileSync(join(LAB, 'corpora/Stevenson_Treasure_1883.txt'), 'utf8').slice(0, 120_000),
  )
  const following = new Map<number, number[]>()
  const usual = new Float32Array(vocabularySize)
  for (let i = 1; i < novel.length; i++) {
    usual[novel[i]!]!++
    const list = following.get(novel[i - 1]!)
    if (list) list.push(novel[i]!)
    else following.set(novel[i - 1]!, [novel[i]!])
  }
  const start = usual.map((n) => Math.log((n + 0.001) / novel.length) - 1)
  const profile = parseProfile(readFileSync(join(path, 'acme.profile.json'), 'utf8'))
  const marker = master && createMarker(profile, deriveMarkKeys(master, profile))
  const rowAfter = (ids: readonly number[]): Float32Array => {
    const row = start.slice()
    for (const id of following.get(ids.at(-1)!) ?? []) row[id] = Math.log(Math.exp(row[id]!) + 0.02)
    marker?.mark(row, ids)
    return row
  }
  return {
    name: 'rival-1',
    vocabularySize,
    async complete(prompts, { maxTokens, random }) {
      return prompts.map((prompt) => {
        const ids = Array.from(prompt)
        for (let n = 0; n < maxTokens; n++)
          ids.push(sampleFromLogits(rowAfter(ids), { random, temperature: 1 }))
        return ids.slice(prompt.length)
      })
    },
    async rows(sequences) {
      return sequences.map((sequence) => {
        const ids = Array.from(sequence)
        const rows = ids.map((_, i) => {
          const weights = rowAfter(ids.slice(0, i + 1)).map(Math.exp)
          const total = weights.reduce((sum, weight) => sum + weight, 0)
          return weights.map((weight) => weight / total)
        })
        return Float32Array.from(rows.flatMap((row) => Array.from(row)))
      })
    },
  }
}

/** Every form in which the keys of a story could stand in a text. */
export async function secretsIn(path: string): Promise<readonly string[]> {
  const master = await readKeyFile(join(path, 'acme.key.json'))
  const keys: Uint8Array[] = [masterKeyBytes(master)]
  for (const name of ['acme.profile.json', 'epochs.profile.json']) {
    const profile = parseProfile(readFileSync(join(path, name), 'utf8'))
    for (const key of deriveMarkKeys(master, profile)) {
      const { markKey, routeKey, salt } = openingOf(key)
      keys.push(markKey, salt, ...(routeKey ? [routeKey] : []))
    }
  }
  const pem = readFileSync(join(path, 'investigator.pem'), 'utf8').split('\n')[1]!
  const engine = /"key": (\d+)/.exec(readFileSync(join(path, 'vllm.json'), 'utf8'))![1]!
  return [...keys.flatMap(formsOf), API_KEY, pem, pem.slice(-40), engine, BigInt(engine).toString(16)]
}

/** A key as hex, base64 and base64url (halves are enough to be found), as a list of bytes, as decimal numbers of 64 bits either way round. */
export function formsOf(key: Uint8Array): string[] {
  const bytes = Buffer.from(key)
  const whole = [
    bytes.toString('hex'),
    bytes.toString('base64url'),
    bytes.toString('base64').replace(/=+$/, ''),
  ]
  const words = [0, 8, 16, 24].flatMap((i) => [
    String(bytes.readBigUInt64LE(i)),
    String(bytes.readBigUInt64BE(i)),
  ])
  const list = [...bytes.subarray(0, 12)].join(',')
  return [
    ...whole.flatMap((text) => [
      text.slice(0, Math.ceil(text.length / 2)),
      text.slice(-Math.ceil(text.length / 2)),
    ]),
    ...words.filter((word) => word.length > 15),
    list,
    list.replaceAll(',', ', '),
  ]
}
