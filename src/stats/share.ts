/**
 * How many documents of a corpus are marked: the share, with an interval, and a lower bound that assumes nothing about marked documents (docs/statistics.md, section 11).
 * In go sums of scores, one a document, and their null law; the documents' texts and keys are somebody else's business.
 *
 * The interval rests on a model of marked documents: each has a strength of its own, spread around a common one, and scores tilted by it. It is the
 * profile likelihood of the share. What no data can show stays out of the question: documents with few scores, and marks weaker than a stated effect.
 */
import { assertArray, assertInteger, assertNumber, assertOneOf, assertOptions } from '../assert.ts'
import { lnBinomialUpperTail } from './binomial.ts'
import { assertNullLaw, type NullLaw } from './law.ts'
import { lnNormalUpperTail } from './normal.ts'
import { assertScoreSum, lnUpperTail, nullMean, nullVariance, type ScoreSum } from './tail.ts'

/** How the share is to be found; all of it chosen before looking. */
export interface ShareOptions {
  /** Null law of one score. */
  readonly law: NullLaw
  /**
   * Whether documents have pairs in common. disjoint: each pair counts in one document only, as where it counts in the first that has it and copies of a document count
   * once; null sums are then independent. shared: they are not, and only the bound for any dependence is given.
   */
  readonly pairs: 'disjoint' | 'shared'
  /** Documents with fewer scores are left out of the question. @defaultValue 64 */
  readonly minimumCounted?: number
  /** Marks whose typical effect (excess of the mean score in standard deviations, as in a verdict) is smaller are left out of the question. @defaultValue 0.2 */
  readonly minimumEffect?: number
  /**
   * Number of shares that are asked about, this one among them: of one corpus under so many keys and lanes. All their intervals together then hold at 95 %, and so does
   * one that is picked from them after looking (Bonferroni). @defaultValue 1
   */
  readonly family?: number
}

/** A lower bound on the number of marked documents. */
export interface ShareBound {
  /** Documents whose p-value is at most `threshold`. */
  readonly beyond: number
  readonly threshold: number
  /** At least so many of the documents are marked. */
  readonly documents: number
}

/** The share of marked documents. Frozen. */
export interface MarkedShare {
  /** Documents that the answer is about. */
  readonly documents: number
  /** Documents with fewer than `minimumCounted` scores. */
  readonly tooShort: number
  readonly minimumCounted: number
  readonly minimumEffect: number
  readonly confidence: 0.95
  /** Shares that hold at this confidence together. */
  readonly family: number
  /** Most likely share, and its interval; undefined where pairs are shared or there is no document. */
  readonly share: number | undefined
  readonly interval: { readonly lower: number; readonly upper: number } | undefined
  /** Effect of a typical marked document at the most likely share; undefined where that is 0. */
  readonly effect: number | undefined
  /** One-sided, at 97.5 % for the family, whatever marked documents are like; needs disjoint pairs. */
  readonly guaranteed: ShareBound | undefined
  /** One-sided, at 97.5 % for the family, however the documents depend on each other. The larger of both bounds holds at 95 %. */
  readonly anyDependence: ShareBound
}

/**
 * The share of marked documents among those with enough scores, with its 95 % interval.
 *
 * @param documents - for each document the number of its scores and their sum
 * @throws TypeError or RangeError for sums that so many scores cannot give, or options out of range
 * @example
 * import { markedShare } from 'dyetrace/stats'
 * const documents = Array.from({ length: 1000 }, (_, i) => ({ n: 200, sum: i < 10 ? 100 : 40 + (i % 21) }))
 * const { interval } = markedShare(documents, { law: { kind: 'bernoulli', p: 0.25 }, pairs: 'disjoint' })
 * console.log(interval.lower.toFixed(3), interval.upper.toFixed(3)) // 0.005 0.018
 */
