/** Attacks on text, beyond what holds for all. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { replaceWordChunks, scrambleWordChunks } from '../../src/attacks/chunks.ts'
import { deleteWords } from '../../src/attacks/delete.ts'
import { homoglyphs } from '../../src/attacks/homoglyphs.ts'
import { insertWords } from '../../src/attacks/insert.ts'
import { lowercase } from '../../src/attacks/lowercase.ts'
import { shuffleSentences, splitSentences } from '../../src/attacks/shuffle.ts'
import { substituteWords } from '../../src/attacks/substitute.ts'
import { swapWords } from '../../src/attacks/swap.ts'
import { SYNONYM_GROUPS } from '../../src/attacks/synonym-groups.ts'
import { synonyms } from '../../src/attacks/synonyms.ts'
import { truncateWords } from '../../src/attacks/truncate.ts'
import { NEIGHBOURS, typos } from '../../src/attacks/typos.ts'
import { binomialBand } from '../support/tolerance.ts'
import { anyText, editDistance, wellFormed, wordsOf } from './texts.ts'

const TEXT = 'Perhaps it rains; “stay in”, he said. Why not? It is a BIG mistake!'
const rate = fc.double({ min: 0, max: 1, noNaN: true })
const seeds = fc.nat(1e6).map(String)

describe('words', () => {
  test('those deleted go, those inserted come, and the others stay in order', () => {
    fc.assert(
      fc.property(wellFormed, rate, seeds, (text, share, seed) => {
        const words = wordsOf(text)
        const edits = Math.round(share * words.length)
        const left = wordsOf(deleteWords(text, { rate: share, random: seedrandom(seed) }).text)
        expect([left.length, editDistance(words, left)]).toEqual([words.length - edits, edits])
        const pool = ['inserted0', 'inserted1']
        const more = wordsOf(insertWords(text, { rate: share, words: pool, random: seedrandom(seed) }).text)
        expect(more.filter((word) => !pool.includes(word))).toEqual(words)
        expect(more.length).toBe(words.length + edits)
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('are inserted before, between and after', () => {
    const insert = (u: number) =>
      insertWords('(One) two.', { rate: 0.5, words: ['red', 'green'], random: () => u }).text
    expect([0, 0.5, 0.9].map(insert)).toEqual(['(red One) two.', '(One) green two.', '(One) two green.'])
  })

  test('those substituted differ, and repeated words to draw from count once', () => {
    const words = ['a', 'a', 'b', 'c']
    const RUNS = 9000
    const { text } = substituteWords('a '.repeat(RUNS), { rate: 1, words, random: seedrandom('words') })
    const counts = ['a', 'b', 'c'].map((word) => wordsOf(text).filter((other) => other === word).length)
    const { lo, hi } = binomialBand(RUNS, 1 / 2, 1e-9)
    expect(counts[0]).toBe(0)
    expect(counts[1]! >= lo && counts[1]! <= hi).toBe(true)
    expect(counts[1]! + counts[2]!).toBe(RUNS)
  })

  test('are drawn from the synonyms by default', () => {
    const { text, attack } = substituteWords('x '.repeat(500), { rate: 1, random: seedrandom('default') })
    const known = new Set(SYNONYM_GROUPS.flat())
    expect(wordsOf(text).every((word) => known.has(word))).toBe(true)
    expect(new Set(wordsOf(text)).size).toBeGreaterThan(200)
    expect(attack.parameters).toEqual({ rate: 1 })
  })

  test('swapped with their like make no edit', () => {
    const { text, attack } = swapWords('had had', { rate: 1, random: () => 0 })
    expect([text, attack.edits]).toEqual(['had had', 0])
  })

  test('swapped words keep spaces and punctuation where they were', () => {
    const { text, attack } = swapWords(TEXT, { rate: 1, random: () => 0 })
    expect(text).toBe('it Perhaps stay; “rains he”, in Why. said It? not a is mistake BIG!')
    expect(text.replace(/[\p{L}]+/gu, '')).toBe(TEXT.replace(/[\p{L}]+/gu, ''))
    expect(wordsOf(text).sort()).toEqual(wordsOf(TEXT).sort())
    expect(attack.edits).toBe(2 * Math.floor(wordsOf(TEXT).length / 2))
  })

  test('truncated texts are stretches of the text', () => {
    fc.assert(
      fc.property(
        anyText,
        rate,
        fc.constantFrom('head', 'tail', 'middle'),
        seeds,
        (text, share, keep, seed) => {
          const cut = truncateWords(text, { rate: share, keep, random: seedrandom(seed) })
          expect(text).toContain(cut.text)
          expect(wordsOf(cut.text).length).toBe(wordsOf(text).length - cut.attack.edits)
        },
      ),
      { seed: 2, numRuns: 200 },
    )
    const keep = (part: 'head' | 'tail' | 'middle') =>
      truncateWords(TEXT, { rate: 0.75, keep: part, random: () => 0.5 }).text
    expect([keep('head'), keep('middle'), keep('tail')]).toEqual([
      'Perhaps it rains',
      'said. Why not',
      'a BIG mistake',
    ])
  })

  test('chunks take the words of another text, in order, into the old punctuation', () => {
    const options = { rate: 1, size: 5, source: 'a, b, c, d, e, f', random: () => 0 }
    expect(replaceWordChunks('One, two; three. Four: five!', options).text).toBe('a, b; c. d: e!')
    const half = replaceWordChunks(TEXT, { ...options, size: 2, rate: 0.5, random: seedrandom('half') })
    expect(half.text.replace(/[\p{L}]+/gu, '')).toBe(TEXT.replace(/[\p{L}]+/gu, ''))
    expect(half.attack.edits).toBe(wordsOf(half.text).filter((word, i) => word !== wordsOf(TEXT)[i]).length)
  })

  test('scrambled chunks keep their words, less those dropped', () => {
    const options = { rate: 1, size: 4, random: seedrandom('scramble') }
    const whole = wordsOf(scrambleWordChunks(TEXT, options).text)
    expect(whole).not.toEqual(wordsOf(TEXT))
    for (let i = 0; i < whole.length; i += 4)
      expect(whole.slice(i, i + 4).sort()).toEqual(
        wordsOf(TEXT)
          .slice(i, i + 4)
          .sort(),
      )
    const dropped = wordsOf(scrambleWordChunks(TEXT, { ...options, drop: 0.5 }).text)
    expect(dropped.length).toBe(wordsOf(TEXT).length - 2 * 3 - 1)
    expect(dropped.every((word) => wordsOf(TEXT).includes(word))).toBe(true)
  })
})

describe('shuffleSentences', () => {
  test.each([
    ['', []],
    ['  \n ', []],
    ['No end', ['No end']],
    ['One. Two? “Three!” Four…', ['One.', 'Two?', '“Three!”', 'Four…']],
    ['He said (no.) Yes. ', ['He said (no.)', 'Yes.']],
    ['v1.2 is 3.14...  Wait', ['v1.2 is 3.14...', 'Wait']],
    ['A line\nand another\r\n\r\n- a point', ['A line', 'and another', '- a point']],
    ['一。二！「三？」四', ['一。', '二！', '「三？」', '四']],
    ['一。.二', ['一。.', '二']],
  ])('%j', (text, sentences) => {
    expect(splitSentences(text).sentences).toEqual(sentences)
  })

  test('splits any text without loss', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { sentences, gaps } = splitSentences(text)
        expect(gaps.map((gap, i) => gap + (sentences[i] ?? '')).join('')).toBe(text)
        expect(gaps.length).toBe(sentences.length + 1)
        expect(gaps.join('').trim()).toBe('')
        for (const sentence of sentences)
          expect([sentence.trim(), sentence === '']).toEqual([sentence, false])
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  // One pass: a pattern that looks back or ahead takes time that grows with the square, here minutes.
  test.each(['.', ')', '.)', ' ', '. ', '\n'])('takes a million of %j', (unit) => {
    const text = unit.repeat(1_000_000)
    expect(splitSentences(text).gaps.join('').length).toBeLessThanOrEqual(text.length)
  })

  test('moves each sentence drawn, and only those', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), rate, seeds, (n, share, seed) => {
        const text = Array.from({ length: n }, (_, i) => `Sentence ${i}.`).join('  ')
        const { text: shuffled, attack } = shuffleSentences(text, { rate: share, random: seedrandom(seed) })
        const [before, after] = [splitSentences(text), splitSentences(shuffled)]
        expect(after.gaps).toEqual(before.gaps)
        expect(after.sentences.toSorted()).toEqual(before.sentences.toSorted())
        const moved = after.sentences.filter((sentence, i) => sentence !== before.sentences[i]).length
        const drawn = Math.round(share * n)
        expect([attack.edits, moved]).toEqual(drawn < 2 ? [0, 0] : [drawn, drawn])
        expect(editDistance(before.sentences, after.sentences)).toBeLessThanOrEqual(attack.edits)
      }),
      { seed: 4, numRuns: 300 },
    )
  })

  test('a sentence that changes places with its like makes no edit', () => {
    expect(shuffleSentences('No. No.', { rate: 1, random: () => 0 }).attack.edits).toBe(0)
  })
})

describe('lowercase', () => {
  test('at rate 1 leaves no capital in a word', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { text: small } = lowercase(text, { rate: 1, random: () => 0.5 })
        for (const word of wordsOf(small)) expect(word.toLowerCase()).toBe(word)
      }),
      { seed: 5, numRuns: 200 },
    )
    expect(lowercase(TEXT, { rate: 1, random: () => 0 }).text).toBe(TEXT.toLowerCase())
  })

  test('counts words that have a capital only', () => {
    const { attack } = lowercase(TEXT, { rate: 1, random: () => 0 })
    expect(attack.edits).toBe(4)
  })
})

describe('typos', () => {
  test('neighbours are neighbours of each other, on keys that touch', () => {
    expect(NEIGHBOURS.size).toBe(26)
    for (const [letter, keys] of NEIGHBOURS) {
      expect(keys).not.toContain(letter)
      for (const key of keys)
        expect([letter, key, NEIGHBOURS.get(key)]).toEqual([letter, key, expect.stringContaining(letter)])
    }
    expect(
      Object.fromEntries(
        ['q', 'g', 'p', 'm'].map((letter) => [letter, [...NEIGHBOURS.get(letter)!].sort().join('')]),
      ),
    ).toEqual({
      q: 'aw',
      g: 'bfhtvy',
      p: 'lo',
      m: 'jkn',
    })
  })

  test('of each kind', () => {
    // The first draw is the place, the second the kind, a third the key.
    const typo = (...numbers: number[]) => typos('Word', { rate: 0.25, random: () => numbers.shift()! })
    expect([typo(0, 0, 0), typo(0, 0.3), typo(0, 0.6), typo(0, 0.8)].map(({ text }) => text)).toEqual([
      'Qord',
      'WWord',
      'ord',
      'oWrd',
    ])
    expect([typo(0, 0, 0), typo(0, 0.8)].map(({ attack }) => attack.edits)).toEqual([1, 2])
  })

  test('each letter drawn has one error: edits are errors, and one more for each exchange', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'abcdefg AZ.') }),
        rate,
        seeds,
        (text, share, seed) => {
          const errors = Math.round(share * (text.match(/[a-z]/gi) ?? []).length)
          const { text: typed, attack } = typos(text, { rate: share, random: seedrandom(seed) })
          expect(attack.edits).toBeGreaterThanOrEqual(errors)
          expect(attack.edits).toBeLessThanOrEqual(2 * errors)
          expect(editDistance(text, typed)).toBeLessThanOrEqual(attack.edits)
          expect(typed === text).toBe(errors === 0)
          // No letter has two errors, so where all have one there is no exchange.
          const all = typos(text, { rate: 1, random: seedrandom(seed) })
          expect(all.attack.edits).toBe((text.match(/[a-z]/gi) ?? []).length)
        },
      ),
      { seed: 6, numRuns: 300 },
    )
  })

  test('are of four kinds, as often as each other', () => {
    const RUNS = 20_000
    const random = seedrandom('kinds')
    let [doubled, dropped, exchanged, neighbours] = [0, 0, 0, 0]
    for (let i = 0; i < RUNS; i++) {
      // The first draw is the place: the first letter.
      const given = [0]
      const { text } = typos('ap', { rate: 0.5, random: () => given.pop() ?? random() })
      if (text === 'aap') doubled++
      else if (text === 'p') dropped++
      else if (text === 'pa') exchanged++
      else if (/^[qwsz]p$/.test(text)) neighbours++
    }
    const { lo, hi } = binomialBand(RUNS, 1 / 4, 1e-9 / 4)
    for (const count of [doubled, dropped, exchanged, neighbours])
      expect(count >= lo && count <= hi).toBe(true)
    expect(doubled + dropped + exchanged + neighbours).toBe(RUNS)
  })

  test('touch letters a to z only', () => {
    const text = 'é 東京 дом 123 …'
    expect(typos(text, { rate: 1, random: () => 0 })).toMatchObject({ text, attack: { edits: 0 } })
  })
})

describe('homoglyphs', () => {
  test('come from the script that is asked for', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz'
    const scripts = (script: 'cyrillic' | 'greek' | 'both') => {
      const { text } = homoglyphs(alphabet.repeat(20), { rate: 1, script, random: seedrandom('script') })
      return [/\p{Script=Cyrillic}/u.test(text), /\p{Script=Greek}/u.test(text)]
    }
    expect((['cyrillic', 'greek', 'both'] as const).map(scripts)).toEqual([
      [true, false],
      [false, true],
      [true, true],
    ])
  })
})

describe('synonyms', () => {
  const words = SYNONYM_GROUPS.flat()

  test('every word is in one group, in small letters, with another', () => {
    expect(new Set(words).size).toBe(words.length)
    expect(words.filter((word) => !/^[a-z]+$/.test(word))).toEqual([])
    expect(SYNONYM_GROUPS.filter((group) => group.length < 2)).toEqual([])
    expect(words.length).toBeGreaterThan(500)
    expect([SYNONYM_GROUPS, ...SYNONYM_GROUPS].every(Object.isFrozen)).toBe(true)
  })

  test.each([
    ['clarifies', 'explains'],
    ['verified', 'confirmed'],
    ['utilizing', 'employing'],
    ['happened', 'occurred'],
    ['diseases', 'illnesses'],
    ['babies', 'infants'],
    ['women', 'ladies'],
    ['children', 'kids'],
    ['reinforces', 'strengthens'],
    ['diminishes', 'lessens'],
    ['allowing', 'permitting'],
    ['buys', 'purchases'],
  ])('%s and %s are of one group', (one, other) => {
    expect(SYNONYM_GROUPS.find((group) => group.includes(one))).toContain(other)
  })

  test('keep case and the article', () => {
    const replaced = (text: string, u: number) => synonyms(text, { rate: 1, random: () => u }).text
    expect(replaced('Huge HUGE huge hUge', 0)).toBe('Enormous ENORMOUS enormous hUge')
    for (const u of [0, 0.3, 0.6, 0.9]) {
      expect(replaced('A huge one', u)).toBe('A gigantic one')
      expect(['An immense one', 'An immense one']).toContain(replaced('An enormous one', u))
    }
    // Where the only other words begin with another sound, or sound otherwise than they look, nothing is replaced.
    for (const text of ['an illness', 'a baby', 'an error'])
      expect([text, replaced(text, 0)]).toEqual([text, text])
    expect(replaced('a useful tip', 0)).toBe('a helpful tip')
    expect(replaced('an honest man', 0)).toBe('an honest man')
    expect(replaced('a truthful man', 0)).toBe('a truthful man')
  })

  test('replaced words stay in their group', () => {
    const groupOf = (word: string) => SYNONYM_GROUPS.findIndex((group) => group.includes(word.toLowerCase()))
    for (let seed = 0; seed < 20; seed++) {
      const { text, attack } = synonyms(words.join(' '), { rate: 0.5, random: seedrandom(`group ${seed}`) })
      const after = wordsOf(text)
      expect(after.map(groupOf)).toEqual(words.map(groupOf))
      expect(after.filter((word, i) => word !== words[i]).length).toBe(attack.edits)
      expect(attack.edits).toBe(Math.round(words.length / 2))
    }
  })
})
