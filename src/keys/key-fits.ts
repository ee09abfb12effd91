/**
 * Does a key belong to this kind of mark? Asked wherever a key and a profile meet.
 */
import { type EngineProfile, engineKeyId } from './engine-profile.ts'
import type { MarkKey } from './mark-key.ts'
import { markFormat, type Profile } from './profile.ts'

/** A key made for another width, gamma or tokenizer would score other numbers than were marked: refuse it by name. */
export function assertKeyFits(key: MarkKey, profile: Profile): void {
  const expected = markFormat(profile, key.format)
  for (const field of ['scheme', 'contextWidth', 'bits', 'param', 'tokenizer'] as const) {
    if (key.format[field] !== expected[field])
      throw new RangeError(
        `"key" expected a key made for ${field} ${JSON.stringify(expected[field])} as the profile says, got one for ${JSON.stringify(key.format[field])}`,
      )
  } // The name of an engine's key says under which settings it scores; the format of a key does not hold them.
  const { format } = profile as Profile | EngineProfile
  if (format === 'dyetrace/profile-1') return
  const named = engineKeyId(profile as unknown as EngineProfile, key.label)
  if (key.keyId !== named)
    throw new RangeError(
      `"key" expected a key made for the engine's settings as the profile says (key id ${named}), got key id ${key.keyId}`,
    )
}
