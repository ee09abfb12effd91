/**
 * A natural logarithm of our own. Engines may round `Math.log` differently in the last bit, and a score that depends on the engine
 * is no evidence; additions, products and quotients of doubles are the same everywhere (IEEE 754).
 */

const LN2_HIGH = 0.6931471803691238 // ln 2 rounded to 32 bits, so that small multiples are exact
const LN2_LOW = 1.9082149292705877e-10 // the rest
const SQRT_HALF = Math.SQRT1_2
// 2 / (2 k + 1) for k = 1..11. |s| < 0.1716 below, so the first term left out is under 2 s^25 / 25 < 6e-21.
const COEFFICIENTS = Array.from({ length: 11 }, (_, k) => 2 / (2 * k + 3)).reverse()

const buffer = new DataView(new ArrayBuffer(8))

/** ln x for a positive, normal double; right to about one unit in the last place, and the same bits on every machine. */
export function ln(x: number): number {
  buffer.setFloat64(0, x)
  const high = buffer.getUint32(0)
  let exponent = (high >>> 20) - 1022
  // The fraction, scaled into [1/2, 1), then into [sqrt(1/2), sqrt 2).
  buffer.setUint32(0, (high & 0x000fffff) | 0x3fe00000)
  let m = buffer.getFloat64(0)
  if (m < SQRT_HALF) {
    m *= 2
    exponent--
  }
  // ln m = 2 artanh(s) = 2 s + 2 s^3 / 3 + 2 s^5 / 5 + ... (DLMF 4.6.4)
  const f = m - 1
  const s = f / (2 + f)
  const s2 = s * s
  let series = 0
  for (const c of COEFFICIENTS) series = (series + c) * s2
  // 2 s = f - s f: the largest part, f, is exact.
  const lnM = f - s * (f - series)
  return exponent * LN2_HIGH + (exponent * LN2_LOW + lnM)
}
