/**
 * SynthID-Text as Hugging Face transformers writes it (`SynthIDTextWatermarkingConfig`, table of the CPU generator): each layer looks a bit up
 * in one table, at a place that the n-gram and the layer's key decide. Generated tokens only, with zeros before the first.
 *
 * With a table of 2^b entries only b bits of the n-gram matter (prf/engines/synthid.ts): n-grams that agree in them have the same bits under
 * every key, and count once. What is left is a draw of distinct places of a table whose share of ones is known, m of them an n-gram: without
 * replacement, so at most as spread as the binomial with that share, up to the table's own correlations. There are no more than 2^b places,
 * which is why the test of models refuses this scheme (docs/engines.md).
 */
import type { EngineProfile, EngineSettings } from '../../keys/engine-profile.ts'
import { markKeyWords } from '../../keys/mark-key.ts'
import { lowStateOf, samplingTable, tableIndex } from '../../prf/engines/synthid.ts'
import type { Scheme } from '../scheme.ts'
import { generatedIds, notWritten } from './contexts.ts'

/** What shapes the mark: `param` is the number of layers. */
export type HfSynthIdParameters = Pick<EngineProfile, 'contextWidth' | 'param'> &
  Required<Pick<EngineSettings, 'tableSize' | 'tableSeed'>>

/** Makes the scheme. A field is the number of ones. */
export function createHfSynthId({
  contextWidth,
  param: layers,
  tableSize,
  tableSeed,
}: HfSynthIdParameters): Scheme {
  const { table, ones } = tableOf(tableSize, tableSeed)
  return Object.freeze<Scheme>({
    id: 'hf/synthid-cpu',
    contextWidth,
    actsOn: 'distribution',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'binomial', trials: layers, p: ones / tableSize }),
    hash: 'open',
    countOnce: 'context',
    contextAt: generatedIds({ contextWidth, padding: 0 }),
    identity: { width: 1, of: (_key, context, token) => [lowStateOf(context, token) & (tableSize - 1)] },
    field(key, context, token) {
      const words = markKeyWords(key)
      const state = lowStateOf(context, token)
      let sum = 0
      for (let l = 0; l < layers; l++) sum += table[tableIndex(state, words[2 * l]!, tableSize)]!
      return sum
    },
    mark: notWritten('hf/synthid-cpu', 'marks of ours are tournament marks; let the engine write its own'),
    score: (value) => value,
  })
}

const tables = new Map<string, { table: Uint8Array; ones: number }>()

/** A table takes a millisecond and is asked for at every call of `detect`. A few are kept. */
function tableOf(size: number, seed: number): { table: Uint8Array; ones: number } {
  const name = `${size} ${seed}`
  const known = tables.get(name)
  if (known) return known
  const table = samplingTable({ size, seed })
  const fresh = { table, ones: table.reduce((sum, bit) => sum + bit, 0) }
  if (tables.size === 8) tables.clear()
  tables.set(name, fresh)
  return fresh
}
