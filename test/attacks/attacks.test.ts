/** What every attack keeps, whatever it does: it is repeatable, recorded, exact in its rate, and refuses what it cannot do. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { ATTACKS } from '../../src/attacks/attacks.ts'
import type { Seeded } from '../../src/attacks/options.ts'
import type {
  AttackedIds,
  AttackedText,
  AttackName,
  AttackParameter,
  EditUnit,
} from '../../src/attacks/record.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { anyText, editDistance, english, wellFormed, wordsOf } from './texts.ts'

type Parameters = Readonly<Record<string, AttackParameter>>
type Result = { readonly output: string | readonly number[]; readonly attack: AttackedText['attack'] }

const names = Object.keys(ATTACKS) as AttackName[]
const textNames = names.filter((name) => ATTACKS[name].level === 'text')
const idsNames = names.filter((name) => ATTACKS[name].level === 'ids')
const VOCABULARY = 12

const rate = fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }))
const id = fc.nat(VOCABULARY - 1)
const ids = fc.array(id, { maxLength: 24 })
const host = 'It was, he said, a host of forty words; or fewer. Who counts them?'
const keep = fc.constantFrom('head', 'tail', 'middle')
const passages = fc.integer({ min: 1, max: 4 })
const size = fc.integer({ min: 1, max: 5 })

/** Parameters that each attack accepts, whatever the text. */
const PARAMETERS: Record<AttackName, fc.Arbitrary<Parameters>> = {
  'delete-tokens': fc.record({ rate }),
  'insert-tokens': fc.record({ rate, vocabularySize: fc.constant(VOCABULARY) }),
  'substitute-tokens': fc.record({ rate, vocabularySize: fc.constant(VOCABULARY) }),
  'truncate-tokens': fc.record({ rate, keep }),
  'dilute-tokens': fc.record({ host: ids, passages, share: rate }),
  'replace-token-chunks': fc.record({ rate, size, source: fc.array(id, { minLength: 5, maxLength: 9 }) }),
  'scramble-token-chunks': fc.record({ rate, size, drop: rate }),
  'delete-words': fc.record({ rate }),
  'insert-words': fc.oneof(fc.record({ rate }), fc.record({ rate, words: fc.constant(['red', 'green']) })),
  'substitute-words': fc.oneof(fc.record({ rate }), fc.record({ rate, words: fc.constant(['a', 'cat']) })),
  'swap-words': fc.record({ rate }),
  'truncate-words': fc.record({ rate, keep }),
  'dilute-words': fc.record({ host: fc.oneof(fc.constant(host), anyText), passages, share: rate }),
  'replace-word-chunks': fc.record({ rate, size, source: fc.constant(host) }),
  'scramble-word-chunks': fc.record({ rate, size, drop: rate }),
  'shuffle-sentences': fc.record({ rate }),
  lowercase: fc.record({ rate }),
  synonyms: fc.record({ rate }),
  typos: fc.record({ rate }),
  homoglyphs: fc.record({ rate, script: fc.constantFrom('both', 'cyrillic', 'greek') }),
  'zero-width': fc.record({ rate }),
}

/** Rates of these are 0 when nothing is to happen; a dilution is a dilution at any. */
const WITHOUT_RATE: readonly AttackName[] = ['dilute-tokens', 'dilute-words']

function run(name: AttackName, input: string | readonly number[], parameters: unknown, seed: string): Result {
  const options = { ...(parameters as Parameters), random: seedrandom(seed) } as Seeded
  const attack = ATTACKS[name]
  const result =
    attack.level === 'text'
      ? attack.apply(input as string, options)
      : attack.apply(input as number[], options)
  return {
    output: 'text' in result ? (result as AttackedText).text : (result as AttackedIds).ids,
    attack: result.attack,
  }
}

/** An input, parameters and a seed for an attack. */
function cases(
  name: AttackName,
  text: fc.Arbitrary<string> = anyText,
): fc.Arbitrary<[string | number[], Parameters, string]> {
  const input: fc.Arbitrary<string | number[]> = ATTACKS[name].level === 'text' ? text : ids
  return fc.tuple(input, PARAMETERS[name], fc.string({ maxLength: 4 }))
}

