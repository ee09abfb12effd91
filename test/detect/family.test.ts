/**
 * Several keys at once: each verdict is that of `detect` with another p-value to decide by, the family is paid for, and the layers of a
 * mark sum to one question. Without the correction the chance of a false accusation is many times alpha.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Countable, countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { type Candidate, detectAny, detectLayers } from '../../src/detect/family.ts'
import type { DecisionRule, Verdict } from '../../src/detect/verdict.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import type { LayerOptions } from '../../src/keys/profile.ts'
import { holm } from '../../src/stats/multiplicity.ts'
import { lnLeastTail, lnUpperTail } from '../../src/stats/tail.ts'
import { keysOf } from '../support/keys.ts'
import { documentsOf, markedIds, markOf, marks, TWO_LAYERS } from '../support/marked-texts.ts'
import { SCHEMES } from '../support/schemes.ts'
import { binomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

/** All lanes of all keys. */
function everyLane(keys: readonly MarkKey[]): Candidate[] {
  return keys.flatMap((key) => Array.from({ length: key.format.lanes }, (_, lane) => ({ key, lane })))
}

/** What does not depend on the family. */
function alone({ decision: _, family: __, notes: ___, ...rest }: Verdict): Partial<Verdict> {
  return rest
}

const texts = marks.chain((mark) =>
  documentsOf(mark).map((documents) => ({ mark, positions: countable(documents, mark.profile) })),
)
// Levels at which short texts can decide either way.
const rules = fc.record({
  alpha: fc.constantFrom(1e-6, 0.01, 0.3),
  minimumCounted: fc.constantFrom(1, 20, 64),
})

describe('detectAny', () => {
  test('is detect for each candidate, decided by Holm over all of them', () => {
    let decided = { evidence: 0, 'no-evidence': 0, insufficient: 0, 'protocol-mismatch': 0 }
    fc.assert(
      fc.property(texts, rules, ({ mark, positions }, rule) => {
        const candidates = everyLane(mark.keys)
        const verdicts = detectAny(positions, candidates, rule)
        const single = candidates.map(({ key, lane }) => detect(positions, key, { ...rule, lane: lane! }))
        expect(verdicts.map(alone)).toEqual(single.map(alone))
        const { lnAdjusted } = holm(
          single.map(({ lnP }) => lnP),
          { alpha: rule.alpha },
        )
        const size = candidates.length
        for (const [i, { family, decision, counted, law, notes }] of verdicts.entries()) {
          expect(family).toEqual({ size, method: 'holm', lnAdjustedP: lnAdjusted[i] })
          const limit = Math.log(rule.alpha)
          const couldNot = lnLeastTail(law, counted) + Math.log(size) > limit
          if (counted < rule.minimumCounted) expect(decision).toBe('insufficient')
          else if (lnAdjusted[i]! <= limit) expect(decision).toBe('evidence')
          else expect(decision).toBe(couldNot ? 'insufficient' : 'no-evidence')
          if (decision === 'insufficient') expect(notes.join()).toContain('neither yes nor no')
          decided = { ...decided, [decision]: decided[decision] + 1 }
        }
        expect(Object.isFrozen(verdicts)).toBe(true)
        for (const verdict of verdicts) expect(Object.isFrozen(verdict.family)).toBe(true)
      }),
      { seed: 1, numRuns: 300 },
    )
    for (const decision of ['evidence', 'no-evidence', 'insufficient'] as const)
      expect(decided[decision]).toBeGreaterThan(20)
  })

  test('with one candidate it decides as detect does', () => {
    fc.assert(
      fc.property(texts, rules, ({ mark, positions }, rule) => {
        const key = mark.keys[0]!
        const { family: _, ...verdict } = detectAny(positions, [{ key }], rule)[0]!
        expect({ ...verdict, family: detect(positions, key, rule).family }).toEqual(
          detect(positions, key, rule),
        )
      }),
      { seed: 2, numRuns: 100 },
    )
  })

  test('finds the account of a key with many, and no other', () => {
    for (const scheme of Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]) {
      const layers: LayerOptions[] = [{ role: 'cohort', label: 'accounts', lanes: 16 }]
      const mark = markOf({ seed: 'accounts', scheme, vocabularySize: 500, layers })
      const ids = markedIds(mark, { length: 250, choices: 8, lane: 11 })
      const found = detectAny(countable([{ ids }], mark.profile), everyLane(mark.keys))
      expect(found.filter(({ decision }) => decision === 'evidence').map(({ lane }) => lane)).toEqual([11])
      expect(found).toHaveLength(16)
    }
  })

  test('says "insufficient" where no score could have paid for the family', () => {
    const { profile } = markOf()
    const keyOf = keysOf({})
    // (1/4)^10 is below 1e-6; fifteen times as much is not.
    const positions = countable([{ ids: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }], profile)
    const rule = { minimumCounted: 10 }
    const family = Array.from({ length: 15 }, (_, i) => ({ key: keyOf(i) }))
    expect(detect(positions, keyOf(0), rule).decision).toBe('no-evidence')
    const [first] = detectAny(positions, family, rule)
    expect(first!.decision).toBe('insufficient')
    expect(first!.notes.join()).toContain('above alpha once corrected for 15 tests')
  })
})

