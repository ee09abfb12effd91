/**
 * When a test with planned looks looks, and what each look may spend. The sizes double, so that a strong mark is found after few
 * observations and a weak one costs at most twice what it needs; the levels fall slowly, so that hardly anything is paid for the early looks.
 */
import { assertInteger, assertNumber } from '../assert.ts'

/** One of the planned looks. */
export interface PlannedLook {
  /** From 0. */
  readonly index: number
  /** It judges the first so many observations. */
  readonly observations: number
  /** Its part of the level. */
  readonly share: number
  /** The level at which it is evidence: alpha times share. */
  readonly alpha: number
}

/** Part of the level that look k (from 0) may spend. */
export function lookShare(k: number): number {
  return 1 / ((k + 1) * (k + 2))
}

/**
 * The looks at the first `first * 2^k` observations, k = 0..looks - 1, with the levels alpha / ((k + 1)(k + 2)).
 *
 * **Under the null the chance that any of them is evidence is below alpha.** Look k judges a number of observations that was fixed
 * beforehand, so its p-value is valid by itself and is at most its level with at most that chance; whatever the looks have to do with each
 * other, the chances add. And 1 / ((k + 1)(k + 2)) = 1 / (k + 1) - 1 / (k + 2), so the sum of the levels telescopes to
 * alpha (1 - 1 / (looks + 1)). The rest, alpha / (looks + 1), is more than rounding can add: one part in 31 at least.
 * A look that too few observations were made for is not made up: it does not take place.
 *
 * @throws TypeError or RangeError for an alpha outside (0, 1), less than one look or more than 30, or looks at no observations.
 * @example
 * import { plannedLooks } from 'dyetrace/distill'
 * plannedLooks({ first: 250, looks: 3 }, 0.01).map(({ observations }) => observations) // [ 250, 500, 1000 ]
 */
export function plannedLooks(
  { first, looks }: { readonly first: number; readonly looks: number },
  alpha: number,
): readonly PlannedLook[] {
  assertInteger(looks, { name: 'stopping.looks', min: 1, max: 30 })
  assertInteger(first, {
    name: 'stopping.first',
    min: 1,
    max: Math.floor(Number.MAX_SAFE_INTEGER / 2 ** (looks - 1)),
  })
  assertNumber(alpha, {
    name: 'alpha',
    expected: 'a level above 0 and below 1',
    holds: (a) => a > 0 && a < 1,
  })
  return Array.from({ length: looks }, (_, index) => {
    const share = lookShare(index)
    return { index, observations: first * 2 ** index, share, alpha: alpha * share }
  })
}
