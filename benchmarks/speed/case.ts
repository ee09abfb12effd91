/** A case of the speed benchmark: one thing to be computed, in several ways that must agree. The harness times the ways of a case in turn, side by side. */
export interface SpeedCase {
  readonly name: string
  /** What a time is divided by: 'token', 'row', 'call'. */
  readonly unit: string
  /** Units in one run. */
  readonly units: number
  readonly runs: readonly SpeedRun[]
}

/** One way of computing a case. */
export interface SpeedRun {
  readonly label: string
  readonly run: () => void
}
