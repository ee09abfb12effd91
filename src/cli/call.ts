/**
 * A command as data (what it is called, what it takes, what its JSON says, an example) and the call of one. Data, so that help, docs/cli.md and
 * tests speak of the same thing. Values of options come as words; they are read here, and errors name the option.
 */
import type { Colors } from 'picocolors/types.js'
import type { Environment } from './environment.ts'
import { type ExitCode, InputError } from './exit.ts'

/** An option: how it is written, what it does. `list` may be given several times. */
export interface OptionSpec {
  readonly flags: string
  readonly says: string
  readonly required?: true
  readonly list?: true
}

/** A command. */
export interface CommandSpec {
  /** Words, as in `case new`. */
  readonly path: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What it does and what to know, in sentences. */
  readonly about: string
  /** As commander has them: `<file>`, `[files...]`, each with what it is. */
  readonly operands?: readonly (readonly [name: string, says: string])[]
  readonly options: readonly OptionSpec[]
  /** Command lines that run in a folder as the documentation makes it. */
  readonly examples: readonly string[]
  /** Members of the JSON document; those that end in "?" may be missing. */
  readonly json: Readonly<Record<string, string>>
  /** Meaning of 0 and 10 here, where they are not what they always are. */
  readonly exits?: string
  readonly run: (call: Call) => Promise<Outcome>
}

/** What a command gives back. Exactly one of text and JSON is printed. */
export interface Outcome {
  readonly exit: ExitCode
  readonly json: Readonly<Record<string, unknown>>
  /** For people: lines without colours that matter, wrapped when printed. */
  readonly text: string
  /** The text is a result as such, for another program: printed as it is. */
  readonly verbatim?: true
}

/** One call of a command. */
export interface Call {
  readonly environment: Environment
  readonly operands: readonly string[]
  readonly isJson: boolean
  /** Colours, or functions that do nothing. */
  readonly colors: Colors
  /** Characters of a line of output. */
  readonly width: number
  /** A line for people beside the result, on standard error; nothing with --json. */
  note(text: string): void
  /** The word of an option. */
  option(name: string): string | undefined
  needed(name: string): string
  list(name: string): readonly string[]
  flag(name: string): boolean
  integer(name: string, range?: { min?: number; max?: number }): number | undefined
  number(name: string, rule: { expected: string; holds: (value: number) => boolean }): number | undefined
}

/** Reads option values of a call. */
export function optionReaders(
  values: Readonly<Record<string, unknown>>,
): Pick<Call, 'option' | 'needed' | 'list' | 'flag' | 'integer' | 'number'> {
  const option = (name: string): string | undefined => {
    const value = values[camelCase(name)]
    return typeof value === 'string' ? value : undefined
  }
  const number: Call['number'] = (name, { expected, holds }) => {
    const word = option(name)
    if (word === undefined) return undefined
    const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word) ? Number(word) : Number.NaN
    if (!Number.isFinite(value) || !holds(value))
      throw new InputError(`option --${name}: expected ${expected}, got ${shown(word)}`)
    return value
  }
  return {
    option,
    number,
    needed(name) {
      const value = option(name)
      if (value === undefined) throw new InputError(`option --${name}: expected one, got none`)
      return value
    },
    list(name) {
      const value = values[camelCase(name)]
      return Array.isArray(value) ? value : []
    },
    flag: (name) => values[camelCase(name)] === true,
    integer(name, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}) {
      return number(name, {
        expected: max === Number.MAX_SAFE_INTEGER ? `an integer from ${min}` : `an integer in ${min}..${max}`,
        holds: (value) => Number.isSafeInteger(value) && value >= min && value <= max,
      })
    },
  }
}

/** A word of the command line in a message: short ones only, for long ones may be anything. */
export function shown(word: string): string {
  return word.length <= 40 ? JSON.stringify(word) : `a word of ${word.length} characters`
}

/** Splits `name=value`. */
export function pairOf(word: string, { option }: { option: string }): readonly [string, string] {
  const at = word.indexOf('=')
  if (at < 1) throw new InputError(`option --${option}: expected name=value, got ${shown(word)}`)
  return [word.slice(0, at), word.slice(at + 1)]
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
