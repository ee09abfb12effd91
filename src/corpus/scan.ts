/**
 * The scan of a corpus: sources or documents in, one record out. Every distinct (context, token) pair counts once over the whole corpus, so the verdict on it is that of
 * `identify` on all documents at once, bit for bit, however the work was cut, wherever it ran, and however often a part of it did. Everything that decides what
 * is read and scored is made without a key.
 *
 * Shards are calls that know nothing of each other: `scanShard` each, `mergeScans` at the end. A shard that never ran is missing from the merger, which says so
 * and gives no verdict.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { assertArray, assertInteger, assertNumber, assertOptions, assertString, describe } from '../assert.ts'
import type { KnownMark } from '../detect/known-marks.ts'
import { DEFAULT_ALPHA } from '../detect/verdict.ts'
import type { Digest } from '../digest.ts'
import { createCrew } from './crew.ts'
import type { CorpusDocument, Skipped } from './document.ts'
import { createEncoder } from './encoder.ts'
import { type JudgeRule, judge } from './judge.ts'
import { type BlockSize, DEFAULT_BLOCK, type Shard } from './parts.ts'
import { type Question, questionOf, type ReadingOptions, type TokenizerFiles } from './question.ts'
import { type ReadOptions, readRules } from './read-options.ts'
import { folderRecords, memoryRecords, readHeader, type ScanRecords } from './records.ts'
import type { ScanRecord } from './scan-record.ts'
import type { SourceFile } from './sources.ts'
import { assertSameMarks, headerOf, type ScanHeader, type ScanSpec } from './spec.ts'
import type { PairStore } from './store.ts'
import { duckdbStore } from './stores/duckdb.ts'
import { memoryStore } from './stores/memory.ts'
import { streamOfDocuments, streamsOfFiles } from './streams.ts'
import { type ScanProgress, workOff } from './work-off.ts'

/** What every call about a corpus takes. */
export interface CorpusOptions {
  /** At least one, chosen before looking: all that will be tried. All for one tokenizer. */
  readonly marks: readonly KnownMark[]
  /** Where pairs are kept. @defaultValue DuckDB in `folder`, or memory where there is none */
  readonly store?: PairStore
  /** Bytes that may be used, roughly: by DuckDB, for batches, for names of documents. @defaultValue 2 GiB */
  readonly memory?: number
  /** Threads beside this one; 0: none. Small corpora need none and start none. @defaultValue as many as there are processors and memory for */
  readonly workers?: number
  readonly onProgress?: (progress: ScanProgress) => void
}

/** How a corpus is decided about. */
export interface DecideOptions {
  /** The chance that anything innocent is accused. @defaultValue 1e-6 */
  readonly alpha?: number
  /** Expected share of wrong entries in the list of documents. @defaultValue 0.01 */
  readonly falseDiscoveryRate?: number
}

/** Options of {@link scanShard}. Either `sources` or `documents`. */
export interface ScanShardOptions extends CorpusOptions, ReadingOptions {
  /** Files, from `expandSources`. */
  readonly sources?: readonly SourceFile[]
  /** How their rows are read. @defaultValue columns "text" or "ids" */
  readonly columns?: ReadOptions
  /** Documents in an order that is the same each time. */
  readonly documents?: AsyncIterable<CorpusDocument | Skipped> | Iterable<CorpusDocument | Skipped>
  /** Needed where documents are text. */
  readonly tokenizer?: TokenizerFiles
  /** Where the scan is kept, so that it can be resumed and merged. @defaultValue memory */
  readonly folder?: string
  /** How a source is cut into parts, which are worked off whole or not at all; the same for all shards. @defaultValue 2,048 rows, 2^22 characters or bytes of ids */
  readonly block?: BlockSize
  /** Which part of the work this call does. @defaultValue all of it */
  readonly shard?: Shard
  /** Aborted: what is under way is finished, nothing new is begun. */
  readonly signal?: AbortSignal
}

/** Options of {@link scanCorpus}. */
export interface ScanCorpusOptions extends Omit<ScanShardOptions, 'shard'>, DecideOptions {}

/** Options of {@link mergeScans}. */
export interface MergeScansOptions extends CorpusOptions, DecideOptions {
  /** Judge what is there though parts are missing; the record says which. @defaultValue false */
  readonly partial?: boolean
}

/** What a shard did. */
export interface ShardReport {
  readonly scan: Digest
  readonly shard: Shard
  /** True where there were fewer files than shards, so that shards share files block by block. */
  readonly sharesFiles: boolean
  /** Parts worked off, and parts that were there already. */
  readonly parts: number
  readonly kept: number
  readonly documents: number
  readonly ids: number
}

const CORPUS_KEYS = ['marks', 'store', 'memory', 'workers', 'onProgress']
const DECIDE_KEYS = ['alpha', 'falseDiscoveryRate']
const SHARD_KEYS = [
  ...CORPUS_KEYS,
  ...['sources', 'columns', 'documents', 'tokenizer', 'folder', 'block', 'signal'],
  ...['endOfText', 'padding', 'canonicalise', 'minimumCounted'],
]

