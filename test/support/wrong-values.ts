/**
 * One table of values of every type, to be thrown at public entry points: what an argument does not accept must be refused by
 * name, with what was expected and what came, and never by an error of the language itself.
 */
import { expect } from 'vitest'

/** Kinds of value, as arguments accept them. */
export type Kind =
  | 'undefined'
  | 'null'
  | 'boolean'
  | 'integer'
  | 'number'
  | 'bigint'
  | 'string'
  | 'symbol'
  | 'function'
  | 'array'
  | 'bytes'
  | 'view'
  | 'record'
  | 'object'

const values: readonly (readonly [kind: Kind, what: string, value: unknown])[] = [
  ['undefined', 'undefined', undefined],
  ['null', 'null', null],
  ['boolean', 'true', true],
  ['boolean', 'false', false],
  ['integer', '0', 0],
  ['integer', '1', 1],
  ['integer', '-1', -1],
  ['integer', '2 ** 53', 2 ** 53],
  ['integer', '1e21', 1e21],
  ['number', '1.5', 1.5],
  ['number', 'NaN', Number.NaN],
  ['number', 'Infinity', Number.POSITIVE_INFINITY],
  ['bigint', '1n', 1n],
  ['string', 'the empty string', ''],
  ['string', '"1"', '1'],
  ['string', 'a long string', 'x'.repeat(10_000)],
  ['string', 'half a surrogate pair', '\ud800'],
  ['symbol', 'a symbol', Symbol('wrong')],
  ['function', 'a function', () => 1],
  ['function', 'a class', class Wrong {}],
  ['array', 'an empty array', []],
  ['array', 'an array of one', [1]],
  ['array', 'an array with a hole', new Array(1)],
  ['bytes', 'no bytes', new Uint8Array(0)],
  ['bytes', '3 bytes', new Uint8Array(3)],
  ['view', 'a Float64Array', new Float64Array(2)],
  ['view', 'a BigInt64Array', new BigInt64Array(2)],
  ['view', 'a DataView', new DataView(new ArrayBuffer(4))],
  ['record', 'an empty record', {}],
  ['record', 'a record without prototype', Object.create(null)],
  ['record', 'a record whose constructor lies', JSON.parse('{"constructor":{"name":{"toString":null}}}')],
  ['record', 'a record with a key of another', JSON.parse('{"__proto__":{"share":1}}')],
  ['object', 'a Map', new Map()],
  ['object', 'a Date', new Date(0)],
  ['object', 'a Promise', Promise.resolve()],
  ['object', 'an ArrayBuffer', new ArrayBuffer(8)],
]

/** The values that are of none of these kinds, as [what, value], for `test.each`. */
export function wrongValues({ except }: { except: readonly Kind[] }): [what: string, value: unknown][] {
  return values.filter(([kind]) => !except.includes(kind)).map(([, what, value]) => [what, value])
}

/** A refusal: a TypeError or RangeError that names the argument and says what was expected and what came. */
export function expectRefusal(call: () => unknown, name: string): Error {
  let error: unknown
  try {
    call()
  } catch (thrown) {
    error = thrown
  }
  return expectRefusalError(error, name)
}

/** As {@link expectRefusal}, of a call that answers with a promise. */
export async function expectRefusalOf(call: () => Promise<unknown>, name: string): Promise<Error> {
  const error = await call().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return expectRefusalError(error, name)
}

function expectRefusalError(error: unknown, name: string): Error {
  expect(error, `"${name}" was to be refused`).toBeInstanceOf(Error)
  const { message } = error as Error
  expect([TypeError, RangeError], message).toContain((error as Error).constructor)
  // Parts count: "layers" is named by "layers[0].share".
  expect(message).toMatch(
    new RegExp(`^"([a-zA-Z]+\\.)?${name.replace(/[.[\]]/g, '\\$&')}[^"]*" expected .+, got .+`),
  )
  expect(message.length, 'no message repeats a long value').toBeLessThan(500)
  return error as Error
}
