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
import { markKeyWords } from '../keys/mark-key.ts'
import type { Profile } from '../keys/profile.ts'
import { ln } from '../ln.ts'
import type { LogitsRow } from '../logits.ts'
import { createFieldFunction, nonceOf, rowWords } from '../prf/fields.ts'
import { kernelsFor, raceByKernels } from '../prf/kernels/marking.ts'
import { EXPONENTIAL_STEP } from '../stats/law.ts'
import type { MarkSite, Scheme } from './scheme.ts'

/** What of a profile shapes the mark; `lanes` is the layer's. */
export type GumbelParameters = Pick<Profile, 'contextWidth' | 'vocabularySize'> & { readonly lanes: number }

const FIELDS = 2 ** 32

/** Makes the scheme. Parameters come from a parsed profile and are trusted here. */
export function createGumbel({ contextWidth, vocabularySize, lanes }: GumbelParameters): Scheme {
  const field = createFieldFunction({ contextWidth, bits: 32, lanes })

  function winnerOf(logits: LogitsRow, { key, context, lane }: MarkSite): number {
    if (lanes > 1)
      return raceWinner(logits, {
        vocabularySize,
        uniform: (token) => (field(key, context, token, lane) + 0.5) / FIELDS,
      })
    const usable = kernelsFor(logits, vocabularySize)
    if (!usable)
      return fieldRace(
        logits,
        rowWords(key, context, { contextWidth, bits: 32, lanes, tokens: vocabularySize }),
        {
          vocabularySize,
        },
      )
    const stream = { key: markKeyWords(key), nonce: nonceOf(context, contextWidth) }
    return raceByKernels(usable, { ...stream, count: vocabularySize })
  }

  return Object.freeze<Scheme>({
    id: 'gumbel',
    contextWidth,
    actsOn: 'distribution',
    draw: 'argmax',
    nullLaw: Object.freeze({ kind: 'exponential' }),
    hash: 'keyed',
    countOnce: 'context',
    contextAt: (ids, i) => lastIds(ids, i, { contextWidth }),
    plainContexts: true,
    field,
    mark(logits, { key, context, lane }) {
      const winner = winnerOf(logits, { key, context, lane })
      logits.fill(Number.NEGATIVE_INFINITY)
      logits[winner] = 0
    },
    // + 0 makes +0 of the -0 that field 0 gives.
    score: (value) => Math.floor(-ln((FIELDS - value) / FIELDS) / EXPONENTIAL_STEP) * EXPONENTIAL_STEP + 0,
    bulk: { fields: { contextWidth, bits: 32, lanes }, rule: { kind: 'exponential', levels: FIELDS } },
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

/**
 * {@link raceWinner} of numbers in the middle of the cells of fields, by far fewer logarithms. -ln u >= 1 - u, so a token can be ahead of the best so far only
 * if 1 - u < exp(-(best - logit)), and 2^-n with n the whole part of (best - logit) log2 e is no less than the right side. Few tokens pass.
 */
function fieldRace(
  logits: ArrayLike<number>,
  fields: Uint32Array,
  { vocabularySize }: { vocabularySize: number },
): number {
  let winner = 0
  let best = Number.NEGATIVE_INFINITY
  for (let token = 0; token < vocabularySize; token++) {
    const logit = logits[token]!
    const field = fields[token]!
    // Nearly all of a row ends here.
    if ((~field >>> 0) + 0.5 > LIMITS[Math.min(Math.max(0, (best - logit) * Math.LOG2E - SLACK), 33) | 0]!)
      continue
    if (logit === Number.NEGATIVE_INFINITY) continue
    const value = logit - ln(-ln((field + 0.5) / FIELDS))
    if (value > best) {
      best = value
      winner = token
    }
  }
  return winner
}

/** For what sums of a logit and its number are rounded by, in logits up to 2^32. */
const SLACK = 2 ** -20
/** 2^32 times 2^-n, of 33 and more nothing: the least that 1 - u can be is half a cell. */
const LIMITS = Float64Array.from({ length: 34 }, (_, n) => (n < 33 ? FIELDS / 2 ** n : 0))
