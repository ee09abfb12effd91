/** `scan`: is our mark in a whole data set, and where? */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Shard } from '../../corpus/parts.ts'
import { type CorpusOptions, mergeScans, scanCorpus, scanShard } from '../../corpus/scan.ts'
import type { ScannedDocument, ScanRecord } from '../../corpus/scan-record.ts'
import { expandSources, type SourceFile } from '../../corpus/sources.ts'
import type { ScanProgress } from '../../corpus/work-off.ts'
import type { KnownMark } from '../../detect/identify.ts'
import type { Call, CommandSpec, Outcome } from '../call.ts'
import { shown } from '../call.ts'
import { CLUSTER_OPTIONS, clusterStore } from '../cluster-store.ts'
import { EXIT, InputError, UnfinishedError } from '../exit.ts'
import { at, named } from '../files.ts'
import { readMarkKeys, readProfile } from '../marks.ts'
import { columns, count, grouped, levelOf, printable } from '../printable.ts'
import { type ProgressLine, progressLine } from '../progress.ts'
import { assertTokenizerOf, type ReadTokenizer, readTokenizer } from '../tokenizer.ts'
import { decisiveP, exitOf, meaning, pOf } from '../verdict-words.ts'
import { alphaOf } from './detect.ts'
import { candidatesOf, distinctMarks } from './identify.ts'

/** More than this is kept on disk while it is counted. */
const MOST_IN_MEMORY = 32 * 2 ** 20
const MOST_TESTS = 5
const MOST_DOCUMENTS = 20
const MOST_SKIPS = 3

export const scan: CommandSpec = {
  path: 'scan',
  summary: 'is our mark in a whole data set, and in which documents?',
  about:
    'Reads JSON lines, Parquet, text files and folders, gzip and zstd, patterns and standard input. Every pair of context and token counts once over the whole corpus, so repeats and templates accuse nobody. With --out the work is kept there: the same command goes on after a kill, and --shard 3/64 does one of 64 parts of it, on any machine, in any order; --merge judges the folders together and says which shards are missing.',
  operands: [['[sources...]', 'files, folders, patterns or "-"; with --merge: folders of --out']],
  options: [
    { flags: '-p, --profile <file>', says: 'the profile of the mark, for --key' },
    {
      flags: '-k, --key <file>',
      says: 'mark key, master key, ring or engine configuration; several times',
      list: true,
    },
    { flags: '--ring <file>', says: 'key ring; all its keys are tried; several times', list: true },
    {
      flags: '--mark <profile=key>',
      says: 'another profile and a file with its keys; several times',
      list: true,
    },
    {
      flags: '--engine <engine=file>',
      says: "an engine's configuration, as in vllm=watermark.json; several times",
      list: true,
    },
    { flags: '--lane <n>', says: 'only this lane of each key (default: all)' },
    {
      flags: '-t, --tokenizer <path>',
      says: "tokenizer.json of the marked model, or the model's folder; needed for text",
    },
    { flags: '--text-column <name>', says: 'column with the text (default text)' },
    { flags: '--ids-column <name>', says: 'column with token ids (default ids)' },
    { flags: '--prompt-length-column <name>', says: 'column with the number of prompt ids' },
    { flags: '--group-column <name>', says: 'column that says when or from where; counted by its values' },
    {
      flags: '--canonicalise',
      says: 'undo look-alike letters and characters of no width before reading the text',
    },
    { flags: '--end-of-text <id>', says: 'what follows this id is not read' },
    { flags: '-o, --out <folder>', says: 'keep the work there, to go on or to merge' },
    { flags: '--shard <i/n>', says: 'do one of n parts of the work, and judge nothing; needs --out' },
    { flags: '--merge', says: 'judge folders of --out together' },
    { flags: '--partial', says: 'with --merge: judge what is there though parts are missing' },
    ...CLUSTER_OPTIONS,
    { flags: '--memory <size>', says: 'about how much may be used, as in 4GiB (default 2GiB)' },
    { flags: '--workers <n>', says: 'threads; 0: none beside this one (default: one a processor)' },
    { flags: '--false-discovery-rate <q>', says: 'share of wrong documents in the list (default 0.01)' },
    { flags: '--alpha <p>', says: 'level of the whole call: chance to accuse an innocent (default 1e-6)' },
    { flags: '--minimum-counted <n>', says: 'fewer scored pairs are "insufficient" (default 64)' },
  ],
  examples: [
    'dyetrace scan answers novels --profile acme.profile.json --key acme.mark.json --tokenizer teacher',
    'dyetrace scan answers novels --profile acme.profile.json --key acme.mark.json --tokenizer teacher --out scans/1 --shard 1/2',
    'dyetrace scan answers novels --profile acme.profile.json --key acme.mark.json --tokenizer teacher --out scans/2 --shard 2/2',
    'dyetrace scan --merge scans/1 scans/2 --profile acme.profile.json --key acme.mark.json',
  ],
  exits: '0 no evidence (also insufficient), or a shard is done; 10 evidence',
  json: {
    'format?': 'dyetrace/scan-1 (docs/scan.md)',
    scan: 'digest that names the scan',
    'decision?': 'evidence, no-evidence or insufficient',
    'alpha?': 'level of the whole call',
    'alphaEach?': 'of the question about all pairs together, and of that about single documents',
    'tests?': 'a verdict on each key and lane over the whole corpus',
    'smallest?': 'whether some document carries a mark by itself, and the one that shows most',
    'found?': 'documents that carry a mark, for screening: level, count, the first 100',
    'shares?': 'share of marked documents with its interval, for the keys and lanes that show most',
    'groups?': 'counts by the group column, or null',
    'account?': 'what was read and what was left out, and why',
    'missing?': 'with --partial: shards and parts that are not there',
    'notes?': 'what to know of the result',
    'shard?': 'with --shard: which one of how many',
    'sharesFiles?': 'with --shard: whether shards share files, as there are fewer files than shards',
    'parts?': 'with --shard: parts worked off',
    'kept?': 'with --shard: parts that were there already',
    'documents?': 'with --shard: documents read',
    'ids?': 'with --shard: token ids read',
  },
  async run(call) {
    const progress = progressLine(call.environment, { isQuiet: call.isJson })
    try {
      return call.flag('merge') ? await merged(call, progress) : await scanned(call, progress)
    } finally {
      progress.clear()
    }
  },
}

