/** What a body says, in one form for completions and chat. Whatever has not the shape of the protocol is left out, or the answer is none. */
import { describe } from '../../assert.ts'
import { unreadable } from './suspect-error.ts'

/** A token of the suspect, as text at its place, and what was held likely there. */
export interface SaidToken {
  readonly text: string
  readonly start: number
  readonly candidates?: readonly Candidate[]
}

export interface Candidate {
  readonly text: string
  readonly logprob: number
  /** In the server's own vocabulary. */
  readonly id?: number
}

/** An answer as it came. */
export interface Said {
  /** Well-formed; U+FFFD stands for what was not. */
  readonly text: string
  readonly finish: string | undefined
  readonly choices: number
  readonly tokens: readonly SaidToken[] | undefined
  /** Ids in the server's own vocabulary. */
  readonly tokenIds: readonly number[] | undefined
  /** One element a token of the prompt, in the server's own vocabulary. */
  readonly promptLists: readonly (readonly Candidate[] | null)[] | undefined
  readonly usage: { readonly prompt: number; readonly completion: number } | undefined
}

type Json = Record<string, unknown>

/** @throws SuspectError for a body without an answer. */
export function readSaid(body: unknown, { api }: { api: 'completions' | 'chat' }): Said {
  if (!isRecord(body)) throw unreadable('an object', describe(body))
  const { choices, usage } = body
  const [choice] = Array.isArray(choices) ? (choices as unknown[]) : []
  if (!isRecord(choice)) throw unreadable('choices', describe(choices))
  const { finish_reason: finish, logprobs, token_ids: tokenIds } = choice
  const promptLists = choice['prompt_logprobs'] ?? body['prompt_logprobs']
  return {
    text: wellFormed(api === 'chat' ? messageText(choice['message']) : textOf(choice['text'])),
    finish: wordOf(finish),
    choices: (choices as unknown[]).length,
    tokens: isRecord(logprobs) ? tokensIn(logprobs) : undefined,
    tokenIds: Array.isArray(tokenIds) && tokenIds.every(Number.isInteger) ? tokenIds : undefined,
    promptLists: Array.isArray(promptLists) ? promptLists.map(candidatesById) : undefined,
    usage: usageOf(usage),
  }
}

function textOf(text: unknown): string {
  if (typeof text !== 'string') throw unreadable('text', describe(text))
  return text
}

/** A message may be one text, several parts, or a refusal, which is what the model said too. */
function messageText(message: unknown): string {
  if (!isRecord(message)) throw unreadable('a message', describe(message))
  const { content, refusal } = message
  if (Array.isArray(content))
    return content
      .map((part) => (isRecord(part) && typeof part['text'] === 'string' ? part['text'] : ''))
      .join('')
  if (content === null || content === undefined) return typeof refusal === 'string' ? refusal : ''
  return textOf(content)
}

/** Half of a surrogate pair is no text. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** A reason is one short word. */
function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w .:-]{1,40}$/.test(value) ? value : undefined
}

function usageOf(usage: unknown): Said['usage'] {
  if (!isRecord(usage)) return undefined
  const [prompt, completion] = [usage['prompt_tokens'], usage['completion_tokens'] ?? 0]
  return isCount(prompt) && isCount(completion) ? { prompt, completion } : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function tokensIn(logprobs: Json): readonly SaidToken[] | undefined {
  const { content, tokens, top_logprobs: top, text_offset: offsets } = logprobs
  if (Array.isArray(content)) return chatTokens(content)
  if (!Array.isArray(tokens) || !tokens.every((token) => typeof token === 'string')) return undefined
  const starts = startsOf(tokens, offsets)
  return tokens.map((token, i) => {
    const list: unknown = Array.isArray(top) ? top[i] : undefined
    const candidates = isRecord(list)
      ? likeliest(Object.entries(list).flatMap(([text, logprob]) => candidateOf(text, logprob)))
      : undefined
    return { text: wellFormed(token), start: starts[i]!, ...(candidates && { candidates }) }
  })
}

/** Offsets count from the beginning of the prompt or of the answer; where there are none, tokens follow each other. */
function startsOf(tokens: readonly string[], offsets: unknown): readonly number[] {
  if (Array.isArray(offsets) && offsets.length === tokens.length && offsets.every(isCount)) {
    const first = offsets[0] ?? 0
    return offsets.map((offset) => Math.max(0, offset - first))
  }
  let start = 0
  return tokens.map(({ length }) => {
    start += length
    return start - length
  })
}

function chatTokens(content: readonly unknown[]): readonly SaidToken[] | undefined {
  if (!content.every((token): token is Json => isRecord(token) && typeof token['token'] === 'string'))
    return undefined
  const decoder = new TextDecoder()
  let start = 0
  return content.map((token) => {
    const bytes = bytesOf(token['bytes'])
    const text = bytes ? new TextDecoder().decode(bytes) : wellFormed(token['token'] as string)
    const at = start
    // Characters that these bytes complete: a token may end within one.
    start += bytes ? decoder.decode(bytes, { stream: true }).length : text.length
    const top = token['top_logprobs']
    const candidates = Array.isArray(top)
      ? likeliest(
          top.flatMap((entry) =>
            isRecord(entry) ? candidateOf(bytesText(entry) ?? entry['token'], entry['logprob']) : [],
          ),
        )
      : undefined
    return { text, start: at, ...(candidates && { candidates }) }
  })
}

function bytesText(entry: Json): string | undefined {
  const bytes = bytesOf(entry['bytes'])
  return bytes && new TextDecoder().decode(bytes)
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return Array.isArray(value) && value.every((byte) => isCount(byte) && byte < 256)
    ? Uint8Array.from(value)
    : undefined
}

function candidateOf(text: unknown, logprob: unknown, id?: number): Candidate[] {
  const isLogprob = typeof logprob === 'number' && Number.isFinite(logprob) && logprob <= 0.001
  return typeof text === 'string' && isLogprob ? [{ text, logprob, ...(id !== undefined && { id }) }] : []
}

// At most 100 are asked for, and servers add the one that was drawn. Each is looked up in the provider's vocabulary, so a hostile list costs minutes.
const MOST_CANDIDATES = 128

/** Those that were asked for, of a list that may be longer. */
function likeliest(candidates: readonly Candidate[]): readonly Candidate[] {
  if (candidates.length <= MOST_CANDIDATES) return candidates
  return [...candidates].sort((a, b) => b.logprob - a.logprob).slice(0, MOST_CANDIDATES)
}

/** As vLLM writes them: `{ "<id>": { logprob, decoded_token } }`. */
function candidatesById(list: unknown): readonly Candidate[] | null {
  if (!isRecord(list)) return null
  return likeliest(
    Object.entries(list).flatMap(([key, entry]) => {
      const id = /^\d{1,9}$/.test(key) ? Number(key) : undefined
      if (typeof entry === 'number') return candidateOf(id === undefined ? key : '', entry, id)
      return isRecord(entry) ? candidateOf(entry['decoded_token'] ?? '', entry['logprob'], id) : []
    }),
  )
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
