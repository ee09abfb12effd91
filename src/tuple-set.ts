/**
 * A set of fixed-length tuples of 32-bit words, by exact value. Identity of a counted pair is the tuple itself, never its hash:
 * two pairs that merely collide must both count, and one that repeats must not. Open addressing over one Uint32Array.
 */

/** A growing set of tuples of `width` words, in the order of first insertion. */
export interface TupleSet {
  readonly size: number
  /** Index of the tuple, in the order of first insertion; adds it if it is new (then `size` grows by one). */
  indexOf(tuple: ArrayLike<number>): number
  /** Adds a tuple, or the one that begins at `start` of a longer list. @returns true if it is new. */
  add(source: ArrayLike<number>, start?: number): boolean
  /** Adds tuples that lie one behind the other, `width` words each: as many calls of `indexOf`, without a view of each. */
  addAll(tuples: Uint32Array): void
  /** Index of the tuple if it is in the set; adds nothing. */
  find(tuple: ArrayLike<number>): number | undefined
  /** Empties the set; its room stays. */
  clear(): void
  /** All tuples, `size * width` words, in the order of insertion. */
  toWords(): Uint32Array
}

const EMPTY = 0xffffffff
const FIRST_SLOTS = 1024

/**
 * Makes an empty set. Memory: 4 * width bytes a tuple and 4 bytes a slot, at most half of the slots filled.
 * @param expected tuples that there is room for from the start; more may come.
 */
export function createTupleSet(
  width: number,
  { expected = FIRST_SLOTS / 2 - 1 }: { expected?: number } = {},
): TupleSet {
  const first = 2 ** Math.ceil(Math.log2(2 * expected + 2))
  let slots = new Uint32Array(first).fill(EMPTY)
  let words = new Uint32Array((first / 2) * width)
  let size = 0

  // Position of the tuple, or of the free slot where it belongs (linear probing).
  function slotOf(source: ArrayLike<number>, start: number): number {
    let hash = 0x811c9dc5
    for (let j = 0; j < width; j++) hash = Math.imul(hash ^ source[start + j]!, 0x9e3779b1) ^ (hash >>> 15)
    let slot = (hash ^ (hash >>> 13)) & (slots.length - 1)
    for (;;) {
      const index = slots[slot]!
      if (index === EMPTY) return slot
      let same = true
      for (let j = 0; same && j < width; j++) same = words[index * width + j] === source[start + j]! >>> 0
      if (same) return slot
      slot = (slot + 1) & (slots.length - 1)
    }
  }

  function grow(): void {
    slots = new Uint32Array(2 * slots.length).fill(EMPTY)
    const wider = new Uint32Array((slots.length / 2) * width)
    wider.set(words.subarray(0, size * width))
    words = wider
    for (let index = 0; index < size; index++) slots[slotOf(words, index * width)] = index
  }

  function placeOf(source: ArrayLike<number>, start: number): number {
    const slot = slotOf(source, start)
    const known = slots[slot]!
    if (known !== EMPTY) return known
    slots[slot] = size
    for (let j = 0; j < width; j++) words[size * width + j] = source[start + j]!
    size++
    if (2 * size >= slots.length) grow()
    return size - 1
  }

  return {
    get size() {
      return size
    },
    indexOf: (tuple) => placeOf(tuple, 0),
    add(source, start = 0) {
      const known = size
      placeOf(source, start)
      return size > known
    },
    addAll(tuples) {
      for (let at = 0; at < tuples.length; at += width) placeOf(tuples, at)
    },
    find(tuple) {
      const known = slots[slotOf(tuple, 0)]!
      return known === EMPTY ? undefined : known
    },
    clear() {
      slots.fill(EMPTY)
      size = 0
    },
    toWords: () => words.slice(0, size * width),
  }
}
