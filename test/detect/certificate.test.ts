/**
 * The certificate: no script of edits that we can think of, with the key at hand, moves the p-value beyond the bound or the verdict before
 * its time. Scripts that reach it exist, and each part of the bound has a control: without it, some script breaks the certificate.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { type CertificateOptions, certificate, lnPAfterEdits } from '../../src/detect/certificate.ts'
import {
  type Countable,
  type CountableOptions,
  countable,
  pairsOf,
  type TokenDocument,
} from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { scorePairs } from '../../src/detect/evidence.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import type { NullLaw } from '../../src/stats/law.ts'
import { lnUpperTail } from '../../src/stats/tail.ts'
import { documentsOf, type Mark, markedIds, markOf, marks } from '../support/marked-texts.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

interface Edit {
  readonly kind: 'insert' | 'delete' | 'substitute'
  readonly document: number
  readonly at: number
  readonly token: number
  /** Whether the id that comes in does not survive as text. */
  readonly lost: boolean
}

type Documents = readonly Required<TokenDocument>[]

function apply(documents: Documents, { kind, document, at, token, lost }: Edit): Documents {
  const place = document % documents.length
  const { ids, promptLength, skip } = documents[place]!
  const list = Array.from(ids, (id, i) => ({ id, lost: skip.includes(i) }))
  if (kind !== 'insert' && list.length === 0) return documents
  const i = at % (kind === 'insert' ? list.length + 1 : list.length)
  if (kind === 'insert') list.splice(i, 0, { id: token, lost })
  if (kind === 'delete') list.splice(i, 1)
  if (kind === 'substitute') list[i] = { id: token, lost }
  const moved = i < promptLength ? { insert: 1, delete: -1, substitute: 0 }[kind] : 0
  return documents.with(place, {
    ids: list.map(({ id }) => id),
    promptLength: promptLength + moved,
    skip: [...list.keys()].filter((at) => list[at]!.lost),
  })
}

function edit(vocabularySize: number): fc.Arbitrary<Edit> {
  return fc.record({
    kind: fc.constantFrom('insert', 'delete', 'substitute'),
    document: fc.nat(3),
    at: fc.nat(100),
    token: fc.nat(vocabularySize - 1),
    lost: fc.boolean(),
  })
}

/** Every number of lost pairs compared, none left out: what the certificate says of the bound, without its shortcuts. */
function plainBound(scores: Float64Array, { law, budget }: { law: NullLaw; budget: number }): number {
  const sorted = [...scores].sort((a, b) => b - a)
  const sum = sorted.reduce((a, b) => a + b, 0)
  let worst = -Infinity
  let lost = 0
  for (let x = 0; x <= Math.min(budget, sorted.length); x++) {
    worst = Math.max(worst, lnUpperTail(law, { sum: sum - lost, n: sorted.length + budget - x }))
    lost += sorted[x] ?? 0
  }
  return worst
}

function scoresUnder(positions: Countable, key: MarkKey): { scores: Float64Array; law: NullLaw } {
  const scheme = schemeOf(positions.profile, { lanes: key.format.lanes })
  const { scores } = scorePairs(pairsOf(positions), { scheme, key, lane: 0 })
  return { scores, law: scheme.nullLaw }
}

const pairsPerEdit = ({ profile }: Mark): number =>
  profile.scheme === 'green-list' ? profile.contextWidth + 1 : 2 * profile.contextWidth + 1

// Levels at which short texts have something to lose.
const rule = { alpha: 1e-2, minimumCounted: 5 }

// Documents of any kind, and mostly one among them that is marked well.
const texts = marks.chain((mark) =>
  fc
    .record({
      strong: fc.record({
        length: fc.integer({ min: 1, max: 120 }),
        choices: fc.constant(30),
        seed: fc.nat(1e6),
      }),
      others: documentsOf(mark, { most: 2, length: 40 }),
      skips: fc.array(fc.uniqueArray(fc.nat(100), { maxLength: 3 }), { minLength: 3, maxLength: 3 }),
      padding: fc.option(fc.nat(mark.profile.vocabularySize - 1), { nil: undefined }),
    })
    .map(({ strong, others, skips, padding }) => {
      const list: TokenDocument[] = [{ ids: markedIds(mark, strong) }, ...others]
      const documents: Documents = list.map(({ ids, promptLength = 0 }, d) => ({
        ids,
        promptLength,
        skip: skips[d]!.filter((at) => at < ids.length).sort((a, b) => a - b),
      }))
      return { mark, documents, reading: padding === undefined ? {} : { padding } }
    }),
)

