/**
 * Is a result sane? What must hold whatever the machine: nobody is found under a key that had nothing to do with them, the innocent is found
 * under none, and a student whose training was all marked at width 1 is found. What falls short of a goal is a figure and no problem.
 */
import { studentName } from './recipe.ts'
import type { DistillationResult, Row } from './result.ts'
import { COLUMNS, cellsOf, guardsOf } from './table.ts'

/** One of this many wrong keys in a million has a larger z. With the skew of coefficients a normal law would promise less. */
const LARGEST_Z = 6.5

/** What is wrong, one line each; empty if nothing is. */
export function distillationProblems(result: DistillationResult): string[] {
  const { rows, alpha } = result
  const { tests, largestZ } = guardsOf(result)
  const innocent = rows.filter(({ share }) => share === 0)
  return [
    ...(rows.length === 0 ? ['nobody was judged'] : []),
    ...(innocent.length === 0 ? ['no innocent was judged'] : []),
    ...(largestZ > LARGEST_Z ? [`z of ${largestZ} in one of ${tests} tests under a key of no concern`] : []),
    ...innocent.flatMap((row) =>
      row.cells
        // JSON makes null of what is no number, and null compares as 0.
        .filter(({ log10P }) => log10P === null || !(log10P > Math.log10(alpha)))
        .map(
          ({ access, statistic, log10P }) =>
            `the innocent was accused: ${statistic} on ${access}, p = 10^${log10P}`,
        ),
    ),
    ...rows.flatMap(rowProblems),
  ]
}

function rowProblems(row: Row): string[] {
  const { mark, share, defence, cells } = row
  const name = studentName(row)
  const isOfGreenLists = mark?.scheme === 'green-list' || mark?.scheme === 'HF green list'
  const expected = isOfGreenLists ? COLUMNS.length : COLUMNS.length - 1
  if (cells.length !== expected) return [`${name}: ${expected} cells expected, got ${cells.length}`]
  if (share < 1 || mark?.contextWidth !== 1 || defence !== undefined) return []
  const line = { rows: [row], label: '', width: 1, trained: '' }
  return COLUMNS.filter(({ statistic }) => statistic === 'contrast').flatMap((column) =>
    cellsOf(line, column).some(({ reached }) => reached !== null)
      ? []
      : [`${name}: not found by ${column.title}, though all of its training was marked`],
  )
}
