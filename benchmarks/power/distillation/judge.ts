/**
 * From a suspect's answers to numbers. What is key-blind (windows, tokens, coefficients) is made once for each width and then held against
 * every key that is asked for. p-values: exact for count and for the published test, a guaranteed bound for the contrast.
 */
import { type ContrastScale, contrastPairs } from '../../../src/distill/contrast.ts'
import { countPairs } from '../../../src/distill/count.ts'
import {
  type Observations,
  rowObservations,
  type TopKList,
  textObservations,
  topKObservations,
} from '../../../src/distill/observations.ts'
import type { WeightedPairs } from '../../../src/distill/pairs.ts'
import { ownPairs, weightedScoreSum } from '../../../src/distill/score-pairs.ts'
import type { Exposure } from '../../../src/plan/exposure.ts'
import { schemeOf } from '../../../src/schemes/from-profile.ts'
import { lnUpperTail, nullMean } from '../../../src/stats/tail.ts'
import { lnWeightedTailBound, weightedVariance } from '../../../src/stats/weighted.ts'
import { topTokenTest } from '../../thirdparty/top-token-test.ts'
import type { KeyedMark } from '../detection/corpora.ts'
import { listsOf, rowsOf, textLawsOf, topTokensOf } from './answers.ts'
import type { BenchmarkAccess, BenchmarkStatistic, Cell, ReferenceSet } from './result.ts'
import type { Answered, Questions } from './suspects.ts'

/** What suspects are compared with, about the key-blind texts. */
export interface ReferenceRows {
  readonly teacher: readonly Float32Array[]
  readonly bigram: readonly Float32Array[]
  readonly twin: readonly Float32Array[]
}

/** What does not depend on the suspect. */
export interface Court {
  readonly questions: Questions
  readonly references: ReferenceRows
  readonly vocabularySize: number
  readonly alpha: number
  /** Windows of unmarked text, by width. */
  readonly exposure: (contextWidth: number) => Exposure
}

/** A key to be tried, and one that nobody was trained under. */
export interface Charge {
  readonly own: KeyedMark
  readonly another: KeyedMark
}

const FIRST_LOOK = 250

/** Cells of a suspect for each charge; all charges have marks of one width. */
export function judge(
  answered: Answered,
  contextWidth: number,
  charges: readonly Charge[],
  court: Court,
): Cell[][] {
  const cells: Cell[][] = charges.map(() => [])
  for (const { about, looks } of prepared(answered, contextWidth, court))
    for (const [c, { own, another }] of charges.entries()) {
      const found = looks.map((look) => findingOf(look, own))
      const guard = findingOf(looks.at(-1)!, another).z
      cells[c]!.push(cellOf(about, found, { guard, alpha: court.alpha }))
    }
  for (const [c, { own, another }] of charges.entries()) {
    if (!isOfGreenLists(own)) continue
    const { sequences } = court.questions
    const asked = looksOf(sequences.map(({ length }) => length))
    const tokens = topTokensOf(answered.likeliest, sequences, contextWidth)
    const found = asked.map((queries) => published(tokens.slice(0, queries), own))
    const about = { access: 'rows', statistic: 'top-token', references: 'none', queries: asked } as const
    cells[c]!.push(cellOf(about, found, { guard: published(tokens, another).z, alpha: court.alpha }))
  }
  return cells
}

/** The published test is of green lists, whoever writes them. */
function isOfGreenLists({ profile, key }: KeyedMark): boolean {
  return schemeOf(profile, { lanes: key.format.lanes }).nullLaw.kind === 'bernoulli'
}

interface About {
  readonly access: BenchmarkAccess
  readonly statistic: BenchmarkStatistic
  readonly references: ReferenceSet
  /** Queries of each look; the last one has all. */
  readonly queries: readonly number[]
}

/** What is held against a key: all of the observations, or the first of them. */
interface Look {
  readonly weighted: WeightedPairs
  /** Coefficients of 1: the law of the sum is exact. */
  readonly equal: boolean
  readonly positions: number
}

