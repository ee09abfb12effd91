/**
 * Calibration on the user's own texts: fresh keys reject as often as the law says, and each test has a key of its own; the user's key
 * stands apart; the record is the same for the same seed.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import {
  type CalibrateOptions,
  type CalibrationBucket,
  calibrate,
  type FreshKeyRate,
  type OwnKeyRate,
} from '../../src/detect/calibrate.ts'
import { calibrationTable } from '../../src/detect/calibration-table.ts'
import { countable, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { profileWithKey } from '../support/keys.ts'
import { SCHEMES, schemeWithKeys } from '../support/schemes.ts'
import { binomialBand, poissonBinomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const VOCABULARY = 256
/** The chance that a sound program fails one check; about 30 of them. */
const FALSE_ALARM = 1e-8

/** Texts of random ids, of lengths that go up evenly. */
function texts(number: number, { from, to }: { from: number; to: number }): { ids: number[] }[] {
  const random = seedrandom('texts to calibrate on')
  return Array.from({ length: number }, (_, i) => ({
    ids: Array.from({ length: Math.round(from + ((to - from) * i) / number) }, () =>
      Math.floor(VOCABULARY * random()),
    ),
  }))
}

/** What a mark of this profile and its key leaves of a flat distribution. */
function markedText({ profile, keys }: ReturnType<typeof schemeWithKeys>, length: number): number[] {
  const marker = createMarker(profile, keys)
  const random = seedrandom('marked')
  const ids = [0, 1, 2, 3]
  while (ids.length < length) {
    const row = Float64Array.from({ length: VOCABULARY }, random)
    marker.mark(row, ids)
    // Exponential race: a draw from the softmax.
    const race = row.map((logit) => logit - Math.log(-Math.log(1 - random())))
    ids.push(race.indexOf(Math.max(...race)))
  }
  return ids
}

describe('fresh keys reject as often as the law says', () => {
  test.each(Object.entries(SCHEMES))('%s', (name, scheme) => {
    const { profile, key } = schemeWithKeys(name, scheme)
    const documents = texts(300, { from: 20, to: 180 })
    const { all, buckets, law } = calibrate(documents, { profile, key, seed: 'law', rounds: 10 })
    expect(buckets.map(({ from, to }) => [from, to])).toEqual([
      [0, 50],
      [50, 100],
      [100, 200],
    ])
    expect(buckets.reduce((total, { texts }) => total + texts, 0)).toBe(300)
    for (const { tests, rejected, interval, size, level } of all.fresh) {
      expect(tests).toBe(3000)
      expect(size).toBeLessThanOrEqual(level * (1 + 1e-12))
      expect(size).toBeGreaterThan(law.kind === 'exponential' ? level / 1.001 : level / 10)
      // Texts differ in size; a sum of unequal chances varies less than one of equal chances with their mean.
      const { lo, hi } = binomialBand(tests, size, FALSE_ALARM)
      expect(rejected).toBeGreaterThanOrEqual(lo)
      expect(rejected).toBeLessThanOrEqual(hi)
      expect(interval.lower).toBeLessThanOrEqual(rejected / tests)
      expect(interval.upper).toBeGreaterThanOrEqual(rejected / tests)
    }
  })

  test('each test has a key of its own: copies of one text are not rejected all together', () => {
    const { profile } = profileWithKey('one', { vocabularySize: VOCABULARY })
    const [text] = texts(1, { from: 150, to: 150 })
    const { all } = calibrate(new Array<TokenDocument>(1000).fill(text!), { profile, seed: 'x', rounds: 3 })
    const [tenth] = all.fresh
    // Under one key for all, or one a round, the count would be a multiple of 1,000.
    const { lo, hi } = poissonBinomialBand(new Array<number>(3000).fill(tenth!.size), FALSE_ALARM)
    expect(lo).toBeGreaterThan(0)
    expect(hi).toBeLessThan(1000)
    expect(tenth!.rejected).toBeGreaterThanOrEqual(lo)
    expect(tenth!.rejected).toBeLessThanOrEqual(hi)
  })

  test('the size is that of the pairs that are scored, by enumeration', () => {
    const { profile } = schemeWithKeys('size', SCHEMES['green list'])
    const { all } = calibrate([{ ids: [1, 2, 3, 4] }, { ids: [1, 2] }, { ids: [1] }], {
      profile,
      seed: 's',
      levels: [0.3, 0.16, 0.15, 0.01],
    })
    // Three pairs: P[3 green] = 1/64, P[>= 2] = 10/64, P[>= 1] = 37/64. One: 1/4. None: never.
    const mean = (...sizes: number[]): number => sizes.reduce((total, size) => total + size, 0) / 3
    const wanted = [mean(10 / 64, 1 / 4), mean(10 / 64, 0), mean(1 / 64, 0), 0]
    for (const [l, { size }] of all.fresh.entries()) expect(size).toBeCloseTo(wanted[l]!, 12)
    expect(all.meanCounted).toBeCloseTo(4 / 3, 12)
  })
})

