/**
 * Answers out of logs that others keep: requests and responses of chat or plain completions as JSON lines, and the output of batches. Each line becomes
 * an answer in the provider's ids, or an error that names it; nothing is dropped in silence. What a log says is believed as far as
 * a log goes: it is a recording, made by somebody.
 */
import { assertArray, assertInteger, assertOptions, assertRecord, assertString, describe } from '../assert.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import type { RecordedAnswer } from './answers.ts'
import { alignedPositions, idsOfTexts, type TextTokenizer } from './openai-compatible/provider-ids.ts'
import { readSaid, type Said, wellFormed } from './openai-compatible/said.ts'

/** What {@link importChatLog} needs to know. */
export interface ImportOptions {
  /** The PROVIDER's tokenizer. */
  readonly tokenizer: TextTokenizer
  readonly vocabularySize: number
  /**
   * The prompts of the plan, which entries are matched with by their text; a prompt that stands there twice takes two entries.
   * @defaultValue the prompts of the log, in its order
   */
  readonly prompts?: readonly TokenIds[]
  /** Of a batch: the lines that were sent, where the prompts stand; entries are matched by `custom_id`. @defaultValue none */
  readonly requests?: string
  /** Ids of an answer beyond so many are left out. @defaultValue none are */
  readonly maxTokens?: number
  /** Log-probabilities become positions, as access "top-k" wants them. @defaultValue false */
  readonly withPositions?: boolean
  readonly vocabulary?: ReadonlyMap<string, number>
}

/** An entry that is no answer. */
export interface ImportError {
  /** The first is 1: a line, or the place in an array. */
  readonly line: number
  readonly error: string
}

/** What a log holds. Frozen. */
export interface ImportedLog {
  /** In the order of the log. */
  readonly answers: readonly RecordedAnswer[]
  /** The prompts that answers count in: those given, or those of the log. */
  readonly prompts: readonly (readonly number[])[]
  readonly errors: readonly ImportError[]
  /** Entries looked at: each is an answer or an error. */
  readonly entries: number
}

type Json = Record<string, unknown>

/**
 * Reads a log. Known shapes of an entry: `{ request, response }`; `{ custom_id, response: { status_code, body } }` of a batch, with its
 * requests; `{ messages, choices }`; `{ messages }` that end in the assistant's.
 * @throws TypeError or RangeError for options out of range, and for requests that cannot be read.
 * @example
 * import { importChatLog } from 'dyetrace/suspects'
 * const letters = { encode: (text) => Array.from(text, (c) => c.charCodeAt(0)), decode: (ids) => String.fromCharCode(...ids) }
 * const entry = { request: { messages: [{ role: 'user', content: 'Hi' }] }, response: { choices: [{ message: { content: 'Yo' } }] } }
 * const { answers, errors } = importChatLog(`${JSON.stringify(entry)}\n{"id":1}\n`, { tokenizer: letters, vocabularySize: 128 })
 * console.log(answers[0].completion, errors[0].line) // [ 89, 111 ] 2
 */
export function importChatLog(text: string, options: ImportOptions): ImportedLog {
  assertString(text, { name: 'text', expected: 'the text of a log' })
  assertOptions(options, {
    name: 'options',
    keys: ['tokenizer', 'vocabularySize', 'prompts', 'requests', 'maxTokens', 'withPositions', 'vocabulary'],
  })
  const {
    tokenizer,
    vocabularySize,
    prompts,
    requests,
    maxTokens = Number.MAX_SAFE_INTEGER,
    withPositions,
  } = options
  assertRecord(tokenizer, { name: 'options.tokenizer' })
  for (const part of ['encode', 'decode'] as const) {
    const value: unknown = tokenizer[part]
    if (typeof value !== 'function')
      throw new TypeError(`"options.tokenizer.${part}" expected a function, got ${describe(value)}`)
  }
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2 })
  assertInteger(maxTokens, { name: 'options.maxTokens', min: 1 })
  const byId = requests === undefined ? new Map<string, Json>() : requestsById(requests)
  const idOf = idsOfTexts(tokenizer, { vocabularySize, vocabulary: options.vocabulary })
  const place = placesOf(prompts, { tokenizer, vocabularySize })

  const answers: RecordedAnswer[] = []
  const errors: ImportError[] = []
  const entries = entriesOf(text)
  for (const { line, read } of entries) {
    try {
      const { prompt, said } = entryOf(read(), byId)
      const all = tokenizer.encode(said.text)
      assertTokenIds(all, { name: 'tokenizer.encode(...)', vocabularySize })
      const completion = Object.freeze(Array.from(all.slice(0, maxTokens)))
      const lists = withPositions
        ? alignedPositions(said.text, { suspect: said.tokens ?? [], ids: completion, tokenizer, idOf })
            .positions
        : undefined
      // Last, for it takes the prompt's place.
      const put = place.take(prompt)
      answers.push(
        Object.freeze({
          ...put,
          completion,
          text: said.text,
          ...(said.finish !== undefined && { finish: said.finish }),
          ...(lists && { positions: lists }),
        }),
      )
    } catch (error) {
      errors.push(Object.freeze({ line, error: error instanceof Error ? error.message : String(error) }))
    }
  }
  return Object.freeze({
    answers: Object.freeze(answers),
    prompts: Object.freeze(place.prompts),
    errors: Object.freeze(errors),
    entries: entries.length,
  })
}

