/** `case plan`: what will be asked and how it will be judged, fixed before the first question. */
import { join } from 'node:path'
import { canonicalJson } from '../../digest.ts'
import type { Profile } from '../../keys/profile.ts'
import { estimatePlanPower, formatPower } from '../../plan/estimate-power.ts'
import { exposureOf } from '../../plan/exposure.ts'
import { createPlan, type Plan, type PlanOptions, planDigest } from '../../plan/plan.ts'
import { schemeOf } from '../../schemes/from-profile.ts'
import { formatPrompts } from '../../suspect/answers.ts'
import { importChatLog } from '../../suspect/import-log.ts'
import { payableTokens, plannedTokens, probeTokens } from '../budget.ts'
import { type Call, type CommandSpec, shown } from '../call.ts'
import { type CaseFolder, linesIn, readCase, tokenizerOfCase } from '../case-folder.ts'
import { EXIT, InputError } from '../exit.ts'
import { filesUnder, named, readBytesOf, readText, writeText } from '../files.ts'
import { count, grouped, levelOf } from '../printable.ts'
import { promptsFromFile, promptsFromTexts, type ReadPrompts } from '../prompts.ts'
import type { ReadTokenizer } from '../tokenizer.ts'
import { alphaOf } from './detect.ts'

const DEFAULT_ANSWERS = 100
const PROMPT_TOKENS = 16
const MAX_TOKENS = 200
const TOP_K = 20

export const casePlan: CommandSpec = {
  path: 'case plan',
  summary: 'fix what will be asked and how it is judged; says power and price',
  about:
    'Writes plan.json and prompts.jsonl and says, before anything is asked, what the test can find and what it costs. The plan is made without a key. It can be made anew until the first question is sent; then it stays. Prompts must be text that nobody marked.',
  operands: [['<folder>', 'the case']],
  options: [
    {
      flags: '--prompts <file>',
      says: 'JSON lines with "ids", "text" or "prompt", or a text with one prompt a line',
    },
    {
      flags: '--requests <file>',
      says: 'recorded output of a batch: the lines that were sent, where the prompts stand',
    },
    { flags: '--from-texts <path>', says: 'or cut prompts out of a text or a folder of texts' },
    { flags: '--answers <n>', says: 'number of prompts, an answer to each (default with --prompts: all)' },
    {
      flags: '--prompt-tokens <n>',
      says: `with --from-texts: tokens of a prompt (default ${PROMPT_TOKENS})`,
    },
    { flags: '--max-tokens <n>', says: `most tokens of an answer (default ${MAX_TOKENS})` },
    { flags: '--temperature <t>', says: 'of sampling (default 1)' },
    {
      flags: '--access <kind>',
      says: 'text (default), top-k (log-probabilities of a server) or rows (a local folder)',
    },
    { flags: '--top-k <n>', says: `with top-k: log-probabilities in each position (default ${TOP_K})` },
    { flags: '--statistic <name>', says: 'count or contrast (default contrast with references, else count)' },
    { flags: '--alpha <p>', says: 'level of the whole test, over all keys (default 1e-6)' },
    { flags: '--minimum-counted <n>', says: 'fewer pairs are "insufficient" (default 64)' },
    { flags: '--stop <rule>', says: 'fixed (default), looks or e-process' },
    { flags: '--first <n>', says: 'looks: observations at the first (default 250)' },
    { flags: '--looks <n>', says: 'looks: how many, each at twice the observations (default 8)' },
    { flags: '--futility <n>', says: 'e-process: give up after so many counted pairs' },
    {
      flags: '--key-id <id>',
      says: 'a key that will be tried, id or id:lane; several times (default: all layers and lanes of the profile)',
      list: true,
    },
    {
      flags: '--reference <name>',
      says: 'a reference of the case; several times (default: all)',
      list: true,
    },
    { flags: '--without-references', says: 'use no reference' },
    { flags: '--exposure <path>', says: 'unmarked texts whose window counts weigh windows' },
    { flags: '--decoys <n>', says: 'decoy keys to be shown beside the result (default 1000)' },
    { flags: '--budget-tokens <n>', says: 'most tokens to be paid for' },
    { flags: '--budget-price <amount>', says: 'most money, with --per-million and --currency' },
    { flags: '--per-million <amount>', says: 'price of a million tokens' },
    { flags: '--currency <code>', says: 'three letters (default USD)' },
    {
      flags: '--effect <d>',
      says: 'assumed effect in null standard deviations a pair; then the chance to find it is said',
    },
    { flags: '--power <p>', says: 'wanted chance to find it (default 0.8)' },
    { flags: '--origin <words>', says: 'where the prompts are from (default: the file)' },
    { flags: '--picked-by <words>', says: 'who or what picked them' },
    { flags: '--seed <n>', says: "the server's sampling seed, where it takes one" },
  ],
  examples: [
    'dyetrace case plan rival --from-texts novels --answers 24 --max-tokens 64 --budget-tokens 5000 --budget-price 1 --per-million 10 --effect 0.3',
  ],
  json: {
    plan: 'what plan.json says',
    digest: 'its digest',
    power: 'what the budget finds, and what an assumed effect takes',
    'most?':
      'the most that may be spent: answers, tokens (of these, probe: for finding out what the server can do, about), price',
  },
  async run(call) {
    const { environment, operands } = call
    const folder = await readCase(environment, operands[0]!)
    const { plan, prompts, exposure } = await planned(call, folder)
    const text = canonicalJson(plan)
    const probe = probeTokens(folder.about, folder.files)
    if (folder.files['plan.json'] !== text) assertPayable(plan, probe)
    assertMayChange(folder, { 'plan.json': text, 'prompts.jsonl': prompts })
    const put = (name: string, content: string): Promise<void> =>
      writeText(environment, join(folder.path, name), content, { what: 'case file', replace: true })
    // The plan comes last: with it the case is ready to be asked.
    await put('prompts.jsonl', prompts)
    if (exposure !== undefined) await put('exposure.jsonl', exposure)
    await put('plan.json', text)
    const power = estimatePlanPower(plan, schemeOf(folder.profile, { lanes: 1 }).nullLaw, {
      share: shareOf(plan, folder.profile),
    })
    const most = mostSpent(plan, probe)
    return {
      exit: EXIT.noEvidence,
      json: { plan, digest: planDigest(plan), power, most },
      text: [
        `${count(plan.prompts.count, 'prompt')} of ${grouped(plan.prompts.tokens)} tokens together, access ${plan.access}, statistic ${plan.statistic}, level ${levelOf(plan.alpha)}, ${count(plan.family?.length ?? 0, 'key or lane', 'keys and lanes')} to be tried.`,
        `At most ${grouped(most.tokens - probe)} tokens for the answers${probe > 0 ? `, and about ${grouped(probe)} for finding out what the server can do` : ''}${most.price ? `: ${moneyOf(most.price.amount)} ${most.price.currency} together` : ''}.`,
        formatPower(power),
        `Plan ${planDigest(plan)}`,
        `Next: dyetrace case collect ${named(folder.path)}. From the first question on the plan stays as it is.`,
      ].join('\n'),
    }
  },
}

