/**
 * A local suspect in both packages, on the bundled model. The reference is the model's own forward pass over one sequence at a
 * time, without a cache.
 */
import { tmpdir } from 'node:os'
import seedrandom from 'seedrandom'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { loadTeacher } from '../../benchmarks/lab/teacher.ts'
import { countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import {
  type CausalModel,
  type CausalOutput,
  type LocalCompletionOptions,
  type LocalSuspect,
  type LocalSuspectOptions,
  localSuspect,
  type TensorConstructor,
} from '../../src/suspect/local.ts'
import type { TokenIds } from '../../src/tokens.ts'
import { type Host, loadBundledModel } from '../support/bundled-model.ts'
import { profileWithKey } from '../support/keys.ts'

const { hosts, vocabularySize, endOfText, contextLength, tokenizerDigest, encode } = await loadBundledModel()

/**
 * Nats by which logits of one sequence may differ when it is computed in another batch or from a cache: matrix products are
 * then summed in another order. Seen: 2e-6. What it must catch is of another size, as a test below shows.
 */
const tolerance = 1e-4

const prompts = [
  [endOfText, ...encode('The captain looked at')],
  [endOfText, ...encode('She had never seen')],
  [endOfText, ...encode('The')],
  [endOfText, ...encode('In the morning they')],
]

function suspectOf(host: Host, options: Partial<LocalSuspectOptions> = {}): LocalSuspect {
  return localSuspect(host.model, { name: host.name, vocabularySize, Tensor: host.Tensor, ...options })
}

/** Largest difference of two rows, in nats. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < Math.max(a.length, b.length); i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!))
  return largest
}

/** ln softmax of logits. */
function lnProbabilities(logits: Float32Array): number[] {
  const largest = Math.max(...logits)
  const lnTotal = largest + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - largest), 0))
  return Array.from(logits, (x) => x - lnTotal)
}

