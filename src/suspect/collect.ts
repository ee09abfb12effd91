/**
 * Asks a suspect the prompts of a plan, several at once if wanted, and writes each answer down as it comes. A run can be stopped at any moment, by a kill
 * too, and goes on from what was written: no answer is lost or counted twice. Before a request is sent, its intent stands in a journal; so what
 * was under way at a kill is charged to the budget, for nobody knows whether the suspect answered. An answer that does not come, or is none, is
 * tried again some times and then left out and reported; errors are never taken for answers. It knows the plan by its digest only, and no key.
 */
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertOptions,
  assertString,
  describe,
} from '../assert.ts'
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
import { formatEntry, parseJournal } from './journal.ts'
import type { ListedTokens, TornLine } from './lines.ts'
import { SuspectError } from './openai-compatible/suspect-error.ts'
import type { AskRequest } from './openai-compatible.ts'
import type { Suspect } from './suspect.ts'

/** A suspect that can be collected from: access "rows" needs `rows`, "top-k" needs `lists`, or `ask` for lists of answers. */
export interface Collectable extends Suspect {
  lists?(prompts: readonly TokenIds[]): Promise<readonly (readonly (ListedTokens | null)[])[]>
  /** One prompt, and all that is said about its answer. Used in place of `complete` where it is there. */
  ask?(
    request: AskRequest,
  ): Promise<Pick<RecordedAnswer, 'completion' | 'positions' | 'finish' | 'text' | 'request'>>
  requestDigest?(request: AskRequest): Digest
}

/** Appends to a file: writes a piece at a place that is counted in bytes, what stands there or behind it is removed first, and is done when it is on disk. */
export type WriteAt = (piece: string, at: number) => void | Promise<void>

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
   * cut off while it was written, and is to be removed first.
   */
  readonly write: WriteAt
  /** The text of journal.jsonl so far. @defaultValue '' */
  readonly journal?: string
  /**
   * Writes a line of journal.jsonl, in the same way. A request is sent when this is done, so it should be done when the line is on disk.
   * @defaultValue no journal: what was under way at a kill is not charged
   */
  readonly intend?: WriteAt
  /**
   * How answers are asked for: with access "text" always; with "top-k" where the lists are those of an answer.
   * `random` makes uniform numbers for each prompt, for suspects that draw with ours.
   */
  readonly completion?: {
    readonly maxTokens: number
    readonly random?: (prompt: number) => () => number
  }
  /** Access "top-k" with a completion: tokens asked for in each position. */
  readonly topK?: number
  /** As in the plan. Answers that were written before count, and requests whose end is not known. @defaultValue no limit */
  readonly budget?: {
    readonly answers?: number
    readonly tokens?: number
    readonly price?: {
      readonly amount: number
      readonly perMillionTokens: number
      readonly currency?: string
    }
  }
  /** What was spent elsewhere, as on a probe. @defaultValue nothing */
  readonly spent?: { readonly answers?: number; readonly tokens?: number }
  /** Requests at once. With more than one, answers stand in the order in which they came. @defaultValue 1 */
  readonly concurrency?: number
  /** Tries of one prompt: those that may have cost something count over all runs, others in this one. @defaultValue 3 */
  readonly attempts?: number
  /** Requests in a row that fail before a run ends: then it is the server. @defaultValue 10 more than are put at once */
  readonly giveUpAfter?: number
  /** Asked after each answer, in the order of the file: true ends the collection, as a stopping rule may. @defaultValue it goes on */
  readonly enough?: (answer: RecordedAnswer) => boolean | Promise<boolean>
  /** Called whenever something is sent, comes or fails. */
  readonly onProgress?: (progress: CollectProgress) => void
  /** Aborted, it sends nothing new; what is under way is waited for and written. */
  readonly signal?: AbortSignal
  /** Instant of ISO 8601, for `at` of answers and journal. @defaultValue none is written */
  readonly now?: () => string
  /** Digest of what is known of the suspect's abilities, for the answers. */
  readonly capabilities?: Digest
}

