/**
 * Secrets that cannot be printed by accident. The public side of a key is a plain frozen record (ids, labels); its bytes live
 * in a WeakMap of this module, so `console.log`, `JSON.stringify`, `structuredClone`, spreading and error messages show
 * nothing. Only code that calls `secretOf` sees bytes, and that is easy to search for.
 */
import { describeHidden } from '../assert.ts'

/** The bytes behind a key record. */
export interface Secret {
  readonly bytes: Uint8Array
  /** Route key of the same owner, absent where one layer needs no routing. */
  readonly route?: Uint8Array | undefined
  /** Salt of the commitment to a mark key, absent where there is no commitment. */
  readonly salt?: Uint8Array | undefined
}

const secrets = new WeakMap<object, Secret>()

/** Freezes a public record and ties bytes to it. The bytes are copied: the caller may wipe its own. */
export function sealSecret<T extends { readonly kind: string }>(
  record: T,
  { bytes, route, salt }: Secret,
): Readonly<T> {
  // Not `slice`, which on a Buffer is a view: wiping it would wipe the key, and a key of zeros would go on marking.
  const copy = (secret: Uint8Array | undefined): Uint8Array | undefined => secret && new Uint8Array(secret)
  secrets.set(record, { bytes: new Uint8Array(bytes), route: copy(route), salt: copy(salt) })
  return Object.freeze(record)
}

/**
 * The bytes behind a key record made by this package.
 * @throws TypeError for anything else: a copy of the record, parsed JSON, a key of another kind.
 */
export function secretOf(
  record: unknown,
  { kind, name, from }: { kind: string; name: string; from: string },
): Secret {
  const secret = typeof record === 'object' && record !== null ? secrets.get(record) : undefined
  if (secret && (record as { kind: string }).kind === kind) return secret
  const got = secret ? `a ${(record as { kind: string }).kind}` : describeHidden(record)
  const isCopy = !secret && typeof record === 'object' && record !== null && !Array.isArray(record)
  const hint = isCopy ? '; a copy of a key record does not carry the key' : ''
  throw new TypeError(`"${name}" expected a ${kind} from ${from}, got ${got}${hint}`)
}
