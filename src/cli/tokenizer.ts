/**
 * A model's tokenizer from its files: tokenizer.json, and tokenizer_config.json where it lies beside. Text becomes ids as the model's own host makes
 * them, without special tokens; the digest says whether it is the tokenizer that a profile speaks of.
 */
import { basename, dirname, join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import type { Digest } from '../digest.ts'
import { parseJson } from '../json.ts'
import type { Profile } from '../keys/profile.ts'
import { type TokenStrings, tokenizerDigest, tokenStrings } from '../text/tokenizer-digest.ts'
import type { Environment } from './environment.ts'
import { InputError } from './exit.ts'
import { exists, named, readText } from './files.ts'

/** A tokenizer that was read. */
export interface ReadTokenizer {
  readonly digest: Digest
  readonly vocabularySize: number
  readonly tokens: TokenStrings
  /** The text of tokenizer.json, and of tokenizer_config.json where there is one. */
  readonly json: string
  readonly config: string | undefined
  encode(text: string): number[]
  decode(ids: readonly number[]): string
}

/** Reads a tokenizer from tokenizer.json or from the folder of a model. */
export async function readTokenizer(environment: Environment, path: string): Promise<ReadTokenizer> {
  const isFile = basename(path).endsWith('.json')
  const file = isFile ? path : join(path, 'tokenizer.json')
  const beside = join(dirname(file), 'tokenizer_config.json')
  const json = await readText(environment, file, 'tokenizer')
  const config = exists(environment, beside) ? await readText(environment, beside, 'tokenizer') : undefined
  return tokenizerOf({ json, config }, named(file))
}

/** A tokenizer from the text of its files. */
export function tokenizerOf(
  { json, config }: { readonly json: string; readonly config: string | undefined },
  name: string,
): ReadTokenizer {
  const start = `tokenizer ${name}:`
  const parsed = parseJson(json, { start, expected: 'the JSON of a tokenizer' })
  const settings = config === undefined ? {} : parseJson(config, { start, expected: 'JSON beside it' })
  let tokens: TokenStrings
  let tokenizer: Tokenizer
  try {
    tokens = tokenStrings(parsed)
    tokenizer = new Tokenizer(parsed as object, settings as object)
  } catch (error) {
    throw new InputError(
      `${start} expected a tokenizer.json of the Hugging Face format, got another content (${(error as Error).message})`,
    )
  }
  return {
    digest: tokenizerDigest(tokens),
    vocabularySize: tokens.length,
    tokens,
    json,
    config,
    encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
    // Special tokens are shown: they are ids like others where a context is read. The empty list is an error over there.
    decode: (ids) =>
      ids.length === 0
        ? ''
        : tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
  }
}

/** Refuses a tokenizer of which a profile does not speak: its ids would be read as nonsense, and nothing found. */
export function assertTokenizerOf(
  profile: Pick<Profile, 'tokenizer'>,
  { digest }: ReadTokenizer,
  path: string,
): void {
  if (digest !== profile.tokenizer)
    throw new InputError(
      `tokenizer ${named(path)}: expected the profile's, ${profile.tokenizer}, got ${digest}. Take the tokenizer.json of the model that was marked`,
    )
}
