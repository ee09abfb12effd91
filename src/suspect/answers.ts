/**
 * What was asked and what came back, as lines of text: prompts.jsonl, answers.jsonl and references.jsonl of a case (docs/case-files.md).
 * Answers are a chain: each line holds the digest of the line before, the first one that of the plan, so a line that was changed, removed,
 * moved or put in shows. Everything here works on strings; who reads and writes files is the caller.
 */
import { assertArray, assertInteger, assertOneOf, assertOptions, assertString } from '../assert.ts'
import { canonicalJson, type Digest } from '../digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import {
  decodeRows,
  encodeRows,
  fieldsOf,
  type JsonLine,
  type ListedTokens,
  lineDigest,
  readJsonLines,
  readPositions,
  readWholeJsonLines,
  type TornLine,
} from './lines.ts'

/** What the suspect gives, as the plan says. */
export type AnswerAccess = 'text' | 'top-k' | 'rows'

/** One answer. Which of completion, positions and rows it has follows from the access. Frozen when it was read. */
export interface RecordedAnswer {
  /** Which prompt was put: its place in prompts.jsonl, from 0. Where prompts are chosen on the way, the number of answers before. */
  readonly prompt: number
  /** The ids that were put. */
  readonly ids: readonly number[]
  /** Sampled ids: with access "text", and with "top-k" where the lists are those of an answer. */
  readonly completion?: readonly number[]
  /**
   * Access "top-k": the likeliest tokens in each position. One list a token of the completion; without one, element i is about what follows
   * `ids[0..i]`, and the last one may be left out.
   */
  readonly positions?: readonly (ListedTokens | null)[]
  /** Access "rows": next-token probabilities after each id, `ids.length` times the vocabulary. */
  readonly rows?: Float32Array
  /** Why the answer ended, in the suspect's word. */
  readonly finish?: string
  /** The answer as the suspect's text. */
  readonly text?: string
  /** Digest of the request's body as it was sent. */
  readonly request?: Digest
  /** When it came: an instant of ISO 8601 in UTC. */
  readonly at?: string
  /** Digest of the canonical JSON of what was known of the suspect's abilities. */
  readonly capabilities?: Digest
}

/** Answers that were read. Made by {@link parseAnswers} only. Frozen. */
export interface AnswerLog {
  readonly access: AnswerAccess
  readonly vocabularySize: number
  /** In the order asked. */
  readonly answers: readonly RecordedAnswer[]
  /** Digest of the last whole line, or of the plan where there is none: what the next line begins with. */
  readonly head: Digest
  /** Length of the text up to and with the last whole line: what is behind it is torn, and goes before anything is appended. */
  readonly whole: number
  /** False where the last whole line lacks its line feed. */
  readonly ended: boolean
  /** A last line that was cut off while it was written. It is left out: its prompt was not answered. */
  readonly torn?: TornLine
}

/** What has to be known to read answers. */
export interface AnswerFacts {
  /** Digest of the plan: of the bytes of plan.json. */
  readonly plan: Digest
  readonly access: AnswerAccess
  readonly vocabularySize: number
  /** The prompts of the plan, in order; undefined where they are chosen on the way. */
  readonly prompts: readonly TokenIds[] | undefined
}

const DIGEST = { expected: 'a digest "sha256:" + 64 hex digits', pattern: /^sha256:[0-9a-f]{64}$/ }
const INSTANT = {
  expected: 'an instant as in "2026-07-01T12:00:00.000Z"',
  pattern: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z$/,
}
const ANSWER_KEYS = [
  'prev',
  'prompt',
  'ids',
  'completion',
  'positions',
  'rows',
  'finish',
  'text',
  'request',
  'at',
  'capabilities',
] as const

/**
 * Prompts as the text of prompts.jsonl.
 * @example
 * import { formatPrompts } from 'dyetrace/suspects'
 * console.log(formatPrompts([[17, 4]]).trimEnd()) // {"ids":[17,4]}
 */
