/** Which of several findings and conclusions a page speaks of: the one with the smallest corrected p-value. */
import type { Decision, Verdict } from '../detect/verdict.ts'
import type { Conclusion, Finding } from '../distill/conclusion.ts'
import { nullMean, nullVariance } from '../stats/tail.ts'

/** ln of the p-value that decides. */
export function lnCorrected({ lnP, family }: Verdict): number {
  return family.lnAdjustedP ?? lnP
}

/** log10 of the same. */
export function log10Corrected(verdict: Verdict): number {
  return lnCorrected(verdict) / Math.LN10
}

/** The deciding finding with the smallest corrected p-value; the first of equals. */
export function leadingOf({ findings }: Conclusion): Finding {
  return findings
    .filter(({ deciding }) => deciding)
    .reduce((a, b) => (lnCorrected(b.verdict) < lnCorrected(a.verdict) ? b : a))
}

/** What all keys together come to. */
export interface Overall {
  readonly decision: Decision
  /** True where no conclusion of that decision was fixed beforehand in all respects; where nothing was found, where any was not. */
  readonly exploratory: boolean
  /** Places of the conclusions that the page speaks of first, smallest corrected p-value first. */
  readonly places: readonly number[]
}

/** Evidence for one key is evidence; a plain result goes before an exploratory one; otherwise the decision that says most. */
export function overallOf(conclusions: readonly Conclusion[]): Overall {
  const of = (decision: Decision, which: (one: Conclusion) => boolean = () => true): readonly number[] =>
    [...conclusions.keys()]
      .filter((i) => conclusions[i]!.decision === decision && which(conclusions[i]!))
      .sort((a, b) => lnOf(conclusions[a]!) - lnOf(conclusions[b]!))
  const plain = of('evidence', ({ exploratory }) => exploratory === undefined)
  if (plain.length > 0) return { decision: 'evidence', exploratory: false, places: plain }
  for (const decision of ['evidence', 'no-evidence', 'insufficient', 'protocol-mismatch'] as const) {
    const places = of(decision)
    if (places.length === 0) continue
    const exploratory = conclusions.some((one) => one.exploratory !== undefined)
    return { decision, exploratory, places }
  }
  throw new Error('expected at least one conclusion')
}

function lnOf(conclusion: Conclusion): number {
  return lnCorrected(leadingOf(conclusion).verdict)
}

/** The sum in null standard deviations from its null mean. For display. */
export function zOf({ sum, law, counted, weights }: Verdict): number {
  const [total, squares] = weights ? [weights.total, weights.squares] : [counted, counted]
  return squares === 0 ? 0 : (sum - nullMean(law) * total) / Math.sqrt(nullVariance(law) * squares)
}
