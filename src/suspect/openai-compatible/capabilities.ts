/**
 * What a server can do, found out by trying: each question is one short request, and what came back is the record. A field that is accepted and
 * changes nothing counts as ignored, whatever the status says.
 */
import { canonicalJson } from '../../digest.ts'
import type { TextTokenizer } from './provider-ids.ts'
import type { Said } from './said.ts'
import { SuspectError } from './suspect-error.ts'

/** given: it came. fewer: some of it came. ignored: accepted, and nothing came. rejected: refused by status. failed: no answer, three times. */
export type Outcome = 'given' | 'fewer' | 'ignored' | 'rejected' | 'failed'

/** What a server can do, as found. JSON; frozen. */
export interface Capabilities {
  readonly format: 'dyetrace/capabilities-1'
  readonly api: 'completions' | 'chat'
  readonly model: string
  /** How the length of an answer is limited. */
  readonly lengthField: 'max_tokens' | 'max_completion_tokens'
  /** Whether an answer of at most 8 tokens had at most 8, as the server counts; left out where it does not count. */
  readonly lengthKept?: boolean
  /** Fields of sampling that it refuses; they are not sent. */
  readonly rejected: readonly string[]
  /** A field that nobody knows. */
  readonly unknownFields: 'rejected' | 'ignored' | 'failed'
  /** Prompts as ids. Completions only. */
  readonly ids?: Outcome
  /** Ids of the answer. */
  readonly tokenIds: Outcome
  /** Log-probabilities of the answer: how many were asked for, how many came in the fullest position. */
  readonly logprobs: Outcome
  readonly topK: { readonly asked: number; readonly given: number }
  /** Whether the tokens with log-probabilities are the text; left out where there are none. */
  readonly textMatches?: boolean
  /** Log-probabilities of the prompt. Completions only. */
  readonly echo?: Outcome
  readonly promptLogprobs?: Outcome
  /** The answer begins with the prompt, unasked. */
  readonly repeatsPrompt: boolean
  /** The same seed gave the same answer twice, and another seed another one; left out where there was no telling. */
  readonly keepsSeed?: boolean
  /** Answers as a stream of events. */
  readonly stream: Outcome
  /** Spent on finding out: requests, and tokens at most. */
  readonly requests: number
  readonly tokens: number
}

const WORDS = 'The captain looked at'
const LENGTH = 8

type Fields = Readonly<Record<string, unknown>>

/** What is needed to try. `post` sends one body. */
export interface ProbeOptions {
  readonly api: 'completions' | 'chat'
  readonly model: string
  readonly topK: number
  readonly tokenizer: TextTokenizer
  readonly seed?: number
  readonly post: (fields: Fields) => Promise<Said>
}

