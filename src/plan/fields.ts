/**
 * How the fields of a plan are read: each once, none that is inherited, and each checked and copied in one go. A getter or a proxy could
 * answer the check and the use differently, and what a plan says decides who is accused.
 */
import { assertArray, assertRecord, assertString } from '../assert.ts'
import type { Digest } from '../digest.ts'

/** The named own fields of a record that has no others. */
export function ownFields<const Key extends string>(
  value: unknown,
  { name, keys }: { name: string; keys: readonly Key[] },
): Record<Key, unknown> {
  assertRecord(value, { name, keys })
  const fields = keys.map((key) => [key, Object.hasOwn(value, key) ? value[key] : undefined])
  return Object.fromEntries(fields) as Record<Key, unknown>
}

/** A copy of an array, each of its entries read by `read`. */
export function entriesOf<T>(
  value: unknown,
  { name, expected, read }: { name: string; expected: string; read: (entry: unknown, name: string) => T },
): readonly T[] {
  assertArray(value, { name, expected })
  const entries = value as ArrayLike<unknown>
  return Object.freeze(Array.from({ length: entries.length }, (_, i) => read(entries[i], `${name}[${i}]`)))
}

/** The record of one optional field: without it where it was not given, for a plan never holds null or undefined. */
export function optional<Key extends string, T>(
  key: Key,
  value: unknown,
  read: (value: unknown) => T,
): { readonly [K in Key]?: T } {
  return value === undefined ? {} : ({ [key]: read(value) } as { readonly [K in Key]?: T })
}

// One line, and nothing that cannot be written as UTF-8: names stand in sentences and in records that are digested.
const LINE = /^[^\p{Control}\p{Surrogate}\p{Line_Separator}\p{Paragraph_Separator}]*$/u

/** Words on one line. */
export function readLine(
  value: unknown,
  { name, expected = 'a name of one line' }: { name: string; expected?: string },
): string {
  assertString(value, { name, expected, pattern: LINE })
  assertString(value, { name, expected, pattern: /\S/ })
  return value
}

/** A digest in text form. */
export function readDigest(value: unknown, { name }: { name: string }): Digest {
  assertString(value, {
    name,
    expected: 'a digest "sha256:" + 64 hex digits',
    pattern: /^sha256:[0-9a-f]{64}$/,
  })
  return value as Digest
}
