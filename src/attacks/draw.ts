/** Draws from a stream of uniform numbers. Each draw takes one number, so the stream can be followed by hand. */
import { describe } from '../assert.ts'

/** A whole number in 0..below - 1, every one as likely. */
export type Draw = (below: number) => number

/** Draws by these random numbers, which are checked as they come: a generator that gives 1 would read past an end. */
export function drawFrom(random: () => number): Draw {
  return (below) => {
    const uniform = random()
    if (typeof uniform !== 'number')
      throw new TypeError(`"options.random()" expected a number in [0, 1), got ${describe(uniform)}`)
    if (!(uniform >= 0 && uniform < 1))
      throw new RangeError(`"options.random()" expected a number in [0, 1), got ${describe(uniform)}`)
    return Math.floor(uniform * below)
  }
}

/** `count` of `places` places without replacement, ascending; every set as likely (a shuffle that stops early). */
export function drawPlaces(draw: Draw, { count, places }: { count: number; places: number }): number[] {
  // Only what was moved is kept, so a few places of many cost little.
  const moved = new Map<number, number>()
  const drawn: number[] = []
  for (let i = 0; i < count; i++) {
    const j = i + draw(places - i)
    drawn.push(moved.get(j) ?? j)
    moved.set(j, moved.get(i) ?? i)
  }
  return drawn.sort((a, b) => a - b)
}

/** The items in a drawn order; every order as likely. */
export function shuffled<T>(items: readonly T[], draw: Draw): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) swap(order, i, draw(i + 1))
  return order
}

/** The items in a drawn order in which none keeps its place (Sattolo 1986: one cycle through all). */
export function displaced<T>(items: readonly T[], draw: Draw): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) swap(order, i, draw(i))
  return order
}

function swap<T>(items: T[], i: number, j: number): void {
  const item = items[i]!
  items[i] = items[j]!
  items[j] = item
}