/** @throws SuspectError if the server does not answer the plainest request. */
export async function findCapabilities({
  api,
  model,
  topK,
  tokenizer,
  seed = 1,
  post,
}: ProbeOptions): Promise<Capabilities> {
  let requests = 0
  const ids = Array.from(tokenizer.encode(WORDS))
  // As the provider's tokenizer writes it.
  const text = tokenizer.decode(ids)
  const prompt = api === 'chat' ? { messages: [{ role: 'user', content: text }] } : { prompt: text }

  /** The answer, or whether it was refused. What is not known after three times failed. */
  const attempt = async (fields: Fields): Promise<Said | 'rejected' | 'failed'> => {
    for (let i = 0; i < 3; i++) {
      requests++
      try {
        return await post(fields)
      } catch (error) {
        if (!(error instanceof SuspectError) || error.kind === 'aborted') throw error
        if (error.kind === 'refused') return 'rejected'
      }
    }
    return 'failed'
  }
  const find = async (fields: Fields, outcome: (said: Said) => Outcome): Promise<Outcome> => {
    const said = await attempt(fields)
    return typeof said === 'string' ? said : outcome(said)
  }
  const given = (isGiven: boolean): Outcome => (isGiven ? 'given' : 'ignored')

  // The plainest request, and if need be with the newer name of the limit.
  let lengthField: Capabilities['lengthField'] = 'max_tokens'
  let first = await attempt({ ...prompt, [lengthField]: LENGTH })
  if (first === 'rejected') {
    lengthField = 'max_completion_tokens'
    first = await attempt({ ...prompt, [lengthField]: LENGTH })
  }
  if (typeof first === 'string') {
    // Once more, for the reason.
    first = await post({ ...prompt, max_tokens: LENGTH })
    lengthField = 'max_tokens'
  }
  const plain = { ...prompt, [lengthField]: LENGTH }

  const rejected: string[] = []
  const fields: Fields = { temperature: 1, seed }
  for (const [field, value] of Object.entries(fields))
    if ((await attempt({ ...plain, [field]: value })) === 'rejected') rejected.push(field)

  const unknown = await attempt({ ...plain, dyetrace_probe: 1 })
  const asked = api === 'chat' ? { logprobs: true, top_logprobs: topK } : { logprobs: topK }
  const listed = await attempt({ ...plain, ...asked })
  const tokens = typeof listed === 'string' ? undefined : listed.tokens
  // Not as arguments of one call: a hostile server may list a million tokens.
  const most = (tokens ?? []).reduce((so, { candidates }) => Math.max(so, candidates?.length ?? 0), 0)
  const logprobs: Outcome =
    typeof listed === 'string' ? listed : most === 0 ? 'ignored' : most < topK ? 'fewer' : 'given'

  const hasPromptTokens = ({ tokens }: Said) =>
    (tokens ?? []).some(({ candidates }, i) => i > 0 && candidates !== undefined) &&
    text.startsWith(
      (tokens ?? [])
        .slice(0, 2)
        .map(({ text }) => text)
        .join('')
        .trimStart()
        .slice(0, 3),
    )
  const completions =
    api === 'chat'
      ? undefined
      : {
          // A server may take ids for as many prompts, or read them as text.
          ids: await find({ ...plain, prompt: ids }, ({ choices, usage }) =>
            given(choices === 1 && (usage === undefined || Math.abs(usage.prompt - ids.length) <= 1)),
          ),
          echo: await find({ ...prompt, [lengthField]: 1, echo: true, logprobs: topK }, (said) =>
            given(said.text.startsWith(text) && hasPromptTokens(said)),
          ),
          promptLogprobs: await find(
            { ...prompt, [lengthField]: 1, prompt_logprobs: topK },
            ({ promptLists }) =>
              given(promptLists?.some((list) => list !== null && list.length > 0) ?? false),
          ),
        }
  const tokenIds = await find({ ...plain, return_token_ids: true }, (said) =>
    given(said.tokenIds !== undefined),
  )
  const stream = await find({ ...plain, stream: true }, (said) => given(said.text !== ''))
  const keepsSeed = rejected.includes('seed') ? false : await tellSeed({ plain, seed, attempt })
  return Object.freeze({
    format: 'dyetrace/capabilities-1',
    api,
    model,
    lengthField,
    ...(first.usage && { lengthKept: first.usage.completion <= LENGTH }),
    rejected: Object.freeze(rejected),
    unknownFields: unknown === 'rejected' || unknown === 'failed' ? unknown : 'ignored',
    ...completions,
    tokenIds,
    logprobs,
    topK: Object.freeze({ asked: topK, given: most }),
    ...(typeof listed !== 'string' &&
      most > 0 && { textMatches: (tokens ?? []).map(({ text }) => text).join('') === listed.text }),
    repeatsPrompt: first.text.trimStart().startsWith(text),
    ...(keepsSeed !== undefined && { keepsSeed }),
    stream,
    requests,
    tokens: requests * (canonicalJson(plain).length + LENGTH),
  })
}

/** Two answers from one seed, and one from another. All three alike say nothing: the model may be sure of itself. */
async function tellSeed({
  plain,
  seed,
  attempt,
}: {
  plain: Fields
  seed: number
  attempt: (fields: Fields) => Promise<Said | 'rejected' | 'failed'>
}): Promise<boolean | undefined> {
  const texts: string[] = []
  for (const value of [seed, seed, seed + 1]) {
    const said = await attempt({ ...plain, temperature: 1, seed: value })
    if (typeof said === 'string') return undefined
    texts.push(said.text)
  }
  const [a, b, c] = texts
  if (a !== b) return false
  return a === c ? undefined : true
}
