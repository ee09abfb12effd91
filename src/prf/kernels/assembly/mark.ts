/** Marks on a row of float32 logits: what src/schemes/{green-list,gumbel,tournament}.ts compute, token after token, with four or sixteen at a time. */
import { fourBlocks, inOrder, setCounters, setKey, setNonce } from './chacha8'
import { ln } from './ln'

/**
 * Green lists, one lane: adds `step` to the logits of tokens whose field is below `param`. Whole chunks of four blocks: the row must have room for
 * 2,048 (bits 1) or 256 (bits 8) tokens more than `count`, which are changed like the others.
 */
export function markGreenList(
  row: usize,
  count: u32,
  bits: u32,
  param: u32,
  step: f32,
  key: usize,
  nonce: usize,
  state: usize,
  blocks: usize,
): void {
  setKey(state, key)
  setNonce(state, nonce)
  const perChunk: u32 = 2048 / bits
  let counter: u32 = 0
  for (let done: u32 = 0; done < count; done += perChunk) {
    setCounters(state, counter)
    fourBlocks(state, blocks)
    inOrder(blocks)
    if (bits == 1) addByBits(row, blocks, step)
    else addByBytes(row, blocks, param, step)
    row += perChunk << 2
    counter += 4
  }
}

// Red tokens get -0, which changes no float; +0 would change -0.
// @ts-ignore: decorator
@inline
function addByBits(row: usize, blocks: usize, step: f32): void {
  const steps = f32x4.splat(step)
  const none = f32x4.splat(-0.0)
  const zero = i32x4.splat(0)
  for (let word: usize = 0; word < 256; word += 4) {
    let bits = v128.load32_splat(blocks + word)
    for (let quad: usize = 0; quad < 128; quad += 16) {
      // Green: the bit, which is the field, is 0.
      const green = i32x4.eq(v128.and(bits, i32x4(1, 2, 4, 8)), zero)
      bits = i32x4.shr_u(bits, 4)
      v128.store(row + quad, f32x4.add(v128.load(row + quad), v128.bitselect(steps, none, green)))
    }
    row += 128
  }
}

// @ts-ignore: decorator
@inline
function addByBytes(row: usize, blocks: usize, param: u32, step: f32): void {
  const steps = f32x4.splat(step)
  const none = f32x4.splat(-0.0)
  const limit = i8x16.splat(<i8>param)
  for (let at: usize = 0; at < 256; at += 16) {
    const green = i8x16.lt_u(v128.load(blocks + at), limit)
    const low = i16x8.extend_low_i8x16_s(green)
    const high = i16x8.extend_high_i8x16_s(green)
    addWhere(row, i32x4.extend_low_i16x8_s(low), steps, none)
    addWhere(row + 16, i32x4.extend_high_i16x8_s(low), steps, none)
    addWhere(row + 32, i32x4.extend_low_i16x8_s(high), steps, none)
    addWhere(row + 48, i32x4.extend_high_i16x8_s(high), steps, none)
    row += 64
  }
}

// @ts-ignore: decorator
@inline
function addWhere(at: usize, green: v128, steps: v128, none: v128): void {
  v128.store(at, f32x4.add(v128.load(at), v128.bitselect(steps, none, green)))
}

/** Fields of 32 bits and one lane of some tokens of one context, in any order; whole fours. */
export function fieldsAt(out: usize, tokens: usize, count: u32, key: usize, nonce: usize, state: usize, blocks: usize): void {
  setKey(state, key)
  setNonce(state, nonce)
  for (let i: u32 = 0; i < count; i += 4) {
    const four = v128.load(tokens)
    v128.store(state, i32x4.shr_u(four, 4), 192)
    fourBlocks(state, blocks)
    for (let lane: usize = 0; lane < 16; lane += 4) {
      const word = (load<u32>(tokens + lane) & 15) << 4
      store<u32>(out + lane, load<u32>(blocks + word + lane))
    }
    tokens += 16
    out += 16
  }
}

