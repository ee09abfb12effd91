/**
 * `npm run bench:speed`: what marking, drawing, scoring and sweeping cost, beside bare floors, naive ports and other people's marks, all in one run. Prints a table and the targets,
 * writes results/speed.json. `-- --quick` takes half a minute and writes nothing; `-- --compare` says what became slower than recorded by more than a third;
 * `-- --table` writes README's table from the record and measures nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import Table from 'cli-table3'
import { Command } from 'commander'
import { createMarker } from '../src/integrations/marker.ts'
import { useKernels } from '../src/prf/kernels/kernels.ts'
import { MODULE } from '../src/prf/kernels/module.ts'
import { machine, revision } from './power/machine.ts'
import { bundledModelStep, smallModelStep } from './speed/decode-step.ts'
import { type TimedCase, timeCase } from './speed/harness.ts'
import { markingCases, markOf, rowOf, samplingCase, truncatedCase, VOCABULARIES } from './speed/marking.ts'
import { isMet, type Peers, regressions, type SpeedResult } from './speed/result.ts'
import { scoringCases } from './speed/scoring.ts'
import { perSecond, targetsOf, timeText, withTable } from './speed/table.ts'

const RESULT = new URL('./results/speed.json', import.meta.url)
const README = new URL('../README.md', import.meta.url)
const SLOWER = 4 / 3

interface Options {
  readonly quick: boolean
  readonly table: boolean
  readonly compare: boolean
}

await new Command('bench:speed')
  .option('--quick', 'short rounds and one vocabulary; nothing is written', false)
  .option('--compare', 'say what is slower than recorded by more than a third', false)
  .option('--table', "write README's table from results/speed.json and measure nothing", false)
  .action(async (options: Options) => (options.table ? writeTable() : benchmark(options)))
  .parseAsync()

async function benchmark({ quick, compare }: Options): Promise<void> {
  const effort = quick ? { rounds: 5, milliseconds: 5 } : { rounds: 15, milliseconds: 25 }
  const vocabularies = quick ? [131_072] : VOCABULARIES
  const cases: TimedCase[] = []
  const all = [
    ...vocabularies.flatMap(markingCases),
    truncatedCase(131_072),
    await samplingCase(131_072),
    ...scoringCases(),
  ]
  for (const one of all) {
    process.stderr.write(`${one.name}\n`)
    cases.push(timeCase(one, effort))
  }
  const [shares, step] = await sharesOf(effort)
  cases.push(step)
  const result: SpeedResult = {
    created: new Date().toISOString().slice(0, 10),
    ...revision(),
    machine: machine(['typescript', 'assemblyscript', '@xenova/transformers', '@noble/hashes']),
    quick,
    cases,
    shares,
    start: { importSeconds: importSeconds() },
    size: { kernelsBase64: MODULE.length, rootGzip: rootGzip() },
    peers: quick ? null : peers(),
  }
  print(result)
  if (compare) await report(result)
  if (!quick) await writeFile(RESULT, `${JSON.stringify(result, null, 2)}\n`)
}

/** Marking a row by `Marker.mark`, as hosts call it, of a step of the bundled model and of a small one. */
async function sharesOf(effort: {
  rounds: number
  milliseconds: number
}): Promise<[SpeedResult['shares'], TimedCase]> {
  const names = ['green list, gamma 1/2', 'green list, gamma 1/4', 'gumbel', 'tournament, 30 rounds'] as const
  const bundled = await bundledModelStep()
  const marked = (
    name: (typeof names)[number],
    vocabularySize: number,
  ): { label: string; run: () => void } => {
    const { profile, key } = markOf(name, vocabularySize)
    const marker = createMarker(profile, [key])
    const [base, row] = [rowOf(vocabularySize), new Float32Array(vocabularySize)]
    let context = 0
    return {
      label: `marker.mark: ${name}, V = ${vocabularySize}`,
      run() {
        useKernels('auto')
        row.set(base)
        marker.mark(row, [1, context++ & 1023])
      },
    }
  }
  const [small, own] = [131_072, bundled.vocabularySize]
  const step = timeCase(
    {
      name: 'a step of a small model, and marking a row',
      unit: 'step',
      units: 1,
      runs: [
        await smallModelStep(),
        ...names.map((name) => marked(name, small)),
        ...names.map((name) => marked(name, own)),
      ],
    },
    effort,
  )
  const of = (name: string, vocabularySize: number): number =>
    step.runs.find(({ label }) => label === `marker.mark: ${name}, V = ${vocabularySize}`)!.seconds
  return [
    names.flatMap((name) => [
      {
        name: `${name}, V = ${small}, of a step of 100 M parameters`,
        share: of(name, small) / step.runs[0]!.seconds,
      },
      {
        name: `${name}, V = ${small}, of a step of 1.2 G parameters`,
        share: of(name, small) / (12 * step.runs[0]!.seconds),
      },
      { name: `${name}, V = ${own}, of a step of the bundled model`, share: of(name, own) / bundled.seconds },
    ]),
    step,
  ]
}

