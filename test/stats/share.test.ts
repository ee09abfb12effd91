/**
 * The share of marked documents: its interval covers the truth as often as it says, whatever the strengths of marked documents; its bounds hold; and an interval that simply counts
 * the documents that are found fails.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { lnBinomialPmf } from '../../src/stats/binomial.ts'
import { rateInterval } from '../../src/stats/interval.ts'
import type { NullLaw } from '../../src/stats/law.ts'
import { type MarkedShare, markedShare } from '../../src/stats/share.ts'
import { lnUpperTail, type ScoreSum } from '../../src/stats/tail.ts'
import { binomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

type Random = () => number

const GAMMA = 0.25
const law: NullLaw = { kind: 'bernoulli', p: GAMMA }
const FALSE_ALARM = 1e-6

const tables = new Map<string, Float64Array>()

/** A Binomial(n, p) from one uniform number. */
function binomial(n: number, p: number, random: Random): number {
  const key = `${n} ${p}`
  let table = tables.get(key)
  if (table === undefined) {
    let total = 0
    table = Float64Array.from({ length: n + 1 }, (_, k) => {
      total += Math.exp(lnBinomialPmf(k, { n, p }))
      return total
    })
    tables.set(key, table)
  }
  const u = random()
  let [low, high] = [0, n]
  while (low < high) {
    const middle = (low + high) >> 1
    if (table[middle]! < u) low = middle + 1
    else high = middle
  }
  return low
}

/** Strengths of marked documents, in nats: what an edit, a language or a temperature leaves of a mark. */
const STRENGTHS: Record<string, (random: Random) => number> = {
  'all alike': () => 1.5,
  'spread evenly': (random) => 0.5 + 1.5 * random(),
  'half of them edited': (random) => (random() < 0.5 ? 0.6 : 2),
}

/** Rate of green tokens at a strength, on a grid, so that few tables are needed. */
function rateAt(delta: number): number {
  const tilted = GAMMA * Math.exp(delta)
  return Math.round((200 * tilted) / (1 - GAMMA + tilted)) / 200
}

interface Corpus {
  readonly documents: readonly ScoreSum[]
  readonly marked: number
}

function corpusOf(
  random: Random,
  share: number,
  strength: (random: Random) => number,
  count = 20_000,
): Corpus {
  let marked = 0
  const documents = Array.from({ length: count }, () => {
    const n = [100, 200, 400][Math.floor(3 * random())]!
    const isMarked = random() < share
    if (isMarked) marked++
    return { n, sum: binomial(n, isMarked ? rateAt(strength(random)) : GAMMA, random) }
  })
  return { documents, marked }
}

const covers = (interval: { lower: number; upper: number }, share: number): boolean =>
  interval.lower <= share && share <= interval.upper

/** What documents that are found say by themselves, as if each marked one were found. */
function plugIn({ documents }: Corpus): { lower: number; upper: number } {
  const level = -Math.log(documents.length)
  const found = documents.filter((document) => lnUpperTail(law, document) <= level).length
  return rateInterval(found, { n: documents.length })
}

