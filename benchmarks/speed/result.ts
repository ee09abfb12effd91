/** What the speed benchmark measured, as it stands in results/speed.json; what of it the targets speak of; and what became slower since. */
import type { Machine } from '../power/machine.ts'
import type { TimedCase } from './harness.ts'

/** One measurement. All figures of one case, and all shares, come from one run on one machine; seconds are context. */
export interface SpeedResult {
  readonly created: string
  readonly commit: string
  readonly modified: boolean
  readonly machine: Machine
  /** A short run, with fewer and shorter rounds and one vocabulary. */
  readonly quick: boolean
  readonly cases: readonly TimedCase[]
  /** What marking a row, copies included, is of a step, by what is marked and of whose step. */
  readonly shares: readonly { readonly name: string; readonly share: number }[]
  /** Seconds until `import 'dyetrace'` is done, less those of an empty program; bytes of the module in base64, and of the root entry with all that it imports, packed by gzip. */
  readonly start: { readonly importSeconds: number }
  readonly size: { readonly kernelsBase64: number; readonly rootGzip: number }
  /** Others, run in the same minutes where they can be. */
  readonly peers: Peers | null
}

/** What thirdparty/peers.py prints. */
export interface Peers {
  readonly torch: string
  readonly python: string
  readonly rows: readonly {
    readonly name: string
    readonly vocabularySize?: number
    readonly unit: string
    readonly seconds: number
  }[]
}

/** A figure with what it is to be, at most or at least. */
export interface Target {
  readonly name: string
  readonly value: number
  readonly limit: number
  readonly atMost: boolean
  readonly unit: string
}

/** True where it is reached. */
export function isMet({ value, limit, atMost }: Target): boolean {
  return atMost ? value <= limit : value >= limit
}

/** Seconds a unit of one way of a case. */
export function secondsOf({ cases }: Pick<SpeedResult, 'cases'>, name: string, label: string): number {
  const run = cases.find((one) => one.name === name)?.runs.find((one) => one.label === label)
  if (!run) throw new Error(`speed: expected a case "${name}" with "${label}", found none`)
  return run.seconds
}

/** Ways that became slower, against the floor of their case, by more than `factor` since `before`. */
export function regressions(
  now: SpeedResult,
  before: SpeedResult,
  factor: number,
): readonly {
  readonly name: string
  readonly label: string
  readonly before: number
  readonly now: number
}[] {
  return now.cases.flatMap(({ name, runs }) => {
    const known = before.cases.find((one) => one.name === name)
    return runs.flatMap(({ label, ratio }) => {
      const old = known?.runs.find((one) => one.label === label)?.ratio
      return old !== undefined && ratio > factor * old ? [{ name, label, before: old, now: ratio }] : []
    })
  })
}
