/**
 * The doctor: for each field, text that was made with that field otherwise is diagnosed as that field, with what to do; what is right works,
 * what nothing explains is not explained, and chance explains nothing. No key in anything that it says.
 */
import { inspect } from 'node:util'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { type Diagnosis, type DoctorOptions, doctor } from '../../src/detect/doctor.ts'
import { type Field, type Setup, singleChanges } from '../../src/detect/variations.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveLayerKey, deriveMarkKeyBytes, deriveRouteKey } from '../../src/keys/derive.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { type MasterKey, masterKeyBytes } from '../../src/keys/master.ts'
import {
  createProfile,
  type LayerOptions,
  markFormat,
  type Profile,
  type ProfileOptions,
} from '../../src/keys/profile.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import { type TokenStrings, tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { formsShown, masterFromSeed } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const vocabularySize = 200
const master = masterFromSeed('doctor')
const OWN: TokenStrings = Array.from({ length: vocabularySize }, (_, id) => `t${id}`)
/** The same pieces in another order, and one that the first does not have. */
const OTHER: TokenStrings = [...OWN.slice(0, 199), 'unknown'].reverse()

function profileOf(options: Partial<ProfileOptions> = {}): Profile {
  const { scheme = 'green-list' } = options
  return createProfile(master, {
    ...(scheme === 'green-list' ? { gamma: 0.25, delta: 6 } : {}),
    scheme,
    contextWidth: 2,
    tokenizer: tokenizerDigest(OWN),
    vocabularySize,
    layers: [{ role: 'provider', label: 'acme' }],
    created: '2026-11-24',
    ...options,
  } as ProfileOptions)
}

interface Made {
  /** One label a role serves. @defaultValue the first of each */
  readonly labels?: readonly string[]
  readonly lane?: number
  readonly documents?: number
  /** Of each document, prompt included. */
  readonly length?: number
  readonly prompt?: number
  /** What each document begins with. */
  readonly first?: number
}

/** Documents of a flat law, marked under a profile. */
function marked(profile: Profile, made: Made = {}): Required<Omit<TokenDocument, 'skip'>>[] {
  const { labels, lane = 0, documents = 2, length = 160, prompt = 4, first } = made
  const all = deriveMarkKeys(master, profile)
  const roles = [...new Set(profile.layers.map(({ role }) => role))]
  const keys = roles.map(
    (role) => all.find((key) => key.role === role && (labels ?? [key.label]).includes(key.label))!,
  )
  const lanes = Object.fromEntries(keys.map(({ role, format }) => [role, Math.min(lane, format.lanes - 1)]))
  const marker = createMarker(profile, keys, { lanes })
  const random = seedrandom('doctor')
  return Array.from({ length: documents }, () => {
    const ids = Array.from({ length: prompt }, () => Math.floor(random() * profile.vocabularySize))
    if (first !== undefined) ids[0] = first
    while (ids.length < length) {
      const row = new Float64Array(profile.vocabularySize)
      marker.mark(row, ids)
      ids.push(sampleFromLogits(row, { temperature: 1, random }))
    }
    return { ids, promptLength: prompt }
  })
}

function changed(
  documents: readonly Required<Omit<TokenDocument, 'skip'>>[],
  change: (document: { ids: number[]; promptLength: number }) => TokenDocument,
): TokenDocument[] {
  return documents.map(({ ids, promptLength }) => change({ ids: Array.from(ids), promptLength }))
}

const ROUTED: readonly LayerOptions[] = [
  { role: 'provider', label: 'acme', share: 32768 },
  { role: 'cohort', label: 'blue', share: 32768 },
]
const STAND_INS: readonly LayerOptions[] = [
  { role: 'cohort', label: 'blue' },
  { role: 'cohort', label: 'green', lanes: 4 },
]
const SHORT = { documents: 150, length: 5, prompt: 4 }

interface Case {
  readonly what: string
  readonly fields: readonly Field[]
  readonly remedy: RegExp
  /** What marked the text, how it is read, and what the doctor is told. */
  readonly served?: Partial<ProfileOptions>
  readonly made?: Made
  readonly read?: (document: { ids: number[]; promptLength: number }) => TokenDocument
  readonly configured?: Partial<ProfileOptions>
  readonly options?: DoctorOptions
}

