/**
 * A real HTTP server on the loopback interface that speaks the protocol of OpenAI's completions and chat, over any suspect: what a client meets
 * in the world, with what goes wrong there. Answers follow from the seed and the request, so a request that is repeated is answered alike.
 * `behaviour` says what the server can do and how it lies; `fault` what happens to a request on its way.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import seedrandom from 'seedrandom'
import type { Suspect } from '../../src/suspect/suspect.ts'

/** A tokenizer as two functions. */
interface Tokenizer {
  encode(text: string): number[]
  decode(ids: readonly number[]): string
}

/** What goes wrong with one request. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  /** No answer, until the client goes. */
  | { readonly kind: 'hang' }
  /** Half of the body, then the connection ends. */
  | { readonly kind: 'half' }
  /** The connection is reset: before the model is asked, or after it answered. */
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  /** Text with status 200 that is no answer. */
  | { readonly kind: 'wrong-json'; readonly text: string }
  /** A content-length beyond the body. */
  | { readonly kind: 'long-length' }
  /** A content-length before the end of the body. */
  | { readonly kind: 'short-length' }
  /** Says gzip and sends plain text. */
  | { readonly kind: 'false-gzip' }
  /** A few bytes at a time, for longer than anyone waits. */
  | { readonly kind: 'drip'; readonly milliseconds: number }

