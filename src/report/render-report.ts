/**
 * A report: one HTML page for people and the same as JSON. It says what the attribution record says and no more; it computes no verdict, reads no
 * answer for its score, and holds no key. The same input gives the same bytes.
 */
import { PACKAGE } from '../case/package.ts'
import { answerOf } from './answer.ts'
import { chartsOf } from './charts.ts'
import { type ReportInput, readReportInput } from './input.ts'
import { htmlOf } from './page.ts'
import { sectionsOf, sourceSaid } from './sections.ts'
import { joined } from './shown.ts'

/** A rendered report. */
export interface Report {
  /** One file without scripts or external resources, below 400 kB. */
  readonly html: string
  /** `dyetrace/report-1`; docs/report.md has its fields. */
  readonly json: string
}

/**
 * Renders a report.
 * @throws TypeError or RangeError for a plan or record that is missing, malformed, of another case, or more certain than its numbers.
 * @example
 * // const { html, json } = renderReport({ plan, attribution: attribute({ plan, observations, candidates }), date: '2026-11-25' })
 */
export function renderReport(input: ReportInput): Report {
  const reported = readReportInput(input)
  const { plan, attribution, name, date, capabilities, counts, evidence, checks, files, suspect, answered } =
    reported
  const answer = answerOf(attribution.conclusions, plan, checks)
  const charts = chartsOf({ plan, conclusions: attribution.conclusions, place: answer.place })
  const sections = sectionsOf(reported, answer)
  const html = htmlOf({ reported, answer, charts, sections })
  const json = {
    format: 'dyetrace/report-1',
    name,
    date,
    answer: withoutMarks(answer),
    charts: withoutMarks(
      charts.map(({ id, title, description, caption, numbers }) => ({
        id,
        title,
        description,
        caption,
        numbers,
      })),
    ),
    sections: withoutMarks(sections),
    plan,
    attribution,
    capabilities,
    counts,
    evidence,
    checks,
    files,
    suspect,
    answered,
    version: PACKAGE.version,
    source: sourceSaid(reported),
  }
  return Object.freeze({ html, json: `${JSON.stringify(json, null, 2)}\n` })
}

/** The same with every text as it reads. */
function withoutMarks<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value, (_, field) => (typeof field === 'string' ? joined(field) : field)),
  ) as T
}
