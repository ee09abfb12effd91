/**
 * Identifying: whichever of many marks made a text, it is named; when none did, none is, as often as the level says over 1,000
 * families; and trying many without paying for it fails the same check.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { type IdentifyOptions, identify, type KnownMark } from '../../src/detect/identify.ts'
import { parseVerdict } from '../../src/detect/parse-verdict.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import {
  createProfile,
  type LayerOptions,
  type Profile,
  type ProfileOptions,
} from '../../src/keys/profile.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import { lnUpperTail } from '../../src/stats/tail.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { masterFromSeed, profileWithKey } from '../support/keys.ts'
import { binomialBand, poissonBinomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const vocabularySize = 64
const ONE_LAYER: readonly LayerOptions[] = [{ role: 'provider', label: 'acme' }]

function marksOf(seed: string, options: Partial<ProfileOptions>): KnownMark[] {
  const master = masterFromSeed(seed)
  const profile = createProfile(master, {
    contextWidth: 2,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize,
    layers: ONE_LAYER,
    created: '2026-11-24',
    ...options,
  } as ProfileOptions)
  return deriveMarkKeys(master, profile).map((key) => ({ profile, key }))
}

const GREEN = { scheme: 'green-list', gamma: 0.25, delta: 2 } as const

/** Schemes, widths, owners, layers, labels and lanes: 1 + 1 + 1 + 1 + 1 + 1 + 2 + 16 tests. */
const MARKS: readonly KnownMark[] = [
  ...marksOf('one', GREEN),
  ...marksOf('one', { ...GREEN, gamma: 0.5 }),
  ...marksOf('one', { ...GREEN, contextWidth: 1 }),
  ...marksOf('one', { scheme: 'gumbel' }),
  ...marksOf('one', { scheme: 'tournament' }),
  ...marksOf('two', GREEN),
  ...marksOf('layers', {
    ...GREEN,
    layers: [
      { role: 'provider', label: 'acme', share: 40000 },
      { role: 'cohort', label: 'blue', share: 25536 },
    ],
  }),
  ...marksOf('lanes', { ...GREEN, gamma: 0.5, layers: [{ role: 'cohort', label: 'many', lanes: 16 }] }),
]
const FAMILY = 1 + 1 + 1 + 1 + 1 + 1 + 2 + 16

/** Text of a flat law, marked. Only the layers of the keys given mark. */
function markedText(
  { profile, key }: KnownMark,
  { length, lane, prompt = [1, 2] }: { length: number; lane: number; prompt?: readonly number[] },
): number[] {
  const all = MARKS.filter((mark) => mark.profile === profile).map((mark) => mark.key)
  const marker = createMarker(profile, all, { lanes: { [key.role]: lane } })
  const ids = [...prompt]
  const random = seedrandom('identify')
  while (ids.length < prompt.length + length) {
    const row = new Float64Array(vocabularySize)
    marker.mark(row, ids)
    ids.push(sampleFromLogits(row, { temperature: 1, random }))
  }
  return ids
}

const plain = (length: number, seed = 'plain'): number[] => {
  const random = seedrandom(seed)
  return Array.from({ length }, () => Math.floor(random() * vocabularySize))
}

describe('names the mark that shows', () => {
  test.each(MARKS.map((mark, i) => [i, mark.profile.scheme, mark.key.keyId, mark] as const))(
    'candidate %i (%s, key %s)',
    (i, _scheme, keyId, mark) => {
      const lane = mark.key.format.lanes - 1
      const { best, ranked, family } = identify([{ ids: markedText(mark, { length: 600, lane }) }], MARKS)
      // A text shows all layers of its mark, the one with the largest share most.
      expect(best).toMatchObject({ profile: mark.profile, verdict: { decision: 'evidence' } })
      const own = ranked.find(({ candidate, verdict }) => candidate === i && verdict.lane === lane)
      if (mark.profile.layers.length === 1) expect(own).toBe(best)
      expect(own).toMatchObject({ label: mark.key.label })
      expect(own!.verdict).toMatchObject({ method: 'identify', keyId, decision: 'evidence' })
      expect(family).toEqual({ size: FAMILY, method: 'holm' })
      expect(ranked).toHaveLength(FAMILY)
      // Layers of the same mark show together; nothing else does.
      for (const { candidate, verdict } of ranked)
        if (MARKS[candidate]!.profile !== mark.profile || (candidate === i && verdict.lane !== lane))
          expect(verdict.decision).toBe('no-evidence')
    },
  )

  test('none for text that nobody marked, and what it tried', () => {
    const { best, ranked, family } = identify([{ ids: plain(600) }], MARKS)
    expect(best).toBe(undefined)
    expect(family.size).toBe(FAMILY)
    for (const { verdict } of ranked) expect(verdict.decision).toBe('no-evidence')
  })

  test('where nobody knows where the prompt ends, and in documents judged together', () => {
    const mark = MARKS[3]!
    const documents = [
      { ids: markedText(mark, { length: 150, lane: 0, prompt: plain(300) }) },
      { ids: markedText(mark, { length: 150, lane: 0, prompt: plain(200, 'another') }) },
    ]
    expect(identify(documents, MARKS).best?.candidate).toBe(3)
  })

  test('a list of lanes asks about those only', () => {
    const i = MARKS.length - 1
    const mark = MARKS[i]!
    const ids = markedText(mark, { length: 400, lane: 5 })
    const asked = (lanes: number[]): ReturnType<typeof identify> => identify([{ ids }], [{ ...mark, lanes }])
    expect(asked([4, 5])).toMatchObject({ best: { verdict: { lane: 5 } }, family: { size: 2 } })
    expect(asked([4, 6]).best).toBe(undefined)
  })
})

