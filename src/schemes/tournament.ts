/**
 * Tournament sampling (SynthID-Text: Dathathri et al., Nature 634, 2024, with two competitors a match): m rounds, in each of which the
 * distribution moves towards tokens whose bit g of that round is 1. Of two competitors, independent draws from p, the one with the larger g
 * wins and a coin decides a tie; the winner is a draw from p'(v) = p(v) (1 + g(v) - sum over u of p(u) g(u)) (their vectorised form).
 * Averaged over the bits the factor is 1, so every round, and by independence of the rounds all of them, keep the distribution on average
 * over keys: the mark distorts nothing.
 *
 * It acts on the distribution that the host would sample, so temperature and truncation come before it. The marker leaves
 * contexts that occur again unmarked.
 */
import { lastIds } from '../context.ts'
import { weigh } from '../exp32.ts'
import { markKeyWords } from '../keys/mark-key.ts'
import type { Profile } from '../keys/profile.ts'
import type { LogitsRow } from '../logits.ts'
import { createFieldFunction, nonceOf, rowWords } from '../prf/fields.ts'
import { isFew, kernelsFor, tournamentByKernels } from '../prf/kernels/marking.ts'
import type { Scheme } from './scheme.ts'
import { countOnes } from './score-rule.ts'

/** What of a profile shapes the mark: `param` is the number of rounds, `lanes` the layer's. */
export type TournamentParameters = Pick<Profile, 'contextWidth' | 'param' | 'vocabularySize'> & {
  readonly lanes: number
}

/** Makes the scheme. Parameters come from a parsed profile and are trusted here. */
export function createTournament(parameters: TournamentParameters): Scheme {
  const { contextWidth, param: rounds, vocabularySize, lanes } = parameters
  const field = createFieldFunction({ contextWidth, bits: 32, lanes })
  return Object.freeze<Scheme>({
    id: 'tournament',
    contextWidth,
    actsOn: 'distribution',
    draw: 'sample',
    nullLaw: Object.freeze({ kind: 'binomial', trials: rounds, p: 0.5 }),
    hash: 'keyed',
    countOnce: 'context',
    contextAt: (ids, i) => lastIds(ids, i, { contextWidth }),
    plainContexts: true,
    field,
    mark(logits, { key, context, lane }) {
      const usable = lanes === 1 ? kernelsFor(logits, vocabularySize) : undefined
      if (usable) {
        const stream = { key: markKeyWords(key), nonce: nonceOf(context, contextWidth) }
        const about = { ...stream, count: vocabularySize, rounds, groupOfFew: GROUP.ofFew }
        tournamentByKernels(usable, about)
        return
      }
      const tokens = possibleTokens(logits, vocabularySize)
      // Plain loops: `from` with a function takes many times as long.
      const fields = new Uint32Array(tokens.length)
      if (lanes === 1 && 16 * tokens.length > vocabularySize) {
        const words = rowWords(key, context, { contextWidth, bits: 32, lanes, tokens: vocabularySize })
        for (let i = 0; i < tokens.length; i++) fields[i] = words[tokens[i]!]!
      } else for (let i = 0; i < tokens.length; i++) fields[i] = field(key, context, tokens[i]!, lane)
      const group = isFew(tokens.length, vocabularySize) ? GROUP.ofFew : GROUP.ofMany
      play(logits, { tokens, fields, rounds, group })
    },
    score: (value) => countOnes(value & (2 ** rounds - 1)),
    bulk: { fields: { contextWidth, bits: 32, lanes }, rule: { kind: 'ones', mask: 2 ** rounds - 1 } },
  })
}

/** Rounds are played ten at a time: 1,024 sums of weights decide them, and not a walk over all tokens each. With few tokens five cost less. */
const GROUP = { ofMany: 10, ofFew: 5 } as const

