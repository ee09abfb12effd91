/** Writes a file of bytes whole or not at all, as `writeText` does for text: one that is there with another content is kept, the same content is written already. */
import type { Environment } from './environment.ts'
import { InputError } from './exit.ts'
import { assertNoLink, at, exists, named, readRegular, replaceFile } from './files.ts'

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
  await replaceFile(real, bytes, name)
}
