/** `case collect`: puts the planned prompts and writes each answer down; goes on where it was stopped, however it was. */
import { join } from 'node:path'
import { canonicalJson, digestJson } from '../../digest.ts'
import { parseJson } from '../../json.ts'
import { type Plan, planDigest } from '../../plan/plan.ts'
import { type AnswerLog, parseAnswers, parsePrompts, type RecordedAnswer } from '../../suspect/answers.ts'
import { type Collectable, type CollectProgress, collect } from '../../suspect/collect.ts'
import { collectReferences } from '../../suspect/collect-references.ts'
import type { Capabilities } from '../../suspect/openai-compatible/capabilities.ts'
import { createTupleSet, type TupleSet } from '../../tuple-set.ts'
import { budgetWords } from '../budget.ts'
import { type Call, type CommandSpec, shown } from '../call.ts'
import { type CaseFolder, linesIn, planOf, readCase, tokenizerOfCase } from '../case-folder.ts'
import { assertAllowed, folderModel, randomOf, recordedModel, servedModel } from '../case-models.ts'
import { EXIT, InputError } from '../exit.ts'
import { named, writeText } from '../files.ts'
import { growingFile } from '../growing-file.ts'
import { duration, isoInstant } from '../instant.ts'
import { locked } from '../lock.ts'
import { count, excerpt, grouped } from '../printable.ts'
import { progressLine } from '../progress.ts'
import type { ReadTokenizer } from '../tokenizer.ts'

const CONCURRENCY = 4
const LISTED_TOKENS = 200
/** The most that the protocol has. */
const TOP_K = 20

const ENDS: Readonly<Record<string, string>> = {
  complete: 'Every prompt is answered.',
  gaps: 'Every prompt was put, and some have no answer after all tries.',
  enough: 'Stopped at the number of answers that was asked for.',
  aborted: 'Stopped, with everything that was under way written down.',
  failing: 'One request after the other failed: the server, the address or the API key.',
}

export const caseCollect: CommandSpec = {
  path: 'case collect',
  summary: 'ask the suspect; can be stopped and goes on',
  about:
    'Puts the prompts of the plan, writes each answer down before it counts, and then asks the references. No key of a mark is needed or read. It can be stopped at any moment (Ctrl-C, a crash, a power cut) and goes on with the same command: no answer is asked twice or lost, and what was under way counts against the budget.',
  operands: [['<folder>', 'the case']],
  options: [
    {
      flags: '--concurrency <n>',
      says: `requests at once (default ${CONCURRENCY}; a local model answers one by one)`,
    },
    {
      flags: '--api-key-env <name>',
      says: 'the environment variable that case.json names, once more, where a server wants an API key: it is read only if both agree; several times where references have others',
      list: true,
    },
    { flags: '--stop-at <n>', says: 'stop when there are so many answers; the same command goes on later' },
    { flags: '--timeout <seconds>', says: 'for one request (default 120)' },
    {
      flags: '--requests <file>',
      says: 'recorded output of a batch: the lines that were sent, where the prompts stand',
    },
    { flags: '--probe-again', says: 'find out anew what the server can do' },
    {
      flags: '--max-tokens <n>',
      says: `access top-k of a server without log-probabilities of prompts: tokens of an answer (default ${LISTED_TOKENS})`,
    },
  ],
  examples: ['dyetrace case collect rival --api-key-env RIVAL_API_KEY'],
  exits: '0 collected as planned (3 where the budget was used up before, under the rule "fixed")',
  json: {
    ended: 'complete, gaps, budget, enough, aborted or failing',
    answers: 'number of answers',
    prompts: 'number of prompts',
    tokens: 'tokens of all answers with their prompts',
    charged: 'what the budget counts: answers and tokens',
    pairs: 'distinct (window, token) pairs in the completions',
    head: 'digest of the last line of answers.jsonl: keep it elsewhere',
    unanswered: 'prompts without an answer: number, tries, error',
    references: 'lines in references.jsonl',
  },
  async run(call) {
    const { environment, operands } = call
    const path = operands[0]!
    // Refused before anything is locked or asked.
    const folder = await readCase(environment, path)
    planOf(folder)
    assertVariables(call, folder)
    return locked(environment, join(path, 'collect.lock'), async () =>
      collected(call, await readCase(environment, path)),
    )
  },
}

