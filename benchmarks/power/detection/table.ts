/** The result as README's table: Markdown in, one line a mark, with the same cells for a terminal. */
import { markdownOf, withParts } from '../../paper.ts'
import type { Cell, DetectionResult, Row } from './result.ts'

/** README's table stands between these two lines. */
export const TABLE_BEGIN = '<!-- detection-table: written by npm run bench:detection -- --table -->'
export const TABLE_END = '<!-- /detection-table -->'

/** Head and body. */
export function tableCells(result: DetectionResult): { head: string[]; body: string[][] } {
  const rates = result.rows[0]?.cells.map(({ substituted }) => substituted) ?? []
  return {
    head: [
      'mark',
      'width',
      ...rates.map((rate) => (rate === 0 ? 'untouched' : `${Math.round(100 * rate)} % replaced`)),
    ],
    body: result.rows.map((row) => [
      markLabel(row),
      String(row.contextWidth),
      ...row.cells.map((cell) => cellText(cell, row.tokens, result)),
    ]),
  }
}

/** Markdown, columns padded to one width. */
export function markdownTable(result: DetectionResult): string {
  return markdownOf(tableCells(result))
}

/** What the figures stand for, for below the table. */
export function caption({
  keys,
  alpha,
  confidence,
  model,
  textTokens,
  rows,
  machine,
}: DetectionResult): string {
  const guards = rows.flatMap(({ anotherKey, unmarked }) => [anotherKey, unmarked])
  const tests = guards.reduce((sum, guard) => sum + guard.tests, 0)
  const detected = guards.reduce((sum, guard) => sum + guard.detected, 0)
  return [
    `Median number of generated tokens until p <= ${alpha}, with its exact ${100 * confidence} % interval, over ${keys} keys a line; "never": not within all texts of`,
    `a key, of ${textTokens} tokens each. ${model.entropy.toFixed(1)} nats of entropy a token on average. Under another key, or without a mark: ${detected} of ${tests} detected.`,
    `Node ${machine.node.slice(1)}, ${machine.cores} cores (${machine.cpu}).`,
  ].join('\n')
}

/** A paper with the table of this result in the place that its two markers keep. @throws Error if there is not one place. */
export function withTable(paper: string, result: DetectionResult): string {
  const parts = [markdownTable(result), caption(result)]
  return withParts(paper, { begin: TABLE_BEGIN, end: TABLE_END, parts })
}

/** How a row is called. */
export function markLabel({ scheme, gamma, delta, rounds }: Row): string {
  switch (scheme) {
    case 'green-list':
      return `green list, gamma ${gamma}, delta ${delta}`
    case 'gumbel':
      return 'gumbel'
    case 'tournament':
      return `tournament, ${rounds} rounds`
  }
}

function cellText({ median, lower, upper, missed }: Cell, tokens: number, { keys }: DetectionResult): string {
  const bound = (value: number | null): string => (value === null ? `> ${tokens}` : String(value))
  const interval = median === null && lower === null ? '' : ` (${bound(lower)} to ${bound(upper)})`
  const never = missed === 0 ? '' : `; ${Math.round((100 * missed) / keys)} % never`
  return `${bound(median)}${interval}${never}`
}
