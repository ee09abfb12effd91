/**
 * Checking evidence: everything is computed again from the files and the keys that were revealed, and what differs is named: which file, line,
 * digest, number or signature. Bad evidence is an answer and never an exception; only a wrong call throws.
 */
import { createHash, type KeyObject } from 'node:crypto'
import { assertOptions } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { canonicalJson } from '../digest.ts'
import type { Attribution } from '../distill/attribution.ts'
import { parseJson } from '../json.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { openingOf, opens } from '../keys/opening.ts'
import { profileDigest } from '../keys/profile.ts'
import { fromBase64 } from './base64.ts'
import { type Difference, firstDifference } from './difference.ts'
import {
  assertEd25519,
  type Envelope,
  isSignedBy,
  keyIdOfSigner,
  parseEnvelope,
  publicKeyFromBytes,
} from './envelope.ts'
import {
  assertCaseFiles,
  BESIDE,
  CASE_FILES,
  type CaseFiles,
  EVIDENCE_FILES,
  fileDigest,
  textOf,
} from './files.ts'
import { type CaseRecords, judgeRecords, readProfile, readRecords } from './judge.ts'
import { PACKAGE } from './package.ts'
import { packageSubject, parseStatement, type Statement, statementOf, subjectsOf } from './statement.ts'
import { parseTimestamps } from './timestamps.ts'

/** One thing that was looked at. */
export interface Check {
  /** What: a file name, "key <id>", "signature" and the like. */
  readonly name: string
  /** False for what does not hold. What was not looked at, because there was nothing or because it is no file of a case, is not held against it. */
  readonly ok: boolean
  /** Present where there was nothing to check: neither good nor bad. `ok` is then true. */
  readonly skipped?: true
  /** What was found, in a sentence. Of a failure: where, what was expected and what was there. */
  readonly said: string
}

/** What came of {@link verifyCase}. Frozen. */
export interface Verification {
  /** All checks hold. */
  readonly ok: boolean
  /** There is an evidence.json, and its signature holds. Without one nothing shows who vouches for the case, or that it is whole. */
  readonly sealed: boolean
  readonly checks: readonly Check[]
}

/** Options of {@link verifyCase}. */
export interface VerifyOptions {
  /**
   * The signer's Ed25519 key, known from elsewhere. With it there must be an evidence.json, signed by this key.
   * @defaultValue the key that the evidence names itself, which vouches for nobody
   */
  readonly publicKey?: KeyObject
}

/**
 * Checks a case.
 * @param files texts of the case folder by file name.
 * @param keys the mark keys that were revealed (`readMarkKeyFile`): all that the verdict tried, in any order.
 * @returns one check for everything that was looked at. Never throws for evidence that is wrong.
 * @throws TypeError or RangeError for files that are no texts, keys that are no mark keys, a public key that is none.
 * @example
 * // const { ok, checks } = verifyCase(files, [await readMarkKeyFile('acme.mark.json', profile)], { publicKey })
 * // for (const { name, ok, said } of checks) console.log(ok ? 'ok' : 'NOT', name, said)
 */
