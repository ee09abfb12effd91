/**
 * The exposure index: counts of windows as a file (docs/exposure.md), for text that is too much to be counted again each time. A line of canonical JSON says what was
 * counted; behind it stand the counts, exact or as a count-min sketch, in little-endian words of 32 bits. One content has one sequence of bytes, whose SHA-256 is the exposure's
 * digest: a plan that names it has fixed every weight.
 *
 * Counted are windows of text that nobody marked. Of pairs (window, token), or of marked text, counts depend on the key, and weights made of them accuse the innocent: a file that says
 * it holds either is refused, and one that holds words for tuples of another length than it says as well. What a file cannot show, whether its text was
 * marked, its maker declares in `origin`.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assertArray, assertBytes, assertInteger, assertNumber, assertOptions, describe } from '../assert.ts'
import { bytesToHex, littleEndianWords, utf8ToBytes } from '../bytes.ts'
import { type Context, lastIds, MAX_CONTEXT_WIDTH } from '../context.ts'
import { canonicalJson, type Digest, digestBytes } from '../digest.ts'
import { parseJson } from '../json.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import { createTupleSet } from '../tuple-set.ts'
import { type SketchShape, sketchCells, sketchShape } from './count-min.ts'
import { type Exposure, mintExposure } from './exposure.ts'
import { readDigest, readLine } from './fields.ts'

const FORMAT = 'dyetrace/exposure-1'

/** Documents that were counted together. */
export interface CountedText {
  /** SHA-256 of the documents, one JSON array of ids a line. */
  readonly digest: Digest
  readonly documents: number
  readonly tokens: number
}

/** What the first line of an index file says. */
export interface ExposureHeader {
  readonly format: 'dyetrace/exposure-1'
  /** What was counted, and in which text: nothing else may be used as weights. */
  readonly counted: 'windows'
  readonly text: 'unmarked'
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Where the text is from, in words. */
  readonly origin: string
  /** Tokens that have a whole window before them: the sum of all counts. */
  readonly positions: number
  /** By digest; more than one after merging. */
  readonly parts: readonly CountedText[]
  readonly counts:
    | { readonly kind: 'exact'; readonly windows: number }
    | { readonly kind: 'sketch'; readonly width: number; readonly depth: number }
  /** SHA-256 of what stands behind the line. */
  readonly body: Digest
}

/** How to count. */
export interface ExposureCounterOptions {
  readonly contextWidth: number
  readonly vocabularySize: number
  /** Words that say where the unmarked text is from. */
  readonly origin: string
  /**
   * Count in a table of fixed size: too high by more than `error` of all positions with probability at most 1 - `confidence`, for each window, and never too low.
   * @defaultValue none: exact counts
   */
  readonly sketch?: { readonly error: number; readonly confidence: number } | undefined
  /** Different windows that are counted exactly at most; each takes about 4 (contextWidth + 4) bytes, twice that while the set grows. @defaultValue 2^26 */
  readonly mostWindows?: number | undefined
}

/** Counts document by document. */
export interface ExposureCounter {
  /** Counts one document. Windows do not reach from one document into the next. */
  add(ids: TokenIds): void
  /** The index file of all documents so far. */
  toBytes(): Uint8Array
}

/**
 * Starts to count windows of unmarked text.
 * @throws TypeError or RangeError for options; `add` for ids outside the vocabulary, more windows than are allowed, or a count of 2^32.
 * @example
 * import { createExposureCounter, parseExposure } from 'dyetrace/distill'
 * const options = { contextWidth: 2, vocabularySize: 10, origin: 'answers with the mark off' }
 * const counter = createExposureCounter(options)
 * counter.add([1, 2, 3, 1, 2, 4])
 * console.log(parseExposure(counter.toBytes()).count([1, 2])) // 2
 */
