/**
 * From a key's corpus to numbers: how many generated tokens must be read until p is small. This looks at p again and again and stops
 * when it likes what it sees, so it describes how strong a mark is and is not a test; a test fixes its length beforehand or uses an
 * e-value.
 */
import seedrandom from 'seedrandom'
import { substituteTokens } from '../../../src/attacks/substitute.ts'
import { countable } from '../../../src/detect/countable.ts'
import { detect } from '../../../src/detect/detect.ts'
import type { Verdict } from '../../../src/detect/verdict.ts'
import type { KeyedMark, Text } from './corpora.ts'

/** The verdict on the first `tokens` generated tokens of a corpus, its texts read in order and judged together. */
export function verdictOn(corpus: readonly Text[], tokens: number, { profile, key }: KeyedMark): Verdict {
  return detect(countable(firstTokens(corpus, tokens), profile), key)
}

/** Where p is looked at: after each token up to here, then after every fifth. */
const EVERY_TOKEN = 100
const STEP = 5

/** Generated tokens read until p <= alpha, at the first look that finds it so; Infinity if the corpus ends first. */
export function tokensToDetect(
  corpus: readonly Text[],
  mark: KeyedMark,
  { alpha, tokens }: { alpha: number; tokens: number },
): number {
  for (let read = 1; read <= tokens; read += read < EVERY_TOKEN ? 1 : STEP)
    if (verdictOn(corpus, read, mark).lnP <= Math.log(alpha)) return read
  return Number.POSITIVE_INFINITY
}

/**
 * A copy of a corpus with part of each text's generated tokens replaced: an exact number, at places drawn without replacement, each by
 * one of the other ids of the vocabulary, all as likely. Prompts stay.
 */
export function substituted(
  corpus: readonly Text[],
  { rate, vocabularySize, seed }: { rate: number; vocabularySize: number; seed: string },
): Text[] {
  return corpus.map(({ ids, promptLength }, t) => {
    const all = Array.from(ids)
    const random = seedrandom(`${seed}/${t}`)
    const attacked = substituteTokens(all.slice(promptLength), { rate, vocabularySize, random })
    return { ids: [...all.slice(0, promptLength), ...attacked.ids], promptLength }
  })
}

function firstTokens(corpus: readonly Text[], tokens: number): Text[] {
  const read: Text[] = []
  let left = tokens
  for (const { ids, promptLength } of corpus) {
    if (left <= 0) break
    const end = Math.min(ids.length, promptLength + left)
    read.push({ ids: ids.slice(0, end), promptLength })
    left -= end - promptLength
  }
  return read
}
