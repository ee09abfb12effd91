/**
 * The null law of one score, as data. A scheme declares it; `stats` turns law + sum + n into a tail (see tail.ts).
 * "Null" means: the text does not depend on the key, so the key is the only thing that is random (docs/statistics.md, section 1).
 */

/** Scores are 0 or 1 with P(1) = p: a sum of n distinct ones is Binomial(n, p). */
export interface BernoulliLaw {
  readonly kind: 'bernoulli'
  readonly p: number
}

/** All null laws that dyetrace knows. A closed set: switch over `kind`. */
export type NullLaw = BernoulliLaw
