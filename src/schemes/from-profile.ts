/**
 * From a profile to the scheme that it describes. The one place that knows all schemes.
 */
import type { EngineProfile } from '../keys/engine-profile.ts'
import type { Profile } from '../keys/profile.ts'
import { engineSchemeOf } from './engines/from-engine-profile.ts'
import { createGreenList } from './green-list.ts'
import { createGumbel } from './gumbel.ts'
import type { Scheme } from './scheme.ts'
import { createTournament } from './tournament.ts'

/**
 * Makes the scheme of a profile for one layer.
 * @param lanes accounts in the layer's key stream, as the layer says.
 */
export function schemeOf(profile: Profile, { lanes }: { lanes: number }): Scheme {
  const parameters = { ...profile, lanes }
  switch (profile.scheme) {
    case 'green-list':
      return createGreenList(parameters)
    case 'gumbel':
      return createGumbel(parameters)
    case 'tournament':
      return createTournament(parameters)
    default:
      // A parsed profile of any other scheme is an engine's.
      return engineSchemeOf(profile as EngineProfile)
  }
}
