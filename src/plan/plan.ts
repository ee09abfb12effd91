/**
 * The plan: what will be asked and how it will be judged, written down before the first question and made without any key.
 * Its digest goes into every conclusion and seeds the decoy keys, so a plan changed afterwards shows. docs/case-files.md has its
 * fields as a file.
 */
import { assertArray, assertInteger, assertNumber, assertOneOf, describe } from '../assert.ts'
import { type Digest, digestJson } from '../digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import { assertAgreement } from './agreement.ts'
import { entriesOf, optional, ownFields, readDigest, readLine } from './fields.ts'
import {
  assertBoolean,
  type Budget,
  type PlannedCompletion,
  type PlannedExposure,
  type PlannedPower,
  readBudget,
  readClasses,
  readCompletion,
  readExposure,
  readFamily,
  readInteger,
  readPower,
  readStopping,
  readText,
  type WindowClasses,
} from './parts.ts'
import type { Access, Plan, Statistic } from './record.ts'

export type { Access, Plan, Statistic }

/** What {@link createPlan} needs to know. */
export interface PlanOptions {
  readonly suspect: string
  readonly access: Access
  /** Logprobs asked for in each position, 1..100; needed for access "top-k", refused for others. */
  readonly topK?: number
  /** @defaultValue "contrast" if there are references, otherwise "count" */
  readonly statistic?: Statistic
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Token ids of public text, users' prompts, or answers regenerated with the mark off. With marked text, say so in `markedPrompts`. */
  readonly prompts: readonly TokenIds[]
  /** Where the prompts are from, in words. */
  readonly origin: string
  /** Who or what picked them, in words. @defaultValue left out */
  readonly pickedBy?: string
  /** The prompts contain text marked under a key that will be tried. @defaultValue false */
  readonly markedPrompts?: boolean
  /**
   * With marked prompts: the documents that they were cut out of, and any other text marked under a key that will be tried; an empty array where
   * prompts are whole texts. The same goes to the constructor of observations. @defaultValue left out, and the conclusion is exploratory
   */
  readonly markedText?: readonly TokenIds[]
  /** @defaultValue left out; its temperature 1 */
  readonly completion?: Omit<PlannedCompletion, 'temperature'> & { readonly temperature?: number }
  /** @defaultValue none */
  readonly references?: readonly string[]
  /** What `exposureOf` gave, or its origin, tokens and digest. @defaultValue none */
  readonly exposure?: PlannedExposure
  /** @defaultValue 1e-6 */
  readonly alpha?: number
  /** Fewer (effective) pairs than this are "insufficient". @defaultValue 64 */
  readonly minimumCounted?: number
  /** @defaultValue 1000, or 0 where decoys say nothing: with marked prompts, and prompts chosen on the way */
  readonly decoys?: number
  /** @defaultValue the rule "fixed"; `first` of the rule "looks" 250, `fresh` of the rule "e-process" as `markedPrompts` */
  readonly stopping?:
    | { readonly rule: 'fixed' }
    | { readonly rule: 'looks'; readonly first?: number; readonly looks: number }
    | { readonly rule: 'e-process'; readonly fresh?: boolean; readonly futility?: number }
  /** Needed for marked prompts with the rule "fixed". */
  readonly counted?: number
  /** @defaultValue none: all windows are judged together, from above */
  readonly classes?: WindowClasses
  /** @defaultValue none */
  readonly budget?: Budget
  /** @defaultValue left out */
  readonly power?: PlannedPower
  /** Every key that will be tried. @defaultValue left out, and the conclusion is exploratory; its lanes 0 */
  readonly family?: readonly { readonly keyId: string; readonly lane?: number }[]
}

const TERM_KEYS = [
  'suspect',
  'access',
  'topK',
  'statistic',
  'contextWidth',
  'vocabularySize',
  'completion',
  'references',
  'exposure',
  'alpha',
  'minimumCounted',
  'decoys',
  'stopping',
  'counted',
  'classes',
  'budget',
  'power',
  'family',
] as const
const PLAN_KEYS = ['format', 'prompts', ...TERM_KEYS] as const
const PROMPTS_KEYS = ['origin', 'pickedBy', 'count', 'tokens', 'digest', 'marked', 'markedText'] as const
const OPTION_KEYS = ['prompts', 'origin', 'pickedBy', 'markedPrompts', 'markedText', ...TERM_KEYS] as const

/** Fewer hardly ever are evidence at 1e-6. */
const FIRST_LOOK = 250

/**
 * Makes a plan. No key goes in, so none can have shaped it; key ids may, for they are public and say nothing about a key.
 * @throws TypeError or RangeError that names the option, what was expected and what came; RangeError for options that contradict each other.
 * @example
 * import { createPlan } from 'dyetrace/distill'
 * const plan = createPlan({
 *   suspect: 'model-x', access: 'text', contextWidth: 1, vocabularySize: 2048,
 *   prompts: [[17, 4, 99]], origin: 'opening lines of public-domain novels',
 *   family: [{ keyId: '0123456789abcdef' }],
 * })
 * plan.statistic // 'count'
 */