const CASES: readonly Case[] = [
  ...[0.5, 1 / 256, 37 / 256, 200 / 256, 255 / 256].map((gamma) => ({
    what: `gamma ${gamma} in place of 1/4`,
    fields: ['gamma' as const],
    remedy: new RegExp(`gamma ${gamma}`),
    // Nearly all green says little a pair.
    made: { length: gamma > 0.9 ? 3500 : 160 },
    served: { gamma, delta: 12 },
  })),
  {
    what: 'gamma 1/4 in place of 1/2',
    fields: ['gamma'],
    remedy: /gamma 0.25/,
    configured: { gamma: 0.5 },
  },
  ...[0, 1, 3, 4].map((contextWidth) => ({
    what: `contextWidth ${contextWidth} in place of 2`,
    fields: ['contextWidth' as const],
    remedy: new RegExp(`contextWidth ${contextWidth}`),
    // At width 0 a pair is a token: many different ones are needed.
    served: { contextWidth, vocabularySize: 2000 },
    configured: { vocabularySize: 2000 },
  })),
  {
    what: 'contextWidth 2 in place of 0',
    fields: ['contextWidth'],
    remedy: /contextWidth 2/,
    configured: { contextWidth: 0 },
  },
  {
    what: 'another lane',
    fields: ['lane'],
    remedy: /ledger/,
    served: { layers: [{ role: 'cohort', label: 'many', lanes: 8 }] },
    configured: { layers: [{ role: 'cohort', label: 'many', lanes: 8 }] },
    made: { lane: 5 },
    options: { lane: 2 },
  },
  {
    what: 'another number of lanes',
    fields: ['lanes'],
    remedy: /16 lanes/,
    served: { layers: [{ role: 'cohort', label: 'many', lanes: 16 }] },
    configured: { layers: [{ role: 'cohort', label: 'many', lanes: 8 }] },
    made: { lane: 11 },
    options: { lane: 3 },
  },
  {
    what: 'another label of the role',
    fields: ['layer'],
    remedy: /layer cohort green/,
    served: { layers: STAND_INS },
    configured: { layers: STAND_INS },
    made: { labels: ['green'], lane: 3 },
    options: { label: 'blue' },
  },
  {
    what: 'a label that the profile does not have',
    fields: ['label'],
    remedy: /e8/,
    served: { layers: [{ role: 'epoch', label: 'e8' }] },
    configured: { layers: [{ role: 'epoch', label: 'e9' }] },
    options: { labels: ['e7', 'e8'] },
  },
  {
    what: 'layers in another order',
    fields: ['shares'],
    remedy: /shares or another order/,
    served: { layers: ROUTED.toReversed() },
    configured: { layers: ROUTED },
    made: { length: 500 },
  },
  ...(['gumbel', 'tournament'] as const).map((scheme) => ({
    what: `a ${scheme} mark in place of green-list`,
    fields: ['scheme' as const],
    remedy: new RegExp(scheme),
    served: { scheme },
  })),
  {
    what: 'a green list in place of gumbel',
    fields: ['scheme'],
    remedy: /green-list \(gamma 0.25\)/,
    configured: { scheme: 'gumbel' },
  },
  {
    what: 'other rounds',
    fields: ['rounds'],
    remedy: /12 rounds/,
    served: { scheme: 'tournament', rounds: 12 },
    configured: { scheme: 'tournament' },
  },
  {
    what: 'keys of another tokenizer',
    fields: ['tokenizer'],
    remedy: /the ids are right as they are/,
    served: { tokenizer: tokenizerDigest(OTHER) },
    options: { tokenizers: [OWN, OTHER] },
  },
  {
    what: 'ids of another tokenizer',
    fields: ['tokenizer'],
    remedy: /encode the text with the profile's tokenizer/,
    read: ({ ids, promptLength }) => ({ ids: ids.map((id) => 199 - id), promptLength }),
    options: { tokenizers: [OTHER, OWN] },
  },
  {
    what: 'a prompt length that covers the text, as if counted in characters',
    fields: ['promptLength'],
    remedy: /promptLength 0/,
    read: ({ ids }) => ({ ids, promptLength: ids.length }),
  },
  {
    what: 'a prompt length one too long, in documents of one generated id',
    fields: ['promptLength'],
    remedy: /subtract 1/,
    made: SHORT,
    read: ({ ids, promptLength }) => ({ ids, promptLength: promptLength + 1 }),
  },
  {
    what: 'prompts nine times as long as the text, counted as generated',
    fields: ['promptLength'],
    remedy: /begin with text that was not marked/,
    served: { delta: 3 },
    made: { documents: 4, prompt: 180, length: 200 },
    read: ({ ids }) => ({ ids }),
  },
  {
    what: 'a begin-of-text id that the documents lack',
    fields: ['beginOfText'],
    remedy: /put id 7 in front/,
    served: { contextWidth: 4 },
    configured: { contextWidth: 4 },
    made: { ...SHORT, first: 7 },
    read: ({ ids }) => ({ ids: ids.slice(1), promptLength: 3 }),
    options: { beginOfText: 7 },
  },
  {
    what: 'a begin-of-text id that the host did not have',
    fields: ['beginOfText'],
    remedy: /take the first id off/,
    // One marked id a document; the id too many makes the one before it count as well.
    served: { contextWidth: 4, delta: 2 },
    configured: { contextWidth: 4 },
    made: { documents: 80, length: 5, prompt: 0 },
    read: ({ ids }) => ({ ids: [7, ...ids] }),
    options: { alpha: 1e-14 },
  },
  ...[1, -3, 8].map((offset) => ({
    what: `ids ${offset} too large`,
    fields: ['ids' as const],
    remedy: offset > 0 ? new RegExp(`subtract ${offset} from`) : new RegExp(`add ${-offset} to`),
    read: ({ ids, promptLength }: { ids: number[]; promptLength: number }) => ({
      ids: ids.map((id) => Math.max(0, id + offset)),
      promptLength,
    }),
  })),
  {
    what: 'ids newest first',
    fields: ['order'],
    remedy: /oldest first/,
    read: ({ ids }) => ({ ids: ids.reverse() }),
  },
  {
    what: 'generated ids newest first, behind their prompt',
    fields: ['order'],
    remedy: /oldest first/,
    made: { prompt: 80, length: 240 },
    read: ({ ids, promptLength }) => ({
      ids: [...ids.slice(0, promptLength), ...ids.slice(promptLength).reverse()],
      promptLength,
    }),
  },
]

