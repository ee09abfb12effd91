/**
 * Sum of n terms with an error of about one rounding, however many they are (Neumaier 1974): what each addition loses is
 * summed beside it. Internal.
 */
export function compensatedSum(n: number, term: (i: number) => number): number {
  let total = 0
  let lost = 0
  for (let i = 0; i < n; i++) {
    const value = term(i)
    const next = total + value
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total
    total = next
  }
  return total + lost
}
