/**
 * Green lists of Hugging Face transformers (`WatermarkingConfig`, CPU generator): the first entries of a random permutation of the vocabulary,
 * seeded by the key and the last token (lefthash), or by the least of the products of the candidate's table entry with those of the window and
 * its own (selfhash).
 *
 * A list has a fixed size g of V, so scores of one list depend on each other a little. A score is 1 with probability g / V; scores of one list
 * are a draw without replacement, whose sum is a sum of independent Bernoullis (Vatutin and Mikhailov 1982), and so is the sum over lists.
 * Of all sums of independent Bernoullis with one mean the binomial has the largest tail from the mean plus 1 on (Hoeffding 1956): the
 * binomial's p is never too small where it matters. With weights of both signs that proof fails (docs/engines.md).
 *
 * Two things make scores equal that look different, and the law forgets: token id 0 seeds every key's lefthash with 0, so what follows it says
 * nothing about a key; and selfhash windows with the same token and the same least neighbour have the same seed.
 */
import type { Context } from '../../context.ts'
import type { EngineProfile, EngineSettings } from '../../keys/engine-profile.ts'
import { type MarkKey, markKeyWords } from '../../keys/mark-key.ts'
import type { LogitsRow } from '../../logits.ts'
import { lefthashSeed, lowWord, modulo, selfhashProduct, selfhashTable } from '../../prf/engines/kgw.ts'
import { isInPrefix, permutationPrefix } from '../../prf/engines/mt19937.ts'
import type { Scheme } from '../scheme.ts'
import { allIds } from './contexts.ts'

/** What shapes the mark. */
export type HfKgwParameters = Pick<EngineProfile, 'contextWidth' | 'vocabularySize' | 'delta'> &
  Required<Pick<EngineSettings, 'ratio' | 'seeding'>>

/** Of a row, selfhash tries only the likeliest tokens. */
const SELFHASH_CANDIDATES = 40

/** Makes the scheme. A field is 1 for a green token. */
export function createHfKgw({
  contextWidth,
  vocabularySize,
  delta,
  ratio,
  seeding,
}: HfKgwParameters): Scheme {
  const size = Math.floor(vocabularySize * ratio)
  const list = { size: vocabularySize, prefix: size }
  const seedOf = seeding === 'lefthash' ? lefthash : createSelfhash()
  const field: Scheme['field'] = (key, context, token) =>
    isInPrefix(seedOf(key, context, token), { ...list, token }) ? 1 : 0
  const stepOf = (logits: LogitsRow): number => (logits instanceof Float32Array ? Math.fround(delta) : delta)
  return Object.freeze<Scheme>({
    id: 'hf/kgw-cpu',
    contextWidth,
    actsOn: 'logits',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'bernoulli', p: size / vocabularySize, fixedSize: true }),
    hash: 'open',
    countOnce: 'pair',
    contextAt: allIds({ contextWidth }),
    plainContexts: true,
    ...(seeding === 'lefthash'
      ? { isKeyed: (context: Context) => context[0] !== 0 }
      : {
          identity: {
            width: 2,
            of: (key: MarkKey, context: Context, token: number) => [seedOf(key, context, token), token],
          },
        }),
    field,
    mark(logits, { key, context, lane }) {
      const step = stepOf(logits)
      if (seeding === 'lefthash') {
        for (const token of permutationPrefix(seedOf(key, context, 0), list)) logits[token]! += step
        return
      }
      for (const token of likeliest(logits, vocabularySize))
        if (field(key, context, token, lane) === 1) logits[token]! += step
    },
    score: (value) => value,
  })
}

function likeliest(logits: LogitsRow, vocabularySize: number): number[] {
  const tokens = Array.from({ length: vocabularySize }, (_, token) => token)
  return tokens.sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, SELFHASH_CANDIDATES)
}

type SeedFunction = (key: MarkKey, context: Context, token: number) => number

function lefthash(key: MarkKey, context: Context): number {
  return lowWord(lefthashSeed(unsignedOf(key), context))
}

/** Remembers the table of the last key: a million entries. */
function createSelfhash(): SeedFunction {
  let lastKey: MarkKey | undefined
  let value = 0n
  let entryAt: (index: number) => number = () => 0
  return (key, context, token) => {
    if (key !== lastKey) {
      value = unsignedOf(key)
      entryAt = selfhashTable(value)
      lastKey = key
    }
    return lowWord(modulo(selfhashProduct(value, { context, token, entryAt })))
  }
}

const integers = new WeakMap<MarkKey, bigint>()

function unsignedOf(key: MarkKey): bigint {
  const known = integers.get(key)
  if (known !== undefined) return known
  const [low, high] = markKeyWords(key)
  const value = (BigInt(high!) << 32n) | BigInt(low!)
  integers.set(key, value)
  return value
}
