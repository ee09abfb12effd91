/**
 * The plan: what will be asked and how it will be judged, written down before the first question and made without any key.
 * Its digest goes into every conclusion and seeds the decoy keys, so a plan changed afterwards shows.
 */
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertOptions,
  assertRecord,
  assertString,
} from '../assert.ts'
import { type Digest, digestJson } from '../digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'

/** What the suspect gives: sampled tokens only, or next-token probabilities. */
export type Access = 'text' | 'rows'

/** How tokens become a number. count: each distinct pair weighs the same. contrast: what the suspect says beyond the references. */
export type Statistic = 'count' | 'contrast'

/** A test of one suspect, fixed beforehand. Frozen. */
export interface Plan {
  readonly format: 'dyetrace/plan-1'
  readonly suspect: string
  readonly access: Access
  /** The statistic whose p-value decides. Others are shown beside it. */
  readonly statistic: Statistic
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Key-blind texts that are put to the suspect: where they are from, and the digest of their ids. */
  readonly prompts: {
    readonly origin: string
    readonly count: number
    readonly tokens: number
    readonly digest: Digest
  }
  /** Names of the reference models, in the order in which their rows are given. */
  readonly references: readonly string[]
  readonly alpha: number
  readonly minimumCounted: number
  /** Decoy keys to be shown beside the result. */
  readonly decoys: number
}

/** What {@link createPlan} needs to know. */
export interface PlanOptions {
  readonly suspect: string
  readonly access: Access
  /** @defaultValue "contrast" if there are references, otherwise "count" */
  readonly statistic?: Statistic
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Key-blind token ids: public text, users' prompts, or answers regenerated with the mark off. Never text marked under a key to be tried. */
  readonly prompts: readonly TokenIds[]
  /** Where the prompts are from, in words. */
  readonly origin: string
  /** @defaultValue none */
  readonly references?: readonly string[]
  /** @defaultValue 1e-6 */
  readonly alpha?: number
  /** Fewer (effective) pairs than this are "insufficient". @defaultValue 64 */
  readonly minimumCounted?: number
  /** @defaultValue 1000 */
  readonly decoys?: number
}

/**
 * Makes a plan. No key goes in, so none can have shaped it.
 * @throws TypeError or RangeError that names the option, what was expected and what came.
 * @example
 * import { createPlan } from 'dyetrace/distill'
 * const plan = createPlan({
 *   suspect: 'model-x', access: 'text', contextWidth: 1, vocabularySize: 2048,
 *   prompts: [[17, 4, 99]], origin: 'opening lines of public-domain novels',
 * })
 * plan.statistic // 'count'
 */
export function createPlan(options: PlanOptions): Plan {
  assertOptions(options, {
    name: 'options',
    keys: [
      'suspect',
      'access',
      'statistic',
      'contextWidth',
      'vocabularySize',
      'prompts',
      'origin',
      'references',
      'alpha',
      'minimumCounted',
      'decoys',
    ],
  })
  const { suspect, access, contextWidth, vocabularySize, prompts, origin, references = [] } = options
  const { alpha = 1e-6, minimumCounted = 64, decoys = 1000 } = options
  const { statistic = references?.length > 0 ? 'contrast' : 'count' } = options
  const terms = {
    suspect,
    access,
    statistic,
    contextWidth,
    vocabularySize,
    references,
    alpha,
    minimumCounted,
    decoys,
  }
  assertTerms(terms, { name: 'options' })
  assertLine(origin, { name: 'options.origin', expected: 'words that say where the prompts are from' })
  assertArray(prompts, { name: 'options.prompts', expected: 'an array of token id arrays' })
  let tokens = 0
  for (const [i, ids] of prompts.entries()) {
    assertTokenIds(ids, { name: `options.prompts[${i}]`, vocabularySize })
    tokens += ids.length
  }
  if (tokens === 0)
    throw new RangeError('"options.prompts" expected at least one prompt that is not empty, got none')
  return freezePlan(terms, { origin, count: prompts.length, tokens, digest: promptsDigest(prompts) })
}

/**
 * Checks a plan that was read from a file or handed over by somebody else. The result is a copy: what was checked is what is
 * kept. A level of 5, say, would make everybody guilty.
 * @throws TypeError or RangeError for a field that is missing, unknown or out of range.
 */