describe('the interval covers the truth', () => {
  // To cover more often is no fault.
  const least = (reps: number): number => binomialBand(reps, 0.95, FALSE_ALARM).lo
  const least200 = 172

  test('0.1 % of 20,000 documents, half of them edited: 200 corpora', () => {
    const random = seedrandom('share')
    expect(least(200)).toBe(least200)
    const strength = STRENGTHS['half of them edited']!
    let [covered, found, bounded, any] = [0, 0, 0, 0]
    for (let i = 0; i < 200; i++) {
      const corpus = corpusOf(random, 0.001, strength)
      const { interval, guaranteed, anyDependence } = markedShare(corpus.documents, {
        law,
        pairs: 'disjoint',
      })
      if (covers(interval!, 0.001)) covered++
      if (interval!.lower > 0) found++
      if (guaranteed!.documents <= corpus.marked) bounded++
      if (anyDependence.documents <= corpus.marked) any++
    }
    expect(covered).toBeGreaterThanOrEqual(least200)
    expect(found).toBe(200)
    const leastBounded = binomialBand(200, 0.975, FALSE_ALARM).lo
    expect(bounded).toBeGreaterThanOrEqual(leastBounded)
    expect(any).toBeGreaterThanOrEqual(leastBounded)
  })

  test.each(
    Object.keys(STRENGTHS).flatMap((name) => [0, 0.05, 0.5].map((share): [string, number] => [name, share])),
  )('%s, a share of %d', (name, share) => {
    const random = seedrandom(`${name} ${share}`)
    const reps = 30
    let [covered, bounded] = [0, 0]
    for (let i = 0; i < reps; i++) {
      const corpus = corpusOf(random, share, STRENGTHS[name]!, 5000)
      const result = markedShare(corpus.documents, { law, pairs: 'disjoint' })
      if (covers(result.interval!, share)) covered++
      if (result.guaranteed!.documents <= corpus.marked) bounded++
    }
    expect(covered).toBeGreaterThanOrEqual(least(reps))
    expect(bounded).toBeGreaterThanOrEqual(binomialBand(reps, 0.975, FALSE_ALARM).lo)
  })

  test('caught: an interval that counts the documents that are found misses edited ones', () => {
    const random = seedrandom('plug-in')
    let covered = 0
    for (let i = 0; i < 30; i++)
      if (covers(plugIn(corpusOf(random, 0.5, STRENGTHS['half of them edited']!, 1000)), 0.5)) covered++
    expect(covered).toBeLessThan(least(30))
  })

  test.each<[string, NullLaw, (random: Random, isMarked: boolean) => ScoreSum]>([
    [
      'binomial',
      { kind: 'binomial', trials: 10, p: 0.5 },
      (random, isMarked) => ({
        n: 80,
        sum: binomial(800, isMarked ? [0.56, 0.6][Math.floor(2 * random())]! : 0.5, random),
      }),
    ],
    [
      'exponential',
      { kind: 'exponential' },
      (random, isMarked) => {
        const mean = isMarked ? 1.4 + random() : 1
        let sum = 0
        for (let i = 0; i < 80; i++) sum -= mean * Math.log(1 - random())
        return { n: 80, sum: Math.floor(sum * 2 ** 20) / 2 ** 20 }
      },
    ],
    [
      'hypoexponential',
      { kind: 'hypoexponential', alpha: 0.3 },
      (random, isMarked) => {
        const mean = isMarked ? 1.5 + random() : 1
        let sum = 0
        for (let i = 0; i < 80; i++)
          sum -= mean * (0.7 * Math.log(1 - random()) + 0.3 * Math.log(1 - random()))
        return { n: 80, sum: Math.floor(sum * 2 ** 20) / 2 ** 20 }
      },
    ],
  ])('of %s scores', (name, other, draw) => {
    const random = seedrandom(name)
    const [reps, share] = [12, 0.06]
    let covered = 0
    for (let i = 0; i < reps; i++) {
      const documents = Array.from({ length: 300 }, () => draw(random, random() < share))
      const { interval } = markedShare(documents, { law: other, pairs: 'disjoint' })
      if (covers(interval!, share)) covered++
    }
    expect(covered).toBeGreaterThanOrEqual(least(reps))
  })
})

describe('what is said', () => {
  const options = { law, pairs: 'disjoint' } as const
  const { documents } = corpusOf(seedrandom('one'), 0.02, () => 1.5, 3000)

  test('does not depend on the order, and is frozen', () => {
    const result = markedShare(documents, options)
    expect(markedShare([...documents].reverse(), options).interval!.upper).toBeCloseTo(
      result.interval!.upper,
      6,
    )
    expect(
      Object.isFrozen(result) && Object.isFrozen(result.interval) && Object.isFrozen(result.guaranteed),
    ).toBe(true)
    // A strength of 1.5 nats gives 60 % green for 25 %: 0.81 deviations.
    expect(result.effect).toBeGreaterThan(0.7)
    expect(result.effect).toBeLessThan(0.95)
  })

  test('gathered into cells, many different sums say the same', () => {
    const random = seedrandom('many')
    const many = Array.from({ length: 25_000 }, () => {
      const n = 64 + Math.floor(20 * random())
      const mean = random() < 0.01 ? 1.7 : 1
      let product = 0
      for (let i = 0; i < n; i += 4)
        product -= Math.log((1 - random()) * (1 - random()) * (1 - random()) * (1 - random()))
      return { n: 4 * Math.ceil(n / 4), sum: Math.floor(mean * product * 2 ** 20) / 2 ** 20 }
    })
    const few = many.slice(0, 3000)
    const exponential = { ...options, law: { kind: 'exponential' } } as const
    const [a, b] = [markedShare(many, exponential), markedShare(few, exponential)]
    for (const { interval } of [a, b]) expect(covers(interval!, 0.01)).toBe(true)
    const width = ({ interval }: MarkedShare): number => interval!.upper - interval!.lower
    expect(width(a)).toBeLessThan(width(b))
  })

  test('short documents are counted and left out; without any, nothing is said', () => {
    const short = Array.from({ length: 10 }, () => ({ n: 63, sum: 63 }))
    const { tooShort, documents: count, guaranteed } = markedShare([...short, ...documents], options)
    expect([tooShort, count]).toEqual([10, documents.length])
    expect(guaranteed).toEqual(markedShare(documents, options).guaranteed)
    expect(markedShare(short, options)).toMatchObject({
      documents: 0,
      tooShort: 10,
      share: undefined,
      interval: undefined,
    })
    expect(markedShare([], options).anyDependence.documents).toBe(0)
  })

  test('where every document is marked, the interval reaches 1, and one document is enough to say so', () => {
    const all = Array.from({ length: 200 }, () => ({ n: 200, sum: 130 }))
    const { interval, share } = markedShare(all, options)
    expect(interval).toMatchObject({ upper: 1 })
    expect(interval!.lower).toBeGreaterThan(0.97)
    expect(share).toBeGreaterThan(0.99)
    expect(markedShare(all.slice(0, 1), options).interval).toMatchObject({ upper: 1 })
  })

  test('shared pairs: a template that is green by chance is no share of marked documents', () => {
    // Nine tenths of each document are one template. For a key in a thousand it is as green as this one.
    const random = seedrandom('template')
    const copies = Array.from({ length: 2000 }, () => ({ n: 200, sum: 64 + binomial(20, GAMMA, random) }))
    const shared = markedShare(copies, { law, pairs: 'shared' })
    expect(shared).toMatchObject({ share: undefined, interval: undefined, guaranteed: undefined })
    expect(shared.anyDependence.documents).toBe(0)
    // Caught: held to be independent, they would all be marked.
    expect(markedShare(copies, options).interval!.lower).toBeGreaterThan(0.5)
  })
})

