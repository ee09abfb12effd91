/**
 * A collector among faults: a real server on the loopback interface spoils requests in every way that a network and a server have, and the collector, a
 * process of its own, is killed at random moments. What must hold: no written answer is lost, none is counted twice, none is an error in
 * disguise, and the model was never asked more often than the budget allows.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import seedrandom from 'seedrandom'
import { build } from 'tsup'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestJson } from '../../src/digest.ts'
import { parseAnswers } from '../../src/suspect/answers.ts'
import { openAiCompatibleSuspect } from '../../src/suspect/openai-compatible.ts'
import { type Fault, startSuspectServer } from '../support/suspect-server.ts'
import type { CollectorEnd, CollectorJob } from '../support/suspect-server-collector.ts'
import { TOY_SIZE, toySuspect, toyTokenizer } from '../support/suspect-server-toy.ts'

const PROMPTS = 700
const MAX_TOKENS = 4
const CONCURRENCY = 8
const FAULTS = 1000
const KILLS = 20
const TIMEOUT = 0.06
const API_KEY = 'sk-faults-0123456789'

const plan = digestJson('a plan among faults')
const prompts = Array.from({ length: PROMPTS }, (_, i) => [1 + (i % 63), 1 + Math.floor(i / 63), 7])

let folder = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dyetrace-faults-'))
  // One file that runs in plain Node: a process is there at once.
  await build({
    entry: { collector: 'test/support/suspect-server-collector.ts' },
    ...{
      config: false,
      silent: true,
      dts: false,
      clean: false,
      format: 'esm',
      target: 'node20',
      outDir: folder,
    },
    noExternal: [/.*/],
    outExtension: () => ({ js: '.mjs' }),
  })
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const random = seedrandom('faults')
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!

/** One way in which things go wrong, each with its share. */
function anyFault(): Fault {
  const kinds: (() => Fault)[] = [
    () => ({
      kind: 'status',
      status: 429,
      retryAfter: pick(['0', '0.005', '1', 'Wed, 21 Oct 2015 07:28:00 GMT', 'soon']),
    }),
    () => ({ kind: 'status', status: 429 }),
    () => ({ kind: 'status', status: pick([500, 503, 529]) }),
    () => ({ kind: 'status', status: pick([502, 504, 408]) }),
    () => ({ kind: 'hang' }),
    () => ({ kind: 'half' }),
    () => ({ kind: 'reset', when: 'before' }),
    () => ({ kind: 'reset', when: 'after' }),
    () => ({
      kind: 'wrong-json',
      text: pick([
        '',
        'null',
        '[]',
        '{"choices":[]}',
        '<html><script>1</script></html>',
        '{"error":{"message":"no"}}',
        '{"choices":[{"text":7}]}',
      ]),
    }),
    () => ({ kind: 'long-length' }),
    () => ({ kind: 'short-length' }),
    () => ({ kind: 'false-gzip' }),
    () => ({ kind: 'drip', milliseconds: 5 }),
  ]
  return pick(kinds)()
}

/** The model was asked, whatever became of its answer. */
const REACHES_MODEL = [
  undefined,
  'half',
  'reset',
  'wrong-json',
  'long-length',
  'short-length',
  'false-gzip',
  'drip',
]

