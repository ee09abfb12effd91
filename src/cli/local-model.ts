/**
 * A model from a folder, run by transformers.js. The package is an optional peer: it is looked for when it is needed, and where it is missing the
 * message says how to get it. Nothing is fetched from a network.
 */
import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseJson } from '../json.ts'
import {
  type CausalModel,
  type LocalSuspect,
  localSuspect,
  type TensorConstructor,
} from '../suspect/local.ts'
import type { Environment } from './environment.ts'
import { InputError, UnfinishedError } from './exit.ts'
import { at, named, readText } from './files.ts'

/** A loaded model. */
export interface LocalModel {
  readonly suspect: LocalSuspect
  readonly endOfText: number | undefined
  readonly beginOfText: number | undefined
}

/** What both packages have in common, as far as it is used here. */
interface Transformers {
  readonly AutoModelForCausalLM: {
    from_pretrained(name: string, options: Record<string, unknown>): Promise<CausalModel>
  }
  readonly Tensor: TensorConstructor
  readonly env: Record<string, unknown>
}

const PACKAGES = ['@huggingface/transformers', '@xenova/transformers'] as const

/** Loads the model in a folder as transformers.js has them: config.json, tokenizer.json, onnx/. */
export async function loadLocalModel(
  environment: Environment,
  { folder, name }: { folder: string; name: string },
): Promise<LocalModel> {
  const real = resolve(at(environment, folder))
  const config = parseJson(await readText(environment, join(folder, 'config.json'), 'model'), {
    start: `model ${named(folder)}:`,
    expected: 'the JSON of its configuration',
  }) as Record<string, unknown>
  const vocabularySize = config['vocab_size']
  if (typeof vocabularySize !== 'number')
    throw new InputError(`model ${named(folder)}: expected "vocab_size" in config.json, got none`)
  const { transformers, isXenova } = await transformersPackage()
  const { env, AutoModelForCausalLM, Tensor } = transformers
  env['allowRemoteModels'] = false
  env['allowLocalModels'] = true
  env['useFSCache'] = false
  env['localModelPath'] = dirname(real)
  const file = fileOf(real, folder)
  let model: CausalModel
  try {
    model = await AutoModelForCausalLM.from_pretrained(
      basename(real),
      isXenova ? { quantized: false, model_file_name: file } : { dtype: 'fp32', model_file_name: file },
    )
  } catch (error) {
    throw new UnfinishedError(`model ${named(folder)}: could not be loaded (${(error as Error).message})`)
  }
  const endOfText = idOf(config['eos_token_id'])
  return {
    suspect: localSuspect(model, {
      name,
      vocabularySize,
      Tensor,
      ...(endOfText === undefined ? {} : { endOfText }),
    }),
    endOfText,
    beginOfText: idOf(config['bos_token_id']),
  }
}

function idOf(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'number' ? first : undefined
}

function fileOf(real: string, folder: string): string {
  const names = ['model', 'decoder_model_merged']
  const found = names.find((name) => existsSync(join(real, 'onnx', `${name}.onnx`)))
  if (found === undefined)
    throw new InputError(
      `model ${named(folder)}: expected onnx/model.onnx or onnx/decoder_model_merged.onnx with float32 weights, got neither`,
    )
  return found
}

async function transformersPackage(): Promise<{ transformers: Transformers; isXenova: boolean }> {
  for (const name of PACKAGES) {
    try {
      // A name in a variable: bundlers leave it alone.
      const transformers = (await import(name)) as Transformers
      return { transformers, isXenova: name === '@xenova/transformers' }
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
      if (!isMissing) throw new UnfinishedError(`${name}: could not be loaded (${(error as Error).message})`)
    }
  }
  throw new InputError(
    'expected @huggingface/transformers (or @xenova/transformers), which runs models, got none installed. Run: npm install @huggingface/transformers',
  )
}