/** What the server can do, and how it lies. Everything works by default. */
export interface ServerBehaviour {
  /** Fields that are refused with status 400. */
  readonly rejects?: readonly string[]
  /** Any field that this server does not know is refused. */
  readonly rejectsUnknown?: boolean
  /** Fields that are read over. */
  readonly ignores?: readonly string[]
  /** Most tokens listed in a position. @defaultValue 20 */
  readonly mostTopK?: number
  /** Ids as prompts: refused, or taken for a list of prompts. */
  readonly ids?: 'rejected' | 'as-batch'
  /** Changes the text, and leaves the log-probabilities as they are. */
  readonly text?: (text: string, prompt: string) => string
  /** Changes the body before it is sent. */
  readonly body?: (body: Record<string, unknown>) => unknown
  /** Changes the bytes. */
  readonly bytes?: (bytes: Buffer) => Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** A request as it came. */
export interface SeenRequest {
  readonly path: string
  readonly body: Record<string, unknown>
  /** The prompt as text. */
  readonly prompt: string
  readonly fault: Fault['kind'] | undefined
  /** Whether a whole answer was handed to the connection. */
  answered: boolean
}

export interface SuspectServerOptions {
  readonly suspect: Suspect
  readonly tokenizer: Tokenizer
  /** @defaultValue the suspect's name */
  readonly model?: string
  readonly seed?: string
  /** Asked for as a bearer token, if given. */
  readonly apiKey?: string
  readonly endOfText?: number
  readonly behaviour?: ServerBehaviour
  /** What befalls a request; `index` counts from 0. @defaultValue nothing */
  readonly fault?: (index: number, body: Record<string, unknown>) => Fault | undefined
}

export interface SuspectServer {
  /** Base address, as a client is told it: ends in /v1. */
  readonly url: string
  readonly requests: readonly SeenRequest[]
  close(): Promise<void>
}

const KNOWN = [
  'model',
  'prompt',
  'messages',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'seed',
  'logprobs',
  'top_logprobs',
  'echo',
  'prompt_logprobs',
  'return_token_ids',
  'stream',
  'n',
] as const

/** Starts a server on a free port of the loopback interface. */
export async function startSuspectServer(options: SuspectServerOptions): Promise<SuspectServer> {
  const requests: SeenRequest[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    serve(request, response, { options, requests }).catch((error: unknown) => {
      if (!response.headersSent)
        sendJson(response, { status: 500, body: { error: { message: String(error) } } })
      else response.destroy()
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Why a request is refused. */
class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface Context {
  readonly options: SuspectServerOptions
  readonly requests: SeenRequest[]
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { options, requests }: Context,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const path = request.url ?? ''
  if (request.method === 'GET' && path === '/v1/models')
    return sendJson(response, {
      status: 200,
      body: { object: 'list', data: [{ id: nameOf(options), object: 'model' }] },
    })
  const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>
  const fault = options.fault?.(requests.length, body)
  const isChat = path === '/v1/chat/completions'
  const seen: SeenRequest = {
    path,
    body,
    prompt: promptText(body, options),
    fault: fault?.kind,
    answered: false,
  }
  requests.push(seen)
  if (fault?.kind === 'status') {
    if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter)
    return sendJson(response, { status: fault.status, body: { error: { message: 'not now' } } })
  }
  if (fault?.kind === 'hang') return
  if (fault?.kind === 'reset' && fault.when === 'before') {
    request.socket.resetAndDestroy()
    return
  }
  let answer: unknown
  try {
    if (options.apiKey !== undefined && request.headers.authorization !== `Bearer ${options.apiKey}`)
      throw new Refusal(401, `Incorrect API key provided: ${request.headers.authorization}`)
    if (!isChat && path !== '/v1/completions') throw new Refusal(404, 'no such path')
    answer = await answerOf(body, { isChat, options })
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500
    return sendJson(response, { status, body: { error: { message: String((error as Error).message) } } })
  }
  const change = options.behaviour?.body
  const changed = change ? change(answer as Record<string, unknown>) : answer
  const isStream = body['stream'] === true
  let bytes: Buffer = Buffer.from(isStream ? eventsOf(changed, isChat) : JSON.stringify(changed))
  bytes = options.behaviour?.bytes?.(bytes) ?? bytes
  if (fault?.kind === 'wrong-json') bytes = Buffer.from(fault.text)
  if (fault?.kind === 'reset') {
    request.socket.resetAndDestroy()
    return
  }
  const type = isStream ? 'text/event-stream' : 'application/json'
  const headers: Record<string, string> = { 'content-type': type, ...options.behaviour?.headers }
  if (fault?.kind === 'false-gzip') headers['content-encoding'] = 'gzip'
  const length =
    fault?.kind === 'long-length'
      ? bytes.length + 40
      : fault?.kind === 'short-length'
        ? Math.floor(bytes.length / 2)
        : bytes.length
  if (fault?.kind === 'half' || fault?.kind === 'long-length' || fault?.kind === 'short-length') {
    // Past the server's own checks of what it sends.
    const head = Object.entries({ ...headers, 'content-length': String(length) })
    request.socket.write(
      `HTTP/1.1 200 OK\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    )
    request.socket.write(fault.kind === 'half' ? bytes.subarray(0, bytes.length >> 1) : bytes)
    request.socket.end()
    return
  }
  response.writeHead(200, { ...headers, 'content-length': String(length) })
  if (fault?.kind === 'drip') {
    for (let at = 0; at < bytes.length && !request.socket.destroyed; at += 4) {
      response.write(bytes.subarray(at, at + 4))
      await new Promise((resolve) => setTimeout(resolve, fault.milliseconds))
    }
    response.end()
    return
  }
  seen.answered = fault === undefined
  response.end(bytes)
}

function nameOf({ model, suspect }: SuspectServerOptions): string {
  return model ?? suspect.name
}

function promptText(
  { prompt, messages }: Record<string, unknown>,
  { tokenizer }: SuspectServerOptions,
): string {
  if (typeof prompt === 'string') return prompt
  if (Array.isArray(prompt)) return tokenizer.decode(prompt.map(Number))
  return Array.isArray(messages) ? messages.map(({ content }) => String(content)).join('\n') : ''
}

async function answerOf(
  asked: Record<string, unknown>,
  { isChat, options }: { isChat: boolean; options: SuspectServerOptions },
): Promise<Record<string, unknown>> {
  const { suspect, tokenizer, behaviour = {}, seed = 'server', endOfText } = options
  for (const field of Object.keys(asked)) {
    const isUnknown = behaviour.rejectsUnknown && !(KNOWN as readonly string[]).includes(field)
    if (isUnknown || behaviour.rejects?.includes(field))
      throw new Refusal(400, `Unrecognized request argument supplied: ${field}`)
  }
  const body = Object.fromEntries(
    Object.entries(asked).filter(([field]) => !behaviour.ignores?.includes(field)),
  )
  if (body['model'] !== nameOf(options))
    throw new Refusal(404, `The model ${String(body['model'])} does not exist`)
  const isIds = Array.isArray(body['prompt'])
  if (isIds && behaviour.ids === 'rejected') throw new Refusal(400, 'prompt: expected a string')
  const prompts: number[][] = isIds
    ? behaviour.ids === 'as-batch'
      ? (body['prompt'] as number[]).map((id) => [id])
      : [body['prompt'] as number[]]
    : [tokenizer.encode(promptText(body, options))]
  const most = (body['max_tokens'] ?? body['max_completion_tokens'] ?? 16) as number
  const k = topKOf(body, isChat, behaviour.mostTopK ?? 20)
  const promptK = Number(body['prompt_logprobs'] ?? (body['echo'] === true ? k : 0))
  const choices = []
  let [inTokens, outTokens] = [0, 0]
  for (const [index, given] of prompts.entries()) {
    // A model needs something to go on from.
    const ids = given.length > 0 ? given : [endOfText ?? 0]
    const random = seedrandom(`${seed}/${String(body['seed'])}/${body['temperature'] === 0}/${ids.join(' ')}`)
    const completion = most > 0 ? (await suspect.complete([ids], { maxTokens: most, random }))[0]! : []
    const rows = k > 0 || promptK > 0 ? (await suspect.rows?.([[...ids, ...completion]]))?.[0] : undefined
    const ended = completion.at(-1) === endOfText && endOfText !== undefined
    const shown = ended ? completion.slice(0, -1) : completion
    const said = tokenizer.decode(shown)
    const isEcho = body['echo'] === true
    const listed = isEcho ? [...ids, ...shown] : shown
    const first = isEcho ? 0 : ids.length
    const law = (i: number) =>
      rows && i > 0 ? rows.subarray((i - 1) * suspect.vocabularySize, i * suspect.vocabularySize) : undefined
    const lists = listed.map((id, j) => listOf(law(first + j), { id, k, tokenizer }))
    const text = behaviour.text?.(said, promptText(body, options)) ?? said
    const logprobs = k > 0 && rows ? (isChat ? chatLogprobs(lists) : textLogprobs(lists)) : null
    inTokens += ids.length
    outTokens += completion.length
    choices.push({
      index,
      ...(isChat
        ? { message: { role: 'assistant', content: text } }
        : { text: isEcho ? tokenizer.decode(ids) + text : text }),
      logprobs,
      finish_reason: ended ? 'stop' : 'length',
      ...(body['return_token_ids'] === true && { token_ids: completion, prompt_token_ids: ids }),
      ...(body['prompt_logprobs'] !== undefined && {
        prompt_logprobs: ids.map((id, i) => {
          const list = listOf(law(i), { id, k: promptK, tokenizer })
          return list.top === undefined
            ? null
            : Object.fromEntries(
                list.top.map(([token, logprob], rank) => [
                  token,
                  { logprob, rank: rank + 1, decoded_token: tokenizer.decode([token]) },
                ]),
              )
        }),
      }),
    })
  }
  return {
    id: 'answer',
    object: isChat ? 'chat.completion' : 'text_completion',
    created: 0,
    model: nameOf(options),
    choices,
    usage: { prompt_tokens: inTokens, completion_tokens: outTokens, total_tokens: inTokens + outTokens },
  }
}

function topKOf(body: Record<string, unknown>, isChat: boolean, most: number): number {
  const asked = isChat
    ? body['logprobs'] === true
      ? Number(body['top_logprobs'] ?? 0)
      : 0
    : Number(body['logprobs'] ?? 0)
  return Math.min(asked, most)
}

interface Listed {
  readonly token: string
  readonly logprob: number | null
  readonly top: [id: number, logprob: number][] | undefined
  readonly texts: [text: string, logprob: number][]
}

function listOf(
  row: Float32Array | undefined,
  { id, k, tokenizer }: { id: number; k: number; tokenizer: Tokenizer },
): Listed {
  const token = tokenizer.decode([id])
  if (!row) return { token, logprob: null, top: undefined, texts: [] }
  const ranked = Array.from(row, (p, v) => [v, Math.log(p)] as [number, number])
    .filter(([, ln]) => Number.isFinite(ln))
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, k)
  return {
    token,
    logprob: Math.max(Math.log(row[id]!), -9999),
    top: ranked,
    texts: ranked.map(([v, ln]) => [tokenizer.decode([v]), ln]),
  }
}

function textLogprobs(lists: readonly Listed[]): Record<string, unknown> {
  let offset = 0
  return {
    tokens: lists.map(({ token }) => token),
    token_logprobs: lists.map(({ logprob }) => logprob),
    top_logprobs: lists.map(({ top, texts }) => (top ? Object.fromEntries(texts) : null)),
    text_offset: lists.map(({ token }) => {
      const at = offset
      offset += token.length
      return at
    }),
  }
}

function chatLogprobs(lists: readonly Listed[]): Record<string, unknown> {
  const entry = (token: string, logprob: number | null) => ({
    token,
    logprob,
    bytes: Array.from(Buffer.from(token)),
  })
  return {
    content: lists.map(({ token, logprob, texts }) => ({
      ...entry(token, logprob),
      top_logprobs: texts.map(([text, ln]) => entry(text, ln)),
    })),
  }
}

/** The same answer as a stream of events: one piece a choice of some characters, then the end. */
function eventsOf(body: unknown, isChat: boolean): string {
  const { choices, ...rest } = body as { choices: Record<string, unknown>[] }
  const events = choices.flatMap(({ text, message, finish_reason, logprobs, ...choice }) => {
    const whole = String(isChat ? (message as { content: unknown }).content : text)
    const pieces = whole.match(/[\s\S]{1,12}/g) ?? ['']
    return [
      ...pieces.map((piece, i) => ({
        ...rest,
        choices: [
          {
            ...choice,
            ...(isChat ? { delta: { content: piece } } : { text: piece }),
            logprobs: i === 0 ? logprobs : null,
            finish_reason: null,
          },
        ],
      })),
      { ...rest, choices: [{ ...choice, ...(isChat ? { delta: {} } : { text: '' }), finish_reason }] },
    ]
  })
  return `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`
}

function sendJson(response: ServerResponse, { status, body }: { status: number; body: unknown }): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
