/**
 * How a score comes from a field, as data: for kernels and loops that score many fields at once. A scheme whose `score` is one of these rules may say so; scores are
 * whole numbers of a unit.
 */
import { ln } from '../ln.ts'
import type { Kernels } from '../prf/kernels/kernels.ts'
import { EXPONENTIAL_STEP } from '../stats/law.ts'

/**
 * below: 1 if the field is below a limit. ones: how many bits under a mask are 1. exponential: -ln of the part of all levels, a power of two, that is above the field,
 * rounded down to steps of 2^-20.
 */
export type ScoreRule =
  | { readonly kind: 'below'; readonly limit: number }
  | { readonly kind: 'ones'; readonly mask: number }
  | { readonly kind: 'exponential'; readonly levels: number }

/** What scores under a rule are multiples of. */
export function unitOfRule(rule: ScoreRule): number {
  return rule.kind === 'exponential' ? EXPONENTIAL_STEP : 1
}

/** Replaces the first `count` fields by their scores, in units. */
export function scoreInPlace(fields: Uint32Array, count: number, rule: ScoreRule): void {
  switch (rule.kind) {
    case 'below':
      for (let i = 0; i < count; i++) fields[i] = fields[i]! < rule.limit ? 1 : 0
      return
    case 'ones':
      for (let i = 0; i < count; i++) fields[i] = countOnes(fields[i]! & rule.mask)
      return
    case 'exponential':
      // -0 becomes 0 in a word.
      for (let i = 0; i < count; i++)
        fields[i] = Math.floor(-ln((rule.levels - fields[i]!) / rule.levels) / EXPONENTIAL_STEP)
  }
}

/** As {@link scoreInPlace}, of words at an address of the kernels' memory. The last of them may be overwritten up to a multiple of four. */
export function scoreByKernels({ call }: Kernels, fields: number, count: number, rule: ScoreRule): void {
  switch (rule.kind) {
    case 'below':
      call['scoresBelow']!(fields, count, rule.limit)
      return
    case 'ones':
      call['scoresOnes']!(fields, count, rule.mask)
      return
    case 'exponential':
      call['scoresExponential']!(fields, count, rule.levels)
  }
}

/** Ones of a 32-bit word (Warren, Hacker's Delight, figure 5-2). */
export function countOnes(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
