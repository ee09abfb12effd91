/** A chain is its attacks in order, with one stream of random numbers. */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { type AttackStep, applyAttacks } from '../../src/attacks/chain.ts'
import { deleteTokens } from '../../src/attacks/delete.ts'
import { insertTokens } from '../../src/attacks/insert.ts'
import { lowercase } from '../../src/attacks/lowercase.ts'
import { typos } from '../../src/attacks/typos.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'
import { editDistance } from './texts.ts'

const TEXT = 'Perhaps it rains. Stay in, he said. Why not?'
const IDS = Array.from({ length: 50 }, (_, i) => i)

describe('applyAttacks', () => {
  test('on text is one attack after the other', () => {
    const steps: AttackStep[] = [
      { name: 'lowercase', parameters: { rate: 0.5 } },
      { name: 'typos', parameters: { rate: 0.2 } },
    ]
    const random = seedrandom('chain')
    const first = lowercase(TEXT, { rate: 0.5, random })
    const second = typos(first.text, { rate: 0.2, random })
    expect(applyAttacks(TEXT, steps, { random: seedrandom('chain') })).toEqual({
      text: second.text,
      attacks: [first.attack, second.attack],
    })
  })

  test('on ids is one attack after the other, and edits add up', () => {
    const steps: AttackStep[] = [
      { name: 'delete-tokens', parameters: { rate: 0.1 } },
      { name: 'insert-tokens', parameters: { rate: 0.2, vocabularySize: 50 } },
    ]
    const random = seedrandom('chain')
    const first = deleteTokens(IDS, { rate: 0.1, random })
    const second = insertTokens(first.ids, { rate: 0.2, vocabularySize: 50, random })
    const chained = applyAttacks(Uint32Array.from(IDS), steps, { random: seedrandom('chain') })
    expect(chained).toEqual({ ids: second.ids, attacks: [first.attack, second.attack] })
    const edits = chained.attacks.reduce((sum, attack) => sum + attack.edits, 0)
    expect(edits).toBe(5 + 9)
    expect(editDistance(IDS, chained.ids)).toBeLessThanOrEqual(edits)
    for (const part of [chained, chained.ids, chained.attacks]) expect(Object.isFrozen(part)).toBe(true)
  })

  test('its records repeat it, through JSON', () => {
    const steps: AttackStep[] = [
      { name: 'synonyms', parameters: { rate: 1 } },
      { name: 'dilute-words', parameters: { host: TEXT, passages: 1, share: 0.5 } },
      { name: 'zero-width', parameters: { rate: 0.3 } },
    ]
    const first = applyAttacks(TEXT, steps, { random: seedrandom('again') })
    const recorded = JSON.parse(JSON.stringify(first.attacks))
    expect(applyAttacks(TEXT, recorded, { random: seedrandom('again') })).toEqual(first)
  })

  test('of nothing changes nothing', () => {
    expect(applyAttacks('a', [], { random: () => 0 })).toEqual({ text: 'a', attacks: [] })
    expect(applyAttacks([1], [], { random: () => 0 })).toEqual({ ids: [1], attacks: [] })
  })

  test('does not freeze the ids that it was given', () => {
    const ids = [1, 2]
    applyAttacks(ids, [{ name: 'delete-tokens', parameters: { rate: 0 } }], { random: () => 0 })
    expect(Object.isFrozen(ids)).toBe(false)
  })

  test('refuses bad input by name', () => {
    const apply = applyAttacks as (...args: unknown[]) => unknown
    const random = { random: () => 0 }
    const step = { name: 'typos', parameters: { rate: 0 } }
    for (const [, value] of wrongValues({ except: ['string', 'array', 'bytes', 'view'] }))
      expectRefusal(() => apply(value, [], random), 'input')
    for (const [, value] of wrongValues({ except: ['array', 'bytes', 'view'] }))
      expectRefusal(() => apply('a', value, random), 'steps')
    for (const [, value] of wrongValues({ except: [] }))
      expectRefusal(() => apply('a', [step, value], random), 'steps[1]')
    for (const [, value] of wrongValues({ except: [] }))
      expectRefusal(() => apply('a', [{ ...step, name: value }], random), 'steps[0].name')
    for (const [, value] of wrongValues({ except: ['undefined', 'null', 'record', 'object'] }))
      expectRefusal(() => apply('a', [{ ...step, parameters: value }], random), 'steps[0].parameters')
    for (const [, value] of wrongValues({ except: ['function'] }))
      expectRefusal(() => apply('a', [], { random: value }), 'random')
    // Names that every object answers to, and attacks on the other level.
    for (const name of ['constructor', '__proto__', 'toString', 'delete-tokens'])
      expectRefusal(() => apply('a', [{ name, parameters: { rate: 0 } }], random), 'steps[0].name')
    expectRefusal(() => apply([1], [step], random), 'steps[0].name')
    expectRefusal(
      () => apply('a', [{ ...step, parameters: { rate: 0, random: 1 } }], random),
      'steps[0].parameters',
    )
    expectRefusal(
      () => apply('a', [{ ...step, parameters: JSON.parse('{"rate":0,"__proto__":1}') }], random),
      'options',
    )
    expectRefusal(() => apply('a', [{ name: 'typos' }], random), 'options.rate')
  })
})
