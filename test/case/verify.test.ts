// biome-ignore-all lint/suspicious/noExplicitAny: JSON that is tampered with has any shape
/** Sealed evidence holds, and whatever is changed in it is named. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { hexToBytes, utf8ToBytes } from '../../src/bytes.ts'
import { toBase64 } from '../../src/case/base64.ts'
import { keyIdOfSigner, parseEnvelope, preAuthEncoding, signEnvelope } from '../../src/case/envelope.ts'
import { decodeCaseFile, fileDigest } from '../../src/case/files.ts'
import { formatVerdict, judgeCase } from '../../src/case/judge.ts'
import { PACKAGE } from '../../src/case/package.ts'
import { sealCase } from '../../src/case/seal.ts'
import { parseStatement } from '../../src/case/statement.ts'
import { formatTimestamps } from '../../src/case/timestamps.ts'
import { verifyCase } from '../../src/case/verify.ts'
import { canonicalJson, digestBytes } from '../../src/digest.ts'
import { openingOf } from '../../src/keys/opening.ts'
import { profileDigest } from '../../src/keys/profile.ts'
import { type ToyFolder, type ToyFolderOptions, toyFolder } from '../support/case-folders.ts'
import { formsShown, profileWithKey } from '../support/keys.ts'
import { tamper } from '../support/tampering.ts'

/** The key of RFC 8032, section 7.1, test 1. */
const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
const signer = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(SEED, 'hex')]),
  format: 'der',
  type: 'pkcs8',
})
const publicKey = createPublicKey(signer)

function sealed(options: ToyFolderOptions = {}): ToyFolder {
  const made = toyFolder(options)
  made.files['verdict.json'] = formatVerdict(judgeCase(made.files, made.keys))
  made.files['evidence.json'] = sealCase(made.files, {
    keys: made.keys,
    signer,
    sealed: '2026-11-25T12:00:00Z',
  })
  return made
}

const failing = (made: Pick<ToyFolder, 'files' | 'keys'>, options = { publicKey }) =>
  verifyCase(made.files, made.keys, options).checks.filter(({ ok }) => !ok)

/** The same folder with another statement, signed by the same signer. */
function resigned(made: ToyFolder, change: (statement: Record<string, any>) => void): ToyFolder {
  const { payload } = parseEnvelope(made.files['evidence.json']!)
  const statement = JSON.parse(Buffer.from(payload).toString())
  change(statement)
  const files = {
    ...made.files,
    'evidence.json': signEnvelope(utf8ToBytes(canonicalJson(statement)), signer),
  }
  return { ...made, files }
}

describe('what holds', () => {
  test.each<ToyFolderOptions & { name: string }>([
    { name: 'text', withCase: true, withInstrument: true },
    { name: 'top-k with a reference', access: 'top-k', reference: 'base' },
    { name: 'rows with a reference', access: 'rows', reference: 'base' },
    { name: 'looks', plan: { stopping: { rule: 'looks', first: 30, looks: 3 } } },
    { name: 'e-process', plan: { stopping: { rule: 'e-process', fresh: false } }, answered: 7 },
    { name: 'nothing answered', answered: 0 },
    {
      name: 'two layers',
      layers: [
        { role: 'provider', label: 'p', share: 40000 },
        { role: 'cohort', label: 'c', share: 25536 },
      ],
    },
  ])('$name', (options) => {
    const made = sealed(options)
    const { ok, sealed: isSealed, checks } = verifyCase(made.files, made.keys, { publicKey })
    expect(checks.filter(({ ok }) => !ok)).toEqual([])
    expect([ok, isSealed]).toEqual([true, true])
    // Revealed in another order, and without knowing the signer.
    expect(verifyCase(made.files, [...made.keys].reverse()).ok).toBe(true)
  })

  test('without evidence.json: said, and not sealed', () => {
    const { files, keys } = sealed()
    const { 'evidence.json': _, ...rest } = files
    const bare = verifyCase(rest, keys)
    expect(bare).toMatchObject({ ok: true, sealed: false })
    expect(bare.checks.find(({ name }) => name === 'evidence.json')).toMatchObject({
      ok: true,
      skipped: true,
      said: expect.stringMatching(/^not sealed/),
    })
    expect(verifyCase(files, keys).checks.some(({ skipped }) => skipped)).toBe(false)
    expect(verifyCase(rest, keys, { publicKey }).ok).toBe(false)
  })

  test('rounding in the last bits of a recomputed number is no difference; a count is', () => {
    const made = sealed()
    const verdict = JSON.parse(made.files['verdict.json']!)
    const { verdict: own } = verdict.conclusions[0].findings[0]
    own.lnP *= 1 + 4e-16
    const text = `${canonicalJson(verdict)}\n`
    const near = resigned({ ...made, files: { ...made.files, 'verdict.json': text } }, (statement) => {
      statement['predicate'].verdict = verdict
      subject(statement, 'verdict.json').digest.sha256 = digestBytes(utf8ToBytes(text)).slice(7)
    })
    expect(text).not.toBe(made.files['verdict.json'])
    expect(failing(near)).toEqual([])
  })

  test('the package is the one that package.json names', () => {
    expect(PACKAGE).toEqual({ name: packageJson.name, version: packageJson.version })
  })
})

