/** A case is judged as its plan says, whatever the access; what contradicts the plan is refused by file, line and digest. */
import { describe, expect, test } from 'vitest'
import { formatVerdict, judgeCase } from '../../src/case/judge.ts'
import { canonicalJson } from '../../src/digest.ts'
import { textObservations } from '../../src/distill/observations.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { parsePlan } from '../../src/plan/plan.ts'
import { type ToyFolderOptions, toyFolder } from '../support/case-folders.ts'
import { profileWithKey } from '../support/keys.ts'

const SHAPES: readonly (ToyFolderOptions & { readonly name: string })[] = [
  { name: 'text, count' },
  { name: 'text, contrast', reference: 'base' },
  { name: 'text, looks', plan: { stopping: { rule: 'looks', first: 30, looks: 3 } } },
  { name: 'text, e-process', plan: { stopping: { rule: 'e-process', fresh: false } } },
  {
    name: 'text, fresh',
    plan: { stopping: { rule: 'e-process', fresh: true }, decoys: 0 },
    vocabularySize: 256,
  },
  {
    name: 'text, burn rule',
    markedDocuments: 3,
    plan: { counted: 40, minimumCounted: 40 },
    vocabularySize: 256,
  },
  {
    name: 'top-k, contrast',
    access: 'top-k',
    reference: 'base',
    share: 0.3,
    prompts: 40,
    plan: { minimumCounted: 10 },
  },
  { name: 'rows, count', access: 'rows', prompts: 30, plan: { minimumCounted: 10 }, vocabularySize: 256 },
  { name: 'rows, contrast', access: 'rows', reference: 'base', prompts: 30, plan: { minimumCounted: 10 } },
  {
    name: 'exposure',
    access: 'text',
    contextWidth: 2,
    reference: 'base',
    withExposure: true,
    plan: { minimumCounted: 10 },
  },
  { name: 'classes', withExposure: true, plan: { classes: { frequent: 3 }, minimumCounted: 10 } },
  { name: 'gumbel', scheme: 'gumbel', plan: { minimumCounted: 10 } },
  { name: 'tournament', scheme: 'tournament' },
  { name: 'instrument and case.json', withInstrument: true, withCase: true },
]

describe('what is judged', () => {
  test.each(SHAPES)('$name: a thief is found, an innocent is not', (options) => {
    const { files, keys } = toyFolder(options)
    const found = judgeCase(files, keys)
    expect(found.conclusions.map(({ decision }) => decision)).toEqual(['evidence'])
    expect(found.conclusions[0]!.exploratory).toBeUndefined()
    const innocent = toyFolder({ ...options, thief: false })
    expect(judgeCase(innocent.files, innocent.keys).conclusions[0]!.decision).not.toBe('evidence')
    // The record is JSON, and the same again.
    expect(JSON.parse(formatVerdict(found))).toEqual(JSON.parse(canonicalJson(judgeCase(files, keys))))
  })

  test('it is what the test says of the same answers', () => {
    const { files, keys, profile } = toyFolder()
    const lines = files['answers.jsonl']!.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const plan = parsePlan(JSON.parse(files['plan.json']!))
    const observations = textObservations(
      lines.map(({ ids, completion }) => ({ prompt: ids, completion })),
      { contextWidth: 1, vocabularySize: 64 },
    )
    const conclusion = testDistillation({ plan, observations, profile, key: keys[0]! })
    const { decoys: _, ...finding } = conclusion.findings[0]!
    expect(judgeCase(files, keys).conclusions[0]!.findings[0]).toMatchObject(finding)
  })

  test('known marked text goes through the same path', () => {
    const { files, keys } = toyFolder({ withInstrument: true })
    expect(judgeCase(files, keys).conclusions[0]!.controls.instrument).toMatchObject({ passed: true })
    files['instrument.jsonl'] = files['prompts.jsonl']!
    expect(judgeCase(files, keys).conclusions[0]!.decision).toBe('protocol-mismatch')
  })

  test('keys beside the plan count, and are exploratory; lanes are those that the plan names', () => {
    const layers = [
      { role: 'provider' as const, label: 'p', share: 40000, lanes: 4 },
      { role: 'cohort' as const, label: 'c', share: 25536 },
    ]
    const made = toyFolder({ layers, prompts: 40 })
    const [provider] = made.keys
    const lanes = [
      { keyId: provider!.keyId, lane: 2 },
      { keyId: provider!.keyId, lane: 0 },
    ]
    const { files, keys } = toyFolder({ layers, prompts: 40, plan: { family: lanes } })
    const { conclusions, family } = judgeCase(files, keys)
    expect(conclusions.map(({ keyId, lane }) => [keyId, lane])).toEqual([
      [keys[0]!.keyId, 2],
      [keys[0]!.keyId, 0],
      [keys[1]!.keyId, 0],
    ])
    expect(family).toEqual({ size: 3, tried: 3, method: 'holm' })
    expect(conclusions.map(({ exploratory }) => exploratory !== undefined)).toEqual([false, false, true])
  })
})

