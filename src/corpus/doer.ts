/** One thread's share of a scan, as a function of tasks; the same whether the thread is a worker or the caller's own. */
import { createEncoder } from './encoder.ts'
import type { PackedQuestion, Question, TokenizerFiles } from './question.ts'
import { pairsOfBlock, sumPairs } from './score-pairs.ts'
import type { PairBlock, Totals } from './store.ts'
import { type PartWork, type WorkDocument, workOn } from './work.ts'

/** A task for a thread. */
export type Task =
  | { readonly kind: 'work'; readonly documents: readonly WorkDocument[] }
  | { readonly kind: 'sum'; readonly block: PairBlock }

/** What a thread is told when it begins. */
export interface CrewData {
  readonly question: PackedQuestion
  readonly wants: 'pairs' | 'scores'
}

/** What every crew is made for. */
export interface CrewOptions {
  readonly tokenizer: TokenizerFiles | undefined
  readonly wants: 'pairs' | 'scores'
}

/** Does tasks in this thread. The tokenizer is loaded when the first text comes. */
export function createDoer(
  question: Question,
  { tokenizer, wants }: CrewOptions,
): (task: Task) => PartWork | readonly Totals[] {
  let encode = undefined as ReturnType<typeof createEncoder> | undefined
  return (task) => {
    if (task.kind === 'sum') {
      const { reading } = task.block
      const pairs = pairsOfBlock(task.block, question.readings[reading]!.contextWidth)
      return sumPairs(question, reading, pairs)
    }
    if (tokenizer && task.documents.some(({ text }) => text !== undefined))
      encode ??= createEncoder(tokenizer, question.marks[0]!.profile.tokenizer)
    return workOn(task.documents, question, { encode, wants })
  }
}
