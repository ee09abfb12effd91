/** Root entry: the common path, nothing else. Runs in browsers and edge workers; files live in `dyetrace/node`. */

export {
  type CalibrateOptions,
  type CalibrationBucket,
  type CalibrationRecord,
  calibrate,
  type FreshKeyRate,
  type OwnKeyRate,
} from './detect/calibrate.ts'
export { calibrationTable } from './detect/calibration-table.ts'
export {
  type Certificate,
  type CertificateOptions,
  certificate,
  lnPAfterEdits,
} from './detect/certificate.ts'
export {
  type Countable,
  type CountableOptions,
  countable,
  type Skipped,
  type TokenDocument,
} from './detect/countable.ts'
export { type DetectOptions, detect } from './detect/detect.ts'
export { type Diagnosis, type DoctorOptions, doctor, type Variation } from './detect/doctor.ts'
export type { EvidenceRecord } from './detect/evidence-record.ts'
export { type Candidate, detectAny, detectLayers, type LayerVerdicts } from './detect/family.ts'
export {
  type Identification,
  type Identified,
  type IdentifyOptions,
  identify,
  type KnownMark,
} from './detect/identify.ts'
export { type Localisation, type LocaliseOptions, localise, type Passage } from './detect/localise.ts'
export { evidenceOf, judge, mergeEvidence } from './detect/merge-evidence.ts'
export { parseEvidence } from './detect/parse-evidence.ts'
export { parseVerdict } from './detect/parse-verdict.ts'
export { type Sweep, type SweepOptions, type Swept, sweep } from './detect/sweep.ts'
export type { Decision, DecisionRule, Family, Verdict } from './detect/verdict.ts'
export type { Digest } from './digest.ts'
export { type EngineCandidatesOptions, engineCandidates } from './integrations/engine-candidates.ts'
export {
  createEngineMark,
  deriveEngineMark,
  type Engine,
  type EngineMark,
  type EngineMarkOptions,
  exportEngineConfig,
  readEngineConfig,
} from './integrations/engine-config.ts'
export { createMarker, type Marker, type MarkerOptions } from './integrations/marker.ts'
export { createSampler, type Sampler, type SamplerOptions } from './integrations/sampler.ts'
export { commitEngineKey, opensEngineCommitment } from './keys/engine-commitment.ts'
export type {
  EngineProfile,
  EngineProfileFields,
  EngineSchemeId,
  EngineSettings,
} from './keys/engine-profile.ts'
export {
  type AddProfileOptions,
  addProfile,
  allKeys,
  createKeyRing,
  type Epoch,
  type KeyRing,
  keysAt,
  type ProfileChanges,
  type RotateOptions,
  rotate,
} from './keys/key-ring.ts'
export {
  createLedgerEntry,
  entriesOf,
  type Ledger,
  type LedgerEntry,
  type LedgerEntryOptions,
  type LedgerNote,
  lookUp,
  parseLedger,
} from './keys/ledger.ts'
export { deriveMarkKeys, type MarkKey } from './keys/mark-key.ts'
export { generateMasterKey, type MasterKey, masterKeyBytes, masterKeyFromBytes } from './keys/master.ts'
export {
  type CommonOptions,
  createProfile,
  type GreenListOptions,
  type GumbelOptions,
  type Layer,
  type LayerOptions,
  type Profile,
  type ProfileOptions,
  parseProfile,
  profileDigest,
  type Role,
  type TournamentOptions,
} from './keys/profile.ts'
export type { LogitsRow } from './logits.ts'
export { type KernelChoice, kernelsInUse, useKernels } from './prf/kernels/kernels.ts'
export type { Sampling } from './sampling.ts'
export type { NullLaw } from './stats/law.ts'
export { canonicalise } from './text/canonicalise.ts'
export { type LostSpan, type Retokenised, retokenise, type TextCodec } from './text/retokenise.ts'
export { type TokenStrings, tokenizerDigest, tokenStrings } from './text/tokenizer-digest.ts'
export type { TokenIds } from './tokens.ts'
