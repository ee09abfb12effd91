/**
 * The sequential test: it may be looked at after every answer and stopped at any moment, for its e-value has mean at most 1 under the null
 * whenever that is, and P[it is ever 1 / alpha or more] <= alpha (Ville 1939). Each pair enters once, when it first appears, before its score is
 * known; so do its coefficient and the weights of the references, which are fitted to what was observed so far.
 *
 * count: the mixture of `lnEValue`: likelihood ratios of the scores over rates (or means) above the null one, for bits with two beta priors cut
 * at the null rate. contrast: exp(theta a (x - mean)) / M(theta a) multiplied over the pairs, mixed evenly over a grid of theta that is fixed here.
 */
import { assertInteger, assertOptions } from '../assert.ts'
import type { CoefficientSums, StoppedProcess } from '../detect/verdict.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import { assertMarkKeys } from '../keys/mark-key.ts'
import { type Profile, parseProfile } from '../keys/profile.ts'
import type { Exposure } from '../plan/exposure.ts'
import { type Plan, parsePlan } from '../plan/plan.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import { reads } from '../schemes/reads.ts'
import { lnEValue } from '../stats/e-value.ts'
import { isOfBits } from '../stats/law.ts'
import { lnMeanExp } from '../stats/ln-mean-exp.ts'
import { nullMean } from '../stats/tail.ts'
import { lnCentredMgf } from '../stats/weighted.ts'
import { createTupleSet, type TupleSet } from '../tuple-set.ts'
import { assertKeyOf, assertObservedAsPlanned, assertPlanFits, assertPlannedExposure } from './as-planned.ts'
import { exposureWeight, fitOf, momentsOf, type ReferenceMoments, residual } from './contrast.ts'
import { firstChoice } from './count.ts'
import { familySize } from './family-size.ts'
import type { Tested } from './measure.ts'
import { assertObservations, type Observation, type Observations, windowsBurnedBy } from './observations.ts'

/** What {@link createSequentialTest} is given. */
export interface SequentialOptions {
  /** A plan with stopping rule "e-process". */
  readonly plan: Plan
  readonly profile: Profile
  readonly key: MarkKey
  /** @defaultValue 0 */
  readonly lane?: number
  /** The exposure that the plan names. */
  readonly exposure?: Exposure
}

/** Where a sequential test stands. Frozen. */
export interface SequentialState {
  /** Observations so far. */
  readonly observations: number
  /** Distinct pairs scored so far. */
  readonly counted: number
  /** ln of the e-value, now and at its largest. */
  readonly lnE: number
  readonly lnMaxE: number
  /** ln of the anytime-valid p-value, min(1, 1 / largest e-value), and the same to base 10. */
  readonly lnP: number
  readonly log10P: number
  /** Evidence from this e-value on: 1 / alpha times the size of the plan's family. */
  readonly lnThreshold: number
  /** evidence: stop, it is found. futile: the plan says to give up here. */
  readonly decision: 'continue' | 'evidence' | 'futile'
  /** One point for each `add`. */
  readonly path: readonly SequentialPoint[]
}

/** A point on the way. */
export interface SequentialPoint {
  readonly observations: number
  readonly counted: number
  readonly lnE: number
}

/** A test that runs while answers come in. */
export interface SequentialTest {
  /**
   * Takes the next observations.
   * @param observations made as the plan says. Under the rule "globally-first" a window is left out that any text of an earlier call holds.
   * @throws TypeError or RangeError for observations that are not as planned.
   */
  add(observations: Observations): SequentialState
  readonly state: SequentialState
}

/**
 * Begins a sequential test of one suspect against one key.
 * @throws TypeError or RangeError if plan, profile and key do not belong together, or the plan has another stopping rule.
 * @example
 * // const test = createSequentialTest({ plan, profile, key })
 * // for (const answer of answers) if (test.add(textObservations([answer], format)).decision !== 'continue') break
 */
