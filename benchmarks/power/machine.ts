/** What a result was measured on and from: no names of hosts or users, no paths. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The machine and the versions that shape a result. */
export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly platform: string
  readonly node: string
  readonly packages: Readonly<Record<string, string>>
}

/** @param packages names of installed packages whose versions matter. */
export function machine(packages: readonly string[]): Machine {
  const require = createRequire(import.meta.url)
  // Not by `require.resolve`: some packages do not export their package.json.
  const version = (name: string): string => {
    const folders = require.resolve.paths(name) ?? []
    const file = folders.map((folder) => join(folder, name, 'package.json')).find((path) => existsSync(path))
    if (file === undefined) throw new Error(`package "${name}" expected to be installed, was not found`)
    return JSON.parse(readFileSync(file, 'utf8')).version
  }
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    packages: Object.fromEntries(packages.map((name) => [name, version(name)])),
  }
}

/** The commit that is checked out, and whether the code differs from it. */
export function revision(): { commit: string; modified: boolean } {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      encoding: 'utf8',
    }).trim()
  return {
    commit: git('rev-parse', 'HEAD'),
    modified: git('status', '--porcelain', '--', 'src', 'benchmarks/lab', 'benchmarks/power') !== '',
  }
}
