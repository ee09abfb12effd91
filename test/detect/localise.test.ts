/**
 * Localising: passages are found where they are, also where the whole text shows nothing; the correction pays for the search (2,000
 * keys on human text; without it the check must fail); positions are those that were counted.
 *
 * Measure of a finding: what report and truth share over what either covers, in positions. 1 is the passage itself; from one half on
 * they share more than they differ.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { beforeAll, describe, expect, test } from 'vitest'
import { countable, pairsOf, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { scorePairs } from '../../src/detect/evidence.ts'
import { type Localisation, type LocaliseOptions, localise } from '../../src/detect/localise.ts'
import { parseVerdict } from '../../src/detect/parse-verdict.ts'
import { blocksOf, startsOf } from '../../src/detect/scan.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { createProfile, type Profile, type ProfileOptions } from '../../src/keys/profile.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import { createFieldFunction, inLayer } from '../../src/prf/fields.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import type { NullLaw } from '../../src/stats/law.ts'
import { lnUpperTail } from '../../src/stats/tail.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { keysOf, masterFromSeed, profileWithKey } from '../support/keys.ts'
import { novelIds, pieces } from '../support/texts.ts'
import { binomialBand, poissonBinomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const vocabularySize = 1024
const { profile, key } = profileWithKey('localise', { vocabularySize })

interface Span {
  readonly from: number
  readonly to: number
}

/** What two spans share over what either covers. */
function overlap(a: Span, b: Span): number {
  const shared = Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from))
  return shared / (Math.max(a.to, b.to) - Math.min(a.from, b.from))
}

/** For each true passage, its overlap with the passage that fits it best. */
function overlaps(truth: readonly Span[], found: readonly Span[]): number[] {
  return truth.map((span) => Math.max(0, ...found.map((other) => overlap(span, other))))
}

interface Pasted {
  /** Which of ten parts are marked. */
  readonly marked: readonly number[]
  /** Positions in each part. */
  readonly length: number
  /** Strength of the mark in nats. */
  readonly delta: number
  /** How often a marked sentence (12 tokens) is said before the next. */
  readonly said: number
}

/**
 * A document of ten parts. The words of all are drawn evenly from the vocabulary; those of marked parts with green ones e^delta times as
 * likely, as a green list makes of a flat law.
 */
function pasted(
  seed: number,
  key: MarkKey,
  { marked, length, delta, said }: Pasted,
): { ids: number[]; truth: Span[] } {
  const random = seedrandom(`pasted ${seed}`)
  const field = createFieldFunction({ contextWidth: 1, bits: 8, lanes: 1 })
  const drawn = (): number => Math.floor(random() * vocabularySize)
  const ids = [drawn()]
  const truth: Span[] = []
  for (let part = 0; part < 10; part++) {
    const from = ids.length
    while (ids.length < from + length) {
      if (!marked.includes(part)) {
        ids.push(drawn())
        continue
      }
      const sentence: number[] = []
      while (sentence.length < 12) {
        const [before, token] = [sentence.at(-1) ?? ids.at(-1)!, drawn()]
        if (field(key, [before], token, 0) < 64 || random() < Math.exp(-delta)) sentence.push(token)
      }
      for (let i = 0; i < said; i++) ids.push(...sentence)
    }
    ids.length = from + length
    if (marked.includes(part)) truth.push({ from, to: ids.length })
  }
  return { ids, truth }
}

/** How often the whole text and its passages are found, over documents with keys of their own. */
function outcomes(how: Pasted, documents: number): { whole: number; passages: number; overlap: number } {
  const keyOf = keysOf({})
  let [whole, passages, total] = [0, 0, 0]
  for (let seed = 0; seed < documents; seed++) {
    const key = keyOf(seed)
    const { ids, truth } = pasted(seed, key, how)
    const verdict = detect(countable([{ ids }], profile), key)
    const localisation = localise({ ids }, profile, key)
    expect(localisation.verdict.alpha).toBe(verdict.alpha)
    const shared = overlaps(truth, localisation.passages)
    if (verdict.decision === 'evidence') whole++
    if (shared.every((share) => share >= 1 / 2)) passages++
    total += shared.reduce((a, b) => a + b, 0) / shared.length
  }
  return { whole, passages, overlap: total / documents }
}

