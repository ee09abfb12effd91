/** The models of a case, as they can be asked: servers, folders. API keys come from the environment here, and go into a closure. */
import type { CaseReference, CaseSuspect } from '../case/case-file.ts'
import type { Profile } from '../keys/profile.ts'
import type { Plan } from '../plan/plan.ts'
import type { RecordedAnswer } from '../suspect/answers.ts'
import type { Collectable } from '../suspect/collect.ts'
import { type ImportedLog, importChatLog } from '../suspect/import-log.ts'
import type { ListedTokens } from '../suspect/lines.ts'
import type { Capabilities } from '../suspect/openai-compatible/capabilities.ts'
import { SuspectError } from '../suspect/openai-compatible/suspect-error.ts'
import { type HttpSuspect, openAiCompatibleSuspect } from '../suspect/openai-compatible.ts'
import type { Environment } from './environment.ts'
import { InputError } from './exit.ts'
import { named, readText } from './files.ts'
import { loadLocalModel } from './local-model.ts'
import { seeded } from './seeded.ts'
import { assertTokenizerOf, type ReadTokenizer, readTokenizer } from './tokenizer.ts'

/** What is known of the marked model. */
interface Provider {
  readonly profile: Profile
  readonly tokenizer: ReadTokenizer
}

type Served = (CaseSuspect | CaseReference) & { readonly kind: 'openai-compatible' }

/** A model behind a server. */
export function servedModel(
  environment: Environment,
  model: Served,
  {
    profile,
    tokenizer,
    name,
    plan,
    variables,
    ...rest
  }: Provider & {
    readonly name: string
    readonly plan: Plan
    /** Environment variables that whoever runs this allows to be read. */
    readonly variables: readonly string[]
    readonly sharesTokenizer?: boolean
    readonly capabilities?: Capabilities
    readonly timeoutSeconds?: number
    readonly concurrency?: number
  },
): HttpSuspect {
  const { url, apiKeyEnv } = model
  assertAllowed(model, { name, variables })
  const apiKey = apiKeyEnv === undefined ? undefined : environment.env[apiKeyEnv]
  if (apiKeyEnv !== undefined && (apiKey ?? '') === '')
    throw new InputError(
      `environment variable ${apiKeyEnv}: expected the API key of ${named(name)}, got none. Set it for this shell; it is written nowhere`,
    )
  const { completion, topK } = plan
  return openAiCompatibleSuspect({
    name,
    url,
    model: model.model,
    api: model.api,
    ...(apiKey === undefined ? {} : { apiKey }),
    vocabularySize: profile.vocabularySize,
    tokenizer,
    ...(topK === undefined ? {} : { topK }),
    ...(completion === undefined ? {} : { temperature: completion.temperature }),
    ...(completion?.seed !== undefined && /^\d{1,15}$/.test(completion.seed)
      ? { seed: Number(completion.seed) }
      : {}),
    ...(environment.fetch ? { fetch: environment.fetch } : {}),
    ...rest,
  })
}

/**
 * Refuses to read a variable that only case.json names. The folder may come from somebody else, who could have any secret of this machine sent to
 * any address.
 */
export function assertAllowed(
  { url, apiKeyEnv }: Served,
  { name, variables }: { readonly name: string; readonly variables: readonly string[] },
): void {
  if (apiKeyEnv === undefined || variables.includes(apiKeyEnv)) return
  throw new InputError(
    `case.json: expected its environment variable for ${named(name)} to be named here too (--api-key-env ${apiKeyEnv}), got ${variables.length === 0 ? 'none' : variables.map(named).join(', ')}. The value of ${apiKeyEnv} would be sent to ${named(url)}, and a case.json of somebody else could name any variable and any address`,
  )
}

/** A model in a folder, with the provider's tokenizer. */
export async function folderModel(
  environment: Environment,
  folder: string,
  { profile, name, temperature = 1 }: Provider & { readonly name: string; readonly temperature?: number },
): Promise<Required<Pick<Collectable, 'rows' | 'lists'>> & Collectable> {
  assertTokenizerOf(profile, await readTokenizer(environment, folder), folder)
  const { suspect } = await loadLocalModel(environment, { folder, name })
  const { vocabularySize } = profile
  if (suspect.vocabularySize !== vocabularySize)
    throw new InputError(
      `model ${named(folder)}: expected ${vocabularySize} columns in its logits as the profile's vocabulary, got ${suspect.vocabularySize}`,
    )
  return {
    name,
    vocabularySize,
    complete: (prompts, options) =>
      suspect.complete(prompts, {
        ...options,
        processLogits(logits) {
          if (temperature !== 1) for (let i = 0; i < logits.length; i++) logits[i] = logits[i]! / temperature
        },
      }),
    rows: (sequences) => suspect.rows(sequences),
    async lists(sequences) {
      const rows = await suspect.rows(sequences)
      return rows.map((own, s) => listsOf(own, { positions: sequences[s]!.length, vocabularySize }))
    },
  }
}

/** Randomness of an answer that this machine samples: of plan and prompt, so that a run that was stopped goes on as if it had not been. */
export function randomOf(planName: string): (prompt: number) => () => number {
  return (prompt) => seeded(`${planName}|${prompt}`)
}

const MOST_LISTED = 100

/** The likeliest tokens of each row. */
function listsOf(
  rows: Float32Array,
  { positions, vocabularySize }: { positions: number; vocabularySize: number },
): ListedTokens[] {
  return Array.from({ length: positions }, (_, i) => {
    const row = rows.subarray(i * vocabularySize, (i + 1) * vocabularySize)
    return Array.from(row.keys())
      .sort((a, b) => row[b]! - row[a]! || a - b)
      .slice(0, MOST_LISTED)
      .filter((token) => row[token]! > 0)
      .map((token) => [token, Math.min(0, Math.log(row[token]!))] as const)
  })
}

/** Answers that somebody recorded, as a suspect that is asked the prompts of the plan. */
export async function recordedModel(
  environment: Environment,
  path: string,
  {
    profile,
    tokenizer,
    name,
    plan,
    prompts,
    requests,
  }: Provider & {
    readonly name: string
    readonly plan: Plan
    readonly prompts: readonly (readonly number[])[]
    readonly requests: string | undefined
  },
): Promise<{ model: Collectable; errors: ImportedLog['errors'] }> {
  if (plan.access === 'rows')
    throw new InputError('plan.json.access: expected text or top-k for recorded answers, got rows')
  const { answers, errors } = importChatLog(await readText(environment, path, 'recorded answers'), {
    tokenizer,
    vocabularySize: profile.vocabularySize,
    prompts,
    ...(requests === undefined ? {} : { requests: await readText(environment, requests, 'requests') }),
    ...(plan.completion ? { maxTokens: plan.completion.maxTokens } : {}),
    withPositions: plan.access === 'top-k',
  })
  const waiting = new Map<string, RecordedAnswer[]>()
  for (const answer of answers) {
    const key = answer.ids.join()
    waiting.set(key, [...(waiting.get(key) ?? []), answer])
  }
  const model: Collectable = {
    name,
    vocabularySize: profile.vocabularySize,
    complete: async () => [],
    async ask({ ids }) {
      const answer = waiting.get(Array.from(ids).join())?.shift()
      if (!answer)
        throw new SuspectError('recorded answers expected to hold an answer to this prompt, got none', {
          kind: 'refused',
          charged: false,
        })
      return answer
    },
  }
  return { model, errors }
}
