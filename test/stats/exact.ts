/**
 * Exact arithmetic for tests: binomial probabilities as integers over a power of 256, and natural logarithms of fractions to
 * 640 binary places, so that a double can be compared with the true value without any rounding of our own.
 */

/** Binary places of a fixed-point number. */
export const PLACES = 640n
const ONE = 1n << PLACES

/** A fraction of integers, numerator >= 0 and denominator > 0. */
export interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

/** P[Bin(n, green / 256) = k] * 256^n for k = 0..n. */
export function binomialWeights(n: number, green: number): bigint[] {
  let weights = [1n]
  for (let i = 0; i < n; i++) {
    const next = new Array<bigint>(i + 2).fill(0n)
    for (const [k, weight] of weights.entries()) {
      next[k]! += weight * BigInt(256 - green)
      next[k + 1]! += weight * BigInt(green)
    }
    weights = next
  }
  return weights
}

/** P[Bin(n, green / 256) >= k] for k = 0..n. */
export function binomialUpperTails(n: number, green: number): Fraction[] {
  const weights = binomialWeights(n, green)
  const denominator = 256n ** BigInt(n)
  let numerator = 0n
  const tails: Fraction[] = []
  for (let k = n; k >= 0; k--) {
    numerator += weights[k]!
    tails[k] = { numerator, denominator }
  }
  return tails
}

/** The nearest double of a fraction's natural logarithm, to a few units in the last place, also where the fraction is almost 1. */
export function lnOf(fraction: Fraction): number {
  return toNumber(fixedLnOf(fraction))
}

/** Natural logarithm of a positive fraction, times 2^640. */
export function fixedLnOf({ numerator, denominator }: Fraction): bigint {
  const shift = BigInt(bitsOf(numerator) - bitsOf(denominator))
  // y = (x - 1) / (x + 1) for x = fraction / 2^shift in (1/2, 2), so that |y| < 1/3: ln x = 2 (y + y^3 / 3 + y^5 / 5 + ...).
  const top = shift > 0n ? numerator : numerator << -shift
  const bottom = shift > 0n ? denominator << shift : denominator
  return twiceArtanh(((top - bottom) * ONE) / (top + bottom)) + shift * LN_2
}

const LN_2 = twiceArtanh(ONE / 3n)

function twiceArtanh(y: bigint): bigint {
  const square = (y * y) / ONE
  let [sum, power] = [0n, y]
  for (let odd = 1n; power !== 0n; odd += 2n) {
    sum += power / odd
    power = (power * square) / ONE
  }
  return 2n * sum
}

/** A double times 2^640, exactly for doubles that are multiples of 2^-640 and rounded down below that. */
export function fixedOf(value: number): bigint {
  const exponent = value === 0 ? 0 : Math.max(-1022, Math.floor(Math.log2(Math.abs(value))))
  // Two steps, since 2^(52 - exponent) may overflow.
  const mantissa = BigInt(value * 2 ** Math.min(52 - exponent, 900) * 2 ** Math.max(0, 52 - exponent - 900))
  const places = PLACES - BigInt(52 - exponent)
  return places >= 0n ? mantissa << places : mantissa >> -places
}

function toNumber(fixed: bigint): number {
  // Cut to 64 leading bits first: a double's exponent would not hold the rest.
  const excess = Math.max(0, bitsOf(fixed < 0n ? -fixed : fixed) - 64)
  return Number(fixed >> BigInt(excess)) * 2 ** (excess - Number(PLACES))
}

function bitsOf(value: bigint): number {
  return value.toString(2).length
}
