/**
 * The verdict: one frozen record that says what was tested, how much was seen, what came out and what follows, and no more.
 * The same words and fields serve the detection of text and the test of models. Rendering it is somebody else's job.
 */
import { assertInteger, assertNumber } from '../assert.ts'
import type { Role } from '../keys/profile.ts'
import { lnEValue } from '../stats/e-value.ts'
import { rateInterval } from '../stats/interval.ts'
import type { NullLaw } from '../stats/law.ts'
import { lnUpperTail, nullMean, nullVariance } from '../stats/tail.ts'
import type { Evidence } from './evidence.ts'

/** evidence: p <= alpha. no-evidence: p > alpha, which clears nobody. insufficient: too little to say. protocol-mismatch: the instrument did not work. */
export type Decision = 'evidence' | 'no-evidence' | 'insufficient' | 'protocol-mismatch'

/** What a test found. */
export interface Verdict {
  readonly format: 'dyetrace/verdict-1'
  /** Name of the test, for example "detect" or "distill/count". */
  readonly method: string
  readonly scheme: string
  readonly keyId: string
  readonly role?: Role
  readonly lane?: number
  /** Positions looked at. */
  readonly seen: number
  /** Distinct pairs scored. */
  readonly counted: number
  /** Sum of the scores. */
  readonly sum: number
  readonly law: NullLaw
  /** Natural log of the p-value; 0 where nothing was counted. */
  readonly lnP: number
  readonly log10P: number
  /** (mean score - null mean) / null standard deviation. For display: no p-value is made from it. */
  readonly effect: number
  /** Exact 95 % interval of the mean score. */
  readonly interval: { readonly lower: number; readonly upper: number; readonly confidence: number }
  /** Natural log of the e-value. */
  readonly lnE: number
  readonly alpha: number
  readonly decision: Decision
  /** How many keys were tried together, and how that was paid for. */
  readonly family: { readonly size: number; readonly method: 'none' | 'holm' }
  readonly notes: readonly string[]
}

/** What the caller decides before looking. */
export interface DecisionRule {
  /** Level of the test: the chance to accuse an innocent. @defaultValue 1e-6 */
  readonly alpha?: number
  /**
   * Fewer counted pairs than this are "insufficient", whatever they show.
   * @defaultValue 64: below it even strongly marked prose seldom reaches 1e-6, so a "no" would mean nothing
   */
  readonly minimumCounted?: number
}

export const DEFAULT_ALPHA = 1e-6
export const DEFAULT_MINIMUM_COUNTED = 64

/** Fills in and checks a decision rule. */
export function resolveRule(rule: DecisionRule): Required<DecisionRule> {
  const { alpha = DEFAULT_ALPHA, minimumCounted = DEFAULT_MINIMUM_COUNTED } = rule
  assertNumber(alpha, {
    name: 'alpha',
    expected: 'a level above 0 and below 1',
    holds: (a) => a > 0 && a < 1,
  })
  assertInteger(minimumCounted, { name: 'minimumCounted', min: 1 })
  return { alpha, minimumCounted }
}

/** Turns evidence with equal weights into a verdict by the exact law. */
export function verdictOf(
  evidence: Evidence,
  about: Pick<Verdict, 'method' | 'scheme' | 'keyId' | 'seen'> &
    Partial<Pick<Verdict, 'role' | 'lane' | 'notes'>>,
  rule: Required<DecisionRule>,
): Verdict {
  const { sum, n, law } = evidence
  const { alpha, minimumCounted } = rule
  const lnP = lnUpperTail(law, evidence)
  const mean = n === 0 ? nullMean(law) : sum / n
  const notes = [...(about.notes ?? [])]
  let decision: Decision = lnP <= Math.log(alpha) ? 'evidence' : 'no-evidence'
  if (n < minimumCounted) {
    decision = 'insufficient'
    notes.push(`${n} pairs counted, fewer than the ${minimumCounted} asked for: this says neither yes nor no`)
  } else if (decision === 'no-evidence') {
    notes.push('no evidence is not a clearance: a weaker mark, or another key, may still be there')
  }
  return Object.freeze({
    format: 'dyetrace/verdict-1' as const,
    method: about.method,
    scheme: about.scheme,
    keyId: about.keyId,
    ...(about.role === undefined ? {} : { role: about.role }),
    ...(about.lane === undefined ? {} : { lane: about.lane }),
    seen: about.seen,
    counted: n,
    sum,
    law,
    lnP,
    log10P: lnP / Math.LN10,
    effect: (mean - nullMean(law)) / Math.sqrt(nullVariance(law)),
    interval: Object.freeze(rateInterval(sum, { n })),
    lnE: lnEValue(law, evidence),
    alpha,
    decision,
    family: Object.freeze({ size: 1, method: 'none' as const }),
    notes: Object.freeze(notes),
  })
}
