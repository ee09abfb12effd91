/** README's speed table is the one that the record gives; what became slower is noticed; the harness times what it is given. No assertion is about a time. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { timeCase } from '../../benchmarks/speed/harness.ts'
import { isMet, regressions, type SpeedResult, secondsOf } from '../../benchmarks/speed/result.ts'
import {
  caption,
  markdownTable,
  perSecond,
  TABLE_BEGIN,
  TABLE_END,
  targetsOf,
  timeText,
  withTable,
} from '../../benchmarks/speed/table.ts'

const RESULT = new URL('../../benchmarks/results/speed.json', import.meta.url)
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

const result: SpeedResult = JSON.parse(readFileSync(RESULT, 'utf8'))

/** The record with the times of one way multiplied. */
function slowed(label: string, factor: number): SpeedResult {
  return {
    ...result,
    cases: result.cases.map((one) => ({
      ...one,
      runs: one.runs.map((run) =>
        run.label === label ? { ...run, seconds: run.seconds * factor, ratio: run.ratio * factor } : run,
      ),
    })),
  }
}

test("README's table is the one that the record gives", () => {
  expect(withTable(README, result)).toBe(README)
  expect(README).toContain(markdownTable(result))
  expect(README).toContain(caption(result))
})

test('a figure changed by hand is noticed', () => {
  expect(withTable(README, slowed('dyetrace, WebAssembly', 3))).not.toBe(README)
})

test('a paper without a place for the table, or with two, is refused', () => {
  const place = `${TABLE_BEGIN}\n${TABLE_END}\n`
  expect(withTable(`a\n${place}b\n`, result)).toContain(markdownTable(result))
  for (const paper of ['no place', place + place, `${TABLE_END}\n${TABLE_BEGIN}\n`, `${TABLE_BEGIN}\n`])
    expect(() => withTable(paper, result)).toThrow('expected one')
})

test('the record is of a whole run on code that is in the repository', () => {
  expect(result.quick).toBe(false)
  expect(result.modified).toBe(false)
  expect(result.commit).toMatch(/^[0-9a-f]{40}$/)
})

test('every target has a figure', () => {
  const targets = targetsOf(result)
  expect(targets.length).toBeGreaterThan(12)
  for (const { name, value } of targets) expect(Number.isFinite(value), name).toBe(true)
  expect(isMet({ name: '', value: 2, limit: 3, atMost: true, unit: '' })).toBe(true)
  expect(isMet({ name: '', value: 2, limit: 3, atMost: false, unit: '' })).toBe(false)
})

test('a case that is not there is an error, not a blank', () => {
  expect(() => secondsOf(result, 'no such case', 'x')).toThrow('expected a case "no such case"')
})

test('what became slower by more than a third is named, what did not is not', () => {
  expect(regressions(result, result, 4 / 3)).toEqual([])
  const slower = regressions(slowed('dyetrace, JavaScript', 1.5), result, 4 / 3)
  expect(slower.length).toBeGreaterThan(3)
  expect(new Set(slower.map(({ label }) => label))).toEqual(new Set(['dyetrace, JavaScript']))
  expect(regressions(slowed('dyetrace, JavaScript', 1.3), result, 4 / 3)).toEqual([])
})

test('the harness runs every way in every round and divides by the units', () => {
  const calls = [0, 0]
  const spin = (r: number, loops: number): number => {
    calls[r]!++
    let sum = 0
    for (let i = 0; i < loops; i++) sum += Math.sqrt(i)
    return sum
  }
  const timed = timeCase(
    {
      name: 'case',
      unit: 'token',
      units: 1000,
      runs: [
        { label: 'a', run: () => void spin(0, 20_000) },
        { label: 'b', run: () => void spin(1, 20_000) },
      ],
    },
    { rounds: 3, milliseconds: 2 },
  )
  expect(timed.runs.map(({ label }) => label)).toEqual(['a', 'b'])
  expect(timed.runs[0]!.ratio).toBe(1)
  expect(timed.runs[1]!.ratio).toBeCloseTo(timed.runs[1]!.seconds / timed.runs[0]!.seconds, 9)
  for (const count of calls) expect(count).toBeGreaterThanOrEqual(4)
})

test('times and rates are read as people read them', () => {
  expect([2.345, 0.0123, 4.5e-5, 3e-8, 0.5].map(timeText)).toEqual([
    '2.3 s',
    '12 ms',
    '45 us',
    '30 ns',
    '500 ms',
  ])
  expect([45.6e6, 1234].map(perSecond)).toEqual(['46 million/s', '1,234/s'])
})