export function markedShare(documents: readonly ScoreSum[], options: ShareOptions): MarkedShare {
  assertArray(documents, { name: 'documents', expected: 'an array of sums' })
  assertOptions(options, {
    name: 'options',
    keys: ['law', 'pairs', 'minimumCounted', 'minimumEffect', 'family'],
  })
  const { law, pairs, minimumCounted = 64, minimumEffect = 0.2, family = 1 } = options
  assertNullLaw(law)
  assertOneOf(pairs, { name: 'options.pairs', values: ['disjoint', 'shared'] })
  assertInteger(minimumCounted, { name: 'options.minimumCounted', min: 1 })
  assertNumber(minimumEffect, {
    name: 'options.minimumEffect',
    expected: 'an effect from 0.01 to 1',
    holds: (effect) => effect >= 0.01 && effect <= 1,
  })
  assertInteger(family, { name: 'options.family', min: 1 })
  const side = ONE_SIDE / family
  const cells = cellsOf(documents, law, minimumCounted)
  const count = cells.reduce((total, { times }) => total + times, 0)
  const about = { documents: count, tooShort: documents.length - count, minimumCounted, minimumEffect }
  const anyDependence = boundForAny(cells, count, side)
  if (pairs === 'shared' || count === 0)
    return Object.freeze({
      ...about,
      confidence: 0.95,
      family,
      share: undefined,
      interval: undefined,
      effect: undefined,
      guaranteed: pairs === 'shared' ? undefined : anyDependence,
      anyDependence,
    })
  const guaranteed = boundForIndependent(cells, count, side)
  const { share, effect, lower, upper } = profile(gathered(cells, law), { law, minimumEffect, side })
  // Without a mark the likelihood says little about its strength, and would find some share too often. The bound does not err that often.
  const interval = Object.freeze({
    lower: guaranteed.documents === 0 ? 0 : lower,
    upper: Math.max(upper, guaranteed.documents / count),
  })
  return Object.freeze({
    ...about,
    confidence: 0.95,
    family,
    share,
    interval,
    effect: share === 0 ? undefined : effect,
    guaranteed,
    anyDependence,
  })
}

/** Documents with one sum, which say the same. */
interface Cell {
  readonly n: number
  readonly sum: number
  readonly lnP: number
  times: number
}

function cellsOf(documents: readonly ScoreSum[], law: NullLaw, minimumCounted: number): readonly Cell[] {
  const cells: Cell[] = []
  const known = new Map<number, Map<number, Cell>>()
  for (let i = 0; i < documents.length; i++) {
    const document = documents[i]!
    const same = document && known.get(document.n)?.get(document.sum)
    // Checked when it came first.
    if (same) {
      same.times++
      continue
    }
    assertScoreSum(law, document)
    const { n, sum } = document
    if (n < minimumCounted) continue
    const cell = { n, sum, lnP: lnUpperTail(law, { n, sum }), times: 1 }
    cells.push(cell)
    const ofN = known.get(n) ?? new Map<number, Cell>()
    known.set(n, ofN.set(sum, cell))
  }
  return cells
}

// More cells than that are gathered; of sums on a coarse grid there are seldom so many.
const MOST_CELLS = 20_000

/**
 * Cells of nearly the same number and excess as one, with their means: within 2 % of the number and 1/20 of a standard deviation. How likely a cell is of a marked document changes by
 * exp of something linear in both, so means are right to the second order. For the likelihood only; bounds count each document by itself.
 */
function gathered(cells: readonly Cell[], law: NullLaw): readonly Cell[] {
  if (cells.length <= MOST_CELLS) return cells
  const sums = new Map<string, { n: number; sum: number; times: number }>()
  const [mean, variance] = [nullMean(law), nullVariance(law)]
  for (const { n, sum, times } of cells) {
    const excess = (sum - n * mean) / Math.sqrt(n * variance)
    const key = `${Math.round(Math.log(n) / 0.02)} ${Math.round(excess / 0.05)}`
    const known = sums.get(key) ?? { n: 0, sum: 0, times: 0 }
    sums.set(key, { n: known.n + times * n, sum: known.sum + times * sum, times: known.times + times })
  }
  return Array.from(sums.values(), ({ n, sum, times }) => ({ n: n / times, sum: sum / times, lnP: 0, times }))
}

// What one side of an interval of 95 % may miss.
const ONE_SIDE = 0.025

function beyond(cells: readonly Cell[], lnThreshold: number): number {
  return cells.reduce((total, { lnP, times }) => total + (lnP <= lnThreshold ? times : 0), 0)
}

/** P[any null document is beyond side / N] <= side, so every one beyond it is marked. */
function boundForAny(cells: readonly Cell[], count: number, side: number): ShareBound {
  const threshold = side / Math.max(1, count)
  const documents = beyond(cells, Math.log(threshold))
  return Object.freeze({ beyond: documents, threshold, documents })
}

