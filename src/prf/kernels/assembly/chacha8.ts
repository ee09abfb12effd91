/**
 * ChaCha8 (src/prf/chacha8.ts), four blocks at a time: lane l of each of the sixteen vectors belongs to block l. What differs between the four (counter,
 * nonce or key) is the caller's; a state is sixteen vectors in memory, 256 bytes.
 */

// @ts-ignore: decorator
@inline
function rotate16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
}

// @ts-ignore: decorator
@inline
function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20))
}

// @ts-ignore: decorator
@inline
function rotate8(x: v128): v128 {
  return i8x16.shuffle(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
}

// @ts-ignore: decorator
@inline
function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25))
}

/** Writes the constants and one key into all four lanes of a state. */
export function setKey(state: usize, key: usize): void {
  v128.store(state, i32x4.splat(0x61707865))
  v128.store(state, i32x4.splat(0x3320646e), 16)
  v128.store(state, i32x4.splat(0x79622d32), 32)
  v128.store(state, i32x4.splat(0x6b206574), 48)
  for (let i: usize = 0; i < 8; i++) v128.store(state + 64 + (i << 4), v128.load32_splat(key + (i << 2)))
}

/** Writes one nonce into all four lanes of a state. */
export function setNonce(state: usize, nonce: usize): void {
  for (let i: usize = 0; i < 3; i++) v128.store(state + 208 + (i << 4), v128.load32_splat(nonce + (i << 2)))
}

/** Writes counters `counter .. counter + 3` into a state. */
// @ts-ignore: decorator
@inline
export function setCounters(state: usize, counter: u32): void {
  v128.store(state, i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3)), 192)
}

/** Four blocks: word w of block l goes to `out + 16 w + 4 l`. */
export function fourBlocks(state: usize, out: usize): void {
  let x0 = v128.load(state, 0)
  let x1 = v128.load(state, 16)
  let x2 = v128.load(state, 32)
  let x3 = v128.load(state, 48)
  let x4 = v128.load(state, 64)
  let x5 = v128.load(state, 80)
  let x6 = v128.load(state, 96)
  let x7 = v128.load(state, 112)
  let x8 = v128.load(state, 128)
  let x9 = v128.load(state, 144)
  let x10 = v128.load(state, 160)
  let x11 = v128.load(state, 176)
  let x12 = v128.load(state, 192)
  let x13 = v128.load(state, 208)
  let x14 = v128.load(state, 224)
  let x15 = v128.load(state, 240)
  for (let round = 0; round < 4; round++) {
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x12 = rotate16(v128.xor(x12, x0))
    x13 = rotate16(v128.xor(x13, x1))
    x14 = rotate16(v128.xor(x14, x2))
    x15 = rotate16(v128.xor(x15, x3))
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x4 = rotate12(v128.xor(x4, x8))
    x5 = rotate12(v128.xor(x5, x9))
    x6 = rotate12(v128.xor(x6, x10))
    x7 = rotate12(v128.xor(x7, x11))
    x0 = i32x4.add(x0, x4)
    x1 = i32x4.add(x1, x5)
    x2 = i32x4.add(x2, x6)
    x3 = i32x4.add(x3, x7)
    x12 = rotate8(v128.xor(x12, x0))
    x13 = rotate8(v128.xor(x13, x1))
    x14 = rotate8(v128.xor(x14, x2))
    x15 = rotate8(v128.xor(x15, x3))
    x8 = i32x4.add(x8, x12)
    x9 = i32x4.add(x9, x13)
    x10 = i32x4.add(x10, x14)
    x11 = i32x4.add(x11, x15)
    x4 = rotate7(v128.xor(x4, x8))
    x5 = rotate7(v128.xor(x5, x9))
    x6 = rotate7(v128.xor(x6, x10))
    x7 = rotate7(v128.xor(x7, x11))
    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x15 = rotate16(v128.xor(x15, x0))
    x12 = rotate16(v128.xor(x12, x1))
    x13 = rotate16(v128.xor(x13, x2))
    x14 = rotate16(v128.xor(x14, x3))
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x5 = rotate12(v128.xor(x5, x10))
    x6 = rotate12(v128.xor(x6, x11))
    x7 = rotate12(v128.xor(x7, x8))
    x4 = rotate12(v128.xor(x4, x9))
    x0 = i32x4.add(x0, x5)
    x1 = i32x4.add(x1, x6)
    x2 = i32x4.add(x2, x7)
    x3 = i32x4.add(x3, x4)
    x15 = rotate8(v128.xor(x15, x0))
    x12 = rotate8(v128.xor(x12, x1))
    x13 = rotate8(v128.xor(x13, x2))
    x14 = rotate8(v128.xor(x14, x3))
    x10 = i32x4.add(x10, x15)
    x11 = i32x4.add(x11, x12)
    x8 = i32x4.add(x8, x13)
    x9 = i32x4.add(x9, x14)
    x5 = rotate7(v128.xor(x5, x10))
    x6 = rotate7(v128.xor(x6, x11))
    x7 = rotate7(v128.xor(x7, x8))
    x4 = rotate7(v128.xor(x4, x9))
  }
  v128.store(out, i32x4.add(x0, v128.load(state, 0)), 0)
  v128.store(out, i32x4.add(x1, v128.load(state, 16)), 16)
  v128.store(out, i32x4.add(x2, v128.load(state, 32)), 32)
  v128.store(out, i32x4.add(x3, v128.load(state, 48)), 48)
  v128.store(out, i32x4.add(x4, v128.load(state, 64)), 64)
  v128.store(out, i32x4.add(x5, v128.load(state, 80)), 80)
  v128.store(out, i32x4.add(x6, v128.load(state, 96)), 96)
  v128.store(out, i32x4.add(x7, v128.load(state, 112)), 112)
  v128.store(out, i32x4.add(x8, v128.load(state, 128)), 128)
  v128.store(out, i32x4.add(x9, v128.load(state, 144)), 144)
  v128.store(out, i32x4.add(x10, v128.load(state, 160)), 160)
  v128.store(out, i32x4.add(x11, v128.load(state, 176)), 176)
  v128.store(out, i32x4.add(x12, v128.load(state, 192)), 192)
  v128.store(out, i32x4.add(x13, v128.load(state, 208)), 208)
  v128.store(out, i32x4.add(x14, v128.load(state, 224)), 224)
  v128.store(out, i32x4.add(x15, v128.load(state, 240)), 240)
}