describe('no script of edits goes beyond the bound', () => {
  /** Checks one text against one script, after each of its edits. */
  function check(
    { mark, documents, reading }: { mark: Mark; documents: Documents; reading: CountableOptions },
    next: (documents: Documents, key: MarkKey) => Edit | undefined,
  ): { kept: number } {
    let kept = 0
    for (const key of mark.keys) {
      const before = countable(documents, mark.profile, reading)
      const { edits, counted } = certificate(before, key, rule)
      let edited = documents
      for (let e = 1; ; e++) {
        const step = next(edited, key)
        if (!step) break
        edited = apply(edited, step)
        const after = detect(countable(edited, mark.profile, reading), key, rule)
        expect(after.lnP).toBeLessThanOrEqual(lnPAfterEdits(before, key, { edits: e }))
        expect(after.counted).toBeGreaterThanOrEqual(counted - e * pairsPerEdit(mark))
        if (edits !== null && e <= edits) {
          expect(after.decision).toBe('evidence')
          kept++
        }
      }
    }
    return { kept }
  }

  test('made at random', () => {
    let kept = 0
    const cases = texts.chain((text) =>
      fc.record({
        text: fc.constant(text),
        script: fc.array(edit(text.mark.profile.vocabularySize), { maxLength: 8 }),
      }),
    )
    fc.assert(
      fc.property(cases, ({ text, script }) => {
        let at = 0
        let last: MarkKey | undefined
        kept += check(text, (_, key) => {
          if (key !== last) at = 0
          last = key
          return script[at++]
        }).kept
      }),
      { seed: 1, numRuns: 250 },
    )
    // Not for lack of certificates that promise something.
    expect(kept).toBeGreaterThan(200)
  })

  test('made by somebody who has the key, tries many and keeps the worst', () => {
    let kept = 0
    fc.assert(
      fc.property(texts, fc.nat(1e6), (text, seed) => {
        const random = seedrandom(`adversary ${seed}`)
        const { profile } = text.mark
        const pick = (n: number): number => Math.floor(random() * n)
        let steps = 0
        let last: MarkKey | undefined
        kept += check(text, (documents, key) => {
          if (key !== last) steps = 0
          last = key
          if (steps++ === 5) return undefined
          let worst: { edit: Edit; lnP: number } | undefined
          for (let tries = 0; tries < 25; tries++) {
            const edit: Edit = {
              kind: (['insert', 'delete', 'substitute'] as const)[pick(3)]!,
              document: pick(documents.length),
              at: pick(100),
              token: pick(profile.vocabularySize),
              lost: pick(4) === 0,
            }
            const { lnP } = detect(countable(apply(documents, edit), profile, text.reading), key, rule)
            if (!worst || lnP > worst.lnP) worst = { edit, lnP }
          }
          return worst!.edit
        }).kept
      }),
      { seed: 2, numRuns: 60 },
    )
    expect(kept).toBeGreaterThan(50)
  })
})