describe('finds what the whole text hides', () => {
  // With equal density three tenths give the whole 3 / sqrt(10) = 0.95 of the standard deviations of one of them, and nothing is
  // hidden. Here marked parts say each sentence 16 times: they have 10 % of the positions and 0.8 % of the distinct pairs each.
  const threeTenths: Pasted = { marked: [1, 4, 8], length: 1600, delta: 1.8, said: 16 }

  test('three separate tenths of a document', () => {
    const { ids, truth } = pasted(7, key, threeTenths)
    const whole = detect(countable([{ ids }], profile), key)
    expect(whole.decision).toBe('no-evidence')
    const { verdict, passages } = localise({ ids }, profile, key)
    expect(verdict.alpha).toBe(whole.alpha)
    expect(verdict.decision).toBe('evidence')
    expect(verdict.lnP).toBeLessThanOrEqual(Math.log(1e-6))
    expect(passages).toHaveLength(3)
    for (const share of overlaps(truth, passages)) expect(share).toBeGreaterThanOrEqual(1 / 2)
    for (const { lnP, decision } of passages) {
      expect(decision).toBe('evidence')
      expect(lnP).toBeLessThanOrEqual(Math.log(1e-6))
    }
  })

  test('three separate tenths, in most documents: the whole in few of 40, all three passages in most', () => {
    const { whole, passages, overlap } = outcomes(threeTenths, 40)
    // If either were a coin's throw, 40 documents would leave this band once in a thousand.
    const { lo, hi } = binomialBand(40, 1 / 2, 1e-3)
    expect(whole).toBeLessThan(lo)
    expect(passages).toBeGreaterThan(hi)
    expect(overlap).toBeGreaterThan(1 / 2)
  })

  test('one tenth, every pair its own: the whole has 1 / sqrt(10) of its standard deviations', () => {
    const { whole, passages, overlap } = outcomes({ marked: [4], length: 200, delta: 1.2, said: 1 }, 40)
    const { lo, hi } = binomialBand(40, 1 / 2, 1e-3)
    expect(whole).toBeLessThan(lo)
    expect(passages).toBeGreaterThan(hi)
    expect(overlap).toBeGreaterThan(1 / 2)
  })

  test('text marked throughout is one passage from end to end', () => {
    const { ids } = pasted(1, key, { marked: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], length: 150, delta: 2, said: 1 })
    const { passages } = localise({ ids }, profile, key)
    expect(passages).toHaveLength(1)
    expect(overlap(passages[0]!, { from: 1, to: ids.length })).toBeGreaterThan(0.9)
  })
})

