/**
 * Gzip (RFC 1952) as a stream, members one after the other included. Over `node:zlib`, which by itself takes anything that begins with a zero byte behind a member
 * for padding and drops it without a word: here only zeros are padding.
 */
import { setImmediate } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { StreamFault } from './stream-fault.ts'

/** A piece of this many packed bytes unpacks to 16 MB at most. */
const PIECE = 16 * 1024

/**
 * Unpacks a stream of members.
 * @throws StreamFault for what is no member, is damaged or ends too early.
 */
export async function* unpackGzip(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip()
  let unpacked: Uint8Array[] = []
  let fault: Error | undefined
  let wake = (): void => {}
  gunzip.on('data', (piece: Uint8Array) => unpacked.push(piece))
  gunzip.on('error', (error) => {
    fault = error
    wake()
  })
  // Also in the middle of the bytes, where zeros follow a member.
  let isEnded = false
  gunzip.on('end', () => {
    isEnded = true
    wake()
  })
  // One piece at a time, so that what was unpacked before a fault does not depend on who is faster. The turn of the loop lets pieces pass that the stream
  // still holds: with a fault it would drop them.
  const step = async (begin: () => void): Promise<void> => {
    await new Promise<void>((resolve) => {
      wake = resolve
      begin()
    })
    await setImmediate()
  }
  let size = 0
  let lastNonZero = -1
  try {
    for await (const whole of packed) {
      for (let at = 0; at < whole.length; at += PIECE) {
        const piece = whole.subarray(at, at + PIECE)
        const last = piece.findLastIndex((byte) => byte !== 0)
        if (last >= 0) lastNonZero = size + last
        size += piece.length
        if (isEnded) continue
        await step(() => gunzip.write(piece, () => wake()))
        yield* unpacked
        unpacked = []
        if (fault !== undefined) throw faultOf(fault)
      }
    }
    if (!isEnded) await step(() => gunzip.end())
    yield* unpacked
    if (fault !== undefined) throw faultOf(fault)
    if (lastNonZero >= gunzip.bytesWritten)
      throw new StreamFault('expected a gzip member or the end, got other bytes behind the last member')
  } finally {
    gunzip.destroy()
  }
}

function faultOf(error: Error): StreamFault {
  const code = (error as NodeJS.ErrnoException).code ?? 'an unknown error'
  const what = code === 'Z_BUF_ERROR' ? 'the end of the bytes in the middle' : `damaged bytes (${code})`
  return new StreamFault(`expected gzip members, got ${what}`)
}
