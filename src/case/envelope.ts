/**
 * DSSE envelopes (Dead Simple Signing Envelope, protocol and JSON form of version 1): bytes, what they are, and one Ed25519 signature (RFC 8032) over
 * both, by node:crypto. One payload type, one algorithm, one signature and one spelling; whatever differs is refused with a reason, for two readers
 * must not take one envelope for two things.
 */
import { createHash, createPublicKey, KeyObject, sign, verify } from 'node:crypto'
import { concatBytes, utf8ToBytes } from '../bytes.ts'
import { canonicalJson } from '../digest.ts'
import { parseJson } from '../json.ts'
import { ownFields } from '../plan/fields.ts'
import { fromBase64, toBase64 } from './base64.ts'

/** Media type of an in-toto statement, the only payload there is. */
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
const FILE = 'evidence.json'
const SIGNATURE_BYTES = 64
const PUBLIC_KEY_BYTES = 32

/** What an envelope holds. Whether the signature is good is for `verifyCase` to say. */
export interface Envelope {
  readonly payload: Uint8Array
  /** Name of the signer's key: hexadecimal SHA-256 of its SubjectPublicKeyInfo. */
  readonly keyid: string
  readonly signature: Uint8Array
}

/** The bytes that are signed: "DSSEv1", then length and bytes of type and payload, all parted by single spaces (PAE). */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8ToBytes(payloadType)
  return concatBytes(utf8ToBytes(`DSSEv1 ${type.length} `), type, utf8ToBytes(` ${payload.length} `), payload)
}

/** Signs a payload. @returns the text of evidence.json: canonical JSON and a line feed. */
export function signEnvelope(payload: Uint8Array, signer: KeyObject): string {
  const signature = sign(null, preAuthEncoding(PAYLOAD_TYPE, payload), signer)
  const record = {
    payload: toBase64(payload),
    payloadType: PAYLOAD_TYPE,
    signatures: [{ keyid: keyIdOfSigner(publicKeyOf(signer)), sig: toBase64(signature) }],
  }
  return `${canonicalJson(record)}\n`
}

/**
 * Reads evidence.json.
 * @throws RangeError or TypeError that says what is not as it must be.
 */
export function parseEnvelope(text: string): Envelope {
  const value = parseJson(text, { start: `"${FILE}"`, expected: 'a DSSE envelope' })
  const fields = ownFields(value, { name: FILE, keys: ['payload', 'payloadType', 'signatures'] })
  if (fields.payloadType !== PAYLOAD_TYPE)
    throw new RangeError(`"${FILE}.payloadType" expected "${PAYLOAD_TYPE}", got another`)
  const { signatures } = fields
  if (!Array.isArray(signatures) || signatures.length !== 1)
    throw new RangeError(
      `"${FILE}.signatures" expected one signature, got ${Array.isArray(signatures) ? signatures.length : 'something else'}`,
    )
  const { keyid, sig } = ownFields(signatures[0], { name: `${FILE}.signatures[0]`, keys: ['keyid', 'sig'] })
  if (typeof keyid !== 'string' || !/^[0-9a-f]{64}$/.test(keyid))
    throw new RangeError(`"${FILE}.signatures[0].keyid" expected 64 hex digits, got something else`)
  const signature = fromBase64(sig, { name: `${FILE}.signatures[0].sig` })
  if (signature.length !== SIGNATURE_BYTES)
    throw new RangeError(
      `"${FILE}.signatures[0].sig" expected an Ed25519 signature of ${SIGNATURE_BYTES} bytes, got ${signature.length}`,
    )
  const payload = fromBase64(fields.payload, { name: `${FILE}.payload` })
  if (`${canonicalJson(value)}\n` !== text)
    throw new RangeError(`"${FILE}" expected canonical JSON and a line feed, got another spelling`)
  return { payload, keyid, signature }
}

/** True if the envelope was signed with the private half of this key. */
export function isSignedBy({ payload, signature }: Envelope, publicKey: KeyObject): boolean {
  return verify(null, preAuthEncoding(PAYLOAD_TYPE, payload), publicKey, signature)
}

/** Name of a signer's key. */
export function keyIdOfSigner(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

/** The 32 bytes of a public key. */
export function publicKeyBytes(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' })['x'] as string, 'base64url'))
}

/** The other way. @throws RangeError for another number of bytes. */
export function publicKeyFromBytes(bytes: Uint8Array, { name }: { name: string }): KeyObject {
  if (bytes.length !== PUBLIC_KEY_BYTES)
    throw new RangeError(
      `"${name}" expected an Ed25519 public key of ${PUBLIC_KEY_BYTES} bytes, got ${bytes.length}`,
    )
  const x = Buffer.from(bytes).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

/** The public half of a signer's key. */
export function publicKeyOf(signer: KeyObject): KeyObject {
  return createPublicKey(signer)
}

/** Refuses what is no Ed25519 key of this type. Nothing of it is shown. */
export function assertEd25519(
  key: unknown,
  { name, type }: { name: string; type: 'private' | 'public' },
): asserts key is KeyObject {
  const expected = `an Ed25519 ${type} key as a KeyObject of node:crypto`
  if (!(key instanceof KeyObject)) throw new TypeError(`"${name}" expected ${expected}, got something else`)
  if (key.type !== type) throw new RangeError(`"${name}" expected ${expected}, got a ${key.type} key`)
  if (key.asymmetricKeyType !== 'ed25519')
    throw new RangeError(`"${name}" expected ${expected}, got one of another algorithm`)
}
