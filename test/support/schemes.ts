/** Profiles and keys of each scheme, for tests that speak of all three. */
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import {
  type CommonOptions,
  createProfile,
  type GreenListOptions,
  type GumbelOptions,
  type Profile,
  type TournamentOptions,
} from '../../src/keys/profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { masterFromSeed } from './keys.ts'

type SchemeOptions = GreenListOptions | GumbelOptions | TournamentOptions

type OnDistribution = 'gumbel' | 'tournament, 1 round' | 'tournament, 30 rounds'

/** The two that act on the distribution that the host would sample. */
export const ON_DISTRIBUTION: Readonly<Record<OnDistribution, SchemeOptions>> = {
  gumbel: { scheme: 'gumbel' },
  'tournament, 1 round': { scheme: 'tournament', rounds: 1 },
  'tournament, 30 rounds': { scheme: 'tournament' },
}

/** One of each kind. */
export const SCHEMES: Readonly<Record<'green list' | OnDistribution, SchemeOptions>> = {
  'green list': { scheme: 'green-list', gamma: 0.25, delta: 2 },
  ...ON_DISTRIBUTION,
}

/** A profile of a scheme and its keys by label, in profile order; one provider layer where nothing is said. */
export function schemeWithKeys(
  seed: string | number,
  scheme: SchemeOptions,
  options: Partial<CommonOptions> = {},
): { profile: Profile; keys: readonly MarkKey[]; key: MarkKey } {
  const master = masterFromSeed(seed)
  const profile = createProfile(master, {
    contextWidth: 1,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize: 256,
    layers: [{ role: 'provider', label: 'test' }],
    created: '2026-11-24',
    ...options,
    ...scheme,
  })
  const keys = deriveMarkKeys(master, profile)
  return { profile, keys, key: keys[0]! }
}
