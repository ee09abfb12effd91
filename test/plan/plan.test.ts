/**
 * Plans: a record that no key can have shaped, whose digest changes with everything that it settles, and that is checked again
 * when it comes back, for what it says decides who is accused.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/digest.ts'
import { exposureOf } from '../../src/plan/exposure.ts'
import {
  createPlan,
  type Plan,
  type PlanOptions,
  parsePlan,
  planDigest,
  promptsDigest,
} from '../../src/plan/plan.ts'
import { expectRefusal, type Kind, wrongValues } from '../support/wrong-values.ts'

const options: PlanOptions = {
  suspect: 'model-x',
  access: 'rows',
  contextWidth: 1,
  vocabularySize: 64,
  prompts: [[1, 2, 3], [4], []],
  origin: 'a test',
  references: ['teacher, mark off', 'base'],
}
const plan = createPlan(options)
const digestOf = (letter: string) => `sha256:${letter.repeat(64)}` as const
const KEY_ID = '0123456789abcdef'

/** Every option, and the kinds of value that are not refused at first sight. */
const ACCEPTED: Record<keyof PlanOptions, readonly Kind[]> = {
  suspect: ['string'],
  origin: ['string'],
  pickedBy: ['undefined', 'string'],
  access: [],
  topK: ['undefined'],
  statistic: ['undefined'],
  contextWidth: ['integer'],
  vocabularySize: ['integer'],
  prompts: ['array', 'bytes', 'view'],
  markedPrompts: ['undefined', 'boolean'],
  markedText: ['undefined', 'array', 'bytes', 'view'],
  completion: ['undefined'],
  references: ['undefined', 'array', 'bytes', 'view'],
  exposure: ['undefined'],
  alpha: ['undefined', 'integer', 'number'],
  minimumCounted: ['undefined', 'integer'],
  decoys: ['undefined', 'integer'],
  stopping: ['undefined'],
  counted: ['undefined'],
  classes: ['undefined'],
  budget: ['undefined'],
  power: ['undefined'],
  family: ['undefined'],
}

/** Between them, they have every field that a plan can have. */
const full: Record<string, PlanOptions> = {
  'text, sampled once, classes': {
    ...options,
    access: 'text',
    pickedBy: 'the first 3 lines',
    completion: { maxTokens: 200, temperature: 0.7, seed: '17' },
    exposure: { origin: 'answers with the mark off', tokens: 10_000, digest: digestOf('e') },
    classes: { frequent: 10 },
    budget: { answers: 3, tokens: 1000, price: { amount: 12.5, currency: 'EUR', perMillionTokens: 3 } },
    power: { target: 0.8, effect: 0.05 },
    family: [{ keyId: KEY_ID }, { keyId: KEY_ID, lane: 3 }],
  },
  'top-k, looks, exposure': {
    ...options,
    access: 'top-k',
    topK: 20,
    contextWidth: 2,
    exposure: { origin: 'answers with the mark off', tokens: 10_000, digest: digestOf('e') },
    stopping: { rule: 'looks', first: 100, looks: 5 },
  },
  'marked prompts, a number fixed beforehand': {
    ...options,
    references: [],
    markedPrompts: true,
    counted: 500,
  },
  'marked prompts, watched': {
    ...options,
    references: [],
    markedPrompts: true,
    stopping: { rule: 'e-process', fresh: true, futility: 10_000 },
  },
}

const MARKED = { references: [], markedPrompts: true, counted: 500 }

/** The plan as it comes from a file: a plain object, all of it writable. */
function fileOf(written: Plan): Record<string, unknown> {
  return JSON.parse(JSON.stringify(written))
}

