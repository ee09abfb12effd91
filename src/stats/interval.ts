/**
 * Exact intervals for a rate, by turning the binomial tails around (Clopper and Pearson 1934). Exact means: the interval
 * covers the true rate at least as often as it says, for every rate and every n, provided that the scores are independent.
 */
import { assertInteger, assertNumber, assertRecord } from '../assert.ts'
import { lnBinomialLowerTail, lnBinomialUpperTail } from './binomial.ts'

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
  assertNumber(confidence, {
    name: 'options.confidence',
    expected: 'a probability above 0 and below 1',
    holds: (c) => c > 0 && c < 1,
  })
  const limit = Math.log((1 - confidence) / 2)
  // The upper tail grows with the rate, the lower one shrinks: each end is where its tail passes the limit.
  const lower = ones === 0 ? 0 : crossing((p) => lnBinomialUpperTail(ones, { n, p }) > limit).below
  const upper = ones === n ? 1 : crossing((p) => lnBinomialLowerTail(ones, { n, p }) <= limit).above
  return { lower, upper, confidence }
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