export function createSequentialTest(options: SequentialOptions): SequentialTest {
  assertOptions(options, { name: 'options', keys: ['plan', 'profile', 'key', 'lane', 'exposure'] })
  const { key, lane = 0, exposure } = options
  assertMarkKeys([key], { name: 'options.key' })
  const profile = parseProfile(options.profile)
  assertKeyOf(profile, key, { name: 'options.key' })
  assertInteger(lane, { name: 'options.lane', max: key.format.lanes - 1 })
  const plan = parsePlan(options.plan)
  assertPlanFits(plan, profile)
  assertPlannedExposure(plan, exposure)
  const { stopping } = plan
  if (stopping.rule !== 'e-process')
    throw new RangeError(
      `"options.plan.stopping" expected the rule "e-process", got "${stopping.rule}": a test that was not planned to be watched may not be`,
    )
  const scheme = schemeOf(profile, { lanes: key.format.lanes })
  const process = createProcess(plan, { scheme, key, lane }, exposure)
  const lnThreshold = Math.log(familySize(plan, [{ keyId: key.keyId, lane }])) - Math.log(plan.alpha)
  const path: SequentialPoint[] = []
  // What earlier calls brought, those windows included that were not scored: within one call the constructor sees to it.
  const burned = createTupleSet(plan.contextWidth)

  function stateNow(): SequentialState {
    const { n: counted, lnE, lnMaxE } = process.stopped()
    const found = lnMaxE >= lnThreshold && process.informative() >= plan.minimumCounted
    const spent =
      stopping.rule === 'e-process' && stopping.futility !== undefined && counted >= stopping.futility
    return Object.freeze({
      observations: process.observed(),
      counted,
      lnE,
      lnMaxE,
      lnP: 0 - lnMaxE,
      log10P: 0 - lnMaxE / Math.LN10,
      lnThreshold,
      decision: found ? 'evidence' : spent ? 'futile' : 'continue',
      path: Object.freeze([...path]),
    })
  }

  return Object.freeze({
    add(observations: Observations) {
      assertObservations(observations, { name: 'observations' })
      assertObservedAsPlanned(plan, observations, { name: 'observations' })
      for (const observation of observations.list)
        if (burned.find(observation.window) === undefined) process.take(observation)
      addAll(burned, windowsBurnedBy(observations), plan.contextWidth)
      const { n: counted, lnE } = process.stopped()
      path.push(Object.freeze({ observations: process.observed(), counted, lnE }))
      return stateNow()
    },
    get state() {
      return stateNow()
    },
  })
}

function addAll(set: TupleSet, others: TupleSet, width: number): void {
  const words = others.toWords()
  for (let i = 0; i < others.size; i++) set.indexOf(words.subarray(i * width, (i + 1) * width))
}

/** An e-process that takes one observation at a time. */
export interface Process {
  take(observation: Observation): void
  /** Observations taken. */
  observed(): number
  /** Pairs, or where they have coefficients effective pairs. */
  informative(): number
  stopped(): StoppedProcess
}

/** The e-process of a plan under a key. */
export function createProcess(plan: Plan, tested: Tested, exposure: Exposure | undefined): Process {
  const once = onceOnly(plan)
  const wealth = plan.statistic === 'contrast' ? contrastWealth(plan, tested, exposure) : countWealth(tested)
  let observed = 0
  let lnMaxE = 0
  return {
    take(observation) {
      observed++
      wealth.see(observation)
      if (!reads(tested, observation.window) || !once.isFresh(observation.window)) return
      wealth.bet(observation, (token) => once.isNew(observation.window, token))
      lnMaxE = Math.max(lnMaxE, wealth.stopped().lnE)
    },
    observed: () => observed,
    informative: () => {
      const { n, weights } = wealth.stopped()
      return weights ? Math.floor(weights.effective) : n
    },
    stopped: () => ({ ...wealth.stopped(), lnMaxE }),
  }
}

