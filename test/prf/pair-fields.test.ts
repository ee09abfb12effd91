/** Fields and route values of many pairs at once are those of the functions that define them, on both paths. */
import { test as property } from '@fast-check/vitest'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { markKeyWords } from '../../src/keys/mark-key.ts'
import { createFieldFunction, routeValue } from '../../src/prf/fields.ts'
import { type KernelChoice, kernels, useKernels } from '../../src/prf/kernels/kernels.ts'
import { routeValues, writePairFields } from '../../src/prf/pair-fields.ts'
import { keysOf } from '../support/keys.ts'

const PATHS: readonly KernelChoice[] = ['javascript', 'wasm']
const key = keysOf({})(1)
const route = Uint32Array.from({ length: 8 }, (_, i) => Math.imul(0x9e3779b9, i + 1))

const anyId = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 2 ** 24 - 1 }))
const pairsOfWidth = (contextWidth: number) =>
  fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(16, 1023, 1024, 1025)).chain((count) => {
    const length = count * (contextWidth + 1)
    return fc.record({
      contextWidth: fc.constant(contextWidth),
      pairs: fc
        .array(anyId, { minLength: length, maxLength: length })
        .map((words) => Uint32Array.from(words)),
    })
  })
const anyPairs = fc.nat({ max: 4 }).chain(pairsOfWidth)

/** Context and token of each pair. */
function sites(pairs: Uint32Array, contextWidth: number): { context: Uint32Array; token: number }[] {
  const stride = contextWidth + 1
  return Array.from({ length: pairs.length / stride }, (_, i) => ({
    context: pairs.subarray(i * stride, (i + 1) * stride - 1),
    token: pairs[(i + 1) * stride - 1]!,
  }))
}

afterEach(() => useKernels('auto'))

describe.each(PATHS)('route values, %s', (path) => {
  property.prop([anyPairs], { numRuns: 150 })('those of routeValue', ({ pairs, contextWidth }) => {
    useKernels(path)
    const expected = sites(pairs, contextWidth).map(({ context }) => routeValue(route, context))
    expect(Array.from(routeValues(pairs, { route, contextWidth }))).toEqual(expected)
  })
})

property.prop([anyPairs, fc.constantFrom(1, 8, 32 as const), fc.nat({ max: 9 }), fc.nat()], { numRuns: 200 })(
  'fields of one lane and of all: those of the field function',
  ({ pairs, contextWidth }, bits, lanesLog2, anyLane) => {
    const lanes = 2 ** Math.min(lanesLog2, Math.log2(512 / bits))
    const format = { contextWidth, bits: bits as 1 | 8 | 32, lanes }
    const field = createFieldFunction(format)
    const lane = anyLane % lanes
    const all = sites(pairs, contextWidth)
    const out = new Uint32Array(all.length)
    writePairFields(out, pairs, { key: markKeyWords(key), format, lane, read: 1 })
    expect(Array.from(out)).toEqual(all.map(({ context, token }) => field(key, context, token, lane)))
    const few = all.slice(0, 20)
    const rows = new Uint32Array(few.length * lanes)
    const own = pairs.subarray(0, few.length * (contextWidth + 1))
    writePairFields(rows, own, { key: markKeyWords(key), format, lane: 0, read: lanes })
    const expected = few.flatMap(({ context, token }) =>
      Array.from({ length: lanes }, (_, l) => field(key, context, token, l)),
    )
    expect(Array.from(rows)).toEqual(expected)
  },
)

test('a route key is wiped', () => {
  useKernels('wasm')
  const pairs = Uint32Array.from({ length: 200 }, (_, i) => i)
  routeValues(pairs, { route, contextWidth: 1 })
  const { words } = kernels()!
  expect(words.some((word) => route.includes(word) && word !== 0)).toBe(false)
})
