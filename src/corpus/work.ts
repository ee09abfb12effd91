/**
 * The work on one part: documents in; out come a line of JSON a document (its evidence, by itself) and the distinct pairs of the part, by reading. A function of the
 * documents and the question alone, so that it may run in any thread, twice, on any machine. What cannot be read as ids of the marks' vocabulary is skipped and said.
 */
import { createHash } from 'node:crypto'
import type { TokenDocument } from '../detect/countable.ts'
import { countable, pairsOf } from '../detect/countable.ts'
import { gatherLanes } from '../detect/evidence.ts'
import { localise } from '../detect/localise.ts'
import { lnUpperTail } from '../stats/tail.ts'
import { canonicalise } from '../text/canonicalise.ts'
import { createTupleSet, type TupleSet } from '../tuple-set.ts'
import type { SkipReason } from './document.ts'
import type { Encoder } from './encoder.ts'
import { type Question, unitOf } from './question.ts'
import { scorePairs } from './score-pairs.ts'
import type { PairBlock, ScoredBlock } from './store.ts'

/** A document of a part. */
export interface WorkDocument {
  readonly row: number
  /** Where it is not that of the whole stream. */
  readonly source?: string
  readonly text?: string
  readonly ids?: Uint32Array
  readonly promptLength?: number
  readonly group?: string
}

/** Why a row is not judged: it could not be read, or its ids are not those of the marks' tokenizer. */
export type ScanSkipReason = SkipReason | 'other-vocabulary'

/** A row that was left out. */
export interface SkippedRow {
  readonly row: number
  readonly source?: string
  readonly reason: ScanSkipReason
  readonly message: string
}

/** A passage of a document that carries a mark, as `localise` reports it. */
export interface FoundPassage {
  readonly from: number
  readonly to: number
  readonly counted: number
  readonly log10P: number
}

/** What is kept of a document; a line of JSON in a part's list. */
export interface DocumentLine {
  readonly row: number
  readonly source?: string
  readonly group?: string
  /** Number of ids, prompt included. */
  readonly ids: number
  /** Names the ids: documents of one name count once where documents are counted. */
  readonly hash: string
  /** Tests that the document has enough pairs for; the others are not made on it. */
  readonly tested: number
  /** The best of them: place in the list of tests, pairs, sum in units, and ln of its p-value. */
  readonly best?: {
    readonly test: number
    readonly n: number
    readonly units: number
    readonly lnP: number
  }
  /** ln of the p-value of the document: that of the best test, times their number. */
  readonly lnP: number
  /** Where the mark shows, best first; looked for only where the document as a whole shows something. */
  readonly passages?: readonly FoundPassage[]
}

/** A document of the sample, for the question how many are marked: its first ids, which are enough to judge it by. */
export interface SampledDocument {
  readonly hash: string
  readonly ids: readonly number[]
  readonly promptLength?: number
}

/** What came of a part. */
export interface PartWork {
  /** A {@link DocumentLine} a line. */
  readonly lines: string
  readonly documents: number
  readonly ids: number
  readonly skipped: readonly SkippedRow[]
  readonly blocks: readonly PairBlock[] | readonly ScoredBlock[]
  /** The documents of the smallest names, a {@link SampledDocument} a line. */
  readonly sample: string
  /** Every document whose name's first word is smaller is in the sample. */
  readonly sampledBelow: number
}

/** Documents of a part that are sampled. Names are digests of ids, so which ones these are is drawn by the texts and blind to every key. */
const MOST_SAMPLED = 256
/** Ids that are kept of each: books would leave no room for others, and a sample of few says little. */
const MOST_IDS_EACH = 4096

/** Passages are looked for in documents whose p-value is at most this. */
const LN_LOCALISED: number = Math.log(1e-6)
const MOST_PASSAGES = 3

