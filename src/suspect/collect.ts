/**
 * Asks a suspect the prompts of a plan, one after the other, and writes each answer down before the next question. So it can be stopped at any
 * moment and goes on from what was written: nothing is asked twice, nothing is lost, and with randomness by prompt the answers are those of a
 * run that was never stopped. It knows the plan by its digest only, and no key.
 */
import { assertArray, assertInteger, assertNumber, assertOneOf, assertOptions, describe } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import type { Digest } from '../digest.ts'
import type { TokenIds } from '../tokens.ts'
import {
  type AnswerAccess,
  type AnswerLog,
  formatAnswer,
  parseAnswers,
  type RecordedAnswer,
} from './answers.ts'
import type { ListedTokens, TornLine } from './lines.ts'
import type { Suspect } from './suspect.ts'

/** A suspect that can be collected from: access "rows" needs `rows`, "top-k" needs `lists`. */
export interface Collectable extends Suspect {
  lists?(prompts: readonly TokenIds[]): Promise<readonly (readonly (ListedTokens | null)[])[]>
}

/** What {@link collect} needs to know. */
export interface CollectOptions {
  /** Digest of the plan. */
  readonly plan: Digest
  readonly access: AnswerAccess
  /** The prompts of the plan, in order. */
  readonly prompts: readonly TokenIds[]
  /** The text of answers.jsonl so far. @defaultValue '' */
  readonly written?: string
  /**
   * Writes a line, its line feed included (or a line feed that was missing), at a place in answers.jsonl that is counted in bytes. Anything that stands there or behind it was
   * cut off while it was written, and is to be removed first. The next prompt is put when this is done.
   */
  readonly write: (line: string, at: number) => void | Promise<void>
  /** Access "text": how answers are asked for. Each prompt has uniform numbers of its own. */
  readonly completion?: {
    readonly maxTokens: number
    readonly random: (prompt: number) => () => number
  }
  /** As in the plan. Answers that were written before count. @defaultValue no limit */
  readonly budget?: {
    readonly answers?: number
    readonly tokens?: number
    readonly price?: {
      readonly amount: number
      readonly perMillionTokens: number
      readonly currency?: string
    }
  }
  /** Asked after each answer: true ends the collection, as a stopping rule may. @defaultValue it goes on */
  readonly enough?: (answer: RecordedAnswer) => boolean | Promise<boolean>
}

/** What came of it. Frozen. */
export interface Collected {
  /** All answers, those that were written before included. */
  readonly log: AnswerLog
  /** complete: every prompt is answered. budget: the next answer could have cost more than is left. enough: `enough` said so. */
  readonly ended: 'complete' | 'budget' | 'enough'
  /** Tokens of prompts and completions. */
  readonly tokens: number
  /** A line of the written text that was cut off. Its prompt was put again, if the end did not come before. */
  readonly torn?: TornLine
}

/**
 * Asks for what is not yet answered. Prompts are put in the order of the plan. An answer that could cost more than the budget has left is
 * not asked for. An error of the suspect ends it; what was written stays, and another call goes on from there.
 * @throws TypeError or RangeError for options that are out of range, or a written text that `parseAnswers` refuses; whatever the suspect or
 * `write` throws.
 * @example
 * import { createPlan, planDigest } from 'dyetrace/distill'
 * import { collect } from 'dyetrace/suspects'
 * const prompts = [[17, 4], [99]]
 * const plan = createPlan({ suspect: 'x', access: 'text', contextWidth: 1, vocabularySize: 100, prompts, origin: 'here' })
 * const suspect = { name: 'x', vocabularySize: 100, complete: async (asked) => asked.map(() => [3]) }
 * const lines = []
 * const { ended, tokens } = await collect(suspect, {
 *   plan: planDigest(plan), access: 'text', prompts, written: '',
 *   write: (line) => { lines.push(line) },
 *   completion: { maxTokens: 1, random: () => Math.random },
 * })
 * console.log(ended, tokens, lines.length) // complete 5 2
 */
