/**
 * Is a result sane? What must hold whatever the machine: marks are found, nothing is found where there is none, and the more tokens are
 * replaced the more must be read.
 */
import type { DetectionResult, Guard, Row } from './result.ts'
import { markLabel } from './table.ts'

/** Fewest keys for a median that is worth printing. */
const FEWEST_KEYS = 100

/** What is wrong, one line each; empty if nothing is. */
export function detectionProblems(result: DetectionResult): string[] {
  const few = result.keys < FEWEST_KEYS ? [`${result.keys} keys, expected at least ${FEWEST_KEYS}`] : []
  return [
    ...few,
    ...result.rows.flatMap((row) => rowProblems(row).map((problem) => `${markLabel(row)}: ${problem}`)),
  ]
}

function rowProblems({ cells, anotherKey, unmarked }: Row): string[] {
  const [clean] = cells
  if (clean === undefined || clean.substituted !== 0) return ['no cell without substitution']
  return [
    ...(clean.median === null || clean.missed > 0
      ? [`${clean.missed} keys missed without substitution`]
      : []),
    ...cells.slice(1).flatMap((cell, c) => {
      const before = cells[c]!
      return reading(cell.median) < reading(before.median)
        ? [
            `median ${cell.median} at ${cell.substituted} substituted, below ${before.median} at ${before.substituted}`,
          ]
        : []
    }),
    ...guardProblems('another key', anotherKey),
    ...guardProblems('unmarked text', unmarked),
  ]
}

function guardProblems(what: string, { tests, detected }: Guard): string[] {
  if (!(tests > 0)) return [`${what} was not tested`]
  return detected === 0 ? [] : [`${what} detected ${detected} times of ${tests}`]
}

function reading(median: number | null): number {
  return median ?? Number.POSITIVE_INFINITY
}
