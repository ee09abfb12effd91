/**
 * Cumulant generating functions of one null score, K(t) = ln E[exp(t x)], and its first two derivatives, for all laws of scores: what
 * saddle-point estimates are made of. A switch over the law's kind: a new law is a case in each function here.
 *
 * Everything is centred at the null mean or measured as a divergence, so that at small t, where an ordinary score lies, nothing cancels:
 * t K'(t) - K(t) is the divergence of the tilted law from the null, a sum of deviances and never negative.
 */
import { assertNullLaw, type NullLaw } from './law.ts'
import { deviance } from './saddle-point.ts'

/** All laws of one score that have cumulants here: all that there are. */
export type ScoreLaw = NullLaw

/** Refuses laws that are not known, and parameters that make no law. */
export function assertScoreLaw(law: unknown): asserts law is ScoreLaw {
  assertNullLaw(law)
}

/** One score x under the law that is tilted by exp(t x). */
export interface TiltedScore {
  /** K(t) - t mean: ln E[exp(t (x - mean))] under the null, 0 or more. */
  readonly lnMgf: number
  /** K'(t) - mean: what tilting adds to the mean. */
  readonly excess: number
  /** K''(t), the tilted variance. */
  readonly variance: number
  /** t K'(t) - K(t): the divergence of the tilted law from the null in nats. */
  readonly divergence: number
}

/** What is the same for every t. */
export interface ScoreCumulants {
  readonly mean: number
  readonly variance: number
  /** Third and fourth cumulant. */
  readonly third: number
  readonly fourth: number
  /** Largest score, maybe Infinity; the smallest is 0 in every law. */
  readonly largest: number
  /** ln of the chance of the largest and of the smallest score: -Infinity where the law has a density. */
  readonly lnLargest: number
  readonly lnSmallest: number
  /** K(t) is finite for t below this. */
  readonly tiltBelow: number
  /** Scores are whole multiples of this; 0 where the law has a density. */
  readonly span: number
}

/** Mean, variance and limits of one score. */
export function scoreCumulants(law: ScoreLaw): ScoreCumulants {
  switch (law.kind) {
    case 'bernoulli':
      return binomialCumulants(1, law.p)
    case 'binomial':
      return binomialCumulants(law.trials, law.p)
    case 'exponential':
      return exponentialCumulants(1, 0)
    case 'hypoexponential':
      return exponentialCumulants(1 - law.alpha, law.alpha)
  }
}

function binomialCumulants(trials: number, p: number): ScoreCumulants {
  const q = 1 - p
  const variance = trials * p * q
  return {
    mean: trials * p,
    variance,
    third: variance * (q - p),
    fourth: variance * (1 - 6 * p * q),
    largest: trials,
    lnLargest: trials * Math.log(p),
    lnSmallest: trials * Math.log1p(-p),
    tiltBelow: Infinity,
    span: 1,
  }
}

/** Of a x + b y with exponential x and y. */
function exponentialCumulants(a: number, b: number): ScoreCumulants {
  return {
    mean: a + b,
    variance: a ** 2 + b ** 2,
    third: 2 * (a ** 3 + b ** 3),
    fourth: 6 * (a ** 4 + b ** 4),
    largest: Infinity,
    lnLargest: -Infinity,
    lnSmallest: -Infinity,
    tiltBelow: 1 / Math.max(a, b),
    span: 0,
  }
}

/** The law of one score tilted by t, a t below `tiltBelow`. */
export function tiltedScore(law: ScoreLaw, t: number): TiltedScore {
  switch (law.kind) {
    case 'bernoulli':
      return tiltedBernoulli(law.p, t)
    case 'binomial':
      return scaled(tiltedBernoulli(law.p, t), law.trials)
    case 'exponential':
      return tiltedExponential(1, t)
    case 'hypoexponential': {
      const [a, b] = [tiltedExponential(1 - law.alpha, t), tiltedExponential(law.alpha, t)]
      return {
        lnMgf: a.lnMgf + b.lnMgf,
        excess: a.excess + b.excess,
        variance: a.variance + b.variance,
        divergence: a.divergence + b.divergence,
      }
    }
  }
}

function scaled({ lnMgf, excess, variance, divergence }: TiltedScore, times: number): TiltedScore {
  return {
    lnMgf: lnMgf * times,
    excess: excess * times,
    variance: variance * times,
    divergence: divergence * times,
  }
}

function tiltedBernoulli(p: number, t: number): TiltedScore {
  // Read from the side to which t tilts, so that no exponential overflows: there the other outcome becomes rare.
  const [towards, away] = t > 0 ? [p, 1 - p] : [1 - p, p]
  const total = towards + away * Math.exp(-Math.abs(t))
  const tiltedTowards = towards / total
  const tiltedAway = (away * Math.exp(-Math.abs(t))) / total
  const moved = (towards * away * -Math.expm1(-Math.abs(t))) / total
  const divergence =
    deviance({ x: tiltedTowards, mean: towards, delta: moved }) +
    deviance({ x: tiltedAway, mean: away, delta: -moved })
  return {
    lnMgf: Math.abs(t) * moved - divergence,
    excess: t > 0 ? moved : -moved,
    variance: tiltedTowards * tiltedAway,
    divergence,
  }
}

/** Of a times an exponential score: 1 / (1 - a t) is the tilted mean in units of a. */
function tiltedExponential(a: number, t: number): TiltedScore {
  // A t just below 1 / a may be 1 / a after rounding.
  const s = Math.min(a * t, 1 - Number.EPSILON / 2)
  const mean = 1 / (1 - s)
  const excess = s * mean
  const divergence = deviance({ x: 1, mean, delta: -excess })
  return {
    // The first loses digits where s is small, the second where s is almost 1.
    lnMgf: Math.abs(s) > 0.1 ? -Math.log1p(-s) - s : s * excess - divergence,
    excess: a * excess,
    variance: (a * mean) ** 2,
    divergence,
  }
}
