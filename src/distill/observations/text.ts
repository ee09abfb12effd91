/** Observations of sampled text. */
import { assertArray, assertInteger, assertRecord } from '../../assert.ts'
import type { Context } from '../../context.ts'
import { assertTokenIds } from '../../tokens.ts'
import { type Law, readLaws, type TextLaws } from './laws.ts'
import { MOST_TOKENS } from './likeliest.ts'
import { type Answer, mint, type Observation, type Observations } from './observed.ts'
import { assertRows } from './rows.ts'
import { checkOptions, gatherObservations, type ObservationOptions } from './windows.ts'

/** Options of {@link textObservations}. */
export interface TextOptions extends ObservationOptions {
  /** What follows this id in a completion is not looked at. @defaultValue none */
  readonly endOfText?: number
  /**
   * For each reference what it says, one element an answer: about each token of the completion, in its place. `completionRows` cuts them out of
   * rows over prompt and completion. @defaultValue none
   */
  readonly references?: readonly (readonly TextLaws[])[]
  /**
   * For each answer the positions of its completion that do not survive as text (`retokenise(completion, tokenizer).skip`): they, and
   * positions whose window holds one, are not looked at. @defaultValue none
   */
  readonly skip?: readonly (readonly number[])[]
}

/**
 * Observations of sampled text: each generated token after its window, with weight 1. With references, the tokens that these hold likely are
 * scored too, with weight 0: each that they give more than 1/100 on average, so 99 at most.
 *
 * _Why a reference may choose tokens here, and may not for probabilities._ A token that was not sampled has the coefficient
 * -beta r <= 0: choosing green ones costs the accuser. In full: let r lean to the key-blind numbers q (observed.ts), and let A score, with q
 * in place of r, the sampled token and all with q(v) > 1/100.
 * - A green token with q > 1/100 has r >= q, so it is scored here too, and -beta r <= -beta q.
 * - A green token with q <= 1/100 has A = 0, unless it was sampled, and what it gets here is at most 0.
 * - Another token with q <= 1/100 has r <= q, so it is scored in neither.
 * - Another token with q > 1/100 gets 0 or -beta r here, both at least -beta q.
 * - The sampled token is scored in both, with 1 - beta r and 1 - beta q.
 *
 * So every coefficient is on the safe side of A, and with averages of several references as well. It is a threshold and not "the likeliest hundred",
 * because then each token is judged by itself and green ones cannot push each other out. A list names the likeliest only; what it leaves out is 0,
 * which keeps this order (see {@link topKObservations}).
 *
 * @param answers in the order asked.
 * @throws TypeError or RangeError for ids outside the vocabulary, or references of another shape.
 * @example
 * import { textObservations } from 'dyetrace/distill'
 * const answers = [{ prompt: [1, 2], completion: [3, 1, 2, 4] }]
 * const { list, repeatedWindow } = textObservations(answers, { contextWidth: 1, vocabularySize: 8 })
 * console.log(list.length, repeatedWindow) // 2 2
 */
export function textObservations(answers: readonly Answer[], options: TextOptions): Observations {
  assertArray(answers, { name: 'answers', expected: 'an array of { prompt, completion }' })
  const checked = checkOptions(options, { own: ['endOfText', 'references', 'skip'] })
  const { contextWidth, vocabularySize, endOfText, references = [], skip } = checked
  if (endOfText !== undefined)
    assertInteger(endOfText, { name: 'options.endOfText', max: vocabularySize - 1 })
  assertArray(references, { name: 'options.references', expected: 'an array, one element a reference' })
  for (const [r, model] of references.entries()) assertOnePerAnswer(model, `options.references[${r}]`)
  if (skip !== undefined) assertOnePerAnswer(skip, 'options.skip')

  const gathered = gatherObservations(checked)
  for (const [a, answer] of answers.entries()) {
    assertRecord(answer, { name: `answers[${a}]` })
    const { prompt, completion } = answer
    assertTokenIds(prompt, { name: `answers[${a}].prompt`, vocabularySize })
    assertTokenIds(completion, { name: `answers[${a}].completion`, vocabularySize })
    const laws = references.map((model, r) => {
      const name = `options.references[${r}][${a}]`
      return readLaws(model[a], { name, lengths: [completion.length], vocabularySize })
    })
    const end = endOfText === undefined ? -1 : Array.prototype.indexOf.call(completion, endOfText)
    const length = end === -1 ? completion.length : end + 1
    const lost = lostPositions(skip?.[a] ?? [], { name: `options.skip[${a}]`, length: completion.length })
    const ids = [...prompt, ...completion]
    const look = gathered.read(ids, { promptLength: prompt.length })
    for (let j = 0; j < length; j++) {
      let aligned = true
      for (let back = 0; back <= contextWidth; back++) if (lost.has(j - back)) aligned = false
      const observe = (window: Context): Observation =>
        observeToken(
          completion[j]!,
          window,
          laws.map((law) => law(j)),
        )
      look(prompt.length + j, observe, { aligned })
    }
  }
  return mint({ access: 'text', ...gathered.report(), references: references.length }, gathered.burns)

  function assertOnePerAnswer(list: unknown, name: string): void {
    assertArray(list, { name, expected: 'an array, one element an answer' })
    const { length } = list as readonly unknown[]
    if (length !== answers.length)
      throw new RangeError(`"${name}" expected ${answers.length} elements, one an answer, got ${length}`)
  }
}

