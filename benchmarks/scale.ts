/**
 * `npm run bench:scale`: how long a scan takes, by stage, and how it grows: corpora of a million to a hundred million token ids, each scanned by a process of its own. Prints a table and writes
 * results/scale.json; `-- --table` puts it into docs/scan.md. `-- --most 1e7` stops earlier and writes nothing. Takes three minutes and some 2 GB of disk on two cores.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { Command } from 'commander'
import { createEncoder } from '../src/corpus/encoder.ts'
import { readDocuments } from '../src/corpus/read-documents.ts'
import { scanCorpus } from '../src/corpus/scan.ts'
import { expandSources } from '../src/corpus/sources.ts'
import { gatherEvidence } from '../src/detect/evidence.ts'
import { tokenizerDigest, tokenStrings } from '../src/text/tokenizer-digest.ts'
import { createTupleSet } from '../src/tuple-set.ts'
import { teacherFolder } from './lab/teacher.ts'
import { machine, revision } from './power/machine.ts'
import { VOCABULARY, writeCorpus } from './scale/corpus.ts'
import type { ScaleResult, ScaleRow } from './scale/result.ts'
import { cellsOf, growthOf, withTable } from './scale/table.ts'
import { markOf } from './speed/marking.ts'

const RESULT = new URL('./results/scale.json', import.meta.url)
const GUIDE = new URL('../docs/scan.md', import.meta.url)
const SIZES = [1e6, 1e7, 1e8]
const WORKERS = 2
const MEMORY = 2 ** 31

interface Options {
  readonly most: string
  readonly table: boolean
  readonly one?: string
  readonly folder?: string
}

await new Command('bench:scale')
  .option('--most <tokens>', 'largest corpus', '1e8')
  .option('--table', "write docs/scan.md's table from results/scale.json and measure nothing", false)
  .option('--one <tokens>', 'one size, in this process (used by the benchmark itself)')
  .option('--folder <path>', 'where the corpora are (used by the benchmark itself)')
  .action(async ({ most, table, one, folder }: Options) => {
    if (table) {
      const result: ScaleResult = JSON.parse(await readFile(RESULT, 'utf8'))
      await writeFile(GUIDE, withTable(await readFile(GUIDE, 'utf8'), result))
    } else if (one !== undefined && folder !== undefined)
      process.stdout.write(JSON.stringify(await measure(Number(one), folder)))
    else await benchmark(Number(most))
  })
  .parseAsync()

async function benchmark(most: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'dyetrace-scale-'))
  try {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(':memory:')
    const rows: ScaleRow[] = []
    for (const tokens of SIZES.filter((size) => size <= most)) {
      process.stderr.write(`${tokens} tokens\n`)
      await writeCorpus(instance, { path: join(folder, `${tokens}.parquet`), tokens })
      // A process of its own, so that the most memory that it ever held is this size's.
      const out = execFileSync(
        process.execPath,
        ['--import', 'tsx', fileURLToPath(import.meta.url), '--one', String(tokens), '--folder', folder],
        { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 24 },
      )
      rows.push(JSON.parse(out.toString()))
      await rm(join(folder, `${tokens}.parquet`))
    }
    const result: ScaleResult = {
      created: new Date().toISOString().slice(0, 10),
      ...revision(),
      machine: machine(['@duckdb/node-api', 'tinypool', '@huggingface/tokenizers']),
      workers: WORKERS,
      memoryLimit: MEMORY,
      tokenise: await tokeniseRate(),
      score: scoreRate(),
      rows,
    }
    print(result)
    if (most >= SIZES.at(-1)!) await writeFile(RESULT, `${JSON.stringify(result, null, 2)}\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(tokens: number, folder: string): Promise<ScaleRow> {
  const sources = await expandSources([join(folder, `${tokens}.parquet`)], { cwd: folder })
  const readFrom = performance.now()
  let ids = 0
  for await (const row of readDocuments(sources[0]!, { vocabularySize: VOCABULARY }))
    if (row.kind === 'document') ids += row.ids!.length
  const read = (performance.now() - readFrom) / 1000
  if (ids !== tokens) throw new Error(`scale: expected ${tokens} ids, read ${ids}`)
  const scan = join(folder, `scan-${tokens}`)
  const from = performance.now()
  let counting = Number.NaN
  const record = await scanCorpus({
    sources,
    marks: [markOf('green list, gamma 1/4', VOCABULARY)].map(({ profile, key }) => ({ profile, key })),
    folder: scan,
    workers: WORKERS,
    memory: MEMORY,
    onProgress({ stage }) {
      if (stage === 'counting') counting = performance.now()
    },
  })
  const end = performance.now()
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const disk = await bytesUnder(scan)
  await rm(scan, { recursive: true, force: true })
  return {
    tokens,
    pairs: record.tests[0]!.verdict.counted,
    seconds: {
      read,
      pairs: (counting - from) / 1000,
      count: (end - counting) / 1000,
      whole: (end - from) / 1000,
    },
    memory: 1024 * Number(status.match(/VmHWM:\s+(\d+)/)?.[1] ?? Number.NaN),
    disk,
    decision: record.decision,
  }
}

/** Tokens a second of the bundled model's tokenizer, in JavaScript, one thread. */
async function tokeniseRate(): Promise<number> {
  const json = await readFile(join(teacherFolder, 'tokenizer.json'), 'utf8')
  const encode = createEncoder({ json }, tokenizerDigest(tokenStrings(JSON.parse(json))))
  const text = await readFile(new URL('./lab/corpora/Doyle_Hound_1902.txt', import.meta.url), 'utf8')
  const paragraphs = text.split(/\n\n+/).slice(0, 1000)
  const from = performance.now()
  let tokens = 0
  for (const paragraph of paragraphs) tokens += encode(paragraph).length
  return tokens / ((performance.now() - from) / 1000)
}

/** Distinct pairs scored a second under one key, one thread. */
function scoreRate(): number {
  const { key, scheme } = markOf('green list, gamma 1/4', VOCABULARY)
  const pairs = createTupleSet(3)
  for (let i = 0; i < 1e6; i++)
    pairs.indexOf([(Math.imul(i, 7919) % 30_011) >>> 0, (i >>> 5) % 30_000, (i * 31) % 29_989])
  const words = pairs.toWords()
  gatherEvidence(words, { scheme, key, lane: 0 })
  const from = performance.now()
  for (let i = 0; i < 5; i++) gatherEvidence(words, { scheme, key, lane: 0 })
  return (5 * pairs.size) / ((performance.now() - from) / 1000)
}

async function bytesUnder(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map(async (file) => (await stat(join(file.parentPath, file.name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

function print(result: ScaleResult): void {
  const { head, body } = cellsOf(result)
  const table = new Table({ head, style: { head: [], border: [] } })
  table.push(...body)
  console.log(table.toString())
  console.log(
    `growth of the time a token, largest against smallest of at least 1e7: ${growthOf(result).toPrecision(3)} x`,
  )
  console.log(
    `tokenised ${Math.round(result.tokenise)} tokens/s, scored ${Math.round(result.score)} pairs/s, a thread`,
  )
}
