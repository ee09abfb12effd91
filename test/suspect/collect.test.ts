/**
 * Collecting, stopped at every moment at which it can be stopped: what is written at the end is what an undisturbed run writes, and nobody is
 * asked twice. The file is an array of bytes here.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { digestJson } from '../../src/digest.ts'
import { parseAnswers } from '../../src/suspect/answers.ts'
import {
  type Collectable,
  type CollectOptions,
  type CollectProgress,
  collect,
} from '../../src/suspect/collect.ts'
import { SuspectError } from '../../src/suspect/openai-compatible/suspect-error.ts'
import { recordedSuspect } from '../../src/suspect/recorded.ts'
import { expectRefusalOf, wrongValues } from '../support/wrong-values.ts'

const V = 8
const plan = digestJson('a plan')
const prompts = [[1, 2], [3], [4, 5, 6], [1, 2], [7]]
const facts = { plan, access: 'text', vocabularySize: V, prompts } as const

/** Draws its completions; counts what it was asked. */
function drawing(): Collectable & { asked: number[][] } {
  const asked: number[][] = []
  return {
    name: 'x',
    vocabularySize: V,
    asked,
    async complete(given, { maxTokens, random }) {
      return given.map((ids) => {
        asked.push(Array.from(ids))
        return Array.from({ length: 1 + Math.floor(random() * maxTokens) }, () => Math.floor(random() * V))
      })
    },
  }
}

/** A file that is written to at a place, where anything behind it is removed first. Breaks after `room` more bytes. */
function fileOf(start: Uint8Array = new Uint8Array(0), room = Infinity) {
  let bytes = start
  let left = room
  return {
    bytes: () => bytes,
    text: () => new TextDecoder().decode(bytes),
    write(line: string, at: number): void {
      expect(at).toBeLessThanOrEqual(bytes.length)
      const added = new TextEncoder().encode(line).subarray(0, left)
      left -= added.length
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...added])
      if (left === 0) throw new Error('killed')
    },
  }
}

const completion = { maxTokens: 4, random: (prompt: number) => seedrandom(`prompt ${prompt}`) }
const options = (file: ReturnType<typeof fileOf>, more: Partial<CollectOptions> = {}): CollectOptions => ({
  plan,
  access: 'text',
  prompts,
  written: file.text(),
  write: file.write,
  completion,
  ...more,
})

const whole = fileOf()
const complete = await collect(drawing(), options(whole))

