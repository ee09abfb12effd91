/**
 * Rewriting by chunks, without a language model: drawn chunks are replaced by unrelated text, or put into disorder. Neither keeps the
 * meaning, as a paraphrase would; what they share with one is that edits come in stretches and spare what lies between. A text
 * of n tokens has ceil(n / size) chunks, the last of which may be shorter.
 */
import { assertInteger, assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { type Draw, drawFrom, drawPlaces, shuffled } from './draw.ts'
import { assertIds, assertRateOptions, assertShare, editCount, type RateOptions } from './options.ts'
import { type AttackedIds, type AttackedText, attackedIds, attackedText } from './record.ts'
import { joinWords, splitWords, withoutWords } from './words.ts'

/** Options of {@link replaceTokenChunks} and {@link replaceWordChunks}. */
export interface ReplaceChunksOptions<Source> extends RateOptions {
  /** Tokens (or words) a chunk. */
  readonly size: number
  /** Another text, of at least `size` tokens (or words), from which stretches are taken. */
  readonly source: Source
}

/** Options of {@link scrambleTokenChunks} and {@link scrambleWordChunks}. */
export interface ScrambleChunksOptions extends RateOptions {
  /** Tokens (or words) a chunk. */
  readonly size: number
  /** Share of a chunk that is left out, 0..1: `Math.round(drop * length)` of its tokens. @defaultValue 0 */
  readonly drop?: number
}

/**
 * Replaces `Math.round(rate * chunks)` chunks by stretches of the same length from other ids, each from a drawn place.
 * @returns as edits the tokens that differ.
 * @throws TypeError or RangeError for ids or options out of range, or a source shorter than a chunk.
 * @example
 * import { replaceTokenChunks } from 'dyetrace/attacks'
 * const options = { rate: 0.5, size: 2, source: [1, 2, 3, 4], random: () => 0.5 }
 * replaceTokenChunks([5, 6, 7, 8], options).ids // [ 5, 6, 2, 3 ]
 */
export function replaceTokenChunks(ids: TokenIds, options: ReplaceChunksOptions<TokenIds>): AttackedIds {
  assertIds(ids)
  assertChunkOptions(options, 'source')
  const { rate, size, source, random } = options
  assertIds(source, { name: 'options.source' })
  assertSourceLength(source.length, { size })
  const edited = Array.from(ids)
  const edits = replaceChunks(edited, Array.from(source), { rate, size, draw: drawFrom(random) })
  return attackedIds(edited, {
    name: 'replace-token-chunks',
    parameters: { rate, size, source: Array.from(source) },
    edits,
    unit: 'tokens',
  })
}

/**
 * Replaces the words of `Math.round(rate * chunks)` chunks by as many successive words of another text, each chunk from a drawn
 * place. Punctuation and spaces stay.
 * @returns as edits the words that differ.
 * @throws TypeError or RangeError for texts or options out of range, or a source shorter than a chunk.
 * @example
 * import { replaceWordChunks } from 'dyetrace/attacks'
 * const options = { rate: 0.5, size: 2, source: 'red green blue', random: () => 0.5 }
 * replaceWordChunks('One, two, three, four.', options).text // 'One, two, green, blue.'
 */
export function replaceWordChunks(text: string, options: ReplaceChunksOptions<string>): AttackedText {
  assertString(text, { name: 'text' })
  assertChunkOptions(options, 'source')
  const { rate, size, source, random } = options
  assertString(source, { name: 'options.source' })
  const { words: others } = splitWords(source)
  assertSourceLength(others.length, { size })
  const { words, gaps } = splitWords(text)
  const edited = [...words]
  const edits = replaceChunks(edited, others, { rate, size, draw: drawFrom(random) })
  return attackedText(joinWords({ words: edited, gaps }), {
    name: 'replace-word-chunks',
    parameters: { rate, size, source },
    edits,
    unit: 'words',
  })
}

/**
 * In `Math.round(rate * chunks)` chunks, leaves out a share of the tokens and puts the others into a drawn order.
 * @returns as edits the tokens left out and those at the place of another.
 * @throws TypeError or RangeError for ids or options out of range.
 * @example
 * import { scrambleTokenChunks } from 'dyetrace/attacks'
 * scrambleTokenChunks([5, 6, 7, 8], { rate: 0.5, size: 2, random: () => 0 }).ids // [ 6, 5, 7, 8 ]
 */
export function scrambleTokenChunks(ids: TokenIds, options: ScrambleChunksOptions): AttackedIds {
  assertIds(ids)
  const { rate, size, drop, random } = resolveScramble(options)
  const edited = Array.from(ids)
  const { dropped, edits } = scrambleChunks(edited, { rate, size, drop, draw: drawFrom(random) })
  const gone = new Set(dropped)
  return attackedIds(
    edited.filter((_, i) => !gone.has(i)),
    { name: 'scramble-token-chunks', parameters: { rate, size, drop }, edits, unit: 'tokens' },
  )
}

/**
 * In `Math.round(rate * chunks)` chunks, leaves out a share of the words and puts the others into a drawn order. Punctuation and spaces
 * stay, but for a space that goes with each word left out.
 * @returns as edits the words left out and those at the place of another.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { scrambleWordChunks } from 'dyetrace/attacks'
 * const options = { rate: 1, size: 4, drop: 0.25, random: () => 0 }
 * scrambleWordChunks('one two three four', options).text // 'three four two'
 */
export function scrambleWordChunks(text: string, options: ScrambleChunksOptions): AttackedText {
  assertString(text, { name: 'text' })
  const { rate, size, drop, random } = resolveScramble(options)
  const { words, gaps } = splitWords(text)
  const edited = [...words]
  const { dropped, edits } = scrambleChunks(edited, { rate, size, drop, draw: drawFrom(random) })
  return attackedText(joinWords(withoutWords({ words: edited, gaps }, dropped)), {
    name: 'scramble-word-chunks',
    parameters: { rate, size, drop },
    edits,
    unit: 'words',
  })
}

function assertChunkOptions(options: RateOptions & { readonly size: number }, further: string): void {
  assertRateOptions(options, ['size', further])
  assertInteger(options.size, { name: 'options.size', min: 1 })
}

function assertSourceLength(length: number, { size }: { size: number }): void {
  if (length < size)
    throw new RangeError(`"options.source" expected at least ${size} (a chunk), got ${length}`)
}

function resolveScramble(options: ScrambleChunksOptions): Required<ScrambleChunksOptions> {
  assertChunkOptions(options, 'drop')
  const { drop = 0 } = options
  assertShare(drop, { name: 'options.drop' })
  return { ...options, drop }
}

interface ChunkDraw {
  readonly rate: number
  readonly size: number
  readonly draw: Draw
}

// Starts of the drawn chunks, ascending.
function drawChunks(length: number, { rate, size, draw }: ChunkDraw): number[] {
  const chunks = Math.ceil(length / size)
  return drawPlaces(draw, { count: editCount(rate, { places: chunks }), places: chunks }).map((i) => i * size)
}

// Changes `items` in place. Returns how many differ.
function replaceChunks<T>(items: T[], source: readonly T[], options: ChunkDraw): number {
  let edits = 0
  for (const start of drawChunks(items.length, options)) {
    const length = Math.min(options.size, items.length - start)
    const from = options.draw(source.length - length + 1)
    for (let j = 0; j < length; j++) {
      if (items[start + j] !== source[from + j]) edits++
      items[start + j] = source[from + j]!
    }
  }
  return edits
}

// Puts the items of drawn chunks that stay into another order, in place. Returns where those stand that go, ascending.
function scrambleChunks<T>(
  items: T[],
  options: ChunkDraw & { readonly drop: number },
): { dropped: number[]; edits: number } {
  const { draw } = options
  const dropped: number[] = []
  let edits = 0
  for (const start of drawChunks(items.length, options)) {
    const length = Math.min(options.size, items.length - start)
    const gone = drawPlaces(draw, { count: editCount(options.drop, { places: length }), places: length })
    // One by one: a chunk can be longer than a call may have arguments.
    for (const i of gone) dropped.push(start + i)
    edits += gone.length
    const goes = new Set(gone)
    const places = Array.from({ length }, (_, i) => start + i).filter((i) => !goes.has(i - start))
    const order = shuffled(
      places.map((place) => items[place]!),
      draw,
    )
    for (const [i, place] of places.entries()) {
      if (items[place] !== order[i]) edits++
      items[place] = order[i]!
    }
  }
  return { dropped, edits }
}
