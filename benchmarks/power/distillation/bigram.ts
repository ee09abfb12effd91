/**
 * The cheapest reference: how often each token follows each other one in unmarked text, smoothed by how often it stands anywhere (Witten and
 * Bell 1991, IEEE Transactions on Information Theory 37, method C): r(v | u) = (c(u, v) + t(u) r(v)) / (c(u) + t(u)), t(u) being the number of
 * different tokens that followed u.
 */
import type { TokenIds } from '../../../src/tokens.ts'

/** Counts, asked for one row at a time. */
export interface Bigram {
  /** Probabilities of what follows a token. The same array for the same token: leave it as it is. */
  row(previous: number): Float32Array
}

/** Counts pairs within documents. */
export function bigramOf(documents: readonly TokenIds[], vocabularySize: number): Bigram {
  const alone = new Float64Array(vocabularySize).fill(1)
  const followers = new Map<number, Map<number, number>>()
  for (const ids of documents) {
    for (let i = 0; i < ids.length; i++) {
      alone[ids[i]!]!++
      if (i === 0) continue
      const after = followers.get(ids[i - 1]!) ?? new Map<number, number>()
      followers.set(ids[i - 1]!, after)
      after.set(ids[i]!, (after.get(ids[i]!) ?? 0) + 1)
    }
  }
  const total = alone.reduce((a, b) => a + b)
  const rows = new Map<number, Float32Array>()
  return {
    row(previous) {
      const known = rows.get(previous)
      if (known) return known
      const after = followers.get(previous) ?? new Map<number, number>()
      const count = [...after.values()].reduce((a, b) => a + b, 0)
      // Where nothing followed, single tokens are all that is known.
      const rest = count === 0 ? 1 : after.size / (count + after.size)
      const row = Float32Array.from(alone, (c) => (rest * c) / total)
      for (const [token, c] of after) row[token]! += c / (count + after.size)
      rows.set(previous, row)
      return row
    },
  }
}
