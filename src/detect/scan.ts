/**
 * The scan: which stretches of a list of scores are too high for chance, when all stretches were looked at? In go scores in the order
 * of the text, independent with one law under the null, out come the stretches whose p-values survive a correction for the search.
 *
 * Not every stretch is tried, but a sparse family that has a near relative of each: at every scale (lengths from 4 to 7 steps, steps
 * doubling from scale to scale) the stretches that begin at a multiple of the step, and the whole. The family depends on the number of scores
 * alone. Every p-value is exact; they are corrected by a weighted Bonferroni bound in which all scales have the same weight, so that a
 * long stretch, of which there are few, pays little, and by Holm's step: what was found makes room for the rest. Both hold however
 * the tests depend on each other (docs/statistics.md, section 10). A sparse family and a union bound over scales are those of Rivera
 * and Walther 2013 (arXiv 1211.2859) and Walther and Perry 2022 (arXiv 2008.06136).
 */
import type { NullLaw } from '../stats/law.ts'
import { lnUpperTail } from '../stats/tail.ts'

/** Scores `from <= i < to` of the list. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly sum: number
  /** ln of the exact p-value of this stretch over its weight: what its p-value is worth when the whole family was tried. */
  readonly lnCorrected: number
  /** ln of the p-value after Holm's step too; never less than that of a stretch found before. */
  readonly lnP: number
}

/** What a scan found. */
export interface Scan {
  /** ln of the corrected p-value of the best stretch: of the question whether there is anything at all. */
  readonly lnP: number
  /** Every stretch of the family whose p-value is at most alpha after correction; they may overlap. Best first. */
  readonly found: readonly Stretch[]
  /** Number of stretches in the family, and of scales that share the weight. */
  readonly size: number
  readonly scales: number
}

/** All stretches of one length. */
interface Block {
  readonly length: number
  /** Starts are multiples of this, and one more where the last stretch would not reach the end. */
  readonly step: number
  readonly starts: number
  /** ln of the part of alpha that each of them may spend. */
  readonly lnWeight: number
}

/** A block with its stretches, highest sums first, of which the first `taken` are found. */
interface Pile extends Block {
  readonly order: readonly { readonly from: number; readonly sum: number }[]
  readonly lnTail: (sum: number) => number
  taken: number
}

const STEPS_A_LENGTH = [4, 5, 6, 7] as const

/**
 * Scans scores. About `16 n / shortest` stretches of the first scale and half as many of each further one are summed and sorted; a tail is computed once a
 * length and for what is found.
 * @param scores sums of any of them must be exact in a double (counts, or multiples of 2^-20).
 * @param options shortest: no stretch is shorter than this, except the whole; alpha: the chance of any wrong finding is at most this.
 */
export function scan(
  scores: Float64Array,
  { law, shortest, alpha }: { law: NullLaw; shortest: number; alpha: number },
): Scan {
  const { blocks, scales } = blocksOf(scores.length, shortest)
  const piles = blocks.map((block) => pileOf(block, { sums: runningSums(scores), law }))
  const lnP = piles.reduce((least, pile) => Math.min(least, lnCorrectedAt(pile, 0)), 0)
  const limit = Math.log(alpha)
  const found: Omit<Stretch, 'lnP'>[] = []
  for (let growing = true; growing; ) {
    const lnLeft = Math.log(weightLeft(piles))
    growing = false
    for (const pile of piles) {
      for (; pile.taken < pile.order.length; pile.taken++) {
        const lnCorrected = lnCorrectedAt(pile, pile.taken)
        if (lnCorrected + lnLeft > limit) break
        const { from, sum } = pile.order[pile.taken]!
        found.push({ from, to: from + pile.length, sum, lnCorrected })
        growing = true
      }
    }
  }
  const size = blocks.reduce((total, { starts }) => total + starts, 0)
  return { lnP, found: holmSteps(found, piles), size, scales }
}

/** The family, which `n` and `shortest` alone decide. */
export function blocksOf(n: number, shortest: number): { blocks: readonly Block[]; scales: number } {
  const scales: Omit<Block, 'lnWeight'>[][] = [[{ length: n, step: n, starts: 1 }]]
  for (let step = Math.ceil(shortest / STEPS_A_LENGTH[0]); STEPS_A_LENGTH[0] * step < n; step *= 2) {
    const lengths = STEPS_A_LENGTH.map((steps) => steps * step).filter((length) => length < n)
    scales.push(lengths.map((length) => ({ length, step, starts: Math.ceil((n - length) / step) + 1 })))
  }
  const blocks = scales.flatMap((scale) => {
    const size = scale.reduce((total, { starts }) => total + starts, 0)
    return scale.map((block) => ({ ...block, lnWeight: -Math.log(scales.length * size) }))
  })
  return { blocks, scales: scales.length }
}

/** Where the stretches of a block begin. */
export function startsOf({ length, step, starts }: Block, n: number): number[] {
  return Array.from({ length: starts }, (_, i) => Math.min(i * step, n - length))
}

function runningSums(scores: Float64Array): Float64Array {
  const sums = new Float64Array(scores.length + 1)
  for (const [i, score] of scores.entries()) sums[i + 1] = sums[i]! + score
  return sums
}

function pileOf(block: Block, { sums, law }: { sums: Float64Array; law: NullLaw }): Pile {
  const { length } = block
  const order = startsOf(block, sums.length - 1)
    .map((from) => ({ from, sum: sums[from + length]! - sums[from]! }))
    .sort((a, b) => b.sum - a.sum)
  const known = new Map<number, number>()
  const lnTail = (sum: number): number => {
    const tail = known.get(sum) ?? lnUpperTail(law, { sum, n: length })
    known.set(sum, tail)
    return tail
  }
  return { ...block, order, lnTail, taken: 0 }
}

function lnCorrectedAt({ order, lnTail, lnWeight }: Pile, at: number): number {
  return lnTail(order[at]!.sum) - lnWeight
}

/** Weight of what was not found. Summed anew from positive numbers: 1 minus what was found could be all rounding. */
function weightLeft(piles: readonly Pile[]): number {
  return piles.reduce((left, pile) => left + (pile.starts - pile.taken) * Math.exp(pile.lnWeight), 0)
}

/** Holm (1979) with weights: each p-value over its weight, times the weight of all that are not better. */
function holmSteps(found: readonly Omit<Stretch, 'lnP'>[], piles: readonly Pile[]): Stretch[] {
  const lnWeights = new Map(piles.map(({ length, lnWeight }) => [length, lnWeight]))
  const sorted = [...found].sort((a, b) => a.lnCorrected - b.lnCorrected || a.from - b.from || a.to - b.to)
  const left = new Float64Array(sorted.length + 1)
  left[sorted.length] = weightLeft(piles)
  for (let i = sorted.length - 1; i >= 0; i--) {
    const { from, to } = sorted[i]!
    left[i] = left[i + 1]! + Math.exp(lnWeights.get(to - from)!)
  }
  let least = -Infinity
  return sorted.map((stretch, i) => {
    least = Math.max(least, stretch.lnCorrected + Math.min(0, Math.log(left[i]!)))
    return { ...stretch, lnP: least }
  })
}