export function formatPrompts(prompts: readonly TokenIds[]): string {
  assertArray(prompts, { name: 'prompts', expected: 'an array of token id arrays' })
  return prompts
    .map((ids, i) => {
      assertTokenIds(ids, { name: `prompts[${i}]`, vocabularySize: Number.MAX_SAFE_INTEGER })
      return `${canonicalJson({ ids: Array.from(ids) })}\n`
    })
    .join('')
}

/**
 * Reads prompts.jsonl. `promptsDigest` of the result is the plan's, or these are not its prompts.
 * @throws TypeError or RangeError that names the line.
 * @example
 * import { parsePrompts } from 'dyetrace/suspects'
 * parsePrompts('{"ids":[17,4]}\n{"ids":[99]}\n', { vocabularySize: 100 }) // [ [ 17, 4 ], [ 99 ] ]
 */
export function parsePrompts(
  text: string,
  { vocabularySize }: { readonly vocabularySize: number },
): readonly (readonly number[])[] {
  assertInteger(vocabularySize, { name: 'vocabularySize', min: 2 })
  const lines = readWholeJsonLines(text, { file: 'prompts.jsonl' })
  return Object.freeze(
    lines.map((line) => readIds(fieldsOf(line, ['ids']).ids, { name: `${line.name}.ids`, vocabularySize })),
  )
}

/**
 * One answer as a line of answers.jsonl, without the line feed that ends it.
 * @param prev digest of the line before, or of the plan: `head` of the log so far.
 * @returns the line, and its digest: `prev` of the next one.
 * @throws TypeError or RangeError for an answer that `parseAnswers` would refuse.
 * @example
 * import { createPlan, planDigest } from 'dyetrace/distill'
 * import { formatAnswer } from 'dyetrace/suspects'
 * const prompts = [[17, 4]]
 * const plan = createPlan({ suspect: 'x', access: 'text', contextWidth: 1, vocabularySize: 100, prompts, origin: 'here' })
 * const facts = { access: 'text', vocabularySize: 100 }
 * const { line } = formatAnswer({ prompt: 0, ids: [17, 4], completion: [3] }, { prev: planDigest(plan), ...facts })
 * console.log(Object.keys(JSON.parse(line)).join()) // completion,ids,prev,prompt
 */
export function formatAnswer(
  answer: RecordedAnswer,
  about: { readonly prev: Digest; readonly access: AnswerAccess; readonly vocabularySize: number },
): { readonly line: string; readonly digest: Digest } {
  assertOptions(answer, {
    name: 'answer',
    keys: ANSWER_KEYS.slice(1),
  })
  const { prev } = about
  assertString(prev, { name: 'prev', ...DIGEST })
  const { rows, ids, completion, ...rest } = answer
  const line = canonicalJson({
    ...rest,
    prev,
    ids: plain(ids),
    ...(completion !== undefined && { completion: plain(completion) }),
    ...(rows !== undefined && { rows: encodeRows(rows) }),
  })
  // What is written can be read: the one check there is.
  readAnswer({ number: 1, text: line, value: JSON.parse(line), name: 'answer' }, about)
  return { line, digest: lineDigest(line) }
}

/**
 * Reads answers.jsonl. A last line that was cut off is left out and reported; for anything else that is wrong no answers are given at all.
 * @throws TypeError or RangeError that names the line: it is no JSON, has other fields, breaks the chain, answers another prompt than it
 * says, or one that was answered before.
 * @example
 * import { createPlan, planDigest } from 'dyetrace/distill'
 * import { formatAnswer, parseAnswers } from 'dyetrace/suspects'
 * const prompts = [[17, 4]]
 * const plan = createPlan({ suspect: 'x', access: 'text', contextWidth: 1, vocabularySize: 100, prompts, origin: 'here' })
 * const facts = { plan: planDigest(plan), access: 'text', vocabularySize: 100, prompts }
 * const { line } = formatAnswer({ prompt: 0, ids: [17, 4], completion: [3] }, { prev: facts.plan, ...facts })
 * const { answers, torn } = parseAnswers(`${line}\n{"prev":"sha2`, facts)
 * console.log(answers.length, torn.line) // 1 2
 */
