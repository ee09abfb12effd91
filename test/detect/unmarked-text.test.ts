/**
 * Unmarked text around and between marked text, every scheme: which pairs it may take away, and that it takes no other. And any input at
 * all, for every question: p in (0, 1], nothing that is no number.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { certificate } from '../../src/detect/certificate.ts'
import { countable, pairsOf, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { detectAny, detectLayers } from '../../src/detect/family.ts'
import { identify } from '../../src/detect/identify.ts'
import { localise } from '../../src/detect/localise.ts'
import { evidenceOf, judge } from '../../src/detect/merge-evidence.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { documentsOf, markedIds, markOf, marks } from '../support/marked-texts.ts'
import { SCHEMES } from '../support/schemes.ts'

const names = Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]
const vocabularySize = 40

/** Distinct pairs, as lists of ids. */
function pairsIn(profile: Profile, documents: readonly TokenDocument[]): number[][] {
  const stride = profile.contextWidth + 1
  const words = pairsOf(countable(documents, profile))
  return Array.from({ length: words.length / stride }, (_, i) => [
    ...words.subarray(i * stride, (i + 1) * stride),
  ])
}

function lostPairs(profile: Profile, before: TokenDocument[], after: TokenDocument[]): number[][] {
  const kept = new Set(pairsIn(profile, after).map(String))
  return pairsIn(profile, before).filter((pair) => !kept.has(String(pair)))
}

/** All windows of some length in some ids. */
function windowsOf(ids: readonly number[], length: number): Set<string> {
  return new Set(ids.map((_, i) => String(ids.slice(i, i + length))))
}

// Few different ids in some, so that contexts meet again.
const idsOf = (maxLength: number): fc.Arbitrary<number[]> =>
  fc
    .constantFrom(2, 6, vocabularySize)
    .chain((kinds) => fc.array(fc.nat(kinds - 1), { minLength: 1, maxLength }))

describe.each(names)('%s', (scheme) => {
  const countsPairs = SCHEMES[scheme].scheme === 'green-list'
  const widths = countsPairs ? [0, 1, 2, 3, 4] : [1, 2, 3, 4]

  describe.each(widths)('contextWidth %i', (contextWidth) => {
    const mark = markOf({ seed: 'unmarked text', scheme, contextWidth, vocabularySize })
    const { profile } = mark
    const cases = fc.record({
      marked: fc
        .record({
          length: fc.integer({ min: 1, max: 60 }),
          choices: fc.constantFrom(1, 8),
          seed: fc.nat(1e6),
        })
        .map((options) => markedIds(mark, options)),
      unmarked: idsOf(40),
      at: fc.nat(60),
    })

    test('before it takes away no pair whose context it did not use itself', () => {
      let taken = 0
      fc.assert(
        fc.property(cases, ({ marked, unmarked }) => {
          const after = [{ ids: [...unmarked, ...marked] }]
          const lost = lostPairs(profile, [{ ids: marked }], after)
          taken += lost.length
          if (countsPairs) expect(lost).toEqual([])
          // Contexts that reach over the seam are used as well.
          const used = windowsOf([...unmarked, ...marked.slice(0, contextWidth - 1)], contextWidth)
          for (const pair of lost) expect(used.has(String(pair.slice(0, -1)))).toBe(true)
        }),
        { seed: 1, numRuns: 100 },
      )
      // The exception is none for nothing: where a context counts once, its first use may now be in what stands before.
      if (!countsPairs && contextWidth < 3) expect(taken).toBeGreaterThan(0)
    })

    test('behind it takes nothing away', () => {
      fc.assert(
        fc.property(cases, ({ marked, unmarked }) => {
          const after = [{ ids: [...marked, ...unmarked] }]
          expect(lostPairs(profile, [{ ids: marked }], after)).toEqual([])
        }),
        { seed: 2, numRuns: 100 },
      )
    })

    test('as documents of its own takes nothing away, before or behind', () => {
      fc.assert(
        fc.property(cases, ({ marked, unmarked }) => {
          const own = { ids: unmarked }
          const before = [{ ids: marked }]
          for (const after of [
            [own, ...before],
            [...before, own],
            [own, ...before, own],
          ])
            expect(lostPairs(profile, before, after)).toEqual([])
        }),
        { seed: 3, numRuns: 60 },
      )
    })

    test('between takes away the pairs over the seam, and those whose context it used first', () => {
      let seams = 0
      fc.assert(
        fc.property(cases, ({ marked, unmarked, at }) => {
          const cut = at % (marked.length + 1)
          const whole = [...marked.slice(0, cut), ...unmarked, ...marked.slice(cut)]
          const lost = lostPairs(profile, [{ ids: marked }], [{ ids: whole }])
          const over = windowsOf(
            marked.slice(Math.max(0, cut - contextWidth), cut + contextWidth),
            contextWidth + 1,
          )
          const outside = lost.filter((pair) => !over.has(String(pair)))
          seams += lost.length - outside.length
          expect(lost.length - outside.length).toBeLessThanOrEqual(contextWidth)
          if (countsPairs) expect(outside).toEqual([])
          const around = marked.slice(Math.max(0, cut - contextWidth), cut)
          const behind = marked.slice(cut, cut + contextWidth)
          const used = windowsOf([...around, ...unmarked, ...behind], contextWidth)
          for (const pair of outside) expect(used.has(String(pair.slice(0, -1)))).toBe(true)
        }),
        { seed: 4, numRuns: 100 },
      )
      if (contextWidth > 0) expect(seams).toBeGreaterThan(20)
    })
  })
})

