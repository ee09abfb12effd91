/**
 * Many tests at once: several keys, several suspects, several thousand accounts. In go logarithms of p-values (or e-values), one a test, out
 * come adjusted ones, one a test in the same order: what a test's p-value is worth when all the others were tried too. A test is rejected
 * (its mark is found) if its adjusted value is at most ln alpha.
 *
 * - `holm`: the chance of *any* false rejection is at most alpha, however the tests depend on each other (Holm 1979). For accusations.
 * - `benjaminiHochberg`: the expected *share* of false rejections is at most alpha, if the tests are independent or positively dependent
 *   (Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001, theorem 1.2). For screening.
 * - `eBenjaminiHochberg`: the same share for e-values, however they depend on each other (Wang and Ramdas 2022, doi 10.1111/rssb.12489,
 *   theorem 2). For lists of accounts watched over time.
 *
 * The family must be fixed before looking: the size of the list is the correction. It refuses NaN, and a p-value above 1.
 */
import { assertArray, assertNumber, assertRecord, describe } from '../assert.ts'

/** What a correction says of a family of tests, in the order in which they came. */
export interface AdjustedFamily {
  /** Natural logs of adjusted p-values, at most 0: rejected are those at or below ln alpha. */
  readonly lnAdjusted: readonly number[]
  readonly rejected: readonly boolean[]
  readonly alpha: number
}

/**
 * Holm's correction: the i-th smallest of m p-values times m - i + 1, and never less than the one before.
 *
 * @param lnPs - natural logs of p-values, one a test; -Infinity for p = 0
 * @param options.alpha - largest chance of any false rejection
 * @throws TypeError or RangeError for a value that is no logarithm of a probability, or an alpha outside (0, 1)
 * @example
 * import { holm } from 'dyetrace/stats'
 * holm([-20, -1, -15], { alpha: 1e-6 }).rejected // [ true, false, true ]
 */
export function holm(lnPs: readonly number[], options: { alpha: number }): AdjustedFamily {
  assertLnPs(lnPs)
  assertAlpha(options)
  const m = lnPs.length
  let least = -Infinity
  return inOrder(lnPs, options.alpha, (order) =>
    order.map((test, i) => {
      least = Math.max(least, lnPs[test]! + Math.log(m - i))
      return least
    }),
  )
}

/**
 * The correction of Benjamini and Hochberg: the i-th smallest of m p-values times m / i, and never more than the one after.
 *
 * @param lnPs - natural logs of p-values, one a test; -Infinity for p = 0
 * @param options.alpha - largest expected share of false rejections among all rejections
 * @throws TypeError or RangeError as `holm`
 * @example
 * import { benjaminiHochberg } from 'dyetrace/stats'
 * benjaminiHochberg([Math.log(0.02), Math.log(0.03), Math.log(0.9)], { alpha: 0.06 }).rejected // [ true, true, false ]
 */
export function benjaminiHochberg(lnPs: readonly number[], options: { alpha: number }): AdjustedFamily {
  assertLnPs(lnPs)
  assertAlpha(options)
  return stepUp(lnPs, options.alpha)
}

/**
 * The e-BH procedure: sort e descending and reject the first k, for the largest k with e_(k) >= m / (k alpha). That is the correction of
 * Benjamini and Hochberg for the p-values 1 / e, which e-values permit whatever their dependence.
 *
 * @param lnEs - natural logs of e-values, one a test; -Infinity for e = 0
 * @param options.alpha - largest expected share of false rejections among all rejections
 * @throws TypeError or RangeError for a value that is NaN, or an alpha outside (0, 1)
 * @example
 * import { eBenjaminiHochberg } from 'dyetrace/stats'
 * eBenjaminiHochberg([5, 0, 4.5], { alpha: 0.05 }).rejected // [ true, false, true ]
 */
export function eBenjaminiHochberg(lnEs: readonly number[], options: { alpha: number }): AdjustedFamily {
  assertLogs(lnEs, { name: 'lnEs', expected: 'the natural log of an e-value', holds: () => true })
  assertAlpha(options)
  return stepUp(
    Array.from(lnEs, (lnE) => -lnE),
    options.alpha,
  )
}

function stepUp(lnPs: readonly number[], alpha: number): AdjustedFamily {
  const m = lnPs.length
  let most = Infinity
  return inOrder(lnPs, alpha, (order) =>
    order
      .map((test, i) => [lnPs[test]!, i + 1] as const)
      .reverse()
      .map(([lnP, rank]) => {
        most = Math.min(most, lnP + Math.log(m / rank))
        return most
      })
      .reverse(),
  )
}

/** Sorts, adjusts, and puts the adjusted values back where their tests stood. Equal values get equal ones: which comes first does not matter. */
function inOrder(
  lnPs: readonly number[],
  alpha: number,
  adjust: (order: readonly number[]) => number[],
): AdjustedFamily {
  // Compared, not subtracted: the difference of two infinities is NaN, and a sort by it has no order.
  const order = Array.from(lnPs.keys()).sort((i, j) =>
    lnPs[i]! < lnPs[j]! ? -1 : lnPs[i]! > lnPs[j]! ? 1 : 0,
  )
  const lnAdjusted = new Array<number>(lnPs.length).fill(0)
  for (const [i, value] of adjust(order).entries()) lnAdjusted[order[i]!] = Math.min(0, value)
  const limit = Math.log(alpha)
  return { lnAdjusted, rejected: lnAdjusted.map((lnP) => lnP <= limit), alpha }
}

function assertLnPs(lnPs: readonly number[]): void {
  assertLogs(lnPs, {
    name: 'lnPs',
    expected: 'the natural log of a probability',
    holds: (lnP) => lnP <= 0,
  })
}

function assertLogs(
  values: readonly number[],
  { name, expected, holds }: { name: string; expected: string; holds: (value: number) => boolean },
): void {
  assertArray(values, { name, expected: 'an array of numbers' })
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i]
    if (typeof value !== 'number')
      throw new TypeError(`"${name}[${i}]" expected ${expected}, got ${describe(value)}`)
    if (Number.isNaN(value) || !holds(value))
      throw new RangeError(`"${name}[${i}]" expected ${expected}, got ${describe(value)}`)
  }
}

function assertAlpha(options: unknown): void {
  assertRecord(options, { name: 'options', keys: ['alpha'] })
  assertNumber(options['alpha'], {
    name: 'options.alpha',
    expected: 'a probability above 0 and below 1',
    holds: (alpha) => alpha > 0 && alpha < 1,
  })
}