export function createExposureCounter(options: ExposureCounterOptions): ExposureCounter {
  assertOptions(options, {
    name: 'options',
    keys: ['contextWidth', 'vocabularySize', 'origin', 'sketch', 'mostWindows'],
  })
  const { contextWidth, vocabularySize, origin, sketch, mostWindows = 2 ** 26 } = options
  assertInteger(contextWidth, { name: 'options.contextWidth', max: MAX_CONTEXT_WIDTH })
  assertInteger(vocabularySize, { name: 'options.vocabularySize', min: 2, max: 2 ** 32 })
  assertOrigin(origin, 'options.origin')
  assertInteger(mostWindows, { name: 'options.mostWindows', min: 1, max: 2 ** 30 })
  const counts =
    sketch === undefined
      ? exactCounts(contextWidth, mostWindows)
      : sketchCounts(contextWidth, shapeOf(sketch))
  const digest = sha256.create()
  let [documents, tokens, positions] = [0, 0, 0]
  return Object.freeze({
    add(ids: TokenIds): void {
      assertTokenIds(ids, { name: 'ids', vocabularySize })
      documents++
      tokens += ids.length
      digest.update(utf8ToBytes(`[${Array.prototype.join.call(ids, ',')}]\n`))
      for (let i = contextWidth; i < ids.length; i++) counts.add(lastIds(ids, i, { contextWidth })!)
      positions += Math.max(0, ids.length - contextWidth)
    },
    toBytes(): Uint8Array {
      const part = { digest: `sha256:${bytesToHex(digest.clone().digest())}` as const, documents, tokens }
      const about = { contextWidth, vocabularySize, origin, positions, parts: [part] }
      return indexBytes({ ...about, counts: counts.about() }, counts.words())
    },
  })
}

/**
 * Reads an index file.
 * @throws TypeError or RangeError for a file that is damaged, of another format, or of counts that are not of windows of unmarked text.
 */
export function parseExposure(bytes: Uint8Array): Exposure {
  const { header, words } = readIndex(bytes, 'bytes')
  const { contextWidth, origin, counts, parts } = header
  const count =
    counts.kind === 'exact' ? exactLookup(words, contextWidth) : sketchLookup(words, counts, contextWidth)
  return mintExposure({ contextWidth, origin, tokens: tokensOf(parts), digest: digestBytes(bytes), count })
}

/** What an index file says of itself; its counts are checked as {@link parseExposure} does. */
export function exposureHeader(bytes: Uint8Array): ExposureHeader {
  return readIndex(bytes, 'bytes').header
}

/**
 * The index file of all documents of several index files: counts are added. The order does not matter.
 * @throws TypeError or RangeError for files that cannot be read or are of different widths, vocabularies or tables, and for documents that would be counted twice.
 */
export function mergeExposures(
  files: readonly Uint8Array[],
  options: { readonly origin: string },
): Uint8Array {
  assertArray(files, { name: 'files', expected: 'an array of index files' })
  assertOptions(options, { name: 'options', keys: ['origin'] })
  assertOrigin(options.origin, 'options.origin')
  if (files.length === 0) throw new RangeError('"files" expected at least one index file, got none')
  const read = files.map((bytes, i) => readIndex(bytes, `files[${i}]`))
  const [first] = read
  const { contextWidth, vocabularySize } = first!.header
  const same = (header: ExposureHeader): string =>
    canonicalJson({
      contextWidth: header.contextWidth,
      vocabularySize: header.vocabularySize,
      counts: header.counts.kind === 'exact' ? 'exact' : header.counts,
    })
  for (const [i, { header }] of read.entries()) {
    if (same(header) !== same(first!.header))
      throw new RangeError(
        `"files[${i}]" expected counts like those of files[0], ${same(first!.header)}, got ${same(header)}`,
      )
  }
  const parts = read.flatMap(({ header }) => header.parts)
  if (new Set(parts.map(({ digest }) => digest)).size < parts.length)
    throw new RangeError('"files" expected files of different documents, got some documents twice')
  const { counts } = first!.header
  const sum =
    counts.kind === 'exact' ? exactCounts(contextWidth, 2 ** 30) : sketchCounts(contextWidth, counts)
  for (const { words } of read) sum.merge(words)
  const positions = read.reduce((total, { header }) => total + header.positions, 0)
  const about = { contextWidth, vocabularySize, origin: options.origin, positions, parts: byDigest(parts) }
  return indexBytes({ ...about, counts: sum.about() }, sum.words())
}

