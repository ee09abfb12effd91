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
  const { suspect, access, contextWidth, vocabularySize, prompts, origin } = options
  const references = options.references ?? []
  const { alpha = 1e-6, minimumCounted = 64, decoys = 1000 } = options
  assertString(suspect, { name: 'options.suspect' })
  assertString(origin, {
    name: 'options.origin',
    expected: 'words that say where the prompts are from',
    pattern: /\S/,
  })
  assertOneOf(access, { name: 'options.access', values: ['text', 'rows'] })
  assertInteger(contextWidth, { name: 'options.contextWidth', max: 4 })
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2 })
  assertArray(references, { name: 'options.references', expected: 'an array of names' })
  for (const [i, reference] of references.entries())
    assertString(reference, { name: `options.references[${i}]` })
  const statistic = options.statistic ?? (references.length > 0 ? 'contrast' : 'count')
  assertOneOf(statistic, { name: 'options.statistic', values: ['count', 'contrast'] })
  if (statistic === 'contrast' && references.length === 0)
    throw new RangeError(
      '"options.references" expected at least one reference for the contrast statistic, got none',
    )
  if (access === 'text' && references.length > 0)
    throw new RangeError(
      '"options.references" expected none with access "text", got some: a contrast needs the suspect\'s probabilities (access "rows")',
    )
  assertNumber(alpha, {
    name: 'options.alpha',
    expected: 'a level above 0 and below 1',
    holds: (a) => a > 0 && a < 1,
  })
  assertInteger(minimumCounted, { name: 'options.minimumCounted', min: 1 })
  assertInteger(decoys, { name: 'options.decoys', min: 0, max: 1e5 })
  assertArray(prompts, { name: 'options.prompts', expected: 'an array of token id arrays' })
  let tokens = 0
  for (const [i, ids] of prompts.entries()) {
    assertTokenIds(ids, { name: `options.prompts[${i}]`, vocabularySize })
    tokens += ids.length
  }
  if (tokens === 0)
    throw new RangeError('"options.prompts" expected at least one prompt that is not empty, got none')
  return Object.freeze({
    format: 'dyetrace/plan-1' as const,
    suspect,
    access,
    statistic,
    contextWidth,
    vocabularySize,
    prompts: Object.freeze({ origin, count: prompts.length, tokens, digest: promptsDigest(prompts) }),
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