async function merged(call: Call, progress: ProgressLine): Promise<Outcome> {
  const { environment, operands } = call
  for (const name of ['out', 'shard', 'tokenizer', 'end-of-text', 'minimum-counted'])
    if (call.option(name) !== undefined)
      throw new InputError(
        `option --merge: expected no --${name} beside it, as the scan has its own, got one`,
      )
  if (operands.length === 0)
    throw new InputError('option --merge: expected at least one folder of --out, got none')
  const marks = await marksOf(call, undefined)
  const store = await clusterStore(call)
  try {
    const record = await mergeScans(
      operands.map((folder) => at(environment, folder)),
      {
        ...commonOf(call, marks, progress),
        ...decisionOf(call),
        ...(store ? { store } : {}),
        partial: call.flag('partial'),
      },
    )
    return outcomeOf(call, record)
  } finally {
    await store?.close()
  }
}

async function scanned(call: Call, progress: ProgressLine): Promise<Outcome> {
  const { environment, operands } = call
  if (call.flag('partial')) throw new InputError('option --partial: expected --merge beside it, got none')
  if (operands.length === 0)
    throw new InputError('expected at least one file, folder or pattern, or "-" for standard input, got none')
  const shard = shardOf(call)
  const out = call.option('out')
  if (shard && out === undefined)
    throw new InputError('option --shard: expected --out beside it, where the work is kept, got none')
  const path = call.option('tokenizer')
  const tokenizer = path === undefined ? undefined : await readTokenizer(environment, path)
  const marks = await marksOf(call, tokenizer)
  const { profile } = marks[0]!
  if (tokenizer) assertTokenizerOf(profile, tokenizer, path!)
  const sources = await expandSources(operands, { cwd: environment.cwd })
  const store = await clusterStore(call)
  const temporary =
    out === undefined && !store && needsDisk(sources)
      ? await mkdtemp(join(tmpdir(), 'dyetrace-scan-'))
      : undefined
  const folder = out === undefined ? temporary : at(environment, out)
  const stop = new AbortController()
  const interrupt = (): void => {
    progress.say('Stopping: what is under way is finished. Once more stops at once.')
    stop.abort(
      new UnfinishedError(
        `stopped${out === undefined ? '' : `; what is done is kept in ${named(out)}: the same command goes on`}`,
      ),
    )
  }
  environment.interrupted.addEventListener('abort', interrupt, { once: true })
  const options = {
    ...commonOf(call, marks, progress),
    sources,
    columns: { ...columnsOf(call), stdin: environment.stdin },
    ...(tokenizer ? { tokenizer: { json: tokenizer.json, config: tokenizer.config } } : {}),
    ...(folder === undefined ? {} : { folder }),
    ...(store ? { store } : {}),
    ...readingOf(call, profile.vocabularySize),
    signal: stop.signal,
  }
  try {
    if (shard) {
      const report = await scanShard({ ...options, shard })
      const how = report.sharesFiles
        ? 'block by block, as there are fewer files than shards'
        : 'by whole files'
      return {
        exit: EXIT.noEvidence,
        json: { ...report },
        text: [
          `Shard ${shard.index} of ${shard.of}, divided ${how}, is done: ${count(report.documents, 'document')}, ${grouped(report.ids)} tokens in ${count(report.parts, 'part')}${report.kept > 0 ? `; ${report.kept} were there` : ''}.`,
          `When all are done: dyetrace scan --merge ${named(out!)} and the other folders`,
        ].join('\n'),
      }
    }
    return outcomeOf(call, await scanCorpus({ ...options, ...decisionOf(call) }))
  } catch (error) {
    // What the library calls its option.
    if (!tokenizer && error instanceof RangeError && error.message.startsWith('"tokenizer" expected'))
      throw new InputError(error.message.replace('"tokenizer"', 'option --tokenizer:'))
    throw error
  } finally {
    environment.interrupted.removeEventListener('abort', interrupt)
    await store?.close()
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true })
  }
}

