/**
 * A suspect behind HTTP, in the protocol of OpenAI's completions and chat, which vLLM, SGLang, llama.cpp, Ollama and most hosts speak. What such
 * a server can do differs and is often said wrongly, so `probe` tries it and keeps a record; nothing is assumed. Prompts go out as text and answers
 * come back as text, which the provider's tokenizer turns into the ids that a mark lives on; where the server's tokenizer is the provider's, ids pass as they are.
 *
 * Answers may be hostile: they are bounded in time, bytes and length, and whatever is no answer is an error of one request. Reads no file, no
 * environment and no clock. The API key stays in a closure: no error, record or property shows it, and an answer that repeats it is none.
 */
import PQueue from 'p-queue'
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertOptions,
  assertRecord,
  assertString,
  describe,
} from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { canonicalJson, type Digest, digestBytes } from '../digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import type { ListedTokens } from './lines.ts'
import { type Capabilities, findCapabilities } from './openai-compatible/capabilities.ts'
import { createClient } from './openai-compatible/client.ts'
import {
  alignedPositions,
  type Dropped,
  idsOfTexts,
  listOf,
  type TextTokenizer,
} from './openai-compatible/provider-ids.ts'
import { readSaid, type Said, wellFormed } from './openai-compatible/said.ts'
import { SuspectError, unreadable } from './openai-compatible/suspect-error.ts'
import type { Suspect } from './suspect.ts'

/** Options of {@link openAiCompatibleSuspect}. */
export interface HttpSuspectOptions {
  readonly name: string
  /** Base address, as in `https://host/v1`. */
  readonly url: string
  readonly model: string
  readonly api: 'completions' | 'chat'
  /** Sent as a bearer token, kept in a closure, shown nowhere. @defaultValue none */
  readonly apiKey?: string
  /** Of the provider. */
  readonly vocabularySize: number
  /** The PROVIDER's tokenizer. */
  readonly tokenizer: TextTokenizer
  /**
   * The server's tokenizer is the provider's, as with the provider's own model for a reference. Prompts are then put as ids, and ids that come back
   * are taken. Completions only. @defaultValue false: everything goes as text
   */
  readonly sharesTokenizer?: boolean
  /** Which text is which id, for lists, as `vocabularyOf` makes it. @defaultValue texts that the tokenizer reads as one token */
  readonly vocabulary?: ReadonlyMap<string, number>
  /** What an earlier probe found. @defaultValue nothing is known, and plain requests are made */
  readonly capabilities?: Capabilities
  /** Log-probabilities asked for where `ask` and `lists` are not told. @defaultValue 20, the most that the protocol has */
  readonly topK?: number
  /** @defaultValue 1 */
  readonly temperature?: number
  /** Sent as it is. @defaultValue none */
  readonly seed?: number
  /** Answers come as a stream of events. @defaultValue false */
  readonly stream?: boolean
  /** For one try, from the first byte sent to the last received. @defaultValue 120 */
  readonly timeoutSeconds?: number
  /** Tries after one that the server said was not done (429, 500, 503, 529). @defaultValue 5 */
  readonly retries?: number
  /** Before the first of these tries, doubled with each, where the server does not say when. @defaultValue 0.5 */
  readonly retryDelaySeconds?: number
  /** Longest wait, whatever the server says. @defaultValue 60 */
  readonly mostWaitSeconds?: number
  /** Longest body. @defaultValue 2^24 */
  readonly mostBytes?: number
  /** Requests at once, where several prompts are put in one call. @defaultValue 4 */
  readonly concurrency?: number
  /** @defaultValue the runtime's own */
  readonly fetch?: typeof fetch
  readonly signal?: AbortSignal
}

/** One prompt. */
export interface AskRequest {
  readonly ids: TokenIds
  readonly maxTokens: number
  /** Asks for so many of the likeliest tokens in each position. @defaultValue none */
  readonly topK?: number
  readonly signal?: AbortSignal
}

