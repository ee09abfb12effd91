/**
 * `npm run bench:detection`: how much text it takes until a mark shows. For each mark, keys by the hundred; for each key texts of the
 * bundled teacher, with none to 30 % of their tokens replaced. Prints a table, writes results/detection.json, and fails if the result
 * is not sane. `-- --table` writes README's table from that file and samples nothing.
 */
import { readFile, writeFile } from 'node:fs/promises'
import Table from 'cli-table3'
import { Command } from 'commander'
import { nullMean, nullVariance } from '../../src/stats/tail.ts'
import { showProgress } from '../lab/demo/progress.ts'
import { loadTeacher, type Teacher } from '../lab/teacher.ts'
import {
  type KeyedMark,
  keyedMarks,
  type Mark,
  markName,
  sampleCorpora,
  type Text,
} from './detection/corpora.ts'
import { substituted, tokensToDetect, verdictOn } from './detection/measure.ts'
import { medianInterval } from './detection/median.ts'
import { detectionProblems } from './detection/problems.ts'
import type { Cell, DetectionResult, Guard, Row } from './detection/result.ts'
import { tableCells, withTable } from './detection/table.ts'
import { machine, revision } from './machine.ts'

const RESULT = new URL('../results/detection.json', import.meta.url)
const README = new URL('../../README.md', import.meta.url)

const ALPHA = 1e-6
const CONFIDENCE = 0.95
const RATES = [0, 0.1, 0.2, 0.3]

// 16 + 224 ids: within the model's context of 256. An odd number of keys has a median among them.
const SIZE = { keys: 101, promptTokens: 16, textTokens: 224 }

// Width 2 for all: the narrowest that rarely meets a context twice in a text. The other widths show the price of a wider one under edits.
// Texts a key are what half of the keys need at 30 %, as far as a run of a quarter of an hour on two cores reaches.
const MARKS: readonly { readonly mark: Mark; readonly textsPerKey: number }[] = [
  { mark: { scheme: 'green-list', gamma: 0.25, delta: 2, contextWidth: 2 }, textsPerKey: 3 },
  { mark: { scheme: 'green-list', gamma: 0.5, delta: 2, contextWidth: 2 }, textsPerKey: 3 },
  { mark: { scheme: 'gumbel', contextWidth: 2 }, textsPerKey: 1 },
  { mark: { scheme: 'tournament', rounds: 30, contextWidth: 2 }, textsPerKey: 1 },
  { mark: { scheme: 'green-list', gamma: 0.25, delta: 2, contextWidth: 1 }, textsPerKey: 1 },
  { mark: { scheme: 'green-list', gamma: 0.25, delta: 2, contextWidth: 4 }, textsPerKey: 2 },
]

interface Options {
  readonly seed: string
  readonly table: boolean
}

await new Command('bench:detection')
  .option('--seed <text>', 'all randomness, keys included', 'dyetrace')
  .option('--table', "write README's table from results/detection.json and measure nothing", false)
  .action(async ({ seed, table }: Options) => (table ? writeTable() : benchmark(seed)))
  .parseAsync()

async function benchmark(seed: string): Promise<void> {
  const { onStep, stop } = showProgress()
  const teacher = await loadTeacher()
  let entropy = 0
  const unmarked = await sampleCorpora(teacher, {
    size: { ...SIZE, textsPerKey: 1 },
    seed: `${seed}/unmarked`,
    onProgress: onStep('sampling unmarked texts'),
    onRow: (logits) => {
      entropy += entropyOf(logits)
    },
  })
  const rows: Row[] = []
  for (const { mark, textsPerKey } of MARKS) {
    const name = markName(mark)
    const marks = keyedMarks(mark, { teacher, seed, count: SIZE.keys })
    const corpora = await sampleCorpora(teacher, {
      size: { ...SIZE, textsPerKey },
      seed: `${seed}/${name}`,
      onProgress: onStep(`sampling under ${name}`),
      marks,
    })
    const progress = onStep(`judging ${name}`)
    const tokens = textsPerKey * SIZE.textTokens
    rows.push(rowOf(mark, { marks, corpora, tokens, unmarked, teacher, seed: `${seed}/${name}`, progress }))
  }
  stop()
  const result: DetectionResult = {
    benchmark: 'detection',
    seed,
    ...revision(),
    machine: machine(['@xenova/transformers', 'onnxruntime-node']),
    model: {
      name: 'benchmarks/lab/teacher',
      vocabularySize: teacher.vocabularySize,
      temperature: 1,
      entropy: rounded(entropy / (SIZE.keys * SIZE.textTokens)),
    },
    alpha: ALPHA,
    confidence: CONFIDENCE,
    ...SIZE,
    rows,
  }
  const { head, body } = tableCells(result)
  const table = new Table({ head, style: { head: [], border: [] } })
  table.push(...body)
  console.log(table.toString())
  await writeFile(RESULT, `${JSON.stringify(result, null, 2)}\n`)
  const problems = detectionProblems(result)
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}

