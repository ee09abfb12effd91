/** What a scan found: a frozen record, plain JSON, the same bytes whatever the shards, their order and the store (docs/scan.md). */
import type { Decision, Verdict } from '../detect/verdict.ts'
import type { Digest } from '../digest.ts'
import type { FoundPassage, ScanSkipReason } from './work.ts'

/** One key and lane over the whole corpus. */
export interface ScannedTest {
  /** Place in the list of marks. */
  readonly mark: number
  readonly profile: Digest
  readonly label: string
  /** Of the distinct pairs of the whole corpus; `family.lnAdjustedP` decides, at the pooled question's share of alpha. */
  readonly verdict: Verdict
}

/** A document, as the lists name it. */
export interface ScannedDocument {
  readonly source: string
  readonly row: number
  readonly group?: string
  /** Number of ids. */
  readonly ids: number
  /** The test that showed most: its place in `tests`, distinct pairs and the sum of their scores. */
  readonly test: number
  readonly counted: number
  readonly sum: number
  /** ln of the p-value of the document, corrected for the tests made on it. */
  readonly lnP: number
  readonly log10P: number
  /** After the correction of the list or question that names it. */
  readonly lnAdjustedP: number
  readonly passages: readonly FoundPassage[]
}

/** Whether any document carries a mark, by itself: Bonferroni over documents, however they depend on each other. */
export interface SmallestDocument {
  readonly decision: Decision
  /** Absent where no document was long enough. */
  readonly document?: ScannedDocument
}

/**
 * How many documents carry a mark, from a sample of distinct documents that are long enough and have that many pairs which none before had. Marks of an effect below 0.2 are left out of the
 * question (docs/statistics.md, section 11).
 */
export interface ScannedShare {
  readonly test: number
  /** Documents of the sample (of each its first 4,096 ids), and how many of them had enough pairs of their own. */
  readonly sampled: number
  readonly documents: number
  readonly tooShort: number
  /** Most likely share and its interval; null where no document was long enough. */
  readonly share: number | null
  readonly interval: { readonly lower: number; readonly upper: number } | null
  /** Of the intervals of all tests together, so that it holds for those that are picked. */
  readonly confidence: 0.95
  /** Effect of a typical marked document; null where the share is 0. */
  readonly effect: number | null
  /** At least so many documents of the sample are marked, whatever marked documents are like: the larger of two bounds at 97.5 % each, so at 95 %, for all tests together. */
  readonly atLeast: number
}

/** Documents of one value of the group column. */
export interface ScannedGroup {
  readonly group: string
  readonly documents: number
  readonly tested: number
  readonly found: number
}

/** What was read. */
export interface ScanAccount {
  /** Files, or 1 where a caller gave documents. */
  readonly sources: number
  readonly parts: number
  /** Documents that were read, repeats included. */
  readonly documents: number
  readonly ids: number
  /** Documents whose ids an earlier one had already. */
  readonly repeated: number
  /** Distinct documents with too few pairs for any test. */
  readonly tooShort: number
  /** Distinct documents that were judged by themselves. */
  readonly tested: number
  readonly skipped: Readonly<Partial<Record<ScanSkipReason, number>>>
  readonly firstSkips: readonly {
    readonly source: string
    readonly row: number
    readonly reason: ScanSkipReason
    readonly message: string
  }[]
}

/** What is not there. */
export interface Missing {
  /** Shards that did not end, as "3/64". */
  readonly shards: readonly string[]
  /** Streams of which blocks are missing: the first of them, in words. */
  readonly streams: number
  readonly first: readonly string[]
}

/** What a scan found. */
export interface ScanRecord {
  readonly format: 'dyetrace/scan-1'
  readonly scan: Digest
  readonly decision: Decision
  /** The chance that anything innocent is accused, by either question. */
  readonly alpha: number
  /** Of the pooled question (all tests over all distinct pairs) and of the question whether some document carries a mark. */
  readonly alphaEach: { readonly pooled: number; readonly document: number }
  readonly tests: readonly ScannedTest[]
  readonly smallest: SmallestDocument
  /** Documents by Benjamini and Hochberg: the expected share of wrong ones in the list is at most `level`. */
  readonly found: {
    readonly level: number
    readonly count: number
    /** The largest lnP that is in the list; null where it is empty. */
    readonly lnLimit: number | null
    /** The first of them, smallest p first. */
    readonly documents: readonly ScannedDocument[]
  }
  /** Of the tests that show most, at most four: picked after looking, so none of them is a finding by itself. */
  readonly shares: readonly ScannedShare[]
  /** By the group column; null where there is none, or it has too many values for a table. */
  readonly groups: readonly ScannedGroup[] | null
  readonly account: ScanAccount
  /** Only with `partial`: what is missing. Such a record is of what was there. */
  readonly missing?: Missing
  readonly notes: readonly string[]
}
