/**
 * Where engines look for the context of a token, and the two things that their schemes have in common: marks that dyetrace does not write, and
 * exponential scores of a uniform number that has few levels.
 */
import { type Context, lastIds } from '../../context.ts'
import { ln } from '../../ln.ts'
import { EXPONENTIAL_STEP } from '../../stats/law.ts'
import type { TokenIds } from '../../tokens.ts'

/** What stands in a context for a token that is not there. No vocabulary has it. */
export const NO_TOKEN = 0xffffffff

/** Finds the context of position i of a document whose first `promptLength` ids are the prompt; undefined where nobody knows. */
export type ContextRule = (ids: TokenIds, i: number, promptLength?: number) => Context | undefined

/**
 * Generated tokens only: the prompt never enters, and what is missing at the start is filled with `padding`. Where the start is not known,
 * the first ids may follow anything: only full windows count.
 */
export function generatedIds({
  contextWidth,
  padding,
}: {
  contextWidth: number
  padding: number
}): ContextRule {
  return (ids, i, promptLength) => {
    if (promptLength === undefined) return lastIds(ids, i, { contextWidth })
    if (i < promptLength) return undefined
    const context: number[] = new Array(contextWidth)
    for (let j = 0; j < contextWidth; j++) {
      const at = i - contextWidth + j
      context[j] = at < promptLength ? padding : ids[at]!
    }
    return context
  }
}

/** Prompt and generated tokens alike. */
export function allIds({ contextWidth }: { contextWidth: number }): ContextRule {
  return (ids, i) => lastIds(ids, i, { contextWidth })
}

/**
 * Prompt and generated tokens alike; a prompt that is shorter than the window makes the first windows shorter, which are filled with
 * `NO_TOKEN` here. Where the start is not known, only full windows count.
 */
export function upTo({ contextWidth }: { contextWidth: number }): ContextRule {
  return (ids, i, promptLength) => {
    if (i >= contextWidth) return lastIds(ids, i, { contextWidth })
    if (promptLength === undefined || i === 0) return undefined
    const context: number[] = new Array(contextWidth).fill(NO_TOKEN)
    for (let j = contextWidth - i; j < contextWidth; j++) context[j] = ids[i - contextWidth + j]!
    return context
  }
}

/**
 * The exponential score of level `level` of `levels`, rounded down twice as the score of a gumbel mark of our own is (gumbel.ts): to the
 * lower end of the level and to a multiple of 2^-20. So P[score >= x] <= exp(-x) for every x, whatever the engine's own score says.
 */
export function scoreOfLevel(level: number, levels: number): number {
  return floorScore(exactScore(level, levels))
}

/** As {@link scoreOfLevel}, before the rounding to steps. */
export function exactScore(level: number, levels: number): number {
  return -ln((levels - level) / levels) + 0
}

/** A score rounded down to a multiple of 2^-20. */
export function floorScore(score: number): number {
  return Math.floor(score / EXPONENTIAL_STEP) * EXPONENTIAL_STEP
}

/** The `mark` of schemes that are read and not written. */
export function notWritten(scheme: string, why: string): () => never {
  return () => {
    throw new RangeError(`"mark" expected a scheme that dyetrace writes, got ${scheme}: ${why}`)
  }
}
