/** How wide text is written: as wide as the terminal, within reason; 80 characters where nobody knows. */
import type { Sink } from './environment.ts'

const WIDEST = 100
const USUAL = 80
const NARROWEST = 40

/** Characters of a line. */
export function widthOf({ columns }: Sink): number {
  return Math.min(WIDEST, Math.max(NARROWEST, columns ?? USUAL))
}
