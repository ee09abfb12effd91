/**
 * Evidence of shards is evidence of the whole: whatever the split, the order and the overlaps, bit for bit, for every scheme. Two careless
 * ways to merge are shown to differ. What comes back from a file is checked against everything that an ill-wisher could write into it.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Countable, countable, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import type { EvidenceRecord } from '../../src/detect/evidence-record.ts'
import { evidenceOf, judge, mergeEvidence } from '../../src/detect/merge-evidence.ts'
import { parseEvidence } from '../../src/detect/parse-evidence.ts'
import type { DecisionRule } from '../../src/detect/verdict.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { profileDigest } from '../../src/keys/profile.ts'
import { documentsOf, type Mark, markedIds, markOf, marks, TWO_LAYERS } from '../support/marked-texts.ts'
import { SCHEMES } from '../support/schemes.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

/** A corpus, and shards of it in any order: each document in one or more of them, some of them empty. */
const corpora = marks.chain((mark) =>
  documentsOf(mark, { most: 6, length: 40 }).chain((documents) =>
    fc.record({
      mark: fc.constant(mark),
      documents: fc.constant(documents),
      places: fc.array(fc.array(fc.nat(4), { minLength: 1, maxLength: 2 }), {
        minLength: documents.length,
        maxLength: documents.length,
      }),
      // Which two neighbours to merge next.
      order: fc.array(fc.nat(10), { minLength: 4, maxLength: 4 }),
      turned: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    }),
  ),
)

function shardsOf(
  documents: readonly TokenDocument[],
  places: readonly (readonly number[])[],
): TokenDocument[][] {
  return Array.from({ length: 5 }, (_, shard) => documents.filter((_, i) => places[i]!.includes(shard)))
}

/** Merges neighbours until one record is left: any bracketing, either way round. */
function mergeAll(
  records: readonly EvidenceRecord[],
  { order, turned }: { order: readonly number[]; turned: readonly boolean[] },
): EvidenceRecord {
  let left = [...records]
  for (const [step, place] of order.entries()) {
    const at = place % (left.length - 1)
    const [a, b] = [left[at]!, left[at + 1]!]
    left = left.toSpliced(at, 2, turned[step] ? mergeEvidence(b, a) : mergeEvidence(a, b))
  }
  return left[0]!
}

const without = <T extends { seen: number }>({ seen: _, ...rest }: T): Omit<T, 'seen'> => rest