describe('the own key', () => {
  const layers = [
    { role: 'provider', label: 'house', share: 40000 },
    { role: 'cohort', label: 'school', share: 25536 },
  ] as const

  test.each(Object.entries(SCHEMES))(
    '%s: what it marked it rejects, and fresh keys do not',
    (name, scheme) => {
      const mark = schemeWithKeys(name, scheme, { vocabularySize: VOCABULARY, contextWidth: 2, layers })
      const [house, school] = mark.keys
      const text = { ids: markedText(mark, 700) }
      for (const key of [house!, school!]) {
        const record = calibrate([text], { profile: mark.profile, key, seed: 'own', rounds: 400 })
        expect(record.ownKeyId).toBe(key.keyId)
        expect(record.all.own).toEqual(
          [0.1, 0.01, 0.001].map((level) => ({ level, tests: 1, rejected: 1, rate: 1 })),
        )
        for (const { rejected, tests, size } of record.all.fresh)
          expect(rejected).toBeLessThanOrEqual(binomialBand(tests, size, FALSE_ALARM).hi)
      }
      // Each layer reads its own contexts, and together they read all.
      const counted = [house!, school!].map(
        (key) => calibrate([text], { profile: mark.profile, key, seed: 'own' }).all.meanCounted,
      )
      expect(counted[0]! + counted[1]!).toBe(countable([text], mark.profile).count)
    },
  )

  test.each(Object.entries(SCHEMES))('%s: its column is what detect says of each text', (name, scheme) => {
    const { profile, key } = schemeWithKeys(name, scheme)
    const documents = texts(200, { from: 20, to: 120 })
    const lnPs = documents.map((text) => detect(countable([text], profile), key).lnP)
    // Levels that some text just reaches, and a little below.
    const levels = lnPs.slice(0, 20).flatMap((lnP) => [Math.exp(lnP + 1e-9), Math.exp(lnP - 1e-9)])
    const { own } = calibrate(documents, { profile, key, seed: 'own', levels }).all
    expect(own!.map(({ rejected }) => rejected)).toEqual(
      levels.map((level) => lnPs.filter((lnP) => lnP <= Math.log(level)).length),
    )
  })

  test('without one, fresh keys read as large a share as the first layer has, and there is no own column', () => {
    const { profile } = schemeWithKeys('routed', SCHEMES['green list'], {
      vocabularySize: VOCABULARY,
      contextWidth: 2,
      layers,
    })
    const documents = texts(1, { from: 2000, to: 2000 })
    const record = calibrate(documents, { profile, seed: 'no key' })
    expect(record.all.own).toBeUndefined()
    expect('ownKeyId' in record).toBe(false)
    const { lo, hi } = binomialBand(1998, 40000 / 65536, FALSE_ALARM)
    expect(record.all.meanCounted).toBeGreaterThanOrEqual(lo)
    expect(record.all.meanCounted).toBeLessThanOrEqual(hi)
  })

  test('another lane is another draw', () => {
    const { profile, key } = schemeWithKeys('lanes', SCHEMES['green list'], {
      layers: [{ role: 'cohort', label: 'accounts', lanes: 4 }],
    })
    const documents = texts(200, { from: 100, to: 100 })
    const of = (lane: number): CalibrationBucket =>
      calibrate(documents, { profile, key, lane, seed: 's' }).all
    expect(of(0).fresh).not.toEqual(of(3).fresh)
    expect(of(0).own).not.toEqual(of(3).own)
  })
})

