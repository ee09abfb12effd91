/** Observations of whole rows: next-token probabilities of a suspect whose weights we have. */
import { assertArray, describe } from '../../assert.ts'
import { assertTokenIds, type TokenIds } from '../../tokens.ts'
import { likeliest } from './likeliest.ts'
import { mint, type Observations } from './observed.ts'
import { checkOptions, gatherObservations, type ObservationOptions } from './windows.ts'

/** Options of {@link rowObservations}. */
export interface RowOptions extends ObservationOptions {
  /** For each reference its rows, of the same sequences. @defaultValue none */
  readonly references?: readonly (readonly Float32Array[])[]
}

/**
 * Observations of next-token probabilities over key-blind texts. In each position the suspect's most probable tokens are kept,
 * at most {@link MOST_TOKENS}.
 *
 * Safe with a reference that leans to the key (observed.ts): the scored tokens and their weights are the suspect's alone, and the
 * coefficient falls as r rises. References have no say in which tokens are scored: one that carries the mark would lift green
 * tokens over the threshold, where they have a positive coefficient, and with them the sum of an innocent.
 * @param sequences the texts that were put, as ids.
 * @param rows the suspect's answer: for each sequence its length times `vocabularySize` probabilities (see `Suspect.rows`).
 * @throws TypeError or RangeError for rows of another shape, or probabilities outside 0..1.
 * @example
 * import { rowObservations } from 'dyetrace/distill'
 * const rows = [Float32Array.of(0.7, 0.2, 0.1, 0.1, 0.1, 0.8)]
 * const { list, seen } = rowObservations([[2, 0]], rows, { contextWidth: 1, vocabularySize: 3 })
 * console.log(seen, list[1].window, list[1].tokens.length) // 2 [ 0 ] 3
 */
export function rowObservations(
  sequences: readonly TokenIds[],
  rows: readonly Float32Array[],
  options: RowOptions,
): Observations {
  assertArray(sequences, { name: 'sequences', expected: 'an array of token id arrays' })
  const checked = checkOptions(options, { own: ['references'] })
  const { contextWidth, vocabularySize, references = [] } = checked
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
  const gathered = gatherObservations(checked)
  for (const [s, ids] of sequences.entries()) {
    assertTokenIds(ids, { name: `sequences[${s}]`, vocabularySize })
    for (const [m, model] of models.entries()) {
      assertRows(model[s], {
        name: m === 0 ? `rows[${s}]` : `options.references[${m - 1}][${s}]`,
        values: ids.length * vocabularySize,
      })
    }
    const look = gathered.read(ids, { promptLength: ids.length })
    // Row i is the law of what follows ids[0..i], so its window ends at i: the position that is judged is i + 1.
    for (let i = Math.max(1, contextWidth); i <= ids.length; i++) {
      look(i, (window) => {
        const at = models.map((model) => model[s]!.subarray((i - 1) * vocabularySize, i * vocabularySize))
        const tokens = likeliest(at[0]!)
        const [weights, ...references] = at.map((row) => Float64Array.from(tokens, (token) => row[token]!))
        return { window, tokens, weights: weights!, references }
      })
    }
  }
  return mint({ access: 'rows', ...gathered.report(), references: references.length }, gathered.burns)
}

/** Refuses what is not so many probabilities. */
export function assertRows(rows: unknown, { name, values }: { name: string; values: number }): void {
  if (!(rows instanceof Float32Array))
    throw new TypeError(`"${name}" expected a Float32Array, got ${describe(rows)}`)
  if (rows.length !== values)
    throw new RangeError(`"${name}" expected ${values} probabilities, got ${rows.length}`)
  for (let i = 0; i < rows.length; i++) {
    if (!(rows[i]! >= 0 && rows[i]! <= 1.001))
      throw new RangeError(`"${name}[${i}]" expected a probability, got ${describe(rows[i])}`)
  }
}
