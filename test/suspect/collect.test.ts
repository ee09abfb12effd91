/**
 * Collecting, stopped at every moment at which it can be stopped: what is written at the end is what an undisturbed run writes, and nobody is
 * asked twice. The file is an array of bytes here.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { digestJson } from '../../src/digest.ts'
import { parseAnswers } from '../../src/suspect/answers.ts'
import { type Collectable, type CollectOptions, collect } from '../../src/suspect/collect.ts'
import { recordedSuspect } from '../../src/suspect/recorded.ts'
import { expectRefusalOf, wrongValues } from '../support/wrong-values.ts'

const V = 8
const plan = digestJson('a plan')
const prompts = [[1, 2], [3], [4, 5, 6], [1, 2], [7]]
const facts = { plan, access: 'text', vocabularySize: V, prompts } as const

/** Draws its completions; counts what it was asked. */
function drawing(): Collectable & { asked: number[][] } {
  const asked: number[][] = []
  return {
    name: 'x',
    vocabularySize: V,
    asked,
    async complete(given, { maxTokens, random }) {
      return given.map((ids) => {
        asked.push(Array.from(ids))
        return Array.from({ length: 1 + Math.floor(random() * maxTokens) }, () => Math.floor(random() * V))
      })
    },
  }
}

/** A file that is written to at a place, where anything behind it is removed first. Breaks after `room` more bytes. */
function fileOf(start: Uint8Array = new Uint8Array(0), room = Infinity) {
  let bytes = start
  let left = room
  return {
    bytes: () => bytes,
    text: () => new TextDecoder().decode(bytes),
    write(line: string, at: number): void {
      expect(at).toBeLessThanOrEqual(bytes.length)
      const added = new TextEncoder().encode(line).subarray(0, left)
      left -= added.length
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...added])
      if (left === 0) throw new Error('killed')
    },
  }
}

const completion = { maxTokens: 4, random: (prompt: number) => seedrandom(`prompt ${prompt}`) }
const options = (file: ReturnType<typeof fileOf>, more: Partial<CollectOptions> = {}): CollectOptions => ({
  plan,
  access: 'text',
  prompts,
  written: file.text(),
  write: file.write,
  completion,
  ...more,
})

const whole = fileOf()
const complete = await collect(drawing(), options(whole))

describe('collecting', () => {
  test('asks every prompt once, in order, and writes every answer', async () => {
    const suspect = drawing()
    const file = fileOf()
    const { log, ended, tokens } = await collect(suspect, options(file))
    expect(ended).toBe('complete')
    expect(suspect.asked).toEqual(prompts)
    expect(parseAnswers(file.text(), facts)).toEqual(log)
    expect(log.answers.map(({ prompt }) => prompt)).toEqual([0, 1, 2, 3, 4])
    const sizes = log.answers.map(({ ids, completion }) => ids.length + completion!.length)
    expect(tokens).toBe(sizes.reduce((a, b) => a + b))
  })

  test('what was written before the next question is on record when the suspect breaks', async () => {
    const file = fileOf()
    const suspect = drawing()
    const breaking: Collectable = {
      ...suspect,
      complete: (given, how) =>
        suspect.asked.length === 2 ? Promise.reject(new Error('gone')) : suspect.complete(given, how),
    }
    await expect(collect(breaking, options(file))).rejects.toThrow('gone')
    expect(parseAnswers(file.text(), facts).answers).toEqual(complete.log.answers.slice(0, 2))
  })

  test('killed after any byte, it goes on to the same file, and asks for nothing that is on record', async () => {
    const size = whole.bytes().length
    for (let room = 1; room < size; room++) {
      const killed = fileOf(undefined, room)
      await expect(collect(drawing(), options(killed))).rejects.toThrow('killed')
      expect(killed.bytes()).toEqual(whole.bytes().slice(0, room))
      const before = parseAnswers(killed.text(), facts).answers.length
      const file = fileOf(killed.bytes())
      const suspect = drawing()
      const { torn, ...rest } = await collect(suspect, options(file))
      expect(file.text()).toBe(whole.text())
      expect(rest).toEqual(complete)
      expect(torn).toEqual(parseAnswers(killed.text(), facts).torn)
      expect(suspect.asked).toHaveLength(prompts.length - before)
    }
  })

  test('a file of another plan is not gone on with', async () => {
    const file = fileOf(whole.bytes())
    await expectRefusalOf(
      () => collect(drawing(), options(file, { plan: digestJson('b') })),
      'answers.jsonl line 1.prev',
    )
    expect(file.text()).toBe(whole.text())
  })

  test('an answer that is no answer is not written', async () => {
    const file = fileOf()
    for (const given of [[], [[1], [2]], [[V]], [['1']], [null]]) {
      const broken = { ...drawing(), complete: async () => given as number[][] }
      await expect(collect(broken, options(file))).rejects.toThrow(/expected/)
    }
    expect(file.text()).toBe('')
  })
})

