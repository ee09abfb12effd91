/**
 * Tails of the gamma law, as natural logarithms: how likely n exponential scores with mean 1 sum to x or more (shape n), or any real
 * shape from 1 to 1e12. In go x and the shape, out comes ln P, right to about 1e-13 relative up to a shape of 1e8 and 1e-11 at 1e12 (and where
 * the tail is almost 1, the same for its tiny distance to 0), at any x. No normal approximation, no floor.
 *
 * One tail is computed directly, the other is its complement. From x = shape on, the upper tail is the density (Loader 2000, saddle-point
 * form) over a continued fraction (DLMF 8.9.2); below, the lower tail is the density times a power series (DLMF 8.11.4). All terms of
 * both are positive on their side, so nothing cancels and what is left out is bounded. In the tails about 20 rounds do. At x = shape the
 * fraction takes 200 at 1e4 and 4,000 at 1e8, the series 8 sqrt(shape): a tenth of a millisecond. Temme's uniform expansion (DLMF 8.12) would be
 * faster there, but needs a table of coefficients and two seams. The expansion for large x (DLMF 8.11.2), which others use and at least
 * one starts one factor too late, is not needed either.
 * It refuses a shape below 1: no sum of exponential scores has one, and the fraction then converges slowly.
 */
import { assertNumber, assertRecord } from '../assert.ts'
import { continuedFraction } from './continued-fraction.ts'
import { ln1MinusExp } from './ln1-minus-exp.ts'
import { deviance, stirlingError } from './saddle-point.ts'

/** The one number of a gamma law with scale 1. */
export interface GammaParameters {
  /** Its mean and variance: the number of exponential scores in the sum. Real, from 1 to 1e12. */
  readonly shape: number
}

/**
 * ln P[Gamma(shape, 1) >= x].
 *
 * @param x - the sum seen, 0 or more
 * @returns natural log of the upper tail, at most 0
 * @throws TypeError or RangeError when x is negative or not finite, or the shape is outside 1..1e12
 * @example
 * import { lnGammaUpperTail } from 'dyetrace/stats'
 * const lnP = lnGammaUpperTail(1200, { shape: 1000 })
 * console.log(Math.exp(lnP).toPrecision(6)) // 1.28816e-9
 */
export function lnGammaUpperTail(x: number, parameters: GammaParameters): number {
  assertArguments(x, parameters)
  return lnGammaUpper(x, parameters.shape)
}

/**
 * ln P[Gamma(shape, 1) <= x].
 *
 * @param x - the sum seen, 0 or more; 0 gives -Infinity
 * @returns natural log of the lower tail, at most 0
 * @throws TypeError or RangeError as `lnGammaUpperTail`
 * @example
 * import { lnGammaLowerTail } from 'dyetrace/stats'
 * console.log(lnGammaLowerTail(1, { shape: 1 }).toFixed(6)) // -0.458675
 */
export function lnGammaLowerTail(x: number, parameters: GammaParameters): number {
  assertArguments(x, parameters)
  return lnGammaLower(x, parameters.shape)
}

/** `lnGammaUpperTail` for inner loops: x >= 0 and a shape of at least 1 are trusted. */
export function lnGammaUpper(x: number, shape: number): number {
  return x < shape ? ln1MinusExp(lnBelow(x, shape)) : lnBeyond(x, shape)
}

/** `lnGammaLowerTail` for inner loops. */
export function lnGammaLower(x: number, shape: number): number {
  return x < shape ? lnBelow(x, shape) : ln1MinusExp(lnBeyond(x, shape))
}

function assertArguments(x: unknown, parameters: unknown): void {
  assertNumber(x, { name: 'x', expected: 'a finite number, 0 or more', holds: (value) => value >= 0 })
  assertRecord(parameters, { name: 'parameters' })
  assertNumber(parameters['shape'], {
    name: 'shape',
    expected: 'a number from 1 to 1e12',
    holds: (value) => value >= 1 && value <= 1e12,
  })
}

/**
 * ln of the upper tail where x >= shape. The fraction is that of Gamma(a, x) exp(x) x^-a: its terms are positive up to k = a, where it
 * ends if a is an integer. For other shapes the rest has a(k) < 0 and convergents that move one way, in steps that shrink fast enough: at
 * k > a, the value is known to a part in e^(4 sqrt(a k)).
 */
function lnBeyond(x: number, shape: number): number {
  if (x === Infinity) return -Infinity
  const gap = x - shape
  const fraction = continuedFraction({ a: (k) => k * (shape - k), b: (k) => gap + (2 * k + 1) })
  return lnPoint(x, shape) + Math.log(shape / fraction)
}

/** ln of the lower tail where x < shape: the sum of x^k / ((shape + 1) ... (shape + k)), whose ratios fall. */
function lnBelow(x: number, shape: number): number {
  if (x === 0) return -Infinity
  let sum = 1
  let term = 1
  for (let k = 1; ; k++) {
    term *= x / (shape + k)
    sum += term
    // What follows is less than a geometric series with the next ratio.
    if (term * x <= Number.EPSILON * sum * (shape + (k + 1) - x)) return lnPoint(x, shape) + Math.log(sum)
  }
}

/** ln of x^a exp(-x) / Gamma(a + 1): a Poisson probability (Loader 2000, equation 6), at an a that need not be an integer. */
function lnPoint(x: number, a: number): number {
  return -errorOfStirling(a) - deviance({ x: a, mean: x, delta: a - x }) - 0.5 * Math.log(2 * Math.PI * a)
}

/**
 * ln Gamma(a + 1) - ln(sqrt(2 pi a) (a / e)^a) for a real a >= 1. Where the series is not good enough yet (below 16), by its steps:
 * d(a) - d(a + 1) = (a + 1/2) ln(1 + 1/a) - 1 = v^2 / 3 + v^4 / 5 + ... with v = 1 / (2a + 1).
 */
function errorOfStirling(a: number): number {
  if (Number.isInteger(a) || a >= 16) return stirlingError(a)
  const square = (2 * a + 1) ** -2
  let step = 0
  let power = square
  for (let odd = 3; power > 1e-20; odd += 2) {
    step += power / odd
    power *= square
  }
  return step + errorOfStirling(a + 1)
}