describe('a plan is key-blind', () => {
  test('no file that it is made of knows a key', () => {
    const SRC = resolve(import.meta.dirname, '../../src')
    const reached = new Set<string>()
    const visit = (file: string): void => {
      if (reached.has(file)) return
      reached.add(file)
      for (const [, to] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g))
        visit(resolve(dirname(file), to!))
    }
    visit(resolve(SRC, 'plan/plan.ts'))
    const folders = Array.from(reached, (file) => dirname(relative(SRC, file)))
    expect(new Set(folders)).toEqual(new Set(['plan', '.']))
    expect(reached.size).toBeGreaterThan(3)
  })

  test('the record holds these fields, and none has room for a key', () => {
    expect(fileOf(plan)).toEqual({
      format: 'dyetrace/plan-1',
      suspect: 'model-x',
      access: 'rows',
      statistic: 'contrast',
      contextWidth: 1,
      vocabularySize: 64,
      prompts: {
        origin: 'a test',
        count: 3,
        tokens: 4,
        digest: promptsDigest([[1, 2, 3], [4], []]),
        marked: false,
      },
      references: ['teacher, mark off', 'base'],
      alpha: 1e-6,
      minimumCounted: 64,
      decoys: 1000,
      stopping: { rule: 'fixed' },
    })
  })

  test('every other field is there when it was asked for, and only then', () => {
    const made = createPlan(full['text, sampled once, classes']!)
    expect(fileOf(made)).toMatchObject({
      access: 'text',
      statistic: 'contrast',
      prompts: { pickedBy: 'the first 3 lines', marked: false },
      completion: { maxTokens: 200, temperature: 0.7, seed: '17' },
      exposure: { origin: 'answers with the mark off', tokens: 10_000, digest: digestOf('e') },
      classes: { frequent: 10 },
      budget: { answers: 3, tokens: 1000, price: { amount: 12.5, currency: 'EUR', perMillionTokens: 3 } },
      power: { target: 0.8, effect: 0.05 },
      family: [
        { keyId: KEY_ID, lane: 0 },
        { keyId: KEY_ID, lane: 3 },
      ],
    })
    const named = new Set(Object.values(full).flatMap((some) => Object.keys(createPlan(some))))
    expect([...named].sort()).toEqual([
      ...['access', 'alpha', 'budget', 'classes', 'completion', 'contextWidth', 'counted', 'decoys'],
      ...['exposure', 'family', 'format', 'minimumCounted', 'power', 'prompts', 'references', 'statistic'],
      ...['stopping', 'suspect', 'topK', 'vocabularySize'],
    ])
  })

  test.each(['key', 'keyId', 'profile', 'seed', '__proto__'])(
    'an option "%s" is refused, not ignored',
    (name) => {
      const other = JSON.parse(`{ "${name}": "x" }`)
      expectRefusal(() => createPlan({ ...options, ...other }), 'options')
      expectRefusal(() => parsePlan({ ...plan, ...other }), 'plan')
    },
  )
})

test.each(Object.keys(full))('frozen, down to the last field: %s', (name) => {
  const made = createPlan(full[name]!)
  for (const of of [made, parsePlan(fileOf(made))]) {
    const parts: unknown[] = [of]
    for (const part of parts) {
      expect(Object.isFrozen(part)).toBe(true)
      parts.push(...Object.values(part as object).filter((field) => typeof field === 'object'))
    }
    expect(parts.length).toBeGreaterThan(3)
  }
})

test('does not hang on to what was passed', () => {
  const prompts = [[1, 2]]
  const references = ['base']
  const made = createPlan({ ...options, prompts, references })
  const digest = planDigest(made)
  prompts[0]!.push(3)
  references.push('another')
  expect(planDigest(made)).toBe(digest)
})

