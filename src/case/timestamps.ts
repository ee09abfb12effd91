/**
 * timestamps.json: what others said about when evidence.json was there. It stands outside of what is signed, because it can only be had afterwards, and
 * it is carried, not checked: that takes the certificates of whoever stamped (docs/evidence.md has the commands).
 */
import { assertOneOf, assertRecord, assertString } from '../assert.ts'
import { canonicalJson, type Digest } from '../digest.ts'
import { parseJson } from '../json.ts'
import { entriesOf, ownFields, readDigest, readLine } from '../plan/fields.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { fileDigest } from './files.ts'

/** A time-stamp token of RFC 3161 over the bytes of evidence.json, or an entry of a transparency log about them. */
export type Timestamp =
  | {
      readonly kind: 'rfc3161'
      /** The authority's response or token, DER. */
      readonly token: Uint8Array
    }
  | {
      readonly kind: 'transparency-log'
      /** Which log, in words or as an address. */
      readonly log: string
      /** What the log gave, as it gave it. */
      readonly entry: Uint8Array
    }

/** What timestamps.json holds. */
export interface Timestamps {
  /** SHA-256 of evidence.json. */
  readonly evidence: Digest
  readonly stamps: readonly Timestamp[]
}

const FILE = 'timestamps.json'
const FORMAT = 'dyetrace/timestamps-1'

/**
 * The text of timestamps.json.
 * @param evidence the text of evidence.json that was stamped.
 * @example
 * import { formatTimestamps, parseTimestamps } from 'dyetrace/evidence'
 * const text = formatTimestamps('{}\n', [{ kind: 'rfc3161', token: Uint8Array.of(48, 0) }])
 * parseTimestamps(text).stamps.length // 1
 */
export function formatTimestamps(evidence: string, stamps: readonly Timestamp[]): string {
  assertString(evidence, { name: 'evidence', expected: 'the text of evidence.json' })
  const record = {
    format: FORMAT,
    evidence: fileDigest(evidence),
    stamps: stamps.map((stamp) =>
      stamp.kind === 'rfc3161'
        ? { kind: stamp.kind, token: toBase64(stamp.token) }
        : { kind: stamp.kind, log: stamp.log, entry: toBase64(stamp.entry) },
    ),
  }
  const text = `${canonicalJson(record)}\n`
  parseTimestamps(text)
  return text
}

/** Reads timestamps.json. @throws TypeError or RangeError that names the field. */
export function parseTimestamps(text: string): Timestamps {
  const value = parseJson(text, { start: `"${FILE}"`, expected: 'a JSON object' })
  const fields = ownFields(value, { name: FILE, keys: ['format', 'evidence', 'stamps'] })
  assertOneOf(fields.format, { name: `${FILE}.format`, values: [FORMAT] })
  return Object.freeze({
    evidence: readDigest(fields.evidence, { name: `${FILE}.evidence` }),
    stamps: entriesOf(fields.stamps, {
      name: `${FILE}.stamps`,
      expected: 'an array of stamps',
      read: readStamp,
    }),
  })
}

function readStamp(value: unknown, name: string): Timestamp {
  assertRecord(value, { name })
  const { kind } = value
  assertOneOf(kind, { name: `${name}.kind`, values: ['rfc3161', 'transparency-log'] })
  if (kind === 'rfc3161') {
    const { token } = ownFields(value, { name, keys: ['kind', 'token'] })
    return Object.freeze({ kind, token: fromBase64(token, { name: `${name}.token` }) })
  }
  const { log, entry } = ownFields(value, { name, keys: ['kind', 'log', 'entry'] })
  return Object.freeze({
    kind,
    log: readLine(log, { name: `${name}.log` }),
    entry: fromBase64(entry, { name: `${name}.entry` }),
  })
}
