/**
 * From an engine's profile to the scheme that it describes. The one place that knows all schemes of other engines.
 */
import type { EngineProfile } from '../../keys/engine-profile.ts'
import type { Scheme } from '../scheme.ts'
import { createGoogleSynthId } from './google-synthid.ts'
import { createHfKgw } from './hf-kgw.ts'
import { createHfSynthId } from './hf-synthid.ts'
import { createSglangGumbel } from './sglang-gumbel.ts'
import { createTextSeal } from './textseal.ts'
import { createVllmDual, createVllmGumbel } from './vllm-gumbel.ts'
import { createVllmSbw } from './vllm-sbw.ts'
import { createVllmSynthId } from './vllm-synthid.ts'

/** Makes the scheme of an engine's profile. A parsed profile has the settings of its scheme. */
export function engineSchemeOf(profile: EngineProfile): Scheme {
  const { contextWidth, vocabularySize, param, delta, engine } = profile
  const {
    alpha = 0,
    probabilityA = 1,
    ratio = 0,
    seeding = 'lefthash',
    tableSize = 0,
    tableSeed = 0,
  } = engine
  switch (profile.scheme) {
    case 'vllm/philox4x32-10-v1/gumbel':
      return createVllmGumbel({ contextWidth, vocabularySize })
    case 'vllm/philox4x32-10-v1/dual':
      return createVllmDual({ contextWidth, vocabularySize, alpha })
    case 'sglang/murmur3-v1/gumbel':
      return createSglangGumbel({ contextWidth, vocabularySize, probabilityA: undefined })
    case 'sglang/murmur3-v1/dual':
      return createSglangGumbel({ contextWidth, vocabularySize, probabilityA })
    case 'hf/kgw-cpu':
      return createHfKgw({ contextWidth, vocabularySize, delta, ratio, seeding })
    case 'hf/synthid-cpu':
      return createHfSynthId({ contextWidth, param, tableSize, tableSeed })
    case 'google/synthid-lcg':
      return createGoogleSynthId({ contextWidth, param })
    case 'meta/textseal':
      return createTextSeal({ contextWidth, probabilityA })
    case 'experimental/vllm-sbw':
      return createVllmSbw({ contextWidth, vocabularySize, delta, ratio, seeding })
    case 'experimental/vllm-synthid':
      return createVllmSynthId({ contextWidth, param })
  }
}
