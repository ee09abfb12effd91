/**
 * Cases for tests: the texts of a folder, made from toy suspects without a disk. A suspect here is a law; a thief's leans to the key.
 */
import seedrandom from 'seedrandom'
import { formatCase } from '../../src/case/case-file.ts'
import { canonicalJson } from '../../src/digest.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import { createProfile, type Profile, profileDigest } from '../../src/keys/profile.ts'
import { exposureOf } from '../../src/plan/exposure.ts'
import { type Access, createPlan, type Plan, type PlanOptions, planDigest } from '../../src/plan/plan.ts'
import {
  formatAnswer,
  formatPrompts,
  formatReference,
  type RecordedAnswer,
} from '../../src/suspect/answers.ts'
import type { ListedTokens } from '../../src/suspect/lines.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { masterFromSeed } from './keys.ts'
import { completionsOf, language, mixed, rowsOf, type ToyLaw, textsOf } from './toy-models.ts'

/** Texts of a case folder. */
export type Folder = Record<string, string>

/** A folder and what it takes to judge it. */
export interface ToyFolder {
  readonly files: Folder
  readonly plan: Plan
  readonly profile: Profile
  readonly keys: readonly MarkKey[]
}

/** What a toy case is made of. */
export interface ToyFolderOptions {
  readonly seed?: string
  readonly access?: Access
  readonly scheme?: 'green-list' | 'gumbel' | 'tournament'
  readonly contextWidth?: number
  readonly vocabularySize?: number
  /** The suspect learned from marked text. @defaultValue true */
  readonly thief?: boolean
  /** Part of the thief's text that was marked. @defaultValue 1 */
  readonly share?: number
  readonly layers?: readonly { role: 'provider' | 'cohort'; label: string; share?: number; lanes?: number }[]
  readonly prompts?: number
  readonly tokens?: number
  /** Name of a reference, which is the language itself. */
  readonly reference?: string
  readonly withExposure?: boolean
  readonly withInstrument?: boolean
  /** Prompts are marked, and cut out of so many documents. */
  readonly markedDocuments?: number
  readonly withCase?: boolean
  /** How many prompts are answered. @defaultValue all */
  readonly answered?: number
  readonly plan?: Partial<PlanOptions>
  /** Order in which answers stand in the file. @defaultValue that of the plan */
  readonly order?: (prompts: number[]) => number[]
}

const MARKS = {
  'green-list': { scheme: 'green-list', gamma: 0.25, delta: 4 },
  gumbel: { scheme: 'gumbel' },
  tournament: { scheme: 'tournament' },
} as const

/** The law with a mark of all roles on. */
function markedBy(law: ToyLaw, profile: Profile, served: readonly MarkKey[]): ToyLaw {
  const marker = createMarker(profile, served)
  return (ids) => {
    const logits = law(ids).map(Math.log)
    marker.mark(logits, ids)
    const weights = logits.map(Math.exp)
    const total = weights.reduce((a, b) => a + b, 0)
    return weights.map((weight) => weight / total)
  }
}

/** Token strings of a toy tokenizer. */
export function toyTokens(vocabularySize: number): string[] {
  return Array.from({ length: vocabularySize }, (_, id) => `t${id}`)
}