function check(
  name: AttackName,
  law: (...args: [string | number[], Parameters, string]) => void,
  text = anyText,
): void {
  fc.assert(
    fc.property(cases(name, text), (args) => law(...args)),
    { seed: 11, numRuns: 150 },
  )
}

describe('the table', () => {
  test('describes every parameter that an attack takes', () => {
    for (const name of names) {
      const sample = fc.sample(PARAMETERS[name], { seed: 1, numRuns: 20 })
      const used = new Set(sample.flatMap((parameters) => Object.keys(parameters)))
      if (WITHOUT_RATE.includes(name)) used.add('length')
      expect([...used].sort(), name).toEqual(Object.keys(ATTACKS[name].parameters).sort())
    }
  })

  test('is closed', () => {
    expect(Object.isFrozen(ATTACKS)).toBe(true)
    for (const name of names) expect([name, Object.isFrozen(ATTACKS[name])]).toEqual([name, true])
    expect([textNames.length, idsNames.length]).toEqual([14, 7])
  })
})

describe.each(names)('%s', (name) => {
  test('takes any input, and gives the same again from the same seed', () => {
    check(name, (input, parameters, seed) => {
      expect(run(name, input, parameters, seed)).toEqual(run(name, input, parameters, seed))
    })
  })

  test('records what repeats it, through JSON', () => {
    check(name, (input, parameters, seed) => {
      const first = run(name, input, parameters, seed)
      expect(first.attack).toMatchObject({ name, parameters })
      const recorded = JSON.parse(JSON.stringify(first.attack.parameters))
      expect(run(name, input, recorded, seed)).toEqual(first)
    })
  })

  test('gives frozen records and leaves its arguments alone', () => {
    check(name, (input, parameters, seed) => {
      const [before, given] = [structuredClone(input), structuredClone(parameters)]
      const { output, attack } = run(name, input, parameters, seed)
      expect([input, parameters]).toEqual([before, given])
      for (const part of [output, attack, attack.parameters, ...Object.values(attack.parameters)])
        expect(Object.isFrozen(part)).toBe(true)
      for (const value of Object.values(parameters))
        expect(Object.isFrozen(value)).toBe(typeof value !== 'object')
    })
  })
})

describe.each(names.filter((name) => !WITHOUT_RATE.includes(name)))('%s', (name) => {
  test('changes nothing at rate 0', () => {
    check(name, (input, parameters, seed) => {
      const { output, attack } = run(name, input, { ...parameters, rate: 0 }, seed)
      expect([output, attack.edits]).toEqual([input, 0])
    })
  })

  test('makes nothing of nothing', () => {
    const nothing = ATTACKS[name].level === 'text' ? '' : []
    for (const parameters of fc.sample(PARAMETERS[name], { seed: 2, numRuns: 20 })) {
      const { output, attack } = run(name, nothing, parameters, 'nothing')
      expect([output, attack.edits]).toEqual([nothing, 0])
    }
  })
})

// Sentences are compared in their own test: one without an end makes another of the next.
describe.each(names.filter((name) => name !== 'shuffle-sentences'))('%s', (name) => {
  // Halves of surrogate pairs that meet make a character that was in neither text: distances are of well-formed text.
  test('makes at most the edits that it records', () => {
    let [most, tight] = [0, 0]
    check(
      name,
      (input, parameters, seed) => {
        const { output, attack } = run(name, input, parameters, seed)
        const distance = editDistance(unitsOf(input, attack.unit), unitsOf(output, attack.unit))
        expect(distance).toBeLessThanOrEqual(attack.edits)
        most = Math.max(most, distance)
        if (distance === attack.edits && distance > 0) tight++
      },
      fc.oneof(english, wellFormed),
    )
    // A record of one edit less would often have failed.
    expect(most).toBeGreaterThan(2)
    expect(tight).toBeGreaterThan(9)
  })
})