/** A plan has it on one line of its own. */
function assertOrigin(origin: unknown, name: string): asserts origin is string {
  const expected = 'one line of words that say where the text is from'
  if (readLine(origin, { name, expected }).length > 200)
    throw new RangeError(`"${name}" expected at most 200 characters, got ${describe(origin)}`)
}

function shapeOf(sketch: { readonly error: number; readonly confidence: number }): SketchShape {
  assertOptions(sketch, { name: 'options.sketch', keys: ['error', 'confidence'] })
  for (const name of ['error', 'confidence'] as const)
    assertNumber(sketch[name], {
      name: `options.sketch.${name}`,
      expected: 'a number above 0 and below 1',
      holds: (value) => value > 0 && value < 1,
    })
  const shape = sketchShape(sketch)
  if (shape.width * shape.depth > MOST_CELLS)
    throw new RangeError(
      `"options.sketch.error" expected one that a table of ${4 * MOST_CELLS} bytes can hold, got ${describe(sketch.error)}, which needs ${4 * shape.width * shape.depth}`,
    )
  return shape
}

const MOST_CELLS = 2 ** 29
const MOST_COUNT = 2 ** 32 - 1

/** Counts under way, either kind. */
interface Counts {
  add(window: Context): void
  /** Adds the counts of a file of the same kind. */
  merge(words: Uint32Array): void
  about(): ExposureHeader['counts']
  words(): Uint32Array
}

function tooMany(): RangeError {
  return new RangeError(
    `"ids" expected no window more than ${MOST_COUNT} times, got one more; count in parts`,
  )
}

function exactCounts(contextWidth: number, mostWindows: number): Counts {
  const windows = createTupleSet(contextWidth)
  let counts = new Uint32Array(1024)
  const addTimes = (window: Context, times: number): void => {
    const index = windows.indexOf(window)
    if (index >= mostWindows)
      throw new RangeError(
        `"ids" expected at most ${mostWindows} different windows, got more; count with a sketch, whose size is fixed`,
      )
    if (index >= counts.length) {
      const wider = new Uint32Array(2 * counts.length)
      wider.set(counts)
      counts = wider
    }
    if (counts[index]! + times > MOST_COUNT) throw tooMany()
    counts[index]! += times
  }
  return {
    add: (window) => addTimes(window, 1),
    merge(words) {
      const stride = contextWidth + 1
      for (let at = 0; at < words.length; at += stride)
        addTimes(words.subarray(at, at + contextWidth), words[at + contextWidth]!)
    },
    about: () => ({ kind: 'exact', windows: windows.size }),
    words() {
      const tuples = windows.toWords()
      const order = Uint32Array.from({ length: windows.size }, (_, i) => i)
      order.sort((a, b) => compare(tuples, a * contextWidth, tuples, b * contextWidth, contextWidth))
      const stride = contextWidth + 1
      const words = new Uint32Array(stride * order.length)
      for (const [place, i] of order.entries()) {
        words.set(tuples.subarray(i * contextWidth, (i + 1) * contextWidth), place * stride)
        words[place * stride + contextWidth] = counts[i]!
      }
      return words
    },
  }
}

function sketchCounts(contextWidth: number, { width, depth }: SketchShape): Counts {
  const cells = new Uint32Array(width * depth)
  const cellOf = sketchCells({ width, depth }, contextWidth)
  const addTo = (cell: number, times: number): void => {
    if (cells[cell]! + times > MOST_COUNT) throw tooMany()
    cells[cell]! += times
  }
  return {
    add(window) {
      for (let row = 0; row < depth; row++) addTo(cellOf(window, row), 1)
    },
    merge(words) {
      for (let cell = 0; cell < words.length; cell++) addTo(cell, words[cell]!)
    },
    about: () => ({ kind: 'sketch', width, depth }),
    words: () => cells,
  }
}

