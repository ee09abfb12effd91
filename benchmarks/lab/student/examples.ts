/** Examples for a model of fixed context: the ids before a position, oldest first and padded in front, and the id there. */
import type { TokenIds } from '../../../src/tokens.ts'

/** Ids that the student reads before each token: a 5-gram. */
export const contextWidth = 4

/** Contexts one after another, `contextWidth` ids each, and what follows them. */
export interface Examples {
  readonly contexts: Int32Array
  readonly targets: Int32Array<ArrayBuffer>
}

/** The ids before position `i`; `padding` stands where the document has not begun. */
export function contextBefore(ids: TokenIds, i: number, { padding }: { padding: number }): number[] {
  return Array.from({ length: contextWidth }, (_, k) => ids[i - contextWidth + k] ?? padding)
}

/** One example a token. Contexts do not reach across documents. */
export function examplesOf(documents: readonly TokenIds[], { padding }: { padding: number }): Examples {
  const contexts = documents.flatMap((ids) =>
    Array.from(ids, (_, i) => contextBefore(ids, i, { padding })).flat(),
  )
  const targets = documents.flatMap((ids) => Array.from(ids))
  return { contexts: Int32Array.from(contexts), targets: Int32Array.from(targets) }
}

/** `size` examples from a place in the order; past its end, the first ones again, so that all batches are equally large. */
export function batchAt(
  { contexts, targets }: Examples,
  { order, from, size }: { order: Int32Array; from: number; size: number },
): Examples {
  const batch = { contexts: new Int32Array(size * contextWidth), targets: new Int32Array(size) }
  for (let b = 0; b < size; b++) {
    const example = order[(from + b) % order.length]!
    const start = example * contextWidth
    batch.contexts.set(contexts.subarray(start, start + contextWidth), b * contextWidth)
    batch.targets[b] = targets[example]!
  }
  return batch
}

/** The last id of each context. */
export function previousIds(contexts: Int32Array): Int32Array {
  return Int32Array.from(
    { length: contexts.length / contextWidth },
    (_, i) => contexts[(i + 1) * contextWidth - 1]!,
  )
}

/** Fisher and Yates, in place. */
export function shuffle(order: Int32Array, { random }: { random: () => number }): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = order[i]!
    order[i] = order[j]!
    order[j] = held
  }
}
