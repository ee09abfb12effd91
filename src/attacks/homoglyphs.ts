/** Latin letters replaced by Cyrillic and Greek ones that look the same. `canonicalise` undoes it. */
import { assertOneOf, assertString } from '../assert.ts'
import { LOOK_ALIKES, type LookAlikeScript } from '../text/look-alikes.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedText, attackedText } from './record.ts'

/** Options of {@link homoglyphs}. */
export interface HomoglyphOptions extends RateOptions {
  /** Where look-alikes are taken from. @defaultValue 'both' */
  readonly script?: LookAlikeScript | 'both'
}

/**
 * Replaces `Math.round(rate * n)` of the n letters that have a look-alike, each by one of its look-alikes, as likely as the others.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { homoglyphs } from 'dyetrace/attacks'
 * const { text } = homoglyphs('code', { rate: 1, script: 'cyrillic', random: () => 0 })
 * text === '\u0441\u043e\u0501\u0435' // true
 */
export function homoglyphs(text: string, options: HomoglyphOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options, ['script'])
  const { rate, script = 'both', random } = options
  assertOneOf(script, { name: 'options.script', values: ['cyrillic', 'greek', 'both'] })
  const draw = drawFrom(random)
  const characters = Array.from(text)
  const lettersOf = lookAlikes(script)
  const eligible = [...characters.keys()].filter((i) => lettersOf.has(characters[i]!))
  const count = editCount(rate, { places: eligible.length })
  const places = drawPlaces(draw, { count, places: eligible.length })
  for (const place of places) {
    const letters = lettersOf.get(characters[eligible[place]!]!)!
    characters[eligible[place]!] = letters[draw(letters.length)]!
  }
  return attackedText(characters.join(''), {
    name: 'homoglyphs',
    parameters: { rate, script },
    edits: places.length,
    unit: 'characters',
  })
}

function lookAlikes(script: LookAlikeScript | 'both'): Map<string, string[]> {
  const lettersOf = new Map<string, string[]>()
  for (const { letter, latin, script: own } of LOOK_ALIKES)
    if (script === 'both' || script === own) lettersOf.set(latin, [...(lettersOf.get(latin) ?? []), letter])
  return lettersOf
}
