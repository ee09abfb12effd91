/**
 * Keys of engines that everybody knows: defaults and examples of documentation, code and tests. Traffic that was marked with one stays readable, but the mark
 * points to nobody.
 */
import { engineKeyIntegers } from './engine-key.ts'
import type { EngineSchemeId } from './engine-profile.ts'
import type { MarkKey } from './mark-key.ts'

/** vLLM's tests and examples. */
const VLLM = [0n, 7n, 42n, 43n, 2n ** 32n, 2n ** 64n - 1n]
/** SGLang's tests and examples. */
const SGLANG = [0x0123456789abcdefn, 0xfedcba9876543210n, 0x1111222233334444n, 0x9999aaaabbbbccccn]
/** The list of 30 in Google's and Hugging Face's documentation, from which others are cut. */
const SYNTHID = [
  654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226, 324, 585, 118, 504,
  421, 521, 129, 669, 732, 225, 90, 960,
].map(BigInt)
/** TextSeal's default and the second key that is made of it. */
const TEXTSEAL = [42n, 42n + 12345n]
/** The default of Hugging Face's green lists. */
const GREEN_LISTS = [15485863n]

const PUBLISHED: Readonly<Record<EngineSchemeId, readonly bigint[]>> = {
  'vllm/philox4x32-10-v1/gumbel': VLLM,
  'vllm/philox4x32-10-v1/dual': VLLM,
  'sglang/murmur3-v1/gumbel': SGLANG,
  'sglang/murmur3-v1/dual': SGLANG,
  'hf/kgw-cpu': GREEN_LISTS,
  'hf/synthid-cpu': SYNTHID,
  'google/synthid-lcg': SYNTHID,
  'meta/textseal': TEXTSEAL,
  'experimental/vllm-sbw': VLLM,
  'experimental/vllm-synthid': VLLM,
}

/** True if all integers of an engine's key are published ones. Says nothing of other keys, which may be as easy to guess. */
export function isPublishedEngineKey(key: MarkKey): boolean {
  const { scheme } = key.format
  const published = Object.hasOwn(PUBLISHED, scheme) ? PUBLISHED[scheme as EngineSchemeId] : undefined
  return published !== undefined && engineKeyIntegers(key).every((value) => published.includes(value))
}