export async function collect(suspect: Collectable, options: CollectOptions): Promise<Collected> {
  const {
    plan,
    access,
    prompts,
    written = '',
    write,
    completion,
    budget = {},
    enough,
  } = checkOptions(options)
  const ask = askerOf(suspect, { access, completion })
  const facts = { plan, access, vocabularySize: suspect.vocabularySize, prompts }
  const before = parseAnswers(written, facts)
  const answered = new Set(before.answers.map(({ prompt }) => prompt))
  let tokens = before.answers.reduce((sum, answer) => sum + sizeOf(answer), 0)
  let text = written.slice(0, before.whole)
  let at = utf8ToBytes(text).length
  let head = before.head
  const most = mostTokens(budget)

  const finish = (ended: Collected['ended']): Collected =>
    Object.freeze({
      log: parseAnswers(text, facts),
      ended,
      tokens,
      ...(before.torn && { torn: before.torn }),
    })

  const append = async (piece: string): Promise<void> => {
    await write(piece, at)
    text += piece
    at += utf8ToBytes(piece).length
  }

  // A last line may be whole and lack its line feed only.
  if (!before.ended) await append('\n')
  for (const [prompt, put] of prompts.entries()) {
    if (answered.has(prompt)) continue
    const ids = Array.from(put)
    if (answered.size >= (budget.answers ?? Infinity)) return finish('budget')
    if (tokens + ids.length + (completion?.maxTokens ?? 0) > most) return finish('budget')
    const answer: RecordedAnswer = { prompt, ids, ...(await ask(ids, prompt)) }
    const { line, digest } = formatAnswer(answer, { ...facts, prev: head })
    await append(`${line}\n`)
    head = digest
    tokens += sizeOf(answer)
    answered.add(prompt)
    if (await enough?.(answer)) return finish('enough')
  }
  return finish('complete')
}

/** What is paid for. */
function sizeOf({ ids, completion = [] }: RecordedAnswer): number {
  return ids.length + completion.length
}

function mostTokens({ tokens = Infinity, price }: NonNullable<CollectOptions['budget']>): number {
  return price ? Math.min(tokens, (price.amount / price.perMillionTokens) * 1e6) : tokens
}

type Ask = (
  ids: readonly number[],
  prompt: number,
) => Promise<Pick<RecordedAnswer, 'completion' | 'positions' | 'rows'>>

function askerOf(
  suspect: Collectable,
  { access, completion }: { access: AnswerAccess; completion: CollectOptions['completion'] | undefined },
): Ask {
  if (access === 'text') {
    const { maxTokens, random } = completion!
    return async (ids, prompt) => ({
      completion: onlyOne(await suspect.complete([ids], { maxTokens, random: random(prompt) })),
    })
  }
  if (access === 'rows') {
    const { rows } = suspect
    if (!rows) throw new TypeError('"suspect" expected rows for access "rows", got a suspect without')
    return async (ids) => ({ rows: onlyOne(await rows.call(suspect, [ids])) })
  }
  const { lists } = suspect
  if (!lists) throw new TypeError('"suspect" expected lists for access "top-k", got a suspect without')
  return async (ids) => ({ positions: onlyOne(await lists.call(suspect, [ids])) })
}

function onlyOne<T>(answers: readonly T[]): T {
  if (answers.length !== 1)
    throw new RangeError(`"suspect" expected to give one answer for one prompt, got ${answers.length}`)
  return answers[0]!
}

function checkOptions(options: CollectOptions): CollectOptions {
  assertOptions(options, {
    name: 'options',
    keys: ['plan', 'access', 'prompts', 'written', 'write', 'completion', 'budget', 'enough'],
  })
  const { access, prompts, write, completion, budget, enough } = options
  assertOneOf(access, { name: 'options.access', values: ['text', 'top-k', 'rows'] })
  assertArray(prompts, { name: 'options.prompts', expected: 'an array of token id arrays' })
  if (typeof write !== 'function')
    throw new TypeError(`"options.write" expected a function that writes a line, got ${describe(write)}`)
  if (enough !== undefined && typeof enough !== 'function')
    throw new TypeError(`"options.enough" expected a function, got ${describe(enough)}`)
  if ((access === 'text') !== (completion !== undefined))
    throw new RangeError(
      `"options.completion" expected ${access === 'text' ? 'how to sample' : 'none'} with access "${access}", got ${describe(completion)}`,
    )
  if (completion !== undefined) {
    assertOptions(completion, { name: 'options.completion', keys: ['maxTokens', 'random'] })
    assertInteger(completion.maxTokens, { name: 'options.completion.maxTokens', min: 1 })
    if (typeof completion.random !== 'function')
      throw new TypeError(
        `"options.completion.random" expected a function from a prompt's number to uniform numbers, got ${describe(completion.random)}`,
      )
  }
  if (budget !== undefined) {
    assertOptions(budget, { name: 'options.budget', keys: ['answers', 'tokens', 'price'] })
    const { answers, tokens, price } = budget
    if (answers !== undefined) assertInteger(answers, { name: 'options.budget.answers', min: 1 })
    if (tokens !== undefined) assertInteger(tokens, { name: 'options.budget.tokens', min: 1 })
    if (price !== undefined) {
      assertOptions(price, { name: 'options.budget.price' })
      for (const part of ['amount', 'perMillionTokens'] as const)
        assertNumber(price[part], {
          name: `options.budget.price.${part}`,
          expected: 'a number above 0',
          holds: (x) => x > 0,
        })
    }
  }
  return options
}
