/**
 * The demonstration's result as one flat JSON document: a line a p-value, plus what is needed to read it.
 */
import type { Decision } from '../../../src/detect/verdict.ts'
import type { Digest } from '../../../src/digest.ts'
import type { DecoyExhibit } from '../../../src/distill/decoys.ts'
import { profileDigest } from '../../../src/keys/profile.ts'
import type { Access, Statistic } from '../../../src/plan/plan.ts'
import type { Detection, Experiment, Tested } from './experiment.ts'

/** One p-value about one suspect. */
export interface SuspectLine {
  readonly suspect: string
  readonly truth: Tested['truth']
  readonly access: Access
  readonly statistic: Statistic
  /** True for the statistic that the plan lets decide. */
  readonly deciding: boolean
  /** Distinct (window, token) pairs scored. */
  readonly n: number
  /** Mean score; for the contrast, weighted. The null mean is the profile's gamma, 0.25. */
  readonly greenRate: number
  /** Exact 95 % interval of the green rate; absent for the contrast. */
  readonly interval?: readonly [lower: number, upper: number]
  readonly log10P: number
  readonly log10E: number
  readonly decision: Decision
  readonly decoys?: DecoyExhibit
}

/** How the e-value of one suspect grew while it answered. */
export interface WatchedLine {
  readonly suspect: string
  readonly truth: Tested['truth']
  readonly decision: Decision
  /** Anytime-valid: 1 over the largest e-value. */
  readonly log10P: number
  readonly path: readonly { readonly tokens: number; readonly n: number; readonly log10E: number }[]
}

/** What `npm run demo -- --json` prints. */
export interface Summary {
  readonly seed: string
  readonly quick: boolean
  readonly keyId: string
  readonly profile: Digest
  readonly detections: readonly (Pick<Detection, 'text' | 'key'> & {
    readonly n: number
    readonly greenRate: number
    readonly log10P: number
    readonly decision: Decision
  })[]
  readonly students: Experiment['students']
  readonly suspects: readonly SuspectLine[]
  readonly watched: readonly WatchedLine[]
}

/** Flattens an experiment. */
export function summarise(experiment: Experiment, { quick }: { quick: boolean }): Summary {
  const { seed, profile, detections, students, tested, watched } = experiment
  return {
    seed,
    quick,
    keyId: profile.layers[0]!.keyId,
    profile: profileDigest(profile),
    detections: detections.map(({ text, key, verdict }) => {
      const { counted, mean, log10P, decision } = verdict
      return { text, key, n: counted, greenRate: mean, log10P, decision }
    }),
    students,
    suspects: tested.flatMap(suspectLines),
    watched: watched.map(watchedLine),
  }
}

/** A line for each finding of a conclusion. */
export function suspectLines({ truth, conclusion }: Tested): SuspectLine[] {
  return conclusion.findings.map(({ statistic, deciding, verdict, decoys }) => ({
    suspect: conclusion.suspect,
    truth,
    access: conclusion.access,
    statistic,
    deciding,
    n: verdict.counted,
    greenRate: verdict.mean,
    ...(verdict.interval && { interval: [verdict.interval.lower, verdict.interval.upper] as const }),
    log10P: verdict.log10P,
    log10E: verdict.lnE / Math.LN10,
    // A finding that decides speaks with the conclusion's voice, which also minds the instrument check.
    decision: deciding ? conclusion.decision : verdict.decision,
    ...(decoys && { decoys }),
  }))
}

function watchedLine({ truth, conclusion }: Tested): WatchedLine {
  const { suspect, decision, stopped, findings } = conclusion
  const points = stopped.rule === 'e-process' ? stopped.path : []
  return {
    suspect,
    truth,
    decision,
    log10P: findings[0]!.verdict.log10P,
    path: points.map(({ observations, counted, lnE }) => ({
      tokens: observations,
      n: counted,
      log10E: lnE / Math.LN10,
    })),
  }
}
