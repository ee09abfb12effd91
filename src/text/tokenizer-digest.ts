/**
 * The identity of a tokenizer: a digest of its token strings in the order of their ids. A mark lives on ids, so a key is
 * bound to the exact id assignment; two tokenizers with the same digest give the same ids their meaning.
 * Wire format: docs/wire-format.md, "tokenizer".
 */
import { assertArray, assertNumber, assertRecord, assertString, describe } from '../assert.ts'
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
 * @throws TypeError if the object has no such vocabulary; RangeError for an empty one, an id out of range or one with two strings.
 * @example
 * import { tokenStrings, tokenizerDigest } from 'dyetrace'
 * const json = { model: { vocab: { a: 0, b: 2 } }, added_tokens: [{ id: 1, content: '</s>' }] }
 * tokenStrings(json) // [ 'a', '</s>', 'b' ]
 */
export function tokenStrings(tokenizerJson: unknown): TokenStrings {
  assertRecord(tokenizerJson, { name: 'tokenizerJson' })
  const model = tokenizerJson['model']
  assertRecord(model, { name: 'tokenizerJson.model' })
  const vocab = model['vocab']
  const strings: (string | null)[] = []
  if (Array.isArray(vocab)) {
    for (const [id, entry] of (vocab as unknown[]).entries()) {
      if (!Array.isArray(entry) || typeof entry[0] !== 'string')
        throw new TypeError(
          `"tokenizerJson.model.vocab[${id}]" expected [piece, score], got ${describe(entry)}`,
        )
      strings.push(entry[0])
    }
  } else {
    assertRecord(vocab, { name: 'tokenizerJson.model.vocab' })
    for (const [piece, id] of Object.entries(vocab)) {
      assertId(id, { name: 'tokenizerJson.model.vocab', piece })
      place(strings, { id, piece, name: 'tokenizerJson.model.vocab' })
    }
  }
  if (strings.length === 0)
    throw new RangeError('"tokenizerJson.model.vocab" expected at least one piece, got none')
  const added = tokenizerJson['added_tokens'] ?? []
  assertArray(added, { name: 'tokenizerJson.added_tokens' })
  const addedStrings: (string | null)[] = []
  for (const [i, token] of (added as unknown[]).entries()) {
    const name = `tokenizerJson.added_tokens[${i}]`
    assertRecord(token, { name })
    const { content: piece, id } = token
    assertString(piece, { name: `${name}.content` })
    assertId(id, { name: `${name}.id`, piece })
    place(addedStrings, { id, piece, name })
  }
  // An added token stands before a piece of the model with its id, as it does when text is read.
  const length = Math.max(strings.length, addedStrings.length)
  return Array.from({ length }, (_, id) => addedStrings[id] ?? strings[id] ?? null)
}

// An id beyond this is a broken file, not a vocabulary: refusing it keeps the arrays above from filling the memory.
const LARGEST_ID = 2 ** 24 - 1

function assertId(id: unknown, { name, piece }: { name: string; piece: string }): asserts id is number {
  const expected = `an id in 0..${LARGEST_ID} for token ${describe(piece)}`
  assertNumber(id, { name, expected, holds: (n) => Number.isInteger(n) && n >= 0 && n <= LARGEST_ID })
}

// Two strings for one id have no order that every reader of JSON agrees on, and so no digest.
function place(
  strings: (string | null)[],
  { id, piece, name }: { id: number; piece: string; name: string },
): void {
  while (strings.length <= id) strings.push(null)
  const known = strings[id]
  if (known !== null && known !== piece)
    throw new RangeError(
      `"${name}" expected one token for id ${id}, got ${describe(known)} and ${describe(piece)}`,
    )
  strings[id] = piece
}