describe('all schemes', () => {
  test.each<Partial<ProfileOptions>>([
    { scheme: 'green-list', gamma: 0.5, delta: 2 },
    { scheme: 'gumbel' },
    { scheme: 'tournament' },
  ])('$scheme: a marked third in the middle', (options) => {
    const master = masterFromSeed('schemes')
    const profile = createProfile(master, {
      contextWidth: 2,
      tokenizer: tokenizerDigest(['a', 'b']),
      vocabularySize: 64,
      layers: [{ role: 'provider', label: 'test' }],
      created: '2026-11-24',
      ...options,
    } as ProfileOptions)
    const [key] = deriveMarkKeys(master, profile)
    const random = seedrandom('schemes')
    const words = (count: number): number[] => Array.from({ length: count }, () => Math.floor(random() * 64))
    const marker = createMarker(profile, [key!])
    const passage = words(2)
    while (passage.length < 400) {
      const row = new Float64Array(64)
      marker.mark(row, passage)
      passage.push(sampleFromLogits(row, { temperature: 1, random }))
    }
    const ids = [...words(400), ...passage, ...words(400)]
    const { verdict, passages } = localise({ ids }, profile, key!)
    expect(verdict).toMatchObject({ method: 'localise', scheme: options.scheme, decision: 'evidence' })
    expect(passages).toHaveLength(1)
    expect(overlap(passages[0]!, { from: 400, to: 800 })).toBeGreaterThan(1 / 2)
    // What is left and right of it shows nothing.
    for (const rest of [ids.slice(0, 400), ids.slice(800)])
      expect(localise({ ids: rest }, profile, key!).passages).toEqual([])
  })

  test('two layers: each finds the passage in the contexts that are its own', () => {
    const master = masterFromSeed('layers')
    const profile = createProfile(master, {
      scheme: 'green-list',
      contextWidth: 1,
      gamma: 0.25,
      delta: 6,
      tokenizer: tokenizerDigest(['a', 'b']),
      vocabularySize,
      layers: [
        { role: 'provider', label: 'acme', share: 32768, lanes: 4 },
        { role: 'cohort', label: 'blue', share: 32768 },
      ],
      created: '2026-11-24',
    })
    const keys = deriveMarkKeys(master, profile)
    const random = seedrandom('layers')
    const drawn = (): number => Math.floor(random() * vocabularySize)
    const marker = createMarker(profile, keys, { lanes: { provider: 3 } })
    const ids = Array.from({ length: 500 }, drawn)
    while (ids.length < 900) {
      const row = new Float64Array(vocabularySize)
      marker.mark(row, ids)
      ids.push(sampleFromLogits(row, { temperature: 1, random }))
    }
    const [provider, cohort] = keys.map((key, i) =>
      localise({ ids }, profile, key, { lane: i === 0 ? 3 : 0 }),
    )
    for (const { verdict, passages } of [provider!, cohort!]) {
      expect(verdict.decision).toBe('evidence')
      expect(overlaps([{ from: 500, to: 900 }], passages)[0]).toBeGreaterThan(1 / 2)
    }
    expect(provider!.verdict.counted + cohort!.verdict.counted).toBe(countable([{ ids }], profile).count)
    expect(localise({ ids }, profile, keys[0]!, { lane: 2 }).passages).toEqual([])
  })
})

