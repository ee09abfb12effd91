/** Substitution of tokens or words at drawn places by random others. */
import { assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertIds, assertRateOptions, editCount } from './options.ts'
import { type AttackedIds, type AttackedText, attackedIds, attackedText } from './record.ts'
import { assertVocabularySize, type NewTokensOptions, type NewWordsOptions, newWords } from './vocabulary.ts'
import { joinWords, splitWords } from './words.ts'

/**
 * Replaces `Math.round(rate * ids.length)` tokens, each by one of the other ids of the vocabulary.
 * @throws TypeError or RangeError for ids or options out of range.
 * @example
 * import { substituteTokens } from 'dyetrace/attacks'
 * substituteTokens([5, 6, 7], { rate: 0.34, vocabularySize: 8, random: () => 0.5 }).ids // [ 5, 3, 7 ]
 */
export function substituteTokens(ids: TokenIds, options: NewTokensOptions): AttackedIds {
  assertRateOptions(options, ['vocabularySize'])
  const { rate, vocabularySize, random } = options
  assertVocabularySize(vocabularySize)
  assertIds(ids, { vocabularySize })
  const draw = drawFrom(random)
  const edited = Array.from(ids)
  const places = drawPlaces(draw, { count: editCount(rate, { places: ids.length }), places: ids.length })
  for (const place of places) {
    const other = draw(vocabularySize - 1)
    edited[place] = other < edited[place]! ? other : other + 1
  }
  return attackedIds(edited, {
    name: 'substitute-tokens',
    parameters: { rate, vocabularySize },
    edits: places.length,
    unit: 'tokens',
  })
}

/**
 * Replaces `Math.round(rate * words)` words, each by a random word that differs from it.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { substituteWords } from 'dyetrace/attacks'
 * const options = { rate: 0.5, words: ['red', 'green'], random: () => 0.5 }
 * substituteWords('One, two.', options).text // 'One, green.'
 */
export function substituteWords(text: string, options: NewWordsOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options, ['words'])
  const { rate, words: given, random } = options
  const pool = newWords(given)
  const indexOf = new Map(pool.map((word, i) => [word, i]))
  const draw = drawFrom(random)
  const { words, gaps } = splitWords(text)
  const edited = [...words]
  const places = drawPlaces(draw, { count: editCount(rate, { places: words.length }), places: words.length })
  for (const place of places) {
    const own = indexOf.get(edited[place]!)
    const other = draw(own === undefined ? pool.length : pool.length - 1)
    edited[place] = pool[own === undefined || other < own ? other : other + 1]!
  }
  return attackedText(joinWords({ words: edited, gaps }), {
    name: 'substitute-words',
    parameters: { rate, words: given },
    edits: places.length,
    unit: 'words',
  })
}