describe('merging', () => {
  test('shards in any split, order and overlap give the evidence and the verdict of the whole', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(corpora, ({ mark: { profile, keys }, documents, places, ...how }) => {
        const shards = shardsOf(documents, places)
        const overlap = shards.flat().length > documents.length
        for (const key of keys) {
          const all = countable(documents, profile)
          const whole = evidenceOf(all, key)
          const merged = mergeAll(
            shards.map((shard) => evidenceOf(countable(shard, profile), key)),
            how,
          )
          expect(without(merged)).toEqual(without(whole))
          expect(without(judge(merged))).toEqual(without(detect(all, key)))
          if (!overlap) expect(merged).toEqual(whole)
          else expect(merged.seen).toBe(shards.flat().reduce((total, { ids }) => total + ids.length, 0))
          if (overlap && whole.n > 0) kinds.add(profile.scheme)
        }
      }),
      { seed: 1, numRuns: 300 },
    )
    expect(kinds.size).toBe(3)
  })

  test('is associative and commutative, and a shard again changes nothing but what was looked at', () => {
    fc.assert(
      fc.property(marks, fc.infiniteStream(fc.nat(1e6)), (mark, seeds) => {
        const key = mark.keys[0]!
        const [a, b, c] = Array.from({ length: 3 }, () => {
          const ids = markedIds(mark, {
            length: 30,
            choices: 3,
            seed: seeds.next().value!,
            isOffered: (id) => id < 6,
          })
          return evidenceOf(countable([{ ids }], mark.profile), key)
        }) as [EvidenceRecord, EvidenceRecord, EvidenceRecord]
        expect(mergeEvidence(a, b)).toEqual(mergeEvidence(b, a))
        expect(mergeEvidence(mergeEvidence(a, b), c)).toEqual(mergeEvidence(a, mergeEvidence(b, c)))
        expect(mergeEvidence(a, a)).toEqual({ ...a, seen: 2 * a.seen })
      }),
      { seed: 2, numRuns: 150 },
    )
  })

  test('positive control: adding up sums and counts of shards is not the evidence of the whole', () => {
    const { profile, keys } = markOf()
    const [ids, more] = [
      [1, 2, 3, 4, 5],
      [3, 4, 5, 6],
    ]
    const whole = detect(countable([{ ids }, { ids: more }], profile), keys[0]!)
    const parts = [ids, more].map((part) => detect(countable([{ ids: part }], profile), keys[0]!))
    expect(parts[0]!.counted + parts[1]!.counted).toBe(7)
    expect(whole.counted).toBe(5)
  })

  // Why each document answers for itself: a rule that asks the documents before it depends on their order.
  test.each(['gumbel', 'tournament, 30 rounds'] as const)(
    'positive control, %s: "the first use in the corpus" would depend on the order of documents',
    (scheme) => {
      const { profile, keys } = markOf({ scheme })
      const texts = [
        [1, 2, 3, 4],
        [2, 9, 3, 8],
      ]
      const firstInCorpus = (list: readonly (readonly number[])[]): number[][] => {
        const used = new Map<number, number[]>()
        for (const ids of list)
          for (const [i, context] of ids.slice(0, -1).entries())
            if (!used.has(context)) used.set(context, [context, ids[i + 1]!])
        return [...used.values()].sort()
      }
      expect(firstInCorpus(texts)).not.toEqual(firstInCorpus(texts.toReversed()))
      const documents = texts.map((ids) => ({ ids }))
      const both = [documents, documents.toReversed()].map((list) =>
        evidenceOf(countable(list, profile), keys[0]!),
      )
      expect(both[0]).toEqual(both[1])
      expect(both[0]!.pairs.join()).toBe('1,2,2,3,2,9,3,4,3,8,9,3')
    },
  )

  test('identity is the tuple: ids as large as they get, pairs that differ in one of five words', () => {
    const mark = markOf({ contextWidth: 4, vocabularySize: 2 ** 24 })
    const top = 2 ** 24 - 1
    const texts = [
      [top, top, top, top, top],
      [top, top, top, top, 0],
      [0, top, top, top, top],
    ]
    const records = texts.map((ids) => evidenceOf(countable([{ ids }], mark.profile), mark.keys[0]!))
    const merged = records.reduce(mergeEvidence)
    expect(merged.n).toBe(3)
    expect(merged.pairs).toEqual([...texts[2]!, ...texts[1]!, ...texts[0]!])
    const wide = markOf({ vocabularySize: 2 ** 32 })
    const ids = Uint32Array.of(2 ** 32 - 1, 0, 2 ** 31, 2 ** 32 - 1)
    const record = evidenceOf(countable([{ ids }], wide.profile), wide.keys[0]!)
    expect(record.pairs).toEqual([0, 2 ** 31, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 1, 0])
    expect(parseEvidence(JSON.stringify(record), wide.profile)).toEqual(record)
  })

  test('refuses shards of another profile, key, lane or shares, and shards that disagree', () => {
    const mark = markOf({ layers: TWO_LAYERS })
    const [blue, acme] = mark.keys
    const positions = countable([{ ids: markedIds(mark, { length: 60, choices: 3 }) }], mark.profile)
    const shard = evidenceOf(positions, blue!)
    const other = markOf({ layers: TWO_LAYERS, seed: 'other' })
    const elsewhere = countable([{ ids: [1, 2, 3] }], other.profile)
    const shares = markOf({
      layers: [
        { role: 'cohort', label: 'blue', share: 40000, lanes: 2 },
        { role: 'provider', label: 'acme', share: 25536 },
      ],
    })
    expect(shares.keys[0]!.keyId).toBe(blue!.keyId)
    for (const [wrong, name] of [
      [evidenceOf(elsewhere, other.keys[0]!), 'b.profile'],
      [evidenceOf(positions, acme!), 'b.keyId'],
      [evidenceOf(positions, other.keys[0]!), 'b.keyId'],
      [evidenceOf(positions, blue!, { lane: 1 }), 'b.lane'],
      [evidenceOf(positions, shares.keys[0]!), 'b.range.to'],
    ] as const) {
      const { message } = expectRefusal(() => mergeEvidence(shard, wrong), name)
      expect(message).not.toContain('[object')
    }
    // Somebody's scores are wrong; which ones, merging cannot say.
    const flipped = shard.scores.with(0, 1 - shard.scores[0]!)
    const sum = shard.sum + flipped[0]! - shard.scores[0]!
    const forged = parseEvidence({ ...shard, scores: flipped, sum }, mark.profile)
    expectRefusal(() => mergeEvidence(shard, forged), 'b.scores')
  })

  test.each(wrongValues({ except: [] }))('refuses what it did not make: %s', (_, wrong) => {
    const { profile, keys } = markOf()
    const record = evidenceOf(countable([{ ids: [1, 2, 3] }], profile), keys[0]!)
    expectRefusal(() => mergeEvidence(wrong as EvidenceRecord, record), 'a')
    expectRefusal(() => mergeEvidence(record, wrong as EvidenceRecord), 'b')
    expectRefusal(() => judge(wrong as EvidenceRecord), 'evidence')
    expectRefusal(() => evidenceOf(wrong as Countable, keys[0]!), 'positions')
  })

  test('refuses copies of records, and options that are none', () => {
    const { profile, keys } = markOf()
    const positions = countable([{ ids: [1, 2, 3] }], profile)
    const record = evidenceOf(positions, keys[0]!)
    for (const copy of [{ ...record }, JSON.parse(JSON.stringify(record)), Object.create(record)])
      expectRefusal(() => judge(copy), 'evidence')
    expect(() => judge(JSON.parse(JSON.stringify(record)))).toThrow(/parseEvidence\(\) checks a copy$/)
    expect(() => judge(judge(record) as unknown as EvidenceRecord)).toThrow(/got .*dyetrace\/verdict-1"$/)
    expect(() => parseEvidence(judge(record), profile)).toThrow(
      /^"evidence.format" .*got "dyetrace\/verdict-1"$/,
    )
    expectRefusal(() => judge(record, { lane: 0 } as DecisionRule), 'options')
    expectRefusal(() => evidenceOf(positions, keys[0]!, { alpha: 1 } as object), 'options')
    expectRefusal(() => evidenceOf(positions, keys[0]!, { lane: 1 }), 'options.lane')
  })
})

