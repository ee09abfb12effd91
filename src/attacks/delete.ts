/** Deletion of tokens or words at drawn places. */
import { assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertIds, assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedIds, type AttackedText, attackedIds, attackedText } from './record.ts'
import { joinWords, splitWords, withoutWords } from './words.ts'

/**
 * Deletes `Math.round(rate * ids.length)` tokens.
 * @throws TypeError or RangeError for ids or options out of range.
 * @example
 * import { deleteTokens } from 'dyetrace/attacks'
 * deleteTokens([5, 6, 7, 8], { rate: 0.5, random: () => 0.5 }).ids // [ 6, 8 ]
 */
export function deleteTokens(ids: TokenIds, options: RateOptions): AttackedIds {
  assertIds(ids)
  assertRateOptions(options)
  const { rate, random } = options
  const places = drawPlaces(drawFrom(random), {
    count: editCount(rate, { places: ids.length }),
    places: ids.length,
  })
  const deleted = new Set(places)
  return attackedIds(
    Array.from(ids).filter((_, i) => !deleted.has(i)),
    { name: 'delete-tokens', parameters: { rate }, edits: places.length, unit: 'tokens' },
  )
}

/**
 * Deletes `Math.round(rate * words)` words, each with one of the spaces around it. Punctuation stays.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { deleteWords } from 'dyetrace/attacks'
 * deleteWords('It may rain, then.', { rate: 0.25, random: () => 0.5 }).text // 'It may, then.'
 */
export function deleteWords(text: string, options: RateOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options)
  const { rate, random } = options
  const split = splitWords(text)
  const count = editCount(rate, { places: split.words.length })
  const places = drawPlaces(drawFrom(random), { count, places: split.words.length })
  return attackedText(joinWords(withoutWords(split, places)), {
    name: 'delete-words',
    parameters: { rate },
    edits: places.length,
    unit: 'words',
  })
}