describe.each(hosts.map((host) => [host.name, host] as const))('%s', (_, host) => {
  const suspect = suspectOf(host)

  test('rows are the laws of what follows each prefix, whatever is asked beside it', async () => {
    const rows = await suspect.rows(prompts)
    expect(rows.map(({ length }) => length)).toEqual(prompts.map((ids) => ids.length * vocabularySize))
    let largest = 0
    for (const [p, ids] of prompts.entries()) {
      for (let i = 0; i < ids.length; i++) {
        const row = rows[p]!.subarray(i * vocabularySize, (i + 1) * vocabularySize)
        // Each probability is rounded once to float32, relative error 2^-24 (below 2^-126, where it is absolute, nothing adds up).
        expect(Math.abs(row.reduce((sum, x) => sum + x, 0) - 1)).toBeLessThan(2 ** -24 + 1e-12)
        const own = lnProbabilities(await host.lastLogits(ids.slice(0, i + 1)))
        largest = Math.max(largest, distance(Array.from(row, Math.log), own))
      }
    }
    expect(largest).toBeLessThan(tolerance)
  })

  test('the tolerance sees one wrong id, wherever it stands', async () => {
    const [ids] = prompts
    const own = await host.lastLogits(ids!)
    for (const i of ids!.keys()) {
      const other = await host.lastLogits(ids!.map((id, j) => (j === i ? id - 1 : id)))
      expect(distance(other, own)).toBeGreaterThan(1000 * tolerance)
    }
  })

  test('rows do not depend on how sequences are batched', async () => {
    const sequences = Array.from({ length: 7 }, (_, s) => prompts[s % 4]!.concat(s, s + 1))
    const rows = await suspect.rows(sequences)
    for (const batchSize of [1, 3]) {
      const other = await suspectOf(host, { batchSize }).rows(sequences)
      for (const s of sequences.keys())
        expect(distance(other[s]!.map(Math.log), rows[s]!.map(Math.log))).toBeLessThan(tolerance)
    }
  })

  test('every draw is made from the logits of all ids so far, and processLogits sees both', async () => {
    const calls: { ids: number[]; logits: Float32Array }[] = []
    const completions = await suspect.complete(prompts, {
      maxTokens: 8,
      random: seedrandom('calls'),
      processLogits: (logits, ids) => {
        calls.push({ ids: [...ids], logits: logits.slice() })
      },
    })
    expect(completions.map(({ length }) => length)).toEqual([8, 8, 8, 8])
    const expected = prompts.flatMap((ids, p) =>
      completions[p]!.map((_, i) => [...ids, ...completions[p]!.slice(0, i)]),
    )
    expect(calls.map(({ ids }) => ids.join()).sort()).toEqual(expected.map((ids) => ids.join()).sort())
    let largest = 0
    for (const { ids, logits } of calls)
      largest = Math.max(largest, distance(logits, await host.lastLogits(ids)))
    expect(largest).toBeLessThan(tolerance)
  })

  test('completions follow from the seed: the same as drawn step by step without a cache', async () => {
    const [prompt] = prompts
    const ask = async (seed: string) => {
      const [ids] = await suspect.complete([prompt!], { maxTokens: 20, random: seedrandom(seed) })
      return ids!
    }
    const random = seedrandom('a')
    const ids = [...prompt!]
    while (ids.length < prompt!.length + 20)
      ids.push(sampleFromLogits(await host.lastLogits(ids), { temperature: 1, random }))
    expect(await ask('a')).toEqual(ids.slice(prompt!.length))
    expect(await ask('a')).toEqual(await ask('a'))
    expect(await ask('b')).not.toEqual(await ask('a'))
  })

  test('processLogits decides what is drawn', async () => {
    const forced = await suspect.complete(prompts, {
      maxTokens: 5,
      random: seedrandom('forced'),
      processLogits: (logits, ids) => {
        logits.fill(Number.NEGATIVE_INFINITY)
        logits[ids.length % 10] = 0
      },
    })
    expect(forced).toEqual(prompts.map(({ length }) => [0, 1, 2, 3, 4].map((i) => (length + i) % 10)))
  })

  test('a completion ends at end-of-text, which it holds; those beside it go on', async () => {
    const asked: number[] = []
    const ending = async (options: Partial<LocalSuspectOptions>) =>
      suspectOf(host, options).complete([prompts[0]!, prompts[3]!], {
        maxTokens: 6,
        random: seedrandom('end'),
        processLogits: (logits, ids) => {
          const first = ids[1] === prompts[0]![1]
          asked.push(first ? 0 : 1)
          logits[endOfText] = first && ids.length === prompts[0]!.length + 2 ? 1000 : Number.NEGATIVE_INFINITY
        },
      })
    const [short, long] = await ending({ endOfText })
    expect(short).toHaveLength(3)
    expect(short!.at(-1)).toBe(endOfText)
    expect(long).toHaveLength(6)
    expect(asked.filter((row) => row === 0)).toHaveLength(3)
    // Without the option end-of-text is an id like all others.
    const [through] = await ending({})
    expect(through).toHaveLength(6)
    expect(through![2]).toBe(endOfText)
  })

  test('a prompt that begins with end-of-text has not ended', async () => {
    const [ids] = await suspectOf(host, { endOfText }).complete([[endOfText]], {
      maxTokens: 4,
      random: seedrandom('begin'),
    })
    expect(ids).toHaveLength(4)
  })

  test('progress is told up to the end, early ends included', async () => {
    const seen: [number, number][] = []
    await suspectOf(host, { endOfText }).complete(prompts.slice(0, 3), {
      maxTokens: 4,
      random: seedrandom('progress'),
      processLogits: (logits, ids) => {
        if (ids.length === prompts[2]!.length + 1 && ids[1] === prompts[2]![1]) logits[endOfText] = 1000
      },
      onProgress: (done, total) => seen.push([done, total]),
    })
    expect(seen.every(([done, total], i) => total === 12 && done >= (seen[i - 1]?.[0] ?? 0))).toBe(true)
    expect(seen.at(-1)).toEqual([12, 12])
  })

  test('nothing asked, nothing answered', async () => {
    const random = seedrandom('nothing')
    expect(await suspect.complete([], { maxTokens: 3, random })).toEqual([])
    expect(await suspect.complete(prompts, { maxTokens: 0, random })).toEqual([[], [], [], []])
    expect(await suspect.rows([])).toEqual([])
  })

  test('a provider marks through processLogits: evidence in what it says', async () => {
    const { profile, key } = profileWithKey('suspect', { vocabularySize, tokenizer: tokenizerDigest })
    const marker = createMarker(profile, [key])
    const { key: wrongKey } = profileWithKey('nobody', { vocabularySize, tokenizer: tokenizerDigest })
    const completions = await suspect.complete(prompts, {
      maxTokens: 80,
      random: seedrandom('marked'),
      processLogits: (logits, ids) => {
        marker.mark(logits, ids)
      },
    })
    const documents = completions.map((ids, p) => ({
      ids: [...prompts[p]!, ...ids],
      promptLength: prompts[p]!.length,
    }))
    const positions = countable(documents, profile)
    expect(detect(positions, key).decision).toBe('evidence')
    expect(detect(positions, wrongKey).decision).toBe('no-evidence')
  })

  test('the whole context may be used, and no more', async () => {
    const full = Array.from({ length: contextLength }, (_, i) => i % vocabularySize)
    const random = seedrandom('full')
    const [row] = await suspect.rows([full])
    expect(row).toHaveLength(contextLength * vocabularySize)
    const [ids] = await suspect.complete([full.slice(4)], { maxTokens: 4, random })
    expect(ids).toHaveLength(4)
    await expect(suspect.rows([[1], [...full, 0]])).rejects.toThrow(
      new RangeError('"sequences[1]" expected at most 256 ids (the model\'s context of 256), got 257'),
    )
    await expect(suspect.complete([full.slice(3)], { maxTokens: 4, random })).rejects.toThrow(
      new RangeError(
        '"prompts[0]" expected at most 252 ids (the model\'s context of 256 less maxTokens 4), got 253',
      ),
    )
    await expect(suspect.complete([[1]], { maxTokens: 256, random })).rejects.toThrow(
      new RangeError('"options.maxTokens" expected an integer in 0..255, got 256'),
    )
  })

  // Why the limit is there: the graph answers beyond its context as if the last position came again and again.
  test('a limit may be told, and one told too large is believed', async () => {
    const long = Array.from({ length: contextLength + 1 }, (_, i) => i % vocabularySize)
    expect(await suspectOf(host, { contextLength: 300 }).rows([long])).toHaveLength(1)
    await expect(suspectOf(host, { contextLength: 4 }).rows([[1, 2, 3, 4, 5]])).rejects.toThrow(
      /at most 4 ids/,
    )
  })
})

