/** Every vector file is read by some test. */
import { expect, test } from 'vitest'
import { readVectors } from './read-vectors.ts'

/** Read by dyetrace-1.test.ts, tails.test.ts, tails-continuous.test.ts. */
const BUILT = ['dyetrace/1', 'ln of upper tails']

/** Marks of other engines, by their `scheme`: read by engines.test.ts and engine-detectors.test.ts. */
const ENGINES = [
  'google-deepmind/synthid-text reference hash (no sampling table)',
  'HF transformers KGW WatermarkLogitsProcessor / WatermarkDetector, CPU generator',
  'HF transformers SynthIDTextWatermarkLogitsProcessor, CPU',
  'SGLang Aaronson-Gumbel hash contract',
  'Meta TextSeal PRF (13-bit)',
  'vLLM derive_watermark_key: first 8 bytes, big endian, of SHA-256(domain || key as 8 bytes big endian); domains ASCII key_a, key_b',
  'vLLM gumbel and dual_key_gumbel end-to-end goldens',
  'vLLM gumbel / philox4x32-10-v1',
  'vLLM SBW (pull request 56859, not confirmed merged)',
  'vLLM native SynthID (branch, docs of 0.32 say planned): g-value of layer l for (context, token) = bit l of the philox4x32-10-v1 word',
]

test.each(readVectors())('$path: its format "$kind" is known', ({ kind }) => {
  expect([...BUILT, ...ENGINES]).toContain(kind)
})

test.each([...BUILT, ...ENGINES])('there is a file of format %s', (format) => {
  expect(readVectors().some(({ kind }) => kind === format)).toBe(true)
})
