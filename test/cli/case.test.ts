/** Cases by other ways than sampled text of a server: recorded answers, a folder with weights and a reference, log-probabilities; and what a case refuses. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Environment } from '../../src/cli/environment.ts'
import { readTokenizer } from '../../src/cli/tokenizer.ts'
import type { SuspectServer } from '../support/suspect-server.ts'
import { API_KEY, cli, type Folder, makeFolder, type Ran, serveThief, wordsOf } from './support.ts'

let folder: Folder
let server: SuspectServer
const SUSPECT = '--profile acme.profile.json --tokenizer teacher'

beforeAll(async () => {
  folder = makeFolder()
  await run('keygen acme.key.json')
  await run(
    'profile create --key acme.key.json --tokenizer teacher --layer provider:acme --out acme.profile.json',
  )
  await run('keys reveal --key acme.key.json --profile acme.profile.json --out acme.mark.json')
  server = await serveThief(folder.path)
}, 60_000)
afterAll(async () => {
  await server.close()
  folder.remove()
})

/** Runs a command that must do. */
async function run(line: string, codes: readonly number[] = [0]): Promise<Ran> {
  const ran = await cli(folder.path, wordsOf(line), { env: { RIVAL_API_KEY: API_KEY } })
  expect(codes, `${line}\n${ran.stdout}${ran.stderr}`).toContain(ran.code)
  return ran
}

const jsonOf = async (line: string, codes?: readonly number[]) =>
  JSON.parse((await run(`${line} --json`, codes)).stdout)

