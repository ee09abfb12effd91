/**
 * One text, two tokenizers: where do both end a token at the same character? Only there can a suspect's next-token probabilities be held
 * against the provider's ids: elsewhere the suspect has read characters of a token that the provider has not finished, or the other way round.
 *
 * Characters are UTF-16 units, as JavaScript counts them. Tokens that are pieces of
 * one character have no known ends; places are found again behind it. After any other token that does not stand in the text at its offset (a
 * special token, an offset in another unit) nothing is relied on. What is doubtful is left out, which favours nobody: places depend on the text and on two tokenizers, and no key is near.
 */
import { assertArray, assertInteger, assertRecord, assertString } from '../assert.ts'

/** A token as text, and the character of the whole text at which it begins. */
export interface TextToken {
  readonly text: string
  readonly start: number
}

/** A place where both have ended a token: the number of tokens, and of characters, before it. */
export interface CommonPlace {
  readonly character: number
  readonly suspect: number
  readonly provider: number
}

/** Where two tokenizers agree on where a token ends. */
export interface Alignment {
  /** Common places in the order of the text, its beginning and its end included where both have them. */
  readonly places: readonly CommonPlace[]
  /** Places at which a token of the suspect ends, and none of the provider. */
  readonly suspectOnly: number
  /** Places at which a token of the provider ends, and none of the suspect. */
  readonly providerOnly: number
}

/**
 * Aligns the tokens of two tokenizers over one text. Tokens that are no characters long (marks of beginning or end) belong to what is
 * before them.
 * @throws TypeError or RangeError for what are no tokens with offsets.
 * @example
 * import { alignTokens, tokensOf } from 'dyetrace/distill'
 * const { places } = alignTokens('input box', { suspect: tokensOf(['in', 'put', ' box']), provider: tokensOf(['input', ' b', 'ox']) })
 * console.log(places.map(({ character }) => character)) // [ 0, 5, 9 ]
 */
export function alignTokens(
  text: string,
  { suspect, provider }: { suspect: readonly TextToken[]; provider: readonly TextToken[] },
): Alignment {
  assertString(text, { name: 'text' })
  const ends = endsOf(suspect, { name: 'suspect', text })
  const ours = endsOf(provider, { name: 'provider', text })
  const places: CommonPlace[] = []
  for (const [character, tokens] of ends) {
    const other = ours.get(character)
    if (other !== undefined) places.push(Object.freeze({ character, suspect: tokens, provider: other }))
  }
  return Object.freeze({
    places: Object.freeze(places),
    suspectOnly: ends.size - places.length,
    providerOnly: ours.size - places.length,
  })
}

/** Tokens whose texts, one after another, are the whole text. */
export function tokensOf(texts: readonly string[]): TextToken[] {
  assertArray(texts, { name: 'texts', expected: 'an array of strings' })
  let start = 0
  return texts.map((text, i) => {
    assertString(text, { name: `texts[${i}]` })
    const token = Object.freeze({ text, start })
    start += text.length
    return token
  })
}

// The bytes of a character beyond ASCII may be spread over several tokens, a space before them in the first. Such a token is shown with
// replacement characters, or as escaped bytes.
const IN_PIECES = /\ufffd|^bytes:/
const BEYOND_ASCII = /^\s*[^\p{ASCII}][^\p{ASCII}\s]*$/u

/** Characters at which a token ends for sure, ascending, with the number of tokens up to there. */
function endsOf(
  tokens: readonly TextToken[],
  { name, text }: { name: string; text: string },
): Map<number, number> {
  assertArray(tokens, { name, expected: 'an array of { text, start }' })
  const ends = new Map<number, number>()
  if (tokens.length === 0 || startsAt(tokens[0]!, 0, text)) ends.set(0, 0)
  // Up to `end` the tokens are the text; since then there may be pieces of characters; after anything else no offset is believed.
  let end = 0
  let state: 'sure' | 'in pieces' | 'lost' = 'sure'
  for (const [i, token] of tokens.entries()) {
    assertRecord(token, { name: `${name}[${i}]` })
    assertString(token.text, { name: `${name}[${i}].text` })
    assertInteger(token.start, { name: `${name}[${i}].start` })
    const { start } = token
    const stands = text.startsWith(token.text, start)
    if (state === 'in pieces' && stands && token.text !== '' && BEYOND_ASCII.test(text.slice(end, start))) {
      ends.set(start, i)
      end = start
      state = 'sure'
    }
    if (state === 'sure' && stands && start === end) {
      end += token.text.length
      ends.set(end, i + 1)
    } else if (state !== 'lost') state = IN_PIECES.test(token.text) ? 'in pieces' : 'lost'
  }
  return ends
}

function startsAt(token: TextToken, character: number, text: string): boolean {
  return token?.start === character && text.startsWith(token.text, character)
}
