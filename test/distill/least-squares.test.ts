/** Non-negative least squares against what defines its solution, the conditions of Karush, Kuhn and Tucker. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nonNegativeLeastSquares } from '../../src/distill/least-squares.ts'

/** Normal equations of columns and a target. */
function normalEquations(columns: readonly (readonly number[])[], target: readonly number[]) {
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
  const gram = columns.map((a) => Float64Array.from(columns, (b) => dot(a, b)))
  const moments = Float64Array.from(columns, (a) => dot(a, target))
  return { gram, moments }
}

function solve(columns: readonly (readonly number[])[], target: readonly number[]): number[] {
  const { gram, moments } = normalEquations(columns, target)
  return nonNegativeLeastSquares(gram, moments)
}

/**
 * The slope of the objective by each weight must not be negative, and must be zero where the weight is not. A weight is zero or
 * changes the objective: slopes are held against the size of what they are a difference of.
 */
function expectOptimal(columns: readonly (readonly number[])[], target: readonly number[]): void {
  const { gram, moments } = normalEquations(columns, target)
  const beta = nonNegativeLeastSquares(gram, moments)
  expect(beta).toHaveLength(columns.length)
  for (const [i, weight] of beta.entries()) {
    expect(weight).toBeGreaterThanOrEqual(0)
    const terms = beta.map((b, j) => gram[i]![j]! * b)
    const size = Math.abs(moments[i]!) + terms.reduce((sum, term) => sum + Math.abs(term), 0)
    const slope = terms.reduce((sum, term) => sum + term, -moments[i]!)
    expect(slope).toBeGreaterThanOrEqual(-1e-9 * size)
    if (weight > 0) expect(slope).toBeLessThanOrEqual(1e-9 * size)
  }
}

const ROWS = 12
const root = fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000)
const column = fc.array(root, { minLength: ROWS, maxLength: ROWS })
const columns = fc.array(column, { minLength: 1, maxLength: 5 })

test('is optimal for any references', () => {
  fc.assert(
    fc.property(columns, column, (references, target) => expectOptimal(references, target)),
    { seed: 1, numRuns: 300 },
  )
})

test('is optimal for references of which some are the same, multiples, or zero everywhere', () => {
  const collinear = columns.chain((references) =>
    fc
      .array(fc.tuple(fc.nat(references.length - 1), fc.constantFrom(0, 0.5, 1, 3)), { maxLength: 3 })
      .map((copies) => [
        ...references,
        ...copies.map(([of, factor]) => references[of]!.map((x) => factor * x)),
      ]),
  )
  fc.assert(
    fc.property(collinear, column, (references, target) => expectOptimal(references, target)),
    { seed: 1, numRuns: 300 },
  )
})

test('is optimal for targets of either sign', () => {
  const signed = fc.array(
    root.map((x) => 2 * x - 1),
    { minLength: ROWS, maxLength: ROWS },
  )
  fc.assert(
    fc.property(columns, signed, (references, target) => expectOptimal(references, target)),
    { seed: 1, numRuns: 300 },
  )
})

test('gives the weights of a mixture back', () => {
  const weights = [0.5, 0, 0.2, 0.3]
  // Cosines of different frequency: no one is near a mixture of the others.
  const references = weights.map((_, k) => Array.from({ length: 40 }, (_, i) => 1 + Math.cos((k + 1) * i)))
  const target = references[0]!.map((_, i) => weights.reduce((sum, w, k) => sum + w * references[k]![i]!, 0))
  const beta = solve(references, target)
  for (const [k, weight] of weights.entries()) expect(beta[k]).toBeCloseTo(weight, 9)
})

test('what would need a negative weight gets none: not one that is merely cut off afterwards', () => {
  // Unconstrained: 2 and -1. Cutting the -1 off would leave 2; the best non-negative weight of the first is <a, t> / <a, a> = 1.2.
  const [a, b] = [
    [2, 1, 0],
    [2, 0, 1],
  ]
  const target = a!.map((x, i) => 2 * x - b![i]!)
  const beta = solve([a!, b!], target)
  expect(beta[0]).toBeCloseTo(1.2, 12)
  expect(beta[1]).toBe(0)
})

test.each([
  { what: 'no reference', columns: [], target: [1, 2], beta: [] },
  { what: 'a reference of zeros', columns: [[0, 0]], target: [1, 2], beta: [0] },
  { what: 'a target of zeros', columns: [[1, 2]], target: [0, 0], beta: [0] },
  { what: 'a reference against the target', columns: [[1, 2]], target: [-1, -2], beta: [0] },
  { what: 'the target itself', columns: [[1, 2]], target: [1, 2], beta: [1] },
])('$what: $beta', ({ columns, target, beta }) => {
  expect(solve(columns, target)).toEqual(beta)
})

test('never NaN, however small or large the numbers', () => {
  for (const scale of [1e-160, 1e-20, 1e20, 1e150])
    for (const weight of solve(
      [
        [scale, 2 * scale],
        [scale, 0],
      ],
      [1, 1],
    ))
      expect(weight).toBeGreaterThanOrEqual(0)
})
