/** Writes a file of bytes whole or not at all, as `writeText` does for text: one that is there with another content is kept, the same content is written already. */
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Environment } from './environment.ts'
import { InputError, UnfinishedError } from './exit.ts'
import { assertNoLink, at, codeOf, exists, named, readRegular, syncFolder } from './files.ts'

export async function writeBytes(
  environment: Environment,
  path: string,
  bytes: Uint8Array,
  what = 'file',
): Promise<void> {
  const name = `${what} ${named(path)}`
  const real = at(environment, path)
  assertNoLink(real, name)
  if (exists(environment, path)) {
    const there = await readRegular(real, { name, mostBytes: Number.MAX_SAFE_INTEGER })
    if (Buffer.compare(there, bytes) === 0) return
    throw new InputError(
      `${name}: expected no file of that name, got one with another content; it is not overwritten`,
    )
  }
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