/** How far it is. Frozen. */
export interface CollectProgress {
  readonly answers: number
  readonly prompts: number
  /** Charged so far: answers, requests whose end is not known, and what was spent elsewhere. */
  readonly tokens: number
  /** The same in money, where the budget has a price. */
  readonly price?: number
  readonly inFlight: number
  /** Prompts that are given up. */
  readonly failed: number
}

/** A prompt without an answer, after all tries. */
export interface Unanswered {
  readonly prompt: number
  readonly attempts: number
  /** What went wrong at last. */
  readonly error: string
}

/** What came of it. Frozen. */
export interface Collected {
  /** All answers, those that were written before included. */
  readonly log: AnswerLog
  /**
   * complete: every prompt is answered. gaps: every prompt was put, and some are given up. budget: the next answer could have cost more than is left.
   * enough: `enough` said so. aborted: the signal. failing: one request after the other failed.
   */
  readonly ended: 'complete' | 'gaps' | 'budget' | 'enough' | 'aborted' | 'failing'
  /** Tokens of prompts and completions of all answers. */
  readonly tokens: number
  /** Requests and tokens that the budget counts: answers, requests whose end is not known, what was spent elsewhere. */
  readonly charged: { readonly answers: number; readonly tokens: number }
  readonly unanswered: readonly Unanswered[]
  /** A line of the written text that was cut off. Its prompt was put again, if the end did not come before. */
  readonly torn?: TornLine
}

