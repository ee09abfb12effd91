/**
 * What a scan asks: which marks, and how text is read for them. Marks that read text alike share a reading: what counts once, and where contexts are, depends on a
 * scheme and its width and on no key. A test is a key and a lane. It goes to workers as a message, for a worker has no files and no keys of its own.
 *
 * Refused are marks of which only the key tells which pairs share a score: a set of pairs that was made without the key could count one twice.
 */
import { assertInteger } from '../assert.ts'
import { readingName } from '../detect/countable.ts'
import { assertMergeable } from '../detect/evidence-record.ts'
import { type KnownMark, resolveMarks, type TestedMark } from '../detect/known-marks.ts'
import { DEFAULT_MINIMUM_COUNTED } from '../detect/verdict.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { Profile } from '../keys/profile.ts'
import { sealSecret, secretOf } from '../keys/secret.ts'
import type { PublicIdentity } from '../schemes/scheme.ts'
import { EXPONENTIAL_STEP, isOfBits, type NullLaw } from '../stats/law.ts'

/** How text is read. Fixed before anything is read: it is a part of the scan's name. */
export interface ReadingOptions {
  /** End-of-text id: what follows its first occurrence in a document is not counted. @defaultValue none */
  readonly endOfText?: number
  /** Padding id: a context that holds it is not counted. @defaultValue none */
  readonly padding?: number
  /** Undo look-alike letters and characters of no width before text is read. @defaultValue false */
  readonly canonicalise?: boolean
  /** A document with fewer pairs is too short to be judged by itself. @defaultValue 64, as in a verdict */
  readonly minimumCounted?: number
}

/** The files of a tokenizer, as text: they go to workers. */
export interface TokenizerFiles {
  /** tokenizer.json of the marked model. */
  readonly json: string
  /** tokenizer_config.json, where it lies beside. */
  readonly config?: string | undefined
}

/** One way to read text, shared by all marks that read it so. */
export interface Reading {
  readonly profile: Profile
  readonly contextWidth: number
  /** Where pairs share a score under every key alike: what decides it. */
  readonly identity: PublicIdentity | undefined
  /** Places in the list of marks. */
  readonly marks: readonly number[]
  /** Number of tests: lanes of these marks, in their order. */
  readonly tests: number
}

/** A key and a lane that are asked about. */
export interface ScanTest {
  readonly mark: number
  readonly lane: number
  readonly reading: number
  readonly law: NullLaw
}

/** What a scan asks, checked. */
export interface Question {
  readonly marks: readonly TestedMark[]
  readonly readings: readonly Reading[]
  /** By mark and then lane. */
  readonly tests: readonly ScanTest[]
  /** The first test of each mark. */
  readonly firstTests: readonly number[]
  /** Ids that every mark has. */
  readonly vocabularySize: number
  readonly options: Required<Pick<ReadingOptions, 'canonicalise' | 'minimumCounted'>> & ReadingOptions
}

/** Checks marks and options, and finds out which marks share a reading. */
export function questionOf(marks: readonly KnownMark[], options: ReadingOptions): Question {
  const tested = resolveMarks(marks, { name: 'marks' })
  for (const { profile } of tested) assertMergeable(profile)
  const vocabularySize = Math.min(...tested.map(({ profile }) => profile.vocabularySize))
  for (const name of ['endOfText', 'padding'] as const)
    if (options[name] !== undefined)
      assertInteger(options[name], { name: `options.${name}`, max: vocabularySize - 1 })
  const { canonicalise = false, minimumCounted = DEFAULT_MINIMUM_COUNTED } = options
  assertInteger(minimumCounted, { name: 'options.minimumCounted', min: 1 })
  const names: string[] = []
  const placeOf = ({ profile }: TestedMark): number => {
    const name = readingName(profile)
    return names.includes(name) ? names.indexOf(name) : names.push(name) - 1
  }
  const places = tested.map(placeOf)
  const readings = names.map((_, reading): Reading => {
    const own = tested.flatMap((_mark, i) => (places[i] === reading ? [i] : []))
    const { profile, scheme } = tested[own[0]!]!
    return {
      profile,
      contextWidth: scheme.contextWidth,
      identity: scheme.publicIdentity,
      marks: own,
      tests: own.reduce((total, i) => total + tested[i]!.lanes.length, 0),
    }
  })
  const tests = tested.flatMap(({ scheme, lanes }, mark) =>
    lanes.map((lane) => ({ mark, lane, reading: places[mark]!, law: scheme.nullLaw })),
  )
  const { endOfText, padding } = options
  return {
    marks: tested,
    readings,
    tests,
    firstTests: firstsOf(tested),
    vocabularySize,
    options: {
      canonicalise,
      minimumCounted,
      ...(endOfText === undefined ? {} : { endOfText }),
      ...(padding === undefined ? {} : { padding }),
    },
  }
}

function firstsOf(marks: readonly TestedMark[]): readonly number[] {
  let next = 0
  return marks.map(({ lanes }) => {
    const first = next
    next += lanes.length
    return first
  })
}

/** Sums are kept as integers of this. */
export function unitOf(law: NullLaw): number {
  return isOfBits(law) ? 1 : EXPONENTIAL_STEP
}

/** A question as a message between threads of one process. It holds keys, and goes nowhere else. */
export interface PackedQuestion {
  readonly marks: readonly {
    readonly profile: Profile
    readonly lanes: readonly number[]
    readonly key: MarkKey
    readonly bytes: Uint8Array
    readonly route: Uint8Array | undefined
  }[]
  readonly options: ReadingOptions
  readonly tokenizer: TokenizerFiles | undefined
}

/** Packs a question for a worker. */
export function packed({ marks, options }: Question, tokenizer: TokenizerFiles | undefined): PackedQuestion {
  return {
    marks: marks.map(({ profile, key, lanes }) => {
      const { bytes, route } = secretOf(key, { kind: 'mark-key', name: 'key', from: 'deriveMarkKeys' })
      return { profile, lanes, key, bytes, route }
    }),
    options,
    tokenizer,
  }
}

/** What {@link packed} packed, in the worker. */
export function unpacked({ marks, options }: PackedQuestion): Question {
  const known = marks.map(({ profile, lanes, key, bytes, route }) => ({
    profile,
    lanes,
    // Two marks of one key stay one test each: their ranges differ, or they were refused.
    key: sealSecret({ ...key }, { bytes, route }),
  }))
  return questionOf(known, options)
}
