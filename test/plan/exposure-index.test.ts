/** The exposure index: what is counted is read back, shards add up, a sketch is never too low and seldom too high, and what is no count of windows is refused. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { utf8ToBytes } from '../../src/bytes.ts'
import { canonicalJson, digestBytes } from '../../src/digest.ts'
import { sketchShape } from '../../src/plan/count-min.ts'
import { assertExposure, exposureOf } from '../../src/plan/exposure.ts'
import {
  createExposureCounter,
  type ExposureCounterOptions,
  type ExposureHeader,
  exposureHeader,
  mergeExposures,
  parseExposure,
} from '../../src/plan/exposure-index.ts'
import { createPlan } from '../../src/plan/plan.ts'
import { binomialBand } from '../support/tolerance.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const options = { contextWidth: 2, vocabularySize: 5, origin: 'answers with the mark off' }
const { origin } = options
const sketch = { error: 0.05, confidence: 0.9 }

function indexOf(
  documents: readonly (readonly number[])[],
  changed: Partial<ExposureCounterOptions> = {},
): Uint8Array {
  const counter = createExposureCounter({ ...options, ...changed })
  for (const ids of documents) counter.add(ids)
  return counter.toBytes()
}

const documents = fc.array(fc.array(fc.nat(4), { maxLength: 20 }), { maxLength: 5 })
const width = fc.integer({ min: 0, max: 4 })

/** All windows of a vocabulary of five. */
function windowsOf(contextWidth: number): number[][] {
  return Array.from({ length: 5 ** contextWidth }, (_, i) =>
    Array.from({ length: contextWidth }, (_, k) => Math.floor(i / 5 ** k) % 5),
  )
}

