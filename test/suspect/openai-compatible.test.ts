/**
 * A suspect behind HTTP, against a real server on the loopback interface: what it says in the provider's ids, what is found out about it, and
 * what a hostile one can send.
 */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { digestBytes, digestJson } from '../../src/digest.ts'
import { alignedLists, vocabularyOf } from '../../src/distill/observations.ts'
import { formatAnswer } from '../../src/suspect/answers.ts'
import type { Capabilities } from '../../src/suspect/openai-compatible/capabilities.ts'
import { alignedPositions, textTokens } from '../../src/suspect/openai-compatible/provider-ids.ts'
import { SuspectError } from '../../src/suspect/openai-compatible/suspect-error.ts'
import { type HttpSuspectOptions, openAiCompatibleSuspect } from '../../src/suspect/openai-compatible.ts'
import { tokensOf } from '../../src/text/align.ts'
import {
  type ServerBehaviour,
  type SuspectServer,
  type SuspectServerOptions,
  startSuspectServer,
} from '../support/suspect-server.ts'
import { lawSuspect, TOY_SIZE, toySuspect, toyTokenizer } from '../support/suspect-server-toy.ts'
import { expectRefusal, expectRefusalOf } from '../support/wrong-values.ts'

const API_KEY = 'sk-live-0123456789abcdef'
const servers: SuspectServer[] = []
afterAll(() => Promise.all(servers.map((server) => server.close())))

async function serve(options: Partial<SuspectServerOptions> = {}): Promise<SuspectServer> {
  const server = await startSuspectServer({ suspect: toySuspect, tokenizer: toyTokenizer, ...options })
  servers.push(server)
  return server
}

function ask(url: string, options: Partial<HttpSuspectOptions> = {}) {
  return openAiCompatibleSuspect({
    ...{
      name: 'toy',
      model: 'toy',
      api: 'completions',
      url,
      vocabularySize: TOY_SIZE,
      tokenizer: toyTokenizer,
    },
    ...{ retries: 0, retryDelaySeconds: 0.001, timeoutSeconds: 20 },
    ...options,
  })
}

const prompt = [1, 2, 3]
const plain = await serve()
const direct = await ask(plain.url).ask({ ids: prompt, maxTokens: 6 })

/** The k likeliest after each id, from the model's own rows. */
async function topOf(ids: readonly number[], k: number): Promise<[number, number][][]> {
  const [rows] = await toySuspect.rows!([[...ids]])
  return ids.map((_, i) =>
    Array.from(
      rows!.subarray(i * TOY_SIZE, (i + 1) * TOY_SIZE),
      (p, v) => [v, Math.log(p)] as [number, number],
    )
      .sort((a, b) => b[1] - a[1])
      .slice(0, k),
  )
}

