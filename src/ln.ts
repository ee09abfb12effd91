/**
 * A natural logarithm of our own. Engines may round `Math.log` differently in the last bit, and a score that depends on the engine
 * is no evidence; additions, products and quotients of doubles are the same everywhere (IEEE 754).
 */

const LN2_HIGH = 0.6931471803691238 // ln 2 rounded to 32 bits, so that small multiples are exact
const LN2_LOW = 1.9082149292705877e-10 // the rest
const SQRT_HALF = Math.SQRT1_2
// 2^-exponent by the exponent's bits, by doubling and halving, which are exact everywhere.
const SCALES = new Float64Array(2047).fill(1)
for (let e = 1023; e < 2047; e++) SCALES[e] = SCALES[e - 1]! / 2
for (let e = 1021; e >= 0; e--) SCALES[e] = SCALES[e + 1]! * 2
const buffer = new DataView(new ArrayBuffer(8))

/** ln x for a positive, normal double; right to about one unit in the last place, and the same bits on every machine. */
export function ln(x: number): number {
  buffer.setFloat64(0, x, true)
  const biased = buffer.getUint32(4, true) >>> 20
  let exponent = biased - 1022
  // The fraction, scaled into [1/2, 1), then into [sqrt(1/2), sqrt 2). Exact, and quicker than writing its bits and reading them back.
  let m = x * SCALES[biased]!
  if (m < SQRT_HALF) {
    m *= 2
    exponent--
  }
  // ln m = 2 artanh(s) = 2 s + 2 s^3 / 3 + 2 s^5 / 5 + ... (DLMF 4.6.4)
  const f = m - 1
  const s = f / (2 + f)
  const s2 = s * s
  // |s| < 0.1716, so the first term left out is under 2 s^25 / 25 < 6e-21. Written out: a loop over the terms is slower.
  let series = (2 / 23) * s2
  series = (series + 2 / 21) * s2
  series = (series + 2 / 19) * s2
  series = (series + 2 / 17) * s2
  series = (series + 2 / 15) * s2
  series = (series + 2 / 13) * s2
  series = (series + 2 / 11) * s2
  series = (series + 2 / 9) * s2
  series = (series + 2 / 7) * s2
  series = (series + 2 / 5) * s2
  series = (series + 2 / 3) * s2
  // 2 s = f - s f: the largest part, f, is exact.
  const lnM = f - s * (f - series)
  return exponent * LN2_HIGH + (exponent * LN2_LOW + lnM)
}