describe('exact', () => {
  test('gives the counts of exposureOf', () => {
    fc.assert(
      fc.property(documents, width, (texts, contextWidth) => {
        const [own, other] = [
          exposureOf(texts, { ...options, contextWidth }),
          parseExposure(indexOf(texts, { contextWidth })),
        ]
        for (const window of windowsOf(contextWidth)) expect(other.count(window)).toBe(own.count(window))
        expect({ ...other, digest: own.digest, count: 0 }).toEqual({ ...own, count: 0 })
        assertExposure(other, { name: 'exposure' })
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  test('the same documents give the same bytes, whose digest a plan names', () => {
    const bytes = indexOf([
      [1, 2, 3, 4],
      [4, 3],
    ])
    expect(
      indexOf([
        [1, 2, 3, 4],
        [4, 3],
      ]),
    ).toEqual(bytes)
    const exposure = parseExposure(bytes)
    expect(exposure.digest).toBe(digestBytes(bytes))
    expect(exposureHeader(bytes).parts).toEqual([
      { digest: digestBytes(utf8ToBytes('[1,2,3,4]\n[4,3]\n')), documents: 2, tokens: 6 },
    ])
  })

  test('memory is bounded: one window too many is refused, and the way out named', () => {
    const counter = createExposureCounter({ ...options, mostWindows: 2 })
    counter.add([1, 2, 3, 4])
    expect(() => counter.add([2, 2, 2])).toThrow(/at most 2 different windows.*sketch/)
  })
})

describe('merging is addition', () => {
  test.each<[string, Partial<ExposureCounterOptions>]>([
    ['exact', {}],
    ['sketch', { sketch }],
  ])('%s: parts, in any order, count like the whole', (_, changed) => {
    fc.assert(
      fc.property(
        fc.uniqueArray(documents, { minLength: 1, maxLength: 4, selector: (d) => JSON.stringify(d) }),
        width,
        (shards, contextWidth) => {
          const files = shards.map((shard) => indexOf(shard, { ...changed, contextWidth }))
          const merged = mergeExposures(files, { origin })
          const whole = parseExposure(indexOf(shards.flat(), { ...changed, contextWidth }))
          const read = parseExposure(merged)
          for (const window of windowsOf(contextWidth)) expect(read.count(window)).toBe(whole.count(window))
          expect(read.tokens).toBe(whole.tokens)
          expect(mergeExposures([...files].reverse(), { origin })).toEqual(merged)
          // In two steps as in one.
          const [first, ...rest] = files
          if (rest.length > 0)
            expect(mergeExposures([mergeExposures(rest, { origin }), first!], { origin })).toEqual(merged)
        },
      ),
      { seed: 2, numRuns: 60 },
    )
  })

  test('what cannot be added is refused', () => {
    const one = indexOf([[1, 2, 3]])
    const refused: [Uint8Array[], RegExp][] = [
      [[], /at least one/],
      [[one, one], /twice/],
      [[one, mergeExposures([one, indexOf([[1]])], { origin })], /twice/],
      [[one, indexOf([[1]], { contextWidth: 1 })], /files\[1\].*counts like/],
      [[one, indexOf([[1]], { vocabularySize: 6 })], /files\[1\].*counts like/],
      [[one, indexOf([[1]], { sketch })], /files\[1\].*counts like/],
      [
        [indexOf([[1]], { sketch }), indexOf([[2]], { sketch: { error: 0.01, confidence: 0.9 } })],
        /counts like/,
      ],
    ]
    for (const [files, message] of refused) expect(() => mergeExposures(files, { origin })).toThrow(message)
  })
})

describe('sketch', () => {
  // Windows of a thousand ids, a few of them frequent: as text has them.
  const random = seedrandom('sketch')
  const vocabularySize = 1000
  const texts = Array.from({ length: 100 }, () =>
    Array.from({ length: 300 }, () => Math.floor(vocabularySize * random() ** 4)),
  )
  const exact = exposureOf(texts, { ...options, vocabularySize })

  test('is never too low, and too high as seldom as it says', () => {
    const error = 0.002
    const shape = sketchShape({ error, confidence: 0.5 })
    expect(shape).toEqual({ width: 2048, depth: 1 })
    const bytes = indexOf(texts, { vocabularySize, sketch: { error, confidence: 0.5 } })
    const exposure = parseExposure(bytes)
    const { positions } = exposureHeader(bytes)
    let high = 0
    const count = 20_000
    for (let i = 0; i < count; i++) {
      const window = [Math.floor(vocabularySize * random() ** 2), Math.floor(vocabularySize * random() ** 2)]
      const excess = exposure.count(window) - exact.count(window)
      expect(excess).toBeGreaterThanOrEqual(0)
      if (excess > error * positions) high++
    }
    // Windows that share a cell are too high together, so there are as many draws as cells.
    expect(high / count).toBeLessThan(binomialBand(2048, 0.5, 1e-6).hi / 2048)
    // It does err: a table that stored everything would make the line above say nothing.
    expect(high).toBeGreaterThan(0)
  })

  test('caught: cells that depend on a part of the window only', () => {
    // What the bound is about: with half of the window ignored, frequent ids collect the counts of all their neighbours.
    const bytes = indexOf(texts, {
      vocabularySize,
      contextWidth: 1,
      sketch: { error: 0.002, confidence: 0.5 },
    })
    const narrow = parseExposure(bytes)
    const excess = (window: number[]): number => narrow.count([window[1]!]) - exact.count(window)
    const high = Array.from({ length: 2000 }, (_, i) => excess([i % 1000, i % 7])).filter(
      (e) => e > 0.002 * 30_000,
    )
    expect(high.length / 2000).toBeGreaterThan(binomialBand(2048, 0.5, 1e-6).hi / 2048)
  })

  test('its rows are spread evenly: a row holds as many cells as throws of a die would fill', () => {
    const bytes = indexOf([Array.from({ length: 2050 }, () => Math.floor(vocabularySize * random()))], {
      vocabularySize,
      sketch: { error: 0.002, confidence: 0.9 },
    })
    const body = new Uint32Array(bytes.slice(-4 * 2048 * 3).buffer)
    for (let row = 0; row < 3; row++) {
      const empty = body.subarray(2048 * row, 2048 * (row + 1)).filter((cell) => cell === 0).length
      const { lo, hi } = binomialBand(2048, (1 - 1 / 2048) ** 2048, 1e-6 / 3)
      expect(empty).toBeGreaterThanOrEqual(lo)
      expect(empty).toBeLessThanOrEqual(hi)
    }
  })

  test('a table beyond memory is refused before it is made', () => {
    expectRefusal(
      () => createExposureCounter({ ...options, sketch: { error: 1e-12, confidence: 0.9 } }),
      'options.sketch.error',
    )
  })
})

/** A file with another header; where it is asked, with the digest of its body set right. */
function withHeader(
  bytes: Uint8Array,
  change: (header: Record<string, unknown>) => object,
  body?: Uint32Array,
): Uint8Array {
  const end = bytes.indexOf(10)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)))
  const rest = body === undefined ? bytes.subarray(end + 1) : new Uint8Array(body.buffer)
  const line = canonicalJson({ ...change(header), body: digestBytes(rest) })
  return Uint8Array.from([...utf8ToBytes(`${line}\n`), ...rest])
}

describe('counts of pairs, and of marked text', () => {
  const emitted = [[1, 2, 3, 1, 2, 4]]
  const bytes = indexOf(emitted)

  test('a file that says so is refused', () => {
    for (const changed of [
      { counted: 'pairs' },
      { counted: undefined },
      { text: 'marked' },
      { text: undefined },
    ])
      expect(() => parseExposure(withHeader(bytes, (header) => ({ ...header, ...changed })))).toThrow(
        /expected counts of (windows|unmarked text), got .*depends on the key/,
      )
  })

  test('pairs counted as windows are refused: their tuples are longer than the width that the plan has', () => {
    // A pair is a window and the token behind it; behind the last one nothing is needed.
    const pairs = indexOf(
      emitted.map((ids) => [...ids, 0]),
      { contextWidth: 3 },
    )
    expect(() => parseExposure(withHeader(pairs, (header) => ({ ...header, contextWidth: 2 })))).toThrow(
      /bytes of counts of windows of 2 ids/,
    )
    const plan = { contextWidth: 2, exposure: parseExposure(pairs) } as unknown as Parameters<
      typeof createPlan
    >[0]
    expect(() => createPlan(plan)).toThrow(/options/)
    expect(() => parseExposure(pairs).count([1, 2])).toThrow(/3 ids/)
  })

  test('numbers from elsewhere are refused, and counts that were changed after the plan have another name', () => {
    const exposure = parseExposure(bytes)
    expectRefusal(() => assertExposure({ ...exposure }, { name: 'exposure' }), 'exposure')
    // (1, 2), (2, 3) and (3, 1), as they stand in the file, with other counts.
    const other = withHeader(bytes, (header) => header, Uint32Array.of(1, 2, 1, 2, 3, 2, 3, 1, 1))
    expect(parseExposure(other).count([2, 3])).toBe(2)
    expect(parseExposure(other).digest).not.toBe(exposure.digest)
  })
})

describe('damaged files', () => {
  const files = [
    indexOf([[1, 2, 3, 1, 2, 4]]),
    indexOf([[1, 2, 3, 1, 2, 4]], { sketch: { error: 0.5, confidence: 0.5 } }),
  ]

  test('a changed byte, a cut and an addition are refused', () => {
    for (const bytes of files) {
      const body = bytes.indexOf(10) + 1
      for (let at = 0; at < bytes.length; at++) {
        const changed = Uint8Array.from(bytes)
        changed[at]! ^= 1 << (at % 8)
        if (at >= body) expectRefusal(() => parseExposure(changed), 'bytes')
        // Words of the first line can be other words; the file then has another digest.
        else {
          try {
            expect(parseExposure(changed).digest).not.toBe(digestBytes(bytes))
          } catch (error) {
            expect((error as Error).message).toMatch(/^"bytes/)
          }
        }
      }
      for (let end = 0; end < bytes.length; end += 3)
        expectRefusal(() => parseExposure(bytes.slice(0, end)), 'bytes')
      expectRefusal(() => parseExposure(Uint8Array.from([...bytes, 0, 0, 0, 0])), 'bytes')
    }
  })

  test.each<[string, (header: ExposureHeader) => object, number[] | undefined]>([
    ['another format', (header) => ({ ...header, format: 'dyetrace/exposure-2' }), undefined],
    ['a member more', (header) => ({ ...header, key: 1 }), undefined],
    ['too wide', (header) => ({ ...header, contextWidth: 5 }), undefined],
    ['no parts', (header) => ({ ...header, parts: [] }), undefined],
    ['parts of numbers', (header) => ({ ...header, parts: [1] }), undefined],
    ['another kind', (header) => ({ ...header, counts: { kind: 'guess', windows: 3 } }), undefined],
    ['more windows', (header) => ({ ...header, counts: { kind: 'exact', windows: 4 } }), undefined],
    [
      'cells that are no power of two',
      (header) => ({ ...header, counts: { kind: 'sketch', width: 3, depth: 3 } }),
      undefined,
    ],
    ['a sum of its own', (header) => ({ ...header, positions: 5 }), undefined],
    ['windows out of order', (header) => header, [2, 3, 1, 1, 2, 2, 3, 1, 1]],
    ['a window twice', (header) => header, [1, 2, 1, 1, 2, 1, 3, 1, 2]],
    ['a count of nothing', (header) => header, [1, 2, 0, 2, 3, 3, 3, 1, 1]],
    ['an id outside', (header) => header, [1, 2, 2, 2, 3, 1, 3, 9, 1]],
  ])('%s is refused', (_, change, body) => {
    const changed = withHeader(files[0]!, change as never, body && Uint32Array.from(body))
    expectRefusal(() => parseExposure(changed), 'bytes')
  })

  test('a first line in another spelling is refused: one content has one name', () => {
    const text = new TextDecoder('latin1').decode(files[0])
    expectRefusal(() => parseExposure(utf8ToBytes(text.replace('{', '{ '))), 'bytes')
  })
})

test.each(wrongValues({ except: [] }))('%s is no index', (_, value) => {
  expectRefusal(() => parseExposure(value as Uint8Array), 'bytes')
})

test.each([
  ['contextWidth', 5],
  ['vocabularySize', 1],
  ['origin', ' '],
  ['origin', 'two\nlines'],
  ['origin', 'x'.repeat(201)],
  ['sketch', 3],
  ['sketch.error', { error: 0, confidence: 0.5 }],
  ['sketch.confidence', { error: 0.5, confidence: 1 }],
  ['mostWindows', 0],
])('option %s is checked', (name, value) => {
  const changed = { ...options, [name.split('.')[0]!]: value }
  expectRefusal(() => createExposureCounter(changed as typeof options), `options.${name}`)
})
