/**
 * How the lab tests a model: the same questions to every suspect, asked and planned before a key is near, then judged under
 * a key. Two kinds of access: sampled text only, and the full next-token probabilities.
 */
import seedrandom from 'seedrandom'
import type { Countable } from '../../src/detect/countable.ts'
import type { Conclusion } from '../../src/distill/conclusion.ts'
import { type Observations, rowObservations, textObservations } from '../../src/distill/observations.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { createPlan, type Plan } from '../../src/plan/plan.ts'
import type { Suspect } from '../../src/suspect/suspect.ts'
import { excerpts } from './corpora.ts'
import type { Teacher } from './teacher.ts'

/** Context width of the marks that the lab looks for: narrow, because a student learns narrow windows best. */
export const contextWidth = 1

const ORIGIN = 'excerpts of The Hound of the Baskervilles (1902), which nobody marked'
const PROMPT_TOKENS = 16
const SEQUENCE_TOKENS = 64

/** A suspect that gives rows. */
export type OpenSuspect = Suspect & Required<Pick<Suspect, 'rows'>>

/** What is put to every suspect: prompts to go on from, and texts in which each next token is weighed. */
export interface Questions {
  readonly prompts: readonly number[][]
  readonly completionTokens: number
  readonly sequences: readonly number[][]
  /** Rows of the teacher with its mark off, in the same texts. */
  readonly reference: readonly Float32Array[]
}

/** How many questions to ask. */
export interface QuestionSize {
  readonly prompts: number
  readonly completionTokens: number
  readonly sequences: number
}

/** One access to one suspect: the plan, and what the suspect said. No key has been used. */
export interface Asked {
  readonly plan: Plan
  readonly observations: Observations
}

/** Makes the questions from human text, and the teacher's own answers to those about rows. */
export async function prepareQuestions(teacher: Teacher, size: QuestionSize): Promise<Questions> {
  const encode = (text: string): number[] => teacher.tokenizer.encode(text)
  const prompts = await excerpts('testing', { count: size.prompts, length: PROMPT_TOKENS, encode })
  const sequences = await excerpts('testing', { count: size.sequences, length: SEQUENCE_TOKENS, encode })
  const reference = await teacher.suspect.rows(sequences)
  return { prompts, completionTokens: size.completionTokens, sequences, reference }
}

/**
 * Asks a suspect everything. The text is judged twice, each time by a plan of its own: when all of it is there, and watched while it comes in.
 * @param seed randomness of its sampling. @param onProgress counts sampled tokens.
 */
export async function ask(
  suspect: OpenSuspect,
  questions: Questions,
  options: {
    teacher: Teacher
    seed: string
    /** Ids of all keys that will be tried; left out, the conclusions say that it is not on record. */
    keyIds?: readonly string[]
    onProgress?: (done: number, total: number) => void
  },
): Promise<{ readonly text: Asked; readonly watched: Asked; readonly rows: Asked }> {
  const { teacher, seed, keyIds, onProgress } = options
  const { vocabularySize, endOfText } = teacher
  const { prompts, completionTokens, sequences, reference } = questions
  const family = keyIds?.map((keyId) => ({ keyId, lane: 0 }))
  const shared = {
    suspect: suspect.name,
    contextWidth,
    vocabularySize,
    origin: ORIGIN,
    ...(family && { family }),
  }
  const format = { contextWidth, vocabularySize }

  const completions = await suspect.complete(prompts, {
    maxTokens: completionTokens,
    random: seedrandom(seed),
    ...(onProgress && { onProgress }),
  })
  const answers = prompts.map((prompt, p) => ({ prompt, completion: completions[p]! }))
  // The teacher is no reference for itself: nothing would be left over.
  const references = suspect === teacher.suspect ? [] : [{ name: teacher.suspect.name, rows: reference }]
  const said = textObservations(answers, { ...format, endOfText })
  return {
    text: { plan: createPlan({ ...shared, access: 'text', prompts }), observations: said },
    watched: {
      plan: createPlan({
        ...shared,
        access: 'text',
        prompts,
        stopping: { rule: 'e-process', fresh: false },
      }),
      observations: said,
    },
    rows: {
      plan: createPlan({
        ...shared,
        access: 'rows',
        prompts: sequences,
        references: references.map(({ name }) => name),
      }),
      observations: rowObservations(sequences, await suspect.rows(sequences), {
        ...format,
        references: references.map(({ rows }) => rows),
      }),
    },
  }
}

/** Judges what a suspect said under a key. @param instrument text known to be marked under it. */
export function judge(
  asked: Asked,
  { profile, key, instrument }: { profile: Profile; key: MarkKey; instrument?: Countable },
): Conclusion {
  return testDistillation({ ...asked, profile, key, ...(instrument && { instrument }) })
}
