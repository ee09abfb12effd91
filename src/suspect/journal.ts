/**
 * The budget's memory: journal.jsonl of a case (docs/case-files.md). Before a request is sent, a line says so and what it can cost; after a failed
 * one, a line says why and what it is charged. So whoever goes on after a crash knows what may have been paid for, answers or not. It is no evidence.
 */
import { assertInteger, assertString } from '../assert.ts'
import { canonicalJson, type Digest } from '../digest.ts'
import { fieldsOf, type JsonLine, readJsonLines } from './lines.ts'

/** A line before a request. */
export interface Intent {
  readonly prompt: number
  /** Which try of this prompt, from 1. */
  readonly attempt: number
  /** Digest of the body that will be sent, where there is one. */
  readonly request?: Digest
  /** Most that it can cost. */
  readonly tokens: number
  readonly at?: string
}

/** A line after a request without an answer. */
export interface Failure {
  readonly prompt: number
  readonly attempt: number
  /** One line of words. */
  readonly error: string
  /** What it is charged: 0 where it is known that the model was not asked. */
  readonly tokens: number
  readonly at?: string
}

/** What a journal says about one prompt. */
export interface Tries {
  /** The last try's number. */
  attempts: number
  /** Requests that are charged, with or without an answer, and their tokens at most, in the order of tries. */
  readonly charged: { attempt: number; tokens: number }[]
  /** Of these, those whose end nobody wrote down. */
  open: number
  error?: string
}

/** A journal that was read. */
export interface Journal {
  readonly tries: ReadonlyMap<number, Tries>
  /** Bytes up to and with the last whole line: what is behind it was cut off, and its request not sent. */
  readonly whole: string
  readonly ended: boolean
}

const JOURNAL_KEYS = ['prompt', 'attempt', 'tokens', 'request', 'error', 'at'] as const

/** One line, its line feed included. */
export function formatEntry(entry: Intent | Failure): string {
  return `${canonicalJson(entry)}\n`
}

/**
 * Reads journal.jsonl. A last line that was cut off is left out.
 * @throws TypeError or RangeError that names the line.
 */
export function parseJournal(text: string): Journal {
  const { lines, torn } = readJsonLines(text, { file: 'journal.jsonl' })
  const tries = new Map<number, Tries>()
  for (const line of lines) read(line, tries)
  const whole = text.slice(0, text.length - (torn?.text.length ?? 0))
  return { tries, whole, ended: whole === '' || whole.endsWith('\n') }
}

function read(line: JsonLine, tries: Map<number, Tries>): void {
  const { name } = line
  const { prompt, attempt, error, tokens } = fieldsOf(line, JOURNAL_KEYS)
  assertInteger(prompt, { name: `${name}.prompt` })
  assertInteger(attempt, { name: `${name}.attempt`, min: 1 })
  assertInteger(tokens, { name: `${name}.tokens` })
  const own = tries.get(prompt) ?? { attempts: 0, charged: [], open: 0 }
  tries.set(prompt, own)
  if (error === undefined) {
    if (attempt !== own.attempts + 1)
      throw new RangeError(`"${name}.attempt" expected ${own.attempts + 1}, got ${attempt}`)
    own.attempts = attempt
    own.charged.push({ attempt, tokens })
    own.open++
    return
  }
  assertString(error, { name: `${name}.error` })
  const at = own.charged.findIndex((intent) => intent.attempt === attempt)
  if (at < 0)
    throw new RangeError(`"${name}.attempt" expected a request that was written before, got ${attempt}`)
  own.open--
  own.error = error
  if (tokens === 0) own.charged.splice(at, 1)
  else own.charged[at] = { attempt, tokens }
}
