/**
 * Texts for tests: human prose as token ids, and what a careless detector would make of a text.
 */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AutoTokenizer, env } from '@xenova/transformers'

const lab = new URL('../../benchmarks/lab/', import.meta.url)

/** Human prose: the two bundled novels, one after the other, as ids of the bundled tokenizer. About 212,000 ids below 2,048. */
export async function novelIds(): Promise<Uint32Array> {
  env.allowRemoteModels = false
  env.useFSCache = false
  env.localModelPath = dirname(fileURLToPath(new URL('teacher', lab)))
  const tokenizer = await AutoTokenizer.from_pretrained('teacher')
  const novels = ['Doyle_Hound_1902.txt', 'Stevenson_Treasure_1883.txt']
  const texts = await Promise.all(novels.map((novel) => readFile(new URL(`corpora/${novel}`, lab), 'utf8')))
  return Uint32Array.from(texts.flatMap((text) => tokenizer.encode(text)))
}

/** Evenly spaced pieces of a text. They may overlap: for the null law texts are fixed and keys are drawn. */
export function pieces(
  ids: Uint32Array,
  { count, length }: { count: number; length: number },
): Uint32Array[] {
  const stride = (ids.length - length) / (count - 1)
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor(i * stride)
    return ids.slice(from, from + length)
  })
}

/**
 * Every pair of a text, repeats included: what is left of `countable` without the thing that it is for. Only for positive
 * controls.
 */
export function pairsWithRepeats(
  ids: ArrayLike<number>,
  { contextWidth }: { contextWidth: number },
): Uint32Array {
  const words: number[] = []
  for (let i = contextWidth; i < ids.length; i++)
    for (let j = i - contextWidth; j <= i; j++) words.push(ids[j]!)
  return Uint32Array.from(words)
}
