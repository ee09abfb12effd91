/**
 * For each of 32 to 512 one-bit lanes, how many pairs have the bit 0, by vertical counters of ones: bit b of plane k is bit k of the count of lane b, so one addition of words
 * counts 32 lanes, and four pairs at a time are four counters a lane that are added up at the end (Harley and Seal's carry-save adders; Mula, Kurz and Lemire 2018, section 4).
 *
 * Room: 2,048 bytes of slices (eight rows of four pairs), 8,192 of planes (16 lanes of 32 bits, 16 planes each and 16 more to add up in).
 */
import { fourBlocks, setKey } from './chacha8'
import { setGroup } from './pairs'

/** Writes the counts of planned pairs, at most 2^16, as `lanes` doubles. The plan's offset is 0. */
export function countZeros(
  sums: usize,
  key: usize,
  groups: usize,
  ends: usize,
  places: usize,
  groupCount: u32,
  pairCount: u32,
  lanes: u32,
  state: usize,
  blocks: usize,
  room: usize,
): void {
  const planes = room + 2048
  const words: usize = <usize>lanes >> 5
  const row = words << 4
  memory.fill(planes, 0, words << 8)
  // As many planes as a quarter of the pairs can fill.
  const top: usize = 33 - <usize>clz<u32>(pairCount >> 2)
  setKey(state, key)
  if (lanes == 512) {
    // A pair is a block.
    for (let g: usize = 0; g < <usize>groupCount; g++) {
      setGroup(state, groups + (g << 6))
      fourBlocks(state, room + ((g & 7) << 8))
      if ((g & 7) == 7 && g + 1 < <usize>groupCount) absorb(room, row, planes, words, top)
    }
    const last: usize = <usize>(groupCount - 1) & 7
    for (let at: usize = room + (last << 8), lane: u32 = pairCount & 3; lane != 0 && lane < 4; lane++)
      for (let w: usize = 0; w < 16; w++) store<u32>(at + (w << 4) + (lane << 2), 0)
    memory.fill(room + ((last + 1) << 8), 0, (7 - last) << 8)
    absorb(room, row, planes, words, top)
  } else {
    let i: u32 = 0
    for (let g: usize = 0; g < <usize>groupCount; g++) {
      setGroup(state, groups + (g << 6))
      fourBlocks(state, blocks)
      for (const end = load<u32>(ends + (g << 2)); i < end; i++) {
        const from = blocks + (<usize>load<u16>(places + (<usize>i << 1)) >> 5)
        const to = room + ((<usize>i & 31) >> 2) * row + ((<usize>i & 3) << 2)
        for (let w: usize = 0; w < row; w += 16) store<u32>(to + w, load<u32>(from + w))
        if ((i & 31) == 31) absorb(room, row, planes, words, top)
      }
    }
    if ((i & 31) != 0) {
      for (; (i & 31) != 0; i++) {
        const to = room + ((<usize>i & 31) >> 2) * row + ((<usize>i & 3) << 2)
        for (let w: usize = 0; w < row; w += 16) store<u32>(to + w, 0)
      }
      absorb(room, row, planes, words, top)
    }
  }
  addCounts(sums, planes, words, top, pairCount)
}

// @ts-ignore: decorator
@inline
function majority(a: v128, b: v128, c: v128): v128 {
  return v128.or(v128.and(a, b), v128.and(c, v128.xor(a, b)))
}

// @ts-ignore: decorator
@inline
function parity(a: v128, b: v128, c: v128): v128 {
  return v128.xor(v128.xor(a, b), c)
}

/** Eight rows of slices into the planes. */
function absorb(slices: usize, row: usize, planes: usize, words: usize, top: usize): void {
  for (let w: usize = 0; w < words; w++) {
    let at = slices + (w << 4)
    const x0 = v128.load(at)
    const x1 = v128.load((at += row))
    const x2 = v128.load((at += row))
    const x3 = v128.load((at += row))
    const x4 = v128.load((at += row))
    const x5 = v128.load((at += row))
    const x6 = v128.load((at += row))
    const x7 = v128.load((at += row))
    const own = planes + (w << 8)
    let ones = v128.load(own)
    let twos = v128.load(own, 16)
    const fours = v128.load(own, 32)
    const a = majority(ones, x0, x1)
    ones = parity(ones, x0, x1)
    const b = majority(ones, x2, x3)
    ones = parity(ones, x2, x3)
    const c = majority(ones, x4, x5)
    ones = parity(ones, x4, x5)
    const d = majority(ones, x6, x7)
    v128.store(own, parity(ones, x6, x7))
    const e = majority(twos, a, b)
    twos = parity(twos, a, b)
    const f = majority(twos, c, d)
    v128.store(own, parity(twos, c, d), 16)
    let carry = majority(fours, e, f)
    v128.store(own, parity(fours, e, f), 32)
    for (let k: usize = 3; k < top; k++) {
      const plane = v128.load(own + (k << 4))
      v128.store(own + (k << 4), v128.xor(plane, carry))
      carry = v128.and(plane, carry)
    }
  }
}

/** The four counters of each lane added up, and what they lack of all pairs written out. */
function addCounts(sums: usize, planes: usize, words: usize, top: usize, pairs: u32): void {
  const all = i32x4.splat(pairs)
  const total = planes + 4096
  for (let w: usize = 0; w < words; w++) {
    const own = planes + (w << 8)
    // Twice: each half plus the other half, then neighbours. Afterwards all four are the sum.
    let carry = i32x4.splat(0)
    for (let k: usize = 0; k < top; k++) {
      const a = v128.load(own + (k << 4))
      const b = i8x16.shuffle(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
      v128.store(total + (k << 4), parity(a, b, carry))
      carry = majority(a, b, carry)
    }
    v128.store(total + (top << 4), carry)
    carry = i32x4.splat(0)
    for (let k: usize = 0; k <= top; k++) {
      const a = v128.load(total + (k << 4))
      const b = i8x16.shuffle(a, a, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
      v128.store(total + (k << 4), parity(a, b, carry))
      carry = majority(a, b, carry)
    }
    v128.store(total + ((top + 1) << 4), carry)
    let bit = i32x4(1, 2, 4, 8)
    for (let b: u32 = 0; b < 32; b += 4) {
      let count = i32x4.splat(0)
      for (let k: isize = <isize>top + 1; k >= 0; k--) {
        const isSet = i32x4.eq(v128.and(v128.load(total + (<usize>k << 4)), bit), bit)
        count = i32x4.sub(i32x4.add(count, count), isSet)
      }
      count = i32x4.sub(all, count)
      v128.store(sums, f64x2.convert_low_i32x4_s(count))
      const high = i8x16.shuffle(count, count, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
      v128.store(sums, f64x2.convert_low_i32x4_s(high), 16)
      sums += 32
      bit = i32x4.shl(bit, 4)
    }
  }
}
