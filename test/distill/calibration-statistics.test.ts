/**
 * Who is accused by each way to decide that a plan can ask for: contrasts of text and with exposure, all schemes, planned looks, e-processes,
 * the burn rule, classes of windows. Innocents are fixed and keys are drawn anew; each comparison fails a sound program once in a million.
 * Beside each stands the version that is broken in the way that looks harmless, which must fail.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { firstChoice } from '../../src/distill/count.ts'
import { type Measurement, measure, type Tested } from '../../src/distill/measure.ts'
import { type Observations, rowObservations, textObservations } from '../../src/distill/observations.ts'
import { samplesOf } from '../../src/distill/samples.ts'
import { createProcess } from '../../src/distill/sequential.ts'
import { tiltOf } from '../../src/distill/strength.ts'
import { exposureOf } from '../../src/plan/exposure.ts'
import { createPlan, type Plan, type PlanOptions } from '../../src/plan/plan.ts'
import { lookShare } from '../../src/plan/stopping.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnUpperTail } from '../../src/stats/tail.ts'
import { SCHEMES, schemeWithKeys } from '../support/schemes.ts'
import { binomialBand, poissonBinomialBand } from '../support/tolerance.ts'
import {
  completionsOf,
  copier,
  language,
  marked,
  mixed,
  rowsOf,
  type ToyLaw,
  textsOf,
} from '../support/toy-models.ts'

const V = 64
const KEYS = 500
const FALSE_ALARM = 1e-6
const LEVELS = [0.5, 0.1, 0.01]

const toy = (seed: string, width = 1): ToyLaw => language(seed, { vocabularySize: V, width })
const provider = toy('provider')
const innocent = mixed(0.5, provider, toy('own'))
const publicTexts = (seed: string, count: number, length: number): number[][] =>
  textsOf(toy('public'), { count, length, vocabularySize: V, random: seedrandom(seed) })

type SchemeName = keyof typeof SCHEMES

interface Owned extends Tested {
  readonly owner: ReturnType<typeof schemeWithKeys>
}

/** Fresh keys of a scheme. */
function keysOf(name: SchemeName, count: number, contextWidth = 1): Owned[] {
  return Array.from({ length: count }, (_, i) => {
    const owner = schemeWithKeys(`statistics ${i}`, SCHEMES[name], { contextWidth, vocabularySize: V })
    const { profile, key } = owner
    return { scheme: schemeOf(profile, { lanes: 1 }), key, lane: 0, owner }
  })
}

const green = keysOf('green list', KEYS)

function planOf(options: Partial<PlanOptions>, prompts: readonly number[][]): Plan {
  const common = { suspect: 'toy', origin: 'a toy language', contextWidth: 1, vocabularySize: V, decoys: 0 }
  return createPlan({ ...common, access: 'rows', prompts, ...options })
}

/** Rejected no more often than was said, at any level. */
function expectGuaranteed(lnPs: readonly number[]): void {
  for (const level of LEVELS) {
    const { hi } = binomialBand(lnPs.length, level, FALSE_ALARM)
    expect(rejections(lnPs, level), `rejections at ${level}`).toBeLessThanOrEqual(hi)
  }
}

function rejections(lnPs: readonly number[], level: number): number {
  return lnPs.filter((lnP) => lnP <= Math.log(level)).length
}

/** Rejected as often as the law of n scores says, at every level. */
function expectExact(lnPs: readonly number[], ns: readonly number[]): void {
  for (const level of LEVELS) {
    const sizes = ns.map((n) => attainable(n, level))
    const { lo, hi } = poissonBinomialBand(sizes, FALSE_ALARM)
    const found = rejections(lnPs, level)
    expect(found, `rejections at ${level}`).toBeGreaterThanOrEqual(lo)
    expect(found, `rejections at ${level}`).toBeLessThanOrEqual(hi)
  }
}

const law = green[0]!.scheme.nullLaw
const sizes = new Map<string, number>()

