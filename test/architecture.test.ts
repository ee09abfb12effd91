/**
 * The structure holds: a folder imports lower ranks only, nobody imports a barrel, the root entry runs without Node, and
 * nothing under src reads a clock or draws ambient randomness. docs/architecture.md says why.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')
const DOCUMENT = resolve(import.meta.dirname, '../docs/architecture.md')

/** A folder may import folders of a lower rank, and itself. Files directly in src are leaves, entries excepted. */
const RANKS: Record<string, number> = {
  // Below everything: they import each other and nothing else.
  leaves: -1,
  text: 0,
  keys: 1,
  stats: 1,
  suspect: 1,
  attacks: 1,
  prf: 2,
  plan: 2,
  schemes: 3,
  detect: 4,
  integrations: 4,
  distill: 5,
  corpus: 5,
  case: 6,
  report: 7,
  cli: 8,
}

/** Forbidden whatever the ranks say: these sentences open docs/architecture.md. */
const NEVER_SEES: readonly (readonly [string, string])[] = [
  ['detect', 'suspect'],
  ['corpus', 'suspect'],
  ['plan', 'keys'],
  ['stats', 'schemes'],
  ['schemes', 'text'],
  ['suspect', 'keys'],
]

const ENTRIES = [
  'index.ts',
  'node.ts',
  ...['integrations', 'suspect', 'distill', 'attacks', 'corpus', 'stats', 'case', 'report'].map(
    (f) => `${f}/index.ts`,
  ),
]

interface Import {
  readonly from: string
  readonly to: string
}

// The kernels' sources are AssemblyScript, which has imports of its own and reaches nothing outside its folder.
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.startsWith('prf/kernels/assembly/'),
)
const imports: Import[] = files.flatMap((from) =>
  specifiersOf(readFileSync(join(SRC, from), 'utf8')).map((to) => ({ from, to: targetOf(from, to) })),
)

function specifiersOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  return [...code.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!)
}

function targetOf(from: string, specifier: string): string {
  return specifier.startsWith('.') ? relative(SRC, resolve(SRC, dirname(from), specifier)) : specifier
}

function folderOf(file: string): string {
  return file.includes('/') ? file.split('/')[0]! : 'leaves'
}

const internal = imports.filter(({ from, to }) => to.endsWith('.ts') && !ENTRIES.includes(from))

describe('structure', () => {
  test('the scan sees the code: every relative import names a file that exists', () => {
    expect(imports.length).toBeGreaterThan(20)
    const missing = imports.filter(({ to }) => to.endsWith('.ts') && !files.includes(to))
    expect(missing).toEqual([])
  })

  test('every folder has a rank', () => {
    expect(files.map(folderOf).filter((folder) => !(folder in RANKS))).toEqual([])
  })

  test('docs/architecture.md shows the same ranks', () => {
    const rows = readFileSync(DOCUMENT, 'utf8').matchAll(/^\| *(-?\d+) *\| `([a-z]+)` *\|/gm)
    expect(Array.from(rows, ([, rank, folder]) => [folder, Number(rank)])).toEqual(Object.entries(RANKS))
  })

  test('a folder imports lower ranks only', () => {
    const upward = internal.filter(({ from, to }) => {
      const [a, b] = [folderOf(from), folderOf(to)]
      return a !== b && !(RANKS[b]! < RANKS[a]!)
    })
    expect(upward).toEqual([])
  })

  test.each(NEVER_SEES)('%s never sees %s', (a, b) => {
    expect(internal.filter(({ from, to }) => folderOf(from) === a && folderOf(to) === b)).toEqual([])
  })

  test('nobody inside imports a barrel or an entry', () => {
    expect(internal.filter(({ to }) => ENTRIES.includes(to))).toEqual([])
  })

  test('files import each other in one direction', () => {
    const graph = new Map<string, string[]>()
    for (const { from, to } of internal) graph.set(from, [...(graph.get(from) ?? []), to])
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) throw new Error(`import cycle: ${[...path, file].join(' -> ')}`)
      if (done.has(file)) return
      for (const next of graph.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
    for (const file of graph.keys()) visit(file, [])
  })

  test('the root entry reaches no node: module', () => {
    const reached = new Set<string>()
    const visit = (file: string): void => {
      if (reached.has(file)) return
      reached.add(file)
      for (const { to } of imports.filter(({ from }) => from === file)) visit(to)
    }
    visit('index.ts')
    expect(reached.size).toBeGreaterThan(10)
    expect([...reached].filter((module) => module.startsWith('node:'))).toEqual([])
  })

  test('no clock and no ambient randomness under src', () => {
    const ambient = files.filter((file) =>
      /\bMath\.random\(|\bDate\.now\(|\bnew Date\(/.test(readFileSync(join(SRC, file), 'utf8')),
    )
    expect(ambient).toEqual([])
  })
})