describe('the envelope', () => {
  test('PAE is that of the specification', () => {
    // DSSE protocol, section "Test vectors".
    const encoded = preAuthEncoding('http://example.com/HelloWorld', utf8ToBytes('hello world'))
    expect(Buffer.from(encoded).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
  })

  test('signatures are those of RFC 8032', () => {
    // Section 7.1, test 1: the empty message.
    expect(sign(null, Buffer.alloc(0), signer).toString('hex')).toMatch(
      /^e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155/,
    )
    expect(publicKey.export({ format: 'jwk' })['x']).toBe(
      Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex').toString(
        'base64url',
      ),
    )
  })

  const made = sealed({ prompts: 3 })
  const envelope = JSON.parse(made.files['evidence.json']!)
  const [signature] = envelope.signatures
  const payload = JSON.parse(Buffer.from(envelope.payload, 'base64').toString())

  test.each<[string, unknown, RegExp]>([
    ['another type', { ...envelope, payloadType: 'text/plain' }, /payloadType" expected/],
    ['a field beside', { ...envelope, note: 1 }, /expected only the keys payload/],
    ['no signature', { ...envelope, signatures: [] }, /expected one signature, got 0/],
    ['two signatures', { ...envelope, signatures: [signature, signature] }, /expected one signature, got 2/],
    [
      'a field in the signature',
      { ...envelope, signatures: [{ ...signature, cert: 'x' }] },
      /expected only the keys keyid, sig/,
    ],
    [
      'a longer signature',
      { ...envelope, signatures: [{ ...signature, sig: toBase64(new Uint8Array(96)) }] },
      /64 bytes, got 96/,
    ],
    [
      'base64 without padding',
      { ...envelope, signatures: [{ ...signature, sig: signature.sig.replace(/=+$/, '') }] },
      /canonical spelling/,
    ],
    ['base64 of the other alphabet', { ...envelope, payload: '-_-_' }, /canonical spelling/],
    [
      'base64 with stray bits',
      {
        ...envelope,
        signatures: [
          {
            ...signature,
            sig: signature.sig.replace(
              /.==$/,
              (end: string) => `${String.fromCharCode(end.charCodeAt(0) + 1)}==`,
            ),
          },
        ],
      },
      /canonical spelling/,
    ],
    [
      'a key id of another form',
      { ...envelope, signatures: [{ ...signature, keyid: 'me' }] },
      /64 hex digits/,
    ],
    ['no object', [1], /expected an object/],
  ])('%s is refused', (_, record, message) => {
    expect(() => parseEnvelope(`${canonicalJson(record)}\n`)).toThrow(message)
    const files = { ...made.files, 'evidence.json': `${canonicalJson(record)}\n` }
    expect(failing({ ...made, files })[0]).toMatchObject({ name: 'evidence.json' })
  })

  test('a member twice, another spelling, no JSON', () => {
    const text = made.files['evidence.json']!
    expect(() => parseEnvelope(text.replace('{', `{"payload":"",`))).toThrow(/twice/)
    expect(() => parseEnvelope(text.replace(',', ', '))).toThrow(/another spelling/)
    expect(() => parseEnvelope('{')).toThrow(/does not parse/)
  })

  test.each<[string, (s: Record<string, any>) => void, RegExp]>([
    [
      'a later version',
      (s) => {
        s['predicateType'] = 'urn:dyetrace:evidence:2'
      },
      /predicateType" expected/,
    ],
    [
      'another statement',
      (s) => {
        s['_type'] = 'https://in-toto.io/Statement/v0.1'
      },
      /_type" expected/,
    ],
    [
      'another format',
      (s) => {
        s['predicate'].format = 'dyetrace/evidence-2'
      },
      /predicate\.format" expected/,
    ],
    [
      'another package',
      (s) => {
        s['predicate'].package.name = 'x'
      },
      /package\.name" expected/,
    ],
    [
      'a field beside',
      (s) => {
        s['predicate'].note = 'x'
      },
      /expected only the keys/,
    ],
    [
      'a digest of another kind',
      (s) => {
        s['subject'][0].digest.md5 = 'x'
      },
      /expected only the keys sha256/,
    ],
    [
      'a subject twice',
      (s) => {
        s['subject'].push(s['subject'][0])
      },
      /each name once/,
    ],
    [
      'no verdict',
      (s) => {
        s['predicate'].verdict = {}
      },
      /verdict\.format" expected/,
    ],
  ])('a statement with %s is refused', (_, change, message) => {
    const [first] = failing(resigned(made, change))
    expect(first).toMatchObject({ name: 'evidence.json', said: expect.stringMatching(message) })
    expect(() => parseStatement(utf8ToBytes(canonicalJson(payload)))).not.toThrow()
  })

  test('a statement that is no canonical JSON is refused', () => {
    const files = {
      ...made.files,
      'evidence.json': signEnvelope(utf8ToBytes(` ${canonicalJson(payload)}`), signer),
    }
    expect(failing({ ...made, files })[0]!.said).toMatch(/another spelling/)
  })

  test('another signer: not by the key that is known', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const files = { ...made.files }
    files['evidence.json'] = sealCase(files, { keys: made.keys, signer: privateKey })
    expect(failing({ ...made, files }).map(({ name }) => name)).toEqual(['signature'])
    expect(verifyCase(files, made.keys).ok).toBe(true)
    // The known signer's name on a statement that the other one signed.
    const stolen = JSON.parse(files['evidence.json'])
    stolen.payload = envelope.payload
    stolen.signatures[0].keyid = keyIdOfSigner(publicKey)
    files['evidence.json'] = `${canonicalJson(stolen)}\n`
    expect(failing({ ...made, files })).toMatchObject([
      { name: 'signature', said: expect.stringMatching(/does not hold/) },
    ])
  })
})

