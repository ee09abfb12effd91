/**
 * The demonstration without its models: how a record becomes lines, a table and text. The record is made by hand, so every number
 * that must come out can be read off it.
 */
import { createRequire } from 'node:module'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { excerpts } from '../../benchmarks/lab/corpora.ts'
import type { Experiment, Passage, Tested } from '../../benchmarks/lab/demo/experiment.ts'
import { printable } from '../../benchmarks/lab/demo/print.ts'
import { type Summary, summarise, suspectLines } from '../../benchmarks/lab/demo/summary.ts'
import type { Teacher } from '../../benchmarks/lab/teacher.ts'
import type { Verdict } from '../../src/detect/verdict.ts'
import type { Conclusion } from '../../src/distill/conclusion.ts'
import { deriveLayerKey, deriveMarkKeyBytes } from '../../src/keys/derive.ts'
import { masterKeyBytes } from '../../src/keys/master.ts'
import { profileDigest } from '../../src/keys/profile.ts'
import { createFieldFunction } from '../../src/prf/fields.ts'
import { formsShown, profileWithKey } from '../support/keys.ts'

// Colours are settled when the module is loaded, so before the imports above.
vi.hoisted(() => {
  process.env['NO_COLOR'] = '1'
})
afterAll(() => {
  delete process.env['NO_COLOR']
})

const { master, profile, key } = profileWithKey('demo', { vocabularySize: 64 })
const digest = `sha256:${'0'.repeat(64)}` as const

/** A verdict with the numbers that a line shows, and nothing else of note. */
function verdict(numbers: Partial<Verdict>): Verdict {
  return {
    format: 'dyetrace/verdict-1',
    method: 'by hand',
    scheme: 'green-list',
    keyId: key.keyId,
    seen: 200,
    counted: 100,
    sum: 25,
    law: { kind: 'bernoulli', p: 0.25 },
    lnP: 0,
    log10P: 0,
    tail: 'exact',
    mean: 0.25,
    effect: 0,
    lnE: 0,
    alpha: 1e-6,
    minimumCounted: 64,
    decision: 'no-evidence',
    family: { size: 1, method: 'none' },
    notes: [],
    ...numbers,
  }
}

function conclusion(parts: Partial<Conclusion>): Conclusion {
  return {
    format: 'dyetrace/conclusion-1',
    suspect: 'thief',
    plan: digest,
    profile: digest,
    keyId: key.keyId,
    role: 'provider',
    label: 'test',
    lane: 0,
    access: 'text',
    statistic: 'count',
    decision: 'no-evidence',
    sentence: 'A sentence.',
    findings: [],
    family: { size: 1, method: 'none' },
    stopped: { rule: 'fixed' },
    controls: {
      instrument: undefined,
      references: [],
      seen: 200,
      kept: 200,
      repeatedWindow: 0,
      burned: 0,
      promptOverlap: 0,
      notAligned: 0,
      prompts: { planned: 1, answered: 1, marked: false },
    },
    notes: [],
    ...parts,
  }
}

const uniformity = { points: [], distance: 0.1, limit: 0.27, uniform: true }
const decoys = { count: 99, p: 0.01, floor: 0.01, mean: 0.02, standardDeviation: 0.98, uniformity }
const tested: Tested[] = [
  {
    truth: 'thief',
    conclusion: conclusion({
      decision: 'protocol-mismatch',
      findings: [
        {
          statistic: 'count',
          deciding: true,
          verdict: verdict({
            counted: 80,
            mean: 0.5,
            log10P: -5.25,
            lnE: 10 * Math.LN10,
            decision: 'evidence',
            interval: { lower: 0.4, upper: 0.6, confidence: 0.95 },
          }),
          decoys,
        },
      ],
    }),
  },
  {
    truth: 'innocent',
    conclusion: conclusion({
      suspect: 'innocent',
      access: 'rows',
      decision: 'insufficient',
      findings: [
        { statistic: 'count', deciding: false, verdict: verdict({}), decoys: undefined },
        {
          statistic: 'contrast',
          deciding: true,
          verdict: verdict({ counted: 9, mean: 0.26, decision: 'insufficient' }),
          decoys: undefined,
          beta: [0.75],
        },
      ],
    }),
  },
]