const PAIRS: readonly Case[] = [
  {
    what: 'width and gamma',
    fields: ['contextWidth', 'gamma'],
    remedy: /contextWidth 1.*gamma 0.5/,
    served: { contextWidth: 1, gamma: 0.5 },
  },
  {
    what: 'gamma and an offset',
    fields: ['gamma', 'ids'],
    remedy: /gamma 0.5.*subtract 2 from/,
    served: { gamma: 0.5 },
    read: ({ ids, promptLength }) => ({ ids: ids.map((id) => id + 2), promptLength }),
  },
  {
    what: 'layer and order',
    fields: ['layer', 'order'],
    remedy: /cohort green.*oldest first/,
    served: { layers: STAND_INS },
    configured: { layers: STAND_INS },
    made: { labels: ['green'], lane: 2 },
    read: ({ ids }) => ({ ids: ids.reverse() }),
  },
  {
    what: 'label and width',
    fields: ['label', 'contextWidth'],
    remedy: /e8.*contextWidth 3/,
    served: { layers: [{ role: 'epoch', label: 'e8' }], contextWidth: 3 },
    configured: { layers: [{ role: 'epoch', label: 'e9' }] },
    options: { labels: ['e8'] },
  },
  {
    what: 'tokenizer and prompt length',
    fields: ['tokenizer', 'promptLength'],
    remedy: /right as they are.*promptLength 0/,
    served: { tokenizer: tokenizerDigest(OTHER) },
    read: ({ ids }) => ({ ids, promptLength: ids.length }),
    options: { tokenizers: [OWN, OTHER] },
  },
]

function diagnosed({ served, made, read = (d) => d, configured, options }: Case): {
  documents: TokenDocument[]
  profile: Profile
  diagnosis: Diagnosis
} {
  const documents = changed(marked(profileOf(served), made), read)
  const profile = profileOf(configured)
  return { documents, profile, diagnosis: doctor(documents, profile, master, options) }
}

