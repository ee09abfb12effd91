/**
 * Exposure: how often each window stands in text that was **not** marked, as a guess at how often a student met it. A window that was
 * never met carries no mark, so at widths of 2 and more the contrast weighs a window by c / (c + 10).
 *
 * The counts must come from unmarked text: the provider's answers with the mark off, or any text of the same kind. Counts of
 * marked logs depend on the key (a green token is sampled more often, and then stands in the windows after it), and counts of marked
 * *pairs* accuse outright. Counted are windows, never tokens, and only text that this module was given.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assertArray, assertInteger, assertOptions, assertString, describe } from '../assert.ts'
import { bytesToHex, utf8ToBytes } from '../bytes.ts'
import { type Context, lastIds, MAX_CONTEXT_WIDTH } from '../context.ts'
import type { Digest } from '../digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import { createTupleSet } from '../tuple-set.ts'

declare const unmarked: unique symbol

/** Counts of windows in unmarked text; made by {@link exposureOf} or read by `parseExposure`, and by nobody else. Frozen. */
export interface Exposure {
  readonly [unmarked]: true
  readonly contextWidth: number
  /** Ids counted over. */
  readonly tokens: number
  /** SHA-256 of the documents, one JSON array of ids a line; of an index file, of its bytes. A plan names it, so that counts cannot change afterwards. */
  readonly digest: Digest
  /** Where the text is from, in words. */
  readonly origin: string
  /** How often a window stands before a token of the documents. */
  count(window: Context): number
}

const minted = new WeakSet<object>()

/**
 * Counts the windows of unmarked documents.
 * @param documents token ids of text that no key to be tried has marked. Windows do not reach from one document into the next.
 * @throws TypeError or RangeError for ids outside the vocabulary, or an origin without words.
 * @example
 * import { exposureOf } from 'dyetrace/distill'
 * const options = { contextWidth: 2, vocabularySize: 10, origin: 'answers with the mark off' }
 * const exposure = exposureOf([[1, 2, 3, 1, 2, 4]], options)
 * console.log(exposure.count([1, 2]), exposure.count([2, 4])) // 2 0
 */
export function exposureOf(
  documents: readonly TokenIds[],
  options: { readonly contextWidth: number; readonly vocabularySize: number; readonly origin: string },
): Exposure {
  assertArray(documents, { name: 'documents', expected: 'an array of token id arrays' })
  assertOptions(options, { name: 'options', keys: ['contextWidth', 'vocabularySize', 'origin'] })
  const { contextWidth, vocabularySize, origin } = options
  assertInteger(contextWidth, { name: 'options.contextWidth', max: MAX_CONTEXT_WIDTH })
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2 })
  assertString(origin, {
    name: 'options.origin',
    expected: 'words that say where the text is from',
    pattern: /\S/,
  })
  const windows = createTupleSet(contextWidth)
  const counts: number[] = []
  const digest = sha256.create()
  let tokens = 0
  for (const [d, ids] of documents.entries()) {
    assertTokenIds(ids, { name: `documents[${d}]`, vocabularySize })
    tokens += ids.length
    digest.update(utf8ToBytes(`[${Array.prototype.join.call(ids, ',')}]\n`))
    for (let i = contextWidth; i < ids.length; i++) {
      const index = windows.indexOf(lastIds(ids, i, { contextWidth })!)
      counts[index] = (counts[index] ?? 0) + 1
    }
  }
  return mintExposure({
    contextWidth,
    tokens,
    digest: `sha256:${bytesToHex(digest.digest())}` as const,
    origin,
    count(window) {
      const index = windows.find(window)
      return index === undefined ? 0 : counts[index]!
    },
  })
}

/** Makes an exposure of counts. For those who counted windows of unmarked text, or read such counts; nobody else. */
export function mintExposure({ count, ...about }: Omit<Exposure, typeof unmarked>): Exposure {
  const exposure = Object.freeze({
    ...about,
    count(window: Context): number {
      if (window.length !== about.contextWidth)
        throw new RangeError(`"window" expected ${about.contextWidth} ids, got ${window.length}`)
      return count(window)
    },
  }) as Exposure
  minted.add(exposure)
  return exposure
}

/** Refuses counts that were made elsewhere: they could be of marked text, or of pairs. */
export function assertExposure(exposure: unknown, { name }: { name: string }): asserts exposure is Exposure {
  if (typeof exposure !== 'object' || exposure === null || !minted.has(exposure))
    throw new TypeError(
      `"${name}" expected an exposure made by exposureOf() or parseExposure(), got ${describe(exposure)}`,
    )
}
