/**
 * vLLM's SBW green lists (pull request 56859; experimental: not known to be merged). A token is green by its own word, independently of all
 * others, so a score is exactly Bernoulli. The engine states a normal tail and skips repeated contexts, but what makes scores equal is the seed:
 * selfhash takes the least product of the token with a neighbour, lefthash the sum of the window.
 */
import type { Context } from '../../context.ts'
import type { EngineProfile, EngineSettings } from '../../keys/engine-profile.ts'
import { type MarkKey, markKeyWords } from '../../keys/mark-key.ts'
import { sbwLefthashSeed, sbwSelfhashSeed, sbwWord } from '../../prf/engines/sbw.ts'
import { int64 } from '../../prf/engines/words.ts'
import type { Scheme } from '../scheme.ts'
import { generatedIds, NO_TOKEN } from './contexts.ts'

/** Makes the scheme. A field is the low 31 bits of the word. The engine's selfhash ignores the oldest token of its window: `contextWidth` is one less. */
export function createVllmSbw({
  contextWidth,
  vocabularySize,
  delta,
  ratio,
  seeding,
}: Pick<EngineProfile, 'contextWidth' | 'vocabularySize' | 'delta'> &
  Required<Pick<EngineSettings, 'ratio' | 'seeding'>>): Scheme {
  const green = Math.floor(ratio * 2147483647)
  const seed = int64(0n)
  const seedFor = (key: MarkKey, context: Context, token: number): void => {
    const words = markKeyWords(key)
    if (seeding === 'lefthash') sbwLefthashSeed(seed, words, context)
    else sbwSelfhashSeed(seed, words, context, token)
  }
  const field: Scheme['field'] = (key, context, token) => {
    seedFor(key, context, token)
    return sbwWord(seed, token) & 0x7fffffff
  }
  return Object.freeze<Scheme>({
    id: 'experimental/vllm-sbw',
    contextWidth,
    actsOn: 'logits',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'bernoulli', p: green / 2 ** 31 }),
    hash: 'open',
    countOnce: 'pair',
    contextAt: generatedIds({ contextWidth, padding: NO_TOKEN }),
    // A window whose ids sum to 0 has seed 0 under every key.
    ...(seeding === 'lefthash' ? { isKeyed: (context: Context) => sumOf(context) !== 0 } : {}),
    identity: {
      width: 3,
      of(key, context, token) {
        seedFor(key, context, token)
        return [seed.low, seed.high, token]
      },
    },
    field,
    mark(logits, { key, context, lane }) {
      const step = logits instanceof Float32Array ? Math.fround(delta) : delta
      for (let token = 0; token < vocabularySize; token++)
        if (field(key, context, token, lane) < green) logits[token]! += step
    },
    score: (value) => (value < green ? 1 : 0),
  })
}

function sumOf(context: Context): number {
  let sum = 0
  for (let i = 0; i < context.length; i++) sum += context[i]! | 0
  return sum
}
