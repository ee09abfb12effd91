/** Numbers as a model that runs in half precision would have them: rounded to nearest, ties to even. */

/** IEEE 754 binary16: 11 significant bits, down to 2^-24. */
export function toFloat16(x: number): number {
  return roundedTo(x, { bits: 11, least: -24 })
}

/** bfloat16: the upper half of a 32-bit float, 8 significant bits. */
export function toBfloat16(x: number): number {
  return roundedTo(x, { bits: 8, least: -133 })
}

function roundedTo(x: number, { bits, least }: { bits: number; least: number }): number {
  if (x === 0 || !Number.isFinite(x)) return x
  const unit = 2 ** Math.max(least, Math.floor(Math.log2(Math.abs(x))) - bits + 1)
  const whole = Math.floor(x / unit)
  const rest = x / unit - whole
  const up = rest > 0.5 || (rest === 0.5 && whole % 2 !== 0)
  return (up ? whole + 1 : whole) * unit
}

export const HALF_PRECISIONS: Readonly<Record<string, (x: number) => number>> = {
  float16: toFloat16,
  bfloat16: toBfloat16,
}
