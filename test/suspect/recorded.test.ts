/** A suspect on record: it says what it said, and nothing else. */
import { describe, expect, test } from 'vitest'
import { digestJson } from '../../src/digest.ts'
import {
  type AnswerFacts,
  type AnswerLog,
  formatAnswer,
  parseAnswers,
  type RecordedAnswer,
} from '../../src/suspect/answers.ts'
import { recordedSuspect } from '../../src/suspect/recorded.ts'
import { expectRefusal, expectRefusalOf, wrongValues } from '../support/wrong-values.ts'

const V = 8
const plan = digestJson('a plan')
const random = () => 0

function logOf(access: AnswerFacts['access'], answers: readonly RecordedAnswer[]): AnswerLog {
  const facts = { plan, access, vocabularySize: V, prompts: undefined }
  let prev = plan
  const lines = answers.map((answer) => {
    const { line, digest } = formatAnswer(answer, { ...facts, prev })
    prev = digest
    return `${line}\n`
  })
  return parseAnswers(lines.join(''), facts)
}

const log = logOf('text', [
  { prompt: 0, ids: [1, 2], completion: [3, 4] },
  { prompt: 1, ids: [], completion: [5] },
  { prompt: 2, ids: [1, 2], completion: [6] },
  { prompt: 3, ids: [12 % V, 0], completion: [] },
])
const suspect = recordedSuspect(log, { name: 'on record' })

describe('text', () => {
  test('answers as it did, in any order', async () => {
    expect(suspect).toMatchObject({ name: 'on record', vocabularySize: V, answers: log.answers })
    const options = { maxTokens: 2, random }
    expect(await suspect.complete([[], Uint32Array.of(1, 2)], options)).toEqual([[5], [3, 4]])
    expect(await suspect.complete([], options)).toEqual([])
  })

  test('a prompt that was put twice has two answers, and no third', async () => {
    const options = { maxTokens: 2, random }
    expect(
      await suspect.complete(
        [
          [1, 2],
          [1, 2],
        ],
        options,
      ),
    ).toEqual([[3, 4], [6]])
    const error = await expectRefusalOf(
      () =>
        suspect.complete(
          [
            [1, 2],
            [1, 2],
            [1, 2],
          ],
          options,
        ),
      'prompts[2]',
    )
    expect(error.message).toContain('put 2 times only')
    // Another call begins anew.
    expect(await suspect.complete([[1, 2]], options)).toEqual([[3, 4]])
  })

  test('a prompt that was never put, or a beginning of one, is refused', async () => {
    for (const ids of [[1], [2, 1], [1, 2, 3], [12]])
      await expectRefusalOf(() => suspect.complete([[1, 2], ids], { maxTokens: 9, random }), 'prompts[1]')
  })

  test('nothing is cut short', async () => {
    await expectRefusalOf(() => suspect.complete([[1, 2]], { maxTokens: 1, random }), 'options.maxTokens')
  })

  test('what it gives away is a copy', async () => {
    const [first] = await suspect.complete([[1, 2]], { maxTokens: 2, random })
    first!.push(7)
    expect(await suspect.complete([[1, 2]], { maxTokens: 2, random })).toEqual([[3, 4]])
  })

  test('tells its progress', async () => {
    const told: [number, number][] = []
    const onProgress = (done: number, total: number) => told.push([done, total])
    await suspect.complete([[1, 2], []], { maxTokens: 3, random, onProgress })
    expect(told.at(-1)).toEqual([6, 6])
  })

  test('has neither rows nor lists', () => {
    expect(suspect).not.toHaveProperty('rows')
    expect(suspect).not.toHaveProperty('lists')
  })
})

test('rows', async () => {
  const rows = Float32Array.from({ length: 2 * V }, (_, i) => i / (2 * V))
  const open = recordedSuspect(logOf('rows', [{ prompt: 0, ids: [1, 2], rows }]), { name: 'x' })
  expect(await open.rows!([[1, 2]])).toEqual([rows])
  await expectRefusalOf(() => open.rows!([[1, 3]]), 'sequences[0]')
  await expectRefusalOf(() => open.complete([[1, 2]], { maxTokens: 3, random }), 'prompts[0]')
  const [given] = await open.rows!([[1, 2]])
  given!.fill(0)
  expect(await open.rows!([[1, 2]])).toEqual([rows])
})

test('lists', async () => {
  const positions = [[[3, -0.5]], null] as const
  const served = recordedSuspect(
    logOf('top-k', [
      { prompt: 0, ids: [1, 2], positions },
      { prompt: 1, ids: [4], completion: [5], positions: [[[5, -0.1]]] },
    ]),
    { name: 'x' },
  )
  expect(await served.lists!([[4], [1, 2]])).toEqual([[[[5, -0.1]]], positions])
  expect(await served.complete([[4]], { maxTokens: 1, random })).toEqual([[5]])
  await expectRefusalOf(() => served.complete([[1, 2]], { maxTokens: 1, random }), 'prompts[0]')
})

describe('refused by name', () => {
  test.each(wrongValues({ except: [] }))('%s is no log, and no prompts', async (_, value) => {
    expectRefusal(() => recordedSuspect(value as AnswerLog, { name: 'x' }), 'log')
    if (Array.isArray(value) && value.length === 0) return
    if (ArrayBuffer.isView(value) && !(value as Uint8Array).length && 'length' in value) return
    await expectRefusalOf(() => suspect.complete(value as number[][], { maxTokens: 9, random }), 'prompts')
  })

  test('a name that is none, an option that is not known', () => {
    expectRefusal(() => recordedSuspect(log, { name: 7 as unknown as string }), 'options.name')
    expectRefusal(() => recordedSuspect(log, { name: 'x', key: 1 } as { name: string }), 'options')
  })
})
