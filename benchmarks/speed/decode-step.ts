/**
 * What marking is a share of: one step of a model. Of the bundled one, as it runs; and of a small one of 100 M parameters, of which the least is timed that a step can take on one core:
 * every int8 weight is read once and multiplied once. A real step takes longer.
 */
import { readFile } from 'node:fs/promises'
import { main } from 'assemblyscript/asc'
import { loadTeacher } from '../lab/teacher.ts'
import type { SpeedRun } from './case.ts'

const PARAMETERS = 100_000_000

const SOURCE = `
export function products(weights: usize, input: usize, count: usize): i32 {
  let sum = i32x4.splat(0)
  const x = v128.load(input)
  const low = i16x8.extend_low_i8x16_s(x)
  const high = i16x8.extend_high_i8x16_s(x)
  for (let i: usize = 0; i < count; i += 16) {
    const w = v128.load(weights + i)
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(w), low))
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(w), high))
  }
  return i32x4.extract_lane(sum, 0)
}`

/** A step of a model of 100 M parameters with int8 weights, the multiplications alone. */
export async function smallModelStep(): Promise<SpeedRun> {
  let binary: Uint8Array | undefined
  const { error } = await main(
    [
      'step.ts',
      '--outFile',
      'step.wasm',
      '--runtime',
      'stub',
      '--noAssert',
      '-O3',
      '--enable',
      'simd',
      '--initialMemory',
      '1600',
    ],
    {
      readFile: (name) => (name === 'step.ts' ? SOURCE : readFile(name, 'utf8').catch(() => null)),
      writeFile: (_name, contents) => {
        binary = contents as Uint8Array
      },
      listFiles: () => [],
    },
  )
  if (error) throw error
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: {
      Module: new (bytes: Uint8Array) => object
      Instance: new (module: object) => { exports: { products(w: number, x: number, n: number): number } }
    }
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary!))
  return {
    label: 'floor of a step of 100 M parameters: int8 multiplications, one core',
    run: () => void exports.products(1024, 0, PARAMETERS),
  }
}

/** Seconds a token that the bundled model takes to generate, unmarked, with its host's own loop; and its vocabulary. */
export async function bundledModelStep(): Promise<{ seconds: number; vocabularySize: number }> {
  const { model, tokenizer, vocabularySize } = await loadTeacher()
  const { input_ids } = await tokenizer('The moor was dark, and')
  const tokens = 96
  const generate = (): Promise<unknown> =>
    model.generate(input_ids, { max_new_tokens: tokens, do_sample: true, top_k: 0 })
  await generate()
  let seconds = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    const from = performance.now()
    await generate()
    seconds = Math.min(seconds, (performance.now() - from) / 1000 / tokens)
  }
  return { seconds, vocabularySize }
}
