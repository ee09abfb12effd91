/** In what a case is not what its plan said is in the evidence, as sentences that follow from the files. */
import { expect, test } from 'vitest'
import { deviationsOf } from '../../src/case/deviations.ts'
import { judgeRecords, readRecords } from '../../src/case/judge.ts'
import { type ToyFolderOptions, toyFolder } from '../support/case-folders.ts'

function deviations(options: ToyFolderOptions, change: (text: string) => string = (text) => text): string[] {
  const { files, keys } = toyFolder(options)
  files['answers.jsonl'] = change(files['answers.jsonl']!)
  const records = readRecords(files)
  return deviationsOf(records, judgeRecords(records, keys))
}

const stops = { stopping: { rule: 'e-process' as const, fresh: false } }
const other = { keyId: '0123456789abcdef', lane: 3 }

test.each<[string, ToyFolderOptions, string[]]>([
  ['none', {}, []],
  ['fewer answers', { answered: 9 }, ['9 of 12 planned prompts were answered']],
  [
    'a gap',
    { plan: stops, order: (prompts) => prompts.filter((i) => i !== 4) },
    [
      '11 of 12 planned prompts were answered',
      '1 prompts before the last one that was answered have no answer',
    ],
  ],
  [
    'another order',
    { order: (prompts) => prompts.reverse() },
    ['answers stand in another order than that of the plan, in which they are judged'],
  ],
  [
    'longer answers',
    { plan: { completion: { maxTokens: 23 } } },
    ['12 answers are longer than the 23 tokens that were planned'],
  ],
  [
    'a budget of tokens',
    { plan: { budget: { tokens: 311 } } },
    ['312 tokens were spent, more than the 311 of the budget'],
  ],
  ['a budget that is just kept', { plan: { budget: { tokens: 312 } } }, []],
  [
    'a budget of answers',
    { plan: { ...stops, budget: { answers: 11 } } },
    ['12 answers were collected, more than the 11 of the budget'],
  ],
  [
    'a price',
    { plan: { budget: { price: { amount: 0.5, currency: 'EUR', perMillionTokens: 2000 } } } },
    ['312 tokens were spent, more than 0.5 EUR buys'],
  ],
])('%s', (_, options, expected) => {
  expect(deviations(options)).toEqual(expected)
})

test('keys: beside the plan, of the plan and not tried, no family', () => {
  const [key] = toyFolder().keys
  expect(deviations({ plan: { family: [other] } })).toEqual([
    `key ${key!.keyId}, lane 0, was tried beside the plan`,
    'key 0123456789abcdef, lane 3, is in the plan and was not tried',
  ])
  expect(deviations({ plan: { family: undefined } as object })).toEqual(['the plan names no family of keys'])
})

test('a line that was cut off', () => {
  expect(deviations({ plan: stops }, (text) => text.slice(0, -9))).toEqual([
    'line 12 of answers.jsonl was cut off while it was written, and is left out',
    '11 of 12 planned prompts were answered',
  ])
})

test('prompts chosen on the way: others than the plan begins with', () => {
  const plan = { stopping: { rule: 'e-process' as const, fresh: true }, decoys: 0 }
  expect(deviations({ plan, answered: 3 })).toEqual([])
  const { files } = toyFolder({ plan })
  const { files: elsewhere } = toyFolder({ plan, seed: 'elsewhere' })
  const [prev] = /sha256:\w+/.exec(files['answers.jsonl']!)!
  const [line] = elsewhere['answers.jsonl']!.split('\n')
  const changed = `${line!.replace(/"prev":"sha256:\w+"/, `"prev":"${prev}"`)}\n`
  expect(deviations({ plan }, () => changed)).toEqual([
    '1 of the first 1 answers are to other prompts than those that the plan begins with',
  ])
})
