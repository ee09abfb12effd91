/** Two tokenizers over one text: only places where both have read the same characters are kept. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { alignTokens, type TextToken, tokensOf } from '../../src/text/align.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '€', '👍', '\n'), maxLength: 30 })

/** Cuts a text before the characters for which the coin says so. */
function segmented(whole: string, coins: readonly boolean[]): string[] {
  const pieces: string[] = []
  for (const [i, unit] of whole.split('').entries()) {
    if (pieces.length === 0 || coins[i % coins.length]) pieces.push(unit)
    else pieces[pieces.length - 1] += unit
  }
  return pieces
}

const coins = fc.array(fc.boolean(), { minLength: 1, maxLength: 30 })
const prefix = (pieces: readonly { text: string }[], count: number): string =>
  pieces
    .slice(0, count)
    .map(({ text }) => text)
    .join('')

test('the same tokens: every place, the identity', () => {
  fc.assert(
    fc.property(text, coins, (whole, cuts) => {
      const tokens = tokensOf(segmented(whole, cuts))
      const { places, ...rest } = alignTokens(whole, { suspect: tokens, provider: tokens })
      expect(places.map(({ suspect }) => suspect)).toEqual(
        Array.from({ length: tokens.length + 1 }, (_, i) => i),
      )
      for (const { suspect, provider } of places) expect(provider).toBe(suspect)
      expect(rest).toEqual({ suspectOnly: 0, providerOnly: 0 })
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('whatever the segments: kept places have equal prefixes, and every place that both have is kept', () => {
  fc.assert(
    fc.property(text, coins, coins, (whole, ours, theirs) => {
      const [suspect, provider] = [tokensOf(segmented(whole, theirs)), tokensOf(segmented(whole, ours))]
      const { places, suspectOnly, providerOnly } = alignTokens(whole, { suspect, provider })
      for (const place of places) {
        expect(prefix(suspect, place.suspect)).toBe(whole.slice(0, place.character))
        expect(prefix(provider, place.provider)).toBe(whole.slice(0, place.character))
      }
      const ends = (tokens: readonly TextToken[]) => [
        0,
        ...tokens.map(({ text, start }) => start + text.length),
      ]
      const common = ends(suspect).filter((end) => ends(provider).includes(end))
      expect(places.map(({ character }) => character)).toEqual(common)
      expect(suspectOnly).toBe(suspect.length + 1 - places.length)
      expect(providerOnly).toBe(provider.length + 1 - places.length)
    }),
    { seed: 2, numRuns: 300 },
  )
})

describe('tokens spoilt at random: fewer places, never a wrong one', () => {
  const at = fc.array(fc.nat(30), { minLength: 1, maxLength: 4 })

  function expectNoneWrong(spoil: (token: TextToken) => TextToken): void {
    fc.assert(
      fc.property(text, coins, coins, at, (whole, ours, theirs, places) => {
        const honest = tokensOf(segmented(whole, theirs))
        const suspect = honest.map((token, i) => (places.includes(i) ? spoil(token) : token))
        const provider = tokensOf(segmented(whole, ours))
        for (const place of alignTokens(whole, { suspect, provider }).places) {
          expect(prefix(honest, place.suspect)).toBe(whole.slice(0, place.character))
          expect(prefix(provider, place.provider)).toBe(whole.slice(0, place.character))
        }
      }),
      { seed: 3, numRuns: 300 },
    )
  }

  test.each([-1, 0, 1, 3])('text, and offset by %i', (shift) => {
    for (const text of ['\ufffd', ' \ufffd', 'bytes:\\xe2', '<s>', 'zz'])
      expectNoneWrong(({ start }) => ({ text, start: Math.max(0, start + shift) }))
  })

  test.each([-1, 1, 3])('offset by %i', (shift) => {
    expectNoneWrong(({ text, start }) => ({ text, start: Math.max(0, start + shift) }))
  })
})

describe('tokens that are no characters', () => {
  const provider = tokensOf(['a€b', ' c'])

  test('a character in pieces: its places are passed over, and the text is found again behind it', () => {
    const suspect = [
      { text: 'a', start: 0 },
      { text: '\ufffd', start: 1 },
      { text: '\ufffd', start: 1 },
      { text: 'b', start: 2 },
      { text: ' c', start: 3 },
    ]
    expect(alignTokens('a€b c', { suspect, provider }).places).toEqual([
      { character: 0, suspect: 0, provider: 0 },
      { character: 3, suspect: 4, provider: 1 },
      { character: 5, suspect: 5, provider: 2 },
    ])
    const pieces = tokensOf(['a', '€', 'b', ' c'])
    const places = alignTokens('a€b c', { suspect, provider: pieces }).places
    expect(places.map(({ character }) => character)).toEqual([0, 1, 2, 3, 5])
  })

  test('marks without characters belong to what is before them', () => {
    const suspect = [{ text: '', start: 0 }, ...tokensOf(['a€b', ' c']), { text: '', start: 5 }]
    expect(alignTokens('a€b c', { suspect, provider }).places).toEqual([
      { character: 0, suspect: 1, provider: 0 },
      { character: 3, suspect: 2, provider: 1 },
      { character: 5, suspect: 4, provider: 2 },
    ])
  })

  test('special tokens that are not in the text: nothing after them is relied on', () => {
    const suspect = [{ text: '<s>', start: 0 }, ...tokensOf(['a', '€b', ' c'])]
    expect(alignTokens('a€b c', { suspect, provider }).places.every(({ character }) => character > 1)).toBe(
      true,
    )
    expect(alignTokens('abc', { suspect: [{ text: '<s>', start: 0 }], provider: tokensOf(['abc']) })).toEqual(
      {
        places: [],
        suspectOnly: 0,
        providerOnly: 2,
      },
    )
  })

  test.each([
    [
      'a gap',
      'aaaa',
      [
        ['a', 0],
        ['a', 2],
        ['a', 3],
      ],
      [0, 1],
    ],
    [
      'an overlap',
      'aaaa',
      [
        ['aa', 0],
        ['aa', 1],
      ],
      [0, 2],
    ],
    [
      'a mark before a character beyond ASCII',
      '€aa',
      [
        ['<s>', 0],
        ['a', 1],
        ['a', 2],
      ],
      [],
    ],
    [
      'pieces of what is ASCII',
      'abc',
      [
        ['\ufffd', 0],
        ['b', 1],
        ['c', 2],
      ],
      [],
    ],
    [
      'pieces of more than one word',
      '€ a€ b',
      [
        ['\ufffd', 0],
        [' b', 4],
      ],
      [],
    ],
  ])('%s: what follows is not relied on', (_, text, tokens, expected) => {
    const suspect = (tokens as [string, number][]).map(([text, start]) => ({ text, start }))
    const { places } = alignTokens(text, { suspect, provider: tokensOf(text.split('')) })
    expect(places.map(({ character }) => character)).toEqual(expected)
  })

  test('offsets in bytes: places are lost, none is invented', () => {
    const suspect = [
      { text: 'a', start: 0 },
      { text: '€', start: 1 },
      { text: 'b', start: 4 },
      { text: ' c', start: 5 },
    ]
    expect(alignTokens('a€b c', { suspect, provider }).places).toEqual([
      { character: 0, suspect: 0, provider: 0 },
    ])
  })
})

test('an empty text has one place', () => {
  expect(alignTokens('', { suspect: [], provider: [] }).places).toEqual([
    { character: 0, suspect: 0, provider: 0 },
  ])
})

describe('refused by name', () => {
  test.each(wrongValues({ except: ['string'] }))('%s is no text', (_, value) => {
    expectRefusal(() => alignTokens(value as string, { suspect: [], provider: [] }), 'text')
  })

  test.each([
    [[1], 'suspect[0]'],
    [[null], 'suspect[0]'],
    [[{ text: 'a' }], 'suspect[0].start'],
    [[{ text: 1, start: 0 }], 'suspect[0].text'],
    [[{ text: 'a', start: -1 }], 'suspect[0].start'],
    [{}, 'suspect'],
  ])('%j', (suspect, name) => {
    expectRefusal(() => alignTokens('a', { suspect: suspect as TextToken[], provider: [] }), name)
  })

  test('pieces that are no strings', () => {
    expectRefusal(() => tokensOf(['a', 1 as never]), 'texts[1]')
  })
})