function attainable(n: number, level: number): number {
  const name = `${n} ${level}`
  let size = sizes.get(name)
  if (size === undefined) {
    let sum = 0
    while (sum <= n && lnUpperTail(law, { sum, n }) > Math.log(level)) sum++
    size = sum > n ? 0 : Math.exp(lnUpperTail(law, { sum, n }))
    sizes.set(name, size)
  }
  return size
}

function answersOf(suspect: ToyLaw, prompts: readonly number[][], tokens: number, seed: string) {
  const completions = completionsOf(suspect, prompts, { tokens, random: seedrandom(seed) })
  return prompts.map((prompt, i) => ({ prompt, completion: completions[i]! }))
}

/** What a reference says about each token of each answer. */
function lawsAbout(reference: ToyLaw, answers: readonly { prompt: number[]; completion: number[] }[]) {
  return answers.map(({ prompt, completion }) =>
    completion.map((_, j) => Float32Array.from(reference([...prompt, ...completion.slice(0, j)]))),
  )
}

const deciding = ({ sample }: Measurement): boolean => sample.deciding

/** ln p of the deciding test under each key. */
function decided(
  plan: Plan,
  observations: Observations,
  keys: readonly Tested[],
  exposure?: ReturnType<typeof exposureOf>,
): number[] {
  const samples = samplesOf(plan, observations, exposure)
  return keys.map((tested) => samples.map((sample) => measure(sample, tested)).find(deciding)!.lnP)
}

