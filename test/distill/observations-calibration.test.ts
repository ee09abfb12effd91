/**
 * A reference that carries the very mark that is tested, against innocents, for each kind of access: it may cost power and must accuse
 * nobody. First the order that the proof rests on, coefficient by coefficient and exactly; then fresh keys. Constructors that break the
 * rule in the ways that look harmless go through the same checks and must fail.
 *
 * Suspects and texts are fixed, only keys are drawn, 400 a constructor. Each comparison fails a sound program once in a million.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { contrastPairs } from '../../src/distill/contrast.ts'
import { countPairs } from '../../src/distill/count.ts'
import {
  type Answer,
  type Observation,
  type PositionLaw,
  rowObservations,
  type TopKList,
  textObservations,
  topKObservations,
  type WindowRule,
} from '../../src/distill/observations.ts'
import type { WeightedPairs } from '../../src/distill/pairs.ts'
import { weightedScoreSum } from '../../src/distill/score-pairs.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { drawFromWeights } from '../../src/logits.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { createGumbel } from '../../src/schemes/gumbel.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { lnUpperTail, nullMean } from '../../src/stats/tail.ts'
import { lnWeightedTailBound } from '../../src/stats/weighted.ts'
import { keysOf, profileWithKey } from '../support/keys.ts'
import { binomialBand, poissonBinomialBand } from '../support/tolerance.ts'
import { completionsOf, language, type ToyLaw, tempered } from '../support/toy-models.ts'

const V = 128
const KEYS = 400
const FALSE_ALARM = 1e-6
const LEVELS = [0.5, 0.1, 0.01, 1e-4]
const format = { contextWidth: 1, vocabularySize: V }

/** A scheme, its keys, and what a reference gives a token of a score, per unit of what it gave before. */
interface World {
  readonly scheme: Scheme
  readonly keys: readonly MarkKey[]
  readonly lift: (score: number) => number
}

const greenKeys = keysOf({ contextWidth: 1 })
const green: World = {
  scheme: schemeOf(profileWithKey('format', { vocabularySize: V }).profile, { lanes: 1 }),
  keys: Array.from({ length: KEYS }, (_, i) => greenKeys(i)),
  lift: (score) => Math.exp(3 * score),
}
// What learned from such text: it prefers tokens of a high score, without the certainty of the mark itself.
const gumbelKeys = keysOf({ scheme: 'gumbel', contextWidth: 1, bits: 32, param: 0 })
const gumbel: World = {
  scheme: createGumbel({ contextWidth: 1, vocabularySize: V, lanes: 1 }),
  keys: Array.from({ length: KEYS }, (_, i) => gumbelKeys(i)),
  lift: (score) => 1 + 3 * score,
}

const provider = language('provider', { vocabularySize: V, spread: 1 })
/** Has nothing to do with the provider's. */
const flat = language('flat', { vocabularySize: V, spread: 0.4 })
/** Prefers what the provider's model prefers, less decidedly. */
const milder = tempered(provider, 2)
const windows = Array.from({ length: 24 }, (_, w) => [5 * w])

type RowAt = (window: number[]) => Float64Array

const known = new Map<MarkKey, RowAt>()

/** The provider's model with the mark of a key on; made once a key, because many constructors look at it. */
function markedBy(key: MarkKey, { scheme, lift }: World): RowAt {
  const made = known.get(key)
  if (made) return made
  const rows = new Map(
    windows.map((window) => {
      const row = provider(window).map((p, v) => p * lift(scheme.score(scheme.field(key, window, v, 0))))
      const total = row.reduce((a, b) => a + b, 0)
      return [window, row.map((p) => p / total)] as const
    }),
  )
  const rowAt: RowAt = (window) => rows.get(window)!
  known.set(key, rowAt)
  return rowAt
}

const lists = new Map<Float64Array, TopKList>()

function listOf(row: Float64Array, k: number): TopKList {
  let list = lists.get(row)
  if (!list) {
    list = order(row).map((v) => [v, Math.log(row[v]!)] as const)
    lists.set(row, list)
  }
  return list.slice(0, k)
}

