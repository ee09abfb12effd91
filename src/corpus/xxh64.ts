/**
 * XXH64, the check sum of Zstandard frames (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md, with seed 0), over a stream. Not cryptographic: it finds
 * damage, not malice.
 */

/** A running sum. */
export interface Xxh64 {
  update(bytes: Uint8Array): void
  /** The low 32 bits, which is what a frame holds. */
  low32(): number
}

const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P3 = 0x165667b19e3779f9n
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n

const STRIPE = 32

/** Starts a sum. */
export function createXxh64(): Xxh64 {
  let [a, b, c, d] = [low64(P1 + P2), P2, 0n, low64(-P1)]
  const tail = new Uint8Array(STRIPE)
  const tailView = new DataView(tail.buffer)
  let filled = 0
  let total = 0

  function stripes(view: DataView, from: number, to: number): void {
    // In variables of their own: the engine then computes with machine words.
    let [a0, b0, c0, d0] = [a, b, c, d]
    for (let at = from; at + STRIPE <= to; at += STRIPE) {
      a0 = round(a0, view.getBigUint64(at, true))
      b0 = round(b0, view.getBigUint64(at + 8, true))
      c0 = round(c0, view.getBigUint64(at + 16, true))
      d0 = round(d0, view.getBigUint64(at + 24, true))
    }
    ;[a, b, c, d] = [a0, b0, c0, d0]
  }

  return {
    update(bytes) {
      total += bytes.length
      let at = 0
      if (filled > 0) {
        at = Math.min(STRIPE - filled, bytes.length)
        tail.set(bytes.subarray(0, at), filled)
        filled += at
        if (filled < STRIPE) return
        stripes(tailView, 0, STRIPE)
      }
      stripes(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at, bytes.length)
      filled = (bytes.length - at) % STRIPE
      tail.set(bytes.subarray(bytes.length - filled))
    },
    low32() {
      let sum = P5
      if (total >= STRIPE) {
        sum = low64(rotated(a, 1n) + rotated(b, 7n) + rotated(c, 12n) + rotated(d, 18n))
        for (const lane of [a, b, c, d]) sum = low64((sum ^ round(0n, lane)) * P1 + P4)
      }
      sum = low64(sum + BigInt(total))
      let at = 0
      for (; at + 8 <= filled; at += 8)
        sum = low64(rotated(sum ^ round(0n, tailView.getBigUint64(at, true)), 27n) * P1 + P4)
      if (at + 4 <= filled) {
        sum = low64(rotated(sum ^ low64(BigInt(tailView.getUint32(at, true)) * P1), 23n) * P2 + P3)
        at += 4
      }
      for (; at < filled; at++) sum = low64(rotated(sum ^ low64(BigInt(tail[at]!) * P5), 11n) * P1)
      sum = low64((sum ^ (sum >> 33n)) * P2)
      sum = low64((sum ^ (sum >> 29n)) * P3)
      return Number((sum ^ (sum >> 32n)) & 0xffffffffn)
    },
  }
}

function low64(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

function rotated(value: bigint, by: bigint): bigint {
  return low64(value << by) | (value >> (64n - by))
}

function round(lane: bigint, word: bigint): bigint {
  const sum = BigInt.asUintN(64, lane + BigInt.asUintN(64, word * P2))
  return BigInt.asUintN(64, (BigInt.asUintN(64, sum << 31n) | (sum >> 33n)) * P1)
}
