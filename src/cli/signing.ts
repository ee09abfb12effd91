/** Keys that sign evidence: Ed25519 in PEM, the private one readable by its owner only. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createOwnerOnly, readOwnerOnly } from '../keys/owner-only-file.ts'
import type { Environment } from './environment.ts'
import { InputError } from './exit.ts'
import { at, named, readBytesOf, readRegular, writeText } from './files.ts'

const what = 'signing key'

/** Makes a pair: the private key in a new file with mode 600, the public one beside it. */
export async function writeSigningKeys(environment: Environment, path: string): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const beside = `${path}.pub`
  await createOwnerOnly(
    at(environment, path),
    privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    { what },
  )
  await writeText(environment, beside, publicKey.export({ format: 'pem', type: 'spki' }) as string, { what })
  return beside
}

/** Reads a private key. */
export async function readSigningKey(environment: Environment, path: string): Promise<KeyObject> {
  const name = `${what} ${named(path)}`
  const real = at(environment, path)
  const open = await readRegular(real, { name, mostBytes: 2 ** 20 }).catch(() => new Uint8Array())
  if (new TextDecoder().decode(open).includes('-----BEGIN PUBLIC KEY-----'))
    throw new InputError(
      `${name}: expected the private key, got the public one, which signs nothing${path.endsWith('.pub') ? `; the private one is ${named(path.slice(0, -4))}, if "dyetrace keygen" made them` : ''}`,
    )
  const text = await readOwnerOnly(real, { what })
  return ed25519(() => createPrivateKey(text), name, 'private')
}

/** Reads a public key; a private one is refused, for it has no business with whoever checks. */
export async function readPublicKey(environment: Environment, path: string): Promise<KeyObject> {
  const name = `public key ${named(path)}`
  const text = new TextDecoder().decode(await readBytesOf(environment, path, 'public key'))
  if (text.includes('PRIVATE KEY')) throw new InputError(`${name}: expected a public key, got a private one`)
  return ed25519(() => createPublicKey(text), name, 'public')
}

function ed25519(read: () => KeyObject, name: string, kind: string): KeyObject {
  let key: KeyObject | undefined
  try {
    key = read()
  } catch {
    // Nothing of the content: it may be a key.
  }
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new InputError(`${name}: expected an Ed25519 ${kind} key in PEM, got another content`)
  return key
}
