/**
 * Works off the parts of a corpus, or a shard of them: cut, read, split into pairs, put into the store; parts that are done already are left alone, once it is sure that
 * their sources are what they were. Whatever happens, a part is in the store whole or not at all, and the same call goes on from there.
 */

import { utf8ToBytes } from '../bytes.ts'
import { type Digest, digestBytes } from '../digest.ts'
import type { Crew } from './crew.ts'
import {
  type BlockSize,
  type CutPart,
  isOwn,
  partName,
  partsOf,
  type Shard,
  type Stream,
  sharesBlocks,
} from './parts.ts'
import type { ScanRecords } from './records.ts'
import type { PairStore, PartRecord } from './store.ts'
import type { ScanSkipReason, SkippedRow, WorkDocument } from './work.ts'

/** What a part's record says of it. */
export interface PartAccount {
  readonly stream: number
  readonly block: number
  readonly isLast: boolean
  readonly documents: number
  readonly ids: number
  readonly skipped: Readonly<Partial<Record<ScanSkipReason, number>>>
  /** The first that were skipped. */
  readonly firstSkips: readonly SkippedRow[]
  /** Pairs by reading, each once within the part. */
  readonly pairs: readonly number[]
  /** Digests of what was read, of all that stands before it in its stream, of the documents' lines, and of the sample. */
  readonly input: Digest
  readonly before: Digest
  readonly lines: Digest
  readonly sample: Digest
  /** Every document whose name's first word is smaller is in the sample. */
  readonly sampledBelow: number
}

/** How far a scan is. */
export interface ScanProgress {
  readonly stage: 'reading' | 'counting'
  /** Parts worked off by this call, and parts that were there. */
  readonly parts: number
  readonly kept: number
  readonly documents: number
  readonly ids: number
  /** Bytes of the sources of which the size is known, and how many of them are behind; an estimate within a file. */
  readonly bytes: number
  readonly bytesDone: number
}

/** What a part's sample of documents is called, behind the part's name. */
export const SAMPLE = '-sample'

/** Places that a part's record has room for. */
const MOST_SKIPS = 5

/** What {@link workOff} is told. */
export interface WorkOffOptions {
  readonly scan: Digest
  readonly block: BlockSize
  readonly streams: readonly Stream[]
  readonly shard: Shard
  readonly store: PairStore
  readonly records: ScanRecords
  readonly crew: Crew
  readonly onProgress: (progress: ScanProgress) => void
  readonly signal: AbortSignal | undefined
}

/**
 * Works off what is not done yet.
 * @throws RangeError for a source that has changed; Error where it was interrupted, or the store failed.
 */
export async function workOff(options: WorkOffOptions): Promise<void> {
  const { scan, streams, shard, store, records, crew } = options
  const done = new Map<string, PartAccount>()
  for (const { name, scan: of, account } of await store.parts())
    if (of === scan && (await records.hasLines(name)) && (await records.hasLines(`${name}${SAMPLE}`)))
      done.set(name, account as unknown as PartAccount)
  const tally = tallyOf(options)
  const line = createLine(crew.size + 1)
  try {
    for (const [place, stream] of streams.entries()) {
      const bytes = stream.files.reduce((total, file) => total + (file.bytes ?? 0), 0)
      const isMine =
        sharesBlocks(streams.length, shard) || isOwn({ stream: place, block: 0 }, shard, streams.length)
      const kept = isMine
        ? await keptBlocks(place, stream, { done, records, shard, streams: streams.length })
        : undefined
      if (kept !== undefined) tally.kept(kept)
      else if (isMine) {
        let blocks = 0
        const stamp = await stream.stamp()
        for await (const part of partsOf(stream, place, options.block)) {
          options.signal?.throwIfAborted()
          blocks = part.block + 1
          const known = done.get(part.name)
          if (known) assertUnchanged(part, known, stream)
          else if (isOwn(part, shard, streams.length)) {
            await line.add(async () => {
              await work(part, stream, options)
              tally.part(part)
            })
          }
          tally.passed(part, stream)
          if (known) tally.kept(1)
        }
        await line.end()
        if (done.has(partName(place, blocks)))
          throw changed(stream, `${blocks} blocks, as when the scan began, or more`, 'fewer')
        if (stamp !== (await stream.stamp())) throw changed(stream, 'the same files to the end', 'others')
        if (stamp !== undefined) await records.putStream(place, { stamp, blocks })
      }
      tally.stream(bytes)
    }
  } finally {
    // What is under way is finished: it is not lost, and nobody writes after this call.
    await line.settle()
  }
  await records.putShard(shard)

  async function work(part: CutPart, stream: Stream, own: WorkOffOptions): Promise<void> {
    const { documents, skips } = sorted(part, stream)
    const worked = await own.crew.work(documents)
    const skipped = [...skips, ...worked.skipped].sort((a, b) =>
      (a.source ?? '') < (b.source ?? '') ? -1 : (a.source ?? '') > (b.source ?? '') ? 1 : a.row - b.row,
    )
    const account: PartAccount = {
      stream: part.stream,
      block: part.block,
      isLast: part.isLast,
      documents: worked.documents,
      ids: worked.ids,
      skipped: countsOf(skipped),
      firstSkips: skipped.slice(0, MOST_SKIPS),
      pairs: worked.blocks.map(({ pairs, contextWidth }) => pairs.length / (contextWidth + 1)),
      input: part.input,
      before: part.before,
      lines: digestBytes(utf8ToBytes(worked.lines)),
      sample: digestBytes(utf8ToBytes(worked.sample)),
      sampledBelow: worked.sampledBelow,
    }
    await records.putLines(`${part.name}${SAMPLE}`, worked.sample)
    await records.putLines(part.name, worked.lines)
    const record: PartRecord = { name: part.name, scan, account: { ...account } }
    await store.put(record, worked.blocks)
    tally.worked(account)
  }
}

