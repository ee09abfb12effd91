/**
 * Answers on record. What is written comes back; whatever is changed afterwards, or is not as the format says, is refused with its line; a
 * last line that was cut off is the one thing that may be missing, and is reported.
 */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, type Digest } from '../../src/digest.ts'
import { createPlan, planDigest, promptsDigest } from '../../src/plan/plan.ts'
import {
  type AnswerFacts,
  type AnswerLog,
  formatAnswer,
  formatPrompts,
  formatReference,
  parseAnswers,
  parsePrompts,
  parseReferences,
  type RecordedAnswer,
} from '../../src/suspect/answers.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const V = 8
const prompts = [[1, 2], [3], [], [4, 5, 6]]
const plan = planDigest(
  createPlan({ suspect: 'x', access: 'text', contextWidth: 1, vocabularySize: V, prompts, origin: 'a test' }),
)
const facts: AnswerFacts = { plan, access: 'text', vocabularySize: V, prompts }
const answers: RecordedAnswer[] = [
  { prompt: 0, ids: [1, 2], completion: [7, 0, 7], finish: 'length', text: 'a "quoted": é \n' },
  { prompt: 2, ids: [], completion: [] },
  { prompt: 1, ids: [3], completion: [1] },
  { prompt: 3, ids: [4, 5, 6], completion: [2, 2, 2] },
]

function linesOf(list: readonly RecordedAnswer[], about: AnswerFacts = facts): string[] {
  let prev = about.plan
  return list.map((answer) => {
    const { line, digest } = formatAnswer(answer, { ...about, prev })
    prev = digest
    return line
  })
}

const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')
const sha256 = (text: string): Digest => `sha256:${createHash('sha256').update(text).digest('hex')}`
const lines = linesOf(answers)
const text = textOf(lines)

/** The first line says this instead; the chain behind it is made anew. */
function forged(change: object | string, about: AnswerFacts = facts): string {
  const first = typeof change === 'string' ? change : canonicalJson({ ...JSON.parse(lines[0]!), ...change })
  const rest: string[] = []
  let prev = sha256(first)
  for (const answer of answers.slice(1)) {
    const { line, digest } = formatAnswer(answer, { ...about, prev })
    rest.push(line)
    prev = digest
  }
  return textOf([first, ...rest])
}

/** Nothing at all is read where something is wrong. */
function refused(call: () => unknown, name: string): Error {
  return expectRefusal(call, name)
}