describe('a share that is picked from many', () => {
  const lanes = 40
  const corpora = 300
  const count = 100
  // Sums of Binomial(100, 1/4), by the inverse of its law.
  const law100: number[] = []
  for (let k = 0, p = 0.75 ** 100, below = 0; k <= 100; p *= (100 - k) / (3 * (k + 1)), k++) {
    below += p
    law100.push(below)
  }
  const random = seedrandom('picked')
  const sumOf = (u: number): number =>
    Math.max(
      0,
      law100.findIndex((below) => u < below),
    )

  /** Clean corpora in which, of the lane that shows most, some document is said to be marked. */
  function accusedAmong(family: number): number {
    let accused = 0
    for (let i = 0; i < corpora; i++) {
      let most = 0
      for (let lane = 0; lane < lanes; lane++) {
        const documents = Array.from({ length: count }, () => ({ n: 100, sum: sumOf(random()) }))
        most = Math.max(
          most,
          markedShare(documents, { law, pairs: 'shared', family }).anyDependence.documents,
        )
      }
      if (most > 0) accused++
    }
    return accused
  }

  test('accuses no more clean corpora than one share does; without the family it would', () => {
    const { hi } = binomialBand(corpora, 0.025, 1e-6)
    expect(accusedAmong(lanes)).toBeLessThanOrEqual(hi)
    // Positive control.
    expect(accusedAmong(1)).toBeGreaterThan(hi)
  })

  test('is said with wider bounds and a wider interval, by the normal quantile of 0.025 / family', () => {
    const { documents } = corpusOf(seedrandom('family'), 0.02, () => 1.5, 3000)
    const [alone, picked] = [1, 1000].map((family) =>
      markedShare(documents, { law, pairs: 'disjoint', family }),
    )
    expect(alone).toEqual(markedShare(documents, { law, pairs: 'disjoint' }))
    expect([alone!.family, picked!.family]).toEqual([1, 1000])
    expect(picked!.anyDependence.threshold).toBeCloseTo(alone!.anyDependence.threshold / 1000, 15)
    expect(picked!.guaranteed!.documents).toBeLessThan(alone!.guaranteed!.documents)
    expect(picked!.share).toBe(alone!.share)
    const width = ({ interval }: MarkedShare): number => interval!.upper - interval!.lower
    // 4.06 against 1.96 deviations.
    expect(width(picked!) / width(alone!)).toBeGreaterThan(1.9)
    expect(width(picked!) / width(alone!)).toBeLessThan(2.3)
  })
})

describe('arguments', () => {
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('documents: %s', (_, value) => {
    expectRefusal(() => markedShare(value as never, { law, pairs: 'disjoint' }), 'documents')
  })
  test.each<[string, object]>([
    ['law', { law: { kind: 'normal' } }],
    ['options.pairs', { pairs: true }],
    ['options.minimumCounted', { minimumCounted: 0 }],
    ['options.minimumEffect', { minimumEffect: 0 }],
    ['options.family', { family: 0 }],
    ['options', { alpha: 0.1 }],
  ])('%s', (name, changed) => {
    const options = { law, pairs: 'disjoint', ...changed }
    expectRefusal(() => markedShare([], options as never), name)
  })
  test('a sum that so many scores cannot give', () => {
    expectRefusal(() => markedShare([{ n: 100, sum: 101 }], { law, pairs: 'disjoint' }), 'evidence.sum')
  })
})