function subject(statement: Record<string, any>, name: string): { digest: { sha256: string } } {
  return statement['subject'].find((entry: { name: string }) => entry.name === name)
}

describe('a wrong verdict is named, also where its signer stands by it', () => {
  const made = sealed({ thief: false })

  /** A signer who says what the files do not: verdict.json, its digest and the statement are changed alike. */
  function lie(change: (verdict: Record<string, any>) => void): ToyFolder {
    const verdict = JSON.parse(made.files['verdict.json']!)
    change(verdict)
    const text = `${canonicalJson(verdict)}\n`
    return resigned({ ...made, files: { ...made.files, 'verdict.json': text } }, (statement) => {
      statement['predicate'].verdict = verdict
      subject(statement, 'verdict.json').digest.sha256 = digestBytes(utf8ToBytes(text)).slice(7)
    })
  }

  test.each<[string, (verdict: any) => void, RegExp]>([
    [
      'the decision',
      ({ conclusions: [c] }) => {
        c.decision = 'evidence'
      },
      /conclusions\[0\]\.decision" expected "no-evidence", got "evidence"/,
    ],
    [
      'a p-value',
      ({ conclusions: [c] }) => {
        c.findings[0].verdict.lnP = -30
      },
      /findings\[0\]\.verdict\.lnP" expected -\d/,
    ],
    [
      'a p-value by a little',
      ({ conclusions: [c] }) => {
        c.findings[0].verdict.lnP -= 1e-6
      },
      /findings\[0\]\.verdict\.lnP"/,
    ],
    [
      'a count',
      ({ conclusions: [c] }) => {
        c.findings[0].verdict.counted += 1
      },
      /verdict\.counted"/,
    ],
    [
      'the sentence',
      ({ conclusions: [c] }) => {
        c.sentence = 'Guilty.'
      },
      /conclusions\[0\]\.sentence" expected a string/,
    ],
    [
      'the list',
      (verdict) => {
        verdict.list = [{ conclusion: 0, lnE: 40 }]
      },
      /verdict\.json\.list\[0\]" expected nothing/,
    ],
    [
      'a control that is left out',
      ({ conclusions: [c] }) => {
        delete c.controls.kept
      },
      /controls\.kept" expected \d+, got nothing/,
    ],
    [
      'a field beside',
      ({ conclusions: [c] }) => {
        c.certainty = 1
      },
      /conclusions\[0\]\.certainty" expected nothing, got 1/,
    ],
    [
      'a reason to doubt that is left out',
      (verdict) => {
        verdict.conclusions[0].notes = []
      },
      /conclusions\[0\]\.notes\[0\]" expected a string/,
    ],
  ])('%s', (_, change, message) => {
    const checks = failing(lie(change))
    expect(checks.map(({ name }) => name)).toContain('verdict')
    expect(checks.find(({ name }) => name === 'verdict')!.said).toMatch(message)
  })

  test.each<[string, (predicate: any) => void, RegExp]>([
    [
      'a key that was tried is hidden',
      (predicate) => {
        predicate.keys = []
      },
      /predicate\.keys\[0\]" expected/,
    ],
    [
      'another commitment',
      (predicate) => {
        predicate.keys[0].commitment = '0'.repeat(64)
      },
      /keys\[0\]\.commitment"/,
    ],
    [
      'a deviation that was none',
      (predicate) => {
        predicate.deviations = ['none']
      },
      /deviations\[0\]" expected nothing/,
    ],
    [
      'fewer answers',
      (predicate) => {
        predicate.answers.count -= 1
      },
      /answers\.count"/,
    ],
    [
      'another head',
      (predicate) => {
        predicate.answers.head = predicate.plan
      },
      /answers\.head"/,
    ],
  ])('in the statement: %s', (_, change, message) => {
    const [check] = failing(resigned(made, ({ predicate }) => change(predicate)))
    expect(check).toMatchObject({ name: 'statement', said: expect.stringMatching(message) })
  })

  test('an honest signer signs no such thing', () => {
    const { files, keys } = lie(({ conclusions: [c] }) => {
      c.decision = 'evidence'
    })
    expect(() => sealCase(files, { keys, signer })).toThrow(
      /"verdict\.json" expected what the files and these keys give/,
    )
  })
})

