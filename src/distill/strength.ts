/**
 * How strongly the suspect leans towards the key, as a number with an interval. With references: delta-hat, the mean tilt in nats. A student
 * that learned a tilt delta has p(v) close to r(v) (1 + delta (x(v) - mean over r of x)), so with a = p - r
 * the sum T of a (x - mean) grows like delta times (null variance of x) times the sum of r (1 - r). Without references: by how much the mean score
 * of the suspect's first choices exceeds chance. Neither is a share of the training data: that takes a student trained on a known share, and
 * what it says holds for its recipe only.
 */
import { assertNumber, assertRecord, assertString } from '../assert.ts'
import { reads } from '../schemes/reads.ts'
import type { RateInterval } from '../stats/interval.ts'
import { nullMean, nullVariance } from '../stats/tail.ts'
import { weightedVariance } from '../stats/weighted.ts'
import { fitReferences, residual } from './contrast.ts'
import type { Measurement, Tested } from './measure.ts'
import type { Observation } from './observations.ts'
import { createPairPool } from './pairs.ts'
import { weightedScoreSum } from './score-pairs.ts'

/** A measured lean; it describes and decides nothing. */
export interface Strength {
  /** tilt: delta-hat in nats (per unit of score). excess: mean score of the first choices minus the null mean. */
  readonly kind: 'tilt' | 'excess'
  readonly value: number
  /** tilt: normal, over the draw of the key. excess: exact for independent scores of one mean. */
  readonly interval: RateInterval
  /** Share of marked text that a student of the calibration's recipe would need for this tilt. */
  readonly share?: CalibratedShare
}

/** A reading of a tilt as a share of training text, which holds for one recipe. */
export interface CalibratedShare {
  readonly value: number
  readonly interval: RateInterval
  /** How the students of the calibration were trained. */
  readonly recipe: string
}

/** What students of a known marked share showed. */
export interface StrengthCalibration {
  /** In words: model, size, text, passes. Printed wherever the share is. */
  readonly recipe: string
  /** Tilt in nats of a student all of whose training text is marked. */
  readonly slope: number
}

/** Refuses a calibration without a recipe. */
export function assertCalibration(
  calibration: unknown,
  { name }: { name: string },
): asserts calibration is StrengthCalibration {
  assertRecord(calibration, { name, keys: ['recipe', 'slope'] })
  assertString(calibration['recipe'], {
    name: `${name}.recipe`,
    expected: 'words that say how the students were trained',
    pattern: /\S/,
  })
  assertNumber(calibration['slope'], {
    name: `${name}.slope`,
    expected: 'a tilt above 0',
    holds: (slope) => slope > 0,
  })
}

/** The tilt beyond the references; undefined where nothing was left to measure. */
export function tiltOf(
  observations: readonly Observation[],
  tested: Tested,
  calibration: StrengthCalibration | undefined,
): Strength | undefined {
  const { contextWidth, nullLaw } = tested.scheme
  const own = observations.filter(({ window }) => reads(tested, window))
  const beta = fitReferences(observations, 'value')
  const pool = createPairPool(contextWidth)
  let spread = 0
  for (const observation of own) {
    const window = pool.windowOf(observation.window)
    const { tokens, weights } = observation
    for (let k = 0; k < tokens.length; k++) {
      const beyond = residual(observation, k, { beta, scale: 'value' })
      const expected = Math.min(1, weights[k]! - beyond)
      pool.add(window, tokens[k]!, beyond)
      spread += expected * (1 - expected)
    }
  }
  const weighted = pool.pooled()
  const { coefficients } = weighted
  if (coefficients.length === 0 || spread === 0) return undefined
  const excess =
    weightedScoreSum(weighted, tested) - nullMean(nullLaw) * coefficients.reduce((total, a) => total + a, 0)
  const nats = nullVariance(nullLaw) * spread
  const value = excess / nats
  // Two-sided 95 % of a normal law: the noise of the suspect's own preferences under a fresh key, the tilt's share of the coefficients included.
  const reach = (NORMAL_95 * Math.sqrt(weightedVariance(nullLaw, coefficients))) / nats
  const interval = intervalOf(value - reach, value + reach)
  return Object.freeze({
    kind: 'tilt',
    value,
    interval,
    ...(calibration === undefined ? {} : { share: shareOf({ value, interval }, calibration) }),
  })
}

const NORMAL_95 = 1.959963984540054

/** By how much the mean score exceeds chance; undefined where no interval can be given. */
export function excessOf(
  interval: RateInterval | undefined,
  { sum, n }: Measurement,
  mean: number,
): Strength | undefined {
  if (interval === undefined || n === 0) return undefined
  return Object.freeze({
    kind: 'excess',
    value: sum / n - mean,
    interval: intervalOf(interval.lower - mean, interval.upper - mean),
  })
}

function shareOf(
  { value, interval }: { value: number; interval: RateInterval },
  { recipe, slope }: StrengthCalibration,
): CalibratedShare {
  const within = (share: number): number => Math.min(1, Math.max(0, share / slope))
  return Object.freeze({
    value: within(value),
    interval: intervalOf(within(interval.lower), within(interval.upper)),
    recipe,
  })
}

function intervalOf(lower: number, upper: number): RateInterval {
  return Object.freeze({ lower, upper, confidence: 0.95 })
}
