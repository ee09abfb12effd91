/**
 * What a plan asks for is what is done: looks, classes, the burn rule, exposure, families and prompts that were not all answered; and what
 * the conclusion says of power, strength and of everything that was still open.
 */
import { readFileSync } from 'node:fs'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { contrastPairs } from '../../src/distill/contrast.ts'
import { rowObservations, textObservations } from '../../src/distill/observations.ts'
import { weightedScoreSum } from '../../src/distill/score-pairs.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { exposureOf } from '../../src/plan/exposure.ts'
import { createPlan, type PlanOptions } from '../../src/plan/plan.ts'
import { plannedLooks } from '../../src/plan/stopping.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnWeightedTailBound } from '../../src/stats/weighted.ts'
import { profileWithKey } from '../support/keys.ts'
import {
  completionsOf,
  language,
  marked,
  mixed,
  rowsCase,
  rowsOf,
  type ToyLaw,
  textCase,
  textsOf,
} from '../support/toy-models.ts'

const V = 64
const { profile, key } = profileWithKey('as planned', { vocabularySize: V })
const owned = { profile, key }
const family = [{ keyId: key.keyId }]
const provider = language('provider', { vocabularySize: V })
const innocent = mixed(0.5, provider, language('innocent', { vocabularySize: V }))
const thief = marked(provider, owned)
const sequences = textsOf(language('public', { vocabularySize: V }), {
  count: 20,
  length: 24,
  vocabularySize: V,
  random: seedrandom('sequences'),
})
const format = { contextWidth: 1, vocabularySize: V }
const rows = (law: ToyLaw, options: Partial<PlanOptions> = {}) =>
  rowsCase(law, { sequences, references: [provider] }, { vocabularySize: V, family, ...options })
const text = (law: ToyLaw, options: Partial<PlanOptions> = {}) =>
  textCase(
    law,
    { prompts: sequences, tokens: 30, random: seedrandom('answers') },
    { vocabularySize: V, family, ...options },
  )
const log = textsOf(language('public', { vocabularySize: V }), {
  count: 40,
  length: 40,
  vocabularySize: V,
  random: seedrandom('log'),
})

describe('looks', () => {
  const stopping = { rule: 'looks', first: 40, looks: 5 } as const

  test('each is made on the first so many observations, and the best corrected one is reported', () => {
    const suspect = rows(mixed(0.15, thief, innocent), { stopping })
    const { stopped, findings, decision, power } = testDistillation({ ...suspect, ...owned })
    if (stopped.rule !== 'looks') throw new Error('expected looks')
    const planned = plannedLooks(stopping, 1e-6).filter(
      ({ observations }) => observations <= suspect.observations.list.length,
    )
    expect(stopped.looks.map(({ lnP: _, ...look }) => look)).toEqual(
      planned.map(({ share: _, ...look }) => look),
    )
    const paid = stopped.looks.map(({ lnP, index }) => lnP + Math.log((index + 1) * (index + 2)))
    expect(stopped.look).toBe(paid.indexOf(Math.min(...paid)))
    const { verdict } = findings.find((finding) => finding.deciding)!
    expect(verdict.lnP).toBe(stopped.looks[stopped.look!]!.lnP)
    expect(verdict.family).toMatchObject({ size: 1, method: 'holm' })
    expect(verdict.family.lnAdjustedP).toBeCloseTo(Math.min(...paid), 12)
    expect(decision).toBe(Math.min(...paid) <= Math.log(1e-6) ? 'evidence' : 'no-evidence')
    expect(power!.n).toBe(planned[stopped.look!]!.observations)
    // A look sees what it was planned to see and no more.
    const first = rowObservations(sequences, rowsOf(mixed(0.15, thief, innocent), sequences), {
      ...format,
      references: [rowsOf(provider, sequences)],
    }).list.slice(0, 40)
    const { coefficients, ...pairs } = contrastPairs(first, 1)
    const scheme = schemeOf(profile, { lanes: 1 })
    const sum = weightedScoreSum({ ...pairs, coefficients }, { scheme, key, lane: 0 })
    const excess = sum - 0.25 * coefficients.reduce((total, a) => total + a, 0)
    const law = scheme.nullLaw
    expect(stopped.looks[0]!.lnP).toBe(lnWeightedTailBound(law, { coefficients, excess }))
  })

  test('a level that a look reaches by itself, and not once paid for, is no evidence', () => {
    const suspect = rows(mixed(0.15, thief, innocent), { stopping })
    const { stopped } = testDistillation({ ...suspect, ...owned })
    if (stopped.rule !== 'looks') throw new Error('expected looks')
    const { lnP, index } = stopped.looks[stopped.look!]!
    const price = Math.log((index + 1) * (index + 2))
    const at = (lnAlpha: number) =>
      testDistillation({
        ...rows(mixed(0.15, thief, innocent), { stopping, alpha: Math.exp(lnAlpha) }),
        ...owned,
      }).decision
    expect([at(lnP + price + 1e-6), at(lnP + price / 2)]).toEqual(['evidence', 'no-evidence'])
  })

  test('before the first look: insufficient', () => {
    const suspect = rows(thief, { stopping: { rule: 'looks', first: 10_000, looks: 2 } })
    const { decision, stopped, findings } = testDistillation({ ...suspect, ...owned })
    expect(decision).toBe('insufficient')
    expect(stopped).toEqual({ rule: 'looks', planned: 2, looks: [] })
    expect(findings.every(({ verdict }) => verdict.counted === 0 && verdict.lnP === 0)).toBe(true)
  })
})