describe('collecting', () => {
  test('asks every prompt once, in order, and writes every answer', async () => {
    const suspect = drawing()
    const file = fileOf()
    const { log, ended, tokens } = await collect(suspect, options(file))
    expect(ended).toBe('complete')
    expect(suspect.asked).toEqual(prompts)
    expect(parseAnswers(file.text(), facts)).toEqual(log)
    expect(log.answers.map(({ prompt }) => prompt)).toEqual([0, 1, 2, 3, 4])
    const sizes = log.answers.map(({ ids, completion }) => ids.length + completion!.length)
    expect(tokens).toBe(sizes.reduce((a, b) => a + b))
  })

  test('one broken answer never stops a run: it is tried again, left out and reported', async () => {
    const file = fileOf()
    const suspect = drawing()
    let broken = 0
    const breaking: Collectable = {
      ...suspect,
      complete: (given, how) =>
        given[0]![0] === 4 && ++broken > 0 ? Promise.reject(new Error('gone')) : suspect.complete(given, how),
    }
    const { ended, unanswered, charged, tokens } = await collect(breaking, options(file, { attempts: 2 }))
    expect(ended).toBe('gaps')
    expect(broken).toBe(2)
    expect(unanswered).toEqual([{ prompt: 2, attempts: 2, error: 'gone' }])
    const { answers } = parseAnswers(file.text(), facts)
    expect(answers).toEqual(complete.log.answers.filter(({ prompt }) => prompt !== 2))
    // Nobody knows whether the two were answered.
    expect(charged).toEqual({ answers: 4 + 2, tokens: tokens + 2 * (3 + completion.maxTokens) })
  })

  test('a suspect that is gone ends a run, and the next one goes on', async () => {
    const file = fileOf()
    const gone: Collectable = { ...drawing(), complete: () => Promise.reject(new Error('gone')) }
    const { ended, log } = await collect(gone, options(file, { giveUpAfter: 4 }))
    expect({ ended, log: log.answers }).toEqual({ ended: 'failing', log: [] })
    expect((await collect(drawing(), options(file))).log).toEqual(complete.log)
  })

  test('killed after any byte, it goes on to the same file, and asks for nothing that is on record', async () => {
    const size = whole.bytes().length
    for (let room = 1; room < size; room++) {
      const killed = fileOf(undefined, room)
      await expect(collect(drawing(), options(killed))).rejects.toThrow('killed')
      expect(killed.bytes()).toEqual(whole.bytes().slice(0, room))
      const before = parseAnswers(killed.text(), facts).answers.length
      const file = fileOf(killed.bytes())
      const suspect = drawing()
      const { torn, ...rest } = await collect(suspect, options(file))
      expect(file.text()).toBe(whole.text())
      expect(rest).toEqual(complete)
      expect(torn).toEqual(parseAnswers(killed.text(), facts).torn)
      expect(suspect.asked).toHaveLength(prompts.length - before)
    }
  })

  test('a file of another plan is not gone on with', async () => {
    const file = fileOf(whole.bytes())
    await expectRefusalOf(
      () => collect(drawing(), options(file, { plan: digestJson('b') })),
      'answers.jsonl line 1.prev',
    )
    expect(file.text()).toBe(whole.text())
  })

  test('an answer that is no answer is not written', async () => {
    const file = fileOf()
    for (const given of [[], [[1], [2]], [[V]], [['1']], [null]]) {
      const broken = { ...drawing(), complete: async () => given as number[][] }
      const { ended, unanswered } = await collect(broken, options(file, { attempts: 1 }))
      expect(ended).toBe('gaps')
      expect(unanswered.map(({ prompt }) => prompt)).toEqual([0, 1, 2, 3, 4])
      for (const { error } of unanswered) expect(error).toMatch(/expected .* got/)
    }
    expect(file.text()).toBe('')
  })
})

/** Answers when told to. */
function holding() {
  const open: { prompt: readonly number[]; answer: () => void; fail: (error: Error) => void }[] = []
  const suspect: Collectable = {
    name: 'x',
    vocabularySize: V,
    complete: () => Promise.reject(new Error('not this way')),
    ask: ({ ids }) =>
      new Promise((resolve, reject) => {
        const completion = [1, 2]
        const answer = () => resolve({ completion, text: 'two', finish: 'stop', request: digestJson(ids) })
        open.push({ prompt: Array.from(ids), answer, fail: reject })
      }),
    requestDigest: ({ ids }) => digestJson(ids),
  }
  return { suspect, open }
}

