/**
 * `npm run bench:distillation`: what the distillation test finds in students of the bundled teacher, by how much of their training was marked
 * and what they give: text, logprobs or whole rows. Trains the students one after another, keeps their answers in benchmarks/.cache and goes
 * on where it was stopped; then judges all that are there and writes results/distillation.json. `-- --judge` only judges; `-- --table` writes
 * the tables of docs/power.md from that file.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { showProgress } from '../lab/demo/progress.ts'
import { loadTeacher } from '../lab/teacher.ts'
import type { KeyedMark } from './detection/corpora.ts'
import { openCache } from './distillation/cache.ts'
import { openCorpora } from './distillation/corpora.ts'
import { distilledMarks } from './distillation/marks.ts'
import { distillationProblems } from './distillation/problems.ts'
import { type DistilledMark, HEADLINE_KEYS, SIZE, studentRecipes } from './distillation/recipe.ts'
import { type DistillationResult, resultText } from './distillation/result.ts'
import {
  benchmarkQuestions,
  hasAnswers,
  makeAnswers,
  openWorkshop,
  referenceRows,
  type Workshop,
} from './distillation/suspects.ts'
import { markdownTables, withTables } from './distillation/table.ts'
import { holdTrials } from './distillation/trial.ts'
import { machine, revision } from './machine.ts'

const RESULT = new URL('../results/distillation.json', import.meta.url)
const PAPER = new URL('../../docs/power.md', import.meta.url)

const ALPHA = 1e-6

interface Options {
  readonly seed: string
  readonly judge: boolean
  readonly table: boolean
  readonly minutes: number
}

await new Command('bench:distillation')
  .option('--seed <text>', 'all randomness, keys included', 'dyetrace')
  .option(
    '--minutes <number>',
    'train no further student after so many minutes',
    Number,
    Number.POSITIVE_INFINITY,
  )
  .option('--judge', 'judge the answers that are there and train nobody', false)
  .option('--table', 'write the tables of docs/power.md from results/distillation.json', false)
  .action(run)
  .parseAsync()

async function run({ seed, minutes, judge, table }: Options): Promise<void> {
  if (table) return writeTables()
  const { onStep, stop } = showProgress()
  const teacher = await loadTeacher()
  // The version changes with what files hold.
  const cache = await openCache({ version: 1, seed, SIZE })
  const marks = (mark: DistilledMark): KeyedMark[] =>
    distilledMarks(mark, { teacher, seed, count: HEADLINE_KEYS })
  const corpora = await openCorpora({ teacher, seed, cache, marks, onStep })
  const questions = await benchmarkQuestions(teacher)
  const workshop = openWorkshop({ teacher, corpora, questions, cache, seed, onStep })
  if (!judge) await trainAll(workshop, minutes)
  const rows = await holdTrials(workshop, { marks, alpha: ALPHA })
  stop()
  const result: DistillationResult = {
    benchmark: 'distillation',
    seed,
    ...revision(),
    machine: machine(['@xenova/transformers', 'onnxruntime-node', '@jax-js/jax']),
    model: { name: 'benchmarks/lab/teacher', vocabularySize: teacher.vocabularySize, temperature: 1 },
    size: SIZE,
    alpha: ALPHA,
    planned: studentRecipes().length,
    rows,
  }
  await writeFile(RESULT, resultText(result))
  console.log(markdownTables(result))
  const problems = distillationProblems(result)
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}

async function trainAll(workshop: Workshop, minutes: number): Promise<void> {
  const end = performance.now() + minutes * 60_000
  await referenceRows('teacher', workshop)
  await referenceRows('twin', workshop)
  for (const recipe of studentRecipes()) {
    if (performance.now() > end) break
    if (!hasAnswers(recipe, workshop.cache)) await makeAnswers(recipe, workshop)
  }
}

async function writeTables(): Promise<void> {
  const result: DistillationResult = JSON.parse(await readFile(RESULT, 'utf8'))
  await writeFile(PAPER, withTables(await readFile(PAPER, 'utf8'), result))
}
