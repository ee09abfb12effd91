/**
 * The null law of one score, as data. A scheme declares it; `stats` turns law + sum + n into a tail (see tail.ts).
 * "Null" means: the text does not depend on the key, so the key is the only thing that is random (docs/statistics.md, section 1).
 */
import { assertInteger, assertNumber, assertOneOf, assertRecord } from '../assert.ts'

/** Scores are 0 or 1 with P(1) = p, above 0 and below 1: a sum of n distinct ones is Binomial(n, p). */
export interface BernoulliLaw {
  readonly kind: 'bernoulli'
  readonly p: number
}

/**
 * Scores are exponential numbers with mean 1, rounded down to multiples of `EXPONENTIAL_STEP`: P[score >= x] <= exp(-x) for every x, so a
 * sum of n distinct ones is never above a Gamma(n, 1) in law. Nor is it far below: exp(-x) <= P[score + step >= x] + 2^-32.
 */
export interface ExponentialLaw {
  readonly kind: 'exponential'
}

/** Exponential scores are multiples of this, so that their sums are exact in any order. */
export const EXPONENTIAL_STEP: number = 2 ** -20

/** Scores are the number of ones among `trials` independent bits, each 1 with probability p: a sum of n is Binomial(n trials, p). */
export interface BinomialLaw {
  readonly kind: 'binomial'
  readonly trials: number
  readonly p: number
}

/** All null laws that dyetrace knows. A closed set: switch over `kind`. */
export type NullLaw = BernoulliLaw | ExponentialLaw | BinomialLaw

/** Refuses laws that are not known: a switch over `kind` would fall through, and "undefined" is no p-value. */
export function assertNullLaw(law: unknown): asserts law is NullLaw {
  assertRecord(law, { name: 'law' })
  const { kind } = law
  assertOneOf(kind, { name: 'law.kind', values: ['bernoulli', 'exponential', 'binomial'] })
  if (kind === 'exponential') return
  if (kind === 'binomial') assertInteger(law['trials'], { name: 'law.trials', min: 1 })
  assertNumber(law['p'], {
    name: 'law.p',
    expected: 'a probability above 0 and below 1',
    holds: (p) => p > 0 && p < 1,
  })
}
