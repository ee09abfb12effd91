/** Passages lie where they are said to lie, are cut from the marked text, and make the share that was asked for. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { diluteTokens, diluteWords } from '../../src/attacks/dilute.ts'
import { binomialBand } from '../support/tolerance.ts'
import { expectRefusal } from '../support/wrong-values.ts'
import { english, wellFormed, wordsOf } from './texts.ts'

const share = fc.oneof(fc.constantFrom(0, 0.1, 0.25, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }))
const count = fc.integer({ min: 1, max: 5 })
const seeds = fc.nat(1e6)

// Marked ids are 1000 and more, the host's are less; both tell their place.
const marked = (n: number): number[] => Array.from({ length: n }, (_, i) => 1000 + i)
const unmarked = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('diluteTokens', () => {
  test('places the passages where it says', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), count, share, seeds, (m, u, passages, t, seed) => {
        const source = marked(m)
        const options = { host: unmarked(u), passages, share: t, random: seedrandom(String(seed)) }
        const result = diluteTokens(source, options)
        const { ids, attack } = result
        const n = ids.length
        const inside = new Set<number>()
        let [end, from] = [-1, 0]
        for (const passage of result.passages) {
          // In order, cut from different places, with something of the host between.
          expect(passage.start).toBeGreaterThan(end)
          expect(passage.end).toBeGreaterThan(passage.start)
          expect(passage.from).toBeGreaterThanOrEqual(from)
          const length = passage.end - passage.start
          expect(ids.slice(passage.start, passage.end)).toEqual(
            source.slice(passage.from, passage.from + length),
          )
          for (let i = passage.start; i < passage.end; i++) inside.add(i)
          ;[end, from] = [passage.end, passage.from + length]
        }
        // All else is one stretch of the host.
        const rest = ids.filter((_, i) => !inside.has(i))
        expect(rest).toEqual(rest.map((_, i) => rest[0]! + i))
        expect(rest.every((id) => id < 1000)).toBe(true)
        // Of the share, and as many as were asked for, where there is room.
        expect(inside.size).toBe(Math.round(t * n))
        expect(Math.abs(inside.size - t * n)).toBeLessThanOrEqual(0.5)
        expect(result.passages.length).toBe(Math.min(passages, inside.size, rest.length + 1))
        const lengths = result.passages.map((passage) => passage.end - passage.start)
        if (lengths.length > 0) expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1)
        expect(attack.parameters['length']).toBe(n)
        expect(attack.edits).toBe(rest.length + m - inside.size)
        // The longest that can be filled: one more has no room for one of its parts.
        const next = Math.round(t * (n + 1))
        expect(next > m || n + 1 - next > u).toBe(true)
        expect([result.passages, ...result.passages].every(Object.isFrozen)).toBe(true)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('makes a document of the length that is asked for', () => {
    for (let length = 0; length <= 100; length++) {
      const options = { host: unmarked(90), passages: 3, share: 0.1, length, random: seedrandom('length') }
      const { ids } = diluteTokens(marked(10), options)
      expect(ids.length).toBe(length)
      expect(ids.filter((id) => id >= 1000).length).toBe(Math.round(length / 10))
    }
  })

  test('refuses a length that cannot be filled, and says what can', () => {
    const options = { host: unmarked(90), passages: 3, share: 0.1, length: 101, random: () => 0 }
    expect(expectRefusal(() => diluteTokens(marked(10), options), 'options.length').message).toContain(
      '0..100',
    )
    expect(diluteTokens(marked(20), { ...options, length: 100 }).ids.length).toBe(100)
  })

  test('draws where passages go, what they are cut from and where the host begins', () => {
    const RUNS = 20_000
    const random = seedrandom('drawn')
    const counts = new Map<string, number>()
    for (let i = 0; i < RUNS; i++) {
      // One passage of 1 of 2 marked tokens, among 1 of 2 host tokens, at its either side: eight ways.
      const { ids } = diluteTokens(marked(2), {
        host: unmarked(2),
        passages: 1,
        share: 0.5,
        length: 2,
        random,
      })
      counts.set(ids.join(), (counts.get(ids.join()) ?? 0) + 1)
    }
    const { lo, hi } = binomialBand(RUNS, 1 / 8, 1e-9 / 8)
    expect(counts.size).toBe(8)
    for (const [ids, seen] of counts) expect([ids, seen >= lo && seen <= hi]).toEqual([ids, true])
  })

  test('takes long texts', () => {
    const { ids, passages } = diluteTokens(marked(300_000), {
      host: unmarked(300_000),
      passages: 2,
      share: 0.5,
      random: seedrandom('long'),
    })
    expect([ids.length, passages.length]).toEqual([600_000, 2])
  })
})

describe('diluteWords', () => {
  const HOST = 'It was, he said, a host of many words; or fewer. Who counts them? (Nobody.) '.repeat(3)

  test('places the passages where it says, in words of the share', () => {
    const text = fc.oneof(english, wellFormed)
    fc.assert(
      fc.property(
        text,
        fc.oneof(fc.constant(HOST), text),
        count,
        share,
        seeds,
        (source, host, passages, t, seed) => {
          const result = diluteWords(source, { host, passages, share: t, random: seedrandom(String(seed)) })
          let [rest, end] = ['', 0]
          const words: string[] = []
          for (const { start, end: stop, from, words: length } of result.passages) {
            const passage = result.text.slice(start, stop)
            expect(passage).toBe(source.slice(from, from + stop - start))
            expect(wordsOf(passage).length).toBe(length)
            words.push(...wordsOf(passage))
            rest += `${result.text.slice(end, start)} `
            end = stop
          }
          rest += result.text.slice(end)
          const all = wordsOf(result.text)
          expect(all.length).toBe(result.attack.parameters['length'])
          expect(words.length).toBe(Math.round(t * all.length))
          // No passage touches a word of the host, and those are in their order.
          expect(wordsOf(rest).length + words.length).toBe(all.length)
          expect(` ${wordsOf(host).join(' ')} `).toContain(
            ` ${wordsOf(rest).join(' ')} `.replace(/^ {2}$/, ' '),
          )
          expect(result.attack.edits).toBe(wordsOf(rest).length + wordsOf(source).length - words.length)
        },
      ),
      { seed: 2, numRuns: 500 },
    )
  })

  test('sets a passage off with one space', () => {
    const options = { host: 'One, two, three.', passages: 1, share: 0.25, length: 4, random: () => 0.4 }
    const at = (u: number) => diluteWords('red', { ...options, random: () => u }).text
    expect([0, 0.4, 0.9].map(at)).toEqual([
      'red One, two, three',
      'One, red two, three',
      'One, two, three red',
    ])
  })

  test.each([
    ['', ''],
    ['', HOST],
    ['red green', ''],
    ['...', '!?'],
  ])('%j into %j never fails', (source, host) => {
    for (const t of [0, 0.5, 1]) {
      const { text, attack } = diluteWords(source, { host, passages: 2, share: t, random: () => 0 })
      expect(wordsOf(text).length).toBe(attack.parameters['length'])
    }
  })
})