describe('each field is diagnosed as itself', () => {
  test.each([...CASES, ...PAIRS].map((one) => [one.what, one] as const))('%s', (_, one) => {
    const { diagnosis } = diagnosed(one)
    const { conclusion, best, configured, sentence, tried, family } = diagnosis
    expect([conclusion, best?.fields]).toEqual(['explained', one.fields])
    expect(best!.remedy).toMatch(one.remedy)
    expect(sentence).toContain(best!.remedy)
    expect(sentence).toContain(best!.says)
    expect(best!.lnAdjustedP).toBeLessThanOrEqual(Math.log(diagnosis.alpha))
    expect(configured.lnAdjustedP).toBeGreaterThan(Math.log(diagnosis.alpha))
    expect(tried.length).toBeLessThanOrEqual(family.size)
    expect(tried.filter(({ fields }) => fields.length === 0)).toEqual([configured])
  })

  test('all fields are in the table', () => {
    const fields = new Set([...CASES, ...PAIRS].flatMap((one) => one.fields))
    const all: Record<Field, true> = {
      ...{ layer: true, label: true, shares: true, lane: true, lanes: true, scheme: true, gamma: true },
      ...{ rounds: true, contextWidth: true, tokenizer: true, promptLength: true, beginOfText: true },
      ...{ ids: true, order: true },
    } as const
    expect([...fields].sort()).toEqual(Object.keys(all).sort())
  })

  test('following the remedy works', () => {
    const [one] = CASES
    const { documents, diagnosis } = diagnosed(one!)
    const right = doctor(documents, profileOf(one!.served), master)
    expect(right.conclusion).toBe('works')
    expect(right.configured.lnP).toBe(diagnosis.best!.lnP)
    expect(right.configured.keyId).toBe(diagnosis.best!.keyId)
  })

  test('a profile whose gamma was edited names the variation by its key id too', () => {
    const served = profileOf({ gamma: 0.5 })
    const edited = { ...served, bits: 8, param: 64 } as Profile
    const { sentence, symptoms } = doctor(marked(served), edited, master)
    expect(sentence).toContain('The key id in the profile is the one of this variation')
    expect(symptoms.join()).toContain('another master key, or another profile')
  })
})

describe('what is right works', () => {
  test.each<[string, Partial<ProfileOptions>, Made, DoctorOptions]>([
    ['green-list', {}, {}, {}],
    ['gumbel', { scheme: 'gumbel' }, {}, {}],
    ['tournament', { scheme: 'tournament' }, {}, {}],
    ['width 0', { contextWidth: 0, vocabularySize: 2000 }, {}, {}],
    ['a second layer', { layers: ROUTED }, { length: 400 }, { label: 'blue' }],
    ['a lane', { layers: STAND_INS }, { labels: ['green'], lane: 3 }, { label: 'green', lane: 3 }],
  ])('%s', (_, options, made, doctorOptions) => {
    const profile = profileOf(options)
    const documents = marked(profile, made)
    const { conclusion, best, configured, sentence, tried, symptoms } = doctor(
      documents,
      profile,
      master,
      doctorOptions,
    )
    expect(conclusion).toBe('works')
    expect(best).toBe(configured)
    expect(sentence).toMatch(/^Works as configured: p = 10\^-\d+\.\d on \d+ pairs\.$/)
    expect(tried).toEqual([configured])
    expect(symptoms).toEqual([])
    // The same numbers as detection.
    const { label = profile.layers[0]!.label, lane = 0 } = doctorOptions
    const key = deriveMarkKeys(master, profile).find((one) => one.label === label)!
    const verdict = detect(countable(documents, profile), key, { lane })
    expect(configured).toMatchObject({
      ...{ fields: [], says: 'as configured', remedy: '', label, lane },
      ...{ keyId: key.keyId, counted: verdict.counted, sum: verdict.sum, lnP: verdict.lnP },
    })
  })

  test('ids that do not survive as text are skipped as detection skips them, however the text is read', () => {
    const profile = profileOf({ scheme: 'gumbel' })
    const documents = marked(profile).map((document) => ({ ...document, skip: [7, 30, 31, 90] }))
    const [key] = deriveMarkKeys(master, profile)
    const verdict = detect(countable(documents, profile), key!)
    const { lnP, counted } = verdict
    expect(lnP).not.toBe(detect(countable(marked(profile), profile), key!).lnP)
    const right = doctor(documents, profile, master)
    expect([right.conclusion, right.configured.lnP]).toEqual(['works', lnP])
    const last = documents[0]!.ids.length - 1
    const readings: [Field, (document: Required<TokenDocument>) => TokenDocument][] = [
      [
        'order',
        ({ ids, promptLength, skip }) => ({
          ids: Array.from(ids).reverse(),
          promptLength,
          skip: skip.map((at) => last - at).reverse(),
        }),
      ],
      ['ids', (document) => ({ ...document, ids: Array.from(document.ids, (id) => id + 3) })],
    ]
    for (const [field, read] of readings) {
      const { conclusion, best } = doctor(documents.map(read), profile, master)
      expect([conclusion, best?.fields, best?.lnP, best?.counted]).toEqual([
        'explained',
        [field],
        lnP,
        counted,
      ])
    }
    // An id in front, put there or taken off, moves all places by one.
    const setup: Setup = {
      documents: [{ ids: [5, 6, 7], promptLength: 1, skip: [0, 2] }],
      ...{ scheme: { scheme: 'gumbel' }, contextWidth: 2, tokenizer: profile.tokenizer },
      ...{ layers: profile.layers, label: 'acme', lanes: [0] },
    }
    const hints = { layers: profile.layers, labels: [], tokenizers: [], beginOfText: 9 }
    const moved = singleChanges(setup, hints)
      .filter(({ field }) => field === 'beginOfText')
      .flatMap((change) => change.apply(setup)!.documents)
    expect(moved).toEqual([
      { ids: [9, 5, 6, 7], promptLength: 2, skip: [1, 3] },
      { ids: [6, 7], promptLength: 0, skip: [1] },
    ])
  })

  test('half of alpha is kept for the configuration', () => {
    const profile = profileOf()
    const { configured } = doctor(marked(profile), profile, master)
    expect(configured.lnAdjustedP).toBe(configured.lnP + Math.log(2))
  })
})

