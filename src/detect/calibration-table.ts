/**
 * A calibration record for the eye: plain text in fixed columns, with the same words about the two kinds of rate as calibrate.ts. A record
 * may come from a file, and a table is believed: what follows from its counts is checked, and nothing in it can move the lines.
 */
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertRecord,
  assertString,
} from '../assert.ts'
import { SCHEME_IDS } from '../keys/derive.ts'
import { rateInterval } from '../stats/interval.ts'
import type { CalibrationBucket, CalibrationRecord } from './calibrate.ts'

/**
 * A calibration record as text: one line a bucket and level, the fresh keys' rates beside the law's, and the own key's in a table of its
 * own, said to be what it is.
 * @throws TypeError or RangeError for a record with a field that is missing, of another kind or in contradiction to its counts.
 * @example
 * import { calibrate, calibrationTable, createProfile, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const profile = createProfile(generateMasterKey(), {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const record = calibrate([{ ids: [0, 1, 2, 2, 0] }], { profile, seed: 'march' })
 * console.log(calibrationTable(record).split('\n')[0]) // False positives on 1 text, green-list, seed "march"
 */
export function calibrationTable(record: CalibrationRecord): string {
  assertRecord(record, { name: 'record' })
  assertOneOf(record.format, { name: 'record.format', values: ['dyetrace/calibration-1'] })
  const { scheme, seed, rounds, ownKeyId, buckets, all } = record
  assertOneOf(scheme, { name: 'record.scheme', values: SCHEME_IDS })
  assertString(seed, { name: 'record.seed' })
  assertInteger(rounds, { name: 'record.rounds', min: 1 })
  if (ownKeyId !== undefined)
    assertString(ownKeyId, { name: 'record.ownKeyId', expected: '16 hex digits', pattern: /^[0-9a-f]{16}$/ })
  assertArray(buckets, { name: 'record.buckets' })
  for (const [i, bucket] of Array.from(buckets).entries())
    assertBucket(bucket, { name: `record.buckets[${i}]`, rounds })
  assertBucket(all, { name: 'record.all', rounds })
  const rows = [
    ...buckets.map((bucket) => ({ name: lengthsOf(bucket), bucket })),
    { name: 'all', bucket: all },
  ]
  const lines = [
    `False positives on ${count(all.texts, 'text')}, ${scheme}, seed ${quoted(seed)}`,
    '',
    `Under fresh keys, ${rounds} for each text: what the test does`,
    ...columns([
      ['tokens', 'texts', 'scored', 'level', 'tests', 'rejected', 'rate', '95 % interval', 'by the law'],
      ...rows.flatMap(({ name, bucket }) =>
        bucket.fresh.map(({ level, tests, rejected, rate, interval, size }) => [
          name,
          String(bucket.texts),
          bucket.meanCounted.toFixed(1),
          String(level),
          String(tests),
          String(rejected),
          short(rate),
          `${short(interval.lower)} to ${short(interval.upper)}`,
          short(size),
        ]),
      ),
    ]),
    'One interval in twenty, or fewer, leaves out the rate by the law of a sound test.',
  ]
  if (ownKeyId === undefined) return lines.join('\n')
  const own = [
    '',
    `Under the one key ${ownKeyId}: that key's luck with these texts, no measurement of the test`,
    ...columns([
      ['tokens', 'texts', 'level', 'rejected', 'rate'],
      ...rows.flatMap(({ name, bucket }) =>
        (bucket.own ?? []).map(({ level, tests, rejected, rate }) => [
          name,
          String(tests),
          String(level),
          String(rejected),
          short(rate),
        ]),
      ),
    ]),
  ]
  return [...lines, ...own].join('\n')
}

// Beyond, the interval has no numbers.
const MOST_TESTS = 1e12

function assertBucket(bucket: CalibrationBucket, { name, rounds }: { name: string; rounds: number }): void {
  assertRecord(bucket, { name })
  const { from, to, texts, meanCounted, fresh, own } = bucket
  assertInteger(from, { name: `${name}.from` })
  if (to !== undefined) assertInteger(to, { name: `${name}.to`, min: from + 1 })
  assertInteger(texts, { name: `${name}.texts`, max: MOST_TESTS / rounds })
  assertNumber(meanCounted, {
    name: `${name}.meanCounted`,
    expected: 'a number of scores',
    holds: (n) => n >= 0,
  })
  assertArray(fresh, { name: `${name}.fresh` })
  for (const [i, row] of Array.from(fresh).entries()) {
    const about = { name: `${name}.fresh[${i}]`, tests: texts * rounds }
    assertRate(row, about)
    assertRecord(row.interval, { name: `${about.name}.interval` })
    const interval = rateInterval(row.rejected, { n: about.tests })
    for (const end of ['lower', 'upper'] as const)
      assertNumber(row.interval[end], {
        name: `${about.name}.interval.${end}`,
        expected: `${interval[end]}, as the counts say`,
        // Logarithms differ between engines in the last bit.
        holds: (x) => Math.abs(x - interval[end]) <= 1e-9,
      })
    assertNumber(row.size, {
      name: `${about.name}.size`,
      expected: 'a number in 0..1',
      holds: (x) => x >= 0 && x <= 1,
    })
  }
  if (own === undefined) return
  assertArray(own, { name: `${name}.own` })
  for (const [i, row] of Array.from(own).entries())
    assertRate(row, { name: `${name}.own[${i}]`, tests: texts })
}

function assertRate(
  row: { readonly level: number; readonly tests: number; readonly rejected: number; readonly rate: number },
  { name, tests }: { name: string; tests: number },
): void {
  assertRecord(row, { name })
  assertNumber(row.level, {
    name: `${name}.level`,
    expected: 'a level above 0 and below 1',
    holds: (a) => a > 0 && a < 1,
  })
  assertInteger(row.tests, { name: `${name}.tests`, min: tests, max: tests })
  assertInteger(row.rejected, { name: `${name}.rejected`, max: tests })
  const rate = tests === 0 ? 0 : row.rejected / tests
  assertNumber(row.rate, {
    name: `${name}.rate`,
    expected: `${rate}, as the counts say`,
    holds: (x) => x === rate,
  })
}

/** As in JSON, and what would move or turn what stands beside it, escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

function lengthsOf({ from, to }: CalibrationBucket): string {
  return to === undefined ? `${from} and more` : `${from} to ${to - 1}`
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

function short(rate: number): string {
  return rate === 0 || rate === 1 ? String(rate) : String(Number(rate.toPrecision(3)))
}

/** Right-aligned columns, two blanks apart. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, c) => rows.reduce((width, row) => Math.max(width, row[c]!.length), 0))
  return rows.map((row) => row.map((cell, c) => cell.padStart(widths[c]!)).join('  '))
}