test('the same seed and prompts give the same completions in both packages', async () => {
  const [a, b] = await Promise.all(
    hosts.map((host) => suspectOf(host).complete(prompts, { maxTokens: 15, random: seedrandom('same') })),
  )
  expect(a).toEqual(b)
})

describe('models of other kinds', () => {
  const fakeVocabulary = 4

  class FakeTensor {
    readonly data: unknown
    readonly dims: readonly number[]
    constructor(_: string, data: unknown, dims: readonly number[]) {
      this.data = data
      this.dims = dims
    }
  }

  /** A model whose next id is surely the sum of all ids that it was shown in one pass or remembers, mod 4. */
  function sumModel({
    width = fakeVocabulary,
    cache,
    ...rest
  }: {
    width?: number
    cache?: string
    config?: unknown
    logits?: (logits: Float32Array) => unknown
  } = {}): {
    model: CausalModel
    fed: Record<string, unknown>[]
  } {
    const fed: Record<string, unknown>[] = []
    const forward = async (inputs: Record<string, unknown>): Promise<CausalOutput> => {
      fed.push(inputs)
      const { data, dims } = inputs['input_ids'] as { data: BigInt64Array; dims: number[] }
      const past = inputs['past_key_values'] as Record<string, FakeTensor> | undefined
      const [rows, length] = dims as [number, number]
      const sums = past
        ? Array.from(Object.values(past)[0]!.data as number[])
        : new Array<number>(rows).fill(0)
      const logits = new Float32Array(rows * length * width).fill(-100)
      for (let r = 0; r < rows; r++) {
        for (let i = 0; i < length; i++) {
          sums[r]! += Number(data[r * length + i])
          logits[(r * length + i) * width + (sums[r]! % fakeVocabulary)] = 100
        }
      }
      return {
        logits: new FakeTensor('float32', rest.logits?.(logits) ?? logits, [rows, length, width]),
        ...(cache === undefined ? {} : { [cache]: new FakeTensor('float32', sums, [rows]) }),
      }
    }
    return { model: 'config' in rest ? { forward, config: rest.config } : { forward }, fed }
  }

  function fakeSuspect(model: CausalModel, options: Partial<LocalSuspectOptions> = {}): LocalSuspect {
    const Tensor = FakeTensor as TensorConstructor
    return localSuspect(model, { name: 'fake', vocabularySize: fakeVocabulary, Tensor, ...options })
  }

  const ask = { maxTokens: 4, random: seedrandom('fake') }
  const pair = [
    [1, 2],
    [3, 3],
  ]
  // 1 + 2 = 3, + 3 = 6 = 2 mod 4, + 2 = 8 = 0 mod 4, + 0; and 3 + 3 = 2 mod 4, + 2 = 0, + 0, + 0.
  const answers = [
    [3, 2, 0, 0],
    [2, 0, 0, 0],
  ]

  test.each([
    { about: 'attention', cache: 'present.0.key', name: 'past_key_values.0.key' },
    { about: 'convolutions', cache: 'present_conv.0', name: 'past_conv.0' },
  ])('a cache of $about that comes as an output is fed back by its input name', async ({ cache, name }) => {
    const { model, fed } = sumModel({ cache })
    expect(await fakeSuspect(model).complete(pair, ask)).toEqual(answers)
    expect(fed.map(({ past_key_values: past }) => past && Object.keys(past))).toEqual([
      undefined,
      [name],
      [name],
      [name],
    ])
    expect(shapesOf(fed)).toEqual(['2,2 2,2', '2,1 2,3', '2,1 2,4', '2,1 2,5'])
  })

  test('a model without a cache is fed everything again, also where a row has ended', async () => {
    const { model, fed } = sumModel()
    expect(await fakeSuspect(model).complete(pair, ask)).toEqual(answers)
    expect(shapesOf(fed)).toEqual(['2,2 2,2', '2,3 2,3', '2,4 2,4', '2,5 2,5'])
    const ended = await fakeSuspect(model, { endOfText: 2 }).complete(pair, ask)
    expect(ended).toEqual([[3, 2], [2]])
  })

  test('columns beyond the vocabulary are neither drawn nor part of a law', async () => {
    const { model } = sumModel({
      width: 6,
      logits: (logits) => logits.map((x, i) => (i % 6 >= 4 ? 1000 : x)),
    })
    const suspect = fakeSuspect(model)
    expect(await suspect.complete(pair, ask)).toEqual(answers)
    const [row] = await suspect.rows([[1, 2]])
    expect(Array.from(row!, (x) => Math.round(x))).toEqual([0, 1, 0, 0, 0, 0, 0, 1])
  })

  test.each<[string, Parameters<typeof sumModel>[0], typeof TypeError, RegExp]>([
    [
      'half precision',
      { logits: ({ length }) => new Uint16Array(length) },
      TypeError,
      /model "fake" expected to give float32 logits, got Uint16Array.*fp32/,
    ],
    [
      'rows too narrow',
      { width: 3 },
      RangeError,
      /model "fake" expected to give logits of shape \(1, 2, 4 or more\), got \(1, 2, 3\)/,
    ],
    [
      'data that do not fill the shape',
      { logits: (logits) => logits.slice(1) },
      RangeError,
      /expected to give logits of shape/,
    ],
    [
      'NaN',
      { logits: (logits) => logits.fill(Number.NaN) },
      RangeError,
      /expected a number below Infinity, got NaN/,
    ],
    [
      'nothing possible',
      { logits: (logits) => logits.fill(Number.NEGATIVE_INFINITY) },
      RangeError,
      /expected a value above -Infinity/,
    ],
  ])('what cannot be read is refused: %s', async (_, kind, Kind, message) => {
    const suspect = fakeSuspect(sumModel(kind).model)
    for (const answer of [suspect.rows([[1, 2]]), suspect.complete([[1, 2]], ask)]) {
      const error = await answer.catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Kind)
      expect(String(error)).toMatch(message)
    }
  })

  test.each([
    { config: { n_positions: 3 }, limit: 3 },
    { config: { max_position_embeddings: 3 }, limit: 3 },
    { config: { n_positions: 3, max_position_embeddings: 9 }, limit: 3 },
    { config: { n_positions: 'many' }, limit: undefined },
    { config: null, limit: undefined },
  ])('length of the context from config $config', async ({ config, limit }) => {
    const asked = fakeSuspect(sumModel({ config }).model).rows([[0, 0, 0, 0]])
    if (limit === undefined) await expect(asked).resolves.toHaveLength(1)
    else await expect(asked).rejects.toThrow(`expected at most ${limit} ids`)
  })

  /** Shapes of ids and mask, pass by pass. */
  function shapesOf(fed: readonly Record<string, unknown>[]): string[] {
    return fed.map((inputs) =>
      ['input_ids', 'attention_mask'].map((name) => (inputs[name] as FakeTensor).dims).join(' '),
    )
  }
})