/**
 * Scans a corpus and judges it.
 * @returns the record: a verdict on every key and lane over all distinct pairs, documents that carry a mark, and an account of what was read.
 * @throws TypeError or RangeError for marks and options that are not what they should be, sources that have changed since the scan in the folder began; Error where it was
 * interrupted, or the store or the disk failed: what is done is kept, and the same call goes on.
 * @example
 * import { createProfile, deriveMarkKeys, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * import { scanCorpus } from 'dyetrace/corpus'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const marks = deriveMarkKeys(master, profile).map((key) => ({ profile, key }))
 * const documents = [[0, 1, 2], [1, 2, 0], [0, 1, 2]].map((ids, row) => (
 *   { kind: 'document', source: 'here', row, ids: Uint32Array.from(ids) }))
 * const { decision, tests, account } = await scanCorpus({ documents, marks })
 * console.log(decision, tests[0].verdict.counted, account.repeated) // insufficient 3 1
 */
export async function scanCorpus(options: ScanCorpusOptions): Promise<ScanRecord> {
  assertOptions(options, { name: 'options', keys: [...SHARD_KEYS, ...DECIDE_KEYS] })
  const rule = ruleOf({ ...options, partial: false })
  const scan = await opened(options)
  try {
    await work(scan, { index: 1, of: 1 }, options)
    options.onProgress?.({ ...scan.progress(), stage: 'counting' })
    return await judge(scan, rule)
  } finally {
    await scan.close()
  }
}

/**
 * Does one shard's part of a scan, and judges nothing.
 * @throws as {@link scanCorpus}.
 * @example
 * // Two machines, one folder each; any may be run again.
 * // await scanShard({ sources, marks, tokenizer, folder: 'scan-1', shard: { index: 1, of: 2 } })
 * // await scanShard({ sources, marks, tokenizer, folder: 'scan-2', shard: { index: 2, of: 2 } })
 * // const record = await mergeScans(['scan-1', 'scan-2'], { marks })
 */
export async function scanShard(options: ScanShardOptions): Promise<ShardReport> {
  assertOptions(options, { name: 'options', keys: [...SHARD_KEYS, 'shard'] })
  const shard = shardOf(options.shard)
  if (options.folder === undefined)
    throw new TypeError('"options.folder" expected a folder that the shard is kept in, got undefined')
  const scan = await opened(options)
  try {
    await work(scan, shard, options)
    const { parts, kept, documents, ids } = scan.progress()
    return Object.freeze({
      scan: scan.header.scan,
      shard: Object.freeze(shard),
      sharesFiles: scan.streams.length < shard.of,
      ...{ parts, kept, documents, ids },
    })
  } finally {
    await scan.close()
  }
}

/**
 * Judges shards together: of any split, in any order, some of them twice.
 * @param folders of one scan; those of all shards.
 * @throws RangeError for folders of different scans or marks; Error for missing parts, unless `partial` is given, and for files that are not as they were written.
 */
export async function mergeScans(
  folders: readonly string[],
  options: MergeScansOptions,
): Promise<ScanRecord> {
  assertArray(folders, { name: 'folders', expected: 'an array of folders' })
  for (const [i, folder] of folders.entries()) assertString(folder, { name: `folders[${i}]` })
  const [first, ...others] = folders
  if (first === undefined) throw new RangeError('"folders" expected at least one folder, got none')
  assertOptions(options, { name: 'options', keys: [...CORPUS_KEYS, ...DECIDE_KEYS, 'partial'] })
  const { memory, workers } = budgetOf(options)
  const rule = ruleOf(options)
  const header = (await Promise.all(folders.map(headerIn)))[0]!
  const question = questionOf(options.marks, header.spec.reading)
  assertSameMarks(question, header)
  const records = folderRecords(folders)
  await records.begin(header)
  const store =
    options.store ??
    (await duckdbStore({
      folder: join(first, PAIRS),
      others: others.map((folder) => join(folder, PAIRS)),
      memory: memory / 2,
    }))
  const crew = createCrew(question, workers, { tokenizer: undefined, wants: store.wants })
  try {
    return await judge({ question, header, store, records, crew, memory: memory / 4 }, rule)
  } finally {
    await crew.close()
    if (!options.store) await store.close()
  }
}

/** A name that is mistyped is no shard that did not end. */
async function headerIn(folder: string): Promise<ScanHeader> {
  const header = await readHeader(folder)
  if (!header) throw new RangeError(`folder ${folder}: expected a scan, got a folder without one`)
  return header
}

const PAIRS = 'pairs'

