/**
 * The null law of one score, as data. A scheme declares it; `stats` turns law + sum + n into a tail (see tail.ts).
 * "Null" means: the text does not depend on the key, so the key is the only thing that is random (docs/statistics.md, section 1).
 */
import { assertInteger, assertNumber, assertOneOf, assertRecord } from '../assert.ts'

/** Scores are 0 or 1 with P(1) = p, above 0 and below 1: a sum of n distinct ones is Binomial(n, p). */
export interface BernoulliLaw {
  readonly kind: 'bernoulli'
  readonly p: number
  /**
   * True where the ones of a context are a list of fixed size, drawn without replacement: scores of one context are not quite independent.
   * From the mean plus 1 on, the binomial tail of a sum is then an upper bound (docs/engines.md); weighted sums have a bound of their own.
   */
  readonly fixedSize?: true
}

/**
 * Scores are exponential numbers with mean 1, rounded down to multiples of `EXPONENTIAL_STEP`: P[score >= x] <= exp(-x) for every x, so a
 * sum of n distinct ones is never above a Gamma(n, 1) in law. Nor is it far below: exp(-x) <= P[score + step >= x] + 2^-32.
 */
export interface ExponentialLaw {
  readonly kind: 'exponential'
  /** Different values of the field that a score is made of: it says how much of small scores the rounding takes. @defaultValue 2^32 */
  readonly levels?: number
}

/**
 * Scores are (1 - alpha) a + alpha b of two independent exponential scores a and b, rounded down to multiples of `EXPONENTIAL_STEP`: what an
 * engine with two keys and a coin leaves (`lnHypoexponentialUpperTail`).
 */
export interface HypoexponentialLaw {
  readonly kind: 'hypoexponential'
  readonly alpha: number
  /** As of exponential scores. @defaultValue 2^32 */
  readonly levels?: number
}

/** Exponential scores are multiples of this, so that their sums are exact in any order. */
export const EXPONENTIAL_STEP: number = 2 ** -20

/** The highest exponential score: that of the highest field, -ln(2^-32) = 32 ln 2 = 23,258,159.9 steps, rounded down. */
export const EXPONENTIAL_MOST: number = 23258159 * EXPONENTIAL_STEP

/** Scores are the number of ones among `trials` independent bits, each 1 with probability p: a sum of n is Binomial(n trials, p). */
export interface BinomialLaw {
  readonly kind: 'binomial'
  readonly trials: number
  readonly p: number
}

/** All null laws that dyetrace knows. A closed set: switch over `kind`. */
export type NullLaw = BernoulliLaw | ExponentialLaw | BinomialLaw | HypoexponentialLaw

/** Laws of scores that are counts of bits; the others are of scores on a fine grid without an end. */
export function isOfBits(law: NullLaw): law is BernoulliLaw | BinomialLaw {
  return law.kind === 'bernoulli' || law.kind === 'binomial'
}

/** The part of all fields that has the highest exponential score. */
export function levelShare({ levels = DEFAULT_LEVELS }: ExponentialLaw | HypoexponentialLaw): number {
  return 1 / levels
}

const DEFAULT_LEVELS = 2 ** 32

/** Refuses laws that are not known: a switch over `kind` would fall through, and "undefined" is no p-value. */
export function assertNullLaw(law: unknown): asserts law is NullLaw {
  assertRecord(law, { name: 'law' })
  const { kind } = law
  assertOneOf(kind, { name: 'law.kind', values: ['bernoulli', 'exponential', 'binomial', 'hypoexponential'] })
  if (kind === 'hypoexponential')
    assertNumber(law['alpha'], {
      name: 'law.alpha',
      expected: 'a weight in [0, 1]',
      holds: (alpha) => alpha >= 0 && alpha <= 1,
    })
  if (kind === 'exponential' || kind === 'hypoexponential') {
    if (law['levels'] !== undefined)
      assertInteger(law['levels'], { name: 'law.levels', min: 2, max: DEFAULT_LEVELS })
    return
  }
  if (kind === 'binomial') assertInteger(law['trials'], { name: 'law.trials', min: 1 })
  assertNumber(law['p'], {
    name: 'law.p',
    expected: 'a probability above 0 and below 1',
    holds: (p) => p > 0 && p < 1,
  })
}