describe('answers.jsonl', () => {
  test('written by hand', () => {
    const first = `{"completion":[7],"finish":"stop","ids":[1,2],"prev":"${plan}","prompt":0}`
    const second = `{"ids":[3],"prompt":1,"prev":"${sha256(first)}", "completion":[]}`
    const log = parseAnswers(`${first}\n${second}\n`, facts)
    expect(log).toEqual({
      access: 'text',
      vocabularySize: V,
      answers: [
        { prompt: 0, ids: [1, 2], completion: [7], finish: 'stop' },
        { prompt: 1, ids: [3], completion: [] },
      ],
      head: sha256(second),
      whole: first.length + second.length + 2,
      ended: true,
    })
    expect(linesOf(log.answers.slice(0, 1))).toEqual([first])
  })

  test('what was written comes back, in the order asked', () => {
    const log = parseAnswers(text, facts)
    expect(log.answers).toEqual(answers)
    expect(log.head).toBe(sha256(lines.at(-1)!))
    expect(log).not.toHaveProperty('torn')
    for (const part of [log, log.answers, ...log.answers, log.answers[0]!.ids])
      expect(Object.isFrozen(part)).toBe(true)
  })

  test('nothing was answered yet', () => {
    expect(parseAnswers('', facts)).toMatchObject({ answers: [], head: plan, whole: 0, ended: true })
  })

  test('any answers, of any access: there and back', () => {
    const ids = fc.array(fc.integer({ min: 0, max: V - 1 }), { maxLength: 5 })
    const list = fc
      .uniqueArray(
        fc.tuple(fc.integer({ min: 0, max: V - 1 }), fc.double({ max: 0, min: -1e3, noNaN: true })),
        {
          selector: ([token]) => token,
        },
      )
      .map((entries) => entries.map(([v, ln]) => [v, ln + 0] as const).sort(([, a], [, b]) => b - a))
    const extra = fc.record(
      { finish: fc.string({ unit: 'grapheme' }), text: fc.string({ unit: 'grapheme' }) },
      { requiredKeys: [] },
    )
    const answer = fc.tuple(ids, ids, fc.boolean(), extra).chain(([put, completion, sampled, rest]) =>
      fc.record({
        text: fc.constant({ ids: put, completion, ...rest }),
        'top-k': fc.array(fc.option(list), { minLength: 1, maxLength: 1 }).map(([one]) => ({
          ids: put,
          positions: Array.from(sampled ? completion : put, () => one ?? null),
          ...(sampled && { completion }),
          ...rest,
        })),
        rows: fc
          .float32Array({ min: 0, max: 1, noNaN: true, minLength: put.length * V, maxLength: put.length * V })
          .map((rows) => ({ ids: put, rows, ...rest })),
      }),
    )
    fc.assert(
      fc.property(
        fc.constantFrom('text', 'top-k', 'rows'),
        fc.array(answer, { maxLength: 4 }),
        (access, given) => {
          const asked = given.map((byAccess, prompt): RecordedAnswer => ({ prompt, ...byAccess[access] }))
          const about = { ...facts, access, prompts: asked.map((one) => one.ids) }
          const written = textOf(linesOf(asked, about))
          expect(parseAnswers(written, about).answers).toEqual(asked)
          expect(parseAnswers(written, { ...about, prompts: undefined }).answers).toEqual(asked)
        },
      ),
      { seed: 4, numRuns: 300 },
    )
  })

  test('typed arrays of ids are written as ids', () => {
    const typed = { prompt: 0, ids: Uint32Array.of(1, 2) as unknown as number[], completion: [7] }
    expect(linesOf([typed])).toEqual(linesOf([{ ...typed, ids: [1, 2] }]))
  })
})

describe('a line that was cut off', () => {
  test('wherever it was cut: what is whole is read, the rest is reported, and nothing else is lost', () => {
    const lengths = lines.map((_, i) => textOf(lines.slice(0, i + 1)).length)
    for (let cut = 0; cut <= text.length; cut++) {
      const log = parseAnswers(text.slice(0, cut), facts)
      // A line that lacks nothing but its line feed is whole.
      const whole = lengths.filter((length) => length - 1 <= cut).length
      expect(log.answers).toEqual(answers.slice(0, whole))
      const rest = text.slice(whole === 0 ? 0 : lengths[whole - 1]!, cut)
      if (rest === '') expect(log.torn).toBeUndefined()
      else expect(log.torn).toEqual({ line: whole + 1, text: rest })
      expect(log.ended).toBe(cut !== (lengths[whole - 1] ?? 0) - 1)
      // What the log says about where to go on is enough to go on.
      const kept = text.slice(0, log.whole) + (log.ended ? '' : '\n')
      const rebuilt = kept + textOf(lines.slice(whole))
      expect(rebuilt).toBe(text)
      expect(log.head).toBe(whole === 0 ? plan : sha256(lines[whole - 1]!))
    }
  })

  test('zero bytes behind the last line, as a crash of the machine leaves them', () => {
    const { torn, answers: read } = parseAnswers(`${text}\0\0\0\0`, facts)
    expect(read).toEqual(answers)
    expect(torn).toEqual({ line: 5, text: '\0\0\0\0' })
  })

  test('in the middle it is an error, and so is a blank line', () => {
    refused(
      () => parseAnswers(`${lines[0]!.slice(0, -3)}\n${textOf(lines.slice(1))}`, facts),
      'answers.jsonl line 1',
    )
    refused(() => parseAnswers(`${lines[0]}\n\n${textOf(lines.slice(1))}`, facts), 'answers.jsonl line 2')
    refused(() => parseAnswers(`${text}\n`, facts), 'answers.jsonl line 5')
    refused(() => parseAnswers(`${text.slice(0, -4)}\n`, facts), 'answers.jsonl line 4')
  })
})

