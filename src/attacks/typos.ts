/** Slips of a hand on a keyboard. */
import { assertString } from '../assert.ts'
import { type Draw, drawFrom, drawPlaces } from './draw.ts'
import { assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedText, attackedText } from './record.ts'

// Rows of a QWERTY keyboard. Each row stands half a key to the right of the one above, so a key touches, besides the keys beside it, those
// at its own place and one to the right above, one to the left and its own place below.
const ROWS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm']

/** The letters on the keys that touch a letter's key. */
export const NEIGHBOURS: ReadonlyMap<string, string> = new Map(
  ROWS.flatMap((row, r) => {
    const [above, below] = [ROWS[r - 1] ?? '', ROWS[r + 1] ?? '']
    return Array.from(row, (letter, i): [string, string] => {
      const keys = [row[i - 1], row[i + 1], above[i], above[i + 1], below[i - 1], below[i]]
      return [letter, keys.join('')]
    })
  }),
)

/**
 * Makes `Math.round(rate * letters)` typing errors, at different letters (a to z, small or capital; others are not touched). Each is one
 * of four, as likely as the others: the letter of a neighbouring key (QWERTY), the letter twice, the letter left out, or the letter and
 * the next in exchange. The last is possible only before a different letter that has no error of its own; elsewhere it is one of
 * the other three.
 * @returns an edit for each error, two for an exchange.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { typos } from 'dyetrace/attacks'
 * typos('word', { rate: 0.25, random: () => 0.6 }).text // 'wod'
 */
export function typos(text: string, options: RateOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options)
  const { rate, random } = options
  const draw = drawFrom(random)
  const letters = Array.from(text.matchAll(/[a-z]/gi), (match) => match.index)
  const count = editCount(rate, { places: letters.length })
  const places = drawPlaces(draw, { count, places: letters.length }).map((place) => letters[place]!)
  const parts: string[] = []
  let [end, edits] = [0, 0]
  for (const [i, place] of places.entries()) {
    parts.push(text.slice(end, place))
    const [letter, next] = [text[place]!, text[place + 1] ?? '']
    const exchangeable = /^[a-z]$/i.test(next) && next !== letter && places[i + 1] !== place + 1
    const { typed, read, cost } = slip(draw, { letter, next, exchangeable })
    parts.push(typed)
    end = place + read
    edits += cost
  }
  parts.push(text.slice(end))
  return attackedText(parts.join(''), { name: 'typos', parameters: { rate }, edits, unit: 'characters' })
}

function slip(
  draw: Draw,
  { letter, next, exchangeable }: { letter: string; next: string; exchangeable: boolean },
): { typed: string; read: number; cost: number } {
  switch (draw(exchangeable ? 4 : 3)) {
    case 0: {
      const keys = NEIGHBOURS.get(letter.toLowerCase())!
      const key = keys[draw(keys.length)]!
      return { typed: letter === letter.toLowerCase() ? key : key.toUpperCase(), read: 1, cost: 1 }
    }
    case 1:
      return { typed: letter + letter, read: 1, cost: 1 }
    case 2:
      return { typed: '', read: 1, cost: 1 }
    default:
      return { typed: next + letter, read: 2, cost: 2 }
  }
}