describe('contrast', () => {
  const prompts = publicTexts('prompts', 12, 8)
  const answers = answersOf(innocent, prompts, 40, 'answers')
  const format = { contextWidth: 1, vocabularySize: V }

  test('of sampled text: the bound is kept', () => {
    const observations = textObservations(answers, { ...format, references: [lawsAbout(provider, answers)] })
    const plan = planOf({ access: 'text', references: ['provider'] }, prompts)
    expect(plan.statistic).toBe('contrast')
    expectGuaranteed(decided(plan, observations, green))
  })

  const sequences = publicTexts('sequences', 8, 30)
  const rows = rowObservations(sequences, rowsOf(innocent, sequences), {
    ...format,
    references: [rowsOf(provider, sequences)],
  })

  test.each(['gumbel', 'tournament, 1 round', 'tournament, 30 rounds'] as const)(
    '%s: the bound is kept, and a thief is found',
    (name) => {
      const plan = planOf({ references: ['provider'] }, sequences)
      const keys = keysOf(name, 200)
      expectGuaranteed(decided(plan, rows, keys))
      // Averaged over the draw a gumbel mark is certain of its token: a tenth of that is a student that met few windows.
      const [first] = keys
      const thief = mixed(0.1, marked(provider, first!.owner), provider)
      const taught = rowObservations(sequences, rowsOf(thief, sequences), {
        ...format,
        references: [rowsOf(provider, sequences)],
      })
      const [own, other] = decided(plan, taught, keys.slice(0, 2))
      expect(own!).toBeLessThan(Math.log(1e-4))
      expect(other!).toBeGreaterThan(Math.log(1e-4))
    },
  )

  test('caught: an exponential score held against the law of bits', () => {
    const plan = planOf({ references: ['provider'] }, sequences)
    const contrast = samplesOf(plan, rows, undefined).find(({ statistic }) => statistic === 'contrast')!
    const lnPs = keysOf('gumbel', 200).map(({ scheme, ...tested }) => {
      // A mean of 1/4 where it is 1: what the sum of coefficients is multiplied with.
      return measure(contrast, { ...tested, scheme: { ...scheme, nullLaw: law } }).lnP
    })
    expect(() => expectGuaranteed(lnPs)).toThrow('rejections')
  })

  describe('windows weighed by exposure', () => {
    const keys = keysOf('green list', 200, 2)
    const wide = { contextWidth: 2, vocabularySize: V }
    const observations = rowObservations(sequences, rowsOf(innocent, sequences), {
      ...wide,
      references: [rowsOf(provider, sequences)],
    })
    const exposed = (texts: readonly number[][]) => exposureOf(texts, { ...wide, origin: 'texts' })
    const planned = (exposure: ReturnType<typeof exposureOf>) =>
      planOf({ contextWidth: 2, references: ['provider'], exposure }, sequences)

    test('of unmarked text: the bound is kept', () => {
      const exposure = exposed(
        textsOf(toy('public'), { count: 200, length: 60, vocabularySize: V, random: seedrandom('log') }),
      )
      expectGuaranteed(decided(planned(exposure), observations, keys, exposure))
    })

    test('caught: weights of pairs by how often the marked log has them', () => {
      const samples = samplesOf(
        planOf({ contextWidth: 2, references: ['provider'] }, sequences),
        observations,
        undefined,
      )
      const contrast = samples.find(({ statistic }) => statistic === 'contrast')!
      const lnPs = keys.slice(0, 60).map((tested) => {
        const starts = Array.from(observations.list, ({ window }) => Array.from(window))
        const law = marked(provider, tested.owner)
        const emitted = new Map<string, number>()
        for (const start of starts)
          for (const [token] of completionsOf(law, [start, start, start, start], {
            tokens: 1,
            random: seedrandom(start.join()),
          })) {
            const pair = [...start, token].join()
            emitted.set(pair, (emitted.get(pair) ?? 0) + 1)
          }
        const { pairs } = contrast.weighted
        const coefficients = contrast.weighted.coefficients.map(
          (a, i) => Math.abs(a) * (emitted.get(Array.from(pairs.subarray(3 * i, 3 * i + 3)).join()) ?? 0),
        )
        return measure({ ...contrast, weighted: { contextWidth: 2, pairs, coefficients } }, tested).lnP
      })
      expect(() => expectGuaranteed(lnPs)).toThrow('rejections')
    })
  })

  test('caught: the best of several statistics, uncorrected; corrected it is not', () => {
    // Exact ones, for the slack of a bound would hide it: the top token, asked about each quarter of the windows.
    const plan = planOf({ statistic: 'count', references: ['provider'] }, sequences)
    const samples = [0, 1, 2, 3].map((quarter) => {
      const list = rows.list.filter(({ window }) => window[0]! % 4 === quarter)
      return samplesOf(plan, { ...rows, list }, undefined)[0]!
    })
    const best = green.map((tested) => Math.min(...samples.map((sample) => measure(sample, tested).lnP)))
    expect(() => expectGuaranteed(best)).toThrow('rejections')
    expectGuaranteed(best.map((lnP) => Math.min(0, lnP + Math.log(4))))
  })

  test('strength: the interval covers 0 for an innocent about as often as it says', () => {
    const covered = green.filter((tested) => {
      const { lower, upper } = tiltOf(rows.list, tested, undefined)!.interval
      return lower <= 0 && 0 <= upper
    }).length
    // The interval is that of a normal law for a sum of about two thousand unequal bits.
    const { lo, hi } = binomialBand(KEYS, 0.95, FALSE_ALARM)
    expect(covered).toBeGreaterThanOrEqual(lo)
    expect(covered).toBeLessThanOrEqual(hi)
  })
})

describe('looks', () => {
  const sequences = publicTexts('looks', 40, 42)
  const observations = rowObservations(sequences, rowsOf(innocent, sequences), {
    contextWidth: 1,
    vocabularySize: V,
    references: [rowsOf(provider, sequences)],
  })
  const stopping = { rule: 'looks', first: 25, looks: 6 } as const

  test.each(['count', 'contrast'] as const)('%s: the smallest corrected p-value is one', (statistic) => {
    const plan = planOf({ statistic, references: ['provider'], stopping }, sequences)
    const samples = samplesOf(plan, observations, undefined).filter((sample) => sample.deciding)
    expect(samples).toHaveLength(6)
    const keys = statistic === 'count' ? green : green.slice(0, 200)
    const tried = keys.map((tested) => samples.map((sample) => measure(sample, tested)))
    const paid = tried.map((looks) =>
      Math.min(...looks.map(({ lnP, sample: { look } }) => Math.min(0, lnP - Math.log(look!.share)))),
    )
    expectGuaranteed(paid)
    const unpaid = tried.map((looks) => Math.min(...looks.map(({ lnP }) => lnP)))
    // The bound of the contrast is conservative enough to hide six looks; the exact one is not.
    if (statistic === 'count') expect(() => expectGuaranteed(unpaid)).toThrow('rejections')
  })

  test('the shares of any number of looks sum to less than 1', () => {
    const total = Array.from({ length: 10_000 }, (_, k) => lookShare(k)).reduce((a, b) => a + b)
    expect(total).toBeLessThan(1)
  })
})

