/** The sequential test: it takes each pair once, comes to the same in one piece or in many, and says when to stop. */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { type Answer, rowObservations, textObservations } from '../../src/distill/observations.ts'
import { createProcess, createSequentialTest } from '../../src/distill/sequential.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { createPlan, type PlanOptions } from '../../src/plan/plan.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnEValue } from '../../src/stats/e-value.ts'
import { profileWithKey } from '../support/keys.ts'
import {
  completionsOf,
  language,
  marked,
  mixed,
  rowsOf,
  type ToyLaw,
  textsOf,
} from '../support/toy-models.ts'

const V = 64
const { profile, key } = profileWithKey('sequential', { vocabularySize: V })
const provider = language('provider', { vocabularySize: V })
const innocent = language('innocent', { vocabularySize: V })
const thief = marked(provider, { profile, key })
const prompts = textsOf(language('public', { vocabularySize: V }), {
  count: 20,
  length: 8,
  vocabularySize: V,
  random: seedrandom('prompts'),
})
const family = [{ keyId: key.keyId }]
const format = { contextWidth: 1, vocabularySize: V }

const planOf = (options: Partial<PlanOptions> = {}) =>
  createPlan({
    ...{ suspect: 'toy', access: 'text', ...format, prompts, origin: 'a toy language', family, decoys: 0 },
    ...{ stopping: { rule: 'e-process' }, ...options },
  })

function answersOf(law: ToyLaw): Answer[] {
  const completions = completionsOf(law, prompts, { tokens: 30, random: seedrandom('answers') })
  return prompts.map((prompt, i) => ({ prompt, completion: completions[i]! }))
}

const begin = (plan = planOf()) => createSequentialTest({ plan, profile, key })

describe('count', () => {
  test('at the start nothing is said', () => {
    expect(begin().state).toEqual({
      observations: 0,
      counted: 0,
      lnE: 0,
      lnMaxE: 0,
      lnP: 0,
      log10P: 0,
      lnThreshold: -Math.log(1e-6),
      decision: 'continue',
      path: [],
    })
  })

  test('the e-value is that of the distinct pairs so far, whatever repeats', () => {
    const sequential = begin()
    const scheme = schemeOf(profile, { lanes: 1 })
    const pairs = new Map<number, number>()
    let lnMaxE = 0
    for (const answer of answersOf(innocent)) {
      const observations = textObservations([answer], format)
      for (const { window, tokens } of observations.list) {
        pairs.set(V * window[0]! + tokens[0]!, scheme.score(scheme.field(key, window, tokens[0]!, 0)))
        const sum = [...pairs.values()].reduce((a, b) => a + b, 0)
        lnMaxE = Math.max(lnMaxE, lnEValue(scheme.nullLaw, { sum, n: pairs.size }))
      }
      const state = sequential.add(observations)
      const sum = [...pairs.values()].reduce((a, b) => a + b, 0)
      expect(state.counted).toBe(pairs.size)
      expect(state.lnE).toBeCloseTo(lnEValue(scheme.nullLaw, { sum, n: pairs.size }), 9)
      expect(state.lnMaxE).toBeCloseTo(lnMaxE, 9)
      expect(state.lnP).toBe(0 - state.lnMaxE)
    }
    expect(sequential.state.path).toHaveLength(prompts.length)
    // The same answers again bring nothing new.
    const { lnE, counted } = sequential.state
    const again = sequential.add(textObservations(answersOf(innocent).slice(0, 1), format))
    expect([again.lnE, again.counted]).toEqual([lnE, counted])
  })

  test('a thief is evidence before the last answer, and the decision stays', () => {
    const sequential = begin()
    const decisions = answersOf(thief).map(
      (answer) => sequential.add(textObservations([answer], format)).decision,
    )
    const first = decisions.indexOf('evidence')
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThan(prompts.length - 1)
    expect(new Set(decisions.slice(first))).toEqual(new Set(['evidence']))
    expect(new Set(decisions.slice(0, first))).toEqual(new Set(['continue']))
  })

  test('a family of m keys asks for m times as much', () => {
    const named = Array.from({ length: 9 }, (_, lane) => ({ keyId: '0'.repeat(16), lane }))
    const { lnThreshold } = begin(planOf({ family: [...family, ...named] })).state
    expect(lnThreshold).toBeCloseTo(Math.log(10 / 1e-6), 12)
  })

  test('too few pairs are no evidence, whatever they say', () => {
    const sequential = begin(planOf({ alpha: 0.5, minimumCounted: 500 }))
    const { lnMaxE, lnThreshold, counted, decision } = sequential.add(
      textObservations(answersOf(thief), format),
    )
    expect(lnMaxE).toBeGreaterThan(lnThreshold)
    expect(counted).toBeLessThan(500)
    expect(decision).toBe('continue')
  })

  test('futility: the plan says when to give up', () => {
    const sequential = begin(planOf({ stopping: { rule: 'e-process', futility: 100 } }))
    const states = answersOf(innocent).map((answer) => sequential.add(textObservations([answer], format)))
    for (const { counted, decision } of states) expect(decision).toBe(counted >= 100 ? 'futile' : 'continue')
    expect(states.at(-1)!.decision).toBe('futile')
  })

  test('frozen, every state of it', () => {
    const { state } = begin()
    for (const part of [state, state.path]) expect(Object.isFrozen(part)).toBe(true)
  })
})

