/**
 * The distillation test from plan to conclusion: what does not belong together is refused, too little is an answer, a broken
 * instrument is said to be one, and the record is frozen, holds no key and claims no more than was measured.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import type { Decision, Verdict } from '../../src/detect/verdict.ts'
import { type Conclusion, sentenceOf } from '../../src/distill/conclusion.ts'
import { rowObservations, textObservations } from '../../src/distill/observations.ts'
import { type DistillationTest, testDistillation } from '../../src/distill/test-distillation.ts'
import { deriveLayerKey, deriveMarkKeyBytes, deriveRouteKey } from '../../src/keys/derive.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import { masterKeyBytes } from '../../src/keys/master.ts'
import { createProfile, profileDigest } from '../../src/keys/profile.ts'
import { createPlan, type Plan, planDigest } from '../../src/plan/plan.ts'
import { inLayer } from '../../src/prf/fields.ts'
import { formsShown, profileWithKey } from '../support/keys.ts'
import { language, marked, mixed, rowsCase, type ToyLaw, textCase, textsOf } from '../support/toy-models.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const V = 64
const { master, profile, key } = profileWithKey('distillation', { vocabularySize: V })
const provider = language('provider', { vocabularySize: V })
const thief = marked(provider, { profile, key })
const innocent = language('innocent', { vocabularySize: V })
const texts = (seed: string, law: ToyLaw) =>
  textsOf(law, { count: 12, length: 24, vocabularySize: V, random: seedrandom(seed) })
const sequences = texts('sequences', language('public', { vocabularySize: V }))

const text = (law: ToyLaw) =>
  textCase(law, { prompts: sequences, tokens: 40, random: seedrandom('answers') }, { vocabularySize: V })
const rows = (law: ToyLaw, plan: Partial<Plan> = {}) =>
  rowsCase(law, { sequences, references: [provider] }, { vocabularySize: V, decoys: 99, ...(plan as object) })
const owned = { profile, key }
const instrument = countable(
  texts('marked', thief).map((ids) => ({ ids, promptLength: 1 })),
  profile,
)

/** Every object in a record. */
function partsOf(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, ...Object.values(value).flatMap(partsOf)]
}

const FORBIDDEN_WORDS = /stolen|\bstole|theft|thief|\bclean\b|innocent|guilty|proof|proves|certain/i

