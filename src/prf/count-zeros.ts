/**
 * For each of 32 to 512 one-bit lanes, how many pairs have the bit 0, in JavaScript: vertical counters of ones, as in the kernel (kernels/assembly/count-zeros.ts, which
 * says how they work). Bit b of plane k of a word is bit k of the count of that word's lane b.
 */
import { eachBlock } from './pair-fields.ts'

const ROWS = 8
// Counts below 2^16.
const PLANES = 16

/**
 * Adds the counts of at most 2^15 pairs to the sums of all lanes.
 * @param sums one a lane. @param key 8 words.
 */
export function addZeroCounts(
  sums: Float64Array,
  pairs: Uint32Array,
  { key, contextWidth, lanes }: { key: Uint32Array; contextWidth: number; lanes: number },
): void {
  const words = lanes / 32
  const slices = new Int32Array(ROWS * words)
  const planes = new Int32Array(PLANES * words)
  const place = 512 / lanes - 1
  const count = pairs.length / (contextWidth + 1)
  let row = 0
  eachBlock(pairs, { key, contextWidth, shift: Math.log2(512 / lanes) }, (block, token) => {
    const first = (token & place) * words
    for (let w = 0; w < words; w++) slices[row * words + w] = block[first + w]!
    if (++row === ROWS) {
      absorb(planes, slices, words)
      row = 0
    }
  })
  if (row > 0) {
    slices.fill(0, row * words)
    absorb(planes, slices, words)
  }
  const top = 32 - Math.clz32(count)
  for (let w = 0; w < words; w++) {
    for (let bit = 0; bit < 32; bit++) {
      let ones = 0
      for (let k = w * PLANES + top - 1; k >= w * PLANES; k--) ones = 2 * ones + ((planes[k]! >>> bit) & 1)
      sums[32 * w + bit]! += count - ones
    }
  }
}

function absorb(planes: Int32Array, slices: Int32Array, words: number): void {
  for (let w = 0; w < words; w++) {
    const own = w * PLANES
    let ones = planes[own]!
    let twos = planes[own + 1]!
    let fours = planes[own + 2]!
    let eights = 0
    // Two by two into the ones; what they carry two by two into the twos, and so on.
    for (let half = 0; half < 2; half++) {
      const at = half * 4 * words + w
      const [x0, x1] = [slices[at]!, slices[at + words]!]
      const [x2, x3] = [slices[at + 2 * words]!, slices[at + 3 * words]!]
      const a = (ones & x0) | (x1 & (ones ^ x0))
      ones ^= x0 ^ x1
      const b = (ones & x2) | (x3 & (ones ^ x2))
      ones ^= x2 ^ x3
      const carry = (twos & a) | (b & (twos ^ a))
      twos ^= a ^ b
      eights ^= fours & carry
      fours ^= carry
    }
    planes[own] = ones
    planes[own + 1] = twos
    planes[own + 2] = fours
    for (let k = own + 3; eights !== 0; k++) {
      const plane = planes[k]!
      planes[k] = plane ^ eights
      eights &= plane
    }
  }
}
