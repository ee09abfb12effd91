/**
 * False accusations of models: 1,000 fresh keys for each innocent that an adversary, or bad luck, may put before the test. Each kind goes through
 * the shipped statistics of text and of rows, and its rejections at 0.1, 0.01 and 0.001 are held against the exact attainable sizes (count) or
 * must not exceed what was said (bounds and e-processes). Pipelines that are broken in ways that look harmless go through the same checks and must
 * fail. Each comparison fails a sound program once in a million. Run time: about ten minutes of one core.
 */
import seedrandom from 'seedrandom'
import { beforeAll, describe, expect, test } from 'vitest'
import { contrastPairs } from '../../src/distill/contrast.ts'
import { measure, type Tested } from '../../src/distill/measure.ts'
import {
  type Answer,
  type Observation,
  type Observations,
  rowObservations,
  textObservations,
} from '../../src/distill/observations.ts'
import { poolPairs, type WeightedPairs } from '../../src/distill/pairs.ts'
import { type Sample, samplesOf } from '../../src/distill/samples.ts'
import { createProcess } from '../../src/distill/sequential.ts'
import { createPlan, type Plan, type PlanOptions } from '../../src/plan/plan.ts'
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
  repeater,
  rowsOf,
  type ToyLaw,
  tempered,
  textsOf,
} from '../support/toy-models.ts'

const V = 128
const KEYS = 1000
const FALSE_ALARM = 1e-6
const LEVELS = [0.1, 0.01, 0.001]
const format = { contextWidth: 1, vocabularySize: V }

type SchemeName = keyof typeof SCHEMES
type Owner = ReturnType<typeof schemeWithKeys>
interface Owned extends Tested {
  readonly owner: Owner
}

function keysOf(name: SchemeName, count: number, contextWidth = 1): Owned[] {
  return Array.from({ length: count }, (_, i) => {
    const owner = schemeWithKeys(`slow ${name} ${i}`, SCHEMES[name], { contextWidth, vocabularySize: V })
    return { scheme: schemeOf(owner.profile, { lanes: 1 }), key: owner.key, lane: 0, owner }
  })
}

const toy = (seed: string, width = 1): ToyLaw => language(seed, { vocabularySize: V, width })
const teacher = toy('teacher')
const base = toy('base')
const publicTexts = (seed: string, count: number, length: number, width = 1): number[][] =>
  textsOf(toy('public', width), { count, length, vocabularySize: V, random: seedrandom(seed) })

/** A student: the counts of what follows each token in its training texts, with a public base in place of eight tokens a window. */
function studentOf(texts: readonly (readonly number[])[]): ToyLaw {
  const counts = new Map<number, Float64Array>()
  for (const ids of texts)
    for (let i = 1; i < ids.length; i++) {
      const row = counts.get(ids[i - 1]!) ?? new Float64Array(V)
      row[ids[i]!]!++
      counts.set(ids[i - 1]!, row)
    }
  return (ids) => {
    const row = counts.get(ids.at(-1)!)
    const prior = base(ids)
    if (!row) return prior
    const total = row.reduce((a, b) => a + b, 8)
    return row.map((n, v) => (n + 8 * prior[v]!) / total)
  }
}

const trainedOn = (law: ToyLaw, seed: string): ToyLaw =>
  studentOf(textsOf(law, { count: 60, length: 100, vocabularySize: V, random: seedrandom(seed) }))

/** Always the same form, with a word in each slot. */
const template: ToyLaw = (() => {
  const form = [3, 14, -1, 15, 92, -1, 65, 35, -1, 89, 79]
  return (ids) => {
    const token = form[ids.length % form.length]!
    return token < 0 ? teacher(ids) : new Float64Array(V).fill(1, token, token + 1)
  }
})()

const other = schemeWithKeys('somebody else', SCHEMES['green list'], { vocabularySize: V })
const otherScheme = schemeWithKeys('another scheme', SCHEMES.gumbel, { vocabularySize: V })

const innocents: Record<string, () => ToyLaw> = {
  'a student of unmarked text of the same teacher': () => trainedOn(teacher, 'student'),
  'a student of text marked with another key': () => trainedOn(marked(teacher, other), 'student'),
  'a student of text marked with another scheme': () => trainedOn(marked(teacher, otherScheme), 'student'),
  'one that copies from its prompt': () => copier(base),
  'one that repeats itself': () => repeater(base, [5, 17, 3, 40, 22, 61, 8, 33]),
  templates: () => template,
}

const prompts = publicTexts('prompts', 20, 10)
const sequences = publicTexts('sequences', 10, 25)

function planOf(options: Partial<PlanOptions>): Plan {
  const common = { suspect: 'toy', origin: 'a toy language', ...format, decoys: 0, prompts: sequences }
  return createPlan({ access: 'rows', ...common, ...options })
}