describe('prompts that were not all answered', () => {
  const answered = sequences.slice(0, 12)
  const observations = rowObservations(answered, rowsOf(thief, answered), {
    ...format,
    references: [rowsOf(provider, answered)],
  })
  const planOf = (options: Partial<PlanOptions> = {}) => rows(thief, options).plan

  test('the rule "fixed": exploratory, and the sentence says why', () => {
    const { exploratory, sentence, controls } = testDistillation({
      ...{ plan: planOf(), observations, ...owned },
      prompts: sequences,
    })
    expect(exploratory!.reasons).toEqual([expect.stringContaining('12 of the 20 planned prompts')])
    expect(sentence).toContain('12 of the 20')
    expect(controls.prompts).toEqual({ planned: 20, answered: 12, marked: false })
  })

  test('a rule to stop early: as planned', () => {
    for (const stopping of [{ rule: 'looks', first: 40, looks: 3 }, { rule: 'e-process' }] as const) {
      const plan = planOf({ stopping })
      expect(
        testDistillation({ plan, observations, ...owned, prompts: sequences }).exploratory,
      ).toBeUndefined()
    }
  })

  test('other prompts are refused, and so are the first of them without the rest', () => {
    const plan = planOf()
    expect(() => testDistillation({ plan, observations, ...owned })).toThrow('observations.prompts')
    expect(() => testDistillation({ plan, observations, ...owned, prompts: answered })).toThrow(
      'test.prompts',
    )
    const others = rowObservations(sequences.slice(1, 3), rowsOf(thief, sequences.slice(1, 3)), {
      ...format,
      references: [rowsOf(provider, sequences.slice(1, 3))],
    })
    expect(() => testDistillation({ plan, observations: others, ...owned, prompts: sequences })).toThrow(
      'observations.prompts',
    )
  })
})

describe('exploratory', () => {
  test('a plan without a family, and a key or lane beside it', () => {
    const { plan: open, observations } = rows(innocent)
    const { family: _, ...rest } = open
    const unnamed = testDistillation({ plan: rest, observations, ...owned })
    expect(unnamed.exploratory!.reasons).toEqual([expect.stringContaining('names no family')])
    const named = rows(innocent, { family: [{ keyId: '0'.repeat(16) }] })
    const beside = testDistillation({ ...named, ...owned })
    expect(beside.exploratory!.reasons).toEqual([expect.stringContaining('is not in the family')])
    expect(beside.family.size).toBe(2)
    expect(testDistillation({ ...rows(innocent), ...owned }).exploratory).toBeUndefined()
  })
})

