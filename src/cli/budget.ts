/** What a case may cost and has cost, before anything is asked and from what is on record: `case plan`, `case collect` and `case status` say the same. */
import type { Case } from '../case/case-file.ts'
import type { CaseFiles } from '../case/files.ts'
import type { Plan } from '../plan/plan.ts'
import type { AnswerLog } from '../suspect/answers.ts'
import { parseJournal } from '../suspect/journal.ts'
import { count } from './printable.ts'

/**
 * Tokens of the requests that find out what a server can do, as the budget counts them, rounded up: 13 of 59 with completions, up to 11 of 93 with
 * chat, whose servers often want the longer name of the limit. What is put again after a failure comes on top.
 */
const PROBE = { completions: 800, chat: 1100 } as const

/** Tokens for finding out what the server can do: what was spent, where it was; 0 where no server is asked. */
export function probeTokens({ suspect }: Case, files: CaseFiles): number {
  if (suspect.kind !== 'openai-compatible') return 0
  return spentTokens(files) ?? PROBE[suspect.api]
}

function spentTokens(files: CaseFiles): number | undefined {
  try {
    const { tokens } = JSON.parse(files['capabilities.json'] ?? '{}') as { tokens?: unknown }
    return typeof tokens === 'number' && tokens >= 0 ? tokens : undefined
  } catch {
    return undefined
  }
}

/** Tokens of all prompts with the longest answers. */
export function plannedTokens({ prompts, completion }: Plan): number {
  return prompts.tokens + prompts.count * (completion?.maxTokens ?? 0)
}

/** Tokens that a budget pays for. */
export function payableTokens({ budget }: Pick<Plan, 'budget'>): number {
  const price = budget?.price
  return Math.min(
    budget?.tokens ?? Number.POSITIVE_INFINITY,
    price ? Math.floor((price.amount / price.perMillionTokens) * 1e6 + 1e-9) : Number.POSITIVE_INFINITY,
  )
}

/** Whether the next answer could cost more than the budget has left, as `collect` counts: answers, what is not known to have come to nothing, the probe. */
export function isBudgetUsed(
  plan: Plan,
  {
    log: { answers },
    prompts,
    files,
  }: { log: AnswerLog; prompts: readonly (readonly number[])[]; files: CaseFiles },
): boolean {
  if (!plan.budget) return false
  const answered = new Set(answers.map(({ prompt }) => prompt))
  const next = prompts.findIndex((_, i) => !answered.has(i))
  if (next < 0) return false
  let asked = answers.length
  let tokens = spentTokens(files) ?? 0
  for (const { ids, completion = [] } of answers) tokens += ids.length + completion.length
  for (const [prompt, { charged, open }] of parseJournal(files['journal.jsonl'] ?? '').tries) {
    for (const one of answered.has(prompt) && open > 0 ? charged.slice(0, -1) : charged) {
      asked++
      tokens += one.tokens
    }
  }
  const cost = prompts[next]!.length + (plan.completion?.maxTokens ?? 0)
  return asked >= (plan.budget.answers ?? Number.POSITIVE_INFINITY) || tokens + cost > payableTokens(plan)
}

/** What it means that the budget ended the questions. */
export function budgetWords({ stopping }: Plan, answers: number, prompts: number): string {
  const what = `${answers} of ${count(prompts, 'answer')}: the budget is used up, the next answer could have cost more than is left.`
  return stopping.rule === 'fixed'
    ? `${what} The plan has no rule to stop early: the result would be exploratory.`
    : `${what} The plan's rule lets what is there be judged.`
}