/** A token is scored beside the sampled one if the references give it more than this on average: fewer than a hundred can be. */
const LIKELY = 1 / MOST_TOKENS

function observeToken(sampled: number, window: Context, laws: readonly Law[]): Observation {
  if (laws.length === 0) return { window, tokens: [sampled], weights: [1], references: [] }
  const scored = new Set([sampled])
  // What is above the threshold on average is above it with one of them.
  for (const token of laws.flatMap((law) => law.above(LIKELY))) {
    const total = laws.reduce((sum, law) => sum + (law.of(token) ?? 0), 0)
    if (total > LIKELY * laws.length) scored.add(token)
  }
  const tokens = Uint32Array.from(scored).sort()
  return {
    window,
    tokens,
    weights: Float64Array.from(tokens, (token) => (token === sampled ? 1 : 0)),
    references: laws.map((law) => Float64Array.from(tokens, (token) => law.of(token) ?? 0)),
  }
}

function lostPositions(
  positions: readonly number[],
  { name, length }: { name: string; length: number },
): Set<number> {
  assertArray(positions, { name, expected: 'an array of positions' })
  for (const [i, position] of positions.entries())
    assertInteger(position, { name: `${name}[${i}]`, max: length - 1 })
  return new Set(positions)
}

/**
 * Cuts rows over prompt and completion, as `Suspect.rows` gives them, into what a reference says about each token of the completion.
 * @param rows one array an answer: (ids of prompt and completion) times `vocabularySize` probabilities.
 * @returns for each answer one row for each token of its completion; null for the first one after an empty prompt, of which no row speaks.
 * @throws TypeError or RangeError for rows of another shape.
 * @example
 * import { completionRows } from 'dyetrace/distill'
 * const rows = [Float32Array.of(0.9, 0.1, 0.2, 0.8, 0.5, 0.5)]
 * const [laws] = completionRows([{ prompt: [0, 1], completion: [1] }], rows, { vocabularySize: 2 })
 * console.log(laws.length, laws[0].length) // 1 2
 */
export function completionRows(
  answers: readonly Answer[],
  rows: readonly Float32Array[],
  { vocabularySize }: { vocabularySize: number },
): (Float32Array | null)[][] {
  assertArray(answers, { name: 'answers', expected: 'an array of { prompt, completion }' })
  assertInteger(vocabularySize, { name: 'vocabularySize', min: 2 })
  assertArray(rows, { name: 'rows', expected: 'an array of Float32Array, one an answer' })
  if (rows.length !== answers.length)
    throw new RangeError(`"rows" expected rows for ${answers.length} answers, got ${rows.length}`)
  return answers.map(({ prompt, completion }, a) => {
    const values = (prompt.length + completion.length) * vocabularySize
    assertRows(rows[a], { name: `rows[${a}]`, values })
    return Array.from(completion, (_, j) => {
      const before = prompt.length + j - 1
      return before < 0 ? null : rows[a]!.subarray(before * vocabularySize, (before + 1) * vocabularySize)
    })
  })
}
