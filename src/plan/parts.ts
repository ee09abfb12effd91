/**
 * The parts of a plan that are records themselves: what each says, and how it is read back. Whether the parts agree with each other is
 * decided in agreement.ts.
 */
import { assertInteger, assertNumber, assertOneOf, assertString, describe } from '../assert.ts'
import type { Digest } from '../digest.ts'
import { entriesOf, optional, ownFields, readDigest, readLine } from './fields.ts'

/** How answers are asked for (access "text"). Frozen. */
export interface PlannedCompletion {
  /** Most tokens of an answer. */
  readonly maxTokens: number
  /** Sampling temperature; 0 is greedy. */
  readonly temperature: number
  /** Seed of the sampling, where the suspect takes one. */
  readonly seed?: string
}

/** The unmarked text whose window counts weigh windows. Frozen. */
export interface PlannedExposure {
  /** Where the text is from. */
  readonly origin: string
  readonly tokens: number
  readonly digest: Digest
}

/** Documents of token ids. Frozen. */
export interface PlannedText {
  readonly documents: number
  /** Of the JSON array of their id arrays, as that of prompts. */
  readonly digest: Digest
}

/**
 * When the test looks, and when it ends. Frozen.
 *
 * fixed: one look, when all prompts are answered. looks: at the first `first * 2^k` observations, k = 0..looks - 1, with the levels that
 * `plannedLooks` gives. e-process: after every answer.
 */
export type Stopping =
  | { readonly rule: 'fixed' }
  | { readonly rule: 'looks'; readonly first: number; readonly looks: number }
  | {
      readonly rule: 'e-process'
      /** Each scored window is new among all texts so far, so that the next prompt may be chosen in the light of earlier answers. */
      readonly fresh: boolean
      /** The test gives up after so many counted pairs. Left out: it never does. */
      readonly futility?: number
    }

/** Windows are judged in two classes, each from both sides. Frozen. */
export interface WindowClasses {
  /** Windows that the exposure counts so often or more are the frequent ones. */
  readonly frequent: number
}

/** The most that may be asked. At least one of the three is given. Frozen. */
export interface Budget {
  readonly answers?: number
  /** Tokens that are paid for: of prompts and answers. */
  readonly tokens?: number
  readonly price?: {
    readonly amount: number
    /** Three letters of ISO 4217. */
    readonly currency: string
    readonly perMillionTokens: number
  }
}

/** What the plan was made large enough for. Frozen. */
export interface PlannedPower {
  /** Wanted chance to find the effect, if it is there. */
  readonly target: number
  /** Assumed shift of the mean score, in null standard deviations for each scored pair. */
  readonly effect: number
}

/** A key that will be tried. Key ids are public. Frozen. */
export interface FamilyMember {
  readonly keyId: string
  readonly lane: number
}

/** Most looks: the last of more would be at more observations than anybody has. */
const MOST_LOOKS = 30
/** With one bit a field and 512 bits a block. */
const MOST_LANES = 512

export function readCompletion(value: unknown, { name }: { name: string }): PlannedCompletion {
  const { maxTokens, temperature, seed } = ownFields(value, {
    name,
    keys: ['maxTokens', 'temperature', 'seed'],
  })
  assertInteger(maxTokens, { name: `${name}.maxTokens`, min: 1 })
  assertNumber(temperature, {
    name: `${name}.temperature`,
    expected: 'a temperature of at least 0',
    holds: (t) => t >= 0,
  })
  const seeded = optional('seed', seed, (words) => readLine(words, { name: `${name}.seed` }))
  return Object.freeze({ maxTokens, temperature: temperature + 0, ...seeded })
}

export function readExposure(value: unknown, { name }: { name: string }): PlannedExposure {
  const { origin, tokens, digest } = ownFields(value, { name, keys: ['origin', 'tokens', 'digest'] })
  readLine(origin, { name: `${name}.origin`, expected: 'words that say where the unmarked text is from' })
  assertInteger(tokens, { name: `${name}.tokens`, min: 1 })
  return Object.freeze({
    origin: origin as string,
    tokens,
    digest: readDigest(digest, { name: `${name}.digest` }),
  })
}

export function readText(value: unknown, { name }: { name: string }): PlannedText {
  const { documents, digest } = ownFields(value, { name, keys: ['documents', 'digest'] })
  assertInteger(documents, { name: `${name}.documents` })
  return Object.freeze({ documents, digest: readDigest(digest, { name: `${name}.digest` }) })
}

const RULE_KEYS = { fixed: [], looks: ['first', 'looks'], 'e-process': ['fresh', 'futility'] } as const