describe('nothing fits', () => {
  const profile = profileOf()
  const plain = (length: number, seed = 'plain'): number[] => {
    const random = seedrandom(seed)
    return Array.from({ length }, () => Math.floor(random() * vocabularySize))
  }

  test('text that nobody marked; and it says what it could not try', () => {
    const { conclusion, best, sentence, tried, family } = doctor([{ ids: plain(300) }], profile, master)
    expect([conclusion, best]).toEqual(['nothing-fits', undefined])
    expect(sentence).toContain('Not tried: other tokenizers')
    expect(sentence).toContain('options.beginOfText')
    expect(tried).toHaveLength(family.size)
    const all = doctor([{ ids: plain(300) }], profile, master, {
      labels: ['old'],
      beginOfText: 0,
      tokenizers: [OWN, OTHER],
    })
    expect(all.sentence).not.toContain('Not tried')
    expect(all.family.size).toBeGreaterThan(family.size)
  })

  test('another master key, which the key ids give away', () => {
    const { conclusion, symptoms } = doctor(marked(profile), profile, masterFromSeed('another'))
    expect(conclusion).toBe('nothing-fits')
    expect(symptoms.join()).toContain(`the profile says ${profile.layers[0]!.keyId}`)
  })

  test('every correction is the same sum: half of alpha among all but the configuration', () => {
    const { tried, family, configured } = doctor([{ ids: plain(100) }], profile, master)
    for (const one of tried) {
      if (one === configured) continue
      const expected = Math.min(0, one.lnP + Math.log(2 * (family.size - 1)))
      expect(one.lnAdjustedP).toBeCloseTo(expected, 12)
    }
    for (const [i, { lnAdjustedP }] of tried.entries())
      if (i > 0) expect(lnAdjustedP).toBeGreaterThanOrEqual(tried[i - 1]!.lnAdjustedP)
    // All fractions of green tokens are among them.
    expect(tried.filter(({ fields }) => String(fields) === 'gamma')).toHaveLength(254)
  })

  test('chance explains nothing: as rarely as alpha says, and uncorrected always', () => {
    const [masters, alpha] = [24, 0.1]
    let [explained, uncorrected] = [0, 0]
    for (let i = 0; i < masters; i++) {
      const { conclusion, tried } = doctor(
        [{ ids: plain(100, `null ${i}`) }],
        profileOf({ gamma: 0.5 }),
        masterFromSeed(i),
        {
          alpha,
        },
      )
      if (conclusion !== 'nothing-fits') explained++
      if (tried.some(({ lnP }) => lnP <= Math.log(alpha))) uncorrected++
    }
    const { hi } = binomialBand(masters, alpha, 1e-6)
    expect(explained).toBeLessThanOrEqual(hi)
    expect(uncorrected).toBeGreaterThan(hi)
  })

  test('too little text is said to be that', () => {
    for (const documents of [[], [{ ids: [] }], [{ ids: [1, 2] }]]) {
      const { conclusion, symptoms, configured } = doctor(documents, profile, master)
      expect([conclusion, configured.lnP]).toEqual(['nothing-fits', 0])
      expect(symptoms.join()).toContain('too few pairs as configured')
    }
  })
})

