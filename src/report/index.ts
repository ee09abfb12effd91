/** Public sub-path `dyetrace/report`. */
export type { Digest } from '../digest.ts'
export type { Attribution } from '../distill/attribution.ts'
export type { Plan } from '../plan/plan.ts'
export type { CollectedCounts, Excerpt, ReportedCheck, ReportInput } from './input.ts'
export { type Report, renderReport } from './render-report.ts'
