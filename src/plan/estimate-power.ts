/**
 * What a test would find, and what it would cost, before a question is sent: pairs, observations, tokens, answers and price that an assumed
 * effect takes, and the least effect that a budget finds. Made from numbers alone: neither a key nor the suspect is needed. What it cannot
 * know is how strongly a student would show the mark; that comes from published students (benchmarks/power) or from a pilot.
 */
import { assertNumber, assertOptions, describe } from '../assert.ts'
import { assertNullLaw, type NullLaw } from '../stats/law.ts'
import { ownFields } from './fields.ts'
import { type Budget, readBudget, readInteger, readStopping, type Stopping } from './parts.ts'
import { type Plan, parsePlan, type Statistic } from './plan.ts'
import { chanceOfEvidence, effectFound, type LevelTest, largestEffect, pairsNeeded } from './power-of-test.ts'
import { plannedLooks } from './stopping.ts'

/** What an answer gives and costs. */
export interface AnswerSize {
  /** Tokens whose positions are looked at: of the answer (text), or of the prompt (probabilities). */
  readonly tokens: number
  /** Tokens that are paid for, those of the prompt included. @defaultValue as `tokens` */
  readonly paid?: number
}

/** What {@link estimatePower} is asked. */
export interface PowerQuestion {
  /** Null law of one score: of green lists { kind: 'bernoulli', p: gamma }, of gumbel { kind: 'exponential' }, of tournaments { kind: 'binomial', trials, p: 1/2 }. */
  readonly law: NullLaw
  /**
   * Assumed shift of the mean score in null standard deviations, for each pair (count) or each position (contrast): z / sqrt(n) of a student
   * like the one that is suspected. @defaultValue none: only what the budget finds is said
   */
  readonly effect?: number
  /** @defaultValue 1e-6 */
  readonly alpha?: number
  /** Wanted chance to find it. @defaultValue 0.8 */
  readonly power?: number
  /** Keys that will be tried, all of which are paid for. @defaultValue 1 */
  readonly keys?: number
  /** @defaultValue 'count' */
  readonly statistic?: Statistic
  /** @defaultValue the rule 'fixed' */
  readonly stopping?: Stopping
  /** Fewer pairs are "insufficient" whatever they say. @defaultValue 64 */
  readonly minimumCounted?: number
  /** Share of windows that belong to the key's layer. @defaultValue 1 */
  readonly share?: number
  /** Distinct pairs an observation: falls as the suspect repeats itself, so take it from a pilot. Of no use to the contrast. @defaultValue 1 */
  readonly pairsPerObservation?: number
  /** Positions kept of those looked at. @defaultValue 0.625: with windows of two ids it takes 1.6 tokens to have a new one */
  readonly observationsPerToken?: number
  /** @defaultValue none: answers are not counted */
  readonly perAnswer?: AnswerSize
  /** @defaultValue none */
  readonly budget?: Budget
}

/** Amounts that belong together. */
export interface Effort {
  /** Scored pairs (count) or positions (contrast) of the key's layer. */
  readonly counted: number
  readonly observations: number
  /** Tokens looked at. */
  readonly tokens: number
  /** Where the size of answers is known. */
  readonly answers?: number
  /** Tokens paid for. */
  readonly paid: number
  /** Where the budget has a price. */
  readonly price?: { readonly amount: number; readonly currency: string }
}

/** What the assumed effect takes. */
export interface Needed extends Effort {
  /** The chance to find the effect with that many. */
  readonly power: number
  /** Index (from 0) of the planned look that finds it. */
  readonly look?: number
}

/** What the budget finds. */
export interface Affordable extends Effort {
  /** The least effect that is found with the wanted chance; absent where none can be. */
  readonly effect?: number
  /** The chance to find the assumed effect. */
  readonly power?: number
}

/** Answer of {@link estimatePower}. Frozen. */
export interface PowerEstimate {
  readonly statistic: Statistic
  /** exact: of the scores' own law, all shifted alike. estimate: of a normal law. */
  readonly law: 'exact' | 'estimate'
  readonly alpha: number
  readonly keys: number
  /** The wanted chance. */
  readonly power: number
  /** The assumed effect. */
  readonly effect?: number
  /** Absent without an assumed effect, and where no look, or no number that can be asked for, would find it with the wanted chance. */
  readonly needed?: Needed
  /** Absent without a budget. */
  readonly affordable?: Affordable
}

