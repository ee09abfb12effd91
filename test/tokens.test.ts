/** Token ids: every id of the vocabulary and nothing else. */
import { describe, expect, test } from 'vitest'
import { assertPromptLength, assertTokenIds } from '../src/tokens.ts'
import { expectRefusal, wrongValues } from './support/wrong-values.ts'

const about = { name: 'ids', vocabularySize: 10 }

describe('assertTokenIds', () => {
  test.each([
    ['none', []],
    ['plain numbers', [0, 9, 5]],
    ['minus zero', [-0]],
    ['a Uint32Array', Uint32Array.of(0, 9)],
    ['an Int32Array', Int32Array.of(0, 9)],
    ['a Float64Array of integers', Float64Array.of(0, 9)],
  ])('takes %s', (_, ids) => {
    expect(() => assertTokenIds(ids, about)).not.toThrow()
  })

  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('refuses %s', (_, value) => {
    expect(expectRefusal(() => assertTokenIds(value, about), 'ids')).toBeInstanceOf(TypeError)
  })

  test.each([...wrongValues({ except: ['integer'] }), ['10', 10], ['-1', -1], ['2 ** 32', 2 ** 32]])(
    'refuses %s among the ids, by its place',
    (_, value) => {
      const error = expectRefusal(() => assertTokenIds([0, 9, value, 'later'], about), 'ids[2]')
      expect(error).toBeInstanceOf(typeof value === 'number' ? RangeError : TypeError)
      expect(error.message).toContain('a token id in 0..9')
    },
  )

  test('refuses holes, ids outside in typed arrays, and says what to do with 64-bit ids', () => {
    expectRefusal(() => assertTokenIds(Object.assign([1], { length: 3 }), about), 'ids[1]')
    expectRefusal(() => assertTokenIds(Int32Array.of(1, -1), about), 'ids[1]')
    expectRefusal(() => assertTokenIds(Float32Array.of(0.5), about), 'ids[0]')
    const { message } = expectRefusal(() => assertTokenIds(BigInt64Array.of(1n), about), 'ids[0]')
    expect(message).toMatch(/; convert with Array\.from\(ids, Number\)$/)
  })
})

describe('assertPromptLength', () => {
  const check = (value: unknown): void => assertPromptLength(value, { name: 'promptLength', length: 3 })

  test('takes 0 to the length of the document', () => {
    for (const length of [0, 1, 3]) expect(() => check(length)).not.toThrow()
  })

  test.each([...wrongValues({ except: ['integer'] }), ['-1', -1], ['4', 4], ['2 ** 53', 2 ** 53]])(
    'refuses %s',
    (_, value) => {
      expectRefusal(() => check(value), 'promptLength')
    },
  )
})
