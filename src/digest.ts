/**
 * Digests that name things: SHA-256 of bytes or of canonical JSON (RFC 8785), written `sha256:<64 hex digits>`.
 * Two records with the same content have the same name whatever the order of their keys.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import canonicalize from 'canonicalize'
import { bytesToHex, utf8ToBytes } from './bytes.ts'

/** A digest in text form, as it appears in profiles, plans and verdicts. */
export type Digest = `sha256:${string}`

/** Names bytes by their SHA-256. */
export function digestBytes(bytes: Uint8Array): Digest {
  return `sha256:${bytesToHex(sha256(bytes))}`
}

/** Names a JSON value by the SHA-256 of its canonical form (RFC 8785). */
export function digestJson(value: unknown): Digest {
  return digestBytes(utf8ToBytes(canonicalJson(value)))
}

/** The canonical JSON text of a value (RFC 8785): keys sorted, no white space, numbers as ECMAScript prints them. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined)
    throw new TypeError('"value" expected a JSON value, got something that JSON cannot hold')
  return text
}
