/**
 * Which positions of a text may be counted, and each once. A pair (context, token) that occurs again carries the same field
 * number again: counting it twice would make chance look like evidence, which is the commonest way to accuse an innocent
 * (docs/statistics.md, section 2). `countable` is the only way to make positions that `detect` takes.
 */
import { assertArray, assertInteger, assertOptions, assertRecord, describe } from '../assert.ts'
import type { Context } from '../context.ts'
import { type Profile, parseProfile } from '../keys/profile.ts'
import { assertTokenizerFits } from '../keys/tokenizer-fits.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { TokenStrings } from '../text/tokenizer-digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import { createTupleSet, type TupleSet } from '../tuple-set.ts'

/** One document: a prompt (never scored) followed by what was generated. */
export interface TokenDocument {
  readonly ids: TokenIds
  /**
   * @defaultValue 0: the whole document is generated text. Right also where nobody knows where the prompt ends, or for a piece cut
   * from the middle: what was not generated is scored by chance, which costs power and accuses nobody. Marks of other engines that fill
   * missing context with padding are read from the first generated token on where the length is given, 0 included, and otherwise from the
   * first full context on.
   */
  readonly promptLength?: number
  /**
   * Positions in `ids`, ascending, whose ids do not survive as text, as `retokenise(ids, codec).skip` gives them: a pair whose context or
   * token touches one is not counted. Which ones these are must not depend on the key.
   * @defaultValue none
   */
  readonly skip?: readonly number[]
}

/** How to read documents. */
export interface CountableOptions {
  /** End-of-text id: what follows its first occurrence after the prompt is not counted. @defaultValue none */
  readonly endOfText?: number
  /** Padding id: a context that holds it is not counted, as it was not marked. @defaultValue none */
  readonly padding?: number
}

/** Why positions were left out. */
export interface Skipped {
  readonly prompt: number
  /** Fewer ids before it than the context is wide, or padding among them. */
  readonly incompleteContext: number
  readonly afterEnd: number
  /** The context or the token does not survive as text: it touches a position of `skip`. */
  readonly lost: number
  /**
   * The pair was counted before, in this document or an earlier one; gumbel, tournament: or the context was used before in this
   * document, prompt included.
   */
  readonly repeated: number
}

declare const deduplicated: unique symbol

/** Distinct (context, token) pairs, made by {@link countable} only. Frozen. */
export interface Countable {
  readonly [deduplicated]: true
  readonly profile: Profile
  /** How the documents were read. */
  readonly options: CountableOptions
  /** Positions looked at, counted or not. */
  readonly seen: number
  /** Number of distinct pairs. */
  readonly count: number
  readonly skipped: Skipped
  /** A copy of the pairs, `contextWidth + 1` words each: context oldest first, then token; in the order of first occurrence. */
  readonly pairs: Uint32Array
}

// The pairs that are scored. What callers see is a copy: no freezing stops them from writing repeats into an array of words.
const minted = new WeakMap<object, Uint32Array>()

/**
 * Collects what may be counted from documents that are judged together: repeats within and across them count once. A repeat is a
 * pair of context and token that occurred before; for gumbel and tournament, which mark the first use of a context in a document,
 * also a context that this document used before, counted or not. What is counted is a union over documents: their order does not matter.
 * @param documents ids with their prompt lengths; one text is a list of one.
 * @param options.tokens the token strings by id of the tokenizer that made the ids, as for `tokenizerDigest`: checked to be the profile's,
 * since ids of another one show nothing. Hashing 128,000 takes tens of milliseconds: of many calls, give them to the first.
 * @throws TypeError or RangeError if an id is not one of the profile's vocabulary, a prompt is longer than its document or the token strings
 * are another tokenizer's.
 * @example
 * import { countable, createProfile, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const profile = createProfile(generateMasterKey(), {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * countable([{ ids: [0, 1, 0, 1, 2] }], profile).count // 3: (0,1) (1,0) (1,2)
 */