export function verifyCase(
  files: CaseFiles,
  keys: readonly MarkKey[],
  options: VerifyOptions = {},
): Verification {
  assertCaseFiles(files)
  assertMarkKeys(keys, { name: 'keys' })
  assertOptions(options, { name: 'options', keys: ['publicKey'] })
  const { publicKey } = options
  if (publicKey !== undefined) assertEd25519(publicKey, { name: 'options.publicKey', type: 'public' })

  const checks: Check[] = []
  // What there is nothing to say about was not there, and nothing needs it.
  const step = <T>(name: string, read: () => T, say: (value: T) => string | Skipped | undefined): T => {
    try {
      const value = read()
      const said = say(value)
      if (said instanceof Skipped)
        checks.push(Object.freeze({ name, ok: true, skipped: true, said: said.why }))
      else if (said !== undefined) checks.push(Object.freeze({ name, ok: true, said }))
      return value
    } catch (error) {
      if (error instanceof Stop) throw error
      checks.push(Object.freeze({ name, ok: false, said: messageOf(error) }))
      throw new Stop()
    }
  }
  const attempt = <T>(run: () => T): T | undefined => {
    try {
      return run()
    } catch (error) {
      if (error instanceof Stop) return undefined
      checks.push(Object.freeze({ name: 'case', ok: false, said: messageOf(error) }))
      return undefined
    }
  }

  const records = attempt(() =>
    readRecords(files, (name, read) => {
      const present = textOf(files, name) !== undefined
      return step(name, read, (value) => (present ? foundIn(files, name, value) : undefined))
    }),
  )
  checkKeys(files, keys, (name, read, say) => attempt(() => step(name, read, say)))
  const verdict = attempt(() =>
    step(
      'verdict.json',
      () => readVerdict(textOf(files, 'verdict.json')),
      () => 'is a record of this format',
    ),
  )
  const recomputed =
    records &&
    verdict &&
    attempt(() =>
      step(
        'verdict',
        () => recompute(records, keys, verdict),
        ({ conclusions }) =>
          `computed again, and the same: ${conclusions.map(({ keyId, lane, decision }) => `${decision} for key ${keyId}, lane ${lane}`).join('; ')}`,
      ),
    )
  const sealed = checkSeal(files, { records, recomputed, publicKey }, (name, read, say) =>
    attempt(() => step(name, read, say)),
  )
  checkTimestamps(files, (name, read, say) => attempt(() => step(name, read, say)))
  checkStrays(files, (name, read, say) => attempt(() => step(name, read, say)))
  return Object.freeze({ ok: checks.every(({ ok }) => ok), sealed, checks: Object.freeze(checks) })
}

/** Ends a row of checks that rest on each other. */
class Stop extends Error {}

/** Why there was nothing to check. */
class Skipped {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

type Attempt = <T>(name: string, read: () => T, say: (value: T) => string | Skipped) => T | undefined

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'it could not be read'
}

function foundIn(files: CaseFiles, name: string, value: unknown): string {
  const digest = fileDigest(textOf(files, name)!)
  if (name === 'profile.json')
    return `agrees with the other files; ${digest}; the digest of the profile, the one that is published, is ${profileDigest(value as CaseRecords['profile'])}`
  if (name !== 'answers.jsonl') return `agrees with the other files; ${digest}`
  const { answers, head, torn } = value as CaseRecords['log']
  const cut = torn ? `; line ${torn.line} was cut off and is left out` : ''
  return `${answers.length} answers, a whole chain that ends in ${head}${cut}`
}

/** Every key that was revealed is the one that the profile promised. */
function checkKeys(files: CaseFiles, keys: readonly MarkKey[], attempt: Attempt): void {
  const text = textOf(files, 'profile.json')
  for (const key of keys) {
    attempt(
      `key ${key.keyId}`,
      () => {
        if (text === undefined) throw new RangeError('"profile.json" expected the file, got none')
        const profile = readProfile(text)
        const layer = profile.layers.find(({ keyId }) => keyId === key.keyId)
        if (!layer) throw new RangeError('is no key of profile.json')
        if (layer.commitment === '')
          throw new RangeError(
            'is a key of another engine, to which nobody committed: nothing shows that it was chosen before the test',
          )
        if (!opens(openingOf(key), { profile, layer }))
          throw new RangeError(
            `does not open the commitment ${layer.commitment} of profile.json: key, route key, salt or mark are not those that were promised`,
          )
        return layer
      },
      ({ role, label, commitment }) => `opens commitment ${commitment} of ${role} ${label}`,
    )
  }
}

/** The record of verdict.json, as far as it must be known to compute it again. */
function readVerdict(text: string | undefined): Attribution {
  if (text === undefined) throw new RangeError('"verdict.json" expected the file, got none')
  const value = parseJson(text, { start: '"verdict.json"', expected: 'a JSON object' })
  const { format, conclusions } = (value ?? {}) as { format?: unknown; conclusions?: unknown }
  if (format !== 'dyetrace/attribution-1')
    throw new RangeError('"verdict.json.format" expected "dyetrace/attribution-1", got another')
  const isTried = (entry: unknown): boolean => {
    const { keyId, lane } = (entry ?? {}) as { keyId?: unknown; lane?: unknown }
    return typeof keyId === 'string' && /^[0-9a-f]{16}$/.test(keyId) && Number.isSafeInteger(lane)
  }
  if (!Array.isArray(conclusions) || conclusions.length === 0 || !conclusions.every(isTried))
    throw new RangeError('"verdict.json.conclusions" expected a conclusion for each key, got something else')
  const canonical = canonicalJson(value)
  if (text !== `${canonical}\n` && text !== canonical)
    throw new RangeError('"verdict.json" expected canonical JSON, got another spelling')
  return value as Attribution
}