/**
 * Asks for what is not yet answered, in the order of the plan. An answer that could cost more than the budget has left, with all that is under way, is
 * not asked for. A suspect that fails does not end it; what `write`, `intend` and `enough` throw does, and another call goes on from there.
 * @throws TypeError or RangeError for options that are out of range, or written text that cannot be read; whatever `write`,
 * `intend` or `enough` throws.
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
  const { plan, access, prompts, write, intend, completion, enough, onProgress, signal, now } =
    checkOptions(options)
  const {
    written = '',
    journal = '',
    budget = {},
    spent = {},
    concurrency = 1,
    attempts = 3,
    capabilities,
  } = options
  const { giveUpAfter = concurrency + 10 } = options
  const facts = { plan, access, vocabularySize: suspect.vocabularySize, prompts }
  const before = parseAnswers(written, facts)
  const past = parseJournal(journal)
  const stop = new AbortController()
  const ask = askerOf(suspect, { access, completion, topK: options.topK, signal: stop.signal })
  const stamp = () => (now ? { at: now() } : {})

  // What is on record.
  const answered = new Set(before.answers.map(({ prompt }) => prompt))
  let tokens = before.answers.reduce((sum, answer) => sum + sizeOf(answer), 0)
  const lost = lostRequests(past.tries, answered)
  const charged = {
    answers: answered.size + lost.answers + (spent.answers ?? 0),
    tokens: tokens + lost.tokens + (spent.tokens ?? 0),
  }
  const tries = new Map<number, { number: number; counted: number }>()
  for (const [prompt, own] of past.tries)
    tries.set(prompt, { number: own.attempts, counted: own.charged.length })
  const unanswered: Unanswered[] = []

  // The two files. Pieces of each are written one after the other.
  let text = written.slice(0, before.whole)
  let head = before.head
  const answerFile = appender(write, text)
  const journalFile = intend && appender(intend, past.whole)
  if (!before.ended) {
    await answerFile('\n')
    text += '\n'
  }
  if (journalFile && !past.ended) await journalFile('\n')

  const most = mostTokens(budget)
  const mostAnswers = budget.answers ?? Infinity
  const underWay = new Map<Promise<void>, number>()
  let failuresInARow = 0
  let ended: Collected['ended'] | undefined
  let broken: { readonly error: unknown } | undefined
  const waiting = Array.from(prompts.keys()).filter((prompt) => !answered.has(prompt))

  const report = (): void => {
    const { price } = budget
    onProgress?.(
      Object.freeze({
        answers: answered.size,
        prompts: prompts.length,
        tokens: charged.tokens,
        ...(price && { price: (charged.tokens * price.perMillionTokens) / 1e6 }),
        inFlight: underWay.size,
        failed: unanswered.length,
      }),
    )
  }

  const costOf = (prompt: number): number => prompts[prompt]!.length + (completion?.maxTokens ?? 0)

  const isAffordable = (prompt: number): boolean => {
    let reserved = 0
    for (const cost of underWay.values()) reserved += cost
    return charged.answers + underWay.size < mostAnswers && charged.tokens + reserved + costOf(prompt) <= most
  }

  const giveUp = (prompt: number, error: string): void => {
    unanswered.push(Object.freeze({ prompt, attempts: tries.get(prompt)?.number ?? 0, error }))
  }

  const fail = async (prompt: number, attempt: number, error: unknown): Promise<void> => {
    // Called off by ourselves: its intent stays open, which charges it.
    if (stop.signal.aborted) return
    const isCharged = !(error instanceof SuspectError) || error.charged
    const cost = isCharged ? costOf(prompt) : 0
    const words = oneLine(error)
    if (isCharged) {
      charged.answers++
      charged.tokens += cost
    }
    await journalFile?.(formatEntry({ prompt, attempt, error: words, tokens: cost, ...stamp() }))
    const own = tries.get(prompt)!
    own.counted++
    const isFinal = error instanceof SuspectError && error.kind === 'refused'
    if (isFinal || own.counted >= attempts) giveUp(prompt, words)
    else waiting.unshift(prompt)
    if (++failuresInARow >= giveUpAfter) ended ??= 'failing'
  }

  const inTurn = turns()
  const put = async (prompt: number): Promise<void> => {
    const ids = Array.from(prompts[prompt]!)
    const own = tries.get(prompt) ?? { number: 0, counted: 0 }
    tries.set(prompt, own)
    const attempt = ++own.number
    const request = ask.digestOf(ids)
    await journalFile?.(
      formatEntry({ prompt, attempt, ...(request && { request }), tokens: costOf(prompt), ...stamp() }),
    )
    if (stop.signal.aborted) return
    let answer: RecordedAnswer
    try {
      const said = await ask.put(ids, prompt)
      answer = { prompt, ids, ...said, ...stamp(), ...(capabilities && { capabilities }) }
      const length = answer.completion?.length ?? 0
      if (completion && length > completion.maxTokens)
        throw new RangeError(
          `"suspect" expected to answer in at most ${completion.maxTokens} tokens, got ${length}`,
        )
      // In its turn, for each line names the one before.
      const wrong = await inTurn(async () => {
        let formatted: ReturnType<typeof formatAnswer>
        try {
          formatted = formatAnswer(answer, { ...facts, prev: head })
        } catch (error) {
          return { error }
        }
        const line = `${formatted.line}\n`
        await orBreak(() => answerFile(line))
        text += line
        head = formatted.digest
        answered.add(prompt)
        tokens += sizeOf(answer)
        charged.answers++
        charged.tokens += sizeOf(answer)
        failuresInARow = 0
        if (ended === undefined && enough && (await orBreak(() => enough(answer)))) ended = 'enough'
        return undefined
      })
      if (wrong) throw wrong.error
    } catch (error) {
      if (broken) return
      await fail(prompt, attempt, error)
    }
  }

  /** What the caller throws ends it all. */
  const orBreak = async <T>(call: () => T | Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (error) {
      broken ??= { error }
      stop.abort()
      throw error
    }
  }

  for (;;) {
    if (signal?.aborted) ended ??= 'aborted'
    if (ended || broken) break
    const prompt = waiting[0]
    const own = prompt === undefined ? undefined : tries.get(prompt)
    if (prompt !== undefined && own && own.counted >= attempts) {
      waiting.shift()
      giveUp(prompt, past.tries.get(prompt)?.error ?? 'no answer was written before the run ended')
      continue
    }
    if (prompt !== undefined && underWay.size < concurrency && isAffordable(prompt)) {
      waiting.shift()
      const done: Promise<void> = put(prompt)
        .catch((error: unknown) => {
          broken ??= { error }
          stop.abort()
        })
        .finally(() => {
          underWay.delete(done)
          report()
        })
      underWay.set(done, costOf(prompt))
      report()
      continue
    }
    // Something under way may fail and be put again, or cost less than it could.
    if (underWay.size > 0) await Promise.race(underWay.keys())
    else if (prompt !== undefined) ended = 'budget'
    else ended = unanswered.length > 0 ? 'gaps' : 'complete'
  }
  await Promise.all(underWay.keys())
  if (broken) throw broken.error
  if (ended !== 'gaps' && answered.size === prompts.length) ended = ended === 'enough' ? ended : 'complete'
  return Object.freeze({
    log: parseAnswers(text, facts),
    ended: ended!,
    tokens,
    charged: Object.freeze(charged),
    unanswered: Object.freeze(unanswered.sort((a, b) => a.prompt - b.prompt)),
    ...(before.torn && { torn: before.torn }),
  })
}

