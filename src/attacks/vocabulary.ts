/** Where attacks take new tokens and words from. */
import { assertArray, assertInteger, assertString, describe } from '../assert.ts'
import type { RateOptions } from './options.ts'
import { SYNONYM_GROUPS } from './synonym-groups.ts'
import { isWord } from './words.ts'

/** Options of attacks that put in tokens of their own. */
export interface NewTokensOptions extends RateOptions {
  /** New ids are drawn from 0..vocabularySize - 1, each as likely; all ids given must lie there too. */
  readonly vocabularySize: number
}

/** Options of attacks that put in words of their own. */
export interface NewWordsOptions extends RateOptions {
  /** At least two different words, each as likely. @defaultValue the words of the bundled synonyms, about 950 common English ones with their forms */
  readonly words?: readonly string[]
}

const COMMON_WORDS: readonly string[] = Object.freeze(SYNONYM_GROUPS.flat())

/** A vocabulary in which an id has another to be replaced by. */
export function assertVocabularySize(vocabularySize: unknown): asserts vocabularySize is number {
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2, max: 2 ** 32 })
}

/** The words to draw from, each once. */
export function newWords(words: unknown): readonly string[] {
  if (words === undefined) return COMMON_WORDS
  assertArray(words, { name: 'options.words', expected: 'an array of words' })
  const list = Array.from(words as ArrayLike<unknown>)
  for (const [i, word] of list.entries()) {
    const about = { name: `options.words[${i}]`, expected: 'a word of letters and digits' }
    assertString(word, about)
    if (!isWord(word))
      throw new RangeError(`"${about.name}" expected ${about.expected}, got ${describe(word)}`)
  }
  const distinct = [...new Set(list as string[])]
  if (distinct.length < 2)
    throw new RangeError(
      `"options.words" expected at least two different words, got ${distinct.length} in ${describe(words)}`,
    )
  return distinct
}