const order = (row: ArrayLike<number>): number[] =>
  Array.from(row, (_, v) => v).sort((a, b) => row[b]! - row[a]! || a - b)

type Scale = 'root' | 'value'

/** One row a window, as rows or as lists of the likeliest 12. */
type Shape = 'rows' | 'lists'
const LISTED = 12

function referenceIn(shape: Shape, rowAt: RowAt): PositionLaw[][] {
  return windows.map((window) => {
    const row = rowAt(window)
    return [shape === 'rows' ? Float32Array.from(row) : listOf(row, LISTED)]
  })
}

type Observe = (suspect: ToyLaw, rowAt: RowAt) => readonly Observation[]

const random = seedrandom('answers')
const answersOf = (suspect: ToyLaw): Answer[] => {
  const completions = completionsOf(suspect, windows, { tokens: 1, random })
  return windows.map((prompt, i) => ({ prompt, completion: completions[i]! }))
}
const said = new Map([flat, milder].map((suspect) => [suspect, answersOf(suspect)]))

function topK(k: number, shape: Shape): Observe {
  return (suspect, rowAt) =>
    topKObservations(
      windows,
      windows.map((window) => [listOf(suspect(window), k)]),
      { ...format, k, references: [referenceIn(shape, rowAt)] },
    ).list
}

function text(shape: Shape): Observe {
  return (suspect, rowAt) =>
    textObservations(said.get(suspect)!, { ...format, references: [referenceIn(shape, rowAt)] }).list
}

const rows: Observe = (suspect, rowAt) =>
  rowObservations(
    windows,
    windows.map((window) => Float32Array.from(suspect(window))),
    { ...format, references: [windows.map((window) => Float32Array.from(rowAt(window)))] },
  ).list

const constructors: [string, Scale, Observe][] = [
  ['rows', 'root', rows],
  ['top 20, reference in rows', 'root', topK(20, 'rows')],
  ['top 20, reference in lists', 'root', topK(20, 'lists')],
  ['top 3, reference in lists', 'root', topK(3, 'lists')],
  ['top 1, reference in rows', 'root', topK(1, 'rows')],
  ['text, reference in rows', 'value', text('rows')],
  ['text, reference in lists', 'value', text('lists')],
]

/** Broken on purpose: what is scored, and with which weight, comes from the suspect and from the reference. */
function broken(
  make: (p: Float64Array, r: Float64Array) => { tokens: number[]; weights: number[] },
): Observe {
  return (suspect, rowAt) =>
    windows.map((window) => {
      const r = rowAt(window)
      const { tokens, weights } = make(suspect(window), r)
      return { window, tokens, weights, references: [tokens.map((token) => r[token]!)] }
    })
}

const ascending = (tokens: readonly number[]): number[] => [...tokens].sort((a, b) => a - b)
const sumAt = (row: Float64Array, tokens: readonly number[]): number =>
  tokens.reduce((sum, token) => sum + row[token]!, 0)

const chosenWithTheReference = broken((p, r) => {
  const roots = p.map((x, v) => Math.sqrt(x) + Math.sqrt(r[v]!))
  const tokens = ascending(order(roots).slice(0, 20))
  return { tokens, weights: tokens.map((token) => p[token]!) }
})

const unionOfLists = broken((p, r) => {
  const tokens = ascending([...new Set([...order(p).slice(0, 8), ...order(r).slice(0, 20)])])
  return { tokens, weights: tokens.map((token) => p[token]!) }
})

const filledFromTheReference = broken((p, r) => {
  const listed = order(p).slice(0, 1)
  const ratio = (1 - sumAt(p, listed)) / (1 - sumAt(r, listed))
  const tokens = ascending(order(p.map((x, v) => (listed.includes(v) ? x : ratio * r[v]!))).slice(0, 100))
  return { tokens, weights: tokens.map((token) => (listed.includes(token) ? p[token]! : ratio * r[token]!)) }
})

