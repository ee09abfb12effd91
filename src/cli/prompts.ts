/**
 * Prompts of a plan, as ids of the provider's tokenizer: from a file, or cut out of texts. Which ones they are must not depend on a key, and they
 * must hold no marked text.
 */
import { basename } from 'node:path'
import { parseJson } from '../json.ts'
import { assertTokenIds } from '../tokens.ts'
import type { Environment } from './environment.ts'
import { InputError } from './exit.ts'
import { filesUnder, named, readText } from './files.ts'
import { count, printable } from './printable.ts'
import type { ReadTokenizer } from './tokenizer.ts'

/** Prompts and where they are from, in words. */
export interface ReadPrompts {
  readonly prompts: readonly (readonly number[])[]
  readonly origin: string
}

/** A file of prompts: JSON lines with "ids", "prompt" or "text", or a text with one prompt a line. */
export async function promptsFromFile(
  environment: Environment,
  path: string,
  tokenizer: ReadTokenizer,
): Promise<ReadPrompts> {
  const text = await readText(environment, path, 'prompts')
  const name = `prompts ${named(path)}`
  const isJson = path.endsWith('.jsonl') || /^\s*\{/.test(text)
  const prompts = text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    return [isJson ? fromLine(line, `${name}:${i + 1}`, tokenizer) : tokenizer.encode(line)]
  })
  if (prompts.length === 0) throw new InputError(`${name}: expected at least one prompt, got none`)
  const empty = prompts.findIndex(({ length }) => length === 0)
  if (empty >= 0) throw new InputError(`${name}: expected prompts with at least one id, got an empty one`)
  return { prompts, origin: originOf(path) }
}

function fromLine(line: string, name: string, tokenizer: ReadTokenizer): readonly number[] {
  const value = parseJson(line, { start: `${name}:`, expected: 'a JSON object' })
  const {
    ids,
    prompt,
    text = prompt,
  } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (typeof text === 'string') return tokenizer.encode(text)
  if (ids === undefined)
    throw new InputError(`${name}: expected an object with "ids", "text" or "prompt", got another value`)
  assertTokenIds(ids, { name: `${name} ids`, vocabularySize: tokenizer.vocabularySize })
  return Array.from(ids)
}

/** Evenly spaced stretches of texts, each one that survives as text. */
export async function promptsFromTexts(
  environment: Environment,
  path: string,
  { answers, length, tokenizer }: { answers: number; length: number; tokenizer: ReadTokenizer },
): Promise<ReadPrompts> {
  const texts: number[][] = []
  for (const file of filesUnder(environment, [path]))
    texts.push(tokenizer.encode(await readText(environment, file, 'text')))
  const all = texts.flat()
  const stride = Math.floor(all.length / answers)
  if (stride < length)
    throw new InputError(
      `texts ${named(path)}: expected at least ${count(answers * length, 'token')} for ${count(answers, 'prompt')} of ${length}, got ${count(all.length, 'token')}; fewer --answers, fewer --prompt-tokens or more text`,
    )
  const prompts = Array.from({ length: answers }, (_, i) =>
    survivingPiece(all, { from: i * stride, to: (i + 1) * stride, length, tokenizer }),
  )
  return {
    prompts,
    origin: `${count(answers, 'stretch', 'stretches')} of ${length} tokens, evenly spaced, of ${originOf(path)}`,
  }
}

/** The suspect is given text. A stretch that its reader would cut otherwise is moved on by a few ids; the last resort is the first one. */
function survivingPiece(
  all: readonly number[],
  { from, to, length, tokenizer }: { from: number; to: number; length: number; tokenizer: ReadTokenizer },
): readonly number[] {
  for (let start = from; start + length <= to && start < from + 16; start++) {
    const piece = all.slice(start, start + length)
    const again = tokenizer.encode(tokenizer.decode(piece))
    if (again.length === length && again.every((id, i) => id === piece[i])) return piece
  }
  return all.slice(from, from + length)
}

function originOf(path: string): string {
  return path === '-' ? 'standard input' : printable(basename(path))
}