/**
 * Of N documents M are marked and, at best, all beyond the threshold 1 / N; of the others at most Binomial(N - M, 1 / N) are. The least M under which
 * so many are not too many.
 */
function boundForIndependent(cells: readonly Cell[], count: number, side: number): ShareBound {
  const threshold = 1 / count
  const seen = beyond(cells, -Math.log(count))
  let [low, high] = [0, seen]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const isRefuted =
      lnBinomialUpperTail(seen - middle, { n: count - middle, p: Math.min(threshold, 1 - 1e-9) }) <=
      Math.log(side)
    if (isRefuted) low = middle + 1
    else high = middle
  }
  return Object.freeze({ beyond: seen, threshold, documents: low })
}

/**
 * The root of twice the log-likelihood that an interval gives away: that of the quantile of chi-squared with one degree of freedom, so the normal's that leaves one side's
 * chance beyond it. For 95 % it is 1.96.
 */
function givenAway(side: number): number {
  let [low, high] = [0, 100]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (lnNormalUpperTail(middle) > Math.log(side)) low = middle
    else high = middle
  }
  return high
}

/** Each strength is so much the one before. */
const STRENGTH_STEP = 1.2

interface Model {
  readonly times: Float64Array
  /** Of the times. */
  readonly roots: Float64Array
  /** For each strength and cell how much likelier the cell is of a document marked so strongly than of one that is not marked. */
  readonly ratios: readonly Float64Array[]
}

/** Shares of the strengths that are likeliest where all together they are `share`, and the log-likelihood over that of no mark. */
interface Fit {
  readonly weights: Float64Array
  readonly lnLikelihood: number
}

/** The likelihood of each share with the mix of strengths that suits it best. */
function profile(
  cells: readonly Cell[],
  { law, minimumEffect, side }: { law: NullLaw; minimumEffect: number; side: number },
): { share: number; effect: number; lower: number; upper: number } {
  const tilts = tiltsOf(law)
  const given = givenAway(side)
  const strengths: number[] = []
  for (let strength = tilts.strengthOf(minimumEffect); strength <= tilts.most; strength *= STRENGTH_STEP)
    strengths.push(strength)
  const ratios = strengths.map((strength) => ratiosOf(cells, tilts.tiltOf(strength), tilts))
  // With documents that are not marked as one more strength, all shares together are one problem.
  const unmarked = new Float64Array(cells.length).fill(1)
  const times = Float64Array.from(cells, (cell) => cell.times)
  const model: Model = { times, roots: times.map(Math.sqrt), ratios }
  const whole = fitAt({ ...model, ratios: [...ratios, unmarked] }, 1)
  const weights = whole.weights.slice(0, -1)
  const share = weights.reduce((sum, weight) => sum + weight, 0)
  const most = Math.max(0, whole.lnLikelihood)
  /** Signed root of what a share gives away, less what may be given away: nearly linear in the share. */
  const excess = (one: number): number => {
    const { lnLikelihood } = one === 0 ? { lnLikelihood: 0 } : fitAt(model, one)
    return Math.sqrt(2 * Math.max(0, most - lnLikelihood)) - given
  }
  const count = cells.reduce((total, { times }) => total + times, 0)
  const step = Math.sqrt((share * (1 - share)) / count) + 1 / count
  return {
    share: most < NOTHING ? 0 : share,
    effect: weights.reduce((sum, weight, i) => sum + (weight / share) * tilts.effectOf(strengths[i]!), 0),
    lower: boundary(excess, { inside: share, given, step, outside: 0 }),
    upper: boundary(excess, { inside: share, given, step, outside: 1 }),
  }
}

/** A gain of log-likelihood that is none: the barrier's. */
const NOTHING = 0.02

/**
 * The share where the excess turns positive, rounded outwards; the end of all shares where it never does. Steps outwards that double, then false position (Illinois).
 */