describe('contrast', () => {
  const sequences = prompts.map((ids) => [...ids])
  const plan = planOf({ access: 'rows', references: ['provider'], statistic: 'contrast' })
  const observe = (law: ToyLaw, from = 0, to = sequences.length) =>
    rowObservations(sequences.slice(from, to), rowsOf(law, sequences.slice(from, to)), {
      ...format,
      references: [rowsOf(provider, sequences.slice(from, to))],
    })

  test('a diluted thief is found, an innocent is not', () => {
    const found = begin(plan).add(observe(mixed(0.3, thief, provider)))
    expect(found.decision).toBe('evidence')
    expect(begin(plan).add(observe(innocent)).decision).toBe('continue')
  })

  test('in one piece or in many: the same', () => {
    const many = begin(plan)
    for (let i = 0; i < sequences.length; i++) many.add(observe(innocent, i, i + 1))
    const one = begin(plan).add(observe(innocent))
    const { path: _, ...state } = many.state
    expect(one).toMatchObject(state)
  })

  test('testDistillation takes the same way and quotes the largest e-value', () => {
    const observations = observe(mixed(0.3, thief, provider))
    const { lnMaxE, lnE, counted } = begin(plan).add(observations)
    const { findings, decision, stopped, power, strength } = testDistillation({
      plan,
      observations,
      profile,
      key,
    })
    expect(decision).toBe('evidence')
    expect(findings).toHaveLength(1)
    expect(findings[0]!.verdict).toMatchObject({
      counted,
      lnE,
      lnP: 0 - lnMaxE,
      tail: 'bound',
      method: 'distill/contrast/e-process',
    })
    expect(findings[0]!.decoys).toBeUndefined()
    expect(stopped).toMatchObject({ rule: 'e-process', fresh: false, lnE, lnMaxE, futile: false })
    expect(power).toBeUndefined()
    expect(strength!.kind).toBe('tilt')
  })

  test('nothing at all is insufficient', () => {
    const nothing = textObservations(
      prompts.map((prompt) => ({ prompt, completion: [] })),
      format,
    )
    const conclusion = testDistillation({ plan: planOf(), observations: nothing, profile, key })
    expect(conclusion.decision).toBe('insufficient')
    expect(conclusion.findings[0]!.verdict).toMatchObject({ counted: 0, lnP: 0, lnE: 0, mean: 0.25 })
    expect(JSON.parse(JSON.stringify(conclusion))).toEqual(conclusion)
  })
})

