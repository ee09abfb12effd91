/**
 * Observations by their public names. One folder makes them: observed.ts says what they are and when a reference is safe, windows.ts which
 * positions are kept, and there is one constructor for each kind of access.
 */
export {
  type AlignedLists,
  type AlignedText,
  alignedLists,
  type SuspectToken,
  vocabularyOf,
} from './observations/aligned.ts'
export type { PositionLaw, TextLaws, TopKList } from './observations/laws.ts'
export { MOST_TOKENS } from './observations/likeliest.ts'
export {
  type Answer,
  assertObservations,
  type Observation,
  type Observations,
  type WindowRule,
  windowsBurnedBy,
} from './observations/observed.ts'
export { type RowOptions, rowObservations } from './observations/rows.ts'
export { completionRows, type TextOptions, textObservations } from './observations/text.ts'
export { type TopKOptions, topKObservations } from './observations/top-k.ts'
export type { ObservationOptions } from './observations/windows.ts'
