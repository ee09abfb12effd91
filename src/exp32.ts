/**
 * An exponential of our own for rows of float32 logits: good to some 2^-22, which is what such logits are worth, and the same bits in JavaScript and in the kernels
 * (prf/kernels), since it is made of float32 sums and products only.
 */
import type { LogitsRow } from './logits.ts'

const { fround } = Math
const LOG2_E = fround(Math.LOG2E)
const MAGIC = 12582912 // 1.5 * 2^23
// ln(2)^n / n!: 2^r = exp(r ln 2). |r| <= 1/2, so the first term left out, of n = 8, is below 2^-28.
const C7 = fround(0.000015252733804059841)
const C6 = fround(0.00015403530393381609)
const C5 = fround(0.0013333558146428443)
const C4 = fround(0.009618129107628477)
const C3 = fround(0.05550410866482158)
const C2 = fround(0.2402265069591007)
const C1 = fround(Math.LN2)

/** 2^-k, k from 0 to 127; the last is 0, as the kernels have it. */
const POWERS = Float32Array.from({ length: 128 }, (_, k) => (k < 127 ? 2 ** -k : 0))

/** exp x for a float32 x <= 0, -Infinity too; what is below 2^-127 becomes 0. */
export function exp32(x: number): number {
  const t = fround(x * LOG2_E)
  if (!(t > -127)) return 0
  // Rounds to a whole number: beyond 2^23 a float32 has no fraction.
  const k = fround(fround(t + MAGIC) - MAGIC)
  const r = fround(t - k)
  let p = fround(fround(C7 * r) + C6)
  p = fround(fround(p * r) + C5)
  p = fround(fround(p * r) + C4)
  p = fround(fround(p * r) + C3)
  p = fround(fround(p * r) + C2)
  p = fround(fround(p * r) + C1)
  p = fround(fround(p * r) + 1)
  return fround(p * POWERS[-k]!)
}

/**
 * exp(logit - largest) of each logit. Those of a row of float32 are float32 and made by {@link exp32}, as the kernels make them (prf/kernels).
 * @param largest of the logits: the largest weight is 1.
 */
export function weigh(logits: LogitsRow, largest: number): Float32Array | Float64Array {
  if (logits instanceof Float32Array) {
    const weights = new Float32Array(logits.length)
    for (let i = 0; i < logits.length; i++) weights[i] = exp32(fround(logits[i]! - largest))
    return weights
  }
  const weights = new Float64Array(logits.length)
  for (let i = 0; i < logits.length; i++) weights[i] = Math.exp(logits[i]! - largest)
  return weights
}
