/** Points in time: one UTC form for every notation, checked against the language's own calendar; what is open or does not exist is refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { instantOf, isBefore, isWithin } from '../../src/keys/instant.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const instant = (text: string): string => instantOf(text, { name: 'time' })

/** What the language makes of a time, in the same form. */
function reference(text: string): string {
  return new Date(text).toISOString().replace(/\.0*Z$|(\.\d*[1-9])0*Z$/, '$1Z')
}

const pad = (value: number, length = 2): string => String(value).padStart(length, '0')
const times = fc
  .record({
    year: fc.integer({ min: 1, max: 9998 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
    clock: fc.integer({ min: 0, max: 86_399_999 }),
    zone: fc.integer({ min: -1439, max: 1439 }),
  })
  .map(({ year, month, day, clock, zone }) => {
    const [hour, minute] = [Math.floor(clock / 3_600_000), Math.floor(clock / 60_000) % 60]
    const [second, ms] = [Math.floor(clock / 1000) % 60, clock % 1000]
    const offset = `${zone < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(zone) / 60))}:${pad(Math.abs(zone) % 60)}`
    return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}.${pad(ms, 3)}${offset}`
  })

describe('instantOf', () => {
  test('says the same as the language’s calendar, in every zone', () => {
    fc.assert(
      fc.property(times, (text) => {
        const parsed = instant(text)
        expect(new Date(parsed).getTime()).toBe(new Date(text).getTime())
        expect(parsed).toBe(reference(text))
        expect(instant(parsed)).toBe(parsed)
      }),
      { seed: 20261124, numRuns: 5000 },
    )
  })

  test('knows every day of four centuries, and no other', () => {
    for (let year = 1899; year <= 2300; year += 1) {
      for (const month of [2, 12]) {
        for (let day = 27; day <= 32; day++) {
          const text = `${year}-${pad(month)}-${pad(day)}`
          const exists = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day
          if (exists) expect(instant(text)).toBe(`${text}T00:00:00Z`)
          else expect(() => instant(text)).toThrow(RangeError)
        }
      }
    }
  })

  test.each([
    ['2026-11-24', '2026-11-24T00:00:00Z'],
    ['2026-11-24T09:30Z', '2026-11-24T09:30:00Z'],
    ['2026-11-24T09:30:15.120Z', '2026-11-24T09:30:15.12Z'],
    ['2026-11-24T09:30:15.000Z', '2026-11-24T09:30:15Z'],
    ['2026-11-24T09:30:15.123456789Z', '2026-11-24T09:30:15.123456789Z'],
    ['2026-11-24T00:30+01:00', '2026-11-23T23:30:00Z'],
    ['2026-12-31T23:30:59.5-00:30', '2027-01-01T00:00:59.5Z'],
    ['2024-03-01T00:00:00+00:01', '2024-02-29T23:59:00Z'],
    ['0000-02-29', '0000-02-29T00:00:00Z'],
  ])('%s is %s', (text, expected) => expect(instant(text)).toBe(expected))

  test.each([
    '',
    'now',
    '2026',
    '2026-11',
    '2026-11-24T09:30',
    '2026-11-24T09:30:00',
    '2026-11-24T09Z',
    '2026-11-24 09:30Z',
    '2026-11-24Z',
    '2026-11-24t09:30z',
    '20261124T093000Z',
    '2026-W48-2',
    '2026-00-01',
    '2026-13-01',
    '2026-04-31',
    '2026-02-29',
    '1900-02-29',
    '2026-11-00',
    '2026-11-24T24:00Z',
    '2026-11-24T09:60Z',
    '2026-11-24T09:30:60Z',
    '2026-11-24T09:30:00.Z',
    '2026-11-24T09:30:00.1234567890Z',
    '2026-11-24T09:30+24:00',
    '2026-11-24T09:30+01:60',
    '2026-11-24T09:30+0100',
    '+002026-11-24',
    '-2026-11-24',
    '0000-01-01T00:00+00:01',
    '9999-12-31T23:59-00:01',
    ' 2026-11-24',
    '2026-11-24\n',
    '２026-11-24',
  ])('refuses %j', (text) => {
    expect(expectRefusal(() => instant(text), 'time')).toBeInstanceOf(RangeError)
  })

  test.each(wrongValues({ except: [] }))('refuses %s', (_, value) => {
    expectRefusal(() => instantOf(value, { name: 'time' }), 'time')
  })
})

describe('order', () => {
  test('is that of time', () => {
    fc.assert(
      fc.property(times, times, (a, b) => {
        expect(isBefore(instant(a), instant(b))).toBe(new Date(a).getTime() < new Date(b).getTime())
      }),
      { seed: 20261124, numRuns: 2000 },
    )
  })

  test('counts fractions, however many digits they have', () => {
    const ascending = ['00', '00.000000001', '00.05', '00.1', '00.12', '00.2', '01'].map((s) =>
      instant(`2026-11-24T09:30:${s}Z`),
    )
    for (const [i, a] of ascending.entries())
      for (const [j, b] of ascending.entries()) expect(isBefore(a, b)).toBe(i < j)
  })

  test('a stretch of time has its beginning and not its end', () => {
    const [from, to] = [instant('2026-11-24'), instant('2026-11-25')]
    const within = (text: string): boolean => isWithin(instant(text), { from, to })
    expect(within('2026-11-23T23:59:59.999999999Z')).toBe(false)
    expect(within('2026-11-24')).toBe(true)
    expect(within('2026-11-24T23:59:59.999999999Z')).toBe(true)
    expect(within('2026-11-25')).toBe(false)
    expect(isWithin(instant('9999-12-31'), { from })).toBe(true)
  })
})
