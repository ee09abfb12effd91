/** Lines do not depend on the pieces in which bytes come, and a long one is not kept. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLineSplitter, type Line } from '../../src/corpus/lines.ts'

function split(pieces: readonly Uint8Array[], maximumBytes: number): Line[] {
  const splitter = createLineSplitter(maximumBytes)
  const lines: Line[] = []
  for (const piece of pieces) {
    const own = piece.slice()
    lines.push(...splitter.push(own).map((line) => ({ ...line, bytes: line.bytes?.slice() })))
    own.fill(0)
  }
  return [...lines, ...splitter.end()]
}

describe('lines', () => {
  test('any pieces give the lines of the whole', () => {
    const bytes = fc
      .uint8Array({ maxLength: 60 })
      .map((array) => array.map((byte) => [10, 13, 65, 66][byte % 4]!))
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(60)), fc.integer({ min: 1, max: 12 }), (whole, cuts, maximum) => {
        const ends = [0, ...cuts.map((c) => Math.min(c, whole.length)).sort((a, b) => a - b), whole.length]
        const pieces = ends.slice(1).map((end, i) => whole.subarray(ends[i], end))
        const text = String.fromCharCode(...whole)
        const parts = text.split('\n')
        const last = parts.pop()!
        const expected = [
          ...parts.map((part) => ({ text: part.replace(/\r$/, ''), ended: true })),
          ...(last === '' ? [] : [{ text: last, ended: false }]),
        ].map(({ text, ended }) => ({
          size: text.length,
          ended,
          text: text.length > maximum ? undefined : text,
        }))
        const got = split(pieces, maximum).map(({ bytes, ...rest }) => ({
          ...rest,
          text: bytes && String.fromCharCode(...bytes),
        }))
        // Of a line that is too long, a carriage return at its end may be counted.
        const loose = ({
          size,
          text,
          ...rest
        }: {
          size: number
          text: string | undefined
          ended: boolean
        }) => (text === undefined ? rest : { size, text, ...rest })
        expect(got.map(loose)).toEqual(expected.map(loose))
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('a line over the limit is counted and not kept', () => {
    const splitter = createLineSplitter(1000)
    const piece = new Uint8Array(1 << 16).fill(65)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 2000; i++) expect(splitter.push(piece)).toEqual([])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6)
    expect(splitter.push(Uint8Array.of(10, 66, 10))).toEqual([
      { bytes: undefined, size: 2000 * piece.length, ended: true },
      { bytes: Uint8Array.of(66), size: 1, ended: true },
    ])
  })
})
