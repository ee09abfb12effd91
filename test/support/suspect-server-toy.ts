/** A small suspect with a tokenizer of words, to be served or asked: a language of `toy-models.ts`, in text. */
import type { Suspect } from '../../src/suspect/suspect.ts'
import { completionsOf, language, rowsOf, type ToyLaw } from './toy-models.ts'

/** A tokenizer of pieces of two letters with a space before them; anything else is id 0, one a character. */
export function wordTokenizer(vocabularySize: number): {
  encode(text: string): number[]
  decode(ids: readonly number[]): string
} {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  const pieces = Array.from({ length: vocabularySize }, (_, id) =>
    id === 0 ? '?' : ` ${letters[Math.floor(id / 26) % 26]}${letters[id % 26]}`,
  )
  const ids = new Map(pieces.map((piece, id) => [piece, id]))
  return {
    encode: (text) => Array.from(text.match(/ [a-z]{2}|[\s\S]/gu) ?? [], (piece) => ids.get(piece) ?? 0),
    decode: (given) => given.map((id) => pieces[id]!).join(''),
  }
}

/** A suspect that follows a law; rows included. */
export function lawSuspect(law: ToyLaw, options: { name: string; vocabularySize: number }): Suspect {
  const { name, vocabularySize } = options
  return {
    name,
    vocabularySize,
    complete: async (prompts, { maxTokens, random }) =>
      completionsOf(
        law,
        prompts.map((ids) => Array.from(ids)),
        { tokens: maxTokens, random },
      ),
    rows: async (sequences) =>
      rowsOf(
        law,
        sequences.map((ids) => Array.from(ids)),
      ),
  }
}

/** The suspect that most tests ask. */
export const TOY_SIZE = 64
export const toySuspect: Suspect = lawSuspect(language('served', { vocabularySize: TOY_SIZE }), {
  name: 'toy',
  vocabularySize: TOY_SIZE,
})
export const toyTokenizer: ReturnType<typeof wordTokenizer> = wordTokenizer(TOY_SIZE)