describe('the bound', () => {
  test('is the largest tail over every number of lost pairs, up to the rounding that it adds', () => {
    fc.assert(
      fc.property(texts, fc.nat(12), ({ mark, documents }, edits) => {
        const positions = countable(documents, mark.profile)
        for (const key of mark.keys) {
          const { scores, law } = scoresUnder(positions, key)
          const plain = plainBound(scores, { law, budget: edits * pairsPerEdit(mark) })
          const bound = lnPAfterEdits(positions, key, { edits })
          expect(bound).toBeGreaterThanOrEqual(plain)
          expect(bound).toBeLessThanOrEqual(plain * (1 - 2e-10))
          if (edits === 0) expect(bound).toBe(detect(positions, key).lnP)
        }
      }),
      { seed: 3, numRuns: 150 },
    )
  })

  test('of green lists is the tail at G - e (w + 1), n unchanged', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.nat(1e6), fc.nat(20), (contextWidth, seed, edits) => {
        const mark = markOf({ seed, contextWidth, vocabularySize: 500 })
        const ids = markedIds(mark, { length: 120, choices: 6, seed })
        const positions = countable([{ ids }], mark.profile)
        const { sum, counted } = detect(positions, mark.keys[0]!)
        const left = Math.max(0, sum - edits * (contextWidth + 1))
        const closed = lnUpperTail({ kind: 'bernoulli', p: 0.25 }, { sum: left, n: counted })
        const bound = lnPAfterEdits(positions, mark.keys[0]!, { edits })
        expect(bound).toBeGreaterThanOrEqual(closed)
        expect(bound).toBeLessThanOrEqual(closed * (1 - 2e-10))
      }),
      { seed: 4, numRuns: 100 },
    )
  })

  test('grows with the number of edits; the certificate is the last one before it passes alpha or the floor', () => {
    let promised = 0
    fc.assert(
      fc.property(texts, ({ mark, documents }) => {
        const positions = countable(documents, mark.profile)
        for (const key of mark.keys) {
          const found = certificate(positions, key, rule)
          const { decision, counted } = detect(positions, key, rule)
          expect(found.edits === null).toBe(decision !== 'evidence')
          const bound = (edits: number): number => lnPAfterEdits(positions, key, { edits })
          for (let e = 0; e < 10; e++) expect(bound(e + 1)).toBeGreaterThanOrEqual(bound(e))
          const { edits, lnPBound } = found
          expect(lnPBound).toBe(bound(edits ?? 0))
          if (edits === null) continue
          promised += edits
          const stands = (e: number): boolean =>
            bound(e) <= Math.log(rule.alpha) && counted - e * pairsPerEdit(mark) >= rule.minimumCounted
          expect([stands(edits), stands(edits + 1)]).toEqual([true, false])
        }
      }),
      { seed: 5, numRuns: 150 },
    )
    expect(promised).toBeGreaterThan(100)
  })

  test('keeps pairs that score so little that losing them would make the rest more surprising', () => {
    const mark = markOf({ scheme: 'tournament, 30 rounds', vocabularySize: 5000 })
    const [key] = mark.keys as [MarkKey]
    const scheme = schemeOf(mark.profile, { lanes: 1 })
    const isDull = (id: number, ids: readonly number[]): boolean => {
      const score = ids.length === 0 ? 9 : scheme.score(scheme.field(key, [ids.at(-1)!], id, 0))
      return score === 9 && !ids.includes(id)
    }
    const positions = countable(
      [{ ids: markedIds(mark, { length: 40, choices: 1, isOffered: isDull }) }],
      mark.profile,
    )
    const { scores, law } = scoresUnder(positions, key)
    expect(scores).toEqual(new Float64Array(39).fill(9))
    const losingSix = lnUpperTail(law, { sum: 33 * 9, n: 39 })
    const losingNone = lnUpperTail(law, { sum: 39 * 9, n: 39 + 6 })
    expect(losingNone).toBeGreaterThan(losingSix / 2)
    const bound = lnPAfterEdits(positions, key, { edits: 2 })
    expect(bound).toBe(plainBound(scores, { law, budget: 6 }) * (1 - 1e-10))
    expect(bound).toBeGreaterThanOrEqual(losingNone)
  })

  test('thirty thousand pairs are no burden, nor a billion edits', () => {
    const mark = markOf({ scheme: 'tournament, 30 rounds', contextWidth: 2, vocabularySize: 50_000 })
    const ids = markedIds(mark, { length: 30_000, choices: 3 })
    const positions = countable([{ ids }], mark.profile)
    const { edits } = certificate(positions, mark.keys[0]!)
    expect(edits).toBeGreaterThan(500)
    expect(lnPAfterEdits(positions, mark.keys[0]!, { edits: 1e9 })).toBe(0)
  })
})

