/**
 * The verdict: one frozen record that says what was tested, how much was seen, what came out and what follows, and no more.
 * The same words and fields serve the detection of text and the test of models. Rendering it is somebody else's job.
 */
import { assertInteger, assertNumber } from '../assert.ts'
import type { Role } from '../keys/profile.ts'
import { lnEValue } from '../stats/e-value.ts'
import { meanInterval, type RateInterval } from '../stats/interval.ts'
import { EXPONENTIAL_STEP, levelShare, type NullLaw } from '../stats/law.ts'
import { holm } from '../stats/multiplicity.ts'
import { lnLeastTail, lnUpperTail, nullMean, nullVariance } from '../stats/tail.ts'
import {
  effectiveCount,
  lnLeastWeightedTail,
  lnWeightedEValue,
  lnWeightedTailBound,
} from '../stats/weighted.ts'
import type { Evidence, WeightedEvidence } from './evidence.ts'

/** evidence: p <= alpha. no-evidence: p > alpha, which clears nobody. insufficient: too little to say, either way. protocol-mismatch: the instrument did not work. */
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
  /** Sum of the scores, each times its coefficient where there are coefficients. */
  readonly sum: number
  /** Null law of one score. */
  readonly law: NullLaw
  /** Present where pairs have unequal coefficients. */
  readonly weights?: CoefficientSums
  /** Natural log of the p-value; 0 where nothing was counted. */
  readonly lnP: number
  readonly log10P: number
  /**
   * exact: the tail of the null law. bound: at least that tail: whatever the coefficients (Chernoff), or the law itself is a bound of sums
   * ({@link tailOf}).
   */
  readonly tail: 'exact' | 'bound'
  /** Mean score; with coefficients, the null mean plus (sum - its null mean) / (sum of absolute coefficients). */
  readonly mean: number
  /** (mean - null mean) / null standard deviation of one score. For display: no p-value is made from it. */
  readonly effect: number
  /**
   * Exact 95 % interval of the mean score. Absent with coefficients, whose sum has no rate to give an interval for, and where nothing
   * bounds it: no scores of a kind that has no largest one.
   */
  readonly interval?: RateInterval
  /** Natural log of the e-value. */
  readonly lnE: number
  readonly alpha: number
  /** Fewer pairs (with coefficients: effective pairs) than this are "insufficient". */
  readonly minimumCounted: number
  readonly decision: Decision
  readonly family: Family
  readonly notes: readonly string[]
}

/** How many tests were made together, and how that was paid for. */
export interface Family {
  readonly size: number
  readonly method: 'none' | 'holm'
  /** Natural log of the p-value corrected for the family, which the decision rests on. Absent without a correction: then that is lnP. */
  readonly lnAdjustedP?: number
}

/** What is needed of coefficients to check a weighted sum by hand. */
export interface CoefficientSums {
  readonly total: number
  readonly absolute: number
  readonly squares: number
  /** Number of equal coefficients that would be as near to a normal law: (sum a^2)^2 / sum a^4. */
  readonly effective: number
}

