/**
 * Scores from fields (src/schemes/score-rule.ts), in place, as whole numbers of units: 1 if the field is below a limit; the ones under a mask; or -ln of the
 * part of all levels that is above the field, in steps of 2^-20. `count` is rounded up to a multiple of four, and so must the room be.
 */

/** 1 where a field is below the limit. */
export function scoresBelow(fields: usize, count: u32, limit: u32): void {
  const limits = i32x4.splat(limit)
  const one = i32x4.splat(1)
  for (const end = fields + (<usize>count << 2); fields < end; fields += 16)
    v128.store(fields, v128.and(i32x4.lt_u(v128.load(fields), limits), one))
}

/** Ones among the bits under a mask. */
export function scoresOnes(fields: usize, count: u32, mask: u32): void {
  const masks = i32x4.splat(mask)
  for (const end = fields + (<usize>count << 2); fields < end; fields += 16) {
    const ones = i8x16.popcnt(v128.and(v128.load(fields), masks))
    v128.store(fields, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(ones)))
  }
}

/** Steps of an exponential score; `levels` is a power of two, and fields are below it. */
export function scoresExponential(fields: usize, count: u32, levels: f64): void {
  const all = f64x2.splat(levels)
  const share = f64x2.splat(1 / levels)
  for (const end = fields + (<usize>count << 2); fields < end; fields += 8) {
    const level = f64x2.convert_low_i32x4_u(v128.load64_zero(fields))
    const ln = lnOfTwo(f64x2.mul(f64x2.sub(all, level), share))
    const steps = f64x2.floor(f64x2.mul(f64x2.neg(ln), f64x2.splat(1048576)))
    v128.store64_lane(fields, i32x4.trunc_sat_f64x2_u_zero(steps), 0)
  }
}

/** ln.ts, two at a time. */
// @ts-ignore: decorator
@inline
function lnOfTwo(x: v128): v128 {
  const half = v128.or(v128.and(x, i64x2.splat(0x000fffffffffffff)), i64x2.splat(0x3fe0000000000000))
  const isLow = f64x2.lt(half, f64x2.splat(Math.SQRT1_2))
  const m = v128.bitselect(f64x2.add(half, half), half, isLow)
  // The mask is -1 where the exponent is one less.
  const exponents = i64x2.add(i64x2.sub(i64x2.shr_u(x, 52), i64x2.splat(1022)), isLow)
  const exponent = f64x2.convert_low_i32x4_s(
    i8x16.shuffle(exponents, exponents, 0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11),
  )
  const f = f64x2.sub(m, f64x2.splat(1))
  const s = f64x2.div(f, f64x2.add(f64x2.splat(2), f))
  const s2 = f64x2.mul(s, s)
  let series = f64x2.mul(f64x2.splat(2.0 / 23.0), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 21.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 19.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 17.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 15.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 13.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 11.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 9.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 7.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 5.0)), s2)
  series = f64x2.mul(f64x2.add(series, f64x2.splat(2.0 / 3.0)), s2)
  const lnM = f64x2.sub(f, f64x2.mul(s, f64x2.sub(f, series)))
  const low = f64x2.add(f64x2.mul(exponent, f64x2.splat(1.9082149292705877e-10)), lnM)
  return f64x2.add(f64x2.mul(exponent, f64x2.splat(0.6931471803691238)), low)
}

/** Sum of `count` words, exact while it is below 2^53. */
export function sumOf(words: usize, count: u32): f64 {
  let sums = i64x2.splat(0)
  const end = words + ((<usize>count >> 2) << 4)
  for (; words < end; words += 16) {
    const four = v128.load(words)
    sums = i64x2.add(sums, i64x2.add(i64x2.extend_low_i32x4_u(four), i64x2.extend_high_i32x4_u(four)))
  }
  let sum = i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1)
  for (let i: u32 = count & ~3; i < count; i++) {
    sum += <i64>load<u32>(words)
    words += 4
  }
  return <f64>sum
}

/** Adds up `count` rows of `lanes` words, into as many doubles. */
export function sumLanes(sums: usize, words: usize, count: u32, lanes: u32): void {
  memory.fill(sums, 0, <usize>lanes << 3)
  for (let i: u32 = 0; i < count; i++) {
    for (let lane: usize = 0; lane < <usize>lanes; lane++) {
      const at = sums + (lane << 3)
      store<f64>(at, load<f64>(at) + <f64>load<u32>(words))
      words += 4
    }
  }
}