describe('e-process', () => {
  const sequences = publicTexts('process', 20, 42)
  const observations = rowObservations(sequences, rowsOf(innocent, sequences), {
    contextWidth: 1,
    vocabularySize: V,
    references: [rowsOf(provider, sequences)],
  })
  const stopping = { rule: 'e-process', fresh: false } as const
  const planned = (statistic: 'count' | 'contrast') =>
    planOf({ statistic, references: ['provider'], stopping }, sequences)

  /** ln of the largest e-value on the way: what stopping at the worst moment makes of it. */
  function worst(plan: Plan, tested: Tested): number {
    const process = createProcess(plan, tested, undefined)
    for (const observation of observations.list) process.take(observation)
    return process.stopped().lnMaxE
  }

  test.each([
    ['count', 'green list'],
    ['contrast', 'green list'],
    ['count', 'gumbel'],
    ['contrast', 'gumbel'],
    ['contrast', 'tournament, 30 rounds'],
  ] as const)('%s, %s: stopped at the worst moment, 1 / e is a p-value', (statistic, name) => {
    const keys = name === 'green list' ? green.slice(0, 200) : keysOf(name, 200)
    const plan = planned(statistic)
    expectGuaranteed(keys.map((tested) => -worst(plan, tested)))
  })

  test('caught: a fixed-n p-value at the worst moment, where 1 % becomes many times that', () => {
    const samples = samplesOf(
      planOf({ statistic: 'count', references: ['provider'] }, sequences),
      observations,
      undefined,
    )
    const { weighted } = samples[0]!
    const lnPs = green.map((tested) => {
      let [sum, least] = [0, 0]
      for (let n = 1; n <= weighted.coefficients.length; n++) {
        const [w, v] = weighted.pairs.subarray(2 * n - 2, 2 * n)
        sum += tested.scheme.score(tested.scheme.field(tested.key, [w!], v!, 0))
        if (n >= 10) least = Math.min(least, lnUpperTail(law, { sum, n }))
      }
      return least
    })
    expect(() => expectGuaranteed(lnPs)).toThrow('rejections')
    expect(rejections(lnPs, 0.01) / KEYS).toBeGreaterThan(0.03)
  })

  test('caught: a factor for each occurrence of a pair', () => {
    const said = observations.list.map((observation) => ({
      window: observation.window,
      token: firstChoice(observation)!,
    }))
    const lnPs = green.slice(0, 200).map(({ scheme, key }) => {
      const scores = said.map(({ window, token }) => scheme.score(scheme.field(key, window, token, 0)))
      let [lnE, most] = [0, 0]
      for (const score of scores) {
        // A fair bet on a rate of 1/3 in place of 1/4.
        lnE += score === 1 ? Math.log(4 / 3) : Math.log(8 / 9)
        most = Math.max(most, lnE)
      }
      return -most
    })
    expect(() => expectGuaranteed(lnPs)).toThrow('rejections')
  })

  test('a thief is found by either, and sooner by the contrast', () => {
    const [first] = green
    const thief = mixed(0.2, marked(provider, first!.owner), mixed(0.5, provider, innocent))
    const taught = rowObservations(sequences, rowsOf(thief, sequences), {
      contextWidth: 1,
      vocabularySize: V,
      references: [rowsOf(provider, sequences)],
    })
    const [count, contrast] = (['count', 'contrast'] as const).map((statistic) => {
      const process = createProcess(planned(statistic), first!, undefined)
      for (const observation of taught.list) process.take(observation)
      return process.stopped().lnMaxE
    })
    expect(contrast!).toBeGreaterThan(Math.log(1e6))
    expect(contrast!).toBeGreaterThan(count!)
  })
})

