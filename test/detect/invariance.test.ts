/**
 * What must not change a verdict, and by how much an edit may: repeats, the order of documents, one token more or less. Profiles of
 * all widths, any ids. A detector without de-duplication must fail.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countable, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { type Evidence, gatherEvidence } from '../../src/detect/evidence.ts'
import { type Verdict, verdictOf } from '../../src/detect/verdict.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import { createProfile, type LayerOptions, type Profile } from '../../src/keys/profile.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import { createFieldFunction, inLayer } from '../../src/prf/fields.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { masterFromSeed } from '../support/keys.ts'
import { pairsWithRepeats } from '../support/texts.ts'

const vocabularySize = 40

interface Mark {
  readonly profile: Profile
  readonly keys: readonly MarkKey[]
}

const LAYERS: readonly LayerOptions[][] = [
  [{ role: 'provider', label: 'acme' }],
  [
    { role: 'cohort', label: 'blue', share: 30000 },
    { role: 'provider', label: 'acme', share: 35536 },
  ],
]

/** A profile of any width and gamma, with one layer or two, and its keys. */
const marks: fc.Arbitrary<Mark> = fc
  .record({
    seed: fc.nat(1e6),
    contextWidth: fc.nat(4),
    gamma: fc.oneof(
      fc.constantFrom(1 / 2, 1 / 4),
      fc.integer({ min: 1, max: 255 }).map((k) => k / 256),
    ),
    layers: fc.constantFrom(...LAYERS),
  })
  .map(({ seed, layers, ...options }) => {
    const master = masterFromSeed(seed)
    const profile = createProfile(master, {
      scheme: 'green-list',
      delta: 20,
      tokenizer: tokenizerDigest(['a', 'b']),
      vocabularySize,
      created: '2026-11-24',
      // Width 0 has one context, which roles cannot share.
      layers: options.contextWidth === 0 ? LAYERS[0]! : layers,
      ...options,
    })
    return { profile, keys: deriveMarkKeys(master, profile) }
  })

// Few different ids make repeats, many make none.
const idsOf = (maxLength: number): fc.Arbitrary<number[]> =>
  fc.constantFrom(2, 5, vocabularySize).chain((kinds) => fc.array(fc.nat(kinds - 1), { maxLength }))

const documents: fc.Arbitrary<TokenDocument[]> = fc.array(
  idsOf(60).chain((ids) =>
    fc.record({ ids: fc.constant(ids), promptLength: fc.nat(Math.min(5, ids.length)) }),
  ),
  { maxLength: 5 },
)

function verdictsOf({ profile, keys }: Mark, list: readonly TokenDocument[]): Verdict[] {
  const positions = countable(list, profile)
  return keys.map((key) => detect(positions, key))
}

/** A verdict without the number of positions that it looked at: the evidence and all that follows. */
function found(verdicts: readonly Verdict[]): Omit<Verdict, 'seen'>[] {
  return verdicts.map(({ seen: _, ...rest }) => rest)
}

/** Distinct pairs as words. */
function pairSet(profile: Profile, list: readonly TokenDocument[]): Set<string> {
  const { pairs, count } = countable(list, profile)
  const stride = profile.contextWidth + 1
  return new Set(
    Array.from({ length: count }, (_, i) => pairs.subarray(i * stride, (i + 1) * stride).join(' ')),
  )
}

function missing(from: Set<string>, other: Set<string>): number {
  return [...from].filter((pair) => !other.has(pair)).length
}