describe('the order of answers', () => {
  const shuffled = (prompts: number[]) => [...prompts].reverse()

  test.each([
    { name: 'fixed' },
    { name: 'looks', plan: { stopping: { rule: 'looks' as const, first: 30, looks: 3 } } },
    { name: 'e-process', plan: { stopping: { rule: 'e-process' as const, fresh: false } } },
  ])('$name: answers that came in another order are judged in that of the plan', (options) => {
    const [inOrder, out] = [toyFolder({ ...options }), toyFolder({ ...options, order: shuffled })]
    expect(out.files['answers.jsonl']).not.toBe(inOrder.files['answers.jsonl'])
    const [a, b] = [judgeCase(inOrder.files, inOrder.keys), judgeCase(out.files, out.keys)]
    const withoutDecoys = (text: string) => JSON.parse(text, (key, value) => (key === 'decoys' ? 0 : value))
    // Decoys come from the head of the chain, which is another.
    expect(withoutDecoys(formatVerdict(b))).toEqual(withoutDecoys(formatVerdict(a)))
  })

  test('the first ones: as planned where a rule may stop; a gap makes it exploratory', () => {
    const plan = { stopping: { rule: 'e-process' as const, fresh: false } }
    const first = toyFolder({ plan, answered: 9 })
    expect(judgeCase(first.files, first.keys).conclusions[0]).toMatchObject({
      controls: { prompts: { planned: 12, answered: 9 } },
    })
    expect(judgeCase(first.files, first.keys).conclusions[0]!.exploratory).toBeUndefined()
    const gap = toyFolder({ plan, order: (prompts) => prompts.filter((i) => i !== 3 && i !== 5) })
    expect(judgeCase(gap.files, gap.keys).conclusions[0]!.exploratory).toEqual({
      reasons: ['2 of the first 12 planned prompts have no answer'],
    })
    const few = toyFolder({ answered: 5 })
    expect(judgeCase(few.files, few.keys).conclusions[0]!.exploratory!.reasons).toEqual([
      '5 of the 12 planned prompts were answered, and the plan has no rule to stop early',
    ])
  })

  test('nothing answered is an answer', () => {
    const { files, keys } = toyFolder({ answered: 0 })
    expect(judgeCase(files, keys).conclusions[0]!.decision).toBe('insufficient')
  })
})

