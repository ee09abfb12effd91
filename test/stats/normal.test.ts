/** The normal tail: against mpmath, and by the laws that tie its values together. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lnNormalDensity, lnNormalUpperTail, millsRatio } from '../../src/stats/normal.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { referenceTails, relativeError } from './fixtures/read-tails.ts'

describe('against mpmath', () => {
  test('there are rows on both sides of both branches', () => {
    const zs = referenceTails.normal.map(({ z }) => z)
    expect(Math.min(...zs)).toBeLessThan(-37)
    expect(Math.max(...zs)).toBe(1e5)
    expect(zs.filter((z) => Math.abs(Math.abs(z) - 2) < 0.3).length).toBeGreaterThan(3)
  })

  test.each(referenceTails.normal)('z = $z', ({ z, lnSf }) => {
    // Where the tail is almost 1, its tiny logarithm has the absolute error of the ln of the other tail: z^2 / 2 roundings.
    expect(relativeError(lnNormalUpperTail(z), lnSf)).toBeLessThan(z < 0 ? 2e-13 : 1e-14)
  })
})

const zs = fc.double({ min: -40, max: 40, noNaN: true })
const RUNS = { seed: 1, numRuns: 2000 }

describe('laws', () => {
  test('both tails together are certain', () => {
    fc.assert(
      fc.property(zs, (z) => {
        const total = Math.exp(lnNormalUpperTail(z)) + Math.exp(lnNormalUpperTail(-z))
        expect(Math.abs(total - 1)).toBeLessThanOrEqual(4 * Number.EPSILON)
      }),
      RUNS,
    )
  })

  test('it falls as z grows', () => {
    fc.assert(
      fc.property(zs, fc.double({ min: 0, max: 1, noNaN: true }), (z, more) => {
        const [here, there] = [lnNormalUpperTail(z), lnNormalUpperTail(z + more)]
        expect(there).toBeLessThanOrEqual(here + 2e-13 * Math.abs(here))
      }),
      RUNS,
    )
  })

  // Birnbaum 1942 and Sampford 1953: (sqrt(z^2 + 4) - z) / 2 < Mills' ratio < 4 / (sqrt(z^2 + 8) + 3 z).
  test('Mills’ ratio lies within its bounds', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (z) => {
        const ratio = millsRatio(z)
        expect(ratio).toBeGreaterThan((2 / (Math.sqrt(z * z + 4) + z)) * (1 - 1e-14))
        expect(ratio).toBeLessThan((4 / (Math.sqrt(z * z + 8) + 3 * z)) * (1 + 1e-14))
      }),
      RUNS,
    )
  })

  test('for any number at all: a logarithm, at most 0, never NaN', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (z) => {
        const lnP = lnNormalUpperTail(z)
        expect(lnP).toBeLessThanOrEqual(0)
        expect(Object.is(lnP, -0)).toBe(false)
        if (Math.abs(z) < 1e154) expect(lnP).toBeGreaterThan(-Infinity)
      }),
      RUNS,
    )
  })
})

// The two worst published ones: a normal tail that misses a square root, and a polynomial that is good in absolute terms only.
describe('formulas that are not the normal tail are noticed', () => {
  const wrong: readonly [string, (z: number) => number, number][] = [
    ['(1 - (1 - exp(-2 z^2 / pi))) / 2', (z) => Math.log(Math.exp((-2 * z * z) / Math.PI) / 2), 1.17],
    ['without Mills’ ratio', (z) => lnNormalDensity(z), 20],
    ['with 1 / z in its place', (z) => lnNormalDensity(z) - Math.log(z), 20],
  ]
  test.each(wrong)('%s', (_, formula, z) => {
    expect(Math.abs(formula(z) / lnNormalUpperTail(z) - 1)).toBeGreaterThan(1e-10)
  })
  test('at z = 1.17 the first says 0.209 where 0.121 is true', () => {
    expect(Math.exp(wrong[0]![1](1.17)).toFixed(3)).toBe('0.209')
    expect(Math.exp(lnNormalUpperTail(1.17)).toFixed(3)).toBe('0.121')
  })
})

describe('refuses', () => {
  test.each(wrongValues({ except: ['integer', 'number'] }))('z: %s', (_, z) => {
    expectRefusal(() => lnNormalUpperTail(z as number), 'z')
  })
  test.each([Number.NaN, Infinity, -Infinity])('z: %s', (z) => {
    expectRefusal(() => lnNormalUpperTail(z), 'z')
  })
})
