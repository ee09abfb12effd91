/**
 * The processor in the real `generate` of both packages, on the bundled model. Draws are seeded, so what is seen here is seen
 * again; wrong keys and unmarked text pass by chance at most once in a million seeds (alpha of the verdict).
 */
import { Tensor } from '@xenova/transformers'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { createMarker, type Marker, type MarkerOptions } from '../../src/integrations/marker.ts'
import {
  createLogitsProcessor,
  type LogitsTensor,
  type MarkedGenerationConfig,
} from '../../src/integrations/transformers-js.ts'
import { applySampling } from '../../src/sampling.ts'
import { type AnyProcessor, type Host, loadBundledModel } from '../support/bundled-model.ts'
import { profileWithKey } from '../support/keys.ts'
import { ON_DISTRIBUTION, schemeWithKeys } from '../support/schemes.ts'

const { hosts, vocabularySize, endOfText, tokenizerDigest, encode } = await loadBundledModel()
const delta = 2
const { profile, key } = profileWithKey('transformers.js', {
  vocabularySize,
  tokenizer: tokenizerDigest,
  delta,
})
const { key: wrongKey } = profileWithKey('another', { vocabularySize, tokenizer: tokenizerDigest, delta })
const marker = createMarker(profile, [key])
const sampled = { do_sample: true, top_k: 0 }

/** Prompts of equal length, begun as the model's documents begin. */
function promptsOf(count: number, length = 9): number[][] {
  const text = encode(
    'It was a dark and stormy night when the old captain of the ship came down to the harbour',
  )
  return Array.from({ length: count }, (_, p) => [endOfText, ...text.slice(p, p + length - 1)])
}

interface Step {
  readonly ids: number[]
  readonly before: Float32Array
  readonly after: Float32Array
}

/** Generates with processors around ours that write down what it got and what it made of it, row by row. */
async function watch(
  host: Host,
  prompts: readonly number[][],
  {
    config = {},
    marked = marker,
    first = [],
  }: { config?: MarkedGenerationConfig; marked?: Marker; first?: AnyProcessor[] } = {},
): Promise<{ generated: number[][]; steps: Step[] }> {
  const steps: Step[] = []
  let calls: Omit<Step, 'after'>[] = []
  const before: AnyProcessor = (ids, logits) => {
    calls = rowsOf(ids, logits).map((call) => ({ ids: call.ids, before: call.row.slice() }))
    return logits
  }
  const after: AnyProcessor = (ids, logits) => {
    for (const [r, { row }] of rowsOf(ids, logits).entries()) steps.push({ ...calls[r]!, after: row.slice() })
    return logits
  }
  const processors = [...first, before, createLogitsProcessor(marked, config), after]
  return { generated: await host.generate(prompts, config, processors), steps }
}

/** A call of either package, row by row; `row` is a view. */
function rowsOf(ids: number[] | bigint[][], logits: LogitsTensor): { ids: number[]; row: Float32Array }[] {
  const data = logits.data as Float32Array
  const sequences = (Array.isArray(ids[0]) ? ids : [ids]) as (number | bigint)[][]
  return sequences.map((sequence, r) => ({
    ids: sequence.map(Number),
    row: data.subarray(r * vocabularySize, (r + 1) * vocabularySize),
  }))
}

