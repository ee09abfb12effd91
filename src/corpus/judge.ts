/**
 * From finished parts to the record of a scan. Two questions are asked of the corpus, and each has half of alpha: does any key show in the distinct pairs of all documents
 * together (Holm over keys and lanes), and does it in some document by itself (Bonferroni over documents and tests)? The list of documents is for screening: it controls the
 * share of wrong entries, not the chance of any (Benjamini and Hochberg).
 *
 * Totals are refused where parts are missing, unless that was asked for, and where pairs and scores cannot belong together.
 */

import { notesOnMark } from '../detect/mark-notes.ts'
import { type Decision, familyVerdictsOf, type Verdict } from '../detect/verdict.ts'
import { profileDigest } from '../keys/profile.ts'
import { assertScoreSum, lnLeastTail } from '../stats/tail.ts'
import { assertOneContent } from './assert-one-content.ts'
import type { Crew } from './crew.ts'
import { type DonePart, eachDocument } from './distinct-documents.ts'
import { estimateShares } from './estimate-share.ts'
import { missingParts } from './missing.ts'
import { type Question, unitOf } from './question.ts'
import type { ScanRecords } from './records.ts'
import type {
  Missing,
  ScanAccount,
  ScannedDocument,
  ScannedGroup,
  ScannedTest,
  ScanRecord,
  SmallestDocument,
} from './scan-record.ts'
import type { ScanHeader } from './spec.ts'
import type { PairStore, Totals } from './store.ts'
import type { DocumentLine, ScanSkipReason } from './work.ts'
import type { PartAccount } from './work-off.ts'

/** How a corpus is decided about. */
export interface JudgeRule {
  readonly alpha: number
  /** Expected share of wrong entries in the list of documents. */
  readonly falseDiscoveryRate: number
  /** Judge what is there, though parts are missing. */
  readonly partial: boolean
}

/** What is judged. */
export interface Judged {
  readonly question: Question
  readonly header: ScanHeader
  readonly store: PairStore
  readonly records: ScanRecords
  readonly crew: Crew
  /** Bytes for names of documents. */
  readonly memory: number
}

const MOST_LISTED = 100
const MOST_GROUPS = 1000
const MOST_SKIPS = 10

/**
 * Judges finished parts.
 * @throws Error where parts are missing and `partial` was not asked for; RangeError where a source changed between parts.
 */
