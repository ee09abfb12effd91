/**
 * SynthID-Text as Google's reference computes it (google-deepmind/synthid-text): the hash of hf-synthid.ts with a start that depends on
 * all keys, and bits that are shifted down from high bits, without a table. Bits of all layers are fair coins: Binomial(m, 1/2).
 *
 * The state is affine in start and ids: what the ids add to it is the same under every key. N-grams that add the same have one score and count once;
 * ids in an arithmetic progression have bits that are not independent (docs/engines.md).
 */
import type { EngineProfile } from '../../keys/engine-profile.ts'
import { type MarkKey, markKeyWords } from '../../keys/mark-key.ts'
import { accumulateTokens, googleBit, googleStart } from '../../prf/engines/synthid.ts'
import { type Int64, int64 } from '../../prf/engines/words.ts'
import type { Scheme } from '../scheme.ts'
import { generatedIds, notWritten } from './contexts.ts'

/** Makes the scheme; `param` is the number of layers. A field is the number of ones. */
export function createGoogleSynthId({
  contextWidth,
  param: layers,
}: Pick<EngineProfile, 'contextWidth' | 'param'>): Scheme {
  const state = int64(0n)
  return Object.freeze<Scheme>({
    id: 'google/synthid-lcg',
    contextWidth,
    actsOn: 'distribution',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'binomial', trials: layers, p: 0.5 }),
    hash: 'open',
    countOnce: 'context',
    contextAt: generatedIds({ contextWidth, padding: 0 }),
    publicIdentity: {
      width: 2,
      of(context, token) {
        state.low = 0
        state.high = 0
        accumulateTokens(state, context, token)
        return [state.low, state.high]
      },
    },
    field(key, context, token) {
      const { start, keys } = layersOf(key)
      state.low = start.low
      state.high = start.high
      accumulateTokens(state, context, token)
      let sum = 0
      for (let l = 0; l < layers; l++) sum += googleBit(state, keys[l]!)
      return sum
    },
    mark: notWritten(
      'google/synthid-lcg',
      'marks of ours are tournament marks; let the engine write its own',
    ),
    score: (value) => value,
  })
}

interface Layers {
  readonly start: Int64
  readonly keys: readonly Int64[]
}

const decoded = new WeakMap<MarkKey, Layers>()

function layersOf(key: MarkKey): Layers {
  const known = decoded.get(key)
  if (known) return known
  const words = markKeyWords(key)
  const bytes = new Uint8Array(4 * words.length)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true)
  const fresh = {
    start: googleStart(bytes),
    keys: Array.from({ length: words.length / 2 }, (_, l) => ({
      low: words[2 * l]! | 0,
      high: words[2 * l + 1]! | 0,
    })),
  }
  decoded.set(key, fresh)
  return fresh
}
