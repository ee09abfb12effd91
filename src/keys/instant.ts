/**
 * Points in time as key rings and ledgers compare them: ISO 8601 text in, one UTC form out. Nothing here reads a clock, and
 * a time that leaves its zone open is refused, because two readers could take it for two different moments.
 */
import { describe } from '../assert.ts'

// A date is its first moment in UTC. A time names its zone.
const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d{2}):(\d{2})))?$/
const MINUTES_PER_DAY = 1440
const DAYS_PER_ERA = 146_097

/**
 * The UTC form of a date or time: `YYYY-MM-DDTHH:MM:SSZ`, with a fraction only where there is one.
 * @throws TypeError for what is not a string; RangeError for another notation, a day or hour that does not exist, a time without a zone.
 */
export function instantOf(value: unknown, { name }: { name: string }): string {
  const refused = (Kind: typeof TypeError | typeof RangeError): Error =>
    new Kind(
      `"${name}" expected an ISO 8601 date, or a time with its zone, such as "2026-11-24" or "2026-11-24T09:30:00Z", got ${describe(value)}`,
    )
  if (typeof value !== 'string') throw refused(TypeError)
  const match = ISO_8601.exec(value)
  if (!match) throw refused(RangeError)
  const field = (group: number): number => Number(match[group] ?? 0)
  const [year, month, day] = [field(1), field(2), field(3)]
  const [hour, minute, second] = [field(4), field(5), field(6)]
  const [zoneHour, zoneMinute] = [field(9), field(10)]
  const exists =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysInMonth(year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    zoneHour <= 23 &&
    zoneMinute <= 59
  if (!exists) throw refused(RangeError)
  const offset = (match[8] === '-' ? -1 : 1) * (60 * zoneHour + zoneMinute)
  const minutes = daysFromDate(year, month, day) * MINUTES_PER_DAY + 60 * hour + minute - offset
  const utc = dateFromDays(Math.floor(minutes / MINUTES_PER_DAY))
  if (utc.year < 0 || utc.year > 9999) throw refused(RangeError)
  const ofDay = minutes - Math.floor(minutes / MINUTES_PER_DAY) * MINUTES_PER_DAY
  const date = `${pad(utc.year, 4)}-${pad(utc.month)}-${pad(utc.day)}`
  const fraction = (match[7] ?? '').replace(/0+$/, '')
  return `${date}T${pad(Math.floor(ofDay / 60))}:${pad(ofDay % 60)}:${pad(second)}${fraction && `.${fraction}`}Z`
}

/** True if a is earlier than b, both from {@link instantOf}. */
export function isBefore(a: string, b: string): boolean {
  // Without the "Z", which sorts behind the "." of a fraction.
  return a.slice(0, -1) < b.slice(0, -1)
}

/** True if `from <= time < to`; without `to` there is no end. All from {@link instantOf}. */
export function isWithin(
  time: string,
  { from, to }: { readonly from: string; readonly to?: string | undefined },
): boolean {
  return !isBefore(time, from) && (to === undefined || isBefore(time, to))
}

function pad(value: number, length = 2): string {
  return String(value).padStart(length, '0')
}

function daysInMonth(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
}

// Days of the proleptic Gregorian calendar, counted from 1 March of year 0 so that the leap day ends a year; then a month m = 0..11
// (March first) begins on day floor((153 m + 2) / 5). Hinnant, "chrono-compatible low-level date algorithms".
function daysFromDate(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const ofEra = y - era * 400
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * DAYS_PER_ERA + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear
}

function dateFromDays(days: number): { year: number; month: number; day: number } {
  const era = Math.floor(days / DAYS_PER_ERA)
  const ofEra = days - era * DAYS_PER_ERA
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const m = Math.floor((5 * ofYear + 2) / 153)
  const month = m < 10 ? m + 3 : m - 9
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  return { year, month, day: ofYear - Math.floor((153 * m + 2) / 5) + 1 }
}