/** What the caller decides before looking. */
export interface DecisionRule {
  /** Level of the test: the chance to accuse an innocent is at most this. @defaultValue 1e-6 */
  readonly alpha?: number
  /**
   * Fewer counted pairs than this are "insufficient", whatever they show.
   * @defaultValue 64: with fewer, text that is green twice as often as chance (1/2 instead of 1/4) does not reach 1e-6, so a "no"
   * would mean little
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

/** What a verdict is about: everything that is not computed from the evidence. */
export type VerdictSubject = Pick<Verdict, 'method' | 'scheme' | 'keyId' | 'seen'> &
  Partial<Pick<Verdict, 'role' | 'lane' | 'notes'>>

/** The family of one test. */
export const ALONE: Family = Object.freeze({ size: 1, method: 'none' })

/**
 * What the tail of an unweighted sum is. The laws of some marks of other engines are bounds: lists of a fixed size, whose scores depend on each other;
 * two weighted scores; and exponential scores on levels that are wider apart than the steps which all such scores are rounded to.
 */
export function tailOf(law: NullLaw): Verdict['tail'] {
  switch (law.kind) {
    case 'bernoulli':
      return law.fixedSize ? 'bound' : 'exact'
    case 'binomial':
      return 'exact'
    case 'exponential':
      return levelShare(law) > EXPONENTIAL_STEP ? 'bound' : 'exact'
    case 'hypoexponential':
      return 'bound'
  }
}

/** Turns evidence with equal coefficients into a verdict by the law of a score. */
export function verdictOf(
  evidence: Evidence,
  subject: VerdictSubject,
  rule: Required<DecisionRule>,
  family: Family = ALONE,
): Verdict {
  const { sum, n, law } = evidence
  const interval = meanInterval(law, evidence)
  const measured = {
    counted: n,
    sum,
    law,
    lnP: lnUpperTail(law, evidence),
    tail: tailOf(law),
    mean: n === 0 ? nullMean(law) : sum / n,
    ...(Number.isFinite(interval.upper) ? { interval: Object.freeze(interval) } : {}),
    lnE: lnEValue(law, evidence),
  }
  return freezeVerdict(measured, { subject, rule, informative: n, lnLeast: lnLeastTail(law, n), family })
}

/**
 * Verdicts on tests that are made together, in their order: the chance that any of them accuses wrongly is at most alpha (Holm 1979),
 * however they depend on each other.
 */
export function familyVerdictsOf(
  tests: readonly { readonly evidence: Evidence; readonly subject: VerdictSubject }[],
  rule: Required<DecisionRule>,
): readonly Verdict[] {
  const lnPs = tests.map(({ evidence }) => lnUpperTail(evidence.law, evidence))
  const { lnAdjusted } = holm(lnPs, { alpha: rule.alpha })
  const verdicts = tests.map(({ evidence, subject }, i) =>
    verdictOf(evidence, subject, rule, {
      size: tests.length,
      method: 'holm',
      lnAdjustedP: lnAdjusted[i]!,
    }),
  )
  return Object.freeze(verdicts)
}

/** Turns a weighted sum of scores into a verdict by the guaranteed bound. */
export function weightedVerdictOf(
  evidence: WeightedEvidence,
  subject: VerdictSubject,
  rule: Required<DecisionRule>,
  family: Family = ALONE,
): Verdict {
  const { coefficients, sum, law } = evidence
  let [total, absolute, squares] = [0, 0, 0]
  for (const a of coefficients) {
    total += a
    absolute += Math.abs(a)
    squares += a * a
  }
  const excess = sum - nullMean(law) * total
  const effective = effectiveCount(coefficients)
  const measured = {
    counted: coefficients.length,
    sum,
    law,
    weights: Object.freeze({ total, absolute, squares, effective }),
    lnP: lnWeightedTailBound(law, { coefficients, excess }),
    tail: 'bound' as const,
    mean: nullMean(law) + (absolute === 0 ? 0 : excess / absolute),
    lnE: lnWeightedEValue(law, { coefficients, excess }),
  }
  return freezeVerdict(measured, {
    subject,
    rule,
    informative: Math.floor(effective),
    lnLeast: lnLeastWeightedTail(law, coefficients),
    family,
  })
}

/** What an e-process has come to, at whatever moment it was stopped. */
export interface StoppedProcess extends Evidence {
  /** ln of the e-value now, and of the largest on the way, which is 1 or more: it begins there. */
  readonly lnE: number
  readonly lnMaxE: number
  /** Where scores have coefficients, which `sum` then includes. */
  readonly weights?: CoefficientSums
}

/** The verdict of an e-process: p is 1 over the largest e-value on the way (Ville's inequality), whenever it was stopped. */
export function anytimeVerdictOf(
  process: StoppedProcess,
  subject: VerdictSubject,
  rule: Required<DecisionRule>,
  family: Family = ALONE,
): Verdict {
  const { sum, n, law, lnE, lnMaxE, weights } = process
  const [total, size] = weights ? [weights.total, weights.absolute] : [n, n]
  const measured = {
    counted: n,
    sum,
    law,
    ...(weights === undefined ? {} : { weights }),
    lnP: 0 - lnMaxE,
    tail: 'bound' as const,
    mean: nullMean(law) + (size === 0 ? 0 : (sum - nullMean(law) * total) / size),
    lnE,
  }
  const informative = weights ? Math.floor(weights.effective) : n
  // More may still come, so no number of scores is too small by itself.
  return freezeVerdict(measured, { subject, rule, informative, lnLeast: -Infinity, family })
}

type Measured = Pick<
  Verdict,
  'counted' | 'sum' | 'law' | 'weights' | 'lnP' | 'tail' | 'mean' | 'interval' | 'lnE'
>

// `informative`: the number of pairs that the rule's minimum is held against. `lnLeast`: the smallest p that any scores could have given.
function freezeVerdict(
  measured: Measured,
  about: {
    subject: VerdictSubject
    rule: Required<DecisionRule>
    informative: number
    lnLeast: number
    family: Family
  },
): Verdict {
  const { subject, rule, informative, lnLeast, family } = about
  const { alpha, minimumCounted } = rule
  const { lnP, mean, law } = measured
  const notes = [...(subject.notes ?? [])]
  const limit = Math.log(alpha)
  let decision: Decision = (family.lnAdjustedP ?? lnP) <= limit ? 'evidence' : 'no-evidence'
  if (informative < minimumCounted) {
    decision = 'insufficient'
    const kind = measured.weights ? 'effective pairs' : 'pairs'
    notes.push(
      `${informative} ${kind}, fewer than the ${minimumCounted} asked for: this says neither yes nor no`,
    )
  } else if (lnLeast > limit || (decision === 'no-evidence' && lnLeast + Math.log(family.size) > limit)) {
    decision = 'insufficient'
    const corrected = family.size > 1 ? ` once corrected for ${family.size} tests` : ''
    notes.push(
      `even the highest scores on these pairs would give p = 10^${(lnLeast / Math.LN10).toFixed(1)}, above alpha${corrected}: this says neither yes nor no`,
    )
  } else if (decision === 'no-evidence') {
    notes.push('no evidence is not a clearance: a weaker mark, or another key, may still be there')
  }
  return Object.freeze({
    format: 'dyetrace/verdict-1' as const,
    method: subject.method,
    scheme: subject.scheme,
    keyId: subject.keyId,
    ...(subject.role === undefined ? {} : { role: subject.role }),
    ...(subject.lane === undefined ? {} : { lane: subject.lane }),
    seen: subject.seen,
    ...measured,
    log10P: lnP / Math.LN10,
    effect: (mean - nullMean(law)) / Math.sqrt(nullVariance(law)),
    alpha,
    minimumCounted,
    decision,
    family: Object.freeze({ ...family }),
    notes: Object.freeze(notes),
  })
}
