/**
 * A collector as a program of its own, so that it can be killed: reads its job, goes on with the files in its folder, and prints how it ended.
 * What a killed process has written stays with the operating system, so files are not flushed to the disk here, as a collector that fears a
 * power cut does.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../../src/digest.ts'
import { type Collected, type CollectOptions, collect } from '../../src/suspect/collect.ts'
import { openAiCompatibleSuspect } from '../../src/suspect/openai-compatible.ts'
import { wordTokenizer } from './suspect-server-toy.ts'

/** What it is told. */
export interface CollectorJob {
  readonly folder: string
  readonly url: string
  readonly apiKey: string
  readonly plan: Digest
  readonly prompts: readonly (readonly number[])[]
  readonly vocabularySize: number
  readonly maxTokens: number
  readonly concurrency: number
  readonly timeoutSeconds: number
  readonly budget: NonNullable<CollectOptions['budget']>
}

/** What it prints at its end. */
export type CollectorEnd = Pick<Collected, 'ended' | 'charged' | 'tokens' | 'unanswered'>

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as CollectorJob
const { folder, plan, prompts, vocabularySize, maxTokens, budget, concurrency, url, apiKey, timeoutSeconds } =
  job

function fileAt(name: string) {
  const path = join(folder, name)
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const file = openSync(path, existsSync(path) ? 'r+' : 'w+')
  return {
    text,
    write(piece: string, at: number) {
      ftruncateSync(file, at)
      writeSync(file, piece, at)
    },
    close: () => closeSync(file),
  }
}

const answers = fileAt('answers.jsonl')
const journal = fileAt('journal.jsonl')
const suspect = openAiCompatibleSuspect({
  ...{ name: 'toy', model: 'toy', api: 'completions', url, apiKey, vocabularySize, timeoutSeconds },
  ...{
    tokenizer: wordTokenizer(vocabularySize),
    retries: 3,
    retryDelaySeconds: 0.002,
    mostWaitSeconds: 0.02,
  },
})
process.stdout.write('started\n')
const { ended, charged, tokens, unanswered } = await collect(suspect, {
  ...{ plan, access: 'text', prompts, budget, concurrency, attempts: 60, giveUpAfter: 500 },
  completion: { maxTokens },
  written: answers.text,
  write: answers.write,
  journal: journal.text,
  intend: journal.write,
})
const end: CollectorEnd = { ended, charged, tokens, unanswered }
process.stdout.write(`${JSON.stringify(end)}\n`)
answers.close()
journal.close()