export function parseAnswers(text: string, facts: AnswerFacts): AnswerLog {
  assertOptions(facts, { name: 'facts', keys: ['plan', 'access', 'vocabularySize', 'prompts'] })
  const { plan, access, vocabularySize, prompts } = facts
  assertString(plan, { name: 'facts.plan', ...DIGEST })
  assertAccess(access, { name: 'facts.access' })
  assertInteger(vocabularySize, { name: 'facts.vocabularySize', min: 2 })
  if (prompts !== undefined)
    assertArray(prompts, { name: 'facts.prompts', expected: 'an array of token id arrays' })

  const { lines, torn } = readJsonLines(text, { file: 'answers.jsonl' })
  const answered = new Map<number, number>()
  let head: Digest = plan
  const answers = lines.map((line) => {
    const { prev, answer } = readAnswer(line, { access, vocabularySize })
    if (prev !== head)
      throw new RangeError(
        `"${line.name}.prev" expected ${head}, the digest of ${line.number === 1 ? 'the plan' : 'the line before'}, got ${prev}: a line was changed, removed, moved or put in`,
      )
    head = lineDigest(line.text)
    assertAsked(answer, { line, prompts, answered })
    return answer
  })
  const whole = text.length - (torn?.text.length ?? 0)
  const log: AnswerLog = Object.freeze({
    access,
    vocabularySize,
    answers: Object.freeze(answers),
    head,
    whole,
    ended: whole === 0 || text[whole - 1] === '\n',
    ...(torn && { torn }),
  })
  parsed.add(log)
  return log
}

const parsed = new WeakSet<object>()

/** Refuses answers that were not read by {@link parseAnswers}, which checks the chain. */
export function assertAnswerLog(log: unknown, { name }: { name: string }): asserts log is AnswerLog {
  if (typeof log !== 'object' || log === null || !parsed.has(log))
    throw new TypeError(`"${name}" expected answers from parseAnswers(), got something else`)
}

/** What a reference said about one answer. */
export interface RecordedReference {
  /** Its name in the plan. */
  readonly reference: string
  /** Which prompt: as in the answer that it speaks of. */
  readonly prompt: number
  /** The ids that it was given: the prompt's, and those of the completion. */
  readonly ids: readonly number[]
  /** Lists or rows, one a token of the completion; without one, after each id of the prompt, as in the answer. */
  readonly positions?: readonly (ListedTokens | null)[]
  readonly rows?: Float32Array
}

const REFERENCE_KEYS = ['reference', 'prompt', 'ids', 'positions', 'rows'] as const

/**
 * One line of references.jsonl, without the line feed that ends it.
 * @example
 * import { formatReference } from 'dyetrace/suspects'
 * const line = formatReference({ reference: 'base', prompt: 0, ids: [1, 2], positions: [[[2, -0.5]]] })
 * console.log(line) // {"ids":[1,2],"positions":[[[2,-0.5]]],"prompt":0,"reference":"base"}
 */
export function formatReference(said: RecordedReference): string {
  assertOptions(said, { name: 'said', keys: REFERENCE_KEYS })
  const { rows, ids, ...rest } = said
  return canonicalJson({ ...rest, ids: plain(ids), ...(rows !== undefined && { rows: encodeRows(rows) }) })
}

/** What one reference said: one element an answer, in their order, as the constructors of observations take it. */
export interface ReferenceLaws {
  readonly reference: string
  readonly laws: readonly (Float32Array | readonly (ListedTokens | null)[])[]
}

