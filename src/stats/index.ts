/** Public sub-path `dyetrace/stats`. */
export {
  type BinomialParameters,
  lnBinomialLowerTail,
  lnBinomialPmf,
  lnBinomialUpperTail,
} from './binomial.ts'
export { type DecoyP, decoyP } from './decoys.ts'
export { lnEValue } from './e-value.ts'
export { type RateInterval, rateInterval } from './interval.ts'
export type { BernoulliLaw, NullLaw } from './law.ts'
export { lnUpperTail, nullMean, nullVariance, type ScoreSum } from './tail.ts'
export {
  effectiveCount,
  lnWeightedEValue,
  lnWeightedTailBound,
  type WeightedSum,
  weightedVariance,
} from './weighted.ts'
