/**
 * Does the demonstration show what it must? Its JSON comes in on standard input, and a line for each verdict goes out; the exit code
 * is 1 if a thief is not caught, an innocent is accused, or one of the two is missing. Output that is wrong goes out whole.
 */
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** A thief's p-value must be below 10^ this. The verdicts' own level, 1e-6, needs more text than a quick demonstration reads. */
const THIEF_LOG10P = -4

interface Row {
  readonly suspect: string
  readonly truth: string
  readonly log10P: number
  readonly decision: string
}

/** What is wrong, one line each; empty if nothing is. */
export function demoProblems(json: string): string[] {
  let rows: readonly Row[]
  try {
    rows = JSON.parse(json).suspects
    if (!Array.isArray(rows)) return ['"suspects" is not an array']
  } catch {
    return ['the output is not one JSON document']
  }
  const missing = ['thief', 'innocent'].filter((truth) => !rows.some((row) => row.truth === truth))
  return [...missing.map((truth) => `no ${truth} among the suspects`), ...rows.flatMap(rowProblems)]
}

/** One line a verdict, of output without problems. */
export function verdictLines(json: string): string[] {
  const rows: readonly Row[] = JSON.parse(json).suspects
  return rows.map(
    ({ truth, suspect, log10P, decision }) => `${truth} ${suspect}: log10 p = ${log10P}, ${decision}`,
  )
}

function rowProblems({ suspect, truth, log10P, decision }: Row): string[] {
  // Asked this way round, a p-value that is missing, null or text is a problem too.
  if (truth === 'thief')
    return typeof log10P === 'number' && log10P < THIEF_LOG10P
      ? []
      : [`thief ${suspect}: log10 p = ${log10P}, expected below ${THIEF_LOG10P}`]
  if (truth === 'innocent')
    return ['no-evidence', 'insufficient'].includes(decision)
      ? []
      : [`innocent ${suspect}: decision ${decision}, expected no evidence`]
  return [`${suspect}: truth ${truth}, expected thief or innocent`]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const json = await text(process.stdin)
  const problems = demoProblems(json)
  console.log(problems.length > 0 ? json : verdictLines(json).join('\n'))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}
