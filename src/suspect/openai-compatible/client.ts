/**
 * One request to a server that may be slow, busy, broken or hostile. ky retries what the server says was not done (429, 500, 503, 529), after the time
 * that it names or a longer and longer one. Whatever leaves open whether the model was asked (no answer in time, half a body, 502, 504) is not repeated
 * here: it may have cost something, and who keeps the budget decides. Time and bytes are bounded over the whole answer, not only up to its first byte.
 *
 * The API key lives in this closure. No error of ky or fetch leaves it, for these hold the request.
 */
import ky, { HTTPError } from 'ky'
import { SuspectError, unreadable } from './suspect-error.ts'

export interface ClientOptions {
  readonly url: string
  readonly apiKey: string | undefined
  readonly timeoutSeconds: number
  readonly retries: number
  readonly retryDelaySeconds: number
  readonly mostWaitSeconds: number
  readonly mostBytes: number
  readonly fetch: typeof fetch
}

export interface Client {
  /** @returns what the body says; a stream of events as one body. */
  post(path: string, body: string, signal: AbortSignal | undefined): Promise<unknown>
  /** Whether a text holds the API key: it must not be written down. */
  holdsKey(text: string): boolean
}

// "Not now", and nothing done. 529: overloaded, as some hosts say it.
const NOT_DONE = [429, 500, 503, 529]
// A gateway speaks, and does not know what the model did.
const NOT_KNOWN = [408, 502, 504, 522, 524]
const NO_BODY = [101, 204, 205, 304]
const RETRY_AFTER = /^\d{1,9}(\.\d+)?$|^[A-Z][a-z]{2}, .{8,30} GMT$/

/** A client for one server. */
export function createClient(options: ClientOptions): Client {
  const { url, apiKey, retries, retryDelaySeconds, mostWaitSeconds, mostBytes, timeoutSeconds } = options

  /** One request and its whole answer, in bounded time and space. */
  const send = async (request: Request, init?: RequestInit): Promise<Response> => {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), 1000 * timeoutSeconds)
    try {
      const signal = AbortSignal.any([request.signal, controller.signal])
      const response = await options.fetch(request, { ...init, signal, redirect: 'manual' })
      const bytes = await readBytes(response, mostBytes)
      const headers = new Headers()
      const type = response.headers.get('content-type')
      if (type !== null) headers.set('content-type', type)
      const after = response.headers.get('retry-after')
      if (after !== null && RETRY_AFTER.test(after)) headers.set('retry-after', after)
      const { status } = response
      return new Response(NO_BODY.includes(status) ? null : bytes, { status, headers })
    } catch (error) {
      if (controller.signal.aborted && !request.signal.aborted)
        throw new SuspectError(`suspect expected to answer within ${timeoutSeconds} s, got no whole answer`, {
          kind: 'timeout',
          charged: true,
        })
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  const client = ky.create({
    fetch: (request, init) => send(request as Request, init),
    timeout: false,
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    },
    retry: {
      limit: retries,
      methods: ['post'],
      statusCodes: NOT_DONE,
      afterStatusCodes: NOT_DONE,
      maxRetryAfter: 1000 * mostWaitSeconds,
      backoffLimit: 1000 * mostWaitSeconds,
      delay: (attempt) => 1000 * retryDelaySeconds * 2 ** (attempt - 1),
      shouldRetry: ({ error }) => (error instanceof HTTPError ? undefined : false),
    },
  })

  const holdsKey = (text: string): boolean => apiKey !== undefined && apiKey !== '' && text.includes(apiKey)

  /** The server's word for it, where it can be shown. */
  const wordOf = async (response: Response): Promise<string> => {
    // A server that names the key that it refuses may name parts of it.
    if (response.status === 401 || response.status === 403) return ''
    const text = await response.text().catch(() => '')
    const message = messageOf(text)
      .replace(/[\p{C}\p{Z}]+/gu, ' ')
      .trim()
    if (message === '' || holdsPartOf(apiKey, message)) return ''
    return `: ${message.length > 200 ? `${message.slice(0, 200).replace(/\p{Surrogate}$/u, '')}...` : message}`
  }

  const errorOf = async (error: unknown, signal: AbortSignal | undefined): Promise<SuspectError> => {
    if (error instanceof SuspectError) return error
    if (signal?.aborted)
      return new SuspectError('suspect expected to answer, got called off', {
        kind: 'aborted',
        charged: true,
      })
    if (error instanceof HTTPError) {
      const { status } = error.response
      const isBusy = status >= 500 || status === 429 || status === 408
      return new SuspectError(
        `suspect expected to answer, got status ${status}${await wordOf(error.response)}`,
        {
          kind: isBusy ? 'busy' : 'refused',
          charged: NOT_KNOWN.includes(status),
          status,
        },
      )
    }
    const code = codeOf(error)
    return new SuspectError(`suspect expected to answer, got a broken connection${code && ` (${code})`}`, {
      kind: 'network',
      charged: !NOT_CONNECTED.test(code),
    })
  }

  return Object.freeze({
    async post(path: string, body: string, signal: AbortSignal | undefined) {
      let text: string
      let type: string
      try {
        const response = await client.post(`${url}/${path}`, { body, ...(signal && { signal }) })
        type = response.headers.get('content-type') ?? ''
        text = decoderOf(type).decode(await response.arrayBuffer())
      } catch (error) {
        throw await errorOf(error, signal)
      }
      return /^text\/event-stream/i.test(type) ? joinEvents(text) : parsed(text)
    },
    holdsKey,
  })
}

