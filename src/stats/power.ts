/**
 * Power of the green-list test, before a question is sent: how likely n distinct pairs with a given rate of green tokens give evidence at
 * alpha, and how many pairs it takes. Exact binomial tails on both sides: the smallest count that is evidence under gamma, and the
 * chance to reach it under the rate. What it does not say: what rate to expect, and how many tokens a pair costs (plans do).
 *
 * Power is a saw: where one more pair makes one more green token necessary, it falls a little, then climbs again. `sampleSize` gives the n
 * from which on it never falls below the wanted power.
 */
import { assertInteger, assertNumber, assertRecord } from '../assert.ts'
import { lnBinomialUpperTail } from './binomial.ts'

/**
 * Smallest number of ones among n that is evidence: the least k with P[Bin(n, gamma) >= k] <= alpha. n + 1 if even n ones are not enough.
 *
 * @throws TypeError or RangeError for an n that is no integer, or a gamma or alpha outside (0, 1)
 * @example
 * import { criticalCount } from 'dyetrace/stats'
 * criticalCount({ n: 371, gamma: 0.25, alpha: 1e-6 }) // 135
 */
export function criticalCount(test: { n: number; gamma: number; alpha: number }): number {
  assertRecord(test, { name: 'test', keys: ['n', 'gamma', 'alpha'] })
  assertInteger(test.n, { name: 'test.n' })
  assertProbability(test.gamma, 'test.gamma')
  assertProbability(test.alpha, 'test.alpha')
  return critical(test.n, test)
}

/**
 * Chance that n pairs, each green with probability `rate`, are evidence at `alpha` against `gamma`.
 *
 * @param test.rate - green rate of the suspect's pairs, in [0, 1]; at gamma, this is the size of the test, at most alpha
 * @returns probability in [0, 1]
 * @throws TypeError or RangeError as `criticalCount`
 * @example
 * import { power } from 'dyetrace/stats'
 * console.log(power({ n: 371, gamma: 0.25, rate: 0.4, alpha: 1e-6 }).toFixed(3)) // 0.930
 */
export function power(test: { n: number; gamma: number; rate: number; alpha: number }): number {
  assertRecord(test, { name: 'test', keys: ['n', 'gamma', 'rate', 'alpha'] })
  assertInteger(test.n, { name: 'test.n' })
  assertProbability(test.gamma, 'test.gamma')
  assertProbability(test.alpha, 'test.alpha')
  assertNumber(test.rate, { name: 'test.rate', expected: 'a rate in [0, 1]', holds: (r) => r >= 0 && r <= 1 })
  return Math.exp(lnBinomialUpperTail(critical(test.n, test), { n: test.n, p: test.rate }))
}

/**
 * Smallest n such that the power is at least `power` there and at every larger n.
 *
 * @param test.rate - green rate to be found, above gamma
 * @param test.power - wanted power, in (0, 1)
 * @returns number of distinct pairs
 * @throws TypeError or RangeError as `criticalCount`, for a rate not above gamma, and where more than 1e9 pairs would be needed
 * @example
 * import { sampleSize } from 'dyetrace/stats'
 * sampleSize({ gamma: 0.25, rate: 0.4, alpha: 1e-6, power: 0.8 }) // 302
 */
export function sampleSize(test: { gamma: number; rate: number; alpha: number; power: number }): number {
  assertRecord(test, { name: 'test', keys: ['gamma', 'rate', 'alpha', 'power'] })
  assertProbability(test.gamma, 'test.gamma')
  assertProbability(test.alpha, 'test.alpha')
  assertProbability(test.power, 'test.power')
  assertNumber(test.rate, {
    name: 'test.rate',
    expected: 'a rate above gamma, at most 1',
    holds: (rate) => rate > test.gamma && rate <= 1,
  })
  return leastLasting(test)
}

function assertProbability(value: unknown, name: string): void {
  assertNumber(value, {
    name,
    expected: 'a probability above 0 and below 1',
    holds: (p) => p > 0 && p < 1,
  })
}

interface Test {
  readonly gamma: number
  readonly rate: number
  readonly alpha: number
  readonly power: number
}

function critical(n: number, { gamma, alpha }: { gamma: number; alpha: number }): number {
  const limit = Math.log(alpha)
  return leastTrue(0, n + 1, (k) => lnBinomialUpperTail(k, { n, p: gamma }) <= limit)
}

/**
 * A tooth of the saw is the run of n with one critical count k; within it power climbs, so it is least at its first n. With real numbers in
 * place of whole ones, teeth would begin a little earlier and their least power would grow with k (brute force agrees, see the test). So a
 * tooth whose count would be reached often enough even with one pair fewer than it has is safe, and so are all after it: walk back
 * from there to the last tooth that does not hold.
 */
function leastLasting(test: Test): number {
  const { gamma, rate, alpha } = test
  const limit = Math.log(alpha)
  const wanted = Math.log(test.power)
  // First n of the tooth of k: from there on, k - 1 ones are not enough.
  const firstOf = (k: number): number =>
    leastTrue(k - 1, MOST_PAIRS, (n) => lnBinomialUpperTail(k - 1, { n, p: gamma }) > limit)
  const holds = (n: number, k: number): boolean => lnBinomialUpperTail(k, { n, p: rate }) >= wanted
  const lastTooth = critical(MOST_PAIRS, test)
  let k = leastTrue(2, lastTooth, (tooth) => holds(firstOf(tooth) - 1, tooth))
  if (k === lastTooth)
    throw new RangeError(
      `"test.rate" expected a rate that ${MOST_PAIRS} pairs can tell from gamma ${gamma}, got ${rate}`,
    )
  // It ends at the latest at k = 1, which begins at n = 0.
  while (holds(firstOf(k), k)) k--
  // Where in the last tooth that fails at its start does it begin to hold, if it does before the next one?
  return leastTrue(firstOf(k) + 1, firstOf(k + 1), (n) => holds(n, k))
}

const MOST_PAIRS = 1e9

/** Least whole number in from..to for which a monotone condition holds; `to` if it holds for none below. */
function leastTrue(from: number, to: number, holds: (k: number) => boolean): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
