/**
 * The teacher of the lab: a small English language model (GPT-2's shape, 2,048 tokens, context 256; build-teacher/ made it) that
 * lies beside this file, run through transformers.js. It plays the provider's model, with the mark on or off. Loading reads
 * local files only: no network, no cache folder.
 */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  AutoModelForCausalLM,
  AutoTokenizer,
  env,
  type PreTrainedModel,
  type PreTrainedTokenizer,
  Tensor,
} from '@xenova/transformers'
import type { Digest } from '../../src/digest.ts'
import { type LocalSuspect, localSuspect, type TensorConstructor } from '../../src/suspect/local.ts'
import { tokenizerDigest, tokenStrings } from '../../src/text/tokenizer-digest.ts'

/** Folder of the bundled model. */
export const teacherFolder: string = fileURLToPath(new URL('./teacher', import.meta.url))

/** The loaded model and what a profile for it needs to know. */
export interface Teacher {
  readonly model: PreTrainedModel
  readonly tokenizer: PreTrainedTokenizer
  readonly Tensor: TensorConstructor
  /** The parsed tokenizer.json. */
  readonly tokenizerJson: unknown
  /** The tokenizer's name, as profiles want it. */
  readonly tokenizerDigest: Digest
  readonly vocabularySize: number
  /** The id of `<|endoftext|>`, which also begins every document and serves as padding. */
  readonly endOfText: number
  /** Most ids the model can read. */
  readonly contextLength: number
  /** The model without a mark. */
  readonly suspect: LocalSuspect
}

/** Loads the bundled model, from any working directory. */
export async function loadTeacher(): Promise<Teacher> {
  env.allowRemoteModels = false
  env.allowLocalModels = true
  env.useFSCache = false
  env.localModelPath = dirname(teacherFolder)
  const [model, tokenizer, json] = await Promise.all([
    AutoModelForCausalLM.from_pretrained('teacher', { quantized: false }) as Promise<PreTrainedModel>,
    AutoTokenizer.from_pretrained('teacher'),
    readFile(`${teacherFolder}/tokenizer.json`, 'utf8'),
  ])
  const tokenizerJson: unknown = JSON.parse(json)
  const { vocab_size: vocabularySize, eos_token_id: endOfText, n_positions: contextLength } = model.config
  return {
    model,
    tokenizer,
    Tensor,
    tokenizerJson,
    tokenizerDigest: tokenizerDigest(tokenStrings(tokenizerJson)),
    vocabularySize,
    endOfText,
    contextLength,
    suspect: localSuspect(model, { name: 'teacher', vocabularySize, Tensor, endOfText, contextLength }),
  }
}
