/** JSON from somebody else: what JSON.parse reads, less what two readers read differently, and nothing of it in messages. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJson } from '../src/json.ts'

const read = (text: string): unknown => parseJson(text, { start: '"input"', expected: 'JSON (a thing)' })

describe('parseJson', () => {
  test('reads what JSON.parse reads, however it is written', () => {
    const strings = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.string({
        unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ':', ',', '\n', '\ud800', '\0', 'a'),
      }),
    )
    const values = fc.jsonValue({ depthSize: 'medium', stringUnit: 'binary' })
    const nested = fc.oneof(values, fc.dictionary(strings, fc.oneof(strings, values, fc.array(strings))))
    fc.assert(
      fc.property(nested, fc.constantFrom(0, 1, '\t', ' \n\r\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        expect(read(text)).toEqual(JSON.parse(text))
        expect(read(` \r\n${text}\t`)).toEqual(JSON.parse(text))
      }),
      { seed: 1, numRuns: 1000 },
    )
  })

  test.each([
    '{"a":1,"a":2}',
    '{"a":1,"b":2,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{ "a" \n:1, "a"\t : 2}',
    '[{"b":[{"a":"\\\\","a":"\\""}]}]',
    '{"x":{"a":1},"a":2,"y":[{"a":3}],"a":4}',
    '{"__proto__":1,"__proto__":2}',
    '{"":1,"":2}',
  ])('refuses a member twice: %s', (text) => {
    expect(() => JSON.parse(text)).not.toThrow()
    expect(() => read(text)).toThrow(
      new RangeError('"input" expected JSON (a thing) without a member twice in an object, got one twice'),
    )
  })

  test.each([
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}],"c":"a"}',
    '["a","a"]',
    '{"a":"a","b":"a:","c":"{\\"a\\":1}"}',
    '[{"a":"b"},{"a":"b"}]',
    '{"toString":1,"constructor":2,"__proto__":3}',
    '"a"',
    '-0',
    '1e308',
  ])('takes %s', (text) => {
    expect(read(text)).toEqual(JSON.parse(text))
  })

  test.each(['', '{', '{"a":}', "{'a':1}", 'NaN', '\ufeff{}', '{"secret":1}x', '01', '"\n"'])(
    'refuses %j without repeating it',
    (text) => {
      expect(() => read(text)).toThrow(
        new RangeError(
          `"input" expected JSON (a thing), got a string of ${text.length} characters that does not parse`,
        ),
      )
    },
  )

  test('refuses what is nested deep, whatever is in it, and reads long flat text', () => {
    for (const depth of [65, 1e6])
      for (const [open, close] of [
        ['[', ']'],
        ['{"a":', '}'],
      ] as const)
        expect(() => read(`${open.repeat(depth)}1${close.repeat(depth)}`)).toThrow(
          'nested at most 64 deep, got deeper',
        )
    expect(read(`${'['.repeat(64)}1${']'.repeat(64)}`)).toBeDefined()
    expect((read(`[${'1,'.repeat(1e6)}1]`) as unknown[]).length).toBe(1e6 + 1)
    expect(read(`"${'\\"'.repeat(1e6)}"`)).toHaveLength(1e6)
    const members = Array.from({ length: 1e5 }, (_, i) => `"${i}":{}`).join()
    expect(Object.keys(read(`{${members}}`) as object).length).toBe(1e5)
  })
})
