/**
 * Training text. Every prompt of the teaching novel has an unmarked answer and, for each key, a marked one; prompts of the second half have
 * an unmarked answer only, for the twin and for what the provider may count. A student's documents are marked answers to some prompts and
 * other text for the rest. The teacher is kept from ending a text, so that shares of documents are shares of tokens.
 */
import seedrandom from 'seedrandom'
import { createMarker } from '../../../src/integrations/marker.ts'
import { excerpts } from '../../lab/corpora.ts'
import type { Teacher } from '../../lab/teacher.ts'
import { type KeyedMark, markName } from '../detection/corpora.ts'
import { type Cache, cachedJson } from './cache.ts'
import { type DistilledMark, SIZE } from './recipe.ts'

/** Documents of the benchmark, sampled when they are first asked for. */
export interface Corpora {
  /** Prompt texts of the first half, one a document. */
  readonly prompts: readonly number[][]
  /** Unmarked answers to the prompts of the first half: filler. */
  unmarked(): Promise<number[][]>
  /** Unmarked answers to other prompts: the twin's training text, and the provider's counts. */
  apart(): Promise<number[][]>
  /** The marked answers to part of the prompts; which part depends on the key, so that two keys can share a student. */
  marked(mark: DistilledMark, key: number, share: number): Promise<Map<number, number[]>>
  /** Documents of the teaching novel itself, as many as it has. */
  human(): Promise<number[][]>
}

/** What {@link openCorpora} needs. */
export interface CorporaOptions {
  readonly teacher: Teacher
  readonly seed: string
  readonly cache: Cache
  readonly marks: (mark: DistilledMark) => readonly KeyedMark[]
  readonly onStep: (step: string) => (done: number, total: number) => void
}

/** The documents of a key's students. */
export async function openCorpora({ teacher, seed, cache, marks, onStep }: CorporaOptions): Promise<Corpora> {
  const { documents, promptTokens, documentTokens } = SIZE
  const encode = (text: string): number[] => teacher.tokenizer.encode(text)
  const all = await excerpts('teaching', { count: 2 * documents, length: promptTokens, encode })
  // Every other one, so that both halves are from the whole book.
  const prompts = all.filter((_, i) => i % 2 === 0)
  const others = all.filter((_, i) => i % 2 === 1)

  const portion = documents / SIZE.portions
  const samplePortion = (name: string, from: readonly number[][], keyed?: KeyedMark): Promise<number[][]> =>
    cachedJson(cache, `${name}.json`, async () => {
      const marker = keyed && createMarker(keyed.profile, [keyed.key])
      return teacher.suspect.complete(from, {
        maxTokens: documentTokens,
        random: seedrandom(`${seed}/${name}`),
        onProgress: onStep(`sampling ${name}`),
        processLogits(logits, ids) {
          logits[teacher.endOfText] = Number.NEGATIVE_INFINITY
          marker?.mark(logits, ids)
        },
      })
    })
  /** Answers to prompts, a portion at a time: what is not needed yet is not sampled yet. */
  async function sample(name: string, from: readonly number[][], keyed?: KeyedMark): Promise<number[][]> {
    const texts: number[][] = []
    for (let p = 0; p * portion < from.length; p++) {
      const asked = from.slice(p * portion, (p + 1) * portion)
      texts.push(...(await samplePortion(`${name} part ${p}`, asked, keyed)))
    }
    return texts
  }

  return {
    prompts,
    unmarked: () => sample('unmarked', prompts),
    apart: () => sample('unmarked apart', others),
    async marked(mark, key, share) {
      const wanted = Math.round(share * documents)
      const order = orderOf(key)
      // Whole portions, so that a document does not depend on the share that is asked for.
      const sampled = Math.ceil(wanted / portion) * portion
      const from = order.slice(0, sampled).map((i) => prompts[i]!)
      const texts = await sample(`${markName(mark)} key ${key}`, from, marks(mark)[key]!)
      return new Map(order.slice(0, wanted).map((i, j) => [i, texts[j]!]))
    },
    human: () =>
      excerpts('teaching', {
        count: HUMAN_DOCUMENTS,
        length: documentTokens,
        encode,
      }),
  }
}

/** What the novel holds: 114,002 tokens. */
const HUMAN_DOCUMENTS = 1180

/** Each key begins one portion after the one before it. */
function orderOf(key: number): number[] {
  const { documents, portions } = SIZE
  return Array.from({ length: documents }, (_, i) => (key * (documents / portions) + i) % documents)
}
