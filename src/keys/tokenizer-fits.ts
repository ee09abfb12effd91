/**
 * Are these the tokens that a profile speaks of? Ids of another tokenizer are valid numbers that mean something else: marking with
 * them helps nobody, and scoring them finds nothing.
 */
import { assertArray } from '../assert.ts'
import { type TokenStrings, tokenizerDigest } from '../text/tokenizer-digest.ts'
import type { Profile } from './profile.ts'

/**
 * Refuses token strings of another tokenizer than the profile's, and other than `vocabularySize` of them. Hashes all of them: tens of
 * milliseconds for a vocabulary of 128,000.
 */
export function assertTokenizerFits(
  tokens: TokenStrings,
  { profile, name }: { profile: Profile; name: string },
): void {
  assertArray(tokens, { name, expected: 'an array of token strings by id' })
  const digest = tokenizerDigest(tokens)
  if (digest !== profile.tokenizer)
    throw new RangeError(
      `"${name}" expected the ${profile.vocabularySize} token strings of the profile's tokenizer ${profile.tokenizer}, got ${tokens.length} of ${digest}`,
    )
  if (tokens.length !== profile.vocabularySize)
    throw new RangeError(
      `"${name}" expected ${profile.vocabularySize} token strings as the profile's vocabularySize says, got ${tokens.length}`,
    )
}