export function readStopping(value: unknown, { name }: { name: string }): Stopping {
  const all = ownFields(value, { name, keys: ['rule', 'first', 'looks', 'fresh', 'futility'] })
  const { rule, first, looks, fresh, futility } = all
  assertOneOf(rule, { name: `${name}.rule`, values: ['fixed', 'looks', 'e-process'] })
  const own: readonly string[] = ['rule', ...RULE_KEYS[rule]]
  for (const [key, given] of Object.entries(all)) {
    if (given !== undefined && !own.includes(key))
      throw new RangeError(
        `"${name}" expected only the keys ${own.join(', ')} for the rule "${rule}", got "${key}"`,
      )
  }
  switch (rule) {
    case 'fixed':
      return Object.freeze({ rule })
    case 'looks':
      assertInteger(looks, { name: `${name}.looks`, min: 1, max: MOST_LOOKS })
      assertInteger(first, {
        name: `${name}.first`,
        min: 1,
        max: Math.floor(Number.MAX_SAFE_INTEGER / 2 ** (looks - 1)),
      })
      return Object.freeze({ rule, first, looks })
    case 'e-process': {
      assertBoolean(fresh, { name: `${name}.fresh` })
      if (futility === undefined) return Object.freeze({ rule, fresh })
      assertInteger(futility, { name: `${name}.futility`, min: 1 })
      return Object.freeze({ rule, fresh, futility })
    }
  }
}

export function readClasses(value: unknown, { name }: { name: string }): WindowClasses {
  const { frequent } = ownFields(value, { name, keys: ['frequent'] })
  assertInteger(frequent, { name: `${name}.frequent`, min: 1 })
  return Object.freeze({ frequent })
}

export function readBudget(value: unknown, { name }: { name: string }): Budget {
  const { answers, tokens, price } = ownFields(value, { name, keys: ['answers', 'tokens', 'price'] })
  if (answers === undefined && tokens === undefined && price === undefined)
    throw new RangeError(`"${name}" expected answers, tokens or a price, got none of them`)
  const integer = (key: string) => (given: unknown) => readInteger(given, { name: `${name}.${key}`, min: 1 })
  return Object.freeze({
    ...optional('answers', answers, integer('answers')),
    ...optional('tokens', tokens, integer('tokens')),
    ...optional('price', price, (given) => readPrice(given, { name: `${name}.price` })),
  })
}

function readPrice(value: unknown, { name }: { name: string }): NonNullable<Budget['price']> {
  const keys = ['amount', 'currency', 'perMillionTokens'] as const
  const { amount, currency, perMillionTokens } = ownFields(value, { name, keys })
  const above0 = { expected: 'a number above 0', holds: (x: number) => x > 0 }
  assertNumber(amount, { name: `${name}.amount`, ...above0 })
  assertString(currency, {
    name: `${name}.currency`,
    expected: 'three capital letters of ISO 4217',
    pattern: /^[A-Z]{3}$/,
  })
  assertNumber(perMillionTokens, { name: `${name}.perMillionTokens`, ...above0 })
  return Object.freeze({ amount, currency, perMillionTokens })
}

export function readPower(value: unknown, { name }: { name: string }): PlannedPower {
  const { target, effect } = ownFields(value, { name, keys: ['target', 'effect'] })
  assertNumber(target, {
    name: `${name}.target`,
    expected: 'a probability above 0 and below 1',
    holds: (p) => p > 0 && p < 1,
  })
  assertNumber(effect, { name: `${name}.effect`, expected: 'an effect above 0', holds: (d) => d > 0 })
  return Object.freeze({ target, effect })
}

export function readFamily(value: unknown, { name }: { name: string }): readonly FamilyMember[] {
  const expected = 'an array of { keyId, lane }'
  const family = entriesOf(value, { name, expected, read: readMember })
  if (family.length === 0)
    throw new RangeError(`"${name}" expected at least one key (leave it out where none is known), got none`)
  const seen = new Set<string>()
  for (const [i, { keyId, lane }] of family.entries()) {
    const member = `${keyId}/${lane}`
    if (seen.has(member))
      throw new RangeError(
        `"${name}[${i}]" expected a key that is not named before, got ${keyId}, lane ${lane} again`,
      )
    seen.add(member)
  }
  return family
}

function readMember(value: unknown, name: string): FamilyMember {
  const { keyId, lane } = ownFields(value, { name, keys: ['keyId', 'lane'] })
  assertString(keyId, {
    name: `${name}.keyId`,
    expected: 'a key id of 16 hex digits',
    pattern: /^[0-9a-f]{16}$/,
  })
  assertInteger(lane, { name: `${name}.lane`, max: MOST_LANES - 1 })
  return Object.freeze({ keyId, lane })
}

export function readInteger(
  value: unknown,
  { name, ...limits }: { name: string; min: number; max?: number },
): number {
  assertInteger(value, { name, ...limits })
  return value
}

export function assertBoolean(value: unknown, { name }: { name: string }): asserts value is boolean {
  if (typeof value !== 'boolean')
    throw new TypeError(`"${name}" expected true or false, got ${describe(value)}`)
}
