/**
 * Asks a reference about every answer that was collected, and writes lines of references.jsonl (docs/case-files.md). A reference is a model that nobody suspects,
 * so there is no budget and no journal; a run that was stopped goes on from what was written.
 */
import PQueue from 'p-queue'
import { assertInteger, assertOptions, assertString, describe } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { type AnswerLog, assertAnswerLog, formatReference, type RecordedAnswer } from './answers.ts'
import type { Collectable, Unanswered, WriteAt } from './collect.ts'
import { fieldsOf, type ListedTokens, readJsonLines } from './lines.ts'

/** What {@link collectReferences} needs to know. */
export interface CollectReferencesOptions {
  /** Its name in the plan. @defaultValue the suspect's */
  readonly reference?: string
  /** The answers that it is asked about. */
  readonly log: AnswerLog
  /** The text of references.jsonl so far, with the lines of other references. @defaultValue '' */
  readonly written?: string
  /** As for answers: a piece, and the byte of references.jsonl at which it begins. */
  readonly write: WriteAt
  /** So many of the likeliest tokens are written down, where the reference has rows. @defaultValue whole rows */
  readonly topK?: number
  /** @defaultValue 1 */
  readonly concurrency?: number
  /** Tries of one answer in one run. @defaultValue 3 */
  readonly attempts?: number
  readonly onProgress?: (progress: {
    readonly answers: number
    readonly of: number
    readonly failed: number
  }) => void
  readonly signal?: AbortSignal
}

/** What came of it. Frozen. */
export interface CollectedReferences {
  readonly ended: 'complete' | 'gaps' | 'aborted'
  /** The text of references.jsonl now. */
  readonly written: string
  readonly unanswered: readonly Unanswered[]
}

/**
 * Asks for what is not yet written: `rows` where the reference has them, otherwise `lists`.
 * @throws TypeError or RangeError for a suspect with neither, for options out of range, and for text that is not of these answers; whatever
 * `write` throws.
 * @example
 * import { createPlan, planDigest } from 'dyetrace/distill'
 * import { collectReferences, formatAnswer, parseAnswers } from 'dyetrace/suspects'
 * const prompts = [[17, 4]]
 * const plan = createPlan({ suspect: 'x', access: 'text', contextWidth: 1, vocabularySize: 100, prompts, origin: 'here' })
 * const facts = { plan: planDigest(plan), access: 'text', vocabularySize: 100, prompts }
 * const { line } = formatAnswer({ prompt: 0, ids: [17, 4], completion: [3] }, { prev: facts.plan, ...facts })
 * const own = { name: 'base', vocabularySize: 100, lists: async (asked) => asked.map((ids) => ids.slice(1).map((id) => [[id, -0.5]])) }
 * const { written } = await collectReferences(own, { log: parseAnswers(line, facts), write: () => {} })
 * console.log(written.trimEnd()) // {"ids":[17,4,3],"positions":[[[3,-0.5]]],"prompt":0,"reference":"base"}
 */
export async function collectReferences(
  suspect: Pick<Collectable, 'name' | 'vocabularySize' | 'rows' | 'lists'>,
  options: CollectReferencesOptions,
): Promise<CollectedReferences> {
  assertOptions(options, {
    name: 'options',
    keys: ['reference', 'log', 'written', 'write', 'topK', 'concurrency', 'attempts', 'onProgress', 'signal'],
  })
  const {
    reference = suspect.name,
    log,
    written = '',
    write,
    topK,
    concurrency = 1,
    attempts = 3,
    signal,
  } = options
  assertString(reference, { name: 'options.reference' })
  assertAnswerLog(log, { name: 'options.log' })
  if (typeof write !== 'function')
    throw new TypeError(`"options.write" expected a function that writes a line, got ${describe(write)}`)
  if (topK !== undefined) assertInteger(topK, { name: 'options.topK', min: 1 })
  assertInteger(concurrency, { name: 'options.concurrency', min: 1, max: 1000 })
  assertInteger(attempts, { name: 'options.attempts', min: 1 })
  if (suspect.vocabularySize !== log.vocabularySize)
    throw new RangeError(
      `"suspect" expected a vocabulary of ${log.vocabularySize} as the answers have, got ${suspect.vocabularySize}`,
    )
  const ask = askerOf(suspect, { topK })
  const { known, whole } = readKnown(written, { reference, log })
  let text = whole
  let at = utf8ToBytes(text).length
  let last: Promise<void> = Promise.resolve()
  const append = (piece: string): Promise<void> => {
    last = last.then(async () => {
      await write(piece, at)
      text += piece
      at += utf8ToBytes(piece).length
    })
    return last
  }
  if (text !== '' && !text.endsWith('\n')) await append('\n')

  const unanswered: Unanswered[] = []
  const missing = log.answers.filter(({ prompt }) => !known.has(prompt))
  let done = log.answers.length - missing.length
  let broken: { readonly error: unknown } | undefined
  const report = () =>
    options.onProgress?.({ answers: done, of: log.answers.length, failed: unanswered.length })
  const one = async (answer: RecordedAnswer): Promise<void> => {
    if (signal?.aborted || broken) return
    let line: string | undefined
    let words = ''
    for (let i = 0; i < attempts && line === undefined && !signal?.aborted; i++) {
      try {
        line = await ask(answer, reference)
      } catch (error) {
        words = error instanceof Error ? error.message : String(error)
      }
    }
    if (line !== undefined) {
      await append(`${line}\n`).catch((error: unknown) => {
        broken ??= { error }
      })
      done++
    } else unanswered.push(Object.freeze({ prompt: answer.prompt, attempts, error: words }))
    report()
  }
  report()
  const queue = new PQueue({ concurrency })
  await queue.addAll(missing.map((answer) => () => one(answer)))
  if (broken) throw broken.error
  const isWhole = done === log.answers.length
  return Object.freeze({
    ended: isWhole ? 'complete' : signal?.aborted ? 'aborted' : 'gaps',
    written: text,
    unanswered: Object.freeze(unanswered.sort((a, b) => a.prompt - b.prompt)),
  })
}

