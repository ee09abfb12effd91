/**
 * What a scan is of, in public: marks by their names, how text is read, which files. Its digest names the scan. Parts carry the name, and a store refuses those of another
 * scan: added up, they would be a total of nothing. The number of shards is not in it, so that any split gives the same parts.
 */

import { utf8ToBytes } from '../bytes.ts'
import { canonicalJson, type Digest, digestBytes, digestJson } from '../digest.ts'
import { profileDigest } from '../keys/profile.ts'
import { type BlockSize, digestOfFiles, type Stream, type StreamFile } from './parts.ts'
import type { Question, ReadingOptions, TokenizerFiles } from './question.ts'

/** What a scan is of. */
export interface ScanSpec {
  readonly format: 'dyetrace/scan-spec-1'
  readonly marks: readonly {
    readonly profile: Digest
    readonly keyId: string
    readonly range: { readonly from: number; readonly to: number }
    readonly lanes: readonly number[]
  }[]
  readonly reading: ReadingOptions
  /** Of the tokenizer's files; null where none was given. */
  readonly tokenizer: Digest | null
  /** Names of columns, as the reader of the sources has them; null where a caller gives documents. */
  readonly columns: Readonly<Record<string, string | number>> | null
  /** Files with their sizes, by digest. */
  readonly sources: Digest
  readonly block: BlockSize
}

/** A scan's file: its spec and what the digest of its sources stands for. */
export interface ScanHeader {
  readonly format: 'dyetrace/scan-header-1'
  readonly scan: Digest
  readonly spec: ScanSpec
  readonly streams: readonly { readonly name: string; readonly files: readonly StreamFile[] }[]
}

/** Describes a scan. */
export function headerOf(
  { marks, options }: Question,
  {
    streams,
    tokenizer,
    columns,
    block,
  }: {
    readonly streams: readonly Stream[]
    readonly tokenizer: TokenizerFiles | undefined
    readonly columns: ScanSpec['columns']
    readonly block: BlockSize
  },
): ScanHeader {
  const spec: ScanSpec = {
    format: 'dyetrace/scan-spec-1',
    marks: namesOf(marks),
    reading: options,
    tokenizer: tokenizer
      ? digestBytes(utf8ToBytes(JSON.stringify([tokenizer.json, tokenizer.config ?? null])))
      : null,
    columns,
    sources: digestOfFiles(streams),
    block,
  }
  return {
    format: 'dyetrace/scan-header-1',
    scan: digestJson(spec),
    spec,
    streams: streams.map(({ name, files }) => ({ name, files })),
  }
}

function namesOf(marks: Question['marks']): ScanSpec['marks'] {
  return marks.map(({ profile, key, lanes }) => ({
    profile: profileDigest(profile),
    keyId: key.keyId,
    range: { from: key.range.from, to: key.range.to },
    lanes,
  }))
}

/** Refuses to judge a scan for other marks than those that it was begun for: they were chosen before looking. */
export function assertSameMarks({ marks }: Question, { spec }: ScanHeader): void {
  if (canonicalJson(namesOf(marks)) !== canonicalJson(spec.marks))
    throw new RangeError(
      '"marks" expected the profiles, keys and lanes that the scan was begun for, in their order, got others',
    )
}

/**
 * Refuses a scan of something else, and says what differs.
 * @param place how a message begins: the folder that has `known`.
 */
export function assertSameScan(header: ScanHeader, known: ScanHeader, place: string): void {
  if (header.scan === known.scan) return
  const change = changeOfSources(header, known)
  if (change !== undefined) throw new RangeError(`${place} ${change}`)
  const member = (Object.keys(header.spec) as (keyof ScanSpec)[]).find(
    (name) => JSON.stringify(header.spec[name]) !== JSON.stringify(known.spec[name]),
  )
  throw new RangeError(
    `${place} expected a scan with the same ${WORDS[member ?? 'format']}, got another; take another folder for it`,
  )
}

const WORDS: Record<keyof ScanSpec, string> = {
  format: 'format',
  marks: 'profiles, keys and lanes',
  reading: 'way to read text',
  tokenizer: 'tokenizer',
  columns: 'columns',
  sources: 'sources',
  block: 'size of blocks',
}

function changeOfSources(header: ScanHeader, known: ScanHeader): string | undefined {
  if (header.spec.sources === known.spec.sources) return undefined
  const filesOf = ({ streams }: ScanHeader): readonly StreamFile[] => streams.flatMap(({ files }) => files)
  const [now, then] = [filesOf(header), filesOf(known)]
  const at = now.findIndex(({ name, bytes }, i) => then[i]?.name !== name || then[i]?.bytes !== bytes)
  const [a, b] = [now[at], then[at]]
  if (a && b && a.name === b.name)
    return `expected source ${JSON.stringify(a.name)} with ${b.bytes} bytes, as when the scan began, got ${a.bytes}: it has changed`
  return `expected the ${then.length} sources that the scan began with, got ${now.length}, of which ${a ? JSON.stringify(a.name) : 'the last'} differs`
}