function answersOf(suspect: ToyLaw, put: readonly number[][], tokens: number, seed: string): Answer[] {
  const completions = completionsOf(suspect, put, { tokens, random: seedrandom(seed) })
  return put.map((prompt, i) => ({ prompt, completion: completions[i]! }))
}

function lawsAbout(reference: ToyLaw, answers: readonly Answer[]): Float32Array[][] {
  return answers.map(({ prompt, completion }) =>
    Array.from(completion, (_, j) =>
      Float32Array.from(reference([...Array.from(prompt), ...Array.from(completion).slice(0, j)])),
    ),
  )
}

interface Asked {
  readonly text: { plan: Plan; observations: Observations; samples: readonly Sample[] }
  readonly rows: { plan: Plan; observations: Observations; samples: readonly Sample[] }
}

/** What a suspect said, by both kinds of access, with one reference. */
function ask(suspect: ToyLaw, reference: ToyLaw = teacher): Asked {
  const answers = answersOf(suspect, prompts, 30, 'answers')
  const text = textObservations(answers, { ...format, references: [lawsAbout(reference, answers)] })
  const rows = rowObservations(sequences, rowsOf(suspect, sequences), {
    ...format,
    references: [rowsOf(reference, sequences)],
  })
  const planned = (options: Partial<PlanOptions>, observations: Observations) => {
    const plan = planOf({ references: ['reference'], ...options })
    return { plan, observations, samples: samplesOf(plan, observations, undefined) }
  }
  return { text: planned({ access: 'text', prompts }, text), rows: planned({}, rows) }
}

interface Tried {
  readonly lnP: number
  readonly n: number
}

const under = (sample: Sample, keys: readonly Tested[]): Tried[] =>
  keys.map((tested) => measure(sample, tested))

const sizes = new Map<string, number>()

/** How often an exact test of n scores rejects at a level. */
function attainable({ scheme: { nullLaw: law } }: Tested, n: number, level: number): number {
  if (law.kind === 'exponential') return level
  const name = `${JSON.stringify(law)} ${n} ${level}`
  let size = sizes.get(name)
  if (size === undefined) {
    let [low, high] = [0, (law.kind === 'binomial' ? law.trials * n : n) + 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (lnUpperTail(law, { sum: middle, n }) <= Math.log(level)) high = middle
      else low = middle + 1
    }
    size = Math.exp(lnUpperTail(law, { sum: low, n }))
    sizes.set(name, size)
  }
  return size
}

function rejections(tried: readonly Tried[], level: number): number {
  return tried.filter(({ lnP }) => lnP <= Math.log(level)).length
}

function expectExact(tried: readonly Tried[], tested: Tested): void {
  for (const level of LEVELS) {
    const own = tried.map(({ n }) => attainable(tested, n, level))
    // Exponential scores are rounded down by less than 2^-20, so their size is below the level by a part in thousands at most.
    const slack = tested.scheme.nullLaw.kind === 'exponential' ? 1 - 1e-3 : 1
    const { hi } = poissonBinomialBand(own, FALSE_ALARM)
    const { lo } = poissonBinomialBand(
      own.map((size) => size * slack),
      FALSE_ALARM,
    )
    const found = rejections(tried, level)
    expect(found, `rejections at ${level}`).toBeGreaterThanOrEqual(lo)
    expect(found, `rejections at ${level}`).toBeLessThanOrEqual(hi)
  }
}

function expectGuaranteed(tried: readonly Tried[]): void {
  for (const level of LEVELS) {
    const { hi } = binomialBand(tried.length, level, FALSE_ALARM)
    expect(rejections(tried, level), `rejections at ${level}`).toBeLessThanOrEqual(hi)
  }
}

/** What went wrong, or undefined: for controls, which must go wrong. */
function caught(check: () => void): void {
  expect(check).toThrow('rejections')
}

const statistic = (name: 'count' | 'contrast') => (sample: Sample) => sample.statistic === name

