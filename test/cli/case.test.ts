/** Cases by other ways than sampled text of a server: recorded answers, a folder with weights and a reference, log-probabilities; and what a case refuses. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Case } from '../../src/case/case-file.ts'
import { probeTokens } from '../../src/cli/budget.ts'
import type { Environment } from '../../src/cli/environment.ts'
import { readTokenizer } from '../../src/cli/tokenizer.ts'
import { parseProfile } from '../../src/keys/profile.ts'
import { openAiCompatibleSuspect } from '../../src/suspect/openai-compatible.ts'
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
      expect(await jsonOf('case collect listed --api-key-env RIVAL_API_KEY')).toMatchObject({
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
    expect(
      await jsonOf('case collect slow --stop-at 3 --concurrency 1 --api-key-env RIVAL_API_KEY'),
    ).toMatchObject({
      ended: 'enough',
      answers: 3,
    })
    expect((await jsonOf('case status slow')).next).toBe('dyetrace case collect slow')
    expect(await jsonOf('case collect slow --api-key-env RIVAL_API_KEY')).toMatchObject({
      ended: 'complete',
      answers: 8,
    })
    expect((await jsonOf('case status slow')).next).toBe('dyetrace case test slow')
  })

  test('keeps to its budget, and says that a result would be exploratory', async () => {
    const begin = `${SUSPECT} --suspect ${server.url} --model rival-1 --api-key-env RIVAL_API_KEY`
    const ask = '--from-texts novels --answers 20 --max-tokens 50'
    await run(`case new poor ${begin}`)
    // 20 prompts of 16, answers of 50, the probe.
    for (const [budget, needed] of [
      ['--budget-tokens 2119', 'at least 2120 for 20 prompts'],
      ['--budget-price 0.021 --per-million 10', 'at least 0.03 USD for 20 prompts'],
    ]) {
      const { code, stderr } = await cli(folder.path, wordsOf(`case plan poor ${ask} ${budget}`))
      expect(code).toBe(2)
      expect(stderr.replace(/\s+/g, ' ')).toContain(needed)
    }
    const planned = await run(`case plan poor ${ask} --budget-tokens 2120`)
    expect(planned.stdout.replace(/\s+/g, ' ')).toContain(
      'At most 1,320 tokens for the answers, and about 800 for finding out what the server can do.',
    )
    // Something else took of the budget: requests that nobody knows the end of.
    const journal = Array.from(
      { length: 3 },
      (_, i) => `{"attempt":${i + 1},"prompt":19,"tokens":${i === 2 ? 66 : 400}}\n`,
    )
    writeFileSync(join(folder.path, 'poor/journal.jsonl'), journal.join(''))
    const collect = 'case collect poor --api-key-env RIVAL_API_KEY'
    const { ended, charged, answers } = await jsonOf(collect, [3])
    expect(ended).toBe('budget')
    expect(answers).toBeGreaterThan(0)
    expect(charged.tokens).toBeLessThanOrEqual(2120)
    const words = `${answers} of 20 answers: the budget is used up`
    for (const [line, codes] of [
      [collect, [3]],
      ['case status poor', [0]],
    ] as const) {
      const said = (await run(line, codes)).stdout.replace(/\s+/g, ' ')
      expect(said).toContain(words)
      expect(said).toContain('the result would be exploratory')
    }
    expect((await jsonOf('case status poor')).steps).toContainEqual(
      expect.objectContaining({ step: 'collect', done: false }),
    )
    const verdict = await jsonOf('case test poor --key acme.mark.json', [0, 10])
    expect(verdict.sentences[0]).toContain('exploratory')
  })

  test('with a rule to stop early, a budget may end it', async () => {
    await run(`case new early ${SUSPECT} --suspect ${server.url} --model rival-1 --api-key-env RIVAL_API_KEY`)
    await run(
      'case plan early --from-texts novels --answers 20 --max-tokens 50 --budget-tokens 1600 --stop looks',
    )
    const { ended } = await jsonOf('case collect early --api-key-env RIVAL_API_KEY')
    expect(ended).toBe('budget')
    const status = await jsonOf('case status early')
    expect(status.next).toBe('dyetrace case test early')
  })

  test.each(['completions', 'chat'] as const)('the probe costs what the plan says: %s', async (api) => {
    const profile = parseProfile(readFileSync(join(folder.path, 'acme.profile.json'), 'utf8'))
    const suspect = { kind: 'openai-compatible', url: server.url, model: 'rival-1', api } as const
    const tokenizer = await readTokenizer({ cwd: folder.path } as Environment, 'teacher')
    const { tokens } = await openAiCompatibleSuspect({
      name: 'rival',
      url: server.url,
      model: 'rival-1',
      api,
      apiKey: API_KEY,
      vocabularySize: profile.vocabularySize,
      tokenizer,
    }).probe()
    const said = probeTokens({ suspect } as Case, {})
    expect(tokens).toBeLessThanOrEqual(said)
    expect(tokens).toBeGreaterThan(said / 2)
    expect(probeTokens({ suspect } as Case, { 'capabilities.json': JSON.stringify({ tokens }) })).toBe(tokens)
  })
})

describe('what is there already', () => {
  const begin = (name: string, suspect: string): string => `case new ${name} ${SUSPECT} --suspect ${suspect}`
  const stepsOf = async (name: string): Promise<Record<string, string>> => {
    const { steps } = await jsonOf(`case status ${name}`)
    return Object.fromEntries(
      (steps as { step: string; done: boolean; says: string }[]).map(({ step, done, says }) => [
        step,
        `${done ? 'done' : 'open'}: ${says}`,
      ]),
    )
  }

  test('a case is not begun twice', async () => {
    await run(begin('twice', 'teacher'))
    const again = await run(begin('twice', 'teacher'))
    expect(again.stdout.replace(/\s+/g, ' ')).toContain('is there already, in twice')
    expect(again.stdout).toContain('Next: dyetrace case status twice')
    const { code, stderr } = await cli(folder.path, wordsOf(`${begin('twice', 'teacher')} --name other`))
    expect(code).toBe(2)
    expect(stderr.replace(/\s+/g, ' ')).toContain(
      'begun with other words; nothing was changed. See: dyetrace case status twice',
    )
  })

  test('verdict, seal and report are of the answers on file, or open', async () => {
    await run(begin('stale', `${server.url} --model rival-1 --api-key-env RIVAL_API_KEY`))
    await run('case plan stale --from-texts novels --answers 12 --max-tokens 60')
    await run('case collect stale --api-key-env RIVAL_API_KEY --stop-at 4 --concurrency 1')
    await run('case test stale --key acme.mark.json', [0, 10])
    await run('case report stale')
    await run('keygen stale.pem --signing')
    const seal = 'case seal stale --key acme.mark.json --signing-key stale.pem'
    await run(seal)
    expect(await stepsOf('stale')).toMatchObject({
      test: 'done: verdict.json is there',
      seal: 'done: evidence.json is there',
      report: 'done: report.html is there',
    })
    // The same again, at the same time: there is nothing to refuse.
    await run(seal)
    await run('case collect stale --api-key-env RIVAL_API_KEY')
    expect(await stepsOf('stale')).toMatchObject({
      collect: expect.stringMatching(/^done: 12 of 12/),
      test: 'open: verdict.json is of 4 answers, 12 are there',
    })
    const report = await cli(folder.path, wordsOf('case report stale'))
    expect(report.code).toBe(2)
    expect(report.stderr.replace(/\s+/g, ' ')).toContain(
      'verdict.json is of 4 answers, 12 are there. Run: dyetrace case test stale',
    )

    await run('case test stale --key acme.mark.json', [0, 10])
    expect(await stepsOf('stale')).toMatchObject({
      test: 'done: verdict.json is there',
      seal: 'open: evidence.json is of another verdict',
      report: 'open: report.html is of another verdict',
    })
    expect((await jsonOf('case status stale')).next).toBe('dyetrace case seal stale --again')
    const evidence = (): string => readFileSync(join(folder.path, 'stale/evidence.json'), 'utf8')
    const before = evidence()
    const refused = await cli(folder.path, wordsOf(seal))
    expect(refused.code).toBe(2)
    expect(refused.stderr.replace(/\s+/g, ' ')).toContain(
      'of another verdict); it is replaced with --again only',
    )
    expect(evidence()).toBe(before)
    await run(`${seal} --again`)
    await run('case report stale')
    expect((await jsonOf('case status stale')).next).toBeNull()
  })
})

describe('what verify says', () => {
  test('of a case that nobody signed, of another signer, and once more of what fails', async () => {
    const verify = 'case verify signed --key acme.mark.json'
    await run(
      `case new signed ${SUSPECT} --suspect ${server.url} --model rival-1 --api-key-env RIVAL_API_KEY`,
    )
    await run('case plan signed --from-texts novels --answers 6 --max-tokens 40')
    await run('case collect signed --api-key-env RIVAL_API_KEY')
    const judged = await run('case test signed --key acme.mark.json', [0, 10])
    expect(judged.stdout.replace(/\s+/g, ' ')).toMatch(
      /random key, corrected for all that was tried: (one in|\d+ in 100)/,
    )
    const unsigned = await run(verify, [0, 10])
    expect(unsigned.stdout).toMatch(/^-- evidence\.json: /m)
    expect(unsigned.stdout).toContain('nobody has signed this case')
    for (const name of ['one.pem', 'two.pem']) await run(`keygen ${name} --signing`)
    await run('case seal signed --key acme.mark.json --signing-key one.pem')
    expect((await run(`${verify} --public-key one.pem.pub`, [0, 10])).stdout).not.toMatch(
      /^(--|NOT) evidence/m,
    )
    const { code, stdout } = await cli(folder.path, wordsOf(`${verify} --public-key two.pem.pub`))
    expect(code).toBe(2)
    const said = 'NOT signature: signed by another key than the one given'
    // In its place, and again at the end.
    expect(stdout.split('NOT signature').length).toBe(3)
    expect(stdout.slice(stdout.indexOf('do not hold')).replace(/\s+/g, ' ')).toContain(said)
    // A key that was left in the folder would be handed over with it.
    const left = join(folder.path, 'signed/acme.mark.json')
    copyFileSync(join(folder.path, 'acme.mark.json'), left)
    const warned = await cli(folder.path, wordsOf(verify))
    rmSync(left)
    expect(warned.code).toBe(2)
    expect(warned.stdout.replace(/\s+/g, ' ')).toContain(
      'NOT key files: acme.mark.json: expected no secret key',
    )
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

  test('to judge before anything was asked, and says what is missing', async () => {
    await run(`case new empty ${SUSPECT} --suspect ${server.url} --model rival-1`)
    await run('case plan empty --from-texts novels --answers 4')
    const judged = await cli(folder.path, wordsOf('case test empty --key acme.mark.json'))
    expect(judged.code).toBe(2)
    expect(judged.stderr.replace(/\s+/g, ' ')).toContain('got none. Run: dyetrace case collect empty')
    const { code, stdout } = await cli(folder.path, wordsOf('case verify empty --key acme.mark.json'))
    expect(code).toBe(2)
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'empty is not finished: no answers, no verdict. See: dyetrace case status empty NOT',
    )
  })

  test('other files where keys are expected, and says what they are', async () => {
    await run('keygen mixed.pem --signing')
    for (const [line, said] of [
      ['case test stale --key acme.profile.json', 'is a profile, not a key file'],
      [
        'profile create --key acme.profile.json --tokenizer teacher --out x.json',
        'is a profile, not a key file',
      ],
      ['keys list acme.profile.json', 'is a profile, not a key file'],
      [
        'case seal stale --key acme.mark.json --signing-key mixed.pem.pub',
        'expected the private key, got the public one',
      ],
      ['case test stale --key nothing.json', 'could not be read (ENOENT: there is no such file)'],
    ] as const) {
      const { code, stderr } = await cli(folder.path, wordsOf(line))
      expect([line, code]).toEqual([line, 2])
      expect(stderr.replace(/\s+/g, ' ')).toContain(said)
      expect(stderr).not.toContain('chmod')
    }
  })

  test('to go on where nobody listens, or at another address, and says what to try', async () => {
    for (const [name, url, said] of [
      [
        'down',
        `http://127.0.0.1:${await freePort()}/v1`,
        'nobody listens there. Start the server or check --suspect',
      ],
      ['lost', server.url.replace('/v1', '/v2'), 'The address usually ends in /v1'],
    ] as const) {
      await run(`case new ${name} ${SUSPECT} --suspect ${url} --model rival-1 --api-key-env RIVAL_API_KEY`)
      await run(`case plan ${name} --from-texts novels --answers 4`)
      const { code, stderr } = await cli(
        folder.path,
        wordsOf(`case collect ${name} --api-key-env RIVAL_API_KEY`),
        { env: { RIVAL_API_KEY: API_KEY } },
      )
      expect(code).toBe(3)
      expect(stderr.replace(/\s+/g, ' ')).toContain(said)
    }
  })

  test('to collect without the API key that it names, and says which', async () => {
    const { code, stderr } = await cli(folder.path, wordsOf('case collect slow --api-key-env RIVAL_API_KEY'))
    expect(code).toBe(2)
    expect(stderr).toContain('RIVAL_API_KEY')
  })

  test('to read a variable that only case.json names, and says where its value would go', async () => {
    const file = join(folder.path, 'slow/case.json')
    const before = readFileSync(file, 'utf8')
    const evil = before
      .replace('RIVAL_API_KEY', 'AWS_SECRET_ACCESS_KEY')
      .replace(/http:[^"]*/, 'http://evil.example/v1')
    const requested: string[] = []
    const world = {
      env: { RIVAL_API_KEY: API_KEY, AWS_SECRET_ACCESS_KEY: 'secret' },
      fetch: async (input: unknown) => {
        requested.push((input as Request).url)
        throw new TypeError('nobody listens')
      },
    }
    writeFileSync(file, evil)
    try {
      for (const more of ['', ' --api-key-env RIVAL_API_KEY']) {
        const { code, stderr } = await cli(folder.path, wordsOf(`case collect slow${more}`), world)
        expect(code).toBe(2)
        const said = stderr.replace(/\s+/g, ' ')
        expect(said).toContain('The value of AWS_SECRET_ACCESS_KEY would be sent to http://evil.example/v1')
      }
      expect(requested).toEqual([])
    } finally {
      writeFileSync(file, before)
    }
    const { code, stderr } = await cli(
      folder.path,
      wordsOf('case collect slow --api-key-env RIVAL_API_KEY --api-key-env HOME'),
      world,
    )
    expect(code).toBe(2)
    expect(stderr.replace(/\s+/g, ' ')).toContain('(RIVAL_API_KEY), got "HOME"')
  })

  test('to collect twice at once', async () => {
    writeFileSync(join(folder.path, 'slow/collect.lock'), String(process.pid))
    const { code, stderr } = await cli(
      folder.path,
      wordsOf('case collect slow --api-key-env RIVAL_API_KEY'),
      {
        env: { RIVAL_API_KEY: API_KEY },
      },
    )
    expect(code).toBe(2)
    expect(stderr).toContain('nobody else collects')
    // A process that is gone holds nothing.
    writeFileSync(join(folder.path, 'slow/collect.lock'), '4194303')
    await run('case collect slow --api-key-env RIVAL_API_KEY')
  })
})

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const taken = createServer()
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done))
  const { port } = taken.address() as { port: number }
  await new Promise((done) => taken.close(done))
  return port
}
