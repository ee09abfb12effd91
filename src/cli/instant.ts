/** A point in time as text, from the environment's clock. Arithmetic only: no clock is read here. */

const MILLISECONDS_PER_DAY = 86_400_000

/** ISO 8601 in UTC with milliseconds. Days of the civil calendar after Hinnant, "chrono-compatible low-level date algorithms". */
export function isoInstant(milliseconds: number): string {
  const days = Math.floor(milliseconds / MILLISECONDS_PER_DAY)
  const ofDay = Math.floor(milliseconds - days * MILLISECONDS_PER_DAY)
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const ofEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const m = Math.floor((5 * ofYear + 2) / 153)
  const day = ofYear - Math.floor((153 * m + 2) / 5) + 1
  const month = m < 10 ? m + 3 : m - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const two = (n: number): string => String(n).padStart(2, '0')
  const [hours, minutes] = [Math.floor(ofDay / 3_600_000), Math.floor(ofDay / 60_000) % 60]
  const [seconds, rest] = [Math.floor(ofDay / 1000) % 60, String(ofDay % 1000).padStart(3, '0')]
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hours)}:${two(minutes)}:${two(seconds)}.${rest}Z`
}

/** A stretch of time for a progress line: `3 min 20 s`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`
}