/**
 * Reads references.jsonl: for every reference that the plan names, what it said about every answer.
 * @param names the plan's references; the result has their order.
 * @throws TypeError or RangeError that names the line, or the reference and the prompt that have none.
 */
export function parseReferences(
  text: string,
  { names, log }: { readonly names: readonly string[]; readonly log: AnswerLog },
): readonly ReferenceLaws[] {
  assertArray(names, { name: 'names', expected: 'the names of the references' })
  assertAnswerLog(log, { name: 'log' })
  const { answers, vocabularySize } = log
  const byPrompt = new Map(answers.map((answer) => [answer.prompt, answer]))
  const said = new Map(names.map((name) => [name, new Map<number, ReferenceLaws['laws'][number]>()]))
  if (said.size !== names.length) throw new RangeError('"names" expected names that differ, got one twice')
  for (const line of readWholeJsonLines(text, { file: 'references.jsonl' })) {
    const { name } = line
    const { reference, prompt, ids, positions, rows } = fieldsOf(line, REFERENCE_KEYS)
    assertString(reference, { name: `${name}.reference` })
    const own = said.get(reference)
    if (!own) throw new RangeError(`"${name}.reference" expected a reference of the plan, got another one`)
    assertInteger(prompt, { name: `${name}.prompt` })
    const answer = byPrompt.get(prompt)
    if (!answer) throw new RangeError(`"${name}.prompt" expected a prompt that was answered, got ${prompt}`)
    if (own.has(prompt))
      throw new RangeError(`"${name}.prompt" expected one line a prompt and reference, got ${prompt} again`)
    const { completion } = answer
    const given = readIds(ids, { name: `${name}.ids`, vocabularySize })
    if (!sameIds(given, [...answer.ids, ...(completion ?? [])]))
      throw new RangeError(
        `"${name}.ids" expected the ids of prompt ${prompt} and its completion, got others`,
      )
    if ((positions === undefined) === (rows === undefined))
      throw new RangeError(
        `"${name}" expected positions or rows, got ${rows === undefined ? 'neither' : 'both'}`,
      )
    const lengths = completion ? [completion.length] : lengthsOf(answer.ids)
    own.set(
      prompt,
      rows === undefined
        ? readPositions(positions, { name: `${name}.positions`, lengths, vocabularySize })
        : decodeRows(rows, { name: `${name}.rows`, values: lengths[0]! * vocabularySize }),
    )
  }
  return Object.freeze(
    Array.from(said, ([reference, own]) => {
      const laws = answers.map(({ prompt }) => {
        const law = own.get(prompt)
        if (!law)
          throw new RangeError(
            `"references.jsonl" expected a line of reference ${JSON.stringify(reference)} about prompt ${prompt}, got none`,
          )
        return law
      })
      return Object.freeze({ reference, laws: Object.freeze(laws) })
    }),
  )
}

