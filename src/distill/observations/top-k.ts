/** Observations of the suspect's likeliest tokens, as servers give them beside an answer or for a text that was put. */
import { assertArray, assertInteger, assertRecord } from '../../assert.ts'
import { assertTokenIds, type TokenIds } from '../../tokens.ts'
import { assertPositions, type Law, readLaws, readList, type TextLaws, type TopKList } from './laws.ts'
import { MOST_TOKENS } from './likeliest.ts'
import { type Answer, mint, type Observations } from './observed.ts'
import { checkOptions, gatherObservations, type ObservationOptions } from './windows.ts'

/** Options of {@link topKObservations}. */
export interface TopKOptions extends ObservationOptions {
  /** Logprobs asked for in each position, 1..100. Where a list has more, the likeliest k are kept. */
  readonly k: number
  /** For each reference what it says, one element a sequence; positions as in `lists`. @defaultValue none */
  readonly references?: readonly (readonly TextLaws[])[]
}

/**
 * A token that a reference does not list gets this part of the suspect's least listed probability. Listed by the one and not by the other, it
 * cannot be far above; at 0 the whole root of the suspect's value would remain, which measures the language and not the mark. Measured on a toy thief
 * (a tenth of marked text, the rest known to the reference): z = 8.9, 10.5, 3.3 for parts 0, 1/2, 1 at k = 1, and 38, 45, 40 at k = 20.
 */
const UNLISTED = 0.5

/**
 * Observations of the suspect's k likeliest next tokens. Scored are the tokens that the suspect itself lists, with the
 * probabilities that it gives.
 *
 * _Its missing tail is not filled in._ A fill p(v) = r(v) (1 - sum p) / (1 - sum r) from a reference that carries the mark gives the
 * coefficient sqrt r(v) (sqrt rho - beta), rho being the ratio. That is positive wherever rho > beta^2, and then the reference's mark is read as
 * the suspect's; no bound on beta or rho is known beforehand. It would buy nothing: with a reference that knows all but the mark rho and
 * beta are about 1 and the fill adds about 0 (toy thief: z = 44.5 with it, 44.3 without, k = 20), with any other it adds noise (11 and 52).
 *
 * _Safe with a reference that leans to the key_ (observed.ts): tokens and weights are the suspect's alone, and the coefficient falls as r
 * rises. Of a reference that is itself a list, each r is raised to a floor c made of the suspect's values only, also where it is
 * listed below: max(r, c) leans if r does, to max(q, c). That the list ends takes nothing from it. Let the list of q hold what is likeliest with
 * the mark off: under a mark of one strength a green token has no more tokens above it than by q, and any other no fewer, so a green one
 * keeps its place in the list and another gains none. (For a mixture of marked and unmarked models this is so up to exchanges among green tokens
 * at the end of the list.) The rest 1 - sum r, or the reference's own least value, would be a floor that depends on the key.
 *
 * @param sequences texts that were put, as ids; or answers, where the lists are those of the sampled completion.
 * @param lists for each text its list after each id: element i is about what follows `ids[0..i]`, and the last one may be left out. For
 * each answer one list for each token of the completion, about that token's place. null where the suspect's tokens end elsewhere.
 * @throws TypeError or RangeError for lists of another number, tokens outside the vocabulary, or log-probabilities above 0.
 * @example
 * import { topKObservations } from 'dyetrace/distill'
 * const lists = [[[[7, -0.2], [3, -1.9]], [[3, -0.1], [9, -2.5]]]]
 * const { list } = topKObservations([[5, 7]], lists, { k: 2, contextWidth: 1, vocabularySize: 10 })
 * console.log(list[1].window, Array.from(list[1].tokens)) // [ 7 ] [ 3, 9 ]
 */
export function topKObservations(
  sequences: readonly (TokenIds | Answer)[],
  lists: readonly (readonly (TopKList | null)[])[],
  options: TopKOptions,
): Observations {
  assertArray(sequences, { name: 'sequences', expected: 'an array of token id arrays or answers' })
  const checked = checkOptions(options, { own: ['k', 'references'] })
  const { vocabularySize, k, references = [] } = checked
  assertInteger(k, { name: 'options.k', min: 1, max: MOST_TOKENS })
  assertArray(references, { name: 'options.references', expected: 'an array, one element a reference' })
  for (const [m, model] of [lists, ...references].entries()) {
    const name = m === 0 ? 'lists' : `options.references[${m - 1}]`
    assertArray(model, { name, expected: 'an array, one element a sequence' })
    if (model.length !== sequences.length)
      throw new RangeError(
        `"${name}" expected ${sequences.length} elements, one a sequence, got ${model.length}`,
      )
  }
  const gathered = gatherObservations(checked)
  for (const [s, sequence] of sequences.entries()) {
    const { ids, promptLength, first, lengths } = spanOf(sequence, {
      name: `sequences[${s}]`,
      vocabularySize,
    })
    const said: readonly unknown[] = lists[s]!
    assertArray(said, { name: `lists[${s}]`, expected: 'an array of lists, one a position' })
    assertPositions(said, { name: `lists[${s}]`, lengths })
    const laws = references.map((model, r) =>
      readLaws(model[s], { name: `options.references[${r}][${s}]`, lengths, vocabularySize }),
    )
    const look = gathered.read(ids, { promptLength })
    for (let j = 0; j < said.length; j++) {
      const i = first + j
      const aligned = said[j] !== null
      const { tokens, probabilities } = readList(said[j] ?? [], {
        name: `lists[${s}][${j}]`,
        vocabularySize,
        k,
      })
      look(
        i,
        (window) => ({
          window,
          tokens,
          weights: probabilities,
          references: laws.map((law) => referenceValues(law(j), { tokens, probabilities })),
        }),
        { aligned },
      )
    }
  }
  return mint(
    { access: 'top-k', topK: k, ...gathered.report(), references: references.length },
    gathered.burns,
  )
}

/** A reference's probabilities of the suspect's tokens; what a list does not name, or names below the floor, is at the floor. */
function referenceValues(
  law: Law,
  suspect: { tokens: Uint32Array; probabilities: Float64Array },
): Float64Array {
  const { tokens, probabilities } = suspect
  const floor = law.whole ? 0 : UNLISTED * probabilities.reduce((least, p) => Math.min(least, p), 1)
  return Float64Array.from(tokens, (token) => Math.max(law.of(token) ?? 0, floor))
}

/** Where the positions of a text or of an answer lie. */
function spanOf(
  sequence: TokenIds | Answer,
  { name, vocabularySize }: { name: string; vocabularySize: number },
): { ids: TokenIds; promptLength: number; first: number; lengths: readonly number[] } {
  if (Array.isArray(sequence) || ArrayBuffer.isView(sequence)) {
    const ids = sequence as TokenIds
    assertTokenIds(ids, { name, vocabularySize })
    const { length } = ids
    return { ids, promptLength: length, first: 1, lengths: length === 0 ? [0] : [length, length - 1] }
  }
  assertRecord(sequence, { name })
  const { prompt, completion } = sequence as unknown as Answer
  assertTokenIds(prompt, { name: `${name}.prompt`, vocabularySize })
  assertTokenIds(completion, { name: `${name}.completion`, vocabularySize })
  const ids = [...prompt, ...completion]
  return { ids, promptLength: prompt.length, first: prompt.length, lengths: [completion.length] }
}
