/**
 * Green lists (Kirchenbauer et al. 2023, arXiv 2301.10226, "soft" watermark, section 4): before a token is sampled, a keyed
 * fraction gamma of the vocabulary is called green and its logits are raised by delta nats.
 *
 * Deviation: the paper permutes the vocabulary and takes the first gamma |V| entries. Here each token is green by its own
 * field number, field < k, independent of all others. That makes the null law of one score exactly Bernoulli(gamma), the
 * scores of different tokens independent (the distillation test needs that), and scoring O(1) instead of O(|V|).
 */
import { lastIds } from '../context.ts'
import { gammaOf, type Profile } from '../keys/profile.ts'
import { createFieldFunction } from '../prf/fields.ts'
import type { Scheme } from './scheme.ts'

/** What of a profile shapes a green list; `lanes` is the layer's. */
export type GreenListParameters = Pick<
  Profile,
  'contextWidth' | 'bits' | 'param' | 'delta' | 'vocabularySize'
> & {
  readonly lanes: number
}

/** Makes the scheme. Parameters come from a parsed profile and are trusted here. */
export function createGreenList(parameters: GreenListParameters): Scheme {
  const { contextWidth, bits, param, delta, vocabularySize, lanes } = parameters
  const field = createFieldFunction({ contextWidth, bits, lanes })
  return Object.freeze<Scheme>({
    id: 'green-list',
    contextWidth,
    actsOn: 'logits',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'bernoulli', p: gammaOf({ bits, param }) }),
    hash: 'keyed',
    countOnce: 'pair',
    contextAt: (ids, i) => lastIds(ids, i, { contextWidth }),
    field,
    mark(logits, { key, context, lane }) {
      // Both the step and the sum are rounded on a Float32Array, as a kernel of float32 additions would: the same bits everywhere.
      const step = logits instanceof Float32Array ? Math.fround(delta) : delta
      for (let token = 0; token < vocabularySize; token++) {
        if (field(key, context, token, lane) < param) logits[token]! += step
      }
    },
    score: (value) => (value < param ? 1 : 0),
  })
}