describe('any input', () => {
  const cases = marks.chain((mark) =>
    fc.record({
      mark: fc.constant(mark),
      list: documentsOf(mark, { most: 3 }),
      skip: fc.uniqueArray(fc.nat(60), { maxLength: 4 }),
      reading: fc.record(
        { endOfText: fc.nat(vocabularySize - 1), padding: fc.nat(vocabularySize - 1) },
        { requiredKeys: [] },
      ),
      rule: fc.record({
        alpha: fc.constantFrom(1e-300, 1e-6, 0.5),
        minimumCounted: fc.constantFrom(1, 64),
      }),
    }),
  )

  function expectNumbers(value: unknown): void {
    if (typeof value === 'number' && !Number.isFinite(value)) expect.fail(`a number is ${value}`)
    if (typeof value === 'object' && value !== null)
      for (const inner of Object.values(value)) expectNumbers(inner)
  }

  test('gives a p-value above 0 and at most 1 for every question, and only numbers', () => {
    const decisions = new Set<string>()
    fc.assert(
      fc.property(cases, ({ mark: { profile, keys }, list, skip, reading, rule }) => {
        const documents = list.map((document) => ({
          ...document,
          skip: skip.filter((at) => at < document.ids.length).sort((a, b) => a - b),
        }))
        const positions = countable(documents, profile, reading)
        const candidates = keys.map((key) => ({ key }))
        const { layers, joint } = detectLayers(positions, candidates, rule)
        const found = documents.map((document) =>
          localise(document, profile, keys[0]!, { ...rule, ...reading }),
        )
        const verdicts = [
          ...keys.map((key) => detect(positions, key, rule)),
          ...keys.map((key) => judge(evidenceOf(positions, key), rule)),
          ...detectAny(positions, candidates, rule),
          ...layers,
          joint,
          ...identify(
            documents,
            keys.map((key) => ({ profile, key })),
            { ...rule, ...reading },
          ).ranked.map(({ verdict }) => verdict),
          ...found.map(({ verdict }) => verdict),
        ]
        for (const verdict of verdicts) {
          expectNumbers(verdict)
          decisions.add(verdict.decision)
          const { lnP, lnE, mean, interval, family } = verdict
          for (const ln of [lnP, family.lnAdjustedP ?? lnP]) {
            expect(ln).toBeLessThanOrEqual(0)
            expect(Object.is(ln, -0)).toBe(false)
          }
          // Neither can say more than the highest scores would: at most 30 bits or 32 ln 2 a pair.
          expect(lnP).toBeGreaterThanOrEqual(-22.2 * verdict.counted)
          expect(lnE).toBeLessThanOrEqual(22.2 * verdict.counted)
          if (interval) {
            expect(interval.lower).toBeLessThanOrEqual(mean)
            expect(interval.upper).toBeGreaterThanOrEqual(mean)
          }
        }
        for (const { passages } of found) {
          expectNumbers(passages)
          for (const { lnP } of passages) expect(lnP).toBeLessThanOrEqual(Math.log(rule.alpha))
        }
        if (reading.endOfText === undefined) {
          for (const key of keys) {
            const promised = certificate(positions, key, rule)
            expectNumbers(promised)
            expect(promised.lnPBound).toBeLessThanOrEqual(0)
          }
        }
      }),
      { seed: 5, numRuns: 150 },
    )
    expect([...decisions].sort()).toEqual(['evidence', 'insufficient', 'no-evidence'])
  })
})
