/**
 * What a corpus is made of: documents, read one after the other from sources, and what of a source could not be read. A document keeps its place, so that
 * any result can be looked up in the source again.
 */

/** Where a document stands: the source by the name that the user gave it, and its number in it, from 0. Skipped rows are numbered too. */
export interface DocumentPlace {
  readonly source: string
  readonly row: number
}

/** One document: token ids, or text that a tokenizer has yet to read. */
export interface CorpusDocument extends DocumentPlace {
  readonly kind: 'document'
  /** Exactly one of the two is there. */
  readonly text?: string
  readonly ids?: Uint32Array
  /** Ids at the start that are prompt, where that is known; only beside `ids`. */
  readonly promptLength?: number
  /** Value of the column that says when or from where, as text; absent where no column was named or the row has none. */
  readonly group?: string
}

/** Why a row is not a document. Each kind is counted, and the counts are in the result. */
export type SkipReason =
  | 'not-json'
  | 'no-column'
  | 'wrong-type'
  | 'not-utf8'
  | 'too-large'
  | 'torn-line'
  | 'unreadable'

/** A row, or the rest of a source (`unreadable`), that was left out. */
export interface Skipped extends DocumentPlace {
  readonly kind: 'skipped'
  readonly reason: SkipReason
  /** What was expected and what came; nothing of the row's content. */
  readonly message: string
}
