/**
 * A suspect's tokens in the provider's ids. Texts go through the provider's tokenizer; a list is kept where a token of both ends at one character, and
 * of a list the tokens that are one token of the provider's. The rest is left out and counted. It depends on texts and two tokenizers only, so it
 * favours nobody (src/text/align.ts).
 */

import { alignTokens, type TextToken } from '../../text/align.ts'
import type { TokenIds } from '../../tokens.ts'
import type { ListedTokens } from '../lines.ts'
import type { Candidate, SaidToken } from './said.ts'

/** The provider's tokenizer as two functions. Encode without special tokens, and decode without cleaning up. */
export interface TextTokenizer {
  encode(text: string): number[]
  decode(ids: readonly number[]): string
}

/** What was lost on the way. */
export interface Dropped {
  /** Positions of the answer, and those of them where a token of the suspect ends too. */
  readonly positions: number
  readonly aligned: number
  /** Tokens listed in aligned positions, and those of them that are one token of the provider's. */
  readonly candidates: number
  readonly known: number
}

/** Which id is which text. */
export type IdOf = (text: string) => number | undefined

/** By a vocabulary, or by asking the tokenizer: the texts that it reads as one token, and writes back. */
export function idsOfTexts(
  tokenizer: TextTokenizer,
  {
    vocabularySize,
    vocabulary,
  }: { vocabularySize: number; vocabulary: ReadonlyMap<string, number> | undefined },
): IdOf {
  if (vocabulary) return (text) => vocabulary.get(text)
  const known = new Map<string, number | undefined>()
  return (text) => {
    // No token is that long; a hostile one must not be read again and again.
    if (text === '' || text.length > 256) return undefined
    if (known.has(text)) return known.get(text)
    const [id, ...more] = tokenizer.encode(text)
    const isOne =
      id !== undefined && more.length === 0 && id < vocabularySize && tokenizer.decode([id]) === text
    if (known.size >= 200_000) known.clear()
    known.set(text, isOne ? id : undefined)
    return isOne ? id : undefined
  }
}

/** Candidates by the provider's ids, the likeliest first; of two that are written alike the likelier. */
export function listOf(
  candidates: readonly Candidate[],
  idOf: (candidate: Candidate) => number | undefined,
): ListedTokens {
  const list = new Map<number, number>()
  for (const candidate of candidates) {
    const id = idOf(candidate)
    if (id !== undefined && !(list.get(id)! >= candidate.logprob)) list.set(id, candidate.logprob)
  }
  return [...list].sort((a, b) => b[1] - a[1] || a[0] - b[0])
}

/** Lists at the places of the provider's ids of a text. */
export function alignedPositions(
  text: string,
  {
    suspect,
    ids,
    tokenizer,
    idOf,
  }: {
    suspect: readonly SaidToken[]
    ids: readonly number[]
    tokenizer: TextTokenizer
    idOf: IdOf
  },
): { readonly positions: readonly (ListedTokens | null)[]; readonly dropped: Dropped } {
  const positions = new Array<ListedTokens | null>(ids.length).fill(null)
  let [aligned, candidates, known] = [0, 0, 0]
  const provider = textTokens(ids, tokenizer)
  const tokens = withoutBeginning(suspect, text)
  for (const place of alignTokens(text, { suspect: tokens, provider }).places) {
    const said = tokens[place.suspect]?.candidates
    if (said === undefined || place.provider >= ids.length) continue
    const list = listOf(said, (candidate) => idOf(candidate.text))
    aligned++
    candidates += said.length
    known += list.length
    positions[place.provider] = list
  }
  return { positions, dropped: Object.freeze({ positions: ids.length, aligned, candidates, known }) }
}

/** Servers put a mark of beginning before a prompt, and show it as a token of the text. */
function withoutBeginning(tokens: readonly SaidToken[], text: string): readonly SaidToken[] {
  const [first, second] = tokens
  if (!first || !second || text.startsWith(first.text) || !text.startsWith(second.text)) return tokens
  const shift = second.start
  return tokens.slice(1).map((token) => ({ ...token, start: Math.max(0, token.start - shift) }))
}

// Ids before the one that is asked for: a tokenizer may drop the space before the first of a text, and a character may need four.
const WINDOW = 8

/** Each id as text at its place. Ids that are pieces of a character are shown as U+FFFD. */
export function textTokens(ids: TokenIds, tokenizer: TextTokenizer): TextToken[] {
  let start = 0
  let wasOpen = false
  return Array.from(ids, (_, i) => {
    const from = Math.max(0, i - WINDOW)
    const before = i === from ? '' : closed(tokenizer.decode(Array.from(ids.slice(from, i))))
    const whole = tokenizer.decode(Array.from(ids.slice(from, i + 1)))
    const now = closed(whole)
    const isOpen = now.length < whole.length
    const added = now.startsWith(before) ? now.slice(before.length) : ''
    const text = isOpen || wasOpen || !now.startsWith(before) ? '\ufffd' : added
    const at = start
    start += added.length
    wasOpen = isOpen
    return { text, start: at }
  })
}

function closed(text: string): string {
  return text.replace(/\ufffd+$/, '')
}
