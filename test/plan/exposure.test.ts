/** Counts of windows in unmarked text, against a count that is plain, and what names the text. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8ToBytes } from '../../src/bytes.ts'
import { digestBytes } from '../../src/digest.ts'
import { assertExposure, exposureOf } from '../../src/plan/exposure.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const options = { contextWidth: 2, vocabularySize: 5, origin: 'answers with the mark off' }

test('how often a window stands before a token, in no case across two documents', () => {
  const documents = fc.array(fc.array(fc.nat(4), { maxLength: 20 }), { maxLength: 4 })
  const window = fc.array(fc.nat(4), { minLength: 0, maxLength: 4 })
  fc.assert(
    fc.property(documents, window, (texts, window) => {
      const contextWidth = window.length
      const exposure = exposureOf(texts, { ...options, contextWidth })
      const expected = texts.flatMap((ids) =>
        ids.filter((_, i) => i >= contextWidth && ids.slice(i - contextWidth, i).join() === window.join()),
      ).length
      expect(exposure.count(window)).toBe(expected)
      // Asking leaves nothing behind.
      expect(exposure.count(window)).toBe(expected)
      expect(exposure.tokens).toBe(texts.reduce((total, { length }) => total + length, 0))
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('the digest is that of a file with one JSON array a line', () => {
  const { digest, origin, contextWidth } = exposureOf([[1, 2], Uint32Array.of(3), []], options)
  expect(digest).toBe(digestBytes(utf8ToBytes('[1,2]\n[3]\n[]\n')))
  expect({ origin, contextWidth }).toEqual({ origin: options.origin, contextWidth: 2 })
})

test('made here only, and frozen', () => {
  const exposure = exposureOf([[1, 2, 3]], options)
  expect(Object.isFrozen(exposure)).toBe(true)
  expect(() => assertExposure(exposure, { name: 'exposure' })).not.toThrow()
  for (const other of [{ ...exposure }, Object.create(exposure)])
    expectRefusal(() => assertExposure(other, { name: 'exposure' }), 'exposure')
})

test.each(wrongValues({ except: [] }))('%s is no exposure', (_, value) => {
  expectRefusal(() => assertExposure(value, { name: 'exposure' }), 'exposure')
})

test.each([
  ['a document that is none', [3], {}, 'documents[0]'],
  ['an id outside', [[1], [5]], {}, 'documents[1][0]'],
  ['no documents', undefined, {}, 'documents'],
  ['too wide', [], { contextWidth: 5 }, 'options.contextWidth'],
  ['no origin', [], { origin: ' ' }, 'options.origin'],
  ['an origin that is no text', [], { origin: 3 }, 'options.origin'],
  ['a misspelt option', [], { width: 1 }, 'options'],
])('%s: refused by name', (_, documents, changed, name) => {
  expectRefusal(() => exposureOf(documents as number[][], { ...options, ...changed } as typeof options), name)
})

test('a window of another width is refused: its count would be 0 without a word', () => {
  expectRefusal(() => exposureOf([[1, 2, 3]], options).count([1]), 'window')
})
