/**
 * Suspects: trains each as its recipe says, asks it everything and keeps the answers in files, together with what the references say about
 * its text. A key goes no further than the training text.
 */
import seedrandom from 'seedrandom'
import { substituteTokens } from '../../../src/attacks/substitute.ts'
import { completionRows } from '../../../src/distill/observations.ts'
import { excerpts } from '../../lab/corpora.ts'
import { type Student, trainStudent } from '../../lab/student.ts'
import type { Teacher } from '../../lab/teacher.ts'
import {
  joinedRows,
  keepLikeliest,
  keepReferences,
  type Likeliest,
  packLikeliest,
  packReferences,
  type ReferenceLists,
  unpackLikeliest,
  unpackReferences,
} from './answers.ts'
import { type Bigram, bigramOf } from './bigram.ts'
import { type Cache, cachedJson } from './cache.ts'
import type { Corpora } from './corpora.ts'
import { SIZE, type StudentRecipe, studentName, TWIN } from './recipe.ts'

/** What every suspect is asked: text of the testing novel, which nobody was trained on. */
export interface Questions {
  readonly sequences: readonly number[][]
  readonly prompts: readonly number[][]
}

/** What a suspect answered. */
export interface Answered {
  /** About what follows `sequences[s][0..i]`, one position after another. */
  readonly likeliest: Likeliest
  /** One completion a prompt. */
  readonly completions: readonly number[][]
  /** What teacher, counts and twin say in each place of the completions. */
  readonly references: ReferenceLists
  readonly training: Training
}

/** About the training, for the record. */
export interface Training {
  readonly tokens: number
  /** Nats a token, over the last epoch. */
  readonly loss: number
}

/** What suspects are made with. */
export interface Workshop {
  readonly teacher: Teacher
  readonly corpora: Corpora
  readonly questions: Questions
  readonly cache: Cache
  readonly seed: string
  readonly onStep: (step: string) => (done: number, total: number) => void
  /** The clean twin and the provider's counts: trained and counted when first needed. */
  twin(): Promise<Student>
  bigram(): Promise<Bigram>
}

/** Opens the workshop. */
export function openWorkshop(tools: Omit<Workshop, 'twin' | 'bigram'>): Workshop {
  const { corpora, teacher } = tools
  let twin: Promise<Student> | undefined
  let bigram: Promise<Bigram> | undefined
  const workshop: Workshop = {
    ...tools,
    twin() {
      twin ??= trained(TWIN, workshop)
      return twin
    },
    bigram() {
      bigram ??= corpora.apart().then((documents) => bigramOf(documents, teacher.vocabularySize))
      return bigram
    },
  }
  return workshop
}

/** Key-blind questions, the same for all. */
export async function benchmarkQuestions(teacher: Teacher): Promise<Questions> {
  const encode = (text: string): number[] => teacher.tokenizer.encode(text)
  const { sequences, sequenceTokens, prompts, promptTokens } = SIZE
  return {
    sequences: await excerpts('testing', { count: sequences, length: sequenceTokens, encode }),
    prompts: await excerpts('testing', { count: prompts, length: promptTokens, encode }),
  }
}

/** What a reference says in every position of the key-blind texts, one matrix a text; from a file where there is one. */
export async function referenceRows(
  name: 'teacher' | 'twin',
  { teacher, questions, cache, twin, onStep }: Workshop,
): Promise<Float32Array[]> {
  const file = `${name}.rows.bin`
  const { sequences } = questions
  if (!cache.has(file)) {
    const model = name === 'teacher' ? teacher.suspect : await twin()
    onStep(`asking ${name}`)
    await cache.write(file, joinedRows(await model.rows(sequences)))
  }
  const bytes = await cache.read(file)
  const all = new Float32Array(bytes.slice().buffer)
  let at = 0
  return sequences.map(({ length }) => {
    const from = at
    at += length * teacher.vocabularySize
    return all.subarray(from, at)
  })
}

/** True if a suspect's answers are there. */
export function hasAnswers(recipe: StudentRecipe, cache: Cache): boolean {
  return cache.has(`${studentName(recipe)}.json`)
}

/** Reads the answers of a suspect. */
export async function readAnswers(recipe: StudentRecipe, cache: Cache): Promise<Answered> {
  const name = studentName(recipe)
  const { completions, training } = JSON.parse(new TextDecoder().decode(await cache.read(`${name}.json`)))
  return {
    likeliest: unpackLikeliest(await cache.read(`${name}.likeliest.bin`)),
    references: unpackReferences(await cache.read(`${name}.references.bin`)),
    completions,
    training,
  }
}

/** Trains a suspect, asks it and writes down what it said. */
export async function makeAnswers(recipe: StudentRecipe, workshop: Workshop): Promise<void> {
  const { questions, cache, seed, teacher, onStep } = workshop
  const name = studentName(recipe)
  const student = await trained(recipe, workshop)
  const asked = onStep(`asking ${name}`)
  const rows = await student.rows(questions.sequences)
  await cache.write(`${name}.likeliest.bin`, packLikeliest(keepLikeliest(rows, teacher.vocabularySize)))
  const { completionTokens: maxTokens } = SIZE
  const completions =
    recipe.defence === 'top-1 sampling'
      ? await likeliestCompletions(student, questions.prompts, maxTokens)
      : await student.complete(questions.prompts, {
          maxTokens,
          random: seedrandom(`${seed}/${name} answers`),
        })
  await cache.write(`${name}.references.bin`, packReferences(await referencesOn(completions, workshop)))
  const training: Training = { tokens: student.trainingTokens, loss: student.loss }
  // Last, for this file says that the suspect is done.
  await cache.write(`${name}.json`, JSON.stringify({ completions, training }))
  asked(1, 1)
}

