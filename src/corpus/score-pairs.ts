/**
 * Distinct pairs of a reading under all its tests: summed, for stores that hand pairs back, and pair by pair, for stores that add up themselves. Sums are integers of
 * the law's unit and exact in any order.
 */
import { gatherLanes } from '../detect/evidence.ts'
import { readsOf } from '../schemes/reads.ts'
import { scoresOf } from '../schemes/score-many.ts'
import { type Question, unitOf } from './question.ts'
import { NOT_OWN, type PairBlock, type Totals } from './store.ts'

/** What the pairs add up to, one total a test of the reading. */
export function sumPairs(
  { readings, marks }: Question,
  reading: number,
  pairs: Uint32Array,
): readonly Totals[] {
  return readings[reading]!.marks.flatMap((mark) =>
    gatherLanes(pairs, marks[mark]!).map(({ n, sum, law }) => ({
      n: BigInt(n),
      units: BigInt(sum / unitOf(law)),
    })),
  )
}

/** The score of each pair in units, one word a test; {@link NOT_OWN} where the key says nothing of the context. */
export function scorePairs({ readings, marks }: Question, reading: number, pairs: Uint32Array): Uint32Array {
  const { contextWidth, tests, marks: own } = readings[reading]!
  const stride = contextWidth + 1
  const scores = new Uint32Array((pairs.length / stride) * tests).fill(NOT_OWN)
  let first = 0
  for (const place of own) {
    const { scheme, key, lanes } = marks[place]!
    const unit = unitOf(scheme.nullLaw)
    const read = readsOf(pairs, { scheme, key, contextWidth })
    for (const lane of lanes) {
      const ofLane = scoresOf(pairs, { scheme, key, lane })
      for (let i = 0; i < ofLane.length; i++)
        if (read?.[i] !== 0) scores[i * tests + first] = ofLane[i]! / unit
      first++
    }
  }
  return scores
}

/** The pairs of a block as they are scored: without the words that only decide which counts. */
export function pairsOfBlock(
  { pairs, contextWidth: width, decidedBy }: PairBlock,
  contextWidth: number,
): Uint32Array {
  if (decidedBy === undefined) return pairs
  const [from, to] = [width + 1, contextWidth + 1]
  const rows = pairs.length / from
  const own = new Uint32Array(rows * to)
  for (let row = 0; row < rows; row++)
    for (let j = 0; j < to; j++) own[row * to + j] = pairs[(row + 1) * from - to + j]!
  return own
}
