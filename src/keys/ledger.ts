/**
 * The ledger: which account or cohort was served under which key, and when. JSON lines that only grow, without any key in them; what
 * a verdict's key id and lane mean in names. It is made from profiles alone. It says what the owner wrote down, not what happened:
 * whatever is unclear in it is said beside the entries, and a look-up gives every entry that fits, never the likeliest.
 */
import {
  assertInteger,
  assertOneOf,
  assertOptions,
  assertRecord,
  assertString,
  describe,
  describeHidden,
} from '../assert.ts'
import { type Digest, digestJson } from '../digest.ts'
import { parseJson } from '../json.ts'
import { SCHEME_IDS, type SchemeId } from './derive.ts'
import { instantOf, isBefore, isWithin } from './instant.ts'
import { assertOwnProfile, type Profile, parseProfile, ROLES, type Role } from './profile.ts'
import { withoutContent } from './without-content.ts'

/** One account under one layer of one profile, for one stretch of time: `from <= time < to`, times in UTC. Frozen. */
export interface LedgerEntry {
  readonly format: 'dyetrace/ledger-1'
  /** Name of an account, or of a cohort of accounts: the owner's to choose. */
  readonly account: string
  readonly keyId: string
  readonly role: Role
  readonly label: string
  readonly lane: number
  readonly scheme: SchemeId
  /** Digest of the profile. */
  readonly profile: Digest
  readonly from: string
  /** Absent while it goes on. */
  readonly to?: string
}

/** What a reader of a ledger should know, by line number (the first is 1). */
export type LedgerNote =
  /** The last line was cut off while it was written, and is left out. */
  | { readonly kind: 'torn'; readonly line: number }
  /** A line that says what an earlier line says; counted once. */
  | { readonly kind: 'duplicate'; readonly line: number; readonly of: number }
  /** Two lines by which one role of one profile served the account twice at a time. Both are kept. */
  | { readonly kind: 'overlap'; readonly line: number; readonly with: number }

/** A ledger that was read. Made by {@link parseLedger} only. Frozen. */
export interface Ledger {
  /** Distinct entries, by account and time: the same whatever the order of the lines. */
  readonly entries: readonly LedgerEntry[]
  readonly notes: readonly LedgerNote[]
}

/** Options of {@link createLedgerEntry}. */
export interface LedgerEntryOptions {
  /** 1..256 characters, without control characters, direction marks and line separators. Names are compared exactly. */
  readonly account: string
  /** Label of the layer that served the account. */
  readonly label: string
  /** @defaultValue 0 */
  readonly lane?: number
  /** ISO 8601: a date (its first moment in UTC) or a time with its zone. */
  readonly from: string
  /** @defaultValue none: it goes on. The same entry with an end closes it later. */
  readonly to?: string
}

const FORMAT = 'dyetrace/ledger-1'
const REQUIRED = ['format', 'account', 'keyId', 'role', 'label', 'lane', 'scheme', 'profile', 'from'] as const
// Control characters, line separators and halves of surrogate pairs: what breaks lines, hides or has no UTF-8. Direction marks: what
// makes a name be read as another one.
const ACCOUNT = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]{1,256}$/u
const ACCOUNT_EXPECTED =
  '1..256 characters, none of them a control character, direction mark or line separator'
const KEY_ID = /^[0-9a-f]{16}$/
const LABEL = /^[a-z0-9][a-z0-9._-]{0,63}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/
// The finest cut is 1 bit of a block of 512, and 32 bits for all but green lists.
const MAX_LANE = 511
const MAX_LANE_OF_32_BITS = 15

const parsed = new WeakSet<object>()