describe('an answer', () => {
  test.each([
    ['completions', false],
    ['completions', true],
    ['chat', false],
    ['chat', true],
  ] as const)('%s, as a stream: %s', async (api, stream) => {
    const suspect = ask(plain.url, { api, stream, seed: 5 })
    const request = { ids: prompt, maxTokens: 6, topK: 4 }
    const answer = await suspect.ask(request)
    expect(answer.completion).toHaveLength(6)
    expect(answer.text).toBe(toyTokenizer.decode(answer.completion))
    expect(answer).toMatchObject({ finish: 'length', cut: 0 })
    expect(answer.dropped).toEqual({ positions: 6, aligned: 6, candidates: 24, known: 24 })
    const laws = await topOf([...prompt, ...answer.completion], 4)
    expect(answer.positions).toEqual(laws.slice(prompt.length - 1, -1))
    // The digest is that of the body as it came.
    expect(digestJson(plain.requests.at(-1)!.body)).toBe(answer.request)
    expect(suspect.requestDigest(request)).toBe(answer.request)
    expect(plain.requests.at(-1)!.prompt).toBe(toyTokenizer.decode(prompt))
  })

  test('with a tokenizer that is shared, ids go and come as they are', async () => {
    const server = await serve({ endOfText: 0 })
    const suspect = ask(server.url, { sharesTokenizer: true })
    const { completion } = await suspect.ask({ ids: prompt, maxTokens: 5 })
    expect(server.requests[0]!.body).toMatchObject({ prompt, return_token_ids: true })
    expect(completion).toHaveLength(5)
    // Ids that are not those of the text are not believed.
    const lying = await serve({ behaviour: { text: () => toyTokenizer.decode([9, 9]) } })
    expect(
      (await ask(lying.url, { sharesTokenizer: true }).ask({ ids: prompt, maxTokens: 5 })).completion,
    ).toEqual([9, 9])
  })

  test('many prompts: so many at once, and each its own', async () => {
    let [now, most] = [0, 0]
    const counting: typeof fetch = async (...about) => {
      most = Math.max(most, ++now)
      try {
        return await fetch(...about)
      } finally {
        now--
      }
    }
    const suspect = ask(plain.url, { concurrency: 3, fetch: counting })
    const prompts = Array.from({ length: 12 }, (_, i) => [i + 1, 7])
    const completions = await suspect.complete(prompts, { maxTokens: 3, random: () => 0 })
    expect(most).toBe(3)
    for (const [i, ids] of prompts.entries())
      expect(completions[i]).toEqual((await suspect.ask({ ids, maxTokens: 3 })).completion)
  })

  test.each(['promptLogprobs', 'echo'] as const)('lists of a prompt, by %s', async (way) => {
    const behaviour = way === 'echo' ? { rejects: ['prompt_logprobs'] } : { ignores: ['echo'] }
    const server = await serve({ behaviour })
    const suspect = ask(server.url, { sharesTokenizer: way === 'promptLogprobs', topK: 6 })
    const ids = [4, 8, 15, 16, 23, 42]
    const [lists] = await suspect.lists!([ids])
    expect(lists).toEqual((await topOf(ids, 6)).slice(0, -1))
  })

  test('no lists where there are none', async () => {
    const server = await serve({ behaviour: { ignores: ['echo', 'prompt_logprobs', 'logprobs'] } })
    await expect(ask(server.url).lists!([prompt])).rejects.toThrow(
      'expected to give log-probabilities of prompts, got none',
    )
    expect(ask(server.url, { api: 'chat' }).lists).toBeUndefined()
  })
})

