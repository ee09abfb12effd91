/**
 * What a mark costs a row of float32 logits. Against the bare floor, adding a constant to the row, in WebAssembly and in JavaScript; in place, as a host with its rows in the module's memory
 * would have it, and with copies, as it is; against ports that a newcomer writes from the papers.
 */
import seedrandom from 'seedrandom'
import { createMarker } from '../../src/integrations/marker.ts'
import { createSampler } from '../../src/integrations/sampler.ts'
import { deriveMarkKeys, type MarkKey, markKeyWords } from '../../src/keys/mark-key.ts'
import { masterKeyFromBytes } from '../../src/keys/master.ts'
import { createProfile, type Profile } from '../../src/keys/profile.ts'
import { nonceOf } from '../../src/prf/fields.ts'
import { type KernelChoice, kernels, useKernels } from '../../src/prf/kernels/kernels.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import type { SpeedCase, SpeedRun } from './case.ts'

/** Sizes of real vocabularies: Llama 2, Llama 3 and GPT-4o's kind, Gemma. */
export const VOCABULARIES: readonly number[] = [32_768, 131_072, 262_144]

/** Nats; not a constant to the compiler of either floor. */
const DELTA = Math.sqrt(4)

const MARKS = {
  'green list, gamma 1/2': { scheme: 'green-list', gamma: 0.5, delta: 2 },
  'green list, gamma 1/4': { scheme: 'green-list', gamma: 0.25, delta: 2 },
  gumbel: { scheme: 'gumbel' },
  'tournament, 30 rounds': { scheme: 'tournament' },
} as const
type MarkName = keyof typeof MARKS

/** Logits as a model has them: most tokens far below a few. */
export function rowOf(vocabularySize: number): Float32Array {
  const random = seedrandom(`row ${vocabularySize}`)
  return Float32Array.from({ length: vocabularySize }, () => {
    let sum = -6
    for (let i = 0; i < 12; i++) sum += random()
    return 3 * sum
  })
}

/** A profile and a key for a mark that the benchmark speaks of. */
export function markOf(
  name: MarkName,
  vocabularySize: number,
  layers: Parameters<typeof createProfile>[1]['layers'] = [{ role: 'provider', label: 'speed' }],
): { profile: Profile; key: MarkKey; scheme: Scheme } {
  const master = masterKeyFromBytes(new Uint8Array(32).fill(7))
  const profile = createProfile(master, {
    ...MARKS[name],
    contextWidth: 2,
    tokenizer: tokenizerDigest(['a', 'b']),
    vocabularySize,
    layers,
    created: '2026-11-30',
  })
  const [key] = deriveMarkKeys(master, profile) as readonly [MarkKey]
  return { profile, key, scheme: schemeOf(profile, { lanes: key.format.lanes }) }
}

/** Marking cases at one vocabulary. */
export function markingCases(vocabularySize: number): readonly SpeedCase[] {
  const base = rowOf(vocabularySize)
  const row = new Float32Array(vocabularySize)
  const floors: readonly SpeedRun[] = [
    { label: 'floor: WebAssembly adds a constant', run: floorByKernels(vocabularySize) },
    { label: 'floor: JavaScript adds a constant', run: () => floorInJavaScript(row, DELTA) },
  ]
  const inPlace: Partial<Record<MarkName, SpeedRun>> = {
    'green list, gamma 1/2': {
      label: 'WebAssembly, in place',
      run: greenInPlace('green list, gamma 1/2', base),
    },
    'green list, gamma 1/4': {
      label: 'WebAssembly, in place',
      run: greenInPlace('green list, gamma 1/4', base),
    },
  }
  return (Object.keys(MARKS) as MarkName[]).map((name) => {
    const { scheme, key } = markOf(name, vocabularySize)
    const by = (path: KernelChoice): SpeedRun => ({
      label: path === 'wasm' ? 'dyetrace, WebAssembly' : 'dyetrace, JavaScript',
      run: marking(path, { scheme, key, row, base }),
    })
    return {
      name: `mark a row: ${name}, V = ${vocabularySize}`,
      unit: 'row',
      units: 1,
      runs: [
        ...floors,
        ...(inPlace[name] ? [inPlace[name]] : []),
        by('wasm'),
        by('javascript'),
        naive(name, { base, row }),
      ],
    }
  })
}

/** A tournament where top-k has left 1,000 tokens. */
export function truncatedCase(vocabularySize: number): SpeedCase {
  const random = seedrandom('few')
  const base = rowOf(vocabularySize).fill(Number.NEGATIVE_INFINITY)
  for (let i = 0; i < 1000; i++) base[Math.floor(random() * vocabularySize)] = 5 * random()
  const row = new Float32Array(vocabularySize)
  const mark = { ...markOf('tournament, 30 rounds', vocabularySize), row, base }
  return {
    name: `mark a row: tournament, 30 rounds, 1,000 tokens left of ${vocabularySize}`,
    unit: 'row',
    units: 1,
    runs: [
      { label: 'floor: the row is copied', run: () => row.set(base) },
      { label: 'dyetrace, WebAssembly', run: marking('wasm', mark) },
      { label: 'dyetrace, JavaScript', run: marking('javascript', mark) },
    ],
  }
}

