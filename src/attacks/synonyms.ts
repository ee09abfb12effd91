/** Words replaced by others of the same meaning, from the bundled groups. English only. */
import { assertString } from '../assert.ts'
import { drawFrom, drawPlaces } from './draw.ts'
import { assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedText, attackedText } from './record.ts'
import { SYNONYM_GROUPS } from './synonym-groups.ts'
import { joinWords, splitWords } from './words.ts'

/**
 * Replaces `Math.round(rate * n)` of the n words that have a synonym in the bundled groups, each by another word of its group. Case is
 * kept (small, Capital, CAPITALS; a word of mixed case has no synonym here), and so are "a" and "an": after them only words that begin with
 * the same kind of sound serve. Which sense of a word is meant is not known: some sentences will read oddly.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { synonyms } from 'dyetrace/attacks'
 * synonyms('Perhaps a big car.', { rate: 1, random: () => 0 }).text // 'Maybe a large automobile.'
 */
export function synonyms(text: string, options: RateOptions): AttackedText {
  assertString(text, { name: 'text' })
  assertRateOptions(options)
  const { rate, random } = options
  const draw = drawFrom(random)
  const { words, gaps } = splitWords(text)
  const choices = words.map((word, i) => choicesFor(word, { before: words[i - 1] }))
  const eligible = [...words.keys()].filter((i) => choices[i]!.length > 0)
  const count = editCount(rate, { places: eligible.length })
  const places = drawPlaces(draw, { count, places: eligible.length })
  const edited = [...words]
  for (const place of places) {
    const i = eligible[place]!
    edited[i] = choices[i]![draw(choices[i]!.length)]!
  }
  return attackedText(joinWords({ words: edited, gaps }), {
    name: 'synonyms',
    parameters: { rate },
    edits: places.length,
    unit: 'words',
  })
}

const GROUP_OF: ReadonlyMap<string, readonly string[]> = new Map(
  SYNONYM_GROUPS.flatMap((group) => group.map((word): [string, readonly string[]] => [word, group])),
)

function choicesFor(word: string, { before }: { before: string | undefined }): readonly string[] {
  const small = word.toLowerCase()
  const group = GROUP_OF.get(small)
  const put = group && caseOf(word)
  if (!put) return []
  const bound = before !== undefined && /^an?$/i.test(before)
  return group
    .filter((other) => other !== small && (!bound || vowelFirst(other) === vowelFirst(small)))
    .map(put)
}

// How to give another word the case of this one.
function caseOf(word: string): ((other: string) => string) | undefined {
  const small = word.toLowerCase()
  if (word === small) return (other) => other
  if (word === small.toUpperCase()) return (other) => other.toUpperCase()
  const capital = (other: string): string => other.charAt(0).toUpperCase() + other.slice(1)
  return word === capital(small) ? capital : undefined
}

// By sound, for the words of the groups: "honest" and "useful" sound otherwise than they are spelt.
function vowelFirst(word: string): boolean {
  return /^(?:[aeio]|u(?!s|t|ni)|hones)/.test(word)
}