describe('a suspect with other tokens', () => {
  // Words of ours in two pieces, as " a" and "b", and two of them in one.
  const pieces = Array.from({ length: TOY_SIZE }, (_, id) =>
    id < 2
      ? [' a', ' b'][id]!
      : id < 28
        ? String.fromCharCode(95 + id)
        : id < 30
          ? [' ab', ' bc'][id - 28]!
          : `#${id}`,
  )
  const other = {
    encode: (text: string) => Array.from(text.match(/ ?[a-z]/g) ?? [], (piece) => pieces.indexOf(piece)),
    decode: (ids: readonly number[]) => ids.map((id) => pieces[id]).join(''),
  }
  const isBegun = (id: number) => id < 2
  const theirs = lawSuspect(
    (ids) =>
      Float64Array.from(pieces, (_, id) =>
        isBegun(ids.at(-1)!) ? Number(id > 2 && id < 28) / 25 : Number(id < 2 || id === 28 || id === 29) / 4,
      ),
    { name: 'toy', vocabularySize: TOY_SIZE },
  )

  test('lists stand where both end a token, and hold what is one token of ours', async () => {
    const server = await serve({ tokenizer: other, suspect: theirs })
    const suspect = ask(server.url)
    const answers = await Promise.all(
      [20, 21, 22, 23, 24].map((maxTokens) => suspect.ask({ ids: prompt, maxTokens, topK: 20 })),
    )
    // One that does not end within a word.
    const { completion, positions, text, dropped } = answers.find((answer) => answer.text.length % 3 === 0)!
    expect(toyTokenizer.encode(text)).toEqual(completion)
    // Each of ours begins where one of theirs does, and of what may come there two are one of ours.
    const own = ([' ab', ' bc'] as const).map((piece) => [toyTokenizer.encode(piece)[0], Math.log(1 / 4)])
    expect(positions).toEqual(completion.map(() => own))
    expect(dropped).toEqual({
      positions: completion.length,
      aligned: completion.length,
      candidates: 4 * completion.length,
      known: 2 * completion.length,
    })
  })

  test('no list stands where the suspect has not ended a token', async () => {
    // Theirs are two words long.
    const text = ' ab bc ab bc'
    const said = [' ab bc', ' ab bc'].map((token) => ({
      token,
      logprob: -1,
      top_logprobs: [
        { token: ' ab', logprob: -2 },
        { token: ' ab bc', logprob: -1 },
      ],
    }))
    const fetch = async () =>
      Response.json({ choices: [{ message: { content: text }, logprobs: { content: said } }] })
    const answer = await ask('http://127.0.0.1/v1', { api: 'chat', fetch }).ask({
      ids: prompt,
      maxTokens: 9,
      topK: 2,
    })
    const list = [[1, -2]]
    expect(answer.positions).toEqual([list, null, list, null])
    expect(answer.dropped).toEqual({ positions: 4, aligned: 2, candidates: 4, known: 2 })
    // And none at all where the tokens are not those of the text.
    const lying = async () =>
      Response.json({ choices: [{ message: { content: ` zz${text}` }, logprobs: { content: said } }] })
    const other = await ask('http://127.0.0.1/v1', { api: 'chat', fetch: lying }).ask({
      ids: prompt,
      maxTokens: 9,
      topK: 2,
    })
    expect(other.positions!.every((position) => position === null)).toBe(true)
  })

  test('what comes out is what alignedLists of the distillation test makes', () => {
    const vocabulary = vocabularyOf(
      Array.from({ length: TOY_SIZE }, (_, id) => (id === 0 ? null : toyTokenizer.decode([id]))),
    )
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: TOY_SIZE - 1 }), { maxLength: 8 }),
        fc.integer(),
        (ids, seed) => {
          const text = toyTokenizer.decode(ids)
          const texts =
            text.match(/[\s\S]{1,3}/g)?.flatMap((piece, i) => ((seed >> i) & 1 ? [piece] : [...piece])) ?? []
          const suspect = tokensOf(texts).map((token) => ({
            ...token,
            candidates: [
              { text: token.text, logprob: -0.5 },
              { text: ' ab', logprob: -1 },
              { text: ' nothing', logprob: -2 },
            ],
          }))
          const [ours] = alignedLists(
            [
              {
                text,
                suspect,
                ids,
                provider: tokensOf(ids.map((id) => toyTokenizer.decode([id]))),
                prompt: [],
              },
            ],
            { vocabulary },
          ).lists
          const { positions } = alignedPositions(text, {
            suspect,
            ids,
            tokenizer: toyTokenizer,
            idOf: (piece) => vocabulary.get(piece),
          })
          expect(positions).toEqual(ours)
        },
      ),
      { seed: 3, numRuns: 200 },
    )
  })

  test('ids as texts: a space that a tokenizer drops at the beginning, a character in pieces', () => {
    const bytes = [' the', 0xc3, 0xa9, ' cat']
    const decode = (ids: readonly number[]) =>
      Buffer.concat(ids.map((id) => Buffer.from(typeof bytes[id] === 'number' ? [bytes[id]] : bytes[id]!)))
        .toString('utf8')
        .replace(/^ /, '')
    const tokens = textTokens([0, 1, 2, 3, 0], { encode: () => [], decode })
    expect(tokens).toEqual([
      { text: 'the', start: 0 },
      { text: '\ufffd', start: 3 },
      { text: '\ufffd', start: 3 },
      { text: ' cat', start: 4 },
      { text: ' the', start: 8 },
    ])
  })
})