describe.each(hosts.map((host) => [host.name, host] as const))('%s', (_, host) => {
  test.each([
    { about: 'temperature 1', config: sampled },
    { about: 'temperature 0.7, top-k 50', config: { do_sample: true, temperature: 0.7, top_k: 50 } },
    { about: 'repetition penalty', config: { ...sampled, repetition_penalty: 1.2 } },
  ])('host draws, $about: the right key finds evidence, the wrong one does not', async ({ config }) => {
    const prompts = promptsOf(2)
    const full = { ...config, max_new_tokens: 150 }
    const read = async (processors: AnyProcessor[]) => {
      const generated = await host.generate(prompts, full, processors)
      return countable(
        generated.map((ids) => ({ ids, promptLength: 9 })),
        profile,
        { endOfText },
      )
    }
    const marked = await read([createLogitsProcessor(marker, full)])
    expect(marked.count).toBeGreaterThan(150)
    expect(detect(marked, key).decision).toBe('evidence')
    expect(detect(marked, wrongKey).decision).toBe('no-evidence')
    expect(detect(await read([]), key).decision).toBe('no-evidence')
  })

  test('marks each row as the marker does by itself, after all that the host does to it', async () => {
    const banned = encode(' the')[0]!
    const config = {
      ...sampled,
      max_new_tokens: 6,
      min_new_tokens: 6,
      repetition_penalty: 1.3,
      no_repeat_ngram_size: 2,
      bad_words_ids: [[banned]],
    }
    const { steps } = await watch(host, promptsOf(3), { config })
    expect(steps).toHaveLength(3 * 6)
    for (const { ids, before, after } of steps) {
      expect(before[banned]).toBe(Number.NEGATIVE_INFINITY)
      expect(before[endOfText]).toBe(Number.NEGATIVE_INFINITY)
      const expected = before.slice()
      expect(marker.mark(expected, ids)).toBe(true)
      expect(after).toEqual(expected)
    }
  })

  // Rounding: three float32 operations on values below 128, so at most 3 * 128 * 2^-24 = 2.3e-5.
  test('delta counts before the temperature, wherever the host divides by it', async () => {
    const temperature = 0.5
    const [prompt] = promptsOf(1)
    const { steps } = await watch(host, [prompt!], { config: { ...sampled, temperature, max_new_tokens: 1 } })
    const divided = host.batched ? temperature : 1
    const logits = await host.lastLogits(prompt!)
    const green = new Float32Array(vocabularySize)
    marker.mark(green, prompt!)
    const { before, after } = steps[0]!
    for (let token = 0; token < vocabularySize; token++) {
      expect(Math.abs(before[token]! - logits[token]! / divided)).toBeLessThan(2.3e-5)
      expect(Math.abs(after[token]! - before[token]! - green[token]! / divided)).toBeLessThan(2.3e-5)
    }
  })

  test('a temperature without sampling is not divided by, so nothing is taken back', async () => {
    const config = { temperature: 0.5, max_new_tokens: 1 }
    const { steps } = await watch(host, promptsOf(1), { config })
    const expected = steps[0]!.before.slice()
    marker.mark(expected, steps[0]!.ids)
    expect(steps[0]!.after).toEqual(expected)
  })

  test('drawn here: repeatable, and what is drawn is what is generated, whatever the host would penalise', async () => {
    const drawn: number[] = []
    const last: AnyProcessor = (ids, logits) => {
      for (const { row } of rowsOf(ids, logits)) drawn.push(row.indexOf(0))
      return logits
    }
    const config = { max_new_tokens: 40, repetition_penalty: 5, no_repeat_ngram_size: 2, top_k: 1 }
    const run = (seed: string) => {
      drawn.length = 0
      const draw = { random: seedrandom(seed) }
      return host.generate(promptsOf(1), config, [createLogitsProcessor(marker, config, { draw }), last])
    }
    const [ids] = await run('a')
    expect(ids!.slice(9)).toEqual(drawn)
    expect(await run('a')).toEqual([ids])
    expect(await run('b')).not.toEqual([ids])
  })

  test('drawn here, one row of a batch ends early: what follows its end is not counted', async () => {
    const config = { max_new_tokens: 60 }
    const endFirst: AnyProcessor = (ids, logits) => {
      const [call] = rowsOf(ids, logits)
      const first = call!.ids[1] === prompts[0]![1]
      if (first && call!.ids.length === 20) call!.row[endOfText] = 1000
      return logits
    }
    const prompts = promptsOf(2)
    const processor = createLogitsProcessor(marker, config, { draw: { random: seedrandom('end') } })
    const generated = await host.generate(prompts, config, [endFirst, processor])
    expect(generated[0]!.indexOf(endOfText, 9)).toBe(20)
    // 2.17 stops the row; 3 and 4 go on with it until all rows have ended.
    expect(generated.map(({ length }) => length)).toEqual(host.batched ? [69, 69] : [21, 69])
    const positions = countable(
      generated.map((ids) => ({ ids, promptLength: 9 })),
      profile,
      { endOfText },
    )
    const cut = countable(
      generated.map((ids, r) => ({ ids: r === 0 ? ids.slice(0, 21) : ids, promptLength: 9 })),
      profile,
    )
    expect(positions.skipped.afterEnd).toBe(generated[0]!.length - 21)
    expect(positions.pairs).toEqual(cut.pairs)
  })

  // The model's padding, its end-of-text and the id that begins its documents are one and the same.
  test.each([
    { about: 'padding named', padding: endOfText, unmarked: [2, 1, 0] },
    { about: 'padding not named', padding: undefined, unmarked: [0, 0, 0] },
  ])('left padding, $about: marked and counted agree', async ({ padding, unmarked }) => {
    const options = padding === undefined ? {} : { padding }
    const wide = profileWithKey('wide', { vocabularySize, tokenizer: tokenizerDigest, contextWidth: 3 })
    const inner = createMarker(wide.profile, [wide.key], options)
    const flags: boolean[] = []
    const marked: Marker = {
      ...inner,
      mark(logits, ids) {
        const flag = inner.mark(logits, ids)
        flags.push(flag)
        return flag
      },
    }
    const text = promptsOf(1)[0]!.slice(1)
    // One id and padding; a document's first two ids, its beginning among them; and no padding in reach.
    const prompts = [
      [endOfText, endOfText, endOfText, text[0]!],
      [endOfText, endOfText, text[0]!, text[1]!],
      text.slice(0, 4),
    ]
    const config = { ...sampled, max_new_tokens: 12, min_new_tokens: 12 }
    const { generated, steps } = await watch(host, prompts, { config, marked })
    const rowOfStep = steps.map(({ ids }) => prompts.findIndex((p) => p.every((id, i) => id === ids[i])))
    const skippedRows = rowOfStep.filter((_, s) => !flags[s])
    expect(prompts.map((_, r) => skippedRows.filter((row) => row === r).length)).toEqual(unmarked)
    for (const [s, { before, after }] of steps.entries())
      expect(before.every((x, v) => x === after[v])).toBe(!flags[s])
    for (const [r, ids] of generated.entries()) {
      const { skipped, count } = countable([{ ids, promptLength: 4 }], wide.profile, options)
      expect(skipped.incompleteContext).toBe(unmarked[r])
      expect(count + skipped.repeated).toBe(12 - unmarked[r]!)
    }
  })
})