export function createPlan(options: PlanOptions): Plan {
  const given = ownFields(options, { name: 'options', keys: OPTION_KEYS })
  const { prompts, origin, pickedBy, markedPrompts: marked = false, markedText, ...terms } = given
  assertBoolean(marked, { name: 'options.markedPrompts' })
  const stopping = withStoppingDefaults(terms.stopping, { marked })
  const asksFresh = (stopping as { fresh?: unknown } | undefined)?.fresh === true
  const references = terms.references === undefined ? [] : terms.references
  const checked = readTerms(
    {
      ...terms,
      stopping,
      references,
      statistic:
        terms.statistic === undefined ? (isEmpty(references) ? 'count' : 'contrast') : terms.statistic,
      completion: withDefaults(terms.completion, { temperature: 1 }),
      exposure: withoutCounts(terms.exposure, terms.contextWidth),
      alpha: terms.alpha === undefined ? 1e-6 : terms.alpha,
      minimumCounted: terms.minimumCounted === undefined ? 64 : terms.minimumCounted,
      decoys: terms.decoys === undefined ? (marked || asksFresh ? 0 : 1000) : terms.decoys,
      family: Array.isArray(terms.family)
        ? Array.from(terms.family, (member) => withDefaults(member, { lane: 0 }))
        : terms.family,
    },
    { name: 'options' },
  )
  const asked = {
    ...readOrigin({ origin, pickedBy }, { name: 'options' }),
    ...countedPrompts(prompts, {
      vocabularySize: checked.vocabularySize,
      mayRepeat: !isOrdered(checked),
    }),
    marked,
    ...optional('markedText', markedText, (texts) => {
      const documents = idArrays(texts, {
        name: 'options.markedText',
        vocabularySize: checked.vocabularySize,
      })
      return Object.freeze({ documents: documents.length, digest: promptsDigest(documents) })
    }),
  }
  return agreedPlan(checked, asked, { name: 'options' })
}

/**
 * Checks a plan that was read from a file or handed over by somebody else. The result is a copy: what was checked is what is
 * kept. A level of 5, say, would make everybody guilty.
 * @throws TypeError or RangeError for a field that is missing, unknown or out of range, and for fields that contradict each other.
 */
export function parsePlan(input: unknown): Plan {
  const { format, prompts: put, ...terms } = ownFields(input, { name: 'plan', keys: PLAN_KEYS })
  assertOneOf(format, { name: 'plan.format', values: ['dyetrace/plan-1'] })
  const checked = readTerms(terms, { name: 'plan' })
  const name = 'plan.prompts'
  const { origin, pickedBy, count, tokens, digest, marked, markedText } = ownFields(put, {
    name,
    keys: PROMPTS_KEYS,
  })
  assertInteger(count, { name: `${name}.count`, min: 1 })
  assertInteger(tokens, { name: `${name}.tokens`, min: 1 })
  assertBoolean(marked, { name: `${name}.marked` })
  const asked = {
    ...readOrigin({ origin, pickedBy }, { name }),
    count,
    tokens,
    digest: readDigest(digest, { name: `${name}.digest` }),
    marked,
    ...optional('markedText', markedText, (text) => readText(text, { name: `${name}.markedText` })),
  }
  return agreedPlan(checked, asked, { name: 'plan' })
}

/** The plan's name: SHA-256 of its canonical JSON. */
export function planDigest(plan: Plan): Digest {
  return digestJson(plan)
}

/** Digest of prompts, as the plan holds it: of the JSON array of their id arrays. */
export function promptsDigest(prompts: readonly TokenIds[]): Digest {
  return digestJson(prompts.map((ids) => Array.from(ids)))
}

/** What a plan settles besides its prompts. */
type Terms = Omit<Plan, 'format' | 'prompts'>

function readTerms(
  terms: { readonly [Field in (typeof TERM_KEYS)[number]]: unknown },
  { name }: { name: string },
): Terms {
  const { suspect, access, topK, statistic, contextWidth, vocabularySize, alpha, minimumCounted, decoys } =
    terms
  readLine(suspect, { name: `${name}.suspect` })
  assertOneOf(access, { name: `${name}.access`, values: ['text', 'top-k', 'rows'] })
  assertInteger(contextWidth, { name: `${name}.contextWidth`, max: 4 })
  assertInteger(vocabularySize, { name: `${name}.vocabularySize`, min: 2 })
  const references = entriesOf(terms.references, {
    name: `${name}.references`,
    expected: 'an array of names',
    read: (reference, at) => readLine(reference, { name: at }),
  })
  assertOneOf(statistic, { name: `${name}.statistic`, values: ['count', 'contrast'] })
  assertNumber(alpha, {
    name: `${name}.alpha`,
    expected: 'a level above 0 and below 1',
    holds: (a) => a > 0 && a < 1,
  })
  assertInteger(minimumCounted, { name: `${name}.minimumCounted`, min: 1 })
  assertInteger(decoys, { name: `${name}.decoys`, max: 1e5 })
  const part = <Key extends keyof Terms, T>(key: Key, read: (value: unknown, about: { name: string }) => T) =>
    optional(key, terms[key], (value) => read(value, { name: `${name}.${key}` }))
  return {
    suspect: suspect as string,
    access,
    ...optional('topK', topK, (k) => readInteger(k, { name: `${name}.topK`, min: 1, max: 100 })),
    statistic,
    contextWidth,
    vocabularySize,
    ...part('completion', readCompletion),
    references,
    ...part('exposure', readExposure),
    alpha,
    minimumCounted,
    decoys,
    stopping: readStopping(terms.stopping, { name: `${name}.stopping` }),
    ...part('counted', (n, about) => readInteger(n, { ...about, min: 1 })),
    ...part('classes', readClasses),
    ...part('budget', readBudget),
    ...part('power', readPower),
    ...part('family', readFamily),
  }
}

