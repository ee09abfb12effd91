/**
 * The main job from end to end, on the lab's teacher: mark its outputs under a key, distil a thief from marked and an innocent
 * from unmarked outputs, and test both, and the teacher with its mark off, for that key. Comes out as one record; showing it is
 * somebody else's job. All randomness but the key's comes from the seed: same seed and key, same record.
 */
import seedrandom from 'seedrandom'
import { countable } from '../../../src/detect/countable.ts'
import { detect } from '../../../src/detect/detect.ts'
import type { Verdict } from '../../../src/detect/verdict.ts'
import type { Conclusion } from '../../../src/distill/conclusion.ts'
import { createMarker, type Marker } from '../../../src/integrations/marker.ts'
import { createLogitsProcessor } from '../../../src/integrations/transformers-js.ts'
import { deriveMarkKeys, type MarkKey } from '../../../src/keys/mark-key.ts'
import { type MasterKey, masterKeyFromBytes } from '../../../src/keys/master.ts'
import { createProfile, type Profile } from '../../../src/keys/profile.ts'
import { excerpts } from '../corpora.ts'
import {
  ask,
  contextWidth,
  judge,
  type OpenSuspect,
  prepareQuestions,
  type QuestionSize,
} from '../inquiry.ts'
import { type Student, trainStudent } from '../student.ts'
import { loadTeacher, type Teacher } from '../teacher.ts'

/** How much is sampled, trained and asked. */
export interface ExperimentSize extends QuestionSize {
  /** Documents of the teacher that each student is trained on, 128 tokens each at most. */
  readonly documents: number
}

/** At most 5 minutes, and at most 90 seconds, on 2 cores without a GPU. */
export const sizes: { readonly full: ExperimentSize; readonly quick: ExperimentSize } = {
  full: { documents: 480, prompts: 256, completionTokens: 96, sequences: 32 },
  quick: { documents: 120, prompts: 96, completionTokens: 64, sequences: 12 },
}

export const DOCUMENT_TOKENS = 128
export const PROMPT_TOKENS = 16
const PASSAGE_TOKENS = 160

/** A step has begun; the function that comes back is told how far it is. */
export type OnStep = (step: string) => (done: number, total: number) => void

/** Generated text. */
export interface Passage {
  readonly prompt: readonly number[]
  readonly completion: readonly number[]
}

/** One detection of a passage. */
export interface Detection {
  readonly text: 'marked' | 'unmarked'
  readonly key: 'own' | 'another'
  readonly verdict: Verdict
}

/** What was found about one suspect through one access. */
export interface Tested {
  readonly truth: 'thief' | 'innocent'
  readonly conclusion: Conclusion
}

/** All that the demonstration shows. */
export interface Experiment {
  readonly seed: string
  readonly profile: Profile
  readonly passages: { readonly marked: Passage; readonly unmarked: Passage }
  readonly detections: readonly Detection[]
  readonly students: readonly Pick<Student, 'name' | 'parameters' | 'trainingTokens' | 'loss'>[]
  readonly tested: readonly Tested[]
  /** The e-process over the same answers, one conclusion a suspect. */
  readonly watched: readonly Tested[]
}