/** The verdict again, from the files and the revealed keys. */
function recompute(records: CaseRecords, keys: readonly MarkKey[], verdict: Attribution): Attribution {
  const tried = [...new Set(verdict.conclusions.map(({ keyId }) => keyId))]
  const known = new Map(keys.map((key) => [key.keyId, key]))
  const missing = tried.filter((keyId) => !known.has(keyId))
  if (missing.length > 0)
    throw new RangeError(
      `cannot be computed again: of the keys that were tried ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not revealed here`,
    )
  const again = judgeRecords(
    records,
    tried.map((keyId) => known.get(keyId)!),
  )
  refuseDifference(firstDifference(again, verdict, 'verdict.json'))
  return again
}

function refuseDifference(difference: Difference | undefined): void {
  if (difference === undefined) return
  const { path, expected, got } = difference
  throw new RangeError(`"${path}" expected ${expected}, got ${got}`)
}

/** The envelope, its signature and everything that the statement says. @returns true if the signature holds. */
function checkSeal(
  files: CaseFiles,
  about: {
    records: CaseRecords | undefined
    recomputed: Attribution | undefined
    publicKey: KeyObject | undefined
  },
  attempt: Attempt,
): boolean {
  const text = textOf(files, 'evidence.json')
  if (text === undefined) {
    attempt(
      'evidence.json',
      () => {
        if (about.publicKey !== undefined)
          throw new RangeError('"evidence.json" expected evidence signed by this key, got no file')
      },
      () =>
        new Skipped(
          'not sealed: it is not there, so nobody has signed this case, and nothing shows that no answers were dropped',
        ),
    )
    return false
  }
  const read = attempt(
    'evidence.json',
    () => {
      const envelope = parseEnvelope(text)
      return { envelope, statement: parseStatement(envelope.payload) }
    },
    ({ statement: { predicate } }) => madeBy(predicate.package.version),
  )
  if (read === undefined) return false
  const { envelope, statement } = read
  const signed = attempt(
    'signature',
    () => assertSigned(envelope, statement, about.publicKey),
    (keyid) =>
      about.publicKey
        ? `holds, by the public key that was given, ${keyid}`
        : `holds, by key ${keyid}; that it is the signer's has to be known from elsewhere`,
  )
  checkSubjects(files, statement, attempt)
  checkPredicate(files, statement, about, attempt)
  return signed !== undefined
}

function madeBy(version: string): string {
  const other = version === PACKAGE.version ? '' : `; it is checked by version ${PACKAGE.version}`
  return `is an envelope with a statement of this format, made by version ${version}${other}`
}

function assertSigned(
  envelope: Envelope,
  { predicate }: Statement,
  publicKey: KeyObject | undefined,
): string {
  const named = publicKeyFromBytes(
    fromBase64(predicate.publicKey, { name: 'evidence.json payload.predicate.publicKey' }),
    { name: 'evidence.json payload.predicate.publicKey' },
  )
  const namedId = keyIdOfSigner(named)
  if (envelope.keyid !== namedId)
    throw new RangeError(
      `"evidence.json.signatures[0].keyid" expected ${namedId}, the key that the statement names, got ${envelope.keyid}`,
    )
  if (publicKey !== undefined && keyIdOfSigner(publicKey) !== namedId)
    throw new RangeError(`expected one by key ${keyIdOfSigner(publicKey)}, got one by ${namedId}`)
  if (!isSignedBy(envelope, named))
    throw new RangeError('does not hold: payload, type or signature were changed, or another key signed')
  return namedId
}

function checkSubjects(files: CaseFiles, { subjects, predicate }: Statement, attempt: Attempt): void {
  const signed = new Map(subjects.map(({ name, digest }) => [name, digest.sha256]))
  for (const name of EVIDENCE_FILES) {
    const text = textOf(files, name)
    const expected = signed.get(name)
    if (text === undefined && expected === undefined) continue
    attempt(
      `digest of ${name}`,
      () => {
        if (text === undefined) throw new RangeError(`expected sha256:${expected}, got no file`)
        const got = fileDigest(text)
        if (expected === undefined)
          throw new RangeError(`expected no such file, as the evidence names none, got ${got}`)
        if (got !== `sha256:${expected}`) throw new RangeError(`expected sha256:${expected}, got ${got}`)
        return got
      },
      (digest) => `is the signed one, ${digest}`,
    )
  }
  attempt(
    'other subjects',
    () => {
      const made = packageSubject(predicate.package)
      const rest = subjects.filter(({ name }) => !(EVIDENCE_FILES as readonly string[]).includes(name))
      const expected = [
        { name: 'tokenizer', digest: { sha256: predicate.tokenizer.slice('sha256:'.length) } },
        made,
      ]
      refuseDifference(firstDifference(expected, rest, 'evidence.json payload.subject (tokenizer, package)'))
    },
    () => 'tokenizer and package are those of the statement',
  )
}