describe('positions', () => {
  /** Positions that count, by hand: complete context, after the prompt, before the end, the first of its pair. */
  function countedPlaces(
    { ids, promptLength = 0, skip = [] }: TokenDocument,
    { profile, key, endOfText, padding }: { profile: Profile; key: MarkKey } & LocaliseOptions,
  ): { place: number; score: number }[] {
    const scheme = schemeOf(profile, { lanes: 1 })
    const known = new Set<string>()
    const list = Array.from(ids)
    const places: { place: number; score: number }[] = []
    for (const [i, id] of list.entries()) {
      const context = list.slice(Math.max(0, i - profile.contextWidth), i)
      const complete = context.length === profile.contextWidth && !context.includes(padding ?? -1)
      const name = scheme.countOnce === 'pair' ? String([...context, id]) : String(context)
      const lost = skip.some((at) => at >= i - profile.contextWidth && at <= i)
      const counts = i >= promptLength && complete && !lost && !known.has(name)
      if (complete && (scheme.countOnce === 'context' || (i >= promptLength && !lost))) known.add(name)
      if (counts && inLayer(key, context))
        places.push({ place: i, score: scheme.score(scheme.field(key, context, id, 0)) })
      if (i >= promptLength && id === endOfText) break
    }
    return places
  }

  test.each<Partial<ProfileOptions>>([
    { scheme: 'green-list', gamma: 0.25, delta: 2 },
    { scheme: 'gumbel' },
    { scheme: 'tournament', rounds: 3 },
  ])('$scheme: a passage begins and ends where it was counted, and holds what it says', (options) => {
    let reported = 0
    fc.assert(
      fc.property(
        fc.nat(1e6),
        // Width 0 is for green lists alone.
        fc.integer({ min: options.scheme === 'green-list' ? 0 : 1, max: 3 }),
        fc.constantFrom(3, 8, 40).chain((kinds) => fc.array(fc.nat(kinds - 1), { maxLength: 120 })),
        fc.nat(20),
        fc.uniqueArray(fc.nat(119), { maxLength: 5 }),
        fc.record({ endOfText: fc.nat(39), padding: fc.nat(39) }, { requiredKeys: [] }),
        (seed, contextWidth, ids, prompt, lost, reading) => {
          const master = masterFromSeed(seed)
          const profile = createProfile(master, {
            contextWidth,
            tokenizer: tokenizerDigest(['a', 'b']),
            vocabularySize: 40,
            layers:
              contextWidth === 0
                ? [{ role: 'provider', label: 'acme' }]
                : [
                    { role: 'provider', label: 'acme', share: 60000 },
                    { role: 'cohort', label: 'blue', share: 5536 },
                  ],
            created: '2026-11-24',
            ...options,
          } as ProfileOptions)
          const [key] = deriveMarkKeys(master, profile)
          const skip = lost.filter((at) => at < ids.length).sort((a, b) => a - b)
          const document = { ids, promptLength: Math.min(prompt, ids.length), skip }
          // A level at which chance is enough to report something.
          const rule = { alpha: 0.99, minimumCounted: 1 }
          const { verdict, passages } = localise(document, profile, key!, { ...rule, ...reading })
          const places = countedPlaces(document, { profile, key: key!, ...reading })
          expect(verdict.counted).toBe(places.length)
          expect(verdict.sum).toBe(places.reduce((sum, { score }) => sum + score, 0))
          expect(passages.length > 0).toBe(verdict.decision === 'evidence')
          let last = 0
          for (const { from, to, counted, sum, mean } of passages) {
            reported++
            expect(from).toBeGreaterThanOrEqual(last)
            last = to
            const inside = places.filter(({ place }) => place >= from && place < to)
            expect([inside[0]?.place, inside.at(-1)?.place]).toEqual([from, to - 1])
            expect(inside).toHaveLength(counted)
            expect(sum).toBe(inside.reduce((sum, { score }) => sum + score, 0))
            expect(mean).toBe(sum / counted)
          }
        },
      ),
      { seed: 2, numRuns: 400 },
    )
    expect(reported).toBeGreaterThan(30)
  })

  test('passages do not touch, and do not overlap', () => {
    const { ids } = pasted(3, key, { marked: [1, 2, 5, 6, 7], length: 200, delta: 2, said: 1 })
    const { passages } = localise({ ids }, profile, key)
    expect(passages.length).toBeGreaterThan(1)
    for (const [i, { from }] of passages.entries())
      if (i > 0) expect(from).toBeGreaterThan(passages[i - 1]!.to)
  })

  test('two marked tenths with an unmarked one between them stay two', () => {
    const { ids, truth } = pasted(11, key, { marked: [3, 5], length: 300, delta: 1.5, said: 1 })
    const { passages } = localise({ ids }, profile, key)
    expect(passages).toHaveLength(2)
    for (const share of overlaps(truth, passages)) expect(share).toBeGreaterThan(1 / 2)
  })
})

describe('the verdict', () => {
  test('is about the whole, but for p, which is the corrected one and says so', () => {
    const { ids } = pasted(5, key, { marked: [4], length: 200, delta: 1.2, said: 1 })
    const whole = detect(countable([{ ids }], profile), key)
    const { verdict, passages } = localise({ ids }, profile, key)
    const { seen, counted, sum, mean, effect, interval, lnE } = whole
    expect(verdict).toMatchObject({ seen, counted, sum, mean, effect, interval, lnE })
    expect(verdict).toMatchObject({ tail: 'bound', family: { size: 1, method: 'none' } })
    expect(verdict.lnP).toBe(Math.min(...passages.map(({ lnP }) => lnP)))
    expect(verdict.log10P).toBe(verdict.lnP / Math.LN10)
    expect(verdict.notes.join()).toContain('corrected for looking at')
    expect(parseVerdict(JSON.stringify(verdict))).toEqual(verdict)
    for (const record of [verdict, verdict.family, verdict.notes, passages, passages[0]])
      expect(Object.isFrozen(record)).toBe(true)
  })

  test('too little to say is said, and no passage with it', () => {
    const few = {
      ids: pasted(1, key, { marked: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], length: 5, delta: 9, said: 1 }).ids,
    }
    const { verdict, passages } = localise(few, profile, key)
    expect(verdict.counted).toBeLessThan(64)
    expect([verdict.decision, passages]).toEqual(['insufficient', []])
    expect(localise(few, profile, key, { minimumCounted: 20 }).passages).toHaveLength(1)
  })

  test('where not even the highest scores could do, it is insufficient', () => {
    const { ids } = pasted(1, key, { marked: [], length: 2, delta: 1, said: 1 })
    const { verdict } = localise({ ids }, profile, key, { minimumCounted: 8, alpha: 1e-15 })
    expect(verdict.decision).toBe('insufficient')
  })

  test('nothing at all', () => {
    for (const ids of [[], [1]]) {
      const { verdict, passages } = localise({ ids }, profile, key)
      expect([verdict.decision, verdict.lnP, passages]).toEqual(['insufficient', 0, []])
    }
  })

  test('a text said again and again is no stronger for it', () => {
    const { ids } = pasted(2, key, { marked: [4], length: 120, delta: 2, said: 1 })
    const once = localise({ ids }, profile, key)
    const thrice = localise({ ids: [...ids, ...ids, ...ids] }, profile, key)
    // One more pair, at the seam.
    expect(thrice.verdict.counted - once.verdict.counted).toBeLessThanOrEqual(1)
    expect(thrice.passages.map(({ from }) => from)).toEqual(once.passages.map(({ from }) => from))
  })
})