describe('what is found out', () => {
  const all: Partial<Capabilities> = {
    ...{ lengthField: 'max_tokens', lengthKept: true, rejected: [], unknownFields: 'ignored', ids: 'given' },
    ...{
      tokenIds: 'given',
      logprobs: 'given',
      topK: { asked: 20, given: 20 },
      textMatches: true,
      echo: 'given',
    },
    ...{ promptLogprobs: 'given', repeatsPrompt: false, keepsSeed: true, stream: 'given' },
  }

  test.each<[string, ServerBehaviour, Partial<Capabilities>]>([
    ['everything', {}, all],
    ['unknown fields are rejected', { rejectsUnknown: true }, { unknownFields: 'rejected' }],
    [
      'log-probabilities are ignored',
      { ignores: ['logprobs'] },
      { logprobs: 'ignored', echo: 'ignored', topK: { asked: 20, given: 0 } },
    ],
    [
      'log-probabilities are rejected',
      { rejects: ['logprobs'] },
      { logprobs: 'rejected', echo: 'rejected', topK: { asked: 20, given: 0 } },
    ],
    ['fewer are listed', { mostTopK: 5 }, { logprobs: 'fewer', topK: { asked: 20, given: 5 } }],
    ['the text is another', { text: (text) => `${text}!` }, { textMatches: false }],
    [
      'the prompt comes first',
      { text: (text, prompt) => prompt + text },
      { repeatsPrompt: true, textMatches: false },
    ],
    ['a newer name of the limit', { rejects: ['max_tokens'] }, { lengthField: 'max_completion_tokens' }],
    ['no limit', { ignores: ['max_tokens'] }, { lengthKept: false }],
    [
      'no seed',
      { rejects: ['seed', 'temperature'] },
      { rejected: ['temperature', 'seed'], keepsSeed: false },
    ],
    ['ids are rejected', { ids: 'rejected' }, { ids: 'rejected' }],
    ['ids are many prompts', { ids: 'as-batch' }, { ids: 'ignored' }],
    ['echo is ignored', { ignores: ['echo'] }, { echo: 'ignored' }],
    ['prompt_logprobs are ignored', { ignores: ['prompt_logprobs'] }, { promptLogprobs: 'ignored' }],
    ['no ids of the answer', { ignores: ['return_token_ids'] }, { tokenIds: 'ignored' }],
    ['no stream', { rejects: ['stream'] }, { stream: 'rejected' }],
  ])('%s', async (_, behaviour, expected) => {
    const server = await serve({ behaviour })
    const found = await ask(server.url).probe()
    // Whatever is not named is as in a server that can do everything.
    const { echo, textMatches, ...rest } = { ...all, ...expected }
    const hasLists = rest.logprobs === 'given' || rest.logprobs === 'fewer'
    const wanted = { ...rest, ...(hasLists && { textMatches }), echo }
    // A text that is changed is changed in every answer.
    const { stream, requests, tokens, ...seen } = found
    expect({ ...seen, stream }).toMatchObject(wanted)
    expect(requests).toBe(server.requests.length)
    expect(tokens).toBeGreaterThan(0)
    expect(digestJson(found)).toMatch(/^sha256:/)
    // What was rejected is not sent again.
    const suspect = ask(server.url, { capabilities: found, seed: 4 })
    await suspect.ask({ ids: prompt, maxTokens: 2 })
    for (const field of found.rejected) expect(server.requests.at(-1)!.body).not.toHaveProperty(field)
    expect(server.requests.at(-1)!.body).toHaveProperty(found.lengthField, 2)
  })

  test('chat', async () => {
    const found = await ask(plain.url, { api: 'chat', topK: 7 }).probe()
    expect(found).toMatchObject({
      api: 'chat',
      logprobs: 'given',
      topK: { asked: 7, given: 7 },
      textMatches: true,
      stream: 'given',
    })
    for (const field of ['ids', 'echo', 'promptLogprobs']) expect(found).not.toHaveProperty(field)
  })

  test('a server that answers nothing has no abilities', async () => {
    const server = await serve({ apiKey: API_KEY })
    await expect(ask(server.url).probe()).rejects.toThrow('got status 401')
  })
})

