/**
 * What a scheme is: a rule that turns field numbers into a mark on logits, the rule that scores a token by the same numbers,
 * and the law of that score when the text does not depend on the key. All three live in one file a scheme, because they must
 * agree. A scheme never sees a tokenizer, a model or a text.
 */
import type { Context } from '../context.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { LogitsRow } from '../logits.ts'
import type { FieldFormat, FieldFunction } from '../prf/fields.ts'
import type { Kernels } from '../prf/kernels/kernels.ts'
import type { NullLaw } from '../stats/law.ts'
import type { TokenIds } from '../tokens.ts'
import type { ScoreRule } from './score-rule.ts'

/** The place of a position to be marked. */
export interface MarkSite {
  readonly key: MarkKey
  readonly context: Context
  /** Which account of the key stream; 0 where lanes are not used. */
  readonly lane: number
}

/** What an unkeyed part of a hash keeps of a pair. */
export interface PublicIdentity {
  readonly width: number
  of(context: Context, token: number): ArrayLike<number>
}

/** A watermarking scheme with its parameters filled in. Stateless towards its caller: same arguments, same numbers. */
export interface Scheme {
  readonly id: string
  /** Previous ids that choose the field numbers. */
  readonly contextWidth: number
  /** What a mark changes: the model's logits, or the distribution that the host would sample, its temperature and truncation applied. */
  readonly actsOn: 'logits' | 'distribution'
  /** What the host does with the marked row: sample from it, or take its largest entry. */
  readonly draw: 'sample' | 'argmax'
  /** Law of one score when the text does not depend on the key. */
  readonly nullLaw: NullLaw
  /** What may be scored once: a distinct (context, token) pair, or the first token after a distinct context. */
  readonly countOnce: 'pair' | 'context'
  /**
   * Context of position i, or undefined where it is incomplete (never marked, never scored). Marks of other engines may leave out the
   * prompt, the first `promptLength` ids, and mark incomplete contexts where they know that generation began there.
   * @param promptLength undefined: nobody knows where generation began.
   */
  contextAt(ids: TokenIds, i: number, promptLength?: number): Context | undefined
  /** True where `contextAt` is the last `contextWidth` ids before i, wherever the prompt ends, and undefined where there are fewer. */
  readonly plainContexts?: true
  /**
   * What decides a score, where different pairs may share it: pairs of one identity have one score under this key, and count once. Some hashes
   * of other engines need it; absent where every pair has a number of its own.
   */
  readonly identity?: {
    readonly width: number
    of(key: MarkKey, context: Context, token: number): ArrayLike<number>
  }
  /**
   * As `identity`, where pairs share a score by accident and under every key alike: what of a pair the hash keeps. Text can be built of pairs that
   * agree in it, so they count once where text is judged. Absent where `identity` is there and where no such pairs are known.
   */
  readonly publicIdentity?: PublicIdentity
  /**
   * keyed: scores are a pseudorandom function of the key, and p is exact for any text that does not depend on the key. open: text can be built, without
   * the key, on which scores are not independent under a random key; p is exact for text that was not built for the purpose, and fresh keys on
   * the same text are exact for any (docs/engines.md).
   */
  readonly hash: 'keyed' | 'open'
  /** False for a context whose scores are the same under every key: they say nothing of a key. Absent where there is none. */
  isKeyed?(context: Context): boolean
  /** The one function of (key, context, token, lane) that both mark and score use. */
  readonly field: FieldFunction
  /**
   * Marks a row in place. Ids from `vocabularySize` on (padding columns) stay as they are, except where the host takes the largest
   * entry: there every other entry becomes -Infinity, so that a host that samples takes it too.
   */
  mark(logits: LogitsRow, site: MarkSite): void
  /** Score of a token from its field number. */
  score(field: number): number
  /** `field` and `score` as data, for many pairs at once (score-many.ts): the same numbers, bit for bit. Absent where pairs are scored one by one. */
  readonly bulk?: BulkScoring
}

/** How fields and scores of many pairs are computed. */
export interface BulkScoring {
  /** Fields of our own format, or what computes another engine's by kernels: fields of all pairs under a key's words, at the address that it returns. */
  readonly fields: FieldFormat | ((kernels: Kernels, pairs: Uint32Array, key: Uint32Array) => number)
  readonly rule: ScoreRule
}