export async function judge(judged: Judged, rule: JudgeRule): Promise<ScanRecord> {
  const { question, header, store, records } = judged
  const parts = (await store.parts())
    .filter(({ scan }) => scan === header.scan)
    .map(({ name, account }): DonePart => ({ name, account: account as unknown as PartAccount }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  assertOneContent(parts, header)
  const missing = missingParts(parts, header, await records.shards())
  if (missing && !rule.partial) throw new Error(unfinished(missing))
  const totals = await store.totals(
    header.scan,
    question.readings.map(({ tests }) => tests),
    judged.crew.sum,
  )
  const account = accountOf(parts, header)
  const alphaEach = { pooled: rule.alpha / 2, document: rule.alpha / 2 }
  const tests = testsOf(question, totals, { seen: account.ids, alpha: alphaEach.pooled })
  const { smallest, found, groups, counts } = await documentsOf(parts, judged, {
    alpha: alphaEach.document,
    level: rule.falseDiscoveryRate,
  })
  const shares = await estimateShares(parts, { question, records, tests })
  return deepFrozen({
    format: 'dyetrace/scan-1',
    scan: header.scan,
    decision: overall([...tests.map(({ verdict }) => verdict.decision), smallest.decision]),
    alpha: rule.alpha,
    alphaEach,
    tests,
    smallest,
    found,
    shares,
    groups,
    account: { ...account, ...counts },
    ...(missing ? { missing } : {}),
    notes: notesOf(account, missing),
  })
}

function unfinished({ shards, streams, first }: Missing): string {
  const which = shards.length > 0 ? `shards ${listed(shards)} did not end; ` : ''
  return `the scan is not finished: ${which}parts of ${streams} ${streams === 1 ? 'source is' : 'sources are'} missing (${first.join('; ')}). Run what is missing, or ask for a partial result`
}

function listed(words: readonly string[]): string {
  return words.length <= 20
    ? words.join(', ')
    : `${words.slice(0, 20).join(', ')} and ${words.length - 20} more`
}

function notesOf({ skipped }: Pick<ScanAccount, 'skipped'>, missing: Missing | undefined): string[] {
  const left = Object.values(skipped).reduce((total, n) => total + n, 0)
  return [
    ...(left > 0 ? [`${left} rows or rests of sources were left out; account.skipped says why`] : []),
    ...(missing
      ? [
          'parts of the corpus are missing: this is the record of what was there, and not of the corpus',
          'alpha is the level of one look: whoever judges a scan again and again while it grows accuses the innocent more often',
        ]
      : []),
    'documents of the list share phrases, so their p-values depend on each other; the level of the list holds for independent or positively dependent ones',
  ]
}

/** Verdicts on the corpus, one a key and lane. */
function testsOf(
  { tests, marks, options }: Question,
  totals: readonly (readonly Totals[])[],
  { seen, alpha }: { seen: number; alpha: number },
): readonly ScannedTest[] {
  const next = totals.map(() => 0)
  // Within a reading, totals stand in the order of its marks and lanes, as tests do.
  const evidence = tests.map(({ reading, law }) => {
    const total = totals[reading]?.[next[reading]!++]
    if (!total) throw new Error('the store gave fewer totals than there are tests')
    const sum = { n: Number(total.n), sum: atMost(total.units) * unitOf(law), law }
    assertScoreSum(law, sum)
    return sum
  })
  const verdicts = familyVerdictsOf(
    tests.map(({ mark, lane }, i) => {
      const { scheme, key } = marks[mark]!
      const notes = notesOnMark({ scheme, key })
      const { keyId, role } = key
      return {
        evidence: evidence[i]!,
        subject: { method: 'scan', scheme: scheme.id, keyId, role, lane, seen, notes },
      }
    }),
    { alpha, minimumCounted: options.minimumCounted },
  )
  return tests.map(({ mark }, i) => {
    const { profile, key } = marks[mark]!
    return { mark, profile: profileDigest(profile), label: key.label, verdict: verdicts[i] as Verdict }
  })
}

/** The largest number that is not above an integer: a sum is never rounded up. */
function atMost(units: bigint): number {
  const near = Number(units)
  if (BigInt(near) <= units) return near
  const step = 2 ** (Math.floor(Math.log2(near)) - 52)
  return near - step
}

interface Counts extends Pick<ScanAccount, 'repeated' | 'tooShort' | 'tested'> {}

/** Everything about single documents. Goes through them twice: to find the limit of the list, and to make it. */
async function documentsOf(
  parts: readonly DonePart[],
  { question, header, records, memory }: Judged,
  { alpha, level }: { alpha: number; level: number },
): Promise<{
  readonly smallest: SmallestDocument
  readonly found: ScanRecord['found']
  readonly groups: readonly ScannedGroup[] | null
  readonly counts: Counts
}> {
  const counts = { repeated: 0, tooShort: 0, tested: 0 }
  const lnLevel = Math.log(level)
  const candidates = createNumbers()
  let best: Placed | undefined
  let mostPairs = 0
  const groups = new Map<string, { documents: number; tested: number; found: number }>()
  let grouped = true
  await eachDocument(parts, { records, memory }, (line, part, isRepeat) => {
    if (isRepeat) {
      counts.repeated++
      return
    }
    const group = groupOf(line)
    if (group) group.documents++
    if (line.best === undefined) {
      counts.tooShort++
      return
    }
    counts.tested++
    if (group) group.tested++
    mostPairs = Math.max(mostPairs, line.best.n)
    if (line.lnP <= lnLevel) candidates.push(line.lnP)
    if (best === undefined || isBefore({ line, part }, best)) best = { line, part }
  })
  const { tested } = counts
  const sorted = candidates.sorted()
  // The correction of Benjamini and Hochberg. Above the level nothing is rejected, so the rest is needed as a number only.
  let count = 0
  const adjusted = new Float64Array(sorted.length)
  let most = Infinity
  for (let i = sorted.length - 1; i >= 0; i--) {
    most = Math.min(most, sorted[i]! + Math.log(tested / (i + 1)))
    adjusted[i] = Math.min(0, most)
    if (count === 0 && most <= lnLevel) count = i + 1
  }
  const lnLimit = count === 0 ? null : sorted[count - 1]!
  const top: Placed[] = []
  if (lnLimit !== null)
    await eachDocument(parts, { records, memory }, (line, part, isRepeat) => {
      if (isRepeat || line.best === undefined || line.lnP > lnLimit) return
      const group = groupOf(line)
      if (group) group.found++
      top.push({ line, part })
      if (top.length >= 2 * MOST_LISTED) keepFirst(top)
    })
  keepFirst(top)
  const entry = ({ line, part }: Placed, lnAdjustedP: number): ScannedDocument =>
    entryOf(line, header.streams[part.account.stream]!.name, question, lnAdjustedP)
  return {
    smallest: smallestOf(best && entry(best, Math.min(0, best.line.lnP + Math.log(tested))), {
      alpha,
      tested,
      question,
      mostPairs,
    }),
    found: {
      level,
      count,
      lnLimit,
      documents: top.map((one) => entry(one, adjusted[lastAtMost(sorted, one.line.lnP)]!)),
    },
    groups: grouped && groups.size > 0 ? tableOf(groups) : null,
    counts,
  }

  function groupOf({
    group,
  }: DocumentLine): { documents: number; tested: number; found: number } | undefined {
    if (group === undefined || !grouped) return undefined
    const known = groups.get(group)
    if (known) return known
    if (groups.size === MOST_GROUPS) {
      grouped = false
      return undefined
    }
    const fresh = { documents: 0, tested: 0, found: 0 }
    groups.set(group, fresh)
    return fresh
  }
}

interface Placed {
  readonly line: DocumentLine
  readonly part: DonePart
}

/** Smallest p first, then in the order of the corpus. */
function isBefore(a: Placed, b: Placed): boolean {
  return compare(a, b) < 0
}

function compare(a: Placed, b: Placed): number {
  if (a.line.lnP !== b.line.lnP) return a.line.lnP - b.line.lnP
  if (a.part.name !== b.part.name) return a.part.name < b.part.name ? -1 : 1
  const [from, to] = [a.line.source ?? '', b.line.source ?? '']
  return from === to ? a.line.row - b.line.row : from < to ? -1 : 1
}

function keepFirst(list: Placed[]): void {
  list.sort(compare)
  list.length = Math.min(list.length, MOST_LISTED)
}

function entryOf(
  { row, source, group, ids, best, lnP, passages = [] }: DocumentLine,
  stream: string,
  { tests }: Question,
  lnAdjustedP: number,
): ScannedDocument {
  const { test, n, units } = best!
  return {
    source: source ?? stream,
    row,
    ...(group === undefined ? {} : { group }),
    ids,
    test,
    counted: n,
    sum: units * unitOf(tests[test]!.law),
    lnP,
    log10P: lnP / Math.LN10,
    lnAdjustedP,
    passages,
  }
}

function smallestOf(
  document: ScannedDocument | undefined,
  {
    alpha,
    tested,
    question: { tests },
    mostPairs,
  }: { alpha: number; tested: number; question: Question; mostPairs: number },
): SmallestDocument {
  if (!document) return { decision: 'insufficient' }
  if (document.lnAdjustedP <= Math.log(alpha)) return { decision: 'evidence', document }
  // What the longest document could have shown at best.
  const lnLeast = Math.min(...tests.map(({ law }) => lnLeastTail(law, mostPairs)))
  const isHopeless = lnLeast + Math.log(tested * tests.length) > Math.log(alpha)
  return { decision: isHopeless ? 'insufficient' : 'no-evidence', document }
}

function tableOf(
  groups: ReadonlyMap<string, { documents: number; tested: number; found: number }>,
): readonly ScannedGroup[] {
  return [...groups]
    .map(([group, counts]) => ({ group, ...counts }))
    .sort((a, b) => (a.group < b.group ? -1 : 1))
}

function accountOf(
  parts: readonly DonePart[],
  { streams }: ScanHeader,
): Pick<ScanAccount, 'sources' | 'parts' | 'documents' | 'ids' | 'skipped' | 'firstSkips'> {
  const skipped: Partial<Record<ScanSkipReason, number>> = {}
  const firstSkips: ScanAccount['firstSkips'][number][] = []
  let [documents, ids] = [0, 0]
  for (const { account } of parts) {
    documents += account.documents
    ids += account.ids
    for (const [reason, n] of Object.entries(account.skipped) as [ScanSkipReason, number][])
      skipped[reason] = (skipped[reason] ?? 0) + n
    for (const { source = streams[account.stream]!.name, row, reason, message } of account.firstSkips)
      if (firstSkips.length < MOST_SKIPS) firstSkips.push({ source, row, reason, message })
  }
  const sources = streams.reduce((total, { files }) => total + Math.max(1, files.length), 0)
  return { sources, parts: parts.length, documents, ids, skipped, firstSkips }
}

/** A "no" only where something could have been seen. */
function overall(decisions: readonly Decision[]): Decision {
  for (const decision of ['evidence', 'no-evidence'] as const)
    if (decisions.includes(decision)) return decision
  return 'insufficient'
}

/** Numbers that grow in number; sorted without a copy as an array of boxes. */
function createNumbers(): { push(value: number): void; sorted(): Float64Array } {
  let values = new Float64Array(1024)
  let size = 0
  return {
    push(value) {
      if (size === values.length) {
        const wider = new Float64Array(2 * size)
        wider.set(values)
        values = wider
      }
      values[size++] = value
    },
    sorted: () => values.slice(0, size).sort(),
  }
}

/** Place of the last of ascending numbers that is not above a limit. */
function lastAtMost(ascending: Float64Array, limit: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) deepFrozen(member)
    Object.freeze(value)
  }
  return value
}