/** A(v) of each pair at given weights of the references, 0 for pairs that are not scored. */
function coefficients(
  list: readonly Observation[],
  { beta, scale }: { beta: number; scale: Scale },
): Map<string, number> {
  const f = scale === 'root' ? Math.sqrt : (value: number) => value
  const all = new Map<string, number>()
  for (const { window, tokens, weights, references } of list)
    for (let j = 0; j < tokens.length; j++)
      all.set(`${window[0]} ${tokens[j]}`, f(weights[j]!) - beta * f(references[0]![j]!))
  return all
}

/** Pairs that are on the accuser's side of what a reference without the mark would give. */
function outOfOrder(
  observe: Observe,
  { suspect, key, beta, scale }: { suspect: ToyLaw; key: MarkKey; beta: number; scale: Scale },
): number {
  const a = coefficients(observe(suspect, markedBy(key, green)), { beta, scale })
  const blind = coefficients(observe(suspect, provider), { beta, scale })
  let count = 0
  for (const pair of new Set([...a.keys(), ...blind.keys()])) {
    const [w, v] = pair.split(' ').map(Number) as [number, number]
    const isGreen = green.scheme.score(green.scheme.field(key, [w], v, 0)) === 1
    const excess = (a.get(pair) ?? 0) - (blind.get(pair) ?? 0)
    if (isGreen ? excess > 1e-7 : excess < -1e-7) count++
  }
  return count
}

describe('the order that the proof rests on', () => {
  const cases = [flat, milder].flatMap((suspect) => [0.3, 0.9, 1.5].map((beta) => ({ suspect, beta })))
  const violations = (observe: Observe, scale: Scale) =>
    cases.reduce(
      (total, about) =>
        total +
        green.keys.slice(0, 10).reduce((sum, key) => sum + outOfOrder(observe, { ...about, key, scale }), 0),
      0,
    )

  test.each(constructors)('%s: no green pair above, no other below', (_, scale, observe) => {
    expect(violations(observe, scale)).toBe(0)
  })

  test.each([
    ['tokens chosen with the reference', chosenWithTheReference],
    ['the union of both lists', unionOfLists],
    ['the tail filled from the reference', filledFromTheReference],
  ])('caught: %s', (_, observe) => {
    expect(violations(observe, 'root')).toBeGreaterThan(100)
  })
})

interface Tried {
  readonly lnP: number
  readonly excess: number
}

function triedUnder(key: MarkKey, scheme: Scheme, { coefficients, ...pairs }: WeightedPairs): Tried {
  const total = coefficients.reduce((a, b) => a + b, 0)
  const sum = weightedScoreSum({ ...pairs, coefficients }, { scheme, key, lane: 0 })
  const excess = sum - nullMean(scheme.nullLaw) * total
  return { excess, lnP: lnWeightedTailBound(scheme.nullLaw, { coefficients, excess }) }
}

/** The p-value is guaranteed at every level, and the sum has no mean above 0. */
function expectNobodyAccused(tried: readonly Tried[]): void {
  for (const level of LEVELS) {
    const { hi } = binomialBand(tried.length, level, FALSE_ALARM)
    const rejected = tried.filter(({ lnP }) => lnP <= Math.log(level)).length
    expect(rejected, `rejections at ${level}`).toBeLessThanOrEqual(hi)
  }
  const n = tried.length
  const mean = tried.reduce((sum, { excess }) => sum + excess, 0) / n
  const variance = tried.reduce((sum, { excess }) => sum + (excess - mean) ** 2, 0) / (n - 1)
  // Means of this many draws are normal enough: 4.9 of their standard errors are passed once in a million.
  expect(mean, 'mean excess').toBeLessThan(4.9 * Math.sqrt(variance / n))
}

