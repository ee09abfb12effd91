/** A thread of a crew: takes the question when it begins and does one task after the other. Started by crew.ts only. */
import { workerData } from 'node:worker_threads'
import { type CrewData, createDoer, type Task } from './doer.ts'
import { unpacked } from './question.ts'
import type { Totals } from './store.ts'
import type { PartWork } from './work.ts'

// The pool's own data comes first.
const [, { question, wants }] = workerData as readonly [unknown, CrewData]
const doer = createDoer(unpacked(question), { tokenizer: question.tokenizer, wants })

/** Does a task. */
export default function work(task: Task): PartWork | readonly Totals[] {
  return doer(task)
}
