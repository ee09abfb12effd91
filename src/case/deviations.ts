/**
 * In what a case is not what its plan said: sentences for the evidence, made from the files alone, so that whoever checks them makes the same.
 * A deviation is no defect of a file; those are refused.
 */
import type { Attribution } from '../distill/attribution.ts'
import type { Plan } from '../plan/plan.ts'
import type { RecordedAnswer } from '../suspect/answers.ts'
import { type CaseRecords, isFresh } from './judge.ts'

/** A key and lane. */
export interface TriedKey {
  readonly keyId: string
  readonly lane: number
}

/** All of them, in a fixed order. */
export function deviationsOf(
  records: CaseRecords,
  { conclusions }: Pick<Attribution, 'conclusions'>,
): string[] {
  const { plan } = records
  return [...ofAnswers(records), ...ofBudget(plan, records.log.answers), ...ofKeys(plan, conclusions)]
}

function* ofAnswers({ plan, log, prompts, asked }: CaseRecords): Generator<string> {
  const { answers, torn } = log
  if (torn) yield `line ${torn.line} of answers.jsonl was cut off while it was written, and is left out`
  if (asked !== undefined && asked.length < prompts.length) {
    yield `${asked.length} of ${prompts.length} planned prompts were answered`
    const passedOver = asked.length === 0 ? 0 : asked.at(-1)! + 1 - asked.length
    if (passedOver > 0) yield `${passedOver} prompts before the last one that was answered have no answer`
  }
  if (asked?.some((_, i) => answers[i]!.prompt !== asked[i]))
    yield 'answers stand in another order than that of the plan, in which they are judged'
  if (isFresh(plan)) {
    const begun = Math.min(answers.length, prompts.length)
    const others = prompts.slice(0, begun).filter((ids, i) => ids.join() !== answers[i]!.ids.join()).length
    if (others > 0)
      yield `${others} of the first ${begun} answers are to other prompts than those that the plan begins with`
  }
  const most = plan.completion?.maxTokens ?? Infinity
  const long = answers.filter(({ completion = [] }) => completion.length > most).length
  if (long > 0) yield `${long} answers are longer than the ${most} tokens that were planned`
}

function* ofBudget({ budget = {} }: Plan, answers: readonly RecordedAnswer[]): Generator<string> {
  const tokens = answers.reduce((sum, { ids, completion = [] }) => sum + ids.length + completion.length, 0)
  if (answers.length > (budget.answers ?? Infinity))
    yield `${answers.length} answers were collected, more than the ${budget.answers} of the budget`
  if (tokens > (budget.tokens ?? Infinity))
    yield `${tokens} tokens were spent, more than the ${budget.tokens} of the budget`
  const { price } = budget
  if (price !== undefined && tokens * price.perMillionTokens > price.amount * 1e6)
    yield `${tokens} tokens were spent, more than ${price.amount} ${price.currency} buys`
}

function* ofKeys({ family }: Plan, tried: readonly TriedKey[]): Generator<string> {
  const nameOf = ({ keyId, lane }: TriedKey): string => `key ${keyId}, lane ${lane},`
  if (family === undefined) {
    yield 'the plan names no family of keys'
    return
  }
  const isSame = (a: TriedKey) => (b: TriedKey) => a.keyId === b.keyId && a.lane === b.lane
  for (const key of tried) if (!family.some(isSame(key))) yield `${nameOf(key)} was tried beside the plan`
  for (const key of family)
    if (!tried.some(isSame(key))) yield `${nameOf(key)} is in the plan and was not tried`
}