describe('what differs is named', () => {
  const made = sealed({ prompts: 6, withCase: true })
  const changed = (name: string, from: string | RegExp, to: string) => {
    const files = { ...made.files, [name]: made.files[name]!.replace(from, to) }
    expect(files[name]).not.toBe(made.files[name])
    return failing({ ...made, files })
  }

  test('an answer in the middle: its line; and the file by its digest', () => {
    const checks = changed('answers.jsonl', /("completion":\[)(\d+)/, '$10')
    expect(checks.map(({ name }) => name)).toEqual(['answers.jsonl', 'digest of answers.jsonl'])
    expect(checks[0]!.said).toMatch(/"answers\.jsonl line 2\.prev"/)
  })

  test('the last answers dropped: the chain cannot show it, the digest does', () => {
    const checks = changed('answers.jsonl', /.*\n$/, '')
    expect(checks.map(({ name }) => name)).toContain('digest of answers.jsonl')
    expect(checks.find(({ name }) => name === 'verdict')!.said).toMatch(/expected/)
  })

  test('a file that was added or taken away', () => {
    const files = { ...made.files, 'instrument.jsonl': '{"ids":[1,2,3]}\n' }
    const names = failing({ ...made, files }).map(({ name }) => name)
    expect(names).toContain('digest of instrument.jsonl')
    const { 'case.json': _, ...rest } = made.files
    expect(failing({ ...made, files: rest })).toMatchObject([
      { name: 'digest of case.json' },
      { name: 'statement' },
    ])
  })

  test('keys: not revealed, of another profile', () => {
    expect(verifyCase(made.files, []).checks.filter(({ ok }) => !ok)).toMatchObject([
      { name: 'verdict', said: expect.stringMatching(/is not revealed here/) },
    ])
    const { key } = profileWithKey('another')
    expect(
      verifyCase(made.files, [key]).checks.find(({ name }) => name === `key ${key.keyId}`),
    ).toMatchObject({
      ok: false,
      said: 'is no key of profile.json',
    })
  })

  test('a profile that promised something else', () => {
    const checks = changed('profile.json', /"commitment":"\w{4}/, '"commitment":"0000')
    expect(checks.map(({ name }) => name)).toContain(`key ${made.keys[0]!.keyId}`)
    expect(checks.find(({ name }) => name.startsWith('key'))!.said).toMatch(
      /does not open the commitment 0000/,
    )
  })

  test('time stamps are carried, if they are about this evidence', () => {
    const text = made.files['evidence.json']!
    const imprint = hexToBytes(digestBytes(utf8ToBytes(text)).slice(7))
    const token = Uint8Array.from([48, 3, ...imprint])
    const stamps = formatTimestamps(text, [
      { kind: 'rfc3161', token },
      { kind: 'transparency-log', log: 'a log', entry: utf8ToBytes('{}') },
    ])
    const verified = verifyCase({ ...made.files, 'timestamps.json': stamps }, made.keys, { publicKey })
    expect(verified.checks.at(-1)).toEqual({
      name: 'timestamps.json',
      ok: true,
      said: '2 carried; their signatures are not checked here',
    })
    for (const wrong of [
      formatTimestamps(`${text} `, []),
      formatTimestamps(text, [{ kind: 'rfc3161', token: Uint8Array.of(48) }]),
      '{"format":"dyetrace/timestamps-2"}',
    ]) {
      const files = { ...made.files, 'timestamps.json': wrong }
      expect(failing({ ...made, files })).toMatchObject([{ name: 'timestamps.json' }])
    }
  })

  test('the digest of the profile that is published stands beside that of its file', () => {
    const { said } = verifyCase(made.files, made.keys).checks.find(({ name }) => name === 'profile.json')!
    expect(said).toContain(fileDigest(made.files['profile.json']!))
    expect(said).toContain(profileDigest(made.profile))
  })

  test('what is no file of a case is named; a key among it fails', () => {
    const beside = { 'notes.txt': 'x', 'a\n\u202eb.md': 'y', 'journal.jsonl': '', 'report.html': '' }
    const noted = verifyCase({ ...made.files, ...beside }, made.keys)
    expect(noted.ok).toBe(true)
    expect(noted.checks.at(-1)).toMatchObject({ name: 'other files', skipped: true })
    expect(noted.checks.at(-1)!.said).toMatch(/notes\.txt, a\?\?b\.md$/)
    const secret = 'c2VjcmV0'
    for (const text of [
      `{"kty":"oct","use":"x","k":"${secret}"}`,
      `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`,
    ]) {
      const found = failing({ ...made, files: { ...made.files, 'acme.mark.json': text } })
      expect(found).toMatchObject([{ name: 'key files', said: expect.stringContaining('acme.mark.json') }])
      expect(found[0]!.said).not.toContain(secret)
    }
    const open = { ...made.files, 'signer.pub': '-----BEGIN PUBLIC KEY-----\n' }
    expect(failing({ ...made, files: open })).toEqual([])
  })

  test('a wrong call throws', () => {
    expect(() => verifyCase('x' as never, [])).toThrow(TypeError)
    expect(() => verifyCase({ 'plan.json': 5 } as never, [])).toThrow(TypeError)
    expect(() => verifyCase({}, ['k'] as never)).toThrow(TypeError)
    expect(() => verifyCase({}, [], { publicKey: signer })).toThrow(/got a private key/)
    expect(() => verifyCase({}, [], { publicKey: generateKeyPairSync('x25519').publicKey })).toThrow(
      /another algorithm/,
    )
    expect(() => sealCase(made.files, { keys: made.keys, signer: publicKey })).toThrow(/got a public key/)
    expect(verifyCase({}, []).ok).toBe(false)
  })
})

describe('tampering', () => {
  const made = sealed({
    prompts: 3,
    tokens: 8,
    vocabularySize: 16,
    withCase: true,
    plan: { decoys: 3, minimumCounted: 4 },
  })
  const { markKey, salt } = openingOf(made.keys[0]!)

  test('every mutation is named; nothing crashes and no key is shown', () => {
    const secrets = [markKey, salt].flatMap((secret) =>
      (['hex', 'base64', 'base64url'] as const).map((form) =>
        Buffer.from(secret).toString(form).slice(0, 20),
      ),
    )
    const { tried, unreadable, refused, problems } = tamper(made, {
      publicKey,
      count: 300,
      seed: 'tampering',
      secrets,
    })
    expect(problems).toEqual([])
    expect(tried).toBeGreaterThan(250)
    expect(unreadable).toBeLessThan(tried / 2)
    expect(refused).toBeGreaterThan(50)
  })

  test('a byte order mark, a line feed or a space more is another file', () => {
    for (const name of Object.keys(made.files)) {
      for (const bytes of [
        [0xef, 0xbb, 0xbf, ...utf8ToBytes(made.files[name]!)],
        [...utf8ToBytes(made.files[name]!), 10],
        [32, ...utf8ToBytes(made.files[name]!)],
      ]) {
        const text = decodeCaseFile(Uint8Array.from(bytes), { name })
        expect(verifyCase({ ...made.files, [name]: text }, made.keys, { publicKey }).ok, name).toBe(false)
      }
    }
  })

  test('no form of a key is in evidence, verdict, checks or errors', () => {
    const said = JSON.stringify(verifyCase(made.files, made.keys, { publicKey }))
    const { payload } = parseEnvelope(made.files['evidence.json']!)
    const statement = Buffer.from(payload).toString()
    const errors = failing({ files: { ...made.files, 'plan.json': '{}' }, keys: made.keys }).map(
      ({ said }) => said,
    )
    // Digests and signatures are random to these forms, and short pieces of them can agree by chance: whole halves of a key cannot.
    for (const text of [said, statement, made.files['verdict.json']!, ...errors]) {
      for (const secret of [markKey, salt, Buffer.from(SEED, 'hex')]) {
        for (const half of [secret.subarray(0, 16), secret.subarray(16)]) {
          expect(text).not.toContain(Buffer.from(half).toString('hex'))
          expect(text).not.toContain(Buffer.from(half).toString('base64').slice(0, 20))
          expect(text).not.toContain(Buffer.from(half).toString('base64url').slice(0, 20))
          expect(text).not.toContain(half.join())
        }
      }
    }
    // The control: a text that has the key is seen by the same look.
    expect(formsShown(Buffer.from(markKey).toString('hex'), markKey)).toEqual(['hex'])
  })
})