describe.each(['green list', 'gumbel', 'tournament, 30 rounds'] as const)('%s', (name) => {
  const keys = keysOf(name, KEYS)

  test.each(Object.entries(innocents))('%s', (_, suspect) => {
    const { text, rows } = ask(suspect())
    for (const { samples } of [text, rows]) {
      const counted = samples.find(statistic('count'))!
      expect(counted.weighted.coefficients.length).toBeGreaterThan(7)
      expectExact(under(counted, keys), keys[0]!)
      expectGuaranteed(under(samples.find(statistic('contrast'))!, keys))
    }
  })

  test('a reference that is marked with another key', () => {
    const reference = name === 'green list' ? marked(teacher, other) : marked(teacher, otherScheme)
    const { text, rows } = ask(trainedOn(teacher, 'student'), mixed(0.5, reference, teacher))
    for (const { samples } of [text, rows])
      expectGuaranteed(under(samples.find(statistic('contrast'))!, keys))
  })

  test('optional stopping at the worst moment', () => {
    const { rows } = ask(trainedOn(teacher, 'student'))
    for (const deciding of ['count', 'contrast'] as const) {
      const plan = planOf({ references: ['reference'], statistic: deciding, stopping: { rule: 'e-process' } })
      expectGuaranteed(
        keys.map((tested) => {
          const process = createProcess(plan, tested, undefined)
          for (const observation of rows.observations.list) process.take(observation)
          const { lnMaxE, n } = process.stopped()
          return { lnP: -lnMaxE, n }
        }),
      )
    }
  })

  test('the best of both statistics and both kinds of access, corrected', () => {
    const { text, rows } = ask(trainedOn(teacher, 'student'))
    const samples = [...text.samples, ...rows.samples]
    const all = samples.map((sample) => under(sample, keys))
    expectGuaranteed(
      keys.map((_, i) => {
        const least = Math.min(...all.map((tried) => tried[i]!.lnP))
        return { lnP: Math.min(0, least + Math.log(samples.length)), n: 1 }
      }),
    )
  })
})

describe('prompts with marked text', () => {
  const COUNTED = 64
  const wideTeacher = toy('teacher', 2)
  const suspect = copier(toy('base', 2))
  const wide = { contextWidth: 2, vocabularySize: V }
  const keys = keysOf('green list', KEYS, 2)
  let asked: { tested: Owned; answers: Answer[] }[]

  beforeAll(() => {
    asked = keys.map((tested) => {
      const put = textsOf(marked(wideTeacher, tested.owner), {
        count: 8,
        length: 24,
        vocabularySize: V,
        random: seedrandom('marked prompts'),
      })
      return { tested, answers: answersOf(suspect, put, 40, 'copies') }
    })
  }, 3_600_000)

  const planned = (stopping: PlanOptions['stopping']) =>
    createPlan({
      ...{ suspect: 'toy', access: 'text', ...wide, prompts, origin: 'marked text', markedPrompts: true },
      ...(stopping?.rule === 'e-process' ? { stopping } : { counted: COUNTED }),
    })

  test('under the burn rule: exact for the first so many windows', () => {
    const tried = asked.map(({ tested, answers }) => {
      const observations = textObservations(answers, { ...wide, windows: 'globally-first' })
      expect(observations.list.length).toBeGreaterThanOrEqual(COUNTED)
      return measure(samplesOf(planned(undefined), observations, undefined)[0]!, tested)
    })
    expectExact(tried, keys[0]!)
  })

  test('under the burn rule: an e-process may be stopped at the worst moment', () => {
    const plan = planned({ rule: 'e-process' })
    expectGuaranteed(
      asked.map(({ tested, answers }) => {
        const process = createProcess(plan, tested, undefined)
        for (const observation of textObservations(answers, { ...wide, windows: 'globally-first' }).list)
          process.take(observation)
        const { lnMaxE, n } = process.stopped()
        return { lnP: -lnMaxE, n }
      }),
    )
  })

  test('caught: unique pairs, wherever their windows stood', () => {
    let zs = 0
    const tried = asked.map(({ tested: { scheme, key }, answers }) => {
      const scores = new Map<string, number>()
      for (const { prompt, completion } of answers) {
        const ids = [...Array.from(prompt), ...Array.from(completion)]
        for (let i = prompt.length; i < ids.length; i++) {
          const [a, b, v] = ids.slice(i - 2, i + 1)
          scores.set(`${a} ${b} ${v}`, scheme.score(scheme.field(key, [a!, b!], v!, 0)))
        }
      }
      const sum = [...scores.values()].reduce((total, score) => total + score, 0)
      zs += (sum - scores.size / 4) / Math.sqrt((scores.size * 3) / 16)
      return { lnP: lnUpperTail(scheme.nullLaw, { sum, n: scores.size }), n: scores.size }
    })
    caught(() => expectGuaranteed(tried))
    // Not by chance: the mean over keys is several standard deviations, where the standard error is 1 / sqrt(1,000).
    expect(zs / KEYS).toBeGreaterThan(1)
  })
})