describe('burn rule', () => {
  // Width 2: 4,096 windows, so that enough of them are globally first.
  const teacher = toy('provider', 2)
  const suspect = copier(toy('own', 2))
  const keys = keysOf('green list', 200, 2)
  const COUNTED = 64

  const asked = keys.map((tested) => {
    const random = seedrandom('marked prompts')
    const prompts = textsOf(marked(teacher, tested.owner), {
      count: 12,
      length: 24,
      vocabularySize: V,
      random,
    })
    return { tested, prompts, answers: answersOf(suspect, prompts, 40, 'copies') }
  })
  const plan = planOf(
    { access: 'text', contextWidth: 2, markedPrompts: true, counted: COUNTED, minimumCounted: 64 },
    asked[0]!.prompts,
  )

  function tried(windows: Observations['windows'], counted: number): Measurement[] {
    return asked.map(({ tested, answers }) => {
      const observations = textObservations(answers, { contextWidth: 2, vocabularySize: V, windows })
      const [sample] = samplesOf(plan, observations, undefined)
      return measure({ ...sample!, counted }, tested)
    })
  }

  test('the first so many globally first windows: exact, and conservative where there are fewer', () => {
    const enough = tried('globally-first', COUNTED)
    expect(Math.min(...enough.map(({ own }) => own.coefficients.length))).toBe(COUNTED)
    expectExact(
      enough.map(({ lnP }) => lnP),
      enough.map(() => COUNTED),
    )
    const short = tried('globally-first', 10 * COUNTED)
    expect(Math.max(...short.map(({ own }) => own.coefficients.length))).toBeLessThan(10 * COUNTED)
    expectGuaranteed(short.map(({ lnP }) => lnP))
  })

  test('an e-process over them may be stopped at the worst moment', () => {
    const process = planOf(
      { access: 'text', contextWidth: 2, markedPrompts: true, stopping: { rule: 'e-process' } },
      asked[0]!.prompts,
    )
    const lnPs = asked.map(({ tested, answers }) => {
      const running = createProcess(process, tested, undefined)
      const { list } = textObservations(answers, {
        contextWidth: 2,
        vocabularySize: V,
        windows: 'globally-first',
      })
      for (const observation of list) running.take(observation)
      return -running.stopped().lnMaxE
    })
    expectGuaranteed(lnPs)
  })

  test('caught: unique pairs in place of globally first windows', () => {
    // The published way: each pair once, wherever its window stood.
    const lnPs = asked.map(({ tested, answers }) => {
      const pairs = new Map<string, number>()
      for (const { prompt, completion } of answers) {
        const ids = [...prompt, ...completion]
        for (let i = prompt.length; i < ids.length; i++) {
          const [a, b, v] = ids.slice(i - 2, i + 1)
          pairs.set(`${a} ${b} ${v}`, tested.scheme.score(tested.scheme.field(tested.key, [a!, b!], v!, 0)))
        }
      }
      const sum = [...pairs.values()].reduce((a, b) => a + b, 0)
      return lnUpperTail(law, { sum, n: pairs.size })
    })
    expect(() => expectGuaranteed(lnPs)).toThrow('rejections')
  })

  test('caught: an n that stops where the sum is high', () => {
    const lnPs = tried('globally-first', COUNTED).map(({ own }, i) => {
      const { tested } = asked[i]!
      let [sum, least] = [0, 0]
      for (let n = 1; n <= own.coefficients.length; n++) {
        const [a, b, v] = own.pairs.subarray(3 * n - 3, 3 * n)
        sum += tested.scheme.score(tested.scheme.field(tested.key, [a!, b!], v!, 0))
        least = Math.min(least, lnUpperTail(law, { sum, n }))
      }
      return least
    })
    expect(() => expectGuaranteed(lnPs)).toThrow('rejections')
  })
})

