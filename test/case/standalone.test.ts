// biome-ignore-all lint/suspicious/noExplicitAny: vectors are read as they are
/** The file that checks a case without the package: it agrees on random cases, names what was changed, and stays short. */
import { spawnSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { utf8ToBytes } from '../../src/bytes.ts'
import { parseEnvelope, signEnvelope } from '../../src/case/envelope.ts'
import { formatVerdict, judgeCase } from '../../src/case/judge.ts'
import { sealCase } from '../../src/case/seal.ts'
import { verifyCase } from '../../src/case/verify.ts'
import { canonicalJson, digestBytes } from '../../src/digest.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import { writeMarkKeyFile } from '../../src/keys/mark-key-file.ts'
import { openingOf } from '../../src/keys/opening.ts'
import { type Folder, type ToyFolderOptions, toyFolder } from '../support/case-folders.ts'

const SCRIPT = fileURLToPath(new URL('../../src/case/standalone/verify.mjs', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'dyetrace-standalone-'))
const { privateKey: signer } = generateKeyPairSync('ed25519')
const pem = join(root, 'signer.pem')
writeFileSync(pem, createPublicKey(signer).export({ type: 'spki', format: 'pem' }))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0

/** Writes a folder and its keys, and runs the file on it. */
async function run(files: Folder, keys: readonly MarkKey[], args: readonly string[] = ['--public-key', pem]) {
  const folder = mkdtempSync(join(root, `case-${folders++}-`))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const keyFiles = keys.map((_, i) => join(folder, `key-${i}.mark.json`))
  for (const [i, key] of keys.entries()) await writeMarkKeyFile(keyFiles[i]!, key)
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, folder, ...keyFiles, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr, failing: stdout.split('\n').filter((line) => line.startsWith('NOT')) }
}

function sealed(options: ToyFolderOptions) {
  const made = toyFolder(options)
  made.files['verdict.json'] = formatVerdict(judgeCase(made.files, made.keys))
  made.files['evidence.json'] = sealCase(made.files, { keys: made.keys, signer })
  return made
}

const twoLayers = [
  { role: 'provider' as const, label: 'p', share: 40000, lanes: 2 },
  { role: 'cohort' as const, label: 'c', share: 25536, lanes: 2 },
]

describe('it agrees with the package', () => {
  test('on random cases', async () => {
    const cases = fc.record({
      seed: fc.nat(1e6).map(String),
      access: fc.constantFrom('text' as const, 'top-k' as const, 'rows' as const),
      scheme: fc.constantFrom('green-list' as const, 'gumbel' as const, 'tournament' as const),
      contextWidth: fc.integer({ min: 1, max: 4 }),
      vocabularySize: fc.constantFrom(16, 64, 200),
      thief: fc.boolean(),
      layers: fc.constantFrom([{ role: 'provider' as const, label: 'p' }], twoLayers),
      prompts: fc.integer({ min: 1, max: 12 }),
      tokens: fc.integer({ min: 1, max: 40 }),
      withInstrument: fc.boolean(),
      withCase: fc.boolean(),
      looks: fc.boolean(),
      marked: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ looks, marked, ...options }) => {
        const plan = {
          minimumCounted: 8,
          ...(looks && !marked ? { stopping: { rule: 'looks' as const, first: 8, looks: 4 } } : {}),
          ...(marked ? { counted: 20 } : {}),
        }
        const { files, keys } = sealed({ ...options, ...(marked ? { markedDocuments: 2 } : {}), plan })
        const { status, failing, stdout, stderr } = await run(files, keys)
        expect({ failing, stderr }).toEqual({ failing: [], stderr: '' })
        expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('agrees') })
      }),
      { seed: 7, numRuns: 10 },
    )
  })

  test('width 0, several lanes, a key beside the plan, nobody’s signature', async () => {
    for (const options of [
      { contextWidth: 0, thief: false },
      { layers: twoLayers, plan: { family: [] as { keyId: string; lane: number }[] } },
    ]) {
      const { keys } = toyFolder({ ...options, plan: {} })
      const family = [{ keyId: keys[0]!.keyId, lane: 0 }]
      const made = toyFolder({ ...options, plan: { family } })
      made.files['verdict.json'] = formatVerdict(judgeCase(made.files, made.keys))
      const { status, failing, stdout } = await run(made.files, made.keys, [])
      expect({ failing, status }).toEqual({ failing: [], status: 0 })
      expect(stdout).toContain('nobody has signed this case')
    }
  })

  test('what is beyond it: said, and exit code 3', async () => {
    const contrast = sealed({ reference: 'base', plan: { minimumCounted: 8 } })
    const compared = await run(contrast.files, contrast.keys)
    expect(compared).toMatchObject({
      status: 3,
      failing: [],
      stdout: expect.stringContaining('the contrast decides'),
    })
    expect(compared.stdout).toMatch(/ok {2}key \w+, lane 0: ln p/)
    const process_ = sealed({ plan: { stopping: { rule: 'e-process', fresh: false } } })
    expect(await run(process_.files, process_.keys)).toMatchObject({ status: 3, failing: [] })
    const { 'plan.json': _, ...rest } = contrast.files
    expect(await run(rest, contrast.keys)).toMatchObject({ status: 3 })
    expect(await run({ ...contrast.files, 'profile.json': '{' }, contrast.keys)).toMatchObject({ status: 3 })
    expect(await run(process_.files, [])).toMatchObject({ status: 2 })
    expect(await run(process_.files, process_.keys, ['--unknown'])).toMatchObject({ status: 2 })
  })
})

