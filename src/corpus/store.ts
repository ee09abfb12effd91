/**
 * Where the pairs of a corpus wait to be counted once. A corpus is worked off in parts: blocks of documents that are read, split into pairs and handed to
 * a store. The store keeps the set of all pairs, on disk or in a cluster, and says what the distinct ones add up to. A pair is its exact tuple, never a hash, so
 * putting a part twice, in any order, on any machine, changes nothing.
 */

/** Stands for a score where the context is another layer's, so that the key says nothing of the pair. No score is that high. */
export const NOT_OWN = 0xffffffff

/** Pairs of one part under one reading: which contexts there are and what counts once, as a scheme says. Blind to every key. */
export interface PairBlock {
  /** Place in the scan's list of readings. */
  readonly reading: number
  readonly contextWidth: number
  /** `contextWidth + 1` words a pair, each pair once within the block. */
  readonly pairs: Uint32Array
  /**
   * How many words at the start decide: of pairs that agree in them one counts, whichever, for all of them have one score. Only where a store wants pairs,
   * and then the same in every block of a reading.
   * @defaultValue all
   */
  readonly decidedBy?: number
}

/** Pairs with what each test of the reading (a key and a lane) says of them. Whoever has many of these can mimic the mark: they are kept as the key is. */
export interface ScoredBlock extends PairBlock {
  /** Number of tests of this reading. */
  readonly tests: number
  /** `tests` words a pair: the score in units of the test's law (1, or 2^-20 for exponential scores), or {@link NOT_OWN}. */
  readonly scores: Uint32Array
}

/** What one test's distinct pairs add up to; exact. Totals of disjoint sets of pairs may be added. */
export interface Totals {
  /** Distinct pairs whose context is the key's own. */
  readonly n: bigint
  /** Sum of their scores in units. */
  readonly units: bigint
}

/** A part that is done: written last, so that a part without it was never finished and is worked off again. */
export interface PartRecord {
  readonly name: string
  /** The scan that the part belongs to; a store refuses parts of another. */
  readonly scan: string
  /** What was read, for the corpus's own account (documents, ids seen, skips); plain JSON. */
  readonly account: Readonly<Record<string, unknown>>
}

/** Scores distinct pairs under all tests of their reading, and adds up: one total a test. Blocks may be summed at the same time. */
export type BlockSummer = (block: PairBlock) => Promise<readonly Totals[]>

/** A set of pairs beyond memory. */
export interface PairStore {
  /** scores: the store adds up by itself and is handed scored blocks. pairs: it hands distinct pairs back, to be scored then. */
  readonly wants: 'pairs' | 'scores'
  /** Keeps a part, record last. A part of the same name replaces the one before. */
  put(record: PartRecord, blocks: readonly PairBlock[] | readonly ScoredBlock[]): Promise<void>
  /** Parts that are done. */
  parts(): Promise<readonly PartRecord[]>
  /**
   * What the distinct pairs of all finished parts of the scan add up to, by reading and then by test. `sum` is asked where the store wants pairs.
   */
  totals(scan: string, tests: readonly number[], sum: BlockSummer): Promise<readonly (readonly Totals[])[]>
  close(): Promise<void>
}