describe('a thief and an innocent', () => {
  const found = testDistillation({ ...rows(thief), ...owned, instrument })
  const cleared = testDistillation({ ...rows(innocent), ...owned, instrument })

  test('the thief is found by the statistic that decides, and by the other', () => {
    expect(found.decision).toBe('evidence')
    expect(found.findings.map(({ statistic, deciding }) => [statistic, deciding])).toEqual([
      ['count', false],
      ['contrast', true],
    ])
    for (const { verdict, decoys } of found.findings) {
      expect(verdict.log10P).toBeLessThan(-6)
      expect(decoys).toMatchObject({ count: 99, p: 0.01, floor: 0.01 })
    }
  })

  test('the innocent is not', () => {
    expect(cleared.decision).toBe('no-evidence')
    for (const { verdict } of cleared.findings) expect(verdict.decision).toBe('no-evidence')
  })

  test('the record says what was tested', () => {
    const { plan, observations } = rows(thief)
    expect(found).toMatchObject({
      format: 'dyetrace/conclusion-1',
      suspect: 'toy',
      plan: planDigest(plan),
      profile: profileDigest(profile),
      keyId: key.keyId,
      access: 'rows',
      controls: {
        instrument: { passed: true },
        decoysUniform: true,
        references: ['reference 0'],
        seen: observations.seen,
        kept: observations.list.length,
        repeatedWindow: observations.repeatedWindow,
        burned: 0,
        promptOverlap: observations.promptOverlap,
        notAligned: 0,
        prompts: { planned: 12, answered: 12, marked: false },
      },
      role: 'provider',
      label: 'test',
      lane: 0,
      statistic: 'contrast',
      family: { size: 1, method: 'none' },
      stopped: { rule: 'fixed' },
      notes: [],
    })
    const [count, contrast] = found.findings
    const subject = {
      scheme: 'green-list',
      keyId: key.keyId,
      role: 'provider',
      lane: 0,
      seen: observations.seen,
    }
    expect(count!.verdict).toMatchObject({ ...subject, method: 'distill/count', tail: 'exact' })
    expect(contrast!.verdict).toMatchObject({ ...subject, method: 'distill/contrast', tail: 'bound' })
    expect(contrast!.beta).toHaveLength(1)
    expect(count).not.toHaveProperty('beta')
  })

  test('the same again gives the same, whatever was scored in between', () => {
    expect(testDistillation({ ...rows(thief), ...owned, instrument })).toEqual(found)
  })

  test('frozen, every part of it', () => {
    for (const part of partsOf(found)) expect(Object.isFrozen(part), JSON.stringify(part)).toBe(true)
  })

  test('its JSON is the record, and shows nothing of any key', () => {
    const json = JSON.stringify(found)
    expect(JSON.parse(json)).toEqual(found)
    const secret = masterKeyBytes(master)
    const layerKey = deriveLayerKey(secret, key.label)
    const secrets = [
      secret,
      layerKey,
      deriveMarkKeyBytes(layerKey, key.format),
      deriveRouteKey(secret, key.format),
    ]
    for (const bytes of secrets) expect(formsShown(json, bytes)).toEqual([])
    // The key id is there on purpose; the search would find bytes if they were.
    expect(formsShown(json, Buffer.from(key.keyId, 'hex'))).toEqual(['hex'])
  })

  test('text: the published statistic alone, with an exact tail', () => {
    const { decision, findings } = testDistillation({ ...text(thief), ...owned, instrument })
    expect(decision).toBe('evidence')
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ statistic: 'count', deciding: true, decoys: undefined })
    expect(testDistillation({ ...text(innocent), ...owned, instrument }).decision).toBe('no-evidence')
  })

  test('the plan decides which statistic decides', () => {
    const { findings, decision } = testDistillation({
      ...rows(thief, { statistic: 'count' }),
      ...owned,
      instrument,
    })
    const deciding = findings.filter((finding) => finding.deciding)
    expect(deciding.map(({ statistic }) => statistic)).toEqual(['count'])
    expect(decision).toBe(deciding[0]!.verdict.decision)
  })

  test('the level of the plan decides', () => {
    const diluted = mixed(0.1, thief, mixed(0.5, provider, innocent))
    const { log10P } = testDistillation({ ...rows(diluted), ...owned }).findings[1]!.verdict
    expect(log10P).toBeGreaterThan(-300)
    const decided = [Math.ceil(log10P), Math.floor(log10P)].map(
      (level) => testDistillation({ ...rows(diluted, { alpha: 10 ** level }), ...owned }).decision,
    )
    expect(decided).toEqual(['evidence', 'no-evidence'])
  })
})

describe('too little', () => {
  const nothing = {
    observations: textObservations([{ prompt: [1], completion: [] }], { contextWidth: 1, vocabularySize: V }),
  }
  const plan = createPlan({
    suspect: 'toy',
    access: 'text',
    contextWidth: 1,
    vocabularySize: V,
    prompts: [[1]],
    origin: 'a test',
    family: [{ keyId: key.keyId }],
  })

  // Published code turns "nothing seen" into p = 0, the strongest accusation there is.
  test('nothing observed: insufficient, with p = 1', () => {
    const { decision, findings, sentence } = testDistillation({ plan, ...nothing, ...owned })
    expect(decision).toBe('insufficient')
    expect(findings[0]!.verdict).toMatchObject({ counted: 0, sum: 0, lnP: 0, log10P: 0, lnE: 0 })
    expect(findings[0]!.decoys).toBeUndefined()
    expect(sentence).toBe(`Too little was observed of toy to say anything about key ${key.keyId}.`)
    expect(JSON.parse(JSON.stringify(findings))).toEqual(findings.map(({ decoys: _, ...finding }) => finding))
  })

  test('rows that say nothing, or what the reference says: insufficient, with p = 1', () => {
    const silent: ToyLaw = () => new Float64Array(V)
    for (const law of [silent, provider]) {
      const { decision, findings } = testDistillation({ ...rows(law), ...owned })
      expect(decision).toBe('insufficient')
      expect(findings[1]!.verdict).toMatchObject({ counted: 0, lnP: 0 })
    }
    const { findings } = testDistillation({ ...rows(silent), ...owned })
    expect(findings[0]!.verdict).toMatchObject({ counted: 0, lnP: 0, decision: 'insufficient' })
  })

  test('a few pairs of a thief: insufficient, whatever p is', () => {
    const few = textCase(
      thief,
      { prompts: [[1], [2]], tokens: 20, random: seedrandom('few') },
      { vocabularySize: V, alpha: 0.999 },
    )
    const { decision, findings } = testDistillation({ ...few, ...owned })
    expect(findings[0]!.verdict.counted).toBeGreaterThan(10)
    expect(decision).toBe('insufficient')
  })
})

