/**
 * From a suspect with another tokenizer to lists of the provider's ids: a list is kept where the suspect's tokens end with one of the
 * provider's, and of a list those tokens that are one token of the provider's vocabulary.
 *
 * A token that both have need not mean the same: the suspect may say " th" and go on to " the". That blurs, and favours nobody: what is kept
 * depends on the text and two vocabularies alone.
 */
import { assertArray, assertRecord, assertString } from '../../assert.ts'
import { alignTokens, type TextToken } from '../../text/align.ts'
import type { TokenIds } from '../../tokens.ts'
import type { TopKList } from './laws.ts'
import type { Answer } from './observed.ts'

/** A token of the suspect, and what the suspect held likely in its place. */
export interface SuspectToken extends TextToken {
  /** Absent where the suspect did not say. */
  readonly candidates?: readonly { readonly text: string; readonly logprob: number }[]
}

/** One text in the tokens of both. */
export interface AlignedText {
  readonly text: string
  readonly suspect: readonly SuspectToken[]
  /** The provider's ids of the same text, and what each stands for. */
  readonly ids: TokenIds
  readonly provider: readonly TextToken[]
  /** Given where the text is an answer: the ids of the prompt before it. */
  readonly prompt?: TokenIds
}

/** What can be given to {@link topKObservations}, and what was lost. */
export interface AlignedLists {
  readonly sequences: readonly (TokenIds | Answer)[]
  readonly lists: readonly (readonly (TopKList | null)[])[]
  /** Positions, and those of them where the suspect's tokens end too. */
  readonly positions: number
  readonly aligned: number
  /** Candidates in aligned positions, and those of them that are one token of the provider's. */
  readonly candidates: number
  readonly known: number
}

/**
 * Which id is which text; texts that several ids stand for are left out, for nobody could tell which was meant.
 * @param pieces the text of each id as it appears in a document (not the raw piece of the tokenizer's file); null for ids without one.
 */
export function vocabularyOf(pieces: readonly (string | null)[]): ReadonlyMap<string, number> {
  assertArray(pieces, { name: 'pieces', expected: 'an array of strings, one an id' })
  const ids = new Map<string, number>()
  const twice = new Set<string>()
  for (const [id, piece] of pieces.entries()) {
    if (piece === null) continue
    assertString(piece, { name: `pieces[${id}]` })
    if (ids.has(piece) || piece === '') twice.add(piece)
    ids.set(piece, id)
  }
  for (const piece of twice) ids.delete(piece)
  return ids
}

/**
 * Makes lists of the provider's ids out of a suspect's tokens.
 * @throws TypeError or RangeError for texts whose ids and tokens do not go together.
 * @example
 * import { alignedLists, tokensOf, vocabularyOf } from 'dyetrace/distill'
 * const vocabulary = vocabularyOf(['in', 'put', 'input', ' box', ' b', 'ox'])
 * const suspect = tokensOf(['in', 'put', ' box'])
 * suspect[2] = { ...suspect[2], candidates: [{ text: ' box', logprob: -0.1 }, { text: ' boxes', logprob: -3 }] }
 * const asked = { text: 'input box', suspect, ids: [2, 4, 5], provider: tokensOf(['input', ' b', 'ox']) }
 * const { lists } = alignedLists([asked], { vocabulary })
 * console.log(lists[0][0], lists[0][1]) // [ [ 3, -0.1 ] ] null
 */
export function alignedLists(
  texts: readonly AlignedText[],
  { vocabulary }: { readonly vocabulary: ReadonlyMap<string, number> },
): AlignedLists {
  assertArray(texts, { name: 'texts', expected: 'an array of texts in the tokens of both' })
  let [positions, aligned, candidates, known] = [0, 0, 0, 0]
  const sequences: (TokenIds | Answer)[] = []
  const lists: (TopKList | null)[][] = []
  for (const [t, asked] of texts.entries()) {
    assertRecord(asked, { name: `texts[${t}]` })
    const { text, suspect, ids, provider, prompt } = asked as AlignedText
    assertArray(ids, { name: `texts[${t}].ids`, expected: 'an array of token ids' })
    assertArray(provider, { name: `texts[${t}].provider`, expected: 'an array of { text, start }' })
    if (ids.length !== provider.length)
      throw new RangeError(
        `"texts[${t}].provider" expected ${ids.length} tokens, one an id, got ${provider.length}`,
      )
    // Of a text that was put, nothing is before its first id; of an answer the prompt is.
    const first = prompt === undefined ? 1 : 0
    const list: (TopKList | null)[] = new Array(Math.max(0, ids.length - first)).fill(null)
    for (const place of alignTokens(text, { suspect, provider }).places) {
      const said = suspect[place.suspect]?.candidates
      if (said === undefined || place.provider < first || place.provider >= ids.length) continue
      const kept = ownTokens(said, vocabulary)
      candidates += said.length
      known += kept.length
      aligned++
      list[place.provider - first] = kept
    }
    positions += list.length
    sequences.push(prompt === undefined ? ids : { prompt, completion: ids })
    lists.push(list)
  }
  return Object.freeze({ sequences, lists, positions, aligned, candidates, known })
}

/** Candidates by the provider's ids; of two that are written alike the likelier. */
function ownTokens(
  candidates: NonNullable<SuspectToken['candidates']>,
  vocabulary: ReadonlyMap<string, number>,
): TopKList {
  const list = new Map<number, number>()
  for (const { text, logprob } of candidates) {
    const id = vocabulary.get(text)
    if (id !== undefined && !(list.get(id)! >= logprob)) list.set(id, logprob)
  }
  return [...list]
}