describe('verdicts', () => {
  const ids = markedText(MARKS[0]!, { length: 300, lane: 0 })
  const { best, ranked } = identify([{ ids }], MARKS)

  test('are those of detect, corrected for all that was tried', () => {
    for (const { candidate, verdict } of ranked) {
      const { profile, key } = MARKS[candidate]!
      const alone = detect(countable([{ ids }], profile), key, { lane: verdict.lane! })
      const { sum, counted, lnP, law, interval } = alone
      expect(verdict).toMatchObject({ sum, counted, lnP, law, interval })
      expect(verdict.family.size).toBe(FAMILY)
      expect(parseVerdict(JSON.stringify(verdict))).toEqual(verdict)
      expect(verdict.family.lnAdjustedP!).toBeGreaterThanOrEqual(verdict.lnP)
    }
    expect(best!.verdict.family.lnAdjustedP).toBeCloseTo(best!.verdict.lnP + Math.log(FAMILY), 12)
  })

  test('are ranked by p, equals in the order of the candidates', () => {
    for (const [i, { verdict, candidate }] of ranked.entries()) {
      const before = ranked[i - 1]
      if (!before) continue
      expect(verdict.lnP).toBeGreaterThanOrEqual(before.verdict.lnP)
      if (verdict.lnP === before.verdict.lnP) expect(candidate).toBeGreaterThanOrEqual(before.candidate)
    }
    // Nothing counted: all equal.
    const equal = identify([{ ids: [] }], MARKS).ranked
    expect(equal.map(({ candidate }) => candidate)).toEqual(
      [...equal.map(({ candidate }) => candidate)].sort((a, b) => a - b),
    )
    for (const { verdict } of equal) expect(verdict.decision).toBe('insufficient')
  })

  test('a p-value that is evidence alone is none among many', () => {
    const [mark] = MARKS
    const { profile, key } = mark!
    // A level between the p-value and its corrected one.
    const { lnP } = detect(countable([{ ids }], profile), key)
    const alpha = Math.exp(lnP + Math.log(FAMILY) / 2)
    expect(detect(countable([{ ids }], profile), key, { alpha }).decision).toBe('evidence')
    expect(identify([{ ids }], [mark!], { alpha }).best?.candidate).toBe(0)
    expect(identify([{ ids }], MARKS, { alpha }).best).toBe(undefined)
  })

  test('one that is too short to say anything under its width is not named, the next is', () => {
    const { best, ranked } = identify([{ ids }], MARKS, { minimumCounted: 64, padding: 0 })
    expect(best).toBe(ranked.find(({ verdict }) => verdict.decision === 'evidence'))
    expect(identify([{ ids }], MARKS, { minimumCounted: 1000 }).best).toBe(undefined)
  })

  test('frozen', () => {
    for (const record of [identify([], MARKS), ranked, ranked[0], best?.verdict])
      expect(Object.isFrozen(record)).toBe(true)
  })
})

