/**
 * Saved and loaded again: profiles, keys and verdicts come back as they were, and a detector made from them finds the same. A verdict that
 * claims more than its own numbers is refused.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { certificate } from '../../src/detect/certificate.ts'
import { countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { detectAny, detectLayers } from '../../src/detect/family.ts'
import { localise } from '../../src/detect/localise.ts'
import { evidenceOf } from '../../src/detect/merge-evidence.ts'
import { parseVerdict } from '../../src/detect/parse-verdict.ts'
import { resolveRule, type Verdict, weightedVerdictOf } from '../../src/detect/verdict.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { masterKeyBytes, masterKeyFromBytes } from '../../src/keys/master.ts'
import { parseProfile, profileDigest } from '../../src/keys/profile.ts'
import { lnLeastTail } from '../../src/stats/tail.ts'
import { documentsOf, markedIds, markOf, marks, TWO_LAYERS } from '../support/marked-texts.ts'
import { SCHEMES } from '../support/schemes.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const texts = marks.chain((mark) => documentsOf(mark).map((documents) => ({ mark, documents })))
const rules = fc.record({
  alpha: fc.constantFrom(1e-6, 0.01, 0.3),
  minimumCounted: fc.constantFrom(1, 20, 64),
})

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  expect(Object.isFrozen(value)).toBe(true)
  for (const inner of Object.values(value)) expectFrozen(inner)
}

function expectBack(verdict: Verdict): void {
  const text = JSON.stringify(verdict)
  for (const input of [text, JSON.parse(text), verdict]) {
    const back = parseVerdict(input)
    expect(back).toEqual(verdict)
    expectFrozen(back)
  }
}

describe('comes back as it was', () => {
  test('every verdict on text, whatever the question', () => {
    fc.assert(
      fc.property(texts, rules, ({ mark: { profile, keys }, documents }, rule) => {
        const positions = countable(documents, profile)
        const candidates = keys.map((key) => ({ key }))
        const { layers, joint } = detectLayers(positions, candidates, rule)
        for (const verdict of [
          ...keys.map((key) => detect(positions, key, rule)),
          ...detectAny(positions, candidates, rule),
          ...layers,
          joint,
          ...(documents[0] ? [localise(documents[0], profile, keys[0]!, rule).verdict] : []),
        ])
          expectBack(verdict)
      }),
      { seed: 1, numRuns: 150 },
    )
  })

  test('verdicts on weighted sums, and one that the instrument check withheld', () => {
    const subject = { method: 'distill/contrast', scheme: 'green-list', keyId: '0123456789abcdef', seen: 9 }
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 200 }),
        fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
        rules,
        (list, green, rule) => {
          const coefficients = Float64Array.from(list, (a) => a / 64)
          const sum = coefficients.reduce((total, a, i) => total + (green[i] ? a : 0), 0)
          const law = { kind: 'bernoulli', p: 0.25 } as const
          const verdict = weightedVerdictOf({ coefficients, sum, law }, subject, resolveRule(rule))
          expectBack(verdict)
          expectBack(Object.freeze({ ...verdict, decision: 'protocol-mismatch' as const }))
        },
      ),
      { seed: 2, numRuns: 150 },
    )
  })

  test('a detector made from a saved profile and a key derived again detects the same', () => {
    fc.assert(
      fc.property(texts, rules, ({ mark: { master, profile, keys }, documents }, rule) => {
        const saved = JSON.stringify(profile)
        const loaded = parseProfile(saved)
        expect(loaded).toEqual(profile)
        expect(profileDigest(loaded)).toBe(profileDigest(profile))
        const again = deriveMarkKeys(masterKeyFromBytes(masterKeyBytes(master)), loaded)
        const [before, after] = [countable(documents, profile), countable(documents, loaded)]
        for (const [i, key] of keys.entries()) {
          expect(again[i]!.keyId).toBe(key.keyId)
          expect(detect(after, again[i]!, rule)).toEqual(detect(before, key, rule))
          expect(evidenceOf(after, again[i]!)).toEqual(evidenceOf(before, key))
          expect(certificate(after, again[i]!, rule)).toEqual(certificate(before, key, rule))
        }
      }),
      { seed: 3, numRuns: 100 },
    )
  })
})

describe('a forged verdict is refused', () => {
  const cases = (Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]).map((scheme) => {
    const mark = markOf({ scheme, layers: TWO_LAYERS, vocabularySize: 300 })
    const positions = countable([{ ids: markedIds(mark, { length: 200, choices: 4 }) }], mark.profile)
    const candidates = mark.keys.map((key) => ({ key }))
    return {
      scheme,
      guilty: detect(positions, mark.keys[0]!),
      innocent: detect(positions, mark.keys[0]!, { lane: 1 }),
      one: detectAny(positions, candidates)[0]!,
    }
  })

  test.each(cases)('$scheme: numbers that do not follow from sum, count and law', ({ guilty, innocent }) => {
    expect([guilty.decision, innocent.decision]).toEqual(['evidence', 'no-evidence'])
    const { lnP, log10P, mean, effect, interval, lnE, sum, counted } = innocent
    for (const [name, change] of [
      ['lnP', { lnP: lnP - 1e-6 }],
      ['lnP', { lnP: 2 * guilty.lnP, log10P: 2 * guilty.log10P, decision: 'evidence' }],
      ['lnP', { lnP: 1 }],
      ['log10P', { log10P: log10P - 1e-6 }],
      ['mean', { mean: mean + 1e-6 }],
      ['effect', { effect: effect + 1e-6 }],
      ['lnE', { lnE: lnE + 1e-6 }],
      ['interval.lower', { interval: { ...interval, lower: interval!.lower + 1e-6 } }],
      ['interval.upper', { interval: { ...interval, upper: interval!.upper - 1e-6 } }],
      ['interval.confidence', { interval: { ...interval, confidence: 0.9 } }],
      ['interval.lower', { interval: undefined }],
      ['lnP', { sum: sum + 1 }],
      ['lnP', { counted: counted - 1 }],
      ['evidence.sum', { sum: -1 }],
      ['counted', { seen: counted - 1 }],
      ['counted', { seen: 2 ** 53 - 1, counted: 2 ** 53 - 1 }],
      ['decision', { decision: 'evidence' }],
      ['decision', { decision: 'insufficient' }],
      ['decision', { alpha: Math.exp(lnP) + 1e-6 }],
      ['decision', { minimumCounted: counted + 1 }],
      ['alpha', { alpha: 5 }],
      ['minimumCounted', { minimumCounted: 0 }],
    ] as const) {
      const text = JSON.stringify({ ...innocent, ...change })
      expectRefusal(() => parseVerdict(text), name)
    }
    // Called a bound, it would not be made again.
    const least = lnLeastTail(innocent.law, counted)
    for (const method of ['detect', 'detect/joint', 'identify']) {
      const bound = { method, tail: 'bound', lnP: least, log10P: least / Math.LN10, decision: 'evidence' }
      expectRefusal(() => parseVerdict({ ...innocent, ...bound }), 'tail')
    }
    expectRefusal(() => parseVerdict({ ...guilty, decision: 'no-evidence' }), 'decision')
    expect(parseVerdict({ ...guilty, decision: 'protocol-mismatch' }).decision).toBe('protocol-mismatch')
  })

  test.each(cases)('$scheme: fields of another kind, missing or unknown', ({ one }) => {
    for (const [name, change] of [
      ['format', { format: 'dyetrace/verdict-2' }],
      ['method', { method: 'detect\n' }],
      ['scheme', { scheme: '' }],
      ['keyId', { keyId: 'abc' }],
      ['role', { role: 'owner' }],
      ['lane', { lane: -1 }],
      ['seen', { seen: 1.5 }],
      ['counted', { counted: -1 }],
      ['sum', { sum: '12' }],
      ['law.kind', { law: { kind: 'normal' } }],
      ['law', { law: { ...one.law, note: 1 } }],
      ['weights', { weights: { total: 1, absolute: 1, squares: 1, effective: 1 } }],
      ['weights.total', { weights: {} }],
      ['tail', { tail: 'guess' }],
      ['family.size', { family: { ...one.family, size: 0 } }],
      ['family.method', { family: { ...one.family, method: 'bonferroni' } }],
      ['family.lnAdjustedP', { family: { size: 2, method: 'holm' } }],
      ['family.lnAdjustedP', { family: { ...one.family, lnAdjustedP: one.lnP - 1 } }],
      ['family.lnAdjustedP', { family: { ...one.family, lnAdjustedP: 1 } }],
      ['family.lnAdjustedP', { family: { size: 1, method: 'none', lnAdjustedP: one.lnP } }],
      ['family.size', { family: { size: 2, method: 'none' } }],
      ['decision', { family: { size: 2, method: 'holm', lnAdjustedP: -1 } }],
      ['decision', { decision: 'guilty' }],
      ['notes', { notes: 'none' }],
      ['notes[0]', { notes: [1] }],
      ['verdict', { owner: 'me' }],
    ] as const)
      expectRefusal(() => parseVerdict(JSON.stringify({ ...one, ...change })), name)
    for (const field of Object.keys(one).filter((field) => !['role', 'lane'].includes(field))) {
      const { [field as 'seen']: _, ...rest } = one
      expect(() => parseVerdict(rest), field).toThrow(/expected/)
    }
    expect(() => parseVerdict(Object.create(one))).toThrow(/expected/)
  })

  test('a bound whose decision or derived numbers do not follow', () => {
    const coefficients = new Float64Array(100).fill(1)
    const subject = { method: 'distill/contrast', scheme: 'green-list', keyId: '0123456789abcdef', seen: 9 }
    const law = { kind: 'bernoulli', p: 0.25 } as const
    const of = (sum: number): Verdict =>
      weightedVerdictOf({ coefficients, sum, law }, subject, resolveRule({}))
    const [innocent, guilty] = [of(30), of(90)]
    expect([innocent.decision, guilty.decision]).toEqual(['no-evidence', 'evidence'])
    const weights = innocent.weights!
    for (const [name, forged] of [
      ['decision', { ...innocent, decision: 'evidence' }],
      ['decision', { ...guilty, decision: 'no-evidence' }],
      ['decision', { ...guilty, weights: { ...weights, effective: 63 } }],
      ['log10P', { ...innocent, lnP: 3 * innocent.lnP }],
      ['mean', { ...innocent, sum: 31 }],
      ['mean', { ...innocent, weights: { ...weights, total: 99 } }],
      ['effect', { ...innocent, effect: 1 }],
    ] as const)
      expectRefusal(() => parseVerdict(forged), name)
  })

  test('a bound that no scores give, and sums that no coefficients have', () => {
    const coefficients = new Float64Array(100).fill(1)
    const subject = { method: 'distill/contrast', scheme: 'green-list', keyId: '0123456789abcdef', seen: 9 }
    for (const law of [
      { kind: 'bernoulli', p: 0.25 },
      { kind: 'binomial', trials: 30, p: 0.5 },
      { kind: 'exponential' },
    ] as const) {
      const most = { bernoulli: 1, binomial: 30, exponential: 22.18 }[law.kind]
      const of = (sum: number): Verdict =>
        weightedVerdictOf({ coefficients, sum, law }, subject, resolveRule({}))
      // The highest scores there are come back.
      const highest = of(100 * most)
      expect(parseVerdict(highest)).toEqual(highest)
      const weights = highest.weights!
      const lnP = -1e5
      for (const [name, change] of [
        ['lnP', { lnP, log10P: lnP / Math.LN10 }],
        ['lnE', { lnE: 1e5 }],
        ['sum', { sum: 101 * most }],
        ['sum', { sum: -1 }],
        ['weights.absolute', { weights: { ...weights, absolute: 99 } }],
        ['weights.absolute', { weights: { ...weights, absolute: 101 } }],
        ['weights.squares', { weights: { ...weights, squares: -1 } }],
        ['weights.effective', { weights: { ...weights, effective: 101 } }],
        ['weights.effective', { weights: { ...weights, effective: -1 } }],
      ] as const)
        expectRefusal(() => parseVerdict({ ...highest, ...change }), name)
    }
  })

  test('text in which two readers could read two verdicts', () => {
    const { guilty, innocent } = cases[0]!
    const text = JSON.stringify(innocent).replace('"decision":', '"decision":"evidence","decision":')
    expect(JSON.parse(text)).toEqual(innocent)
    expectRefusal(() => parseVerdict(text), 'verdict')
    expectRefusal(() => parseVerdict(`\ufeff${JSON.stringify(guilty)}`), 'verdict')
  })

  test('minus zero in JSON is zero', () => {
    const text = JSON.stringify(detect(countable([], markOf().profile), markOf().keys[0]!))
    const minus = text.replaceAll(/(?<="(?:seen|counted|lane)":)0/g, '-0')
    expect(minus).toContain('"lane":-0')
    expect(parseVerdict(minus)).toEqual(parseVerdict(text))
  })

  test.each(wrongValues({ except: [] }))('input: %s', (_, wrong) => {
    expectRefusal(() => parseVerdict(wrong), 'verdict')
  })
})
