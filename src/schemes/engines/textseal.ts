/**
 * Meta's TextSeal: the race of gumbel.ts with a hash onto 8,191 levels, over prompt and generated tokens, and two keys, of which a coin that
 * nobody can repeat picks the first with probability `probabilityA`. A token is scored under both, as vLLM's dual mark is.
 *
 * A uniform number h / 8191 is the lower end of its level: P[score >= x] <= exp(-x) for every x, so the laws of exponential scores are
 * conservative here (the mean of a score is 0.9993). TextSeal states a gamma law with the same two moments and takes the smaller of two
 * p-values uncorrected. Repeated windows count once a document (TextSeal's "v1"): its default counts each token of a window.
 *
 * The key is added to a sum that is linear in the ids, and the rest of the hash is public. Windows with one sum have one score under every key and
 * count once; ids in an arithmetic progression have scores that are not quite independent, so the bound holds for text that nobody built
 * (docs/engines.md).
 */
import type { EngineProfile, EngineSettings } from '../../keys/engine-profile.ts'
import { markKeyWords } from '../../keys/mark-key.ts'
import { TEXTSEAL_LEVELS, textsealHash, textsealSum } from '../../prf/engines/textseal.ts'
import type { Scheme } from '../scheme.ts'
import { allIds, exactScore, floorScore, notWritten } from './contexts.ts'

/** Makes the scheme. A field is the first key's level times 8191 plus the second key's. */
export function createTextSeal({
  contextWidth,
  probabilityA,
}: Pick<EngineProfile, 'contextWidth'> & Required<Pick<EngineSettings, 'probabilityA'>>): Scheme {
  const alpha = 1 - probabilityA
  return Object.freeze<Scheme>({
    id: 'meta/textseal',
    contextWidth,
    actsOn: 'distribution',
    draw: 'argmax',
    nullLaw: Object.freeze(
      alpha === 0 || alpha === 1
        ? { kind: 'exponential', levels: TEXTSEAL_LEVELS }
        : { kind: 'hypoexponential', alpha, levels: TEXTSEAL_LEVELS },
    ),
    hash: 'open',
    countOnce: 'context',
    contextAt: allIds({ contextWidth }),
    plainContexts: true,
    publicIdentity: { width: 2, of: textsealSum },
    field(key, context, token) {
      const words = markKeyWords(key)
      return textsealHash(words, context, token) * TEXTSEAL_LEVELS + textsealHash(words, context, token, 2)
    },
    mark: notWritten('meta/textseal', 'it flips a coin that no key repeats'),
    score(levels) {
      const a = exactScore(Math.floor(levels / TEXTSEAL_LEVELS), TEXTSEAL_LEVELS)
      const b = exactScore(levels % TEXTSEAL_LEVELS, TEXTSEAL_LEVELS)
      return floorScore(probabilityA * a + alpha * b)
    },
  })
}
