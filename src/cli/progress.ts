/** A line on standard error that says how far it is: written over in a terminal, now and then elsewhere, never with --json. */
import type { Environment } from './environment.ts'
import { wrap } from './printable.ts'
import { widthOf } from './program-width.ts'

/** A progress line. */
export interface ProgressLine {
  show(text: string): void
  /** A lasting line beside it. */
  say(text: string): void
  clear(): void
}

const EVERY_TERMINAL = 100
const EVERY_LOG = 10_000

/** Makes a progress line; nothing is shown where it is quiet. */
export function progressLine({ stderr, now }: Environment, { isQuiet }: { isQuiet: boolean }): ProgressLine {
  const width = widthOf(stderr)
  let last = Number.NEGATIVE_INFINITY
  let isShown = false
  const clear = (): void => {
    if (isShown) stderr.write(`\r${' '.repeat(width - 1)}\r`)
    isShown = false
  }
  return {
    show(text) {
      if (isQuiet) return
      const time = now()
      if (time - last < (stderr.isTTY ? EVERY_TERMINAL : EVERY_LOG)) return
      last = time
      if (!stderr.isTTY) {
        stderr.write(`${text}\n`)
        return
      }
      const characters = Array.from(text)
      const line = characters.length < width ? text : `${characters.slice(0, width - 2).join('')}…`
      stderr.write(`\r${line.padEnd(width - 1)}`)
      isShown = true
    },
    say(text) {
      if (isQuiet) return
      clear()
      stderr.write(`${wrap(text, { width })}\n`)
    },
    clear,
  }
}
