/**
 * Documents to be judged: text files, folders of them, standard input, and JSON lines with ids or text. A document that cannot be read is an item
 * with an error and stops nobody else.
 */

import type { TokenDocument } from '../detect/countable.ts'
import { parseJson } from '../json.ts'
import type { Profile } from '../keys/profile.ts'
import { canonicalise } from '../text/canonicalise.ts'
import { assertTokenIds } from '../tokens.ts'
import type { Call, OptionSpec } from './call.ts'
import type { Environment } from './environment.ts'
import { InputError } from './exit.ts'
import { filesUnder, named, readText } from './files.ts'
import { assertTokenizerOf, type ReadTokenizer, readTokenizer } from './tokenizer.ts'

/** One document, or why there is none. */
export type ReadDocument =
  | { readonly name: string; readonly document: TokenDocument; readonly error?: never }
  | { readonly name: string; readonly error: string; readonly document?: never }

/** Options of every command that reads documents. */
export const DOCUMENT_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '-t, --tokenizer <path>',
    says: "tokenizer.json of the marked model, or the model's folder; needed for text",
  },
  {
    flags: '--jsonl',
    says: 'inputs are JSON lines: {"ids": [...]} or {"text": "..."}, with "id", "prompt" (text) or "promptLength" if known; always so for names that end in .jsonl',
  },
  {
    flags: '--canonicalise',
    says: 'undo look-alike letters and characters of no width before reading the text',
  },
]

/** The tokenizer of `--tokenizer`, checked against the profile; undefined where there is none. */
export async function tokenizerOption(
  call: Call,
  profile: Pick<Profile, 'tokenizer'>,
): Promise<ReadTokenizer | undefined> {
  const path = call.option('tokenizer')
  if (path === undefined) return undefined
  const tokenizer = await readTokenizer(call.environment, path)
  assertTokenizerOf(profile, tokenizer, path)
  return tokenizer
}

/** Reads the operands of a call as documents. Without operands there is an error: nobody waits for input by mistake. */
export async function readDocuments(
  call: Call,
  { tokenizer, vocabularySize }: { tokenizer: ReadTokenizer | undefined; vocabularySize: number },
): Promise<readonly ReadDocument[]> {
  const { environment, operands } = call
  if (operands.length === 0)
    throw new InputError('expected at least one file or folder, or "-" for standard input, got none')
  const about = {
    tokenizer,
    vocabularySize,
    canonical: call.flag('canonicalise'),
  }
  const documents: ReadDocument[] = []
  for (const path of filesUnder(environment, operands)) {
    const isLines = call.flag('jsonl') || path.endsWith('.jsonl')
    documents.push(...(await documentsOf(environment, path, { ...about, isLines })))
  }
  return documents
}

interface About {
  readonly tokenizer: ReadTokenizer | undefined
  readonly vocabularySize: number
  readonly canonical: boolean
}

async function documentsOf(
  environment: Environment,
  path: string,
  { isLines, ...about }: About & { readonly isLines: boolean },
): Promise<readonly ReadDocument[]> {
  const name = named(path)
  let text: string
  try {
    text = await readText(environment, path)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return [{ name, error: error.message }]
  }
  if (!isLines) return [attempt(name, () => ({ ids: encoded(text, about) }))]
  const lines = text.split('\n')
  return lines.flatMap((line, i) => {
    const place = `${name}:${i + 1}`
    if (line.trim() === '') return []
    return [fromLine(line, { ...about, place })]
  })
}

const LINE_KEYS = ['id', 'ids', 'text', 'prompt', 'promptLength']

function fromLine(line: string, about: About & { readonly place: string }): ReadDocument {
  let name = about.place
  try {
    const value = parseJson(line, { start: `${about.place}:`, expected: 'a JSON object' })
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new InputError(`${about.place}: expected a JSON object, got another value`)
    const unknown = Object.keys(value).find((key) => !LINE_KEYS.includes(key))
    if (unknown !== undefined)
      throw new InputError(`${about.place}: expected only the members ${LINE_KEYS.join(', ')}, got another`)
    const { id, ids, text, prompt, promptLength } = value as Record<string, unknown>
    if (typeof id === 'string' || typeof id === 'number') name = named(String(id).slice(0, 200))
    if ((ids === undefined) === (text === undefined))
      throw new InputError(
        `${about.place}: expected "ids" or "text", got ${ids === undefined ? 'neither' : 'both'}`,
      )
    const given = { place: about.place, promptLength, prompt }
    return {
      name,
      document: ids === undefined ? fromText(text, given, about) : fromIds(ids, given, about),
    }
  } catch (error) {
    return { name, error: (error as Error).message }
  }
}

interface Given {
  readonly place: string
  readonly promptLength: unknown
  readonly prompt: unknown
}

function fromIds(
  ids: unknown,
  { place, promptLength, prompt }: Given,
  { vocabularySize }: About,
): TokenDocument {
  if (prompt !== undefined)
    throw new InputError(`${place}: expected "promptLength" beside "ids", got "prompt"`)
  assertTokenIds(ids, { name: `${place} ids`, vocabularySize })
  if (promptLength === undefined) return { ids }
  const isLength =
    typeof promptLength === 'number' &&
    Number.isInteger(promptLength) &&
    promptLength >= 0 &&
    promptLength <= ids.length
  if (!isLength)
    throw new InputError(
      `${place}: expected "promptLength" to be an integer in 0..${ids.length}, got another value`,
    )
  return { ids, promptLength }
}

function fromText(text: unknown, { place, promptLength, prompt }: Given, about: About): TokenDocument {
  if (promptLength !== undefined)
    throw new InputError(`${place}: expected "prompt" beside "text", got "promptLength"`)
  if (typeof text !== 'string' || (prompt !== undefined && typeof prompt !== 'string'))
    throw new InputError(`${place}: expected "text" and "prompt" to be strings, got another value`)
  if (prompt === undefined) return { ids: encoded(text, about) }
  const before = encoded(prompt, about)
  return { ids: [...before, ...encoded(text, about)], promptLength: before.length }
}

function encoded(text: string, { tokenizer, canonical, vocabularySize }: About): number[] {
  if (!tokenizer)
    throw new InputError(
      'expected --tokenizer to read text, got none; without one, only JSON lines with "ids" can be read',
    )
  const ids = tokenizer.encode(canonical ? canonicalise(text) : text)
  assertTokenIds(ids, { name: 'ids of the text', vocabularySize })
  return ids
}

function attempt(name: string, work: () => TokenDocument): ReadDocument {
  try {
    return { name, document: work() }
  } catch (error) {
    return { name, error: (error as Error).message }
  }
}