/** Works a part off. */
export function workOn(
  documents: readonly WorkDocument[],
  question: Question,
  { encode, wants }: { encode: Encoder | undefined; wants: 'pairs' | 'scores' },
): PartWork {
  const given = documents.reduce((sum, { ids = [] }) => sum + ids.length, 0)
  const collected = question.readings.map(({ contextWidth, identity }) =>
    createPile(contextWidth, identity?.width, given),
  )
  const skipped: SkippedRow[] = []
  const lines: string[] = []
  const sample = createSample()
  let ids = 0
  for (const document of documents) {
    const read = idsOf(document, question, encode)
    if ('reason' in read) {
      const { row, source } = document
      skipped.push({ row, ...(source === undefined ? {} : { source }), ...read })
      continue
    }
    ids += read.ids.length
    const line = lineOf(document, read, question, collected)
    lines.push(JSON.stringify(line))
    if (line.tested > 0) sample.add(line.hash, read)
  }
  return {
    lines: lines.map((line) => `${line}\n`).join(''),
    documents: lines.length,
    ids,
    skipped,
    blocks: blocksOf(collected, question, wants),
    ...sample.taken(),
  }
}

/** Keeps the documents of the smallest names, each name once. */
function createSample(): {
  add(hash: string, document: ReadIds): void
  taken(): Pick<PartWork, 'sample' | 'sampledBelow'>
} {
  const kept = new Map<string, ReadIds>()
  // Names in their order, and the first that has no room.
  const shrink = (): string | undefined => {
    const names = [...kept.keys()].sort()
    for (const name of names.slice(MOST_SAMPLED + 1)) kept.delete(name)
    return names[MOST_SAMPLED]
  }
  return {
    add(hash, document) {
      kept.set(hash, document)
      if (kept.size > 4 * MOST_SAMPLED) shrink()
    },
    taken() {
      const first = shrink()
      const names = [...kept.keys()].sort().slice(0, MOST_SAMPLED)
      const lines = names.map((hash) => {
        const { ids, promptLength } = kept.get(hash)!
        const first = ids.subarray(0, MOST_IDS_EACH)
        return JSON.stringify({
          hash,
          ids: Array.from(first),
          ...(promptLength === undefined ? {} : { promptLength: Math.min(promptLength, first.length) }),
        } satisfies SampledDocument)
      })
      return {
        sample: lines.map((line) => `${line}\n`).join(''),
        sampledBelow: first === undefined ? 2 ** 32 : Number.parseInt(first.slice(0, 8), 16),
      }
    },
  }
}

type ReadIds = TokenDocument & { readonly ids: Uint32Array }

function idsOf(
  { text, ids, promptLength }: WorkDocument,
  { vocabularySize, options }: Question,
  encode: Encoder | undefined,
): ReadIds | Pick<SkippedRow, 'reason' | 'message'> {
  if (ids === undefined && encode === undefined)
    throw new RangeError('"tokenizer" expected one, as there is text among the documents, got none')
  const own = ids ?? encode!(options.canonicalise ? canonicalise(text!) : text!)
  const wrong = own.findIndex((id) => id >= vocabularySize)
  if (wrong >= 0)
    return {
      reason: 'other-vocabulary',
      message: `id ${wrong}: expected a token id in 0..${vocabularySize - 1}, got ${own[wrong]}`,
    }
  return { ids: own, ...(promptLength === undefined ? {} : { promptLength }) }
}

function lineOf(
  { row, source, group }: WorkDocument,
  document: ReadIds,
  question: Question,
  piles: readonly Pile[],
): DocumentLine {
  const { marks, readings, options } = question
  const { endOfText, padding, minimumCounted } = options
  const reading = {
    ...(endOfText === undefined ? {} : { endOfText }),
    ...(padding === undefined ? {} : { padding }),
  }
  let tested = 0
  let best: (DocumentLine['best'] & { mark: number; lane: number }) | undefined
  for (const [r, { profile, marks: own, identity, contextWidth }] of readings.entries()) {
    const pairs = pairsOf(countable([document], profile, reading))
    piles[r]!.add(pairs, contextWidth, identity)
    for (const mark of own) {
      const { scheme, key, lanes } = marks[mark]!
      const evidence = gatherLanes(pairs, { scheme, key, lanes })
      const { n, law } = evidence[0]!
      if (n < minimumCounted) continue
      tested += lanes.length
      // Lanes have the same pairs, so the highest sum has the smallest tail: one tail a mark.
      let top = 0
      for (const [l, { sum }] of evidence.entries()) if (sum > evidence[top]!.sum) top = l
      const { sum } = evidence[top]!
      const lnP = lnUpperTail(law, { sum, n })
      if (best !== undefined && lnP >= best.lnP) continue
      const test = question.firstTests[mark]! + top
      best = { test, n, units: sum / unitOf(law), lnP, mark, lane: lanes[top]! }
    }
  }
  const lnP = best === undefined ? 0 : Math.min(0, best.lnP + Math.log(tested))
  return {
    row,
    ...(source === undefined ? {} : { source }),
    ...(group === undefined ? {} : { group }),
    ids: document.ids.length,
    hash: nameOf(document),
    tested,
    ...(best === undefined ? {} : { best: { test: best.test, n: best.n, units: best.units, lnP: best.lnP } }),
    lnP,
    ...(best !== undefined && lnP <= LN_LOCALISED
      ? { passages: passagesOf(document, question, { ...best, reading }) }
      : {}),
  }
}

