/**
 * Text -> ids with the tokenizer of the marked model, from the text of its files; without special tokens, as its host reads text. Loaded once a worker. Refuses a
 * tokenizer of which the profiles do not speak: its ids would be nonsense, and nothing would be found.
 */
import { Tokenizer } from '@huggingface/tokenizers'
import type { Digest } from '../digest.ts'
import { parseJson } from '../json.ts'
import { tokenizerDigest, tokenStrings } from '../text/tokenizer-digest.ts'
import type { TokenizerFiles } from './question.ts'

/** Reads text as ids. */
export type Encoder = (text: string) => Uint32Array

/**
 * Makes an encoder.
 * @param expected the digest that the profiles have.
 * @throws RangeError for files that are no tokenizer, or another one.
 */
export function createEncoder({ json, config }: TokenizerFiles, expected: Digest): Encoder {
  const start = '"tokenizer"'
  const parsed = parseJson(json, { start, expected: 'the JSON of a tokenizer' })
  const settings =
    config === undefined ? {} : parseJson(config, { start, expected: 'JSON of its configuration' })
  let tokenizer: Tokenizer
  let digest: Digest
  try {
    digest = tokenizerDigest(tokenStrings(parsed))
    tokenizer = new Tokenizer(parsed as object, settings as object)
  } catch (error) {
    throw new RangeError(
      `${start} expected a tokenizer.json of the Hugging Face format, got another content (${(error as Error).message})`,
    )
  }
  if (digest !== expected) throw new RangeError(`${start} expected the profiles', ${expected}, got ${digest}`)
  return (text) => Uint32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids)
}
