/**
 * A calibration record for the eye: plain text in fixed columns, with the same words about the two kinds of rate as calibrate.ts.
 */
import { assertOneOf, assertRecord } from '../assert.ts'
import type { CalibrationBucket, CalibrationRecord } from './calibrate.ts'

/**
 * A calibration record as text: one line a bucket and level, the fresh keys' rates beside the law's, and the own key's in a table of its
 * own, said to be what it is.
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
  const rows = [
    ...buckets.map((bucket) => ({ name: lengthsOf(bucket), bucket })),
    { name: 'all', bucket: all },
  ]
  const lines = [
    `False positives on ${count(all.texts, 'text')}, ${scheme}, seed ${JSON.stringify(seed)}`,
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
  if (ownKeyId !== undefined)
    lines.push(
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
    )
  return lines.join('\n')
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
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)))
  return rows.map((row) => row.map((cell, c) => cell.padStart(widths[c]!)).join('  '))
}
