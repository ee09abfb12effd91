/** References are asked about every answer once, whatever kind of answer and reference; a run that was cut goes on to the same file. */
import { describe, expect, test } from 'vitest'
import { digestJson } from '../../src/digest.ts'
import { completionRows } from '../../src/distill/observations.ts'
import {
  type AnswerAccess,
  formatAnswer,
  parseAnswers,
  parseReferences,
  type RecordedAnswer,
} from '../../src/suspect/answers.ts'
import type { Collectable } from '../../src/suspect/collect.ts'
import { type CollectReferencesOptions, collectReferences } from '../../src/suspect/collect-references.ts'
import { openAiCompatibleSuspect } from '../../src/suspect/openai-compatible.ts'
import { startSuspectServer } from '../support/suspect-server.ts'
import { TOY_SIZE, toySuspect, toyTokenizer } from '../support/suspect-server-toy.ts'
import { expectRefusalOf } from '../support/wrong-values.ts'

const plan = digestJson('p')
const prompts = [[1, 2], [3, 4, 5], [6]]
const completions = [[7, 8, 9], [10], []]

function logOf(access: AnswerAccess, about: (prompt: number) => Partial<RecordedAnswer>) {
  const facts = { plan, access, vocabularySize: TOY_SIZE, prompts }
  let head = plan
  let text = ''
  for (const [prompt, ids] of prompts.entries()) {
    const { line, digest } = formatAnswer({ prompt, ids, ...about(prompt) }, { ...facts, prev: head })
    text += `${line}\n`
    head = digest
  }
  return parseAnswers(text, facts)
}
const sampled = logOf('text', (prompt) => ({ completion: completions[prompt]! }))
const listed = logOf('top-k', (prompt) => ({ positions: prompts[prompt]!.map(() => null) }))

/** A file, and what it takes before it breaks. */
function fileOf(room = Infinity) {
  let text = ''
  return {
    text: () => text,
    write(piece: string, at: number) {
      const added = piece.slice(0, Math.max(0, room - at))
      text = text.slice(0, at) + added
      if (added.length < piece.length) throw new Error('killed')
    },
  }
}

const base: Collectable = { ...toySuspect, name: 'base' }
const run = (suspect: Collectable, more: Partial<CollectReferencesOptions> = {}) => {
  const file = fileOf()
  return collectReferences(suspect, { log: sampled, write: file.write, ...more }).then((collected) => {
    expect(collected.written).toBe(file.text())
    return collected
  })
}

describe('what is written is what is read', () => {
  test('rows of an answer, at the places of its tokens', async () => {
    const { ended, written } = await run(base)
    expect(ended).toBe('complete')
    const [{ laws } = { laws: [] }] = parseReferences(written, { names: ['base'], log: sampled })
    const answers = prompts.map((prompt, i) => ({ prompt, completion: completions[i]! }))
    const rows = await toySuspect.rows!(answers.map(({ prompt, completion }) => [...prompt, ...completion]))
    const expected = completionRows(answers, rows, { vocabularySize: TOY_SIZE })
    expect(laws.map((law) => Array.from(law as Float32Array))).toEqual(
      expected.map((places) => places.flatMap((row) => Array.from(row as Float32Array))),
    )
  })

  test('the likeliest only, from rows as from a server', async () => {
    const server = await startSuspectServer({ suspect: toySuspect, tokenizer: toyTokenizer })
    for (const sharesTokenizer of [false, true]) {
      const served = openAiCompatibleSuspect({
        ...{ name: 'base', model: 'toy', api: 'completions', url: server.url, tokenizer: toyTokenizer },
        ...{ vocabularySize: TOY_SIZE, topK: 9, sharesTokenizer },
      })
      for (const log of [sampled, listed]) {
        const { written } = await run(base, { topK: 9, log })
        const [own] = parseReferences(written, { names: ['base'], log })
        const other = await run(served, { log, concurrency: 3 })
        const [theirs] = parseReferences(other.written, { names: ['base'], log })
        // After the last id of a prompt, rows say something and log-probabilities of the prompt do not.
        const laws = log === listed ? own!.laws.map((lists) => (lists as unknown[]).slice(0, -1)) : own!.laws
        expect(theirs!.laws).toEqual(laws)
      }
    }
    await server.close()
  })
})

test('cut at any character, it goes on to the same file and asks for nothing twice', async () => {
  const { written: first } = await run({ ...base, name: 'other' }, { topK: 2 })
  const { written: whole } = await collectReferences(base, {
    log: sampled,
    written: first,
    write: () => {},
    topK: 2,
  })
  expect(whole.startsWith(first)).toBe(true)
  for (let room = 1; room < whole.length; room += 3) {
    const killed = fileOf(room)
    const begin = async (suspect: Collectable, file: ReturnType<typeof fileOf>) =>
      collectReferences(suspect, { log: sampled, written: file.text(), write: file.write, topK: 2 })
    const both = async (file: ReturnType<typeof fileOf>, asked: number[][]) => {
      const counting: Collectable = {
        ...base,
        rows: (given) => {
          asked.push(...given.map((ids) => Array.from(ids)))
          return toySuspect.rows!(given)
        },
      }
      await begin({ ...counting, name: 'other' }, file)
      await begin(counting, file)
    }
    const before: number[][] = []
    await expect(both(killed, before)).rejects.toThrow('killed')
    const lines = killed.text().split('\n').length - 1
    let text = killed.text()
    const file = {
      text: () => text,
      write(piece: string, at: number) {
        text = text.slice(0, at) + piece
      },
    }
    const asked: number[][] = []
    await both(file, asked)
    expect(text).toBe(whole)
    // An empty completion needs no asking: two of three answers do, for two references.
    expect(asked.length).toBeLessThanOrEqual(6 - lines)
  }
})

test('a reference that fails for one answer is asked again, and the gap is told', async () => {
  let failures = 0
  const failing: Collectable = {
    ...base,
    async rows(given) {
      if (given[0]![0] !== 3) return toySuspect.rows!(given)
      failures++
      throw new Error('gone')
    },
  }
  const { ended, unanswered, written } = await run(failing, { attempts: 2 })
  expect({ ended, failures }).toEqual({ ended: 'gaps', failures: 2 })
  expect(unanswered).toEqual([{ prompt: 1, attempts: 2, error: 'gone' }])
  expect(written.split('\n')).toHaveLength(3)
  const controller = new AbortController()
  const { ended: stopped } = await run(base, {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  })
  expect(stopped).toBe('aborted')
})

test('refused by name', async () => {
  const { rows: _, ...without } = base
  await expectRefusalOf(() => run(without as Collectable), 'suspect')
  await expectRefusalOf(() => run({ ...base, vocabularySize: 9 }), 'suspect')
  await expectRefusalOf(() => run(base, { log: {} as never }), 'options.log')
  await expectRefusalOf(() => run(base, { topK: 0 }), 'options.topK')
  await expectRefusalOf(() => run(base, { write: 7 as never }), 'options.write')
  await expectRefusalOf(
    () => run(base, { written: '{"reference":"base","prompt":9,"ids":[1]}\n' }),
    'references.jsonl line 1',
  )
})
