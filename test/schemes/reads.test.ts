/** Which contexts a key says anything about: asked for many pairs at once, the answers are those for one. */
import { test as property } from '@fast-check/vitest'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type KernelChoice, useKernels } from '../../src/prf/kernels/kernels.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { reads, readsOf } from '../../src/schemes/reads.ts'
import { SCHEMES, schemeWithKeys } from '../support/schemes.ts'

const PATHS: readonly KernelChoice[] = ['javascript', 'wasm']
const layers = [
  { role: 'provider', label: 'a', share: 40000 },
  { role: 'cohort', label: 'b', share: 25536 },
] as const
const { profile, keys } = schemeWithKeys('reads', SCHEMES['green list'], { layers })
const scheme = schemeOf(profile, { lanes: 1 })
const anyPairs = fc
  .array(fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 255 })), { maxLength: 80 })
  .map((pairs) => Uint32Array.from(pairs.flat()))

const oneByOne = (pairs: Uint32Array, tested: Parameters<typeof reads>[0]): number[] =>
  Array.from({ length: pairs.length / 2 }, (_, i) => Number(reads(tested, [pairs[2 * i]!])))

afterEach(() => useKernels('auto'))

describe.each(PATHS)('%s', (path) => {
  property.prop([anyPairs], { numRuns: 100 })('layers share contexts among them as one by one', (pairs) => {
    useKernels(path)
    const answers = keys.map((key) => Array.from(readsOf(pairs, { key, scheme, contextWidth: 1 })!))
    expect(answers).toEqual(keys.map((key) => oneByOne(pairs, { key, scheme })))
    // Each context has one layer.
    expect(answers[0]!.map((answer, i) => answer + answers[1]![i]!)).toEqual(answers[0]!.map(() => 1))
  })

  property.prop([anyPairs], { numRuns: 100 })('contexts that say nothing of a key are left out', (pairs) => {
    useKernels(path)
    const picky = { ...scheme, isKeyed: (context: ArrayLike<number>) => context[0]! % 3 !== 0 }
    for (const key of keys)
      expect(Array.from(readsOf(pairs, { key, scheme: picky, contextWidth: 1 })!)).toEqual(
        oneByOne(pairs, { key, scheme: picky }),
      )
  })
})

test('undefined where a key says something about all', () => {
  const alone = schemeWithKeys('alone', SCHEMES['green list'])
  expect(readsOf(Uint32Array.of(1, 2), { key: alone.key, scheme, contextWidth: 1 })).toBe(undefined)
})