/** How long a program takes longer that imports the built package, least of several. */
function importSeconds(): number {
  const entry = new URL('../dist/index.js', import.meta.url)
  if (!existsSync(entry)) return Number.NaN
  const least = (code: string): number =>
    Math.min(
      ...Array.from({ length: 9 }, () => {
        const from = performance.now()
        execFileSync(process.execPath, ['--input-type=module', '-e', code])
        return (performance.now() - from) / 1000
      }),
    )
  return least(`await import(${JSON.stringify(entry.href)})`) - least('')
}

/** Bytes of the built root entry and of every file that it imports, each packed. */
function rootGzip(): number {
  const bytes = new Map<string, number>()
  const add = (file: string): void => {
    if (bytes.has(file)) return
    const path = new URL(`../dist/${file}`, import.meta.url)
    if (!existsSync(path)) return
    const source = readFileSync(path, 'utf8')
    bytes.set(file, gzipSync(source).length)
    for (const [, imported] of source.matchAll(/from\s*"\.\/([^"]+)"/g)) add(imported!)
  }
  add('index.js')
  return [...bytes.values()].reduce((sum, size) => sum + size, 0)
}

/** Other people's marks, where a Python with torch is there. */
function peers(): Peers | null {
  const script = fileURLToPath(new URL('./thirdparty/peers.py', import.meta.url))
  for (const python of ['python3', '/usr/bin/python3']) {
    const { status, stdout } = spawnSync(python, [script, ...VOCABULARIES.slice(0, 2).map(String)], {
      encoding: 'utf8',
    })
    if (status === 0) return JSON.parse(stdout) as Peers
  }
  process.stderr.write('no Python with torch here: others are not measured\n')
  return null
}

function print(result: SpeedResult): void {
  for (const { name, unit, runs } of result.cases) {
    const table = new Table({
      head: [name, `time a ${unit}`, 'of the first'],
      style: { head: [], border: [] },
    })
    for (const { label, seconds, ratio } of runs)
      table.push([label, timeText(seconds), `${ratio.toPrecision(3)} x`])
    console.log(table.toString())
  }
  for (const { name, share } of result.shares)
    console.log(`marking ${name}: ${(100 * share).toPrecision(2)} %`)
  for (const { name, vocabularySize, seconds } of result.peers?.rows ?? [])
    console.log(`${name}${vocabularySize ? `, V = ${vocabularySize}` : ''}: ${timeText(seconds)}`)
  const { start, size } = result
  console.log(
    `import 'dyetrace': ${timeText(start.importSeconds)}; kernels ${size.kernelsBase64} characters of base64; root entry ${size.rootGzip} bytes packed`,
  )
  for (const target of targetsOf(result)) {
    const { name, value, limit, atMost, unit } = target
    const text = (x: number): string =>
      unit === 's' ? timeText(x) : unit === '/s' ? perSecond(x) : `${Number(x.toPrecision(3))} ${unit}`
    console.log(
      `${isMet(target) ? 'met    ' : 'NOT MET'} ${name}: ${text(value)} (${atMost ? 'at most' : 'at least'} ${text(limit)})`,
    )
  }
}

/** Reports and fails nothing: other machines, and busy ones, have other ratios. */
async function report(result: SpeedResult): Promise<void> {
  const before: SpeedResult = JSON.parse(await readFile(RESULT, 'utf8'))
  const isSame =
    before.machine.cpu === result.machine.cpu &&
    before.machine.node.split('.')[0] === result.machine.node.split('.')[0]
  if (!isSame) {
    console.log(
      `recorded on another kind of machine (${before.machine.cpu}, Node ${before.machine.node}): nothing to compare with`,
    )
    return
  }
  const slower = regressions(result, before, SLOWER)
  for (const { name, label, before: old, now } of slower)
    console.log(
      `slower than recorded: ${name}: ${label}: ${now.toPrecision(3)} x its floor, was ${old.toPrecision(3)} x`,
    )
  console.log(
    `${slower.length} of ${result.cases.reduce((n, { runs }) => n + runs.length, 0)} ways slower than recorded by more than a third`,
  )
}

async function writeTable(): Promise<void> {
  const result: SpeedResult = JSON.parse(await readFile(RESULT, 'utf8'))
  await writeFile(README, withTable(await readFile(README, 'utf8'), result))
}
