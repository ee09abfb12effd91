/**
 * Times the ways of a case side by side: in every round each of them runs once for a few milliseconds, in turn, so that what else the machine does hits all alike. The figure is
 * the least over the rounds, which other load disturbs least; ratios of figures of one case are the result, times by themselves are context.
 */
import type { SpeedCase } from './case.ts'

/** One way of a case and what it took. */
export interface TimedRun {
  readonly label: string
  /** Least seconds a unit. */
  readonly seconds: number
  /** Of the first way of the case, which is the floor that it is measured against. */
  readonly ratio: number
}

/** A case and its figures. */
export interface TimedCase {
  readonly name: string
  readonly unit: string
  readonly runs: readonly TimedRun[]
}

/** @param options rounds of how many milliseconds a way. */
export function timeCase(
  { name, unit, units, runs }: SpeedCase,
  { rounds, milliseconds }: { rounds: number; milliseconds: number },
): TimedCase {
  const counts = runs.map(({ run }) => {
    run()
    // As many calls as fill the time, from one that is warm.
    let calls = 1
    for (;;) {
      const took = timed(run, calls)
      if (took >= milliseconds || calls >= 2 ** 20)
        return Math.max(1, Math.round((calls * milliseconds) / took))
      calls *= took < milliseconds / 8 ? 4 : 2
    }
  })
  const least = runs.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < rounds; round++)
    for (const [r, { run }] of runs.entries())
      least[r] = Math.min(least[r]!, timed(run, counts[r]!) / counts[r]!)
  return {
    name,
    unit,
    runs: runs.map(({ label }, r) => ({
      label,
      seconds: least[r]! / 1000 / units,
      ratio: least[r]! / least[0]!,
    })),
  }
}

function timed(run: () => void, calls: number): number {
  const from = performance.now()
  for (let i = 0; i < calls; i++) run()
  return performance.now() - from
}
