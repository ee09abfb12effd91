/**
 * What a report is made of: a plan, the attribution record, and what else is known of the case, as records or as the texts of a case folder. Of the
 * texts only those named here are read, so a key file that lies among them stays unread.
 */
import { assertArray, assertOptions, assertRecord, assertString } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { type CaseSuspect, parseCase } from '../case/case-file.ts'
import { parseEnvelope } from '../case/envelope.ts'
import { CASE_FILES } from '../case/files.ts'
import { parseStatement } from '../case/statement.ts'
import { canonicalJson, type Digest, digestBytes } from '../digest.ts'
import type { Attribution } from '../distill/attribution.ts'
import { parseJson } from '../json.ts'
import { instantOf, isBefore } from '../keys/instant.ts'
import { assertBoolean } from '../plan/parts.ts'
import { type Plan, parsePlan } from '../plan/plan.ts'
import { readAttribution } from './record.ts'

/** One thing that `case verify` recomputed. */
export interface ReportedCheck {
  readonly name: string
  readonly ok: boolean
  /** There was nothing to check: neither good nor bad. */
  readonly skipped?: boolean
  readonly said: string
}

/** The start of an answer, in the suspect's words. */
export interface Excerpt {
  readonly prompt: number
  readonly text: string
}

/** What was collected. */
export interface CollectedCounts {
  readonly answers: number
  /** Tokens of all completions, in the provider's vocabulary. */
  readonly completionTokens?: number
  /** Digest of the last line of answers.jsonl. */
  readonly head?: Digest
}

/** What {@link renderReport} is given. A field that is there goes before the file that holds the same. */
export interface ReportInput {
  /** Name of a file of the case folder to its text. Read are plan.json, verdict.json, case.json, capabilities.json, answers.jsonl and evidence.json; all files of a case get their digest shown. */
  readonly files?: { readonly [name: string]: string }
  readonly plan?: Plan
  readonly attribution?: Attribution
  /** Name of the case. */
  readonly name?: string
  /** Day or instant at which the report is made, ISO 8601. @defaultValue left out: the page is undated */
  readonly date?: string
  /** What was found out about the suspect's interface: any JSON. */
  readonly capabilities?: unknown
  readonly counts?: CollectedCounts
  /** The sealed evidence: digest of evidence.json. */
  readonly evidence?: { readonly digest: Digest }
  readonly checks?: readonly ReportedCheck[]
  readonly excerpts?: readonly Excerpt[]
}

/** The same, read and checked. */
export interface Reported {
  readonly plan: Plan
  readonly attribution: Attribution
  readonly name?: string
  readonly date?: string
  readonly capabilities?: unknown
  readonly counts?: CollectedCounts
  readonly evidence?: { readonly digest: Digest }
  readonly checks: readonly ReportedCheck[]
  readonly excerpts: readonly Excerpt[]
  readonly files: readonly { readonly name: string; readonly digest: Digest }[]
  /** How the suspect is reached, from case.json. */
  readonly suspect?: CaseSuspect
  /** When the first and the last answer came, where the answers say so. */
  readonly answered?: { readonly first: string; readonly last: string }
  /** The version that sealed the evidence. */
  readonly sealedBy?: string
}

const MOST_EXCERPTS = 3