function unitsOf(input: string | readonly number[], unit: EditUnit): readonly (string | number)[] {
  if (typeof input !== 'string') return input
  return unit === 'words' ? wordsOf(input) : Array.from(input)
}

describe.each(idsNames)('%s', (name) => {
  test('stays within the vocabulary', () => {
    check(name, (input, parameters, seed) => {
      const { output } = run(name, input, parameters, seed)
      for (const value of output as number[])
        expect(Number.isInteger(value) && value >= 0 && value < VOCABULARY).toBe(true)
    })
  })

  // What a certificate counts: one edit touches the pairs of contextWidth + 1 positions, and no more.
  test.each([0, 1, 4])(
    'takes and adds at most edits * (contextWidth + 1) pairs, contextWidth %i',
    (contextWidth) => {
      const pairs = (list: readonly number[]): Set<string> =>
        new Set(list.slice(contextWidth).map((_, i) => list.slice(i, i + contextWidth + 1).join()))
      check(name, (input, parameters, seed) => {
        const { output, attack } = run(name, input, parameters, seed)
        const [before, after] = [pairs(input as number[]), pairs(output as number[])]
        const bound = attack.edits * (contextWidth + 1)
        expect([...before].filter((pair) => !after.has(pair)).length).toBeLessThanOrEqual(bound)
        expect([...after].filter((pair) => !before.has(pair)).length).toBeLessThanOrEqual(bound)
      })
    },
  )
})

describe('a rate is exact', () => {
  const N = 40
  const tokens = Array.from({ length: N }, (_, i) => i % VOCABULARY)
  // Forty words, all in the synonym groups, each with a capital.
  const words = Array.from({ length: N }, (_, i) => (i % 2 === 0 ? 'Big' : 'Often')).join(' ')

  const EXACT: readonly AttackName[] = [
    'delete-tokens',
    'insert-tokens',
    'substitute-tokens',
    'truncate-tokens',
    'delete-words',
    'insert-words',
    'substitute-words',
    'truncate-words',
    'lowercase',
    'synonyms',
  ]
  test.each(EXACT)('%s edits Math.round(rate * n) of n', (name) => {
    const [more] = fc.sample(PARAMETERS[name], { seed: 3, numRuns: 1 })
    for (let rate = 0; rate <= 1; rate += 1 / 64) {
      const input = ATTACKS[name].level === 'text' ? words : tokens
      const { output, attack } = run(name, input, { ...more, rate }, `exact ${rate}`)
      expect(attack.edits).toBe(Math.round(rate * N))
      // Nothing was counted that does not show, where the units tell: one edit each, and no two undo each other.
      const length = unitsOf(output, attack.unit).length
      if (/delete|truncate/.test(name)) expect(length).toBe(N - attack.edits)
      else if (/insert/.test(name)) expect(length).toBe(N + attack.edits)
      else {
        const [before, after] = [unitsOf(input, attack.unit), unitsOf(output, attack.unit)]
        expect(before.filter((unit, i) => unit !== after[i]).length).toBe(attack.edits)
      }
    }
  })

  test.each([
    ['homoglyphs', /[aceo]/g],
    ['zero-width', /[\s\S]/g],
  ] as const)('%s edits Math.round(rate * n) of n characters', (name, eligible) => {
    const text = 'A code, a core, a nuance'.slice(1)
    const lower = text.replace(/[dru]/g, 'n')
    const n = lower.match(eligible)!.length
    for (let rate = 0; rate <= 1; rate += 1 / 64) {
      const { output, attack } = run(name, lower, { rate }, 'exact')
      expect([rate, attack.edits]).toEqual([rate, Math.round(rate * n)])
      expect(editDistance(Array.from(lower), Array.from(output as string))).toBe(attack.edits)
    }
  })
})