describe('it names what was changed', () => {
  const made = sealed({ thief: false, withInstrument: true })

  test.each<[string, string, string | RegExp, string, RegExp]>([
    [
      'an answer',
      'answers.jsonl',
      /("completion":\[)(\d+)/,
      '$10',
      /NOT answers\.jsonl line 2: "prev" expected/,
    ],
    [
      'the decision',
      'verdict.json',
      '"decision":"no-evidence","family"',
      '"decision":"evidence","family"',
      /decision: expected "no-evidence", got "evidence"/,
    ],
    ['a p-value', 'verdict.json', /"lnP":-/, '"lnP":-9', /: ln p: expected -/],
    ['a prompt', 'prompts.jsonl', /\d+\]/, '0]', /digest of the prompts/],
    ['a commitment', 'profile.json', /"commitment":"\w{4}/, '"commitment":"0000', /commitment of key/],
    ['the signature', 'evidence.json', /"sig":"..../, '"sig":"AAAA', /NOT signature/],
    ['the statement', 'evidence.json', /"payload":"ey/, '"payload":"fy', /^/],
    ['the plan', 'plan.json', '"alpha":0.001', '"alpha":0.01', /plan of the verdict/],
    ['the known marked text', 'instrument.jsonl', /\[\d+,\d+/, '[0,0', /digest of instrument/],
  ])('%s', async (_, name, from, to, said) => {
    const files = { ...made.files, [name]: made.files[name]!.replace(from, to) }
    expect(files[name]).not.toBe(made.files[name])
    const { status, failing } = await run(files, made.keys)
    expect(status).toBe(name === 'evidence.json' && failing.length === 0 ? 3 : 4)
    expect(failing.join('\n')).toMatch(said)
  })

  test('a lie that its signer stands by', async () => {
    const verdict = JSON.parse(made.files['verdict.json']!)
    verdict.conclusions[0].findings[0].verdict.sum += 40
    const files: Folder = { ...made.files, 'verdict.json': `${canonicalJson(verdict)}\n` }
    delete files['evidence.json']
    const { status, failing } = await run(files, made.keys, [])
    expect([status, failing.length]).toEqual([4, 1])
    expect(failing[0]).toContain('sum of scores')
    expect(digestBytes(utf8ToBytes(files['verdict.json']!))).not.toBe('')
  })

  /** The files with a changed verdict and statement, signed again by the one who is known. */
  const resigned = (files: Folder, change: (parts: { verdict: any; predicate: any }) => void): Folder => {
    const payload = Buffer.from(parseEnvelope(files['evidence.json']!).payload).toString()
    const [statement, verdict] = [JSON.parse(payload), JSON.parse(files['verdict.json']!)]
    change({ verdict, predicate: statement.predicate })
    const text = `${canonicalJson(verdict)}\n`
    statement.predicate.verdict = verdict
    statement.subject.find(({ name }: any) => name === 'verdict.json').digest.sha256 = digestBytes(
      utf8ToBytes(text),
    ).slice(7)
    const evidence = signEnvelope(utf8ToBytes(canonicalJson(statement)), signer)
    return { ...files, 'verdict.json': text, 'evidence.json': evidence }
  }
  const partly = sealed({ answered: 6, plan: { decoys: 0, minimumCounted: 8 } })

  test.each<[string, (parts: { verdict: any; predicate: any }) => void, RegExp]>([
    [
      'that nobody chose when to stop',
      ({ verdict }) => delete verdict.conclusions[0].exploratory,
      /exploratory: expected true, got false/,
    ],
    [
      'more answers than there are',
      ({ predicate }) => (predicate.answers.count = 12),
      /signed plan, .*answers/,
    ],
    ['another head', ({ predicate }) => (predicate.answers.head = predicate.plan), /signed plan, .*answers/],
    ['a field of its own', ({ predicate }) => (predicate.note = 'guilty'), /fields of the predicate/],
    ['another version', ({ predicate }) => (predicate.format = 'dyetrace/evidence-9'), /formats signed/],
    ['another suspect', ({ verdict }) => (verdict.suspect = 'somebody else'), /suspect of the verdict/],
    ['another access', ({ verdict }) => (verdict.conclusions[0].access = 'rows'), /access: expected "text"/],
  ])('the signer says: %s', async (_, change, said) => {
    expect(await run(partly.files, partly.keys)).toMatchObject({ status: 0, failing: [] })
    const { status, failing } = await run(resigned(partly.files, change), partly.keys)
    expect([status, failing.length]).toEqual([4, 1])
    expect(failing[0]).toMatch(said)
  })

  test('as the package does: another key id, another spelling, marked text and fields that nobody planned', async () => {
    const envelope = JSON.parse(partly.files['evidence.json']!)
    const { 'evidence.json': _, ...bare } = partly.files
    const lists = toyFolder({ access: 'top-k', prompts: 3, plan: { decoys: 0 } })
    const twice = lists.files['answers.jsonl']!.replace(/"positions":\[\[(\[[^\]]*\])/, '"positions":[[$1,$1')
    const changed: [Folder, RegExp][] = [
      [
        {
          ...partly.files,
          'evidence.json': `${canonicalJson({ ...envelope, signatures: [{ ...envelope.signatures[0], keyid: '0'.repeat(64) }] })}\n`,
        },
        /key id of the signer/,
      ],
      [
        { ...partly.files, 'evidence.json': JSON.stringify(envelope, undefined, 1) },
        /spelling of the envelope/,
      ],
      [
        { ...bare, 'verdict.json': JSON.stringify(JSON.parse(bare['verdict.json']!), undefined, 1) },
        /canonical/,
      ],
      [{ ...bare, 'marked.jsonl': '{"ids":[1,2,3]}\n' }, /marked\.jsonl: is no file that the plan calls for/],
      [
        { ...bare, 'prompts.jsonl': bare['prompts.jsonl']!.replace('}', ',"note":1}') },
        /prompts\.jsonl line 1: has other fields/,
      ],
    ]
    for (const [files, said] of changed) {
      const { status, failing } = await run(files, partly.keys, [])
      expect([status, failing.join('\n')]).toEqual([4, expect.stringMatching(said)])
      expect(verifyCase(files, partly.keys).ok).toBe(false)
    }
    lists.files['verdict.json'] = formatVerdict(judgeCase(lists.files, lists.keys))
    expect(twice).not.toBe(lists.files['answers.jsonl'])
    const { failing } = await run({ ...lists.files, 'answers.jsonl': twice }, lists.keys, [])
    expect(failing.join('\n')).toMatch(/line 1: has a list that is none/)
  })

  test('another signer than the one that is known; a key of somebody else', async () => {
    const other = generateKeyPairSync('ed25519').privateKey
    const files = { ...made.files }
    files['evidence.json'] = sealCase(files, { keys: made.keys, signer: other })
    expect((await run(files, made.keys)).failing.join()).toMatch(/NOT signer/)
    const { keys } = toyFolder({ seed: 'somebody else' })
    const { status, failing } = await run(made.files, keys)
    expect([status, failing.join()]).toEqual([4, expect.stringContaining('is not in the profile')])
  })

  test('no key is printed', async () => {
    const { markKey, salt } = openingOf(made.keys[0]!)
    const { stdout } = await run(made.files, made.keys)
    for (const secret of [markKey, salt]) {
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        const text = Buffer.from(secret).toString(form)
        expect(stdout).not.toContain(text.slice(0, 16))
        expect(stdout).not.toContain(text.slice(-17, -1))
      }
    }
  })
})

/** Runs a piece of code with the parts of the file, in a process of its own. */
function withParts(code: string, input: unknown): any {
  const program = `
    const parts = await import(${JSON.stringify(`${pathToFileURL(SCRIPT)}?parts`)})
    const input = JSON.parse(fs.readFileSync(0, 'utf8'))
    console.log(JSON.stringify((${code})(parts, input)))`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import fs from 'node:fs'\n${program}`],
    { encoding: 'utf8', input: JSON.stringify(input) },
  )
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describe('its parts give published vectors', () => {
  const vectors = (name: string) =>
    JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))

  test('nonces, routes and fields of the wire format', () => {
    const { cases } = vectors('dyetrace-1')
    const code = `({ chacha8, fieldReader, nonceOf, wordsOf }, cases) => cases.map((c) => {
      const read = fieldReader(wordsOf(Buffer.from(c.markKey, 'hex')), c)
      const nonce = nonceOf(c.context)
      const route = chacha8(wordsOf(Buffer.from(c.routeKey, 'hex')), 0, nonce)[0] & 0xffff
      return { nonce, route, fields: c.fields.map(({ token, lane }) => read(c.context, token, lane)) }
    })`
    const got = withParts(code, cases)
    expect(got.length).toBeGreaterThan(10)
    expect(got).toEqual(
      cases.map(({ nonce, route, fields }: any) => ({
        nonce,
        route,
        fields: fields.map(({ field }: { field: number }) => field),
      })),
    )
  })

  test('tails by mpmath, to a part in a million', () => {
    const { binomial, gamma } = vectors('tails')
    const rows = [
      ...binomial.map(({ n, p, k, lnSf }: any) => ({
        law: { trials: 1, p: Number(p) },
        sum: Number(k),
        n: Number(n),
        lnSf,
      })),
      ...gamma
        .filter(({ shape }: any) => Number.isInteger(Number(shape)))
        .map(({ shape, x, lnSf }: any) => ({ law: { trials: 0 }, sum: Number(x), n: Number(shape), lnSf })),
    ].filter(({ n }) => n <= 1e6)
    expect(rows.length).toBeGreaterThan(80)
    const got = withParts('({ lnTail }, rows) => rows.map(({ law, sum, n }) => lnTail(law, sum, n))', rows)
    const off = rows.filter(({ lnSf }, i) => !(Math.abs(got[i] - Number(lnSf)) <= 1e-7 * Math.max(1, -lnSf)))
    expect(off).toEqual([])
  })
})

test('it can be read in an hour, and needs nothing but Node', () => {
  const source = readFileSync(SCRIPT, 'utf8')
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(600)
  const imports = [...source.matchAll(/^import .* from '(.*)'$/gm)].map(([, from]) => from)
  expect(imports.length).toBeGreaterThan(2)
  expect(imports.filter((from) => !from!.startsWith('node:'))).toEqual([])
  expect(source).not.toMatch(/import\(|require\(/)
})
