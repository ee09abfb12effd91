/** Public sub-path `dyetrace/suspects`. */
export {
  type AnswerAccess,
  type AnswerFacts,
  type AnswerLog,
  formatAnswer,
  formatPrompts,
  formatReference,
  parseAnswers,
  parsePrompts,
  parseReferences,
  type RecordedAnswer,
  type RecordedReference,
  type ReferenceLaws,
} from './answers.ts'
export { type Collectable, type Collected, type CollectOptions, collect } from './collect.ts'
export type { ListedTokens, TornLine } from './lines.ts'
export {
  type CausalModel,
  type CausalOutput,
  type LocalCompletionOptions,
  type LocalSuspect,
  type LocalSuspectOptions,
  localSuspect,
  type TensorConstructor,
} from './local.ts'
export { type RecordedSuspect, recordedSuspect } from './recorded.ts'
export type { CompletionOptions, Suspect } from './suspect.ts'