describe('bad input is refused by name', () => {
  const NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, -0.001, 1.001]
  const WHOLE = [0, -1, 1.5, Number.NaN, 2 ** 53]
  const NOT_IDS = [[-1], [1.5], ['a'], [1n], new Array(1), new BigInt64Array(1), [2 ** 32]]
  const idsWrong = [...wrongValues({ except: ['array', 'bytes', 'view'] }).map(([, v]) => v), ...NOT_IDS]
  const shareWrong = [...wrongValues({ except: ['integer', 'number'] }).map(([, v]) => v), ...NUMBERS]
  const wholeWrong = [...wrongValues({ except: ['integer'] }).map(([, v]) => v), ...WHOLE]
  const textWrong = wrongValues({ except: ['string'] }).map(([, v]) => v)
  const optional = (values: readonly unknown[]): unknown[] => values.filter((value) => value !== undefined)

  const WRONG: Record<string, (name: AttackName) => readonly unknown[]> = {
    rate: () => shareWrong,
    share: () => shareWrong,
    drop: () => optional(shareWrong),
    vocabularySize: () => [...wholeWrong, 1, 2 ** 32 + 1],
    passages: () => wholeWrong,
    size: () => wholeWrong,
    length: () => optional([...wholeWrong.filter((value) => value !== 0), 10_000]),
    keep: () => wrongValues({ except: [] }).map(([, v]) => v),
    script: () => optional(wrongValues({ except: [] }).map(([, v]) => v)),
    words: () => [
      ...optional(wrongValues({ except: [] }).map(([, v]) => v)),
      ['red', 'red'],
      ['red', 'two words'],
      ['red', ''],
    ],
    host: (name) => (ATTACKS[name].level === 'text' ? textWrong : idsWrong),
    source: (name) => [...(ATTACKS[name].level === 'text' ? [...textWrong, 'short'] : [...idsWrong, [1]])],
  }

  const parameters = (name: AttackName): Parameters => {
    const [sample] = fc.sample(PARAMETERS[name], { seed: 5, numRuns: 1 })
    return { ...sample!, ...('size' in sample! && { size: 3 }), ...('rate' in sample! && { rate: 0.5 }) }
  }
  const input = (name: AttackName): string | number[] =>
    ATTACKS[name].level === 'text' ? 'Perhaps a big mistake. It was.' : [1, 2, 3, 4]

  test.each(names)('%s', (name) => {
    for (const key of Object.keys(ATTACKS[name].parameters)) {
      for (const value of WRONG[key]!(name))
        expectRefusal(() => run(name, input(name), { ...parameters(name), [key]: value }, 'bad'), key)
    }
    const apply = ATTACKS[name].apply as (...args: unknown[]) => unknown
    for (const value of ATTACKS[name].level === 'text' ? textWrong : idsWrong)
      expectRefusal(
        () => apply(value, { ...parameters(name), random: () => 0 }),
        ATTACKS[name].level === 'text' ? 'text' : 'ids',
      )
    for (const [, value] of wrongValues({ except: ['record', 'object'] }))
      expectRefusal(() => apply(input(name), value), 'options')
    expectRefusal(() => apply(input(name), { ...parameters(name), random: () => 0, rat: 1 }), 'options')
    for (const [, value] of wrongValues({ except: ['function'] }))
      expectRefusal(() => apply(input(name), { ...parameters(name), random: value }), 'random')
  })

  test.each(names)('%s, random numbers that are none', (name) => {
    const apply = ATTACKS[name].apply as (...args: unknown[]) => unknown
    const forced = { ...parameters(name), ...('keep' in parameters(name) && { keep: 'middle' }) }
    for (const value of [1, -0.1, Number.NaN, Number.POSITIVE_INFINITY, '0.5', undefined, 0n])
      expectRefusal(() => apply(input(name), { ...forced, random: () => value }), 'options.random()')
  })

  test.each(['insert-tokens', 'substitute-tokens'] as const)(
    '%s, an id outside of the vocabulary',
    (name) => {
      expectRefusal(() => run(name, [1, 4], { rate: 0, vocabularySize: 4 }, 'bad'), 'ids[1]')
    },
  )
})