/** One answer. Frozen. */
export interface HttpAnswer {
  /** The provider's ids of the text, at most `maxTokens`. */
  readonly completion: readonly number[]
  /** The answer as it came, its end left out where it is far too long. */
  readonly text: string
  /** Why it ended, in the server's word. */
  readonly finish?: string
  /** Asked for with `topK`: the likeliest tokens at each place of the completion, in the provider's ids; null where none is known. */
  readonly positions?: readonly (ListedTokens | null)[]
  /** With positions: what could not be said in the provider's ids. */
  readonly dropped?: Dropped
  /** Ids of the text beyond `maxTokens`, which are left out: the provider's tokenizer may need more of them, or the server does not count. */
  readonly cut: number
  /** Digest of the request's body as it was sent. */
  readonly request: Digest
  /** As the server counts. */
  readonly usage?: { readonly prompt: number; readonly completion: number }
}

/** A suspect behind HTTP. */
export interface HttpSuspect extends Suspect {
  /** Finds out what the server can do, in a dozen short requests. They are counted in the result. */
  probe(): Promise<Capabilities>
  /** Puts one prompt. @throws SuspectError if there is no answer. */
  ask(request: AskRequest): Promise<HttpAnswer>
  /** Digest of the body that {@link ask} would send. */
  requestDigest(request: AskRequest): Digest
  /**
   * The likeliest next tokens after each id but the last, from log-probabilities of the prompt: `prompt_logprobs` or `echo`, whichever
   * the server has. Completions only.
   */
  lists?(sequences: readonly TokenIds[]): Promise<(readonly (ListedTokens | null)[])[]>
}

/** Characters of a text that are read, for each token asked for: more than any vocabulary's mean. */
const MOST_CHARACTERS = 64

/**
 * A suspect behind an address.
 * @throws TypeError or RangeError for options out of range; when asked, `SuspectError` for a request without an answer.
 * @example
 * // const suspect = openAiCompatibleSuspect({ name: 'rival', url: 'https://host/v1', model: 'rival-7b', api: 'completions',
 * //   apiKey: process.env.RIVAL_KEY, vocabularySize: 32000, tokenizer })
 * // const capabilities = await suspect.probe()
 * // const { text } = await suspect.ask({ ids: tokenizer.encode('Once upon'), maxTokens: 64 })
 */
