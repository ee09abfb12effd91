/**
 * What the detection benchmark measured, as it stands in results/detection.json. JSON knows no infinity: where half of the keys or more
 * were not detected within the tokens that there were, a median or an end of its interval is null and reads "more than `tokens`" of its row.
 */
import type { Machine } from '../machine.ts'

/** Tokens read until p <= `alpha`, over keys, for one mark and one rate of substitution. */
export interface Cell {
  /** Part of the generated tokens that were replaced. */
  readonly substituted: number
  readonly median: number | null
  /** Ends of the median's interval. */
  readonly lower: number | null
  readonly upper: number | null
  /** Keys, of `keys`, that were not detected within the row's `tokens`. */
  readonly missed: number
  /** Keys, of `keys`, with p <= `alpha` at exactly one text: a length fixed beforehand, so this one is the power of a test. */
  readonly inOneText: number
}

/** One mark. */
export interface Row {
  readonly scheme: 'green-list' | 'gumbel' | 'tournament'
  readonly gamma?: number
  readonly delta?: number
  readonly rounds?: number
  readonly contextWidth: number
  /** Most tokens read for one key: all its texts. */
  readonly tokens: number
  /** Mean excess of a score over its null mean, in null standard deviations, over all pairs of all keys, nothing substituted. */
  readonly effect: number
  /** Pairs counted for each generated token, nothing substituted. */
  readonly countedPerToken: number
  readonly cells: readonly Cell[]
  /** What must not be detected, judged once each at all its tokens: how many were, and the smallest log10 p. */
  readonly anotherKey: Guard
  readonly unmarked: Guard
}

/** Texts judged under keys they know nothing of. */
export interface Guard {
  readonly tests: number
  readonly detected: number
  readonly smallestLog10P: number
}

/** The whole benchmark. */
export interface DetectionResult {
  readonly benchmark: 'detection'
  readonly seed: string
  readonly commit: string
  /** True if the working tree differed from that commit under src or benchmarks. */
  readonly modified: boolean
  readonly machine: Machine
  readonly model: {
    readonly name: string
    readonly vocabularySize: number
    readonly temperature: 1
    /** Mean entropy of the next token, in nats, over the unmarked texts. */
    readonly entropy: number
  }
  readonly alpha: number
  readonly confidence: number
  readonly keys: number
  readonly promptTokens: number
  readonly textTokens: number
  readonly rows: readonly Row[]
}
