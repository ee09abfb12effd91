/**
 * Green lists (Kirchenbauer et al. 2023, arXiv 2301.10226, "soft" watermark, section 4): before a token is sampled, a keyed
 * fraction gamma of the vocabulary is called green and its logits are raised by delta nats.
 *
 * Deviation: the paper permutes the vocabulary and takes the first gamma |V| entries. Here each token is green by its own
 * field number, field < k, independent of all others. That makes the null law of one score exactly Bernoulli(gamma), the
 * scores of different tokens independent (the distillation test needs that), and scoring O(1) instead of O(|V|).
 */
import { lastIds } from '../context.ts'
import { markKeyWords } from '../keys/mark-key.ts'
import { gammaOf, type Profile } from '../keys/profile.ts'
import type { LogitsRow } from '../logits.ts'
import { createFieldFunction, nonceOf, rowWords } from '../prf/fields.ts'
import { addToGreen, kernelsFor } from '../prf/kernels/marking.ts'
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
    plainContexts: true,
    field,
    mark(logits, { key, context, lane }) {
      // Both the step and the sum are rounded on a Float32Array, as the kernels' float32 additions are: the same bits everywhere.
      const step = logits instanceof Float32Array ? Math.fround(delta) : delta
      if (lanes > 1) {
        for (let token = 0; token < vocabularySize; token++)
          if (field(key, context, token, lane) < param) logits[token]! += step
        return
      }
      const usable = kernelsFor(logits, vocabularySize)
      if (usable) {
        const stream = { key: markKeyWords(key), nonce: nonceOf(context, contextWidth) }
        addToGreen(usable, {
          ...stream,
          count: vocabularySize,
          bits: bits as 1 | 8,
          param,
          step,
        })
      } else {
        const words = rowWords(key, context, { contextWidth, bits, lanes, tokens: vocabularySize })
        if (bits === 1) addByBits(logits, words, { count: vocabularySize, step })
        else addByBytes(logits, words, { count: vocabularySize, param, step })
      }
    },
    score: (value) => (value < param ? 1 : 0),
    bulk: { fields: { contextWidth, bits, lanes }, rule: { kind: 'below', limit: param } },
  })
}

/** Fields of one bit: green where it is 0. Goes from one to the next: a branch a token would be mispredicted half of the time. */
function addByBits(
  logits: LogitsRow,
  words: Uint32Array,
  { count, step }: { count: number; step: number },
): void {
  for (let from = 0; from < count; from += 32) {
    let green = ~words[from >>> 5]!
    if (count - from < 32) green &= 2 ** (count - from) - 1
    while (green !== 0) {
      const lowest = green & -green
      logits[from + 31 - Math.clz32(lowest)]! += step
      green ^= lowest
    }
  }
}

/** Fields of eight bits: green where they are below `param`. A red token gets -0, the one number that changes no other. */
function addByBytes(
  logits: LogitsRow,
  words: Uint32Array,
  { count, param, step }: { count: number; param: number; step: number },
): void {
  const addends = new Float64Array(256).fill(step, 0, param).fill(-0, param)
  let token = 0
  for (; token + 4 <= count; token += 4) {
    const word = words[token >>> 2]!
    logits[token]! += addends[word & 255]!
    logits[token + 1]! += addends[(word >>> 8) & 255]!
    logits[token + 2]! += addends[(word >>> 16) & 255]!
    logits[token + 3]! += addends[word >>> 24]!
  }
  for (; token < count; token++) logits[token]! += addends[(words[token >>> 2]! >>> (8 * (token & 3))) & 255]!
}
