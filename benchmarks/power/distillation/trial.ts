/** Judges every suspect whose answers are there, under its key; what was judged by the same code is read back. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { exposureOf } from '../../../src/plan/exposure.ts'
import { type KeyedMark, markName } from '../detection/corpora.ts'
import { cachedJson, openCache } from './cache.ts'
import { type Charge, type Court, judge } from './judge.ts'
import {
  type DistilledMark,
  HEADLINE_KEYS,
  HEADLINES,
  MARKS,
  SIZE,
  type StudentRecipe,
  studentName,
  studentRecipes,
} from './recipe.ts'
import type { Cell, Row } from './result.ts'
import { hasAnswers, readAnswers, referenceRows, type Workshop } from './suspects.ts'

/** What {@link holdTrials} needs beside the suspects. */
export interface TrialOptions {
  readonly marks: (mark: DistilledMark) => readonly KeyedMark[]
  readonly alpha: number
}

/** One row a suspect and key, in the order of the recipe. */
export async function holdTrials(workshop: Workshop, { marks, alpha }: TrialOptions): Promise<Row[]> {
  const { cache, onStep, seed } = workshop
  const verdicts = await openCache({ version: 1, seed, SIZE, MARKS, alpha, sources: sourcesDigest() })
  let court: Court | undefined
  const rows: Row[] = []
  for (const recipe of studentRecipes()) {
    if (!hasAnswers(recipe, cache)) continue
    for (const [width, charged] of byWidth(chargesOf(recipe))) {
      const name = `${studentName(recipe)} at width ${width}`
      const { training, cells } = await cachedJson(verdicts, `${name}.json`, async () => {
        const judged = onStep(`judging ${name}`)
        court ??= await openCourt(workshop, alpha)
        const answered = await readAnswers(recipe, cache)
        const charges = charged.map(({ mark, key }) => chargeOf(marks(mark), key))
        const cells: Cell[][] = judge(answered, width, charges, court)
        judged(1, 1)
        return { training: answered.training, cells }
      })
      for (const [c, { mark, key }] of charged.entries())
        rows.push({ ...recipe, mark, key, training, cells: cells[c]! })
    }
  }
  return rows
}

interface Charged {
  readonly mark: DistilledMark
  readonly key: number
}

/** A suspect answers for its own key; the innocent for all that anybody answers for. */
function chargesOf(recipe: StudentRecipe): Charged[] {
  if (recipe.mark) return [{ mark: recipe.mark, key: recipe.key }]
  return MARKS.flatMap((mark) => {
    const headline = HEADLINES.some((row) => markName(row.mark) === markName(mark))
    return Array.from({ length: headline ? HEADLINE_KEYS : 1 }, (_, key) => ({ mark, key }))
  })
}

function byWidth(charged: readonly Charged[]): Map<number, Charged[]> {
  const widths = new Map<number, Charged[]>()
  for (const charge of charged) {
    const { contextWidth } = charge.mark
    widths.set(contextWidth, [...(widths.get(contextWidth) ?? []), charge])
  }
  return widths
}

/** The other key is none that may have been mixed in: that is the one after the first. */
function chargeOf(keys: readonly KeyedMark[], key: number): Charge {
  const last = keys.length - 1
  return { own: keys[key]!, another: keys[key === last ? last - 1 : last]! }
}

async function openCourt(workshop: Workshop, alpha: number): Promise<Court> {
  const { teacher, questions, corpora } = workshop
  const { vocabularySize } = teacher
  const counts = await workshop.bigram()
  const apart = await corpora.apart()
  return {
    questions,
    vocabularySize,
    alpha,
    references: {
      teacher: await referenceRows('teacher', workshop),
      twin: await referenceRows('twin', workshop),
      bigram: questions.sequences.map((ids) => {
        const rows = new Float32Array(ids.length * vocabularySize)
        for (const [i, id] of ids.entries()) rows.set(counts.row(id), i * vocabularySize)
        return rows
      }),
    },
    exposure: (contextWidth) =>
      exposureOf(apart, { contextWidth, vocabularySize, origin: 'unmarked answers of the teacher' }),
  }
}

/** All that a judgment depends on, as text. */
function sourcesDigest(): string {
  const digest = createHash('sha256')
  const root = new URL('../../../', import.meta.url)
  const folders = ['src/distill', 'src/stats', 'src/prf', 'src/schemes', 'benchmarks/thirdparty']
  const files = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .sort()
      .map((file) => `${folder}/${file}`),
  )
  for (const file of [...files, ...['answers', 'judge', 'bigram'].map((name) => `${HERE}/${name}.ts`)])
    digest.update(`${file}\n${readFileSync(new URL(file, root), 'utf8')}`)
  return digest.digest('hex')
}

const HERE = 'benchmarks/power/distillation'