export function countable(
  documents: readonly TokenDocument[],
  profile: Profile,
  options: CountableOptions & { readonly tokens?: TokenStrings } = {},
): Countable {
  assertArray(documents, { name: 'documents', expected: 'an array of { ids, promptLength }' })
  assertOptions(options, { name: 'options', keys: ['endOfText', 'padding', 'tokens'] })
  const checked = parseProfile(profile)
  const { tokens, ...reading } = options
  if (tokens !== undefined) assertTokenizerFits(tokens, { profile: checked, name: 'options.tokens' })
  const { contextWidth, vocabularySize } = checked
  for (const name of ['endOfText', 'padding'] as const) {
    if (options[name] !== undefined)
      assertInteger(options[name], { name: `options.${name}`, max: vocabularySize - 1 })
  }
  const scheme = schemeOf(checked, { lanes: 1 })
  const { countOnce, plainContexts = false } = scheme
  const given = documents.reduce((sum, document) => sum + (document?.ids?.length ?? 0), 0)
  const pairs = emptySet('pairs', contextWidth + 1, given)
  const pair = new Uint32Array(contextWidth + 1)
  const skipped = { prompt: 0, incompleteContext: 0, afterEnd: 0, lost: 0, repeated: 0 }
  let seen = 0
  for (const [d, document] of documents.entries()) {
    const checkedDocument = assertDocument(document, { name: `documents[${d}]`, vocabularySize })
    const { ids, promptLength } = checkedDocument
    // Not filled in: the first ids of text of unknown origin follow no prompt that is known to be none.
    const startsAt = document.promptLength === undefined ? undefined : promptLength
    const isLost = lostPositions(checkedDocument, contextWidth)
    // Where the first use of a context counts, it is the first in its document, prompt included: the marker leaves the others alone.
    // Another document's first use was marked as well; if its token is another, it is another pair with a number of its own.
    const used = countOnce === 'context' ? emptySet('used', contextWidth, ids.length) : undefined
    seen += ids.length
    skipped.prompt += promptLength
    for (let i = used ? 0 : promptLength; i < ids.length; i++) {
      // The context is read where it stands, if it stands in the ids as it is: most schemes' does, and a list a position costs more than all else.
      const from = plainContexts ? i - contextWidth : 0
      const source = plainContexts ? (from >= 0 ? ids : undefined) : scheme.contextAt(ids, i, startsAt)
      const context =
        source !== undefined && !holds(source, from, contextWidth, options.padding) ? source : undefined
      if (i < promptLength) {
        if (context !== undefined) used!.add(context, from)
        continue
      }
      if (context === undefined) skipped.incompleteContext++
      else {
        // Asked first: the marker knew nothing of text, so a use that is lost was marked too, and a later one was not.
        const first = used?.add(context, from) ?? true
        if (isLost(i)) skipped.lost++
        else if (!first) skipped.repeated++
        else if (plainContexts) {
          if (!pairs.add(ids, from)) skipped.repeated++
        } else {
          for (let j = 0; j < contextWidth; j++) pair[j] = context[j]!
          pair[contextWidth] = ids[i]!
          if (!pairs.add(pair)) skipped.repeated++
        }
      }
      if (ids[i] === options.endOfText) {
        skipped.afterEnd += ids.length - i - 1
        break
      }
    }
  }
  const words = pairs.toWords()
  const record = {
    profile: checked,
    options: Object.freeze(reading),
    seen,
    count: pairs.size,
    skipped: Object.freeze(skipped),
    get pairs() {
      return words.slice()
    },
  }
  minted.set(record, words)
  return Object.freeze(record) as unknown as Countable
}

/** Sets for so many tuples are kept and emptied: a corpus has millions of short documents, and making two a document took as long as filling them. */
const MOST_KEPT = 4096
/** Room is made for so many beforehand; what is larger grows. */
const MOST_EXPECTED = 2 ** 20
const kept = new Map<string, TupleSet>()

/** An empty set, for this call alone: nothing in here calls `countable`. */
function emptySet(use: 'pairs' | 'used', width: number, expected: number): TupleSet {
  if (expected > MOST_KEPT) return createTupleSet(width, { expected: Math.min(expected, MOST_EXPECTED) })
  const name = `${use} ${width}`
  const set = kept.get(name) ?? createTupleSet(width, { expected: MOST_KEPT })
  kept.set(name, set)
  set.clear()
  return set
}

/** Whether the pair at a position touches one whose id does not survive as text. */
export function lostPositions(
  { ids, skip = [] }: TokenDocument,
  contextWidth: number,
): (position: number) => boolean {
  if (skip.length === 0) return () => false
  const lost = new Uint8Array(ids.length)
  for (const position of skip) lost.fill(1, position, position + contextWidth + 1)
  return (position) => lost[position] === 1
}

function holds(context: Context, from: number, width: number, id: number | undefined): boolean {
  if (id === undefined) return false
  for (let j = from; j < from + width; j++) if (context[j] === id) return true
  return false
}

/** What is countable depends on the width, on what a scheme counts once and on the ids that are allowed: profiles of one name share readings. */
export function readingName({ scheme, contextWidth, vocabularySize }: Profile): string {
  return [scheme, contextWidth, vocabularySize].join()
}

/** The pairs of positions that `countable` made, as it made them. */
export function pairsOf(positions: Countable): Uint32Array {
  assertCountable(positions, { name: 'positions' })
  return minted.get(positions)!
}

/** Refuses positions that `countable` did not make, also where no compiler checks. */
export function assertCountable(
  positions: unknown,
  { name }: { name: string },
): asserts positions is Countable {
  if (typeof positions !== 'object' || positions === null || !minted.has(positions))
    throw new TypeError(
      `"${name}" expected positions made by countable(), got ${describe(positions)}; only it removes repeats`,
    )
}

/** Checks a document and fills in what it leaves out. */
export function assertDocument(
  document: unknown,
  { name, vocabularySize }: { name: string; vocabularySize: number },
): Required<TokenDocument> {
  assertRecord(document, {
    name,
    keys: ['ids', 'promptLength', 'skip'],
    expected: '{ ids, promptLength, skip }',
  })
  const { ids, promptLength = 0, skip = [] } = document
  assertTokenIds(ids, { name: `${name}.ids`, vocabularySize })
  assertInteger(promptLength, { name: `${name}.promptLength`, max: ids.length })
  assertArray(skip, { name: `${name}.skip`, expected: 'an array of positions' })
  const positions = Array.from(skip as ArrayLike<unknown>)
  for (const [k, position] of positions.entries())
    assertInteger(position, {
      name: `${name}.skip[${k}]`,
      min: k === 0 ? 0 : (positions[k - 1] as number) + 1,
      max: ids.length - 1,
    })
  return { ids, promptLength, skip: positions as number[] }
}