describe('what is refused', () => {
  const host = hosts[0]!
  const options = { name: 'teacher', vocabularySize, Tensor: host.Tensor }

  test.each<[string, unknown, unknown, typeof TypeError, RegExp]>([
    ['no model', undefined, options, TypeError, /"model" expected a loaded transformers.js model/],
    [
      'a model that is still loading',
      Promise.resolve(host.model),
      options,
      TypeError,
      /"model" expected a loaded/,
    ],
    ['no options', host.model, undefined, TypeError, /"options" expected an object, got undefined/],
    [
      'a misspelt option',
      host.model,
      { ...options, batch: 1 },
      RangeError,
      /"options" expected only the keys name, vocabularySize/,
    ],
    ['no name', host.model, { ...options, name: undefined }, TypeError, /"options.name" expected a string/],
    [
      'a vocabulary of one',
      host.model,
      { ...options, vocabularySize: 1 },
      RangeError,
      /"options.vocabularySize" expected an integer in 2/,
    ],
    [
      'no Tensor',
      host.model,
      { ...options, Tensor: undefined },
      TypeError,
      /"options.Tensor" expected the Tensor class.*got undefined/,
    ],
    [
      'end-of-text outside the vocabulary',
      host.model,
      { ...options, endOfText: 2048 },
      RangeError,
      /"options.endOfText" expected an integer in 0\.\.2047, got 2048/,
    ],
    [
      'end-of-text in words',
      host.model,
      { ...options, endOfText: '</s>' },
      TypeError,
      /"options.endOfText" expected an integer/,
    ],
    [
      'empty batches',
      host.model,
      { ...options, batchSize: 0 },
      RangeError,
      /"options.batchSize" expected an integer in 1/,
    ],
    ['half a batch', host.model, { ...options, batchSize: 1.5 }, RangeError, /"options.batchSize".*got 1.5/],
    [
      'no context',
      host.model,
      { ...options, contextLength: 0 },
      RangeError,
      /"options.contextLength" expected an integer in 1/,
    ],
  ])('%s', (_, model, wrong, Kind, message) => {
    const make = () => localSuspect(model as CausalModel, wrong as LocalSuspectOptions)
    expect(make).toThrow(Kind)
    expect(make).toThrow(message)
  })

  test.each<[string, unknown, typeof TypeError, RegExp]>([
    ['an empty sequence', [[1], []], RangeError, /\[1\]" expected at least one id, got none.*begin-of-text/],
    [
      'an id outside the vocabulary',
      [[1, 2048]],
      RangeError,
      /\[0\]\[1\]" expected a token id in 0\.\.2047, got 2048/,
    ],
    ['bigint ids', [[1n]], TypeError, /got 1n; convert with Array.from/],
    ['a text', ['The captain'], TypeError, /\[0\]" expected an array of token ids, got "The captain"/],
    ['one sequence for a list', [1, 2], TypeError, /\[0\]" expected an array of token ids, got 1/],
    ['no list', undefined, TypeError, /" expected an array of arrays of token ids, got undefined/],
  ])('asked for %s', async (_, sequences, Kind, message) => {
    const suspect = localSuspect(host.model, options)
    const ask = { maxTokens: 1, random: seedrandom('refused') }
    const answers = [suspect.rows(sequences as TokenIds[]), suspect.complete(sequences as TokenIds[], ask)]
    for (const answer of answers) {
      const error = await answer.catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Kind)
      expect(String(error)).toMatch(message)
    }
  })

  const random = () => 0.5
  test.each<[string, unknown, typeof TypeError, RegExp]>([
    ['nothing', undefined, TypeError, /"options" expected an object, got undefined/],
    ['no number of tokens', { random }, TypeError, /"options.maxTokens" expected an integer, got undefined/],
    ['NaN tokens', { random, maxTokens: Number.NaN }, RangeError, /"options.maxTokens".*got NaN/],
    [
      'no numbers to draw with',
      { maxTokens: 1 },
      TypeError,
      /"options.random" expected a function.*got undefined/,
    ],
    [
      'a seed for numbers',
      { maxTokens: 1, random: 'seed' },
      TypeError,
      /"options.random" expected a function.*got "seed"/,
    ],
    [
      'a processor that is none',
      { maxTokens: 1, random, processLogits: {} },
      TypeError,
      /"options.processLogits" expected a function/,
    ],
    [
      'progress to nobody',
      { maxTokens: 1, random, onProgress: 1 },
      TypeError,
      /"options.onProgress" expected a function, got 1/,
    ],
    [
      'a misspelt option',
      { maxTokens: 1, random, temperature: 2 },
      RangeError,
      /"options" expected only the keys maxTokens, random/,
    ],
  ])('asked with %s', async (_, wrong, Kind, message) => {
    const asked = localSuspect(host.model, options).complete([[1]], wrong as LocalCompletionOptions)
    const error = await asked.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Kind)
    expect(String(error)).toMatch(message)
  })
})

describe('the bundled model', () => {
  const home = process.cwd()
  afterEach(() => {
    process.chdir(home)
    vi.unstubAllGlobals()
  })

  test('loads from any folder, without a network', async () => {
    const fetched = vi.fn(() => Promise.reject(new Error('no network')))
    vi.stubGlobal('fetch', fetched)
    process.chdir(tmpdir())
    const teacher = await loadTeacher()
    expect(fetched).not.toHaveBeenCalled()
    expect(teacher).toMatchObject({ vocabularySize: 2048, endOfText: 2047, contextLength: 256 })
    expect(teacher.tokenizer.decode(teacher.tokenizer.encode('dark and stormy'))).toBe('dark and stormy')
    expect(teacher.tokenizer.encode('<|endoftext|>')).toEqual([teacher.endOfText])
    const [ids] = await teacher.suspect.complete([[teacher.endOfText]], { maxTokens: 3, random: () => 0.5 })
    expect(ids).toHaveLength(3)
  })
})
