/** Public sub-path `dyetrace/distill`. */
export {
  type Access,
  createPlan,
  type Plan,
  type PlanOptions,
  parsePlan,
  planDigest,
  type Statistic,
} from '../plan/plan.ts'
export type { Conclusion, Finding, InstrumentCheck } from './conclusion.ts'
export type { DecoyExhibit } from './decoys.ts'
export {
  type Answer,
  type Observation,
  type Observations,
  rowObservations,
  textObservations,
} from './observations.ts'
export { type DistillationTest, testDistillation } from './test-distillation.ts'
