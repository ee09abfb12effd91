/**
 * Fields of many pairs under keys of other engines, by kernels (engines/philox.ts and engines/murmur.ts are what they are equal to). As pair-kernels.ts: one call, and `wipePairs`
 * at the end.
 */
import type { Kernels } from './kernels.ts'
import { copyIn, fieldsAddress, loadKey } from './pair-kernels.ts'

/** vLLM's words, shifted right. @param key two words, low first. @returns the address of one word a pair. */
export function philoxFields(
  kernels: Kernels,
  pairs: Uint32Array,
  { key, contextWidth, shift }: { key: Uint32Array; contextWidth: number; shift: number },
): number {
  const { from, to, count } = laidOut(kernels, pairs, { key, contextWidth })
  const { key: keyAt, state } = kernels.at
  kernels.call['philoxFields']!(to, from, count, contextWidth, keyAt, shift, state)
  return to
}

/**
 * SGLang's hashes.
 * @param key two words, low first, or four, of which the coin picks two. @param threshold below it a coin picks the first; 2^32 with one key.
 * @returns the address of one word a pair.
 */
export function murmurFields(
  kernels: Kernels,
  pairs: Uint32Array,
  { key, contextWidth, threshold }: { key: Uint32Array; contextWidth: number; threshold: number },
): number {
  const { from, to, count } = laidOut(kernels, pairs, { key, contextWidth })
  kernels.call['murmurFields']!(to, from, count, contextWidth, kernels.at.key, threshold)
  return to
}

function laidOut(
  kernels: Kernels,
  pairs: Uint32Array,
  { key, contextWidth }: { key: Uint32Array; contextWidth: number },
): { from: number; to: number; count: number } {
  const from = copyIn(kernels, pairs)
  const count = pairs.length / (contextWidth + 1)
  const to = fieldsAddress(kernels, count)
  loadKey(kernels, key, kernels.words)
  return { from, to, count }
}
