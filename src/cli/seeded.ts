/** Uniform numbers from a text, the same on every machine: for attacks and sampling that somebody else can repeat. Not for keys. */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '../bytes.ts'

/** A stream of numbers in [0, 1): 53 bits each of SHA-256(`dyetrace/cli|<seed>|<i>`), four a digest. */
export function seeded(seed: string): () => number {
  let [block, at] = [0, 4]
  let view = new DataView(new ArrayBuffer(32))
  return () => {
    if (at === 4) {
      const digest = sha256(utf8ToBytes(`dyetrace/cli|${seed}|${block++}`))
      view = new DataView(digest.buffer, digest.byteOffset)
      at = 0
    }
    const bits = view.getBigUint64(8 * at++, true) >> 11n
    return Number(bits) / 2 ** 53
  }
}
