/**
 * Tournament sampling (SynthID-Text: Dathathri et al., Nature 634, 2024, with two competitors a match): m rounds, in each of which the
 * distribution moves towards tokens whose bit g of that round is 1. Of two competitors, independent draws from p, the one with the larger g
 * wins and a coin decides a tie; the winner is a draw from p'(v) = p(v) (1 + g(v) - sum over u of p(u) g(u)) (their vectorised form).
 * Averaged over the bits the factor is 1, so every round, and by independence of the rounds all of them, keep the distribution on average
 * over keys: the mark distorts nothing.
 *
 * It acts on the distribution that the host would sample, so temperature and truncation come before it. The marker leaves
 * contexts that occur again unmarked.
 */
import { lastIds } from '../context.ts'
import type { Profile } from '../keys/profile.ts'
import type { LogitsRow } from '../logits.ts'
import { createFieldFunction } from '../prf/fields.ts'
import type { Scheme } from './scheme.ts'

/** What of a profile shapes the mark: `param` is the number of rounds, `lanes` the layer's. */
export type TournamentParameters = Pick<Profile, 'contextWidth' | 'param' | 'vocabularySize'> & {
  readonly lanes: number
}

/** Makes the scheme. Parameters come from a parsed profile and are trusted here. */
export function createTournament(parameters: TournamentParameters): Scheme {
  const { contextWidth, param: rounds, vocabularySize, lanes } = parameters
  const field = createFieldFunction({ contextWidth, bits: 32, lanes })
  return Object.freeze<Scheme>({
    id: 'tournament',
    contextWidth,
    actsOn: 'distribution',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'binomial', trials: rounds, p: 0.5 }),
    hash: 'keyed',
    countOnce: 'context',
    contextAt: (ids, i) => lastIds(ids, i, { contextWidth }),
    field,
    mark(logits, { key, context, lane }) {
      const tokens = possibleTokens(logits, vocabularySize)
      const { weights, lnTotal } = softmax(logits, tokens)
      const fields = Uint32Array.from(tokens, (token) => field(key, context, token, lane))
      for (let round = 0; round < rounds; round++) playRound(weights, { fields, round })
      // Back on the scale of the logits, so that columns beyond the vocabulary keep their share.
      for (let i = 0; i < tokens.length; i++) logits[tokens[i]!] = Math.log(weights[i]!) + lnTotal
    },
    score: (value) => countOnes(value & (2 ** rounds - 1)),
  })
}

/**
 * One round, in place. `weights` sum to 1, before and after; `fields` stand beside them. The factor of a token is written with the weight
 * of the zeros, 1 + zeros or zeros: 1 - mean would fall below 0 by rounding where almost all weight is on ones.
 */
export function playRound(
  weights: Float64Array,
  { fields, round }: { fields: Uint32Array; round: number },
): void {
  let [zeros, ones] = [0, 0]
  for (let i = 0; i < weights.length; i++) {
    if ((fields[i]! >>> round) & 1) ones += weights[i]!
    else zeros += weights[i]!
  }
  const share = zeros / (zeros + ones)
  for (let i = 0; i < weights.length; i++) weights[i]! *= ((fields[i]! >>> round) & 1) + share
}

// After top-k few are left; field numbers of the others need not be computed.
function possibleTokens(logits: LogitsRow, vocabularySize: number): Uint32Array {
  const tokens = new Uint32Array(vocabularySize)
  let count = 0
  for (let token = 0; token < vocabularySize; token++)
    if (logits[token]! > Number.NEGATIVE_INFINITY) tokens[count++] = token
  return tokens.subarray(0, count)
}

function softmax(logits: LogitsRow, tokens: Uint32Array): { weights: Float64Array; lnTotal: number } {
  let largest = Number.NEGATIVE_INFINITY
  for (const token of tokens) largest = Math.max(largest, logits[token]!)
  const weights = Float64Array.from(tokens, (token) => Math.exp(logits[token]! - largest))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (let i = 0; i < weights.length; i++) weights[i]! /= total
  return { weights, lnTotal: largest + Math.log(total) }
}

/** Ones among the bits of a 32-bit integer. */
function countOnes(word: number): number {
  let ones = 0
  for (let rest = word >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) ones++
  return ones
}
