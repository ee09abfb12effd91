/**
 * Samples: what will be held against a key, and is settled before one is near. One sample is one statistic over some of the
 * observations: all of them, those of a planned look, or those of one class of windows. Which of them decide, and what it costs to have
 * several, follows from the plan alone.
 */
import type { Plan, Statistic } from '../plan/plan.ts'
import { type PlannedLook, plannedLooks } from '../plan/stopping.ts'
import { contrastPairs, type WindowCounts } from './contrast.ts'
import { countInOrder, countPairs } from './count.ts'
import type { Observation, Observations } from './observations.ts'
import type { WeightedPairs } from './pairs.ts'

/** A class of windows and the direction in which its scores are unlikely. */
export interface Part {
  /** frequent: windows that unmarked text has at least as often as the plan's threshold. */
  readonly windows: 'frequent' | 'rare'
  /** upper: scores too high, as training on marked text makes them. lower: too low, as correcting for a mark by too much makes them. */
  readonly side: 'upper' | 'lower'
}

/** One statistic over some observations, as pairs with coefficients. */
export interface Sample {
  readonly statistic: Statistic
  readonly deciding: boolean
  readonly weighted: WeightedPairs
  /** Equal coefficients of 1: the null law of the sum is exact. */
  readonly equal: boolean
  /** Observations that it was made of. */
  readonly positions: number
  readonly beta?: readonly number[]
  readonly look?: PlannedLook
  readonly part?: Part
  /** Burn rule: this many of the key's own windows are judged, the first ones, and the law is of this many. */
  readonly counted?: number
}

/** The samples of a plan, the published baseline first. */
export function samplesOf(
  plan: Plan,
  { list }: Observations,
  exposure: WindowCounts | undefined,
): readonly Sample[] {
  if (plan.prompts.marked) return [burnSample(list, plan)]
  const { stopping } = plan
  if (stopping.rule === 'looks')
    return looksOf(plan, stopping, list.length).flatMap((look) => lookSamples(plan, list, { exposure, look }))
  const whole = statisticsOf(plan).map((statistic) => sampleOf(plan, list, { statistic, exposure }))
  if (plan.classes === undefined) return whole
  return [...whole.map((sample) => ({ ...sample, deciding: false })), ...classSamples(plan, list, exposure!)]
}

/** `count` is always computed; it is the published test. */
function statisticsOf({ references }: Plan): readonly Statistic[] {
  return references.length > 0 ? ['count', 'contrast'] : ['count']
}

function sampleOf(
  plan: Plan,
  list: readonly Observation[],
  { statistic, exposure }: { statistic: Statistic; exposure: WindowCounts | undefined },
): Sample {
  const about = { statistic, deciding: statistic === plan.statistic, positions: list.length }
  if (statistic === 'count') return { ...about, weighted: countPairs(list, plan.contextWidth), equal: true }
  const scale = plan.access === 'text' ? 'value' : 'root'
  const { beta, ...weighted } = contrastPairs(list, plan.contextWidth, { scale, exposure })
  return { ...about, weighted, equal: false, beta }
}

/** The looks that this many observations allow; where not even the first is reached, one at nothing. */
function looksOf(
  { alpha }: Plan,
  stopping: { first: number; looks: number },
  observed: number,
): readonly PlannedLook[] {
  const all = plannedLooks(stopping, alpha)
  const reached = all.filter(({ observations }) => observations <= observed)
  return reached.length > 0 ? reached : [{ ...all[0]!, observations: 0 }]
}

function lookSamples(
  plan: Plan,
  list: readonly Observation[],
  { exposure, look }: { exposure: WindowCounts | undefined; look: PlannedLook },
): readonly Sample[] {
  const seen = list.slice(0, look.observations)
  return statisticsOf(plan).map((statistic) => ({ ...sampleOf(plan, seen, { statistic, exposure }), look }))
}

/**
 * Four one-sided tests: windows that a mask at inference would cover, and the others, in both directions. From below nothing is taken off:
 * negated, -(p - beta r), a reference has a positive weight, and a reference that carries the mark would make it the suspect's.
 */
function classSamples(plan: Plan, list: readonly Observation[], exposure: WindowCounts): readonly Sample[] {
  const { frequent } = plan.classes!
  const isFrequent = list.map(({ window }) => exposure.count(window) >= frequent)
  return (['frequent', 'rare'] as const).flatMap((windows) => {
    const own = list.filter((_, i) => isFrequent[i] === (windows === 'frequent'))
    const upper = sampleOf(plan, own, { statistic: plan.statistic, exposure })
    const counted = sampleOf(plan, own, { statistic: 'count', exposure })
    const lower = { ...counted, deciding: true, weighted: negated(counted.weighted), equal: false }
    return [
      { ...upper, part: { windows, side: 'upper' as const } },
      { ...lower, part: { windows, side: 'lower' as const } },
    ]
  })
}

function negated(weighted: WeightedPairs): WeightedPairs {
  return { ...weighted, coefficients: weighted.coefficients.map((a) => -a) }
}

function burnSample(list: readonly Observation[], { contextWidth, counted }: Plan): Sample {
  return {
    statistic: 'count',
    deciding: true,
    weighted: countInOrder(list, contextWidth),
    equal: true,
    positions: list.length,
    ...(counted === undefined ? {} : { counted }),
  }
}
