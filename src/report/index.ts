/** Public sub-path `dyetrace/report`. */
export type { CollectedCounts, Excerpt, ReportedCheck, ReportInput } from './input.ts'
export { type Report, renderReport } from './render-report.ts'
