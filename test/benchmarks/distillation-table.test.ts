import { existsSync, readFileSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { distillationProblems } from '../../benchmarks/power/distillation/problems.ts'
import { studentName, studentRecipes } from '../../benchmarks/power/distillation/recipe.ts'
import {
  type Cell,
  type DistillationResult,
  type Row,
  resultText,
} from '../../benchmarks/power/distillation/result.ts'
import {
  COLUMNS,
  caption,
  guardsOf,
  linesOf,
  markdownTables,
  TABLE_BEGIN,
  TABLE_END,
  withTables,
} from '../../benchmarks/power/distillation/table.ts'

const RESULT = new URL('../../benchmarks/results/distillation.json', import.meta.url)
const PAPER = readFileSync(new URL('../../docs/power.md', import.meta.url), 'utf8')

const text = readFileSync(RESULT, 'utf8')
const result: DistillationResult = JSON.parse(text)

/** The result with some rows changed. */
function changed(isMeant: (row: Row) => boolean, change: (row: Row) => Partial<Row>): DistillationResult {
  return { ...result, rows: result.rows.map((row) => (isMeant(row) ? { ...row, ...change(row) } : row)) }
}

const all = ({ cells }: Row, change: Partial<Cell>): Cell[] => cells.map((cell) => ({ ...cell, ...change }))
const innocent = ({ share }: Row): boolean => share === 0
const allMarked = ({ mark, share, defence }: Row): boolean =>
  share === 1 && mark?.contextWidth === 1 && mark.scheme === 'green-list' && defence === undefined

test('the tables of docs/power.md are those that the result gives', () => {
  expect(withTables(PAPER, result)).toBe(PAPER)
  expect(PAPER).toContain(markdownTables(result))
  expect(PAPER).toContain(caption(result))
})

test('a figure changed by hand is noticed', () => {
  expect(
    withTables(
      PAPER,
      changed(allMarked, (row) => ({ cells: all(row, { reached: 1 }) })),
    ),
  ).not.toBe(PAPER)
  expect(
    withTables(
      PAPER,
      changed(allMarked, (row) => ({ cells: all(row, { z: 1 }) })),
    ),
  ).not.toBe(PAPER)
})

test('a paper without a place for the tables, or with two, is refused', () => {
  const place = `${TABLE_BEGIN}\n${TABLE_END}\n`
  expect(withTables(`a\n${place}b\n`, result)).toContain(markdownTables(result))
  for (const paper of ['no place', place + place, `${TABLE_END}\n${TABLE_BEGIN}\n`, `${TABLE_BEGIN}\n`])
    expect(() => withTables(paper, result)).toThrow('expected one')
})

test('every line has every column, and keys of a line stand together', () => {
  const { plain, defended } = linesOf(result)
  const shown = [...plain, ...defended].flatMap(({ rows }) => rows)
  expect(shown).toHaveLength(result.rows.filter((row) => !innocent(row)).length)
  for (const { rows } of plain) expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
  for (const line of markdownTables(result).split('\n'))
    if (line.startsWith('|')) expect(line.split('|')).toHaveLength(COLUMNS.length + 6)
})

test('what was not reached by all keys says so', () => {
  const [row] = result.rows.filter(allMarked)
  const rows = [250, 1234, null].map((reached, key): Row => ({ ...row!, key, cells: all(row!, { reached }) }))
  expect(markdownTables({ ...result, rows })).toContain('| 1,234 (250 to -) ')
  const never = rows.map((one) => ({ ...one, cells: all(one, { reached: null }) }))
  expect(markdownTables({ ...result, rows: never })).toContain('| -  ')
})

test('the result is sane, whole lines of it, and of a size to be kept', () => {
  expect(distillationProblems(result)).toEqual([])
  expect(text).toBe(resultText(result))
  expect(statSync(RESULT).size).toBeLessThan(400_000)
})

test.each([
  { what: 'nobody', broken: { ...result, rows: [] }, says: 'nobody was judged' },
  {
    what: 'no innocent',
    broken: { ...result, rows: result.rows.filter((row) => !innocent(row)) },
    says: 'no innocent',
  },
  {
    what: 'an innocent who is accused',
    broken: changed(innocent, (row) => ({ cells: all(row, { log10P: -6.5 }) })),
    says: 'the innocent was accused',
  },
  {
    what: 'a p-value that is no number',
    broken: changed(innocent, (row) => ({ cells: all(row, { log10P: null as never }) })),
    says: 'the innocent was accused',
  },
  {
    what: 'a key of no concern that fits',
    broken: changed(allMarked, (row) => ({ cells: all(row, { anotherKey: 9 }) })),
    says: 'under a key of no concern',
  },
  {
    what: 'a mark that does not show',
    broken: changed(allMarked, (row) => ({ cells: all(row, { reached: null }) })),
    says: 'not found by rows, though all',
  },
  {
    what: 'a cell that is missing',
    broken: changed(allMarked, ({ cells }) => ({ cells: cells.slice(1) })),
    says: `${COLUMNS.length} cells expected, got ${COLUMNS.length - 1}`,
  },
])('$what is a problem', ({ broken, says }) => {
  expect(distillationProblems(broken).join('\n')).toContain(says)
})

test('guards are counted: everybody under another key, and the innocent under all', () => {
  const cells = (rows: readonly Row[]): number => rows.reduce((sum, row) => sum + row.cells.length, 0)
  expect(guardsOf(result).tests).toBe(cells(result.rows) + cells(result.rows.filter(innocent)))
})

test('every suspect has a name of its own, the promised rows come first', () => {
  const recipes = studentRecipes()
  expect(new Set(recipes.map(studentName)).size).toBe(recipes.length)
  expect(result.planned).toBe(recipes.length)
  const known = new Set(recipes.map(studentName))
  for (const row of result.rows) expect(innocent(row) || known.has(studentName(row))).toBe(true)
  expect(recipes.slice(1, 4).map(({ mark, share }) => [mark?.contextWidth, share])).toEqual([
    [1, 0.05],
    [1, 0.2],
    [2, 0.2],
  ])
})

test('what the result says of the machine names no folder', () => {
  expect(text).not.toMatch(/"\/|file:|\/home\/|\\/)
  expect(existsSync(new URL(`../../${result.model.name}`, import.meta.url))).toBe(true)
  expect(result.commit).toMatch(/^[0-9a-f]{40}$/)
})