describe('instrument', () => {
  const suspect = rows(thief)

  test('known marked text that is not recognised: protocol-mismatch, and nothing is said about the suspect', () => {
    const unmarked = countable(
      texts('unmarked', provider).map((ids) => ({ ids, promptLength: 1 })),
      profile,
    )
    const { decision, sentence, controls, findings } = testDistillation({
      ...suspect,
      ...owned,
      instrument: unmarked,
    })
    expect(decision).toBe('protocol-mismatch')
    expect(controls.instrument!.passed).toBe(false)
    expect(sentence).toContain('Nothing can be said about toy')
    expect(sentence).toContain('was not recognised')
    // The finding stays as it was measured; it just does not speak.
    expect(findings[1]!.verdict.decision).toBe('evidence')
  })

  test('known marked text that is too short to be recognised does not pass either', () => {
    const short = countable([{ ids: texts('marked', thief)[0]!, promptLength: 1 }], profile)
    const { decision, sentence } = testDistillation({ ...suspect, ...owned, instrument: short })
    expect(decision).toBe('protocol-mismatch')
    expect(sentence).toContain('too little of it')
  })

  test('without one the conclusion says so', () => {
    const { notes, controls } = testDistillation({ ...suspect, ...owned })
    expect(notes).toEqual([expect.stringContaining('no instrument check')])
    expect(controls.instrument).toBeUndefined()
  })

  test('positions that countable() did not make are refused', () => {
    for (const forged of [{ ...instrument }, { pairs: instrument.pairs }, null])
      expectRefusal(
        () => testDistillation({ ...suspect, ...owned, instrument: forged as never }),
        'instrument',
      )
  })

  test('it can only withhold: an innocent stays one', () => {
    expect(testDistillation({ ...rows(innocent), ...owned, instrument }).decision).toBe('no-evidence')
  })
})

describe('what does not belong together is refused', () => {
  const sound: DistillationTest = { ...rows(innocent), ...owned }
  const { plan, observations } = sound
  const refused = (change: Partial<Record<keyof DistillationTest, unknown>>, name: string) =>
    expectRefusal(() => testDistillation({ ...sound, ...change } as DistillationTest), name)
  const observe = (options: object, size = V) =>
    rowObservations(
      sequences,
      sequences.map(({ length }) => new Float32Array(length * size)),
      { contextWidth: 1, vocabularySize: size, ...options },
    )

  test('the sound one is not', () => {
    expect(() => testDistillation(sound)).not.toThrow()
  })

  test('observations of other prompts, and of the same in another order', () => {
    const reordered = [...sequences].reverse()
    for (const ids of [sequences.slice(1), reordered]) {
      const other = rowsCase(innocent, { sequences: ids, references: [provider] }, { vocabularySize: V })
      const { message } = refused({ observations: other.observations }, 'observations.prompts')
      expect(message).toContain(plan.prompts.digest)
    }
  })

  test('observations of other access', () => {
    const answers = sequences.map((prompt) => ({ prompt, completion: [1, 2] }))
    refused(
      { observations: textObservations(answers, { contextWidth: 1, vocabularySize: V }) },
      'observations.access',
    )
  })

  test('observations of another width, also where there are none', () => {
    refused({ observations: observe({ contextWidth: 2 }) }, 'observations.contextWidth')
    const empty = textObservations([{ prompt: [1], completion: [] }], { contextWidth: 2, vocabularySize: V })
    const textPlan = createPlan({
      suspect: 'toy',
      access: 'text',
      contextWidth: 1,
      vocabularySize: V,
      prompts: [[1]],
      origin: 'a test',
    })
    refused({ plan: textPlan, observations: empty }, 'observations.contextWidth')
  })

  test('observations of another vocabulary', () => {
    refused({ observations: observe({}, 2 * V) }, 'observations.vocabularySize')
  })

  test('observations with other references', () => {
    refused({ observations: observe({}) }, 'observations.references')
    const two = rowsCase(innocent, { sequences, references: [provider, innocent] }, { vocabularySize: V })
    refused({ observations: two.observations }, 'observations.references')
  })

  test('a plan for another width or vocabulary than the profile', () => {
    const { plan: wide, observations } = rowsCase(
      innocent,
      { sequences, references: [] },
      { vocabularySize: V, contextWidth: 2 },
    )
    refused({ plan: wide, observations }, 'plan.contextWidth')
    refused({ plan: { ...plan, vocabularySize: 2 * V } }, 'plan.vocabularySize')
  })

  test("a key that the profile does not commit to: another owner's, or another label's", () => {
    const other = profileWithKey('another owner', { vocabularySize: V })
    const { message } = refused({ key: other.key }, 'key')
    expect(message).toContain(other.key.keyId)
    const label = profileWithKey('distillation', {
      vocabularySize: V,
      layers: [{ role: 'provider', label: 'later' }],
    })
    refused({ key: label.key }, 'key')
  })

  test('a key of another format', () => {
    for (const options of [{ gamma: 0.5 }, { contextWidth: 2 }])
      refused({ key: profileWithKey('distillation', { vocabularySize: V, ...options }).key }, 'key')
  })

  test('a key that was derived for other shares', () => {
    const shares = (a: number) =>
      createProfile(master, {
        ...(({ format: _, bits: __, param: ___, ...rest }) => rest)(profile),
        gamma: 0.25,
        scheme: 'green-list',
        layers: [
          { role: 'provider', label: 'p', share: a },
          { role: 'cohort', label: 'c', share: 65536 - a },
        ],
      })
    const [key] = deriveMarkKeys(master, shares(20000))
    expect(() => testDistillation({ ...sound, profile: shares(20000), key: key! })).not.toThrow()
    const { message } = refused({ profile: shares(30000), key }, 'key')
    expect(message).toContain('other shares')
  })

  test('what is no key, without a word of its content', () => {
    const secret = masterKeyBytes(master)
    for (const value of [
      secret,
      Buffer.from(secret).toString('hex'),
      { ...key },
      JSON.parse(JSON.stringify(key)),
      master,
    ]) {
      const { message } = refused({ key: value }, 'key')
      expect(formsShown(message, secret)).toEqual([])
    }
  })

  test('a lane that the layer does not have', () => {
    for (const lane of [1, -1, 0.5, null, '0']) refused({ lane }, 'lane')
  })

  test('a plan forged by hand', () => {
    refused({ plan: { ...plan, alpha: 5 } }, 'plan.alpha')
    refused({ plan: { ...plan, minimumCounted: 0 } }, 'plan.minimumCounted')
    refused({ plan: { ...plan, statistic: 'either' } }, 'plan.statistic')
    refused({ plan: Object.create(plan) }, 'plan.format')
    // A plan in JSON is the plan: its digest says so.
    const read = testDistillation({ ...sound, plan: JSON.parse(JSON.stringify(plan)) })
    expect(read).toEqual(testDistillation(sound))
  })

  test('observations forged by hand', () => {
    refused({ observations: { ...observations } }, 'observations')
    refused({ observations: JSON.parse(JSON.stringify(observations)) }, 'observations')
  })

  test.each(['plan', 'observations', 'profile', 'key'] as const)('%s of any other kind', (name) => {
    for (const [, value] of wrongValues({ except: [] }))
      refused({ [name]: value }, name === 'profile' ? '' : name)
  })

  test('a misspelt field', () => {
    refused({ instruments: instrument } as object, 'test')
  })
})

