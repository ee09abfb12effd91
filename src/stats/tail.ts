/**
 * From a null law and a sum of n scores to a tail: the one switch over all laws. A new law is a case here, not a new test.
 */
import { lnBinomialUpperTail } from './binomial.ts'
import type { NullLaw } from './law.ts'

/** A sum of n distinct scores. */
export interface ScoreSum {
  readonly sum: number
  readonly n: number
}

/** ln of the chance that n null scores sum to `sum` or more, exactly. n = 0 gives 0: nothing seen, nothing said. */
export function lnUpperTail(law: NullLaw, { sum, n }: ScoreSum): number {
  switch (law.kind) {
    case 'bernoulli':
      return lnBinomialUpperTail(sum, { n, p: law.p })
  }
}

/** Mean of one null score. */
export function nullMean(law: NullLaw): number {
  switch (law.kind) {
    case 'bernoulli':
      return law.p
  }
}

/** Variance of one null score. */
export function nullVariance(law: NullLaw): number {
  switch (law.kind) {
    case 'bernoulli':
      return law.p * (1 - law.p)
  }
}
