/**
 * The decoy exhibit: the same pairs and coefficients under keys that nobody picked. They show where chance would put the
 * statistic, and that the instrument is in order: standardised, they must have mean 0 and standard deviation 1, and as many of them must
 * lie beyond each of a row of points as the null law says.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, hexToBytes, utf8ToBytes } from '../bytes.ts'
import { canonicalJson, type Digest } from '../digest.ts'
import { decoyKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Plan, planDigest } from '../plan/plan.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { decoyP } from '../stats/decoys.ts'
import { isOfBits, type NullLaw } from '../stats/law.ts'
import { lnLugannaniRiceTail } from '../stats/lugannani-rice.ts'
import { lnUpperTailOfIndependent, nullMean } from '../stats/tail.ts'
import { weightedVariance } from '../stats/weighted.ts'
import type { Observations } from './observations.ts'
import type { WeightedPairs } from './pairs.ts'
import { weightedScoreSum, weightedSumsUnder } from './score-pairs.ts'

/** How the tested key compares with decoys. It decides nothing. */
export interface DecoyExhibit {
  readonly count: number
  /**
   * (1 + number of decoys at least as high) / (count + 1): exact at any count, but never below `floor`. With planned looks, of which the best is
   * shown, times (k + 1)(k + 2) of look k: what the look pays.
   */
  readonly p: number
  readonly floor: number
  /** Mean and standard deviation of the decoys' standardised statistics: about 0 and 1 if the instrument is in order. */
  readonly mean: number
  readonly standardDeviation: number
  readonly uniformity: Uniformity
}

/** Whether decoys are spread as the null law says. */
export interface Uniformity {
  /** For each point, in null standard deviations from the null mean: the tail by the law and the share of decoys at or beyond it. */
  readonly points: readonly { readonly z: number; readonly expected: number; readonly share: number }[]
  /** Largest difference of the two. */
  readonly distance: number
  /**
   * What chance exceeds once in a million exhibits (Dvoretzky, Kiefer and Wolfowitz 1956; Massart 1990). The law is exact where coefficients are
   * equal, otherwise an estimate (Lugannani and Rice 1980), which is off where a few pairs carry the sum.
   */
  readonly limit: number
  readonly uniform: boolean
}

/**
 * Material of the decoys: SHA-256 of the plan, then the head of the chain of answers; without one SHA-256 of all observations, one canonical
 * JSON line each. Fixed before any key is used, and nobody's choice.
 */
export function decoyMaterial(plan: Plan, observations: Observations, answers?: Digest): Uint8Array {
  const said = answers === undefined ? observationsDigest(observations) : bytesOf(answers)
  return concatBytes(bytesOf(planDigest(plan)), said)
}

function observationsDigest({ list }: Observations): Uint8Array {
  const observed = sha256.create()
  for (const { window, tokens, weights, references } of list) {
    const line = [window, tokens, weights, ...references].map((part) => Array.from(part))
    observed.update(utf8ToBytes(`${canonicalJson(line)}\n`))
  }
  return observed.digest()
}

function bytesOf(digest: Digest): Uint8Array {
  return hexToBytes(digest.slice('sha256:'.length))
}

/** Sums of pairs under `count` decoys: the same for all keys of a layer and lane of one profile, which route windows alike. */
export function decoyDraws(
  weighted: WeightedPairs,
  tested: { scheme: Scheme; key: MarkKey; lane: number },
  { material, count }: { material: Uint8Array; count: number },
): readonly number[] {
  const draws: number[] = []
  let keys: MarkKey[] = []
  const score = (): void => {
    draws.push(...weightedSumsUnder(keys, weighted, tested))
    keys = []
  }
  for (const key of decoyKeys(tested.key, { material, count })) {
    keys.push(key)
    if (keys.length === DECOYS_AT_ONCE) score()
  }
  score()
  return draws
}

// Pairs are laid out once for so many keys.
const DECOYS_AT_ONCE = 256

/**
 * Compares a key with `count` decoys; undefined where there is nothing to compare.
 * @param decoys.draws what `decoyDraws` gave, where it is known already.
 * @param decoys.price what p is multiplied by, where the pairs are those of one of several looks.
 */
export function decoyExhibit(
  weighted: WeightedPairs,
  tested: { scheme: Scheme; key: MarkKey; lane: number },
  decoys: { material: Uint8Array; count: number; draws?: readonly number[]; price?: number },
): DecoyExhibit | undefined {
  const { coefficients } = weighted
  const { count, price = 1 } = decoys
  if (count === 0 || coefficients.length === 0) return undefined
  const draws = decoys.draws ?? decoyDraws(weighted, tested, decoys)
  const law = tested.scheme.nullLaw
  const expected = nullMean(law) * coefficients.reduce((total, a) => total + a, 0)
  const scale = Math.sqrt(weightedVariance(law, coefficients))
  const mean = draws.reduce((total, draw) => total + draw, 0) / count
  const squares = draws.reduce((total, draw) => total + (draw - mean) ** 2, 0)
  const { p, floor } = decoyP(weightedScoreSum(weighted, tested), draws)
  return Object.freeze({
    count,
    p: Math.min(1, p * price),
    floor: Math.min(1, floor * price),
    mean: (mean - expected) / scale,
    standardDeviation: Math.sqrt(squares / Math.max(1, count - 1)) / scale,
    uniformity: uniformityOf(draws, { law, coefficients, expected, scale }),
  })
}

/**
 * True where the decoys are spread as the null law says: at every point, and with the deviation of 1 that they must have, within five of its
 * standard errors. For marks whose hash is open decoys are what shows that a text was not built against it.
 */
export function areSpreadAsTheLaw({ count, standardDeviation, uniformity }: DecoyExhibit): boolean {
  return uniformity.uniform && Math.abs(standardDeviation - 1) <= 5 / Math.sqrt(2 * count)
}

const POINTS: readonly number[] = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2]
const FALSE_ALARM = 1e-6

/** Compares the shares of draws beyond a row of points with the tails of their law. */
export function uniformityOf(
  draws: readonly number[],
  null_: { law: NullLaw; coefficients: Float64Array; expected: number; scale: number },
): Uniformity {
  const { expected, scale } = null_
  const points = POINTS.map((z) => {
    const sum = expected + z * scale
    const share = draws.filter((draw) => draw >= sum).length / draws.length
    return Object.freeze({ z, expected: tailAt(sum, null_), share })
  })
  const distance = Math.max(...points.map(({ expected, share }) => Math.abs(expected - share)))
  const limit = Math.sqrt(Math.log(2 / FALSE_ALARM) / (2 * draws.length))
  return Object.freeze({ points: Object.freeze(points), distance, limit, uniform: distance <= limit })
}

function tailAt(
  sum: number,
  { law, coefficients, expected }: { law: NullLaw; coefficients: Float64Array; expected: number },
): number {
  const n = coefficients.length
  if (coefficients.some((a) => a !== 1))
    return Math.exp(lnLugannaniRiceTail(law, { coefficients, excess: sum - expected }))
  if (sum <= 0) return 1
  return Math.exp(lnUpperTailOfIndependent(law, { sum: isOfBits(law) ? Math.ceil(sum) : sum, n }))
}