describe('classes of windows', () => {
  const sequences = publicTexts('classes', 16, 40)
  const format = { contextWidth: 1, vocabularySize: V }
  const observations = rowObservations(sequences, rowsOf(innocent, sequences), {
    ...format,
    references: [rowsOf(provider, sequences)],
  })
  const log = textsOf(toy('public'), { count: 40, length: 40, vocabularySize: V, random: seedrandom('log') })
  const exposure = exposureOf(log, { ...format, origin: 'texts' })
  const plan = planOf({ references: ['provider'], exposure, classes: { frequent: 30 } }, sequences)
  const samples = samplesOf(plan, observations, exposure)
  const four = samples.filter((sample) => sample.deciding)

  test('four tests decide, over windows that are in one class or the other', () => {
    expect(four.map(({ part }) => `${part!.windows} ${part!.side}`)).toEqual([
      'frequent upper',
      'frequent lower',
      'rare upper',
      'rare lower',
    ])
    const [frequent, , rare] = four
    expect(frequent!.positions + rare!.positions).toBe(observations.list.length)
    for (const sample of [frequent!, rare!]) {
      expect(sample.positions).toBeGreaterThan(30)
      for (let i = 0; i < sample.weighted.coefficients.length; i++)
        expect(exposure.count([sample.weighted.pairs[2 * i]!]) >= 30).toBe(sample === frequent)
    }
  })

  test('the smallest of the four, corrected, is a p-value', () => {
    const keys = green.slice(0, 200)
    const least = keys.map((tested) => Math.min(...four.map((sample) => measure(sample, tested).lnP)))
    expectGuaranteed(least.map((lnP) => Math.min(0, lnP + Math.log(4))))
  })

  test('caught: the smallest of the four, uncorrected', () => {
    // Of the top token, whose tests from above are exact: the slack of four bounds would hide it.
    const counted = planOf({ statistic: 'count', exposure, classes: { frequent: 30 } }, sequences)
    const four = samplesOf(counted, observations, exposure).filter((sample) => sample.deciding)
    expect(four).toHaveLength(4)
    const least = green.map((tested) => Math.min(...four.map((sample) => measure(sample, tested).lnP)))
    expect(() => expectGuaranteed(least)).toThrow('rejections')
    expectGuaranteed(least.map((lnP) => Math.min(0, lnP + Math.log(4))))
  })

  test('a mark that is taken off by too much shows from below', () => {
    const [first] = green
    const own = marked(provider, first!.owner)
    // The provider's law with twice the mark, turned around.
    const over: ToyLaw = (ids) => {
      const [base, with_] = [provider(ids), own(ids)]
      const turned = base.map((p, v) => p ** 3 / with_[v]! ** 2)
      const total = turned.reduce((a, b) => a + b, 0)
      return turned.map((p) => p / total)
    }
    const seen = rowObservations(sequences, rowsOf(over, sequences), {
      ...format,
      references: [rowsOf(provider, sequences)],
    })
    const lnPs = samplesOf(plan, seen, exposure)
      .filter((sample) => sample.deciding)
      .map((sample) => measure(sample, first!).lnP)
    // Top tokens without a single green one: a few dozen distinct pairs say no more than that.
    expect(Math.min(lnPs[1]!, lnPs[3]!)).toBeLessThan(Math.log(1e-5))
    expect(lnPs[0]).toBe(0)
  })

  test('a reference that carries a fifth of the mark accuses nobody; caught: the contrast, negated', () => {
    const keys = green.slice(0, 40)
    const like = mixed(0.1, toy('own'), provider)
    const lnPs = keys.map((tested) => {
      const seen = rowObservations(sequences, rowsOf(like, sequences), {
        ...format,
        references: [rowsOf(mixed(0.2, marked(provider, tested.owner), provider), sequences)],
      })
      const four = samplesOf(plan, seen, exposure).filter((sample) => sample.deciding)
      const upper = four[0]!
      const { coefficients } = upper.weighted
      const negated = { ...upper.weighted, coefficients: coefficients.map((a) => -a) }
      return {
        least: Math.min(...four.map((sample) => measure(sample, tested).lnP)),
        broken: measure({ ...upper, weighted: negated }, tested).lnP,
      }
    })
    expectGuaranteed(lnPs.map(({ least }) => Math.min(0, least + Math.log(4))))
    expect(() => expectGuaranteed(lnPs.map(({ broken }) => broken))).toThrow('rejections')
  })
})
