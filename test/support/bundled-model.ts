/**
 * The bundled model in both packages, behind one way to generate, so that one test speaks of both hosts. They read the same
 * file: 4 is told its name, since it would look for `onnx/model.onnx`.
 */
import { dirname } from 'node:path'
import * as huggingface from '@huggingface/transformers'
import * as xenova from '@xenova/transformers'
import seedrandom from 'seedrandom'
import { vi } from 'vitest'
import { loadTeacher, type Teacher, teacherFolder } from '../../benchmarks/lab/teacher.ts'
import type {
  MarkedGenerationConfig,
  MarkingLogitsProcessor,
} from '../../src/integrations/transformers-js.ts'
import type { CausalModel, TensorConstructor } from '../../src/suspect/local.ts'

/** Anything that takes a processor's place in the list of either package; in 2.17 what it returns is ignored. */
// biome-ignore lint/suspicious/noExplicitAny: both packages type their processors and tensors by themselves
export type AnyProcessor = (inputIds: any, logits: any) => unknown

/** One package with the model loaded. */
export interface Host {
  readonly name: string
  /** Whether the package runs a batch in one pass and asks a processor once for all rows. */
  readonly batched: boolean
  readonly model: CausalModel
  readonly Tensor: TensorConstructor
  /**
   * Runs the package's own `generate` on prompts of equal length. Draws of the host are repeatable.
   * @returns prompt and completion of each, as the package returns them.
   */
  generate(
    prompts: readonly (readonly number[])[],
    config: MarkedGenerationConfig,
    processors?: readonly (MarkingLogitsProcessor | AnyProcessor)[],
  ): Promise<number[][]>
  /** Logits at the last position of one sequence, from a forward pass of its own. */
  lastLogits(ids: readonly number[]): Promise<Float32Array>
}

/** What both hosts know of the model. */
export interface BundledModel
  extends Pick<Teacher, 'tokenizerDigest' | 'vocabularySize' | 'endOfText' | 'contextLength'> {
  readonly hosts: readonly Host[]
  readonly encode: (text: string) => number[]
}

/** Loads the model in both packages. */
export async function loadBundledModel(): Promise<BundledModel> {
  const teacher = await loadTeacher()
  return {
    ...teacher,
    hosts: [xenovaHost(teacher), await huggingfaceHost()],
    encode: (text) => teacher.tokenizer.encode(text),
  }
}

function xenovaHost({ model }: Teacher): Host {
  const { Tensor } = xenova
  return {
    name: '@xenova/transformers 2.17',
    batched: false,
    model,
    Tensor,
    async generate(prompts, config, processors = []) {
      const drawn = vi.spyOn(Math, 'random').mockImplementation(seedrandom('host'))
      try {
        return (await model.generate(idTensor(prompts, { Tensor }), config, processors)) as number[][]
      } finally {
        drawn.mockRestore()
      }
    },
    lastLogits: (ids) => lastLogits(model, Tensor, ids),
  }
}

async function huggingfaceHost(): Promise<Host> {
  const { AutoModelForCausalLM, env, LogitsProcessorList, random, Tensor } = huggingface
  env.allowRemoteModels = false
  env.useFSCache = false
  env.localModelPath = dirname(teacherFolder)
  const model = await AutoModelForCausalLM.from_pretrained('teacher', {
    model_file_name: 'decoder_model_merged',
    dtype: 'fp32',
  })
  return {
    name: '@huggingface/transformers 4',
    batched: true,
    model,
    Tensor,
    async generate(prompts, config, processors = []) {
      random.seed(1)
      const logits_processor = new LogitsProcessorList()
      logits_processor.extend(processors as MarkingLogitsProcessor[])
      const inputs = idTensor(prompts, { Tensor })
      const ids = await model.generate({ inputs, ...(config as object), logits_processor })
      return (ids as InstanceType<typeof Tensor>).tolist().map((row: bigint[]) => row.map(Number))
    },
    lastLogits: (ids) => lastLogits(model, Tensor, ids),
  }
}

function idTensor<T extends TensorConstructor>(
  prompts: readonly (readonly number[])[],
  { Tensor }: { Tensor: T },
): InstanceType<T> {
  const data = BigInt64Array.from(prompts.flat(), BigInt)
  return new Tensor('int64', data, [prompts.length, prompts[0]!.length]) as InstanceType<T>
}

async function lastLogits(
  model: CausalModel,
  Tensor: TensorConstructor,
  ids: readonly number[],
): Promise<Float32Array> {
  const { logits } = await model.forward({
    input_ids: idTensor([ids], { Tensor }),
    attention_mask: idTensor([ids.map(() => 1)], { Tensor }),
  })
  return (logits.data as Float32Array).slice(-logits.dims.at(-1)!)
}
