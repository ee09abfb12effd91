/** Texts to attack, from plain English to what no program should choke on; and distances to hold the attacks against. */
import fc from 'fast-check'

const WORDS =
  'a A I the cat sat on it perhaps Quickly BIG mistake don’t o’clock re-read NASA scope 3.14 x2 naïve Straße İzmir'.split(
    ' ',
  )
const MARKS = '. , ! ? … : ; ( ) " “ ” ’ \' - — / \n \r\n \t'.split(' ')

/** Sentences of English, with what stands between words. */
export const english: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...WORDS).map((word) => `${word} `) },
      fc.constantFrom(...MARKS),
      fc.constant('. '),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

const RANGES: readonly (readonly [number, number])[] = [
  [0x20, 0x7e],
  [0xa0, 0x17f],
  [0x300, 0x36f],
  [0x370, 0x3ff],
  [0x400, 0x52f],
  [0x600, 0x6ff],
  [0x900, 0x97f],
  [0xd00, 0xd7f],
  [0x1f00, 0x1fff],
  [0x2000, 0x206f],
  [0x2100, 0x214f],
  [0x4e00, 0x4e10],
  [0xac00, 0xac20],
  [0x1f466, 0x1f470],
  [0x1f3fb, 0x1f3ff],
  [0xfe00, 0xfe0f],
]
const inRanges = fc
  .constantFrom(...RANGES)
  .chain(([min, max]) => fc.integer({ min, max }))
  .map((codePoint) => String.fromCodePoint(codePoint))
const anyCodePoint = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })
const invisible = fc.constantFrom(
  '\u00ad',
  '\u200b',
  '\u200c',
  '\u200d',
  '\u2060',
  '\u2063',
  '\ufeff',
  '\ufe0f',
)
const confusable = fc.constantFrom(
  '\u0430',
  '\u0441',
  '\u0410',
  '\u03bf',
  '\u0391',
  '\u0456',
  '\u0434',
  '\u03bb',
)
const loneSurrogate = fc.constantFrom('\ud83d', '\ude00', '\ud800', '\udfff', '\ud835', '\udc00')
const wellFormedUnit = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...'aceiopAEO xyz') },
  { weight: 2, arbitrary: inRanges },
  anyCodePoint,
  invisible,
  confusable,
  // Accents that make one character of Latin and of Cyrillic letters.
  fc.constantFrom('\u0300', '\u0301', '\u0306', '\u0308'),
  fc.constantFrom(' ', '\n', '.', '。', '’'),
)

/** Text of any characters, without halves of surrogate pairs. */
export const wellFormed: fc.Arbitrary<string> = fc
  .array(wellFormedUnit, { maxLength: 30 })
  .map((units) => units.join(''))

/** Anything that a string can be. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  english,
  wellFormed,
  fc
    .array(fc.oneof({ weight: 3, arbitrary: wellFormedUnit }, loneSurrogate), { maxLength: 30 })
    .map((units) => units.join('')),
)

/** The fewest insertions, deletions and substitutions that make one sequence the other (Wagner and Fischer 1974). */
export function editDistance<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/** Words as the documentation defines them. */
export function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{N}\p{M}]+)*/gu) ?? []
}