describe('all outcomes of a few scores, by enumeration', () => {
  const real = schemeOf(profile, { lanes: 1 })
  const sequences = [
    [1, 2, 3],
    [4, 2, 5],
  ]
  const few = rowObservations(sequences, rowsOf(innocent, sequences), {
    ...format,
    references: [rowsOf(provider, sequences)],
  })
  // Three windows with two tokens each, and the first of them again.
  const list = [...few.list.slice(0, 3), few.list[0]!].map(({ window, tokens, weights, references }) => ({
    window,
    tokens: Array.from(tokens).slice(0, 2),
    weights: Array.from(weights)
      .slice(0, 2)
      .map((p) => 20 * p),
    references: references.map((row) => Array.from(row).slice(0, 2)),
  }))

  /** ln of the last and of the largest e-value, and the chance, of each of 64 outcomes. */
  function outcomes(statistic: 'count' | 'contrast') {
    const plan = planOf({ access: 'rows', references: ['provider'], statistic })
    return Array.from({ length: 64 }, (_, outcome) => {
      const bits = new Map<string, number>()
      const bitOf = (pair: string): number => {
        if (!bits.has(pair)) bits.set(pair, (outcome >> bits.size) & 1)
        return bits.get(pair)!
      }
      for (const { window, tokens } of list) for (const token of tokens) bitOf(`${window} ${token}`)
      const scheme = {
        ...real,
        field: (_: unknown, window: ArrayLike<number>, token: number) =>
          bitOf(`${Array.from(window)} ${token}`),
        score: (field: number) => field,
      }
      const process = createProcess(plan, { scheme, key, lane: 0 }, undefined)
      for (const observation of list) process.take(observation)
      const ones = [...bits.values()].reduce((a, b) => a + b, 0)
      expect(bits.size).toBe(6)
      return { ...process.stopped(), chance: 0.25 ** ones * 0.75 ** (6 - ones) }
    })
  }

  test.each(['count', 'contrast'] as const)(
    '%s: the mean e-value is 1, and the largest keeps its promise',
    (statistic) => {
      const all = outcomes(statistic)
      const mean = all.reduce((sum, { lnE, chance }) => sum + chance * Math.exp(lnE), 0)
      expect(mean).toBeCloseTo(1, 9)
      expect(Math.max(...all.map(({ lnE }) => lnE))).toBeGreaterThan(0.05)
      for (const { lnMaxE } of all) {
        const reached = all.filter((other) => other.lnMaxE >= lnMaxE)
        expect(reached.reduce((sum, { chance }) => sum + chance, 0)).toBeLessThanOrEqual(
          Math.exp(-lnMaxE) + 1e-9,
        )
      }
    },
  )
})

describe('fresh windows', () => {
  const plan = planOf({ stopping: { rule: 'e-process', fresh: true } })

  test('only observations under the burn rule are taken', () => {
    expect(() => begin(plan).add(textObservations(answersOf(innocent), format))).toThrow(
      'observations.windows',
    )
    expect(() =>
      begin().add(textObservations(answersOf(innocent), { ...format, windows: 'globally-first' })),
    ).toThrow('observations.windows')
  })

  test('a window that was scored before is not scored again, with any token', () => {
    const sequential = begin(plan)
    const answer = { prompt: [1], completion: [2, 3, 4] }
    const other = { prompt: [1], completion: [9, 3, 7] }
    const observe = (given: Answer) => textObservations([given], { ...format, windows: 'globally-first' })
    expect(sequential.add(observe(answer)).counted).toBe(3)
    // Windows 1 and 3 again; only 9 is new.
    expect(sequential.add(observe(other)).counted).toBe(4)
  })
})

describe('what does not belong together is refused', () => {
  test('another stopping rule, another width, a foreign key, a copy of observations', () => {
    const other = profileWithKey('other', { vocabularySize: V })
    expect(() =>
      createSequentialTest({ plan: planOf({ stopping: { rule: 'fixed' } }), profile, key }),
    ).toThrow('"fixed"')
    expect(() => createSequentialTest({ plan: planOf({ contextWidth: 2 }), profile, key })).toThrow(
      'contextWidth',
    )
    expect(() => createSequentialTest({ plan: planOf(), profile, key: other.key })).toThrow('options.key')
    const observations = textObservations(answersOf(innocent), format)
    expect(() => begin().add({ ...observations })).toThrow('observations')
    expect(() => begin(planOf({ access: 'rows' })).add(observations)).toThrow('observations.access')
  })
})