describe('the family is paid for', () => {
  // The p-value of gumbel is continuous, so the chance to accuse anybody is known: 1 - (1 - alpha / m)^m.
  const [families, m, alpha, falseAlarm] = [400, 10, 0.2, 1e-6]
  const { profile } = markOf({ scheme: 'gumbel', vocabularySize: 500 })
  const positions = countable(
    [{ ids: Array.from({ length: 101 }, (_, i) => (i * i * 7 + i) % 500) }],
    profile,
  )
  const keyOf = keysOf({ scheme: 'gumbel', bits: 32, param: 0 })
  const family = (f: number): Candidate[] => Array.from({ length: m }, (_, i) => ({ key: keyOf(f * m + i) }))
  const accused = (verdicts: readonly Verdict[]): number =>
    verdicts.some(({ decision }) => decision === 'evidence') ? 1 : 0
  const band = binomialBand(families, 1 - (1 - alpha / m) ** m, falseAlarm)

  test('fresh keys accuse a text as often as alpha allows', () => {
    let count = 0
    for (let f = 0; f < families; f++) count += accused(detectAny(positions, family(f), { alpha }))
    expect(count).toBeGreaterThanOrEqual(band.lo)
    expect(count).toBeLessThanOrEqual(band.hi)
  })

  test('positive control: the same keys without the correction accuse far more often', () => {
    let count = 0
    for (let f = 0; f < families; f++)
      count += accused(family(f).map(({ key }) => detect(positions, key, { alpha })))
    expect(count).toBeGreaterThan(band.hi)
  })
})