/**
 * All rounds, in place. What a token's logit moves by depends on its field alone: columns beyond the vocabulary keep their share, and no logarithm of a
 * probability is taken. A row of float32 is computed in float32, as the kernels do, but for sums.
 */
function play(
  logits: LogitsRow,
  {
    tokens,
    fields,
    rounds,
    group,
  }: { tokens: Uint32Array; fields: Uint32Array; rounds: number; group: number },
): void {
  const isFloat32 = logits instanceof Float32Array
  const weights = weightsOf(logits, tokens)
  const tilts = isFloat32 ? new Float32Array(tokens.length) : new Float64Array(tokens.length)
  for (let from = 0; from < rounds; from += group) {
    const own = Math.min(group, rounds - from)
    const mask = 2 ** own - 1
    const masses = new Float64Array(mask + 1)
    for (let i = 0; i < tokens.length; i++) masses[(fields[i]! >>> from) & mask]! += weights[i]!
    const tables = tablesOf(masses, own)
    const [factors, logarithms] = isFloat32
      ? [new Float32Array(tables.factors), new Float32Array(tables.logarithms)]
      : [tables.factors, tables.logarithms]
    for (let i = 0; i < tokens.length; i++) {
      const bits = (fields[i]! >>> from) & mask
      weights[i]! *= factors[bits]!
      tilts[i]! += logarithms[bits]!
    }
  }
  for (let i = 0; i < tokens.length; i++) logits[tokens[i]!]! += tilts[i]!
}

/** Tables of one group of rounds: the factor of each value of its bits, and its logarithm. */
export interface GroupTables {
  readonly factors: Float64Array
  readonly logarithms: Float64Array
}

/**
 * The factors of one group of rounds, from the sums of the weights by their bits (the first round's is the lowest). A round's factor is written with the
 * share of the zeros, 1 + zeros or zeros: 1 - mean would fall below 0 by rounding where almost all weight is on ones. After a round, values that differ in its bit only
 * are one to the rounds that follow, so the sums are half as many.
 */
export function tablesOf(masses: Float64Array, rounds: number): GroupTables {
  const factors = new Float64Array(masses.length).fill(1, 0, 1)
  const logarithms = new Float64Array(masses.length)
  const left = masses.slice()
  for (let round = 0, count = masses.length / 2; round < rounds; round++, count /= 2) {
    let [zeros, ones] = [0, 0]
    for (let i = 0; i < count; i++) {
      zeros += left[2 * i]!
      ones += left[2 * i + 1]!
    }
    const share = zeros / (zeros + ones)
    const [lnZero, lnOne] = [Math.log(share), Math.log(1 + share)]
    const known = 2 ** round
    for (let i = 0; i < known; i++) {
      factors[known + i] = factors[i]! * (1 + share)
      factors[i] = factors[i]! * share
      logarithms[known + i] = logarithms[i]! + lnOne
      logarithms[i] = logarithms[i]! + lnZero
    }
    for (let i = 0; i < count; i++) left[i] = left[2 * i]! * share + left[2 * i + 1]! * (1 + share)
  }
  return { factors, logarithms }
}

// After top-k few are left; field numbers of the others need not be computed.
function possibleTokens(logits: LogitsRow, vocabularySize: number): Uint32Array {
  const tokens = new Uint32Array(vocabularySize)
  let count = 0
  for (let token = 0; token < vocabularySize; token++)
    if (logits[token]! > Number.NEGATIVE_INFINITY) tokens[count++] = token
  return tokens.subarray(0, count)
}

/** Weights in proportion to the probabilities; the largest is 1. */
function weightsOf(logits: LogitsRow, tokens: Uint32Array): Float32Array | Float64Array {
  const own =
    logits instanceof Float32Array ? new Float32Array(tokens.length) : new Float64Array(tokens.length)
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < tokens.length; i++) {
    own[i] = logits[tokens[i]!]!
    largest = Math.max(largest, own[i]!)
  }
  return weigh(own, largest)
}
