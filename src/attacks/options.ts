/**
 * Options that attacks share, and their checks. `rate` is exact, not a probability: of n places where an edit is possible,
 * `Math.round(rate * n)` are drawn without replacement and each is edited. So the number of edits is known beforehand, and what is
 * proved about e edits can be held against it.
 */
import { assertNumber, assertRecord, describe } from '../assert.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'

/** Every attack takes its randomness from outside. */
export interface Seeded {
  /** Uniform numbers in [0, 1): the only randomness used, drawn in a fixed order. */
  readonly random: () => number
}

/** Options of attacks with a rate. */
export interface RateOptions extends Seeded {
  /** Share of the places where an edit is possible, 0..1; exactly `Math.round(rate * places)` are edited. */
  readonly rate: number
}

// Ids of attacks that need no vocabulary: what a 32-bit array can hold.
const ANY_VOCABULARY = 2 ** 32

/** Checks the options object and its `random`; no keys but these and `random`. */
export function assertSeeded(options: unknown, keys: readonly string[]): void {
  assertRecord(options, { name: 'options', keys: [...keys, 'random'] })
  const random = options['random']
  if (typeof random !== 'function')
    throw new TypeError(
      `"options.random" expected a function that gives numbers in [0, 1), got ${describe(random)}`,
    )
}

/** A share, 0..1. */
export function assertShare(share: unknown, { name }: { name: string }): asserts share is number {
  assertNumber(share, { name, expected: 'a number in 0..1', holds: (x) => x >= 0 && x <= 1 })
}

/** Options of an attack with a rate, and perhaps further keys, which the attack checks itself. */
export function assertRateOptions(options: unknown, keys: readonly string[] = []): void {
  assertSeeded(options, ['rate', ...keys])
  assertShare((options as { rate: unknown }).rate, { name: 'options.rate' })
}

/** Token ids below `vocabularySize`, or any ids if it does not matter to the attack. */
export function assertIds(
  ids: unknown,
  { name = 'ids', vocabularySize = ANY_VOCABULARY }: { name?: string; vocabularySize?: number } = {},
): asserts ids is TokenIds {
  assertTokenIds(ids, { name, vocabularySize })
}

/** How many of n places are edited. */
export function editCount(rate: number, { places }: { places: number }): number {
  return Math.round(rate * places)
}
