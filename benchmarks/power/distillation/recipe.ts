/**
 * What the benchmark makes and asks: marks, students, defences and sizes, in the order in which they are worth having. Pure data: the same
 * recipe gives the same students on every machine that rounds alike.
 */
import { type Mark, markName } from '../detection/corpora.ts'

/** How much is sampled, trained and asked. */
export const SIZE = {
  /** Documents that a student is trained on: 153,600 tokens. Sampled in portions of a fifth. */
  documents: 1600,
  portions: 5,
  promptTokens: 12,
  documentTokens: 96,
  epochs: 2,
  /** Rows of the student's table of what follows two tokens. */
  pairRows: 32_768,
  /** Key-blind texts in which each next token is weighed: 32,768 positions. */
  sequences: 512,
  sequenceTokens: 64,
  /** Prompts to go on from: 32,768 generated tokens. */
  prompts: 256,
  completionTokens: 128,
} as const

/** Keys of a headline row; of other rows one. */
export const HEADLINE_KEYS = 5

/** What becomes of the training text, or of the student, before it is asked. */
export type Defence =
  | 'clean fine-tuning'
  | '10 % substituted'
  | '30 % substituted'
  | "another provider's text"
  | 'top-1 sampling'
  | 'second generation'

/** A suspect of the benchmark. */
export interface StudentRecipe {
  /** Absent: nothing in its training is marked. */
  readonly mark?: DistilledMark
  /** Which of the mark's keys. */
  readonly key: number
  /** Marked part of its documents. */
  readonly share: number
  /** What the other documents are. */
  readonly filler: 'teacher' | 'human'
  readonly defence?: Defence
  /** Clean twins are references, trained on documents that no suspect was trained on. */
  readonly twin?: boolean
}

/** A mark as an engine writes it, from the engine's own configuration (marks.ts). */
export type EngineWritten =
  | { readonly scheme: 'vLLM gumbel'; readonly contextWidth: number }
  | {
      readonly scheme: 'HF green list'
      readonly ratio: number
      readonly delta: number
      readonly contextWidth: 1
    }

/** All that the benchmark distils. */
export type DistilledMark = Mark | EngineWritten

const greenList = (contextWidth: number): Mark => ({
  scheme: 'green-list',
  gamma: 0.25,
  delta: 2,
  contextWidth,
})
const gumbel = (contextWidth: number): Mark => ({ scheme: 'gumbel', contextWidth })
const tournament = (contextWidth: number): Mark => ({ scheme: 'tournament', rounds: 30, contextWidth })
const vllm = (contextWidth: number): EngineWritten => ({ scheme: 'vLLM gumbel', contextWidth })
const HF: EngineWritten = { scheme: 'HF green list', ratio: 0.25, delta: 2, contextWidth: 1 }

/** All marks; the innocent is judged under each. */
export const MARKS: readonly DistilledMark[] = [
  greenList(1),
  greenList(2),
  greenList(3),
  gumbel(1),
  gumbel(2),
  tournament(1),
  tournament(2),
  vllm(1),
  vllm(2),
  HF,
]

/** The rows that were promised: these have five keys. */
export const HEADLINES: readonly { readonly mark: Mark; readonly share: number }[] = [
  { mark: greenList(1), share: 0.05 },
  { mark: greenList(1), share: 0.2 },
  { mark: greenList(2), share: 0.2 },
]

const SHARES = [1, 0.2, 0.05, 0.5, 0.1, 0.02, 0.01]
const OTHER_SHARES = [1, 0.2, 0.05]
const DEFENCES: readonly Defence[] = [
  'top-1 sampling',
  'clean fine-tuning',
  '30 % substituted',
  'second generation',
  "another provider's text",
  '10 % substituted',
]

/** The clean twin, whom everybody is compared with. */
export const TWIN: StudentRecipe = { key: 0, share: 0, filler: 'teacher', twin: true }

/** The suspect that nothing marked was ever near. */
export const INNOCENT: StudentRecipe = { key: 0, share: 0, filler: 'teacher' }

/** All suspects, those of the promised rows first. */
export function studentRecipes(): StudentRecipe[] {
  const student = (
    mark: DistilledMark,
    share: number,
    about: Partial<StudentRecipe> = {},
  ): StudentRecipe => ({
    mark,
    key: 0,
    share,
    filler: 'teacher',
    ...about,
  })
  const ordered = [
    INNOCENT,
    ...HEADLINES.map(({ mark, share }) => student(mark, share)),
    student(greenList(1), 1),
    student(greenList(2), 1),
    ...Array.from({ length: HEADLINE_KEYS - 1 }, (_, k) =>
      HEADLINES.map(({ mark, share }) => student(mark, share, { key: k + 1 })),
    ).flat(),
    ...DEFENCES.map((defence) => student(greenList(1), 0.2, { defence })),
    ...[1, 0.2].flatMap((share) => [vllm(1), vllm(2), HF].map((mark) => student(mark, share))),
    ...[1, 2, 3].flatMap((width) => SHARES.map((share) => student(greenList(width), share))),
    ...OTHER_SHARES.flatMap((share) =>
      [gumbel, tournament].flatMap((mark) => [1, 2].map((width) => student(mark(width), share))),
    ),
    ...HEADLINES.map(({ mark, share }) => student(mark, share, { filler: 'human' })),
    // There is no room for another provider's text where all of it is one's own.
    ...DEFENCES.filter((defence) => defence !== "another provider's text").map((defence) =>
      student(greenList(1), 1, { defence }),
    ),
  ]
  return [...new Map(ordered.map((recipe) => [studentName(recipe), recipe])).values()]
}

/** Names a suspect in files, seeds and progress lines. */
export function studentName({ mark, key, share, filler, defence, twin }: StudentRecipe): string {
  if (twin) return 'twin'
  if (!mark) return 'innocent'
  const parts = [markName(mark), `key ${key}`, `${100 * share} percent`]
  if (filler === 'human') parts.push('among human text')
  if (defence) parts.push(defence.replace('%', 'percent').replace("'", ''))
  return parts.join(', ')
}
