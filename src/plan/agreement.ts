/**
 * Whether the fields of a plan agree. Each rule is here because a plan that breaks it would promise what no test can keep: a statistic that
 * is not valid for its prompts, a control that cannot be shown, an end that cannot be reached.
 */
import type { Plan } from './record.ts'

/** Refuses a plan whose fields contradict each other. `name` is what its fields are called in messages. */
export function assertAgreement(plan: Plan, { name }: { name: string }): void {
  const refuse = (field: string, expected: string, got: string): never => {
    throw new RangeError(`"${name}.${field}" expected ${expected}, got ${got}`)
  }
  const { access, topK, statistic, prompts, completion, references, exposure, classes, counted } = plan
  const { stopping, budget, decoys, minimumCounted } = plan

  if (access === 'top-k' && topK === undefined)
    refuse('topK', 'the number of logprobs in each position for access "top-k"', 'none')
  if (access !== 'top-k' && topK !== undefined) refuse('topK', `none with access "${access}"`, String(topK))
  if (access !== 'text' && completion !== undefined)
    refuse('completion', `none with access "${access}": nothing is sampled`, 'one')
  if (statistic === 'contrast' && references.length === 0)
    refuse('references', 'at least one reference for the contrast statistic', 'none')

  if (prompts.markedText !== undefined && !prompts.marked)
    refuse('prompts.markedText', 'none unless prompts are marked', 'some')
  if (prompts.marked) assertBurnable(plan, refuse)
  else if (counted !== undefined)
    refuse('counted', 'none unless prompts are marked: otherwise all pairs count', String(counted))
  if (counted !== undefined && counted < minimumCounted)
    refuse('counted', `at least minimumCounted (${minimumCounted})`, String(counted))

  if (classes !== undefined && exposure === undefined)
    refuse('exposure', 'the unmarked text that says which windows are frequent (classes)', 'none')
  if (classes !== undefined && stopping.rule !== 'fixed')
    refuse('classes', 'none unless the stopping rule is "fixed"', 'some')
  if (exposure !== undefined && classes === undefined) {
    if (statistic !== 'contrast')
      refuse('exposure', 'none with the count statistic, which weighs no windows', 'one')
    if (plan.contextWidth < 2)
      refuse('exposure', `none at contextWidth ${plan.contextWidth}, where it weighs nothing`, 'one')
  }
  if (stopping.rule === 'e-process' && stopping.fresh && decoys > 0)
    refuse(
      'decoys',
      '0 where prompts are chosen in the light of earlier answers: decoys are not exchangeable with the key then',
      String(decoys),
    )
  if (stopping.rule === 'fixed' && budget?.answers !== undefined && budget.answers < prompts.count)
    refuse(
      'budget.answers',
      `at least the ${prompts.count} prompts that the rule "fixed" needs answered`,
      String(budget.answers),
    )
}

type Refuse = (field: string, expected: string, got: string) => never

/** What the burn rule asks of a plan: docs/statistics.md, section 6. */
function assertBurnable(plan: Plan, refuse: Refuse): void {
  const { statistic, references, classes, stopping, decoys, counted } = plan
  if (statistic !== 'count')
    refuse('statistic', '"count" with marked prompts: weights would depend on the key', `"${statistic}"`)
  if (references.length > 0) refuse('references', 'none with marked prompts', String(references.length))
  if (classes !== undefined) refuse('classes', 'none with marked prompts', 'some')
  if (decoys > 0)
    refuse('decoys', '0 with marked prompts: decoys are not exchangeable with the key there', String(decoys))
  if (stopping.rule === 'looks')
    refuse('stopping.rule', '"fixed" or "e-process" with marked prompts', '"looks"')
  if (stopping.rule === 'fixed' && counted === undefined)
    refuse(
      'counted',
      'the number of windows to be judged with marked prompts (fixed beforehand: an n that depends on the text can depend on the scores)',
      'none',
    )
  if (stopping.rule === 'e-process' && counted !== undefined)
    refuse('counted', 'none with the rule "e-process", which counts all', String(counted))
}
