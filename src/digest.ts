/**
 * Digests that name things: SHA-256 of bytes or of canonical JSON (RFC 8785), written `sha256:<64 hex digits>`.
 * Two records with the same content have the same name whatever the order of their keys.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import canonicalize from 'canonicalize'
import { describe } from './assert.ts'
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

/**
 * The canonical JSON text of a value (RFC 8785): keys sorted, no white space, numbers as ECMAScript prints them. A property
 * that is undefined is left out.
 * @throws TypeError or RangeError for what JSON cannot hold, wherever it stands: left out or replaced, it would give two
 * values one name.
 */
export function canonicalJson(value: unknown): string {
  assertJson(value, { name: 'value', inside: [] })
  return canonicalize(value)!
}

// A half of a surrogate pair has no UTF-8: RFC 8785 section 3.2.2.2 asks for an error. With the flag u, a whole pair is one character.
const LONE_SURROGATE = /\p{Surrogate}/u

function isJsonScalar(value: unknown): boolean {
  if (typeof value === 'string') return !LONE_SURROGATE.test(value)
  return Number.isFinite(value) || typeof value === 'boolean' || value === null
}

function assertJson(value: unknown, { name, inside }: { name: string; inside: readonly object[] }): void {
  if (isJsonScalar(value)) return
  const refused = `"${name}" expected a JSON value, got ${describe(value)}`
  if (typeof value === 'number' || typeof value === 'string') throw new RangeError(refused)
  // The tag of arrays and records; maps, dates, typed arrays and the like have their own, and would lose what they hold.
  const isRecord = Object.prototype.toString.call(value) === '[object Object]'
  if (typeof value !== 'object' || value === null || !(Array.isArray(value) || isRecord))
    throw new TypeError(refused)
  if (inside.includes(value)) throw new RangeError(`${refused} that holds itself`)
  const deeper = [...inside, value]
  if (Array.isArray(value)) {
    // By index: a hole in the array is undefined, and refused.
    for (let i = 0; i < value.length; i++) {
      if (!isJsonScalar(value[i])) assertJson(value[i], { name: `${name}[${i}]`, inside: deeper })
    }
    return
  }
  for (const [key, field] of Object.entries(value)) {
    if (LONE_SURROGATE.test(key)) throw new RangeError(`"${name}" expected JSON keys, got ${describe(key)}`)
    if (field !== undefined) assertJson(field, { name: `${name}.${key}`, inside: deeper })
  }
}
