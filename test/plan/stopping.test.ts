/** Planned looks: sizes that double, and levels that together stay below the one that was promised. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plannedLooks } from '../../src/plan/stopping.ts'
import { expectRefusal } from '../support/wrong-values.ts'

describe('planned looks', () => {
  test('written out', () => {
    expect(plannedLooks({ first: 250, looks: 3 }, 0.06)).toEqual([
      { index: 0, observations: 250, share: 1 / 2, alpha: 0.03 },
      { index: 1, observations: 500, share: 1 / 6, alpha: 0.06 * (1 / 6) },
      { index: 2, observations: 1000, share: 1 / 12, alpha: 0.06 * (1 / 12) },
    ])
  })

  test('the levels sum to alpha (1 - 1 / (looks + 1)): below alpha, and not needlessly far', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: 1e-300, max: 0.999, noNaN: true }),
        (looks, alpha) => {
          const spent = plannedLooks({ first: 1, looks }, alpha).reduce((sum, look) => sum + look.alpha, 0)
          expect(spent).toBeLessThan(alpha)
          expect(spent / alpha).toBeCloseTo(1 - 1 / (looks + 1), 12)
        },
      ),
      { seed: 1, numRuns: 200 },
    )
  })

  test('all sizes are integers that a double holds', () => {
    const last = plannedLooks({ first: 2 ** 24 - 1, looks: 30 }, 0.5).at(-1)!
    expect(Number.isSafeInteger(last.observations)).toBe(true)
    expect(last.observations).toBe((2 ** 24 - 1) * 2 ** 29)
  })

  test.each([
    [{ first: 0, looks: 1 }, 0.1, 'stopping.first'],
    [{ first: 2 ** 25, looks: 30 }, 0.1, 'stopping.first'],
    [{ first: 1, looks: 0 }, 0.1, 'stopping.looks'],
    [{ first: 1, looks: 31 }, 0.1, 'stopping.looks'],
    [{ first: 1, looks: 2 }, 1, 'alpha'],
    [{ first: 1, looks: 2 }, 0, 'alpha'],
  ])('%o at %d is refused', (stopping, alpha, blamed) => {
    expectRefusal(() => plannedLooks(stopping, alpha), blamed)
  })
})
