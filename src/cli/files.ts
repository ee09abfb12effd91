/** Files that hold no secret, as commands read and write them. Keys have their own door (src/keys/owner-only-file.ts). */
import { constants, type Dirent, lstatSync, readdirSync, statSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { utf8ToBytes } from '../bytes.ts'
import type { Environment } from './environment.ts'
import { InputError, UnfinishedError } from './exit.ts'
import { printable } from './printable.ts'

/** More than this in one file is another file than was meant, and could fill the memory. */
export const MOST_BYTES: number = 512 * 2 ** 20

/** A path as the operating system is told: relative ones start from the environment's folder. */
export function at({ cwd }: Pick<Environment, 'cwd'>, path: string): string {
  return isAbsolute(path) || cwd === process.cwd() ? path : join(cwd, path)
}

/** The text of a file, or of standard input for "-". */
export async function readText(environment: Environment, path: string, what = 'file'): Promise<string> {
  const name = `${what} ${named(path)}`
  const text = decoded(await readBytesOf(environment, path, what), name)
  assertNoKeyFile(text, name)
  return text
}

/** Refuses the text of a key file. */
export function assertNoKeyFile(text: string, name: string): void {
  if (KEY_FILE.test(text))
    throw new InputError(`${name}: expected no file of keys here, got one; nothing of it was used`)
}

// Two files are easily mixed up. What is read through this door may be sent to a server or put into a case.
const KEY_FILE = /"dyetrace\/1 (master|mark)"|"dyetrace\/key-ring-1"|-----BEGIN [A-Z ]*PRIVATE KEY-----/

/** The bytes of a file, or of standard input for "-". */
export async function readBytesOf(environment: Environment, path: string, what: string): Promise<Uint8Array> {
  if (path === '-') return readStandardInput(environment)
  const name = `${what} ${named(path)}`
  try {
    return await readRegular(at(environment, path), { name })
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError(`${name}: expected a file that can be read, got ${whyOf(error)}`)
  }
}

/** What {@link readRegular} has to know. */
interface Regular {
  /** What the file is called in messages. */
  readonly name: string
  /** A folder of somebody else may hold links to files that are none of its business. @defaultValue false */
  readonly refuseLinks?: boolean
  readonly mostBytes?: number
}

/**
 * The bytes of a regular file. Opened without waiting, as a pipe that nobody writes to would keep a reader for ever, and asked of the open file what it
 * is, so that it cannot be exchanged in between.
 * @throws InputError for what is no file or too large; what the operating system says otherwise.
 */
export async function readRegular(
  real: string,
  { name, refuseLinks = false, mostBytes = MOST_BYTES }: Regular,
): Promise<Uint8Array> {
  const links = refuseLinks ? NO_FOLLOW : 0
  if (refuseLinks) assertNoLink(real, name)
  const file = await open(real, constants.O_RDONLY | NO_WAIT | links)
  try {
    const { size } = await assertRegular(file, name)
    if (size > mostBytes) throw new InputError(`${name}: expected at most ${mostBytes} bytes, got ${size}`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** Refuses an open folder, pipe or device. */
export async function assertRegular(file: FileHandle, name: string): Promise<{ readonly size: number }> {
  const stat = await file.stat()
  if (stat.isDirectory()) throw new InputError(`${name}: expected a file, got a folder`)
  if (!stat.isFile()) throw new InputError(`${name}: expected a file, got a pipe or device`)
  return stat
}

/** Refuses a link, also one to nothing: who made it decides what would be read or written. */
export function assertNoLink(real: string, name: string): void {
  if (lstatSync(real, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new InputError(
      `${name}: expected a file or nothing of that name, got a symbolic link; it is not followed`,
    )
}

// Windows has neither.
export const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0
export const NO_WAIT: number = constants.O_NONBLOCK ?? 0

async function readStandardInput({ stdin }: Environment): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stdin) {
    const bytes = typeof chunk === 'string' ? utf8ToBytes(chunk) : chunk
    size += bytes.length
    if (size > MOST_BYTES)
      throw new InputError(`standard input: expected at most ${MOST_BYTES} bytes, got more`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

/** UTF-8, and nothing else: another encoding would give other tokens, and a wrong answer without a word. */
function decoded(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new InputError(`${name}: expected UTF-8 text, got other bytes`)
  }
}

/** Whether there is something of that name. */
export function exists(environment: Environment, path: string): boolean {
  return statSync(at(environment, path), { throwIfNoEntry: false }) !== undefined
}

/** Files named by paths: a folder stands for all files in it and below, by name; hidden ones are left out. */
export function filesUnder(environment: Environment, paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (path === '-') return [path]
    const real = at(environment, path)
    if (!statSync(real, { throwIfNoEntry: false })?.isDirectory()) return [path]
    const files = below(real, path)
    if (files.length === 0) throw new InputError(`folder ${named(path)}: expected files in it, got none`)
    return files
  })
}

function below(real: string, path: string): string[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(real, { withFileTypes: true })
  } catch (error) {
    throw new InputError(`folder ${named(path)}: expected one that can be read, got ${codeOf(error)}`)
  }
  return entries
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const [inner, shown] = [join(real, entry.name), join(path, entry.name)]
      return entry.isDirectory() ? below(inner, shown) : entry.isFile() ? [shown] : []
    })
}

/**
 * Writes a file whole or not at all. One that is there with another content is kept, unless it may be replaced; the same content is written
 * already, so that a command can be repeated.
 */
export async function writeText(
  environment: Environment,
  path: string,
  text: string,
  { what = 'file', replace = false }: { what?: string; replace?: boolean } = {},
): Promise<void> {
  const name = `${what} ${named(path)}`
  const real = at(environment, path)
  assertNoLink(real, name)
  if (exists(environment, path) && !replace) {
    if ((await readText(environment, path, what)) === text) return
    throw new InputError(
      `${name}: expected no file of that name, got one with another content; it is not overwritten`,
    )
  }
  await replaceFile(real, utf8ToBytes(text), name)
}

/** Writes a file under another name and renames it, so that it is there whole or not at all. */
export async function replaceFile(real: string, bytes: Uint8Array, name: string): Promise<void> {
  const temporary = `${real}.new-${process.pid}`
  try {
    // Whatever has this name is a remainder, or a link that somebody laid there: a new file follows none.
    await rm(temporary, { force: true })
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, real)
    await syncFolder(dirname(real))
  } catch (error) {
    await rm(temporary, { force: true })
    throw new UnfinishedError(`${name}: could not be written (${codeOf(error)})`)
  }
}

/** Has the names in a folder outlive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    await folder.sync().finally(() => folder.close())
  } catch {
    // The file is in place; only a power cut at this moment could take its name away. Windows cannot open a folder.
  }
}

/** A path for a message: a file's name can hold anything. */
export function named(path: string): string {
  return path === '-' ? 'standard input' : printable(path)
}

/** The same for people: the commonest reason in words. */
export function whyOf(error: unknown): string {
  const code = codeOf(error)
  return code === 'ENOENT' ? `${code}: there is no such file` : code
}

/** Why the operating system said no. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'an unknown error'
}

/** Adds a line to a file that only grows, and has it on the disk before it says so. */
export async function appendLine(
  environment: Environment,
  path: string,
  line: string,
  what: string,
): Promise<void> {
  try {
    const file = await open(at(environment, path), 'a')
    try {
      await file.writeFile(utf8ToBytes(line))
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new UnfinishedError(`${what} ${named(path)}: could not be written (${codeOf(error)})`)
  }
}
