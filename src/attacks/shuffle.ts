/** Sentences that change places. */
import { assertString } from '../assert.ts'
import { displaced, drawFrom, drawPlaces } from './draw.ts'
import { assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedText, attackedText } from './record.ts'

/**
 * Moves `Math.round(rate * sentences)` sentences: each of those drawn comes to the place of another of them, and none stays. A
 * single one has nowhere to go and stays. What stands between sentences keeps its place.
 *
 * A sentence ends with a full stop, question or exclamation mark (closing quotation marks and brackets included) before white
 * space, with the full-width marks of Chinese and Japanese anywhere, and with a line. Abbreviations end one too: no dictionary is asked.
 * @returns one edit for each place that holds another sentence now.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { shuffleSentences } from 'dyetrace/attacks'
 * shuffleSentences('It rains. Stay in!', { rate: 1, random: () => 0 }).text // 'Stay in! It rains.'
 */
export function shuffleSentences(text: string, options: RateOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options)
  const { rate, random } = options
  const draw = drawFrom(random)
  const { sentences, gaps } = splitSentences(text)
  const count = editCount(rate, { places: sentences.length })
  const places = drawPlaces(draw, { count, places: sentences.length })
  const edited = [...sentences]
  const moved = displaced(
    places.map((place) => sentences[place]!),
    draw,
  )
  for (const [i, place] of places.entries()) edited[place] = moved[i]!
  return attackedText(gaps.map((gap, i) => gap + (edited[i] ?? '')).join(''), {
    name: 'shuffle-sentences',
    parameters: { rate },
    edits: places.filter((place) => edited[place] !== sentences[place]).length,
    unit: 'sentences',
  })
}

const SPACE = /\s/u
const STOPS = '.!?\u2026'
const WIDE_STOPS = '\u3002\uff01\uff1f'
const CLOSERS = '"\')]}\u2019\u201d\u00bb\u300d\u300f\uff09'

/** Sentences and what stands between them (`gaps[i]` before `sentences[i]`), without loss. One pass, for any text. */
export function splitSentences(text: string): { sentences: string[]; gaps: string[] } {
  const sentences: string[] = []
  const gaps: string[] = []
  let [gapStart, start] = [0, 0]
  let ended: 'no' | 'before space' | 'anywhere' = 'no'
  // Sentence text[start..end - 1], if there is one; the next gap begins at its end.
  const close = (end: number): void => {
    if (end <= start) return
    gaps.push(text.slice(gapStart, start))
    sentences.push(text.slice(start, end))
    gapStart = end
  }
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (SPACE.test(character)) {
      const end = i
      let line = false
      while (i < text.length && SPACE.test(text[i]!)) line = text[i++] === '\n' || line
      if (ended !== 'no' || line || start === end) {
        close(end)
        start = i
      }
      ended = 'no'
      i--
    } else if (WIDE_STOPS.includes(character)) ended = 'anywhere'
    else if (STOPS.includes(character)) ended = ended === 'no' ? 'before space' : ended
    else if (!CLOSERS.includes(character)) {
      if (ended === 'anywhere') {
        close(i)
        start = i
      }
      ended = 'no'
    }
  }
  close(text.trimEnd().length)
  gaps.push(text.slice(gapStart))
  return { sentences, gaps }
}
