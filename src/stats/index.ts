/** Public sub-path `dyetrace/stats`. */
export {
  type BinomialParameters,
  lnBinomialLowerTail,
  lnBinomialPmf,
  lnBinomialUpperTail,
} from './binomial.ts'
export type { ScoreLaw } from './cumulants.ts'
export { type DecoyP, decoyP } from './decoys.ts'
export { lnEValue } from './e-value.ts'
export { type GammaParameters, lnGammaLowerTail, lnGammaUpperTail } from './gamma.ts'
export {
  type HypoexponentialParameters,
  lnHypoexponentialLowerTail,
  lnHypoexponentialUpperTail,
} from './hypoexponential.ts'
export { meanInterval, type RateInterval, rateInterval } from './interval.ts'
export type { BernoulliLaw, BinomialLaw, ExponentialLaw, HypoexponentialLaw, NullLaw } from './law.ts'
export { lnLugannaniRiceTail } from './lugannani-rice.ts'
export { type AdjustedFamily, benjaminiHochberg, eBenjaminiHochberg, holm } from './multiplicity.ts'
export { lnNormalUpperTail } from './normal.ts'
export { criticalCount, power, sampleSize } from './power.ts'
export { type MarkedShare, markedShare, type ShareBound, type ShareOptions } from './share.ts'
export { lnUpperTail, nullMean, nullVariance, type ScoreSum } from './tail.ts'
export {
  effectiveCount,
  lnWeightedEValue,
  lnWeightedTailBound,
  type WeightedSum,
  weightedVariance,
} from './weighted.ts'
