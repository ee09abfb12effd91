/** case.json: what is written is read, and no secret gets in. */
import { describe, expect, test } from 'vitest'
import { type Case, formatCase, parseCase } from '../../src/case/case-file.ts'

const digest = `sha256:${'0'.repeat(64)}` as const
const served = {
  kind: 'openai-compatible' as const,
  url: 'https://models.example/v1',
  model: 'm',
  api: 'chat' as const,
  apiKeyEnv: 'SUSPECT_KEY',
}
const record: Case = {
  format: 'dyetrace/case-1',
  name: 'model-x',
  created: '2026-11-24T09:30:00Z',
  profile: digest,
  tokenizer: digest,
  suspect: served,
  references: [
    { name: 'base', kind: 'local', path: 'models/base' },
    { ...served, name: 'ours, unmarked' },
  ],
}

test('what is written is read', () => {
  const text = formatCase(record)
  expect(text.endsWith('}\n')).toBe(true)
  expect(parseCase(text)).toEqual(record)
  for (const suspect of [
    { kind: 'local' as const, path: 'x', model: 'y' },
    { kind: 'recorded' as const, path: 'log.jsonl' },
  ])
    expect(parseCase(formatCase({ ...record, suspect })).suspect).toEqual(suspect)
})

describe('refused', () => {
  const withSuspect = (fields: object) => ({ ...record, suspect: { ...served, ...fields } })

  test.each<[string, unknown, RegExp]>([
    ['another format', { ...record, format: 'dyetrace/case-2' }, /case\.json\.format/],
    ['a field beside', { ...record, apiKey: 'x' }, /only the keys/],
    [
      'a field of the suspect beside',
      withSuspect({ apiKey: 'x' }),
      /case\.json\.suspect" expected only the keys/,
    ],
    ['no kind', withSuspect({ kind: 'magic' }), /suspect\.kind/],
    ['a time without a zone', { ...record, created: '2026-11-24T09:30' }, /created/],
    ['a name of two lines', { ...record, name: 'a\nb' }, /case\.json\.name/],
    ['a digest of another form', { ...record, profile: 'abc' }, /case\.json\.profile/],
    [
      'a reference twice',
      { ...record, references: [record.references[0], record.references[0]] },
      /one twice/,
    ],
    ['a recorded reference', { ...record, references: [{ name: 'x', kind: 'recorded', path: 'y' }] }, /kind/],
    ['a reference without a name', { ...record, references: [{ kind: 'local', path: 'y' }] }, /name/],
    ['an api that is none', withSuspect({ api: 'embeddings' }), /suspect\.api/],
    ['a member twice', formatCase(record).replace('{', '{"name":"y",'), /twice/],
    ['no JSON', '{', /does not parse/],
  ])('%s', (_, input, message) => {
    expect(() => parseCase(input)).toThrow(message)
  })

  const secret = 'sk-hunter2hunter2'
  test.each([
    `https://user:${secret}@models.example/v1`,
    `https://${secret}@models.example/v1`,
    `https://@models.example/${secret}`,
    `https://models.example/v1?key=${secret}`,
    `https://models.example/${secret}?`,
    `https://models.example/v1#${secret}`,
    `ftp://models.example/${secret}`,
    `file:///${secret}`,
    `https:models.example/${secret}`,
    `https:\\\\${secret}@models.example`,
    `${secret}`,
    ` https://models.example/${secret}`,
    `https://models.example/\n${secret}`,
  ])('the address %j, and it is not shown', (url) => {
    expect(() => parseCase(withSuspect({ url }))).toThrow(/suspect\.url/)
    try {
      parseCase(withSuspect({ url }))
    } catch (error) {
      expect((error as Error).message).not.toContain('hunter2')
    }
  })

  test.each([secret, 'lower_case', '9KEY', '', 5, 'A B', `A${'B'.repeat(200)}`])(
    'the variable %j',
    (apiKeyEnv) => {
      expect(() => parseCase(withSuspect({ apiKeyEnv }))).toThrow(/it is not shown/)
    },
  )
})