describe('exposure', () => {
  const wide = profileWithKey('exposure', { vocabularySize: V, contextWidth: 2 })
  const exposure = exposureOf(log, { contextWidth: 2, vocabularySize: V, origin: 'texts' })
  const suspect = rows(innocent, { contextWidth: 2, exposure, family: [{ keyId: wide.key.keyId }] })
  const mark = { profile: wide.profile, key: wide.key }

  test('windows weigh c / (c + 10), and unseen ones nothing', () => {
    const { list } = suspect.observations
    const weighed = contrastPairs(list, 2, { exposure })
    const { beta } = contrastPairs(list, 2)
    expect(weighed.beta).toEqual(beta)
    for (const observation of list) {
      const count = exposure.count(observation.window)
      const own = Array.from(weighed.coefficients).filter(
        (_, i) =>
          weighed.pairs[3 * i] === observation.window[0] &&
          weighed.pairs[3 * i + 1] === observation.window[1],
      )
      if (count === 0) expect(own).toEqual([])
    }
    const alone = contrastPairs(list.slice(0, 1), 2)
    const count = exposure.count(list[0]!.window)
    const lightened = contrastPairs(list.slice(0, 1), 2, { exposure: { count: () => 5 } })
    lightened.coefficients.forEach((a, i) => {
      expect(a).toBeCloseTo(alone.coefficients[i]! / 3, 8)
    })
    expect(count).toBeGreaterThanOrEqual(0)
  })

  test('at widths 0 and 1 it weighs nothing', () => {
    const { list } = rows(innocent).observations
    expect(contrastPairs(list, 1, { exposure: { count: () => 0 } })).toEqual(contrastPairs(list, 1))
  })

  test('it must be the planned one, made by exposureOf', () => {
    expect(() => testDistillation({ ...suspect, ...mark })).toThrow('exposure')
    const other = exposureOf(log.slice(1), { contextWidth: 2, vocabularySize: V, origin: 'texts' })
    expect(() => testDistillation({ ...suspect, ...mark, exposure: other })).toThrow('exposure')
    expect(() => testDistillation({ ...suspect, ...mark, exposure: { ...exposure } })).toThrow('exposure')
    const narrow = exposureOf(log, { contextWidth: 1, vocabularySize: V, origin: 'texts' })
    expect(() => testDistillation({ ...suspect, ...mark, exposure: narrow })).toThrow('2 ids')
    expect(() => testDistillation({ ...rows(innocent), ...owned, exposure })).toThrow('exposure')
    expect(testDistillation({ ...suspect, ...mark, exposure }).decision).toBe('no-evidence')
  })
})

