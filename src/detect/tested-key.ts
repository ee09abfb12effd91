/**
 * A key and a lane that may be asked about, with the scheme that scores under them. Every question of detection starts here.
 */
import { assertInteger } from '../assert.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import type { Profile } from '../keys/profile.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { Scheme } from '../schemes/scheme.ts'

/** Checked: the key was made for the format of the profile, and the lane is one of its layer's. */
export interface TestedKey {
  readonly scheme: Scheme
  readonly key: MarkKey
  readonly lane: number
}

/**
 * Checks a key and lane against the profile of the positions that they will score.
 * @throws TypeError or RangeError for what is no key, a key of another format, or a lane that its layer does not have.
 */
export function testedKey(
  profile: Profile,
  { key, lane = 0 }: { key: MarkKey; lane?: number | undefined },
  { name }: { name: string },
): TestedKey {
  assertMarkKeys([key], { name: 'key' })
  assertKeyFits(key, profile)
  assertInteger(lane, { name, max: key.format.lanes - 1 })
  return { scheme: schemeOf(profile, { lanes: key.format.lanes }), key, lane }
}
