/**
 * SGLang's Aaronson-Gumbel mark, with one key or two. The race of gumbel.ts with a 32-bit MurmurHash3, over prompt and generated tokens; at
 * the start of a short prompt the window is shorter. A window counts once an answer.
 *
 * The window is hashed without the key, and 64 bits of key become a state of 32. Whoever wants to can compute windows of one hash and tokens that
 * stand in for each other: such pairs have one score under every key and count once. With two keys the coin may tell some of them apart; they
 * count once all the same.
 *
 * Two keys: a coin made of both keys and the window says which key a window belongs to. The detector can repeat it, so nothing is diluted and
 * the law is that of one key.
 */
import type { Context } from '../../context.ts'
import type { EngineProfile } from '../../keys/engine-profile.ts'
import { type MarkKey, markKeyWords } from '../../keys/mark-key.ts'
import {
  murmurCoin,
  murmurFinish,
  murmurMix,
  murmurToken,
  murmurTokenClass,
} from '../../prf/engines/murmur.ts'
import { murmurFields } from '../../prf/kernels/engine-kernels.ts'
import { raceWinner } from '../gumbel.ts'
import type { Scheme } from '../scheme.ts'
import { NO_TOKEN, scoreOfLevel, upTo } from './contexts.ts'

const LEVELS = 2 ** 32

/**
 * Makes the scheme.
 * @param probabilityA with two keys, how often the first one is used.
 */
export function createSglangGumbel({
  contextWidth,
  vocabularySize,
  probabilityA,
}: Pick<EngineProfile, 'contextWidth' | 'vocabularySize'> & {
  readonly probabilityA: number | undefined
}): Scheme {
  const threshold = probabilityA === undefined ? undefined : Math.floor(probabilityA * LEVELS)
  const field: Scheme['field'] = (key, context, token) => {
    const hash = contextHash(context)
    return murmurToken(keyOf(key, hash, threshold), hash, token)
  }
  return Object.freeze<Scheme>({
    id: threshold === undefined ? 'sglang/murmur3-v1/gumbel' : 'sglang/murmur3-v1/dual',
    contextWidth,
    actsOn: 'distribution',
    draw: 'argmax',
    nullLaw: Object.freeze({ kind: 'exponential' }),
    hash: 'open',
    countOnce: 'context',
    contextAt: upTo({ contextWidth }),
    publicIdentity: {
      width: 2,
      of: (context, token) => murmurTokenClass(contextHash(context), token),
    },
    field,
    mark(logits, { key, context, lane }) {
      const winner = raceWinner(logits, {
        vocabularySize,
        uniform: (token) => (field(key, context, token, lane) + 0.5) / LEVELS,
      })
      logits.fill(Number.NEGATIVE_INFINITY)
      logits[winner] = 0
    },
    score: (hash) => scoreOfLevel(hash, LEVELS),
    bulk: {
      fields: (kernels, pairs, key) =>
        murmurFields(kernels, pairs, { key, contextWidth, threshold: threshold ?? LEVELS }),
      rule: { kind: 'exponential', levels: LEVELS },
    },
  })
}

/** Hash of a window without what is not there. */
function contextHash(context: Context): number {
  let state = 0
  let count = 0
  for (let i = 0; i < context.length; i++) {
    if (context[i] === NO_TOKEN) continue
    state = murmurMix(state, context[i]!)
    count++
  }
  return murmurFinish(state, count)
}

function keyOf(key: MarkKey, hash: number, threshold: number | undefined): Uint32Array {
  const words = markKeyWords(key)
  if (threshold === undefined) return words
  return murmurCoin(words, hash) < threshold ? words : secondOf(words)
}

const seconds = new WeakMap<Uint32Array, Uint32Array>()

function secondOf(words: Uint32Array): Uint32Array {
  const known = seconds.get(words)
  if (known) return known
  const second = words.slice(2)
  seconds.set(words, second)
  return second
}
