/** Insertion of random tokens or words at drawn places. */
import { assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertIds, assertRateOptions, editCount } from './options.ts'
import { type AttackedIds, type AttackedText, attackedIds, attackedText } from './record.ts'
import { assertVocabularySize, type NewTokensOptions, type NewWordsOptions, newWords } from './vocabulary.ts'
import { splitWords } from './words.ts'

/**
 * Inserts `Math.round(rate * ids.length)` random tokens, at most one at each of the `ids.length + 1` places.
 * @throws TypeError or RangeError for ids or options out of range.
 * @example
 * import { insertTokens } from 'dyetrace/attacks'
 * insertTokens([5, 6], { rate: 0.5, vocabularySize: 10, random: () => 0.5 }).ids // [ 5, 5, 6 ]
 */
export function insertTokens(ids: TokenIds, options: NewTokensOptions): AttackedIds {
  assertRateOptions(options, ['vocabularySize'])
  const { rate, vocabularySize, random } = options
  assertVocabularySize(vocabularySize)
  assertIds(ids, { vocabularySize })
  const draw = drawFrom(random)
  const places = drawPlaces(draw, {
    count: editCount(rate, { places: ids.length }),
    places: ids.length + 1,
  })
  const edited: number[] = []
  let at = 0
  for (let i = 0; i <= ids.length; i++) {
    if (places[at] === i) {
      at++
      edited.push(draw(vocabularySize))
    }
    if (i < ids.length) edited.push(ids[i]!)
  }
  return attackedIds(edited, {
    name: 'insert-tokens',
    parameters: { rate, vocabularySize },
    edits: places.length,
    unit: 'tokens',
  })
}

/**
 * Inserts `Math.round(rate * words)` random words, at most one at each of the places before, between and after words.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { insertWords } from 'dyetrace/attacks'
 * const options = { rate: 0.5, words: ['red', 'green'], random: () => 0.5 }
 * insertWords('One, two.', options).text // 'One, green two.'
 */
export function insertWords(text: string, options: NewWordsOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options, ['words'])
  const { rate, words: given, random } = options
  const pool = newWords(given)
  const draw = drawFrom(random)
  const { words, gaps } = splitWords(text)
  const places = drawPlaces(draw, {
    count: editCount(rate, { places: words.length }),
    places: words.length + 1,
  })
  const parts: string[] = []
  let at = 0
  for (const [i, gap] of gaps.entries()) {
    const inserted = places[at] === i ? pool[draw(pool.length)]! : undefined
    if (inserted !== undefined) at++
    if (i < words.length) parts.push(gap, inserted === undefined ? '' : `${inserted} `, words[i]!)
    else parts.push(inserted === undefined ? '' : ` ${inserted}`, gap)
  }
  return attackedText(parts.join(''), {
    name: 'insert-words',
    parameters: { rate, words: given },
    edits: places.length,
    unit: 'words',
  })
}
