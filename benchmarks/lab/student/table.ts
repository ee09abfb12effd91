/**
 * A table of learned rows, one a token id, of which a training step reads and changes only the few that its examples name.
 * The rows learn by Adagrad (Duchi, Hazan and Singer 2011, JMLR 12, diagonal form): rows that a step leaves alone need no
 * bookkeeping, as the decaying moments of Adam would.
 */

/** Learned rows and, for each value, the sum of its squared gradients so far. */
export interface Table {
  readonly width: number
  readonly values: Float32Array
  readonly squares: Float32Array
}

/** How far a value moves: `rate` times its gradient over the root of `damping` + its sum of squared gradients. */
export interface TableRule {
  readonly rate: number
  readonly damping: number
}

/** A table of values drawn uniformly from -spread..spread. */
export function createTable(
  { rows, width }: { rows: number; width: number },
  { spread, random }: { spread: number; random: () => number },
): Table {
  const values = Float32Array.from({ length: rows * width }, () => spread * (2 * random() - 1))
  return { width, values, squares: new Float32Array(values.length) }
}

/** A table of zeros. */
export function createZeroTable({ rows, width }: { rows: number; width: number }): Table {
  return { width, values: new Float32Array(rows * width), squares: new Float32Array(rows * width) }
}

/** Copies the rows named by `ids`, one after another. */
export function gatherRows({ width, values }: Table, ids: Int32Array): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(ids.length * width)
  for (const [i, id] of ids.entries()) rows.set(values.subarray(id * width, (id + 1) * width), i * width)
  return rows
}

/** Adds the rows named by `ids` to rows that stand one after another. */
export function addRows({ width, values }: Table, ids: Int32Array, rows: Float32Array): void {
  for (const [i, id] of ids.entries())
    for (let j = 0; j < width; j++) rows[i * width + j]! += values[id * width + j]!
}

/** Moves the rows named by `ids` against their gradients, which stand one after another. An id may occur more than once. */
export function learnRows(table: Table, ids: Int32Array, gradients: Float32Array, rule: TableRule): void {
  const { width, values, squares } = table
  for (const [i, id] of ids.entries()) {
    const to = id * width
    const from = i * width
    for (let j = 0; j < width; j++) {
      const gradient = gradients[from + j]!
      squares[to + j]! += gradient * gradient
      values[to + j]! -= (rule.rate * gradient) / Math.sqrt(rule.damping + squares[to + j]!)
    }
  }
}
