/** The result as the tables of docs/power.md: Markdown in, one line for each mark, share and defence, keys of a line put together. */
import { markdownOf, withParts } from '../../paper.ts'
import { markName } from '../detection/corpora.ts'
import type {
  BenchmarkAccess,
  BenchmarkStatistic,
  Cell,
  DistillationResult,
  ReferenceSet,
  Row,
} from './result.ts'

/** The tables of docs/power.md stand between these two lines. */
export const TABLE_BEGIN = '<!-- distillation-table: written by npm run bench:distillation -- --table -->'
export const TABLE_END = '<!-- /distillation-table -->'

interface Column {
  readonly title: string
  readonly access: BenchmarkAccess
  readonly statistic: BenchmarkStatistic
  readonly references: ReferenceSet
}

/** What stands beside each other. */
export const COLUMNS: readonly Column[] = [
  { title: 'top token (2024)', access: 'rows', statistic: 'top-token', references: 'none' },
  { title: 'count, logprobs', access: 'rows', statistic: 'count', references: 'none' },
  { title: 'count, text', access: 'text', statistic: 'count', references: 'none' },
  { title: 'text', access: 'text', statistic: 'contrast', references: 'provider' },
  { title: 'top 5', access: 'top-5', statistic: 'contrast', references: 'provider' },
  { title: 'top 20', access: 'top-20', statistic: 'contrast', references: 'provider' },
  { title: 'rows', access: 'rows', statistic: 'contrast', references: 'provider' },
  { title: 'text, twin', access: 'text', statistic: 'contrast', references: 'twin' },
  { title: 'top 5, twin', access: 'top-5', statistic: 'contrast', references: 'twin' },
  { title: 'top 20, twin', access: 'top-20', statistic: 'contrast', references: 'twin' },
  { title: 'rows, twin', access: 'rows', statistic: 'contrast', references: 'twin' },
]

/** Rows that differ in the key only. */
export interface Line {
  readonly rows: readonly Row[]
  readonly label: string
  readonly width: number
  readonly trained: string
}

/** Suspects with marked training, by mark and share; then the defences; the innocent is in neither. */
export function linesOf(result: DistillationResult): { plain: Line[]; defended: Line[] } {
  const lines = new Map<string, Row[]>()
  for (const row of result.rows) {
    if (row.share === 0) continue
    const name = [markName(row.mark!), row.share, row.filler, row.defence].join('/')
    lines.set(name, [...(lines.get(name) ?? []), row])
  }
  const all = [...lines.values()].map((rows): Line => {
    const [{ mark, share, filler, defence }] = rows as [Row]
    const among = filler === 'human' ? ' among human text' : ''
    return {
      rows,
      label: mark!.scheme.replace('-', ' '),
      width: mark!.contextWidth,
      trained: `${100 * share} %${among}${defence ? `, ${defence}` : ''}`,
    }
  })
  const first = ({ rows }: Line): Row => rows[0]!
  const sorted = all.sort(
    (a, b) =>
      a.label.localeCompare(b.label) ||
      a.width - b.width ||
      first(a).filler.localeCompare(first(b).filler) * -1 ||
      first(a).share - first(b).share,
  )
  return {
    plain: sorted.filter((line) => first(line).defence === undefined),
    defended: sorted.filter((line) => first(line).defence !== undefined),
  }
}

/** All tables, each with its heading. */
export function markdownTables(result: DistillationResult): string {
  const { plain, defended } = linesOf(result)
  const head = ['mark', 'width', 'marked share', 'keys', ...COLUMNS.map(({ title }) => title)]
  const table = (lines: readonly Line[], text: (cells: readonly Cell[]) => string): string =>
    markdownOf({
      head,
      body: lines.map((line) => [
        line.label,
        String(line.width),
        line.trained,
        String(line.rows.length),
        ...COLUMNS.map((column) => text(cellsOf(line, column))),
      ]),
    })
  const parts = [
    `### Queries until p <= ${result.alpha}`,
    table(plain, queriesText),
    '### z, and d for each scored token and each query',
    table(plain, strengthText),
  ]
  if (defended.length > 0)
    parts.push(
      "### The distiller's defences: queries",
      table(defended, queriesText),
      "### The distiller's defences: z and d",
      table(defended, strengthText),
    )
  return parts.join('\n\n')
}