describe('calibration', () => {
  const KEYS = 2000
  const LEVEL = 0.1
  const LENGTH = 300
  const SHORTEST = 32
  /** The chance that a sound scan leaves its band, for each of the schemes. */
  const FALSE_ALARM = 1e-6 / 3

  let novels: Uint32Array
  beforeAll(async () => {
    novels = await novelIds()
  })

  /** How often a test of one stretch of this length rejects at a level: its attainable size. */
  function sizeAt(law: NullLaw, { length, lnLevel }: { length: number; lnLevel: number }): number {
    if (law.kind === 'exponential') return Math.exp(lnLevel)
    let [below, sum] = [0, length * (law.kind === 'binomial' ? law.trials : 1) + 1]
    while (sum - below > 1) {
      const middle = Math.floor((below + sum) / 2)
      if (lnUpperTail(law, { sum: middle, n: length }) <= lnLevel) sum = middle
      else below = middle
    }
    return Math.exp(lnUpperTail(law, { sum, n: length }))
  }

  /**
   * Between which numbers the chance of a false alarm lies, over n scores. Above: by the sum over the family. Below: by the stretches of
   * one length that share no scores, and so are independent; the best length counts.
   */
  function falseAlarmRates(law: NullLaw, n: number): { least: number; most: number } {
    let [least, most] = [0, 0]
    for (const { length, starts, lnWeight } of blocksOf(n, SHORTEST).blocks) {
      const size = sizeAt(law, { length, lnLevel: Math.log(LEVEL) + lnWeight })
      most += starts * size
      least = Math.max(least, 1 - (1 - size) ** Math.floor(n / length))
    }
    return { least, most }
  }

  function markOf(options: Partial<ProfileOptions>): {
    profile: Profile
    keyOf: (seed: number) => MarkKey
    law: NullLaw
  } {
    const { profile, key } = profileWithKey('calibration', { vocabularySize: 2048 })
    const {
      gamma: _gamma,
      delta: _delta,
      ...rest
    } = {
      ...{ scheme: 'green-list' as const, gamma: 0.25, delta: 2 },
      contextWidth: 1,
      tokenizer: profile.tokenizer,
      vocabularySize: 2048,
      layers: [{ role: 'provider' as const, label: 'test' }],
      created: '2026-11-24',
    }
    const own =
      options.scheme === undefined || options.scheme === 'green-list'
        ? profile
        : createProfile(masterFromSeed('calibration'), { ...rest, ...options } as ProfileOptions)
    const format = { ...key.format, scheme: own.scheme, bits: own.bits, param: own.param }
    return { profile: own, keyOf: keysOf(format), law: schemeOf(own, { lanes: 1 }).nullLaw }
  }

  function localisations(options: Partial<ProfileOptions>, rule: LocaliseOptions): Localisation[] {
    const { profile, keyOf } = markOf(options)
    const texts = pieces(novels, { count: KEYS, length: LENGTH })
    return texts.map((ids, i) => localise({ ids }, profile, keyOf(i), rule))
  }

  const rule = { alpha: LEVEL, minimumCounted: SHORTEST }

  test.each<Partial<ProfileOptions>>([
    { scheme: 'green-list' },
    { scheme: 'gumbel' },
    { scheme: 'tournament', rounds: 30 },
  ])('$scheme: false alarms over 2,000 keys on human text', (options) => {
    const { law } = markOf(options)
    const results = localisations(options, rule)
    const rates = results.map(({ verdict }) => falseAlarmRates(law, verdict.counted))
    const alarms = results.filter(({ passages }) => passages.length > 0).length
    const { lo } = poissonBinomialBand(
      rates.map(({ least }) => least),
      FALSE_ALARM,
    )
    const { hi } = poissonBinomialBand(
      rates.map(({ most }) => most),
      FALSE_ALARM,
    )
    expect(Math.max(...rates.map(({ most }) => most))).toBeLessThanOrEqual(LEVEL * (1 + 1e-9))
    expect(alarms).toBeGreaterThanOrEqual(lo)
    expect(alarms).toBeLessThanOrEqual(hi)
    // The band has two ends: a scan that never reports is noticed as well.
    expect(lo).toBeGreaterThan(0)
  })

  test('positive control: without the correction the same check fails', () => {
    const { law } = markOf({})
    const results = localisations({}, rule)
    const { profile, keyOf } = markOf({})
    const uncorrected = pieces(novels, { count: KEYS, length: LENGTH }).filter((ids, i) => {
      const scheme = schemeOf(profile, { lanes: 1 })
      const { scores } = scorePairs(pairsOf(countable([{ ids }], profile)), {
        scheme,
        key: keyOf(i),
        lane: 0,
      })
      return blocksOf(scores.length, SHORTEST).blocks.some((block) =>
        startsOf(block, scores.length).some((from) => {
          const sum = scores.slice(from, from + block.length).reduce((a, b) => a + b, 0)
          return lnUpperTail(law, { sum, n: block.length }) <= Math.log(LEVEL)
        }),
      )
    }).length
    const { hi } = poissonBinomialBand(
      results.map(({ verdict }) => falseAlarmRates(law, verdict.counted).most),
      FALSE_ALARM,
    )
    expect(uncorrected).toBeGreaterThan(hi)
  })
})

