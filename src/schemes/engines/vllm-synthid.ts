/**
 * vLLM's own SynthID (experimental: a branch; its documentation says "planned"): bit l of the Philox word of vllm-gumbel.ts is the bit of
 * layer l. One key for all layers. Neither Hugging Face's nor Google's hash.
 */
import type { EngineProfile } from '../../keys/engine-profile.ts'
import { markKeyWords } from '../../keys/mark-key.ts'
import { createPhiloxWords } from '../../prf/engines/philox.ts'
import { philoxFields } from '../../prf/kernels/engine-kernels.ts'
import type { Scheme } from '../scheme.ts'
import { generatedIds, NO_TOKEN, notWritten } from './contexts.ts'

/** Makes the scheme; `param` is the number of layers. A field is the word's lowest bits. */
export function createVllmSynthId({
  contextWidth,
  param: layers,
}: Pick<EngineProfile, 'contextWidth' | 'param'>): Scheme {
  const word = createPhiloxWords()
  const mask = layers === 32 ? 0xffffffff : 2 ** layers - 1
  return Object.freeze<Scheme>({
    id: 'experimental/vllm-synthid',
    contextWidth,
    actsOn: 'distribution',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'binomial', trials: layers, p: 0.5 }),
    hash: 'keyed',
    countOnce: 'context',
    contextAt: generatedIds({ contextWidth, padding: NO_TOKEN }),
    field: (key, context, token) => (word(markKeyWords(key), context, token) & mask) >>> 0,
    mark: notWritten('experimental/vllm-synthid', 'it is not merged'),
    score(bits) {
      let ones = 0
      for (let rest = bits; rest !== 0; rest = (rest & (rest - 1)) >>> 0) ones++
      return ones
    },
    bulk: {
      fields: (kernels, pairs, key) => philoxFields(kernels, pairs, { key, contextWidth, shift: 0 }),
      rule: { kind: 'ones', mask },
    },
  })
}