/** What the figures stand for, for below the tables. */
export function caption(result: DistillationResult): string {
  const { machine, size, rows, alpha, planned, commit, modified } = result
  const guards = guardsOf(result)
  const suspects = new Set(rows.map(suspectOf)).size
  return [
    `${suspects} of ${planned} suspects of the recipe were trained when this was judged. Students: ${size.documents * size.documentTokens} tokens, ${size.epochs} epochs; ${size.sequences * size.sequenceTokens} positions of logprobs,`,
    `${size.prompts * size.completionTokens} generated tokens. A line of several keys has the median and, in brackets, the smallest and the largest; "-": p > ${alpha} at all queries. Without a mark, or under another`,
    `key: ${guards.tests} tests, largest z ${guards.largestZ.toFixed(1)}, smallest p of an innocent 10^${guards.smallestLog10P.toFixed(1)}. Node ${machine.node.slice(1)}, ${machine.cores} cores (${machine.cpu}), commit ${commit.slice(0, 12)}${modified ? ' with changes' : ''}.`,
  ].join('\n')
}

/** What must not be found: everybody under another key, and the innocent under all. */
export function guardsOf({ rows }: DistillationResult): {
  tests: number
  largestZ: number
  smallestLog10P: number
} {
  const others = rows.flatMap(({ cells }) => cells.map(({ anotherKey }) => anotherKey))
  const innocent = rows.filter(({ share }) => share === 0).flatMap(({ cells }) => cells)
  const zs = [...others, ...innocent.map(({ z }) => z)]
  return {
    tests: zs.length,
    largestZ: zs.reduce((a, b) => Math.max(a, b), 0),
    smallestLog10P: innocent.reduce((least, { log10P }) => Math.min(least, log10P), 0),
  }
}

/** A paper with the tables of this result in the place that its two markers keep. @throws Error if there is not one place. */
export function withTables(paper: string, result: DistillationResult): string {
  const parts = [markdownTables(result), caption(result)]
  return withParts(paper, { begin: TABLE_BEGIN, end: TABLE_END, parts })
}

/** The cells of a line in one column, one a key. */
export function cellsOf({ rows }: Line, { access, statistic, references }: Omit<Column, 'title'>): Cell[] {
  return rows.flatMap(({ cells }) =>
    cells.filter(
      (cell) => cell.access === access && cell.statistic === statistic && cell.references === references,
    ),
  )
}

/** One name for each suspect, whatever it was judged under. */
function suspectOf({ mark, key, share, filler, defence }: Row): string {
  return share === 0 ? 'innocent' : [markName(mark!), key, share, filler, defence].join('/')
}

function queriesText(cells: readonly Cell[]): string {
  if (cells.length === 0) return ''
  const reached = cells.map((cell) => cell.reached ?? Number.POSITIVE_INFINITY)
  return spread(reached, (value) => (value === Number.POSITIVE_INFINITY ? '-' : value.toLocaleString('en')))
}

function strengthText(cells: readonly Cell[]): string {
  if (cells.length === 0) return ''
  const z = spread(
    cells.map((cell) => cell.z),
    (value) => value.toFixed(1),
  )
  const scored = median(cells.map(({ perScored }) => perScored))
  const query = median(cells.map(({ perQuery }) => perQuery))
  return `${z}; ${scored.toFixed(3)}, ${query.toFixed(3)}`
}

function spread(values: readonly number[], show: (value: number) => string): string {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(show)
  return least === most ? middle! : `${middle} (${least} to ${most})`
}

/** Of an even number the upper of the two in the middle, so that what was not reached is not averaged away. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
