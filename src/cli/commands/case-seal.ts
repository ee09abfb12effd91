/** `case seal` and `case verify`: evidence that somebody vouches for, and that somebody else checks. */
import { join } from 'node:path'
import { fileDigest } from '../../case/files.ts'
import { sealCase } from '../../case/seal.ts'
import { type Check, verifyCase } from '../../case/verify.ts'
import type { Decision } from '../../detect/verdict.ts'
import { parseJson } from '../../json.ts'
import type { CommandSpec } from '../call.ts'
import { assertTested, readCase, readStrays } from '../case-folder.ts'
import { EXIT, InputError } from '../exit.ts'
import { named, writeText } from '../files.ts'
import { staleSeal } from '../freshness.ts'
import { isoInstant } from '../instant.ts'
import { readMarkKeys } from '../marks.ts'
import { printable, wrap } from '../printable.ts'
import { readPublicKey, readSigningKey } from '../signing.ts'
import { exitOf, overall } from '../verdict-words.ts'

export const caseSeal: CommandSpec = {
  path: 'case seal',
  summary: 'sign what the case says: evidence.json',
  about:
    'Computes the verdict again and signs it together with the digests of all files (in-toto statement, DSSE envelope, Ed25519). "dyetrace keygen FILE --signing" makes the signing key. Have the digest of evidence.json time-stamped by somebody else.',
  operands: [['<folder>', 'the case']],
  options: [
    {
      flags: '-k, --key <file>',
      says: 'all keys that were tried; several times',
      required: true,
      list: true,
    },
    { flags: '--signing-key <file>', says: 'Ed25519 private key in PEM, mode 600', required: true },
    { flags: '--again', says: 'replace an evidence.json that is there' },
  ],
  examples: ['dyetrace case seal rival --key acme.mark.json --signing-key investigator.pem'],
  json: { file: 'evidence.json', digest: 'its digest, to be time-stamped' },
  async run(call) {
    const { environment, operands } = call
    const { path, files, profile } = await readCase(environment, operands[0]!)
    assertTested({ path, files })
    const keys = await readMarkKeys(environment, call.list('key'), profile)
    if (keys.length === 0) throw new InputError('option --key: expected one, got none')
    const signer = await readSigningKey(environment, call.needed('signing-key'))
    const evidence = sealCase(files, { keys, signer, sealed: isoInstant(environment.now()) })
    const file = join(path, 'evidence.json')
    const before = files['evidence.json']
    // It may be time-stamped or handed over by now.
    if (before !== undefined && before !== evidence && !call.flag('again'))
      throw new InputError(
        `case file ${named(file)}: expected no evidence that was signed before, got one (${fileDigest(before)}${staleSeal(files) === undefined ? '' : ', of another verdict'}); it is replaced with --again only`,
      )
    await writeText(environment, file, evidence, { what: 'case file', replace: true })
    const digest = fileDigest(evidence)
    return {
      exit: EXIT.noEvidence,
      json: { file, digest },
      text: `The evidence is in ${named(file)}.\n${digest}\nNext: dyetrace case report ${named(path)}, and hand over the folder with the revealed key and your public key.`,
    }
  },
}

export const caseVerify: CommandSpec = {
  path: 'case verify',
  summary: 'compute everything again, and say what differs',
  about:
    'For the other side: recomputes the verdict from the folder and the keys that were revealed, checks chain, digests, commitment and signature, and names the line, digest, number or signature that differs. It asks nobody and needs no network.',
  operands: [['<folder>', 'the case']],
  options: [
    {
      flags: '-k, --key <file>',
      says: 'all keys that the verdict tried; several times',
      required: true,
      list: true,
    },
    {
      flags: '--public-key <file>',
      says: "the signer's, known from elsewhere (PEM); without it the signature vouches for nobody",
    },
  ],
  examples: ['dyetrace case verify rival --key acme.mark.json --public-key investigator.pem.pub'],
  exits: '0 all holds and the verdict is no evidence, 10 all holds and it is evidence',
  json: {
    ok: 'all checks hold',
    sealed: 'there is evidence.json, and its signature holds',
    decision: 'what verdict.json says, where it can be read',
    checks: 'name, ok and said of each; skipped where there was nothing to check',
  },
  async run(call) {
    const { environment, operands } = call
    const { path, files, profile } = await readCase(environment, operands[0]!)
    const keys = await readMarkKeys(environment, call.list('key'), profile)
    if (keys.length === 0) throw new InputError('option --key: expected one, got none')
    const publicFile = call.option('public-key')
    const publicKey = publicFile === undefined ? undefined : await readPublicKey(environment, publicFile)
    const all = { ...(await readStrays(environment, path)), ...files }
    const { ok, sealed, checks: found } = verifyCase(all, keys, publicKey ? { publicKey } : {})
    const checks = found.map(inWords)
    const decision = decisionIn(files['verdict.json'])
    const failed = checks.filter((check) => !check.ok)
    const missing = NEEDED.filter(([name]) => (files[name] ?? '') === '').map(([, what]) => `no ${what}`)
    const { colors, width } = call
    const lineOf = ({ ok: holds, skipped, name, said }: Check): string =>
      wrap(
        `${skipped ? '--' : holds ? colors.green('ok') : colors.red('NOT')} ${printable(name)}: ${printable(said)}`,
        { width, indent: '   ' },
      )
    const looked = checks.filter((check) => !check.skipped).length
    return {
      // What differs is a wrong input; "no evidence" would be an answer.
      exit: !ok ? EXIT.usage : exitOf(decision ?? 'no-evidence'),
      json: { ok, sealed, ...(decision === undefined ? { decision: null } : { decision }), checks },
      text: [
        ...checks.map(lineOf),
        '',
        ...(ok
          ? [
              `All ${looked} checks hold${sealed ? '' : '; nobody has signed this case'}. Decision: ${decision}.`,
            ]
          : [
              missing.length > 0
                ? `${named(path)} is not finished: ${missing.join(', ')}. See: dyetrace case status ${named(path)}`
                : `${failed.length} of ${looked} checks do not hold: ${named(path)} is not what it says.`,
              ...failed.map(lineOf),
            ]),
      ].join('\n'),
    }
  },
}

const NEEDED = [
  ['plan.json', 'plan'],
  ['answers.jsonl', 'answers'],
  ['verdict.json', 'verdict'],
] as const

/** What whoever checks will ask first about a signature by somebody else. */
function inWords(check: Check): Check {
  return check.name === 'signature' && !check.ok && /^expected one by key/.test(check.said)
    ? { ...check, said: `signed by another key than the one given: ${check.said}` }
    : check
}

function decisionIn(text: string | undefined): Decision | undefined {
  if (text === undefined) return undefined
  try {
    const { conclusions } = parseJson(text, { start: 'verdict.json' }) as {
      conclusions: readonly { decision: Decision }[]
    }
    return overall(conclusions.map(({ decision }) => decision))
  } catch {
    return undefined
  }
}