describe('the record', () => {
  const { profile, key } = profileWithKey('record', { vocabularySize: VOCABULARY })
  const documents = texts(60, { from: 10, to: 130 })

  test('is the same for the same seed, frozen throughout, and survives JSON', () => {
    const record = calibrate(documents, { profile, key, seed: 'again' })
    expect(calibrate(documents, { profile, key, seed: 'again' })).toEqual(record)
    expect(JSON.parse(JSON.stringify(record))).toEqual(record)
    const unfrozen = (value: unknown): boolean =>
      typeof value === 'object' &&
      value !== null &&
      (!Object.isFrozen(value) || Object.values(value).some(unfrozen))
    expect(unfrozen(record)).toBe(false)
  })

  test('another seed gives other keys, with an own key and without', () => {
    for (const own of [{ key }, {}]) {
      const of = (seed: string): unknown =>
        calibrate(documents, { profile, ...own, seed, levels: [0.3, 0.5] }).all.fresh
      expect(of('a')).not.toEqual(of('b'))
    }
  })

  test('no texts: nothing counted, nothing divided by', () => {
    const { all, buckets } = calibrate([], { profile, key, seed: 'none' })
    expect(buckets).toEqual([])
    expect(all).toMatchObject({ texts: 0, meanCounted: 0 })
    expect(all.fresh[0]).toEqual({
      level: 0.1,
      tests: 0,
      rejected: 0,
      rate: 0,
      interval: { lower: 0, upper: 1, confidence: 0.95 },
      size: 0,
    })
  })

  test('a prompt does not count, for the length or the score; a text below the first bucket is in the total', () => {
    const ids = Array.from({ length: 90 }, (_, i) => i)
    const { buckets, all } = calibrate([{ ids, promptLength: 80 }, { ids }], {
      profile,
      seed: 's',
      lengths: [20, 40],
    })
    expect(buckets.map(({ from, to, texts, meanCounted }) => [from, to, texts, meanCounted])).toEqual([
      [40, undefined, 1, 89],
    ])
    expect(all).toMatchObject({ texts: 2, meanCounted: (10 + 89) / 2 })
  })

  test('reads documents as countable does', () => {
    const read = { endOfText: 7, padding: 9 }
    const ids = [9, 9, 1, 2, 3, 7, 4, 5]
    const { all } = calibrate([{ ids }], { profile, seed: 's', ...read })
    expect(all.meanCounted).toBe(countable([{ ids }], profile, read).count)
  })

  test('as a table', () => {
    const record = calibrate(documents, { profile, key, seed: 'table', levels: [0.1, 0.01], rounds: 20 })
    expect(calibrationTable(record)).toMatchInlineSnapshot(`
      "False positives on 60 texts, green-list, seed "table"

      Under fresh keys, 20 for each text: what the test does
          tokens  texts  scored  level  tests  rejected     rate       95 % interval  by the law
         0 to 49     20    27.9    0.1    400        23   0.0575     0.0368 to 0.085      0.0682
         0 to 49     20    27.9   0.01    400         2    0.005  0.000606 to 0.0179     0.00614
        50 to 99     25    73.0    0.1    500        42    0.084     0.0612 to 0.112      0.0803
        50 to 99     25    73.0   0.01    500         6    0.012   0.00442 to 0.0259     0.00724
      100 to 199     15   112.9    0.1    300        21     0.07     0.0439 to 0.105      0.0819
      100 to 199     15   112.9   0.01    300         2  0.00667  0.000808 to 0.0239     0.00781
             all     60    68.0    0.1   1200        86   0.0717    0.0577 to 0.0878      0.0767
             all     60    68.0   0.01   1200        10  0.00833     0.004 to 0.0153     0.00701
      One interval in twenty, or fewer, leaves out the rate by the law of a sound test.

      Under the one key bc8b06da937afa42: that key's luck with these texts, no measurement of the test
          tokens  texts  level  rejected    rate
         0 to 49     20    0.1         1    0.05
         0 to 49     20   0.01         0       0
        50 to 99     25    0.1         4    0.16
        50 to 99     25   0.01         1    0.04
      100 to 199     15    0.1         0       0
      100 to 199     15   0.01         0       0
             all     60    0.1         5  0.0833
             all     60   0.01         1  0.0167"
    `)
    expect(calibrationTable(JSON.parse(JSON.stringify(record)))).toBe(calibrationTable(record))
    expect(calibrationTable(calibrate([], { profile, seed: 'none' }))).not.toContain('luck')
  })
})

