/**
 * The product of two doubles without loss: high + low is exactly a b (Dekker 1971, with Veltkamp's split; JavaScript has no
 * fused multiply-add). It keeps k - n p exact where k is close to n p and both are large. Internal: arguments below 2^990.
 */
export function twoProduct(a: number, b: number): { high: number; low: number } {
  const high = a * b
  const [aHigh, aLow] = split(a)
  const [bHigh, bLow] = split(b)
  return { high, low: aLow * bLow - (high - aHigh * bHigh - aLow * bHigh - aHigh * bLow) }
}

/** Two halves of at most 26 bits each; 2^27 + 1 is Veltkamp's constant for 53-bit doubles. */
function split(a: number): [high: number, low: number] {
  const c = 134217729 * a
  const high = c - (c - a)
  return [high, a - high]
}