/** Which pairs may still be bet on. */
interface OnceOnly {
  /** Where windows must be fresh: the window comes for the first time. */
  isFresh(window: Observation['window']): boolean
  /** The pair comes for the first time, and never again. */
  isNew(window: Observation['window'], token: number): boolean
}

function onceOnly({ contextWidth, stopping }: Plan): OnceOnly {
  const windows = createTupleSet(contextWidth)
  const pairs = createTupleSet(contextWidth + 1)
  const mustBeFresh = stopping.rule === 'e-process' && stopping.fresh
  return {
    isFresh: (window) => !mustBeFresh || windows.add(window),
    isNew: (window, token) => pairs.add([...Array.from(window), token]),
  }
}

/** What the bets have made of 1. */
interface Wealth {
  /** Shown every observation, before anything is bet on it. */
  see(observation: Observation): void
  /** Bets on the tokens that are new. */
  bet(observation: Observation, isNew: (token: number) => boolean): void
  stopped(): Omit<StoppedProcess, 'lnMaxE'>
}

function countWealth({ scheme, key, lane }: Tested): Wealth {
  const law = scheme.nullLaw
  let [sum, n, lnE] = [0, 0, 0]
  return {
    see: () => {},
    bet(observation, isNew) {
      const token = firstChoice(observation)
      if (token === undefined || !isNew(token)) return
      sum += scheme.score(scheme.field(key, observation.window, token, lane))
      n++
      lnE = lnEValue(law, { sum, n })
    },
    stopped: () => ({ sum, n, law, lnE }),
  }
}

function contrastWealth(plan: Plan, { scheme, key, lane }: Tested, exposure: Exposure | undefined): Wealth {
  const law = scheme.nullLaw
  const mean = nullMean(law)
  const scale = plan.access === 'text' ? 'value' : 'root'
  const lnWealth = TILTS.map(() => 0)
  let moments: ReferenceMoments | undefined
  let beta: readonly number[] = []
  let [seen, sum, n, total, absolute, squares, fourths] = [0, 0, 0, 0, 0, 0, 0]
  return {
    see(observation) {
      moments = momentsOf([observation], scale, moments)
      // By the number of observations alone, so that a test made again from the records comes to the same.
      if (seen < REFIT || seen % REFIT === 0) beta = fitOf(moments)
      seen++
    },
    bet(observation, isNew) {
      const { window, tokens } = observation
      const weight = plan.contextWidth <= 1 ? 1 : exposureWeight(window, exposure)
      const coefficients: number[] = []
      const excesses: number[] = []
      for (let k = 0; k < tokens.length; k++) {
        const a = weight * residual(observation, k, { beta, scale })
        if (a === 0 || !isNew(tokens[k]!)) continue
        const score = scheme.score(scheme.field(key, window, tokens[k]!, lane))
        coefficients.push(a)
        excesses.push(score - mean)
        sum += a * score
        n++
        total += a
        absolute += Math.abs(a)
        squares += a * a
        fourths += a ** 4
      }
      for (const [j, theta] of TILTS.entries()) {
        // A coefficient may be cut before its score is known; exponential scores have a pole that it must stay away from.
        const most = isOfBits(law) ? Infinity : 1 / 2 / theta
        const cut = Float64Array.from(coefficients, (a) => Math.min(a, most))
        const excess = excesses.reduce((sum, x, i) => sum + cut[i]! * x, 0)
        lnWealth[j]! += theta * excess - lnCentredMgf(law, cut, theta)
      }
    },
    stopped() {
      const effective = fourths === 0 ? 0 : (squares * squares) / fourths
      const weights: CoefficientSums = Object.freeze({ total, absolute, squares, effective })
      return { sum, n, law, lnE: lnMeanExp(lnWealth), weights }
    },
  }
}

/** Tilts for residuals of roots (best at about 2 to 20) and of values (about 1/16 to 2), with room on either side. */
const TILTS: readonly number[] = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32]
/** The first so many observations each change the fit, then every so many. */
const REFIT = 64
