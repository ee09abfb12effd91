/** Totals of two disjoint sets of pairs together. */
import type { Totals } from './store.ts'

export function addTotals(a: readonly Totals[], b: readonly Totals[]): readonly Totals[] {
  return a.map(({ n, units }, i) => ({ n: n + b[i]!.n, units: units + b[i]!.units }))
}
