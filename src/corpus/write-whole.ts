/**
 * Writes a file whole or not at all: under another name first, then renamed. Whoever is killed in between leaves a file that nobody reads. A full disk is an error that says so.
 * What a power cut may take is not waited for: every file is read by the digest that stands elsewhere, and a scan can be repeated.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'

/** @throws Error with the system's code where it cannot be written: a full disk, a folder that is not ours. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = temporaryOf(path)
  try {
    await mkdir(dirname(path), { recursive: true })
    await rm(temporary, { force: true })
    // A new file follows no link that somebody laid there.
    await writeFile(temporary, content, { flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw notWritten(path, error)
  }
}

/** Where a file is written before it has its name: of this process, also where containers that share a folder have processes of one number. */
export function temporaryOf(path: string): string {
  return `${path}.new-${hostname().replace(/[^\w.-]/g, '_')}-${process.pid}`
}

/** What is done stays: the same command goes on from there. */
export function notWritten(path: string, error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code ?? 'an unknown error'
  const full = code === 'ENOSPC' || code === 'EDQUOT' ? ', the disk is full' : ''
  return new Error(
    `${path}: could not be written (${code}${full}). Parts that are done are kept: the same command goes on with the others`,
  )
}
