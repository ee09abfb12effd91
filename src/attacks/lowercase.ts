/** Capitals taken away. */
import { assertString } from '../assert.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedText, attackedText } from './record.ts'
import { joinWords, splitWords } from './words.ts'

/**
 * Puts `Math.round(rate * n)` of the n words that hold a capital into small letters. Rate 1 is the usual attack.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { lowercase } from 'dyetrace/attacks'
 * lowercase('Ask NASA first.', { rate: 1, random: () => 0 }).text // 'ask nasa first.'
 */
export function lowercase(text: string, options: RateOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options)
  const { rate, random } = options
  const { words, gaps } = splitWords(text)
  const capitals = [...words.keys()].filter((i) => words[i]!.toLowerCase() !== words[i])
  const count = editCount(rate, { places: capitals.length })
  const places = drawPlaces(drawFrom(random), { count, places: capitals.length })
  const edited = [...words]
  for (const place of places) edited[capitals[place]!] = words[capitals[place]!]!.toLowerCase()
  return attackedText(joinWords({ words: edited, gaps }), {
    name: 'lowercase',
    parameters: { rate },
    edits: places.length,
    unit: 'words',
  })
}
