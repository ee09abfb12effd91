/** Attribution: many keys, one suspect. Every key counts, the narrowest layer is named, and innocents are not on the list. */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { attribute } from '../../src/distill/attribution.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { createPlan } from '../../src/plan/plan.ts'
import { holm } from '../../src/stats/multiplicity.ts'
import { profileWithKey } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'
import { language, mixed, rowsCase, type ToyLaw, textsOf } from '../support/toy-models.ts'

const V = 64
const layered = profileWithKey('attribution', {
  vocabularySize: V,
  layers: [
    { role: 'provider', label: 'p', share: 40000 },
    { role: 'cohort', label: 'c1', share: 25536 },
    { role: 'cohort', label: 'c2', share: 25536 },
  ],
})
const keys = deriveMarkKeys(layered.master, layered.profile)
const candidates = keys.map((key) => ({ profile: layered.profile, key }))
const provider = language('provider', { vocabularySize: V })
const sequences = textsOf(language('public', { vocabularySize: V }), {
  count: 20,
  length: 24,
  vocabularySize: V,
  random: seedrandom('sequences'),
})
/** Trained on answers to accounts of the first cohort. */
const thief: ToyLaw = (() => {
  const marker = createMarker(layered.profile, [keys[0]!, keys[1]!])
  return (ids) => {
    const logits = provider(ids).map(Math.log)
    marker.mark(logits, ids)
    const weights = logits.map(Math.exp)
    const total = weights.reduce((a, b) => a + b, 0)
    return weights.map((weight) => weight / total)
  }
})()
const family = keys.map(({ keyId }) => ({ keyId }))
const asked = (law: ToyLaw, options: object = {}) =>
  rowsCase(law, { sequences, references: [provider] }, { vocabularySize: V, family, ...options })

describe('layers', () => {
  const found = attribute({ ...asked(thief), candidates })

  test('the narrowest role with evidence is named', () => {
    expect(found).toMatchObject({
      format: 'dyetrace/attribution-1',
      suspect: 'toy',
      family: { size: 3, tried: 3, method: 'holm' },
      narrowest: 'cohort',
      hierarchy: [
        { role: 'provider', tried: 1, found: [0] },
        { role: 'cohort', tried: 2, found: [1] },
      ],
    })
    expect(found.conclusions.map(({ decision }) => decision)).toEqual(['evidence', 'evidence', 'no-evidence'])
    expect(found.list.map(({ conclusion }) => conclusion).sort()).toEqual([0, 1])
    expect(found.conclusions.every(({ exploratory }) => exploratory === undefined)).toBe(true)
  })

  test('an innocent: nothing is named', () => {
    const none = attribute({ ...asked(language('innocent', { vocabularySize: V })), candidates })
    expect(none.narrowest).toBeUndefined()
    expect(none.list).toEqual([])
    expect(none.hierarchy.map(({ found }) => found)).toEqual([[], []])
  })

  test('deciding p-values are corrected together by Holm', () => {
    const lnPs = found.conclusions.map(({ findings }) => findings[1]!.verdict.lnP)
    const { lnAdjusted } = holm(lnPs, { alpha: 1e-6 })
    expect(found.conclusions.map(({ family }) => family.lnAdjustedP)).toEqual(lnAdjusted)
    // Beside them, count pays for the number of keys.
    for (const { findings } of found.conclusions) {
      const { lnP, family } = findings[0]!.verdict
      expect(family.lnAdjustedP).toBeCloseTo(Math.min(0, lnP + Math.log(3)), 12)
    }
  })

  test('keys of the plan that are not tried count as well', () => {
    const [first] = candidates
    const two = attribute({ ...asked(thief), candidates: candidates.slice(0, 2) })
    expect(two.family).toEqual({ size: 3, tried: 2, method: 'holm' })
    const alone = testDistillation({ ...asked(thief), ...first! })
    const { lnP, family } = alone.findings[1]!.verdict
    expect(family).toMatchObject({ size: 3, method: 'holm' })
    expect(family.lnAdjustedP).toBeCloseTo(lnP + Math.log(3), 9)
  })

  test('keys that are not tried count for the list as well', () => {
    const suspect = mixed(0.15, thief, mixed(0.5, provider, language('innocent', { vocabularySize: V })))
    const tried = candidates.slice(0, 1)
    const others = Array.from({ length: 100 }, (_, lane) => ({ keyId: '0'.repeat(16), lane }))
    const named = family.slice(0, 1)
    const { lnE } = testDistillation({ ...asked(suspect, { family: named }), ...tried[0]! }).findings[1]!
      .verdict
    expect(lnE).toBeGreaterThan(1)
    // Listed from e = m / alpha on: here e is twice what one key needs, and a fiftieth of what 101 do.
    const listed = [named, [...named, ...others]].map(
      (family) =>
        attribute({ ...asked(suspect, { family, alpha: 2 * Math.exp(-lnE) }), candidates: tried }).list
          .length,
    )
    expect(listed).toEqual([1, 0])
  })

  test('a key beside the plan counts too, and its conclusion is exploratory', () => {
    const beside = attribute({ ...asked(thief, { family: family.slice(0, 1) }), candidates })
    expect(beside.family.size).toBe(3)
    expect(beside.conclusions.map(({ exploratory }) => exploratory !== undefined)).toEqual([
      false,
      true,
      true,
    ])
  })

  test('decoys of each key are those that it would have alone', () => {
    const suspect = asked(thief, { decoys: 30 })
    const together = attribute({ ...suspect, candidates })
    for (const [i, { findings }] of together.conclusions.entries()) {
      const alone = testDistillation({ ...suspect, ...candidates[i]! })
      expect(findings.map(({ decoys }) => decoys)).toEqual(alone.findings.map(({ decoys }) => decoys))
      expect(findings.every(({ decoys }) => decoys!.count === 30)).toBe(true)
    }
    // The cohorts score the same windows against the same decoys; the provider's windows are others.
    const [provider, one, two] = together.conclusions.map(({ findings }) => findings[1]!.decoys!)
    expect(one!.mean).toBe(two!.mean)
    expect(one!.mean).not.toBe(provider!.mean)
  })

  test('frozen; JSON holds it all', () => {
    const parts = [
      found,
      found.conclusions,
      found.hierarchy,
      found.hierarchy[0]!.found,
      found.list,
      found.list[0],
    ]
    for (const part of parts) expect(Object.isFrozen(part)).toBe(true)
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
  })

  test('the instrument must light up under one of the keys', () => {
    const text = (law: ToyLaw) =>
      countable(
        textsOf(law, { count: 12, length: 60, vocabularySize: V, random: seedrandom('known') }).map(
          (ids) => ({ ids, promptLength: 1 }),
        ),
        layered.profile,
      )
    const known = attribute({ ...asked(thief), candidates, instrument: text(thief) })
    expect(known.conclusions[0]!.controls.instrument!.passed).toBe(true)
    expect(known.narrowest).toBe('cohort')
    const dark = attribute({ ...asked(thief), candidates, instrument: text(provider) })
    expect(dark.conclusions.map(({ decision }) => decision)).toEqual(new Array(3).fill('protocol-mismatch'))
    expect(dark.list).toEqual([])
    expect(dark.narrowest).toBeUndefined()
  })
})

