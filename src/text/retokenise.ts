/**
 * Do ids survive as text? A mark lives on ids, and a model may sample ids that its own tokenizer would not choose for the same text
 * ("in" + "put" where it has "input"). Whoever has only the text gets other ids there: pairs that touch such a place carry no mark, or
 * stand where nothing was marked. Ids are turned into text and back, and the two lists are aligned.
 *
 * The alignment takes the longest common beginning, then the nearest place from which three ids in a row agree again, and so on; at the end the
 * longest common ending. An id that survives stands in a run of ids that the reader has too, in the same order. It need not be a
 * smallest difference: what is doubtful counts as lost. Time and memory grow like the text.
 *
 * It knows nothing of keys: which positions survive depends on ids and tokenizer alone, so leaving the others out favours nobody.
 */
import { assertRecord, describe } from '../assert.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'

/** A tokenizer as two functions. Encode without special tokens, and decode without cleaning up, or what they add is reported. */
export interface TextCodec {
  encode(text: string): TokenIds
  decode(ids: number[]): string
}

/** Ids that became other ids: `from <= i < to` of those given, `againFrom <= j < againTo` of those that came back. Either may be empty. */
export interface LostSpan {
  readonly from: number
  readonly to: number
  readonly againFrom: number
  readonly againTo: number
}

/** What came back. */
export interface Retokenised {
  readonly text: string
  /** The ids that a reader of the text gets. */
  readonly ids: readonly number[]
  /** For each id given, whether it stands among them in its place. */
  readonly survives: readonly boolean[]
  /** Where the two differ, in order. */
  readonly spans: readonly LostSpan[]
  /**
   * Positions whose id cannot be relied on, ascending: those that do not survive, and the first one after ids that came from nowhere. A
   * pair of context and token that touches none of them is one that the reader has too; `countable` takes them as the document's `skip`.
   */
  readonly skip: readonly number[]
}

/** Ids in a row that must agree for two places to be the same one: a shorter run is too often a coincidence. */
const RUN = 3

/**
 * Turns ids into text and back, and says which survive.
 * @param ids token ids of one document, without special tokens that the text does not show.
 * @throws TypeError or RangeError for what are no ids, and for a tokenizer whose functions give no text or no ids.
 * @example
 * import { retokenise } from 'dyetrace'
 * const pieces = ['a', 'b', 'ab']
 * const toy = {
 *   encode: (text) => text.split(/(ab|a|b)/).filter((piece) => piece !== '').map((piece) => pieces.indexOf(piece)),
 *   decode: (ids) => ids.map((id) => pieces[id]).join(''),
 * }
 * const { ids, skip } = retokenise([1, 0, 1, 0, 0, 0], toy)
 * console.log(ids, skip) // [ 1, 2, 0, 0, 0 ] [ 1, 2 ]
 */
export function retokenise(ids: TokenIds, tokenizer: TextCodec): Retokenised {
  assertTokenIds(ids, { name: 'ids', vocabularySize: 2 ** 32 })
  assertRecord(tokenizer, { name: 'tokenizer' })
  const codec: Partial<TextCodec> = tokenizer
  for (const name of ['encode', 'decode'] as const) {
    if (typeof codec[name] !== 'function')
      throw new TypeError(`"tokenizer.${name}" expected a function, got ${describe(codec[name])}`)
  }
  const given = Array.from(ids)
  const text: unknown = tokenizer.decode([...given])
  if (typeof text !== 'string')
    throw new TypeError(`"tokenizer.decode" expected to return a string, got ${describe(text)}`)
  const returned: unknown = tokenizer.encode(text)
  assertTokenIds(returned, { name: 'tokenizer.encode(...)', vocabularySize: 2 ** 32 })
  const again = Array.from(returned)
  const spans = differences(given, again)
  const survives = new Array<boolean>(given.length).fill(true)
  const skip: number[] = []
  for (const { from, to } of spans) {
    survives.fill(false, from, to)
    const end = from === to ? Math.min(to + 1, given.length) : to
    for (let i = from; i < end; i++) skip.push(i)
  }
  return Object.freeze({
    text,
    ids: Object.freeze(again),
    survives: Object.freeze(survives),
    spans: Object.freeze(spans),
    skip: Object.freeze(skip),
  })
}

/** Where two lists differ; outside of the spans they agree, id by id. */
function differences(given: readonly number[], again: readonly number[]): LostSpan[] {
  const spans: LostSpan[] = []
  const lost = (from: number, to: number, againFrom: number, againTo: number): void => {
    if (from < to || againFrom < againTo) spans.push(Object.freeze({ from, to, againFrom, againTo }))
  }
  const runsOf = runIndex(again)
  let [i, j] = [0, 0]
  for (;;) {
    while (i < given.length && j < again.length && given[i] === again[j]) {
      i++
      j++
    }
    const next = nearestRun({ given, i, j }, runsOf)
    if (!next) break
    lost(i, next.i, j, next.j)
    i = next.i
    j = next.j
  }
  // No run of three is left in common: what remains is one span, up to the common ending.
  let ending = 0
  while (
    ending < Math.min(given.length - i, again.length - j) &&
    given[given.length - 1 - ending] === again[again.length - 1 - ending]
  )
    ending++
  lost(i, given.length - ending, j, again.length - ending)
  return spans
}

/** The places, ascending, where a run of ids begins. */
type RunIndex = (ids: readonly number[], at: number) => readonly number[]

function runIndex(ids: readonly number[]): RunIndex {
  const places = new Map<string, number[]>()
  const nameOf = (list: readonly number[], at: number): string => list.slice(at, at + RUN).join()
  for (let at = 0; at + RUN <= ids.length; at++) {
    const name = nameOf(ids, at)
    const known = places.get(name)
    if (known) known.push(at)
    else places.set(name, [at])
  }
  return (list, at) => places.get(nameOf(list, at)) ?? []
}

/** The places behind i and j from which both go on alike for a run, with the fewest ids passed over in both together. */
function nearestRun(
  { given, i, j }: { given: readonly number[]; i: number; j: number },
  runsOf: RunIndex,
): { i: number; j: number } | undefined {
  let best: { i: number; j: number } | undefined
  let least = Infinity
  for (let a = 0; a < least && i + a + RUN <= given.length; a++) {
    const places = runsOf(given, i + a)
    const place = places[firstAtLeast(places, j)]
    if (place === undefined || a + place - j >= least) continue
    least = a + place - j
    best = { i: i + a, j: place }
  }
  return best
}

/** Index of the first of these ascending numbers that is at least a limit; their number if none is. */
function firstAtLeast(ascending: readonly number[], limit: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! < limit) low = middle + 1
    else high = middle
  }
  return low
}
