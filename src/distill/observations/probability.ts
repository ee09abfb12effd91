/**
 * Log-probabilities into probabilities, the same bits on every machine: engines may round `Math.exp` differently, and an observation that
 * depends on the engine would change with whoever checks it. The result is a float32, as rows have it.
 */

const LN2 = Math.LN2
const LN2_HIGH = 0.6931471803691238 // ln 2 rounded to 32 bits, so that small multiples are exact
const LN2_LOW = 1.9082149292705877e-10 // the rest
/** Below this a probability is less than half of the smallest float32, 2^-149. */
const VANISHES = -150 * LN2
// Of the exponential series, enough for |x| <= ln 2 / 2: the first term left out is below 2e-19.
const TERMS = 14
// By halving, which is exact; powers need not be.
const HALVES = Array.from({ length: 152 }, (_, k) =>
  Array.from({ length: k }).reduce<number>((h) => h / 2, 1),
)

/** exp of a log-probability, at most about 1. */
export function probabilityOf(logprob: number): number {
  if (logprob < VANISHES) return 0
  const k = Math.max(0, Math.round(-logprob / LN2))
  const x = logprob + k * LN2_HIGH + k * LN2_LOW
  let series = 1
  for (let n = TERMS; n > 0; n--) series = 1 + (x / n) * series
  return Math.fround(series * HALVES[k]!)
}
