/**
 * The upper tail of the standard normal law, as a natural logarithm. No p-value of dyetrace comes from it (all its laws are exact): it serves
 * estimates that say they are estimates, and comparisons. In goes z, out comes ln P[Z >= z], right to about 1e-14 relative at any z (for
 * z below 0 it is the tiny distance to 0 that is right, to about 1e-13). Below z = -38 that is smaller than any double: 0.
 */
import { assertNumber } from '../assert.ts'
import { continuedFraction } from './continued-fraction.ts'
import { ln1MinusExp } from './ln1-minus-exp.ts'

/**
 * ln P[Z >= z].
 *
 * @param z - distance from the mean in standard deviations
 * @returns natural log, at most 0; below -1.7e308, at z beyond 1.8e154, it is no double any more and -Infinity
 * @throws TypeError or RangeError for a z that is no finite number
 * @example
 * import { lnNormalUpperTail } from 'dyetrace/stats'
 * console.log(lnNormalUpperTail(100).toFixed(6)) // -5005.524209
 */
export function lnNormalUpperTail(z: number): number {
  assertNumber(z, { name: 'z', expected: 'a finite number', holds: () => true })
  return z < 0 ? ln1MinusExp(lnFrom(-z)) : lnFrom(z)
}

/** ln of the density. */
export function lnNormalDensity(z: number): number {
  return -0.5 * z * z - 0.5 * Math.log(2 * Math.PI)
}

/** P[Z >= z] over the density, for z >= 0 (Mills' ratio). */
export function millsRatio(z: number): number {
  // 1 / (z + 1 / (z + 2 / (z + ...))), DLMF 7.9.1.
  if (z >= SERIES_UP_TO) return 1 / continuedFraction({ a: (k) => k, b: () => z })
  // P[0 <= Z <= z] = density * (z + z^3 / 3 + z^5 / (3 * 5) + ...), DLMF 7.6.2.
  let [sum, term] = [z, z]
  for (let odd = 3; term > Number.EPSILON * sum; odd += 2) {
    term *= (z * z) / odd
    sum += term
  }
  return 0.5 * Math.exp(-lnNormalDensity(z)) - sum
}

/** z >= 0. */
function lnFrom(z: number): number {
  return lnNormalDensity(z) + Math.log(millsRatio(z))
}

// There the series' difference to 1/2 has lost a factor of 20, about 4 bits, and the fraction takes about 100 rounds.
const SERIES_UP_TO = 2
