/**
 * The conclusion about a suspect: one frozen record with the verdict that decides, the others beside it, the controls that say
 * whether the instrument worked, and the sentence that may be said. It never says more than was measured: "trained on marked
 * outputs" is not "took them from the API", and "no evidence" is not a clearance. docs/conclusion.md goes through its fields.
 */
import type { Decision, Verdict } from '../detect/verdict.ts'
import type { Digest } from '../digest.ts'
import type { Role } from '../keys/profile.ts'
import type { Access, Statistic } from '../plan/plan.ts'
import type { DecoyExhibit } from './decoys.ts'
import type { Detectable } from './detectable.ts'
import type { Part } from './samples.ts'
import type { SequentialPoint } from './sequential.ts'
import type { Strength } from './strength.ts'

/** One statistic's verdict and its decoys. */
export interface Finding {
  readonly statistic: Statistic
  /** True for the statistic that the plan lets decide. */
  readonly deciding: boolean
  /** The class of windows and the direction, where the plan asks for classes. */
  readonly part?: Part
  readonly verdict: Verdict
  /** Beside a bound: the Lugannani-Rice estimate of the same tail. It may lie on either side of the truth and decides nothing. */
  readonly estimate?: { readonly lnP: number; readonly log10P: number }
  /** Absent where none were asked for, nothing was scored, or decoys are no draws of the same law (burn rule, e-process). */
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

/** When the test ended, and what that rests on. */
export type Stopped =
  | { readonly rule: 'fixed' }
  | {
      readonly rule: 'looks'
      readonly planned: number
      /** The look that the findings are of: the one with the smallest corrected p-value. From 0; absent where not even the first was reached. */
      readonly look?: number
      readonly looks: readonly LookTaken[]
    }
  | {
      readonly rule: 'e-process'
      readonly fresh: boolean
      readonly lnE: number
      readonly lnMaxE: number
      readonly futile: boolean
      readonly path: readonly SequentialPoint[]
    }

/** One planned look, taken. */
export interface LookTaken {
  readonly index: number
  readonly observations: number
  /** What it may spend of the plan's alpha. */
  readonly alpha: number
  /** p-value of the deciding statistic by itself. */
  readonly lnP: number
}

/** What else was measured, to tell whether the test did what it says. */
export interface Controls {
  /** Absent where no known marked text was given. */
  readonly instrument: InstrumentCheck | undefined
  /** Whether all decoy exhibits look as chance must; absent where there are none. */
  readonly decoysUniform?: boolean
  /** The references that were taken off, by name. */
  readonly references: readonly string[]
  /** Positions looked at, and those of them that were kept as observations. */
  readonly seen: number
  readonly kept: number
  readonly repeatedWindow: number
  readonly burned: number
  readonly promptOverlap: number
  readonly notAligned: number
  readonly prompts: { readonly planned: number; readonly answered?: number; readonly marked: boolean }
}

/** What a distillation test found. */
export interface Conclusion {
  readonly format: 'dyetrace/conclusion-1'
  readonly suspect: string
  readonly plan: Digest
  /** Digest of the profile whose key was tried. */
  readonly profile: Digest
  readonly keyId: string
  readonly role: Role
  readonly label: string
  readonly lane: number
  readonly access: Access
  readonly topK?: number
  /** The statistic that decides. */
  readonly statistic: Statistic
  readonly decision: Decision
  /** The answer in one sentence or two, with its number and its limits. */
  readonly sentence: string
  /** Present where something was still open when the plan was made: the result may suggest, it does not count. */
  readonly exploratory?: { readonly reasons: readonly string[] }
  readonly findings: readonly Finding[]
  /** Tests that were paid for together: keys of the plan, tried or not, times the deciding tests of each. */
  readonly family: Verdict['family']
  readonly stopped: Stopped
  /** The smallest effect that would have been found; absent where a stopping rule leaves no such number. */
  readonly power?: Detectable
  readonly strength?: Strength
  readonly controls: Controls
  readonly notes: readonly string[]
}

/** What a sentence says beside the verdict. */
export interface Said {
  readonly power?: Detectable | undefined
  readonly reasons?: readonly string[] | undefined
  readonly part?: Part | undefined
}

/** Puts a decision into words that claim what was measured and no more. */
export function sentenceOf(
  suspect: string,
  decision: Decision,
  verdict: Verdict,
  { power, reasons = [], part }: Said = {},
): string {
  const open = reasons.length > 0 ? ` This test was exploratory: ${reasons.join('; ')}.` : ''
  return `${answerOf(suspect, decision, verdict, { power, part })}${open}`
}

function answerOf(suspect: string, decision: Decision, verdict: Verdict, { power, part }: Said): string {
  const { keyId } = verdict
  const depends = `${suspect} depends on key ${keyId}, ${causeOf(part)}`
  switch (decision) {
    case 'evidence':
      return `Evidence that ${depends}: ${chanceOf(verdict)}. How such text reached it is not shown.`
    case 'no-evidence':
      return `No evidence that ${depends}: ${chanceOf(verdict)}. This clears nobody: ${limitOf(power)}.`
    case 'insufficient':
      return `Too little was observed of ${suspect} to say anything about key ${keyId}.`
    case 'protocol-mismatch':
      return `Nothing can be said about ${suspect}: text known to be marked under key ${keyId} was not recognised on the same path (too little of it, or a wrong tokenizer, key or profile).`
  }
}

function causeOf(part: Part | undefined): string {
  return part?.side === 'lower'
    ? 'as training on text marked under it and then correcting for the mark by too much would make it'
    : 'as training on text marked under it would make it'
}

function chanceOf({ tail, log10P, family }: Verdict): string {
  const corrected = family.lnAdjustedP === undefined ? log10P : family.lnAdjustedP / Math.LN10
  const chance = roundedUp(corrected)
  const probability = tail === 'bound' || family.lnAdjustedP !== undefined ? `at most ${chance}` : chance
  const all = family.lnAdjustedP === undefined ? '' : ', corrected for all tests of the plan'
  return `by chance it would agree with that key so well with probability ${probability}${all}`
}

function limitOf(power: Detectable | undefined): string {
  if (power === undefined) return 'the test may have been too weak'
  const chance = `${Math.round(100 * power.power)} %`
  return `the test would have found an effect of ${twoDigitsUp(power.effect)} null standard deviations a ${power.per} with ${chance}, and may have been too weak for less`
}

/** Rounded up, so that the test is not said to be stronger than it was. */
function twoDigitsUp(value: number): string {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1)
  return (Math.ceil(value / unit - 1e-9) * unit).toPrecision(2)
}

/** A probability for reading. What is rounded is rounded up: the sentence may say too little, never too much. */
function roundedUp(log10P: number): string {
  if (log10P < -3) return `10^${(Math.ceil(10 * log10P) / 10).toFixed(1)}`
  return twoDigitsUp(10 ** log10P)
}
