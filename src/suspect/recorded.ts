/**
 * A suspect that was asked before: it answers from a record, and only what it was asked then. So a test can be made again from files
 * alone, by somebody who cannot reach the suspect any more, or does not trust who could.
 */
import { assertArray, assertInteger, assertOptions, assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { type AnswerLog, assertAnswerLog, type RecordedAnswer } from './answers.ts'
import type { ListedTokens } from './lines.ts'
import type { Suspect } from './suspect.ts'

/** A suspect on record. */
export interface RecordedSuspect extends Suspect {
  /** Answers in the order asked. */
  readonly answers: readonly RecordedAnswer[]
  /** The likeliest tokens in each position, as they were recorded for these prompts. Access "top-k" only. */
  lists?(prompts: readonly TokenIds[]): Promise<(readonly (ListedTokens | null)[])[]>
}

/**
 * Wraps answers that were read. It has `rows` or `lists` only where these are what was recorded. A prompt that was put several times is
 * answered in the order of the record; asked within one call more often than there are answers, it refuses.
 * @throws RangeError, when asked, for prompts that are not on record, and for completions that are longer than `maxTokens`.
 * @example
 * import { createPlan, planDigest } from 'dyetrace/distill'
 * import { formatAnswer, parseAnswers, recordedSuspect } from 'dyetrace/suspects'
 * const prompts = [[17, 4]]
 * const plan = createPlan({ suspect: 'x', access: 'text', contextWidth: 1, vocabularySize: 100, prompts, origin: 'here' })
 * const facts = { plan: planDigest(plan), access: 'text', vocabularySize: 100, prompts }
 * const { line } = formatAnswer({ prompt: 0, ids: [17, 4], completion: [3, 8] }, { prev: facts.plan, ...facts })
 * const suspect = recordedSuspect(parseAnswers(`${line}\n`, facts), { name: 'x' })
 * const [completion] = await suspect.complete([[17, 4]], { maxTokens: 10, random: () => 0 })
 * console.log(completion) // [ 3, 8 ]
 */
export function recordedSuspect(log: AnswerLog, options: { readonly name: string }): RecordedSuspect {
  assertAnswerLog(log, { name: 'log' })
  assertOptions(options, { name: 'options', keys: ['name'] })
  const { name } = options
  assertString(name, { name: 'options.name' })
  const { access, vocabularySize, answers } = log
  const byIds = new Map<string, RecordedAnswer[]>()
  for (const answer of answers) {
    const same = byIds.get(keyOf(answer.ids))
    if (same) same.push(answer)
    else byIds.set(keyOf(answer.ids), [answer])
  }

  function recordsOf(prompts: readonly TokenIds[], argument: string): RecordedAnswer[] {
    assertArray(prompts, { name: argument, expected: 'an array of arrays of token ids' })
    const used = new Map<string, number>()
    return Array.from(prompts, (ids, i) => {
      assertArray(ids, { name: `${argument}[${i}]`, expected: 'an array of token ids' })
      const key = keyOf(ids)
      const at = used.get(key) ?? 0
      used.set(key, at + 1)
      const answer = byIds.get(key)?.[at]
      if (!answer)
        throw new RangeError(
          `"${argument}[${i}]" expected a prompt that is on record, got one that was ${at === 0 ? 'never put' : `put ${at} times only`}`,
        )
      return answer
    })
  }

  return Object.freeze<RecordedSuspect>({
    name,
    vocabularySize,
    answers,
    async complete(prompts, { maxTokens, onProgress }) {
      assertInteger(maxTokens, { name: 'options.maxTokens' })
      const completions = recordsOf(prompts, 'prompts').map(({ completion }, i) => {
        if (completion === undefined)
          throw new RangeError(
            `"prompts[${i}]" expected a prompt with a completion, got one with access "${access}"`,
          )
        if (completion.length > maxTokens)
          throw new RangeError(
            `"options.maxTokens" expected at least ${completion.length}, as were recorded for prompts[${i}], got ${maxTokens}`,
          )
        return Array.from(completion)
      })
      onProgress?.(prompts.length * maxTokens, prompts.length * maxTokens)
      return completions
    },
    ...(access === 'rows' && {
      rows: async (sequences: readonly TokenIds[]) =>
        recordsOf(sequences, 'sequences').map(({ rows }) => Float32Array.from(rows!)),
    }),
    ...(access === 'top-k' && {
      lists: async (prompts: readonly TokenIds[]) =>
        recordsOf(prompts, 'prompts').map(({ positions }) => positions!),
    }),
  })
}

function keyOf(ids: TokenIds): string {
  return Array.prototype.join.call(ids, ',')
}
