/**
 * Master keys on disk: one JWK (RFC 7517, `kty: oct`) a file, readable by its owner only. Node only; not part of the root entry.
 * Refuses a file that others can read, because a key that others could read is a key that others may have.
 */
import { open, readFile } from 'node:fs/promises'
import { assertString } from '../assert.ts'
import { MASTER_KEY_BYTES, type MasterKey, masterKeyBytes, masterKeyFromBytes } from './master.ts'

const KEY_USE = 'dyetrace/1 master'
const OWNER_ONLY = 0o600
const OTHERS = 0o077

/**
 * Writes a master key to a new file with mode 0600.
 * @throws Error if the file exists: a key is never overwritten, for the marks made under it would be lost.
 * @example
 * import { generateMasterKey } from 'dyetrace'
 * import { readKeyFile, writeKeyFile } from 'dyetrace/node'
 * await writeKeyFile('acme.key.json', generateMasterKey())
 * const master = await readKeyFile('acme.key.json')
 */
export async function writeKeyFile(path: string, master: MasterKey): Promise<void> {
  assertString(path, { name: 'path' })
  const jwk = { kty: 'oct', use: KEY_USE, k: Buffer.from(masterKeyBytes(master)).toString('base64url') }
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'wx', OWNER_ONLY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new Error(`key file ${path}: expected no file of that name, got one; a key is never overwritten`)
    throw new Error(`key file ${path}: could not be created (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    await file.writeFile(`${JSON.stringify(jwk)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * Reads a master key that {@link writeKeyFile} wrote.
 * @throws Error if the file cannot be read or others can read it; TypeError or RangeError if it is not such a key.
 * No message holds any part of the key.
 */
export async function readKeyFile(path: string): Promise<MasterKey> {
  assertString(path, { name: 'path' })
  const text = await readOwnerOnly(path)
  let jwk: unknown
  try {
    jwk = JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, and the text is a key.
    throw new RangeError(`key file ${path}: expected JSON (a JWK), got text that does not parse`)
  }
  const name = `key file ${path}`
  // Nothing of the content is described, whatever it is: a file of this name that is no JWK may still be a key.
  const { kty, use, k } = (jwk ?? {}) as Record<string, unknown>
  if (kty !== 'oct' || use !== KEY_USE)
    throw new RangeError(
      `${name}: expected a JWK with kty "oct" and use "${KEY_USE}", got another kind of key`,
    )
  const bytes = typeof k === 'string' ? Buffer.from(k, 'base64url') : undefined
  // Encoding it again refuses what a lenient decoder reads past: other alphabets, padding, white space, stray last bits.
  if (bytes?.length !== MASTER_KEY_BYTES || bytes.toString('base64url') !== k)
    throw new RangeError(
      `${name}: expected k to hold ${MASTER_KEY_BYTES} bytes as base64url, got something else`,
    )
  return masterKeyFromBytes(new Uint8Array(bytes))
}

async function readOwnerOnly(path: string): Promise<string> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw new Error(`key file ${path}: could not be read (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    // Asked of the open file, not of the path, so that the file cannot be exchanged in between.
    const stat = await file.stat()
    if (stat.isDirectory()) throw new Error(`key file ${path}: expected a file, got a directory`)
    // Windows has no such bits: every file shows 0o666 there, and access is a matter of its own lists.
    if (process.platform !== 'win32' && (stat.mode & OTHERS) !== 0)
      throw new Error(
        `key file ${path}: expected mode 600, got ${(stat.mode & 0o777).toString(8)}: others can read or write it. Run: chmod 600 ${path}; and consider the key known`,
      )
    return await readFile(file, 'utf8')
  } finally {
    await file.close()
  }
}
