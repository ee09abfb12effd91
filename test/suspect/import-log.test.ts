/** Logs of others become answers, entry by entry; what does not is named. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestJson } from '../../src/digest.ts'
import { formatAnswer, parseAnswers } from '../../src/suspect/answers.ts'
import { importChatLog } from '../../src/suspect/import-log.ts'
import { openAiCompatibleSuspect } from '../../src/suspect/openai-compatible.ts'
import { startSuspectServer } from '../support/suspect-server.ts'
import { TOY_SIZE, toySuspect, toyTokenizer } from '../support/suspect-server-toy.ts'
import { expectRefusal } from '../support/wrong-values.ts'

const options = { tokenizer: toyTokenizer, vocabularySize: TOY_SIZE }
const textOf = (ids: readonly number[]) => toyTokenizer.decode(ids)
const chat = (content: unknown) => ({
  choices: [{ message: { role: 'assistant', content }, finish_reason: 'stop' }],
})
const user = (ids: readonly number[]) => [{ role: 'user', content: textOf(ids) }]
const lines = (entries: readonly unknown[]) => entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
const answer = { prompt: 0, ids: [1, 2], completion: [3, 4], text: textOf([3, 4]), finish: 'stop' }

describe('shapes of an entry', () => {
  test.each<[string, unknown, string?]>([
    ['request and response', { request: { messages: user([1, 2]) }, response: chat(textOf([3, 4])) }],
    [
      'with bodies',
      {
        request: { body: { messages: user([1, 2]) } },
        response: { status_code: 200, body: chat(textOf([3, 4])) },
      },
    ],
    [
      'parts of a message',
      {
        request: { messages: user([1, 2]) },
        response: chat([
          { type: 'text', text: textOf([3]) },
          { type: 'text', text: textOf([4]) },
        ]),
      },
    ],
    ['in one record', { messages: user([1, 2]), ...chat(textOf([3, 4])) }],
    [
      'plain completions',
      {
        request: { prompt: textOf([1, 2]) },
        response: { choices: [{ text: textOf([3, 4]), finish_reason: 'stop' }] },
      },
    ],
    [
      'a batch',
      {
        id: 'b',
        custom_id: 'x',
        response: { status_code: 200, request_id: 'r', body: chat(textOf([3, 4])) },
        error: null,
      },
      lines([
        { custom_id: 'x', method: 'POST', url: '/v1/chat/completions', body: { messages: user([1, 2]) } },
      ]),
    ],
  ])('%s', (_, entry, requests) => {
    for (const prompts of [undefined, [[1, 2]]]) {
      const read = importChatLog(lines([entry]), {
        ...options,
        ...(requests && { requests }),
        ...(prompts && { prompts }),
      })
      expect(read).toEqual({ answers: [answer], prompts: [[1, 2]], errors: [], entries: 1 })
    }
    const { answers } = importChatLog(JSON.stringify([entry]), { ...options, ...(requests && { requests }) })
    expect(answers).toEqual([answer])
  })

  test('a conversation that ends in the answer', () => {
    const messages = [...user([1, 2]), { role: 'assistant', content: textOf([3, 4]) }]
    const { finish: _, ...rest } = answer
    expect(importChatLog(lines([{ messages }]), options).answers).toEqual([rest])
  })

  test('positions, where the log has log-probabilities', async () => {
    const server = await startSuspectServer({ suspect: toySuspect, tokenizer: toyTokenizer })
    const body = {
      model: 'toy',
      messages: user([1, 2]),
      max_tokens: 4,
      logprobs: true,
      top_logprobs: 3,
      temperature: 1,
    }
    const response = await fetch(`${server.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const log = lines([{ request: body, response: await response.json() }])
    const [imported] = importChatLog(log, { ...options, withPositions: true }).answers
    const suspect = openAiCompatibleSuspect({
      ...options,
      name: 'toy',
      model: 'toy',
      url: server.url,
      api: 'chat',
    })
    const { completion, positions } = await suspect.ask({ ids: [1, 2], maxTokens: 4, topK: 3 })
    expect(imported).toMatchObject({ completion, positions })
    expect(positions!.every((list) => list?.length === 3)).toBe(true)
    await server.close()
  })
})

test('what is no answer is named by its line, and stops nothing', () => {
  const good = { request: { messages: user([1, 2]) }, response: chat(textOf([3, 4])) }
  const log = `${lines([
    good,
    { custom_id: 'x', response: null, error: { code: 'batch_expired' } },
    { custom_id: 'y', response: { status_code: 429, body: { error: {} } }, error: null },
    { custom_id: 'z', response: { status_code: 200, body: chat(textOf([3])) }, error: null },
    { request: { messages: user([1, 2]) }, response: chat(7) },
    7,
    good,
    { request: { messages: user([9]) }, response: chat('') },
  ])}\n{"cut`
  const { answers, errors, entries } = importChatLog(log, { ...options, prompts: [[1, 2], [5]] })
  expect(answers).toEqual([answer])
  expect(errors.map(({ line }) => line)).toEqual([2, 3, 4, 5, 6, 7, 8, 10])
  expect(entries).toBe(answers.length + errors.length)
  for (const { error } of errors) expect(error).toMatch(/expected .+, got /)
})

test('a prompt that the plan has twice takes two entries, and the answers are a chain', () => {
  const entry = (completion: number[]) => ({
    request: { messages: user([1, 2]) },
    response: chat(textOf(completion)),
  })
  const prompts = [[1, 2], [3], [1, 2]]
  const { answers } = importChatLog(lines([entry([3]), entry([4, 5, 6])]), {
    ...options,
    prompts,
    maxTokens: 2,
  })
  expect(answers.map(({ prompt, completion }) => [prompt, completion])).toEqual([
    [0, [3]],
    [2, [4, 5]],
  ])
  const facts = { plan: digestJson('p'), access: 'text', vocabularySize: TOY_SIZE, prompts } as const
  let head = facts.plan
  let text = ''
  for (const one of answers) {
    const { line, digest } = formatAnswer(one, { ...facts, prev: head })
    text += `${line}\n`
    head = digest
  }
  expect(parseAnswers(text, facts).answers).toEqual(answers)
})

test('any JSON is an answer or an error, and any answer can be written', () => {
  const about = { prev: digestJson('p'), access: 'text', vocabularySize: TOY_SIZE } as const
  const piece = fc.oneof(
    fc.jsonValue(),
    fc.record({ content: fc.string({ unit: 'binary' }), role: fc.constant('assistant') }),
  )
  const entry = fc.record(
    {
      request: fc.oneof(
        piece,
        fc.record({ messages: fc.array(piece) }),
        fc.record({ prompt: fc.string({ unit: 'binary' }) }),
      ),
      response: fc.oneof(
        piece,
        fc.record({
          choices: fc.array(fc.record({ message: piece, text: fc.string() }, { requiredKeys: [] })),
        }),
      ),
      error: fc.oneof(fc.constant(null), piece),
      custom_id: piece,
      messages: fc.array(piece),
    },
    { requiredKeys: [] },
  )
  let answered = 0
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 4 }), (all) => {
      const { answers, errors, entries } = importChatLog(lines(all), options)
      expect(entries).toBe(all.length)
      expect(answers.length + errors.length).toBe(entries)
      answered += answers.length
      for (const one of answers) formatAnswer(one, about)
    }),
    { seed: 7, numRuns: 300 },
  )
  expect(answered).toBeGreaterThan(20)
})

test('refused by name', () => {
  expectRefusal(() => importChatLog(7 as never, options), 'text')
  expectRefusal(() => importChatLog('', { ...options, tokenizer: {} as never }), 'options.tokenizer.encode')
  expectRefusal(() => importChatLog('', { ...options, maxTokens: 0 }), 'options.maxTokens')
  expectRefusal(() => importChatLog('', { ...options, prompts: [[TOY_SIZE]] }), 'options.prompts[0][0]')
  expectRefusal(
    () => importChatLog('', { ...options, requests: '{"custom_id":1}' }),
    'options.requests line 1.custom_id',
  )
})
