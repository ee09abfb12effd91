/** Zstandard streams, against what the reference program (zstd 1.5.4) packed, and damaged in every place. */
import { describe, expect, test } from 'vitest'
import { StreamFault } from '../../src/corpus/stream-fault.ts'
import { createXxh64 } from '../../src/corpus/xxh64.ts'
import { unpackZstd } from '../../src/corpus/zstd.ts'
import { inPieces } from './read.ts'

const LINES = Array.from(
  { length: 40 },
  (_, i) => `{"text":"document ${i} ${(i * 2654435761) % 2 ** 32}"}\n`,
).join('')

/** `zstd -c [options]` of some bytes, in base64. */
const PACKED = {
  // zstd
  nothing: 'KLUv/SQAAQAAmenYUQ==',
  // zstd, of "a"
  a: 'KLUv/QRYCQAAYVtujKk=',
  // zstd -19 --check, of LINES
  lines:
    'KLUv/QRozQkANp5AFaCp2njH9Cf+ALAx2b1pp+SZ/Gi1AkEANgA3AI0bOSL9MmEe0kgZRllRWRxxEI+qZY73Y2JVaUzZnW1EDlM7cqYwSqp75tQgwIJBQuJgQFCAIHAwYAgwHBIIDgaFZ3RcZyy9H1Z143qxUeWJSjQH8SU2Ehkna8kVa8x76tUwLCT2MStGfz876zg4Nv9TFcIj3+ScZfFx6BxH1XqdmGGkmVVKLr79GnT7mMnHuJTEo7pj7hab9sJzRorpjV7Hc0snaEQlvDlDaumZAgALhtevyjNxQpIek4Z9qGPTctSYkYyUMOg45hNW43aqnB7j41jqiGFrnV62o0V3pY2ClZPIdUMcKKgRMAQ3hIhEbztAt7QBETAE/wyh6AcVlwOBIDJl2wKyzE6pAZFKMdF6MXHCk0hs2IBUAVX4f80=',
  // zstd -19 --check, of 300,000 zeros
  zeros: 'KLUv/QRoTAAACAABAPz/ORACAgAQAAOfBAAtKN4m',
  // zstd --no-check, of the first 200 bytes of LINES
  unchecked:
    'KLUv/QBYxQIAIgURFqAledF4juPnnsb/r9mSIoSxTX/guQLWul++ySdy8b4+uNx9x6o3pz9Wn5XNTTcPMfVjQ4FqagqAHIIiYBBBZUAKEQIGAERAEPgS+BL4ElFfYr05Bg==',
} as const

const packed = (name: keyof typeof PACKED): Uint8Array => Uint8Array.from(Buffer.from(PACKED[name], 'base64'))

async function unpack(bytes: Uint8Array, cuts: readonly number[] = []): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of unpackZstd(inPieces(bytes, cuts))) pieces.push(piece)
  return Buffer.concat(pieces).toString('latin1')
}

async function outcome(bytes: Uint8Array): Promise<string> {
  return unpack(bytes).catch((error: unknown) => {
    if (!(error instanceof StreamFault)) throw error
    expect(error.message).toMatch(/expected .*got /)
    return 'a fault'
  })
}

const CONTENT = {
  nothing: '',
  a: 'a',
  lines: LINES,
  zeros: '\0'.repeat(300_000),
  unchecked: LINES.slice(0, 200),
} as const

// A frame that is to be skipped, with five bytes of its own.
const SKIPPED = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5)

describe('zstd', () => {
  test.each(Object.keys(CONTENT) as (keyof typeof CONTENT)[])(
    '%s, in one piece and in single bytes',
    async (name) => {
      const bytes = packed(name)
      expect((await unpack(bytes)) === CONTENT[name]).toBe(true)
      expect(
        (await unpack(
          bytes,
          Array.from(bytes, (_, i) => i),
        )) === CONTENT[name],
      ).toBe(true)
    },
  )

  test('frames one after the other, and frames that are to be skipped', async () => {
    const all = Buffer.concat([
      SKIPPED,
      packed('a'),
      packed('lines'),
      SKIPPED,
      packed('nothing'),
      packed('unchecked'),
    ])
    expect(await unpack(all, [1, 20, 21, 300])).toBe(`a${LINES}${CONTENT.unchecked}`)
  })

  test('cut off anywhere, it is a fault', async () => {
    const bytes = packed('lines')
    for (let end = 0; end < bytes.length; end++)
      expect(await outcome(bytes.subarray(0, end)), `${end}`).toBe('a fault')
    for (const behind of ['x', 'four', '{"text":"a"}\n'])
      expect(await outcome(Buffer.concat([bytes, Buffer.from(behind)]))).toBe('a fault')
  })

  test('a changed bit never gives other text: the check sum is compared', async () => {
    const bytes = packed('lines')
    // The byte at 5 can ask for a window of 128 MiB, which takes its time.
    for (let at = 0; at < bytes.length; at += at < 16 ? 1 : 3) {
      const changed = Uint8Array.from(bytes)
      changed[at]! ^= 1 << (at % 8)
      expect(['a fault', LINES], `byte ${at}`).toContain(await outcome(changed))
    }
  })

  test('what cannot be read is said', async () => {
    const frame = (...bytes: number[]): Uint8Array => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...bytes)
    // A window of 2^28, a dictionary, and a frame of one stored byte whose header says two.
    await expect(unpack(frame(0, (28 - 10) << 3, 1, 0, 0))).rejects.toThrow(/window of at most/)
    await expect(unpack(frame(0x21, 7, 1, 1, 0, 0))).rejects.toThrow(/dictionary/)
    await expect(unpack(frame(0x20, 2, 9, 0, 0, 65))).rejects.toThrow(
      /1 bytes where the frame's header says 2/,
    )
    await expect(unpack(frame(0x20, 1, 9, 0, 0, 65))).resolves.toBe('A')
  })
})

test('XXH64 does not depend on the pieces', () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * i) >> 3)
  for (let length = 0; length <= 100; length++) {
    const [whole, parts] = [createXxh64(), createXxh64()]
    whole.update(bytes.subarray(0, length))
    for (let at = 0; at < length; at += 7) parts.update(bytes.subarray(at, Math.min(at + 7, length)))
    expect(parts.low32()).toBe(whole.low32())
  }
})