async function writeTable(): Promise<void> {
  const result: DetectionResult = JSON.parse(await readFile(RESULT, 'utf8'))
  await writeFile(README, withTable(await readFile(README, 'utf8'), result))
}

interface Sampled {
  readonly marks: readonly KeyedMark[]
  readonly corpora: readonly (readonly Text[])[]
  /** Generated tokens of a corpus. */
  readonly tokens: number
  readonly unmarked: readonly (readonly Text[])[]
  readonly teacher: Teacher
  readonly seed: string
  readonly progress: (done: number, total: number) => void
}

function rowOf(mark: Mark, sampled: Sampled): Row {
  const { marks, corpora, tokens, unmarked, progress } = sampled
  const whole = corpora.map((corpus, k) => verdictOn(corpus, tokens, marks[k]!))
  const { law } = whole[0]!
  const [sum, counted] = [total(whole.map(({ sum }) => sum)), total(whole.map(({ counted }) => counted))]
  const cells = RATES.map((rate, r) => {
    progress(r, RATES.length)
    return cellOf(rate, sampled)
  })
  progress(RATES.length, RATES.length)
  return {
    ...mark,
    tokens,
    effect: rounded((sum / counted - nullMean(law)) / Math.sqrt(nullVariance(law))),
    countedPerToken: rounded(counted / (SIZE.keys * tokens)),
    cells,
    anotherKey: guardOf(corpora, [...marks.slice(1), marks[0]!], tokens),
    unmarked: guardOf(unmarked, marks, SIZE.textTokens),
  }
}

function cellOf(rate: number, { marks, corpora, tokens, teacher, seed }: Sampled): Cell {
  const { vocabularySize } = teacher
  const attacked = corpora.map((corpus, k) =>
    rate === 0 ? corpus : substituted(corpus, { rate, vocabularySize, seed: `${seed}/replace ${rate}/${k}` }),
  )
  const read = attacked.map((corpus, k) => tokensToDetect(corpus, marks[k]!, { alpha: ALPHA, tokens }))
  const { median, lower, upper } = medianInterval(read, CONFIDENCE)
  const finite = (value: number): number | null => (value === Number.POSITIVE_INFINITY ? null : value)
  return {
    substituted: rate,
    median: finite(median),
    lower: finite(lower),
    upper: finite(upper),
    missed: read.filter((value) => value === Number.POSITIVE_INFINITY).length,
    inOneText: attacked.filter((corpus, k) => detected(verdictOn(corpus, SIZE.textTokens, marks[k]!))).length,
  }
}

function guardOf(corpora: Sampled['corpora'], marks: readonly KeyedMark[], tokens: number): Guard {
  const verdicts = corpora.map((corpus, k) => verdictOn(corpus, tokens, marks[k]!))
  return {
    tests: verdicts.length,
    detected: verdicts.filter(detected).length,
    smallestLog10P: rounded(Math.min(...verdicts.map(({ log10P }) => log10P))),
  }
}

function detected({ lnP }: { readonly lnP: number }): boolean {
  return lnP <= Math.log(ALPHA)
}

/** Entropy of the softmax of a row, in nats. */
function entropyOf(logits: Float32Array): number {
  const largest = logits.reduce((a, b) => Math.max(a, b))
  let [sum, moment] = [0, 0]
  for (const logit of logits) {
    const weight = Math.exp(logit - largest)
    sum += weight
    moment += weight * (logit - largest)
  }
  return Math.log(sum) - moment / sum
}

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}

function rounded(value: number): number {
  return Number(value.toFixed(4))
}
