/**
 * Pairs in memory: for corpora of up to some ten million tokens, and for tests. Keeps each pair once, adds nothing to a file, and is gone with the process.
 */
import { createTupleSet } from '../../tuple-set.ts'
import { addTotals } from '../add-totals.ts'
import type { PairBlock, PairStore, PartRecord, Totals } from '../store.ts'

/** Pairs that are handed over at a time. */
const BATCH = 2 ** 18

/** Makes an empty store. */
export function memoryStore(): PairStore {
  const parts = new Map<string, { readonly record: PartRecord; readonly blocks: readonly PairBlock[] }>()
  return {
    wants: 'pairs',
    async put(record, blocks) {
      parts.set(record.name, { record, blocks: blocks as readonly PairBlock[] })
    },
    parts: async () => [...parts.values()].map(({ record }) => record),
    async totals(scan, tests, sum) {
      const all = [...parts.values()].filter(({ record }) => record.scan === scan)
      const totals: (readonly Totals[])[] = []
      for (const [reading, count] of tests.entries())
        totals.push(
          await totalsOf(
            all.flatMap(({ blocks }) => blocks.filter((block) => block.reading === reading)),
            count,
            sum,
          ),
        )
      return totals
    },
    async close() {
      parts.clear()
    },
  }
}

async function totalsOf(
  blocks: readonly PairBlock[],
  tests: number,
  sum: (block: PairBlock) => Promise<readonly Totals[]>,
): Promise<readonly Totals[]> {
  let totals: readonly Totals[] = Array.from({ length: tests }, () => ({ n: 0n, units: 0n }))
  const [first] = blocks
  if (!first) return totals
  const { reading, contextWidth, decidedBy } = first
  const stride = contextWidth + 1
  const known = createTupleSet(decidedBy ?? stride)
  let batch: number[] = []
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const pairs = Uint32Array.from(batch)
    batch = []
    totals = addTotals(
      totals,
      await sum({ reading, contextWidth, pairs, ...(decidedBy === undefined ? {} : { decidedBy }) }),
    )
  }
  for (const { pairs } of blocks) {
    for (let at = 0; at < pairs.length; at += stride) {
      if (!known.add(pairs, at)) continue
      for (let j = at; j < at + stride; j++) batch.push(pairs[j]!)
      if (batch.length >= BATCH * stride) await flush()
    }
  }
  await flush()
  return totals
}