const passage: Passage = {
  prompt: [1, 2],
  completion: Array.from({ length: 60 }, (_, i) => (7 * i + 3) % 64),
}
const experiment: Experiment = {
  seed: 'a "seed"',
  profile,
  passages: { marked: passage, unmarked: passage },
  detections: [
    { text: 'marked', key: 'own', verdict: verdict({ mean: 0.61, log10P: -20.5, decision: 'evidence' }) },
    { text: 'marked', key: 'another', verdict: verdict({ counted: 99 }) },
  ],
  students: [{ name: 'thief', parameters: 10, trainingTokens: 20, loss: 3.5 }],
  tested,
  watched: [
    {
      truth: 'thief',
      conclusion: conclusion({
        decision: 'evidence',
        findings: [
          { statistic: 'count', deciding: true, verdict: verdict({ log10P: -7.5 }), decoys: undefined },
        ],
        stopped: {
          rule: 'e-process',
          fresh: false,
          lnE: 7.5 * Math.LN10,
          lnMaxE: 7.5 * Math.LN10,
          futile: false,
          path: [
            { observations: 40, counted: 38, lnE: 0.5 * Math.LN10 },
            { observations: 80, counted: 75, lnE: 3.25 * Math.LN10 },
            { observations: 120, counted: 110, lnE: 7.5 * Math.LN10 },
          ],
        },
      }),
    },
  ],
}
const summary = summarise(experiment, { quick: true })

describe('summary', () => {
  test('one line a p-value, in the order of the record', () => {
    expect(summary.suspects).toEqual([
      {
        suspect: 'thief',
        truth: 'thief',
        access: 'text',
        statistic: 'count',
        deciding: true,
        n: 80,
        greenRate: 0.5,
        interval: [0.4, 0.6],
        log10P: -5.25,
        log10E: 10,
        // The conclusion's, which also minds the instrument, not the verdict's.
        decision: 'protocol-mismatch',
        decoys,
      },
      {
        suspect: 'innocent',
        truth: 'innocent',
        access: 'rows',
        statistic: 'count',
        deciding: false,
        n: 100,
        greenRate: 0.25,
        log10P: 0,
        log10E: 0,
        decision: 'no-evidence',
      },
      {
        suspect: 'innocent',
        truth: 'innocent',
        access: 'rows',
        statistic: 'contrast',
        deciding: true,
        n: 9,
        greenRate: 0.26,
        log10P: 0,
        log10E: 0,
        decision: 'insufficient',
      },
    ])
    expect(tested.flatMap(suspectLines)).toEqual(summary.suspects)
  })

  test('says what it is about', () => {
    const { suspects: _, ...rest } = summary
    expect(rest).toEqual({
      seed: 'a "seed"',
      quick: true,
      keyId: key.keyId,
      profile: profileDigest(profile),
      detections: [
        { text: 'marked', key: 'own', n: 100, greenRate: 0.61, log10P: -20.5, decision: 'evidence' },
        { text: 'marked', key: 'another', n: 99, greenRate: 0.25, log10P: 0, decision: 'no-evidence' },
      ],
      students: experiment.students,
      watched: [
        {
          suspect: 'thief',
          truth: 'thief',
          decision: 'evidence',
          log10P: -7.5,
          path: [
            { tokens: 40, n: 38, log10E: expect.closeTo(0.5) },
            { tokens: 80, n: 75, log10E: expect.closeTo(3.25) },
            { tokens: 120, n: 110, log10E: expect.closeTo(7.5) },
          ],
        },
      ],
    })
  })

  test('is its own JSON: nothing is undefined, infinite or NaN', () => {
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary)
  })
})