/** Once something was asked, a plan that changes could have been changed for what came back. */
function assertMayChange({ path, files }: CaseFolder, next: Readonly<Record<string, string>>): void {
  const isSame = Object.entries(next).every(([name, text]) => files[name] === text)
  if (isSame) return
  const asked = linesIn(files['answers.jsonl'])
  const sent = linesIn(files['journal.jsonl'])
  if (asked + sent > 0)
    throw new InputError(
      `case ${named(path)}: expected a plan that nothing was asked by yet, got ${count(asked, 'answer')} and ${count(sent, 'request')} on record; a plan is not changed afterwards. Begin another case`,
    )
}

async function planned(
  call: Call,
  folder: CaseFolder,
): Promise<{ plan: Plan; prompts: string; exposure: string | undefined }> {
  const { environment } = call
  const { profile, about } = folder
  const tokenizer = tokenizerOfCase(folder)
  const answers = call.integer('answers', { min: 1, max: 1e6 })
  const [file, texts] = [call.option('prompts'), call.option('from-texts')]
  if (file !== undefined && texts !== undefined)
    throw new InputError('expected --prompts or --from-texts, got both')
  const read =
    file !== undefined
      ? await promptsFromFile(environment, file, tokenizer)
      : texts !== undefined
        ? await promptsFromTexts(environment, texts, {
            answers: answers ?? DEFAULT_ANSWERS,
            length: call.integer('prompt-tokens', { min: 1, max: 1e5 }) ?? PROMPT_TOKENS,
            tokenizer,
          })
        : await recordedPrompts(call, folder, tokenizer)
  if (answers !== undefined && read.prompts.length < answers)
    throw new InputError(
      `option --answers: expected at most the ${read.prompts.length} prompts that there are, got ${answers}`,
    )
  const prompts = answers === undefined ? read.prompts : read.prompts.slice(0, answers)
  const access = accessOf(call)
  const references = call.flag('without-references')
    ? []
    : call.list('reference').length > 0
      ? call.list('reference')
      : about.references.map(({ name }) => name)
  const unknown = references.find((name) => !about.references.some((one) => one.name === name))
  if (unknown !== undefined)
    throw new InputError(`option --reference: expected a reference of the case, got ${shown(unknown)}`)
  const exposure = await exposureOption(call, { profile, encode: tokenizer.encode })
  const statistic = call.option('statistic')
  const pickedBy = call.option('picked-by')
  const alpha = alphaOf(call)
  const minimumCounted = call.integer('minimum-counted', { min: 1 })
  const decoys = call.integer('decoys', { max: 1e5 })
  const effect = call.number('effect', { expected: 'a number above 0', holds: (d) => d > 0 })
  const target = call.number('power', {
    expected: 'a chance above 0 and below 1',
    holds: (p) => p > 0 && p < 1,
  })
  const topK = call.integer('top-k', { min: 1, max: 100 })
  const plan = createPlan({
    suspect: about.name,
    access,
    ...(access === 'top-k' ? { topK: topK ?? TOP_K } : topK === undefined ? {} : { topK }),
    ...(statistic === undefined ? {} : { statistic: statistic as 'count' }),
    contextWidth: profile.contextWidth,
    vocabularySize: profile.vocabularySize,
    prompts,
    origin: call.option('origin') ?? read.origin,
    ...(pickedBy === undefined ? {} : { pickedBy }),
    ...(access === 'text' ? { completion: completionOf(call) } : {}),
    references,
    ...(exposure === undefined ? {} : { exposure: exposure.exposure }),
    ...(alpha === undefined ? {} : { alpha }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
    ...(decoys === undefined ? {} : { decoys }),
    stopping: stoppingOf(call),
    ...budgetOf(call),
    ...(effect === undefined ? {} : { power: { target: target ?? 0.8, effect } }),
    family: familyOf(call, profile),
  } satisfies PlanOptions)
  return { plan, prompts: formatPrompts(prompts), exposure: exposure?.text }
}

/** Of answers that are there already, the prompts are those that were put. */
async function recordedPrompts(
  call: Call,
  { about }: CaseFolder,
  tokenizer: ReadTokenizer,
): Promise<ReadPrompts> {
  const { environment } = call
  const { suspect } = about
  if (suspect.kind !== 'recorded') throw new InputError('expected --prompts or --from-texts, got neither')
  const requests = call.option('requests')
  const { prompts } = importChatLog(await readText(environment, suspect.path, 'recorded answers'), {
    tokenizer,
    vocabularySize: tokenizer.vocabularySize,
    ...(requests === undefined ? {} : { requests: await readText(environment, requests, 'requests') }),
  })
  if (prompts.length === 0)
    throw new InputError(
      `recorded answers ${named(suspect.path)}: expected at least one entry with prompt and answer, got none`,
    )
  return { prompts, origin: `the prompts of ${named(suspect.path)}` }
}

function accessOf(call: Call): Plan['access'] {
  const access = call.option('access') ?? 'text'
  if (access !== 'text' && access !== 'top-k' && access !== 'rows')
    throw new InputError(`option --access: expected text, top-k or rows, got ${shown(access)}`)
  return access
}

function completionOf(call: Call): NonNullable<PlanOptions['completion']> {
  const seed = call.integer('seed')
  return {
    maxTokens: call.integer('max-tokens', { min: 1, max: 1e6 }) ?? MAX_TOKENS,
    temperature: call.number('temperature', { expected: 'a number from 0', holds: (t) => t >= 0 }) ?? 1,
    ...(seed === undefined ? {} : { seed: String(seed) }),
  }
}

function stoppingOf(call: Call): NonNullable<PlanOptions['stopping']> {
  const rule = call.option('stop') ?? 'fixed'
  const [first, looks, futility] = [
    call.integer('first', { min: 1 }),
    call.integer('looks', { min: 1, max: 30 }),
    call.integer('futility', { min: 1 }),
  ]
  const refuse = (name: string): never => {
    throw new InputError(`option --${name}: expected none with --stop ${rule}, got one`)
  }
  if (rule !== 'looks' && (first ?? looks) !== undefined) refuse(first === undefined ? 'looks' : 'first')
  if (rule !== 'e-process' && futility !== undefined) refuse('futility')
  switch (rule) {
    case 'fixed':
      return { rule }
    case 'looks':
      return { rule, looks: looks ?? 8, ...(first === undefined ? {} : { first }) }
    case 'e-process':
      // Prompts of a case are fixed beforehand.
      return { rule, fresh: false, ...(futility === undefined ? {} : { futility }) }
    default:
      throw new InputError(`option --stop: expected fixed, looks or e-process, got ${shown(rule)}`)
  }
}

function budgetOf(call: Call): Pick<PlanOptions, 'budget'> {
  const positive = { expected: 'an amount above 0', holds: (x: number) => x > 0 }
  const tokens = call.integer('budget-tokens', { min: 1 })
  const amount = call.number('budget-price', positive)
  const perMillionTokens = call.number('per-million', positive)
  const currency = call.option('currency') ?? 'USD'
  if ((amount === undefined) !== (perMillionTokens === undefined))
    throw new InputError(
      `option --${amount === undefined ? 'budget-price' : 'per-million'}: expected one beside --${amount === undefined ? 'per-million' : 'budget-price'}, got none`,
    )
  if (tokens === undefined && amount === undefined) return {}
  return {
    budget: {
      ...(tokens === undefined ? {} : { tokens }),
      ...(amount === undefined || perMillionTokens === undefined
        ? {}
        : { price: { amount, currency, perMillionTokens } }),
    },
  }
}

/** All that will be tried is on record before anything is asked. */
function familyOf(call: Call, { layers }: Profile): NonNullable<PlanOptions['family']> {
  const words = call.list('key-id')
  if (words.length === 0)
    return layers.flatMap(({ keyId, lanes }) => Array.from({ length: lanes }, (_, lane) => ({ keyId, lane })))
  return words.map((word) => {
    const match = /^([0-9a-f]{16})(?::(\d{1,3}))?$/.exec(word)
    const layer = layers.find(({ keyId }) => keyId === match?.[1])
    if (!match || !layer)
      throw new InputError(
        `option --key-id: expected a key id of the profile (${layers.map(({ keyId }) => keyId).join(', ')}), or id:lane, got ${shown(word)}`,
      )
    return { keyId: layer.keyId, lane: Number(match[2] ?? 0) }
  })
}

const INDEX = /^\{[^\n]*"format":"dyetrace\/exposure-1"/

async function exposureOption(
  call: Call,
  { profile, encode }: { profile: Profile; encode: (text: string) => number[] },
) {
  const path = call.option('exposure')
  if (path === undefined) return undefined
  const { environment } = call
  const documents: number[][] = []
  for (const file of filesUnder(environment, [path])) {
    // Read as text, its words would be counted.
    if (INDEX.test(Buffer.from(await readBytesOf(environment, file, 'text')).toString('latin1', 0, 2 ** 16)))
      throw new InputError(
        `option --exposure: expected texts, got ${named(file)}, an exposure index; name the texts that it counts`,
      )
    documents.push(encode(await readText(environment, file, 'text')))
  }
  const { contextWidth, vocabularySize } = profile
  const exposure = exposureOf(documents, { contextWidth, vocabularySize, origin: named(path) })
  return { exposure, text: documents.map((ids) => `${canonicalJson({ ids })}\n`).join('') }
}

/** Part of all windows that belong to the smallest layer that is tried: what the weakest of the keys has to go on. */
function shareOf({ family = [] }: Plan, { layers }: Profile): number {
  const shares = layers
    .filter(({ keyId }) => family.some((one) => one.keyId === keyId))
    .map(({ share }) => share)
  return Math.min(65536, ...shares) / 65536
}

/** The most that the plan allows. */
function mostSpent(
  plan: Plan,
  probe: number,
): {
  answers: number
  tokens: number
  probe: number
  price?: { amount: number; currency: string }
} {
  const price = plan.budget?.price
  const tokens = Math.min(plannedTokens(plan) + probe, Math.max(probe, payableTokens(plan)))
  return {
    answers: plan.prompts.count,
    tokens,
    probe,
    ...(price
      ? { price: { amount: (tokens * price.perMillionTokens) / 1e6, currency: price.currency } }
      : {}),
  }
}

/** Without a rule to stop early, a budget that ends before the prompts do leaves a result that proves nothing. */
function assertPayable(plan: Plan, probe: number): void {
  const { stopping, budget } = plan
  if (stopping.rule !== 'fixed' || !budget) return
  const needed = plannedTokens(plan) + probe
  const why = `for ${count(plan.prompts.count, 'prompt')} with the longest answers${probe > 0 ? ` and about ${grouped(probe)} tokens for finding out what the server can do` : ''}: with --stop fixed a budget that ends before leaves an exploratory result. Ask fewer (--answers), or take --stop looks`
  const { tokens, price } = budget
  if (tokens !== undefined && tokens < needed)
    throw new InputError(`option --budget-tokens: expected at least ${needed} ${why}; got ${tokens}`)
  if (price && payableTokens({ budget: { price } }) < needed)
    throw new InputError(
      `option --budget-price: expected at least ${moneyOf((needed * price.perMillionTokens) / 1e6)} ${price.currency} ${why}; got ${price.amount}`,
    )
}

/** Rounded up to hundredths. */
function moneyOf(amount: number): string {
  return (Math.ceil(100 * amount - 1e-6) / 100).toFixed(2)
}
