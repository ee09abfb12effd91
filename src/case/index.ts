/** Public sub-path `dyetrace/evidence`. */
export type { Digest } from '../digest.ts'
export type { Attribution } from '../distill/attribution.ts'
export type { MarkKey } from '../keys/mark-key.ts'
export type { Plan } from '../plan/plan.ts'
export {
  type Case,
  type CaseReference,
  type CaseSuspect,
  formatCase,
  type LocalModel,
  parseCase,
  type RecordedModel,
  type ServedModel,
} from './case-file.ts'
export { type Envelope, keyIdOfSigner, parseEnvelope } from './envelope.ts'
export { type CaseFiles, decodeCaseFile } from './files.ts'
export { formatVerdict, judgeCase } from './judge.ts'
export { type SealOptions, sealCase } from './seal.ts'
export {
  type EvidenceKey,
  PREDICATE_TYPE,
  type Predicate,
  parseStatement,
  type Statement,
  type Subject,
} from './statement.ts'
export { formatTimestamps, parseTimestamps, type Timestamp, type Timestamps } from './timestamps.ts'
export { type Check, type Verification, type VerifyOptions, verifyCase } from './verify.ts'
