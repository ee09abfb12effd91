/**
 * Least squares with non-negative weights, from the normal equations, by coordinate descent: each step minimises exactly over
 * one weight and clips it at zero, which converges for a convex quadratic over a box (Luo & Tseng 1992). Made for a handful of
 * references; validity of the test does not hang on convergence, only power does.
 */

// The objective falls by a constant factor a sweep; at a handful of references a few hundred sweeps reach machine precision
// unless two references are nearly the same, and then any split between them serves as well.
const MOST_SWEEPS = 10_000
const TOLERANCE = 1e-14

/**
 * Minimises b' G b / 2 - m' b over b >= 0.
 * @param gram symmetric positive semidefinite, K rows of K. @param moments K values.
 */
export function nonNegativeLeastSquares(gram: readonly Float64Array[], moments: Float64Array): number[] {
  const beta: number[] = new Array(moments.length).fill(0)
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let moved = 0
    for (let i = 0; i < beta.length; i++) {
      const own = gram[i]![i]!
      // A reference that is zero everywhere explains nothing.
      if (own === 0) continue
      let slope = moments[i]!
      for (let j = 0; j < beta.length; j++) if (j !== i) slope -= gram[i]![j]! * beta[j]!
      const next = Math.max(0, slope / own)
      moved = Math.max(moved, Math.abs(next - beta[i]!))
      beta[i] = next
    }
    if (moved < TOLERANCE) break
  }
  return beta
}
