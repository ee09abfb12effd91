/** Verdicts in words, the same four for every command. */
import type { Decision, Verdict } from '../detect/verdict.ts'
import { EXIT, type ExitCode } from './exit.ts'
import { levelOf } from './printable.ts'

/** A probability as people read it; small ones as a power of ten. */
export function pOf(log10P: number): string {
  if (log10P === Number.NEGATIVE_INFINITY) return 'p = 0'
  if (log10P > -4) return `p = ${Number((10 ** log10P).toPrecision(3))}`
  return `p = 10^${log10P.toFixed(1)}`
}

/** The p-value that the decision rests on. */
export function decisiveP({ log10P, family: { lnAdjustedP } }: Verdict): string {
  return pOf(lnAdjustedP === undefined ? log10P : lnAdjustedP / Math.LN10)
}

/** The decision of several tests: evidence if any is; a "no" only where something could have been seen. */
export function overall(decisions: readonly Decision[]): Decision {
  for (const decision of ['evidence', 'protocol-mismatch', 'no-evidence'] as const)
    if (decisions.includes(decision)) return decision
  return 'insufficient'
}

/** Exit code of a decision. */
export function exitOf(decision: Decision): ExitCode {
  return decision === 'evidence' ? EXIT.evidence : EXIT.noEvidence
}

/** What a decision means, in one sentence that claims no more. */
export function meaning(decision: Decision, alpha: number): string {
  switch (decision) {
    case 'evidence':
      return `evidence: a key drawn at random would fit this well with probability at most ${levelOf(alpha)}. It says that the text carries the mark, not how it came to.`
    case 'no-evidence':
      return 'no evidence: what was seen is no less likely under a random key. It does not show that there is no mark.'
    case 'insufficient':
      return 'insufficient: too little text to say either way.'
    case 'protocol-mismatch':
      return 'protocol-mismatch: text known to be marked was not recognised on this path: wrong tokenizer, key or profile. It says nothing about the suspect.'
  }
}