describe('refuses, by name', () => {
  const { profile, key } = profileWithKey('refusals', { vocabularySize: VOCABULARY })
  const ids = [1, 2, 3]
  const good: CalibrateOptions = { profile, key, seed: 's' }
  const withOption = (name: string, value: unknown) => () =>
    calibrate([{ ids }], { ...good, [name]: value } as CalibrateOptions)

  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('%s as texts', (_, value) => {
    expectRefusal(() => calibrate(value as TokenDocument[], good), 'texts')
  })

  test.each(wrongValues({ except: ['record'] }))('%s as a text', (_, value) => {
    expectRefusal(() => calibrate([{ ids }, value as TokenDocument], good), 'texts[1]')
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('%s as options', (_, value) => {
    expectRefusal(() => calibrate([], value as CalibrateOptions), 'options')
  })

  test.each(wrongValues({ except: ['undefined'] }))('%s as a key', (_, value) => {
    expectRefusal(withOption('key', value), 'key')
  })

  test.each(wrongValues({ except: ['string'] }))('%s as a seed', (_, value) => {
    expectRefusal(withOption('seed', value), 'seed')
  })

  test.each(wrongValues({ except: ['undefined', 'array', 'bytes', 'view'] }))('%s as lists', (_, value) => {
    expectRefusal(withOption('levels', value), 'levels')
    expectRefusal(withOption('lengths', value), 'lengths')
  })

  test.each([
    ['seed', ''],
    ['seed', 'x'.repeat(201)],
    ['seed', '\ud800'],
    ['rounds', 0],
    ['rounds', 1.5],
    ['rounds', '2'],
    ['levels', [0]],
    ['levels', [0.1, 1]],
    ['levels', [Number.NaN]],
    ['levels', new Array(1)],
    ['lengths', [-1]],
    ['lengths', [10, 10]],
    ['lengths', [10, 5]],
    ['lengths', new Array(1)],
    ['lane', 1],
    ['endOfText', VOCABULARY],
    ['padding', -1],
    ['level', [0.1]],
  ])('%s: %j', (name, value) => {
    expectRefusal(withOption(name, value), name === 'level' ? 'options' : name)
  })

  test('a key of another mark, a profile of none, ids out of range, too long a prompt', () => {
    const other = profileWithKey('refusals', { contextWidth: 2, vocabularySize: VOCABULARY })
    expectRefusal(withOption('key', other.key), 'key')
    expectRefusal(withOption('profile', {} as Profile), 'profile')
    expectRefusal(() => calibrate([{ ids }, { ids: [VOCABULARY] }], good), 'texts[1].ids[0]')
    expectRefusal(() => calibrate([{ ids, promptLength: 4 }], good), 'texts[0].promptLength')
  })

  test('a record that is not whole, contradicts its counts or would move the lines of its table', () => {
    const record = calibrate([{ ids }], good)
    const { all } = record
    const [row] = all.fresh as [FreshKeyRate]
    const [own] = all.own as [OwnKeyRate]
    const fresh = (change: object): object => ({ all: { ...all, fresh: [{ ...row, ...change }] } })
    for (const [name, change] of [
      ['scheme', { scheme: 'green-list\u001b[2J' }],
      ['seed', { seed: 1 }],
      ['rounds', { rounds: '1' }],
      ['ownKeyId', { ownKeyId: 'none\nFalse positives on 0 texts' }],
      ['buckets', { buckets: undefined }],
      ['buckets[0]', { buckets: [null] }],
      ['all', { all: undefined }],
      ['all.texts', { all: { ...all, texts: 2 ** 53 } }],
      ['all.meanCounted', { all: { ...all, meanCounted: Number.NaN } }],
      ['all.to', { all: { ...all, to: 0 } }],
      ['all.fresh', { all: { ...all, fresh: 'none' } }],
      ['all.fresh[0].level', fresh({ level: '0.1\n' })],
      ['all.fresh[0].tests', fresh({ tests: 1000 })],
      ['all.fresh[0].rejected', fresh({ rejected: 2 })],
      ['all.fresh[0].rate', fresh({ rate: 0.5 })],
      ['all.fresh[0].interval.upper', fresh({ interval: { ...row.interval, upper: 0.01 } })],
      ['all.fresh[0].size', fresh({ size: 'small' })],
      ['all.own[0].rate', { all: { ...all, own: [{ ...own, rate: 0.5 }] } }],
    ] as const)
      expectRefusal(() => calibrationTable({ ...record, ...change } as never), `record.${name}`)
    const seed = 'a\u009b2J\u202e"\n'
    expect(calibrationTable({ ...record, seed }).split('\n')[0]).toContain('seed "a\\u{9b}2J\\u{202e}\\"\\n"')
  })

  test('a record of very many rows is a table', () => {
    const record = calibrate([{ ids }], good)
    const own = new Array(300_000).fill(record.all.own![0])
    const table = calibrationTable({ ...record, buckets: [{ ...record.all, fresh: [], own }] })
    expect(table.split('\n').length).toBeGreaterThan(300_000)
  })

  test.each(wrongValues({ except: [] }))('%s as a record', (_, value) => {
    expectRefusal(() => calibrationTable(value as never), 'record')
  })
})
