/**
 * The decoy exhibit: the same pairs and coefficients under keys that nobody picked. They show where chance would put the
 * statistic, and that the instrument is in order: standardised, they must have mean 0 and standard deviation 1.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, hexToBytes, utf8ToBytes } from '../bytes.ts'
import { canonicalJson } from '../digest.ts'
import { decoyKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Plan, planDigest } from '../plan/plan.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { decoyP } from '../stats/decoys.ts'
import { nullMean } from '../stats/tail.ts'
import { weightedVariance } from '../stats/weighted.ts'
import type { Observations } from './observations.ts'
import type { WeightedPairs } from './pairs.ts'
import { weightedScoreSum } from './score-pairs.ts'

/** How the tested key compares with decoys. It decides nothing. */
export interface DecoyExhibit {
  readonly count: number
  /** (1 + number of decoys at least as high) / (count + 1): exact at any count, but never below `floor`. */
  readonly p: number
  readonly floor: number
  /** Mean and standard deviation of the decoys' standardised statistics: about 0 and 1 if the instrument is in order. */
  readonly mean: number
  readonly standardDeviation: number
}

/**
 * Material of the decoys: SHA-256 of the plan, then of all observations, one canonical JSON line each. Fixed before any key is
 * used, and nobody's choice.
 */
export function decoyMaterial(plan: Plan, { list }: Observations): Uint8Array {
  const observed = sha256.create()
  for (const { window, tokens, weights, references } of list) {
    const line = [window, tokens, weights, ...references].map((part) => Array.from(part))
    observed.update(utf8ToBytes(`${canonicalJson(line)}\n`))
  }
  return concatBytes(hexToBytes(planDigest(plan).slice('sha256:'.length)), observed.digest())
}

/** Scores pairs under `count` decoys; undefined where there is nothing to compare. */
export function decoyExhibit(
  weighted: WeightedPairs,
  tested: { scheme: Scheme; key: MarkKey; lane: number },
  { material, count }: { material: Uint8Array; count: number },
): DecoyExhibit | undefined {
  const { coefficients } = weighted
  if (count === 0 || coefficients.length === 0) return undefined
  const draws: number[] = []
  for (const key of decoyKeys(tested.key, { material, count }))
    draws.push(weightedScoreSum(weighted, { ...tested, key }))
  const law = tested.scheme.nullLaw
  const expected = nullMean(law) * coefficients.reduce((total, a) => total + a, 0)
  const scale = Math.sqrt(weightedVariance(law, coefficients))
  const mean = draws.reduce((total, draw) => total + draw, 0) / count
  const squares = draws.reduce((total, draw) => total + (draw - mean) ** 2, 0)
  return Object.freeze({
    count,
    ...decoyP(weightedScoreSum(weighted, tested), draws),
    mean: (mean - expected) / scale,
    standardDeviation: Math.sqrt(squares / Math.max(1, count - 1)) / scale,
  })
}
