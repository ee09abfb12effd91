/**
 * The test of models on marks that other engines write: students of a teacher under vLLM's gumbel and Hugging Face's green lists are found,
 * innocents are not, under many keys no more often than the level says; and what no law is known for is refused.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { attribute } from '../../src/distill/attribution.ts'
import { poolPairs } from '../../src/distill/pairs.ts'
import { ownPairs } from '../../src/distill/score-pairs.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnWeightedTailBound } from '../../src/stats/weighted.ts'
import { ENGINE_SCHEMES, engineMark, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { binomialBand } from '../support/tolerance.ts'
import { language, marked, mixed, rowsCase, textCase, textsOf } from '../support/toy-models.ts'

const V = 256
const provider = language('provider', { vocabularySize: V })
const innocent = language('innocent', { vocabularySize: V })
const sequences = textsOf(language('public', { vocabularySize: V }), {
  count: 16,
  length: 32,
  vocabularySize: V,
  random: seedrandom('sequences'),
})

describe.each([
  ['vLLM gumbel', 1],
  ['vLLM gumbel', 2],
  ['SGLang dual', 1],
  ['HF lefthash', 1],
])('%s, context width %d', (name, contextWidth) => {
  const { profile, key } = engineMark(name, name === 'SGLang dual' ? [81n, 82n] : [8191n], {
    vocabularySize: V,
    contextWidth,
  })
  const teacher = marked(provider, { profile, key })
  const student = mixed(0.6, teacher, provider)
  const instrument = countable(
    textsOf(teacher, { count: 20, length: 40, vocabularySize: V, random: seedrandom('own') }).map((ids) => ({
      ids,
      promptLength: contextWidth,
    })),
    profile,
  )
  const owned = { profile, key, instrument }
  const plan = { vocabularySize: V, contextWidth, decoys: 9 }
  const rows = (law: typeof student) => rowsCase(law, { sequences, references: [provider] }, plan)
  const text = (law: typeof student) =>
    textCase(law, { prompts: sequences, tokens: 60, random: seedrandom('said') }, plan)

  test('a student is found, by rows and by text', () => {
    const byRows = testDistillation({ ...rows(student), ...owned })
    expect(byRows.decision).toBe('evidence')
    expect(byRows.controls.instrument?.passed).toBe(true)
    expect(byRows.controls.decoysUniform).toBe(true)
    expect(testDistillation({ ...text(student), ...owned }).decision).toBe('evidence')
  })

  test('an innocent is not', () => {
    for (const asked of [rows(innocent), text(innocent)])
      expect(testDistillation({ ...asked, ...owned }).decision).not.toBe('evidence')
  })

  test('attributed to the key that marked, among others', () => {
    const others = [1, 2].map((i) => {
      const integers = name === 'SGLang dual' ? [BigInt(i), 9n] : [BigInt(i) + 100_001n]
      return engineMark(name, integers, { vocabularySize: V, contextWidth, label: `other-${i}` })
    })
    const candidates = [{ profile, key }, ...others]
    const family = candidates.map((candidate) => ({ keyId: candidate.key.keyId }))
    const asked = rowsCase(student, { sequences, references: [provider] }, { ...plan, decoys: 0, family })
    const { conclusions } = attribute({ ...asked, candidates })
    expect(conclusions.map(({ decision }) => decision === 'evidence')).toEqual([true, false, false])
  })

  test('under 50 keys an innocent is accused no more often than the level says, by either statistic', () => {
    const asked = rowsCase(
      innocent,
      { sequences: sequences.slice(0, 2), references: [provider] },
      { ...plan, decoys: 0, alpha: 0.05, minimumCounted: 1 },
    )
    const rejected: Record<string, number> = { count: 0, contrast: 0 }
    for (let i = 0; i < 50; i++) {
      const own = freshEngineKey(profile, `innocent ${i}`)
      for (const { statistic, verdict } of testDistillation({ ...asked, profile, key: own }).findings)
        if (verdict.lnP <= Math.log(0.05)) rejected[statistic]!++
    }
    const { hi } = binomialBand(50, 0.05, 1e-6)
    expect(rejected['count']).toBeLessThanOrEqual(hi)
    expect(rejected['contrast']).toBeLessThanOrEqual(hi)
  })
})

describe('what is refused', () => {
  test.each(['HF selfhash', 'HF SynthID', 'vLLM SBW, selfhash', 'vLLM SBW, lefthash'])(
    '%s: pairs share scores',
    (name) => {
      const profile = engineProfile(name, { vocabularySize: V })
      const plan = { vocabularySize: V, contextWidth: profile.contextWidth }
      const asked = textCase(innocent, { prompts: sequences, tokens: 20, random: seedrandom('x') }, plan)
      expect(() => testDistillation({ ...asked, profile, key: freshEngineKey(profile, 1) })).toThrow(
        /whose pairs all have scores of their own/,
      )
    },
  )

  test('bets on one pair after another, where lists have a fixed size', () => {
    const profile = engineProfile('HF lefthash', { vocabularySize: V })
    const plan = { vocabularySize: V, contextWidth: 1, stopping: { rule: 'e-process' } }
    const asked = textCase(
      innocent,
      { prompts: sequences, tokens: 20, random: seedrandom('x') },
      plan as never,
    )
    expect(() => testDistillation({ ...asked, profile, key: freshEngineKey(profile, 1) })).toThrow(
      /lists have a fixed size/,
    )
  })
})

describe('marks whose hash is not keyed throughout', () => {
  const { profile, key } = engineMark('SGLang gumbel', [8191n], { vocabularySize: V, contextWidth: 1 })
  const asked = (plan: object) =>
    textCase(innocent, { prompts: sequences, tokens: 60, random: seedrandom('open') }, {
      vocabularySize: V,
      contextWidth: 1,
      ...plan,
    } as never)

  test('of pairs that share a score under every key the first is kept', () => {
    const scheme = schemeOf(profile, { lanes: 1 })
    const weighted = poolPairs(
      [3, 5, 7, 9].map((window) => ({ window: [window], token: window % 4, value: window })),
      1,
    )
    expect(ownPairs(weighted, key, scheme).coefficients).toHaveLength(4)
    const merging = { ...scheme, publicIdentity: { width: 1, of: (_: unknown, token: number) => [token] } }
    expect(Array.from(ownPairs(weighted, key, merging).coefficients)).toEqual([3, 5])
  })

  test.each([
    ['an e-process', { stopping: { rule: 'e-process', fresh: false } }],
    ['an e-process over fresh windows', { stopping: { rule: 'e-process', fresh: true }, decoys: 0 }],
    ['marked prompts', { markedPrompts: true, references: [], counted: 100, decoys: 0 }],
  ])('%s is refused, since windows can share scores', (_, plan) => {
    expect(() => testDistillation({ ...asked(plan), profile, key })).toThrow(/windows can share their scores/)
  })

  test('a result without decoys is a hint, and the notes say so', () => {
    const reasonsOf = (plan: object): string =>
      testDistillation({ ...asked(plan), profile, key }).exploratory!.reasons.join()
    expect(reasonsOf({ decoys: 0 })).toContain('built against the hash')
    expect(reasonsOf({ decoys: 199 })).not.toContain('built against the hash')
    const { notes } = testDistillation({ ...asked({ decoys: 199 }), profile, key })
    expect(notes.join()).toContain('not built against this hash')
  })
})

test('the key of an engine is fixed by nothing in the plan: any result is a hint', () => {
  const { profile, key } = engineMark('vLLM gumbel', [8191n], { vocabularySize: V, contextWidth: 1 })
  const family = [{ keyId: key.keyId }]
  const asked = textCase(innocent, { prompts: sequences, tokens: 20, random: seedrandom('x') }, {
    vocabularySize: V,
    contextWidth: 1,
    family,
  } as never)
  const { exploratory } = testDistillation({ ...asked, profile, key })
  expect(exploratory!.reasons).toEqual([expect.stringContaining('fixes the key of a mark')])
})

test('every other scheme is either tested or refused: none slips through', () => {
  const known = ['HF selfhash', 'HF SynthID', 'vLLM SBW, selfhash', 'vLLM SBW, lefthash']
  for (const name of Object.keys(ENGINE_SCHEMES))
    expect(schemeOf(engineProfile(name), { lanes: 1 }).identity !== undefined).toBe(known.includes(name))
})

describe('weights of both signs on lists of a fixed size', () => {
  const coefficients = Float64Array.of(1, -1)

  test('one green of two tokens: the sum is 1 half of the time, and the bound for independent bits would say a quarter', () => {
    const exact = Math.log(1 / 2)
    expect(
      lnWeightedTailBound({ kind: 'bernoulli', p: 0.5, fixedSize: true }, { coefficients, excess: 1 }),
    ).toBeGreaterThanOrEqual(exact)
    expect(lnWeightedTailBound({ kind: 'bernoulli', p: 0.5 }, { coefficients, excess: 1 })).toBeLessThan(
      exact,
    )
  })

  test('the bound holds on every list of 3 of 8 and drawn weights', () => {
    const random = seedrandom('weights')
    const lists = Array.from({ length: 256 }, (_, bits) =>
      Array.from({ length: 8 }, (_, v) => (bits >>> v) & 1),
    ).filter((list) => list.reduce((a, b) => a + b, 0) === 3)
    expect(lists).toHaveLength(56)
    for (let round = 0; round < 200; round++) {
      const weights = Float64Array.from({ length: 8 }, () => Math.round(64 * (random() - 0.5)) / 64)
      const total = weights.reduce((a, b) => a + b, 0)
      const sums = lists.map((list) => list.reduce((sum, bit, v) => sum + bit * weights[v]!, 0))
      for (const sum of sums) {
        const exact = Math.log(sums.filter((other) => other >= sum).length / lists.length)
        const bound = lnWeightedTailBound(
          { kind: 'bernoulli', p: 3 / 8, fixedSize: true },
          { coefficients: weights, excess: sum - (3 / 8) * total },
        )
        expect(bound).toBeGreaterThanOrEqual(exact - 1e-12)
      }
    }
  })
})