/**
 * Says how much has to be asked for an assumed effect, and how little of an effect a budget finds. For the statistic "count" the chances are
 * exact sums of binomial (gamma) laws; the number of pairs is the least that is enough together with all larger ones. Planned looks are
 * counted each by itself, and so is the end of an e-process: having looked before can only have found more.
 * @throws TypeError or RangeError that names what was expected and what came.
 * @example
 * import { estimatePower, formatPower } from 'dyetrace/distill'
 * const estimate = estimatePower({
 *   law: { kind: 'bernoulli', p: 0.25 }, effect: 0.1, perAnswer: { tokens: 256 },
 *   budget: { price: { amount: 5, currency: 'USD', perMillionTokens: 10 } },
 * })
 * console.log(estimate.needed?.counted, estimate.needed?.answers) // 3296 21
 */
export function estimatePower(question: PowerQuestion): PowerEstimate {
  const asked = resolveQuestion(question)
  const { law, statistic, alpha, keys, power, effect, stopping, minimumCounted, budget } = asked
  const base: LevelTest = { law, statistic, watched: stopping.rule === 'e-process', alpha: alpha / keys }
  const tests: readonly (LevelTest & { readonly look?: number; readonly counted?: number })[] =
    stopping.rule === 'looks'
      ? plannedLooks(stopping, alpha / keys).map(({ index, observations, alpha }) => {
          return { ...base, alpha, look: index, counted: countedOf(observations, asked) }
        })
      : [base]

  const needed = (assumed: number): Needed | undefined => {
    for (const test of tests) {
      const least = test.counted ?? pairsNeeded(test, { effect: assumed, power })
      if (least === undefined) return undefined
      const counted = test.counted ?? Math.max(least, minimumCounted)
      const chance = counted < minimumCounted ? 0 : chanceOfEvidence(test, { n: counted, effect: assumed })
      if (chance < power) continue
      const effort = effortOf(counted, asked)
      return Object.freeze({ ...effort, power: chance, ...(test.look !== undefined && { look: test.look }) })
    }
    return undefined
  }
  const affordable = (limit: Budget): Affordable => {
    const effort = effortWithin(limit, asked)
    // The last look that there are observations for is the one that finds the least.
    const test = tests.findLast(({ counted }) => counted === undefined || counted <= effort.counted)
    const n = test?.counted ?? effort.counted
    if (test === undefined || n < minimumCounted)
      return Object.freeze({ ...effort, ...(effect !== undefined && { power: 0 }) })
    const found = effectFound(test, { n, power })
    return Object.freeze({
      ...effort,
      ...(found !== undefined && { effect: found }),
      ...(effect !== undefined && { power: chanceOfEvidence(test, { n, effect }) }),
    })
  }

  const whatItTakes = effect === undefined ? undefined : needed(effect)
  return Object.freeze({
    statistic,
    law: statistic === 'count' ? 'exact' : 'estimate',
    alpha,
    keys,
    power,
    ...(effect !== undefined && { effect }),
    ...(whatItTakes && { needed: whatItTakes }),
    ...(budget && { affordable: affordable(budget) }),
  })
}

/** What a pilot says, or an experiment of one's own, where a plan cannot. */
export type Pilot = Pick<PowerQuestion, 'share' | 'pairsPerObservation' | 'observationsPerToken'>

/**
 * As {@link estimatePower}, of a plan: its level, family, statistic, stopping rule, assumed effect, and as budget what it allows, which is
 * at most an answer to each of its prompts unless these are chosen on the way.
 * @param law null law of one score under the keys to be tried.
 * @example
 * import { createPlan, estimatePlanPower } from 'dyetrace/distill'
 * const plan = createPlan({
 *   suspect: 'model-x', access: 'text', contextWidth: 1, vocabularySize: 2048, completion: { maxTokens: 400 },
 *   prompts: [[17, 4], [99, 3]], origin: 'opening lines', power: { target: 0.8, effect: 0.3 },
 * })
 * const { needed, affordable } = estimatePlanPower(plan, { kind: 'bernoulli', p: 0.5 })
 * console.log(needed?.counted, affordable?.counted) // 350 500
 */
export function estimatePlanPower(plan: Plan, law: NullLaw, pilot: Pilot = {}): PowerEstimate {
  assertOptions(pilot, { name: 'pilot', keys: ['share', 'pairsPerObservation', 'observationsPerToken'] })
  const { alpha, family, statistic, stopping, minimumCounted, prompts, completion, budget, power } =
    parsePlan(plan)
  const promptTokens = prompts.tokens / prompts.count
  const chosenOnTheWay = stopping.rule === 'e-process' && stopping.fresh
  const answers = Math.min(budget?.answers ?? Infinity, chosenOnTheWay ? Infinity : prompts.count)
  const limit = { ...budget, ...(answers < Infinity && { answers }) }
  return estimatePower({
    law,
    alpha,
    statistic,
    stopping,
    minimumCounted,
    keys: family?.length ?? 1,
    ...(power && { effect: power.effect, power: power.target }),
    ...pilot,
    perAnswer: completion
      ? { tokens: completion.maxTokens, paid: completion.maxTokens + promptTokens }
      : { tokens: promptTokens },
    ...(Object.keys(limit).length > 0 && { budget: limit }),
  })
}