/** What the references say in each place of a suspect's text. */
async function referencesOn(completions: readonly number[][], workshop: Workshop): Promise<ReferenceLists> {
  const { teacher, questions, twin, bigram } = workshop
  const { vocabularySize } = teacher
  const counts = await bigram()
  const clean = await twin()
  const keeper = keepReferences(3)
  // In portions: the rows of all texts at once would be two models' 300 MB.
  for (let from = 0; from < completions.length; from += PORTION) {
    const answers = completions
      .slice(from, from + PORTION)
      .map((completion, a) => ({ prompt: questions.prompts[from + a]!, completion }))
    const texts = answers.map(({ prompt, completion }) => [...prompt, ...completion])
    const cut = (rows: Float32Array[]) => completionRows(answers, rows, { vocabularySize })
    const ofTeacher = cut(await teacher.suspect.rows(texts))
    const ofTwin = cut(await clean.rows(texts))
    for (const [a, { prompt, completion }] of answers.entries())
      for (const [j, token] of completion.entries())
        keeper.add(token, [
          ofTeacher[a]![j]!,
          counts.row(j === 0 ? prompt.at(-1)! : completion[j - 1]!),
          ofTwin[a]![j]!,
        ])
  }
  return keeper.kept()
}

const PORTION = 32

async function trained(recipe: StudentRecipe, workshop: Workshop): Promise<Student> {
  const { teacher, seed, onStep } = workshop
  const { vocabularySize } = teacher
  // Greedy answers are those of the same student.
  const name = studentName(recipe.defence === 'top-1 sampling' ? withoutDefence(recipe) : recipe)
  return trainStudent(await trainingText(recipe, workshop), {
    name,
    vocabularySize,
    random: seedrandom(`${seed}/${name} training`),
    epochs: SIZE.epochs,
    pairRows: SIZE.pairRows,
    ...(recipe.defence === 'clean fine-tuning' && { later: await workshop.corpora.human() }),
    onProgress: onStep(`training ${name}`),
  })
}

function withoutDefence({ defence: _, ...recipe }: StudentRecipe): StudentRecipe {
  return recipe
}

/** The documents that a suspect is trained on. */
async function trainingText(recipe: StudentRecipe, workshop: Workshop): Promise<number[][]> {
  const { corpora, teacher, seed } = workshop
  const { mark, key, share, filler, defence, twin } = recipe
  if (twin) return corpora.apart()
  if (defence === 'second generation') return secondGeneration(recipe, workshop)
  if (mark === undefined) return corpora.unmarked()
  if (filler === 'human') {
    const human = await corpora.human()
    const documents = Math.min(SIZE.documents, Math.floor(human.length / (1 - share)))
    const marked = [...(await corpora.marked(mark, key, (share * documents) / SIZE.documents)).values()]
    return [...marked, ...human.slice(0, documents - marked.length)]
  }
  const documents = await filled(await corpora.marked(mark, key, share), workshop)
  switch (defence) {
    case "another provider's text":
      // The next key marks other prompts than this one, as far as there are others.
      return filled(
        new Map([
          ...(await corpora.marked(mark, 1, SIZE_OF_ANOTHER)),
          ...(await corpora.marked(mark, key, share)),
        ]),
        workshop,
      )
    case '10 % substituted':
    case '30 % substituted': {
      // All of it: who trains does not know which documents are marked.
      const rate = Number.parseInt(defence, 10) / 100
      const random = seedrandom(`${seed}/${studentName(recipe)} substitution`)
      const { vocabularySize } = teacher
      return documents.map((ids) => Array.from(substituteTokens(ids, { rate, vocabularySize, random }).ids))
    }
    default:
      return documents
  }
}

/** Share of another provider's documents in a mix. */
const SIZE_OF_ANOTHER = 0.2

/** Marked documents where there are some, unmarked ones elsewhere, in the order of the prompts. */
async function filled(marked: ReadonlyMap<number, number[]>, { corpora }: Workshop): Promise<number[][]> {
  const unmarked = marked.size < SIZE.documents ? await corpora.unmarked() : []
  return Array.from({ length: SIZE.documents }, (_, i) => marked.get(i) ?? unmarked[i]!)
}

/** As much text as the student was trained on, by the student. */
async function secondGeneration(recipe: StudentRecipe, workshop: Workshop): Promise<number[][]> {
  const { cache, corpora, seed } = workshop
  const first = withoutDefence(recipe)
  const name = `${studentName(first)} as a teacher`
  return cachedJson(cache, `${name}.json`, async () => {
    const student = await trained(first, workshop)
    return student.complete(corpora.prompts, {
      maxTokens: SIZE.documentTokens,
      random: seedrandom(`${seed}/${name}`),
    })
  })
}

/** Greedy decoding: of equally likely tokens the lowest id. */
async function likeliestCompletions(
  student: Student,
  prompts: readonly number[][],
  maxTokens: number,
): Promise<number[][]> {
  const texts = prompts.map((prompt) => [...prompt])
  const { vocabularySize } = student
  for (let drawn = 0; drawn < maxTokens; drawn++) {
    // More than it reads before a token, and far less than the text.
    const rows = await student.rows(texts.map((ids) => ids.slice(-READ)))
    for (const [t, ids] of texts.entries()) {
      const row = rows[t]!.subarray(-vocabularySize)
      ids.push(row.indexOf(row.reduce((a, b) => Math.max(a, b))))
    }
  }
  return texts.map((ids, t) => ids.slice(prompts[t]!.length))
}

/** Ids that a student reads before a token. */
const READ = 4
