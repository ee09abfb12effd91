/**
 * Texts in any number for the slow suites, all from the two bundled novels and a seed: excerpts, passages said again, filled-in templates,
 * and text that a small language model wrote under a mark. The model knows which tokens follow which in the novels (bigrams, with
 * trigrams weighing more), so that a row has a few dozen tokens with language-like chances and marking one takes microseconds.
 */
import seedrandom from 'seedrandom'
import { createMarker, type MarkerOptions } from '../../src/integrations/marker.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import type { Profile } from '../../src/keys/profile.ts'

/** How many texts, how long, and the seed that they depend on. */
export interface Batch {
  readonly count: number
  readonly length: number
  readonly seed: string
}

/** Pieces of a text from random places. They overlap, which is fine where each is judged under a key of its own: texts are fixed, keys are drawn. */
export function excerpts(ids: Uint32Array, { count, length, seed }: Batch): Uint32Array[] {
  const random = seedrandom(`excerpts ${seed}`)
  return Array.from({ length: count }, () => {
    const from = Math.floor(random() * (ids.length - length + 1))
    return ids.slice(from, from + length)
  })
}

/** Texts that say one passage over and over. */
export function repeatedPassages(
  ids: Uint32Array,
  { times, ...batch }: Batch & { times: number },
): Uint32Array[] {
  const passages = excerpts(ids, { ...batch, length: batch.length / times })
  return passages.map((passage) =>
    Uint32Array.from({ length: batch.length }, (_, i) => passage[i % passage.length]!),
  )
}

/** Forms: a few fixed texts, each with slots of `slot` tokens at even distances that every copy fills in for itself. */
export function filledTemplates(
  ids: Uint32Array,
  { forms, slots, slot, ...batch }: Batch & { forms: number; slots: number; slot: number },
): Uint32Array[] {
  const templates = excerpts(ids, { ...batch, count: forms, seed: `${batch.seed} forms` })
  const fillings = excerpts(ids, { ...batch, count: batch.count * slots, length: slot })
  return Array.from({ length: batch.count }, (_, t) => {
    const text = Uint32Array.from(templates[t % forms]!)
    for (let s = 0; s < slots; s++)
      text.set(fillings[t * slots + s]!, Math.floor(((s + 0.5) * batch.length) / slots))
    return text
  })
}

/** A language model of counts. */
export interface LabModel {
  readonly vocabularySize: number
  /** What may follow these ids, and its logits. */
  next(ids: readonly number[]): Continuations
}

interface Continuations {
  readonly tokens: readonly number[]
  readonly logits: readonly number[]
}

// A token seen after the same two tokens says more than one seen after the last.
const TRIGRAM_WEIGHT = 4
// Of a hundred successors the rarest cost time and are hardly ever drawn.
const MOST_SUCCESSORS = 64

/** Counts what follows what. The last id is followed by the first, so that every id that occurs has a successor. */
export function createLabModel(ids: Uint32Array, { vocabularySize }: { vocabularySize: number }): LabModel {
  const after = new Map<number, Map<number, number>>()
  const add = (context: number, token: number): void => {
    const counts = after.get(context) ?? new Map<number, number>()
    counts.set(token, (counts.get(token) ?? 0) + 1)
    after.set(context, counts)
  }
  // A bigram's context is an id; a trigram's starts beyond them.
  const pair = (first: number, second: number): number => vocabularySize * (first + 1) + second
  for (let i = 0; i < ids.length; i++) {
    const [first, second, token] = [0, 1, 2].map((j) => ids[(i + j) % ids.length]!)
    add(second!, token!)
    add(pair(first!, second!), token!)
  }
  const made = new Map<number, Continuations>()
  const make = (last: number, both: number): Continuations => {
    const weights = new Map(after.get(last)!)
    for (const [token, count] of after.get(both) ?? [])
      weights.set(token, (weights.get(token) ?? 0) + TRIGRAM_WEIGHT * count)
    const likeliest = [...weights].sort(([, a], [, b]) => b - a).slice(0, MOST_SUCCESSORS)
    return { tokens: likeliest.map(([token]) => token), logits: likeliest.map(([, w]) => Math.log(w)) }
  }
  return {
    vocabularySize,
    next(text) {
      const last = text.at(-1)!
      const both = pair(text.at(-2) ?? 0, last)
      const known = made.get(both) ?? make(last, both)
      made.set(both, known)
      return known
    },
  }
}

/** One text that the model writes under a mark, from a first id drawn from `starts`. `when` as of the marker. */
export function writeMarked(
  model: LabModel,
  { profile, keys, starts, length, seed, ...options }: MarkedBatch & Pick<Batch, 'length' | 'seed'>,
): Uint32Array {
  const marker = createMarker(profile, keys, options)
  const random = seedrandom(`written ${seed}`)
  const row = new Float64Array(model.vocabularySize)
  const ids = [starts[Math.floor(random() * starts.length)]!]
  while (ids.length < length) {
    const { tokens, logits } = model.next(ids)
    row.fill(Number.NEGATIVE_INFINITY)
    for (let i = 0; i < tokens.length; i++) row[tokens[i]!] = logits[i]!
    marker.mark(row, ids)
    ids.push(drawFrom(row, { tokens, uniform: random() }))
  }
  return Uint32Array.from(ids)
}

/** Under which mark, and from which first ids. */
export interface MarkedBatch extends Pick<MarkerOptions, 'when'> {
  readonly profile: Profile
  readonly keys: readonly MarkKey[]
  readonly starts: Uint32Array
}

/** A draw from the softmax of a row that is -Infinity but for these tokens. */
function drawFrom(
  row: Float64Array,
  { tokens, uniform }: { tokens: readonly number[]; uniform: number },
): number {
  const weights = tokens.map((token) => Math.exp(row[token]!))
  let rest = uniform * weights.reduce((total, weight) => total + weight, 0)
  let drawn = tokens[0]!
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue
    drawn = tokens[i]!
    rest -= weight
    if (rest < 0) break
  }
  return drawn
}