describe('digest', () => {
  // Two texts written by hand and the hash function of Node: if this fails, plans that were published no longer name themselves.
  test('is SHA-256 of the canonical JSON', () => {
    const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
    const prompts = sha256('[[1,2,3],[4],[]]')
    expect(planDigest(plan)).toBe(
      sha256(
        `{"access":"rows","alpha":0.000001,"contextWidth":1,"decoys":1000,"format":"dyetrace/plan-1","minimumCounted":64,"prompts":{"count":3,"digest":"${prompts}","marked":false,"origin":"a test","tokens":4},"references":["teacher, mark off","base"],"statistic":"contrast","stopping":{"rule":"fixed"},"suspect":"model-x","vocabularySize":64}`,
      ),
    )
  })

  test('does not depend on the order of fields', () => {
    const entries = Object.entries(plan)
    fc.assert(
      fc.property(
        fc.shuffledSubarray(entries, { minLength: entries.length, maxLength: entries.length }),
        (shuffled) => planDigest(Object.fromEntries(shuffled) as unknown as Plan) === planDigest(plan),
      ),
      { seed: 1, numRuns: 50 },
    )
  })

  const changes: Record<string, Partial<PlanOptions>> = {
    suspect: { suspect: 'model-y' },
    access: { access: 'text' },
    topK: { access: 'top-k', topK: 5 },
    'another topK': { access: 'top-k', topK: 20 },
    statistic: { statistic: 'count' },
    contextWidth: { contextWidth: 2 },
    vocabularySize: { vocabularySize: 65 },
    'an id of a prompt': { prompts: [[1, 2, 4], [4], []] },
    'where a prompt ends': { prompts: [[1, 2], [3, 4], []] },
    'the order of prompts': { prompts: [[4], [1, 2, 3], []] },
    'the number of empty prompts': { prompts: [[1, 2, 3], [4]] },
    origin: { origin: 'another test' },
    pickedBy: { pickedBy: 'chance' },
    markedPrompts: { markedPrompts: true, references: [], counted: 100 },
    counted: { markedPrompts: true, references: [], counted: 101 },
    'a completion': { access: 'text', completion: { maxTokens: 10 } },
    'its temperature': { access: 'text', completion: { maxTokens: 10, temperature: 0 } },
    'its seed': { access: 'text', completion: { maxTokens: 10, seed: 's' } },
    'a reference': { references: ['teacher, mark off', 'other'] },
    'the order of references': { references: ['base', 'teacher, mark off'] },
    exposure: { contextWidth: 2, exposure: { origin: 'x', tokens: 1, digest: digestOf('0') } },
    'exposure to other text': {
      contextWidth: 2,
      exposure: { origin: 'x', tokens: 1, digest: digestOf('1') },
    },
    classes: { exposure: { origin: 'x', tokens: 1, digest: digestOf('0') }, classes: { frequent: 1 } },
    'their border': { exposure: { origin: 'x', tokens: 1, digest: digestOf('0') }, classes: { frequent: 2 } },
    alpha: { alpha: 1e-5 },
    minimumCounted: { minimumCounted: 65 },
    decoys: { decoys: 999 },
    looks: { stopping: { rule: 'looks', looks: 4 } },
    'the first look': { stopping: { rule: 'looks', looks: 4, first: 251 } },
    'what marked prompts were cut out of': { ...MARKED, markedText: [[1, 2, 3, 4]] },
    'marked prompts that are whole': { ...MARKED, markedText: [] },
    watching: { stopping: { rule: 'e-process' } },
    'watching fresh windows': { stopping: { rule: 'e-process', fresh: true } },
    'giving up': { stopping: { rule: 'e-process', futility: 9 } },
    budget: { budget: { answers: 3 } },
    'the budget counted in tokens': { budget: { tokens: 3 } },
    power: { power: { target: 0.8, effect: 0.1 } },
    family: { family: [{ keyId: KEY_ID }] },
    'a lane': { family: [{ keyId: KEY_ID, lane: 1 }] },
  }

  test('changes with every option, each to a digest of its own', () => {
    const digests = [{}, ...Object.values(changes)].map((change) =>
      planDigest(createPlan({ ...options, ...change })),
    )
    expect(new Set(digests).size).toBe(digests.length)
    const named = new Set(Object.values(changes).flatMap((change) => Object.keys(change)))
    expect([...named].sort()).toEqual(Object.keys(ACCEPTED).sort())
  })

  test('typed arrays of ids are the same prompts', () => {
    const typed = createPlan({ ...options, prompts: [Uint32Array.of(1, 2, 3), Int32Array.of(4), []] })
    expect(planDigest(typed)).toBe(planDigest(plan))
  })
})

