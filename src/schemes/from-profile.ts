/**
 * From a profile to the scheme that it describes. The one place that knows all schemes.
 */
import type { Profile } from '../keys/profile.ts'
import { createGreenList } from './green-list.ts'
import type { Scheme } from './scheme.ts'

/**
 * Makes the scheme of a profile for one layer.
 * @param lanes accounts in the layer's key stream, as the layer says.
 * @throws RangeError for a scheme of the wire format that this version cannot run yet.
 */
export function schemeOf(profile: Profile, { lanes }: { lanes: number }): Scheme {
  if (profile.scheme === 'green-list') return createGreenList({ ...profile, lanes })
  throw new RangeError(`"profile.scheme" expected one of "green-list", got "${profile.scheme}"`)
}