describe('the end', () => {
  test('by answers, those on record included', async () => {
    const file = fileOf()
    expect((await collect(drawing(), options(file, { budget: { answers: 2 } }))).ended).toBe('budget')
    const again = await collect(drawing(), options(file, { budget: { answers: 3 } }))
    expect(again).toMatchObject({ ended: 'budget', log: { answers: { length: 3 } } })
    expect((await collect(drawing(), options(file, { budget: { answers: 5 } }))).ended).toBe('complete')
    expect(file.text()).toBe(whole.text())
  })

  test('by tokens: never more, whatever comes back', async () => {
    for (let tokens = 1; tokens <= complete.tokens + 5; tokens++) {
      const budget = { tokens }
      const collected = await collect(drawing(), options(fileOf(), { budget }))
      expect(collected.tokens).toBeLessThanOrEqual(tokens)
      if (collected.ended === 'budget') {
        const next = prompts[collected.log.answers.length]!
        expect(collected.tokens + next.length + completion.maxTokens).toBeGreaterThan(tokens)
      }
      const price = { amount: tokens * 3e-6, perMillionTokens: 3 }
      const paid = await collect(
        drawing(),
        options(fileOf(), { budget: { price: { ...price, amount: price.amount * (1 + 1e-12) } } }),
      )
      expect(paid.log.answers).toEqual(collected.log.answers)
    }
  })

  test('when it is said to be enough', async () => {
    const file = fileOf()
    const enough = async ({ prompt }: { prompt: number }) => prompt === 1
    const { ended, log } = await collect(drawing(), options(file, { enough }))
    expect(ended).toBe('enough')
    expect(log.answers).toEqual(complete.log.answers.slice(0, 2))
  })

  test('nothing to ask', async () => {
    const file = fileOf(whole.bytes())
    const suspect = drawing()
    expect(await collect(suspect, options(file))).toEqual(complete)
    expect(suspect.asked).toEqual([])
  })
})

test('rows and lists, from a suspect on record as from any other', async () => {
  const rows = async (given: readonly (readonly number[] | ArrayLike<number>)[]) =>
    given.map((ids) => new Float32Array(ids.length * V).fill(1 / V))
  const lists = async (given: readonly ArrayLike<number>[]) =>
    given.map((ids) => Array.from({ length: ids.length }, (_, i) => [[i, -0.5] as const]))
  const suspect: Collectable = { ...drawing(), rows, lists }
  const distinct = prompts.slice(0, 3)
  for (const access of ['rows', 'top-k'] as const) {
    const { completion: _, ...job } = options(fileOf(), { access, prompts: distinct })
    const { log } = await collect(suspect, job)
    const { log: again } = await collect(recordedSuspect(log, { name: 'x' }), { ...job, write: () => {} })
    expect(again).toEqual(log)
    await expectRefusalOf(() => collect(drawing(), job), 'suspect')
  }
})

describe('refused by name', () => {
  test.each<[object, string]>([
    [{ access: 'rows' }, 'options.completion'],
    [{ completion: undefined }, 'options.completion'],
    [{ completion: { maxTokens: 0, random: () => Math.random } }, 'options.completion.maxTokens'],
    [{ completion: { maxTokens: 1, random: 7 } }, 'options.completion.random'],
    [{ budget: { answers: 0 } }, 'options.budget.answers'],
    [{ budget: { tokens: 0.5 } }, 'options.budget.tokens'],
    [{ budget: { price: { amount: -1, perMillionTokens: 1 } } }, 'options.budget.price.amount'],
    [{ budget: { time: 1 } }, 'options.budget'],
    [{ key: 1 }, 'options'],
  ])('%o', async (more, name) => {
    await expectRefusalOf(() => collect(drawing(), options(fileOf(), more)), name)
  })

  test.each(wrongValues({ except: ['undefined', 'function'] }))('functions: %s', async (_, value) => {
    for (const name of ['write', 'enough'])
      await expectRefusalOf(() => collect(drawing(), options(fileOf(), { [name]: value })), `options.${name}`)
  })
})