function needsDisk(sources: readonly SourceFile[]): boolean {
  let size = 0
  for (const { bytes, compression, format } of sources) {
    // What is packed grows; how much comes from standard input nobody knows.
    const factor = compression !== 'none' || format === 'parquet' ? 8 : 1
    size += bytes === undefined ? MOST_IN_MEMORY + 1 : factor * bytes
  }
  return size > MOST_IN_MEMORY
}

async function marksOf(call: Call, tokenizer: ReadTokenizer | undefined): Promise<readonly KnownMark[]> {
  const { environment } = call
  const path = call.option('profile')
  const files = call.list('key')
  if (path === undefined && files.length > 0)
    throw new InputError('option --key: expected --profile beside it, got none')
  // Its profile is of this moment, and another call's would be another.
  if (call.list('engine').length > 0 && (call.flag('merge') || call.option('out') !== undefined))
    throw new InputError(
      'option --engine: expected --mark PROFILE=FILE instead, as a scan that is kept names its profiles, got an engine without one',
    )
  const marks: KnownMark[] = []
  if (path !== undefined) {
    if (files.length === 0) throw new InputError('option --profile: expected --key beside it, got none')
    const profile = await readProfile(environment, path)
    const lane = call.integer('lane', { max: 511 })
    for (const key of await readMarkKeys(environment, files, profile))
      marks.push({
        profile,
        key,
        ...(lane === undefined || lane >= key.format.lanes ? {} : { lanes: [lane] }),
      })
  }
  const all = distinctMarks([...marks, ...(await candidatesOf(call, tokenizer))])
  if (all.length === 0)
    throw new InputError('expected --profile and --key, --ring, --mark or --engine, got none of them')
  return all
}