/** @throws TypeError or RangeError that names what is missing, malformed or of another case. */
export function readReportInput(input: ReportInput): Reported {
  const keys = ['files', 'plan', 'attribution', 'name', 'date', 'capabilities', 'counts', 'evidence']
  assertOptions(input, { name: 'input', keys: [...keys, 'checks', 'excerpts'] })
  const { files = {} } = input
  assertRecord(files, { name: 'input.files', expected: 'an object of file names and texts' })
  const present = CASE_FILES.filter((name) => Object.hasOwn(files, name) && files[name] !== undefined)
  for (const name of present)
    assertString(files[name], { name: `input.files["${name}"]`, expected: 'its text' })
  const fileOf = (name: string): unknown =>
    present.includes(name) ? parseJson(files[name]!, { start: `"input.files["${name}"]"` }) : undefined
  const plan = parsePlan(needed(input.plan ?? fileOf('plan.json'), 'plan', 'plan.json'))
  const record = needed(input.attribution ?? fileOf('verdict.json'), 'attribution', 'verdict.json')
  const attribution = readAttribution(record, { plan })
  const about = present.includes('case.json') ? parseCase(files['case.json']!) : undefined
  const named = input.name ?? about?.name
  if (named !== undefined) assertString(named, { name: 'input.name', expected: 'the name of the case' })
  if (input.date !== undefined)
    assertString(input.date, {
      name: 'input.date',
      expected: 'a day or an instant of ISO 8601',
      pattern: /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/,
    })
  const collected = present.includes('answers.jsonl') ? collectedOf(files['answers.jsonl']!) : undefined
  const counts = input.counts ?? collected?.counts
  const sealed = present.includes('evidence.json')
    ? sealedOf(files['evidence.json']!, attribution)
    : undefined
  const evidence = input.evidence ?? (sealed && { digest: sealed.digest })
  const capabilities = input.capabilities ?? fileOf('capabilities.json')
  return {
    plan,
    attribution,
    ...(named === undefined ? {} : { name: named }),
    ...(input.date === undefined ? {} : { date: input.date }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(counts === undefined ? {} : { counts: checkedCounts(counts) }),
    ...(evidence === undefined ? {} : { evidence: checkedEvidence(evidence) }),
    checks: checkedChecks(input.checks ?? []),
    excerpts: checkedExcerpts(input.excerpts ?? collected?.excerpts ?? []),
    files: present.map((name) => ({ name, digest: digestBytes(utf8ToBytes(files[name]!)) })),
    ...(about === undefined ? {} : { suspect: about.suspect }),
    ...(collected?.answered === undefined ? {} : { answered: collected.answered }),
    ...(sealed === undefined ? {} : { sealedBy: sealed.version }),
  }
}

/** The sealed evidence. What is no envelope, or seals another record, is not shown as if it sealed this one. Its signature is for `case verify`. */
function sealedOf(text: string, attribution: Attribution): { digest: Digest; version: string } {
  const { predicate } = parseStatement(parseEnvelope(text).payload)
  if (canonicalJson(predicate.verdict) !== canonicalJson(attribution))
    throw new RangeError(
      '"input.files["evidence.json"]" expected evidence of the record that is shown, got that of another',
    )
  return { digest: digestBytes(utf8ToBytes(text)), version: predicate.package.version }
}

function needed(value: unknown, field: string, file: string): unknown {
  if (value !== undefined) return value
  throw new TypeError(`"input" expected "${field}" or the file ${file} in "files", got neither`)
}

/** Lines are counted and the first texts kept. Whether the chain holds is for `case verify`; a line that does not parse counts as none. */
function collectedOf(log: string): {
  counts: CollectedCounts
  excerpts: readonly Excerpt[]
  answered: Reported['answered']
} {
  const excerpts: Excerpt[] = []
  let [answers, completionTokens] = [0, 0]
  let head: Digest | undefined
  let answered: Reported['answered']
  for (const line of log.split('\n')) {
    const answer = line === '' ? undefined : answerOf(line)
    if (answer === undefined) continue
    answers += 1
    head = digestBytes(utf8ToBytes(line))
    const { prompt, completion, text, at } = answer
    answered = spanned(answered, instantIn(at))
    if (Array.isArray(completion)) completionTokens += completion.length
    if (typeof text === 'string' && Number.isSafeInteger(prompt) && excerpts.length < MOST_EXCERPTS)
      excerpts.push({ prompt: prompt as number, text })
  }
  const known = head === undefined ? {} : { completionTokens, head }
  return { counts: { answers, ...known }, excerpts, answered }
}

function instantIn(at: unknown): string | undefined {
  try {
    return instantOf(at, { name: 'at' })
  } catch {
    return undefined
  }
}

/** Lines stand in the order in which they came, but nothing here has checked that. */
function spanned(span: Reported['answered'], at: string | undefined): Reported['answered'] {
  if (at === undefined) return span
  if (span === undefined) return { first: at, last: at }
  return { first: isBefore(at, span.first) ? at : span.first, last: isBefore(span.last, at) ? at : span.last }
}

function answerOf(line: string): { [field: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as { [field: string]: unknown }) : undefined
  } catch {
    return undefined
  }
}

const DIGEST = { expected: 'a digest "sha256:" + 64 hex digits', pattern: /^sha256:[0-9a-f]{64}$/ }

function checkedCounts(counts: CollectedCounts): CollectedCounts {
  assertRecord(counts, { name: 'input.counts', keys: ['answers', 'completionTokens', 'head'] })
  for (const field of ['answers', 'completionTokens'] as const) {
    const value = counts[field]
    if (value === undefined && field !== 'answers') continue
    if (!Number.isSafeInteger(value) || value! < 0)
      throw new RangeError(`"input.counts.${field}" expected an integer from 0, got ${String(value)}`)
  }
  if (counts.head !== undefined) assertString(counts.head, { name: 'input.counts.head', ...DIGEST })
  return counts
}

function checkedEvidence(evidence: { readonly digest: Digest }): { readonly digest: Digest } {
  assertRecord(evidence, { name: 'input.evidence', keys: ['digest'] })
  assertString(evidence.digest, { name: 'input.evidence.digest', ...DIGEST })
  return evidence
}

function checkedChecks(checks: readonly ReportedCheck[]): readonly ReportedCheck[] {
  assertArray(checks, { name: 'input.checks', expected: 'an array of { name, ok, said }' })
  for (const [i, check] of checks.entries()) {
    const name = `input.checks[${i}]`
    assertRecord(check, { name, keys: ['name', 'ok', 'skipped', 'said'] })
    assertString(check.name, { name: `${name}.name`, expected: 'words' })
    assertString(check.said, { name: `${name}.said`, expected: 'words' })
    assertBoolean(check.ok, { name: `${name}.ok` })
    if (check.skipped !== undefined) assertBoolean(check.skipped, { name: `${name}.skipped` })
  }
  return checks
}

function checkedExcerpts(excerpts: readonly Excerpt[]): readonly Excerpt[] {
  assertArray(excerpts, { name: 'input.excerpts', expected: 'an array of { prompt, text }' })
  for (const [i, excerpt] of excerpts.entries()) {
    const name = `input.excerpts[${i}]`
    assertRecord(excerpt, { name, keys: ['prompt', 'text'] })
    assertString(excerpt.text, { name: `${name}.text`, expected: 'the words of an answer' })
    if (!Number.isSafeInteger(excerpt.prompt) || excerpt.prompt < 0)
      throw new RangeError(`"${name}.prompt" expected the number of a prompt, got ${String(excerpt.prompt)}`)
  }
  return excerpts.slice(0, MOST_EXCERPTS)
}
