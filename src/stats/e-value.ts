/**
 * E-values: evidence that may be looked at while it grows. Under the null an e-value has mean at most 1, so it exceeds 1/alpha
 * with probability at most alpha, also if it is watched after every pair (Ville's inequality). Here: the likelihood ratio of
 * the scores, mixed over rates (or means) above the null one: for bits, over beta priors that are cut off below the null rate.
 *
 * The cut matters: an uncut beta mixture also grows where the rate is too *low*, and an accusation may not rest on that.
 */
import { lnBinomialLowerTail, lnBinomialPmf } from './binomial.ts'
import type { NullLaw } from './law.ts'
import { lnMeanExp } from './ln-mean-exp.ts'
import { assertScoreSum, type ScoreSum } from './tail.ts'

/**
 * Two priors, mixed evenly, with the null rate as their mean and the weight of this many pairs. The heavy one is for weak marks (at
 * 75,795 pairs with rate 0.2588 for 0.25 it gains 1.2 decades on a flat one), the light one for strong marks in short texts; the
 * worse of the two costs ln 2.
 */
const PRIOR_PAIRS: readonly number[] = [10, 1000]

/**
 * ln of the e-value of a sum of n scores: 0 for no scores, above 0 where the scores favour the mark.
 *
 * Ones among n (or n times `trials`) bits: with prior Beta(a, b) cut to (p, 1), the mixture is B(a + s, b + n - s) / B(a, b) times the ratio
 * of the cut tails, over p^s (1 - p)^(n - s). Both beta functions are binomial probabilities in disguise and both tails binomial tails
 * (DLMF 8.17.5), so the large terms cancel in algebra rather than in floating point. Exponential scores: (1 - theta)^n exp(theta s),
 * mixed evenly over a few theta above 0, so that it too grows only where scores are too high.
 *
 * @param law - null law of one score
 * @param evidence - sum and number of scores
 * @returns natural log, finite; `exp` of it is the e-value
 * @throws TypeError or RangeError for a law that is not known, or a sum that n scores cannot give
 * @example
 * import { lnEValue } from 'dyetrace/stats'
 * lnEValue({ kind: 'bernoulli', p: 0.25 }, { sum: 0, n: 0 }) // 0
 */
export function lnEValue(law: NullLaw, evidence: ScoreSum): number {
  assertScoreSum(law, evidence)
  const { sum, n } = evidence
  switch (law.kind) {
    case 'bernoulli':
      return lnBetaMixture({ ones: sum, n, p: law.p })
    case 'binomial':
      return lnBetaMixture({ ones: sum, n: n * law.trials, p: law.p })
    case 'exponential':
      return lnTiltMixture({ sum, n })
    case 'hypoexponential':
      // E[exp(theta x)] = 1 / ((1 - (1 - alpha) theta) (1 - alpha theta)): less than with one exponential score alone.
      return lnMeanExp(
        THETAS.map(
          (theta) =>
            n * (Math.log1p(-(1 - law.alpha) * theta) + Math.log1p(-law.alpha * theta)) + theta * sum,
        ),
      )
  }
}

/**
 * Of a sum of exponential scores, unchecked and not rounded: for a fixed theta, (1 - theta) exp(theta x) has mean 1, and less where x was
 * rounded down.
 */
export function lnTiltMixture({ sum, n }: ScoreSum): number {
  return lnMeanExp(THETAS.map((theta) => n * Math.log1p(-theta) + theta * sum))
}

/** Tilts of an exponential score; theta raises its mean to 1 / (1 - theta), so weak and strong marks (mean 1.008 to 4) each have one near. */
const THETAS = [3 / 4, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128]

function lnBetaMixture({ ones, n, p }: { ones: number; n: number; p: number }): number {
  return lnMeanExp(
    PRIOR_PAIRS.map((pairs) => {
      const a = Math.max(1, Math.round(pairs * p))
      const b = Math.max(1, pairs - a)
      return lnBetaWeight({ a: a + ones, b: b + n - ones, p }) - lnBetaWeight({ a, b, p })
    }),
  )
}

/** ln of B(a, b) P[Beta(a, b) > p] / (p^(a-1) (1-p)^(b-1)), for integers a, b >= 1. */
function lnBetaWeight({ a, b, p }: { a: number; b: number; p: number }): number {
  const trials = a + b - 1
  const ones = a - 1
  return (
    lnBinomialLowerTail(ones, { n: trials, p }) - Math.log(trials) - lnBinomialPmf(ones, { n: trials - 1, p })
  )
}