describe('text', () => {
  const pc = createRequire(import.meta.url)('picocolors')
  // Tokens are words of their ids, so that each can be found again.
  const teacher = {
    tokenizer: { decode: (ids: readonly number[]) => ids.map((id) => ` w${id}`).join('') },
  } as unknown as Teacher
  const sentences = ['A first sentence.', `A second ${'long '.repeat(40)}one.`]
  const print = (changed: Partial<Summary> = {}, shown = passage) =>
    printable({ ...summary, ...changed }, { passage: shown, teacher, profile, key, sentences })
  const output = print()

  test('without colours there is no escape sequence', () => {
    expect(pc.isColorSupported).toBe(false)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/)
  })

  test('exactly the green tokens of the completion stand in brackets', () => {
    const field = createFieldFunction({ contextWidth: 1, bits: 8, lanes: 1 })
    const ids = [...passage.prompt, ...passage.completion]
    const expected = passage.completion.map((token, i) => {
      const isGreen = field(key, [ids[passage.prompt.length + i - 1]!], token, 0) < 64
      return isGreen ? `[w${token}]` : `w${token}`
    })
    expect(expected.some((word) => word.startsWith('['))).toBe(true)
    const words = output.split(/\s+/).filter((word) => /^\[?w\d+\]?$/.test(word))
    expect(words).toEqual([...passage.prompt.map((id) => `w${id}`), ...expected])
  })

  test('shows no byte of a key', () => {
    const secret = masterKeyBytes(master)
    const layerKey = deriveLayerKey(secret, key.label)
    for (const bytes of [secret, layerKey, deriveMarkKeyBytes(layerKey, key.format)])
      for (const text of [output, JSON.stringify(summary)]) expect(formsShown(text, bytes)).toEqual([])
    expect(output).toContain(`Key ${key.keyId}`)
  })

  test('a row a line of the summary, with its numbers', () => {
    const rows = output.split('\n').map((line) => line.split('│').map((cell) => cell.trim()))
    const cellsOf = (...first: string[]) =>
      rows.find((cells) => first.every((cell, i) => cells[i + 1] === cell))?.slice(1, -1)
    expect(cellsOf('marked', 'own')).toEqual(['marked', 'own', '100', '0.610', '-20.50', 'evidence'])
    expect(cellsOf('thief')).toEqual([
      'thief',
      'text only',
      'count',
      '80',
      '0.500',
      '0.400 .. 0.600',
      '-5.25',
      '10.00',
      'protocol-mismatch',
    ])
    expect(cellsOf('innocent', 'full rows', '- count (top token)')).toBeDefined()
    expect(cellsOf('innocent', 'full rows', 'contrast')?.slice(3)).toEqual([
      '9',
      '0.260',
      '',
      '0.00',
      '0.00',
      'insufficient',
    ])
  })

  test('the e-value on its way', () => {
    const rows = output.split('\n').map((line) => line.split('│').map((cell) => cell.trim()))
    expect(rows).toContainEqual(['', 'suspect', '40', '80', '120', 'decision', ''])
    expect(rows).toContainEqual(['', 'thief', '0.5', '3.3', '7.5', 'evidence', ''])
  })

  test('prose is wrapped at 100 columns', () => {
    expect(output).toContain('seed "a \\"seed\\""')
    expect(output).toContain('- A first sentence.')
    const prose = output.split('\n').filter((line) => !/[│─┌└├]/.test(line))
    expect(Math.max(...prose.map(({ length }) => length))).toBeLessThanOrEqual(100)
    expect(prose.join(' ').replace(/\s+/g, ' ')).toContain(sentences[1]!.replace(/\s+/g, ' '))
  })

  test('a line break of the text begins a new line, and no word is lost over it', () => {
    const pieces = new Map([
      [5, '\n'],
      [6, ' '],
      [7, ''],
    ])
    const broken = {
      tokenizer: {
        decode: (ids: readonly number[]) => ids.map((id) => pieces.get(id) ?? ` w${id}`).join(''),
      },
    } as unknown as Teacher
    const shown = { prompt: [1], completion: [2, 5, 3, 6, 7, 4] }
    const text = printable(summary, { passage: shown, teacher: broken, profile, key, sentences: [] })
    expect(text.replace(/[[\]]/g, '')).toMatch(/ ?w2\n w3 +w4/)
  })

  test('an empty passage and no suspects are shown as such', () => {
    expect(() =>
      print({ suspects: [], watched: [], detections: [] }, { prompt: [], completion: [] }),
    ).not.toThrow()
  })
})

describe('excerpts', () => {
  const encode = (text: string) => Array.from({ length: text.length }, (_, i) => i)
  const parts = ['teaching', 'testing'] as const

  test.each(parts)(
    'of the %s novel: as many and as long as asked, evenly spaced, not overlapping',
    async (part) => {
      const found = await excerpts(part, { count: 7, length: 1000, encode })
      expect(found.map(({ length }) => length)).toEqual(new Array(7).fill(1000))
      const starts = found.map(([first]) => first!)
      const strides = starts.slice(1).map((start, i) => start - starts[i]!)
      expect(new Set(strides).size).toBe(1)
      expect(strides[0]).toBeGreaterThanOrEqual(1000)
      for (const excerpt of found) expect(excerpt.at(-1)! - excerpt[0]!).toBe(999)
    },
  )

  test('the two parts are different texts', async () => {
    const letters = (text: string) => Array.from(text, (letter) => letter.codePointAt(0)!)
    const [a, b] = await Promise.all(
      parts.map((part) => excerpts(part, { count: 3, length: 200, encode: letters })),
    )
    for (const [i, excerpt] of a!.entries()) expect(excerpt).not.toEqual(b![i])
  })

  test('more than the book holds is refused', async () => {
    const ten = () => Array.from({ length: 10 }, (_, i) => i)
    await expect(excerpts('testing', { count: 4, length: 3, encode: ten })).rejects.toThrow(
      'expected to hold 12 tokens (4 excerpts of 3), got 10',
    )
    expect(await excerpts('testing', { count: 3, length: 3, encode: ten })).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 8],
    ])
  })
})