interface Opened {
  readonly question: Question
  readonly header: ScanHeader
  readonly streams: ReturnType<typeof streamsOfFiles>
  readonly store: PairStore
  readonly records: ScanRecords
  readonly crew: ReturnType<typeof createCrew>
  readonly memory: number
  progress(): ScanProgress
  setProgress(progress: ScanProgress): void
  close(): Promise<void>
}

async function opened(options: ScanShardOptions): Promise<Opened> {
  const { sources, documents, columns = {}, tokenizer, folder, block = DEFAULT_BLOCK } = options
  if ((sources === undefined) === (documents === undefined))
    throw new TypeError(
      `"options" expected sources or documents, got ${sources === undefined ? 'neither' : 'both'}`,
    )
  if (sources?.length === 0) throw new RangeError('"options.sources" expected at least one, got none')
  assertOptions(block, { name: 'options.block', keys: ['rows', 'size'] })
  for (const name of ['rows', 'size'] as const)
    assertInteger(block[name], { name: `options.block.${name}`, min: 1 })
  const { endOfText, padding, canonicalise, minimumCounted } = options
  const question = questionOf(options.marks, {
    ...(endOfText === undefined ? {} : { endOfText }),
    ...(padding === undefined ? {} : { padding }),
    ...(canonicalise === undefined ? {} : { canonicalise }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
  })
  // A wrong tokenizer is known before anything is read.
  if (tokenizer) createEncoder(tokenizer, question.marks[0]!.profile.tokenizer)
  const { memory, workers } = budgetOf(options)
  const reading = { vocabularySize: question.vocabularySize, ...columns }
  const streams = sources ? streamsOfFiles(sources, reading) : [streamOfDocuments(documents!)]
  const header = headerOf(question, {
    streams,
    tokenizer,
    columns: sources ? columnsOf(reading) : null,
    block: { rows: block.rows, size: block.size },
  })
  const records = folder === undefined ? memoryRecords() : folderRecords([folder])
  await records.begin(header)
  const store =
    options.store ??
    (folder === undefined
      ? memoryStore()
      : await duckdbStore({ folder: join(folder, PAIRS), memory: memory / 2 }))
  const crew = createCrew(question, workers, { tokenizer, wants: store.wants })
  let last: ScanProgress = {
    stage: 'reading',
    ...{ parts: 0, kept: 0, documents: 0, ids: 0, bytes: 0, bytesDone: 0 },
  }
  return {
    ...{ question, header, streams, store, records, crew },
    memory: memory / 4,
    progress: () => last,
    setProgress(progress) {
      last = progress
    },
    async close() {
      await crew.close()
      if (!options.store) await store.close()
    },
  }
}

async function work(scan: Opened, shard: Shard, { onProgress, signal }: ScanShardOptions): Promise<void> {
  const { header, streams, store, records, crew } = scan
  await workOff({
    scan: header.scan,
    block: header.spec.block,
    ...{ streams, shard, store, records, crew, signal },
    onProgress(progress) {
      scan.setProgress(progress)
      onProgress?.(progress)
    },
  })
}

/** Names of columns and limits: what decides which rows are documents. */
function columnsOf(options: ReadOptions): NonNullable<ScanSpec['columns']> {
  const { columns, maximumBytes, vocabularySize } = readRules(options)
  const named = Object.entries(columns).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return { ...Object.fromEntries(named), maximumBytes, vocabularySize }
}

function ruleOf({
  alpha = DEFAULT_ALPHA,
  falseDiscoveryRate = 0.01,
  partial = false,
}: MergeScansOptions): JudgeRule {
  for (const [name, value] of Object.entries({ alpha, falseDiscoveryRate }))
    assertNumber(value, {
      name: `options.${name}`,
      expected: 'a level above 0 and below 1',
      holds: (level) => level > 0 && level < 1,
    })
  if (typeof partial !== 'boolean')
    throw new TypeError(`"options.partial" expected true or false, got ${describe(partial)}`)
  return { alpha, falseDiscoveryRate, partial }
}

function shardOf(shard: Shard = { index: 1, of: 1 }): Shard {
  assertOptions(shard, { name: 'options.shard', keys: ['index', 'of'] })
  const { index, of } = shard
  assertInteger(of, { name: 'options.shard.of', min: 1, max: 1_000_000 })
  assertInteger(index, { name: 'options.shard.index', min: 1, max: of })
  return { index, of }
}

const DEFAULT_MEMORY = 2 ** 31
/** What a thread takes: a tokenizer, a part with its pairs, what it gives back. */
const MEMORY_A_WORKER = 2 ** 28

function budgetOf({ memory = DEFAULT_MEMORY, workers }: CorpusOptions): {
  readonly memory: number
  readonly workers: number
} {
  assertInteger(memory, { name: 'options.memory', min: 2 ** 28 })
  if (workers !== undefined) assertInteger(workers, { name: 'options.workers', max: 1024 })
  const room = Math.floor(memory / 2 / MEMORY_A_WORKER)
  return { memory, workers: workers ?? Math.min(availableParallelism(), room) }
}