export function openAiCompatibleSuspect(options: HttpSuspectOptions): HttpSuspect {
  const {
    name,
    model,
    api,
    vocabularySize,
    tokenizer,
    sharesTokenizer,
    topK,
    capabilities,
    vocabulary,
    concurrency,
    ...rest
  } = resolveOptions(options)
  const client = createClient(rest)
  const idOf = idsOfTexts(tokenizer, { vocabularySize, vocabulary })
  const path = api === 'chat' ? 'chat/completions' : 'completions'
  const rejected = new Set(capabilities?.rejected)
  const lengthField = capabilities?.lengthField ?? 'max_tokens'
  let listsBy: ListWay | undefined = capabilities && wayOf(capabilities)

  const sent = (fields: Record<string, unknown>): string =>
    canonicalJson(
      Object.fromEntries(Object.entries({ model, ...fields }).filter(([field]) => !rejected.has(field))),
    )

  const sampling = {
    temperature: rest.temperature,
    ...(rest.seed !== undefined && { seed: rest.seed }),
    ...(rest.stream && { stream: true }),
  }

  const promptOf = (ids: TokenIds): Record<string, unknown> => {
    const given = Array.from(ids)
    if (sharesTokenizer) return { prompt: given }
    const text = wellFormed(tokenizer.decode(given))
    return api === 'chat' ? { messages: [{ role: 'user', content: text }] } : { prompt: text }
  }

  const logprobsOf = (k: number): Record<string, unknown> =>
    api === 'chat' ? { logprobs: true, top_logprobs: k } : { logprobs: k }

  const bodyOf = ({ ids, maxTokens, topK: k }: AskRequest): string =>
    sent({
      ...promptOf(ids),
      [lengthField]: maxTokens,
      ...sampling,
      ...(k !== undefined && logprobsOf(k)),
      ...(sharesTokenizer && capabilities?.tokenIds !== 'rejected' && { return_token_ids: true }),
    })

  const post = async (body: string, signal?: AbortSignal): Promise<Said> => {
    const signals = [signal, rest.signal].filter((given) => given !== undefined)
    const said = readSaid(
      await client.post(path, body, signals.length > 0 ? AbortSignal.any(signals) : undefined),
      { api },
    )
    // The reason is written down too.
    if ([said.text, said.finish ?? ''].some(client.holdsKey))
      throw unreadable('an answer without the API key', 'one that repeats it')
    return said
  }

  async function ask(request: AskRequest): Promise<HttpAnswer> {
    assertRequest(request, { vocabularySize })
    const { maxTokens, topK: k, signal } = request
    const body = bodyOf(request)
    const said = await post(body, signal)
    const text = said.text
      .slice(0, Math.max(1024, MOST_CHARACTERS * maxTokens))
      .replace(/\p{Surrogate}$/u, '')
    const own = sharesTokenizer ? ownIds(said, text) : undefined
    const all = own ?? tokenizer.encode(text)
    assertTokenIds(all, { name: 'tokenizer.encode(...)', vocabularySize })
    const completion = Object.freeze(Array.from(all.slice(0, maxTokens)))
    const lists =
      k === undefined
        ? undefined
        : alignedPositions(text, { suspect: said.tokens ?? [], ids: completion, tokenizer, idOf })
    return Object.freeze({
      completion,
      text,
      ...(said.finish !== undefined && { finish: said.finish }),
      ...lists,
      cut: all.length - completion.length,
      request: digestBytes(utf8ToBytes(body)),
      ...(said.usage && { usage: Object.freeze(said.usage) }),
    })
  }

  /** Ids that came back, if they are those of the text; an end-of-text id need not show in it. */
  const ownIds = ({ tokenIds }: Said, text: string): readonly number[] | undefined => {
    if (!tokenIds?.every((id) => id >= 0 && id < vocabularySize)) return undefined
    const isText = [tokenIds, tokenIds.slice(0, -1)].some((ids) => tokenizer.decode([...ids]) === text)
    return isText ? tokenIds : undefined
  }

  async function listsOf(ids: TokenIds): Promise<readonly (ListedTokens | null)[]> {
    // Nothing is between them.
    if (ids.length < 2) return []
    for (const way of listsBy ? [listsBy] : LIST_WAYS) {
      const asked = way === 'promptLogprobs' ? { prompt_logprobs: topK } : { echo: true, logprobs: topK }
      let said: Said
      try {
        said = await post(
          sent({ ...promptOf(ids), [lengthField]: 1, temperature: rest.temperature, ...asked }),
        )
      } catch (error) {
        if (error instanceof SuspectError && error.kind === 'refused' && listsBy === undefined) continue
        throw error
      }
      const positions = way === 'promptLogprobs' ? fromPromptLogprobs(ids, said) : fromEcho(ids, said)
      if (!positions?.some((list) => list !== null)) continue
      listsBy = way
      return positions
    }
    throw new SuspectError('suspect expected to give log-probabilities of prompts, got none', {
      kind: 'refused',
      charged: true,
    })
  }

  /** Ids of the server are the provider's, or nothing says where its tokens stand. */
  const fromPromptLogprobs = (ids: TokenIds, { promptLists }: Said) => {
    if (!sharesTokenizer || promptLists?.length !== ids.length) return undefined
    const own = (id: number | undefined) => (id !== undefined && id < vocabularySize ? id : undefined)
    return promptLists.slice(1).map((list) => list && listOf(list, ({ id }) => own(id)))
  }

  const fromEcho = (ids: TokenIds, { tokens }: Said) => {
    if (!tokens) return undefined
    const text = wellFormed(tokenizer.decode(Array.from(ids)))
    const { positions } = alignedPositions(text, { suspect: tokens, ids: Array.from(ids), tokenizer, idOf })
    return positions.slice(1)
  }

  /** Several prompts, so many at once. */
  const each = async <T>(prompts: readonly TokenIds[], call: (ids: TokenIds) => Promise<T>): Promise<T[]> => {
    const queue = new PQueue({ concurrency })
    return queue.addAll(
      prompts.map((ids) => () => call(ids)),
      { throwOnTimeout: true },
    )
  }

  return Object.freeze<HttpSuspect>({
    name,
    vocabularySize,
    ask,
    requestDigest(request) {
      assertRequest(request, { vocabularySize })
      return digestBytes(utf8ToBytes(bodyOf(request)))
    },
    probe: () =>
      findCapabilities({
        api,
        model,
        topK,
        tokenizer,
        ...(rest.seed !== undefined && { seed: rest.seed }),
        post: async (fields) =>
          readSaid(await client.post(path, canonicalJson({ model, ...fields }), rest.signal), { api }),
      }),
    async complete(prompts, { maxTokens, onProgress }) {
      assertPrompts(prompts, { name: 'prompts', vocabularySize })
      let done = 0
      return each(prompts, async (ids) => {
        const { completion } = await ask({ ids, maxTokens })
        onProgress?.(++done * maxTokens, prompts.length * maxTokens)
        return Array.from(completion)
      })
    },
    ...(api === 'completions' && {
      async lists(sequences: readonly TokenIds[]) {
        assertPrompts(sequences, { name: 'sequences', vocabularySize })
        return each(sequences, listsOf)
      },
    }),
  })
}

