/** Digests: SHA-256 as Node has it, and canonical JSON as RFC 8785 has it. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digestBytes, digestJson } from '../src/digest.ts'
import { expectRefusal, wrongValues } from './support/wrong-values.ts'

const sha256 = (data: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(data).digest('hex')}`

/** The same value with the keys of all its records in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, field]) => [key, reversed(field)]),
  )
}

// Strings of whole characters: halves of surrogate pairs are no JSON in the sense of RFC 8785.
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 5 }),
  ),
})).value

describe('digestBytes', () => {
  test('is SHA-256 as Node computes it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(digestBytes(bytes)).toBe(sha256(bytes))
      }),
      { seed: 1, numRuns: 100 },
    )
  })
})

describe('canonicalJson', () => {
  test('of the example of RFC 8785 section 3.2.2 and 3.2.3', () => {
    const input = `{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`
    expect(canonicalJson(JSON.parse(input))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  test('sorts keys by UTF-16 code units, as in section 3.2.3', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6']
    const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])))
    expect(Object.keys(JSON.parse(text)).filter((key) => key !== '1')).toEqual([
      '\r',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\u{1f600}',
      '\ufb33',
    ])
    expect(text.startsWith('{"\\r":0,"1":0,')).toBe(true)
  })

  // Appendix B of the RFC: the bits of a double, and how it is written.
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['41b3de4355555553', '333333333.3333332'],
  ])('writes the double %s as %s', (hex, text) => {
    const view = new DataView(new ArrayBuffer(8))
    view.setBigUint64(0, BigInt(`0x${hex}`))
    expect(canonicalJson(view.getFloat64(0))).toBe(text)
  })

  test('is JSON of the same value, with one text whatever the order of keys', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value)
        // JSON.stringify once, for minus zero is zero there too.
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(canonicalJson(reversed(value))).toBe(text)
        expect(digestJson(value)).toBe(sha256(text))
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  test('keeps keys that are names of prototypes', () => {
    const value = JSON.parse('{"toString":1,"__proto__":{"a":2},"constructor":3}')
    expect(canonicalJson(value)).toBe('{"__proto__":{"a":2},"constructor":3,"toString":1}')
  })

  test('leaves out properties that are undefined', () => {
    expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}')
  })

  test('takes a record twice in one value, but not in itself', () => {
    const shared = { a: 1 }
    expect(canonicalJson([shared, shared])).toBe('[{"a":1},{"a":1}]')
    const loop: Record<string, unknown> = {}
    loop['inner'] = [loop]
    expectRefusal(() => canonicalJson(loop), 'value.inner[0]')
  })

  const accepted = ['null', 'boolean', 'integer', 'string', 'array', 'record'] as const
  const notJson = [
    ...wrongValues({ except: accepted }).filter(([what]) => what !== '1.5'),
    ['half a surrogate pair', 'a\ud83d'],
    ['the other half', '\ude00b'],
    ['an array with a hole', new Array(1)],
  ] as const
  test.each(notJson)('refuses %s, wherever it stands', (_, value) => {
    expectRefusal(() => canonicalJson(value), 'value')
    expectRefusal(() => canonicalJson([0, value]), 'value[1]')
    if (value !== undefined) expectRefusal(() => canonicalJson({ a: [{ b: value }] }), 'value.a[0].b')
  })

  test('refuses half a surrogate pair in a key', () => {
    expectRefusal(() => canonicalJson({ a: { '\ud83d': 1 } }), 'value.a')
    expect(canonicalJson({ '\ud83d\ude00': 1 })).toBe('{"😀":1}')
  })
})