export function toyFolder(options: ToyFolderOptions = {}): ToyFolder {
  const { seed = 'case', access = 'text', scheme = 'green-list', contextWidth = 1 } = options
  const { vocabularySize = 64, thief = true, prompts: count = 12, tokens = 24, reference } = options
  const layers = options.layers ?? [{ role: 'provider' as const, label: 'p' }]
  const master = masterFromSeed(seed)
  const profile = createProfile(master, {
    ...MARKS[scheme],
    contextWidth,
    vocabularySize,
    layers,
    tokenizer: tokenizerDigest(toyTokens(vocabularySize)),
    created: '2026-11-24',
  })
  const keys = deriveMarkKeys(master, profile)
  const roles = new Set(keys.map(({ role }) => role))
  const served = [...roles].map((role) => keys.find((key) => key.role === role)!)
  const law = language(`${seed} language`, { vocabularySize, width: 1, spread: 0.8 })
  const suspect = thief ? mixed(options.share ?? 1, markedBy(law, profile, served), law) : law
  const random = seedrandom(`${seed} texts`)
  const length = Math.max(2, contextWidth + 1)
  // Where their order decides, prompts must differ.
  const texts = textsOf(law, { count: 8 * count, length, vocabularySize, random })
  const prompts = [...new Map(texts.map((ids) => [ids.join(), ids])).values()].slice(0, count)
  const exposed = textsOf(law, { count: 5, length: 40, vocabularySize, random })
  const exposure = options.withExposure
    ? exposureOf(exposed, { contextWidth, vocabularySize, origin: 'unmarked toy text' })
    : undefined
  const { markedDocuments } = options
  const markedText =
    markedDocuments === undefined
      ? undefined
      : prompts.slice(0, markedDocuments).map((ids) => [...ids, ...ids])
  const plan = createPlan({
    ...(markedText === undefined ? {} : { markedPrompts: true, markedText, decoys: 0 }),
    suspect: 'toy suspect',
    access,
    contextWidth,
    vocabularySize,
    prompts,
    origin: 'texts of a toy language',
    ...(markedText === undefined ? { decoys: 20 } : {}),
    alpha: 1e-3,
    ...(access === 'top-k' ? { topK: 5 } : {}),
    ...(access === 'text' ? { completion: { maxTokens: tokens } } : {}),
    ...(reference === undefined ? {} : { references: [reference] }),
    ...(exposure === undefined ? {} : { exposure }),
    family: keys.map(({ keyId }) => ({ keyId })),
    ...options.plan,
  })
  const answers = answersOf(suspect, { prompts, access, tokens, random })
  const asked = [...answers.keys()].slice(0, options.answered ?? count)
  const order = options.order?.(asked) ?? asked
  const facts = { access, vocabularySize }
  let prev = planDigest(plan)
  const lines = order.map((i) => {
    const { line, digest } = formatAnswer(answers[i]!, { prev, ...facts })
    prev = digest
    return `${line}\n`
  })
  const files: Folder = {
    'plan.json': canonicalJson(plan),
    'prompts.jsonl': formatPrompts(prompts),
    'answers.jsonl': lines.join(''),
    'profile.json': canonicalJson(profile),
  }
  if (reference !== undefined)
    files['references.jsonl'] = order
      .map((i) => `${formatReference({ reference, ...referenceOf(law, answers[i]!, access) })}\n`)
      .join('')
  if (markedText !== undefined && markedText.length > 0)
    files['marked.jsonl'] = markedText.map(idsLine).join('')
  if (exposure !== undefined) files['exposure.jsonl'] = exposed.map(idsLine).join('')
  if (options.withInstrument)
    files['instrument.jsonl'] = completionsOf(markedBy(law, profile, served), prompts, {
      tokens: 40,
      random,
    })
      .map(
        (ids, i) => `${canonicalJson({ ids: [...prompts[i]!, ...ids], promptLength: prompts[i]!.length })}\n`,
      )
      .join('')
  if (options.withCase)
    files['case.json'] = formatCase({
      format: 'dyetrace/case-1',
      name: 'toy case',
      created: '2026-11-24T09:30:00Z',
      profile: profileDigest(profile),
      tokenizer: profile.tokenizer,
      suspect: { kind: 'recorded', path: 'answers.jsonl' },
      references: plan.references.map((name) => ({ name, kind: 'local' as const, path: 'reference' })),
    })
  return { files, plan, profile, keys }
}

function idsLine(ids: readonly number[]): string {
  return `${canonicalJson({ ids: [...ids] })}\n`
}

function answersOf(
  law: ToyLaw,
  about: { prompts: readonly number[][]; access: Access; tokens: number; random: () => number },
): RecordedAnswer[] {
  const { prompts, access, tokens, random } = about
  const completions = completionsOf(law, prompts, { tokens, random })
  if (access === 'text')
    return prompts.map((ids, prompt) => ({ prompt, ids, completion: completions[prompt]!, finish: 'length' }))
  if (access === 'rows')
    return rowsOf(law, prompts).map((rows, prompt) => ({ prompt, ids: prompts[prompt]!, rows }))
  return prompts.map((ids, prompt) => {
    const completion = completions[prompt]!
    const all = [...ids, ...completion]
    const positions = completion.map((_, j) => listOf(law(all.slice(0, ids.length + j)), 5))
    return { prompt, ids, completion, positions }
  })
}

function referenceOf(
  law: ToyLaw,
  { prompt, ids, completion }: RecordedAnswer,
  access: Access,
): { prompt: number; ids: number[]; rows?: Float32Array; positions?: ListedTokens[] } {
  const all = [...ids, ...(completion ?? [])]
  if (access === 'rows') return { prompt, ids: all, rows: rowsOf(law, [all])[0]! }
  return {
    prompt,
    ids: all,
    positions: completion!.map((_, j) => listOf(law(all.slice(0, ids.length + j)), 20)),
  }
}

function listOf(law: Float64Array, k: number): ListedTokens {
  return Array.from(law, (p, token) => [token, Math.log(p)] as const)
    .filter(([, logprob]) => logprob > Number.NEGATIVE_INFINITY)
    .sort((a, b) => b[1] - a[1])
    .slice(0, k)
}
