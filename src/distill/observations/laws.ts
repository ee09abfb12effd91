/**
 * What a model says about the next token, as a row of all probabilities or as a list of its likeliest tokens, behind one face.
 */
import { assertArray, assertNumber, describe } from '../../assert.ts'
import { probabilityOf } from './probability.ts'
import { assertRows } from './rows.ts'

/** A model's likeliest next tokens with their log-probabilities, in any order; more may be listed than were asked for. */
export type TopKList = readonly (readonly [token: number, logprob: number])[]

/** What a reference says in one position: a whole row, a list, or null for nothing. */
export type PositionLaw = Float32Array | TopKList | null

/** What a reference says about one text: the rows of its positions one after another, or one element a position. */
export type TextLaws = Float32Array | readonly PositionLaw[]

/** A law that can be asked. */
export interface Law {
  /** True if it names every token. */
  readonly whole: boolean
  /** Probability of a token; undefined where it is not listed. */
  of(token: number): number | undefined
  /** Tokens with a probability above a threshold. */
  above(threshold: number): number[]
}

/** Tokens and probabilities, ascending by token. */
export interface Listed {
  readonly tokens: Uint32Array
  readonly probabilities: Float64Array
}

/**
 * Reads a list.
 * @param k keeps the k likeliest; of equals those with the lowest ids.
 * @throws TypeError or RangeError for what is no list, tokens outside the vocabulary or twice, or log-probabilities above 0.
 */
export function readList(
  list: unknown,
  { name, vocabularySize, k }: { name: string; vocabularySize: number; k?: number },
): Listed {
  assertArray(list, { name, expected: 'an array of [token, logprob]' })
  const entries: { token: number; probability: number }[] = []
  const known = new Set<number>()
  for (const [j, entry] of (list as readonly unknown[]).entries()) {
    const at = `${name}[${j}]`
    if (!Array.isArray(entry) || entry.length !== 2)
      throw new TypeError(`"${at}" expected [token, logprob], got ${describe(entry)}`)
    const [token, logprob] = entry as [number, number]
    assertNumber(token, {
      name: `${at}[0]`,
      expected: `a token id in 0..${vocabularySize - 1}`,
      holds: (id) => Number.isInteger(id) && id >= 0 && id < vocabularySize,
    })
    if (known.has(token))
      throw new RangeError(`"${at}[0]" expected tokens that differ, got ${token} once more`)
    known.add(token)
    entries.push({ token, probability: readLogprob(logprob, { name: `${at}[1]` }) })
  }
  if (k !== undefined && entries.length > k) {
    entries.sort((a, b) => b.probability - a.probability || a.token - b.token)
    entries.length = k
  }
  entries.sort((a, b) => a.token - b.token)
  return {
    tokens: Uint32Array.from(entries, ({ token }) => token),
    probabilities: Float64Array.from(entries, ({ probability }) => probability),
  }
}

// As of rows: a probability of 1.001 is one that was rounded.
const MOST_LOGPROB = 0.001

function readLogprob(value: unknown, { name }: { name: string }): number {
  if (value === Number.NEGATIVE_INFINITY) return 0
  assertNumber(value, {
    name,
    expected: 'a log-probability (natural log, at most 0)',
    holds: (logprob) => logprob <= MOST_LOGPROB,
  })
  return probabilityOf(value)
}

/**
 * Checks what a reference says about a text, and gives its law at each position.
 * @param lengths how many positions it may speak of; of more than are asked for, the last ones are passed over.
 */
export function readLaws(
  laws: unknown,
  { name, lengths, vocabularySize }: { name: string; lengths: readonly number[]; vocabularySize: number },
): (position: number) => Law {
  if (laws instanceof Float32Array) {
    const length = lengths.find((positions) => positions * vocabularySize === laws.length) ?? lengths[0]!
    assertRows(laws, { name, values: length * vocabularySize })
    return (position) => rowLaw(laws.subarray(position * vocabularySize, (position + 1) * vocabularySize))
  }
  assertArray(laws, { name, expected: 'a Float32Array of rows, or one row or list a position' })
  const list = laws as readonly unknown[]
  assertPositions(list, { name, lengths })
  const read: Law[] = []
  for (let j = 0; j < list.length; j++) {
    const law = list[j]
    const at = `${name}[${j}]`
    if (law === null) read.push(NOTHING)
    else if (law instanceof Float32Array) {
      assertRows(law, { name: at, values: vocabularySize })
      read.push(rowLaw(law))
    } else read.push(listLaw(readList(law, { name: at, vocabularySize })))
  }
  return (position) => read[position]!
}

/** Refuses a list that does not have one element a position. */
export function assertPositions(
  list: readonly unknown[],
  { name, lengths }: { name: string; lengths: readonly number[] },
): void {
  if (lengths.includes(list.length)) return
  throw new RangeError(`"${name}" expected ${lengths.join(' or ')} positions, got ${list.length}`)
}

const NOTHING: Law = { whole: false, of: () => undefined, above: () => [] }

function rowLaw(row: Float32Array): Law {
  return {
    whole: true,
    of: (token) => row[token]!,
    above(threshold) {
      const tokens: number[] = []
      for (let v = 0; v < row.length; v++) if (row[v]! > threshold) tokens.push(v)
      return tokens
    },
  }
}

function listLaw({ tokens, probabilities }: Listed): Law {
  const places = new Map(Array.from(tokens, (token, j) => [token, j]))
  return {
    whole: false,
    of(token) {
      const place = places.get(token)
      return place === undefined ? undefined : probabilities[place]!
    },
    above: (threshold) => Array.from(tokens).filter((_, j) => probabilities[j]! > threshold),
  }
}