describe('is not too careful either: scripts that reach it', () => {
  /** A text in which no id occurs twice and, for green lists, every counted pair is green. */
  function strongest(mark: Mark, length: number): number[] {
    return markedIds(mark, { length, choices: 300, isOffered: (id, ids) => !ids.includes(id) })
  }

  // Every (w + 1)-th token replaced by one that is new to the text and makes all windows over it red.
  function redden(mark: Mark, ids: readonly number[], edits: number): number[] {
    const { profile, keys } = mark
    const width = profile.contextWidth
    const edited = [...ids]
    for (let e = 0; e < edits; e++) {
      const at = width + e * (width + 1)
      for (let token = 0; ; token++) {
        if (edited.includes(token) || ids.includes(token)) continue
        const after = edited.with(at, token)
        const around = { ids: after.slice(Math.max(0, at - width), at + width + 1) }
        if (detect(countable([around], profile), keys[0]!).sum > 0) continue
        edited[at] = token
        break
      }
    }
    return edited
  }

  test.each([0, 1, 2, 3, 4])(
    'green list, width %i: w + 1 green pairs an edit, and w would not do',
    (contextWidth) => {
      const mark = markOf({ seed: 'reach', contextWidth, vocabularySize: 3000 })
      const [key] = mark.keys as [MarkKey]
      const ids = strongest(mark, 150)
      const before = countable([{ ids }], mark.profile)
      const { edits, counted, sum } = certificate(before, key)
      expect([counted, sum]).toEqual([150 - contextWidth, 150 - contextWidth])
      expect(edits).toBeGreaterThan(5)
      for (let e = 1; e <= edits!; e++) {
        const after = detect(countable([{ ids: redden(mark, ids, e) }], mark.profile), key)
        expect(after).toMatchObject({ counted, sum: sum - e * (contextWidth + 1), decision: 'evidence' })
        const bound = lnPAfterEdits(before, key, { edits: e })
        expect(after.lnP).toBeGreaterThanOrEqual(bound * (1 + 1e-9))
        // The control: a certificate that forgets the token's own pair is broken.
        const { scores, law } = scoresUnder(before, key)
        expect(after.lnP).toBeGreaterThan(plainBound(scores, { law, budget: e * contextWidth }))
      }
      // One more edit than certified, and the verdict falls.
      const beyond = detect(countable([{ ids: redden(mark, ids, edits! + 1) }], mark.profile), key)
      expect(beyond.decision).toBe('no-evidence')
    },
  )

  // Where the first use of a context counts: a token that occurs later, put early, makes its later use a repeat.
  test.each(['gumbel', 'tournament, 1 round'] as const)(
    '%s, width 1: three pairs an edit, and two would not do',
    (scheme) => {
      const mark = markOf({ seed: 'reach', scheme, vocabularySize: 3000 })
      const { profile, keys } = mark
      const [key] = keys as [MarkKey]
      const ids = strongest(mark, 240)
      const before = countable([{ ids }], profile)
      const { scores, law } = scoresUnder(before, key)
      const e = 6
      const edited = [...ids]
      const displaced = new Set<number>()
      for (let step = 0; step < e; step++) {
        let worst = { at: 0, from: 0, sum: Infinity }
        for (let at = 2; at < 40; at += 3) {
          if (edited[at] !== ids[at]) continue
          for (let from = 121; from < 239; from += 3) {
            if (displaced.has(from)) continue
            const { sum } = detect(countable([{ ids: edited.with(at, ids[from]!) }], profile), key)
            if (sum < worst.sum) worst = { at, from, sum }
          }
        }
        edited[worst.at] = ids[worst.from]!
        displaced.add(worst.from)
      }
      const after = detect(countable([{ ids: edited }], profile), key)
      expect(after.lnP).toBeLessThanOrEqual(lnPAfterEdits(before, key, { edits: e }))
      expect(after.lnP).toBeGreaterThan(plainBound(scores, { law, budget: 2 * e }))
      // Three contexts lose their pair: that of the edited place, that of the lost token, and that of the token which now comes first.
      const contexts = ({ pairs }: Countable): Map<number, number> =>
        new Map(Array.from({ length: pairs.length / 2 }, (_, i) => [pairs[2 * i]!, pairs[2 * i + 1]!]))
      const [was, is] = [contexts(before), contexts(countable([{ ids: edited }], profile))]
      expect([...was].filter(([context, token]) => is.get(context) !== token)).toHaveLength(3 * e)
    },
  )

  test('width 0: a token replaced by one that is there already takes a pair away, down to the floor', () => {
    const mark = markOf({ contextWidth: 0, vocabularySize: 3000 })
    const [key] = mark.keys as [MarkKey]
    const ids = strongest(mark, 70)
    expect(certificate(countable([{ ids }], mark.profile), key)).toMatchObject({ edits: 6, counted: 70 })
    const replaced = (edits: number): number[] => ids.map((id, i) => (i < edits ? ids.at(-1)! : id))
    const decision = (edits: number): string =>
      detect(countable([{ ids: replaced(edits) }], mark.profile), key).decision
    expect([decision(6), decision(7)]).toEqual(['evidence', 'insufficient'])
  })
})