export function parsePlan(input: unknown): Plan {
  const { format, prompts: put, ...terms } = ownFields(input, { name: 'plan', keys: PLAN_KEYS })
  assertOneOf(format, { name: 'plan.format', values: ['dyetrace/plan-1'] })
  assertTerms(terms, { name: 'plan' })
  const { origin, count, tokens, digest } = ownFields(put, { name: 'plan.prompts', keys: PROMPTS_KEYS })
  assertLine(origin, { name: 'plan.prompts.origin', expected: 'words that say where the prompts are from' })
  assertInteger(count, { name: 'plan.prompts.count', min: 1 })
  assertInteger(tokens, { name: 'plan.prompts.tokens', min: 1 })
  assertString(digest, {
    name: 'plan.prompts.digest',
    expected: 'a digest "sha256:" + 64 hex digits',
    pattern: /^sha256:[0-9a-f]{64}$/,
  })
  return freezePlan(terms, { origin, count, tokens, digest: digest as Digest })
}

const PLAN_KEYS = [
  'format',
  'suspect',
  'access',
  'statistic',
  'contextWidth',
  'vocabularySize',
  'prompts',
  'references',
  'alpha',
  'minimumCounted',
  'decoys',
] as const
const PROMPTS_KEYS = ['origin', 'count', 'tokens', 'digest'] as const

// Reads each field once, and none that is inherited: a getter or a proxy could answer the check and the use differently.
function ownFields<const Key extends string>(
  value: unknown,
  { name, keys }: { name: string; keys: readonly Key[] },
): Record<Key, unknown> {
  assertRecord(value, { name, keys })
  const fields = keys.map((key) => [key, Object.hasOwn(value, key) ? value[key] : undefined])
  return Object.fromEntries(fields) as Record<Key, unknown>
}

/** What a plan settles besides its prompts. */
type Terms = Omit<Plan, 'format' | 'prompts'>

function assertTerms(
  terms: { readonly [Field in keyof Terms]: unknown },
  { name }: { name: string },
): asserts terms is Terms {
  const { suspect, access, statistic, contextWidth, vocabularySize, alpha, minimumCounted, decoys } = terms
  assertLine(suspect, { name: `${name}.suspect`, expected: 'a name of one line' })
  assertOneOf(access, { name: `${name}.access`, values: ['text', 'rows'] })
  assertInteger(contextWidth, { name: `${name}.contextWidth`, max: 4 })
  assertInteger(vocabularySize, { name: `${name}.vocabularySize`, min: 2 })
  assertArray(terms.references, { name: `${name}.references`, expected: 'an array of names' })
  const references = terms.references as ArrayLike<unknown>
  for (let i = 0; i < references.length; i++)
    assertLine(references[i], { name: `${name}.references[${i}]`, expected: 'a name of one line' })
  assertOneOf(statistic, { name: `${name}.statistic`, values: ['count', 'contrast'] })
  if (statistic === 'contrast' && references.length === 0)
    throw new RangeError(
      `"${name}.references" expected at least one reference for the contrast statistic, got none`,
    )
  if (access === 'text' && references.length > 0)
    throw new RangeError(
      `"${name}.references" expected none with access "text", got some: a contrast needs the suspect's probabilities (access "rows")`,
    )
  assertNumber(alpha, {
    name: `${name}.alpha`,
    expected: 'a level above 0 and below 1',
    holds: (a) => a > 0 && a < 1,
  })
  assertInteger(minimumCounted, { name: `${name}.minimumCounted`, min: 1 })
  assertInteger(decoys, { name: `${name}.decoys`, max: 1e5 })
}

// One line, and nothing that cannot be written as UTF-8: names stand in sentences and in records that are digested.
const LINE = /^[^\p{Control}\p{Surrogate}\p{Line_Separator}\p{Paragraph_Separator}]*$/u

function assertLine(
  value: unknown,
  { name, expected }: { name: string; expected: string },
): asserts value is string {
  assertString(value, { name, expected, pattern: LINE })
  assertString(value, { name, expected, pattern: /\S/ })
}

function freezePlan(terms: Terms, prompts: Plan['prompts']): Plan {
  const { suspect, access, statistic, contextWidth, vocabularySize, references } = terms
  const { alpha, minimumCounted, decoys } = terms
  return Object.freeze({
    format: 'dyetrace/plan-1' as const,
    suspect,
    access,
    statistic,
    contextWidth,
    vocabularySize,
    prompts: Object.freeze(prompts),
    references: Object.freeze([...references]),
    alpha,
    minimumCounted,
    decoys,
  })
}

/** The plan's name: SHA-256 of its canonical JSON. */
export function planDigest(plan: Plan): Digest {
  return digestJson(plan)
}

/** Digest of prompts, as the plan holds it: of the JSON array of their id arrays. */
export function promptsDigest(prompts: readonly TokenIds[]): Digest {
  return digestJson(prompts.map((ids) => Array.from(ids)))
}