function readAnswer(
  line: JsonLine,
  { access, vocabularySize }: { access: AnswerAccess; vocabularySize: number },
): { prev: Digest; answer: RecordedAnswer } {
  const { name } = line
  const fields = fieldsOf(line, ANSWER_KEYS)
  const { prev, prompt, completion, positions, rows, finish, text, request, at, capabilities } = fields
  assertString(prev, { name: `${name}.prev`, ...DIGEST })
  assertInteger(prompt, { name: `${name}.prompt` })
  const ids = readIds(fields.ids, { name: `${name}.ids`, vocabularySize })
  const [needed, allowed] = PARTS[access]
  for (const part of ['completion', 'positions', 'rows'] as const) {
    if (part === needed && fields[part] === undefined)
      throw new RangeError(`"${name}.${part}" expected ${part} with access "${access}", got none`)
    if (part !== needed && part !== allowed && fields[part] !== undefined)
      throw new RangeError(`"${name}.${part}" expected no ${part} with access "${access}", got some`)
  }
  const sampled =
    completion === undefined ? undefined : readIds(completion, { name: `${name}.completion`, vocabularySize })
  const lengths = sampled ? [sampled.length] : lengthsOf(ids)
  for (const [field, value] of Object.entries({ finish, text })) {
    if (value !== undefined)
      assertString(value, { name: `${name}.${field}`, expected: 'well-formed text', pattern: WELL_FORMED })
  }
  for (const [field, value] of Object.entries({ request, capabilities })) {
    if (value !== undefined) assertString(value, { name: `${name}.${field}`, ...DIGEST })
  }
  if (at !== undefined) assertString(at, { name: `${name}.at`, ...INSTANT })
  const answer: RecordedAnswer = {
    prompt: prompt + 0,
    ids,
    ...(sampled && { completion: sampled }),
    ...(positions !== undefined && {
      positions: readPositions(positions, { name: `${name}.positions`, lengths, vocabularySize }),
    }),
    ...(rows !== undefined && {
      rows: decodeRows(rows, { name: `${name}.rows`, values: ids.length * vocabularySize }),
    }),
    ...(finish !== undefined && { finish: finish as string }),
    ...(text !== undefined && { text: text as string }),
    ...(request !== undefined && { request: request as Digest }),
    ...(at !== undefined && { at: at as string }),
    ...(capabilities !== undefined && { capabilities: capabilities as Digest }),
  }
  return { prev: prev as Digest, answer: Object.freeze(answer) }
}

/** What an answer must have, and what it may have besides. */
const PARTS: Record<AnswerAccess, readonly [needed: string, allowed?: string]> = {
  text: ['completion'],
  'top-k': ['positions', 'completion'],
  rows: ['rows'],
}

// With the flag u, a whole pair is one character.
const WELL_FORMED = /^\P{Surrogate}*$/u

/** The answer is to a prompt of the plan, and to one that was not answered before. */
function assertAsked(
  { prompt, ids }: RecordedAnswer,
  about: { line: JsonLine; prompts: AnswerFacts['prompts']; answered: Map<number, number> },
): void {
  const { line, prompts, answered } = about
  const { name, number } = line
  const before = answered.get(prompt)
  if (before !== undefined)
    throw new RangeError(
      `"${name}.prompt" expected a prompt that is not answered before, got ${prompt}, answered on line ${before}`,
    )
  answered.set(prompt, number)
  if (prompts === undefined) {
    if (prompt !== number - 1)
      throw new RangeError(
        `"${name}.prompt" expected ${number - 1}, the number of answers before, where prompts are chosen on the way, got ${prompt}`,
      )
    return
  }
  const put = prompts[prompt]
  if (put === undefined)
    throw new RangeError(`"${name}.prompt" expected a prompt in 0..${prompts.length - 1}, got ${prompt}`)
  if (!sameIds(put, ids))
    throw new RangeError(`"${name}.ids" expected the ids of prompt ${prompt}, got others`)
}

function assertAccess(access: unknown, { name }: { name: string }): asserts access is AnswerAccess {
  assertOneOf(access, { name, values: ['text', 'top-k', 'rows'] })
}

function readIds(
  value: unknown,
  { name, vocabularySize }: { name: string; vocabularySize: number },
): readonly number[] {
  assertTokenIds(value, { name, vocabularySize })
  return Object.freeze(Array.from(value, (id) => id + 0))
}

function lengthsOf({ length }: readonly number[]): readonly number[] {
  return length === 0 ? [0] : [length, length - 1]
}

function sameIds(a: TokenIds, b: TokenIds): boolean {
  return a.length === b.length && Array.prototype.every.call(a, (id, i) => id === b[i])
}

/** Typed arrays are no JSON. What is no array at all is refused where it is read. */
function plain(ids: unknown): unknown {
  return ArrayBuffer.isView(ids) ? Array.from(ids as Uint32Array) : ids
}
