/**
 * How likely a test finds an effect, by number of scored pairs: what power estimates are made of. An effect d is a shift of the mean score by d
 * null standard deviations, of every pair alike: bits are ones more often, exponential scores have a larger mean. Real pairs do not shift alike.
 * Of independent bits with a given mean number of ones, those with equal chances fall short of a number below that mean most often (Hoeffding
 * 1956, theorem 5), so a chance above about one half is the least that it can be.
 */
import { lnBinomialUpperTail } from '../stats/binomial.ts'
import { lnEValue } from '../stats/e-value.ts'
import {
  type BernoulliLaw,
  type BinomialLaw,
  EXPONENTIAL_MOST,
  isOfBits,
  type NullLaw,
} from '../stats/law.ts'
import { lnNormalUpperTail } from '../stats/normal.ts'
import { sampleSize } from '../stats/power.ts'
import { lnUpperTail, nullVariance } from '../stats/tail.ts'

/** A test at a level. */
export interface LevelTest {
  readonly law: NullLaw
  /** count: exact laws. contrast: a normal law beyond the bound that decides; an estimate. */
  readonly statistic: 'count' | 'contrast'
  /** Judged once at a number of pairs, or by an e-process that is watched. */
  readonly watched: boolean
  readonly alpha: number
}

/** No more bits than that are looked at. */
const MOST_BITS = 5e8

/** The largest effect that scores of a law can have. */
export function largestEffect(law: NullLaw): number {
  return isOfBits(law) ? (1 - law.p) / deviationOfBit(law) : Infinity
}

/** The chance that n pairs, each shifted by `effect`, are evidence. Watched: at the n-th pair, so at least that by then. */
export function chanceOfEvidence(test: LevelTest, { n, effect }: { n: number; effect: number }): number {
  const { law } = test
  if (n === 0) return 0
  if (test.statistic === 'contrast')
    return Math.exp(lnNormalUpperTail(criticalDeviation(test) - effect * Math.sqrt(n)))
  if (!isOfBits(law)) {
    // The law of such a sum stretches with the mean, and else stays what it is.
    const mean = 1 + effect * Math.sqrt(nullVariance(law))
    const critical = criticalSum(test, n)
    return critical === undefined ? 0 : Math.exp(lnUpperTail(law, { sum: critical / mean, n }))
  }
  const bits = n * bitsOf(law)
  return Math.exp(lnBinomialUpperTail(criticalOnes(test, n), { n: bits, p: shiftedRate(law, effect) }))
}

/**
 * How many pairs it takes. Judged once, with scores that are bits: the n from which on the chance is never below `power` again (a saw: where
 * one pair more makes one more green token necessary, the chance falls a little). Watched: the n of the first chance that a search by halves
 * comes upon, which is as good, for what has been found stays found. In all cases the chance at n - 1 pairs is below `power`. Undefined
 * beyond 5e8 bits.
 */
export function pairsNeeded(
  test: LevelTest,
  { effect, power }: { effect: number; power: number },
): number | undefined {
  const { law, statistic, alpha } = test
  const most = Math.floor(MOST_BITS / (isOfBits(law) ? bitsOf(law) : 1))
  const holds = (n: number): boolean => chanceOfEvidence(test, { n, effect }) >= power
  if (!holds(most)) return undefined
  if (statistic === 'count' && !test.watched && isOfBits(law)) {
    const trials = bitsOf(law)
    const bits = sampleSize({ gamma: law.p, rate: shiftedRate(law, effect), alpha, power })
    let n = Math.ceil(bits / trials)
    // With several bits a pair, teeth between two numbers of pairs are never stepped on.
    while (n > 1 && holds(n - 1)) n--
    return n
  }
  let high = 1
  while (!holds(high)) high = Math.min(2 * high, most)
  let low = Math.floor(high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle
  }
  return high
}

/** The least effect that n pairs find with a chance of `power`. Undefined where none can be evidence. */
export function effectFound(test: LevelTest, { n, power }: { n: number; power: number }): number | undefined {
  const holds = (effect: number): boolean => chanceOfEvidence(test, { n, effect }) >= power
  if (n === 0) return undefined
  const largest = test.statistic === 'contrast' ? Infinity : largestEffect(test.law)
  let [low, high] = [0, Math.min(1, largest)]
  while (!holds(high)) {
    if (high === largest || high > 1e6) return undefined
    ;[low, high] = [high, Math.min(2 * high, largest)]
  }
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2
    if (holds(middle)) high = middle
    else low = middle
  }
  return high
}

type BitLaw = BernoulliLaw | BinomialLaw

function bitsOf(law: BitLaw): number {
  return law.kind === 'binomial' ? law.trials : 1
}

/** A pair of m bits moves by one null deviation if each bit's rate does by sqrt(p (1 - p) / m). */
function deviationOfBit(law: BitLaw): number {
  return Math.sqrt((law.p * (1 - law.p)) / bitsOf(law))
}

function shiftedRate(law: BitLaw, effect: number): number {
  // The largest effect may come out a rounding above 1.
  return Math.min(1, law.p + effect * deviationOfBit(law))
}

/** The least number of ones that is evidence; one more than there are bits where none is. */
function criticalOnes({ law, watched, alpha }: LevelTest, n: number): number {
  const { p } = law as BitLaw
  const bits = n * bitsOf(law as BitLaw)
  const isEvidence = (ones: number): boolean =>
    watched
      ? lnEValue(law, { sum: ones, n }) >= -Math.log(alpha)
      : lnBinomialUpperTail(ones, { n: bits, p }) <= Math.log(alpha)
  let [low, high] = [0, bits + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isEvidence(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** The sum of n scores that are no bits from which on it is evidence. Undefined where not even the highest is. */
function criticalSum({ law, watched, alpha }: LevelTest, n: number): number | undefined {
  const isEvidence = (sum: number): boolean =>
    watched ? lnEValue(law, { sum, n }) >= -Math.log(alpha) : lnUpperTail(law, { sum, n }) <= Math.log(alpha)
  const most = n * EXPONENTIAL_MOST
  let [low, high] = [0, Math.min(n + 1, most)]
  while (!isEvidence(high)) {
    if (high === most) return undefined
    ;[low, high] = [high, Math.min(2 * high, most)]
  }
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (isEvidence(middle)) high = middle
    else low = middle
  }
  return high
}

/**
 * Deviations of a weighted sum from which on it is evidence. The bound of a nearly normal sum is exp(-z^2 / 2), larger than its tail. Watched,
 * the wealth is an even mixture over a dozen tilts, of which one is near the best.
 */
function criticalDeviation({ watched, alpha }: LevelTest): number {
  return Math.sqrt(2 * ((watched ? Math.log(TILTS) : 0) - Math.log(alpha)))
}

const TILTS = 12
