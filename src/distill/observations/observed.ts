/**
 * Observations: what a suspect said, in the one form that every kind of access comes down to: a window, some tokens, and a
 * weight for each. Sampled text is one token of weight 1; probabilities are many tokens with their values. Everything here is
 * key-blind: which positions and tokens are scored is settled before a key is near.
 *
 * References need care, for one of them may carry the mark that is being tested. A reference **leans to the key** if there are
 * key-blind numbers q(v) with r(v) >= q(v) for every green v and r(v) <= q(v) for every other. A green list leans: it gives
 * q(v) exp(delta) / Z and q(v) / Z with 1 <= Z <= exp(delta), q being the model with its mark off. So does a model that learned from
 * marked text a part of what marked text has, and any average of such models.
 *
 * **What makes a constructor safe.** Let a(v) be a coefficient of the statistic, and A(v) a key-blind one. If a(v) <= A(v) for green v
 * and a(v) >= A(v) for every other, then the evidence of a is at most that of A, whatever the suspect: for every theta > 0 the term
 * theta a (x - gamma) - ln M(theta a) grows with a where x = 1 and falls where x = 0, because its slope is theta times x less the mean of
 * x in the law tilted by theta a, which is between 0 and 1. A is key-blind, so its bound and its e-value are valid, and the smaller
 * evidence of a is valid too. With a(v) = p(v) - beta r(v), or the same in roots, p and the set of scored tokens key-blind, beta >= 0 and a
 * leaning r, A(v) = p(v) - beta q(v) does it. Each constructor says why it keeps this order; it is exact for green lists, the weights beta aside,
 * which are a few numbers fitted to everything. For scores of other laws the same holds one pair at a time, the others given: if a falls as the
 * score of the pair rises, a and a constant cross once, and the term of that constant is the larger on both sides.
 */
import type { Context } from '../../context.ts'
import type { Digest } from '../../digest.ts'
import type { Access } from '../../plan/plan.ts'
import type { TokenIds } from '../../tokens.ts'
import type { TupleSet } from '../../tuple-set.ts'

/** What the suspect would say after one window. */
export interface Observation {
  /** The last `contextWidth` ids before the position, oldest first. */
  readonly window: Context
  /** Tokens looked at, ascending. */
  readonly tokens: ArrayLike<number>
  /** The suspect's weight of each token: its probability; of sampled text 1 for the token that was sampled and 0 for others. */
  readonly weights: ArrayLike<number>
  /** For each reference its probability of each token, in the same order. */
  readonly references: readonly ArrayLike<number>[]
}

/**
 * Which positions are kept. distinct-pairs: those whose window is new in its own context; for key-blind prompts. globally-first: those
 * whose window is new among all texts so far; for prompts with marked text, and for prompts chosen in the light of earlier answers.
 */
export type WindowRule = 'distinct-pairs' | 'globally-first'

declare const keyBlind: unique symbol

/**
 * Observations of one suspect, with what was left out; made by {@link textObservations}, {@link topKObservations} and
 * {@link rowObservations} only, for only they leave out windows that the suspect could copy from. Frozen.
 */
export interface Observations {
  readonly [keyBlind]: true
  readonly access: Access
  /** Access 'top-k' only: the number of the suspect's likeliest tokens that are known in each position, at most. */
  readonly topK?: number
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Digest of the prompts that were put, as the plan holds it. */
  readonly prompts: Digest
  /** Number of references that every observation has. */
  readonly references: number
  /** Prompts that are the same as an earlier one: whose answers could be put in any order. */
  readonly repeatedPrompts: number
  /** The rule under which positions were kept. */
  readonly windows: WindowRule
  /** 'globally-first' only: digest of the marked text that came before everything, as the plan holds it. */
  readonly markedText?: Digest
  /** In the order asked. */
  readonly list: readonly Observation[]
  /** Positions looked at: `list.length`, and the three that follow next. */
  readonly seen: number
  /** Positions left out because their window occurs earlier in the same context. */
  readonly repeatedWindow: number
  /** Positions left out because their window occurs in an earlier text ('globally-first' only). */
  readonly burned: number
  /** Positions left out because the suspect's tokens end elsewhere there, or the text does not survive as text. */
  readonly notAligned: number
  /** Positions kept whose window occurs inside of any prompt that was put. */
  readonly promptOverlap: number
}

/** An answer: the prompt that was put and the ids that came back. */
export interface Answer {
  readonly prompt: TokenIds
  readonly completion: TokenIds
}

/** All observations that were minted, with the windows that their texts burn. */
const minted = new WeakMap<object, TupleSet>()

/**
 * Makes observations out of what a constructor gathered.
 * @param burns every window of every text, scored or not; none under 'distinct-pairs'.
 */
export function mint(observations: Omit<Observations, typeof keyBlind>, burns: TupleSet): Observations {
  minted.set(observations, burns)
  Object.freeze(observations.list)
  return Object.freeze(observations) as Observations
}

/** Every window that the texts of these observations hold, those of prompts and of positions left out included; none under 'distinct-pairs'. */
export function windowsBurnedBy(observations: Observations): TupleSet {
  return minted.get(observations)!
}

/** Refuses observations that were made elsewhere, also where no compiler checks. */
export function assertObservations(
  observations: unknown,
  { name }: { name: string },
): asserts observations is Observations {
  if (typeof observations !== 'object' || observations === null || !minted.has(observations))
    throw new TypeError(
      `"${name}" expected observations made by textObservations(), topKObservations() or rowObservations(), got something else; only they leave out what could be copied`,
    )
}