describe('which statistic decides', () => {
  test.each([
    { references: ['base'], statistic: 'contrast' },
    { references: [], statistic: 'count' },
  ])('with references $references: $statistic', ({ references, statistic }) => {
    expect(createPlan({ ...options, references }).statistic).toBe(statistic)
  })

  test('contrast without a reference is refused', () => {
    const error = expectRefusal(
      () => createPlan({ ...options, references: [], statistic: 'contrast' }),
      'options.references',
    )
    expect(error).toBeInstanceOf(RangeError)
  })

  test('text may have references: the sampled token is held against their probabilities', () => {
    expect(createPlan({ ...options, access: 'text' }).statistic).toBe('contrast')
  })
})

describe('defaults', () => {
  test.each<[what: string, given: Partial<PlanOptions>, expected: object]>([
    ['the first look', { stopping: { rule: 'looks', looks: 3 } }, { stopping: { first: 250 } }],
    [
      'key-blind prompts are fixed beforehand',
      { stopping: { rule: 'e-process' } },
      { stopping: { fresh: false } },
    ],
    [
      'marked prompts burn',
      { references: [], markedPrompts: true, stopping: { rule: 'e-process' } },
      { stopping: { fresh: true }, decoys: 0, statistic: 'count' },
    ],
    ['fresh windows have no decoys', { stopping: { rule: 'e-process', fresh: true } }, { decoys: 0 }],
    ['temperature 1', { access: 'text', completion: { maxTokens: 9 } }, { completion: { temperature: 1 } }],
    ['lane 0', { family: [{ keyId: KEY_ID }] }, { family: [{ keyId: KEY_ID, lane: 0 }] }],
  ])('%s', (_, given, expected) => {
    expect(createPlan({ ...options, ...given })).toMatchObject(expected)
  })

  test('undefined is the same as left out, null is not', () => {
    const nothing = Object.fromEntries(
      Object.entries(ACCEPTED).flatMap(([name, kinds]) =>
        kinds.includes('undefined') ? [[name, undefined]] : [],
      ),
    )
    expect(planDigest(createPlan({ ...nothing, ...options }))).toBe(planDigest(plan))
    for (const name of Object.keys(nothing))
      expectRefusal(() => createPlan({ ...options, [name]: null }), `options.${name}`)
    for (const name of ['topK', 'completion', 'exposure', 'counted', 'classes', 'budget', 'power', 'family'])
      expectRefusal(() => parsePlan({ ...plan, [name]: null }), `plan.${name}`)
  })

  test('an exposure with its counts is taken as it is, if it counts windows of the planned width', () => {
    const counted = exposureOf([[1, 2, 3]], { contextWidth: 2, vocabularySize: 64, origin: 'mark off' })
    const made = createPlan({ ...options, contextWidth: 2, exposure: counted })
    expect(made.exposure).toEqual({ origin: 'mark off', tokens: 3, digest: counted.digest })
    expectRefusal(
      () => createPlan({ ...options, contextWidth: 3, exposure: counted }),
      'options.exposure.contextWidth',
    )
  })
})