function exactLookup(words: Uint32Array, contextWidth: number): (window: Context) => number {
  const stride = contextWidth + 1
  return (window) => {
    let [low, high] = [0, words.length / stride]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const order = compare(words, middle * stride, window, 0, contextWidth)
      if (order === 0) return words[middle * stride + contextWidth]!
      if (order < 0) low = middle + 1
      else high = middle
    }
    return 0
  }
}

function sketchLookup(
  words: Uint32Array,
  shape: SketchShape,
  contextWidth: number,
): (window: Context) => number {
  const cellOf = sketchCells(shape, contextWidth)
  return (window) => {
    let least = MOST_COUNT
    for (let row = 0; row < shape.depth; row++) least = Math.min(least, words[cellOf(window, row)]!)
    return least
  }
}

/** Order of two tuples, by their first word that differs. */
function compare(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, length: number): number {
  for (let k = 0; k < length; k++) {
    const difference = a[i + k]! - b[j + k]!
    if (difference !== 0) return difference
  }
  return 0
}

function byDigest(parts: readonly CountedText[]): CountedText[] {
  return [...parts].sort((a, b) => (a.digest < b.digest ? -1 : 1))
}

function tokensOf(parts: readonly CountedText[]): number {
  return parts.reduce((total, { tokens }) => total + tokens, 0)
}

function indexBytes(
  about: Omit<ExposureHeader, 'format' | 'counted' | 'text' | 'body'>,
  words: Uint32Array,
): Uint8Array {
  const body = new Uint8Array(4 * words.length)
  const view = new DataView(body.buffer)
  for (let i = 0; i < words.length; i++) view.setUint32(4 * i, words[i]!, true)
  const header: ExposureHeader = {
    format: FORMAT,
    counted: 'windows',
    text: 'unmarked',
    ...about,
    body: digestBytes(body),
  }
  const line = utf8ToBytes(`${canonicalJson(header)}\n`)
  const bytes = new Uint8Array(line.length + body.length)
  bytes.set(line)
  bytes.set(body, line.length)
  return bytes
}

const HEADER_KEYS = [
  'format',
  'counted',
  'text',
  'contextWidth',
  'vocabularySize',
  'origin',
  'positions',
  'parts',
  'counts',
  'body',
]

function readIndex(
  bytes: unknown,
  name: string,
): { readonly header: ExposureHeader; readonly words: Uint32Array } {
  assertBytes(bytes, { name })
  const end = bytes.subarray(0, MOST_HEADER).indexOf(0x0a)
  if (end < 0) throw new RangeError(`"${name}" expected an exposure index, got bytes without its first line`)
  const line = lineOf(bytes.subarray(0, end), name)
  const header = readHeader(line, name)
  const body = bytes.subarray(end + 1)
  const { contextWidth, counts } = header
  const expected = counts.kind === 'exact' ? counts.windows * (contextWidth + 1) : counts.width * counts.depth
  if (body.length !== 4 * expected)
    throw new RangeError(
      `"${name}" expected ${4 * expected} bytes of counts of windows of ${contextWidth} ids, got ${body.length}`,
    )
  const digest = digestBytes(body)
  if (digest !== header.body)
    throw new RangeError(
      `"${name}" expected counts of digest ${header.body}, got ${digest}; the file is damaged`,
    )
  const words = littleEndianWords(body)
  assertCounts(words, header, name)
  return { header, words }
}

// Thousands of parts fit; a file that is none is not read to its end.
const MOST_HEADER = 2 ** 24

function lineOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new RangeError(`"${name}" expected an exposure index, got other bytes`)
  }
}

