/**
 * The vector files: those of this folder, and those of the folder that the environment names in DYETRACE_VECTORS.
 * Tests dispatch on a file's `format`, else its `scheme`, never on its name.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface VectorFile {
  readonly path: string
  readonly kind: string
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape of its own format
  readonly content: any
}

export function readVectors(): VectorFile[] {
  const folders = [import.meta.dirname, process.env['DYETRACE_VECTORS']].filter(
    (folder) => folder !== undefined,
  )
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => {
        const path = join(folder, file)
        const content = JSON.parse(readFileSync(path, 'utf8'))
        return { path, kind: content.format ?? content.scheme ?? 'unknown', content }
      }),
  )
}
