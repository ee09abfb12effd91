/** A text of which only a part is left. */
import { assertOneOf, assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { type Draw, drawFrom } from './draw.ts'
import { assertIds, assertRateOptions, editCount, type RateOptions } from './options.ts'
import { type AttackedIds, type AttackedText, attackedIds, attackedText } from './record.ts'
import { splitWords, wordRange } from './words.ts'

/** Options of {@link truncateTokens} and {@link truncateWords}; `rate` is the share that is cut off. */
export interface TruncateOptions extends RateOptions {
  /** What is left: the beginning, the end, or a stretch that starts at a drawn place. */
  readonly keep: 'head' | 'tail' | 'middle'
}

/**
 * Cuts `Math.round(rate * ids.length)` tokens off and keeps the beginning, the end or a stretch from within.
 * @throws TypeError or RangeError for ids or options out of range.
 * @example
 * import { truncateTokens } from 'dyetrace/attacks'
 * truncateTokens([5, 6, 7, 8], { rate: 0.5, keep: 'tail', random: () => 0 }).ids // [ 7, 8 ]
 */
export function truncateTokens(ids: TokenIds, options: TruncateOptions): AttackedIds {
  assertIds(ids)
  const { rate, keep, random } = resolve(options)
  const { start, end, cut } = keptRange(drawFrom(random), { rate, keep, length: ids.length })
  return attackedIds(Array.from(ids).slice(start, end), {
    name: 'truncate-tokens',
    parameters: { rate, keep },
    edits: cut,
    unit: 'tokens',
  })
}

/**
 * Cuts `Math.round(rate * words)` words off, with the punctuation outside of the words that are left.
 * @throws TypeError or RangeError for a text or options out of range.
 * @example
 * import { truncateWords } from 'dyetrace/attacks'
 * truncateWords('One, two, three.', { rate: 0.34, keep: 'head', random: () => 0 }).text // 'One, two'
 */
export function truncateWords(text: string, options: TruncateOptions): AttackedText {
  assertString(text, { name: 'text' })
  const { rate, keep, random } = resolve(options)
  const split = splitWords(text)
  const { start, end, cut } = keptRange(drawFrom(random), { rate, keep, length: split.words.length })
  return attackedText(cut === 0 ? text : wordRange(split, { start, end }), {
    name: 'truncate-words',
    parameters: { rate, keep },
    edits: cut,
    unit: 'words',
  })
}

function resolve(options: TruncateOptions): TruncateOptions {
  assertRateOptions(options, ['keep'])
  assertOneOf(options.keep, { name: 'options.keep', values: ['head', 'tail', 'middle'] })
  return options
}

function keptRange(
  draw: Draw,
  { rate, keep, length }: { rate: number; keep: TruncateOptions['keep']; length: number },
): { start: number; end: number; cut: number } {
  const cut = editCount(rate, { places: length })
  const start = keep === 'head' ? 0 : keep === 'tail' ? cut : draw(cut + 1)
  return { start, end: start + length - cut, cut }
}
