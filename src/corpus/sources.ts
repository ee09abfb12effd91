/**
 * Operands of a command line -> files of a corpus: files, folders with all that is below them, patterns such as `data/*.parquet`, and "-" for standard input.
 * What a file holds is told by its name. Nothing is left out without a word: a pattern that matches nothing, a folder without files, one that cannot be listed and a link to
 * nothing are errors. Only names that begin with a dot are passed over, as a shell does.
 */
import type { Dirent } from 'node:fs'
import * as fs from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { describe } from '../assert.ts'

/** How rows stand in a file. */
export type SourceFormat = 'jsonl' | 'parquet' | 'text'

/** How a file is packed. */
export type SourceCompression = 'none' | 'gzip' | 'zstd'

/** One file of a corpus, or standard input. */
export interface SourceFile {
  /** As the user would recognise it: the operand, or the way from it. */
  readonly name: string
  /** Absolute; undefined for standard input. */
  readonly path: string | undefined
  readonly format: SourceFormat
  readonly compression: SourceCompression
  /** Size as it lies there, packed; undefined for standard input. */
  readonly bytes: number | undefined
}

/** The name of standard input in results and messages. */
export const STANDARD_INPUT = 'standard input'

/**
 * The files that operands stand for, sorted by name, each once: also where two operands, or a link, lead to the same file.
 * @throws RangeError for an operand that stands for nothing, and what cannot be read.
 */
export async function expandSources(
  operands: readonly string[],
  { cwd }: { readonly cwd: string },
): Promise<readonly SourceFile[]> {
  if (operands.length === 0)
    throw new RangeError('"sources" expected at least one file, folder or pattern, or "-", got none')
  const found = new Map<string, SourceFile>()
  for (const operand of operands) {
    const sources = operand === '-' ? [standardInput()] : await expand(operand, cwd)
    for (const source of sources) {
      const identity = source.path === undefined ? '-' : await realpath(source.path)
      if (!found.has(identity)) found.set(identity, source)
    }
  }
  return Object.freeze([...found.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)))
}

function standardInput(): SourceFile {
  return Object.freeze({
    name: STANDARD_INPUT,
    path: undefined,
    format: 'jsonl',
    compression: 'none',
    bytes: undefined,
  })
}

async function expand(operand: string, cwd: string): Promise<readonly SourceFile[]> {
  const path = isAbsolute(operand) ? operand : resolve(cwd, operand)
  // A name that is there is that name, whatever signs it has.
  const isThere = await stat(path).then(
    () => true,
    (error) => refuseUnless(error, operand),
  )
  const sources: SourceFile[] = []
  if (isThere) sources.push(...(await expandPath(path, operand, new Set())))
  else {
    if (!isDynamicPattern(operand))
      throw new RangeError(
        `${operandName(operand)} expected a file, a folder or a pattern, got a name that is not there`,
      )
    for (const name of await matches(operand, cwd))
      sources.push(...(await expandPath(isAbsolute(name) ? name : resolve(cwd, name), name, new Set())))
  }
  if (sources.length === 0)
    throw new RangeError(
      `${operandName(operand)} expected ${isThere ? 'a folder with files in it' : 'a pattern that matches files'}, got one without`,
    )
  return sources
}

function refuseUnless(error: unknown, operand: string): false {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return false
  throw unreadable(operand, error)
}

/** Files and folders of a pattern. The library leaves out folders that it cannot list; here that is an error. */
async function matches(operand: string, cwd: string): Promise<readonly string[]> {
  let fault: unknown
  const listing = (
    path: string,
    options: object,
    done: (error: Error | null, entries: Dirent[]) => void,
  ): void =>
    fs.readdir(path, { ...options, withFileTypes: true }, (error, entries) => {
      if (error && error.code !== 'ENOENT' && error.code !== 'ENOTDIR') fault ??= error
      done(error, entries)
    })
  const names = await glob(operand, {
    cwd,
    expandDirectories: false,
    onlyFiles: false,
    fs: { ...fs, readdir: listing as typeof fs.readdir },
  })
  if (fault !== undefined) throw unreadable(operand, fault)
  return names.map((name) => name.replace(/\/$/, ''))
}

/**
 * A file, or all files in a folder and below. `seen`: folders that were gone into. Links in a circle end there, and a folder that many links lead to is listed once: its files
 * count once anyway, and links to links to links would be followed for ever.
 */
async function expandPath(path: string, name: string, seen: Set<string>): Promise<readonly SourceFile[]> {
  const about = await stat(path).catch((error: unknown) => {
    throw unreadable(name, error)
  })
  if (about.isFile()) return [Object.freeze({ name, path, ...kindOf(name), bytes: about.size })]
  if (!about.isDirectory())
    throw new RangeError(
      `${operandName(name)} expected a file or a folder, got a pipe or device; standard input is written "-"`,
    )
  const identity = await realpath(path)
  if (seen.has(identity)) return []
  seen.add(identity)
  const entries = await readdir(path).catch((error: unknown) => {
    throw unreadable(name, error)
  })
  const sources: SourceFile[] = []
  for (const entry of entries.filter((entry) => !entry.startsWith('.')).sort())
    sources.push(...(await expandPath(join(path, entry), join(name, entry), seen)))
  return sources
}

const PACKED: readonly (readonly [suffix: string, compression: SourceCompression])[] = [
  ['.gz', 'gzip'],
  ['.gzip', 'gzip'],
  ['.zst', 'zstd'],
  ['.zstd', 'zstd'],
]

const LINES = ['.jsonl', '.ndjson', '.jsonlines', '.json']
const PARQUET = ['.parquet', '.pq']

/** What a name says. A suffix that is not known is text: if it is something else, its bytes are no UTF-8, and that is reported. */
function kindOf(name: string): Pick<SourceFile, 'format' | 'compression'> {
  const lower = name.toLowerCase()
  const [suffix, compression] = PACKED.find(([end]) => lower.endsWith(end)) ?? ['', 'none']
  const bare = lower.slice(0, lower.length - suffix.length)
  const has = (ends: readonly string[]): boolean => ends.some((end) => bare.endsWith(end))
  return { format: has(LINES) ? 'jsonl' : has(PARQUET) ? 'parquet' : 'text', compression }
}

function operandName(operand: string): string {
  return `source ${describe(operand)}:`
}

function unreadable(operand: string, error: unknown): RangeError {
  const { code } = error as NodeJS.ErrnoException
  return new RangeError(
    `${operandName(operand)} expected something that can be read, got ${code ?? 'an unknown error'}`,
  )
}