/** exp32 of src/exp32.ts of `logit - largest`; whole fours. */
export function weigh(weights: usize, row: usize, count: u32, largest: f32): void {
  const most = f32x4.splat(largest)
  const magic = f32x4.splat(12582912)
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const x = f32x4.sub(v128.load(row + i), most)
    const t = f32x4.pmax(f32x4.splat(-127), f32x4.mul(x, f32x4.splat(<f32>1.4426950408889634)))
    const shifted = f32x4.add(t, magic)
    const r = f32x4.sub(t, f32x4.sub(shifted, magic))
    let p = f32x4.splat(<f32>0.000015252733804059841)
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(<f32>0.00015403530393381609))
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(<f32>0.0013333558146428443))
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(<f32>0.009618129107628477))
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(<f32>0.05550410866482158))
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(<f32>0.2402265069591007))
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(<f32>0.6931471805599453))
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1))
    // The lowest nine bits of a float near 1.5 * 2^23 are its whole part; the shift leaves them alone.
    const scale = i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23)
    v128.store(weights + i, f32x4.mul(p, scale))
  }
}

// @ts-ignore: decorator
@inline
function addMasses(masses: usize, bins: v128, weights: v128): void {
  const low = f64x2.promote_low_f32x4(weights)
  const high = f64x2.promote_low_f32x4(i8x16.shuffle(weights, weights, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15))
  addMass(masses + <usize>i32x4.extract_lane(bins, 0), f64x2.extract_lane(low, 0))
  addMass(masses + <usize>i32x4.extract_lane(bins, 1), f64x2.extract_lane(low, 1))
  addMass(masses + <usize>i32x4.extract_lane(bins, 2), f64x2.extract_lane(high, 0))
  addMass(masses + <usize>i32x4.extract_lane(bins, 3), f64x2.extract_lane(high, 1))
}

// @ts-ignore: decorator
@inline
function addMass(bin: usize, weight: f64): void {
  store<f64>(bin, load<f64>(bin) + weight)
}

/** Four entries of a table of 1,024 floats. */
// @ts-ignore: decorator
@inline
function entries(table: usize, fields: v128): v128 {
  const at = i32x4.shl(v128.and(fields, i32x4.splat(1023)), 2)
  let found = v128.load32_zero(table + <usize>i32x4.extract_lane(at, 0))
  found = v128.load_lane<u32>(table + <usize>i32x4.extract_lane(at, 1), found, 1)
  found = v128.load_lane<u32>(table + <usize>i32x4.extract_lane(at, 2), found, 2)
  return v128.load_lane<u32>(table + <usize>i32x4.extract_lane(at, 3), found, 3)
}

/** Adds weights, token after token, to the masses of ten bits or fewer of their fields; whole fours. */
export function gatherMasses(masses: usize, fields: usize, weights: usize, count: u32, mask: u32): void {
  const masks = i32x4.splat(mask)
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16)
    addMasses(masses, i32x4.shl(v128.and(v128.load(fields + i), masks), 3), v128.load(weights + i))
}

/**
 * As {@link gatherMasses} for the bits from `shift + 10` on, after the factors (1,024 floats) of the ten bits from `shift` on, by which weights are multiplied in
 * place.
 */
export function scaleAndGatherMasses(
  masses: usize,
  fields: usize,
  weights: usize,
  count: u32,
  mask: u32,
  factors: usize,
  shift: u32,
): void {
  const masks = i32x4.splat(mask)
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const bits = i32x4.shr_u(v128.load(fields + i), shift)
    const scaled = f32x4.mul(v128.load(weights + i), entries(factors, bits))
    v128.store(weights + i, scaled)
    addMasses(masses, i32x4.shl(v128.and(i32x4.shr_u(bits, 10), masks), 3), scaled)
  }
}

/** Adds to each logit the logarithms of its field's factors, three tables of 1,024 floats; those of groups that were not played are 0. Whole fours. */
export function tilt(row: usize, fields: usize, count: u32, logarithms: usize): void {
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const bits = v128.load(fields + i)
    const first = entries(logarithms, bits)
    const second = entries(logarithms + 4096, i32x4.shr_u(bits, 10))
    const third = entries(logarithms + 8192, i32x4.shr_u(bits, 20))
    v128.store(row + i, f32x4.add(v128.load(row + i), f32x4.add(f32x4.add(first, second), third)))
  }
}

// @ts-ignore: decorator
@lazy
let best: f64 = 0

/**
 * The race of src/schemes/gumbel.ts, one lane: the token with the largest logit - ln(-ln u). `count` is a multiple of 64, logits beyond the vocabulary -Infinity.
 *
 * -ln u >= 1 - u, so a token can only win if 1 - u < exp(-(best so far - logit)). That is tested on four tokens at a time in float32, with a logarithm of the left side that
 * is never too high. The few that pass are computed in double.
 */