describe('classes', () => {
  const exposure = exposureOf(log, { contextWidth: 1, vocabularySize: V, origin: 'texts' })
  const options = { exposure, classes: { frequent: 30 } }

  test('four tests decide, Holm over all of them; the one over all windows stands beside', () => {
    const { findings, decision } = testDistillation({
      ...rows(mixed(0.3, thief, provider), options),
      ...owned,
      exposure,
    })
    expect(decision).toBe('evidence')
    expect(findings.map(({ deciding, verdict }) => [deciding, verdict.method])).toEqual([
      [false, 'distill/count'],
      [false, 'distill/contrast'],
      [true, 'distill/contrast/frequent-upper'],
      [true, 'distill/count/frequent-lower'],
      [true, 'distill/contrast/rare-upper'],
      [true, 'distill/count/rare-lower'],
    ])
    for (const { deciding, verdict } of findings)
      expect(verdict.family).toMatchObject(
        deciding ? { size: 4, method: 'holm' } : { size: 1, method: 'none' },
      )
  })

  test('a mask over frequent windows hides the mark there and not in the others', () => {
    const masked: ToyLaw = (ids) =>
      exposure.count(ids.slice(-1)) >= 30 ? provider(ids) : mixed(0.5, thief, provider)(ids)
    const { findings, decision } = testDistillation({ ...rows(masked, options), ...owned, exposure })
    expect(decision).toBe('evidence')
    const lnP = (method: string) =>
      findings.find(({ verdict }) => verdict.method.endsWith(method))!.verdict.lnP
    expect(lnP('rare-upper')).toBeLessThan(Math.log(1e-8))
    expect(lnP('frequent-upper')).toBeGreaterThan(Math.log(1e-3))
  })

  test('scores too low are evidence too, and the sentence says which', () => {
    const over: ToyLaw = (ids) => {
      const with_ = thief(ids)
      const turned = provider(ids).map((p, v) => p ** 3 / with_[v]! ** 2)
      const total = turned.reduce((a, b) => a + b, 0)
      return turned.map((p) => p / total)
    }
    const { decision, sentence } = testDistillation({
      ...rows(over, { ...options, alpha: 0.001, minimumCounted: 16 }),
      ...owned,
      exposure,
    })
    expect(decision).toBe('evidence')
    expect(sentence).toContain('correcting for the mark by too much')
  })
})

describe('the burn rule', () => {
  const wide = profileWithKey('burn', { vocabularySize: V, contextWidth: 2 })
  const teacher = language('provider', { vocabularySize: V, width: 2 })
  const prompts = textsOf(marked(teacher, wide), {
    count: 12,
    length: 24,
    vocabularySize: V,
    random: seedrandom('prompts'),
  })
  const answered = (law: ToyLaw) => {
    const completions = completionsOf(law, prompts, { tokens: 40, random: seedrandom('answers') })
    const answers = prompts.map((prompt, i) => ({ prompt, completion: completions[i]! }))
    return textObservations(answers, { contextWidth: 2, vocabularySize: V, windows: 'globally-first' })
  }
  const planOf = (counted: number) =>
    createPlan({
      ...{
        suspect: 'toy',
        access: 'text',
        contextWidth: 2,
        vocabularySize: V,
        prompts,
        origin: 'marked text',
      },
      ...{ markedPrompts: true, counted, family: [{ keyId: wide.key.keyId }] },
    })
  const tested = (law: ToyLaw, counted: number) =>
    testDistillation({
      plan: planOf(counted),
      observations: answered(law),
      profile: wide.profile,
      key: wide.key,
    })

  test('the first so many windows are judged by the exact law', () => {
    const { findings, decision, strength, power } = tested(marked(teacher, wide), 200)
    const { verdict } = findings[0]!
    expect(verdict).toMatchObject({ counted: 200, tail: 'exact' })
    expect(verdict.lnP).toBe(lnBinomialUpperTail(verdict.sum, { n: 200, p: 0.25 }))
    expect(decision).toBe('evidence')
    expect(strength).toBeUndefined()
    expect(power).toMatchObject({ n: 200, per: 'pair', law: 'exact' })
  })

  test('where fewer were seen the law is still that of the planned number', () => {
    const all = answered(marked(teacher, wide)).list.length
    const { findings, notes } = tested(marked(teacher, wide), all + 100)
    const { verdict } = findings[0]!
    expect(verdict.counted).toBe(all + 100)
    expect(verdict.lnP).toBe(lnBinomialUpperTail(verdict.sum, { n: all + 100, p: 0.25 }))
    expect(notes.join()).toContain(`${all} of the ${all + 100} planned windows were seen`)
  })

  test('too few seen: insufficient, whatever the planned number', () => {
    const few = textObservations(
      prompts.map((prompt) => ({ prompt, completion: [1, 2] })),
      { contextWidth: 2, vocabularySize: V, windows: 'globally-first' },
    )
    expect(few.list.length).toBeLessThan(64)
    const { decision } = testDistillation({
      plan: planOf(200),
      observations: few,
      profile: wide.profile,
      key: wide.key,
    })
    expect(decision).toBe('insufficient')
  })
})

