/**
 * What an attack gives back: the edited text or ids, and a record that says what was done. The record holds every parameter, so
 * the same input with the same parameters and the same stream of random numbers gives the same edits again.
 */

/** Name of an attack, as tables and command lines write it. */
export type AttackName =
  | 'delete-tokens'
  | 'insert-tokens'
  | 'substitute-tokens'
  | 'truncate-tokens'
  | 'dilute-tokens'
  | 'replace-token-chunks'
  | 'scramble-token-chunks'
  | 'delete-words'
  | 'insert-words'
  | 'substitute-words'
  | 'swap-words'
  | 'truncate-words'
  | 'dilute-words'
  | 'replace-word-chunks'
  | 'scramble-word-chunks'
  | 'shuffle-sentences'
  | 'lowercase'
  | 'synonyms'
  | 'typos'
  | 'homoglyphs'
  | 'zero-width'

/** What `edits` counts. Characters are code points. */
export type EditUnit = 'tokens' | 'words' | 'sentences' | 'characters'

/** A parameter, as JSON has it. */
export type AttackParameter = number | string | readonly number[] | readonly string[]

/** What was done. Frozen. */
export interface AttackRecord {
  readonly name: AttackName
  /** All parameters but the random numbers; those that had a default are resolved, long ones are whole. */
  readonly parameters: Readonly<Record<string, AttackParameter>>
  /**
   * Insertions, deletions and substitutions made, in `unit`: the edit distance between input and output is at most this. A move
   * counts as a deletion and an insertion. In tokens it is the e of a certificate about e edits. (Of a text with halves of surrogate pairs
   * it can be more: two halves that come together are one character.)
   */
  readonly edits: number
  readonly unit: EditUnit
}

/** An edited text. Frozen. */
export interface AttackedText {
  readonly text: string
  readonly attack: AttackRecord
}

/** Edited token ids. Frozen. */
export interface AttackedIds {
  readonly ids: readonly number[]
  readonly attack: AttackRecord
}

/** Freezes a result about a text. Parameters that are undefined were not given and are left out. */
export function attackedText(text: string, attack: UncheckedRecord): AttackedText {
  return Object.freeze({ text, attack: frozen(attack) })
}

/** Freezes a result about ids, and keeps a copy of them. */
export function attackedIds(ids: readonly number[], attack: UncheckedRecord): AttackedIds {
  return Object.freeze({ ids: Object.freeze([...ids]), attack: frozen(attack) })
}

interface UncheckedRecord extends Omit<AttackRecord, 'parameters'> {
  readonly parameters: Readonly<Record<string, AttackParameter | undefined>>
}

function frozen({ name, parameters, edits, unit }: UncheckedRecord): AttackRecord {
  const given = Object.entries(parameters)
    .filter((entry): entry is [string, AttackParameter] => entry[1] !== undefined)
    .map(([key, value]) => [key, typeof value === 'object' ? Object.freeze([...value]) : value])
  return Object.freeze({ name, parameters: Object.freeze(Object.fromEntries(given)), edits, unit })
}