describe('a case', () => {
  test('of recorded answers: the prompts are those of the log', async () => {
    const { encode, decode } = await readTokenizer({ cwd: folder.path } as Environment, 'teacher')
    const novel = readFileSync(join(folder.path, 'novels/1.txt'), 'utf8')
    const entries = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const content = decode(encode(novel.slice(60 * i, 60 * i + 50)))
        const response = await fetch(`${server.url}/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'rival-1', prompt: content, max_tokens: 60 }),
        })
        const { choices } = (await response.json()) as { choices: [{ text: string }] }
        return {
          request: { messages: [{ role: 'user', content }] },
          response: { choices: [{ message: { content: choices[0].text } }] },
        }
      }),
    )
    writeFileSync(
      join(folder.path, 'log.jsonl'),
      `${entries.map((entry) => JSON.stringify(entry)).join('\n')}\n{"nothing": 1}\n`,
    )
    await run(`case new recorded ${SUSPECT} --suspect log.jsonl --name rival`)
    const { plan } = await jsonOf('case plan recorded --max-tokens 60')
    expect(plan.prompts.count).toBe(12)
    const collected = await run('case collect recorded')
    expect(collected.stderr).toContain('log.jsonl:13: no answer')
    expect((await jsonOf('case test recorded --key acme.mark.json', [10])).decision).toBe('evidence')
  })

  test('of a folder with weights: all probabilities, less those of a reference', async () => {
    await run(`case new local ${SUSPECT} --suspect teacher --reference base=teacher`)
    const { plan } = await jsonOf(
      'case plan local --from-texts novels --answers 3 --prompt-tokens 24 --access rows --decoys 50',
    )
    expect(plan).toMatchObject({ access: 'rows', statistic: 'contrast', references: ['base'] })
    expect(await jsonOf('case collect local')).toMatchObject({ ended: 'complete', answers: 3, references: 3 })
    // The suspect is the reference: nothing is left over, and nothing is evidence.
    expect((await jsonOf('case test local --key acme.mark.json')).decision).not.toBe('evidence')
    expect(await jsonOf('case collect local')).toMatchObject({ references: 3 })
  })

  test('of log-probabilities of prompts, less those of a served reference', async () => {
    const honest = await serveThief(folder.path, { lean: false })
    try {
      const key = '--api-key-env RIVAL_API_KEY'
      await run(
        `case new listed ${SUSPECT} --suspect ${server.url} --model rival-1 ${key} --reference own=${honest.url},model=rival-1,api-key-env=RIVAL_API_KEY`,
      )
      const { plan } = await jsonOf(
        'case plan listed --from-texts novels --answers 8 --prompt-tokens 40 --access top-k --top-k 20 --decoys 50',
      )
      expect(plan).toMatchObject({ access: 'top-k', topK: 20, statistic: 'contrast', references: ['own'] })
      expect(await jsonOf('case collect listed')).toMatchObject({
        ended: 'complete',
        answers: 8,
        references: 8,
      })
      expect((await jsonOf('case test listed --key acme.mark.json', [10])).decision).toBe('evidence')
    } finally {
      await honest.close()
    }
  })

  test('stops at a number of answers, and goes on', async () => {
    await run(`case new slow ${SUSPECT} --suspect ${server.url} --model rival-1 --api-key-env RIVAL_API_KEY`)
    await run('case plan slow --from-texts novels --answers 8 --max-tokens 20')
    expect(await jsonOf('case collect slow --stop-at 3 --concurrency 1')).toMatchObject({
      ended: 'enough',
      answers: 3,
    })
    expect((await jsonOf('case status slow')).next).toBe('dyetrace case collect slow')
    expect(await jsonOf('case collect slow')).toMatchObject({ ended: 'complete', answers: 8 })
    expect((await jsonOf('case status slow')).next).toBe('dyetrace case test slow')
  })

  test('keeps to its budget', async () => {
    await run(`case new poor ${SUSPECT} --suspect ${server.url} --model rival-1 --api-key-env RIVAL_API_KEY`)
    await run('case plan poor --from-texts novels --answers 20 --max-tokens 50 --budget-tokens 1200')
    const { ended, charged, answers } = await jsonOf('case collect poor')
    expect(ended).toBe('budget')
    expect(answers).toBeGreaterThan(0)
    expect(charged.tokens).toBeLessThanOrEqual(1200)
  })
})

describe('a case refuses', () => {
  test.each([
    [`case new x ${SUSPECT} --suspect http://user:pass@h/v1 --model m`, 'http or https address without user'],
    [`case new x ${SUSPECT} --suspect http://h/v1?k=1 --model m`, 'http or https address without user'],
    [`case new x ${SUSPECT} --suspect http://h/v1`, "expected the model's name"],
    [`case new x ${SUSPECT} --suspect nothing`, 'expected an address that begins with http'],
    [`case new x ${SUSPECT} --suspect http://h/v1 --model m --api grpc`, 'expected completions or chat'],
    ['case collect slow --key acme.mark.json', "unknown option '--key'"],
    ['case plan slow --from-texts novels --answers 9', 'a plan is not changed afterwards'],
    ['case seal slow --key acme.mark.json --signing-key acme.key.json', 'expected verdict.json'],
    ['case report slow', 'expected verdict.json'],
    ['case test nothing --key acme.mark.json', 'expected a folder with case.json'],
  ])('%s', async (line, said) => {
    const { code, stderr } = await cli(folder.path, wordsOf(line), { columns: 100 })
    expect(code).toBe(2)
    expect(stderr.replace(/\s+/g, ' ')).toContain(said)
    expect(stderr).not.toContain('pass@')
  })

  test('to collect without the API key that it names, and says which', async () => {
    const { code, stderr } = await cli(folder.path, wordsOf('case collect slow'))
    expect(code).toBe(2)
    expect(stderr).toContain('RIVAL_API_KEY')
  })

  test('to collect twice at once', async () => {
    writeFileSync(join(folder.path, 'slow/collect.lock'), String(process.pid))
    const { code, stderr } = await cli(folder.path, wordsOf('case collect slow'), {
      env: { RIVAL_API_KEY: API_KEY },
    })
    expect(code).toBe(2)
    expect(stderr).toContain('nobody else collects')
    // A process that is gone holds nothing.
    writeFileSync(join(folder.path, 'slow/collect.lock'), '4194303')
    await run('case collect slow')
  })
})