describe('marking then scoring', () => {
  test('agree for any profile and logits: with a huge delta every counted pair is green where a green token is on offer', () => {
    const logits = fc.array(
      fc.array(fc.float({ min: -2, max: 2, noNaN: true }), {
        minLength: vocabularySize,
        maxLength: vocabularySize,
      }),
      { minLength: 1, maxLength: 12 },
    )
    let [all, green] = [0, 0]
    fc.assert(
      fc.property(marks, logits, idsOf(6), ({ profile, keys }, rows, prompt) => {
        const marker = createMarker(profile, keys)
        const ids = [...prompt]
        // At temperature 0.05 a red token is e^-320 times as likely as any green one: delta 20 against logits 4 apart.
        for (const row of rows) {
          const marked = Float32Array.from(row)
          marker.mark(marked, ids)
          ids.push(sampleFromLogits(marked, { temperature: 0.05, random: () => 0.4142 }))
        }
        const positions = countable([{ ids, promptLength: prompt.length }], profile)
        const stride = profile.contextWidth + 1
        let counted = 0
        for (const key of keys) {
          const verdict = detect(positions, key)
          const field = createFieldFunction(key.format)
          let offered = 0
          for (let i = 0; i < positions.count; i++) {
            const context = positions.pairs.subarray(i * stride, (i + 1) * stride - 1)
            if (!inLayer(key, context)) continue
            const tokens = Array.from({ length: vocabularySize }, (_, token) => token)
            if (tokens.some((token) => field(key, context, token, 0) < profile.param)) offered++
          }
          expect(verdict.sum).toBe(offered)
          counted += verdict.counted
          green += offered
        }
        expect(counted).toBe(positions.count)
        all += counted
      }),
      { seed: 1, numRuns: 150 },
    )
    // Not for lack of pairs, or of contexts with something green.
    expect(all).toBeGreaterThan(500)
    expect(green).toBeGreaterThan(all / 2)
  })
})