describe('the chain', () => {
  test.each([
    ['a line that was removed', [0, 2, 3], 2],
    ['the first line removed', [1, 2, 3], 1],
    ['two lines exchanged', [0, 2, 1, 3], 2],
    ['a line put in twice', [0, 1, 1, 2, 3], 3],
  ])('%s', (_, order, line) => {
    const error = refused(
      () => parseAnswers(textOf(order.map((i) => lines[i]!)), facts),
      `answers.jsonl line ${line}.prev`,
    )
    expect(error.message).toContain('changed, removed, moved or put in')
  })

  test('one character changed in any line but the last shows, whatever it is', () => {
    const before = textOf(lines.slice(0, -1))
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: before.length - 2 }),
        fc.string({ minLength: 1, maxLength: 1 }),
        (at, put) => {
          fc.pre(before[at] !== put)
          expect(() => parseAnswers(text.slice(0, at) + put + text.slice(at + 1), facts)).toThrow(
            /answers.jsonl line \d+/,
          )
        },
      ),
      { seed: 9, numRuns: 1000 },
    )
  })

  test('in the last line it shows in the head', () => {
    const changed = text.replace('[2,2,2]', '[2,2,3]')
    expect(parseAnswers(changed, facts).head).not.toBe(parseAnswers(text, facts).head)
  })

  test('line feeds of another kind are other bytes', () => {
    refused(() => parseAnswers(text.replaceAll('\n', '\r\n'), facts), 'answers.jsonl line 2.prev')
  })

  test('of another plan', () => {
    refused(() => parseAnswers(text, { ...facts, plan: sha256('another') }), 'answers.jsonl line 1.prev')
  })
})

describe('prompts', () => {
  test('answered twice, the first line is named', () => {
    const twice = linesOf([answers[0]!, answers[1]!, answers[0]!])
    const { message } = refused(() => parseAnswers(textOf(twice), facts), 'answers.jsonl line 3.prompt')
    expect(message).toContain('answered on line 1')
  })

  test('that nobody planned', () => {
    refused(
      () => parseAnswers(textOf(linesOf([{ ...answers[0]!, prompt: 4 }])), facts),
      'answers.jsonl line 1.prompt',
    )
    refused(
      () => parseAnswers(textOf(linesOf([{ ...answers[0]!, ids: [1] }])), facts),
      'answers.jsonl line 1.ids',
    )
    refused(
      () => parseAnswers(textOf(linesOf([{ ...answers[0]!, prompt: 1 }])), facts),
      'answers.jsonl line 1.ids',
    )
  })

  test('chosen on the way are numbered as they come', () => {
    const free = { ...facts, prompts: undefined }
    const any = linesOf([answers[0]!, { prompt: 1, ids: [1, 2], completion: [1] }])
    expect(parseAnswers(textOf(any), free).answers).toHaveLength(2)
    refused(() => parseAnswers(text, free), 'answers.jsonl line 2.prompt')
  })
})