describe('hostile answers', () => {
  const about = { prev: digestJson('p'), access: 'text', vocabularySize: TOY_SIZE } as const
  const script = '<script>alert(1)</script><img src=x onerror=alert(1)>'

  test.each<[string, string]>([
    ['empty', ''],
    ['a refusal', 'I am sorry, but I cannot help with that.'],
    ['repeats', ' ab'.repeat(1000)],
    ['HTML', script],
    ['control characters', '\u0000\u0001\u001b[31m\r\n\u2028\u202e\ufeff'],
    ['half of a surrogate pair', '\ud83d a \ude00'],
    ['10 MB', 'x'.repeat(10_000_000)],
    ['JSON in JSON', '{"completion":[1],"prev":"sha256:"}'],
  ])('%s: can be written and read', async (_, text) => {
    const server = await serve({ behaviour: { text: () => text } })
    for (const [api, stream] of [
      ['completions', false],
      ['chat', text.length < 10_000],
    ] as const) {
      const answer = await ask(server.url, { api, stream }).ask({ ids: prompt, maxTokens: 6 })
      expect(answer.completion.length).toBeLessThanOrEqual(6)
      expect(answer.text.length).toBeLessThanOrEqual(1024)
      expect(toyTokenizer.encode(answer.text).length - answer.completion.length).toBe(answer.cut)
      const { completion, finish } = answer
      formatAnswer(
        { prompt: 0, ids: prompt, completion, text: answer.text, ...(finish && { finish }) },
        about,
      )
    }
  })

  test.each<[string, (body: Record<string, unknown>) => unknown, RegExp]>([
    ['null', () => null, /expected to give an object, got null/],
    ['an array', () => [], /expected to give an object, got an array of length 0/],
    ['no choices', () => ({}), /expected to give choices, got undefined/],
    ['empty choices', () => ({ choices: [] }), /expected to give choices, got an array/],
    ['an error with status 200', () => ({ error: { message: 'no' } }), /expected to give choices/],
    ['text that is none', () => ({ choices: [{ text: 7 }] }), /expected to give text, got 7/],
    [
      'nested deep',
      () => ({ choices: [{ text: JSON.parse('['.repeat(1000) + ']'.repeat(1000)) }] }),
      /expected to give text, got an array/,
    ],
  ])('%s: is no answer, and was paid for', async (_, body, message) => {
    const server = await serve({ behaviour: { body } })
    const error = await ask(server.url)
      .ask({ ids: prompt, maxTokens: 6 })
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SuspectError)
    expect(error).toMatchObject({
      kind: 'unreadable',
      charged: true,
      message: expect.stringMatching(message),
    })
  })

  test('log-probabilities of any shape give lists or none', async () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.constant(-0.5), fc.constant(null))
    const token = fc.oneof(fc.string(), fc.constant(' ab'), fc.jsonValue())
    const entry = fc.record(
      {
        token,
        logprob: number,
        bytes: fc.oneof(fc.jsonValue(), fc.array(fc.nat(300))),
        top_logprobs: fc.oneof(fc.jsonValue(), fc.array(fc.record({ token, logprob: number }))),
      },
      { requiredKeys: ['token'] },
    )
    const logprobs = fc.oneof(
      fc.jsonValue(),
      fc.record({ content: fc.array(entry) }),
      fc.record({
        tokens: fc.array(token),
        top_logprobs: fc.oneof(fc.jsonValue(), fc.array(fc.dictionary(fc.string(), number))),
        text_offset: fc.oneof(fc.jsonValue(), fc.array(fc.nat())),
      }),
    )
    let body: unknown
    const suspect = ask('http://127.0.0.1/v1', { fetch: async () => new Response(JSON.stringify(body)) })
    await fc.assert(
      fc.asyncProperty(logprobs, fc.constantFrom(' ab cd', '', ' ab'), async (given, text) => {
        body = { choices: [{ text, logprobs: given }] }
        const { completion, positions } = await suspect.ask({ ids: prompt, maxTokens: 6, topK: 3 })
        formatAnswer(
          { prompt: 0, ids: prompt, completion, positions: positions! },
          { ...about, access: 'top-k' },
        )
      }),
      { seed: 5, numRuns: 200 },
    )
  })

  test('bytes: another encoding is read as it says, what is no text becomes U+FFFD, what is no JSON is no answer', async () => {
    const body = JSON.stringify({ choices: [{ text: 'né' }] })
    const respond = (bytes: Uint8Array, type: string) =>
      ask('http://127.0.0.1/v1', {
        fetch: async () => new Response(Buffer.from(bytes), { headers: { 'content-type': type } }),
      }).ask({ ids: prompt, maxTokens: 6 })
    const latin = Buffer.from(body, 'latin1')
    expect((await respond(latin, 'application/json; charset=iso-8859-1')).text).toBe('né')
    expect((await respond(latin, 'application/json')).text).toBe('n\ufffd')
    expect((await respond(latin, 'application/json; charset=nonsense')).text).toBe('n\ufffd')
    expect((await respond(Buffer.from(`\ufeff${body}`), 'application/json')).text).toBe('né')
    expect((await respond(Buffer.from(body, 'utf16le'), 'application/json; charset=utf-16le')).text).toBe(
      'né',
    )
    await expect(respond(Buffer.from(body, 'utf16le'), 'application/json')).rejects.toThrow(
      'expected to give JSON',
    )
    await expect(respond(Buffer.from(script), 'text/html')).rejects.toThrow('expected to give JSON')
  })

  test('a body without end is read so far and no further', async () => {
    let pulled = 0
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          pulled += 65_536
          controller.enqueue(new Uint8Array(65_536).fill(32))
        },
      })
    const suspect = ask('http://127.0.0.1/v1', {
      mostBytes: 1_000_000,
      fetch: async () => new Response(endless()),
    })
    const error = await suspect.ask({ ids: prompt, maxTokens: 6 }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      kind: 'unreadable',
      charged: true,
      message: 'suspect expected to give an answer of at most 1000000 bytes, got a longer one',
    })
    expect(pulled).toBeLessThan(1_000_000 + 10 * 65_536)
  })

  test('a stream that ends early is no answer', async () => {
    const piece = `data: ${JSON.stringify({ choices: [{ text: ' ab' }] })}\n\n`
    const streamed = (text: string) =>
      ask('http://127.0.0.1/v1', {
        stream: true,
        fetch: async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } }),
      }).ask({ ids: prompt, maxTokens: 6 })
    expect((await streamed(`: comment\n\n${piece}${piece}data: [DONE]\n\n`)).text).toBe(' ab ab')
    await expect(streamed(piece + piece)).rejects.toThrow('one that ends early')
    await expect(streamed(`${piece}data: {"cho\n\n`)).rejects.toThrow('expected to give JSON')
  })
})