function boundary(
  excess: (share: number) => number,
  { inside, given, step, outside }: { inside: number; given: number; step: number; outside: 0 | 1 },
): number {
  const towards = outside === 0 ? -1 : 1
  let [good, bad] = [inside, inside]
  let [goodExcess, badExcess] = [-given, 0]
  for (let width = 2.2 * step; ; width *= 2) {
    bad = Math.min(1, Math.max(0, inside + towards * width))
    badExcess = excess(bad)
    if (badExcess > 0) break
    if (bad === outside) return outside
    ;[good, goodExcess] = [bad, badExcess]
  }
  for (let side = 0, round = 0; Math.abs(bad - good) > 0.02 * step && round < 60; round++) {
    const middle = (good * badExcess - bad * goodExcess) / (badExcess - goodExcess)
    const value = excess(middle)
    if (value > 0) {
      ;[bad, badExcess] = [middle, value]
      if (value < CLOSE) break
      if (side === 1) goodExcess /= 2
      side = 1
    } else {
      ;[good, goodExcess] = [middle, value]
      if (side === -1) badExcess /= 2
      side = -1
    }
  }
  return bad
}

/** So near to the boundary, of 1.96 or more, is at it. */
const CLOSE = 0.02

/**
 * The likeliest shares of the strengths with a given sum: a concave problem, by Newton's method along a logarithmic barrier (Boyd and Vandenberghe 2004, section
 * 11.3). What is left to gain is at most the number of strengths times the last barrier.
 */
function fitAt(model: Model, share: number): Fit {
  const { times, ratios } = model
  const count = ratios.length
  const mix = new Float64Array(times.length)
  const evaluate = (from: Float64Array): number => {
    mix.fill(1 - share)
    for (let k = 0; k < count; k++) {
      const [weight, own] = [from[k]!, ratios[k]!]
      for (let c = 0; c < mix.length; c++) mix[c]! += weight * own[c]!
    }
    let total = 0
    for (let c = 0; c < mix.length; c++) total += times[c]! * Math.log(mix[c]!)
    return total
  }
  const barrier = (from: Float64Array): number =>
    from.reduce((sum, weight) => sum + Math.log(weight / share), 0)
  let weights = new Float64Array(count).fill(share / count)
  let lnLikelihood = evaluate(weights)
  for (const mu of BARRIERS) {
    for (let round = 0; round < 50; round++) {
      const { direction, gain } = newtonStep(model, { weights, mix, mu })
      if (gain < mu) break
      // As far as all weights stay above 0 and the objective grows.
      let length = 1
      for (let k = 0; k < count; k++)
        if (direction[k]! < 0) length = Math.min(length, (-0.95 * weights[k]!) / direction[k]!)
      const before = lnLikelihood + mu * barrier(weights)
      let moved = weights
      for (let halving = 0; halving < 40; halving++, length /= 2) {
        moved = weights.map((weight, k) => weight + length * direction[k]!)
        lnLikelihood = evaluate(moved)
        if (lnLikelihood + mu * barrier(moved) >= before + 0.1 * length * gain - 1e-9) break
      }
      weights = moved
    }
  }
  return { weights, lnLikelihood }
}

const BARRIERS = [1, 0.05, 0.002]

/** Newton's direction among those that keep the sum, and what it promises to gain. */
function newtonStep(
  { roots, ratios }: Model,
  { weights, mix, mu }: { weights: Float64Array; mix: Float64Array; mu: number },
): { direction: Float64Array; gain: number } {
  const count = ratios.length
  const scaled = ratios.map((own) => {
    const values = new Float64Array(own.length)
    // With the root of the number of documents: products of two are then what the curvature is made of.
    for (let c = 0; c < own.length; c++) values[c] = (own[c]! / mix[c]!) * roots[c]!
    return values
  })
  const gradient = new Float64Array(count)
  const hessian = Array.from({ length: count }, () => new Float64Array(count))
  for (let k = 0; k < count; k++) {
    const own = scaled[k]!
    let slope = 0
    for (let c = 0; c < own.length; c++) slope += roots[c]! * own[c]!
    for (let l = 0; l <= k; l++) {
      const other = scaled[l]!
      let sum = 0
      for (let c = 0; c < own.length; c++) sum += own[c]! * other[c]!
      hessian[k]![l] = sum
      hessian[l]![k] = sum
    }
    gradient[k] = slope + mu / weights[k]!
    hessian[k]![k]! += mu / weights[k]! ** 2
  }
  // Without the sum fixed, and the answer to one unit of it.
  const [free, unit] = solve(hessian, [gradient, new Float64Array(count).fill(1)])
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0)
  const multiplier = sum(free!) / sum(unit!)
  const direction = free!.map((value, k) => value - multiplier * unit![k]!)
  return { direction, gain: direction.reduce((total, value, k) => total + value * gradient[k]!, 0) }
}