const LIST_WAYS = ['promptLogprobs', 'echo'] as const
type ListWay = (typeof LIST_WAYS)[number]

function wayOf({ promptLogprobs, echo }: Capabilities): ListWay | undefined {
  // Lists by id say more than lists by text; where it does not fit, nothing is settled.
  return promptLogprobs === 'given' ? undefined : echo === 'given' ? 'echo' : undefined
}

function assertPrompts(
  prompts: readonly TokenIds[],
  { name, vocabularySize }: { name: string; vocabularySize: number },
): void {
  assertArray(prompts, { name, expected: 'an array of arrays of token ids' })
  for (const [i, ids] of prompts.entries()) assertTokenIds(ids, { name: `${name}[${i}]`, vocabularySize })
}

function assertRequest(request: AskRequest, { vocabularySize }: { vocabularySize: number }): void {
  assertOptions(request, { name: 'request', keys: ['ids', 'maxTokens', 'topK', 'signal'] })
  const { ids, maxTokens, topK } = request
  assertTokenIds(ids, { name: 'request.ids', vocabularySize })
  assertInteger(maxTokens, { name: 'request.maxTokens', min: 1 })
  if (topK !== undefined) assertInteger(topK, { name: 'request.topK', min: 1, max: 100 })
}

type Resolved = Required<
  Omit<HttpSuspectOptions, 'apiKey' | 'seed' | 'signal' | 'capabilities' | 'vocabulary'>
> & {
  readonly [Key in 'apiKey' | 'seed' | 'signal' | 'capabilities' | 'vocabulary']:
    | HttpSuspectOptions[Key]
    | undefined
}

const OPTION_KEYS = [
  'name',
  'url',
  'model',
  'api',
  'apiKey',
  'vocabularySize',
  'tokenizer',
  'sharesTokenizer',
  'vocabulary',
  'capabilities',
  'topK',
  'temperature',
  'seed',
  'stream',
  'timeoutSeconds',
  'retries',
  'retryDelaySeconds',
  'mostWaitSeconds',
  'mostBytes',
  'concurrency',
  'fetch',
  'signal',
] as const