describe('an innocent under fresh keys, with a reference marked under the tested one', () => {
  const under = (
    observe: Observe,
    about: { suspect: ToyLaw; scale: Scale; world?: World; count?: number },
  ) => {
    const { suspect, scale, world = green, count = KEYS } = about
    return world.keys.slice(0, count).map((key) => {
      const list = observe(suspect, markedBy(key, world))
      return triedUnder(key, world.scheme, contrastPairs(list, 1, { scale }))
    })
  }

  test.each(constructors)('%s', (_, scale, observe) => {
    for (const suspect of [flat, milder]) expectNobodyAccused(under(observe, { suspect, scale }))
  })

  test.each(constructors)('%s; exponential scores', (_, scale, observe) => {
    for (const suspect of [flat, milder])
      expectNobodyAccused(under(observe, { suspect, scale, world: gumbel, count: 80 }))
  })

  test('caught: tokens chosen with the reference', () => {
    const tried = under(chosenWithTheReference, { suspect: flat, scale: 'root', count: 100 })
    expect(() => expectNobodyAccused(tried)).toThrow('rejections')
  })

  test('caught: the tail filled from the reference', () => {
    const tried = under(filledFromTheReference, { suspect: milder, scale: 'root', count: 100 })
    expect(() => expectNobodyAccused(tried)).toThrow('rejections')
  })
})

describe('prompts marked under the tested key, and an innocent that remembers all that it was put', () => {
  const { scheme, lift } = green

  /** Answers to marked prompts, one after another: nine times in ten what followed this id before, in any text so far. */
  function answersTo(key: MarkKey): Answer[] {
    const random = seedrandom('remembers')
    const next = new Map<number, number>()
    const drawn = (weights: ArrayLike<number>): number => {
      const total = Array.from(weights).reduce((a, b) => a + b, 0)
      return drawFromWeights(weights, { total, random })
    }
    const markedNext = (id: number): number =>
      drawn(provider([id]).map((p, v) => p * lift(scheme.score(scheme.field(key, [id], v, 0)))))
    return Array.from({ length: 24 }, () => {
      const prompt = [Math.floor(V * random())]
      while (prompt.length < 10) prompt.push(markedNext(prompt.at(-1)!))
      prompt.slice(1).forEach((id, i) => {
        next.set(prompt[i]!, id)
      })
      const completion: number[] = []
      for (let last = prompt.at(-1)!; completion.length < 4; last = completion.at(-1)!) {
        const known = next.get(last)
        completion.push(known !== undefined && random() < 0.9 ? known : drawn(flat([last])))
        next.set(last, completion.at(-1)!)
      }
      return { prompt, completion }
    })
  }

  const asked = green.keys.map((key) => ({ key, answers: answersTo(key) }))

  /** p-values of the first so many windows, their number fixed beforehand. */
  function counted(windows: WindowRule, n: number): { lnP: number; n: number }[] {
    return asked.map(({ key, answers }) => {
      const list = textObservations(answers, { ...format, windows }).list.slice(0, n)
      expect(list).toHaveLength(n)
      const { coefficients, ...pairs } = countPairs(list, 1)
      const sum = weightedScoreSum({ ...pairs, coefficients }, { scheme, key, lane: 0 })
      return { lnP: lnUpperTail(scheme.nullLaw, { sum, n: coefficients.length }), n: coefficients.length }
    })
  }

  /** How often an exact p-value of n scores is at or below a level. */
  function attainable(n: number, level: number): number {
    const tails = Array.from({ length: n + 1 }, (_, sum) => lnUpperTail(scheme.nullLaw, { sum, n }))
    return Math.exp(tails.find((lnP) => lnP <= Math.log(level)) ?? Number.NEGATIVE_INFINITY)
  }

  function expectExact(tried: readonly { lnP: number; n: number }[]): void {
    for (const level of [0.5, 0.1, 0.01]) {
      const { lo, hi } = poissonBinomialBand(
        tried.map(({ n }) => attainable(n, level)),
        FALSE_ALARM,
      )
      const rejected = tried.filter(({ lnP }) => lnP <= Math.log(level)).length
      expect(rejected, `rejections at ${level}`).toBeGreaterThanOrEqual(lo)
      expect(rejected, `rejections at ${level}`).toBeLessThanOrEqual(hi)
    }
  }

  test('globally first windows: exact', () => {
    expectExact(counted('globally-first', 8))
  })

  test('caught: windows that are new in their own context only', () => {
    expect(() => expectExact(counted('distinct-pairs', 48))).toThrow('rejections')
  })
})