describe('an answer that is too much', () => {
  const answering = (body: unknown) => async () => Response.json(body)

  test('lists under names that nobody knows are not read: as many names as events would take hours', async () => {
    let reads = 0
    const events = Array.from({ length: 3000 }, (_, i) => ({
      choices: [{ text: '', logprobs: { [`name${i}`]: [], tokens: [' ab'], top_logprobs: [{ ' ab': -1 }] } }],
    }))
    const text = `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`
    const isArray = Array.isArray
    Array.isArray = ((value: unknown) => {
      reads++
      return isArray(value)
    }) as typeof Array.isArray
    try {
      await ask('http://127.0.0.1/v1', {
        stream: true,
        fetch: async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } }),
      }).ask({ ids: prompt, maxTokens: 6 })
    } finally {
      Array.isArray = isArray
    }
    // Some reads an event, not one for each pair of events.
    expect(reads).toBeGreaterThan(3000)
    expect(reads).toBeLessThan(100 * 3000)
  })

  test('more ids in one event than a function takes arguments', async () => {
    const event = { choices: [{ text: ' ab', finish_reason: 'stop', token_ids: new Array(300_000).fill(1) }] }
    const { text } = await ask('http://127.0.0.1/v1', {
      fetch: async () =>
        new Response(`data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`, {
          headers: { 'content-type': 'text/event-stream' },
        }),
    }).ask({ ids: prompt, maxTokens: 6 })
    expect(text).toBe(' ab')
  })

  test('a probe that is answered with more tokens than a function takes arguments', async () => {
    const tokens = new Array(150_000).fill(' ab')
    const logprobs = { tokens, top_logprobs: [{ ' ab': -1 }] }
    const fetch = async (request: unknown) => {
      const isListed = /"logprobs"/.test(await (request as Request).clone().text())
      return Response.json({ choices: [{ text: ' ab', ...(isListed && { logprobs }) }] })
    }
    expect((await ask('http://127.0.0.1/v1', { fetch }).probe()).topK.given).toBe(1)
  })

  test('of a list without end the likeliest are looked up, and no more', async () => {
    const [first] = toyTokenizer.encode(' ab')
    const text = toyTokenizer.decode([first!])
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`x${i}`, -2 - i]))
    let encoded = 0
    const { positions } = await ask('http://127.0.0.1/v1', {
      fetch: answering({
        choices: [{ text, logprobs: { tokens: [text], top_logprobs: [{ ...many, [text]: -0.5 }] } }],
      }),
      tokenizer: {
        decode: toyTokenizer.decode,
        encode(given) {
          encoded++
          return toyTokenizer.encode(given)
        },
      },
    }).ask({ ids: prompt, maxTokens: 6, topK: 3 })
    expect(positions![0]).toContainEqual([first, -0.5])
    expect(encoded).toBeLessThan(200)
  })
})