/** Turns what {@link fourBlocks} wrote around in place: four blocks of 64 bytes, one after the other. */
export function inOrder(blocks: usize): void {
  // Columns of four words each become rows; a block's four quarters then lie 64 bytes apart from the next block's.
  const a0 = v128.load(blocks)
  const a1 = v128.load(blocks, 16)
  const a2 = v128.load(blocks, 32)
  const a3 = v128.load(blocks, 48)
  const b0 = v128.load(blocks, 64)
  const b1 = v128.load(blocks, 80)
  const b2 = v128.load(blocks, 96)
  const b3 = v128.load(blocks, 112)
  const c0 = v128.load(blocks, 128)
  const c1 = v128.load(blocks, 144)
  const c2 = v128.load(blocks, 160)
  const c3 = v128.load(blocks, 176)
  const d0 = v128.load(blocks, 192)
  const d1 = v128.load(blocks, 208)
  const d2 = v128.load(blocks, 224)
  const d3 = v128.load(blocks, 240)
  storeColumns(blocks, a0, a1, a2, a3)
  storeColumns(blocks + 16, b0, b1, b2, b3)
  storeColumns(blocks + 32, c0, c1, c2, c3)
  storeColumns(blocks + 48, d0, d1, d2, d3)
}

// @ts-ignore: decorator
@inline
function storeColumns(at: usize, w0: v128, w1: v128, w2: v128, w3: v128): void {
  const low01 = i8x16.shuffle(w0, w1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
  const low23 = i8x16.shuffle(w2, w3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
  const high01 = i8x16.shuffle(w0, w1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
  const high23 = i8x16.shuffle(w2, w3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
  v128.store(at, i8x16.shuffle(low01, low23, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
  v128.store(at, i8x16.shuffle(low01, low23, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 64)
  v128.store(at, i8x16.shuffle(high01, high23, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 128)
  v128.store(at, i8x16.shuffle(high01, high23, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 192)
}
