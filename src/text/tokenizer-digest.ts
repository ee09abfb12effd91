/**
 * The identity of a tokenizer: a digest of its token strings in the order of their ids. A mark lives on ids, so a key is
 * bound to the exact id assignment; two tokenizers with the same digest give the same ids their meaning.
 * Wire format: docs/wire-format.md, "tokenizer".
 */
import { assertArray, assertRecord, describe } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { type Digest, digestBytes } from '../digest.ts'

/** Token strings by id; null where an id has no token. */
export type TokenStrings = readonly (string | null)[]

/**
 * Names a tokenizer: SHA-256 over `JSON.stringify(tokens)`.
 * @param tokens raw pieces by id (no byte decoding), added tokens included, length = largest id + 1, missing ids null.
 * @throws TypeError if an entry is neither string nor null; RangeError if there are none.
 * @example
 * import { tokenizerDigest } from 'dyetrace'
 * tokenizerDigest(['a']) // 'sha256:0eb5b8d6f81bc677da8a08567cc4fa9a06a57e9ec8da85ed73a7f62727996002'
 */
export function tokenizerDigest(tokens: TokenStrings): Digest {
  assertArray(tokens, { name: 'tokens', expected: 'an array of token strings by id' })
  if (tokens.length === 0)
    throw new RangeError('"tokens" expected at least one token string, got an empty array')
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id]
    if (typeof token !== 'string' && token !== null)
      throw new TypeError(`"tokens[${id}]" expected a string or null, got ${describe(token)}`)
  }
  return digestBytes(utf8ToBytes(JSON.stringify(tokens)))
}

/**
 * Reads the token strings out of a parsed `tokenizer.json` (Hugging Face tokenizers format: BPE, WordPiece and WordLevel
 * keep `model.vocab` as an object, Unigram as a list of [piece, score]).
 * @returns token strings by id, ready for {@link tokenizerDigest}.
 * @throws TypeError if the object has no such vocabulary.
 * @example
 * import { tokenStrings, tokenizerDigest } from 'dyetrace'
 * const json = { model: { vocab: { a: 0, b: 2 } }, added_tokens: [{ id: 1, content: '</s>' }] }
 * tokenStrings(json) // ['a', '</s>', 'b']
 */
export function tokenStrings(tokenizerJson: unknown): TokenStrings {
  assertRecord(tokenizerJson, { name: 'tokenizerJson' })
  const model = tokenizerJson['model']
  assertRecord(model, { name: 'tokenizerJson.model' })
  const vocab = model['vocab']
  const entries: [string, number][] = []
  if (Array.isArray(vocab)) {
    vocab.forEach((piece: unknown, id) => {
      if (!Array.isArray(piece) || typeof piece[0] !== 'string')
        throw new TypeError(
          `"tokenizerJson.model.vocab[${id}]" expected [piece, score], got ${describe(piece)}`,
        )
      entries.push([piece[0], id])
    })
  } else {
    assertRecord(vocab, { name: 'tokenizerJson.model.vocab' })
    for (const [piece, id] of Object.entries(vocab)) entries.push([piece, checkedId(id, piece)])
  }
  const added = tokenizerJson['added_tokens'] ?? []
  assertArray(added, { name: 'tokenizerJson.added_tokens' })
  for (const token of added as unknown[]) {
    assertRecord(token, { name: 'tokenizerJson.added_tokens[]' })
    const content = token['content']
    if (typeof content !== 'string')
      throw new TypeError(
        `"tokenizerJson.added_tokens[].content" expected a string, got ${describe(content)}`,
      )
    entries.push([content, checkedId(token['id'], content)])
  }
  const strings: (string | null)[] = []
  for (const [piece, id] of entries) {
    while (strings.length <= id) strings.push(null)
    strings[id] = piece
  }
  return strings
}

// An id beyond this is a broken file, not a vocabulary: refusing it keeps the array above from filling the memory.
const LARGEST_ID = 2 ** 24

function checkedId(id: unknown, piece: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < LARGEST_ID) return id
  throw new RangeError(
    `token ${JSON.stringify(piece)} expected an id in 0..${LARGEST_ID - 1}, got ${describe(id)}`,
  )
}