describe('what contradicts itself is refused', () => {
  const marked = full['marked prompts, a number fixed beforehand']!
  const exposure = { origin: 'x', tokens: 1, digest: digestOf('0') }
  const watched = { rule: 'e-process' } as const
  const contradictions: [what: string, given: PlanOptions, blamed: string][] = [
    ['top-k without k', { ...options, access: 'top-k' }, 'topK'],
    ['k without top-k', { ...options, topK: 5 }, 'topK'],
    ['answers to be sampled where rows are read', { ...options, completion: { maxTokens: 9 } }, 'completion'],
    ['contrast of marked prompts', { ...marked, statistic: 'contrast', references: ['base'] }, 'statistic'],
    [
      'references that no statistic uses',
      { ...marked, statistic: 'count', references: ['base'] },
      'references',
    ],
    ['decoys for marked prompts', { ...marked, decoys: 1 }, 'decoys'],
    ['classes of marked prompts', { ...marked, exposure, classes: { frequent: 1 } }, 'classes'],
    ['looks at marked prompts', { ...marked, stopping: { rule: 'looks', looks: 2 } }, 'stopping.rule'],
    ['marked prompts without a number', { ...options, references: [], markedPrompts: true }, 'counted'],
    ['marked prompts, watched, with a number', { ...marked, stopping: watched }, 'counted'],
    ['a number without marked prompts', { ...options, counted: 100 }, 'counted'],
    ['a number below the least', { ...marked, counted: 63 }, 'counted'],
    ['classes without exposure', { ...options, classes: { frequent: 1 } }, 'exposure'],
    [
      'classes at looks',
      { ...options, exposure, classes: { frequent: 1 }, stopping: { rule: 'looks', looks: 2 } },
      'classes',
    ],
    ['classes, watched', { ...options, exposure, classes: { frequent: 1 }, stopping: watched }, 'classes'],
    ['exposure that weighs nothing', { ...options, exposure }, 'exposure'],
    ['exposure for a count', { ...options, contextWidth: 2, statistic: 'count', exposure }, 'exposure'],
    [
      'decoys for prompts chosen on the way',
      { ...options, stopping: { rule: 'e-process', fresh: true }, decoys: 9 },
      'decoys',
    ],
    ['fewer answers than prompts', { ...options, budget: { answers: 2 } }, 'budget.answers'],
  ]
  test.each(contradictions)('%s', (_, given, blamed) => {
    expect(expectRefusal(() => createPlan(given), `options.${blamed}`)).toBeInstanceOf(RangeError)
  })

  test('also where it comes back', () => {
    const forged: [change: object, blamed: string][] = [
      [{ topK: 5 }, 'topK'],
      [{ prompts: { ...plan.prompts, marked: true } }, 'statistic'],
      [{ stopping: { rule: 'e-process', fresh: true } }, 'decoys'],
      [{ classes: { frequent: 1 } }, 'exposure'],
    ]
    for (const [change, blamed] of forged)
      expectRefusal(() => parsePlan({ ...plan, ...change }), `plan.${blamed}`)
  })
})

