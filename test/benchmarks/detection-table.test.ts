import { existsSync, readFileSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { medianInterval } from '../../benchmarks/power/detection/median.ts'
import { detectionProblems } from '../../benchmarks/power/detection/problems.ts'
import type { Cell, DetectionResult, Row } from '../../benchmarks/power/detection/result.ts'
import {
  caption,
  markdownTable,
  TABLE_BEGIN,
  TABLE_END,
  withTable,
} from '../../benchmarks/power/detection/table.ts'
import { lnBinomialLowerTail } from '../../src/stats/binomial.ts'

const RESULT = new URL('../../benchmarks/results/detection.json', import.meta.url)
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

const result: DetectionResult = JSON.parse(readFileSync(RESULT, 'utf8'))
const [first] = result.rows

/** The result with its first row changed. */
function changed(change: Partial<Row>): DetectionResult {
  return { ...result, rows: [{ ...first!, ...change }, ...result.rows.slice(1)] }
}

/** The cells of the first row with one of them changed. */
function withCell(index: number, change: Partial<Cell>): Cell[] {
  return first!.cells.map((cell, c) => (c === index ? { ...cell, ...change } : cell))
}

test("README's table is the one that the result gives", () => {
  expect(withTable(README, result)).toBe(README)
  expect(README).toContain(markdownTable(result))
  expect(README).toContain(caption(result))
})

test('a figure changed by hand is noticed', () => {
  const forged = changed({ cells: withCell(0, { median: 1 }) })
  expect(withTable(README, forged)).not.toBe(README)
})

test('a paper without a place for the table, or with two, is refused', () => {
  const place = `${TABLE_BEGIN}\n${TABLE_END}\n`
  expect(withTable(`a\n${place}b\n`, result)).toContain(markdownTable(result))
  for (const paper of ['no place', place + place, `${TABLE_END}\n${TABLE_BEGIN}\n`, `${TABLE_BEGIN}\n`])
    expect(() => withTable(paper, result)).toThrow('expected one')
})

test('a table says what was not reached', () => {
  const tokens = first!.tokens
  const body = (change: Partial<Cell>): string =>
    markdownTable(changed({ cells: withCell(0, change) })).split('\n')[2]!
  expect(body({ median: 50, lower: 40, upper: null, missed: 30 })).toContain(
    `| 50 (40 to > ${tokens}); ${Math.round(3000 / result.keys)} % never `,
  )
  expect(body({ median: null, lower: null, upper: null, missed: result.keys })).toContain(
    `| > ${tokens}; 100 % never `,
  )
})

test('the result is sane, and of a size to be kept', () => {
  expect(detectionProblems(result)).toEqual([])
  expect(statSync(RESULT).size).toBeLessThan(50_000)
})

test.each([
  { what: 'few keys', broken: { ...result, keys: 99 }, says: '99 keys' },
  {
    what: 'another key that fits',
    broken: changed({ anotherKey: { tests: 101, detected: 1, smallestLog10P: -9 } }),
    says: 'another key detected 1 times of 101',
  },
  {
    what: 'a mark found where there is none',
    broken: changed({ unmarked: { tests: 101, detected: 2, smallestLog10P: -9 } }),
    says: 'unmarked text detected 2 times of 101',
  },
  {
    what: 'nothing tested',
    broken: changed({ unmarked: { tests: 0, detected: 0, smallestLog10P: 0 } }),
    says: 'unmarked text was not tested',
  },
  {
    what: 'a mark that does not show',
    broken: changed({ cells: first!.cells.map((cell) => ({ ...cell, median: null, missed: 60 })) }),
    says: '60 keys missed without substitution',
  },
  {
    what: 'an attack that helps',
    broken: changed({ cells: withCell(1, { median: 1 }) }),
    says: 'median 1 at 0.1 substituted, below',
  },
  { what: 'no untouched texts', broken: changed({ cells: first!.cells.slice(1) }), says: 'no cell without' },
])('$what is a problem', ({ broken, says }) => {
  const problems = detectionProblems(broken)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(says)
})

test('the interval of a median is the narrowest pair of order statistics that covers it', () => {
  const draws = Array.from({ length: 101 }, (_, i) => 100 - i)
  const { median, lower, upper } = medianInterval(draws, 0.95)
  expect(median).toBe(50)
  // Of 0..100 the k-th smallest is k - 1: `lower` draws lie below the end.
  const outside = (below: number): number => 2 * Math.exp(lnBinomialLowerTail(below, { n: 101, p: 0.5 }))
  expect(outside(lower)).toBeLessThanOrEqual(0.05)
  expect(outside(lower + 1)).toBeGreaterThan(0.05)
  expect(lower + upper).toBe(100)
  // Ranks 41 and 61: by the normal law (101 + 1 - 1.96 sqrt(101)) / 2 = 41.2 and 60.8, rounded outwards.
  expect([lower, upper]).toEqual([40, 60])
})

test('draws that were not seen to the end are above all others', () => {
  const draws = [3, Number.POSITIVE_INFINITY, 1, 2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 5]
  expect(medianInterval(draws, 0.95)).toEqual({ median: 5, lower: 1, upper: Number.POSITIVE_INFINITY })
})

test('too few draws for an interval, and an even number, are refused', () => {
  expect(() => medianInterval([1, 2, 3, 4, 5], 0.95)).toThrow('enough draws')
  expect(() => medianInterval([1, 2], 0.5)).toThrow('odd number')
})

test('what the result says of the machine names no folder', () => {
  const text = JSON.stringify(result)
  expect(text).not.toMatch(/"\/|file:|\/home\/|\\/)
  expect(existsSync(new URL(`../../${result.model.name}`, import.meta.url))).toBe(true)
  expect(result.commit).toMatch(/^[0-9a-f]{40}$/)
})