describe('repeats', () => {
  test('a document twice changes nothing', () => {
    fc.assert(
      fc.property(marks, documents, fc.nat(4), (mark, list, at) => {
        const again = list[at % (list.length || 1)]
        fc.pre(again !== undefined)
        expect(found(verdictsOf(mark, [...list, again!]))).toEqual(found(verdictsOf(mark, list)))
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  test('a text repeated inside itself adds at most contextWidth pairs, however often', () => {
    fc.assert(
      fc.property(marks, idsOf(60), fc.integer({ min: 2, max: 5 }), ({ profile }, ids, times) => {
        const once = pairSet(profile, [{ ids }])
        const repeated = pairSet(profile, [{ ids: Array.from({ length: times }, () => ids).flat() }])
        expect(missing(once, repeated)).toBe(0)
        expect(missing(repeated, once)).toBeLessThanOrEqual(profile.contextWidth)
      }),
      { seed: 3, numRuns: 300 },
    )
  })

  // Every pair with its repeats, as a detector that forgets about them would count.
  function careless({ profile, keys }: Mark, list: readonly TokenDocument[]): Verdict[] {
    return keys.map((key) => {
      const scheme = schemeOf(profile, { lanes: 1 })
      const parts = list.map(({ ids }) =>
        gatherEvidence(pairsWithRepeats(ids, profile), { scheme, key, lane: 0 }),
      )
      const total = (field: 'sum' | 'n'): number => parts.reduce((sum, part) => sum + part[field], 0)
      const evidence: Evidence = { sum: total('sum'), n: total('n'), law: scheme.nullLaw }
      const subject = { method: 'careless', scheme: scheme.id, keyId: key.keyId, seen: 0 }
      return verdictOf(evidence, subject, { alpha: 1e-6, minimumCounted: 64 })
    })
  }

  test('positive control: a detector without de-duplication is moved by a second copy', () => {
    const ids = Array.from({ length: 100 }, (_, i) => (i * i * 3 + i) % vocabularySize)
    const [mark] = fc.sample(
      marks.filter(({ profile }) => profile.contextWidth > 0 && profile.layers.length === 1),
      { seed: 4, numRuns: 1 },
    )
    const [once, twice] = [[{ ids }], [{ ids }, { ids }]]
    expect(found(careless(mark!, twice))).not.toEqual(found(careless(mark!, once)))
    expect(found(verdictsOf(mark!, twice))).toEqual(found(verdictsOf(mark!, once)))
  })
})

describe('order', () => {
  test('of documents does not change sum, count, p or anything else', () => {
    const shuffled = documents.chain((list) =>
      fc.tuple(
        fc.constant(list),
        fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }),
      ),
    )
    fc.assert(
      fc.property(marks, shuffled, (mark, [list, other]) => {
        expect(verdictsOf(mark, other)).toEqual(verdictsOf(mark, list))
      }),
      { seed: 5, numRuns: 200 },
    )
  })
})

describe('edits', () => {
  const edits = fc.record({
    ids: idsOf(60).filter((ids) => ids.length > 0),
    at: fc.nat(59),
    token: fc.nat(vocabularySize - 1),
    promptLength: fc.nat(5),
  })

  /** Distinct pairs that are lost and won between two texts with the same prompt. */
  function change(
    profile: Profile,
    { before, after, promptLength }: { before: number[]; after: number[]; promptLength: number },
  ): { lost: number; won: number } {
    const [a, b] = [before, after].map((ids) => pairSet(profile, [{ ids, promptLength }]))
    return { lost: missing(a!, b!), won: missing(b!, a!) }
  }

  // With w the context width: the new or changed token touches its own window and the w after it, a gap only the w across it.
  test.each([
    { edit: 'substitution', removed: 1, added: 1, lost: 1, won: 1 },
    { edit: 'insertion', removed: 0, added: 1, lost: 0, won: 1 },
    { edit: 'deletion', removed: 1, added: 0, lost: 1, won: 0 },
  ])('$edit: at most w + $lost pairs lost and w + $won won', ({ removed, added, lost, won }) => {
    fc.assert(
      fc.property(marks, edits, ({ profile }, { ids, at, token, promptLength: wanted }) => {
        const promptLength = Math.min(wanted, ids.length - removed)
        const place = promptLength + (at % (ids.length - promptLength + 1 - removed))
        const after = ids.toSpliced(place, removed, ...(added ? [token] : []))
        const moved = change(profile, { before: ids, after, promptLength })
        expect(moved.lost).toBeLessThanOrEqual(profile.contextWidth + lost)
        expect(moved.won).toBeLessThanOrEqual(profile.contextWidth + won)
      }),
      { seed: 6, numRuns: 500 },
    )
    // No smaller bound would do: in the middle of a text without repeats exactly as many move.
    fc.assert(
      fc.property(marks, ({ profile }) => {
        const ids = Array.from({ length: 30 }, (_, i) => i)
        const after = ids.toSpliced(15, removed, ...(added ? [39] : []))
        const moved = change(profile, { before: ids, after, promptLength: 0 })
        // Without a context a gap moves nothing: tokens are pairs by themselves.
        expect(moved).toEqual({ lost: profile.contextWidth + lost, won: profile.contextWidth + won })
      }),
      { seed: 7, numRuns: 20 },
    )
  })

  test('what is appended never takes a pair away, nor a green one', () => {
    fc.assert(
      fc.property(marks, documents, documents, idsOf(30), (mark, list, more, tail) => {
        const before = verdictsOf(mark, list)
        const longer = [
          ...list.slice(0, -1),
          ...list.slice(-1).map((d) => ({ ...d, ids: [...d.ids, ...tail] })),
        ]
        const after = verdictsOf(mark, [...longer, ...more])
        expect(missing(pairSet(mark.profile, list), pairSet(mark.profile, [...longer, ...more]))).toBe(0)
        for (const [i, { counted, sum }] of before.entries()) {
          expect(after[i]!.counted).toBeGreaterThanOrEqual(counted)
          expect(after[i]!.sum).toBeGreaterThanOrEqual(sum)
        }
      }),
      { seed: 8, numRuns: 200 },
    )
  })
})

describe('any ids', () => {
  test('give p in (0, 1], an interval around the mean, and no NaN anywhere', () => {
    const options = fc.record(
      { endOfText: fc.nat(vocabularySize - 1), padding: fc.nat(vocabularySize - 1) },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(marks, documents, options, ({ profile, keys }, list, options) => {
        const positions = countable(list, profile, options)
        for (const key of keys) {
          const verdict = detect(positions, key, { minimumCounted: 1 })
          const { lnP, lnE, mean, effect, interval, counted, sum } = verdict
          for (const value of [lnP, lnE, mean, effect]) expect(Number.isFinite(value)).toBe(true)
          expect(lnP).toBeLessThanOrEqual(0)
          expect(sum).toBeLessThanOrEqual(counted)
          expect(interval!.lower).toBeLessThanOrEqual(mean)
          expect(interval!.upper).toBeGreaterThanOrEqual(mean)
        }
      }),
      { seed: 9, numRuns: 300 },
    )
  })
})