/** Requests of earlier runs that are charged and have no answer. Of an answered prompt, the last one whose end is not written has. */
function lostRequests(
  tries: ReturnType<typeof parseJournal>['tries'],
  answered: ReadonlySet<number>,
): { answers: number; tokens: number } {
  const lost = { answers: 0, tokens: 0 }
  for (const [prompt, { charged, open }] of tries) {
    const without = answered.has(prompt) && open > 0 ? charged.slice(0, -1) : charged
    lost.answers += without.length
    for (const { tokens } of without) lost.tokens += tokens
  }
  return lost
}

/** What is paid for. */
function sizeOf({ ids, completion = [] }: RecordedAnswer): number {
  return ids.length + completion.length
}

function mostTokens({ tokens = Infinity, price }: NonNullable<CollectOptions['budget']>): number {
  return price ? Math.min(tokens, (price.amount / price.perMillionTokens) * 1e6) : tokens
}

/** Calls that wait for each other. One that fails stops no other. */
function turns(): <T>(call: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (call) => {
    const done = last.then(call)
    last = done.catch(() => {})
    return done
  }
}

/** Writes pieces behind what is there. */
function appender(write: WriteAt, there: string): (piece: string) => Promise<void> {
  const inTurn = turns()
  let at = utf8ToBytes(there).length
  return (piece) =>
    inTurn(async () => {
      await write(piece, at)
      at += utf8ToBytes(piece).length
    })
}

function oneLine(error: unknown): string {
  const words = String(error instanceof Error ? error.message : error)
  const line = words
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}]+/gu, ' ')
    .trim()
    .slice(0, 300)
    .replace(/\p{Surrogate}$/u, '')
  return line === '' ? 'an error without words' : line
}

interface Asker {
  put(
    ids: readonly number[],
    prompt: number,
  ): Promise<Pick<RecordedAnswer, 'completion' | 'positions' | 'rows' | 'finish' | 'text' | 'request'>>
  digestOf(ids: readonly number[]): Digest | undefined
}

function askerOf(
  suspect: Collectable,
  about: {
    access: AnswerAccess
    completion: CollectOptions['completion']
    topK: number | undefined
    signal: AbortSignal
  },
): Asker {
  const { access, completion, topK, signal } = about
  const digestOf = () => undefined
  if (access === 'rows') {
    const { rows } = suspect
    if (!rows) throw new TypeError('"suspect" expected rows for access "rows", got a suspect without')
    return { put: async (ids) => ({ rows: onlyOne(await rows.call(suspect, [ids])) }), digestOf }
  }
  const { ask } = suspect
  if (completion && (ask || access === 'top-k')) {
    if (!ask) throw new TypeError('"suspect" expected ask for lists of answers, got a suspect without')
    const requestOf = (ids: readonly number[]): AskRequest => ({
      ids,
      maxTokens: completion.maxTokens,
      ...(access === 'top-k' && { topK: topK! }),
    })
    return {
      async put(ids) {
        const said = await ask.call(suspect, { ...requestOf(ids), signal })
        // Field by field: an answer has more to it than its record.
        return {
          ...(said.completion && { completion: said.completion }),
          ...(access === 'top-k' && said.positions && { positions: said.positions }),
          ...(said.finish !== undefined && { finish: said.finish }),
          ...(said.text !== undefined && { text: said.text }),
          ...(said.request !== undefined && { request: said.request }),
        }
      },
      digestOf: (ids) => suspect.requestDigest?.(requestOf(ids)),
    }
  }
  if (access === 'text') {
    const { maxTokens, random } = completion!
    if (!random)
      throw new TypeError(
        '"options.completion.random" expected a function from a prompt\'s number to uniform numbers for a suspect without ask, got undefined',
      )
    return {
      put: async (ids, prompt) => ({
        completion: onlyOne(await suspect.complete([ids], { maxTokens, random: random(prompt) })),
      }),
      digestOf,
    }
  }
  const { lists } = suspect
  if (!lists) throw new TypeError('"suspect" expected lists for access "top-k", got a suspect without')
  return { put: async (ids) => ({ positions: onlyOne(await lists.call(suspect, [ids])) }), digestOf }
}