describe('limits', () => {
  test.each([
    ['decoys', 0],
    ['decoys', 1e5],
    ['contextWidth', 0],
    ['contextWidth', 4],
    ['minimumCounted', 1],
    ['alpha', 5e-324],
    ['alpha', 1 - 2 ** -53],
    ['vocabularySize', 5],
  ] as const)('%s %d is accepted', (name, value) => {
    expect(createPlan({ ...options, [name]: value })[name]).toBe(value)
  })

  const out: [name: string, value: unknown, blamed?: string][] = [
    ['decoys', -1],
    ['decoys', 1e5 + 1],
    ['decoys', 0.5],
    ['contextWidth', 5],
    ['contextWidth', -1],
    ['vocabularySize', 1],
    // Not in options.vocabularySize: prompts hold an id 4.
    ['vocabularySize', 4, 'prompts[1][0]'],
    ['minimumCounted', 0],
    ['minimumCounted', Number.NaN],
    ['alpha', 0],
    ['alpha', 1],
    ['alpha', 5],
    ['alpha', -0.5],
    ['alpha', Number.NaN],
    ['access', 'logprobs'],
    ['access', 'toString'],
    ['statistic', 'best of all'],
    ['suspect', ''],
    ['suspect', '  '],
    ['suspect', 'two\nlines'],
    ['suspect', 'a colour \u001b[31m'],
    ['suspect', 'half a pair \ud800'],
    ['origin', ''],
    ['origin', '\t'],
    ['references', [''], 'references[0]'],
    ['references', ['base', 7], 'references[1]'],
    ['pickedBy', 'two\nlines'],
    ['access', 'top-k', 'topK'],
    ['topK', 0],
    ['topK', 101],
    ['completion', { temperature: 1 }, 'completion.maxTokens'],
    ['completion', { maxTokens: 0 }, 'completion.maxTokens'],
    ['completion', { maxTokens: 1, temperature: -1 }, 'completion.temperature'],
    ['completion', { maxTokens: 1, seed: 7 }, 'completion.seed'],
    ['completion', { maxTokens: 1, topP: 1 }],
    ['exposure', { tokens: 1, digest: digestOf('0') }, 'exposure.origin'],
    ['exposure', { origin: 'x', tokens: 0, digest: digestOf('0') }, 'exposure.tokens'],
    ['exposure', { origin: 'x', tokens: 1, digest: 'sha256:' }, 'exposure.digest'],
    ['exposure', { origin: 'x', tokens: 1, digest: digestOf('0'), key: 1 }],
    ['stopping', { rule: 'when it suits' }, 'stopping.rule'],
    ['stopping', { rule: 'looks' }, 'stopping.looks'],
    ['stopping', { rule: 'looks', looks: 0 }, 'stopping.looks'],
    ['stopping', { rule: 'looks', looks: 31 }, 'stopping.looks'],
    ['stopping', { rule: 'looks', looks: 30, first: 2 ** 40 }, 'stopping.first'],
    ['stopping', { rule: 'looks', looks: 2, first: 0 }, 'stopping.first'],
    ['stopping', { rule: 'looks', looks: 2, fresh: true }],
    ['stopping', { rule: 'fixed', looks: 2 }],
    ['stopping', { rule: 'e-process', fresh: 1 }, 'stopping.fresh'],
    ['stopping', { rule: 'e-process', futility: 0 }, 'stopping.futility'],
    ['counted', 0],
    ['classes', {}, 'classes.frequent'],
    ['classes', { frequent: 0 }, 'classes.frequent'],
    ['budget', {}],
    ['budget', { answers: 0 }, 'budget.answers'],
    ['budget', { tokens: 0.5 }, 'budget.tokens'],
    ['budget', { price: { amount: 0, currency: 'EUR', perMillionTokens: 1 } }, 'budget.price.amount'],
    ['budget', { price: { amount: 1, currency: 'Euro', perMillionTokens: 1 } }, 'budget.price.currency'],
    ['budget', { price: { amount: 1, currency: 'EUR' } }, 'budget.price.perMillionTokens'],
    ['budget', { time: 1 }],
    ['power', { target: 1, effect: 1 }, 'power.target'],
    ['power', { target: 0.8, effect: 0 }, 'power.effect'],
    ['power', { target: 0.8 }, 'power.effect'],
    ['family', []],
    ['family', [{ keyId: KEY_ID.toUpperCase() }], 'family[0].keyId'],
    ['family', [{ keyId: KEY_ID }, { keyId: KEY_ID, lane: 512 }], 'family[1].lane'],
    ['family', [{ keyId: KEY_ID }, { keyId: KEY_ID, lane: 0 }], 'family[1]'],
    ['family', [KEY_ID], 'family[0]'],
    ['family', new Array(1), 'family[0]'],
    ['markedText', [[1]], 'prompts.markedText'],
    ['prompts', []],
    ['prompts', [[], []]],
    ['prompts', [[1], [64]], 'prompts[1][0]'],
    ['prompts', [[1], [-1]], 'prompts[1][0]'],
    ['prompts', [[1.5]], 'prompts[0][0]'],
    ['prompts', [[1n]], 'prompts[0][0]'],
    ['prompts', [new Array(1)], 'prompts[0][0]'],
    ['prompts', new Array(1), 'prompts[0]'],
    ['prompts', Uint32Array.of(1, 2), 'prompts[0]'],
    ['prompts', ['123'], 'prompts[0]'],
  ]
  test.each([
    { stopping: { rule: 'looks', looks: 4 } },
    { stopping: { rule: 'e-process' } },
    MARKED,
  ] as const)('two equal prompts where their order decides: %o', (change) => {
    const prompts = [[1, 2], [3], [1, 2]]
    expectRefusal(() => createPlan({ ...options, ...change, prompts }), 'options.prompts[2]')
    expect(createPlan({ ...options, prompts }).prompts.count).toBe(3)
  })

  test.each(out)('%s %o is refused by name', (name, value, blamed = name) => {
    expectRefusal(() => createPlan({ ...options, [name]: value }), `options.${blamed}`)
  })
})

