/** Public sub-path `dyetrace/suspects`. */
export {
  type CausalModel,
  type CausalOutput,
  type LocalCompletionOptions,
  type LocalSuspect,
  type LocalSuspectOptions,
  localSuspect,
  type TensorConstructor,
} from './local.ts'
export type { CompletionOptions, Suspect } from './suspect.ts'
