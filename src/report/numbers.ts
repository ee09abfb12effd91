/**
 * Numbers as the page shows them. Chances are rounded towards "this says less": one in N has N rounded down, log10 p is rounded up.
 */
import { grouped } from './shown.ts'

/** A number for reading: integers in full, others with a few digits. */
export function figure(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value)
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return grouped(value).replace('-', '−')
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string]
  const power = Number(exponent)
  if (power < -4 || power >= 15) {
    const short = mantissa.replace(/\.?0+$/, '').replace('-', '−')
    return `${short === '1' ? '' : `${short} × `}${powerOfTen(power)}`
  }
  const places = Math.max(0, digits - 1 - power)
  return grouped(Number(value.toFixed(places))).replace('-', '−')
}

/** A share as percent. */
export function percent(share: number, digits = 3): string {
  return `${figure(100 * share, digits)}\u00a0%`
}

/** log10 of a probability, rounded up. */
export function log10Up(log10P: number): string {
  const rounded = Math.ceil(10 * log10P - 1e-9) / 10 + 0
  return rounded.toFixed(1).replace('-', '−')
}

/** "one in 2,400,000", "one in 10⁴¹", and "37 in 100" where it is more than one in ten: from log10 p; rounded so that p is not too small. */
export function oneIn(log10P: number): string {
  const log10N = -log10P
  if (log10N < 1) return `${Math.min(100, Math.ceil(100 * 10 ** log10P - 1e-9))} in 100`
  if (log10N >= 9) {
    const power = Math.floor(log10N + 1e-9)
    const lead = Math.floor(10 * 10 ** (log10N - power) + 1e-6) / 10
    return `one in ${lead < 1.1 ? '' : `${lead.toFixed(1)} × `}${powerOfTen(power)}`
  }
  const unit = 10 ** (Math.floor(log10N + 1e-9) - 1)
  return `one in ${grouped(Math.round(Math.floor(10 ** log10N / unit + 1e-6) * unit))}`
}

/** One thing, several things. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`
}

/** Ten to a power, set as one: no markup is needed, so no name can bring it about. */
function powerOfTen(power: number): string {
  return `10${[...String(power)].map((digit) => RAISED[digit]!).join('')}`
}

const RAISED: Readonly<Record<string, string>> = {
  ...{ '-': '⁻', '0': '⁰', '1': '¹', '2': '²', '3': '³', '4': '⁴' },
  ...{ '5': '⁵', '6': '⁶', '7': '⁷', '8': '⁸', '9': '⁹' },
}
