/**
 * Token ids as they pass between hosts and dyetrace, and the check that they are ids of the profile's vocabulary.
 * Ids are what is marked and scored; text only matters before (tokenizer) and after (report).
 */
import { assertArray, assertInteger, describe } from './assert.ts'

/** Token ids, oldest first. Plain arrays and typed arrays both serve. */
export type TokenIds = readonly number[] | Uint32Array | Int32Array

/** Every id an integer in `0..vocabularySize - 1`; the error names the first that is not. */
export function assertTokenIds(
  ids: unknown,
  { name, vocabularySize }: { name: string; vocabularySize: number },
): asserts ids is TokenIds {
  assertArray(ids, { name, expected: 'an array of token ids' })
  const array = ids as ArrayLike<unknown>
  for (let i = 0; i < array.length; i++) {
    const id = array[i]
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < vocabularySize) continue
    const hint = typeof id === 'bigint' ? '; convert with Array.from(ids, Number)' : ''
    const Kind = typeof id === 'number' ? RangeError : TypeError
    throw new Kind(
      `"${name}[${i}]" expected a token id in 0..${vocabularySize - 1}, got ${describe(id)}${hint}`,
    )
  }
}

/** A position's place in a request: how many ids at the start of `ids` are prompt (never scored). */
export function assertPromptLength(
  promptLength: unknown,
  { name, length }: { name: string; length: number },
): asserts promptLength is number {
  assertInteger(promptLength, { name, min: 0, max: length })
}