describe('power', () => {
  test('stands beside a "no", at the level that the corrections leave', () => {
    const suspect = rows(innocent)
    const { power, sentence, decision } = testDistillation({ ...suspect, ...owned })
    expect(decision).toBe('no-evidence')
    expect(power).toMatchObject({
      power: 0.8,
      per: 'position',
      n: suspect.observations.list.length,
      law: 'estimate',
    })
    expect(sentence).toMatch(
      /would have found an effect of [0-9.]+ null standard deviations a position with 80 %/,
    )
    const others = Array.from({ length: 99 }, (_, lane) => ({ keyId: '0'.repeat(16), lane }))
    const many = testDistillation({ ...rows(innocent, { family: [...family, ...others] }), ...owned })
    expect(many.power!.effect).toBeGreaterThan(power!.effect)
    const target = testDistillation({ ...rows(innocent, { power: { target: 0.95, effect: 0.1 } }), ...owned })
    expect(target.power!.power).toBe(0.95)
    expect(target.power!.effect).toBeGreaterThan(power!.effect)
    const count = testDistillation({ ...text(innocent), ...owned })
    expect(count.power).toMatchObject({ per: 'pair', law: 'exact', n: count.findings[0]!.verdict.counted })
  })

  test('an effect above it is found, far below it is not', () => {
    const shares = [0.002, 0.9]
    const decisions = shares.map(
      (share) => testDistillation({ ...rows(mixed(share, thief, innocent)), ...owned }).decision,
    )
    expect(decisions).toEqual(['no-evidence', 'evidence'])
  })
})

describe('strength', () => {
  const strengthOf = (share: number, options: object = {}) =>
    testDistillation({ ...rows(mixed(share, thief, provider)), ...owned, ...options }).strength!

  test('with references: a tilt in nats that grows with the share, and an interval around it', () => {
    const tilts = [0.1, 0.2, 0.4].map((share) => strengthOf(share))
    for (const { kind, value, interval } of tilts) {
      expect(kind).toBe('tilt')
      expect(interval.lower).toBeLessThan(value)
      expect(interval.upper).toBeGreaterThan(value)
      expect(interval.confidence).toBe(0.95)
    }
    // Linear in the share: the law of the suspect is, and the fit of the reference moves little.
    const slopes = tilts.map(({ value }, i) => value / [0.1, 0.2, 0.4][i]!)
    for (const slope of slopes) expect(slope / slopes[0]!).toBeCloseTo(1, 0)
    // The mark tilts by delta = 2 nats; first order in the tilt is rough at 2, its order of magnitude is right.
    expect(slopes[0]!).toBeGreaterThan(1)
    expect(slopes[0]!).toBeLessThan(4)
  })

  test('a share of training text is named with a calibration only, and with its recipe', () => {
    expect(strengthOf(0.2)).not.toHaveProperty('share')
    const { value, share } = strengthOf(0.2, { calibration: { recipe: 'a toy of one layer', slope: 2 } })
    expect(share).toMatchObject({ value: value / 2, recipe: 'a toy of one layer' })
    const whole = strengthOf(0.9, { calibration: { recipe: 'a toy of one layer', slope: 0.1 } }).share!
    expect([whole.value, whole.interval.upper]).toEqual([1, 1])
    for (const calibration of [
      { slope: 2 },
      { recipe: ' ', slope: 2 },
      { recipe: 'x', slope: 0 },
      { recipe: 'x', slope: 1, n: 2 },
    ])
      expect(() => strengthOf(0.2, { calibration })).toThrow('calibration')
  })

  test('text alone: the excess of the mean score, with the exact interval', () => {
    const { strength, findings } = testDistillation({ ...text(thief), ...owned })
    const { mean, interval } = findings[0]!.verdict
    expect(strength!.kind).toBe('excess')
    expect(strength!.value).toBeCloseTo(mean - 0.25, 12)
    expect(strength!.interval.lower).toBeCloseTo(interval!.lower - 0.25, 12)
    expect(strength!.interval.lower).toBeGreaterThan(0)
  })
})

