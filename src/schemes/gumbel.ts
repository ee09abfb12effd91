/**
 * Gumbel sampling (Aaronson 2022; Kuditipudi et al. 2023, arXiv 2307.15593, call the rule exponential minimum sampling): the token after a
 * context is the one with the largest ln(u) / p, u the keyed uniform number of (context, token). For a fixed context that is one token;
 * averaged over keys it is a draw from p itself (the exponential race: -ln(u) / p is exponential with rate p), so the mark distorts nothing.
 *
 * It acts on the distribution that the host would sample, so temperature and truncation come before it. A context that occurs again
 * would give the same token again; the marker leaves repeats unmarked.
 *
 * Deviation: a score is rounded down twice, to the lower end of the field's cell and to a multiple of 2^-20. The first makes
 * P[score >= x] <= exp(-x) hold for every x: with the middle of the cell the highest score would be twice as likely as the law says. The
 * second makes sums exact in any order. The first loses less than the second, 2^-20, for all but the highest one in 4,096 scores.
 */
import { lastIds } from '../context.ts'
import type { Profile } from '../keys/profile.ts'
import { ln } from '../ln.ts'
import { createFieldFunction } from '../prf/fields.ts'
import { EXPONENTIAL_STEP } from '../stats/law.ts'
import type { Scheme } from './scheme.ts'

/** What of a profile shapes the mark; `lanes` is the layer's. */
export type GumbelParameters = Pick<Profile, 'contextWidth' | 'vocabularySize'> & { readonly lanes: number }

const FIELDS = 2 ** 32

/** Makes the scheme. Parameters come from a parsed profile and are trusted here. */
export function createGumbel({ contextWidth, vocabularySize, lanes }: GumbelParameters): Scheme {
  const field = createFieldFunction({ contextWidth, bits: 32, lanes })
  return Object.freeze<Scheme>({
    id: 'gumbel',
    contextWidth,
    actsOn: 'distribution',
    draw: 'argmax',
    nullLaw: Object.freeze({ kind: 'exponential' }),
    hash: 'keyed',
    countOnce: 'context',
    contextAt: (ids, i) => lastIds(ids, i, { contextWidth }),
    field,
    mark(logits, { key, context, lane }) {
      const winner = raceWinner(logits, {
        vocabularySize,
        uniform: (token) => (field(key, context, token, lane) + 0.5) / FIELDS,
      })
      logits.fill(Number.NEGATIVE_INFINITY)
      logits[winner] = 0
    },
    // + 0 makes +0 of the -0 that field 0 gives.
    score: (value) => Math.floor(-ln((FIELDS - value) / FIELDS) / EXPONENTIAL_STEP) * EXPONENTIAL_STEP + 0,
  })
}

/**
 * The token with the largest ln(u) / p: the one with the largest logit - ln(-ln u), in which the softmax's constant does not matter. The
 * lowest id wins a tie.
 * @param logits at least one of the first `vocabularySize` is above -Infinity.
 * @param uniform the token's uniform number, within (0, 1): the middle of its field's cell, never 0 or 1.
 */
export function raceWinner(
  logits: ArrayLike<number>,
  { vocabularySize, uniform }: { vocabularySize: number; uniform: (token: number) => number },
): number {
  let winner = 0
  let best = Number.NEGATIVE_INFINITY
  for (let token = 0; token < vocabularySize; token++) {
    const logit = logits[token]!
    if (logit === Number.NEGATIVE_INFINITY) continue
    const value = logit - ln(-ln(uniform(token)))
    if (value > best) {
      best = value
      winner = token
    }
  }
  return winner
}
