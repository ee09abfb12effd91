/**
 * The conclusion about a suspect: one frozen record with the verdict that decides, the others beside it, the controls that say
 * whether the instrument worked, and the sentence that may be said. It never says more than was measured: "trained on marked
 * outputs" is not "took them from the API", and "no evidence" is not a clearance.
 */
import type { Decision, Verdict } from '../detect/verdict.ts'
import type { Digest } from '../digest.ts'
import type { Access, Statistic } from '../plan/plan.ts'
import type { DecoyExhibit } from './decoys.ts'

/** One statistic's verdict and its decoys. */
export interface Finding {
  readonly statistic: Statistic
  /** True for the statistic that the plan lets decide. */
  readonly deciding: boolean
  readonly verdict: Verdict
  readonly decoys: DecoyExhibit | undefined
  /** contrast: fitted weights of the references. */
  readonly beta?: readonly number[]
}

/** What known marked text showed when it went through the same path. */
export interface InstrumentCheck {
  readonly passed: boolean
  readonly counted: number
  readonly log10P: number
}

/** What a distillation test found. */
export interface Conclusion {
  readonly format: 'dyetrace/conclusion-1'
  readonly suspect: string
  readonly plan: Digest
  /** Digest of the profile whose key was tried. */
  readonly profile: Digest
  readonly keyId: string
  readonly access: Access
  readonly decision: Decision
  /** The answer in one sentence, with its number and its limits. */
  readonly sentence: string
  readonly findings: readonly Finding[]
  readonly controls: { readonly instrument: InstrumentCheck | undefined; readonly repeatedWindows: number }
  readonly notes: readonly string[]
}

/** Puts a decision into words that claim what was measured and no more. */
export function sentenceOf(suspect: string, decision: Decision, verdict: Verdict): string {
  const { keyId, tail, log10P } = verdict
  const chance = roundedUp(log10P)
  const probability = tail === 'bound' ? `at most ${chance}` : chance
  switch (decision) {
    case 'evidence':
      return `Evidence that ${suspect} depends on key ${keyId}, as training on text marked under it would make it: by chance it would agree with that key so well with probability ${probability}. How such text reached it is not shown.`
    case 'no-evidence':
      return `No evidence that ${suspect} depends on key ${keyId}, as training on text marked under it would make it: by chance it would agree with that key so well with probability ${probability}. This clears nobody: the test may have been too weak.`
    case 'insufficient':
      return `Too little was observed of ${suspect} to say anything about key ${keyId}.`
    case 'protocol-mismatch':
      return `Nothing can be said about ${suspect}: text known to be marked under key ${keyId} was not recognised on the same path (too little of it, or a wrong tokenizer, key or profile).`
  }
}

/** A probability for reading. What is rounded is rounded up: the sentence may say too little, never too much. */
function roundedUp(log10P: number): string {
  if (log10P < -3) return `10^${(Math.ceil(10 * log10P) / 10).toFixed(1)}`
  const p = 10 ** log10P
  const unit = 10 ** (Math.floor(log10P) - 1)
  return Math.min(1, Math.ceil(p / unit - 1e-9) * unit).toPrecision(2)
}
