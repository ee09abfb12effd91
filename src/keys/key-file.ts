/**
 * Master keys on disk: one JWK (RFC 7517, `kty: oct`) a file, readable by its owner only. Node only; not part of the root entry.
 * Refuses a file that others can read, because a key that others could read is a key that others may have.
 */
import { assertString } from '../assert.ts'
import { keyBytesOf, keyText, parseKeyJson } from './jwk.ts'
import { type MasterKey, masterKeyBytes, masterKeyFromBytes } from './master.ts'
import { createOwnerOnly, readOwnerOnly } from './owner-only-file.ts'

/** The `use` of a master key's JWK. */
export const MASTER_KEY_USE = 'dyetrace/1 master'
const what = 'key file'

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
  const jwk = { kty: 'oct', use: MASTER_KEY_USE, k: keyText(masterKeyBytes(master)) }
  await createOwnerOnly(path, `${JSON.stringify(jwk)}\n`, { what })
}

/**
 * Reads a master key that {@link writeKeyFile} wrote.
 * @throws Error if the file cannot be read or others can read it; TypeError or RangeError if it is not such a key.
 * No message holds any part of the key.
 */
export async function readKeyFile(path: string): Promise<MasterKey> {
  assertString(path, { name: 'path' })
  const name = `${what} ${path}`
  const { kty, use, k } = parseKeyJson(await readOwnerOnly(path, { what }), { name, expected: 'a JWK' })
  if (kty !== 'oct' || use !== MASTER_KEY_USE)
    throw new RangeError(
      `${name}: expected a JWK with kty "oct" and use "${MASTER_KEY_USE}", got another kind of key`,
    )
  return masterKeyFromBytes(keyBytesOf(k, { name, field: 'k' }))
}