function commonOf(call: Call, marks: readonly KnownMark[], progress: ProgressLine): CorpusOptions {
  const workers = call.integer('workers', { max: 1024 })
  const memory = memoryOf(call)
  return {
    marks,
    ...(workers === undefined ? {} : { workers }),
    ...(memory === undefined ? {} : { memory }),
    onProgress: progressWords(call, progress),
  }
}

const UNITS: Readonly<Record<string, number>> = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

function memoryOf(call: Call): number | undefined {
  const word = call.option('memory')
  if (word === undefined) return undefined
  const [, number, unit] = /^(\d{1,6}(?:\.\d{1,3})?)(MiB|GiB|TiB)$/.exec(word) ?? []
  const bytes = number === undefined ? 0 : Math.floor(Number(number) * UNITS[unit!]!)
  if (bytes < 2 ** 28)
    throw new InputError(`option --memory: expected at least 256MiB, as in 4GiB, got ${shown(word)}`)
  return bytes
}

function shardOf(call: Call): Shard | undefined {
  const word = call.option('shard')
  if (word === undefined) return undefined
  const [, index, of] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(word) ?? []
  if (index === undefined || Number(index) > Number(of))
    throw new InputError(`option --shard: expected a number of a total, as in 3/64, got ${shown(word)}`)
  return { index: Number(index), of: Number(of) }
}

function decisionOf(call: Call): { readonly alpha?: number; readonly falseDiscoveryRate?: number } {
  const alpha = alphaOf(call)
  const falseDiscoveryRate = call.number('false-discovery-rate', {
    expected: 'a level above 0 and below 1',
    holds: (q) => q > 0 && q < 1,
  })
  return {
    ...(alpha === undefined ? {} : { alpha }),
    ...(falseDiscoveryRate === undefined ? {} : { falseDiscoveryRate }),
  }
}

function columnsOf(call: Call): Readonly<Record<string, string>> {
  const named = {
    text: 'textColumn',
    ids: 'idsColumn',
    'prompt-length': 'promptLengthColumn',
    group: 'groupColumn',
  }
  return Object.fromEntries(
    Object.entries(named).flatMap(([word, name]) => {
      const column = call.option(`${word}-column`)
      return column === undefined ? [] : [[name, column]]
    }),
  )
}

