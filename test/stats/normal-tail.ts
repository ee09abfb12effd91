/**
 * The normal tail, which dyetrace does not use: what a z-test would say. Tests show with it how far from the truth that is, and
 * that they would notice. Checked against the vectors' normal rows (tails.test.ts).
 */

/** ln P[Z >= z] of a standard normal Z. */
export function lnNormalTail(z: number): number {
  if (z < 0) return Math.log1p(-Math.exp(lnNormalTail(-z)))
  const lnDensity = -(z * z) / 2 - Math.log(2 * Math.PI) / 2
  if (z < 2) {
    // P[0 <= Z <= z] = density * (z + z^3 / 3 + z^5 / (3 * 5) + ...), DLMF 7.6.2.
    let [sum, term] = [0, z]
    for (let odd = 3; term > 1e-18 * sum || odd === 3; odd += 2) {
      sum += term
      term *= (z * z) / odd
    }
    return Math.log(0.5 - Math.exp(lnDensity) * sum)
  }
  // Mills' ratio 1 / (z + 1 / (z + 2 / (z + 3 / ...))), DLMF 7.9.1, from the inside.
  let fraction = z
  for (let k = 400; k > 0; k--) fraction = z + k / fraction
  return lnDensity - Math.log(fraction)
}