describe('layered profiles', () => {
  const layered = profileWithKey('layered', {
    vocabularySize: V,
    layers: [
      { role: 'provider', label: 'p', share: 40000 },
      { role: 'cohort', label: 'c', share: 25536 },
    ],
  })
  const keys = deriveMarkKeys(layered.master, layered.profile)
  const suspect = rows(innocent)

  test('each key is tried on its own pairs, and together they are all', () => {
    const counted = keys.map((key) => testDistillation({ ...suspect, profile: layered.profile, key }))
    const whole = testDistillation({ ...suspect, ...owned })
    for (const i of [0, 1]) {
      const sizes = counted.map(({ findings }) => findings[i]!.verdict.counted)
      expect(Math.min(...sizes)).toBeGreaterThan(0)
      expect(sizes[0]! + sizes[1]!).toBe(whole.findings[i]!.verdict.counted)
    }
    // The fit knows no layers: it was made before a key was near.
    for (const { findings } of counted) expect(findings[1]!.beta).toEqual(whole.findings[1]!.beta)
  })

  test('a thief of one layer shows in that layer and not in the other', () => {
    const [, cohort] = keys
    const own: ToyLaw = (ids) => (inLayer(cohort!, ids.slice(-1)) ? markedBy(cohort!)(ids) : provider(ids))
    const [p, c] = keys.map((key) => testDistillation({ ...rows(own), profile: layered.profile, key }))
    expect(c!.decision).toBe('evidence')
    expect(c!.findings[0]!.verdict.role).toBe('cohort')
    expect(p!.decision).not.toBe('evidence')
  })

  function markedBy(key: MarkKey): ToyLaw {
    const alone = profileWithKey('layered', {
      vocabularySize: V,
      layers: [{ role: key.role, label: key.label }],
    })
    // One label, one key: alone or in company.
    expect(alone.key.keyId).toBe(key.keyId)
    return marked(provider, alone)
  }
})

