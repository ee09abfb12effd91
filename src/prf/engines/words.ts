/**
 * Arithmetic of 32-bit words for the hashes that other engines use. Math.imul gives the low half of a product; the high half and
 * 64-bit products are built from 16-bit parts. Some six times faster than BigInt, which no scoring loop here uses.
 */

/** High 32 bits of the product of two unsigned 32-bit integers, as a signed word. */
export function multiplyHigh(a: number, b: number): number {
  const al = a & 0xffff
  const ah = a >>> 16
  const bl = b & 0xffff
  const bh = b >>> 16
  const first = (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bl) >>> 16)
  // At most (2^16 - 1)^2 + 2^16 - 1, twice: neither sum leaves 32 bits.
  const second = (first & 0xffff) + (Math.imul(al, bh) >>> 0)
  return (Math.imul(ah, bh) + (first >>> 16) + (second >>> 16)) | 0
}

/** A 64-bit integer in two signed words, written in place: no allocation within a scoring loop. */
export interface Int64 {
  low: number
  high: number
}

/** A constant or a start; `value` may have either sign. */
export function int64(value: bigint): Int64 {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) }
}

/** `x += y`, modulo 2^64. */
export function add(x: Int64, { low, high }: Readonly<Int64>): void {
  const sum = (x.low >>> 0) + (low >>> 0)
  x.high = (x.high + high + (sum > 0xffffffff ? 1 : 0)) | 0
  x.low = sum | 0
}

/** `x *= y`, modulo 2^64. */
export function multiply(x: Int64, { low, high }: Readonly<Int64>): void {
  x.high = (multiplyHigh(x.low, low) + Math.imul(x.low, high) + Math.imul(x.high, low)) | 0
  x.low = Math.imul(x.low, low)
}

/** `x = value`, an integer from -2^53 to 2^53. */
export function assign(x: Int64, value: number): void {
  x.low = value | 0
  x.high = Math.floor(value / 2 ** 32) | 0
}
