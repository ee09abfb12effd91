/** Characters of no width put between others. `canonicalise` undoes it. */
import { assertString } from '../assert.ts'
import { JOINERS, joinerMatters, surroundings } from '../text/zero-width.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedText, attackedText } from './record.ts'

// Zero width space, word joiner, zero width no-break space: invisible wherever they stand between letters.
const SPACES = ['\u200b', '\u2060', '\ufeff']
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Puts one character of no width after `Math.round(rate * n)` of the n characters (code points). It is a zero width space, a word joiner,
 * a zero width no-break space or, where they would change nothing that is read, a zero width joiner or non-joiner.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { canonicalise, zeroWidth } from 'dyetrace/attacks'
 * const { text } = zeroWidth('code', { rate: 1, random: () => 0 })
 * text.length // 8
 * canonicalise(text) // 'code'
 */
export function zeroWidth(text: string, options: RateOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options)
  const { rate, random } = options
  const draw = drawFrom(random)
  const characters = Array.from(text)
  const count = editCount(rate, { places: characters.length })
  const places = drawPlaces(draw, { count, places: characters.length })
  const around = surroundings(characters)
  const inserted = places.map((place) => {
    const { base, next } = around[place]!
    // Halves of a surrogate pair that come together around a joiner would be another character.
    const whole = ![base, next].some((c) => c !== undefined && LONE_SURROGATE.test(c))
    const joiners = whole ? JOINERS.filter((joiner) => !joinerMatters(joiner, { base, next })) : []
    const choices = [...SPACES, ...joiners]
    return choices[draw(choices.length)]!
  })
  for (const [i, place] of places.entries()) characters[place] += inserted[i]!
  return attackedText(characters.join(''), {
    name: 'zero-width',
    parameters: { rate },
    edits: places.length,
    unit: 'characters',
  })
}