/** Every API key that will be read is named on the command line, and nothing else is. */
function assertVariables(call: Call, folder: CaseFolder): void {
  const variables = call.list('api-key-env')
  const { suspect, references, name } = folder.about
  const planned = planOf(folder).references
  const models = [{ ...suspect, name }, ...references.filter((one) => planned.includes(one.name))]
  const known = new Set<string>()
  for (const model of models) {
    if (model.kind !== 'openai-compatible') continue
    assertAllowed(model, { name: model.name, variables })
    if (model.apiKeyEnv !== undefined) known.add(model.apiKeyEnv)
  }
  const other = variables.find((variable) => !known.has(variable))
  if (other !== undefined)
    throw new InputError(
      `option --api-key-env: expected the variable that case.json names (${known.size === 0 ? 'none' : [...known].join(', ')}), got ${shown(other)}`,
    )
}

async function collected(call: Call, folder: CaseFolder) {
  const { environment } = call
  const { path, files } = folder
  const plan = planOf(folder)
  const tokenizer = tokenizerOfCase(folder)
  const prompts = parsePrompts(files['prompts.jsonl'] ?? '', { vocabularySize: plan.vocabularySize })
  const facts = { plan: planDigest(plan), access: plan.access, vocabularySize: plan.vocabularySize, prompts }
  const before = parseAnswers(files['answers.jsonl'] ?? '', facts)
  const { suspect, capabilities, isLocal } = await suspectOf(call, folder, { plan, tokenizer, prompts })

  const windows = pairCounter(plan.contextWidth)
  for (const answer of before.answers) windows.add(answer)
  const stopAt = call.integer('stop-at', { min: 1 }) ?? Number.POSITIVE_INFINITY
  let answers = before.answers.length
  const line = progressLine(environment, { isQuiet: call.isJson })
  const began = environment.now()
  const showProgress = (progress: CollectProgress): void =>
    line.show(
      progressText(progress, {
        plan,
        pairs: windows.size,
        before: before.answers.length,
        elapsed: environment.now() - began,
      }),
    )
  const onInterrupt = (): void =>
    line.say(
      'Stopping: what is under way is waited for and written down. Ctrl-C again stops at once; then it counts against the budget and may be asked again.',
    )
  environment.interrupted.addEventListener('abort', onInterrupt)

  const answerFile = await growingFile(environment, join(path, 'answers.jsonl'))
  const journalFile = await growingFile(environment, join(path, 'journal.jsonl'))
  const completion = completionOf(call, plan, suspect)
  try {
    const done =
      answers >= stopAt
        ? undefined
        : await collect(suspect, {
            plan: facts.plan,
            access: plan.access,
            prompts,
            written: files['answers.jsonl'] ?? '',
            write: answerFile.write,
            journal: files['journal.jsonl'] ?? '',
            intend: journalFile.write,
            ...(completion && {
              completion: { maxTokens: completion.maxTokens, random: randomOf(facts.plan) },
              ...(plan.access === 'top-k' && { topK: plan.topK! }),
            }),
            ...(plan.budget && { budget: plan.budget }),
            ...(capabilities && {
              spent: { tokens: capabilities.tokens },
              capabilities: digestJson(capabilities),
            }),
            concurrency: isLocal ? 1 : (call.integer('concurrency', { min: 1, max: 1000 }) ?? CONCURRENCY),
            enough(answer) {
              windows.add(answer)
              return ++answers >= stopAt
            },
            onProgress: showProgress,
            signal: environment.interrupted,
            now: () => isoInstant(environment.now()),
          })
    const ended = done?.ended ?? 'enough'
    const log = done?.log ?? before
    const isOver = ended === 'complete' || ended === 'budget' || ended === 'gaps'
    const references =
      isOver && !environment.interrupted.aborted
        ? await askReferences(call, folder, { plan, log, line, tokenizer })
        : { lines: linesIn(files['references.jsonl']), missing: 0 }
    line.clear()
    const unanswered = done?.unanswered ?? []
    const isShort = ended === 'budget' && plan.stopping.rule === 'fixed'
    const isDone =
      (ended === 'complete' || (ended === 'budget' && !isShort) || ended === 'enough') &&
      references.missing === 0
    const tokens =
      done?.tokens ??
      before.answers.reduce((sum, { ids, completion: said = [] }) => sum + ids.length + said.length, 0)
    const charged = done?.charged ?? { answers, tokens }
    return {
      exit: isDone && !environment.interrupted.aborted ? EXIT.noEvidence : EXIT.unfinished,
      json: {
        ended,
        answers: log.answers.length,
        prompts: prompts.length,
        tokens,
        charged,
        pairs: windows.size,
        head: log.head,
        unanswered,
        references: references.lines,
      },
      text: [
        `${count(log.answers.length, 'answer')} to ${count(prompts.length, 'prompt')}, ${grouped(tokens)} tokens, ${grouped(windows.size)} distinct pairs. ${ended === 'budget' ? budgetWords(plan, log.answers.length, prompts.length) : ENDS[ended]}`,
        ...(charged.tokens > tokens
          ? [
              `The budget counts ${grouped(charged.tokens)} tokens, with the probe and requests whose end is not known.`,
            ]
          : []),
        ...unanswered
          .slice(0, 5)
          .map(
            ({ prompt, attempts, error }) =>
              `Prompt ${prompt}: no answer after ${count(attempts, 'try', 'tries')}: ${excerpt(error, 120)}`,
          ),
        ...(references.lines > 0
          ? [`${count(references.lines, 'line')} about ${count(plan.references.length, 'reference')}.`]
          : []),
        `Head of the answers: ${log.head}. Keep it elsewhere: it shows later that none was dropped.`,
        isOver
          ? `Next: dyetrace case test ${named(path)} --key FILE`
          : `Next: dyetrace case collect ${named(path)}, to go on${ended === 'failing' ? ' when the cause is mended' : ''}.`,
      ].join('\n'),
    } as const
  } finally {
    line.clear()
    environment.interrupted.removeEventListener('abort', onInterrupt)
    await answerFile.close()
    await journalFile.close()
  }

  function progressText(
    { answers: here, prompts: all, tokens, price, inFlight, failed }: CollectProgress,
    {
      plan: { budget },
      pairs,
      before: old,
      elapsed,
    }: { plan: Plan; pairs: number; before: number; elapsed: number },
  ): string {
    const fresh = here - old
    const left = fresh > 0 ? duration((elapsed / fresh) * (all - here)) : '?'
    return [
      `${here}/${all} answers`,
      `${grouped(pairs)} pairs`,
      `${grouped(tokens)}${budget?.tokens ? ` of ${grouped(budget.tokens)}` : ''} tokens`,
      ...(price !== undefined && budget?.price
        ? [`${price.toFixed(2)} of ${budget.price.amount.toFixed(2)} ${budget.price.currency}`]
        : []),
      ...(failed > 0 ? [`${failed} given up`] : []),
      `${left} left`,
      `${inFlight} under way`,
    ].join(' · ')
  }
}