// The connection was never there, so the model was not asked.
const NOT_CONNECTED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/

function codeOf(error: unknown): string {
  for (const found of [error, (error as { cause?: unknown } | undefined)?.cause]) {
    const code: unknown = (found as { code?: unknown } | undefined)?.code
    if (typeof code === 'string' && /^[A-Z_]{3,40}$/.test(code)) return code
  }
  return ''
}

function messageOf(text: string): string {
  try {
    const { error, message, detail } = JSON.parse(text)
    const word = error?.message ?? message ?? detail ?? error
    return typeof word === 'string' ? word : ''
  } catch {
    // A page of a proxy says nothing that is worth a line.
    return ''
  }
}

const PART = 6

/** Whether six characters in a row of the key stand in the text. */
function holdsPartOf(key: string | undefined, text: string): boolean {
  if (key === undefined) return false
  for (let i = 0; i + Math.min(PART, key.length) <= key.length && key.length > 0; i++)
    if (text.includes(key.slice(i, i + PART))) return true
  return false
}

async function readBytes(response: Response, most: number): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.body) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > most) {
      reader.cancel().catch(() => {})
      throw unreadable(`an answer of at most ${most} bytes`, 'a longer one')
    }
    chunks.push(value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/** JSON is UTF-8; a server that says otherwise is believed. What is no text in it becomes U+FFFD. */
function decoderOf(type: string): InstanceType<typeof TextDecoder> {
  const label = /charset="?([\w-]{1,40})/i.exec(type)?.[1] ?? 'utf-8'
  try {
    return new TextDecoder(label)
  } catch {
    return new TextDecoder()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable('JSON', `${text.length} characters that do not parse`)
  }
}

/** Server-sent events of one choice as the body that would have come without a stream. */
function joinEvents(text: string): unknown {
  const events = text
    .split(/\r?\n\r?\n/)
    .map((block) =>
      block
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trim())
        .join('\n'),
    )
    .filter((data) => data !== '')
  const whole: Choice = { text: '', refusal: '', parts: [], finish: undefined, rest: {}, tokenIds: [] }
  let isDone = false
  for (const data of events) {
    if (data === '[DONE]') isDone = true
    else join(whole, parsed(data))
  }
  if (!isDone && whole.finish === undefined) throw unreadable('a whole stream', 'one that ends early')
  const { content, refusal } = { content: whole.text, refusal: whole.refusal }
  const logprobs = joinLogprobs(whole.parts)
  const choice = {
    ...(whole.isChat ? { message: { content, ...(refusal !== '' && { refusal }) } } : { text: content }),
    ...(whole.finish !== undefined && { finish_reason: whole.finish }),
    ...(logprobs && { logprobs }),
    ...(whole.tokenIds.length > 0 && { token_ids: whole.tokenIds }),
  }
  return { ...whole.rest, choices: [choice] }
}

interface Choice {
  text: string
  refusal: string
  isChat?: boolean
  parts: Record<string, unknown>[]
  finish: string | undefined
  rest: Record<string, unknown>
  tokenIds: unknown[]
}

function join(whole: Choice, event: unknown): void {
  const { choices, usage } = (event ?? {}) as Record<string, unknown>
  if (usage) whole.rest = { usage }
  const choice = Array.isArray(choices) ? (choices[0] as Record<string, unknown> | undefined) : undefined
  if (!choice || typeof choice !== 'object') return
  const { text, delta, finish_reason: finish, logprobs, token_ids: tokenIds } = choice
  if (delta && typeof delta === 'object') {
    const { content, refusal } = delta as Record<string, unknown>
    whole.isChat = true
    if (typeof content === 'string') whole.text += content
    if (typeof refusal === 'string') whole.refusal += refusal
  }
  if (typeof text === 'string') whole.text += text
  if (typeof finish === 'string') whole.finish = finish
  if (logprobs && typeof logprobs === 'object') whole.parts.push(logprobs as Record<string, unknown>)
  // One by one: a function takes only so many arguments.
  if (Array.isArray(tokenIds)) for (const id of tokenIds) whole.tokenIds.push(id)
}

// Those of completions, and of chat. Names that a hostile stream makes up could be as many as its events.
const LISTS = ['content', 'tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const

/** Every list one behind the other, under its name. */
function joinLogprobs(parts: readonly Record<string, unknown>[]): Record<string, unknown[]> | undefined {
  if (parts.length === 0) return undefined
  return Object.fromEntries(
    LISTS.filter((name) => parts.some((part) => Array.isArray(part[name]))).map((name) => [
      name,
      parts.flatMap((part) => (Array.isArray(part[name]) ? (part[name] as unknown[]) : [])),
    ]),
  )
}
