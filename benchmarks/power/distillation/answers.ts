/**
 * What a suspect answered, packed into bytes so that it can be judged again without its weights: its hundred likeliest tokens in each position
 * of the key-blind texts, and its sampled text with what the references say about it. Key-blind throughout.
 */

import { likeliest, MOST_TOKENS } from '../../../src/distill/observations/likeliest.ts'
import type { TopKList } from '../../../src/distill/observations.ts'

/** The likeliest tokens of many rows, ascending by token within each. */
export interface Likeliest {
  readonly positions: number
  /** {@link MOST_TOKENS} a position. */
  readonly tokens: Uint16Array
  readonly probabilities: Float32Array
}

/** Keeps the likeliest tokens of each row of a matrix. */
export function keepLikeliest(rows: readonly Float32Array[], vocabularySize: number): Likeliest {
  const positions = rows.reduce((sum, { length }) => sum + length / vocabularySize, 0)
  const tokens = new Uint16Array(positions * MOST_TOKENS)
  const probabilities = new Float32Array(positions * MOST_TOKENS)
  let at = 0
  for (const matrix of rows) {
    for (let from = 0; from < matrix.length; from += vocabularySize) {
      const row = matrix.subarray(from, from + vocabularySize)
      for (const token of likeliest(row)) {
        tokens[at] = token
        probabilities[at++] = row[token]!
      }
    }
  }
  return { positions, tokens, probabilities }
}

/** Probabilities in front, so that both arrays are aligned. */
export function packLikeliest({ tokens, probabilities }: Likeliest): Uint8Array {
  const bytes = new Uint8Array(probabilities.byteLength + tokens.byteLength)
  bytes.set(new Uint8Array(probabilities.buffer, probabilities.byteOffset, probabilities.byteLength))
  bytes.set(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength), probabilities.byteLength)
  return bytes
}

export function unpackLikeliest(bytes: Uint8Array): Likeliest {
  const positions = bytes.byteLength / (6 * MOST_TOKENS)
  const { buffer } = bytes.slice()
  return {
    positions,
    probabilities: new Float32Array(buffer, 0, positions * MOST_TOKENS),
    tokens: new Uint16Array(buffer, 4 * positions * MOST_TOKENS),
  }
}

/** Matrices one after another, as bytes. */
export function joinedRows(rows: readonly Float32Array[]): Uint8Array {
  const bytes = new Uint8Array(rows.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const { buffer, byteOffset, byteLength } of rows) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at)
    at += byteLength
  }
  return bytes
}

/**
 * What several references say in each place of a text: of the token that stands there, and of each token that any of them gives more than
 * 1/100. Text observations score no others, whichever of the references are used.
 */
export interface ReferenceLists {
  /** Number of references. */
  readonly references: number
  /** Number of tokens in each place. */
  readonly counts: Uint16Array
  readonly tokens: Uint16Array
  /** For each token one value a reference. */
  readonly values: Float32Array
}

/** Takes in place after place. */
export function keepReferences(references: number): {
  add(token: number, laws: readonly Float32Array[]): void
  kept(): ReferenceLists
} {
  const counts: number[] = []
  const tokens: number[] = []
  const values: number[] = []
  return {
    add(token, laws) {
      const before = tokens.length
      for (let v = 0; v < laws[0]!.length; v++) {
        if (v !== token && !laws.some((law) => law[v]! > LIKELY)) continue
        tokens.push(v)
        for (const law of laws) values.push(law[v]!)
      }
      counts.push(tokens.length - before)
    },
    kept: () => ({
      references,
      counts: Uint16Array.from(counts),
      tokens: Uint16Array.from(tokens),
      values: Float32Array.from(values),
    }),
  }
}

const LIKELY = 1 / MOST_TOKENS

/** Number of references and of places, then values, counts and tokens. */
export function packReferences({ references, counts, tokens, values }: ReferenceLists): Uint8Array {
  return Buffer.concat(
    [Uint32Array.of(references, counts.length), values, counts, tokens].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    ),
  )
}

export function unpackReferences(bytes: Uint8Array): ReferenceLists {
  const { buffer } = bytes.slice()
  const [references, places] = new Uint32Array(buffer, 0, 2) as unknown as [number, number]
  const listed = (buffer.byteLength - 8 - 2 * places) / (4 * references + 2)
  const values = new Float32Array(buffer, 8, listed * references)
  const counts = new Uint16Array(buffer, 8 + values.byteLength, places)
  const tokens = new Uint16Array(buffer, 8 + values.byteLength + counts.byteLength, listed)
  return { references, counts, tokens, values }
}

/** One list of tokens and log-probabilities a position, the k likeliest; one array a text. */
export function listsOf(
  { tokens, probabilities }: Likeliest,
  { k, lengths }: { k: number; lengths: readonly number[] },
): TopKList[][] {
  let at = 0
  return lengths.map((length) =>
    Array.from({ length }, () => {
      const list = Array.from(tokens.subarray(at, at + MOST_TOKENS), (token, j): [number, number] => [
        token,
        Math.min(0, Math.log(probabilities[at + j]!)),
      ])
      at += MOST_TOKENS
      // Sorting is stable and tokens ascend: of equals the lowest ids, as a server may or may not have it.
      return list.sort((a, b) => b[1] - a[1]).slice(0, k)
    }),
  )
}

/** Whole rows that are 0 outside of the likeliest tokens, which is all of a row that is looked at; one matrix a text. */
export function rowsOf(
  { tokens, probabilities }: Likeliest,
  { lengths, vocabularySize }: { lengths: readonly number[]; vocabularySize: number },
): Float32Array[] {
  let at = 0
  return lengths.map((length) => {
    const rows = new Float32Array(length * vocabularySize)
    for (let i = 0; i < length; i++)
      for (let j = 0; j < MOST_TOKENS; j++, at++) rows[i * vocabularySize + tokens[at]!] = probabilities[at]!
    return rows
  })
}

/** The likeliest token of each position and the window before it; no window where the text has not enough ids before. */
export function topTokensOf(
  { tokens, probabilities }: Likeliest,
  sequences: readonly (readonly number[])[],
  contextWidth: number,
): { window: number[] | undefined; token: number }[] {
  let at = 0
  return sequences.flatMap((ids) =>
    ids.map((_, i) => {
      const own = probabilities.subarray(at, at + MOST_TOKENS)
      const token = tokens[at + own.indexOf(own.reduce((a, b) => Math.max(a, b)))]!
      at += MOST_TOKENS
      const window = i + 1 < contextWidth ? undefined : ids.slice(i + 1 - contextWidth, i + 1)
      return { window, token }
    }),
  )
}

/** For each reference its lists, one array an answer. */
export function textLawsOf(
  { references, counts, tokens, values }: ReferenceLists,
  completions: readonly (readonly number[])[],
): TopKList[][][] {
  const laws: TopKList[][][] = Array.from({ length: references }, () => [])
  let [place, at] = [0, 0]
  for (const completion of completions) {
    const lists: TopKList[][] = laws.map(() => [])
    for (let j = 0; j < completion.length; j++, place++) {
      const end = at + counts[place]!
      for (const [r, list] of lists.entries())
        list.push(
          Array.from(tokens.subarray(at, end), (token, k): [number, number] => [
            token,
            Math.min(0, Math.log(values[(at + k) * references + r]!)),
          ]),
        )
      at = end
    }
    for (const [r, list] of lists.entries()) laws[r]!.push(list)
  }
  return laws
}