/** With access top-k and a server that gives no log-probabilities of prompts, the lists are those of answers. */
function completionOf(call: Call, plan: Plan, suspect: Collectable): { maxTokens: number } | undefined {
  if (plan.completion) return plan.completion
  if (plan.access !== 'top-k' || suspect.lists) return undefined
  return { maxTokens: call.integer('max-tokens', { min: 1, max: 1e6 }) ?? LISTED_TOKENS }
}

async function suspectOf(
  call: Call,
  folder: CaseFolder,
  {
    plan,
    tokenizer,
    prompts,
  }: { plan: Plan; tokenizer: ReadTokenizer; prompts: readonly (readonly number[])[] },
): Promise<{ suspect: Collectable; capabilities?: Capabilities; isLocal: boolean }> {
  const { environment } = call
  const { about, profile } = folder
  const { suspect, name } = about
  const provider = { profile, tokenizer, name }
  const variables = call.list('api-key-env')
  switch (suspect.kind) {
    case 'local': {
      const temperature = plan.completion?.temperature ?? 1
      if (temperature === 0)
        throw new InputError(
          'plan.json.completion.temperature: expected a number above 0 for a local model, got 0',
        )
      return {
        suspect: await folderModel(environment, suspect.path, { ...provider, temperature }),
        isLocal: true,
      }
    }
    case 'openai-compatible': {
      const timeoutSeconds = call.number('timeout', {
        expected: 'seconds above 0, at most 86400',
        holds: (s) => s > 0 && s <= 86_400,
      })
      const options = {
        ...provider,
        plan,
        variables,
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      }
      const capabilities = await capabilitiesOf(call, folder, () =>
        servedModel(environment, suspect, options).probe(),
      )
      const served = servedModel(environment, suspect, { ...options, capabilities })
      // Lists of a prompt only where the probe saw them: asked otherwise, every prompt would fail.
      const hasLists = capabilities.echo === 'given' || capabilities.promptLogprobs === 'given'
      const { lists: _, ...rest } = served
      return { suspect: hasLists ? served : rest, capabilities, isLocal: false }
    }
    case 'recorded': {
      const requests = call.option('requests')
      const { model, errors } = await recordedModel(environment, suspect.path, {
        ...provider,
        plan,
        prompts,
        requests,
      })
      for (const { line, error } of errors.slice(0, 5))
        call.note(`${named(suspect.path)}:${line}: no answer: ${excerpt(error, 120)}`)
      if (errors.length > 5) call.note(`${errors.length - 5} more entries are no answers.`)
      return { suspect: model, isLocal: true }
    }
  }
}

