/**
 * Who does the work: threads of a pool, or the caller's own thread where there are none. Results do not depend on it. Keys reach a thread by a message within the
 * process; neither arguments nor environment hold them.
 */
import { fileURLToPath } from 'node:url'
import { Tinypool } from 'tinypool'
import { type CrewData, type CrewOptions, createDoer, type Task } from './doer.ts'
import { packed, type Question } from './question.ts'
import type { PairBlock, Totals } from './store.ts'
import type { PartWork, WorkDocument } from './work.ts'

/** What a crew can do. */
export interface Crew {
  /** How many tasks run at the same time. */
  readonly size: number
  work(documents: readonly WorkDocument[]): Promise<PartWork>
  sum(block: PairBlock): Promise<readonly Totals[]>
  close(): Promise<void>
}

/** What the caller's thread does by itself, before threads are worth their start. */
const TASKS_ALONE = 3

/** @param workers number of threads; 0: none. They start when there is enough to do. */
export function createCrew(question: Question, workers: number, options: CrewOptions): Crew {
  const doer = createDoer(question, options)
  let tasks = 0
  let pool: Tinypool | undefined
  async function run(task: Task): Promise<unknown> {
    if (workers === 0 || (pool === undefined && tasks++ < TASKS_ALONE)) return doer(task)
    pool ??= createPool(question, workers, options)
    return pool.run(task)
  }
  return {
    size: Math.max(1, workers),
    work: (documents) => run({ kind: 'work', documents }) as Promise<PartWork>,
    sum: (block) => run({ kind: 'sum', block }) as Promise<readonly Totals[]>,
    close: async () => {
      await pool?.destroy()
    },
  }
}

function createPool(question: Question, workers: number, { tokenizer, wants }: CrewOptions): Tinypool {
  const data: CrewData = { question: packed(question, tokenizer), wants }
  return new Tinypool({
    filename: workerFile(),
    runtime: 'worker_threads',
    minThreads: workers,
    maxThreads: workers,
    workerData: data,
    // A thread needs nothing of what the process was told: keys of servers stand in environments.
    argv: [],
    env: {},
  })
}

/** Beside this file once it is built; from the sources, which Node cannot run by itself, a file that brings a loader. */
function workerFile(): string {
  const isSource = import.meta.url.endsWith('.ts')
  const file = isSource ? './worker-from-source.mjs' : './corpus-worker.js'
  return fileURLToPath(new URL(file, import.meta.url))
}
