/**
 * Where a sample meets a key: which pairs are the key's own, what they sum to and how surprising that is. What follows from it for the
 * suspect is decided by whoever knows how many tests there are.
 */
import {
  type DecisionRule,
  type Family,
  type Verdict,
  type VerdictSubject,
  verdictOf,
  weightedVerdictOf,
} from '../detect/verdict.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { lnLugannaniRiceTail } from '../stats/lugannani-rice.ts'
import { lnUpperTail, nullMean } from '../stats/tail.ts'
import { lnWeightedTailBound } from '../stats/weighted.ts'
import type { WeightedPairs } from './pairs.ts'
import type { Sample } from './samples.ts'
import { ownPairs, weightedScoreSum } from './score-pairs.ts'

/** What scores a sample. */
export interface Tested {
  readonly scheme: Scheme
  readonly key: MarkKey
  readonly lane: number
}

/** A sample under a key. */
export interface Measurement {
  readonly sample: Sample
  /** The pairs whose window belongs to the key's layer. */
  readonly own: WeightedPairs
  readonly sum: number
  /** Scores that the null law of the sum speaks of: under the burn rule those planned, also where fewer were seen. */
  readonly n: number
  /** ln of the p-value of this test by itself. */
  readonly lnP: number
}

/** Scores a sample under a key. */
export function measure(sample: Sample, tested: Tested): Measurement {
  const own = firstOf(ownPairs(sample.weighted, tested.key, tested.scheme), sample.counted)
  const sum = weightedScoreSum(own, tested)
  const law = tested.scheme.nullLaw
  const n = sample.counted ?? own.coefficients.length
  const lnP = sample.equal
    ? lnUpperTail(law, { sum, n })
    : lnWeightedTailBound(law, { coefficients: own.coefficients, excess: excessOf(own, { sum, law }) })
  return { sample, own, sum, n, lnP }
}

/** ln of what it costs that this sample is one of several that may decide: 0 where it is the only one. */
export function lnPrice({ look }: Sample): number {
  return look === undefined ? 0 : -Math.log(look.share)
}

/** The verdict on a measurement, for the family of tests that it was made in. */
export function verdictOn(
  { sample, own, sum, n }: Measurement,
  about: {
    readonly law: Scheme['nullLaw']
    readonly subject: VerdictSubject
    readonly rule: Required<DecisionRule>
  },
  family: Family,
): Verdict {
  const { law, subject, rule } = about
  return sample.equal
    ? verdictOf({ sum, n, law }, subject, rule, family)
    : weightedVerdictOf({ sum, coefficients: own.coefficients, law }, subject, rule, family)
}

/** ln of the Lugannani-Rice estimate beside a bound: how much the bound gives away. It may lie on either side of the truth. */
export function lnEstimate({ own, sum }: Measurement, law: Scheme['nullLaw']): number {
  return lnLugannaniRiceTail(law, {
    coefficients: own.coefficients,
    excess: excessOf(own, { sum, law }),
  })
}

function excessOf(
  { coefficients }: WeightedPairs,
  { sum, law }: { sum: number; law: Scheme['nullLaw'] },
): number {
  return sum - nullMean(law) * coefficients.reduce((total, a) => total + a, 0)
}

function firstOf(weighted: WeightedPairs, counted: number | undefined): WeightedPairs {
  if (counted === undefined || counted >= weighted.coefficients.length) return weighted
  return {
    ...weighted,
    pairs: weighted.pairs.slice(0, counted * (weighted.contextWidth + 1)),
    coefficients: weighted.coefficients.slice(0, counted),
  }
}
