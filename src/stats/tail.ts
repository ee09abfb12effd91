/**
 * From a null law and a sum of n scores to a tail: the one switch over all laws. A new law is a case here, not a new test.
 */
import { assertInteger, assertNumber, assertRecord } from '../assert.ts'
import { lnBinomialUpperTail } from './binomial.ts'
import { lnGammaUpperTail } from './gamma.ts'
import { lnHypoexponentialUpperTail } from './hypoexponential.ts'
import { assertNullLaw, EXPONENTIAL_MOST, type NullLaw } from './law.ts'

/** A sum of n distinct scores. */
export interface ScoreSum {
  readonly sum: number
  readonly n: number
}

/**
 * ln of the chance that n null scores sum to `sum` or more: exactly, or for exponential scores, which are rounded down, and for lists of fixed
 * size at least that. Of the latter the binomial tail is a bound from the mean plus 1 on; below, nothing is claimed: 0.
 * n = 0 gives 0: nothing seen, nothing said. A count that n scores cannot reach gives -Infinity; of exponential scores, whose law has no end,
 * the tail is given all the same. `assertScoreSum` refuses either.
 * @throws TypeError or RangeError for a law that is not known or counts that are not integers.
 */
export function lnUpperTail(law: NullLaw, evidence: ScoreSum): number {
  assertNullLaw(law)
  assertRecord(evidence, { name: 'evidence' })
  const { sum, n } = evidence
  switch (law.kind) {
    case 'bernoulli': {
      const lnTail = lnBinomialUpperTail(sum, { n, p: law.p })
      // Hoeffding 1956, theorem 5, of sums of independent Bernoullis: P[S <= c] is least for the binomial if c is the mean or more.
      return law.fixedSize && sum - 1 < n * law.p ? 0 : lnTail
    }
    case 'binomial':
      // 1/2 times 30 trials would be an integer again.
      assertInteger(n, { name: 'n' })
      return lnBinomialUpperTail(sum, { n: n * law.trials, p: law.p })
    case 'exponential':
      assertInteger(n, { name: 'n' })
      return n === 0 ? 0 : lnGammaUpperTail(sum, { shape: n })
    case 'hypoexponential':
      assertInteger(n, { name: 'n' })
      return n === 0 ? 0 : lnHypoexponentialUpperTail(sum, { n, alpha: law.alpha })
  }
}

/**
 * As {@link lnUpperTail}, of independent scores: where lists have a fixed size an estimate, and below the mean plus 1 no bound. For where sums are
 * expected to lie; no p-value is made from it.
 */
export function lnUpperTailOfIndependent(law: NullLaw, evidence: ScoreSum): number {
  return lnUpperTail(law.kind === 'bernoulli' ? { kind: 'bernoulli', p: law.p } : law, evidence)
}

/** ln of the smallest tail that n scores can give: what they would say if each were as high as it can be. */
export function lnLeastTail(law: NullLaw, n: number): number {
  switch (law.kind) {
    case 'bernoulli':
      return lnUpperTail(law, { sum: n, n })
    case 'binomial':
      return lnUpperTail(law, { sum: n * law.trials, n })
    case 'exponential':
    case 'hypoexponential':
      return lnUpperTail(law, { sum: n * EXPONENTIAL_MOST, n })
  }
}

/** Refuses sums that n scores cannot give: evidence of them is a mistake, and it would be the strongest of all. */
export function assertScoreSum(law: NullLaw, evidence: ScoreSum): void {
  assertNullLaw(law)
  assertRecord(evidence, { name: 'evidence' })
  const { sum, n } = evidence
  assertInteger(n, { name: 'evidence.n' })
  switch (law.kind) {
    case 'bernoulli':
      assertInteger(sum, { name: 'evidence.sum', max: n })
      return
    case 'binomial':
      assertInteger(sum, { name: 'evidence.sum', max: n * law.trials })
      return
    case 'exponential':
    case 'hypoexponential':
      assertNumber(sum, {
        name: 'evidence.sum',
        expected: n === 0 ? '0 for no scores' : `a number from 0 to ${n} times the highest score, 32 ln 2`,
        holds: (s) => s >= 0 && s <= n * EXPONENTIAL_MOST,
      })
  }
}

/** Mean of one null score. */
export function nullMean(law: NullLaw): number {
  assertNullLaw(law)
  switch (law.kind) {
    case 'bernoulli':
      return law.p
    case 'binomial':
      return law.trials * law.p
    case 'exponential':
    case 'hypoexponential':
      return 1
  }
}

/** Variance of one null score. */
export function nullVariance(law: NullLaw): number {
  assertNullLaw(law)
  switch (law.kind) {
    case 'bernoulli':
      return law.p * (1 - law.p)
    case 'binomial':
      return law.trials * law.p * (1 - law.p)
    case 'exponential':
      return 1
    case 'hypoexponential':
      return (1 - law.alpha) ** 2 + law.alpha ** 2
  }
}
