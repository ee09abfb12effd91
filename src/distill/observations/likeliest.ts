/** The likeliest tokens of a suspect's law: what the suspect itself holds most probable is what is scored. */

/** Largest number of tokens looked at in one position: what the suspect holds most probable carries nearly all of it. */
export const MOST_TOKENS = 100

/** The likeliest tokens of a row, ascending; of equals those with the lowest ids, so that they are the same on every machine. */
export function likeliest(row: Float32Array): Uint32Array {
  const size = row.length
  if (size <= MOST_TOKENS) return Uint32Array.from(row.keys())
  const least = row.slice().sort()[size - MOST_TOKENS]!
  const tokens = new Uint32Array(MOST_TOKENS)
  let above = 0
  for (let v = 0; v < size; v++) if (row[v]! > least) tokens[above++] = v
  for (let v = 0; v < size && above < MOST_TOKENS; v++) if (row[v] === least) tokens[above++] = v
  return tokens.sort()
}
