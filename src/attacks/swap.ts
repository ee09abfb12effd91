/** Adjacent words that change places. */
import { assertString } from '../assert.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedText, attackedText } from './record.ts'
import { joinWords, splitWords } from './words.ts'

/**
 * Swaps `Math.round(rate * floor(words / 2))` pairs of adjacent words. No word is in two pairs, and every choice of pairs is as
 * likely; at rate 1 all words (but one of an odd number) take part. Punctuation and spaces keep their places.
 * @returns two edits a pair (a deletion and an insertion), none for a pair of equal words.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { swapWords } from 'dyetrace/attacks'
 * const { text, attack } = swapWords('One, two.', { rate: 1, random: () => 0 })
 * console.log(text, attack.edits) // two, One. 2
 */
export function swapWords(text: string, options: RateOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options)
  const { rate, random } = options
  const { words, gaps } = splitWords(text)
  const count = editCount(rate, { places: Math.floor(words.length / 2) })
  // Disjoint pairs in n places are as many as sets of `count` in n - count places: each pair drawn before shifts the next by one.
  const places = drawPlaces(drawFrom(random), { count, places: words.length - count })
  const edited = [...words]
  let edits = 0
  for (const [i, place] of places.entries()) {
    const start = place + i
    const [first, second] = [edited[start]!, edited[start + 1]!]
    if (first !== second) edits += 2
    edited[start] = second
    edited[start + 1] = first
  }
  return attackedText(joinWords({ words: edited, gaps }), {
    name: 'swap-words',
    parameters: { rate },
    edits,
    unit: 'words',
  })
}