/** Until nothing moves any more. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('the journal', () => {
  const asking = { completion: { maxTokens: 4 } }

  test('a request is sent when its line is written, and not before', async () => {
    const { suspect, open } = holding()
    const lines: string[] = []
    const written: (() => void)[] = []
    const intend = (line: string) =>
      new Promise<void>((resolve) => {
        lines.push(line)
        written.push(resolve)
      })
    const file = fileOf()
    const now = () => '2026-07-01T12:00:00.000Z'
    const capabilities = digestJson('what it can do')
    const run = collect(suspect, options(file, { ...asking, intend, now, capabilities, prompts: [[1, 2]] }))
    await settled()
    expect(open).toHaveLength(0)
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { at: now(), prompt: 0, attempt: 1, request: digestJson([1, 2]), tokens: 6 },
    ])
    written[0]!()
    await settled()
    open[0]!.answer()
    const { log } = await run
    const about = { request: digestJson([1, 2]), at: now(), capabilities }
    expect(log.answers).toEqual([
      { prompt: 0, ids: [1, 2], completion: [1, 2], text: 'two', finish: 'stop', ...about },
    ])
    expect(lines).toHaveLength(1)
  })

  test('what was under way at a kill is charged, and put once more', async () => {
    const journal = fileOf()
    const file = fileOf()
    const killed = holding()
    // Never goes on: killed with two under way and one written.
    collect(killed.suspect, options(file, { ...asking, intend: journal.write, concurrency: 3 })).catch(
      () => {},
    )
    await settled()
    killed.open[1]!.answer()
    await settled()
    expect(killed.open.map(({ prompt }) => prompt)).toEqual([[1, 2], [3], [4, 5, 6], [1, 2]])
    const before = journal.text()
    const again = holding()
    const on = fileOf(journal.bytes())
    const files = { written: file.text(), journal: before, intend: on.write }
    const rest = collect(
      again.suspect,
      options(fileOf(file.bytes()), { ...asking, ...files, concurrency: 9 }),
    )
    await settled()
    expect(again.open.map(({ prompt }) => prompt)).toEqual([[1, 2], [4, 5, 6], [1, 2], [7]])
    for (const { answer } of again.open) answer()
    const { ended, charged, tokens } = await rest
    expect(ended).toBe('complete')
    // Three were under way: prompts 0, 2 and 3, at most.
    expect(charged).toEqual({ answers: 5 + 3, tokens: tokens + (2 + 4) + (3 + 4) + (2 + 4) })
    const attempts = on
      .text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { prompt: number; attempt: number })
    expect(attempts.filter(({ prompt }) => prompt === 0).map(({ attempt }) => attempt)).toEqual([1, 2])
    // A prompt whose every try was cut off is given up.
    const third = holding()
    const { ended: end, unanswered } = await collect(
      third.suspect,
      options(fileOf(), { ...asking, prompts: [[1, 2]], journal: `${before.split('\n')[0]}\n`, attempts: 1 }),
    )
    expect(third.open).toHaveLength(0)
    expect({ end, unanswered }).toMatchObject({ end: 'gaps', unanswered: [{ prompt: 0, attempts: 1 }] })
  })

  test('killed after any byte of it, the budget remembers every request that was sent', async () => {
    const whole = fileOf()
    await collect(drawing(), options(fileOf(), { intend: whole.write }))
    for (let room = 1; room < whole.bytes().length; room++) {
      const journal = fileOf(undefined, room)
      const suspect = drawing()
      const file = fileOf()
      await expect(collect(suspect, options(file, { intend: journal.write }))).rejects.toThrow('killed')
      const on = fileOf(journal.bytes())
      const { charged } = await collect(
        drawing(),
        options(file, { journal: journal.text(), intend: on.write, budget: { answers: 1 } }),
      )
      expect(charged.answers).toBeGreaterThanOrEqual(suspect.asked.length)
      // One whole line more may stand there than was sent.
      expect(charged.answers).toBeLessThanOrEqual(suspect.asked.length + 1)
    }
  })

  test('errors: charged where nobody knows, free where the model was not asked', async () => {
    for (const charged of [true, false]) {
      const journal = fileOf()
      const failing: Collectable = {
        ...holding().suspect,
        ask: () => Promise.reject(new SuspectError('two\nlines', { kind: 'network', charged })),
      }
      const more = { ...asking, intend: journal.write, prompts: [[1, 2]], attempts: 2 }
      const collected = await collect(failing, options(fileOf(), more))
      expect(collected.unanswered).toEqual([{ prompt: 0, attempts: 2, error: 'two lines' }])
      expect(collected.charged).toEqual(charged ? { answers: 2, tokens: 12 } : { answers: 0, tokens: 0 })
      const next = await collect(
        drawing(),
        options(fileOf(), { ...more, completion, journal: journal.text(), attempts: 9 }),
      )
      expect(next.charged.answers).toBe(charged ? 3 : 1)
    }
    const refusing: Collectable = {
      ...holding().suspect,
      ask: () => Promise.reject(new SuspectError('no', { kind: 'refused', charged: false })),
    }
    const { unanswered } = await collect(refusing, options(fileOf(), { ...asking, prompts: [[1, 2]] }))
    expect(unanswered).toEqual([{ prompt: 0, attempts: 1, error: 'no' }])
  })

  test.each([
    '{"prompt":0}',
    '{"prompt":0,"attempt":2,"tokens":1}',
    '{"prompt":0,"attempt":1,"tokens":1,"error":"x"}',
    'x',
  ])('a journal that is none is refused: %s', async (line) => {
    await expectRefusalOf(
      () => collect(drawing(), options(fileOf(), { journal: `${line}\n` })),
      'journal.jsonl line 1',
    )
  })
})

describe('several at once', () => {
  const asking = { completion: { maxTokens: 4 } }

  test('never more under way than the budget could pay', async () => {
    for (const tokens of [6, 11, 12, 17, 18, 30, 60]) {
      const { suspect, open } = holding()
      const run = collect(suspect, options(fileOf(), { ...asking, concurrency: 5, budget: { tokens } }))
      let most = 0
      for (let i = 0; i < 12; i++) {
        await settled()
        most = Math.max(
          most,
          open.reduce((sum, { prompt }) => sum + prompt.length + 4, 0),
        )
        open.shift()?.answer()
      }
      expect(most).toBeLessThanOrEqual(tokens)
      const { charged, ended } = await run
      expect(charged.tokens).toBeLessThanOrEqual(tokens)
      expect(ended).toBe(tokens === 60 ? 'complete' : tokens < 30 ? 'budget' : ended)
    }
  })

  test('answers stand as they came; after "enough" what is under way is written too', async () => {
    const { suspect, open } = holding()
    const seen: number[] = []
    const enough = ({ prompt }: { prompt: number }) => seen.push(prompt) === 2
    const run = collect(suspect, options(fileOf(), { ...asking, concurrency: 3, enough }))
    await settled()
    for (const i of [2, 0]) {
      open[i]!.answer()
      await settled()
    }
    for (const { answer } of open) answer()
    const { ended, log } = await run
    expect({ ended, seen }).toEqual({ ended: 'enough', seen: [2, 0] })
    expect(log.answers.map(({ prompt }) => prompt)).toEqual([2, 0, 1, 3])
  })

  test('the signal: nothing new is sent, what is under way is written; progress says how far it is', async () => {
    const { suspect, open } = holding()
    const controller = new AbortController()
    const progress: CollectProgress[] = []
    const run = collect(
      suspect,
      options(fileOf(), {
        ...{ ...asking, concurrency: 2, signal: controller.signal, onProgress: (now) => progress.push(now) },
        ...{ spent: { answers: 1, tokens: 10 }, budget: { price: { amount: 1, perMillionTokens: 2 } } },
      }),
    )
    await settled()
    expect(progress.at(-1)).toEqual({
      answers: 0,
      prompts: 5,
      tokens: 10,
      price: 2e-5,
      inFlight: 2,
      failed: 0,
    })
    controller.abort()
    for (const { answer } of open) answer()
    const { ended, log, charged } = await run
    expect(ended).toBe('aborted')
    expect(log.answers).toHaveLength(2)
    expect(open).toHaveLength(2)
    expect(charged).toEqual({ answers: 3, tokens: 10 + 4 + 3 })
    expect(progress.at(-1)).toMatchObject({ answers: 2, tokens: 17, inFlight: 0 })
  })

  test('a file that cannot be written ends it, whatever is under way', async () => {
    const { suspect, open } = holding()
    const run = collect(suspect, options(fileOf(undefined, 5), { ...asking, concurrency: 3 }))
    await settled()
    open[0]!.answer()
    for (const { fail } of open.slice(1)) fail(new Error('late'))
    await expect(run).rejects.toThrow('killed')
  })
})

test('lists of answers: asked for with a number of tokens', async () => {
  const asked: unknown[] = []
  const suspect: Collectable = {
    ...drawing(),
    async ask(request) {
      asked.push(request.topK)
      return { completion: [1], positions: [[[1, -0.5]]] }
    },
  }
  const { log } = await collect(suspect, options(fileOf(), { access: 'top-k', topK: 3, prompts: [[1]] }))
  expect(log.answers).toEqual([{ prompt: 0, ids: [1], completion: [1], positions: [[[1, -0.5]]] }])
  expect(asked).toEqual([3])
})

describe('the end', () => {
  test('by answers, those on record included', async () => {
    const file = fileOf()
    expect((await collect(drawing(), options(file, { budget: { answers: 2 } }))).ended).toBe('budget')
    const again = await collect(drawing(), options(file, { budget: { answers: 3 } }))
    expect(again).toMatchObject({ ended: 'budget', log: { answers: { length: 3 } } })
    expect((await collect(drawing(), options(file, { budget: { answers: 5 } }))).ended).toBe('complete')
    expect(file.text()).toBe(whole.text())
  })

  test('by tokens: never more, whatever comes back', async () => {
    for (let tokens = 1; tokens <= complete.tokens + 5; tokens++) {
      const budget = { tokens }
      const collected = await collect(drawing(), options(fileOf(), { budget }))
      expect(collected.tokens).toBeLessThanOrEqual(tokens)
      if (collected.ended === 'budget') {
        const next = prompts[collected.log.answers.length]!
        expect(collected.tokens + next.length + completion.maxTokens).toBeGreaterThan(tokens)
      }
      const price = { amount: tokens * 3e-6, perMillionTokens: 3 }
      const paid = await collect(
        drawing(),
        options(fileOf(), { budget: { price: { ...price, amount: price.amount * (1 + 1e-12) } } }),
      )
      expect(paid.log.answers).toEqual(collected.log.answers)
    }
  })

  test('when it is said to be enough', async () => {
    const file = fileOf()
    const enough = async ({ prompt }: { prompt: number }) => prompt === 1
    const { ended, log } = await collect(drawing(), options(file, { enough }))
    expect(ended).toBe('enough')
    expect(log.answers).toEqual(complete.log.answers.slice(0, 2))
  })

  test('nothing to ask', async () => {
    const file = fileOf(whole.bytes())
    const suspect = drawing()
    expect(await collect(suspect, options(file))).toEqual(complete)
    expect(suspect.asked).toEqual([])
  })
})

test('rows and lists, from a suspect on record as from any other', async () => {
  const rows = async (given: readonly (readonly number[] | ArrayLike<number>)[]) =>
    given.map((ids) => new Float32Array(ids.length * V).fill(1 / V))
  const lists = async (given: readonly ArrayLike<number>[]) =>
    given.map((ids) => Array.from({ length: ids.length }, (_, i) => [[i, -0.5] as const]))
  const suspect: Collectable = { ...drawing(), rows, lists }
  const distinct = prompts.slice(0, 3)
  for (const access of ['rows', 'top-k'] as const) {
    const { completion: _, ...job } = options(fileOf(), { access, prompts: distinct })
    const { log } = await collect(suspect, job)
    const { log: again } = await collect(recordedSuspect(log, { name: 'x' }), { ...job, write: () => {} })
    expect(again).toEqual(log)
    await expectRefusalOf(() => collect(drawing(), job), 'suspect')
  }
})

describe('refused by name', () => {
  test.each<[object, string]>([
    [{ access: 'rows' }, 'options.completion'],
    [{ completion: undefined }, 'options.completion'],
    [{ completion: { maxTokens: 0, random: () => Math.random } }, 'options.completion.maxTokens'],
    [{ completion: { maxTokens: 1, random: 7 } }, 'options.completion.random'],
    [{ budget: { answers: 0 } }, 'options.budget.answers'],
    [{ budget: { tokens: 0.5 } }, 'options.budget.tokens'],
    [{ budget: { price: { amount: -1, perMillionTokens: 1 } } }, 'options.budget.price.amount'],
    [{ budget: { time: 1 } }, 'options.budget'],
    [{ completion: { maxTokens: 1 } }, 'options.completion.random'],
    [{ topK: 3 }, 'options.topK'],
    [{ access: 'top-k' }, 'options.topK'],
    [{ concurrency: 0 }, 'options.concurrency'],
    [{ attempts: 0 }, 'options.attempts'],
    [{ spent: { answers: -1 } }, 'options.spent.answers'],
    [{ capabilities: 'x' }, 'options.capabilities'],
    [{ key: 1 }, 'options'],
  ])('%o', async (more, name) => {
    await expectRefusalOf(() => collect(drawing(), options(fileOf(), more)), name)
  })

  test.each(wrongValues({ except: ['undefined', 'function'] }))('functions: %s', async (_, value) => {
    for (const name of ['write', 'enough', 'intend', 'onProgress', 'now'])
      await expectRefusalOf(() => collect(drawing(), options(fileOf(), { [name]: value })), `options.${name}`)
  })
})
