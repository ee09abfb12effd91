/** The record that a plan is. docs/case-files.md has its fields as a file. */
import type { Digest } from '../digest.ts'
import type {
  Budget,
  FamilyMember,
  PlannedCompletion,
  PlannedExposure,
  PlannedPower,
  PlannedText,
  Stopping,
  WindowClasses,
} from './parts.ts'

/** What the suspect gives: sampled tokens only, its likeliest next tokens with their probabilities, or all next-token probabilities. */
export type Access = 'text' | 'top-k' | 'rows'

/** How tokens become a number. count: each distinct pair weighs the same. contrast: what the suspect says beyond the references. */
export type Statistic = 'count' | 'contrast'

/** A test of one suspect, fixed beforehand. Frozen. */
export interface Plan {
  readonly format: 'dyetrace/plan-1'
  readonly suspect: string
  readonly access: Access
  /** Access "top-k" only: logprobs asked for in each position, 1..100. */
  readonly topK?: number
  /** The statistic whose p-value decides. Others are shown beside it. */
  readonly statistic: Statistic
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Texts that are put to the suspect: where they are from, and the digest of their ids. */
  readonly prompts: {
    readonly origin: string
    /** Who or what picked them out of there. */
    readonly pickedBy?: string
    readonly count: number
    readonly tokens: number
    readonly digest: Digest
    /** True: they contain text marked under a key of the family, so the burn rule applies. False: they are key-blind. */
    readonly marked: boolean
    /**
     * Marked prompts only: all other marked text that they were cut out of, which burns its windows before the first prompt; 0 documents where
     * prompts are whole texts. Left out, the conclusion is exploratory.
     */
    readonly markedText?: PlannedText
  }
  /** Access "text" only: how answers are asked for. */
  readonly completion?: PlannedCompletion
  /** Names of the reference models, in the order in which their rows are given. */
  readonly references: readonly string[]
  /** Unmarked text whose window counts weigh windows, or part them into classes. */
  readonly exposure?: PlannedExposure
  readonly alpha: number
  readonly minimumCounted: number
  /** Decoy keys to be shown beside the result. */
  readonly decoys: number
  readonly stopping: Stopping
  /** Marked prompts with the rule "fixed" only: so many windows of the key's layer, the first new ones, are judged. */
  readonly counted?: number
  readonly classes?: WindowClasses
  readonly budget?: Budget
  readonly power?: PlannedPower
  /** Every key that will be tried. Left out: unknown, and the conclusion is exploratory. */
  readonly family?: readonly FamilyMember[]
}
