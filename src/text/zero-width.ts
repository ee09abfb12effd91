/**
 * Characters that take no room, and where they mean something. Most are hints to a line breaker and can go; the two joiners
 * shape letters in Arabic and Indic scripts and make one picture of several emoji, and must stay there.
 */

const ZERO_WIDTH_JOINER = '\u200d'

/** Zero width non-joiner and zero width joiner, which mean something in some places. */
export const JOINERS: readonly string[] = Object.freeze(['\u200c', ZERO_WIDTH_JOINER])

// Soft hyphen, zero width space, word joiner and the invisible mathematical operators, zero width no-break space.
const ALWAYS_REMOVABLE = /[\u00ad\u200b\u2060-\u2064\ufeff]/g
const ANY = /^[\u00ad\u200b-\u200d\u2060-\u2064\ufeff]$/
const MARK = /^\p{M}$/u
const PICTOGRAPH = /^[\p{Extended_Pictographic}\p{Emoji_Modifier}]$/u

// Scripts whose letters join, and Brahmic scripts, where a joiner beside a virama chooses the conjunct.
const SHAPED = new RegExp(
  `^[${[
    'Arabic Syriac Mandaic Nko Mongolian Phags_Pa Adlam',
    'Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala',
    'Khmer Myanmar Tibetan Balinese Javanese Tai_Tham Newa Tirhuta Grantha',
  ]
    .flatMap((line) => line.split(' '))
    .map((script) => `\\p{Script=${script}}`)
    .join('')}]$`,
  'u',
)

/** What stands around a place in a text, combining marks and characters of no width left out. */
export interface Surroundings {
  /** The last character before; undefined at the start. */
  readonly base: string | undefined
  /** The first character after; undefined at the end. */
  readonly next: string | undefined
}

/** True if removing this joiner from between these two would change what is read. */
export function joinerMatters(joiner: string, { base, next }: Surroundings): boolean {
  if (matches(SHAPED, base) || matches(SHAPED, next)) return true
  return joiner === ZERO_WIDTH_JOINER && matches(PICTOGRAPH, base) && matches(PICTOGRAPH, next)
}

/** What stands around the place after each character. Marks are left out, for composition may change their order. */
export function surroundings(characters: readonly string[]): Surroundings[] {
  const stands = characters.map((character) => !ANY.test(character) && !MARK.test(character))
  const nexts: (string | undefined)[] = new Array(characters.length)
  let next: string | undefined
  for (let i = characters.length - 1; i >= 0; i--) {
    nexts[i] = next
    if (stands[i]) next = characters[i]
  }
  let base: string | undefined
  return characters.map((character, i) => {
    if (stands[i]) base = character
    return { base, next: nexts[i] }
  })
}

/** The text without characters of no width, except joiners that matter. */
export function removeZeroWidth(text: string): string {
  const visible = text.replace(ALWAYS_REMOVABLE, '')
  if (!JOINERS.some((joiner) => visible.includes(joiner))) return visible
  const characters = Array.from(visible)
  const around = surroundings(characters)
  return characters
    .filter((character, i) => !JOINERS.includes(character) || joinerMatters(character, around[i]!))
    .join('')
}

function matches(pattern: RegExp, character: string | undefined): boolean {
  return character !== undefined && pattern.test(character)
}
