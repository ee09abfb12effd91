/** Public sub-path `dyetrace/distill`. */
export {
  type Affordable,
  type AnswerSize,
  type Effort,
  estimatePlanPower,
  estimatePower,
  formatPower,
  type Needed,
  type Pilot,
  type PowerEstimate,
  type PowerQuestion,
} from '../plan/estimate-power.ts'
export { type Exposure, exposureOf } from '../plan/exposure.ts'
export {
  type CountedText,
  createExposureCounter,
  type ExposureCounter,
  type ExposureCounterOptions,
  type ExposureHeader,
  exposureHeader,
  mergeExposures,
  parseExposure,
} from '../plan/exposure-index.ts'
export type {
  Budget,
  FamilyMember,
  PlannedCompletion,
  PlannedExposure,
  PlannedPower,
  Stopping,
  WindowClasses,
} from '../plan/parts.ts'
export {
  type Access,
  createPlan,
  type Plan,
  type PlanOptions,
  parsePlan,
  planDigest,
  promptsDigest,
  type Statistic,
} from '../plan/plan.ts'
export { type PlannedLook, plannedLooks } from '../plan/stopping.ts'
export {
  type Alignment,
  alignTokens,
  type CommonPlace,
  type TextToken,
  tokensOf,
} from '../text/align.ts'
export {
  type AttributedRole,
  type Attribution,
  type AttributionCandidate,
  type AttributionTest,
  attribute,
} from './attribution.ts'
export type {
  Conclusion,
  Controls,
  Finding,
  InstrumentCheck,
  LookTaken,
  Stopped,
} from './conclusion.ts'
export type { DecoyExhibit, Uniformity } from './decoys.ts'
export type { Detectable } from './detectable.ts'
export {
  type AlignedLists,
  type AlignedText,
  type Answer,
  alignedLists,
  completionRows,
  type Observation,
  type ObservationOptions,
  type Observations,
  type PositionLaw,
  type RowOptions,
  rowObservations,
  type SuspectToken,
  type TextLaws,
  type TextOptions,
  type TopKList,
  type TopKOptions,
  textObservations,
  topKObservations,
  vocabularyOf,
  type WindowRule,
} from './observations.ts'
export type { Part } from './samples.ts'
export {
  createSequentialTest,
  type SequentialOptions,
  type SequentialPoint,
  type SequentialState,
  type SequentialTest,
} from './sequential.ts'
export type { CalibratedShare, Strength, StrengthCalibration } from './strength.ts'
export { type DistillationTest, type SuspectTest, testDistillation } from './test-distillation.ts'