describe(`${FAULTS} faults, ${KILLS} of them kills`, () => {
  test('no answer is lost or counted twice, and the budget holds', async () => {
    let faults = 0
    let kills = 0
    /** Told of every request that comes in. */
    let arrived = (): void => {}
    // A storm: busy for many requests in a row.
    const isStorm = (index: number) => index >= 200 && index < 260
    const server = await startSuspectServer({
      ...{ suspect: toySuspect, tokenizer: toyTokenizer, apiKey: API_KEY },
      fault: (index) => {
        arrived()
        if (faults >= FAULTS - KILLS || !(isStorm(index) || random() < 0.6)) return undefined
        faults++
        return isStorm(index) ? { kind: 'status', status: 429, retryAfter: '0.01' } : anyFault()
      },
    })
    const path = (name: string) => join(folder, name)
    const read = (name: string) => (existsSync(path(name)) ? readFileSync(path(name), 'utf8') : '')
    const job: Omit<CollectorJob, 'budget'> = {
      ...{ folder, url: server.url, apiKey: API_KEY, plan, prompts, vocabularySize: TOY_SIZE },
      ...{ maxTokens: MAX_TOKENS, concurrency: CONCURRENCY, timeoutSeconds: TIMEOUT },
    }
    const asked = () => server.requests.filter(({ fault }) => REACHES_MODEL.includes(fault)).length
    const said: string[] = []

    /** Starts a collector; kills it at a random moment after so many requests, if a number is given. Gives what it printed at its end. */
    const run = (
      budget: CollectorJob['budget'],
      killAfter: number | undefined,
    ): Promise<CollectorEnd | undefined> => {
      writeFileSync(path('job.json'), JSON.stringify({ ...job, budget }))
      return new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [path('collector.mjs'), path('job.json')], { stdio: 'pipe' })
        let out = ''
        let requests = 0
        arrived = () => {
          if (++requests === killAfter) setTimeout(() => child.kill('SIGKILL'), 10 * random())
        }
        child.stdout.on('data', (data) => {
          out += data
        })
        child.stderr.on('data', (data) => said.push(String(data)))
        child.on('error', reject)
        child.on('exit', (code, signal) => {
          said.push(out)
          if (signal === 'SIGKILL') {
            kills++
            resolve(undefined)
          } else if (code === 0) resolve(JSON.parse(out.split('\n')[1]!) as CollectorEnd)
          else reject(new Error(`collector ended with ${code}: ${said.at(-2)}`))
        })
      })
    }

    const snapshots: string[] = []
    /** Runs to the end under one budget, with kills as long as some are left. */
    const runToEnd = async (budget: CollectorJob['budget'], most: number): Promise<CollectorEnd> => {
      for (;;) {
        const end = await run(budget, kills < most ? 1 + Math.floor(random() * 25) : undefined)
        snapshots.push(read('answers.jsonl'))
        if (end) return end
      }
    }

    // A budget in requests, then one in tokens, then enough of both.
    const requests = 400
    const first = await runToEnd({ answers: requests }, 8)
    expect(first.ended).toBe('budget')
    expect(first.charged.answers).toBeLessThanOrEqual(requests)
    expect(asked()).toBeLessThanOrEqual(first.charged.answers)

    const tokens = 900 * (3 + MAX_TOKENS)
    const second = await runToEnd({ tokens }, 14)
    expect(second.ended).toBe('budget')
    expect(second.charged.tokens).toBeLessThanOrEqual(tokens)
    expect(asked() * (3 + MAX_TOKENS)).toBeLessThanOrEqual(second.charged.tokens)

    const last = await runToEnd({ answers: 100_000 }, KILLS)
    expect(kills).toBe(KILLS)
    expect(last).toMatchObject({ ended: 'complete', unanswered: [] })
    expect(faults + kills).toBeGreaterThanOrEqual(FAULTS)
    expect(asked()).toBeLessThanOrEqual(last.charged.answers)

    // 0 lost: whatever stood in the file as a whole line at any kill stands there now.
    const final = read('answers.jsonl')
    for (const snapshot of snapshots)
      expect(final.startsWith(snapshot.slice(0, snapshot.lastIndexOf('\n') + 1))).toBe(true)
    // 0 twice, and each is the answer that an undisturbed run gets.
    const facts = { plan, access: 'text', vocabularySize: TOY_SIZE, prompts } as const
    const { answers } = parseAnswers(final, facts)
    expect(answers.map(({ prompt }) => prompt).sort((a, b) => a - b)).toEqual([...prompts.keys()])
    const clean = await startSuspectServer({ suspect: toySuspect, tokenizer: toyTokenizer })
    const undisturbed = openAiCompatibleSuspect({
      ...{
        name: 'toy',
        model: 'toy',
        api: 'completions',
        url: clean.url,
        vocabularySize: TOY_SIZE,
        tokenizer: toyTokenizer,
      },
    })
    const expected = await undisturbed.complete(prompts, { maxTokens: MAX_TOKENS, random: () => 0 })
    for (const { prompt, completion } of answers) expect(completion).toEqual(expected[prompt])

    // Every request that left has its line, and the model was asked at most once a line.
    const journal = read('journal.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const intents = new Map<string, number>()
    for (const { prompt, error } of journal) {
      const text = toyTokenizer.decode(prompts[prompt as number]!)
      if (error === undefined) intents.set(text, (intents.get(text) ?? 0) + 1)
    }
    const reached = new Map<string, number>()
    for (const { prompt, fault } of server.requests)
      if (fault !== 'status') reached.set(prompt, (reached.get(prompt) ?? 0) + 1)
    for (const [prompt, number] of reached) expect(number).toBeLessThanOrEqual(intents.get(prompt) ?? 0)

    // The key is in no file and in no word.
    for (const text of [final, read('journal.jsonl'), ...said]) expect(text).not.toContain(API_KEY)
    console.log(
      `${faults} faults by the server, ${kills} kills, ${server.requests.length} requests, ${asked()} reached the model, ` +
        `${last.charged.answers} charged, ${answers.length} answers, 0 lost, 0 twice`,
    )
    await Promise.all([server.close(), clean.close()])
  })
})