describe('detectLayers', () => {
  test('one verdict a layer, and one on their sum', () => {
    fc.assert(
      fc.property(texts, rules, fc.nat(1), ({ mark, positions }, rule, lane) => {
        const candidates = mark.keys.map((key) => ({ key, lane: Math.min(lane, key.format.lanes - 1) }))
        const { layers, joint } = detectLayers(positions, candidates, rule)
        expect(layers.map(alone)).toEqual(
          candidates.map(({ key, lane }) => alone(detect(positions, key, { ...rule, lane }))),
        )
        // Each counted pair is some layer's.
        expect(joint.counted).toBe(positions.count)
        expect(joint.sum).toBe(layers.reduce((sum, verdict) => sum + verdict.sum, 0))
        expect(joint.lnP).toBe(lnUpperTail(joint.law, { sum: joint.sum, n: joint.counted }))
        const tests = layers.length > 1 ? [...layers, joint] : layers
        const { lnAdjusted } = holm(
          tests.map(({ lnP }) => lnP),
          { alpha: rule.alpha },
        )
        for (const [i, { family }] of tests.entries())
          expect(family).toEqual({ size: tests.length, method: 'holm', lnAdjustedP: lnAdjusted[i] })
        if (layers.length === 1) expect(joint).toBe(layers[0])
        else {
          expect(joint.method).toBe('detect/joint')
          expect(joint.keyId).toBe(mark.keys.map(({ keyId }) => keyId).join('+'))
          expect(joint).not.toHaveProperty('role')
          expect(joint.notes[0]).toBe(
            `the sum over 2 layers: cohort blue, lane ${lane}; provider acme, lane 0`,
          )
        }
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  test('together they show what none shows alone', () => {
    const layers = (['provider', 'epoch', 'cohort', 'canary'] as const).map((role) => ({
      role,
      label: role,
      share: 16384,
    }))
    const mark = markOf({ seed: 'weak', vocabularySize: 500, layers })
    const ids = markedIds(mark, { length: 450, choices: 2 })
    const found = detectLayers(
      countable([{ ids }], mark.profile),
      mark.keys.map((key) => ({ key })),
    )
    expect(found.layers.map(({ decision }) => decision)).toEqual(Array(4).fill('no-evidence'))
    expect(found.joint.decision).toBe('evidence')
  })

  test('under fresh keys the sum has its law: the rate at which it stays below alpha', () => {
    const [texts, alpha] = [2000, 0.1]
    const ids = Array.from({ length: 61 }, (_, i) => (i * i * 7 + i) % 40)
    let count = 0
    for (let seed = 0; seed < texts; seed++) {
      const mark = markOf({ seed: `joint ${seed}`, scheme: 'gumbel', layers: TWO_LAYERS })
      const positions = countable([{ ids }], mark.profile)
      const { joint } = detectLayers(
        positions,
        mark.keys.map((key) => ({ key })),
      )
      if (joint.lnP <= Math.log(alpha)) count++
    }
    const band = binomialBand(texts, alpha, 1e-6)
    expect(count).toBeGreaterThanOrEqual(band.lo)
    expect(count).toBeLessThanOrEqual(band.hi)
  })
})

describe('refuses', () => {
  const { master, profile, keys } = markOf({
    layers: [...TWO_LAYERS, { role: 'cohort', label: 'red', share: 30000, lanes: 2 }],
  })
  const [blue, acme, red] = keys as [MarkKey, MarkKey, MarkKey]
  const positions = countable([{ ids: [1, 2, 3] }], profile)

  for (const [name, ask] of [
    ['detectAny', detectAny],
    ['detectLayers', detectLayers],
  ] as const) {
    test.each(wrongValues({ except: [] }))(`${name}: %s`, (_, wrong) => {
      expectRefusal(() => ask(wrong as Countable, [{ key: blue }]), 'positions')
      expectRefusal(() => ask(positions, wrong as Candidate[]), 'candidates')
      expect(() => ask(positions, [wrong as Candidate])).toThrow(/^"(key|candidates\[0\])" expected/)
      expectRefusal(() => ask(positions, [{ key: wrong as MarkKey }]), 'key')
    })
    test(`${name}: a key by itself, by name`, () => {
      const { message } = expectRefusal(() => ask(positions, [blue as unknown as Candidate]), 'candidates[0]')
      expect(message).toMatch(/expected \{ key, lane \}, got a mark-key by itself$/)
    })
    test.each(wrongValues({ except: ['integer', 'undefined'] }))(`${name}, lane: %s`, (_, lane) => {
      expectRefusal(() => ask(positions, [{ key: blue, lane: lane as number }]), 'candidates[0].lane')
    })
    test.each(wrongValues({ except: ['undefined', 'record', 'object'] }))(
      `${name}, options: %s`,
      (_, options) => {
        expectRefusal(() => ask(positions, [{ key: blue }], options as DecisionRule), 'options')
      },
    )
    test(`${name}: no candidates, lanes that are none, misspelt words`, () => {
      expectRefusal(() => ask(positions, []), 'candidates')
      expectRefusal(() => ask(positions, [{ key: acme }, { key: blue, lane: 2 }]), 'candidates[1].lane')
      expectRefusal(() => ask(positions, [{ key: blue, lanes: 1 } as Candidate]), 'candidates[0]')
      expectRefusal(() => ask(positions, [{ key: blue }], { lane: 0 } as DecisionRule), 'options')
      expectRefusal(() => ask(positions, [{ key: keysOf({ contextWidth: 2 })(1) }]), 'key')
    })
  }

  test('a test twice, also of a key derived twice; two lanes of a key are two tests', () => {
    const again = deriveMarkKeys(master, profile)[0]!
    for (const twice of [blue, again])
      expectRefusal(() => detectAny(positions, [{ key: blue }, { key: twice, lane: 0 }]), 'candidates[1]')
    expect(detectAny(positions, [{ key: blue }, { key: again, lane: 1 }])).toHaveLength(2)
  })

  test('layers that own the same contexts, which the sum would count twice', () => {
    for (const [a, b] of [
      [{ key: blue }, { key: red }],
      [{ key: blue }, { key: blue, lane: 1 }],
      [{ key: acme }, { key: keysOf({})(1) }],
    ] as const)
      expectRefusal(() => detectLayers(positions, [a, b]), 'candidates[1]')
    expect(detectAny(positions, [{ key: blue }, { key: red }])).toHaveLength(2)
  })
})