describe('stopping rules', () => {
  test.each([{ rule: 'looks', first: 50, looks: 4 }, { rule: 'e-process' }] as const)(
    '$rule: the same keys are named',
    (stopping) => {
      const { narrowest, list, conclusions } = attribute({ ...asked(thief, { stopping }), candidates })
      expect(narrowest).toBe('cohort')
      expect(list.map(({ conclusion }) => conclusion)).toContain(0)
      expect(conclusions[2]!.decision).toBe('no-evidence')
      expect(list.map(({ conclusion }) => conclusion)).not.toContain(2)
    },
  )
})

describe('calibration', () => {
  const ALPHA = 0.1
  const ROUNDS = 120
  const KEYS = 5
  const innocent = asked(language('innocent', { vocabularySize: V }), { statistic: 'count' })

  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const owners = Array.from({ length: KEYS }, (_, i) =>
      profileWithKey(`round ${round}, ${i}`, { vocabularySize: V }),
    )
    const plan = createPlan({
      ...{ suspect: 'toy', access: 'rows', contextWidth: 1, vocabularySize: V, prompts: sequences },
      ...{
        origin: 'a toy language',
        references: ['reference 0'],
        statistic: 'count',
        decoys: 0,
        alpha: ALPHA,
        minimumCounted: 20,
      },
      family: owners.map(({ key }) => ({ keyId: key.keyId })),
    })
    return attribute({
      plan,
      observations: innocent.observations,
      candidates: owners.map(({ profile, key }) => ({ profile, key })),
    })
  })

  test('the chance that any of several innocent keys is named is at most alpha', () => {
    const named = rounds.filter(({ narrowest }) => narrowest !== undefined).length
    const { hi } = binomialBand(ROUNDS, ALPHA, 1e-6)
    expect(named).toBeLessThanOrEqual(hi)
    const listed = rounds.filter(({ list }) => list.length > 0).length
    expect(listed).toBeLessThanOrEqual(hi)
  })

  test('caught: without the correction', () => {
    const named = rounds.filter(({ conclusions }) =>
      conclusions.some(({ findings }) => findings[0]!.verdict.lnP <= Math.log(ALPHA)),
    ).length
    const { hi } = binomialBand(ROUNDS, ALPHA, 1e-6)
    expect(named).toBeGreaterThan(hi)
  })
})

describe('what is refused', () => {
  test('no candidates, one twice, a key of another profile, a field too many', () => {
    const suspect = asked(thief)
    const [first] = candidates
    expect(() => attribute({ ...suspect, candidates: [] })).toThrow('at least one key')
    expect(() => attribute({ ...suspect, candidates: [first!, first!] })).toThrow('candidates[1]')
    const other = profileWithKey('another', { vocabularySize: V })
    expect(() =>
      attribute({ ...suspect, candidates: [{ profile: layered.profile, key: other.key }] }),
    ).toThrow('candidates[0].key')
    expect(() => attribute({ ...suspect, candidates: [{ ...first!, weight: 2 } as never] })).toThrow('weight')
    expect(() => attribute({ ...suspect, candidates, profile: layered.profile } as never)).toThrow('profile')
  })
})