interface Entry {
  readonly line: number
  /** @throws for text that is no JSON object. */
  read(): Json
}

/** Lines that are not blank, or the elements of one array. */
function entriesOf(text: string): readonly Entry[] {
  if (/^\s*\[/.test(text)) {
    let all: unknown
    try {
      all = JSON.parse(text)
    } catch {}
    if (Array.isArray(all))
      return all.map((value, i) => ({ line: i + 1, read: () => recordOf(value, 'entry') }))
  }
  return text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line, i) => ({ line: i + 1, text: line }))
    .filter((line) => line.text.trim() !== '')
    .map(({ line, text: own }) => ({
      line,
      read() {
        let value: unknown
        try {
          value = JSON.parse(own)
        } catch {
          throw new RangeError(`"entry" expected JSON, got ${own.length} characters that do not parse`)
        }
        return recordOf(value, 'entry')
      },
    }))
}

function recordOf(value: unknown, name: string): Json {
  assertRecord(value, { name })
  return value
}

/** The requests of a batch. Here a mistake is the caller's. */
function requestsById(text: string): Map<string, Json> {
  assertString(text, { name: 'options.requests' })
  const byId = new Map<string, Json>()
  for (const { line, read } of entriesOf(text)) {
    const name = `options.requests line ${line}`
    const { custom_id: id, body } = read()
    assertString(id, { name: `${name}.custom_id` })
    if (byId.has(id))
      throw new RangeError(`"${name}.custom_id" expected one that is not there before, got one twice`)
    byId.set(id, recordOf(body, `${name}.body`))
  }
  return byId
}

/** Prompt and answer of an entry. */
function entryOf(entry: Json, byId: ReadonlyMap<string, Json>): { prompt: string; said: Said } {
  const { error, custom_id: id } = entry
  if (error !== undefined && error !== null)
    throw new RangeError('"entry" expected an answer, got an error of the server')
  const response = bodyOf(entry['response'] ?? entry)
  const known = typeof id === 'string' ? byId.get(id) : undefined
  const request = known ?? bodyOf(entry['request'] ?? entry)
  const { messages } = request
  // A conversation that was kept as a whole: its last message is the answer.
  if (response['choices'] === undefined && Array.isArray(messages) && isOf(messages.at(-1), 'assistant')) {
    const said = readSaid({ choices: [{ message: messages.at(-1) }] }, { api: 'chat' })
    return { prompt: promptOf({ messages: messages.slice(0, -1) }), said }
  }
  const [choice] = Array.isArray(response['choices']) ? (response['choices'] as unknown[]) : []
  const isChat = typeof choice === 'object' && choice !== null && 'message' in choice
  return { prompt: promptOf(request), said: readSaid(response, { api: isChat ? 'chat' : 'completions' }) }
}

function bodyOf(value: unknown): Json {
  const part = recordOf(value, 'entry')
  const { status_code: status, body } = part
  if (typeof status === 'number' && (status < 200 || status > 299))
    throw new RangeError(`"entry" expected an answer, got status ${status}`)
  return body === undefined ? part : recordOf(body, 'entry.body')
}

function isOf(message: unknown, role: string): boolean {
  return typeof message === 'object' && message !== null && (message as Json)['role'] === role
}

/** What was put, as one text. */
function promptOf({ prompt, messages }: Json): string {
  if (typeof prompt === 'string') return wellFormed(prompt)
  if (!Array.isArray(messages) || messages.length === 0)
    throw new RangeError(
      `"entry" expected a prompt or messages (of a batch, in its requests), got ${describe(messages)}`,
    )
  return wellFormed(messages.map((message) => contentOf(recordOf(message, 'entry.messages'))).join('\n'))
}

function contentOf({ content }: Json): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: unknown) => (part as { text?: unknown } | null)?.text ?? '').join('')
}

/** Which prompt an entry answers. */
function placesOf(
  prompts: readonly TokenIds[] | undefined,
  { tokenizer, vocabularySize }: { tokenizer: TextTokenizer; vocabularySize: number },
): { prompts: (readonly number[])[]; take(text: string): { prompt: number; ids: readonly number[] } } {
  if (prompts === undefined) {
    const own: (readonly number[])[] = []
    return {
      prompts: own,
      take(text) {
        const ids = tokenizer.encode(text)
        assertTokenIds(ids, { name: 'tokenizer.encode(...)', vocabularySize })
        own.push(Object.freeze(Array.from(ids)))
        return { prompt: own.length - 1, ids: own.at(-1)! }
      },
    }
  }
  assertArray(prompts, { name: 'options.prompts', expected: 'an array of token id arrays' })
  const given = prompts.map((ids, i) => {
    assertTokenIds(ids, { name: `options.prompts[${i}]`, vocabularySize })
    return Object.freeze(Array.from(ids))
  })
  const free = new Map<string, number[]>()
  for (const [i, ids] of given.entries()) {
    const text = wellFormed(tokenizer.decode(ids))
    const same = free.get(text)
    if (same) same.push(i)
    else free.set(text, [i])
  }
  return {
    prompts: given,
    take(text) {
      const places = free.get(text)
      if (!places) throw new RangeError('"entry" expected a prompt of the plan, got another one')
      const prompt = places.shift()
      if (prompt === undefined)
        throw new RangeError('"entry" expected a prompt that is not answered before, got one again')
      return { prompt, ids: given[prompt]! }
    },
  }
}