interface Prepared {
  readonly about: About
  readonly looks: readonly Look[]
}

/** Everything key-blind, one access after another: the pairs of whole rows fill memory. */
function* prepared(answered: Answered, contextWidth: number, court: Court): Generator<Prepared> {
  const { questions, references, vocabularySize } = court
  const format = { contextWidth, vocabularySize }
  const sets: readonly Exclude<ReferenceSet, 'none'>[] = ['provider', 'twin']
  const exposure = contextWidth >= 2 ? court.exposure(contextWidth) : undefined

  const answers = answered.completions.map((completion, p) => ({ prompt: questions.prompts[p]!, completion }))
  const laws = textLawsOf(answered.references, answered.completions)
  const generated = answered.completions.map(({ length }) => length)
  const textLooks = looksOf(generated)
  const textKept = textLooks.map((queries) => {
    const lengths = firstOf(generated, queries)
    const some = lengths.map((length, a) => ({
      ...answers[a]!,
      completion: answers[a]!.completion.slice(0, length),
    }))
    return textObservations(some, format).list.length
  })
  for (const references of sets) {
    const observations = textObservations(answers, {
      ...format,
      references: laws.slice(0, numberOf(references)),
    })
    const about = { access: 'text', queries: textLooks, kept: textKept } as const
    if (references === 'provider') yield counted(observations, { ...about, references: 'none' })
    yield contrasted(observations, { ...about, references, scale: 'value', exposure })
  }

  const { sequences } = questions
  const asked = sequences.map(({ length }) => length)
  const looks = looksOf(asked)
  const kept = looks.map((queries) => {
    const some = firstOf(asked, queries).map((length, s) => sequences[s]!.slice(0, length))
    const nothing = some.map((ids) => ids.map((): TopKList => []))
    return topKObservations(some, nothing, { ...format, k: 1 }).list.length
  })
  // With probabilities the scored tokens are the suspect's own: fewer references are the same observations without the last one.
  const models = [references.teacher, references.bigram, references.twin]
  for (const k of [5, 20] as const) {
    const lists = listsOf(answered.likeliest, { k, lengths: asked })
    const observations = topKObservations(sequences, lists, { ...format, k, references: models })
    const about = { access: `top-${k}`, queries: looks, kept, scale: 'root', exposure } as const
    for (const references of sets) yield contrasted(observations, { ...about, references })
  }
  const rows = rowsOf(answered.likeliest, { lengths: asked, vocabularySize })
  const observations = rowObservations(sequences, rows, { ...format, references: models })
  const about = { access: 'rows', queries: looks, kept } as const
  yield counted(observations, { ...about, references: 'none' })
  for (const references of sets)
    yield contrasted(observations, { ...about, references, scale: 'root', exposure })
}

function numberOf(references: Exclude<ReferenceSet, 'none'>): number {
  return references === 'provider' ? 2 : 3
}

type Kept = Omit<About, 'statistic'> & { readonly kept: readonly number[] }

function counted({ list, contextWidth }: Observations, { kept, ...about }: Kept): Prepared {
  const looks = kept.map((positions) => ({
    weighted: countPairs(list.slice(0, positions), contextWidth),
    equal: true,
    positions,
  }))
  return { about: { ...about, statistic: 'count' }, looks }
}

function contrasted(
  { list, contextWidth }: Observations,
  { kept, scale, exposure, ...about }: Kept & { scale: ContrastScale; exposure: Exposure | undefined },
): Prepared {
  const number = about.references === 'none' ? 0 : numberOf(about.references)
  const compared = list.map((one) => ({ ...one, references: one.references.slice(0, number) }))
  const looks = kept.map((positions) => ({
    weighted: contrastPairs(compared.slice(0, positions), contextWidth, { scale, exposure }),
    equal: false,
    positions,
  }))
  return { about: { ...about, statistic: 'contrast' }, looks }
}

