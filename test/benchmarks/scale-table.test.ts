/** docs/scan.md's table is the one that the record gives, and what it says on paper follows from it. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ScaleResult } from '../../benchmarks/scale/result.ts'
import { caption, growthOf, hoursFor, markdownTable, withTable } from '../../benchmarks/scale/table.ts'

const result: ScaleResult = JSON.parse(
  readFileSync(new URL('../../benchmarks/results/scale.json', import.meta.url), 'utf8'),
)
const GUIDE = readFileSync(new URL('../../docs/scan.md', import.meta.url), 'utf8')

test("the guide's table is the one that the record gives", () => {
  expect(withTable(GUIDE, result)).toBe(GUIDE)
  expect(GUIDE).toContain(markdownTable(result))
  expect(GUIDE).toContain(caption(result))
})

test('a figure changed by hand is noticed', () => {
  const [first, ...others] = result.rows
  expect(withTable(GUIDE, { ...result, rows: [{ ...first!, pairs: 1 }, ...others] })).not.toBe(GUIDE)
})

test('the record is of a whole run: 1e6 to 1e8 ids, nothing found where nothing is marked, time a token not growing', () => {
  expect(result.rows.map(({ tokens }) => tokens)).toEqual([1e6, 1e7, 1e8])
  for (const { decision } of result.rows) expect(decision).toBe('no-evidence')
  expect(result.modified).toBe(false)
  expect(growthOf(result)).toBeLessThan(1.2)
})

test('hours follow from processor time a token', () => {
  const rows = [{ ...result.rows[0]!, tokens: 3600, seconds: { read: 0, pairs: 0, count: 0, whole: 1 } }]
  const about = { rows, workers: 2, tokenise: 3600 }
  expect(hoursFor(about, { tokens: 3600 * 3600, cores: 4, isText: false })).toBeCloseTo(0.5, 9)
  expect(hoursFor(about, { tokens: 3600 * 3600, cores: 4, isText: true })).toBeCloseTo(0.75, 9)
})
