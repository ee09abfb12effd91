/** Draws are uniform over what can be drawn, and careless versions of them are caught by the same bands. */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { type Draw, displaced, drawFrom, drawPlaces, shuffled } from '../../src/attacks/draw.ts'
import { swapWords } from '../../src/attacks/swap.ts'
import { binomialBand } from '../support/tolerance.ts'

const RUNS = 20_000
const FALSE_ALARM = 1e-9

/** Every outcome is of the `outcomes`, and each comes as often as the others, but for what chance does. */
function isUniform(outcomes: readonly string[], outcome: (draw: Draw) => string): boolean {
  const draw = drawFrom(seedrandom('uniform'))
  const counts = new Map(outcomes.map((name) => [name, 0]))
  for (let i = 0; i < RUNS; i++) {
    const name = outcome(draw)
    if (!counts.has(name)) return false
    counts.set(name, counts.get(name)! + 1)
  }
  const { lo, hi } = binomialBand(RUNS, 1 / outcomes.length, FALSE_ALARM / outcomes.length)
  return [...counts.values()].every((count) => count >= lo && count <= hi)
}

const SETS = ['0,1', '0,2', '0,3', '1,2', '1,3', '2,3']
const ORDERS = ['012', '021', '102', '120', '201', '210']
const CYCLES = ['120', '201']

describe('drawPlaces', () => {
  test('gives every set, ascending, as often as the others', () => {
    expect(isUniform(SETS, (draw) => drawPlaces(draw, { count: 2, places: 4 }).join())).toBe(true)
  })

  test('a version that draws again where it fell on a place twice running is caught', () => {
    const careless = (draw: Draw): string => {
      const first = draw(4)
      const second = draw(4)
      return [first, second === first ? (first + 1) % 4 : second].sort().join()
    }
    expect(isUniform(SETS, careless)).toBe(false)
  })

  test.each([
    [0, 0],
    [0, 5],
    [5, 5],
    [1, 1],
    [999, 1000],
  ])('gives %i of %i, none twice', (count, places) => {
    const drawn = drawPlaces(drawFrom(seedrandom('some')), { count, places })
    expect([drawn.length, new Set(drawn).size]).toEqual([count, count])
    expect(drawn).toEqual(drawn.toSorted((a, b) => a - b))
    for (const place of drawn) expect(place >= 0 && place < places).toBe(true)
  })
})

describe('shuffled', () => {
  test('gives every order as often as the others', () => {
    expect(isUniform(ORDERS, (draw) => shuffled(['0', '1', '2'], draw).join(''))).toBe(true)
  })

  test('a version that draws among all places each time is caught', () => {
    const careless = (draw: Draw): string => {
      const order = ['0', '1', '2']
      for (const i of order.keys()) {
        const j = draw(3)
        ;[order[i], order[j]] = [order[j]!, order[i]!]
      }
      return order.join('')
    }
    expect(isUniform(ORDERS, careless)).toBe(false)
  })
})

describe('displaced', () => {
  test('leaves none at its place, and gives every cycle as often as the others', () => {
    expect(isUniform(CYCLES, (draw) => displaced(['0', '1', '2'], draw).join(''))).toBe(true)
    expect(isUniform(CYCLES, (draw) => shuffled(['0', '1', '2'], draw).join(''))).toBe(false)
  })

  test.each([[[]], [['a']]])('leaves %j alone', (items) => {
    expect(displaced(items, () => 0)).toEqual(items)
  })
})

describe('pairs of swapped words', () => {
  // Two disjoint pairs of five words, three ways.
  test('every choice comes as often as the others', () => {
    const outcomes = ['2 1 4 3 5', '2 1 3 5 4', '1 3 2 5 4']
    const random = seedrandom('pairs')
    expect(isUniform(outcomes, () => swapWords('1 2 3 4 5', { rate: 1, random }).text)).toBe(true)
  })
})

test('one number is taken a draw', () => {
  let taken = 0
  const draw = drawFrom(() => {
    taken++
    return 0.999
  })
  expect([draw(1), draw(10), taken]).toEqual([0, 9, 2])
})
