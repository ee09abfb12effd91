/**
 * Observations: what a suspect said, in the one form that every kind of access comes down to: a window, some tokens, and a
 * weight for each. Sampled text is one token of weight 1; probabilities are many tokens with their values. Everything here is
 * key-blind: which positions and tokens are scored is settled before a key is near.
 *
 * A window that occurs earlier in the same context is left out: there the suspect could copy what followed it, whatever it
 * was trained on (docs/statistics.md, section 6).
 */
import { assertArray, assertInteger, assertOptions, assertRecord, describe } from '../assert.ts'
import type { Context } from '../context.ts'
import { lastIds } from '../context.ts'
import type { Digest } from '../digest.ts'
import { type Access, promptsDigest } from '../plan/plan.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import { createTupleSet } from '../tuple-set.ts'

/** What the suspect would say after one window. */
export interface Observation {
  /** The last `contextWidth` ids before the position, oldest first. */
  readonly window: Context
  /** Tokens looked at, ascending. */
  readonly tokens: ArrayLike<number>
  /** The suspect's weight of each token: its probability, or 1 where the token was sampled. */
  readonly weights: ArrayLike<number>
  /** For each reference its probability of each token, in the same order. */
  readonly references: readonly ArrayLike<number>[]
}

declare const keyBlind: unique symbol

/**
 * Observations of one suspect, with what was left out; made by {@link textObservations} and {@link rowObservations} only, for
 * only they leave out windows that the suspect could copy from. Frozen.
 */
export interface Observations {
  readonly [keyBlind]: true
  readonly access: Access
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Digest of the prompts that were put, as the plan holds it. */
  readonly prompts: Digest
  /** Number of references that every observation has. */
  readonly references: number
  readonly list: readonly Observation[]
  /** Positions looked at, kept or not. */
  readonly seen: number
  /** Positions left out because their window occurs earlier in the same context. */
  readonly repeatedWindow: number
}

/** An answer: the prompt that was put and the ids that came back. */
export interface Answer {
  readonly prompt: TokenIds
  readonly completion: TokenIds
}

/** Largest number of tokens looked at in one position of a row: what the suspect holds most probable carries nearly all of it. */
export const MOST_TOKENS = 100

/**
 * Observations of sampled text: each generated token after its window.
 * @param endOfText what follows it in a completion is not looked at.
 * @throws TypeError or RangeError for ids outside the vocabulary.
 */
export function textObservations(
  answers: readonly Answer[],
  options: { contextWidth: number; vocabularySize: number; endOfText?: number },
): Observations {
  assertArray(answers, { name: 'answers', expected: 'an array of { prompt, completion }' })
  assertFormat(options, { keys: ['contextWidth', 'vocabularySize', 'endOfText'] })
  const { contextWidth, vocabularySize, endOfText } = options
  if (endOfText !== undefined)
    assertInteger(endOfText, { name: 'options.endOfText', max: vocabularySize - 1 })
  const list: Observation[] = []
  let seen = 0
  let repeatedWindow = 0
  const prompts: TokenIds[] = []
  for (const [a, answer] of answers.entries()) {
    assertRecord(answer, { name: `answers[${a}]` })
    const { prompt, completion } = answer
    assertTokenIds(prompt, { name: `answers[${a}].prompt`, vocabularySize })
    assertTokenIds(completion, { name: `answers[${a}].completion`, vocabularySize })
    prompts.push(prompt)
    const end = endOfText === undefined ? -1 : Array.prototype.indexOf.call(completion, endOfText)
    const ids = [...prompt, ...completion].slice(0, end === -1 ? undefined : prompt.length + end + 1)
    const fresh = freshWindows(ids, contextWidth)
    for (let i = Math.max(prompt.length, contextWidth); i < ids.length; i++) {
      seen++
      if (fresh[i])
        list.push({
          window: lastIds(ids, i, { contextWidth })!,
          tokens: [ids[i]!],
          weights: [1],
          references: [],
        })
      else repeatedWindow++
    }
  }
  return mint({
    access: 'text',
    contextWidth,
    vocabularySize,
    prompts: promptsDigest(prompts),
    references: 0,
    list,
    seen,
    repeatedWindow,
  })
}

/**
 * Observations of next-token probabilities over key-blind texts. In each position the suspect's most probable tokens are kept,
 * at most {@link MOST_TOKENS}. References have no say in which: one that carries the mark after all would lift green tokens
 * over the threshold, and with them the sum of an innocent.
 * @param sequences the texts that were put, as ids.
 * @param rows the suspect's answer: for each sequence its length times `vocabularySize` probabilities (see `Suspect.rows`).
 * @param references the same for each reference, of the same sequences.
 * @throws TypeError or RangeError for rows of another shape, or probabilities outside 0..1.
 */
