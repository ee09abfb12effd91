/**
 * The null law of one score, as data. A scheme declares it; `stats` turns law + sum + n into a tail (see tail.ts).
 * "Null" means: the text does not depend on the key, so the key is the only thing that is random (docs/statistics.md, section 1).
 */
import { assertNumber, assertOneOf, assertRecord } from '../assert.ts'

/** Scores are 0 or 1 with P(1) = p, above 0 and below 1: a sum of n distinct ones is Binomial(n, p). */
export interface BernoulliLaw {
  readonly kind: 'bernoulli'
  readonly p: number
}

/** All null laws that dyetrace knows. A closed set: switch over `kind`. */
export type NullLaw = BernoulliLaw

/** Refuses laws that are not known: a switch over `kind` would fall through, and "undefined" is no p-value. */
export function assertNullLaw(law: unknown): asserts law is NullLaw {
  assertRecord(law, { name: 'law' })
  assertOneOf(law['kind'], { name: 'law.kind', values: ['bernoulli'] })
  assertNumber(law['p'], {
    name: 'law.p',
    expected: 'a probability above 0 and below 1',
    holds: (p) => p > 0 && p < 1,
  })
}
