/** What the scale benchmark measured, as it stands in results/scale.json. */
import type { Machine } from '../power/machine.ts'

/** One corpus, scanned for one key with the limits of the result. */
export interface ScaleRow {
  readonly tokens: number
  /** Distinct pairs, each of which was scored once. */
  readonly pairs: number
  readonly seconds: {
    /** Reading alone, one thread. */
    readonly read: number
    /** Reading, splitting into pairs, documents' own evidence, writing: all threads. */
    readonly pairs: number
    /** Counting distinct pairs and scoring them: all threads. */
    readonly count: number
    readonly whole: number
  }
  /** Most bytes that the process ever held. */
  readonly memory: number
  /** Bytes of the scan's folder at its end. */
  readonly disk: number
  readonly decision: string
}

/** The record. */
export interface ScaleResult {
  readonly created: string
  readonly commit: string
  readonly modified: boolean
  readonly machine: Machine
  readonly workers: number
  readonly memoryLimit: number
  /** Tokens a second and thread that text becomes. */
  readonly tokenise: number
  /** Pairs a second and thread that are scored under one key. */
  readonly score: number
  readonly rows: readonly ScaleRow[]
}