describe('text with a reference', () => {
  const completions = completionsOf(thief, sequences, { tokens: 30, random: seedrandom('answers') })
  const answers = sequences.map((prompt, i) => ({ prompt, completion: completions[i]! }))
  const laws = answers.map(({ prompt, completion }) =>
    completion.map((_, j) => Float32Array.from(provider([...prompt, ...completion.slice(0, j)]))),
  )
  const plan = createPlan({
    ...{ suspect: 'toy', access: 'text', ...format, prompts: sequences, origin: 'a toy language', family },
    references: ['provider'],
  })
  const observations = textObservations(answers, { ...format, references: [laws] })

  test('the contrast of values decides, with the published count beside it', () => {
    const { findings, statistic, decision, strength } = testDistillation({ plan, observations, ...owned })
    expect(statistic).toBe('contrast')
    expect(decision).toBe('evidence')
    expect(findings.map(({ statistic, deciding }) => [statistic, deciding])).toEqual([
      ['count', false],
      ['contrast', true],
    ])
    expect(findings[1]!.estimate!.lnP).toBeLessThan(Math.log(1e-6))
    expect(findings[1]!.beta).toHaveLength(1)
    expect(strength!.kind).toBe('tilt')
  })

  test('values, not roots: a token that was not sampled gets minus beta r', () => {
    const [only] = observations.list
    const { beta, coefficients } = contrastPairs([only!], 1, { scale: 'value' })
    Array.from(only!.tokens).forEach((_, k) => {
      expect(coefficients[k]!).toBeCloseTo(only!.weights[k]! - beta[0]! * only!.references[0]![k]!, 9)
    })
  })
})

describe('docs/conclusion.md', () => {
  const page = readFileSync(new URL('../../docs/conclusion.md', import.meta.url), 'utf8')
  const names = (value: unknown): string[] =>
    typeof value !== 'object' || value === null
      ? []
      : Array.isArray(value)
        ? value.flatMap(names)
        : Object.entries(value).flatMap(([name, field]) => [name, ...names(field)])

  test('names every field that a conclusion has', () => {
    const exposure = exposureOf(log, { contextWidth: 1, vocabularySize: V, origin: 'texts' })
    const options = { exposure, classes: { frequent: 30 }, decoys: 20 }
    const calibration = { recipe: 'a toy', slope: 1 }
    const { family: _, ...open } = rows(innocent, options).plan
    const { observations } = rows(innocent, options)
    const conclusions = [
      testDistillation({ plan: open, observations, ...owned, exposure, calibration }),
      testDistillation({ ...rows(thief, { stopping: { rule: 'looks', first: 40, looks: 3 } }), ...owned }),
      testDistillation({ ...rows(thief, { stopping: { rule: 'e-process', futility: 10 } }), ...owned }),
      testDistillation({ ...text(thief), ...owned }),
    ]
    // The law of a score has fields of its own, which are the scheme's.
    const fields = new Set(
      conclusions.flatMap(names).filter((name) => !['kind', 'p', 'trials'].includes(name)),
    )
    expect(fields.size).toBeGreaterThan(60)
    expect([...fields].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  test('every conclusion is frozen, part by part, and JSON holds it', () => {
    const found = testDistillation({ ...rows(thief, { decoys: 20 }), ...owned })
    const parts = (value: unknown): object[] =>
      typeof value !== 'object' || value === null ? [] : [value, ...Object.values(value).flatMap(parts)]
    for (const part of parts(found)) expect(Object.isFrozen(part), JSON.stringify(part)).toBe(true)
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
  })
})