describe('hostile lines', () => {
  const changes: [what: string, change: object | string, blamed: string][] = [
    ['no JSON', 'answer', ''],
    ['a number', '7', ''],
    ['null', 'null', ''],
    ['an array', '[]', ''],
    ['a string', '"{}"', ''],
    ['NaN', lines[0]!.replace('[7,0,7]', '[NaN]'), ''],
    ['a comma too many', lines[0]!.replace('[7,0,7]', '[7,]'), ''],
    ['a mark of byte order', `\ufeff${lines[0]}`, ''],
    ['a depth that parsers break at', `${'['.repeat(2e5)}${']'.repeat(2e5)}`, ''],
    ['a field named twice', lines[0]!.replace('"prompt":0', '"prompt":1,"prompt":0'), ''],
    [
      'a field named twice, once in other letters',
      lines[0]!.replace('"prompt":0', '"pro\\u006dpt":1,"prompt":0'),
      '',
    ],
    ['a field with escapes before it', lines[0]!.replace('"text":', '"\\\\":1,"text":'), ''],
    ['an object inside', { finish: { prompt: 1 } }, ''],
    ['a field that is not known', { key: 1 }, ''],
    ['a prototype', lines[0]!.replace('"prompt":0', '"__proto__":{},"prompt":0'), ''],
    ['no prev', lines[0]!.replace('"prev"', '"next"'), ''],
    ['prev is null', { prev: null }, '.prev'],
    ['prev in capitals', { prev: plan.toUpperCase() }, '.prev'],
    ['prompt is text', { prompt: '0' }, '.prompt'],
    ['prompt below 0', { prompt: -1 }, '.prompt'],
    ['prompt and a half', { prompt: 0.5 }, '.prompt'],
    ['ids are text', { ids: '1,2' }, '.ids'],
    ['an id is text', { ids: ['1', 2] }, '.ids[0]'],
    ['an id out of the vocabulary', { ids: [1, 8] }, '.ids[1]'],
    ['ids in ids', { ids: [[1], 2] }, '.ids[0]'],
    ['completion is null', { completion: null }, '.completion'],
    ['an id of the completion out of the vocabulary', { completion: [7, -1] }, '.completion[1]'],
    ['an id that is too large to be one', lines[0]!.replace('[7,0,7]', '[7,1e400]'), '.completion[1]'],
    ['positions where text was planned', { positions: [] }, '.positions'],
    ['rows where text was planned', { rows: '' }, '.rows'],
    ['finish is a number', { finish: 1 }, '.finish'],
    ['half a character', lines[0]!.replace('"length"', '"\\ud800"'), '.finish'],
  ]
  test.each(changes)('%s', (_, change, blamed) => {
    // Of something that JSON cannot say, too: the text is put in as it is.
    refused(() => parseAnswers(forged(change), facts), `answers.jsonl line 1${blamed}`)
  })

  test('the control: unchanged, the same is read', () => {
    expect(parseAnswers(forged({}), facts).answers).toEqual(answers)
  })

  test('quotes, colons and backslashes in strings are no fields', () => {
    for (const said of ['"a": 1', '\\', '\\\\"x":', '":', 'x"', '\\"'])
      expect(parseAnswers(forged({ text: said }), facts).answers[0]!.text).toBe(said)
  })

  test('any JSON in any place: read as it stands, or refused by its line', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('prev', 'prompt', 'ids', 'completion', 'finish', 'text', 'x'),
        fc.jsonValue(),
        (name, value) => {
          try {
            const read = parseAnswers(forged({ [name]: value }), facts).answers[0]!
            expect({ ...read, prev: plan }).toEqual({ ...answers[0], prev: plan, [name]: value })
          } catch (error) {
            expect((error as Error).message).toMatch(/^"answers.jsonl line [12][^"]*" expected .+, got /)
          }
        },
      ),
      { seed: 11, numRuns: 1000 },
    )
  })

  test('strings of megabytes', () => {
    const long = { ...answers[0]!, text: '"\\:'.repeat(1e6) }
    expect(parseAnswers(textOf(linesOf([long])), facts).answers).toEqual([long])
  })
})