describe('what goes wrong on the way', () => {
  const failing = (status: number, times: number, retryAfter?: string) =>
    serve({
      fault: (index) =>
        index < times ? { kind: 'status', status, ...(retryAfter && { retryAfter }) } : undefined,
    })
  const errorOf = (answer: Promise<unknown>): Promise<SuspectError> =>
    answer.then(
      () => Promise.reject(new Error('expected an error')),
      (error: SuspectError) => error,
    )
  const request = { ids: prompt, maxTokens: 6 }

  test.each([
    [429, '0.001'],
    [429, 'Wed, 21 Oct 2015 07:28:00 GMT'],
    [429, 'soon'],
    [503, undefined],
    [500, undefined],
    [529, undefined],
  ])('status %i with Retry-After %s: tried again, so many times', async (status, retryAfter) => {
    const server = await failing(status, 2, retryAfter)
    expect((await ask(server.url, { retries: 2 }).ask(request)).completion).toEqual(direct.completion)
    expect(server.requests).toHaveLength(3)
    const busy = await failing(status, 3, retryAfter)
    const error = await errorOf(ask(busy.url, { retries: 2 }).ask(request))
    expect(error).toMatchObject({ name: 'SuspectError', kind: 'busy', charged: false, status })
    expect(busy.requests).toHaveLength(3)
  })

  test.each([502, 504, 408])('status %i: nobody knows, so it is charged and not repeated', async (status) => {
    const server = await failing(status, 9)
    expect(await errorOf(ask(server.url, { retries: 5 }).ask(request))).toMatchObject({
      kind: 'busy',
      charged: true,
    })
    expect(server.requests).toHaveLength(1)
  })

  test.each([400, 401, 403, 404, 422, 301])('status %i: refused, and nothing to pay', async (status) => {
    const server = await failing(status, 9)
    expect(await errorOf(ask(server.url, { retries: 5 }).ask(request))).toMatchObject({
      kind: 'refused',
      charged: false,
      status,
    })
    expect(server.requests).toHaveLength(1)
  })

  test('a wait that is too long is cut', async () => {
    const server = await failing(429, 1, '86400')
    await ask(server.url, { retries: 1, mostWaitSeconds: 0.001 }).ask(request)
    expect(server.requests).toHaveLength(2)
  })

  test.each([{ kind: 'hang' }, { kind: 'drip', milliseconds: 20 }] as const)(
    '$kind: given up in time',
    async (fault) => {
      const server = await serve({ fault: () => fault })
      expect(await errorOf(ask(server.url, { timeoutSeconds: 0.05 }).ask(request))).toMatchObject({
        kind: 'timeout',
        charged: true,
      })
    },
  )

  test.each(['half', 'long-length', 'false-gzip', 'short-length'] as const)('%s: charged', async (kind) => {
    const server = await serve({ fault: () => ({ kind }) })
    expect(await errorOf(ask(server.url).ask(request))).toMatchObject({ charged: true })
  })

  test('a connection that never was costs nothing, one that broke does', async () => {
    const gone = await startSuspectServer({ suspect: toySuspect, tokenizer: toyTokenizer })
    await gone.close()
    expect(await errorOf(ask(gone.url).ask(request))).toMatchObject({ kind: 'network', charged: false })
    const server = await serve({ fault: () => ({ kind: 'reset', when: 'after' }) })
    expect(await errorOf(ask(server.url).ask(request))).toMatchObject({ kind: 'network', charged: true })
  })

  test('called off', async () => {
    const server = await serve({ fault: () => ({ kind: 'hang' }) })
    for (const how of ['suspect', 'request'] as const) {
      const controller = new AbortController()
      const { signal } = controller
      const answer = errorOf(
        ask(server.url, how === 'suspect' ? { signal } : {}).ask({
          ...request,
          ...(how === 'request' && { signal }),
        }),
      )
      controller.abort()
      expect(await answer).toMatchObject({ kind: 'aborted' })
    }
  })
})

