/**
 * Sealing: a case that was judged becomes evidence that somebody vouches for. Nothing is signed that was not computed again in the same call: the
 * verdict in the folder must be what the files and keys give.
 */
import type { KeyObject } from 'node:crypto'
import { assertOptions } from '../assert.ts'
import { instantOf } from '../keys/instant.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import { openingOf, opens } from '../keys/opening.ts'
import { toBase64 } from './base64.ts'
import { assertEd25519, publicKeyBytes, publicKeyOf, signEnvelope } from './envelope.ts'
import { assertCaseFiles, type CaseFiles, neededText } from './files.ts'
import { assertKeys, formatVerdict, judgeRecords, readRecords } from './judge.ts'
import { statementBytes, statementOf } from './statement.ts'

/** What {@link sealCase} needs besides the files. */
export interface SealOptions {
  /** The keys that were tried, in the order in which they were. No part of them goes into the evidence. */
  readonly keys: readonly MarkKey[]
  /** Ed25519 private key. */
  readonly signer: KeyObject
  /** ISO 8601 time of sealing, by the signer's clock. @defaultValue left out */
  readonly sealed?: string
}

/**
 * Signs a case.
 * @param files texts of the folder, verdict.json included.
 * @returns the text of evidence.json.
 * @throws TypeError or RangeError as `judgeCase`; if verdict.json is not what files and keys give; for a key that does not open its commitment.
 * @example
 * // const { privateKey } = generateKeyPairSync('ed25519')
 * // files['evidence.json'] = sealCase(files, { keys: [key], signer: privateKey })
 */
export function sealCase(files: CaseFiles, options: SealOptions): string {
  assertCaseFiles(files)
  assertOptions(options, { name: 'options', keys: ['keys', 'signer', 'sealed'] })
  const { keys, signer, sealed } = options
  assertKeys(keys)
  assertEd25519(signer, { name: 'options.signer', type: 'private' })
  if (sealed !== undefined) instantOf(sealed, { name: 'options.sealed' })
  const records = readRecords(files)
  const { profile } = records
  const verdict = judgeRecords(records, keys)
  for (const [i, key] of keys.entries()) {
    const layer = profile.layers.find(({ keyId }) => keyId === key.keyId)!
    const name = `options.keys[${i}]`
    // Another engine's key has no commitment; the evidence then says so, and a check will.
    if (layer.commitment !== '' && !opens(openingOf(key, { name }), { profile, layer }))
      throw new RangeError(`"${name}" expected a key that opens its commitment in profile.json, got another`)
  }
  const judged = formatVerdict(verdict)
  // The line feed behind it may be missing.
  if (![judged, judged.trimEnd()].includes(neededText(files, 'verdict.json')))
    throw new RangeError(
      '"verdict.json" expected what the files and these keys give, as formatVerdict() writes it, got something else: judge the case again',
    )
  const publicKey = toBase64(publicKeyBytes(publicKeyOf(signer)))
  return signEnvelope(statementBytes(statementOf(files, records, { verdict, publicKey, sealed })), signer)
}