/**
 * What to write down about an account: one entry for each layer that serves it. A line of the ledger is its JSON and a line feed.
 * @throws TypeError or RangeError for a label that is not in the profile, a lane that the layer does not have, an end before the beginning.
 * @example
 * import { createLedgerEntry, createProfile, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const profile = createProfile(generateMasterKey(), {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'cohort', label: 'acme', lanes: 64 }], created: '2026-11-24',
 * })
 * const entry = createLedgerEntry(profile, { account: 'Babbage & Co', label: 'acme', lane: 17, from: '2026-12-01' })
 * const line = `${JSON.stringify(entry)}\n`
 * entry.from // '2026-12-01T00:00:00Z'
 */
export function createLedgerEntry(profile: Profile, options: LedgerEntryOptions): LedgerEntry {
  const checked: Profile = parseProfile(profile)
  assertOwnProfile(checked, { name: 'profile' })
  assertOptions(options, { name: 'options', keys: ['account', 'label', 'lane', 'from', 'to'] })
  const { account, label, lane = 0, to } = options
  assertString(account, { name: 'options.account', expected: ACCOUNT_EXPECTED, pattern: ACCOUNT })
  assertString(label, { name: 'options.label' })
  const layer = checked.layers.find((candidate) => candidate.label === label)
  if (!layer)
    throw new RangeError(
      `"options.label" expected the label of a layer of the profile, got ${describe(label)}`,
    )
  assertInteger(lane, { name: 'options.lane', max: layer.lanes - 1 })
  return freezeEntry(
    {
      account,
      keyId: layer.keyId,
      role: layer.role,
      label,
      lane,
      scheme: checked.scheme,
      profile: digestJson(checked),
      from: options.from,
      to,
    },
    { name: 'options.' },
  )
}

/**
 * Reads a ledger: one entry a line, in any order. A last line that was cut off is left out and noted, as are repeated lines and
 * lines that serve one account twice at a time. A line without an end and one that is the same with an end are one entry, closed.
 * @throws TypeError or RangeError that names the line if one is malformed, has other fields than an entry, or contradicts another one
 * about what a key is; nothing of the line is shown.
 * @example
 * import { createLedgerEntry, createProfile, generateMasterKey, lookUp, parseLedger, tokenizerDigest } from 'dyetrace'
 * const profile = createProfile(generateMasterKey(), {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'cohort', label: 'acme', lanes: 64 }], created: '2026-11-24',
 * })
 * const entry = createLedgerEntry(profile, { account: 'Babbage & Co', label: 'acme', lane: 17, from: '2026-12-01' })
 * const ledger = parseLedger(`${JSON.stringify(entry)}\n{"format":"dyetrace/led`)
 * ledger.notes[0] // { kind: 'torn', line: 2 }
 * lookUp(ledger, { keyId: entry.keyId, lane: 17, at: '2026-12-24' }).map(({ account }) => account) // [ 'Babbage & Co' ]
 */
export function parseLedger(text: string): Ledger {
  if (typeof text !== 'string')
    throw new TypeError(`"text" expected the text of a ledger, got ${describeHidden(text)}`)
  const notes: LedgerNote[] = []
  const lines: Line[] = []
  const texts = text.split('\n')
  // The piece behind the last line feed: empty, or a line that was cut off, or a last line whose line feed is all that is missing.
  const rest = texts.pop()!
  for (const [i, json] of texts.entries()) lines.push(parseLine(json, { line: i + 1 }))
  if (rest !== '') {
    const line = texts.length + 1
    if (isJson(rest)) lines.push(parseLine(rest, { line }))
    else notes.push({ kind: 'torn', line })
  }
  assertOneStory(lines)
  const distinct = closeAndMerge(lines, notes)
  noteOverlaps(distinct, notes)
  const ledger: Ledger = Object.freeze({
    entries: Object.freeze(distinct.sort(byAccountAndTime).map(({ entry }) => entry)),
    notes: Object.freeze(notes.sort((a, b) => a.line - b.line).map((note) => Object.freeze(note))),
  })
  parsed.add(ledger)
  return ledger
}