/**
 * An estimate in a few lines of text.
 * @example
 * import { estimatePower, formatPower } from 'dyetrace/distill'
 * console.log(formatPower(estimatePower({ law: { kind: 'bernoulli', p: 0.25 }, budget: { tokens: 1000 } })))
 * // With the budget: 625 counted pairs, 625 observations, 1,000 tokens. They find an effect of 0.234 or more null standard deviations a pair at 1e-6 with 80 % (exact law).
 */
export function formatPower(estimate: PowerEstimate): string {
  const { statistic, law, alpha, keys, power, effect, needed, affordable } = estimate
  const level = `at ${levelOf(alpha)}${keys > 1 ? ` over ${keys} keys` : ''} with ${percent(power)} (${law === 'exact' ? 'exact law' : 'an estimate'})`
  const unit = statistic === 'count' ? 'pair' : 'position'
  const lines: string[] = []
  if (effect !== undefined) {
    const found = `To find an effect of ${effect} null standard deviations a ${unit} ${level}`
    lines.push(
      needed
        ? `${found}: ${amountsOf(needed, statistic)}${needed.look === undefined ? '' : `, at look ${needed.look + 1}`}.`
        : `${found}: no planned number is enough.`,
    )
  }
  if (affordable) {
    const with_ = `With the budget: ${amountsOf(affordable, statistic)}.`
    const least =
      affordable.effect === undefined
        ? `They find no effect ${level}.`
        : `They find an effect of ${roundedUp(affordable.effect)} or more null standard deviations a ${unit} ${level}.`
    const chance =
      affordable.power === undefined ? '' : ` The assumed effect is found with ${percent(affordable.power)}.`
    lines.push(`${with_} ${least}${chance}`)
  }
  return lines.join('\n')
}

function amountsOf(effort: Effort, statistic: Statistic): string {
  const { counted, observations, tokens, answers, paid, price } = effort
  const amounts = [
    `${grouped(counted)} ${statistic === 'count' ? 'counted pairs' : 'counted positions'}`,
    `${grouped(observations)} observations`,
    `${grouped(tokens)} tokens`,
  ]
  if (answers !== undefined) amounts.push(`${grouped(answers)} answers`)
  if (paid !== tokens) amounts.push(`${grouped(paid)} tokens paid for`)
  if (price) amounts.push(`${(Math.ceil(price.amount * 100 - 1e-6) / 100).toFixed(2)} ${price.currency}`)
  return amounts.join(', ')
}

/** A level as people write it: 1e-6, where JavaScript has 0.000001. */
function levelOf(alpha: number): string {
  return alpha < 1e-3 ? alpha.toExponential() : String(alpha)
}

/** Thousands by commas, the same whatever the machine's language. */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Never more than it is. */
function percent(chance: number): string {
  return `${Math.floor(1000 * chance + 1e-9) / 10} %`
}

/** Three digits, never less than it is. */
function roundedUp(effect: number): string {
  const unit = 10 ** (Math.floor(Math.log10(effect)) - 2)
  return String(Number((Math.ceil(effect / unit - 1e-9) * unit).toPrecision(3)))
}

type Resolved = Required<Omit<PowerQuestion, 'effect' | 'perAnswer' | 'budget'>> & {
  readonly effect: number | undefined
  readonly perAnswer: Required<AnswerSize> | undefined
  readonly budget: Budget | undefined
}

const QUESTION_KEYS = [
  'law',
  'effect',
  'alpha',
  'power',
  'keys',
  'statistic',
  'stopping',
  'minimumCounted',
  'share',
  'pairsPerObservation',
  'observationsPerToken',
  'perAnswer',
  'budget',
] as const

