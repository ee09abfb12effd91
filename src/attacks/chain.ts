/** Attacks one after the other, from names and parameters as a command line or a file gives them. */
import { assertArray, assertOneOf, assertRecord, assertString } from '../assert.ts'
import type { TokenIds } from '../tokens.ts'
import { ATTACKS } from './attacks.ts'
import { assertIds, assertSeeded, type Seeded } from './options.ts'
import type { AttackName, AttackParameter, AttackRecord } from './record.ts'

/** One attack of a chain. The record of an attack that was made is one, too: it can be made again. */
export interface AttackStep {
  readonly name: AttackName
  /** @defaultValue none */
  readonly parameters?: Readonly<Record<string, AttackParameter>>
}

/** A text after a chain of attacks. Frozen. */
export interface ChainedText {
  readonly text: string
  /** In the order in which they were made. */
  readonly attacks: readonly AttackRecord[]
}

/** Ids after a chain of attacks. Frozen. */
export interface ChainedIds {
  readonly ids: readonly number[]
  /** In the order in which they were made. */
  readonly attacks: readonly AttackRecord[]
}

/**
 * Applies attacks in order, all with one stream of random numbers. Edits of a chain add up: the edit distance is at most the sum of
 * the steps' edits if these have one unit.
 * @param input a text, or token ids; the steps must all be attacks on that.
 * @param steps names and parameters; also the `attacks` of an earlier chain, which with the same stream repeat it.
 * @throws TypeError or RangeError for an unknown name, an attack of the other level, or what the attacks themselves refuse.
 * @example
 * import { applyAttacks } from 'dyetrace/attacks'
 * const steps = [{ name: 'lowercase', parameters: { rate: 1 } }, { name: 'swap-words', parameters: { rate: 1 } }]
 * const { text, attacks } = applyAttacks('One, two.', steps, { random: () => 0.5 })
 * text // 'two, one.'
 * attacks.map(({ edits }) => edits) // [ 1, 2 ]
 */
export function applyAttacks(input: string, steps: readonly AttackStep[], options: Seeded): ChainedText
export function applyAttacks(input: TokenIds, steps: readonly AttackStep[], options: Seeded): ChainedIds
export function applyAttacks(
  input: string | TokenIds,
  steps: readonly AttackStep[],
  options: Seeded,
): ChainedText | ChainedIds {
  const level = typeof input === 'string' ? 'text' : 'ids'
  if (level === 'ids') assertIds(input, { name: 'input' })
  assertSteps(steps, { level })
  assertSeeded(options, [])
  const { random } = options
  const attacks: AttackRecord[] = []
  let [text, ids] = typeof input === 'string' ? [input, []] : ['', Array.from(input)]
  for (const { name, parameters } of steps) {
    const attack = ATTACKS[name]
    if (attack.level === 'text') {
      const edited = attack.apply(text, { ...parameters, random })
      text = edited.text
      attacks.push(edited.attack)
    } else {
      const edited = attack.apply(ids, { ...parameters, random })
      ids = [...edited.ids]
      attacks.push(edited.attack)
    }
  }
  Object.freeze(attacks)
  return Object.freeze(level === 'text' ? { text, attacks } : { ids: Object.freeze(ids), attacks })
}

function assertSteps(
  steps: unknown,
  { level }: { level: 'text' | 'ids' },
): asserts steps is readonly AttackStep[] {
  assertArray(steps, { name: 'steps' })
  const values = namesOf(level)
  for (const [i, step] of Array.from(steps as ArrayLike<unknown>).entries()) {
    const name = `steps[${i}]`
    // What a record holds besides is about the past.
    assertRecord(step, { name, keys: ['name', 'parameters', 'edits', 'unit'] })
    assertString(step['name'], { name: `${name}.name` })
    assertOneOf(step['name'], { name: `${name}.name`, values })
    const parameters = step['parameters'] ?? {}
    assertRecord(parameters, { name: `${name}.parameters` })
    if ('random' in parameters)
      throw new RangeError(`"${name}.parameters" expected no "random", got one; it is an option of the chain`)
  }
}

function namesOf(level: 'text' | 'ids'): AttackName[] {
  return (Object.keys(ATTACKS) as AttackName[]).filter((name) => ATTACKS[name].level === level)
}