/**
 * Who was served under a key: every entry that fits. More than one account means that the key alone does not tell them apart.
 * @param query a verdict's key id and lane, and a time within which the text was made; what is left out is not asked.
 * @example
 * import { lookUp, parseLedger } from 'dyetrace'
 * lookUp(parseLedger(''), { keyId: '3ce3b911b376689a' }) // []
 */
export function lookUp(
  ledger: Ledger,
  query: { readonly keyId: string; readonly lane?: number; readonly at?: string },
): readonly LedgerEntry[] {
  assertLedger(ledger)
  assertOptions(query, { name: 'query', keys: ['keyId', 'lane', 'at'] })
  const { keyId, lane } = query
  assertString(keyId, { name: 'query.keyId', expected: 'a key id of 16 hex digits', pattern: KEY_ID })
  if (lane !== undefined) assertInteger(lane, { name: 'query.lane', max: MAX_LANE })
  const at = query.at === undefined ? undefined : instantOf(query.at, { name: 'query.at' })
  return Object.freeze(
    ledger.entries.filter(
      (entry) =>
        entry.keyId === keyId &&
        (lane === undefined || entry.lane === lane) &&
        (at === undefined || isWithin(at, entry)),
    ),
  )
}

/**
 * Under which keys an account was served, in the order of time.
 * @example
 * import { entriesOf, parseLedger } from 'dyetrace'
 * entriesOf(parseLedger(''), 'Babbage & Co') // []
 */
export function entriesOf(ledger: Ledger, account: string): readonly LedgerEntry[] {
  assertLedger(ledger)
  assertString(account, { name: 'account', expected: ACCOUNT_EXPECTED, pattern: ACCOUNT })
  return Object.freeze(ledger.entries.filter((entry) => entry.account === account))
}

interface Line {
  readonly entry: LedgerEntry
  readonly line: number
}

