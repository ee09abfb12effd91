/** The shape of benchmarks/results/distillation.json. */
import type { Machine } from '../machine.ts'
import type { SIZE, StudentRecipe } from './recipe.ts'

/** What a suspect gives. */
export type BenchmarkAccess = 'text' | 'top-5' | 'top-20' | 'rows'

/** count and contrast are dyetrace's; top-token is the published test of benchmarks/thirdparty. */
export type BenchmarkStatistic = 'count' | 'contrast' | 'top-token'

/** What the suspect is compared with. provider: the teacher with its mark off and counts of its unmarked text. twin: a clean twin besides. */
export type ReferenceSet = 'none' | 'provider' | 'twin'

/** One statistic on one access to one suspect, under one key. */
export interface Cell {
  readonly access: BenchmarkAccess
  readonly statistic: BenchmarkStatistic
  readonly references: ReferenceSet
  /** Positions asked about, or tokens generated. */
  readonly queries: number
  /** Distinct pairs (count, top-token) or positions (contrast) that were scored. */
  readonly scored: number
  readonly z: number
  /** z / sqrt(scored) and z / sqrt(queries). */
  readonly perScored: number
  readonly perQuery: number
  readonly log10P: number
  /** z at the first 250 * 2^k queries, the last place at all of them. */
  readonly path: readonly number[]
  /** Queries from which p <= alpha to the end, interpolated between two places of the path; null: not with all queries. */
  readonly reached: number | null
  /** z under a key that had nothing to do with the suspect. */
  readonly anotherKey: number
}

/** One suspect under one key. Of the innocent there is a row for each key, and `mark` and `key` are what it was judged under. */
export interface Row extends StudentRecipe {
  /** Tokens it was trained on, and its loss over the last epoch in nats a token. */
  readonly training: { readonly tokens: number; readonly loss: number }
  readonly cells: readonly Cell[]
}

/** The whole benchmark. */
export interface DistillationResult {
  readonly benchmark: 'distillation'
  readonly seed: string
  readonly commit: string
  /** True if the working tree differed from that commit under src or benchmarks. */
  readonly modified: boolean
  readonly machine: Machine
  readonly model: { readonly name: string; readonly vocabularySize: number; readonly temperature: 1 }
  readonly size: typeof SIZE
  readonly alpha: number
  /** Suspects that the recipe has; rows are those of them that were trained before the run ended. */
  readonly planned: number
  readonly rows: readonly Row[]
}

/** The file: JSON with one line a cell, so that a difference between two results can be read. */
export function resultText({ rows, ...about }: DistillationResult): string {
  const lines = rows.map(({ cells, ...row }) => {
    const listed = cells.map((cell) => `   ${JSON.stringify(cell)}`).join(',\n')
    return ` ${JSON.stringify(row).slice(0, -1)}, "cells": [\n${listed}\n ]}`
  })
  return `${JSON.stringify(about, null, 1).slice(0, -2)},\n "rows": [\n${lines.join(',\n')}\n ]\n}\n`
}