describe('caught, through the same checks', () => {
  const keys = keysOf('green list', KEYS)
  const student = trainedOn(teacher, 'student')
  const { rows, text } = ask(student)
  const counted = text.samples.find(statistic('count'))!
  const contrast = rows.samples.find(statistic('contrast'))!

  /** How often the marked log of an owner has each pair. */
  function logOf({ owner }: Owned): Map<number, number> {
    const log = textsOf(marked(teacher, owner), {
      count: 20,
      length: 60,
      vocabularySize: V,
      random: seedrandom('log'),
    })
    const counts = new Map<number, number>()
    for (const ids of log)
      for (let i = 1; i < ids.length; i++) {
        const pair = V * ids[i - 1]! + ids[i]!
        counts.set(pair, (counts.get(pair) ?? 0) + 1)
      }
    return counts
  }

  const few = keys.slice(0, 200)
  const pairAt = ({ pairs }: WeightedPairs, i: number): number => V * pairs[2 * i]! + pairs[2 * i + 1]!

  test('weights from counts of emitted pairs of marked logs', () => {
    const tried = few.map((tested) => {
      const log = logOf(tested)
      const { weighted } = contrast
      const coefficients = weighted.coefficients.map(
        (a, i) => Math.abs(a) * (log.get(pairAt(weighted, i)) ?? 0),
      )
      return measure({ ...contrast, weighted: { ...weighted, coefficients } }, tested)
    })
    caught(() => expectGuaranteed(tried))
  })

  test('a filter of emitted pairs', () => {
    const tried = few.map((tested) => {
      const log = logOf(tested)
      const { weighted } = counted
      const kept = [...weighted.coefficients.keys()].filter((i) => log.has(pairAt(weighted, i)))
      const own = kept.map((i) => ({
        window: [weighted.pairs[2 * i]!],
        token: weighted.pairs[2 * i + 1]!,
        value: 1,
      }))
      return measure({ ...counted, weighted: poolPairs(own, 1) }, tested)
    })
    caught(() => expectGuaranteed(tried))
  })

  test('choosing the key after looking', () => {
    const all = under(counted, keys)
    const best = Array.from({ length: KEYS / 5 }, (_, i) =>
      all.slice(5 * i, 5 * i + 5).reduce((a, b) => (b.lnP < a.lnP ? b : a)),
    )
    caught(() => expectGuaranteed(best))
    expectGuaranteed(best.map(({ lnP, n }) => ({ lnP: Math.min(0, lnP + Math.log(5)), n })))
  })

  test('peeking with a fixed-n p-value', () => {
    const { pairs, coefficients } = counted.weighted
    const tried = keys.map(({ scheme, key }): Tried => {
      let [sum, lnP] = [0, 0]
      for (let n = 1; n <= coefficients.length; n++) {
        sum += scheme.score(scheme.field(key, [pairs[2 * n - 2]!], pairs[2 * n - 1]!, 0))
        if (n >= 20) lnP = Math.min(lnP, lnUpperTail(scheme.nullLaw, { sum, n }))
      }
      return { lnP, n: coefficients.length }
    })
    caught(() => expectGuaranteed(tried))
  })

  test('a marked reference with weights of either sign; of one sign it accuses nobody', () => {
    // Less sure of itself than the provider: asked for the best fit, a sharp marked reference comes in with a negative weight.
    const suspect = tempered(teacher, 2)
    const plain = rowsOf(teacher, sequences)
    const said = rowsOf(suspect, sequences)
    const lists = keys.slice(0, 100).map((tested) => {
      const sharp = tempered(marked(teacher, tested.owner), 0.5)
      const references = [plain, rowsOf(sharp, sequences)]
      return { tested, list: rowObservations(sequences, said, { ...format, references }).list }
    })
    const sampleOf = (weighted: WeightedPairs): Sample => ({ ...contrast, weighted })
    caught(() =>
      expectGuaranteed(
        lists.map(({ tested, list }) =>
          measure(sampleOf(poolPairs(residuals(list, bestFit(list)), 1)), tested),
        ),
      ),
    )
    expectGuaranteed(lists.map(({ tested, list }) => measure(sampleOf(contrastPairs(list, 1)), tested)))
  })
})

/** Least squares of two references in roots, with weights of either sign. */
function bestFit(list: readonly Observation[]): [number, number] {
  let [aa, ab, bb, at, bt] = [0, 0, 0, 0, 0]
  for (const { tokens, weights, references } of list)
    for (let k = 0; k < tokens.length; k++) {
      const [a, b, t] = [Math.sqrt(references[0]![k]!), Math.sqrt(references[1]![k]!), Math.sqrt(weights[k]!)]
      aa += a * a
      ab += a * b
      bb += b * b
      at += a * t
      bt += b * t
    }
  const determinant = aa * bb - ab * ab
  return [(bb * at - ab * bt) / determinant, (aa * bt - ab * at) / determinant]
}

function* residuals(list: readonly Observation[], [a, b]: [number, number]) {
  for (const { window, tokens, weights, references } of list)
    for (let k = 0; k < tokens.length; k++) {
      const told = a * Math.sqrt(references[0]![k]!) + b * Math.sqrt(references[1]![k]!)
      yield { window, token: tokens[k]!, value: Math.sqrt(weights[k]!) - told }
    }
}
