/**
 * The master key: 32 random bytes from which every other key of an owner is derived (derive.ts). Whoever has it can mark,
 * detect and accuse in the owner's name, so it is handed to nobody; an investigator gets mark keys.
 */
import { randomBytes } from '@noble/hashes/utils.js'
import { assertBytes } from '../assert.ts'
import { sealSecret, secretOf } from './secret.ts'

/** An owner's root secret. The record shows nothing of it. */
export interface MasterKey {
  readonly kind: 'master-key'
}

/** Length of a master key in bytes. */
export const MASTER_KEY_BYTES = 32

/**
 * Draws a master key from the operating system's generator.
 * @example
 * import { generateMasterKey } from 'dyetrace'
 * const master = generateMasterKey()
 * JSON.stringify(master) // '{"kind":"master-key"}'
 */
export function generateMasterKey(): MasterKey {
  return masterKeyFromBytes(randomBytes(MASTER_KEY_BYTES))
}

/**
 * Wraps bytes that come from a key store. They are copied; wipe yours.
 * @param bytes exactly 32 bytes.
 * @throws TypeError if not a Uint8Array; RangeError if not 32 bytes, or all zero (an unfilled buffer, not a key).
 */
export function masterKeyFromBytes(bytes: Uint8Array): MasterKey {
  assertBytes(bytes, { name: 'bytes', length: MASTER_KEY_BYTES })
  if (bytes.every((byte) => byte === 0))
    throw new RangeError('"bytes" expected 32 random bytes, got 32 zero bytes; was the buffer ever filled?')
  return sealSecret({ kind: 'master-key' as const }, { bytes })
}

/** The raw bytes, for writing into a key store. Handle with care: they are the whole secret. */
export function masterKeyBytes(master: MasterKey): Uint8Array {
  const { bytes } = secretOf(master, {
    kind: 'master-key',
    name: 'master',
    from: 'generateMasterKey or readKeyFile',
  })
  return new Uint8Array(bytes)
}