function onlyOne<T>(answers: readonly T[]): T {
  if (answers.length !== 1)
    throw new RangeError(`"suspect" expected to give one answer for one prompt, got ${answers.length}`)
  return answers[0]!
}

const OPTION_KEYS = [
  'plan',
  'access',
  'prompts',
  'written',
  'write',
  'journal',
  'intend',
  'completion',
  'topK',
  'budget',
  'spent',
  'concurrency',
  'attempts',
  'giveUpAfter',
  'enough',
  'onProgress',
  'signal',
  'now',
  'capabilities',
] as const

function checkOptions(options: CollectOptions): CollectOptions {
  assertOptions(options, { name: 'options', keys: OPTION_KEYS })
  const { access, prompts, write, completion, topK, budget, spent, capabilities } = options
  assertOneOf(access, { name: 'options.access', values: ['text', 'top-k', 'rows'] })
  assertArray(prompts, { name: 'options.prompts', expected: 'an array of token id arrays' })
  if (typeof write !== 'function')
    throw new TypeError(`"options.write" expected a function that writes a line, got ${describe(write)}`)
  for (const name of ['enough', 'intend', 'onProgress', 'now'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw new TypeError(`"options.${name}" expected a function, got ${describe(options[name])}`)
  }
  for (const name of ['concurrency', 'attempts', 'giveUpAfter'] as const) {
    if (options[name] !== undefined) assertInteger(options[name], { name: `options.${name}`, min: 1 })
  }
  const hasCompletion = completion !== undefined
  if (access === 'text' ? !hasCompletion : access === 'rows' && hasCompletion)
    throw new RangeError(
      `"options.completion" expected ${access === 'text' ? 'how to sample' : 'none'} with access "${access}", got ${describe(completion)}`,
    )
  if (completion !== undefined) {
    assertOptions(completion, { name: 'options.completion', keys: ['maxTokens', 'random'] })
    assertInteger(completion.maxTokens, { name: 'options.completion.maxTokens', min: 1 })
    if (completion.random !== undefined && typeof completion.random !== 'function')
      throw new TypeError(
        `"options.completion.random" expected a function from a prompt's number to uniform numbers, got ${describe(completion.random)}`,
      )
  }
  const needsTopK = access === 'top-k' && hasCompletion
  if (needsTopK !== (topK !== undefined))
    throw new RangeError(
      `"options.topK" expected ${needsTopK ? 'a number of tokens' : 'none where no answers with lists are asked for'}, got ${describe(topK)}`,
    )
  if (topK !== undefined) assertInteger(topK, { name: 'options.topK', min: 1, max: 100 })
  if (capabilities !== undefined)
    assertString(capabilities, {
      name: 'options.capabilities',
      expected: 'a digest "sha256:" + 64 hex digits',
      pattern: /^sha256:[0-9a-f]{64}$/,
    })
  if (spent !== undefined) {
    assertOptions(spent, { name: 'options.spent', keys: ['answers', 'tokens'] })
    for (const [part, value] of Object.entries(spent)) assertInteger(value, { name: `options.spent.${part}` })
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
