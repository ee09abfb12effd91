/** Checks at the boundary: what each takes, that every refusal names the argument, and that messages are safe to print. */
import { describe, expect, test } from 'vitest'
import {
  assertArray,
  assertBytes,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertOptions,
  assertRecord,
  assertString,
  describeHidden,
  describe as describeValue,
} from '../src/assert.ts'
import { expectRefusal, type Kind, wrongValues } from './support/wrong-values.ts'

const name = 'argument'
const positive = { name, expected: 'a number above 0', holds: (x: number): boolean => x > 0 }

const CHECKS: readonly [
  what: string,
  check: (value: unknown) => void,
  accepts: readonly Kind[],
  right: unknown[],
][] = [
  ['assertInteger', (v) => assertInteger(v, { name, min: 5, max: 7 }), [], [5, 6, 7]],
  ['assertNumber', (v) => assertNumber(v, positive), ['integer', 'number'], [1, 1e21, 5e-324]],
  ['assertString', (v) => assertString(v, { name, pattern: /^[a-z]$/ }), [], ['x']],
  ['assertBytes', (v) => assertBytes(v, { name, length: 4 }), [], [new Uint8Array(4), Buffer.alloc(4)]],
  ['assertOneOf', (v) => assertOneOf(v, { name, values: ['up', 'down'] }), [], ['up', 'down']],
  ['assertRecord', (v) => assertRecord(v, { name }), ['record', 'object'], [{ a: 1 }, Object.create(null)]],
  ['assertOptions', (v) => assertOptions(v, { name, keys: ['a'] }), ['record', 'object'], [{}, { a: 1 }]],
  [
    'assertArray',
    (v) => assertArray(v, { name }),
    ['array', 'bytes', 'view'],
    [[], [1], new Float32Array(2)],
  ],
]

describe.each(CHECKS)('%s', (_, check, accepts, right) => {
  test.each(wrongValues({ except: accepts }))('refuses %s', (_what, value) => {
    expectRefusal(() => check(value), name)
  })

  test.each(right.map((value) => [value]))('takes %o', (value) => {
    expect(() => check(value)).not.toThrow()
  })
})

describe('the kind of error', () => {
  test.each([
    ['a wrong type', TypeError, () => assertInteger('6', { name })],
    ['a wrong value', RangeError, () => assertInteger(8, { name, max: 7 })],
    ['a fraction', RangeError, () => assertInteger(6.5, { name })],
    ['no number', RangeError, () => assertNumber(Number.NaN, positive)],
    ['a number that does not hold', RangeError, () => assertNumber(-1, positive)],
    ['bytes of another length', RangeError, () => assertBytes(new Uint8Array(3), { name, length: 4 })],
    ['an array in place of bytes', TypeError, () => assertBytes([1, 2, 3, 4], { name, length: 4 })],
    ['a word outside the set', RangeError, () => assertOneOf('left', { name, values: ['up'] })],
    ['a string that does not match', RangeError, () => assertString('X', { name, pattern: /^x$/ })],
    ['an unknown key', RangeError, () => assertRecord({ b: 1 }, { name, keys: ['a'] })],
    ['an array in place of a record', TypeError, () => assertRecord([], { name })],
  ])('for %s', (_, Kind, call) => {
    expect(expectRefusal(call, name).constructor).toBe(Kind)
  })
})

describe('messages', () => {
  test.each([
    ['"k" expected an integer in 1..7, got 8', () => assertInteger(8, { name: 'k', min: 1, max: 7 })],
    ['"k" expected an integer in 0..9, got 1e+21', () => assertInteger(1e21, { name: 'k', max: 9 })],
    ['"k" expected an integer, got "7"', () => assertInteger('7', { name: 'k' })],
    ['"delta" expected a number above 0, got 0', () => assertNumber(0, { ...positive, name: 'delta' })],
    [
      '"role" expected one of "a", "b", got "x"',
      () => assertOneOf('x', { name: 'role', values: ['a', 'b'] }),
    ],
    ['"o" expected { a }, got 1', () => assertRecord(1, { name: 'o', expected: '{ a }' })],
    ['"o" expected only the keys a, got "b"', () => assertRecord({ b: 1 }, { name: 'o', keys: ['a'] })],
    [
      '"bytes" expected a Uint8Array, got a string of 4 characters',
      () => assertBytes('00ff', { name: 'bytes' }),
    ],
  ])('%s', (message, call) => {
    expect(call).toThrow(message)
  })

  test('inherited keys are no own keys: options made with a prototype are refused only for their own', () => {
    const options = Object.assign(Object.create({ inherited: 1 }), { a: 1 })
    expect(() => assertRecord(options, { name, keys: ['a'] })).not.toThrow()
  })

  test('"__proto__" that came from JSON is a key like any other', () => {
    expectRefusal(() => assertRecord(JSON.parse('{"__proto__":1}'), { name, keys: ['a'] }), name)
  })
})

describe('describe', () => {
  test.each([
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [-1.5, '-1.5'],
    [7n, '7n'],
    ['text', '"text"'],
    ['line\nbreak \u001b[31m', '"line\\nbreak \\u001b[31m"'],
    ['x'.repeat(40), `"${'x'.repeat(40)}"`],
    ['x'.repeat(41), 'a string of 41 characters'],
    [[1, 2], 'an array of length 2'],
    [new Uint8Array(3), 'Uint8Array of 3 bytes'],
    [new Float32Array(3), 'Float32Array of 12 bytes'],
    [{ a: 1 }, 'an object (Object)'],
    [{ format: 'dyetrace/verdict-1' }, 'a record of format "dyetrace/verdict-1"'],
    [new Map(), 'an object (Map)'],
    [Object.create(null), 'an object (no prototype)'],
    [Symbol('s'), 'a symbol'],
    [() => 1, 'a function'],
  ])('%o is %s', (value, text) => {
    expect(describeValue(value)).toBe(text)
  })

  test('does not believe an object that names its own class', () => {
    for (const json of [
      '{"constructor":{"name":"Uint8Array"}}',
      '{"constructor":null}',
      '{"format":"dyetrace/\\u001b[31m-1"}',
      '{"format":"x dyetrace/verdict-1"}',
      '{"format":null}',
      '{"constructor":{"name":{"toString":null}}}',
      `{"constructor":{"name":"${'x'.repeat(9999)}"}}`,
      '{"__proto__":{"constructor":{"name":"x"}}}',
    ])
      expect(describeValue(JSON.parse(json))).toBe('an object (Object)')
    expect(describeValue(Object.assign(new Uint8Array(2), { constructor: null }))).toBe(
      'Uint8Array of 2 bytes',
    )
    const nameless = Object.create({ constructor: { name: Symbol('x') } })
    expect(describeValue(nameless)).toBe('an object (no name)')
  })
})

describe('describeHidden', () => {
  test.each([
    ['short secret', 'a string of 12 characters'],
    [123456789, 'a number'],
    [2n ** 255n + 1n, 'a bigint'],
    [null, 'null'],
    [undefined, 'undefined'],
    [[1, 2], 'an array of length 2'],
    [new Uint8Array(32), 'Uint8Array of 32 bytes'],
    [{ k: 'secret' }, 'an object (Object)'],
  ])('%o is %s', (value, text) => {
    expect(describeHidden(value)).toBe(text)
  })
})
