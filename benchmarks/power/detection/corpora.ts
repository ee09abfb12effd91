/**
 * Marked texts of the bundled teacher: for every key a corpus of several texts from different prompts, all of one length. Texts of
 * different keys are sampled in one batch. The model is kept from ending a text (as `min_new_tokens` does), so that all keys have
 * equally many tokens. Sampled once a mark; attacks work on copies.
 */
import seedrandom from 'seedrandom'
import type { TokenDocument } from '../../../src/detect/countable.ts'
import { createMarker, type Marker } from '../../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../../src/keys/mark-key.ts'
import { masterKeyFromBytes } from '../../../src/keys/master.ts'
import { createProfile, type Profile, type ProfileOptions } from '../../../src/keys/profile.ts'
import { excerpts } from '../../lab/corpora.ts'
import type { Teacher } from '../../lab/teacher.ts'

/** A mark to measure: the scheme and its parameters. */
export type Mark =
  | {
      readonly scheme: 'green-list'
      readonly gamma: number
      readonly delta: number
      readonly contextWidth: number
    }
  | { readonly scheme: 'gumbel'; readonly contextWidth: number }
  | { readonly scheme: 'tournament'; readonly rounds: number; readonly contextWidth: number }

/** How much is sampled. */
export interface CorpusSize {
  readonly keys: number
  readonly textsPerKey: number
  readonly promptTokens: number
  readonly textTokens: number
}

/** A key and a public description of its mark. */
export interface KeyedMark {
  readonly profile: Profile
  readonly key: MarkKey
}

/** A prompt and what the model made of it. */
export type Text = Required<Omit<TokenDocument, 'skip'>>

/** Keys of a benchmark protect nothing, so they may come from the seed. */
export function keyedMarks(
  mark: Mark,
  { teacher, seed, count }: { teacher: Teacher; seed: string; count: number },
): KeyedMark[] {
  return Array.from({ length: count }, (_, k) => {
    const random = seedrandom(`${seed}/key/${markName(mark)}/${k}`)
    const master = masterKeyFromBytes(Uint8Array.from({ length: 32 }, () => Math.floor(256 * random())))
    const options: ProfileOptions = {
      ...mark,
      tokenizer: teacher.tokenizerDigest,
      vocabularySize: teacher.vocabularySize,
      layers: [{ role: 'provider', label: 'benchmark' }],
      created: '2026-11-25',
    }
    const profile = createProfile(master, options)
    return { profile, key: deriveMarkKeys(master, profile)[0]! }
  })
}

/** Names a mark in seeds and progress lines. */
export function markName(mark: Readonly<Record<string, string | number>>): string {
  return Object.values(mark).join(' ')
}

/** Options of {@link sampleCorpora}. */
export interface SampleOptions {
  readonly size: CorpusSize
  readonly seed: string
  readonly onProgress: (done: number, total: number) => void
  /** Absent: nothing is marked. */
  readonly marks?: readonly KeyedMark[]
  /** Sees each row before it is marked. */
  readonly onRow?: (logits: Float32Array) => void
}

/**
 * One corpus a key, in the order of the keys. Prompts are excerpts, none overlapping another, of a novel that the teacher was not
 * trained on.
 */
export async function sampleCorpora(
  teacher: Teacher,
  { size, seed, onProgress, marks, onRow }: SampleOptions,
): Promise<Text[][]> {
  const prompts = await excerpts('teaching', {
    count: size.keys * size.textsPerKey,
    length: size.promptTokens,
    encode: (text) => teacher.tokenizer.encode(text),
  })
  const markers = marks?.map(({ profile, key }) => createMarker(profile, [key]))
  const markerOf = new Map<string, Marker>()
  if (markers)
    for (const [p, prompt] of prompts.entries())
      markerOf.set(prompt.join(), markers[Math.floor(p / size.textsPerKey)]!)
  // Two keys with one prompt could not be told apart while a batch runs.
  if (markers && markerOf.size < prompts.length)
    throw new RangeError(`"prompts" expected ${prompts.length} different prompts, got ${markerOf.size}`)
  const completions = await teacher.suspect.complete(prompts, {
    maxTokens: size.textTokens,
    random: seedrandom(`${seed}/texts`),
    onProgress,
    processLogits(logits, ids) {
      onRow?.(logits)
      logits[teacher.endOfText] = Number.NEGATIVE_INFINITY
      if (markers) markerOf.get(ids.slice(0, size.promptTokens).join())!.mark(logits, ids)
    },
  })
  const texts = completions.map((completion, p) => ({
    ids: [...prompts[p]!, ...completion],
    promptLength: size.promptTokens,
  }))
  return Array.from({ length: size.keys }, (_, k) =>
    texts.slice(k * size.textsPerKey, (k + 1) * size.textsPerKey),
  )
}