export function rowObservations(
  sequences: readonly TokenIds[],
  rows: readonly Float32Array[],
  options: {
    contextWidth: number
    vocabularySize: number
    references?: readonly (readonly Float32Array[])[]
  },
): Observations {
  assertArray(sequences, { name: 'sequences', expected: 'an array of token id arrays' })
  assertFormat(options, { keys: ['contextWidth', 'vocabularySize', 'references'] })
  const { contextWidth, vocabularySize, references = [] } = options
  assertArray(references, {
    name: 'options.references',
    expected: 'an array of rows, one element a reference',
  })
  const models = [rows, ...references]
  for (const [m, model] of models.entries()) {
    const name = m === 0 ? 'rows' : `options.references[${m - 1}]`
    assertArray(model, { name, expected: 'an array of Float32Array, one a sequence' })
    if (model.length !== sequences.length)
      throw new RangeError(`"${name}" expected rows for ${sequences.length} sequences, got ${model.length}`)
  }
  const list: Observation[] = []
  let seen = 0
  let repeatedWindow = 0
  for (const [s, ids] of sequences.entries()) {
    assertTokenIds(ids, { name: `sequences[${s}]`, vocabularySize })
    for (const [m, model] of models.entries()) {
      assertRows(model[s], {
        name: m === 0 ? `rows[${s}]` : `options.references[${m - 1}][${s}]`,
        values: ids.length * vocabularySize,
      })
    }
    const fresh = freshWindows(ids, contextWidth)
    // Row i is the law of what follows ids[0..i], so its window ends at i: the position that is judged is i + 1.
    for (let i = contextWidth; i <= ids.length; i++) {
      if (i === 0) continue
      seen++
      if (!fresh[i]) {
        repeatedWindow++
        continue
      }
      const at = models.map((model) => model[s]!.subarray((i - 1) * vocabularySize, i * vocabularySize))
      const tokens = likeliest(at[0]!)
      const [weights, ...references] = at.map((row) => Float64Array.from(tokens, (token) => row[token]!))
      list.push({ window: lastIds(ids, i, { contextWidth })!, tokens, weights: weights!, references })
    }
  }
  return mint({
    access: 'rows',
    contextWidth,
    vocabularySize,
    prompts: promptsDigest(sequences),
    references: references.length,
    list,
    seen,
    repeatedWindow,
  })
}

const minted = new WeakSet<object>()

function mint(observations: Omit<Observations, typeof keyBlind>): Observations {
  minted.add(observations)
  Object.freeze(observations.list)
  return Object.freeze(observations) as Observations
}

/** Refuses observations that were made elsewhere, also where no compiler checks. */
export function assertObservations(
  observations: unknown,
  { name }: { name: string },
): asserts observations is Observations {
  if (typeof observations !== 'object' || observations === null || !minted.has(observations))
    throw new TypeError(
      `"${name}" expected observations made by textObservations() or rowObservations(), got something else; only they leave out what could be copied`,
    )
}

/** fresh[i]: the window before position i (i from contextWidth to length) occurs there for the first time in `ids`. */
function freshWindows(ids: TokenIds, contextWidth: number): readonly boolean[] {
  const windows = createTupleSet(contextWidth)
  const fresh: boolean[] = new Array(ids.length + 1).fill(false)
  for (let i = contextWidth; i <= ids.length; i++) {
    const known = windows.size
    windows.indexOf(lastIds(ids, i, { contextWidth })!)
    // Width 0 has one window for everything: there is no continuation to copy, and nothing would be left to score.
    fresh[i] = contextWidth === 0 || windows.size > known
  }
  return fresh
}

function likeliest(row: Float32Array): Uint32Array {
  const size = row.length
  if (size <= MOST_TOKENS) return Uint32Array.from(row.keys())
  const least = row.slice().sort()[size - MOST_TOKENS]!
  const tokens = new Uint32Array(MOST_TOKENS)
  let above = 0
  for (let v = 0; v < size; v++) if (row[v]! > least) tokens[above++] = v
  // Ties at the threshold go to the lowest ids: the same tokens on every machine.
  for (let v = 0; v < size && above < MOST_TOKENS; v++) if (row[v] === least) tokens[above++] = v
  return tokens.sort()
}

function assertRows(rows: unknown, { name, values }: { name: string; values: number }): void {
  if (!(rows instanceof Float32Array))
    throw new TypeError(`"${name}" expected a Float32Array, got ${describe(rows)}`)
  if (rows.length !== values)
    throw new RangeError(`"${name}" expected ${values} probabilities, got ${rows.length}`)
  for (let i = 0; i < rows.length; i++) {
    if (!(rows[i]! >= 0 && rows[i]! <= 1.001))
      throw new RangeError(`"${name}[${i}]" expected a probability, got ${describe(rows[i])}`)
  }
}

function assertFormat(
  options: { readonly contextWidth: number; readonly vocabularySize: number },
  { keys }: { keys: readonly string[] },
): void {
  assertOptions(options, { name: 'options', keys })
  assertInteger(options.contextWidth, { name: 'options.contextWidth', max: 4 })
  assertInteger(options.vocabularySize, { name: 'options.vocabularySize', min: 2 })
}