describe('the API key', () => {
  test('is sent, and shows nowhere', async () => {
    const server = await serve({ apiKey: API_KEY })
    const suspect = ask(server.url, { apiKey: API_KEY })
    expect((await suspect.ask({ ids: prompt, maxTokens: 6 })).completion).toEqual(direct.completion)
    expect(inspect(suspect, { depth: 9, showHidden: true }) + JSON.stringify(suspect)).not.toContain(
      API_KEY.slice(3),
    )
  })

  test('no error holds it, whatever the server says', async () => {
    const texts = [API_KEY, `key ${API_KEY.slice(0, 12)}*** is wrong`, encodeURIComponent(API_KEY)]
    for (const status of [400, 401, 403, 429, 500]) {
      for (const text of texts) {
        const fetch = async () => Response.json({ error: { message: text } }, { status })
        const error = await ask('http://127.0.0.1/v1', { apiKey: API_KEY, fetch })
          .ask({ ids: prompt, maxTokens: 6 })
          .catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(SuspectError)
        const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)
        for (let i = 0; i + 6 <= API_KEY.length; i++) expect(shown).not.toContain(API_KEY.slice(i, i + 6))
      }
    }
    // A word that is harmless is shown.
    const fetch = async () =>
      Response.json({ error: { message: 'top_k\u001b[31m is\nunknown' } }, { status: 400 })
    const error = await ask('http://127.0.0.1/v1', { apiKey: API_KEY, fetch })
      .ask({ ids: prompt, maxTokens: 6 })
      .catch((reason: unknown) => reason)
    expect(String(error)).toBe(
      'SuspectError: suspect expected to answer, got status 400: top_k [31m is unknown',
    )
  })

  test('an answer that repeats it is none: it would be written down', async () => {
    const server = await serve({ behaviour: { text: () => `your key is ${API_KEY}` } })
    await expect(ask(server.url, { apiKey: API_KEY }).ask({ ids: prompt, maxTokens: 6 })).rejects.toThrow(
      'expected to give an answer without the API key',
    )
  })

  test('nor does one that gives it as the reason why it ended', async () => {
    const fetch = async () => Response.json({ choices: [{ text: ' ab', finish_reason: API_KEY }] })
    await expect(
      ask('http://127.0.0.1/v1', { apiKey: API_KEY, fetch }).ask({ ids: prompt, maxTokens: 6 }),
    ).rejects.toThrow('expected to give an answer without the API key')
  })

  test('one that is none is not shown', () => {
    for (const apiKey of ['with space', 'kéy', '', 7 as never]) {
      const error = expectRefusal(() => ask('http://127.0.0.1/v1', { apiKey }), 'options.apiKey')
      if (apiKey !== '') expect(error.message).not.toContain(String(apiKey))
    }
  })
})

describe('refused by name', () => {
  test.each([
    'ftp://host/v1',
    'host/v1',
    'http://user:pass@host/v1',
    'http://host/v1?key=abc',
    'http://host/v1#a',
    'http:// host',
    '',
  ])('address %s', (url) => {
    const error = expectRefusal(() => ask(url), 'options.url')
    if (/user|key|#/.test(url)) expect(error.message).not.toContain(url)
  })

  test.each<[string, object]>([
    ['options.api', { api: 'images' }],
    ['options.model', { model: '' }],
    ['options.tokenizer.decode', { tokenizer: { encode: () => [] } }],
    ['options.sharesTokenizer', { api: 'chat', sharesTokenizer: true }],
    ['options.topK', { topK: 101 }],
    ['options.temperature', { temperature: -1 }],
    ['options.timeoutSeconds', { timeoutSeconds: 0 }],
    ['options.retries', { retries: -1 }],
    ['options.concurrency', { concurrency: 0 }],
    ['options.vocabulary', { vocabulary: {} }],
    ['options', { key: 'x' }],
  ])('%s', (name, more) => {
    expectRefusal(() => ask('http://127.0.0.1/v1', more), name)
  })

  test('requests', async () => {
    const suspect = ask('http://127.0.0.1/v1')
    await expectRefusalOf(() => suspect.ask({ ids: [TOY_SIZE], maxTokens: 1 }), 'request.ids[0]')
    await expectRefusalOf(() => suspect.ask({ ids: [1], maxTokens: 0 }), 'request.maxTokens')
    await expectRefusalOf(() => suspect.ask({ ids: [1], maxTokens: 1, topK: 0 }), 'request.topK')
    await expectRefusalOf(
      () => suspect.complete([[1], 7 as never], { maxTokens: 1, random: () => 0 }),
      'prompts[1]',
    )
  })
})

test('a digest of a body is of its bytes', async () => {
  const { body } = plain.requests[0]!
  expect(
    digestBytes(
      Buffer.from(
        JSON.stringify(Object.fromEntries(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1)))),
      ),
    ),
  ).toBe(direct.request)
})