/** Solves a positive definite system for several right sides (Cholesky), with its unknowns scaled first. */
function solve(matrix: readonly Float64Array[], sides: readonly Float64Array[]): readonly Float64Array[] {
  const count = matrix.length
  const scale = Float64Array.from(matrix, (row, i) => 1 / Math.sqrt(row[i]!))
  const factor = Array.from({ length: count }, () => new Float64Array(count))
  for (let i = 0; i < count; i++)
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i]![j]! * scale[i]! * scale[j]!
      for (let k = 0; k < j; k++) sum -= factor[i]![k]! * factor[j]![k]!
      // Neighbouring strengths are nearly alike: what rounding leaves of a pivot may be nothing.
      if (i === j) factor[i]![i] = Math.sqrt(Math.max(sum, 1e-14))
      else factor[i]![j] = sum / factor[j]![j]!
    }
  return sides.map((side) => {
    const x = side.map((value, i) => value * scale[i]!)
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < i; k++) x[i]! -= factor[i]![k]! * x[k]!
      x[i]! /= factor[i]![i]!
    }
    for (let i = count - 1; i >= 0; i--) {
      for (let k = i + 1; k < count; k++) x[i]! -= factor[k]![i]! * x[k]!
      x[i]! /= factor[i]![i]!
    }
    return x.map((value, i) => value * scale[i]!)
  })
}

interface Tilts {
  /** Strengths up to this one are tried. */
  readonly most: number
  readonly tiltOf: (strength: number) => number
  readonly lnMgf: (tilt: number) => number
  readonly effectOf: (strength: number) => number
  readonly strengthOf: (effect: number) => number
}

/** Exponential tilts of one score: density exp(t x - ln M(t)) times the null's. Strengths are tilts, bent so that all above 0 are allowed. */
function tiltsOf(law: NullLaw): Tilts {
  const end =
    law.kind === 'exponential'
      ? 1
      : law.kind === 'hypoexponential'
        ? 1 / Math.max(law.alpha, 1 - law.alpha)
        : Infinity
  const tiltOf = (strength: number): number =>
    end === Infinity ? strength : (end * strength) / (end + strength)
  const deviation = Math.sqrt(nullVariance(law))
  const effectOf = (strength: number): number =>
    (tiltedMean(law, tiltOf(strength)) - nullMean(law)) / deviation
  const most = end === Infinity ? 8 : 40
  return {
    most,
    tiltOf,
    lnMgf: (tilt) => lnMgf(law, tilt),
    effectOf,
    strengthOf(effect) {
      let [low, high] = [0, most]
      for (let i = 0; i < 60; i++) {
        const middle = (low + high) / 2
        if (effectOf(middle) < effect) low = middle
        else high = middle
      }
      return high
    },
  }
}

function lnMgf(law: NullLaw, t: number): number {
  switch (law.kind) {
    case 'bernoulli':
      return Math.log1p(law.p * Math.expm1(t))
    case 'binomial':
      return law.trials * Math.log1p(law.p * Math.expm1(t))
    case 'exponential':
      return -Math.log1p(-t)
    case 'hypoexponential':
      return -Math.log1p(-(1 - law.alpha) * t) - Math.log1p(-law.alpha * t)
  }
}

function tiltedMean(law: NullLaw, t: number): number {
  switch (law.kind) {
    case 'bernoulli':
    case 'binomial': {
      const rate = (law.p * Math.exp(t)) / (1 + law.p * Math.expm1(t))
      return law.kind === 'binomial' ? law.trials * rate : rate
    }
    case 'exponential':
      return 1 / (1 - t)
    case 'hypoexponential':
      return (1 - law.alpha) / (1 - (1 - law.alpha) * t) + law.alpha / (1 - law.alpha * t)
  }
}

// More than this no likelihood of a share can tell apart, and its sums stay finite.
const MOST_LN_RATIO = 300

/** How much likelier each cell is of a marked document than of another. */
function ratiosOf(cells: readonly Cell[], tilt: number, tilts: Tilts): Float64Array {
  const own = tilts.lnMgf(tilt)
  return Float64Array.from(cells, ({ n, sum }) => Math.exp(Math.min(MOST_LN_RATIO, tilt * sum - n * own)))
}