/** Runs everything. @param master the owner's key; the only randomness that does not come from the seed. */
export async function runExperiment(options: {
  size: ExperimentSize
  seed: string
  master: MasterKey
  onStep: OnStep
}): Promise<{ experiment: Experiment; teacher: Teacher; key: MarkKey }> {
  const { size, seed, master, onStep } = options
  const random = (purpose: string): (() => number) => seedrandom(`${seed}/${purpose}`)

  const loaded = onStep('loading the teacher')
  const teacher = await loadTeacher()
  loaded(1, 1)
  const { profile, key } = markFor(teacher, master)
  const marker = createMarker(profile, [key])
  const passages = await generatePassages(teacher, marker, { random, onStep })
  const another = markFor(teacher, masterFrom(random('another key'))).key
  const detections = detectPassages(teacher, passages, { profile, own: key, another })

  const prompts = await excerpts('teaching', {
    count: size.documents,
    length: PROMPT_TOKENS,
    encode: (text) => teacher.tokenizer.encode(text),
  })
  const documents = async (name: string, mark?: Marker): Promise<number[][]> =>
    teacher.suspect.complete(prompts, {
      maxTokens: DOCUMENT_TOKENS,
      random: random(`${name} outputs`),
      onProgress: onStep(`sampling ${name} outputs`),
      ...(mark && { processLogits: (logits, ids) => void mark.mark(logits, ids) }),
    })
  const marked = await documents('marked', marker)
  const unmarked = await documents('unmarked')
  const train = (name: string, texts: number[][]): Promise<Student> =>
    trainStudent(texts, {
      name,
      vocabularySize: teacher.vocabularySize,
      random: random(`${name} training`),
      onProgress: onStep(`training the ${name}`),
    })
  const thief = await train('thief', marked)
  const innocent = await train('innocent', unmarked)

  const instrument = countable(
    marked.map((completion, i) => documentOf({ prompt: prompts[i]!, completion })),
    profile,
    { endOfText: teacher.endOfText },
  )
  const questions = await prepareQuestions(teacher, size)
  const tested: Tested[] = []
  const watched: Tested[] = []
  const suspects: readonly [Tested['truth'], OpenSuspect][] = [
    ['thief', thief],
    ['innocent', innocent],
    ['innocent', teacher.suspect],
  ]
  for (const [truth, suspect] of suspects) {
    const asked = await ask(suspect, questions, {
      teacher,
      seed: `${seed}/${suspect.name} answers`,
      keyIds: [key.keyId],
      onProgress: onStep(`asking the ${suspect.name}`),
    })
    const judged = onStep(`judging the ${suspect.name}`)
    for (const access of [asked.text, asked.rows])
      tested.push({ truth, conclusion: judge(access, { profile, key, instrument }) })
    watched.push({ truth, conclusion: judge(asked.watched, { profile, key, instrument }) })
    judged(1, 1)
  }
  const students = [thief, innocent].map(({ name, parameters, trainingTokens, loss }) => ({
    name,
    parameters,
    trainingTokens,
    loss,
  }))
  return { experiment: { seed, profile, passages, detections, students, tested, watched }, teacher, key }
}

/** The provider's mark: a quarter of the vocabulary green, chosen by the previous token, raised by 2 nats. */
export function markFor(teacher: Teacher, master: MasterKey): { profile: Profile; key: MarkKey } {
  const profile = createProfile(master, {
    scheme: 'green-list',
    contextWidth,
    gamma: 0.25,
    delta: 2,
    tokenizer: teacher.tokenizerDigest,
    vocabularySize: teacher.vocabularySize,
    layers: [{ role: 'provider', label: 'demo' }],
    // Same seed and key, same output: the demonstration reads no clock.
    created: '2026-11-24',
  })
  const [key] = deriveMarkKeys(master, profile)
  return { profile, key: key! }
}

/** A marked and an unmarked passage from the same prompt, by the package's own `generate`. */
async function generatePassages(
  { model, tokenizer }: Teacher,
  marker: Marker,
  { random, onStep }: { random: (purpose: string) => () => number; onStep: OnStep },
): Promise<Experiment['passages']> {
  // The second of two: the first would be the title page.
  const [, prompt] = await excerpts('testing', {
    count: 2,
    length: PROMPT_TOKENS,
    encode: (text) => tokenizer.encode(text),
  })
  const generate = async (name: 'marked' | 'unmarked'): Promise<Passage> => {
    const progress = onStep(`writing the ${name} passage`)
    const config = { max_new_tokens: PASSAGE_TOKENS, do_sample: false }
    const draw = { random: random(`${name} passage`) }
    const writer = name === 'marked' ? marker : { ...marker, mark: () => false }
    const inputs = tokenizer.decode(prompt!)
    const { input_ids } = await tokenizer(inputs)
    const output = await model.generate(input_ids, config, [createLogitsProcessor(writer, config, { draw })])
    progress(1, 1)
    const ids = Array.from((output as number[][])[0]!, Number)
    const length = input_ids.dims.at(-1) as number
    return { prompt: ids.slice(0, length), completion: ids.slice(length) }
  }
  return { marked: await generate('marked'), unmarked: await generate('unmarked') }
}

function detectPassages(
  { endOfText }: Teacher,
  passages: Experiment['passages'],
  { profile, ...keys }: { profile: Profile; own: MarkKey; another: MarkKey },
): Detection[] {
  const detection = (text: Detection['text'], key: Detection['key']): Detection => {
    const positions = countable([documentOf(passages[text])], profile, { endOfText })
    return { text, key, verdict: detect(positions, keys[key]) }
  }
  return [detection('marked', 'own'), detection('marked', 'another'), detection('unmarked', 'own')]
}

/** A key for showing that a wrong key shows nothing. It protects nothing, so it may come from the seed. */
function masterFrom(random: () => number): MasterKey {
  return masterKeyFromBytes(Uint8Array.from({ length: 32 }, () => Math.floor(256 * random())))
}

function documentOf({ prompt, completion }: Passage): { ids: number[]; promptLength: number } {
  return { ids: [...prompt, ...completion], promptLength: prompt.length }
}