export function race(row: usize, count: u32, key: usize, nonce: usize, state: usize, blocks: usize): i32 {
  setKey(state, key)
  setNonce(state, nonce)
  best = -Infinity
  let winner: i32 = 0
  let bound = limitsOf(-Infinity)
  let slack = slackOf(-Infinity)
  for (let token: u32 = 0; token < count; token += 64) {
    setCounters(state, token >> 4)
    fourBlocks(state, blocks)
    inOrder(blocks)
    for (let at: usize = 0; at < 256; at += 16) {
      const fields = v128.load(blocks + at)
      const logits = v128.load(row + at)
      // 127 + 31 - (best - logit) log2 e: the exponent of 2^31 exp(-(best - logit)), biased as a float's.
      const limit = f32x4.add(f32x4.mul(f32x4.sub(logits, bound), f32x4.splat(<f32>1.4426950408889634)), slack)
      // 2^31 (1 - u) or a little less. The bits of a float, read as a number, are its logarithm with straight lines between powers of two: never above it.
      const rest = f32x4.convert_i32x4_s(i32x4.shr_u(v128.not(fields), 1))
      const logarithm = f32x4.mul(f32x4.convert_i32x4_s(rest), f32x4.splat(<f32>1.1920928955078125e-7))
      const passing = f32x4.le(logarithm, limit)
      if (v128.any_true(passing)) {
        for (let lane: u32 = 0; lane < 4; lane++) {
          const offset = at + (<usize>lane << 2)
          const logit = <f64>load<f32>(row + offset)
          if (logit == -Infinity) continue
          const u = (<f64>load<u32>(blocks + offset) + 0.5) / 4294967296.0
          const value = logit - ln(-ln(u))
          if (value > best) {
            best = value
            winner = token + (<u32>offset >> 2)
            bound = limitsOf(value)
            slack = slackOf(value)
          }
        }
      }
    }
    row += 256
  }
  return winner
}

// @ts-ignore: decorator
@inline
function limitsOf(value: f64): v128 {
  return f32x4.splat(<f32>value)
}

/** 158, and what rounding can take away: of the difference, where it matters at most 60 nats, and of `best`, both relative 2^-23. */
// @ts-ignore: decorator
@inline
function slackOf(value: f64): v128 {
  const size = value == -Infinity ? 0.0 : Math.abs(value)
  return f32x4.splat(<f32>(158.01 + 1e-6 * (size + 200)))
}

/** 1 where no logit is NaN or Infinity and one at least is above -Infinity; whole fours. */
export function isSampleable(row: usize, count: u32): u32 {
  const infinity = f32x4.splat(Infinity)
  const none = f32x4.splat(-Infinity)
  let sound = i32x4.splat(-1)
  let any = i32x4.splat(0)
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const logits = v128.load(row + i)
    // False for NaN.
    sound = v128.and(sound, f32x4.lt(logits, infinity))
    any = v128.or(any, f32x4.gt(logits, none))
  }
  return <u32>(i32x4.all_true(sound) && v128.any_true(any))
}

/** Counts the logits above -Infinity and stores the largest at `largest`; whole sixteens. */
export function survey(row: usize, count: u32, largest: usize): u32 {
  const none = f32x4.splat(-Infinity)
  let most = none
  let found = i32x4.splat(0)
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) {
    const logits = v128.load(row + i)
    most = f32x4.pmax(most, logits)
    found = i32x4.sub(found, f32x4.gt(logits, none))
  }
  store<f32>(
    largest,
    max(
      max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
      max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
    ),
  )
  return (
    i32x4.extract_lane(found, 0) +
    i32x4.extract_lane(found, 1) +
    i32x4.extract_lane(found, 2) +
    i32x4.extract_lane(found, 3)
  )
}

// Sixteens that are looked over before what is in them is written.
const SIXTEENS: u32 = 1024

/**
 * Writes the numbers of the logits above -Infinity, and the logits; whole sixteens, and words for a sixteenth of `count` behind half of `tokens`. @returns how many there are, or,
 * where they are more than `most`, some number above it.
 */
