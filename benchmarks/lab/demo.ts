/**
 * `npm run demo`: the main job on a real model, on this machine, without a network. See demo/experiment.ts for what it does.
 * Exit code 0 when it ran, whatever it found; 2 for wrong usage, 3 when it could not finish.
 */
import { existsSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { readKeyFile, writeKeyFile } from '../../src/keys/key-file.ts'
import { generateMasterKey, type MasterKey } from '../../src/keys/master.ts'
import { runExperiment, sizes } from './demo/experiment.ts'
import { printable } from './demo/print.ts'
import { showProgress } from './demo/progress.ts'
import { summarise } from './demo/summary.ts'

interface DemoOptions {
  readonly quick: boolean
  readonly json: boolean
  readonly seed: string
  readonly keyFile?: string
}

// Never 1: a crash must not read as an answer.
const USAGE = 2
const COULD_NOT_FINISH = 3

const program = new Command('demo')
  .description(
    'Mark the outputs of a small language model, distil a thief from them and an innocent from unmarked ones, and test both.',
  )
  .option('--quick', 'smaller: at most 90 seconds instead of at most 5 minutes', false)
  .option('--json', 'print one JSON document and nothing else', false)
  .option('--seed <text>', 'all randomness but the key comes from it', 'dyetrace')
  .option('--key-file <path>', 'use the key in this file; without such a file, draw one and write it there')
  .exitOverride()
  .action(demo)

try {
  await program.parseAsync()
} catch (error) {
  // commander has already written what it has to say.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : USAGE)
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(COULD_NOT_FINISH)
}

async function demo({ quick, json, seed, keyFile }: DemoOptions): Promise<void> {
  const { onStep, stop } = showProgress()
  const { experiment, teacher, key } = await runExperiment({
    size: quick ? sizes.quick : sizes.full,
    seed,
    master: await masterKey(keyFile),
    onStep,
  }).finally(stop)
  const summary = summarise(experiment, { quick })
  const { profile, passages, tested } = experiment
  const sentences = tested.map(({ conclusion }) => conclusion.sentence)
  const output = json
    ? JSON.stringify(summary, null, 2)
    : printable(summary, { passage: passages.marked, teacher, profile, key, sentences })
  process.stdout.write(`${output}\n`)
}

async function masterKey(path: string | undefined): Promise<MasterKey> {
  if (path !== undefined && existsSync(path)) return readKeyFile(path)
  const master = generateMasterKey()
  if (path !== undefined) await writeKeyFile(path, master)
  return master
}