function assertLedger(ledger: unknown): asserts ledger is Ledger {
  if (typeof ledger === 'object' && ledger !== null && parsed.has(ledger)) return
  throw new TypeError(`"ledger" expected a ledger from parseLedger, got ${describeHidden(ledger)}`)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function parseLine(text: string, { line }: { line: number }): Line {
  const name = `ledger line ${line}`
  const value = parseJson(text, { start: `${name}:`, expected: 'JSON (an entry)' })
  // Somebody may have mixed up two files, and the other one may be a key.
  return withoutContent(() => ({ entry: entryOf(value), line }), { name })
}

function entryOf(value: unknown): LedgerEntry {
  assertRecord(value, { name: 'entry', keys: [...REQUIRED, 'to'] })
  const field = (name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined)
  const { format, account, keyId, role, label, lane, scheme, profile, from } = Object.fromEntries(
    REQUIRED.map((name) => [name, field(name)]),
  )
  assertOneOf(format, { name: 'entry.format', values: [FORMAT] })
  assertString(account, { name: 'entry.account', expected: ACCOUNT_EXPECTED, pattern: ACCOUNT })
  assertString(keyId, { name: 'entry.keyId', expected: '16 hex digits', pattern: KEY_ID })
  assertOneOf(role, { name: 'entry.role', values: ROLES })
  assertString(label, { name: 'entry.label', expected: 'the label of a layer', pattern: LABEL })
  assertOneOf(scheme, { name: 'entry.scheme', values: SCHEME_IDS })
  assertInteger(lane, { name: 'entry.lane', max: scheme === 'green-list' ? MAX_LANE : MAX_LANE_OF_32_BITS })
  assertString(profile, { name: 'entry.profile', expected: 'the digest of a profile', pattern: DIGEST })
  const served = { account, keyId, role, label, lane, scheme, profile: profile as Digest, from }
  // An end that is null is not an end that is left out.
  return freezeEntry(Object.hasOwn(value, 'to') ? { ...served, to: value['to'] ?? null } : served, {
    name: 'entry.',
  })
}

function freezeEntry(
  entry: Omit<LedgerEntry, 'format' | 'from' | 'to'> & { readonly from: unknown; readonly to?: unknown },
  { name }: { name: string },
): LedgerEntry {
  const from = instantOf(entry.from, { name: `${name}from` })
  const to = entry.to === undefined ? undefined : instantOf(entry.to, { name: `${name}to` })
  if (to !== undefined && !isBefore(from, to))
    throw new RangeError(`"${name}to" expected a time after ${from}, got ${to}`)
  const { account, keyId, role, label, lane, scheme, profile } = entry
  return Object.freeze({
    format: FORMAT,
    account,
    keyId,
    role,
    label,
    // JSON can say -0.
    lane: lane + 0,
    scheme,
    profile,
    from,
    ...(to === undefined ? {} : { to }),
  })
}

// A key is derived from its label and its scheme, a label of a profile has one key, and a profile one scheme: two lines that differ there
// cannot both be right, and the wrong one would name the wrong account.
function assertOneStory(lines: readonly Line[]): void {
  const known = new Map<string, { readonly says: string; readonly line: number }>()
  const agree = (about: string, says: string, line: number): void => {
    const first = known.get(about)
    if (!first) known.set(about, { says, line })
    else if (first.says !== says)
      throw new RangeError(
        `ledger line ${line}: expected the profile, key id, role, label and scheme to go together as on line ${first.line}, got something else`,
      )
  }
  for (const { entry, line } of lines) {
    const { keyId, role, label, scheme, profile } = entry
    agree(keyId, `${label} ${scheme}`, line)
    agree(`${profile} ${label}`, `${keyId} ${role}`, line)
    agree(profile, scheme, line)
  }
}

/** One line an entry: repeated lines are noted, open ones that another line closes are dropped. */
function closeAndMerge(lines: readonly Line[], notes: LedgerNote[]): Line[] {
  const groups = new Map<string, Map<string, Line>>()
  for (const line of lines) {
    const { account, keyId, role, lane, profile, from, to = '' } = line.entry
    // No part holds a line feed.
    const same = [account, keyId, role, lane, profile, from].join('\n')
    const byEnd = groups.get(same) ?? new Map<string, Line>()
    groups.set(same, byEnd)
    const first = byEnd.get(to)
    if (first) notes.push({ kind: 'duplicate', line: line.line, of: first.line })
    else byEnd.set(to, line)
  }
  return [...groups.values()].flatMap((byEnd) => {
    if (byEnd.size > 1) byEnd.delete('')
    return [...byEnd.values()]
  })
}

function noteOverlaps(lines: readonly Line[], notes: LedgerNote[]): void {
  // Within a profile one label of a role serves a request; two profiles can serve an account side by side.
  const groups = new Map<string, Line[]>()
  for (const line of lines) {
    const { account, profile, role } = line.entry
    const group = [account, profile, role].join('\n')
    const own = groups.get(group)
    if (own) own.push(line)
    else groups.set(group, [line])
  }
  for (const group of groups.values()) {
    if (group.length === 1) continue
    const [first, ...others] = group.sort(byAccountAndTime)
    let last = first!
    for (const line of others) {
      const { to } = last.entry
      if (to === undefined || isBefore(line.entry.from, to)) {
        const [earlier, later] = last.line < line.line ? [last, line] : [line, last]
        notes.push({ kind: 'overlap', line: later.line, with: earlier.line })
      }
      if (to !== undefined && (line.entry.to === undefined || isBefore(to, line.entry.to))) last = line
    }
  }
}

function byAccountAndTime({ entry: a }: Line, { entry: b }: Line): number {
  if (a.account !== b.account) return a.account < b.account ? -1 : 1
  if (a.from !== b.from) return isBefore(a.from, b.from) ? -1 : 1
  if (a.to !== b.to) return b.to === undefined || (a.to !== undefined && isBefore(a.to, b.to)) ? -1 : 1
  const [x, y] = [a, b].map(({ profile, role, keyId, lane }) => [profile, role, keyId, lane].join())
  return x! < y! ? -1 : 1
}