function resolveQuestion(question: PowerQuestion): Resolved {
  const fields = ownFields(question, { name: 'question', keys: QUESTION_KEYS })
  const {
    law,
    effect,
    alpha = 1e-6,
    power = 0.8,
    keys = 1,
    statistic = 'count',
    minimumCounted = 64,
  } = fields
  const {
    stopping = { rule: 'fixed' },
    share = 1,
    pairsPerObservation = 1,
    observationsPerToken = 0.625,
  } = fields
  assertNullLaw(law)
  const probability = { expected: 'a probability above 0 and below 1', holds: (p: number) => p > 0 && p < 1 }
  assertNumber(alpha, { name: 'question.alpha', ...probability })
  assertNumber(power, { name: 'question.power', ...probability })
  if (statistic !== 'count' && statistic !== 'contrast')
    throw new RangeError(`"question.statistic" expected "count" or "contrast", got ${describe(statistic)}`)
  const part = { expected: 'a share above 0, at most 1', holds: (s: number) => s > 0 && s <= 1 }
  assertNumber(share, { name: 'question.share', ...part })
  assertNumber(pairsPerObservation, { name: 'question.pairsPerObservation', ...part })
  assertNumber(observationsPerToken, { name: 'question.observationsPerToken', ...part })
  if (effect !== undefined) {
    const largest = statistic === 'count' ? largestEffect(law) : Infinity
    assertNumber(effect, {
      name: 'question.effect',
      expected: `an effect above 0${largest < Infinity ? `, at most ${largest} (every score the highest)` : ''}`,
      holds: (d) => d > 0 && d <= largest,
    })
  }
  const perAnswer =
    fields.perAnswer === undefined
      ? undefined
      : readAnswerSize(fields.perAnswer, { name: 'question.perAnswer' })
  const budget =
    fields.budget === undefined ? undefined : readBudget(fields.budget, { name: 'question.budget' })
  if (budget?.answers !== undefined && perAnswer === undefined)
    throw new RangeError(
      '"question.perAnswer" expected the size of an answer, which the budget counts, got undefined',
    )
  return {
    law,
    effect,
    alpha,
    power,
    keys: readInteger(keys, { name: 'question.keys', min: 1 }),
    statistic,
    stopping: readStopping(stopping, { name: 'question.stopping' }),
    minimumCounted: readInteger(minimumCounted, { name: 'question.minimumCounted', min: 1 }),
    share,
    pairsPerObservation: statistic === 'count' ? pairsPerObservation : 1,
    observationsPerToken,
    perAnswer,
    budget,
  }
}

function readAnswerSize(value: unknown, { name }: { name: string }): Required<AnswerSize> {
  const { tokens, paid = tokens } = ownFields(value, { name, keys: ['tokens', 'paid'] })
  const size = { expected: 'a number of tokens above 0', holds: (n: number) => n > 0 }
  assertNumber(tokens, { name: `${name}.tokens`, ...size })
  assertNumber(paid, { name: `${name}.paid`, ...size })
  return { tokens, paid }
}

type Rates = Pick<Resolved, 'share' | 'pairsPerObservation' | 'observationsPerToken' | 'perAnswer' | 'budget'>

function countedOf(observations: number, { share, pairsPerObservation }: Rates): number {
  return Math.floor(observations * share * pairsPerObservation)
}

function effortOf(counted: number, rates: Rates): Effort {
  const { share, pairsPerObservation, observationsPerToken, perAnswer } = rates
  const observations = Math.ceil(counted / (share * pairsPerObservation))
  const tokens = Math.ceil(observations / observationsPerToken)
  const answers = perAnswer && Math.ceil(tokens / perAnswer.tokens)
  const paid = perAnswer && answers !== undefined ? Math.ceil(answers * perAnswer.paid) : tokens
  return {
    counted,
    observations,
    tokens,
    ...(answers !== undefined && { answers }),
    paid,
    ...priceOf(paid, rates.budget),
  }
}

/** As much as the budget allows. Where answers are counted, only whole ones. */
function effortWithin(budget: Budget, rates: Rates): Effort {
  const { observationsPerToken, perAnswer } = rates
  const { price } = budget
  const payable = Math.min(
    budget.tokens ?? Infinity,
    price ? Math.floor((price.amount / price.perMillionTokens) * 1e6) : Infinity,
  )
  const answers = perAnswer && Math.min(budget.answers ?? Infinity, Math.floor(payable / perAnswer.paid))
  const tokens = perAnswer && answers !== undefined ? Math.floor(answers * perAnswer.tokens) : payable
  const paid = perAnswer && answers !== undefined ? Math.ceil(answers * perAnswer.paid) : payable
  const observations = Math.floor(tokens * observationsPerToken)
  return {
    counted: countedOf(observations, rates),
    observations,
    tokens,
    ...(answers !== undefined && { answers }),
    paid,
    ...priceOf(paid, budget),
  }
}

function priceOf(paid: number, budget: Budget | undefined): Pick<Effort, 'price'> {
  if (!budget?.price) return {}
  const { currency, perMillionTokens } = budget.price
  return { price: Object.freeze({ amount: (paid * perMillionTokens) / 1e6, currency }) }
}