describe('symptoms', () => {
  const profile = profileOf()
  const [document] = marked(profile)

  test.each<[string, TokenDocument[], DoctorOptions, string]>([
    ['repeats', [document!, document!, document!], {}, '% of the generated ids are repeats'],
    ['prompts', [{ ids: document!.ids, promptLength: 90 }], {}, '56 % of the ids are prompt'],
    [
      'the end of text',
      [{ ids: [9, 9, ...document!.ids] }],
      { endOfText: 9 },
      '% of the generated ids stand after',
    ],
    [
      'very short documents',
      [{ ids: [1, 2] }, { ids: [3, 4] }, document!].slice(0, 2),
      {},
      'very short documents',
    ],
    [
      'padding',
      [{ ids: [...new Array(80).fill(0), ...document!.ids] }],
      {},
      '% of the ids are 0: if that is padding',
    ],
    [
      'ids outside of the vocabulary',
      [{ ids: [...document!.ids, 200, 5000] }],
      {},
      "2 ids are outside of the profile's vocabulary (the first is 200 of 200)",
    ],
    [
      'ids that do not survive as text',
      [{ ids: document!.ids, skip: [10, 11, 40] }],
      {},
      '3 ids do not survive as text (skip): the 7 pairs that touch them are skipped',
    ],
    [
      'more text than is read',
      [{ ids: Array.from({ length: 9000 }, (_, i) => (i * i) % 199) }],
      {},
      'only the first 8192 of 9000 ids were read',
    ],
  ])('%s', (_, documents, options, symptom) => {
    expect(doctor(documents, profile, master, options).symptoms.join('\n')).toContain(symptom)
  })

  test('contexts that all belong to another layer', () => {
    const small = profileOf({
      layers: [
        { role: 'canary', label: 'rare', share: 1 },
        { role: 'provider', label: 'acme', share: 65535 },
      ],
    })
    const { symptoms, conclusion, best } = doctor(marked(small), small, master)
    expect(symptoms.join()).toContain('all contexts belong to other layers than rare')
    expect([conclusion, best?.fields]).toEqual(['explained', ['layer']])
  })

  test('padding that is named is none', () => {
    const padded = [{ ids: [...new Array(80).fill(0), ...document!.ids] }]
    expect(doctor(padded, profile, master, { padding: 0 }).symptoms.join()).not.toContain(
      'if that is padding',
    )
  })
})

describe('says no secret', () => {
  test('in diagnoses, whatever they are', () => {
    const one = CASES.find(({ fields }) => fields[0] === 'shares')!
    const { profile, diagnosis } = diagnosed(one)
    const shown = [inspect(diagnosis, { depth: null, maxArrayLength: null }), JSON.stringify(diagnosis)].join(
      '\n',
    )
    const bytes = masterKeyBytes(master)
    const secrets = [bytes]
    for (const layer of profile.layers) {
      const format = markFormat(profile, layer)
      const layerKey = deriveLayerKey(bytes, layer.label)
      secrets.push(layerKey, deriveMarkKeyBytes(layerKey, format), deriveRouteKey(bytes, format))
    }
    // Hundreds of numbers and key ids hold four given bytes by chance; eight in a row, they do not.
    for (const secret of secrets)
      for (let i = 0; i + 8 <= secret.length; i++)
        expect(shown).not.toContain(Buffer.from(secret.subarray(i, i + 8)).toString('hex'))
    for (const secret of secrets) {
      const said = [diagnosis.sentence, ...diagnosis.symptoms].join('\n')
      expect(formsShown(said, secret)).toEqual([])
    }
  })

  test('in errors', () => {
    const bytes = masterKeyBytes(master)
    for (const wrong of [bytes, Buffer.from(bytes).toString('hex'), { kind: 'master-key', bytes }]) {
      const error = expectRefusal(() => doctor([], profileOf(), wrong as unknown as MasterKey), 'master')
      expect(formsShown(String(error.stack), bytes)).toEqual([])
    }
  })

  test('everything is frozen', () => {
    const diagnosis = doctor([{ ids: [1, 2, 3] }], profileOf(), master)
    const { tried, symptoms, family, configured } = diagnosis
    for (const record of [diagnosis, tried, symptoms, family, configured, configured.fields, tried[5]])
      expect(Object.isFrozen(record)).toBe(true)
  })

  test('documents are left as they were', () => {
    const documents = [{ ids: Object.freeze([1, 2, 3, 4]), promptLength: 1 }]
    doctor(Object.freeze(documents), profileOf(), master)
    expect(documents).toEqual([{ ids: [1, 2, 3, 4], promptLength: 1 }])
  })
})

