/**
 * Which positions may be scored, by their windows. A window that occurs earlier in the same context is left out under either rule: there
 * the suspect could go on as the context did, whatever it was trained on (docs/statistics.md, section 6).
 *
 * Under 'globally-first' a window is left out too if it occurs in any text before, scored or not, across the seam of prompt and answer as
 * well. That is the rule for prompts that contain text marked under the key, and for prompts chosen after looking: nothing that came before
 * depends on the field numbers of a window that is new, so given all that came before they still have their law.
 * Only texts that come before burn: a prompt chosen later could otherwise strike out a window whose score is known.
 */
import { assertArray, assertInteger, assertOneOf, assertOptions } from '../../assert.ts'
import { type Context, lastIds, MAX_CONTEXT_WIDTH } from '../../context.ts'
import { promptsDigest } from '../../plan/plan.ts'
import { assertTokenIds, type TokenIds } from '../../tokens.ts'
import { createTupleSet, type TupleSet } from '../../tuple-set.ts'
import type { Observation, Observations, WindowRule } from './observed.ts'

/** Options that all constructors share. */
export interface ObservationOptions {
  readonly contextWidth: number
  readonly vocabularySize: number
  /**
   * Which positions are kept. With 'globally-first' the order of the texts is the order in which they were put.
   * @defaultValue 'distinct-pairs'
   */
  readonly windows?: WindowRule
  /**
   * 'globally-first' only: all other text known to be marked under a key to be tried, which then comes before everything else. Where a
   * prompt was cut out of a marked document, the whole document belongs here: what it says further on may depend on its beginning.
   * @defaultValue none
   */
  readonly markedText?: readonly TokenIds[]
}

/** The options, checked and filled in. */
export type Checked<T extends ObservationOptions> = T & Required<ObservationOptions>

/** Checks what all constructors share. @param own names of the options that only this constructor has. */
export function checkOptions<T extends ObservationOptions>(
  options: T,
  { own }: { own: readonly string[] },
): Checked<T> {
  assertOptions(options, {
    name: 'options',
    keys: ['contextWidth', 'vocabularySize', 'windows', 'markedText', ...own],
  })
  const { contextWidth, vocabularySize, windows = 'distinct-pairs', markedText = [] } = options
  assertInteger(contextWidth, { name: 'options.contextWidth', max: MAX_CONTEXT_WIDTH })
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2 })
  assertOneOf(windows, { name: 'options.windows', values: ['distinct-pairs', 'globally-first'] })
  assertArray(markedText, { name: 'options.markedText', expected: 'an array of token id arrays' })
  if (windows === 'distinct-pairs' && markedText.length > 0)
    throw new RangeError(
      `"options.markedText" expected none under 'distinct-pairs', which is for key-blind prompts, got ${markedText.length} documents; use 'globally-first'`,
    )
  for (const [d, ids] of markedText.entries())
    assertTokenIds(ids, { name: `options.markedText[${d}]`, vocabularySize })
  return { ...options, windows, markedText }
}

/** Takes in texts in the order asked, decides about each position, and counts what is left out. */
export interface Gathering {
  /**
   * Decides about the positions of one text.
   * @param ids prompt and answer; windows of all of it are remembered.
   * @param promptLength the ids at its start that were put.
   */
  read(ids: TokenIds, about: { promptLength: number }): Decider
  /** All windows so far, where they burn. */
  readonly burns: TupleSet
  /** What all constructors report alike. */
  report(): Pick<
    Observations,
    | 'contextWidth'
    | 'vocabularySize'
    | 'prompts'
    | 'repeatedPrompts'
    | 'windows'
    | 'markedText'
    | 'list'
    | 'seen'
    | 'repeatedWindow'
    | 'burned'
    | 'notAligned'
    | 'promptOverlap'
  >
}

/**
 * Looks at position i, the one before which `ids[0..i-1]` stand. A position that is kept becomes the observation that `observe` makes.
 * `aligned`: false where the suspect's tokens do not end at this place.
 */
export type Decider = (
  i: number,
  observe: (window: Context) => Observation,
  about?: { readonly aligned: boolean },
) => void

/** Starts gathering. */
export function gatherObservations(options: Checked<ObservationOptions>): Gathering {
  const { contextWidth, vocabularySize, windows, markedText } = options
  const list: Observation[] = []
  const left = { repeatedWindow: 0, burned: 0, notAligned: 0 }
  let seen = 0
  const prompts: TokenIds[] = []
  const inPrompts = createTupleSet(contextWidth)
  const everywhere = createTupleSet(contextWidth)
  const burning = windows === 'globally-first'
  for (const ids of markedText) eachWindow(ids, contextWidth, (window) => everywhere.indexOf(window))

  function read(ids: TokenIds, { promptLength }: { promptLength: number }): Decider {
    const prompt = ids.slice(0, promptLength)
    prompts.push(prompt)
    eachWindow(prompt, contextWidth, (window) => inPrompts.indexOf(window))
    const own = createTupleSet(contextWidth)
    const standing: ('kept' | keyof typeof left)[] = []
    eachWindow(ids, contextWidth, (window, i) => {
      // Width 0 has one window for everything: there is no continuation to copy, and nothing would be left to score.
      const repeats = !added(own, window) && contextWidth > 0
      const burns = burning && !added(everywhere, window)
      standing[i] = repeats ? 'repeatedWindow' : burns ? 'burned' : 'kept'
    })
    return (i, observe, { aligned } = { aligned: true }) => {
      if (i < contextWidth) return
      seen++
      const stands = aligned ? standing[i]! : 'notAligned'
      if (stands === 'kept') list.push(observe(lastIds(ids, i, { contextWidth })!))
      else left[stands]++
    }
  }

  return {
    read,
    burns: everywhere,
    report: () => ({
      contextWidth,
      vocabularySize,
      prompts: promptsDigest(prompts),
      repeatedPrompts: prompts.length - new Set(prompts.map((ids) => Array.from(ids).join())).size,
      windows,
      ...(burning && { markedText: promptsDigest(markedText) }),
      list,
      seen,
      ...left,
      promptOverlap: list.filter(({ window }) => inPrompts.find(window) !== undefined).length,
    }),
  }
}

/** The windows of a text, the one at its end included. */
function eachWindow(ids: TokenIds, contextWidth: number, visit: (window: Context, i: number) => void): void {
  for (let i = contextWidth; i <= ids.length; i++) visit(lastIds(ids, i, { contextWidth })!, i)
}

function added(set: ReturnType<typeof createTupleSet>, window: Context): boolean {
  const { size } = set
  set.indexOf(window)
  return set.size > size
}