describe('every wrong type is refused by name', () => {
  describe.each(Object.entries(ACCEPTED))('%s', (name, except) => {
    test.each(wrongValues({ except }))('%s', (_, value) => {
      const about = name === 'markedText' ? { ...options, ...MARKED } : options
      expectRefusal(() => createPlan({ ...about, [name]: value }), `options.${name}`)
    })
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('options themselves: %s', (_, value) => {
    expectRefusal(() => createPlan(value as PlanOptions), 'options')
  })
})

describe('a plan that comes back', () => {
  const text = fc.stringMatching(/^[ -~]{0,20}[a-z]$/)
  const integer = (min: number, max = 1e6) => fc.integer({ min, max })
  const positive = fc.double({ min: 1e-300, max: 1e9, noNaN: true })
  const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
  const anyOptions = fc
    .record({
      suspect: text,
      access: fc.constantFrom('text', 'top-k', 'rows'),
      topK: integer(1, 100),
      contextWidth: integer(0, 4),
      prompts: fc.array(fc.array(integer(0, 63), { minLength: 1 }), { minLength: 1, maxLength: 4 }),
      origin: text,
      pickedBy: some(text),
      markedPrompts: fc.boolean(),
      completion: some(fc.record({ maxTokens: integer(1), temperature: positive, seed: text })),
      references: fc.array(text, { maxLength: 3 }),
      exposure: some(fc.record({ origin: text, tokens: integer(1), digest: fc.constant(digestOf('a')) })),
      alpha: fc.double({ min: 5e-324, max: 1 - 2 ** -53, noNaN: true }),
      minimumCounted: integer(1),
      stopping: fc.oneof(
        fc.constant({ rule: 'fixed' as const }),
        fc.record({ rule: fc.constant('looks' as const), first: integer(1), looks: integer(1, 30) }),
        fc.record({ rule: fc.constant('e-process' as const), fresh: fc.boolean(), futility: integer(1) }),
      ),
      frequent: some(integer(1)),
      budget: some(fc.record({ answers: integer(4), tokens: integer(1) })),
      power: some(fc.record({ target: fc.double({ min: 0.01, max: 0.99, noNaN: true }), effect: positive })),
      lanes: fc.uniqueArray(integer(0, 511), { maxLength: 5 }),
    })
    .map(({ topK, frequent, lanes, stopping, ...given }): PlanOptions => {
      const marked = given.markedPrompts && stopping.rule !== 'looks'
      const references = marked ? [] : given.references
      const classes = marked || stopping.rule !== 'fixed' || !given.exposure ? undefined : frequent
      const weighs = classes !== undefined || (references.length > 0 && given.contextWidth >= 2)
      const { exposure, completion, pickedBy, budget, power, ...rest } = given
      return {
        ...rest,
        vocabularySize: 64,
        references,
        stopping,
        markedPrompts: marked,
        ...(given.access === 'top-k' && { topK }),
        ...(given.access === 'text' && completion && { completion }),
        ...(weighs && exposure && { exposure }),
        ...(classes !== undefined && { classes: { frequent: classes } }),
        ...(marked && stopping.rule === 'fixed' && { counted: given.minimumCounted }),
        ...(pickedBy !== undefined && { pickedBy }),
        ...(budget && { budget }),
        ...(power && { power }),
        ...(lanes.length > 0 && { family: lanes.map((lane) => ({ keyId: KEY_ID, lane })) }),
      }
    })

  test('from JSON, or from canonical JSON, is the same plan with the same name', () => {
    fc.assert(
      fc.property(anyOptions, (given) => {
        const made = createPlan(given)
        for (const written of [JSON.stringify(made), canonicalJson(made)]) {
          const read = parsePlan(JSON.parse(written))
          expect(read).toEqual(made)
          expect(planDigest(read)).toBe(planDigest(made))
        }
      }),
      { seed: 5, numRuns: 300 },
    )
  })

  test('nothing that JSON can hold breaks it: it is a plan, or refused by name', () => {
    const names = fc.constantFrom(...Object.values(full).flatMap((given) => Object.keys(createPlan(given))))
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(full)), names, fc.jsonValue(), (given, name, value) => {
        const forged = { ...fileOf(createPlan(given)), [name]: value }
        try {
          expect(parsePlan(parsePlan(forged))).toEqual(forged)
        } catch (error) {
          expect((error as Error).message).toMatch(/^"plan[^"]*" expected .+, got /)
        }
      }),
      { seed: 6, numRuns: 1000 },
    )
  })

  test('from JSON is the same plan', () => {
    const read = parsePlan(fileOf(plan))
    expect(read).toEqual(plan)
    expect(planDigest(read)).toBe(planDigest(plan))
    for (const part of [read, read.prompts, read.references]) expect(Object.isFrozen(part)).toBe(true)
  })

  test.each(Object.keys(plan))('without its field "%s" is refused', (name) => {
    const { [name]: _, ...rest } = fileOf(plan)
    expectRefusal(() => parsePlan(rest), name === 'prompts' ? 'plan.prompts' : `plan.${name}`)
  })

  test.each(Object.keys(plan.prompts))('without "prompts.%s" is refused', (name) => {
    const { [name]: _, ...rest } = fileOf(plan)['prompts'] as Record<string, unknown>
    expectRefusal(() => parsePlan({ ...plan, prompts: rest }), `plan.prompts.${name}`)
  })

  test.each([
    ['format', 'dyetrace/plan-2'],
    ['alpha', 5],
    ['alpha', '1e-6'],
    ['minimumCounted', 0],
    ['minimumCounted', null],
    ['decoys', 1e9],
    ['statistic', 'contrast of the two'],
    ['access', 'weights'],
    ['contextWidth', 7],
    ['references', 'base'],
    ['prompts', null],
    ['suspect', { toString: () => 'model-x' }],
  ])('forged: %s = %j is refused', (name, value) => {
    expectRefusal(() => parsePlan({ ...plan, [name]: value }), `plan.${name}`)
  })

  test.each([
    ['digest', 'sha256:'],
    ['digest', `sha256:${'G'.repeat(64)}`],
    ['origin', ''],
    ['count', 0],
    ['tokens', 1.5],
    ['marked', 'no'],
    ['pickedBy', ''],
    ['key', 'x'],
  ])('forged: prompts.%s = %j is refused', (name, value) => {
    const prompts = { ...plan.prompts, [name]: value }
    expectRefusal(
      () => parsePlan({ ...plan, prompts }),
      name === 'key' ? 'plan.prompts' : `plan.prompts.${name}`,
    )
  })

  test('nothing that is inherited counts, and no getter is asked twice', () => {
    expectRefusal(() => parsePlan(Object.create(plan)), 'plan.format')
    const { alpha: _, ...rest } = plan
    expectRefusal(() => parsePlan(Object.assign(Object.create({ alpha: 0.5 }), rest)), 'plan.alpha')
    let asked = 0
    const changing = Object.defineProperty({ ...rest }, 'alpha', {
      enumerable: true,
      get: () => (asked++ === 0 ? 1e-6 : 5),
    })
    expect(parsePlan(changing).alpha).toBe(1e-6)
    expect(asked).toBe(1)
    expectRefusal(() => parsePlan(JSON.parse('{"__proto__":{"alpha":0.5}}')), 'plan')
  })

  test.each(wrongValues({ except: [] }))('%s is no plan', (_, value) => {
    expectRefusal(() => parsePlan(value), 'plan')
  })
})
