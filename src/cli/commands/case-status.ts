/** `case status`: what is done, and what is next. */
import { planDigest } from '../../plan/plan.ts'
import { parseAnswers, parsePrompts } from '../../suspect/answers.ts'
import { budgetWords, isBudgetUsed } from '../budget.ts'
import type { CommandSpec } from '../call.ts'
import { linesIn, planOf, readCase, readCaseFile } from '../case-folder.ts'
import { EXIT } from '../exit.ts'
import { exists, named } from '../files.ts'
import { staleReport, staleSeal, staleVerdict } from '../freshness.ts'
import { columns, count, grouped, levelOf, printable } from '../printable.ts'

export const caseStatus: CommandSpec = {
  path: 'case status',
  summary: 'what is done, and what is next',
  about:
    'Reads the folder of a case, checks the chain of answers, and says which step comes next. It changes nothing.',
  operands: [['<folder>', 'the case']],
  options: [],
  examples: ['dyetrace case status rival'],
  json: {
    name: 'of the case',
    steps: 'step, done (true or false) and what is there, for plan, collect, test, seal, report',
    next: 'the command that comes next, or null',
  },
  async run({ environment, operands, colors }) {
    const folder = await readCase(environment, operands[0]!)
    const { path, files, about } = folder
    const steps: { step: string; done: boolean; says: string }[] = []
    const add = (step: string, done: boolean, says: string): void => void steps.push({ step, done, says })
    const hasPlan = files['plan.json'] !== undefined
    add('new', true, `${about.suspect.kind}, ${count(about.references.length, 'reference')}`)
    if (!hasPlan) {
      add('plan', false, 'nothing is planned')
      add('collect', false, 'nothing was asked')
    } else {
      const plan = planOf(folder)
      const prompts = parsePrompts(files['prompts.jsonl'] ?? '', { vocabularySize: plan.vocabularySize })
      const log = parseAnswers(files['answers.jsonl'] ?? '', {
        plan: planDigest(plan),
        access: plan.access,
        vocabularySize: plan.vocabularySize,
        prompts,
      })
      add(
        'plan',
        true,
        `${count(prompts.length, 'prompt')}, access ${plan.access}, level ${levelOf(plan.alpha)}`,
      )
      const tokens = log.answers.reduce(
        (sum, { ids, completion = [] }) => sum + ids.length + completion.length,
        0,
      )
      const references = linesIn(files['references.jsonl'])
      const wanted = plan.references.length * log.answers.length
      const isComplete = log.answers.length === prompts.length && references >= wanted
      const isUsed = isBudgetUsed(plan, { log, prompts, files })
      const isEnough = isUsed && plan.stopping.rule !== 'fixed' && references >= wanted
      add(
        'collect',
        isComplete || isEnough,
        `${isUsed ? `${budgetWords(plan, log.answers.length, prompts.length)} ` : ''}${log.answers.length} of ${count(prompts.length, 'answer')}, ${grouped(tokens)} tokens${plan.references.length > 0 ? `, ${references} of ${count(wanted, 'line')} about references` : ''}${log.torn ? ', the last line was cut off and will be asked again' : ''}`,
      )
    }
    const has = (name: string): boolean => files[name] !== undefined
    const addFile = (
      step: string,
      isThere: boolean,
      stale: string | undefined,
      [there, none]: [string, string],
    ) => add(step, isThere && stale === undefined, isThere ? (stale ?? there) : none)
    addFile('test', has('verdict.json'), staleVerdict(files), ['verdict.json is there', 'not judged'])
    addFile('seal', has('evidence.json'), staleSeal(files), ['evidence.json is there', 'nobody has signed'])
    const hasReport = exists(environment, `${path}/report.html`)
    const report = hasReport ? await readCaseFile(environment, path, 'report.json') : undefined
    addFile('report', hasReport, staleReport(files, report), ['report.html is there', 'no report'])
    const open = steps.find(({ done }) => !done)
    const again = open?.step === 'seal' && has('evidence.json') ? ' --again' : ''
    const next = open === undefined ? null : `dyetrace case ${open.step} ${named(path)}${again}`
    return {
      exit: EXIT.noEvidence,
      json: { name: about.name, steps, next },
      text: [
        printable(about.name),
        ...columns(steps.map(({ step, done, says }) => [done ? colors.green('done') : 'open', step, says])),
        '',
        next === null
          ? 'Everything is done. Hand it over, and let the other side run: dyetrace case verify'
          : `Next: ${next}`,
      ].join('\n'),
    }
  },
}
