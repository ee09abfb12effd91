/** Keys of every mark of the benchmark: those of dyetrace, and those of engines, read from configurations as the engines have them. */
import seedrandom from 'seedrandom'
import { readEngineConfig } from '../../../src/integrations/engine-config.ts'
import type { Teacher } from '../../lab/teacher.ts'
import { type KeyedMark, keyedMarks, markName } from '../detection/corpora.ts'
import type { DistilledMark, EngineWritten } from './recipe.ts'

/** Keys of a mark, from the seed: they protect nothing. */
export function distilledMarks(
  mark: DistilledMark,
  about: { readonly teacher: Teacher; readonly seed: string; readonly count: number },
): KeyedMark[] {
  if (mark.scheme !== 'vLLM gumbel' && mark.scheme !== 'HF green list') return keyedMarks(mark, about)
  const { teacher, seed, count } = about
  return Array.from({ length: count }, (_, k) => {
    const random = seedrandom(`${seed}/key/${markName(mark)}/${k}`)
    const { engine, config } = configOf(mark, 1 + random.int32() + 2 ** 31)
    return readEngineConfig(JSON.stringify(config), {
      engine,
      label: `benchmark-${k}`,
      tokenizer: teacher.tokenizerDigest,
      vocabularySize: teacher.vocabularySize,
      created: '2026-11-25',
    })
  })
}

/** What the engine is started with. */
function configOf(mark: EngineWritten, key: number): { engine: 'vllm' | 'hf'; config: object } {
  if (mark.scheme === 'vLLM gumbel')
    return { engine: 'vllm', config: { algorithm: 'gumbel', key, context_width: mark.contextWidth } }
  const { ratio: greenlist_ratio, delta: bias, contextWidth: context_width } = mark
  const seeding_scheme = 'lefthash'
  return { engine: 'hf', config: { greenlist_ratio, bias, context_width, seeding_scheme, hashing_key: key } }
}
