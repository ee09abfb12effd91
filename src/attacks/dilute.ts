/**
 * Copy-paste: passages of marked text within a longer document that is not marked, "k x t %" (Kirchenbauer et al. 2023, On the
 * Reliability of Watermarks for Large Language Models, arXiv 2306.04634). The first argument is the marked text, the document it is
 * pasted into is `host`; what comes out says where the passages lie.
 *
 * Of a document of n tokens, `Math.round(share * n)` are marked. They are cut from the marked text as `passages` disjoint passages of equal
 * length (to one token), in their order; the rest is one stretch of the host. Passages, stretch and the places where the
 * passages go, with host tokens between any two, are drawn, every choice as likely. A text or a host too short for that many
 * passages gives fewer.
 */
import { assertInteger, assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { type Draw, drawFrom, drawPlaces } from './draw.ts'
import { assertIds, assertSeeded, assertShare, type Seeded } from './options.ts'
import { type AttackedIds, type AttackedText, attackedIds, attackedText } from './record.ts'
import { splitWords, type Words, wordRange } from './words.ts'

/** Options of {@link diluteTokens} and {@link diluteWords}. */
export interface DiluteOptions<Host> extends Seeded {
  /** What the passages are pasted into. */
  readonly host: Host
  /** Number of passages, 1 or more. */
  readonly passages: number
  /** Share of the document that the passages make together, 0..1. */
  readonly share: number
  /** Length of the document in tokens (or words). @defaultValue the longest that the marked text and the host can fill */
  readonly length?: number
}

/** A passage: `document.slice(start, end)` equals `marked.slice(from, from + end - start)`. */
export interface Passage {
  readonly start: number
  readonly end: number
  readonly from: number
}

/** A document with passages, in the order in which they stand. Frozen. */
export interface DilutedIds extends AttackedIds {
  /** Places in token ids. */
  readonly passages: readonly Passage[]
}

/** A document with passages, in the order in which they stand. Frozen. */
export interface DilutedText extends AttackedText {
  /** Places in the string (UTF-16 units), and the number of words. */
  readonly passages: readonly (Passage & { readonly words: number })[]
}

/**
 * Pastes passages of marked ids into ids that are not marked.
 * @returns as edits the marked tokens left out and the host's tokens put in.
 * @throws TypeError or RangeError for ids or options out of range, or if marked ids and host cannot fill `length`.
 * @example
 * import { diluteTokens } from 'dyetrace/attacks'
 * const options = { host: [0, 0, 0, 0, 0, 0], passages: 2, share: 0.25, random: () => 0.5 }
 * const { ids, passages } = diluteTokens([5, 6, 7, 8], options)
 * ids.join(' ') // '0 0 0 5 0 7 0 0'
 * passages[0] // { start: 3, end: 4, from: 0 }
 */
export function diluteTokens(ids: TokenIds, options: DiluteOptions<TokenIds>): DilutedIds {
  assertIds(ids)
  assertDiluteOptions(options)
  const { host, random, passages, share } = options
  assertIds(host, { name: 'options.host' })
  const plan = planDocument(drawFrom(random), { ...options, available: ids.length, host: host.length })
  const [marked, unmarked] = [Array.from(ids), Array.from(host)]
  const { hostStart, hostLength } = plan
  const parts: number[][] = []
  let [done, start] = [0, 0]
  const places = plan.passages.map(({ after, from, length }) => {
    parts.push(unmarked.slice(hostStart + done, hostStart + after), marked.slice(from, from + length))
    start += after - done
    done = after
    const passage = Object.freeze({ start, end: start + length, from })
    start = passage.end
    return passage
  })
  const document = [...parts.flat(), ...unmarked.slice(hostStart + done, hostStart + hostLength)]
  return Object.freeze({
    ...attackedIds(document, {
      name: 'dilute-tokens',
      parameters: { host: unmarked, passages, share, length: plan.length },
      edits: hostLength + ids.length - plan.marked,
      unit: 'tokens',
    }),
    passages: Object.freeze(places),
  })
}

/**
 * Pastes passages of a marked text into a text that is not marked, both measured in words. A passage keeps its punctuation
 * within, and has a space on either side where it meets the host.
 * @returns as edits the marked words left out and the host's words put in.
 * @throws TypeError or RangeError for texts or options out of range, or if marked text and host cannot fill `length`.
 * @example
 * import { diluteWords } from 'dyetrace/attacks'
 * const options = { host: 'one two three four', passages: 1, share: 0.5, length: 4, random: () => 0.5 }
 * const { text, passages } = diluteWords('Red, green, blue.', options)
 * text // 'two green, blue three'
 * passages[0] // { start: 4, end: 15, from: 5, words: 2 }
 */
export function diluteWords(text: string, options: DiluteOptions<string>): DilutedText {
  assertString(text, { name: 'text' })
  assertDiluteOptions(options)
  const { host, random, passages, share } = options
  assertString(host, { name: 'options.host' })
  const [marked, unmarked] = [splitWords(text), splitWords(host)]
  const plan = planDocument(drawFrom(random), {
    ...options,
    available: marked.words.length,
    host: unmarked.words.length,
  })
  const offsets = wordOffsets(marked)
  const { hostStart, hostLength } = plan
  const parts: string[] = []
  let written = 0
  const write = (part: string): void => {
    parts.push(part)
    written += part.length
  }
  const places: (Passage & { readonly words: number })[] = []
  // Word by word of the host; behind the last there may stand a passage, too.
  for (let i = 0; i <= hostLength; i++) {
    if (i > 0 && i < hostLength) write(unmarked.gaps[hostStart + i]!)
    const planned = plan.passages[places.length]
    if (planned?.after === i) {
      const { from, length } = planned
      if (i > 0 && !/\s$/u.test(parts.at(-1)!)) write(' ')
      const passage = wordRange(marked, { start: from, end: from + length })
      const start = written
      write(passage)
      places.push(Object.freeze({ start, end: written, from: offsets[from]!, words: length }))
      if (i < hostLength) write(' ')
    }
    if (i < hostLength) write(unmarked.words[hostStart + i]!)
  }
  return Object.freeze({
    ...attackedText(parts.join(''), {
      name: 'dilute-words',
      parameters: { host, passages, share, length: plan.length },
      edits: hostLength + marked.words.length - plan.marked,
      unit: 'words',
    }),
    passages: Object.freeze(places),
  })
}

function assertDiluteOptions(options: DiluteOptions<unknown>): void {
  assertSeeded(options, ['host', 'passages', 'share', 'length'])
  assertInteger(options.passages, { name: 'options.passages', min: 1 })
  assertShare(options.share, { name: 'options.share' })
}

interface DocumentPlan {
  readonly length: number
  readonly marked: number
  readonly hostStart: number
  readonly hostLength: number
  /** `after` host tokens stand before the passage, which is `marked[from .. from + length - 1]`. */
  readonly passages: readonly { readonly after: number; readonly from: number; readonly length: number }[]
}

function planDocument(
  draw: Draw,
  {
    available,
    host,
    passages,
    share,
    length: wanted,
  }: { available: number; host: number; passages: number; share: number; length?: number },
): DocumentPlan {
  const longest = longestDocument({ available, host, share })
  if (wanted !== undefined) assertInteger(wanted, { name: 'options.length', max: longest })
  const length = wanted ?? longest
  const marked = Math.round(share * length)
  const hostLength = length - marked
  const hostStart = draw(host - hostLength + 1)
  const count = Math.min(passages, marked, hostLength + 1)
  // A passage more than there are free tokens beside is a place more: k passages lie in as many ways as k places in free + k.
  const cuts = drawPlaces(draw, { count, places: available - marked + count })
  const afters = drawPlaces(draw, { count, places: hostLength + 1 })
  let before = 0
  const planned = cuts.map((cut, i) => {
    const size = Math.floor(marked / count) + (i < marked % count ? 1 : 0)
    const passage = { after: afters[i]!, from: cut - i + before, length: size }
    before += size
    return passage
  })
  return { length, marked, hostStart, hostLength, passages: planned }
}

// Marked and unmarked tokens both grow with the length, so what fits can be found by halving.
function longestDocument({
  available,
  host,
  share,
}: {
  available: number
  host: number
  share: number
}): number {
  let [fits, tooLong] = [0, available + host + 1]
  while (tooLong - fits > 1) {
    const length = Math.floor((fits + tooLong) / 2)
    const marked = Math.round(share * length)
    if (marked <= available && length - marked <= host) fits = length
    else tooLong = length
  }
  return fits
}

function wordOffsets({ words, gaps }: Words): number[] {
  let offset = 0
  return words.map((word, i) => {
    const start = offset + gaps[i]!.length
    offset = start + word.length
    return start
  })
}
