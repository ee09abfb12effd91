/** The natural logarithm of src/ln.ts, operation by operation: the same bits. For positive, normal doubles. */
export function ln(x: f64): f64 {
  const bits = reinterpret<u64>(x)
  let exponent = (<i32>(bits >> 52)) - 1022
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3fe0000000000000)
  if (m < Math.SQRT1_2) {
    m *= 2
    exponent--
  }
  const f = m - 1
  const s = f / (2 + f)
  const s2 = s * s
  let series: f64 = (2.0 / 23.0) * s2
  series = (series + 2.0 / 21.0) * s2
  series = (series + 2.0 / 19.0) * s2
  series = (series + 2.0 / 17.0) * s2
  series = (series + 2.0 / 15.0) * s2
  series = (series + 2.0 / 13.0) * s2
  series = (series + 2.0 / 11.0) * s2
  series = (series + 2.0 / 9.0) * s2
  series = (series + 2.0 / 7.0) * s2
  series = (series + 2.0 / 5.0) * s2
  series = (series + 2.0 / 3.0) * s2
  const lnM = f - s * (f - series)
  return <f64>exponent * 0.6931471803691238 + (<f64>exponent * 1.9082149292705877e-10 + lnM)
}