describe.each(hosts.map((host) => [host.name, host] as const))('marks on the distribution, %s', (_, host) => {
  const common = { vocabularySize, tokenizer: tokenizerDigest, contextWidth: 2 }
  const text = (generated: number[][], of: typeof profile) =>
    countable(
      generated.map((ids) => ({ ids, promptLength: 9 })),
      of,
      { endOfText },
    )

  describe.each([
    ['gumbel', ON_DISTRIBUTION.gumbel],
    ['tournament', ON_DISTRIBUTION['tournament, 30 rounds']],
  ] as const)('%s', (name, scheme) => {
    const own = schemeWithKeys('on distribution', scheme, common)
    const other = schemeWithKeys('another', scheme, common)
    const run = (options: MarkerOptions, config: MarkedGenerationConfig = {}) => {
      const full = { ...sampled, ...config, max_new_tokens: 150, min_new_tokens: 150 }
      const processor = createLogitsProcessor(createMarker(own.profile, [own.key], options), full)
      return host.generate(promptsOf(2), full, [processor])
    }

    test('host draws: the right key finds evidence, the wrong one does not, nor is there any in unmarked text', async () => {
      const generated = await run({})
      const positions = text(generated, own.profile)
      expect(positions.count).toBeGreaterThan(150)
      expect(detect(positions, own.key).decision).toBe('evidence')
      expect(detect(text(generated, other.profile), other.key).decision).toBe('no-evidence')
      const plain = await run({ when: () => false })
      expect(detect(text(plain, own.profile), own.key).decision).toBe('no-evidence')
    })

    test('with temperature, top-k and top-p, which neither package has: only what they leave is drawn', async () => {
      const sampling = { temperature: 0.9, topK: 60, topP: 0.9 }
      const next = (generated: number[][], ids: number[]): number =>
        generated.find((row) => ids.every((id, i) => id === row[i]))![ids.length]!
      const marked = createMarker(own.profile, [own.key], { sampling })
      const config = { ...sampled, max_new_tokens: 80, min_new_tokens: 80 }
      const { generated, steps } = await watch(host, promptsOf(2), { config, marked })
      expect(steps).toHaveLength(160)
      for (const { before, ids } of steps) {
        const rules = before.slice()
        applySampling(rules, sampling)
        const drawn = next(generated, ids)
        expect(rules[drawn]).toBeGreaterThan(-Infinity)
        expect(rules.filter((value) => value > -Infinity).length).toBeLessThanOrEqual(60)
      }
      // Without the rules the same model draws what they would not have left.
      const free = await watch(host, promptsOf(2), { config, marked: createMarker(own.profile, [own.key]) })
      const outside = free.steps.filter(({ before, ids }) => {
        const rules = before.slice()
        applySampling(rules, sampling)
        return rules[next(free.generated, ids)] === -Infinity
      })
      expect(outside.length).toBeGreaterThan(0)
      expect(detect(text(generated, own.profile), own.key).decision).toBe('evidence')
    })

    test('rows are those of the marker by itself; where it marks nothing the host samples the rules’ row', async () => {
      const quiet = (ids: ArrayLike<number>): boolean => ids.length % 3 !== 0
      const marked = createMarker(own.profile, [own.key], { when: quiet, sampling: { topK: 40 } })
      const config = { ...sampled, max_new_tokens: 30, min_new_tokens: 30 }
      const { steps } = await watch(host, promptsOf(1), { config, marked })
      let left = 0
      for (const { ids, before, after } of steps) {
        const expected = before.slice()
        const said = marked.mark(expected, ids)
        expect(after).toEqual(expected)
        if (said) continue
        left++
        const rules = before.slice()
        applySampling(rules, { temperature: 1, topK: 40, topP: 1 })
        expect(after).toEqual(rules)
      }
      expect(left).toBeGreaterThanOrEqual(10)
      expect(left).toBeLessThan(30)
    })

    test('drawn here: repeatable, and detected', async () => {
      const config = { max_new_tokens: 150, min_new_tokens: 150 }
      const marked = createMarker(own.profile, [own.key], { sampling: { topP: 0.95 } })
      const generate = (seed: string) => {
        const draw = { random: seedrandom(seed) }
        return host.generate(promptsOf(1), config, [createLogitsProcessor(marked, config, { draw })])
      }
      const [a, again, b] = [await generate('a'), await generate('a'), await generate('b')]
      expect(again).toEqual(a)
      // The forced tokens of gumbel hang on nobody's draws; only contexts that occur again do.
      if (name !== 'gumbel') expect(b).not.toEqual(a)
      expect(detect(text([...a, ...b], own.profile), own.key).decision).toBe('evidence')
    })
  })

  test('gumbel: two runs part at the first context that occurs again, and not before', async () => {
    const { profile: gumbel, key: own } = schemeWithKeys('on distribution', ON_DISTRIBUTION.gumbel, common)
    const marked = createMarker(gumbel, [own])
    const config = { max_new_tokens: 60, min_new_tokens: 60 }
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (seed) => {
        const draw = { random: seedrandom(seed) }
        const [ids] = await host.generate(promptsOf(1), config, [
          createLogitsProcessor(marked, config, { draw }),
        ])
        return ids!
      }),
    )
    const parted = a!.findIndex((id, i) => id !== b![i])
    const row = new Float32Array(vocabularySize)
    const free = a!.findIndex((_, i) => i >= 9 && !marked.mark(row.slice(), a!.slice(0, i)))
    if (parted >= 0) expect(free).toBeLessThanOrEqual(parted)
    expect(free === -1 ? 69 : free).toBeGreaterThan(9)
  })
})