describe('a record', () => {
  test('is frozen throughout, and comes back from JSON as it was', () => {
    fc.assert(
      fc.property(corpora, ({ mark: { profile, keys }, documents }) => {
        for (const key of keys) {
          const record = evidenceOf(countable(documents, profile), key)
          const text = JSON.stringify(record)
          for (const input of [text, JSON.parse(text)]) {
            expect(parseEvidence(input, profile)).toEqual(record)
            expect(parseEvidence(input, profile, { key })).toEqual(record)
          }
          expect(judge(parseEvidence(text, profile, { key }))).toEqual(judge(record))
          for (const part of [record, record.pairs, record.scores, record.law, record.range])
            expect(Object.isFrozen(part)).toBe(true)
        }
      }),
      { seed: 3, numRuns: 150 },
    )
  })

  test('a verdict on scores that nobody looked up says so, and no merging hides it', () => {
    const { profile, keys } = markOf()
    const [key] = keys as [MarkKey]
    const record = evidenceOf(countable([{ ids: [1, 2, 3] }], profile), key)
    const forged = { ...record, scores: record.scores.map(() => 1), sum: record.n }
    const looked = parseEvidence(record, profile, { key })
    const given = parseEvidence(forged, profile)
    const others = evidenceOf(countable([{ ids: [7, 8, 9] }], profile), key)
    const said = (evidence: EvidenceRecord): boolean =>
      judge(evidence).notes.some((note) => note.includes('not looked up under the key'))
    for (const evidence of [record, looked, mergeEvidence(looked, others)]) expect(said(evidence)).toBe(false)
    for (const evidence of [given, mergeEvidence(given, others), mergeEvidence(others, given)])
      expect(said(evidence)).toBe(true)
  })

  test('minus zero in JSON is zero', () => {
    const { profile, keys } = markOf()
    const record = evidenceOf(countable([{ ids: [0, 0, 1] }], profile), keys[0]!)
    const text = JSON.stringify(record).replaceAll(/(?<=[:,[])0(?=[,}\]])/g, '-0')
    expect(text).toContain('"lane":-0')
    expect(text).toContain('"pairs":[-0,-0')
    expect(parseEvidence(text, profile)).toEqual(record)
    const empty = JSON.stringify(evidenceOf(countable([], profile), keys[0]!))
    expect(parseEvidence(empty.replace('"seen":0', '"seen":-0'), profile).seen).toBe(0)
  })

  test('shards that claim to have seen more than a number can count do not merge into a record that nobody can read', () => {
    const { profile, keys } = markOf()
    const record = evidenceOf(countable([{ ids: [1, 2, 3] }], profile), keys[0]!)
    const vast = parseEvidence({ ...record, seen: Number.MAX_SAFE_INTEGER }, profile)
    expectRefusal(() => mergeEvidence(vast, record), 'b.seen')
  })

  test('shows no key', () => {
    const { profile, keys } = markOf()
    const text = JSON.stringify(evidenceOf(countable([{ ids: [1, 2, 3] }], profile), keys[0]!))
    expect(text.match(/[0-9a-f]{16,}/g)).toEqual([profileDigest(profile).slice(7), keys[0]!.keyId])
  })
})

