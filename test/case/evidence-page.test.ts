/** docs/evidence.md says what the code does: it names every field, every subject and every check. */
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseEnvelope } from '../../src/case/envelope.ts'
import { EVIDENCE_FILES } from '../../src/case/files.ts'
import { formatVerdict, judgeCase } from '../../src/case/judge.ts'
import { sealCase } from '../../src/case/seal.ts'
import { PREDICATE_TYPE } from '../../src/case/statement.ts'
import { formatTimestamps } from '../../src/case/timestamps.ts'
import { verifyCase } from '../../src/case/verify.ts'
import { toyFolder } from '../support/case-folders.ts'

const page = readFileSync(new URL('../../docs/evidence.md', import.meta.url), 'utf8')
const made = toyFolder({ prompts: 4, withCase: true })
const { privateKey: signer } = generateKeyPairSync('ed25519')
made.files['verdict.json'] = formatVerdict(judgeCase(made.files, made.keys))
made.files['evidence.json'] = sealCase(made.files, { keys: made.keys, signer, sealed: '2026-11-25' })
made.files['timestamps.json'] = formatTimestamps(made.files['evidence.json'], [
  { kind: 'transparency-log', log: 'a log', entry: Uint8Array.of(1) },
])

const fieldsOf = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : Array.isArray(value)
      ? value.flatMap(fieldsOf)
      : Object.entries(value).flatMap(([name, field]) => [
          name,
          ...(name === 'verdict' ? [] : fieldsOf(field)),
        ])

test('fields', () => {
  const { payload } = parseEnvelope(made.files['evidence.json']!)
  const records = ['evidence.json', 'timestamps.json', 'case.json'].map((name) =>
    JSON.parse(made.files[name]!),
  )
  const fields = new Set(fieldsOf([...records, JSON.parse(Buffer.from(payload).toString())]))
  expect(fields.size).toBeGreaterThan(25)
  const isNamed = (field: string) =>
    [`\`${field}\``, `"${field}"`, `].${field}\``].some((form) => page.includes(form))
  expect([...fields].filter((field) => !isNamed(field))).toEqual([])
  expect(page).toContain(PREDICATE_TYPE)
})

test('subjects', () => {
  expect(EVIDENCE_FILES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

test('checks', () => {
  const { checks } = verifyCase(made.files, made.keys)
  const general = (name: string) =>
    name.startsWith('key ') ? 'key <id>' : name.startsWith('digest of ') ? 'digest of <file>' : name
  const names = new Set(
    checks
      .map(({ name }) => general(name))
      .filter((name) => !name.endsWith('.json') && !name.endsWith('.jsonl')),
  )
  expect(names.size).toBeGreaterThan(5)
  expect([...names].filter((name) => !page.includes(`| \`${name}\` `))).toEqual([])
})
