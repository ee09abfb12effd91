/**
 * Holes of published tests for training on marked text, one test each: what went wrong elsewhere must not go wrong here. What such code
 * does is done in the test as well and seen to be wrong, so that no test passes by asking nothing.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { attribute } from '../../src/distill/attribution.ts'
import { textObservations } from '../../src/distill/observations.ts'
import { createSequentialTest } from '../../src/distill/sequential.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { createPlan, type PlanOptions } from '../../src/plan/plan.ts'
import { createFieldFunction } from '../../src/prf/fields.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnUpperTail } from '../../src/stats/tail.ts'
import { profileWithKey } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'
import {
  completionsOf,
  copier,
  language,
  marked,
  type ToyLaw,
  textCase,
  textsOf,
} from '../support/toy-models.ts'

const V = 64
const { profile, key } = profileWithKey('holes', { vocabularySize: V })
const family = [{ keyId: key.keyId }]
const provider = language('provider', { vocabularySize: V })
const own = language('own', { vocabularySize: V })
const prompts = textsOf(language('public', { vocabularySize: V }), {
  count: 12,
  length: 8,
  vocabularySize: V,
  random: seedrandom('prompts'),
})
const FALSE_ALARM = 1e-6

const planOf = (options: Partial<PlanOptions> = {}) =>
  createPlan({
    ...{
      suspect: 'toy',
      access: 'text',
      contextWidth: 1,
      vocabularySize: V,
      prompts,
      origin: 'a toy language',
    },
    ...{ family, decoys: 0, ...options },
  })

test('empty data are not p = 0', () => {
  const observations = textObservations(
    prompts.map((prompt) => ({ prompt, completion: [] })),
    { contextWidth: 1, vocabularySize: V },
  )
  const { decision, findings } = testDistillation({ plan: planOf(), observations, profile, key })
  expect(decision).toBe('insufficient')
  expect(findings[0]!.verdict).toMatchObject({ counted: 0, lnP: 0, log10P: 0, lnE: 0 })
})

test('far beyond the smallest double p keeps its order: no underflow becomes a p that says nothing', () => {
  const n = 400
  const bits = lnUpperTail({ kind: 'bernoulli', p: 1 / 256 }, { sum: n, n })
  expect(Math.exp(bits)).toBe(0)
  expect(bits / Math.LN10).toBeCloseTo(n * Math.log10(1 / 256), 6)
  // Through the whole pipeline: a suspect that says green tokens only, one in 256 being green.
  const rare = profileWithKey('rare', { vocabularySize: 4096, gamma: 1 / 256 })
  const scheme = schemeOf(rare.profile, { lanes: 1 })
  const completion = [1]
  const seen = new Set([1])
  for (let token = 2; completion.length < n && token < 4096; token++) {
    const green = scheme.score(scheme.field(rare.key, [completion.at(-1)!], token, 0)) === 1
    if (!green || seen.has(token)) continue
    completion.push(token)
    seen.add(token)
    token = 1
  }
  expect(completion.length).toBeGreaterThan(200)
  const plan = planOf({ vocabularySize: 4096, prompts: [[0]], family: [{ keyId: rare.key.keyId }] })
  const observations = textObservations([{ prompt: [0], completion }], {
    contextWidth: 1,
    vocabularySize: 4096,
  })
  const { findings, sentence } = testDistillation({
    plan,
    observations,
    profile: rare.profile,
    key: rare.key,
  })
  const { log10P } = findings[0]!.verdict
  expect(log10P).toBeLessThan(-400)
  expect(sentence).toContain(`10^${(Math.ceil(10 * log10P) / 10).toFixed(1)}`)
})

test('the exact tail, not Hoeffding, which does not know how small the variance is', () => {
  // Two thousand scores of which one in twenty is green by chance, and 155 are: 10^-1.3 in place of less than 10^-6.
  const [n, gamma, green] = [2000, 0.05, 155]
  const hoeffding = (-2 * n * (green / n - gamma) ** 2) / Math.LN10
  const exact = lnBinomialUpperTail(green, { n, p: gamma }) / Math.LN10
  expect(hoeffding).toBeGreaterThan(-1.5)
  expect(exact).toBeLessThan(-6)
  expect(lnUpperTail({ kind: 'bernoulli', p: gamma }, { sum: green, n }) / Math.LN10).toBe(exact)
})

describe('a filter of emitted pairs', () => {
  test('accuses an innocent there; here nothing that names a pair can come in', () => {
    const { plan, observations } = textCase(
      provider,
      { prompts, tokens: 60, random: seedrandom('answers') },
      { vocabularySize: V, family },
    )
    const log = textsOf(marked(provider, { profile, key }), {
      count: 12,
      length: 30,
      vocabularySize: V,
      random: seedrandom('log'),
    })
    const emitted = new Set(log.flatMap((ids) => ids.slice(1).map((id, i) => V * ids[i]! + id)))
    const scheme = schemeOf(profile, { lanes: 1 })
    const pairs = new Map(
      observations.list.map(({ window, tokens }) => [V * window[0]! + tokens[0]!, [window[0]!, tokens[0]!]]),
    )
    const kept = [...pairs].filter(([pair]) => emitted.has(pair)).map(([, pair]) => pair)
    const sum = kept.filter(([w, v]) => scheme.score(scheme.field(key, [w!], v!, 0)) === 1).length
    expect(lnUpperTail(scheme.nullLaw, { sum, n: kept.length })).toBeLessThan(Math.log(1e-6))
    expect(testDistillation({ plan, observations, profile, key }).decision).toBe('no-evidence')
    // Neither a plan nor a test takes a list of pairs, and observations that were filtered afterwards are refused.
    const filtered = observations.list.filter(({ window, tokens }) =>
      emitted.has(V * window[0]! + tokens[0]!),
    )
    expect(() =>
      testDistillation({ plan, observations: { ...observations, list: filtered }, profile, key }),
    ).toThrow('observations')
    expect(() => createPlan({ ...planOptions, filter: [[1, 2]] } as never)).toThrow('filter')
  })

  const planOptions: PlanOptions = {
    suspect: 'toy',
    access: 'text',
    contextWidth: 1,
    vocabularySize: V,
    prompts,
    origin: 'a toy language',
  }
})

describe('marked prompts and a copying innocent', () => {
  const wide = profileWithKey('wide', { vocabularySize: V, contextWidth: 2 })
  const teacher = language('provider', { vocabularySize: V, width: 2 })
  const suspect = copier(language('own', { vocabularySize: V, width: 2 }))
  const markedPrompts = textsOf(marked(teacher, wide), {
    count: 30,
    length: 40,
    vocabularySize: V,
    random: seedrandom('marked prompts'),
  })
  const completions = completionsOf(suspect, markedPrompts, { tokens: 40, random: seedrandom('copies') })
  const answers = markedPrompts.map((prompt, i) => ({ prompt, completion: completions[i]! }))
  const format = { contextWidth: 2, vocabularySize: V }
  const common = { contextWidth: 2, prompts: markedPrompts, family: [{ keyId: wide.key.keyId }] }
  const burnt = planOf({ ...common, markedPrompts: true, counted: 200 })

  test('unique pairs accuse it; windows that are globally first do not', () => {
    const scheme = schemeOf(wide.profile, { lanes: 1 })
    const pairs = new Map<string, number>()
    for (const { prompt, completion } of answers) {
      const ids = [...prompt, ...completion]
      for (let i = prompt.length; i < ids.length; i++) {
        const [a, b, v] = ids.slice(i - 2, i + 1)
        pairs.set(`${a} ${b} ${v}`, scheme.score(scheme.field(wide.key, [a!, b!], v!, 0)))
      }
    }
    const sum = [...pairs.values()].reduce((total, score) => total + score, 0)
    expect(lnUpperTail(scheme.nullLaw, { sum, n: pairs.size })).toBeLessThan(Math.log(1e-6))
    const observations = textObservations(answers, { ...format, windows: 'globally-first' })
    const found = testDistillation({ plan: burnt, observations, profile: wide.profile, key: wide.key })
    expect(found.decision).toBe('no-evidence')
    expect(found.findings).toHaveLength(1)
    expect(found.findings[0]).toMatchObject({ statistic: 'count', deciding: true, decoys: undefined })
    expect(found.controls.burned).toBe(observations.burned)
    expect(found.controls.burned).toBeGreaterThan(0)
    expect(found.controls.prompts.marked).toBe(true)
    expect(found.notes.join()).toContain('globally first')
  })

  test('observations under another rule than the plan asks for are refused, either way', () => {
    const open = textObservations(answers, format)
    const first = textObservations(answers, { ...format, windows: 'globally-first' })
    const mark = { profile: wide.profile, key: wide.key }
    expect(() => testDistillation({ plan: burnt, observations: open, ...mark })).toThrow(
      'observations.windows',
    )
    expect(() => testDistillation({ plan: planOf(common), observations: first, ...mark })).toThrow(
      'observations.windows',
    )
  })
})

describe('looking while tokens stream', () => {
  const KEYS = 300
  const owners = Array.from({ length: KEYS }, (_, i) => profileWithKey(`streams ${i}`, { vocabularySize: V }))
  const completions = completionsOf(own, prompts, { tokens: 60, random: seedrandom('streams') })
  const answers = prompts.map((prompt, i) => ({ prompt, completion: completions[i]! }))
  const each = answers.map((answer) => textObservations([answer], { contextWidth: 1, vocabularySize: V }))

  test('a fixed-n p-value turns 1 % into many times that; 1 / e after every answer does not', () => {
    const law = { kind: 'bernoulli', p: 0.25 } as const
    let [peeked, watched] = [0, 0]
    for (const { profile, key } of owners) {
      const plan = planOf({
        stopping: { rule: 'e-process' },
        family: [{ keyId: key.keyId }],
        minimumCounted: 1,
        alpha: 0.01,
      })
      const sequential = createSequentialTest({ plan, profile, key })
      const scheme = schemeOf(profile, { lanes: 1 })
      const pairs = new Map<number, number>()
      let low = false
      for (const observations of each) {
        sequential.add(observations)
        for (const { window, tokens } of observations.list) {
          pairs.set(V * window[0]! + tokens[0]!, scheme.score(scheme.field(key, window, tokens[0]!, 0)))
          const sum = [...pairs.values()].reduce((a, b) => a + b, 0)
          low ||= pairs.size >= 10 && lnUpperTail(law, { sum, n: pairs.size }) <= Math.log(0.01)
        }
      }
      if (low) peeked++
      if (sequential.state.decision === 'evidence') watched++
    }
    const { hi } = binomialBand(KEYS, 0.01, FALSE_ALARM)
    expect(peeked).toBeGreaterThan(hi)
    expect(watched).toBeLessThanOrEqual(hi)
  })

  test('a plan without the rule refuses to be watched', () => {
    expect(() => createSequentialTest({ plan: planOf(), profile, key })).toThrow('e-process')
  })
})

test('windows (a, b) and (a + 1, b - 35317) share no list: a window is a nonce, not a short hash', () => {
  const field = createFieldFunction({ contextWidth: 2, bits: 1, lanes: 1 })
  const bits = (context: number[]) =>
    Array.from({ length: 512 }, (_, v) => field(wideKey, context, v, 0)).join('')
  expect(bits([100, 40000])).not.toBe(bits([101, 40000 - 35317]))
  // What the published reduction does: the same seed for both.
  const seed = ([a, b]: number[]) => (35317 * a! + b!) % 2 ** 32
  expect(seed([100, 40000])).toBe(seed([101, 40000 - 35317]))
})
const wideKey = profileWithKey('nonce', { vocabularySize: V, contextWidth: 2, gamma: 0.5 }).key

test('no window reaches over the seam of two answers', () => {
  const format = { contextWidth: 2, vocabularySize: V }
  const answers = [
    { prompt: [1, 2], completion: [3, 4, 5] },
    { prompt: [6], completion: [7, 8, 9] },
  ]
  const windows = textObservations(answers, format).list.map(({ window }) => Array.from(window).join(' '))
  expect(windows).toEqual(['1 2', '2 3', '3 4', '6 7', '7 8'])
})

test('keys chosen after looking: the whole family is paid for, and a key beside it is said to be one', () => {
  const suspect: ToyLaw = own
  const owners = Array.from({ length: 40 }, (_, i) => profileWithKey(`chosen ${i}`, { vocabularySize: V }))
  const named = owners.map(({ key }) => ({ keyId: key.keyId }))
  const { observations } = textCase(
    suspect,
    { prompts, tokens: 60, random: seedrandom('chosen') },
    { vocabularySize: V },
  )
  const plan = planOf({ family: named, alpha: 0.05 })
  const { conclusions, family } = attribute({
    plan,
    observations,
    candidates: owners.map(({ profile, key }) => ({ profile, key })),
  })
  expect(family).toEqual({ size: 40, tried: 40, method: 'holm' })
  const best = conclusions.reduce((a, b) => (b.findings[0]!.verdict.lnP < a.findings[0]!.verdict.lnP ? b : a))
  // Picked after looking, the best of forty innocents is below 5 %.
  expect(best.findings[0]!.verdict.lnP).toBeLessThan(Math.log(0.05))
  expect(conclusions.map(({ decision }) => decision)).not.toContain('evidence')
  // Tried alone, it still pays for all that the plan names.
  const chosen = owners.find(({ key }) => key.keyId === best.keyId)!
  const alone = testDistillation({ plan, observations, profile: chosen.profile, key: chosen.key })
  expect(alone.family).toMatchObject({ size: 40, method: 'holm' })
  expect(alone.decision).toBe('no-evidence')
  // And where the plan names another key, or none, the result is exploratory.
  const other = testDistillation({ plan: planOf(), observations, profile: chosen.profile, key: chosen.key })
  expect(other.exploratory!.reasons[0]).toContain('not in the family')
  expect(other.family.size).toBe(2)
})
