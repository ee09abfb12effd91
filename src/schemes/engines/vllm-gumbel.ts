/**
 * vLLM's `gumbel` and `dual_key_gumbel` (philox4x32-10-v1). The race of gumbel.ts with another hash: 24 bits of a Philox word, over generated
 * tokens only; in place of the prompt stands padding. The engine leaves contexts unmarked that occurred before in the answer.
 *
 * Two keys: for each token a coin that nobody can repeat picks the second key with probability alpha. So a token is scored under both, with
 * the weights 1 - alpha and alpha, and the law of a sum is hypoexponential. The engine states a gamma law with the same two moments instead,
 * which makes p too small (docs/engines.md).
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '../../bytes.ts'
import type { EngineProfile } from '../../keys/engine-profile.ts'
import { type MarkKey, markKeyWords } from '../../keys/mark-key.ts'
import { createPhiloxWords, mantissaOf, uniformOfMantissa } from '../../prf/engines/philox.ts'
import { philoxFields } from '../../prf/kernels/engine-kernels.ts'
import { raceWinner } from '../gumbel.ts'
import type { Scheme } from '../scheme.ts'
import { exactScore, floorScore, generatedIds, NO_TOKEN, notWritten, scoreOfLevel } from './contexts.ts'

/** What shapes the mark. */
export type VllmGumbelParameters = Pick<EngineProfile, 'contextWidth' | 'vocabularySize'>

/** Different mantissas, of which the uniform number is made. */
const LEVELS = 2 ** 24

/** Makes the scheme with one key. */
export function createVllmGumbel({ contextWidth, vocabularySize }: VllmGumbelParameters): Scheme {
  const word = createPhiloxWords()
  const field: Scheme['field'] = (key, context, token) => mantissaOf(word(markKeyWords(key), context, token))
  return Object.freeze<Scheme>({
    id: 'vllm/philox4x32-10-v1/gumbel',
    contextWidth,
    actsOn: 'distribution',
    draw: 'argmax',
    nullLaw: Object.freeze({ kind: 'exponential', levels: LEVELS }),
    hash: 'keyed',
    countOnce: 'context',
    contextAt: generatedIds({ contextWidth, padding: NO_TOKEN }),
    field,
    mark(logits, { key, context, lane }) {
      const winner = raceWinner(logits, {
        vocabularySize,
        uniform: (token) => uniformOfMantissa(field(key, context, token, lane)),
      })
      logits.fill(Number.NEGATIVE_INFINITY)
      logits[winner] = 0
    },
    score: (level) => scoreOfLevel(level, LEVELS),
    bulk: {
      fields: (kernels, pairs, key) => philoxFields(kernels, pairs, { key, contextWidth, shift: 8 }),
      rule: { kind: 'exponential', levels: LEVELS },
    },
  })
}

/** Makes the scheme with two keys. A field is the first key's mantissa times 2^24 plus the second key's. */
export function createVllmDual({
  contextWidth,
  alpha,
}: VllmGumbelParameters & { readonly alpha: number }): Scheme {
  // A word function remembers one key.
  const [wordA, wordB] = [createPhiloxWords(), createPhiloxWords()]
  return Object.freeze<Scheme>({
    id: 'vllm/philox4x32-10-v1/dual',
    contextWidth,
    actsOn: 'distribution',
    draw: 'argmax',
    nullLaw: Object.freeze(
      alpha === 0 || alpha === 1
        ? { kind: 'exponential', levels: LEVELS }
        : { kind: 'hypoexponential', alpha, levels: LEVELS },
    ),
    hash: 'keyed',
    countOnce: 'context',
    contextAt: generatedIds({ contextWidth, padding: NO_TOKEN }),
    field(key, context, token) {
      const [a, b] = subKeysOf(key)
      return mantissaOf(wordA(a, context, token)) * LEVELS + mantissaOf(wordB(b, context, token))
    },
    mark: notWritten('vllm/philox4x32-10-v1/dual', 'it flips a coin that no key repeats; mark with one key'),
    score(levels) {
      const a = exactScore(Math.floor(levels / LEVELS), LEVELS)
      const b = exactScore(levels % LEVELS, LEVELS)
      return floorScore((1 - alpha) * a + alpha * b)
    },
  })
}

const subKeys = new WeakMap<MarkKey, readonly [a: Uint32Array, b: Uint32Array]>()

function subKeysOf(key: MarkKey): readonly [a: Uint32Array, b: Uint32Array] {
  const known = subKeys.get(key)
  if (known) return known
  const words = markKeyWords(key)
  const fresh = [vllmSubKey(words, 'key_a'), vllmSubKey(words, 'key_b')] as const
  subKeys.set(key, fresh)
  return fresh
}

/** vLLM's derived keys: the first 8 bytes, big-endian, of SHA-256(domain + key as 8 bytes, big-endian). Words, low first. */
export function vllmSubKey(words: Uint32Array, domain: 'key_a' | 'key_b'): Uint32Array {
  const key = new Uint8Array(8)
  const view = new DataView(key.buffer)
  view.setUint32(0, words[1]!)
  view.setUint32(4, words[0]!)
  const digest = sha256(concatBytes(utf8ToBytes(domain), key))
  const out = new DataView(digest.buffer, digest.byteOffset)
  return Uint32Array.of(out.getUint32(4), out.getUint32(0))
}
