/** Whether what a case says still is of what it holds: by digests, for times of files say nothing after a copy. Everything here is said, nothing is judged. */
import { parseEnvelope } from '../case/envelope.ts'
import { type CaseFiles, fileDigest } from '../case/files.ts'
import { parseStatement } from '../case/statement.ts'
import type { Conclusion } from '../distill/conclusion.ts'
import { count } from './printable.ts'

/**
 * Why verdict.json is not of the answers on file; undefined where it is, or where there is none. It names the plan by digest and its answers by
 * number; as the chain of answers only grows, that is enough to know an older verdict. Whether it is true is for `case verify` to say.
 */
export function staleVerdict(files: CaseFiles): string | undefined {
  const text = files['verdict.json']
  if (text === undefined) return undefined
  const { plan, conclusions } = fieldsOf(text)
  const planned = files['plan.json'] === undefined ? undefined : fileDigest(files['plan.json'])
  if (plan !== planned) return 'verdict.json is of another plan'
  const [first] = Array.isArray(conclusions) ? (conclusions as Partial<Conclusion>[]) : []
  const { answered, planned: all } = first?.controls?.prompts ?? {}
  const judged = answered ?? all
  const there = answersIn(files['answers.jsonl'] ?? '')
  if (judged === undefined) return 'verdict.json does not say of which answers it is'
  return judged === there ? undefined : `verdict.json is of ${count(judged, 'answer')}, ${there} are there`
}

/** Lines; a last one that was cut off while it was written is no answer. */
function answersIn(text: string): number {
  const lines = text.split('\n')
  const last = lines.pop()!
  return lines.length + (Object.keys(fieldsOf(last)).length > 0 ? 1 : 0)
}

/** Why evidence.json is not of the verdict on file. */
export function staleSeal(files: CaseFiles): string | undefined {
  const text = files['evidence.json']
  if (text === undefined) return undefined
  try {
    const { subjects } = parseStatement(parseEnvelope(text).payload)
    const signed = subjects.find(({ name }) => name === 'verdict.json')
    return `sha256:${signed?.digest.sha256}` === digestOf(files)
      ? undefined
      : 'evidence.json is of another verdict'
  } catch {
    return 'evidence.json cannot be read'
  }
}

/** Why a report is not of the verdict on file. */
export function staleReport(files: CaseFiles, report: string | undefined): string | undefined {
  const { files: shown } = report === undefined ? {} : fieldsOf(report)
  const its = Array.isArray(shown)
    ? (shown as { name?: unknown; digest?: unknown }[]).find((one) => one?.name === 'verdict.json')
    : undefined
  return its !== undefined && its.digest === digestOf(files) ? undefined : 'report.html is of another verdict'
}

function digestOf(files: CaseFiles): string | undefined {
  const text = files['verdict.json']
  return text === undefined ? undefined : fileDigest(text)
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