/** What one look showed; the p-value, which takes longest, only where it is wanted. */
interface Found {
  readonly scored: number
  readonly z: number
  lnP(): number
}

function findingOf({ weighted, equal, positions }: Look, { profile, key }: KeyedMark): Found {
  const scheme = schemeOf(profile, { lanes: key.format.lanes })
  const own = ownPairs(weighted, key)
  const sum = weightedScoreSum(own, { scheme, key, lane: 0 })
  const { coefficients } = own
  const law = scheme.nullLaw
  const excess = sum - nullMean(law) * coefficients.reduce((total, a) => total + a, 0)
  const variance = weightedVariance(law, coefficients)
  return {
    scored: equal ? coefficients.length : positions,
    z: variance === 0 ? 0 : excess / Math.sqrt(variance),
    lnP: () =>
      equal
        ? lnUpperTail(law, { sum, n: coefficients.length })
        : lnWeightedTailBound(law, { coefficients, excess }),
  }
}

function published(
  tokens: readonly { readonly window: readonly number[] | undefined; readonly token: number }[],
  { profile, key }: KeyedMark,
): Found {
  const scheme = schemeOf(profile, { lanes: key.format.lanes })
  const { scored, z, lnP } = topTokenTest(
    tokens.flatMap(({ window, token }) => (window ? [{ window, token }] : [])),
    {
      gamma: nullMean(scheme.nullLaw),
      isGreen: (window, token) => scheme.score(scheme.field(key, Uint32Array.from(window), token, 0)) === 1,
    },
  )
  return { scored, z, lnP: () => lnP }
}

function cellOf(
  { access, statistic, references, queries }: About,
  found: readonly Found[],
  { guard, alpha }: { guard: number; alpha: number },
): Cell {
  const { scored, z, lnP } = found.at(-1)!
  const asked = queries.at(-1)!
  return {
    access,
    statistic,
    references,
    queries: asked,
    scored,
    z: rounded(z),
    perScored: rounded(scored === 0 ? 0 : z / Math.sqrt(scored)),
    perQuery: rounded(z / Math.sqrt(asked)),
    log10P: rounded(lnP() / Math.LN10),
    path: found.map((look) => rounded(look.z)),
    reached: reachedAt(queries, found, Math.log(alpha)),
    anotherKey: rounded(guard),
  }
}

/**
 * Queries from which the p-value stays small enough. Between the last look that does not have it and the next one ln p is taken to fall on a
 * straight line; at the first look there is nothing to go by, and it is that.
 */
export function reachedAt(
  queries: readonly number[],
  found: readonly { lnP(): number }[],
  lnAlpha: number,
): number | null {
  let after: { queries: number; lnP: number } | undefined
  for (let k = queries.length - 1; k >= 0; k--) {
    const look = { queries: queries[k]!, lnP: found[k]!.lnP() }
    if (look.lnP > lnAlpha) {
      if (after === undefined) return null
      const part = (look.lnP - lnAlpha) / (look.lnP - after.lnP)
      return Math.ceil(look.queries + part * (after.queries - look.queries))
    }
    after = look
  }
  return after?.queries ?? null
}

/** 250 * 2^k queries, the last of them stretched to all there are. */
function looksOf(lengths: readonly number[]): number[] {
  const all = lengths.reduce((sum, length) => sum + length, 0)
  const looks: number[] = []
  for (let queries = FIRST_LOOK; 2 * queries <= all; queries *= 2) looks.push(queries)
  return [...looks, all]
}

/** How much of each text the first so many queries reach; texts that they do not reach are left out. */
function firstOf(lengths: readonly number[], queries: number): number[] {
  const parts: number[] = []
  for (let left = queries, i = 0; left > 0 && i < lengths.length; i++) {
    parts.push(Math.min(lengths[i]!, left))
    left -= parts[i]!
  }
  return parts
}

function rounded(value: number): number {
  return Number(value.toFixed(4))
}