function readingOf(call: Call, vocabularySize: number): Record<string, number | boolean> {
  const endOfText = call.integer('end-of-text', { max: vocabularySize - 1 })
  const minimumCounted = call.integer('minimum-counted', { min: 1 })
  return {
    ...(endOfText === undefined ? {} : { endOfText }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
    ...(call.flag('canonicalise') ? { canonicalise: true } : {}),
  }
}

/** How far it is, and how long it may take where sizes are known. */
function progressWords({ environment: { now } }: Call, line: ProgressLine): (progress: ScanProgress) => void {
  let begun: { readonly time: number; readonly bytes: number } | undefined
  return ({ stage, documents, ids, kept, bytes, bytesDone }) => {
    const time = now()
    begun ??= { time, bytes: bytesDone }
    const done = `${count(documents, 'document')}, ${grouped(ids)} tokens${kept > 0 ? `, ${count(kept, 'part')} there already` : ''}`
    if (stage === 'counting') {
      line.show(`${done}: counting distinct pairs`)
      return
    }
    const share = bytes > 0 ? `, ${Math.floor((100 * bytesDone) / bytes)} %` : ''
    const read = bytesDone - begun.bytes
    const left = read > 0 ? ((time - begun.time) / read) * (bytes - bytesDone) : 0
    line.show(`${done}${share}${left > 0 ? `, about ${durationOf(left)} left` : ''}`)
  }
}

function durationOf(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

function outcomeOf(call: Call, record: ScanRecord): Outcome {
  const { decision, tests, smallest, found, shares, groups, account, alpha, missing } = record
  const { colors } = call
  const lines: string[] = []
  const ranked = [...tests].sort(({ verdict: { lnP: a } }, { verdict: { lnP: b } }) =>
    a < b ? -1 : a > b ? 1 : 0,
  )
  lines.push(
    ...columns(
      ranked
        .slice(0, MOST_TESTS)
        .map(({ label, verdict }) => [
          'whole corpus',
          verdict.decision === 'evidence' ? colors.bold(verdict.decision) : verdict.decision,
          decisiveP(verdict),
          count(verdict.counted, 'pair'),
          `${printable(label)}, key ${verdict.keyId}${verdict.lane ? ` lane ${verdict.lane}` : ''}`,
        ]),
    ),
  )
  if (tests.length > MOST_TESTS)
    lines.push(`and ${count(tests.length - MOST_TESTS, 'key or lane', 'keys and lanes')} more`)
  if (smallest.document)
    lines.push(
      `single documents: ${smallest.decision}, the smallest ${pOf(smallest.document.lnAdjustedP / Math.LN10)} of ${grouped(account.tested)} (${placeOf(smallest.document)})`,
    )
  lines.push('')
  if (found.count > 0) {
    lines.push(
      decision === 'evidence'
        ? `${count(found.count, 'document')} of ${grouped(account.tested)} with a mark; on average at most ${levelOf(100 * found.level)} % of the list are wrong:`
        : `${count(found.count, 'document')} of ${grouped(account.tested)} for a closer look, which is no evidence: lists like this one are not empty in up to ${levelOf(100 * found.level)} % of clean corpora:`,
      ...columns(
        found.documents
          .slice(0, MOST_DOCUMENTS)
          .map((one) => [`  ${placeOf(one)}`, pOf(one.log10P), count(one.counted, 'pair'), passagesOf(one)]),
      ),
      ...(found.count > MOST_DOCUMENTS
        ? [`  and ${count(found.count - MOST_DOCUMENTS, 'document')} more; --json has the first 100`]
        : []),
      '',
    )
  }
  // A share of what was not found would read like a finding.
  for (const { test, share, interval, documents } of decision === 'evidence' ? shares : [])
    if (share !== null && interval)
      lines.push(
        `share of documents with the mark of key ${tests[test]!.verdict.keyId}: ${percentOf(share)} (95 %: ${percentOf(interval.lower)} to ${percentOf(interval.upper)}), from ${count(documents, 'document')}`,
      )
  if (groups)
    lines.push(
      ...columns([
        ['group', 'documents', 'judged', 'in the list'],
        ...groups
          .slice(0, MOST_DOCUMENTS)
          .map(({ group, documents, tested, found: own }) => [
            printable(group),
            grouped(documents),
            grouped(tested),
            grouped(own),
          ]),
      ]),
      '',
    )
  lines.push(
    `Read: ${count(account.documents, 'document')} (${grouped(account.repeated)} repeats, ${grouped(account.tooShort)} too short to be judged alone), ${grouped(account.ids)} tokens, ${count(account.parts, 'part')} of ${count(account.sources, 'source')}.`,
  )
  const skipped = Object.entries(account.skipped)
  if (skipped.length > 0) {
    lines.push(
      colors.yellow(`Left out: ${skipped.map(([reason, n]) => `${grouped(n)} ${reason}`).join(', ')}.`),
    )
    for (const { source, row, message } of account.firstSkips.slice(0, MOST_SKIPS))
      lines.push(`  ${printable(source)}, row ${row}: ${printable(message)}`)
  }
  if (missing)
    lines.push(
      colors.yellow(
        `Missing: parts of ${count(missing.streams, 'source')}${missing.shards.length > 0 ? `, shards ${missing.shards.slice(0, MOST_DOCUMENTS).join(', ')}` : ''}. This is the result of what was there.`,
      ),
    )
  lines.push(meaning(decision, alpha))
  return { exit: exitOf(decision), json: { ...record }, text: lines.join('\n') }
}

function percentOf(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`
}

function placeOf({ source, row }: ScannedDocument): string {
  return `${printable(source)}, row ${row}`
}

function passagesOf({ passages }: ScannedDocument): string {
  const [first] = passages
  return first ? `tokens ${first.from} to ${first.to}` : ''
}
