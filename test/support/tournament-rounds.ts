/** One round of a tournament on weights, in place, by the scheme's own tables: what laws about single rounds are stated of. */
import { tablesOf } from '../../src/schemes/tournament.ts'

/** Weights keep their sum. `fields` stand beside them. */
export function playRound(
  weights: Float64Array,
  { fields, round }: { fields: Uint32Array; round: number },
): void {
  const bit = (i: number): number => (fields[i]! >>> round) & 1
  const masses = new Float64Array(2)
  for (let i = 0; i < weights.length; i++) masses[bit(i)]! += weights[i]!
  const { factors } = tablesOf(masses, 1)
  for (let i = 0; i < weights.length; i++) weights[i]! *= factors[bit(i)]!
}
