/**
 * A file that grows line by line and must outlive a power cut: each piece is on the disk before the writer goes on. What stands behind the place
 * of a piece was cut off while it was written, and goes first.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { utf8ToBytes } from '../bytes.ts'
import type { Environment } from './environment.ts'
import { InputError, UnfinishedError } from './exit.ts'
import { assertNoLink, assertRegular, at, codeOf, NO_FOLLOW, NO_WAIT, named, syncFolder } from './files.ts'

/** An open file. */
export interface GrowingFile {
  /** Writes a piece at a place counted in bytes, the last one of the file from then on. */
  write(piece: string, at: number): Promise<void>
  close(): Promise<void>
}

/** Opens a file, or makes it. */
export async function growingFile(environment: Environment, path: string): Promise<GrowingFile> {
  const name = `case file ${named(path)}`
  const real = at(environment, path)
  // The folder may be somebody else's: a link in it would have this machine's own files cut off and written over.
  assertNoLink(real, name)
  let file: FileHandle | undefined
  try {
    file = await open(real, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW | NO_WAIT, 0o644)
    await assertRegular(file, name)
    await syncFolder(dirname(real))
  } catch (error) {
    await file?.close()
    if (error instanceof InputError) throw error
    throw new UnfinishedError(`${name}: could not be opened (${codeOf(error)})`)
  }
  const opened = file
  return {
    async write(piece, place) {
      try {
        const { size } = await opened.stat()
        if (size > place) await opened.truncate(place)
        const bytes = utf8ToBytes(piece)
        let written = 0
        while (written < bytes.length) {
          const { bytesWritten } = await opened.write(bytes, written, bytes.length - written, place + written)
          written += bytesWritten
        }
        await opened.sync()
      } catch (error) {
        throw new UnfinishedError(`${name}: could not be written (${codeOf(error)})`)
      }
    },
    close: () => opened.close(),
  }
}
