/** Words and what stands between them: nothing is lost, and spaces do not pile up. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isWord, joinWords, splitWords, withoutWords, wordRange } from '../../src/attacks/words.ts'
import { anyText, wellFormed, wordsOf } from './texts.ts'

describe('splitWords', () => {
  test('loses nothing, and leaves a gap between any two words', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const split = splitWords(text)
        expect(joinWords(split)).toBe(text)
        expect(split.words).toEqual(wordsOf(text))
        expect(split.gaps.length).toBe(split.words.length + 1)
        expect(split.gaps.slice(1, -1)).not.toContain('')
        expect(split.words.every(isWord)).toBe(true)
        expect(split.gaps.some(isWord)).toBe(false)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test.each([
    ['', []],
    ['Don’t re-read it, she’d said.', ['Don’t', 're', 'read', 'it', 'she’d', 'said']],
    ["rock 'n' roll's", ['rock', 'n', "roll's"]],
    ['3.14 m² 東京 नमस्ते', ['3', '14', 'm²', '東京', 'नमस्ते']],
  ])('%j', (text, words) => {
    expect(splitWords(text).words).toEqual(words)
  })

  test.each(['', ' a', 'a b', "a''b", '!', '\ud800'])('%j is no word', (text) => {
    expect(isWord(text)).toBe(false)
  })
})

describe('withoutWords', () => {
  test.each([
    ['One, two, three.', [1], 'One,, three.'],
    ['one two, three', [1], 'one, three'],
    ['one (two) three', [1], 'one () three'],
    ['one two three', [1], 'one three'],
    ['one two three', [0], 'two three'],
    ['one two three', [2], 'one two'],
    ['one two three', [0, 1, 2], ''],
    ['"one" two', [0], '"" two'],
    ['one\ntwo three', [1], 'one\nthree'],
    ['one two\n\nthree', [1], 'one \nthree'],
  ])('%j without %j', (text, places, expected) => {
    expect(joinWords(withoutWords(splitWords(text), places))).toBe(expected)
  })

  test('leaves the other words as they are', () => {
    fc.assert(
      fc.property(wellFormed, fc.func(fc.boolean()), (text, goes) => {
        const split = splitWords(text)
        const places = [...split.words.keys()].filter((i) => goes(i))
        const left = split.words.filter((_, i) => !places.includes(i))
        const result = withoutWords(split, places)
        expect(result.words).toEqual(left)
        expect(wordsOf(joinWords(result))).toEqual(left)
      }),
      { seed: 2, numRuns: 300 },
    )
  })
})

describe('wordRange', () => {
  test.each([
    [0, 2, 'One, two'],
    [1, 3, 'two, three'],
    [1, 1, ''],
    [0, 3, 'One, two, three'],
  ])('from %i to %i', (start, end, expected) => {
    expect(wordRange(splitWords(' One, two, three.'), { start, end })).toBe(expected)
  })
})