function checkPredicate(
  files: CaseFiles,
  statement: Statement,
  { records, recomputed }: { records: CaseRecords | undefined; recomputed: Attribution | undefined },
  attempt: Attempt,
): void {
  const { verdict, publicKey, sealed, package: made } = statement.predicate
  attempt(
    'signed verdict',
    () => {
      const text = textOf(files, 'verdict.json')
      const canonical = canonicalJson(verdict)
      if (text !== `${canonical}\n` && text !== canonical)
        throw new RangeError('expected the record of verdict.json, got another')
    },
    () => 'is that of verdict.json',
  )
  if (records === undefined || recomputed === undefined) return
  attempt(
    'statement',
    () => {
      const again = statementOf(files, records, { verdict: recomputed, publicKey, sealed })
      const expected = {
        subjects: subjectsOf(files, records).slice(0, -1),
        predicate: { ...again.predicate, package: made },
      }
      const got = { subjects: statement.subjects.slice(0, -1), predicate: statement.predicate }
      refuseDifference(firstDifference(expected, got, 'evidence.json payload'))
    },
    () => 'computed again, and the same: digests, keys, deviations',
  )
}

function checkTimestamps(files: CaseFiles, attempt: Attempt): void {
  const text = textOf(files, 'timestamps.json')
  if (text === undefined) return
  attempt(
    'timestamps.json',
    () => {
      const { evidence, stamps } = parseTimestamps(text)
      const sealed = textOf(files, 'evidence.json')
      const digest = sealed === undefined ? 'no file' : fileDigest(sealed)
      if (evidence !== digest)
        throw new RangeError(
          `"timestamps.json.evidence" expected ${digest}, the evidence.json here, got ${evidence}`,
        )
      const imprint = createHash('sha256').update(utf8ToBytes(sealed!)).digest()
      for (const [i, stamp] of stamps.entries()) {
        if (stamp.kind === 'rfc3161' && !Buffer.from(stamp.token).includes(imprint))
          throw new RangeError(
            `"timestamps.json.stamps[${i}].token" expected the digest of evidence.json in it, got none`,
          )
      }
      return stamps.length
    },
    (count) => `${count} carried; their signatures are not checked here`,
  )
}

/** What lies in the folder and is no file of a case: nothing rests on it and nobody signed it, but whoever gets the folder gets it too. */
function checkStrays(files: CaseFiles, attempt: Attempt): void {
  const known = new Set([...CASE_FILES, ...BESIDE])
  const strays = Object.keys(files).filter((name) => files[name] !== undefined && !known.has(name))
  const keys = strays.filter((name) => holdsKey(files[name]))
  if (keys.length > 0)
    attempt(
      'key files',
      () => {
        throw new RangeError(
          `${namesOf(keys)}: expected no secret key in the folder of a case, which is handed over, got what looks like one; take it out, and if the folder was handed over already, the key is known`,
        )
      },
      () => '',
    )
  const rest = strays.filter((name) => !keys.includes(name))
  if (rest.length > 0)
    attempt(
      'other files',
      () => rest,
      () => new Skipped(`not looked at, as no file of a case has such a name: ${namesOf(rest)}`),
    )
}

/** A JWK with a secret part, or a private key in PEM. Which key it is does not matter, and nothing of it is shown. */
function holdsKey(text: unknown): boolean {
  if (typeof text !== 'string') return false
  const isJwk = /"kty"\s*:/.test(text) && /"(k|d|routeKey)"\s*:\s*"/.test(text)
  return isJwk || /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)
}

const MOST_NAMES = 10

/** Names of files are words of others. */
function namesOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  const plain = names.slice(0, MOST_NAMES).map((name) => name.slice(0, 80).replace(/[^\w.-]/g, '?'))
  return `${plain.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