describe('what contradicts the plan is refused', () => {
  const base = toyFolder({
    reference: 'base',
    withCase: true,
    contextWidth: 2,
    withExposure: true,
    withInstrument: true,
  })
  const other = `sha256:${'1'.repeat(64)}`
  const swap = (name: string, from: string | RegExp, to: string) => ({
    [name]: base.files[name]!.replace(from, to),
  })

  test.each<[string, Record<string, string | undefined>, RegExp]>([
    ['no plan', { 'plan.json': undefined }, /"plan\.json" expected the file, got none/],
    [
      'another spelling',
      { 'plan.json': `${base.files['plan.json']}\n` },
      /"plan\.json" expected canonical JSON .* digest sha256:/,
    ],
    ['a level for everybody', swap('plan.json', '"alpha":0.001', '"alpha":5'), /"plan\.json": "plan\.alpha"/],
    [
      'a member twice',
      swap('plan.json', '"alpha":0.001', '"alpha":0.001,"alpha":0.001'),
      /"plan\.json" .* twice/,
    ],
    [
      'a changed plan',
      swap('plan.json', '"alpha":0.001', '"alpha":0.01'),
      /"answers\.jsonl line 1\.prev" expected sha256:/,
    ],
    [
      'a prompt changed',
      swap('prompts.jsonl', /\d+\]/, '0]'),
      /"prompts\.jsonl" expected the prompts of plan\.json, with digest sha256:/,
    ],
    [
      'a prompt cut off',
      { 'prompts.jsonl': base.files['prompts.jsonl']!.slice(0, -4) },
      /"prompts\.jsonl line 12" expected a whole line/,
    ],
    [
      'an answer changed',
      swap('answers.jsonl', '"finish":"length"', '"finish":"stop"'),
      /"answers\.jsonl line 2\.prev" expected sha256:[0-9a-f]{64}, the digest of the line before/,
    ],
    ['an answer removed', swap('answers.jsonl', /\n.*\n/, '\n'), /"answers\.jsonl line 2\.prev"/],
    ['no references', { 'references.jsonl': undefined }, /"references\.jsonl" expected what 1 references/],
    [
      'a reference line removed',
      swap('references.jsonl', /.*\n/, ''),
      /"references\.jsonl" expected a line of reference "base" about prompt 0/,
    ],
    [
      'no exposure',
      { 'exposure.jsonl': undefined },
      /"exposure\.jsonl" expected documents of digest sha256:/,
    ],
    [
      'another exposure',
      swap('exposure.jsonl', /\d+\]/, '0]'),
      /"exposure\.jsonl" expected documents of digest sha256:/,
    ],
    [
      'a foreign instrument',
      swap('instrument.jsonl', /\[\d+/, '[99'),
      /"instrument\.jsonl line 1\.ids\[0\]"/,
    ],
    [
      'a prompt longer than its text',
      swap('instrument.jsonl', /"promptLength":\d+/, '"promptLength":99'),
      /"instrument\.jsonl line 1\.promptLength"/,
    ],
    [
      'case.json of another profile',
      swap('case.json', /"profile":"sha256:\w+"/, `"profile":"${other}"`),
      /"case\.json\.profile" expected sha256:/,
    ],
    [
      'case.json of another tokenizer',
      swap('case.json', /"tokenizer":"sha256:\w+"/, `"tokenizer":"${other}"`),
      /"case\.json\.tokenizer" expected sha256:/,
    ],
    [
      'case.json without the reference',
      swap('case.json', /"references":\[.*?\]/, '"references":[]'),
      /"plan\.json\.references" expected references of case\.json, got "base"/,
    ],
    [
      'another tokenizer.json',
      { 'tokenizer.json': '{"model":{"vocab":{"a":0,"b":1}}}' },
      /"tokenizer\.json" expected the 64 token strings/,
    ],
    [
      'another profile',
      { 'profile.json': canonicalJson(profileWithKey('x').profile) },
      /"case\.json\.profile" expected/,
    ],
  ])('%s', (_, changed, message) => {
    const files = { ...base.files, ...changed }
    expect(() => judgeCase(files, base.keys)).toThrow(message)
    expect(() => judgeCase(base.files, base.keys)).not.toThrow()
  })

  test('marked text: missing, another, and none that was planned', () => {
    const { files, keys } = toyFolder({ markedDocuments: 3, vocabularySize: 256, plan: { counted: 64 } })
    expect(() => judgeCase(files, keys)).not.toThrow()
    const other = files['marked.jsonl']!.replace(/\d+\]/, '0]')
    expect(() => judgeCase({ ...files, 'marked.jsonl': other }, keys)).toThrow(
      /"marked\.jsonl" expected 3 documents of digest sha256:\w+ as plan\.json says, got 3 of sha256/,
    )
    expect(() => judgeCase({ ...files, 'marked.jsonl': undefined }, keys)).toThrow(/got no file/)
    const plain = toyFolder()
    const added = { ...plain.files, 'marked.jsonl': files['marked.jsonl'] }
    expect(() => judgeCase(added, plain.keys)).toThrow(/names no marked text/)
  })

  test('an exposure that nobody planned', () => {
    const { files, keys } = toyFolder()
    expect(() => judgeCase({ ...files, 'exposure.jsonl': '{"ids":[1]}\n' }, keys)).toThrow(
      /names no exposure/,
    )
  })

  test('lists where rows are needed', () => {
    const { files, keys } = toyFolder({ access: 'rows', reference: 'base' })
    const line = JSON.parse(files['references.jsonl']!.split('\n')[0]!)
    const { rows: _, ...rest } = line
    const lists = canonicalJson({ ...rest, positions: line.ids.map(() => null) })
    files['references.jsonl'] = files['references.jsonl']!.replace(/.*/, lists)
    expect(() => judgeCase(files, keys)).toThrow(
      /"references\.jsonl" expected rows of reference "base" about prompt 0/,
    )
  })

  test('a key of another profile, no key, the same key twice, no key at all', () => {
    const { key } = profileWithKey('another')
    expect(() => judgeCase(base.files, [key])).toThrow(/"keys\[0\]" expected a key of profile\.json/)
    expect(() => judgeCase(base.files, [])).toThrow(/"keys" expected at least one/)
    expect(() => judgeCase(base.files, [base.keys[0]!, base.keys[0]!])).toThrow(/each key and lane once/)
    expect(() => judgeCase(base.files, ['secret'] as never)).toThrow(TypeError)
    expect(() => judgeCase([] as never, base.keys)).toThrow(TypeError)
  })
})