describe('refuses', () => {
  const profile = profileOf()
  const short = [{ ids: [1, 2, 3] }]
  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('documents: %s', (_, wrong) => {
    expectRefusal(() => doctor(wrong as TokenDocument[], profile, master), 'documents')
  })
  test.each(wrongValues({ except: [] }))('a document: %s', (_, wrong) => {
    expectRefusal(() => doctor([wrong as TokenDocument], profile, master), 'documents[0]')
  })
  test.each([-1, 0.5, 2 ** 24, '1', 1n, null])('an id: %s', (id) => {
    expectRefusal(() => doctor([{ ids: [id as number] }], profile, master), 'documents[0].ids[0]')
  })
  test.each(wrongValues({ except: ['integer', 'undefined'] }))('promptLength: %s', (_, promptLength) => {
    const document = { ids: [1, 2, 3], promptLength } as TokenDocument
    expectRefusal(() => doctor([document], profile, master), 'documents[0].promptLength')
  })
  test.each(wrongValues({ except: [] }))('profile: %s', (_, wrong) => {
    expectRefusal(() => doctor(short, wrong as Profile, master), 'profile')
  })
  test.each(wrongValues({ except: [] }))('master: %s', (_, wrong) => {
    expectRefusal(() => doctor(short, profile, wrong as MasterKey), 'master')
  })
  test('a mark key where the master key is needed', () => {
    const [key] = deriveMarkKeys(master, profile)
    expectRefusal(() => doctor(short, profile, key as unknown as MasterKey), 'master')
  })
  test.each(wrongValues({ except: ['undefined', 'record', 'object'] }))('options: %s', (_, wrong) => {
    expectRefusal(() => doctor(short, profile, master, wrong as DoctorOptions), 'options')
  })
  test.each(['alpha', 'minimumCounted', 'endOfText', 'padding', 'lane', 'beginOfText'])(
    '%s of another kind',
    (name) => {
      for (const [, wrong] of wrongValues({ except: ['integer', 'number', 'undefined'] }))
        expectRefusal(() => doctor(short, profile, master, { [name]: wrong }), name)
      expectRefusal(() => doctor(short, profile, master, { [name]: -1 }), name)
    },
  )
  test.each(wrongValues({ except: ['undefined'] }))('label: %s', (_, label) => {
    expectRefusal(() => doctor(short, profile, master, { label: label as string }), 'options.label')
  })
  test.each(['labels', 'tokenizers'])('%s', (name) => {
    for (const [, wrong] of wrongValues({ except: ['undefined', 'array', 'bytes', 'view'] }))
      expectRefusal(() => doctor(short, profile, master, { [name]: wrong }), `options.${name}`)
    for (const [, wrong] of wrongValues({
      except: name === 'labels' ? ['string'] : ['array', 'bytes', 'view'],
    }))
      expectRefusal(() => doctor(short, profile, master, { [name]: [wrong] }), `options.${name}[0]`)
    expectRefusal(() => doctor(short, profile, master, { labels: ['A B'] }), 'options.labels[0]')
    expectRefusal(
      () => doctor(short, profile, master, { tokenizers: [[1 as unknown as string]] }),
      'tokens[0]',
    )
  })
  test('a lane that the layer does not have, an option that does not exist', () => {
    expectRefusal(() => doctor(short, profile, master, { lane: 1 }), 'options.lane')
    expectRefusal(() => doctor(short, profile, master, { gamma: 1 } as DoctorOptions), 'options')
  })
})
