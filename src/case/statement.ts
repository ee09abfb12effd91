/**
 * What is signed: an in-toto Statement of version 1. Its subjects are the files by their digests, its predicate says what follows from them: the
 * attribution record with its controls, every key that was planned or tried, and in what the case is not what the plan said. docs/evidence.md has
 * every field.
 */
import { assertArray, assertInteger, assertRecord } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { canonicalJson, type Digest, digestJson } from '../digest.ts'
import type { Attribution } from '../distill/attribution.ts'
import { parseJson } from '../json.ts'
import { instantOf } from '../keys/instant.ts'
import { profileDigest, type Role } from '../keys/profile.ts'
import { entriesOf, optional, ownFields, readDigest, readLine } from '../plan/fields.ts'
import { fromBase64 } from './base64.ts'
import { deviationsOf } from './deviations.ts'
import { type CaseFiles, EVIDENCE_FILES, fileDigest, textOf } from './files.ts'
import type { CaseRecords } from './judge.ts'
import { PACKAGE } from './package.ts'

/** Names what a predicate of this form says. It is a name and no address: nothing has to be there. */
export const PREDICATE_TYPE = 'urn:dyetrace:evidence:1'
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const FORMAT = 'dyetrace/evidence-1'
const NAME = 'evidence.json payload'

/** A file, the tokenizer or the package, by its SHA-256. */
export interface Subject {
  readonly name: string
  readonly digest: { readonly sha256: string }
}

/** A key that was planned or tried. */
export interface EvidenceKey {
  readonly keyId: string
  readonly lane: number
  readonly planned: boolean
  readonly tried: boolean
  /** From the profile; absent where the profile does not have the key. */
  readonly role?: Role
  readonly label?: string
  readonly commitment?: string
}

/** What the evidence says. */
export interface Predicate {
  readonly format: typeof FORMAT
  readonly package: { readonly name: string; readonly version: string }
  readonly plan: Digest
  readonly profile: Digest
  readonly tokenizer: Digest
  readonly answers: { readonly count: number; readonly head: Digest }
  readonly keys: readonly EvidenceKey[]
  /** The record of verdict.json; the controls are in its conclusions. */
  readonly verdict: Attribution
  readonly deviations: readonly string[]
  /** The signer's Ed25519 public key, 32 bytes as base64. It vouches for nobody: whose key it is has to be known from elsewhere. */
  readonly publicKey: string
  /** When it was sealed, by the signer's own clock. */
  readonly sealed?: string
}

/** A statement that was read. */
export interface Statement {
  readonly subjects: readonly Subject[]
  readonly predicate: Predicate
}

/** The statement about a case. */
export function statementOf(
  files: CaseFiles,
  records: CaseRecords,
  about: { verdict: Attribution; publicKey: string; sealed?: string | undefined },
): Statement {
  return { subjects: subjectsOf(files, records), predicate: predicateOf(records, about) }
}

/** The files that are there, then tokenizer and package. */
export function subjectsOf(files: CaseFiles, { profile }: Pick<CaseRecords, 'profile'>): readonly Subject[] {
  const present = EVIDENCE_FILES.flatMap((name) => {
    const text = textOf(files, name)
    return text === undefined ? [] : [subjectOf(name, fileDigest(text))]
  })
  return [...present, subjectOf('tokenizer', profile.tokenizer), packageSubject(PACKAGE)]
}

/** The package by what names it; the digest is that of the name, for what runs is not known here. */
export function packageSubject({ name, version }: { name: string; version: string }): Subject {
  return subjectOf(`pkg:npm/${name}@${version}`, digestJson({ name, version }))
}

function subjectOf(name: string, digest: Digest): Subject {
  return { name, digest: { sha256: digest.slice('sha256:'.length) } }
}

function predicateOf(
  records: CaseRecords,
  { verdict, publicKey, sealed }: { verdict: Attribution; publicKey: string; sealed?: string | undefined },
): Predicate {
  const { planDigest, profile, log } = records
  return {
    format: FORMAT,
    package: PACKAGE,
    plan: planDigest,
    profile: profileDigest(profile),
    tokenizer: profile.tokenizer,
    answers: { count: log.answers.length, head: log.head },
    keys: keysOf(records, verdict),
    verdict,
    deviations: deviationsOf(records, verdict),
    publicKey,
    ...(sealed === undefined ? {} : { sealed }),
  }
}

/** Keys of the plan in its order, then those that were tried beside it. */
function keysOf({ plan, profile }: CaseRecords, { conclusions }: Attribution): readonly EvidenceKey[] {
  const planned = new Set((plan.family ?? []).map(nameOf))
  const tried = new Set(conclusions.map(nameOf))
  const all = [...(plan.family ?? []), ...conclusions.filter((key) => !planned.has(nameOf(key)))]
  return all.map(({ keyId, lane }) => {
    const layer = profile.layers.find((candidate) => candidate.keyId === keyId)
    const name = nameOf({ keyId, lane })
    return {
      keyId,
      lane,
      planned: planned.has(name),
      tried: tried.has(name),
      ...(layer && { role: layer.role, label: layer.label, commitment: layer.commitment }),
    }
  })
}

function nameOf({ keyId, lane }: { readonly keyId: string; readonly lane: number }): string {
  return `${keyId}/${lane}`
}