describe('refuses', () => {
  const document = { ids: [1, 2, 3] }
  test.each(wrongValues({ except: [] }))('a document: %s', (_, wrong) => {
    expectRefusal(() => localise(wrong as TokenDocument, profile, key), 'document')
  })
  test.each(wrongValues({ except: [] }))('a profile: %s', (_, wrong) => {
    expectRefusal(() => localise(document, wrong as Profile, key), 'profile')
  })
  test.each(wrongValues({ except: [] }))('a key: %s', (_, wrong) => {
    expectRefusal(() => localise(document, profile, wrong as MarkKey), 'key')
  })
  test.each(wrongValues({ except: ['undefined', 'record', 'object'] }))('options: %s', (_, wrong) => {
    expectRefusal(() => localise(document, profile, key, wrong as LocaliseOptions), 'options')
  })
  test.each(['alpha', 'minimumCounted', 'lane', 'endOfText', 'padding'])('%s of another kind', (name) => {
    for (const [, wrong] of wrongValues({ except: ['integer', 'number', 'undefined'] }))
      expectRefusal(() => localise(document, profile, key, { [name]: wrong }), name)
    expectRefusal(() => localise(document, profile, key, { [name]: -1 }), name)
  })
  test('a misspelt option, a key of another format, a lane that is not there', () => {
    expectRefusal(() => localise(document, profile, key, { alhpa: 0.1 } as LocaliseOptions), 'options')
    const wide = profileWithKey('localise', { vocabularySize, contextWidth: 2 })
    expectRefusal(() => localise(document, profile, wide.key), 'key')
    expectRefusal(() => localise(document, profile, key, { lane: 1 }), 'options.lane')
  })
})
