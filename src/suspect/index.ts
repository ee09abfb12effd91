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
export {
  type Collectable,
  type Collected,
  type CollectOptions,
  type CollectProgress,
  collect,
  type Unanswered,
  type WriteAt,
} from './collect.ts'
export {
  type CollectedReferences,
  type CollectReferencesOptions,
  collectReferences,
} from './collect-references.ts'
export {
  type ImportError,
  type ImportedLog,
  type ImportOptions,
  importChatLog,
} from './import-log.ts'
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
export type { Capabilities, Outcome } from './openai-compatible/capabilities.ts'
export type { Dropped, TextTokenizer } from './openai-compatible/provider-ids.ts'
export { SuspectError, type SuspectErrorKind } from './openai-compatible/suspect-error.ts'
export {
  type AskRequest,
  assertUrl,
  type HttpAnswer,
  type HttpSuspect,
  type HttpSuspectOptions,
  openAiCompatibleSuspect,
} from './openai-compatible.ts'
export { type RecordedSuspect, recordedSuspect } from './recorded.ts'
export type { CompletionOptions, Suspect } from './suspect.ts'
