/**
 * b(0) + a(1) / (b(1) + a(2) / (b(2) + ...)) from the front, by the three-term recurrence of its convergents, until a step moves the value by
 * a few units in the last place only. Where all a(k) and b(k) are positive, convergents lie on alternate sides of the value, so the
 * last step bounds what is left, and nothing cancels. A fraction that ends has an a(k) of 0 at its end. Internal: positive terms are
 * the caller's business, as is the number of rounds.
 */
export function continuedFraction({ a, b }: { a: (k: number) => number; b: (k: number) => number }): number {
  let value = b(0)
  // Numerators and denominators of the last two convergents, rescaled so that the newest denominator is 1.
  let [olderTop, olderBottom] = [1, 0]
  for (let k = 1; ; k++) {
    const [ak, bk] = [a(k), b(k)]
    if (ak === 0) return value
    const scale = 1 / (bk + ak * olderBottom)
    const next = bk * scale * value + ak * scale * olderTop
    const moved = Math.abs(next - value)
    olderTop = value * scale
    olderBottom = scale
    value = next
    // Not "if it moves little": NaN ends it too.
    if (!(moved > 4 * Number.EPSILON * next)) return value
  }
}