export function possible(tokens: usize, logits: usize, row: usize, count: u32, most: u32): u32 {
  const none = f32x4.splat(-Infinity)
  const list = tokens + (<usize>count << 1)
  let found: u32 = 0
  for (let from: u32 = 0; from < count && found <= most; from += 16 * SIXTEENS) {
    const to = min(count, from + 16 * SIXTEENS)
    // First where there are any, without a branch: which sixteen has one is as good as random.
    let sixteens: usize = 0
    for (let i = from; i < to; i += 16) {
      const at = row + (<usize>i << 2)
      const any = f32x4.pmax(
        f32x4.pmax(v128.load(at), v128.load(at, 16)),
        f32x4.pmax(v128.load(at, 32), v128.load(at, 48)),
      )
      store<u32>(list + sixteens, i)
      sixteens += <usize>v128.any_true(f32x4.gt(any, none)) << 2
    }
    for (let entry: usize = 0; entry < sixteens && found <= most; entry += 4) {
      const i = load<u32>(list + entry)
      const at = row + (<usize>i << 2)
      const low = i16x8.narrow_i32x4_s(f32x4.gt(v128.load(at), none), f32x4.gt(v128.load(at, 16), none))
      const high = i16x8.narrow_i32x4_s(f32x4.gt(v128.load(at, 32), none), f32x4.gt(v128.load(at, 48), none))
      let which = i8x16.bitmask(i8x16.narrow_i16x8_s(low, high))
      for (; which !== 0; which &= which - 1) {
        const lane = ctz(which)
        store<u32>(tokens + (<usize>found << 2), i + lane)
        store<f32>(logits + (<usize>found << 2), load<f32>(at + (<usize>lane << 2)))
        found++
      }
    }
  }
  return found
}

/** As {@link gatherMasses}, for the bits from `shift` on and any count. */
export function massesFrom(masses: usize, fields: usize, weights: usize, count: u32, shift: u32, mask: u32): void {
  for (let i: usize = 0; i < (<usize>count) << 2; i += 4)
    addMass(masses + (<usize>((load<u32>(fields + i) >> shift) & mask) << 3), <f64>load<f32>(weights + i))
}

/** Multiplies weights by the factors of their fields' bits and adds the factors' logarithms to `tilts`. */
export function scaleAndTilt(
  weights: usize,
  tilts: usize,
  fields: usize,
  count: u32,
  shift: u32,
  mask: u32,
  factors: usize,
  logarithms: usize,
): void {
  for (let i: usize = 0; i < (<usize>count) << 2; i += 4) {
    const entry = <usize>((load<u32>(fields + i) >> shift) & mask) << 2
    store<f32>(weights + i, load<f32>(weights + i) * load<f32>(factors + entry))
    store<f32>(tilts + i, load<f32>(tilts + i) + load<f32>(logarithms + entry))
  }
}

/** Shares of the zeros in rounds played one after the other on the masses of `2^rounds` values of bits, which are overwritten: `tablesOf` of src/schemes/tournament.ts. */
export function sharesOf(shares: usize, masses: usize, rounds: u32): void {
  let count: usize = (<usize>1) << (rounds - 1)
  for (let round: u32 = 0; round < rounds; round++, count >>= 1) {
    let zeros: f64 = 0
    let ones: f64 = 0
    for (let i: usize = 0; i < count; i++) {
      zeros += load<f64>(masses + (i << 4))
      ones += load<f64>(masses + (i << 4), 8)
    }
    const share = zeros / (zeros + ones)
    store<f64>(shares + (<usize>round << 3), share)
    for (let i: usize = 0; i < count; i++)
      store<f64>(masses + (i << 3), load<f64>(masses + (i << 4)) * share + load<f64>(masses + (i << 4), 8) * (1 + share))
  }
}

/** The factor of each value of some rounds' bits: the product, or with `isSum` the sum, of what its bits stand for: two doubles a round. Floats; `room` has as many doubles. */
export function buildTable(table: usize, rounds: u32, values: usize, isSum: bool, room: usize): void {
  store<f64>(room, isSum ? 0 : 1)
  for (let round: u32 = 0; round < rounds; round++) {
    const zero = load<f64>(values + (<usize>round << 4))
    const one = load<f64>(values + (<usize>round << 4), 8)
    const known: usize = (<usize>8) << round
    for (let at: usize = 0; at < known; at += 8) {
      const value = load<f64>(room + at)
      store<f64>(room + known + at, isSum ? value + one : value * one)
      store<f64>(room + at, isSum ? value + zero : value * zero)
    }
  }
  for (let i: usize = 0; i < (<usize>1) << rounds; i++) store<f32>(table + (i << 2), <f32>load<f64>(room + (i << 3)))
}