function passagesOf(
  document: ReadIds,
  { marks, options }: Question,
  { mark, lane, reading }: { mark: number; lane: number; reading: object },
): readonly FoundPassage[] {
  const { profile, key } = marks[mark]!
  const { minimumCounted } = options
  const { passages } = localise(document, profile, key, {
    ...reading,
    lane,
    minimumCounted,
    alpha: Math.exp(LN_LOCALISED),
  })
  return [...passages]
    .sort((a, b) => a.lnP - b.lnP || a.from - b.from)
    .slice(0, MOST_PASSAGES)
    .map(({ from, to, counted, log10P }) => ({ from, to, counted, log10P }))
}

/** The first 128 bits of a SHA-256 of the ids: nobody finds two documents of one name by chance. */
function nameOf({ ids, promptLength }: ReadIds): string {
  const words = Uint32Array.from(ids)
  return createHash('sha256')
    .update(`${promptLength ?? ''}|${ids.length}|`)
    .update(new Uint8Array(words.buffer))
    .digest('hex')
    .slice(0, 32)
}

/** Distinct pairs of a part. */
interface Pile {
  readonly words: () => { readonly pairs: Uint32Array; readonly identities: Uint32Array | undefined }
  add(pairs: Uint32Array, contextWidth: number, identity: Question['readings'][number]['identity']): void
}

function createPile(contextWidth: number, identityWidth: number | undefined, expected: number): Pile {
  const stride = contextWidth + 1
  const set: TupleSet = createTupleSet(identityWidth ?? stride, { expected })
  // One pair for each identity, in the order of the identities.
  const kept: number[] = []
  return {
    words: () =>
      identityWidth === undefined
        ? { pairs: set.toWords(), identities: undefined }
        : { pairs: Uint32Array.from(kept), identities: set.toWords() },
    add(pairs, width, identity) {
      if (!identity) {
        set.addAll(pairs)
        return
      }
      for (let at = 0; at < pairs.length; at += stride) {
        const pair = pairs.subarray(at, at + stride)
        if (set.add(identity.of(pair.subarray(0, width), pair[width]!))) kept.push(...pair)
      }
    },
  }
}

function blocksOf(
  piles: readonly Pile[],
  question: Question,
  wants: 'pairs' | 'scores',
): readonly PairBlock[] | readonly ScoredBlock[] {
  const blocks = piles.map((pile, reading) => {
    const { pairs, identities } = pile.words()
    const { contextWidth, identity, tests } = question.readings[reading]!
    if (wants === 'scores') {
      const scores = scorePairs(question, reading, pairs)
      // What decides a score is what counts once: it is the pair as far as the store knows.
      return identities === undefined
        ? { reading, contextWidth, pairs, tests, scores }
        : { reading, contextWidth: identity!.width - 1, pairs: identities, tests, scores }
    }
    if (identities === undefined) return { reading, contextWidth, pairs }
    const { width } = identity!
    return {
      reading,
      contextWidth: width + contextWidth,
      pairs: sideBySide(identities, width, pairs, contextWidth + 1),
      decidedBy: width,
    }
  })
  return blocks as readonly PairBlock[] | readonly ScoredBlock[]
}

function sideBySide(a: Uint32Array, widthA: number, b: Uint32Array, widthB: number): Uint32Array {
  const width = widthA + widthB
  const both = new Uint32Array(a.length + b.length)
  for (let row = 0; row * width < both.length; row++) {
    both.set(a.subarray(row * widthA, (row + 1) * widthA), row * width)
    both.set(b.subarray(row * widthB, (row + 1) * widthB), row * width + widthA)
  }
  return both
}