describe('lists and rows', () => {
  const topK: AnswerFacts = { ...facts, access: 'top-k' }
  const listed: RecordedAnswer = {
    prompt: 0,
    ids: [1, 2],
    positions: [
      [
        [3, -0.5],
        [4, -1],
      ],
      null,
    ],
  }
  const write = (answer: object, about = topK) =>
    formatAnswer({ ...listed, ...answer } as RecordedAnswer, { ...about, prev: plan })

  test.each<[what: string, change: object, blamed: string]>([
    [
      'ascending',
      {
        positions: [
          [
            [3, -1],
            [4, -0.5],
          ],
          null,
        ],
      },
      'positions[0][1][1]',
    ],
    [
      'a token twice',
      {
        positions: [
          [
            [3, -1],
            [3, -2],
          ],
          null,
        ],
      },
      'positions[0][1][0]',
    ],
    ['a token out of the vocabulary', { positions: [[[8, -1]], null] }, 'positions[0][0][0]'],
    ['a probability for its logarithm', { positions: [[[3, 0.5]], null] }, 'positions[0][0][1]'],
    ['a logarithm that is null', { positions: [[[3, null]], null] }, 'positions[0][0][1]'],
    ['a pair of three', { positions: [[[3, -1, 0]], null] }, 'positions[0][0]'],
    ['an object for a pair', { positions: [[{ 0: 3, 1: -1 }], null] }, 'answer'],
    ['a number for a list', { positions: [7, null] }, 'positions[0]'],
    ['three positions of two ids', { positions: [null, null, null] }, 'positions'],
    ['none of two ids', { positions: [] }, 'positions'],
    ['one list of a completion of two', { completion: [5, 6], positions: [null] }, 'positions'],
    ['no positions', { positions: undefined, completion: [1] }, 'positions'],
    ['rows', { rows: new Float32Array(2 * V) }, 'rows'],
  ])('lists: %s', (_, change, blamed) => {
    const error = expectRefusal(() => write(change), blamed === 'answer' ? 'answer' : `answer.${blamed}`)
    expect(error.message).toMatch(/^"answer/)
  })

  test('a list may leave out the position after the last id, of which no token of the text speaks', () => {
    for (const positions of [[null], [null, null]]) expect(() => write({ positions })).not.toThrow()
  })

  const rows: AnswerFacts = { ...facts, access: 'rows' }
  const row = { prompt: 0, ids: [1, 2], positions: undefined }

  test('rows are 32-bit floats in base64, the low byte first', () => {
    const values = new Float32Array(2 * V)
    values[0] = 1
    const { line } = write({ ...row, rows: values }, rows)
    const bytes = Buffer.alloc(4 * 2 * V)
    bytes.writeFloatLE(1, 0)
    expect(JSON.parse(line).rows).toBe(bytes.toString('base64'))
  })

  test.each<[what: string, value: unknown]>([
    ['too few', new Float32Array(V)],
    ['too many', new Float32Array(3 * V)],
    ['below 0', new Float32Array(2 * V).fill(-0.1)],
    ['logits', new Float32Array(2 * V).fill(7)],
    ['NaN', new Float32Array(2 * V).fill(Number.NaN)],
  ])('rows: %s', (_, values) => {
    expectRefusal(() => write({ ...row, rows: values }, rows), 'answer.rows')
  })

  test('rows: text that is no base64 of that length', () => {
    const { line } = write({ ...row, rows: new Float32Array(2 * V) }, rows)
    const good = JSON.parse(line).rows as string
    for (const bad of ['', 'A', `${good}A`, good.replace('A', '-'), good.slice(4), 7, null]) {
      const changed = canonicalJson({ ...JSON.parse(line), rows: bad })
      refused(() => parseAnswers(changed, { ...rows, prompts: undefined }), 'answers.jsonl line 1.rows')
    }
  })
})

describe('prompts.jsonl', () => {
  test('there and back, under the name that the plan has for them', () => {
    const read = parsePrompts(formatPrompts(prompts), { vocabularySize: V })
    expect(read).toEqual(prompts)
    expect(promptsDigest(read)).toBe(promptsDigest(prompts))
    expect(formatPrompts(prompts)).toBe('{"ids":[1,2]}\n{"ids":[3]}\n{"ids":[]}\n{"ids":[4,5,6]}\n')
  })

  test.each([
    ['cut off', '{"ids":[1,2]}\n{"ids":[', 'line 2'],
    ['no JSON', '{"ids":[1,2]}\nx\n', 'line 2'],
    ['an array', '[1,2]\n', 'line 1'],
    ['another field', '{"ids":[1],"key":2}\n', 'line 1'],
    ['no ids', '{}\n', 'line 1.ids'],
    ['an id out of the vocabulary', '{"ids":[1]}\n{"ids":[8]}\n', 'line 2.ids[0]'],
  ])('%s', (_, given, blamed) => {
    refused(() => parsePrompts(given, { vocabularySize: V }), `prompts.jsonl ${blamed}`)
  })
})

describe('references.jsonl', () => {
  const log: AnswerLog = parseAnswers(text, facts)
  const names = ['teacher', 'base']
  const positionsOf = ({ completion }: RecordedAnswer) => completion!.map((v) => [[v, -0.1] as const])
  const idsOf = ({ ids, completion }: RecordedAnswer) => [...ids, ...completion!]
  const said = answers.flatMap((answer) => [
    { reference: 'base', prompt: answer.prompt, ids: idsOf(answer), positions: positionsOf(answer) },
    {
      reference: 'teacher',
      prompt: answer.prompt,
      ids: idsOf(answer),
      rows: new Float32Array(answer.completion!.length * V).fill(1 / V),
    },
  ])
  const written = said.map(formatReference)

  test('in any order of lines, by the order of the plan and of the answers', () => {
    for (const order of [written, [...written].reverse()]) {
      const [teacher, base] = parseReferences(textOf(order), { names, log })
      expect(teacher!.reference).toBe('teacher')
      expect(base!.laws).toEqual(answers.map(positionsOf))
      expect(teacher!.laws.map(({ length }) => length)).toEqual([3 * V, 0, V, 3 * V])
    }
  })

  test('where there are none', () => {
    expect(parseReferences('', { names: [], log })).toEqual([])
  })

  const change = (fields: object) =>
    textOf([canonicalJson({ ...JSON.parse(written[0]!), ...fields }), ...written.slice(1)])
  test.each<[what: string, given: string, blamed: string]>([
    ['cut off', textOf(written).slice(0, -3), 'references.jsonl line 8'],
    ['a line missing', textOf(written.slice(1)), 'references.jsonl'],
    ['a line twice', textOf([...written, written[0]!]), 'references.jsonl line 9.prompt'],
    ['a reference that is not planned', change({ reference: 'other' }), 'references.jsonl line 1.reference'],
    ['a prompt that was not answered', change({ prompt: 9 }), 'references.jsonl line 1.prompt'],
    ['about another completion', change({ ids: [1, 2, 7, 0, 6] }), 'references.jsonl line 1.ids'],
    ['one position too few', change({ positions: [null, null] }), 'references.jsonl line 1.positions'],
    ['both', change({ rows: '' }), 'references.jsonl line 1'],
    [
      'neither',
      textOf([canonicalJson({ reference: 'base', prompt: 0, ids: idsOf(answers[0]!) }), ...written.slice(1)]),
      'references.jsonl line 1',
    ],
    ['a field of another', change({ prev: plan }), 'references.jsonl line 1'],
  ])('%s', (_, given, blamed) => {
    refused(() => parseReferences(given, { names, log }), blamed)
  })
})

describe('every wrong type is refused', () => {
  test.each(wrongValues({ except: ['string'] }))('text: %s', (_, value) => {
    for (const [read, file] of [
      [() => parseAnswers(value as string, facts), 'answers.jsonl'],
      [() => parsePrompts(value as string, { vocabularySize: V }), 'prompts.jsonl'],
    ] as const)
      refused(read, file)
  })

  test.each(wrongValues({ except: [] }))('facts, answers and logs: %s', (_, value) => {
    refused(() => parseAnswers(text, { ...facts, plan: value as Digest }), 'facts.plan')
    refused(() => parseAnswers(text, { ...facts, access: value as 'text' }), 'facts.access')
    refused(() => formatAnswer(answers[0]!, { ...facts, prev: value as Digest }), 'prev')
    refused(() => parseReferences('', { names: [], log: value as AnswerLog }), 'log')
    refused(() => parseReferences('', { names: [], log: { ...parseAnswers(text, facts) } }), 'log')
  })
})