describe('refuses', () => {
  const mark = markOf()
  const [key] = mark.keys as [MarkKey]
  const ids = markedIds(mark, { length: 200, choices: 10 })
  const positions = countable([{ ids }], mark.profile)

  test('text that was read with an end-of-text id, and rightly: one such id hides it all', () => {
    const options = { endOfText: 7 }
    const ending = markedIds(mark, { length: 200, choices: 10, isOffered: (id) => id !== 7 })
    const read = countable([{ ids: ending }], mark.profile, options)
    expectRefusal(() => certificate(read, key), 'positions')
    expectRefusal(() => lnPAfterEdits(read, key, { edits: 1 }), 'positions')
    const cut = countable([{ ids: [...ending.slice(0, 5), 7, ...ending.slice(5)] }], mark.profile, options)
    const decisions = [read, cut].map((text) => detect(text, key).decision)
    expect(decisions).toEqual(['evidence', 'insufficient'])
    expect(certificate(countable([{ ids: ending }], mark.profile), key).edits).toBeGreaterThan(0)
  })

  test('nothing for want of evidence: that is an answer', () => {
    for (const list of [[], [{ ids: [1] }], [{ ids: Array.from({ length: 300 }, (_, i) => i % 40) }]]) {
      const found = certificate(countable(list, mark.profile), key)
      expect(found.edits).toBeNull()
      expect(found.lnPBound).toBeGreaterThan(Math.log(1e-6))
      expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    }
  })

  test('fields, frozen', () => {
    const found = certificate(positions, key, { alpha: 1e-3, minimumCounted: 10 })
    const { counted, sum } = detect(positions, key)
    expect(found).toMatchObject({
      format: 'dyetrace/certificate-1',
      scheme: 'green-list',
      keyId: key.keyId,
      lane: 0,
      counted,
      sum,
      alpha: 1e-3,
      minimumCounted: 10,
      pairsPerEdit: 2,
    })
    expect(Object.isFrozen(found)).toBe(true)
  })

  test.each(wrongValues({ except: [] }))('positions, key, options: %s', (_, wrong) => {
    expectRefusal(() => certificate(wrong as Countable, key), 'positions')
    expectRefusal(() => certificate(positions, wrong as MarkKey), 'key')
    expectRefusal(() => lnPAfterEdits(wrong as Countable, key, { edits: 1 }), 'positions')
  })
  test.each(wrongValues({ except: ['undefined', 'record', 'object'] }))('options: %s', (_, options) => {
    expectRefusal(() => certificate(positions, key, options as CertificateOptions), 'options')
  })
  test.each(wrongValues({ except: ['integer'] }))('edits: %s', (_, edits) => {
    expectRefusal(() => lnPAfterEdits(positions, key, { edits: edits as number }), 'options.edits')
  })
  test.each([{ lane: 1 }, { alpha: 2 }, { minimumCounted: 0 }, { level: 1 }])('%j', (options) => {
    expect(() => certificate(positions, key, options as CertificateOptions)).toThrow(RangeError)
  })
})