/** The bytes of a statement: canonical JSON. */
export function statementBytes({ subjects, predicate }: Statement): Uint8Array {
  return utf8ToBytes(
    canonicalJson({ _type: STATEMENT_TYPE, subject: subjects, predicateType: PREDICATE_TYPE, predicate }),
  )
}

/**
 * Reads a statement. The verdict in it is a record whose content is for others to check.
 * @throws TypeError or RangeError that names the field; for an unknown version, and for bytes that are not canonical JSON.
 */
export function parseStatement(payload: Uint8Array): Statement {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
  } catch {
    throw new RangeError(`"${NAME}" expected UTF-8 text, got other bytes`)
  }
  const value = parseJson(text, { start: `"${NAME}"`, expected: 'an in-toto statement' })
  const fields = ownFields(value, { name: NAME, keys: ['_type', 'subject', 'predicateType', 'predicate'] })
  is(fields._type, STATEMENT_TYPE, '_type')
  is(fields.predicateType, PREDICATE_TYPE, 'predicateType')
  const subjects = entriesOf(fields.subject, {
    name: `${NAME}.subject`,
    expected: 'an array of subjects',
    read: readSubject,
  })
  const names = new Set(subjects.map(({ name }) => name))
  if (names.size !== subjects.length)
    throw new RangeError(`"${NAME}.subject" expected each name once, got one twice`)
  const predicate = readPredicate(fields.predicate)
  if (canonicalJson(value) !== text)
    throw new RangeError(`"${NAME}" expected canonical JSON (RFC 8785), got another spelling`)
  return { subjects, predicate }
}

function is(value: unknown, expected: string, field: string): void {
  if (value !== expected) throw new RangeError(`"${NAME}.${field}" expected "${expected}", got another`)
}

function readSubject(value: unknown, name: string): Subject {
  const fields = ownFields(value, { name, keys: ['name', 'digest'] })
  const { sha256 } = ownFields(fields.digest, { name: `${name}.digest`, keys: ['sha256'] })
  return {
    name: readLine(fields.name, { name: `${name}.name` }),
    digest: { sha256: hex(sha256, { name: `${name}.digest.sha256`, digits: 64 }) },
  }
}

function hex(value: unknown, { name, digits }: { name: string; digits: number }): string {
  if (typeof value !== 'string' || value.length !== digits || !/^[0-9a-f]*$/.test(value))
    throw new RangeError(`"${name}" expected ${digits} hex digits, got something else`)
  return value
}

const PREDICATE_KEYS = [
  'format',
  'package',
  'plan',
  'profile',
  'tokenizer',
  'answers',
  'keys',
  'verdict',
  'deviations',
  'publicKey',
  'sealed',
] as const

function readPredicate(value: unknown): Predicate {
  const name = `${NAME}.predicate`
  const fields = ownFields(value, { name, keys: PREDICATE_KEYS })
  is(fields.format, FORMAT, 'predicate.format')
  const made = ownFields(fields.package, { name: `${name}.package`, keys: ['name', 'version'] })
  is(made.name, PACKAGE.name, 'predicate.package.name')
  const { count, head } = ownFields(fields.answers, { name: `${name}.answers`, keys: ['count', 'head'] })
  assertInteger(count, { name: `${name}.answers.count` })
  const { verdict } = fields
  assertRecord(verdict, { name: `${name}.verdict` })
  is(verdict['format'], 'dyetrace/attribution-1', 'predicate.verdict.format')
  assertArray(verdict['conclusions'], { name: `${name}.verdict.conclusions` })
  return {
    format: FORMAT,
    package: {
      name: PACKAGE.name,
      version: readLine(made.version, { name: `${name}.package.version` }),
    },
    plan: readDigest(fields.plan, { name: `${name}.plan` }),
    profile: readDigest(fields.profile, { name: `${name}.profile` }),
    tokenizer: readDigest(fields.tokenizer, { name: `${name}.tokenizer` }),
    answers: { count, head: readDigest(head, { name: `${name}.answers.head` }) },
    keys: entriesOf(fields.keys, { name: `${name}.keys`, expected: 'an array of keys', read: readKey }),
    verdict: verdict as unknown as Attribution,
    deviations: entriesOf(fields.deviations, {
      name: `${name}.deviations`,
      expected: 'an array of sentences',
      read: (line, at) => readLine(line, { name: at }),
    }),
    publicKey: readPublicKey(fields.publicKey, { name: `${name}.publicKey` }),
    ...optional('sealed', fields.sealed, (instant) => {
      instantOf(instant, { name: `${name}.sealed` })
      return instant as string
    }),
  }
}

const KEY_KEYS = ['keyId', 'lane', 'planned', 'tried', 'role', 'label', 'commitment'] as const

function readKey(value: unknown, name: string): EvidenceKey {
  const fields = ownFields(value, { name, keys: KEY_KEYS })
  hex(fields.keyId, { name: `${name}.keyId`, digits: 16 })
  assertInteger(fields.lane, { name: `${name}.lane` })
  // What it says is held against the profile and the plan, field by field.
  return fields as unknown as EvidenceKey
}

function readPublicKey(value: unknown, { name }: { name: string }): string {
  fromBase64(value, { name })
  return value as string
}