describe('for a mark on the distribution, sampling rules of the host are refused', () => {
  const { profile: gumbel, key: own } = schemeWithKeys('refused', ON_DISTRIBUTION.gumbel, { vocabularySize })
  const onDistribution = createMarker(gumbel, [own])
  const plain = { do_sample: true, top_k: 0 }
  const draw = { random: () => 0 }
  test.each<[string, MarkedGenerationConfig, object, string]>([
    [
      'greedy by default',
      { top_k: 0 },
      {},
      '"generationConfig.do_sample" expected true, or options.draw, for a mark on the distribution, got undefined',
    ],
    [
      'greedy',
      { ...plain, do_sample: false },
      {},
      '"generationConfig.do_sample" expected true, or options.draw, for a mark on the distribution, got false',
    ],
    [
      'a temperature',
      { ...plain, temperature: 0.7 },
      {},
      '"generationConfig.temperature" expected 1, got 0.7: ',
    ],
    ['top-k by default', { do_sample: true }, {}, '"generationConfig.top_k" expected 0, got undefined: '],
    ['top-k', { ...plain, top_k: 50 }, {}, '"generationConfig.top_k" expected 0, got 50: '],
    [
      'no top-k in words that one package reads as 50',
      { ...plain, top_k: null },
      {},
      '"generationConfig.top_k" expected 0, got null: ',
    ],
    ['top-p', { ...plain, top_p: 0.9 }, {}, '"generationConfig.top_p" expected 1, got 0.9: '],
    [
      'a temperature of the draw',
      { do_sample: false },
      { draw: { ...draw, temperature: 0.5 } },
      '"options.draw.temperature" expected 1, got 0.5: ',
    ],
    [
      'a temperature that the draw would not see',
      { do_sample: false, temperature: 0.5 },
      { draw },
      '"generationConfig.temperature" expected 1, got 0.5: ',
    ],
  ])('%s', (_, config, options, message) => {
    let error: unknown
    try {
      createLogitsProcessor(onDistribution, config, options)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(RangeError)
    const text = (error as Error).message
    expect(text.startsWith(message), text).toBe(true)
    if (message.endsWith(': ')) expect(text).toMatch(/options of createMarker$/)
    // None of this is refused for a mark on the logits, where two who draw are not meant.
    expect(
      createLogitsProcessor(marker, config, {
        draw: options && 'draw' in options ? draw : undefined,
      } as object),
    ).toBeTypeOf('function')
  })

  test('what leaves the distribution alone is taken', () => {
    for (const config of [
      plain,
      { ...plain, temperature: 1, top_p: 1 },
      { ...plain, temperature: null, top_p: null },
    ])
      expect(createLogitsProcessor(onDistribution, config)).toBeTypeOf('function')
    expect(createLogitsProcessor(onDistribution, {}, { draw })).toBeTypeOf('function')
    expect(
      createLogitsProcessor(onDistribution, { do_sample: false }, { draw: { ...draw, temperature: 1 } }),
    ).toBeTypeOf('function')
  })
})

// Logits of the two packages differ by 1.4e-6 at most, and a draw falls between two such laws about once in 10^5.
test('the same seed and prompt give the same ids in both packages', async () => {
  const config = { max_new_tokens: 60 }
  const [a, b] = await Promise.all(
    hosts.map((host) => {
      const draw = { random: seedrandom('same') }
      return host.generate(promptsOf(1), config, [createLogitsProcessor(marker, config, { draw })])
    }),
  )
  expect(a![0]).toHaveLength(69)
  expect(a).toEqual(b)
})

describe('fed by hand', () => {
  const random = seedrandom('rows')
  const rowOf = () => Float32Array.from({ length: vocabularySize }, () => 8 * random() - 4)
  const tensor = (data: unknown, dims: readonly number[]): LogitsTensor => ({ data, dims })
  const config = { do_sample: false }

  test('equal logits give equal draws, as a row of 2.17 and as a batch of 3 and 4', () => {
    const run = (ids: number[] | bigint[][], dims: number[]) => {
      const process = createLogitsProcessor(marker, config, {
        draw: { random: seedrandom('hand'), temperature: 0.8 },
      })
      const logits = tensor(row.slice(), dims)
      expect(process(ids, logits)).toBe(logits)
      return logits.data as Float32Array
    }
    const row = rowOf()
    const alone = run([3, 1, 4], [vocabularySize])
    expect(run([[3n, 1n, 4n]], [1, vocabularySize])).toEqual(alone)
    expect(alone.filter((value) => value === 0)).toHaveLength(1)
    expect(alone.filter((value) => value === Number.NEGATIVE_INFINITY)).toHaveLength(vocabularySize - 1)
  })

  test('a batch is marked row by row in place, and the very tensor comes back', () => {
    const data = Float32Array.from([0, 1, 2].flatMap(() => Array.from(rowOf())))
    const expected = data.slice()
    const ids = [[7n, 1n], [7n, 2n], [1n]]
    for (const [r, sequence] of ids.entries())
      marker.mark(expected.subarray(r * vocabularySize, (r + 1) * vocabularySize), sequence.map(Number))
    const logits = new Tensor('float32', data, [3, vocabularySize])
    expect(createLogitsProcessor(marker, config)(ids, logits)).toBe(logits)
    expect(logits.data).toEqual(expected)
  })

  test('at a temperature, a row that is not marked is not rounded either', () => {
    const process = createLogitsProcessor(marker, { do_sample: true, temperature: 0.7 })
    const row = rowOf()
    const logits = tensor(row.slice(), [1, vocabularySize])
    expect(process([[]], logits).data).toEqual(row)
    expect(process([[1n]], logits).data).not.toEqual(row)
  })

  test('one number is drawn a row and step', () => {
    let drawn = 0
    const draw = { random: () => (drawn++ % 10) / 10 }
    const process = createLogitsProcessor(marker, config, { draw })
    process([[1n], [2n], [3n]], tensor(new Float32Array(3 * vocabularySize), [3, vocabularySize]))
    expect(drawn).toBe(3)
  })

  test.each<[string, number[] | bigint[][], unknown, readonly number[], RegExp]>([
    [
      'half precision as bits',
      [1],
      new Uint16Array(vocabularySize),
      [vocabularySize],
      /Float32Array, got Uint16Array.*fp32/,
    ],
    ['half precision', [1], float16(vocabularySize), [vocabularySize], /Float32Array, got .*Float16.*fp32/],
    [
      'double precision',
      [1],
      new Float64Array(vocabularySize),
      [vocabularySize],
      /Float32Array, got Float64Array/,
    ],
    ['a plain array', [1], new Array(vocabularySize).fill(0), [vocabularySize], /Float32Array, got an array/],
    ['no data', [1], undefined, [vocabularySize], /Float32Array, got undefined/],
  ])('TypeError for rows that are not float32: %s', (_, ids, data, dims, message) => {
    expectRefusal(() => createLogitsProcessor(marker, config)(ids, tensor(data, dims)), TypeError, message)
  })

  const zeros = (rows: number, width = vocabularySize) => new Float32Array(rows * width)
  const withValue = (value: number) => zeros(1).fill(value, 5, 6)
  test.each<[string, unknown, unknown, readonly number[], RegExp]>([
    [
      'three dimensions',
      [1],
      zeros(1),
      [1, 1, vocabularySize],
      /shape \(vocabulary\) or \(batch, vocabulary\), got \(1, 1, 2048\)/,
    ],
    ['dims that do not hold the data', [1], zeros(1), [2, vocabularySize], /got \(2, 2048\)/],
    ['no dims', [1], zeros(1), [], /got \(\)/],
    [
      'fewer rows than sequences',
      [[1n], [2n]],
      zeros(1),
      [1, vocabularySize],
      /got 1 rows of logits and 2 sequences/,
    ],
    [
      'more rows than sequences',
      [[1n]],
      zeros(2),
      [2, vocabularySize],
      /got 2 rows of logits and 1 sequences/,
    ],
    ['rows of 2.17 for a batch', [1], zeros(2), [2, vocabularySize], /got 2 rows of logits and 1 sequences/],
    ['a row narrower than the vocabulary', [1], zeros(1, 8), [8], /at least 2048 values.*got 8/],
    [
      'NaN',
      [1],
      withValue(Number.NaN),
      [vocabularySize],
      /"logits\[5\]" expected a number below Infinity, got NaN/,
    ],
    ['Infinity', [1], withValue(Number.POSITIVE_INFINITY), [vocabularySize], /"logits\[5\]".*got Infinity/],
    [
      'nothing possible',
      [1],
      zeros(1).fill(Number.NEGATIVE_INFINITY),
      [vocabularySize],
      /a value above -Infinity, got none/,
    ],
    ['an id outside the vocabulary', [2048], zeros(1), [vocabularySize], /token id in 0\.\.2047, got 2048/],
    ['a negative id', [[-1n]], zeros(1), [1, vocabularySize], /token id in 0\.\.2047, got -1/],
  ])('RangeError for %s', (_, ids, data, dims, message) => {
    const process = createLogitsProcessor(marker, config)
    expectRefusal(() => process(ids as number[], tensor(data, dims)), RangeError, message)
  })

  test.each<[string, unknown, unknown, RegExp]>([
    [
      'no ids',
      undefined,
      tensor(zeros(1), [vocabularySize]),
      /"inputIds" expected number\[\] or bigint\[\]\[\], got undefined/,
    ],
    [
      'a tensor of ids',
      new BigInt64Array(1),
      tensor(zeros(1), [vocabularySize]),
      /"inputIds".*got BigInt64Array/,
    ],
    [
      'ids of both kinds',
      [[1n], 1],
      tensor(zeros(2), [2, vocabularySize]),
      /"inputIds\[1\]" expected bigint\[\].*got 1/,
    ],
    [
      'bigint ids of one sequence',
      [1n],
      tensor(zeros(1), [vocabularySize]),
      /token id.*got 1n; convert with Array.from/,
    ],
    [
      'logits that are no tensor',
      [1],
      zeros(1),
      /"logits" expected a tensor with dims and data, got Float32Array/,
    ],
    ['no logits', [1], null, /"logits" expected a tensor with dims and data, got null/],
  ])('TypeError for %s', (_, ids, logits, message) => {
    const process = createLogitsProcessor(marker, config)
    expectRefusal(() => process(ids as number[], logits as LogitsTensor), TypeError, message)
  })
})

describe('what is refused before a token is drawn', () => {
  const draw = { random: () => 0 }
  test.each<[string, unknown, unknown, typeof TypeError, RegExp]>([
    [
      'beams',
      { num_beams: 2 },
      {},
      RangeError,
      /"generationConfig.num_beams" expected 1, got 2: beam search/,
    ],
    [
      'beams that are no number',
      { num_beams: '1' },
      {},
      RangeError,
      /"generationConfig.num_beams" expected 1, got "1"/,
    ],
    [
      'groups of beams',
      { num_beam_groups: 2 },
      {},
      RangeError,
      /"generationConfig.num_beam_groups" expected 1, got 2/,
    ],
    [
      'contrastive search',
      { penalty_alpha: 0.6, top_k: 4 },
      {},
      RangeError,
      /"generationConfig.penalty_alpha" expected 0, got 0.6/,
    ],
    [
      'two who draw',
      { do_sample: true },
      { draw },
      RangeError,
      /"generationConfig.do_sample" expected false.*got true/,
    ],
    [
      'a negative temperature',
      { temperature: -1 },
      {},
      RangeError,
      /"generationConfig.temperature" expected a number of at least 0, got -1/,
    ],
    [
      'a temperature in words',
      { temperature: '1' },
      {},
      TypeError,
      /"generationConfig.temperature" expected a number/,
    ],
    ['no config', undefined, {}, TypeError, /"generationConfig" expected an object, got undefined/],
    [
      'a misspelt option',
      {},
      { random: 1 },
      RangeError,
      /"options" expected only the keys draw, got "random"/,
    ],
    [
      'a misspelt option of draw',
      {},
      { draw: { ...draw, temp: 1 } },
      RangeError,
      /"options.draw" expected only the keys/,
    ],
    [
      'a draw without numbers',
      {},
      { draw: {} },
      TypeError,
      /"options.draw.random" expected a function.*got undefined/,
    ],
    [
      'a draw at temperature 0',
      {},
      { draw: { ...draw, temperature: 0 } },
      RangeError,
      /"options.draw.temperature" expected a number above 0, got 0/,
    ],
    [
      'a draw at no temperature',
      {},
      { draw: { ...draw, temperature: '1' } },
      TypeError,
      /"options.draw.temperature"/,
    ],
  ])('%s', (_, generationConfig, options, Kind, message) => {
    const create = () =>
      createLogitsProcessor(marker, generationConfig as MarkedGenerationConfig, options as object)
    expectRefusal(create, Kind, message)
  })

  test('no marker', () => {
    expectRefusal(
      () => createLogitsProcessor({} as Marker, {}),
      TypeError,
      /"marker" expected a marker from createMarker/,
    )
    expectRefusal(
      () => createLogitsProcessor(undefined!, {}),
      TypeError,
      /"marker" expected an object, got undefined/,
    )
  })

  test('what hosts write for "off" is taken', () => {
    const off = {
      num_beams: 1,
      num_beam_groups: null,
      penalty_alpha: null,
      temperature: null,
      do_sample: false,
    }
    expect(createLogitsProcessor(marker, off, { draw })).toBeTypeOf('function')
  })
})

/** What Node from 24 on has: by its name the check must know it. */
function float16(length: number): Uint16Array {
  return new (class Float16Array extends Uint16Array {})(length)
}

function expectRefusal(run: () => unknown, Kind: typeof TypeError, message: RegExp): void {
  expect(run).toThrow(Kind)
  expect(run).toThrow(message)
}
