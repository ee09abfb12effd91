/**
 * From one master key to the keys that mark: the HKDF steps and names of wire format `dyetrace/1` (docs/wire-format.md).
 * Bytes in, bytes out; nothing here knows what a profile is. Changing any of it is a new wire version.
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '../bytes.ts'
import type { Digest } from '../digest.ts'
import type { EngineSchemeId } from './engine-profile.ts'

/** The schemes that have a name in the wire format. */
export const SCHEME_IDS = ['green-list', 'gumbel', 'tournament'] as const
export type SchemeId = (typeof SCHEME_IDS)[number]

/** How field numbers are cut from the key stream: everything that the mark key's name says about the mark. */
export interface MarkFormat {
  readonly scheme: SchemeId | EngineSchemeId
  /** Previous tokens that choose the field numbers, 0..4. */
  readonly contextWidth: number
  /** Bits of one field number: 1, 8 or 32. */
  readonly bits: 1 | 8 | 32
  /** Accounts that share a block, 1..512 / bits. */
  readonly lanes: number
  /** green-list: k, green if field < k; tournament: rounds; gumbel: 0. */
  readonly param: number
  readonly tokenizer: Digest
}

const VERSION = 'dyetrace/1'
const KEY_BYTES = 32

// RFC 5869 with SHA-256; an empty salt is HashLen zero bytes (section 2.2).
function derive(ikm: Uint8Array, info: string, length = KEY_BYTES): Uint8Array {
  return hkdf(sha256, ikm, new Uint8Array(0), utf8ToBytes(info), length)
}

/** Layer key: one a role and label (a provider, an epoch, a cohort, a canary). */
export function deriveLayerKey(master: Uint8Array, label: string): Uint8Array {
  return derive(master, `${VERSION}|layer|${label}`)
}

/** The mark's full name: the info string under which the mark key is derived, and a part of the commitment. */
export function markInfo(format: MarkFormat): string {
  const { scheme, contextWidth, bits, lanes, param, tokenizer } = format
  return `${VERSION}|mark|${scheme}|w${contextWidth}|b${bits}|l${lanes}|p${param}|${tokenizer}`
}

/** Mark key: what an investigator is handed; it marks and detects this one mark and derives nothing else. */
export function deriveMarkKeyBytes(layerKey: Uint8Array, format: MarkFormat): Uint8Array {
  return derive(layerKey, markInfo(format))
}

/** Route key: decides which layer a context belongs to. One a master, width and tokenizer. */
export function deriveRouteKey(master: Uint8Array, { contextWidth, tokenizer }: MarkFormat): Uint8Array {
  return derive(master, `${VERSION}|route|w${contextWidth}|${tokenizer}`)
}

/**
 * The commitment's salt, derived from the layer key so that the master key alone opens every commitment and there is no
 * second secret to lose. (The wire format asks for 32 bytes that hide the key and leaves their origin to us.)
 */
export function deriveCommitmentSalt(layerKey: Uint8Array, format: MarkFormat): Uint8Array {
  return derive(layerKey, `${VERSION}|salt|${markInfo(format)}`)
}

/** Key id: the first 16 hex digits of SHA-256(`dyetrace/1|id|` + mark key). Safe to publish. */
export function keyIdOf(markKey: Uint8Array): string {
  return bytesToHex(sha256(concatBytes(utf8ToBytes(`${VERSION}|id|`), markKey))).slice(0, 16)
}

/**
 * Commitment to a key, its routing and its mark, published before serving: later it proves that none was chosen after the
 * fact. SHA-256(`dyetrace/1|commit|` + mark key + route key + salt + mark info); 32 zero bytes where one layer needs no routing.
 */
export function commitmentOf(secret: {
  markKey: Uint8Array
  routeKey: Uint8Array | undefined
  salt: Uint8Array
  info: string
}): string {
  const routeKey = secret.routeKey ?? new Uint8Array(KEY_BYTES)
  return bytesToHex(
    sha256(
      concatBytes(
        utf8ToBytes(`${VERSION}|commit|`),
        secret.markKey,
        routeKey,
        secret.salt,
        utf8ToBytes(secret.info),
      ),
    ),
  )
}

/**
 * Decoy key i: a key that nobody picked, from public digests (distillation test, controls).
 * @param length of a mark key, 32 bytes; keys of other engines have other lengths.
 */
export function deriveDecoyKeyBytes(publicMaterial: Uint8Array, index: number, length?: number): Uint8Array {
  return derive(publicMaterial, `${VERSION}|decoy|${index}`, length)
}
