/** Progress on standard error, so that standard output holds the result only: bars in a terminal, one line a step elsewhere. */
import { Presets, SingleBar } from 'cli-progress'
import type { OnStep } from './experiment.ts'

/** Shows each step as it comes; `stop` ends the last bar. */
export function showProgress(): { onStep: OnStep; stop: () => void } {
  let bar: SingleBar | undefined
  const stop = (): void => {
    bar?.stop()
    bar = undefined
  }
  const onStep: OnStep = (step) => {
    stop()
    if (!process.stderr.isTTY) {
      process.stderr.write(`${step}\n`)
      return () => {}
    }
    const current = new SingleBar(
      {
        format: `${step.padEnd(28)} {bar} {percentage} % | {eta_formatted} left`,
        // With the name and the time left, 80 columns.
        barsize: 28,
        hideCursor: true,
        stream: process.stderr,
      },
      Presets.shades_classic,
    )
    bar = current
    current.start(1, 0)
    return (done, total) => {
      current.setTotal(total)
      current.update(done)
    }
  }
  return { onStep, stop }
}
