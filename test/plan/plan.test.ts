/**
 * Plans: a record that no key can have shaped, whose digest changes with everything that it settles, and that is checked again
 * when it comes back, for what it says decides who is accused.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
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
      prompts: { origin: 'a test', count: 3, tokens: 4, digest: promptsDigest([[1, 2, 3], [4], []]) },
      references: ['teacher, mark off', 'base'],
      alpha: 1e-6,
      minimumCounted: 64,
      decoys: 1000,
    })
  })

  test.each(['key', 'keyId', 'profile', 'seed'])('an option "%s" is refused, not ignored', (name) => {
    expectRefusal(() => createPlan({ ...options, [name]: 'x' }), 'options')
    expectRefusal(() => parsePlan({ ...plan, [name]: 'x' }), 'plan')
  })
})

test('frozen, down to the last field', () => {
  for (const part of [plan, plan.prompts, plan.references]) expect(Object.isFrozen(part)).toBe(true)
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
        `{"access":"rows","alpha":0.000001,"contextWidth":1,"decoys":1000,"format":"dyetrace/plan-1","minimumCounted":64,"prompts":{"count":3,"digest":"${prompts}","origin":"a test","tokens":4},"references":["teacher, mark off","base"],"statistic":"contrast","suspect":"model-x","vocabularySize":64}`,
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
    'access (and with it the references)': { access: 'text', references: [] },
    statistic: { statistic: 'count' },
    contextWidth: { contextWidth: 2 },
    vocabularySize: { vocabularySize: 65 },
    'an id of a prompt': { prompts: [[1, 2, 4], [4], []] },
    'where a prompt ends': { prompts: [[1, 2], [3, 4], []] },
    'the order of prompts': { prompts: [[4], [1, 2, 3], []] },
    'the number of empty prompts': { prompts: [[1, 2, 3], [4]] },
    origin: { origin: 'another test' },
    'a reference': { references: ['teacher, mark off', 'other'] },
    'the order of references': { references: ['base', 'teacher, mark off'] },
    alpha: { alpha: 1e-5 },
    minimumCounted: { minimumCounted: 65 },
    decoys: { decoys: 999 },
  }

  test('changes with every option, each to a digest of its own', () => {
    const digests = [{}, ...Object.values(changes)].map((change) =>
      planDigest(createPlan({ ...options, ...change })),
    )
    expect(new Set(digests).size).toBe(digests.length)
    const named = new Set(Object.values(changes).flatMap((change) => Object.keys(change)))
    expect(named).toEqual(
      new Set([...Object.keys(options), 'statistic', 'alpha', 'minimumCounted', 'decoys']),
    )
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

  test('text with references is refused: there are no probabilities to hold against theirs', () => {
    const error = expectRefusal(() => createPlan({ ...options, access: 'text' }), 'options.references')
    expect(error.message).toContain('access "rows"')
    const { references: _, ...without } = options
    expect(createPlan({ ...without, access: 'text' })).toMatchObject({ statistic: 'count', references: [] })
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
  test.each(out)('%s %o is refused by name', (name, value, blamed = name) => {
    expectRefusal(() => createPlan({ ...options, [name]: value }), `options.${blamed}`)
  })
})

describe('every wrong type is refused by name', () => {
  const accepted: Record<keyof PlanOptions, readonly Kind[]> = {
    suspect: ['string'],
    origin: ['string'],
    access: [],
    statistic: ['undefined'],
    contextWidth: ['integer'],
    vocabularySize: ['integer'],
    prompts: ['array', 'bytes', 'view'],
    references: ['undefined', 'array', 'bytes', 'view'],
    alpha: ['undefined', 'integer', 'number'],
    minimumCounted: ['undefined', 'integer'],
    decoys: ['undefined', 'integer'],
  }
  describe.each(Object.entries(accepted))('%s', (name, except) => {
    test.each(wrongValues({ except }))('%s', (_, value) => {
      expectRefusal(() => createPlan({ ...options, [name]: value }), `options.${name}`)
    })
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('options themselves: %s', (_, value) => {
    expectRefusal(() => createPlan(value as PlanOptions), 'options')
  })
})

describe('a plan that comes back', () => {
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