describe('sentences', () => {
  const verdict = (log10P: number, tail: Verdict['tail'] = 'exact') =>
    ({ keyId: '0123456789abcdef', log10P, tail, family: { size: 1, method: 'none' } }) as Verdict
  const sentence = (decision: Decision, ...about: Parameters<typeof verdict>) =>
    sentenceOf('model-x', decision, verdict(...about))
  const all: Decision[] = ['evidence', 'no-evidence', 'insufficient', 'protocol-mismatch']

  test('what may be said', () => {
    expect(all.map((decision) => sentence(decision, -9.33))).toEqual([
      'Evidence that model-x depends on key 0123456789abcdef, as training on text marked under it would make it: by chance it would agree with that key so well with probability 10^-9.3. How such text reached it is not shown.',
      'No evidence that model-x depends on key 0123456789abcdef, as training on text marked under it would make it: by chance it would agree with that key so well with probability 10^-9.3. This clears nobody: the test may have been too weak.',
      'Too little was observed of model-x to say anything about key 0123456789abcdef.',
      'Nothing can be said about model-x: text known to be marked under key 0123456789abcdef was not recognised on the same path (too little of it, or a wrong tokenizer, key or profile).',
    ])
    expect(sentence('evidence', -9.33, 'bound')).toContain('with probability at most 10^-9.3.')
  })

  test('what the test would have found stands beside a "no", rounded to its disadvantage', () => {
    const power = { power: 0.8, effect: 0.2501, z: 5, per: 'position', n: 400, law: 'estimate' } as const
    expect(sentenceOf('model-x', 'no-evidence', verdict(-1), { power })).toContain(
      'This clears nobody: the test would have found an effect of 0.26 null standard deviations a position with 80 %, and may have been too weak for less.',
    )
    expect(sentenceOf('model-x', 'evidence', verdict(-9), { power })).not.toContain('0.26')
  })

  test('the corrected p-value is quoted, and a correction is named', () => {
    const family = { size: 10, method: 'holm', lnAdjustedP: -8 * Math.LN10 } as const
    const said = sentenceOf('model-x', 'evidence', { ...verdict(-9), family })
    expect(said).toContain('with probability at most 10^-8.0, corrected for all tests of the plan.')
  })

  test('an exploratory test says so, and why', () => {
    for (const decision of all)
      expect(sentenceOf('model-x', decision, verdict(-9), { reasons: ['a', 'b'] })).toMatch(
        / This test was exploratory: a; b\.$/,
      )
  })

  test('scores too low: the cause that is named is another', () => {
    const part = { windows: 'rare', side: 'lower' } as const
    expect(sentenceOf('model-x', 'evidence', verdict(-9), { part })).toContain('correcting for the mark')
  })

  test('what may not be said is not', () => {
    const part = { windows: 'rare', side: 'lower' } as const
    for (const decision of all)
      for (const tail of ['exact', 'bound'] as const) {
        expect(sentenceOf('model-x', decision, verdict(-9, tail), { part })).not.toMatch(FORBIDDEN_WORDS)
        const said = sentence(decision, -9, tail)
        expect(said).not.toMatch(FORBIDDEN_WORDS)
        expect(said).toContain('model-x')
      }
    // Where there is no evidence, the sentence says what that does not mean.
    expect(sentence('no-evidence', -1)).toContain('This clears nobody')
  })

  test.each([
    [0, '1.0'],
    [Math.log10(0.5), '0.50'],
    [Math.log10(0.123), '0.13'],
    [Math.log10(0.0101), '0.011'],
    [-2.99, '0.0011'],
    [-3, '0.0010'],
    [-3.01, '10^-3.0'],
    [-5.96, '10^-5.9'],
    [-6, '10^-6.0'],
    [-3000.27, '10^-3000.2'],
  ])('log10 p = %d is read as %s: rounded up, never down', (log10P, read) => {
    expect(sentence('evidence', log10P)).toContain(`with probability ${read}.`)
    const value = read.startsWith('10^') ? Number(read.slice(3)) : Math.log10(Number(read))
    expect(value).toBeGreaterThanOrEqual(log10P - 1e-9)
  })

  test('the sentence of a conclusion is that of its decision and of the verdict that decides', () => {
    const conclusion: Conclusion = testDistillation({ ...rows(thief), ...owned, instrument })
    const { verdict } = conclusion.findings[1]!
    const { reasons } = conclusion.exploratory!
    expect(conclusion.sentence).toBe(sentenceOf('toy', 'evidence', verdict, { reasons }))
    expect(conclusion.sentence).toContain('at most')
  })
})
