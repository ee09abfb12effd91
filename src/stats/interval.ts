/**
 * Exact intervals for a rate, by turning the binomial tails around (Clopper and Pearson 1934). Exact means: the interval
 * covers the true rate at least as often as it says, for every rate and every n, provided that the scores are independent.
 */
import { assertInteger, assertNumber, assertRecord } from '../assert.ts'
import { lnBinomialLowerTail, lnBinomialUpperTail } from './binomial.ts'
import { lnGammaLowerTail, lnGammaUpperTail } from './gamma.ts'
import { lnHypoexponentialLowerTail, lnHypoexponentialUpperTail } from './hypoexponential.ts'
import { EXPONENTIAL_STEP, type ExponentialLaw, type HypoexponentialLaw, type NullLaw } from './law.ts'
import { assertScoreSum, type ScoreSum } from './tail.ts'

/** Both ends belong to the interval. */
export interface RateInterval {
  readonly lower: number
  readonly upper: number
  readonly confidence: number
}

/**
 * The interval of rates that `ones` of `n` scores do not rule out.
 *
 * @param ones - number of ones seen, 0..n
 * @returns lower and upper rate in [0, 1]; the whole of it where n = 0
 * @throws TypeError or RangeError for counts that are not integers, ones above n or a confidence outside (0, 1)
 * @example
 * import { rateInterval } from 'dyetrace/stats'
 * const { lower, upper } = rateInterval(0, { n: 10 })
 * console.log(lower, upper.toFixed(4)) // 0 0.3085
 */
export function rateInterval(ones: number, options: { n: number; confidence?: number }): RateInterval {
  assertRecord(options, { name: 'options', keys: ['n', 'confidence'] })
  const { n, confidence = 0.95 } = options
  assertInteger(n, { name: 'options.n' })
  assertInteger(ones, { name: 'ones', max: n })
  assertConfidence(confidence, { name: 'options.confidence' })
  const limit = Math.log((1 - confidence) / 2)
  // The upper tail grows with the rate, the lower one shrinks: each end is where its tail passes the limit.
  const lower = ones === 0 ? 0 : crossing((p) => lnBinomialUpperTail(ones, { n, p }) > limit).below
  const upper = ones === n ? 1 : crossing((p) => lnBinomialLowerTail(ones, { n, p }) <= limit).above
  return { lower, upper, confidence }
}

/**
 * The interval of mean scores that a sum of n does not rule out: of rates (Bernoulli), of numbers of ones (binomial), of means of
 * exponential scores before they were rounded down, for which sum / mean is Gamma(n, 1). Exact for independent scores of the law's family
 * with one common mean.
 * @returns the whole range of means where n = 0
 * @throws TypeError or RangeError for a law that is not known, a sum that n scores cannot give or a confidence outside (0, 1)
 */
export function meanInterval(law: NullLaw, evidence: ScoreSum, confidence = 0.95): RateInterval {
  assertScoreSum(law, evidence)
  assertConfidence(confidence, { name: 'confidence' })
  const { sum, n } = evidence
  switch (law.kind) {
    case 'bernoulli':
      return rateInterval(sum, { n, confidence })
    case 'binomial': {
      const { lower, upper } = rateInterval(sum, { n: n * law.trials, confidence })
      return { lower: law.trials * lower, upper: law.trials * upper, confidence }
    }
    case 'exponential':
    case 'hypoexponential': {
      if (n === 0) return { lower: 0, upper: Infinity, confidence }
      const limit = Math.log((1 - confidence) / 2)
      // x = mean / (mean + sum / n) turns means from 0 to infinity into (0, 1).
      const odds = (x: number): number => x / (1 - x)
      const scaled = (x: number): number => Math.min(1e300, n / odds(x))
      const { upper, lower } = tailsOf(law, n)
      const upperTail = (x: number): number => upper(scaled(x))
      const lowerTail = (x: number): number => lower(scaled(x))
      // Each score may have been almost a step larger.
      const most = sum / n + EXPONENTIAL_STEP
      return {
        lower: (sum / n) * odds(crossing((x) => upperTail(x) > limit).below),
        upper: most * odds(crossing((x) => lowerTail(x) <= limit).above),
        confidence,
      }
    }
  }
}

/** Tails of a sum whose law only stretches with the mean. */
function tailsOf(
  law: ExponentialLaw | HypoexponentialLaw,
  n: number,
): { upper: (x: number) => number; lower: (x: number) => number } {
  if (law.kind === 'exponential')
    return {
      upper: (x) => lnGammaUpperTail(x, { shape: n }),
      lower: (x) => lnGammaLowerTail(x, { shape: n }),
    }
  const { alpha } = law
  return {
    upper: (x) => lnHypoexponentialUpperTail(x, { n, alpha }),
    lower: (x) => lnHypoexponentialLowerTail(x, { n, alpha }),
  }
}

function assertConfidence(confidence: unknown, { name }: { name: string }): void {
  assertNumber(confidence, {
    name,
    expected: 'a probability above 0 and below 1',
    holds: (c) => c > 0 && c < 1,
  })
}

/** Neighbouring doubles in [0, 1] between which a monotone condition turns true. Rates near 0 are found to full precision too. */
function crossing(holds: (p: number) => boolean): { below: number; above: number } {
  let [below, above] = [0, 1]
  for (;;) {
    // Halving the exponent first, then the interval: no rate is so small that the search ends early.
    const middle = below === 0 && above > 1e-300 ? above * (above > 0.25 ? 0.5 : above) : (below + above) / 2
    if (middle <= below || middle >= above) return { below, above }
    if (holds(middle)) above = middle
    else below = middle
    if (above - below <= 2 * Number.EPSILON * above) return { below, above }
  }
}