async function capabilitiesOf(
  call: Call,
  { path, files }: CaseFolder,
  probe: () => Promise<Capabilities>,
): Promise<Capabilities> {
  const known = files['capabilities.json']
  // Answers name what was known when they came: with answers, a probe would put another name in.
  if (known !== undefined && !call.flag('probe-again'))
    return parseJson(known, { start: '"capabilities.json"', expected: 'a JSON object' }) as Capabilities
  call.note('Finding out what the server can do: a dozen short requests.')
  const found = await probe()
  await writeText(call.environment, join(path, 'capabilities.json'), `${canonicalJson(found)}\n`, {
    what: 'case file',
    replace: true,
  })
  return found
}

/** Distinct (window, token) pairs in completions: what a test can count at most. No key is needed to know it. */
function pairCounter(contextWidth: number): { add(answer: RecordedAnswer): void; readonly size: number } {
  const pairs: TupleSet = createTupleSet(contextWidth + 1)
  return {
    add({ ids, completion = [] }) {
      const all = [...ids, ...completion]
      for (let i = Math.max(ids.length, contextWidth); i < all.length; i++)
        pairs.indexOf(all.slice(i - contextWidth, i + 1))
    },
    get size() {
      return pairs.size
    },
  }
}

/** Rows of a larger vocabulary would fill the disk; what is not listed counts as hardly likely. */
const LARGEST_ROWS = 8192
const LISTED_OF_ROWS = 1000

/** What each reference of the plan says about each answer. Lines that are there stay. */
async function askReferences(
  call: Call,
  folder: CaseFolder,
  {
    plan,
    log,
    line,
    tokenizer,
  }: {
    plan: Plan
    log: AnswerLog
    line: ReturnType<typeof progressLine>
    tokenizer: ReadTokenizer
  },
): Promise<{ lines: number; missing: number }> {
  if (plan.references.length === 0) return { lines: 0, missing: 0 }
  const { environment } = call
  const { path, files, about, profile } = folder
  const file = await growingFile(environment, join(path, 'references.jsonl'))
  let written = files['references.jsonl'] ?? ''
  let missing = 0
  try {
    for (const name of plan.references) {
      const model = about.references.find((one) => one.name === name)
      if (!model)
        throw new InputError(
          `plan.json.references: expected references of case.json, got ${named(name)}, which it does not describe`,
        )
      const provider = { profile, tokenizer, name }
      const isLocal = model.kind === 'local'
      const asked = isLocal
        ? await folderModel(environment, model.path, provider)
        : // The provider's own model, with its mark off: ids go as they are where the server takes them.
          servedModel(environment, model, {
            ...provider,
            plan: { ...plan, topK: TOP_K },
            variables: call.list('api-key-env'),
            sharesTokenizer: model.api === 'completions',
          })
      if (plan.access === 'rows' && !asked.rows)
        throw new InputError(
          `reference ${named(name)}: expected a local folder for access rows, which needs all probabilities, got a server`,
        )
      const said = await collectReferences(asked, {
        reference: name,
        log,
        written,
        write: file.write,
        ...(plan.access !== 'rows' && plan.vocabularySize > LARGEST_ROWS ? { topK: LISTED_OF_ROWS } : {}),
        concurrency: isLocal ? 1 : (call.integer('concurrency', { min: 1, max: 1000 }) ?? CONCURRENCY),
        onProgress: ({ answers, of }) => line.show(`reference ${named(name)}: ${answers}/${of} answers`),
        signal: environment.interrupted,
      })
      written = said.written
      missing += said.unanswered.length
      const [first] = said.unanswered
      if (first)
        line.say(
          `Reference ${named(name)}: ${count(said.unanswered.length, 'answer')} without a word of it: ${excerpt(first.error, 120)}`,
        )
    }
    return { lines: linesIn(written), missing }
  } finally {
    await file.close()
  }
}