/** Rows of a part: documents for the crew, and what the reader left out. */
function sorted(
  { rows }: CutPart,
  { name }: Stream,
): { readonly documents: readonly WorkDocument[]; readonly skips: readonly SkippedRow[] } {
  const documents: WorkDocument[] = []
  const skips: SkippedRow[] = []
  for (const one of rows) {
    const { source, row } = one
    const place = { row, ...(source === name ? {} : { source }) }
    if (one.kind === 'skipped') {
      const { reason, message } = one
      skips.push({ ...place, reason, message })
      continue
    }
    const { text, ids, promptLength, group } = one
    documents.push({
      ...place,
      ...(text === undefined ? {} : { text }),
      ...(ids === undefined ? {} : { ids }),
      ...(promptLength === undefined ? {} : { promptLength }),
      ...(group === undefined ? {} : { group }),
    })
  }
  return { documents, skips }
}

function countsOf(skipped: readonly SkippedRow[]): Partial<Record<ScanSkipReason, number>> {
  const counts: Partial<Record<ScanSkipReason, number>> = {}
  for (const { reason } of skipped) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

/** How many parts of ours there are, if a stream was read to its end before and has not been written since; undefined where it must be read. */
async function keptBlocks(
  place: number,
  stream: Stream,
  {
    done,
    records,
    shard,
    streams,
  }: {
    done: ReadonlyMap<string, PartAccount>
    records: ScanRecords
    shard: Shard
    streams: number
  },
): Promise<number | undefined> {
  const end = await records.stream(place)
  if (!end || end.stamp !== (await stream.stamp())) return undefined
  let kept = 0
  for (let block = 0; block < end.blocks; block++) {
    if (!isOwn({ stream: place, block }, shard, streams)) continue
    if (!done.has(partName(place, block))) return undefined
    kept++
  }
  return kept
}

function assertUnchanged(part: CutPart, known: PartAccount, stream: Stream): void {
  if (part.input !== known.input || part.before !== known.before || part.isLast !== known.isLast)
    throw changed(stream, `block ${part.block} as it was when it was worked off`, 'other content')
}

function changed(stream: Stream, expected: string, got: string): RangeError {
  return new RangeError(
    `source ${JSON.stringify(stream.name)}: expected ${expected}, got ${got}: it has changed; scan it again in a folder of its own`,
  )
}

/** Tasks in a line: at most so many under way; the first error ends it. */
function createLine(most: number): {
  add(task: () => Promise<void>): Promise<void>
  end(): Promise<void>
  settle(): Promise<void>
} {
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  const refuse = (): void => {
    if (failure) throw failure.error
  }
  return {
    async add(task) {
      refuse()
      const run = task()
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .finally(() => running.delete(run))
      running.add(run)
      if (running.size >= most) await Promise.race(running)
      refuse()
    },
    async end() {
      await Promise.all(running)
      refuse()
    },
    async settle() {
      await Promise.all(running)
    },
  }
}

function tallyOf({ streams, onProgress }: WorkOffOptions): {
  worked(account: PartAccount): void
  part(part: CutPart): void
  kept(parts: number): void
  passed(part: CutPart, stream: Stream): void
  stream(bytes: number): void
} {
  const bytes = streams.reduce(
    (total, { files }) => total + files.reduce((sum, file) => sum + (file.bytes ?? 0), 0),
    0,
  )
  let [parts, kept, documents, ids, behind, within] = [0, 0, 0, 0, 0, 0]
  const tell = (): void =>
    onProgress({ stage: 'reading', parts, kept, documents, ids, bytes, bytesDone: behind + within })
  return {
    worked(account) {
      documents += account.documents
      ids += account.ids
    },
    part() {
      parts++
      tell()
    },
    kept(more) {
      kept += more
      tell()
    },
    passed({ rows }, stream) {
      if (!stream.isPlain) return
      const size = stream.files.reduce((total, file) => total + (file.bytes ?? 0), 0)
      for (const row of rows) if (row.kind === 'document') within += row.text?.length ?? 4 * row.ids!.length
      within = Math.min(within, size)
    },
    stream(size) {
      behind += size
      within = 0
      tell()
    },
  }
}