function readOrigin(
  { origin, pickedBy }: { origin: unknown; pickedBy: unknown },
  { name }: { name: string },
): Pick<Plan['prompts'], 'origin' | 'pickedBy'> {
  const from = { name: `${name}.origin`, expected: 'words that say where the prompts are from' }
  const by = { name: `${name}.pickedBy`, expected: 'words that say who or what picked the prompts' }
  return {
    origin: readLine(origin, from),
    ...optional('pickedBy', pickedBy, (words) => readLine(words, by)),
  }
}

/** True where the result depends on the order of the prompts. */
export function isOrdered({ stopping, counted }: Pick<Plan, 'stopping' | 'counted'>): boolean {
  return (
    stopping.rule === 'looks' || counted !== undefined || (stopping.rule === 'e-process' && !stopping.fresh)
  )
}

function countedPrompts(
  prompts: unknown,
  { vocabularySize, mayRepeat }: { vocabularySize: number; mayRepeat: boolean },
): Pick<Plan['prompts'], 'count' | 'tokens' | 'digest'> {
  const put = idArrays(prompts, { name: 'options.prompts', vocabularySize })
  if (!mayRepeat) assertDifferent(put)
  const tokens = put.reduce((sum, { length }) => sum + length, 0)
  if (tokens === 0)
    throw new RangeError('"options.prompts" expected at least one prompt that is not empty, got none')
  return { count: put.length, tokens, digest: promptsDigest(put) }
}

function idArrays(
  value: unknown,
  { name, vocabularySize }: { name: string; vocabularySize: number },
): readonly TokenIds[] {
  assertArray(value, { name, expected: 'an array of token id arrays' })
  return Array.from(value as ArrayLike<unknown>, (ids, i) => {
    assertTokenIds(ids, { name: `${name}[${i}]`, vocabularySize })
    return ids
  })
}

/** Answers to equal prompts could be put in any order afterwards, the one that suits the key included. */
function assertDifferent(prompts: readonly TokenIds[]): void {
  const places = new Map<string, number>()
  for (const [i, ids] of prompts.entries()) {
    const name = Array.from(ids).join()
    const before = places.get(name)
    if (before !== undefined)
      throw new RangeError(
        `"options.prompts[${i}]" expected prompts that differ, for their order decides (stopping rule, counted), got that of options.prompts[${before}] again`,
      )
    places.set(name, i)
  }
}

function agreedPlan(terms: Terms, prompts: Plan['prompts'], { name }: { name: string }): Plan {
  const plan = { format: 'dyetrace/plan-1', ...terms, prompts: Object.freeze(prompts) } as const
  assertAgreement(plan, { name })
  return Object.freeze(plan)
}

function isEmpty(list: unknown): boolean {
  return (list as ArrayLike<unknown> | null)?.length === 0
}

/** A record with what it leaves out filled in. Anything else stays as it is, and is refused where it is read. */
function withDefaults(value: unknown, defaults: Record<string, unknown>): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    return value
  const given = Object.entries(value).filter(([, field]) => field !== undefined)
  return { ...defaults, ...Object.fromEntries(given) }
}

function withStoppingDefaults(stopping: unknown, { marked }: { marked: boolean }): unknown {
  const filled = withDefaults(stopping === undefined ? { rule: 'fixed' } : stopping, {})
  const rule = (filled as { rule?: unknown } | null)?.rule
  if (rule === 'looks') return withDefaults(filled, { first: FIRST_LOOK })
  return rule === 'e-process' ? withDefaults(filled, { fresh: marked }) : filled
}

/** An exposure that still has its counts, as `exposureOf` gives it, without them: they must be of windows of the planned width. */
function withoutCounts(exposure: unknown, contextWidth: unknown): unknown {
  const copy = withDefaults(exposure, {})
  if (copy === exposure) return exposure
  const { count: _, contextWidth: counted, ...kept } = copy as Record<string, unknown>
  if (counted !== undefined && counted !== contextWidth)
    throw new RangeError(
      `"options.exposure.contextWidth" expected ${describe(contextWidth)} as the plan's, got ${describe(counted)}`,
    )
  return kept
}
