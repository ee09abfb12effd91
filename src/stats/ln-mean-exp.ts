/** ln of the mean of exp(x), for a mixture of e-values given as logarithms. The largest is taken out, so nothing overflows. */
export function lnMeanExp(values: readonly number[]): number {
  const largest = Math.max(...values)
  if (largest === -Infinity) return -Infinity
  return (
    largest + Math.log(values.reduce((total, value) => total + Math.exp(value - largest), 0) / values.length)
  )
}