/** Prompts that this reference spoke of, and the text up to the last whole line. */
function readKnown(
  written: string,
  { reference, log }: { reference: string; log: AnswerLog },
): { known: ReadonlySet<number>; whole: string } {
  const byPrompt = new Map(log.answers.map((answer) => [answer.prompt, answer]))
  const known = new Set<number>()
  const { lines, torn } = readJsonLines(written, { file: 'references.jsonl' })
  for (const line of lines) {
    const fields = fieldsOf(line, ['reference', 'prompt', 'ids', 'positions', 'rows'])
    if (fields.reference !== reference) continue
    const answer = byPrompt.get(fields.prompt as number)
    const isOf = answer && JSON.stringify(fields.ids) === JSON.stringify(sequenceOf(answer))
    if (!isOf)
      throw new RangeError(
        `"${line.name}" expected a line about one of the answers, got one about something else`,
      )
    known.add(answer.prompt)
  }
  return { known, whole: written.slice(0, written.length - (torn?.text.length ?? 0)) }
}

function sequenceOf({ ids, completion = [] }: RecordedAnswer): number[] {
  return [...ids, ...completion]
}

/** A line about one answer. */
function askerOf(
  { rows, lists, vocabularySize }: Pick<Collectable, 'vocabularySize' | 'rows' | 'lists'>,
  { topK }: { topK: number | undefined },
): (answer: RecordedAnswer, reference: string) => Promise<string> {
  if (!rows && !lists)
    throw new TypeError('"suspect" expected rows or lists of a reference, got a suspect with neither')
  return async (answer, reference) => {
    const ids = sequenceOf(answer)
    // Positions of the completion, or after each id of the prompt.
    const first = answer.completion ? answer.ids.length - 1 : 0
    const count = answer.completion?.length ?? ids.length
    if (answer.completion && answer.ids.length === 0 && count > 0)
      throw new RangeError('"prompt" expected at least one id before a completion, got none')
    const about = { reference, prompt: answer.prompt, ids }
    if (rows) {
      const all = count === 0 ? new Float32Array(0) : (await rows([ids]))[0]!
      const own = all.subarray(first * vocabularySize, (first + count) * vocabularySize)
      if (own.length !== count * vocabularySize)
        throw new RangeError(
          `"suspect" expected to give ${ids.length} rows, got ${all.length / vocabularySize}`,
        )
      if (topK === undefined) return formatReference({ ...about, rows: own })
      const positions = Array.from({ length: count }, (_, i) =>
        likeliest(own.subarray(i * vocabularySize, (i + 1) * vocabularySize), topK),
      )
      return formatReference({ ...about, positions })
    }
    const said = count === 0 ? [] : (await lists!([ids]))[0]!
    const positions = answer.completion ? said.slice(first, first + count) : said
    if (answer.completion && positions.length !== count)
      throw new RangeError(`"suspect" expected to give ${ids.length - 1} lists, got ${said.length}`)
    return formatReference({ ...about, positions })
  }
}

function likeliest(row: Float32Array, most: number): ListedTokens {
  return Array.from(row, (p, token) => [token, Math.log(p)] as const)
    .filter(([, ln]) => Number.isFinite(ln))
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, most)
}