function resolveOptions(options: HttpSuspectOptions): Resolved {
  assertOptions(options, { name: 'options', keys: OPTION_KEYS })
  const { name, model, api, apiKey, vocabularySize, tokenizer, vocabulary, capabilities, seed, signal } =
    options
  const {
    sharesTokenizer = false,
    topK = 20,
    temperature = 1,
    stream = false,
    timeoutSeconds = 120,
    retries = 5,
  } = options
  const { retryDelaySeconds = 0.5, mostWaitSeconds = 60, mostBytes = 2 ** 24, concurrency = 4 } = options
  const { fetch: send = globalThis.fetch } = options
  assertString(name, { name: 'options.name' })
  assertString(model, { name: 'options.model', expected: 'the name of a model', pattern: /^\P{C}+$/u })
  assertOneOf(api, { name: 'options.api', values: ['completions', 'chat'] })
  // Not even its length is shown.
  if (apiKey !== undefined && !(typeof apiKey === 'string' && /^[\x21-\x7e]+$/.test(apiKey)))
    throw new RangeError(
      '"options.apiKey" expected printable characters of ASCII without spaces, got something else',
    )
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2 })
  assertRecord(tokenizer, { name: 'options.tokenizer' })
  for (const part of ['encode', 'decode'] as const) {
    const value: unknown = tokenizer[part]
    if (typeof value !== 'function')
      throw new TypeError(`"options.tokenizer.${part}" expected a function, got ${describe(value)}`)
  }
  for (const [key, value] of Object.entries({ sharesTokenizer, stream })) {
    if (typeof value !== 'boolean')
      throw new TypeError(`"options.${key}" expected true or false, got ${describe(value)}`)
  }
  if (sharesTokenizer && api === 'chat')
    throw new RangeError(
      '"options.sharesTokenizer" expected false with api "chat", which takes text only, got true',
    )
  if (vocabulary !== undefined && !(vocabulary instanceof Map))
    throw new TypeError(`"options.vocabulary" expected a Map from texts to ids, got ${describe(vocabulary)}`)
  if (capabilities !== undefined) assertOptions(capabilities, { name: 'options.capabilities' })
  assertInteger(topK, { name: 'options.topK', min: 1, max: 100 })
  assertNumber(temperature, {
    name: 'options.temperature',
    expected: 'a number from 0',
    holds: (x) => x >= 0,
  })
  if (seed !== undefined) assertInteger(seed, { name: 'options.seed' })
  for (const [key, value] of Object.entries({ timeoutSeconds, mostWaitSeconds }))
    assertNumber(value, {
      name: `options.${key}`,
      expected: 'a number of seconds above 0, at most 86400',
      holds: (x) => x > 0 && x <= 86_400,
    })
  assertNumber(retryDelaySeconds, {
    name: 'options.retryDelaySeconds',
    expected: 'a number of seconds from 0',
    holds: (x) => x >= 0,
  })
  assertInteger(retries, { name: 'options.retries', max: 100 })
  assertInteger(mostBytes, { name: 'options.mostBytes', min: 1 })
  assertInteger(concurrency, { name: 'options.concurrency', min: 1, max: 1000 })
  if (typeof send !== 'function')
    throw new TypeError(`"options.fetch" expected a function, got ${describe(send)}`)
  const url = assertUrl(options.url, { name: 'options.url' })
  return {
    ...{
      name,
      url,
      model,
      api,
      apiKey,
      vocabularySize,
      tokenizer,
      sharesTokenizer,
      vocabulary,
      capabilities,
      topK,
    },
    ...{ temperature, seed, stream, timeoutSeconds, retries, retryDelaySeconds, mostWaitSeconds, mostBytes },
    ...{ concurrency, fetch: send, signal },
  }
}

/**
 * An address that may be written down: what is in front of "@" or behind "?" is where people put secrets. @returns it without a slash at its end.
 * @throws TypeError or RangeError that does not show it.
 */
export function assertUrl(url: unknown, { name }: { name: string }): string {
  const expected = 'an address as in "https://host/v1", without user, query and fragment'
  if (typeof url !== 'string') throw new TypeError(`"${name}" expected ${expected}, got ${describe(url)}`)
  let parts: URL | undefined
  try {
    parts = new URL(url)
  } catch {}
  const isPlain = parts && /^https?:$/.test(parts.protocol) && !/[?#@\s\\]/.test(url)
  if (!isPlain) throw new RangeError(`"${name}" expected ${expected}, got another`)
  return url.replace(/\/+$/, '')
}