describe('calibration', () => {
  const FAMILIES = 1000
  const LANES = 16
  const LEVEL = 0.05
  const FALSE_ALARM = 1e-6

  // Lanes of one key are independent tests, so the chance that any rejects is known exactly. A fresh key for each text.
  function families(): { counted: number; lnPs: number[]; named: boolean }[] {
    return Array.from({ length: FAMILIES }, (_, i) => {
      const { profile, key } = profileWithKey(`family ${i}`, {
        gamma: 0.5,
        layers: [{ role: 'cohort', label: 'many', lanes: LANES }],
      })
      const { best, ranked } = identify([{ ids: plain(120, `text ${i}`) }], [{ profile, key }], {
        alpha: LEVEL,
      })
      return {
        counted: ranked[0]!.verdict.counted,
        lnPs: ranked.map(({ verdict }) => verdict.lnP),
        named: best !== undefined,
      }
    })
  }

  test('an innocent is named as often as the level says; without the correction the check fails', () => {
    const results = families()
    const known = new Map<number, number>()
    const rateOf = (n: number): number => {
      const law = { kind: 'bernoulli', p: 0.5 } as const
      let sum = Math.floor(n / 2)
      while (lnUpperTail(law, { sum, n }) > Math.log(LEVEL / LANES)) sum++
      return 1 - (1 - Math.exp(lnUpperTail(law, { sum, n }))) ** LANES
    }
    const rates = results.map(({ counted }) => {
      known.set(counted, known.get(counted) ?? rateOf(counted))
      return known.get(counted)!
    })
    const { lo, hi } = poissonBinomialBand(rates, FALSE_ALARM)
    const named = results.filter(({ named }) => named).length
    expect(named).toBeGreaterThanOrEqual(lo)
    expect(named).toBeLessThanOrEqual(hi)
    expect(lo).toBeGreaterThan(0)
    const uncorrected = results.filter(({ lnPs }) => Math.min(...lnPs) <= Math.log(LEVEL)).length
    expect(uncorrected).toBeGreaterThan(hi)
    expect(hi).toBeLessThan(binomialBand(FAMILIES, 2 * LEVEL, FALSE_ALARM).hi)
  })
})

describe('refuses', () => {
  const documents = [{ ids: [1, 2, 3] }]
  const [mark] = MARKS
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('documents: %s', (_, wrong) => {
    expectRefusal(() => identify(wrong as TokenDocument[], MARKS), 'documents')
  })
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('candidates: %s', (_, wrong) => {
    expectRefusal(() => identify(documents, wrong as KnownMark[]), 'candidates')
  })
  test.each(wrongValues({ except: ['record', 'object'] }))('a candidate: %s', (_, wrong) => {
    expectRefusal(() => identify(documents, [wrong as KnownMark]), 'candidates[0]')
  })
  test.each(wrongValues({ except: [] }))('its profile: %s', (_, wrong) => {
    expectRefusal(() => identify(documents, [{ ...mark!, profile: wrong as Profile }]), 'profile')
  })
  test.each(wrongValues({ except: [] }))('its key: %s', (_, wrong) => {
    expectRefusal(() => identify(documents, [{ ...mark!, key: wrong as MarkKey }]), 'key')
  })
  test.each(wrongValues({ except: ['undefined', 'array', 'bytes', 'view'] }))('its lanes: %s', (_, wrong) => {
    expectRefusal(() => identify(documents, [{ ...mark!, lanes: wrong as number[] }]), 'candidates[0].lanes')
  })
  test.each(wrongValues({ except: ['integer'] }))('a lane: %s', (_, wrong) => {
    expectRefusal(
      () => identify(documents, [{ ...mark!, lanes: [wrong as number] }]),
      'candidates[0].lanes[0]',
    )
  })
  test('no candidates, no lanes, a lane that is not there', () => {
    expectRefusal(() => identify(documents, []), 'candidates')
    expectRefusal(() => identify(documents, [{ ...mark!, lanes: [] }]), 'candidates[0].lanes')
    expectRefusal(() => identify(documents, [{ ...mark!, lanes: [0, 1] }]), 'candidates[0].lanes[1]')
  })
  test('the same test twice', () => {
    expectRefusal(() => identify(documents, [mark!, MARKS[1]!, mark!]), 'candidates[2]')
    expectRefusal(() => identify(documents, [{ ...mark!, lanes: [0, 0] }]), 'candidates[0]')
  })
  test('two tokenizers', () => {
    const other = marksOf('one', { ...GREEN, tokenizer: tokenizerDigest(['b', 'a']) })
    expectRefusal(() => identify(documents, [mark!, ...other]), 'candidates[1]')
  })
  test('a key of another profile', () => {
    expectRefusal(() => identify(documents, [{ ...mark!, key: MARKS[1]!.key }]), 'key')
  })
  test.each(wrongValues({ except: ['undefined', 'record', 'object'] }))('options: %s', (_, wrong) => {
    expectRefusal(() => identify(documents, MARKS, wrong as IdentifyOptions), 'options')
  })
  test.each(['alpha', 'minimumCounted', 'endOfText', 'padding'])('%s of another kind', (name) => {
    for (const [, wrong] of wrongValues({ except: ['integer', 'number', 'undefined'] }))
      expectRefusal(() => identify(documents, MARKS, { [name]: wrong }), name)
    expectRefusal(() => identify(documents, MARKS, { [name]: -1 }), name)
  })
  test('a misspelt option', () => {
    expectRefusal(() => identify(documents, MARKS, { lane: 1 } as IdentifyOptions), 'options')
  })
})
