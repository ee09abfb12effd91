/** A tokenizer other than the profile's is refused where marks are made and where they are counted, if its tokens are at hand. */
import { describe, expect, test } from 'vitest'
import { certificate } from '../../src/detect/certificate.ts'
import { countable } from '../../src/detect/countable.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { type TokenStrings, tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { profileWithKey } from '../support/keys.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const TOKENS: TokenStrings = ['a', 'b', null, '\u0120the']
const { profile, key } = profileWithKey('fits', {
  tokenizer: tokenizerDigest(TOKENS),
  vocabularySize: TOKENS.length,
})

const uses: [where: string, use: (tokens: TokenStrings, profile: Profile) => unknown][] = [
  ['createMarker', (tokens, of) => createMarker(of, [key], { tokens })],
  ['countable', (tokens, of) => countable([{ ids: [0, 1] }], of, { tokens })],
]

describe.each(uses)('%s', (_, use) => {
  test('takes the tokens of the profile', () => {
    expect(() => use(TOKENS, profile)).not.toThrow()
    expect(() => use([...TOKENS], profile)).not.toThrow()
  })

  test.each([
    ['two ids exchanged', ['b', 'a', null, '\u0120the']],
    ['another string', ['a', 'b', null, ' the']],
    ['a missing id named', ['a', 'b', '', '\u0120the']],
    ['one token fewer', ['a', 'b', null]],
    ['one token more', [...TOKENS, 'c']],
  ] as [string, TokenStrings][])('refuses %s, and names both tokenizers', (_, tokens) => {
    const { message } = expectRefusal(() => use(tokens, profile), 'options.tokens')
    expect(message).toContain(`expected the 4 token strings of the profile's tokenizer ${profile.tokenizer}`)
    expect(message).toContain(`got ${tokens.length} of ${tokenizerDigest(tokens)}`)
  })

  test('refuses a profile that speaks of more or fewer ids than its tokenizer has', () => {
    for (const vocabularySize of [3, 5]) {
      const { message } = expectRefusal(() => use(TOKENS, { ...profile, vocabularySize }), 'options.tokens')
      expect(message).toContain(
        `expected ${vocabularySize} token strings as the profile's vocabularySize says, got 4`,
      )
    }
  })

  test.each(wrongValues({ except: ['undefined', 'array', 'bytes', 'view'] }))('refuses %s', (_, value) => {
    expectRefusal(() => use(value as TokenStrings, profile), 'options.tokens')
  })

  test('refuses entries that are no strings', () => {
    for (const wrong of [[], [1, 2, 3, 4], new Uint8Array(4), new Array(4)])
      expectRefusal(() => use(wrong as unknown as TokenStrings, profile), 'tokens')
  })
})

test('positions do not keep the tokens: they read further text without hashing them again', () => {
  const positions = countable([{ ids: [0, 1, 3] }], profile, { tokens: TOKENS, padding: 2 })
  expect(positions.options).toEqual({ padding: 2 })
  expect(certificate(positions, key)).toEqual(
    certificate(countable([{ ids: [0, 1, 3] }], profile, { padding: 2 }), key),
  )
})
