/** Root entry: the common path, nothing else. Runs in browsers and edge workers; files live in `dyetrace/node`. */
export {
  type Countable,
  type CountableOptions,
  countable,
  type Skipped,
  type TokenDocument,
} from './detect/countable.ts'
export { type DetectOptions, detect } from './detect/detect.ts'
export type { Decision, DecisionRule, Verdict } from './detect/verdict.ts'
export type { Digest } from './digest.ts'
export { createMarker, type Marker, type MarkerOptions } from './integrations/marker.ts'
export { deriveMarkKeys, type MarkKey } from './keys/mark-key.ts'
export { generateMasterKey, type MasterKey, masterKeyBytes, masterKeyFromBytes } from './keys/master.ts'
export {
  createProfile,
  type Layer,
  type LayerOptions,
  type Profile,
  type ProfileOptions,
  parseProfile,
  profileDigest,
  type Role,
} from './keys/profile.ts'
export type { LogitsRow } from './logits.ts'
export type { NullLaw } from './stats/law.ts'
export { type TokenStrings, tokenizerDigest, tokenStrings } from './text/tokenizer-digest.ts'
export type { TokenIds } from './tokens.ts'
