/** A case folder on the disk: its files as exact texts, what they say, and how far the work is. */
import { statSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Case, parseCase } from '../case/case-file.ts'
import { CASE_FILES, type CaseFiles, decodeCaseFile } from '../case/files.ts'
import { readPlan, readProfile } from '../case/judge.ts'
import type { Profile } from '../keys/profile.ts'
import type { Plan } from '../plan/plan.ts'
import type { Environment } from './environment.ts'
import { InputError, UnfinishedError } from './exit.ts'
import { at, codeOf, named, readRegular } from './files.ts'
import { type ReadTokenizer, tokenizerOf } from './tokenizer.ts'

/** Names that only this folder's own work needs, beside those of evidence. */
const OWN_FILES = ['journal.jsonl', 'tokenizer_config.json'] as const

/** A case that was read. */
export interface CaseFolder {
  readonly path: string
  readonly files: CaseFiles
  readonly about: Case
  readonly profile: Profile
}

/** Reads a case folder as `case new` made it. */
export async function readCase(environment: Environment, path: string): Promise<CaseFolder> {
  const files = await readCaseFiles(environment, path)
  const about = files['case.json']
  if (about === undefined)
    throw new InputError(
      `case ${named(path)}: expected a folder with case.json, as "dyetrace case new" makes it, got ${kindOf(environment, path)}`,
    )
  const profile = files['profile.json']
  if (profile === undefined)
    throw new InputError(`case ${named(path)}: expected profile.json in it, got none`)
  return { path, files, about: parseCase(about), profile: readProfile(profile) }
}

function kindOf(environment: Environment, path: string): string {
  const stat = statSync(at(environment, path), { throwIfNoEntry: false })
  return stat === undefined ? 'nothing of that name' : stat.isDirectory() ? 'a folder without it' : 'a file'
}

/** The texts of all files that a case may have, by name. */
export async function readCaseFiles(environment: Environment, path: string): Promise<CaseFiles> {
  const files: Record<string, string> = {}
  for (const name of [...CASE_FILES, ...OWN_FILES]) {
    const text = await readCaseFile(environment, path, name)
    if (text !== undefined) files[name] = text
  }
  return files
}

/**
 * What else lies in the folder, where it is small: a key that somebody left there would be handed over with it. Folders, links and what cannot be
 * read are left alone.
 */
export async function readStrays(environment: Environment, path: string): Promise<CaseFiles> {
  const folder = at(environment, path)
  const known = new Set<string>([...CASE_FILES, ...OWN_FILES])
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const strays: Record<string, string> = {}
  for (const entry of entries) {
    if (!entry.isFile() || known.has(entry.name)) continue
    const about = { name: entry.name, refuseLinks: true, mostBytes: LARGEST_KEY_FILE }
    const bytes = await readRegular(join(folder, entry.name), about).catch(() => undefined)
    if (bytes) strays[entry.name] = new TextDecoder().decode(bytes)
  }
  return strays
}

const LARGEST_KEY_FILE = 2 ** 20

/** The text of one file; undefined where there is none. */
export async function readCaseFile(
  environment: Environment,
  path: string,
  name: string,
): Promise<string | undefined> {
  try {
    const bytes = await readRegular(join(at(environment, path), name), {
      name: `case ${named(path)}, ${name}`,
      refuseLinks: true,
    })
    return decodeCaseFile(bytes, { name })
  } catch (error) {
    if (error instanceof InputError) throw error
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (error instanceof RangeError) throw error
    throw new InputError(`case ${named(path)}: expected a ${name} that can be read, got ${code}`)
  }
}

/** Makes the folder. */
export async function makeCaseFolder(environment: Environment, path: string): Promise<void> {
  try {
    await mkdir(at(environment, path), { recursive: true })
  } catch (error) {
    throw new UnfinishedError(`case ${named(path)}: the folder could not be made (${codeOf(error)})`)
  }
}

/** The plan of a case; an error that says how to make one where there is none. */
export function planOf({ path, files }: CaseFolder): Plan {
  const text = files['plan.json']
  if (text === undefined)
    throw new InputError(
      `case ${named(path)}: expected a plan.json in it, got none. Run: dyetrace case plan ${named(path)} --help`,
    )
  return readPlan(text)
}

/** Refuses a case without a verdict, and says how to come to one. */
export function assertTested({ path, files }: Pick<CaseFolder, 'path' | 'files'>): void {
  if (files['verdict.json'] === undefined)
    throw new InputError(
      `case ${named(path)}: expected verdict.json in it, got none. Run: dyetrace case test ${named(path)} --key FILE`,
    )
}

/** The provider's tokenizer of a case. */
export function tokenizerOfCase({ path, files }: CaseFolder): ReadTokenizer {
  const json = files['tokenizer.json']
  if (json === undefined) throw new InputError(`case ${named(path)}: expected tokenizer.json in it, got none`)
  return tokenizerOf({ json, config: files['tokenizer_config.json'] }, `${named(path)}/tokenizer.json`)
}

/** Lines that a text of JSON lines holds; a last one without its end counts. */
export function linesIn(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}