function readHeader(line: string, name: string): ExposureHeader {
  const value = parseJson(line, { start: `"${name}"`, expected: 'a first line of JSON' })
  if (typeof value !== 'object' || value === null || (value as { format?: unknown }).format !== FORMAT)
    throw new RangeError(`"${name}" expected a file of format "${FORMAT}", got ${describe(value)}`)
  const { counted, text } = value as Record<string, unknown>
  if (counted !== 'windows')
    throw new RangeError(
      `"${name}" expected counts of windows, got counts of ${describe(counted)}: how often a pair was sampled depends on the key`,
    )
  if (text !== 'unmarked')
    throw new RangeError(
      `"${name}" expected counts of unmarked text, got ${describe(text)}: what stands in marked text depends on the key`,
    )
  const header = value as ExposureHeader
  const refused = (field: string, got: unknown): RangeError =>
    new RangeError(`"${name}.${field}" expected as docs/exposure.md has it, got ${describe(got)}`)
  if (Object.keys(value).sort().join() !== [...HEADER_KEYS].sort().join()) throw refused('header', value)
  assertInteger(header.contextWidth, { name: `${name}.contextWidth`, max: MAX_CONTEXT_WIDTH })
  assertInteger(header.vocabularySize, { name: `${name}.vocabularySize`, min: 2, max: 2 ** 32 })
  assertOrigin(header.origin, `${name}.origin`)
  assertInteger(header.positions, { name: `${name}.positions` })
  readDigest(header.body, { name: `${name}.body` })
  if (!Array.isArray(header.parts) || header.parts.length === 0) throw refused('parts', header.parts)
  for (const part of header.parts as readonly unknown[]) {
    if (
      typeof part !== 'object' ||
      part === null ||
      Object.keys(part).sort().join() !== 'digest,documents,tokens'
    )
      throw refused('parts', part)
    const { digest, documents, tokens } = part as CountedText
    readDigest(digest, { name: `${name}.parts.digest` })
    assertInteger(documents, { name: `${name}.parts.documents` })
    assertInteger(tokens, { name: `${name}.parts.tokens` })
  }
  const { counts } = header as { counts: unknown }
  if (typeof counts !== 'object' || counts === null) throw refused('counts', counts)
  const { kind, windows, width, depth } = counts as Record<string, unknown>
  if (kind === 'exact' && Object.keys(counts).length === 2)
    assertInteger(windows, { name: `${name}.counts.windows`, max: 2 ** 30 })
  else if (kind === 'sketch' && Object.keys(counts).length === 3) {
    assertInteger(width, { name: `${name}.counts.width`, min: 2, max: MOST_CELLS })
    assertInteger(depth, { name: `${name}.counts.depth`, min: 1, max: 1000 })
    if (!Number.isInteger(Math.log2(width as number))) throw refused('counts.width', width)
  } else throw refused('counts', counts)
  // One content, one file: otherwise a plan's digest would not name it.
  if (canonicalJson({ ...header, parts: byDigest(header.parts) }) !== line) throw refused('header', value)
  return header
}

/** Windows in order, each once, of the vocabulary, and counts that add up to the number of positions. */
function assertCounts(words: Uint32Array, header: ExposureHeader, name: string): void {
  const { contextWidth, vocabularySize, positions, counts } = header
  const damaged = (got: string): RangeError =>
    new RangeError(`"${name}" expected counts of ${positions} windows of unmarked text, got ${got}`)
  if (counts.kind === 'sketch') {
    for (let row = 0; row < counts.depth; row++) {
      const cells = words.subarray(row * counts.width, (row + 1) * counts.width)
      if (cells.reduce((total, cell) => total + cell, 0) !== positions) throw damaged('a row of another sum')
    }
    return
  }
  const stride = contextWidth + 1
  let total = 0
  for (let at = 0; at < words.length; at += stride) {
    for (let k = 0; k < contextWidth; k++)
      if (words[at + k]! >= vocabularySize) throw damaged('an id outside the vocabulary')
    if (at > 0 && compare(words, at - stride, words, at, contextWidth) >= 0)
      throw damaged('windows out of order')
    if (words[at + contextWidth] === 0) throw damaged('a window that was not counted')
    total += words[at + contextWidth]!
  }
  if (total !== positions) throw damaged(`counts that add up to ${total}`)
}