/** Marks, truncates and draws a token, beside the sampler of transformers.js 2.17, which only truncates and draws. */
export async function samplingCase(vocabularySize: number): Promise<SpeedCase> {
  // The package has no entry for it, and no types.
  const path = '@xenova/transformers/src/utils/generation.js'
  const { Sampler } = await import(path)
  const host = Sampler.getSampler({ do_sample: true, top_k: 50, temperature: 0.8 })
  const base = rowOf(vocabularySize)
  const row = new Float32Array(vocabularySize)
  const { profile, key } = markOf('green list, gamma 1/4', vocabularySize)
  const marker = createMarker(profile, [key])
  const random = seedrandom('draws')
  const own = (path: KernelChoice): SpeedRun => {
    const next = createSampler(marker, { random, temperature: 0.8, topK: 50 })
    let context = 0
    return {
      label:
        path === 'wasm' ? 'dyetrace marks and draws, WebAssembly' : 'dyetrace marks and draws, JavaScript',
      run() {
        useKernels(path)
        row.set(base)
        next(row, [1, context++ & 1023])
      },
    }
  }
  return {
    name: `draw a token: green list, gamma 1/4, temperature 0.8, top-k 50, V = ${vocabularySize}`,
    unit: 'token',
    units: 1,
    runs: [
      {
        label: '@xenova/transformers 2.17 draws, unmarked',
        run: () => host({ dims: [1, 1, vocabularySize], data: base }, -1),
      },
      own('wasm'),
      own('javascript'),
    ],
  }
}

function marking(
  path: KernelChoice,
  { scheme, key, row, base }: { scheme: Scheme; key: MarkKey; row: Float32Array; base: Float32Array },
): () => void {
  let context = 0
  return () => {
    useKernels(path)
    row.set(base)
    scheme.mark(row, { key, context: [1, context++ & 1023], lane: 0 })
  }
}

function floorByKernels(count: number): () => void {
  return () => {
    useKernels('wasm')
    const { call, at, reserve } = kernels()!
    reserve(4 * count)
    call['addToAll']!(at.data, count, DELTA)
  }
}

function floorInJavaScript(row: Float32Array, delta: number): void {
  for (let i = 0; i < row.length; i++) row[i]! += delta
}

function greenInPlace(name: MarkName, base: Float32Array): () => void {
  const { profile, key } = markOf(name, base.length)
  const { bits, param } = profile
  const words = markKeyWords(key)
  const nonce = nonceOf([1, 2], 2)
  return () => {
    useKernels('wasm')
    const { call, at, reserve, load } = kernels()!
    reserve(4 * (base.length + 2048))
    load(words, nonce)
    call['markGreenList']!(at.data, base.length, bits, param, 2, at.key, at.nonce, at.state, at.blocks)
  }
}

/** Ports as the papers and the engines' sources read, token by token or round by round. They are other marks, of the same kind. */
function naive(name: MarkName, { base, row }: { base: Float32Array; row: Float32Array }): SpeedRun {
  const count = base.length
  let context = 0
  const word = (token: number): number => {
    let hash = Math.imul(token ^ context, 0x9e3779b1)
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
    return (hash ^ (hash >>> 13)) >>> 0
  }
  switch (name) {
    case 'gumbel':
      return {
        label: 'naive port: a cheap hash and two logarithms a token',
        run() {
          context++
          row.set(base)
          let [winner, best] = [0, Number.NEGATIVE_INFINITY]
          for (let token = 0; token < count; token++) {
            const value = row[token]! - Math.log(-Math.log((word(token) + 0.5) / 2 ** 32))
            if (value > best) [winner, best] = [token, value]
          }
          row.fill(Number.NEGATIVE_INFINITY)
          row[winner] = 0
        },
      }
    case 'tournament, 30 rounds':
      return {
        label: 'naive port: a cheap hash, 30 walks over the row',
        run() {
          context++
          row.set(base)
          let largest = Number.NEGATIVE_INFINITY
          for (let token = 0; token < count; token++) largest = Math.max(largest, row[token]!)
          const weights = new Float64Array(count)
          let total = 0
          for (let token = 0; token < count; token++)
            total += weights[token] = Math.exp(row[token]! - largest)
          for (let token = 0; token < count; token++) weights[token]! /= total
          for (let round = 0; round < 30; round++) {
            let mean = 0
            for (let token = 0; token < count; token++)
              mean += weights[token]! * ((word(token) >>> round) & 1)
            for (let token = 0; token < count; token++)
              weights[token]! *= 1 + ((word(token) >>> round) & 1) - mean
          }
          for (let token = 0; token < count; token++) row[token] = Math.log(weights[token]!)
        },
      }
    default: {
      const part = name === 'green list, gamma 1/2' ? 0.5 : 0.25
      return {
        label: 'naive port: a permutation of the vocabulary',
        run() {
          context++
          row.set(base)
          const random = seedrandom.xor128(String(context))
          const permutation = Uint32Array.from({ length: count }, (_, i) => i)
          for (let i = 0; i < part * count; i++) {
            const other = i + Math.floor(random() * (count - i))
            const chosen = permutation[other]!
            permutation[other] = permutation[i]!
            row[chosen]! += 2
          }
        },
      }
    }
  }
}