describe('what comes back is checked', () => {
  /** A record of each scheme and one thing that is wrong with it. */
  const cases = (Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]).map((scheme) => {
    const mark = markOf({ scheme, layers: TWO_LAYERS })
    const key = mark.keys[0]!
    const ids = markedIds(mark, { length: 80, choices: 4 })
    const record = evidenceOf(countable([{ ids }], mark.profile), key)
    expect(record.n).toBeGreaterThan(10)
    return { scheme, mark, key, record }
  })

  function forgeries(record: EvidenceRecord): [name: string, forged: object][] {
    const { pairs, scores, sum, n, seen } = record
    const swapped = [...pairs.slice(2, 4), ...pairs.slice(0, 2), ...pairs.slice(4)]
    const again = [...pairs.slice(0, 2), ...pairs]
    return [
      ['format', { format: 'dyetrace/evidence-2' }],
      ['profile', { profile: `sha256:${'0'.repeat(64)}` }],
      ['scheme', { scheme: record.scheme === 'gumbel' ? 'tournament' : 'gumbel' }],
      ['contextWidth', { contextWidth: 2 }],
      ['keyId', { keyId: '0123' }],
      ['role', { role: 'owner' }],
      ['lane', { lane: -1 }],
      ['lane', { lane: 512 }],
      ['range', { range: { from: 0 } }],
      ['range.to', { range: { from: 5, to: 5 } }],
      ['range', { range: { from: 0, to: 5, of: 1 } }],
      ['seen', { seen: n - 1 }],
      ['seen', { seen: seen + 0.5 }],
      ['n', { n: n + 1 }],
      ['n', { n: String(n) }],
      ['sum', { sum: sum + 1 }],
      ['law', { law: { ...record.law, kind: 'normal' } }],
      ['pairs', { pairs: swapped }],
      [
        'pairs',
        { pairs: again, scores: [scores[0]!, ...scores], n: n + 1, sum: sum + scores[0]!, seen: seen + 1 },
      ],
      ['pairs', { pairs: pairs.with(0, -1) }],
      ['pairs', { pairs: pairs.with(0, 40) }],
      ['pairs', { pairs: pairs.slice(1) }],
      ['pairs', { pairs: pairs.slice(2) }],
      ['pairs.length', { scores: scores.slice(1) }],
      ['scores', { scores: scores.with(0, 31) }],
      ['scores', { scores: scores.with(0, -1) }],
      ['scores', { scores: scores.with(0, 2 ** -21) }],
      ['scores', { scores: scores.map(String) }],
      ['evidence', { owner: 'me' }],
    ]
  }

  test.each(cases)('$scheme: forged', ({ mark: { profile }, record }) => {
    for (const [name, change] of forgeries(record)) {
      const text = JSON.stringify({ ...record, ...change })
      expectRefusal(() => parseEvidence(text, profile), name)
    }
    for (const field of Object.keys(record)) {
      const { [field as 'n']: _, ...rest } = record
      expect(() => parseEvidence(rest, profile), field).toThrow(/expected/)
    }
  })

  test.each(cases)('$scheme: a lane that the layer, or any layer of the kind, does not have', (subject) => {
    const { profile, keys } = subject.mark
    const { lanes } = profile.layers[0]!
    const most = 512 / profile.bits
    for (const [keyId, first] of [
      [keys[0]!.keyId, lanes],
      ['0'.repeat(16), most],
    ] as const) {
      const at = (lane: number): object => ({ ...subject.record, keyId, lane })
      expect(parseEvidence(at(first - 1), profile).lane).toBe(first - 1)
      expectRefusal(() => parseEvidence(at(first), profile), 'evidence.lane')
    }
  })

  test.each(cases)('$scheme: text in which two readers could read two records', ({ mark, record }) => {
    const text = JSON.stringify(record).replace('"sum":', '"sum":1,"sum":')
    expect(JSON.parse(text)).toEqual(record)
    expectRefusal(() => parseEvidence(text, mark.profile), 'evidence')
  })

  test('pairs that change while they are read', () => {
    const { profile, keys } = markOf()
    const record = evidenceOf(countable([{ ids: [1, 2, 3] }], profile), keys[0]!)
    // A forger's own array: right at the first look, another pair at the second.
    let looks = 0
    const pairs = new Proxy([...record.pairs], {
      get: (target, property, receiver) =>
        property === '0' && looks++ > 0 ? 0.5 : Reflect.get(target, property, receiver),
    })
    expect(parseEvidence({ ...record, pairs }, profile).pairs).toEqual(record.pairs)
  })

  test.each(cases)('$scheme: a law that is not the scheme’s', ({ mark: { profile }, record }) => {
    for (const law of [
      { kind: 'bernoulli', p: 0.2 },
      { kind: 'binomial', trials: 29, p: 0.5 },
      { kind: 'binomial', trials: 30, p: 0.4 },
      { kind: 'exponential', p: 0.5 },
    ])
      expect(() => parseEvidence({ ...record, law }, profile)).toThrow(/"evidence.law/)
  })

  test.each(cases)('$scheme: scores that a key does not give, and pairs that are not its own', (subject) => {
    const { mark, key, record } = subject
    const { profile, keys } = mark
    expect(parseEvidence(record, profile, { key })).toEqual(record)
    for (let i = 0; i < record.n; i++) {
      const score = record.scores[i] === 0 ? 1 : 0
      const forged = {
        ...record,
        scores: record.scores.with(i, score),
        sum: record.sum + score - record.scores[i]!,
      }
      // Its own numbers agree, so without the key it passes: that is what the key is for.
      expect(parseEvidence(forged, profile).sum).toBe(forged.sum)
      expectRefusal(() => parseEvidence(forged, profile, { key }), 'evidence.scores')
    }
    const others = evidenceOf(countable([{ ids: [...record.pairs] }], profile), keys[1]!)
    const { keyId, role, range, lane } = record
    const borrowed = { ...others, keyId, role, range, lane }
    expectRefusal(() => parseEvidence(borrowed, profile, { key }), 'evidence.pairs')
    for (const wrong of [
      { keyId: '0'.repeat(16) },
      { role: 'canary' },
      { range: { from: 0, to: 65536 } },
      { lane: 1 },
    ])
      expect(() => parseEvidence({ ...record, ...wrong }, profile, { key })).toThrow(RangeError)
    expectRefusal(() => parseEvidence(record, profile, { key: keys[1]! }), 'evidence.keyId')
  })

  test.each(wrongValues({ except: [] }))('input: %s', (_, wrong) => {
    const { profile } = markOf()
    expectRefusal(() => parseEvidence(wrong, profile), 'evidence')
  })
  test.each(wrongValues({ except: [] }))('profile: %s', (_, wrong) => {
    const { profile, keys } = markOf()
    const record = evidenceOf(countable([], profile), keys[0]!)
    expectRefusal(() => parseEvidence(record, wrong as Mark['profile']), 'profile')
  })

  test('each field is read once, and none that is inherited', () => {
    const { profile, keys } = markOf()
    const record = evidenceOf(countable([{ ids: [1, 2, 3] }], profile), keys[0]!)
    expect(() => parseEvidence(Object.create(record), profile)).toThrow(TypeError)
    let reads = 0
    const shifty = {
      ...record,
      get scores() {
        return reads++ === 0 ? record.scores : [1, 1]
      },
    }
    expect(parseEvidence(shifty, profile)).toEqual(record)
  })
})
