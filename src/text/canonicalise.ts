/**
 * Text as it was before look-alike letters and characters of no width were put into it. A mark lives on token ids, and one
 * foreign letter in a word gives it other ids; a reader sees no difference, so a thief can do it to every word. What comes out
 * depends on the text alone, never on a key, and so cannot make an innocent text look marked.
 *
 * In this order:
 * 1. Characters of no width go (soft hyphen, zero width space, non-joiner and joiner, word joiner, invisible operators, byte order
 *    mark). Joiners stay beside letters of Arabic, Indic and other scripts that they shape, and a joiner stays between emoji.
 * 2. Canonical decomposition, so that a letter is seen apart from its accents whoever wrote them.
 * 3. Look-alikes become Latin, word by word. A word that holds a Greek or Cyrillic letter which looks like no Latin one is left
 *    alone. A word that mixes scripts becomes Latin. A word of nothing but look-alikes of one script could be either: it becomes
 *    Latin unless its line holds a word that is certainly Greek or Cyrillic (two letters or more, none of them Latin, and one
 *    of them like no Latin letter). Why: an attack on every letter leaves such words behind, and a text in that script does not
 *    go a whole line without a word of the second kind. The price: a name such as the four letters of the Soviet Union's own
 *    abbreviation becomes Latin in an otherwise Latin line.
 * 4. Canonical composition: the result is in NFC. Not NFKC, which changes what is read (superscripts, fractions, ligatures, trade
 *    marks, ellipses), and with it the tokens of text that nobody attacked.
 *
 * More than 30 combining marks in a row, which no language writes (Unicode Standard Annex 15, section 13), stay as they are, undecomposed
 * and in their order: sorting them would take time that grows with the square of their number. There alone the result is not in NFC.
 *
 * It does not fold full-width, mathematical or circled letters, look-alike digits, letters within Latin, scripts other than Greek
 * and Cyrillic, or the many spaces, quotation marks and hyphens. It takes no direction marks and no variation selectors away. It
 * repairs no spelling.
 */
import { assertString } from '../assert.ts'
import { LOOK_ALIKES } from './look-alikes.ts'
import { removeZeroWidth } from './zero-width.ts'

const LATIN_OF: ReadonlyMap<string, string> = new Map(LOOK_ALIKES.map(({ letter, latin }) => [letter, latin]))
const IS_GREEK: ReadonlySet<string> = new Set(
  LOOK_ALIKES.filter(({ script }) => script === 'greek').map(({ letter }) => letter),
)
const ASCII = /^[\0-\x7f]*$/
const WORD = /[\p{L}\p{M}]+/gu
const MARK = /\p{M}/u
const LATIN = /\p{Script=Latin}/u
const GREEK_OR_CYRILLIC = /[\p{Script=Greek}\p{Script=Cyrillic}]/u

/**
 * Undoes look-alike letters and characters of no width. Idempotent; takes any string, lone surrogates included.
 * @returns the text in NFC, but for runs of more than 30 combining marks.
 * @throws TypeError if it is no string.
 * @example
 * import { canonicalise } from 'dyetrace/attacks'
 * canonicalise('p\u0430ssw\u043erd') // 'password'
 * canonicalise('in\u200bvis\u2060ible') // 'invisible'
 * canonicalise('\u0441\u043e\u043d is Russian') === '\u0441\u043e\u043d is Russian' // true, the third letter is like no Latin one
 */
export function canonicalise(text: string): string {
  assertString(text, { name: 'text' })
  if (ASCII.test(text)) return text
  const lines = normalised(removeZeroWidth(text), 'NFD').split('\n')
  return normalised(lines.map(foldLine).join('\n'), 'NFC')
}

const MANY_MARKS = /(\p{M}{31,})/u

function normalised(text: string, form: 'NFD' | 'NFC'): string {
  // Every second part is such a run.
  return text
    .split(MANY_MARKS)
    .map((part, i) => (i % 2 === 0 ? part.normalize(form) : part))
    .join('')
}

function foldLine(line: string): string {
  // Asked of a line once, and only if a word needs it.
  let certain: boolean | undefined
  return line.replace(WORD, (word) => {
    const kind = kindOf(word)
    if (kind === 'either') certain ??= holdsCertainWord(line)
    return kind === 'mixed' || (kind === 'either' && !certain) ? toLatin(word) : word
  })
}

type Kind = 'certain' | 'left' | 'mixed' | 'either'

// "certain": Greek or Cyrillic beyond doubt; "left": nothing to fold, or not to be folded; see the header for the others.
function kindOf(word: string): Kind {
  let [letters, latin, greek, cyrillic, unlike] = [0, false, false, false, false]
  for (const letter of word) {
    if (MARK.test(letter)) continue
    letters++
    if (LATIN_OF.has(letter)) {
      if (IS_GREEK.has(letter)) greek = true
      else cyrillic = true
    } else if (LATIN.test(letter)) latin = true
    else if (GREEK_OR_CYRILLIC.test(letter)) unlike = true
  }
  if (unlike) return !latin && letters > 1 ? 'certain' : 'left'
  if (!greek && !cyrillic) return 'left'
  return latin || (greek && cyrillic) ? 'mixed' : 'either'
}

function holdsCertainWord(line: string): boolean {
  for (const [word] of line.matchAll(WORD)) if (kindOf(word) === 'certain') return true
  return false
}

function toLatin(word: string): string {
  return Array.from(word, (letter) => LATIN_OF.get(letter) ?? letter).join('')
}
