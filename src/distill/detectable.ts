/**
 * The power that a test had: how large an effect it would have found. Said wherever nothing was found, for a "no" of a test that could not
 * have said "yes" is worth nothing. Equal coefficients: the exact law under an alternative in which all scores shift alike. Unequal ones:
 * the shift at which the bound reaches its level, and beyond it a normal law; an estimate.
 */
import { effectFound } from '../plan/power-of-test.ts'
import { scoreCumulants, tiltedScore } from '../stats/cumulants.ts'
import type { NullLaw } from '../stats/law.ts'
import { lnNormalUpperTail } from '../stats/normal.ts'
import { weightedVariance } from '../stats/weighted.ts'

/** The smallest effect that would have been found with a stated chance. */
export interface Detectable {
  /** The chance to find it. */
  readonly power: number
  /** Shift of the mean in null standard deviations, per scored pair (`count`) or per position (`contrast`): z / sqrt(n). */
  readonly effect: number
  /** The same for the whole sum. */
  readonly z: number
  readonly per: 'pair' | 'position'
  readonly n: number
  /** exact: by the law of the scores, all shifted alike. estimate: by the bound and a normal law. */
  readonly law: 'exact' | 'estimate'
}

/** Of a sum of n equal scores that is evidence at exp(lnAlpha). Undefined where no effect could reach it. */
export function detectableCount(
  law: NullLaw,
  { n, lnAlpha, power }: { n: number; lnAlpha: number; power: number },
): Detectable | undefined {
  const test = { law, statistic: 'count', watched: false, alpha: Math.exp(lnAlpha) } as const
  const effect = effectFound(test, { n, power })
  if (effect === undefined) return undefined
  return Object.freeze({ power, effect, z: effect * Math.sqrt(n), per: 'pair', n, law: 'exact' })
}

/** Of a weighted sum over `positions`. Undefined where no effect could reach the level. */
export function detectableContrast(
  law: NullLaw,
  about: { coefficients: Float64Array; positions: number; lnAlpha: number; power: number },
): Detectable | undefined {
  const { coefficients, positions: n, lnAlpha, power } = about
  const excess = excessAt(law, coefficients, -lnAlpha)
  if (excess === undefined || n === 0) return undefined
  const z = excess / Math.sqrt(weightedVariance(law, coefficients)) + normalQuantile(power)
  return Object.freeze({ power, effect: z / Math.sqrt(n), z, per: 'position', n, law: 'estimate' })
}

/**
 * The excess at which the bound is exp(-nats): the sum of the tilted scores' divergences is then `nats`. Its root is nearly proportional to
 * the tilt, so a few steps of proportion arrive.
 */
function excessAt(law: NullLaw, coefficients: Float64Array, nats: number): number | undefined {
  const { tiltBelow } = scoreCumulants(law)
  const largest = coefficients.reduce((most, a) => Math.max(most, a), 0)
  const deviation = Math.sqrt(weightedVariance(law, coefficients))
  if (deviation === 0) return undefined
  const limit = largest === 0 ? Infinity : tiltBelow / largest
  let theta = Math.min(Math.sqrt(2 * nats) / deviation, limit / 2)
  for (let step = 0; step < STEPS; step++) {
    let [divergence, excess] = [0, 0]
    for (const a of coefficients) {
      const tilted = tiltedScore(law, theta * a)
      divergence += tilted.divergence
      excess += a * tilted.excess
    }
    if (Math.abs(divergence - nats) <= PRECISION * nats) return excess
    const next = theta * Math.sqrt(nats / divergence)
    theta = next < limit ? next : (theta + limit) / 2
  }
  return undefined
}

const STEPS = 60
const PRECISION = 1e-3

/** The deviation that a normal number stays below with this chance. */
function normalQuantile(chance: number): number {
  let [low, high] = [-40, 40]
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (lnNormalUpperTail(middle) <= Math.log1p(-chance)) high = middle
    else low = middle
  }
  return high
}
