/**
 * What scoring costs: pairs under one key, by scheme; pairs that share blocks, as the distillation test has them; and one text against very many accounts. Beside a bare
 * JavaScript loop over the same words with a multiplication a pair, and ports that a newcomer writes: a block of @noble/ciphers a pair, 64-bit products by BigInt.
 */
import { chacha8 } from '@noble/ciphers/chacha.js'
import { sha256 } from '@noble/hashes/sha2.js'
import seedrandom from 'seedrandom'
import { utf8ToBytes } from '../../src/bytes.ts'
import { countable } from '../../src/detect/countable.ts'
import { gatherEvidence } from '../../src/detect/evidence.ts'
import { sweep } from '../../src/detect/sweep.ts'
import { weightedSumsUnder } from '../../src/distill/score-pairs.ts'
import { createEngineMark } from '../../src/integrations/engine-config.ts'
import { decoyKeys, type MarkKey, markKeyWords } from '../../src/keys/mark-key.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { murmurHash } from '../../src/prf/engines/murmur.ts'
import { type KernelChoice, useKernels } from '../../src/prf/kernels/kernels.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { laneSums } from '../../src/schemes/score-many.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import type { SpeedCase, SpeedRun } from './case.ts'
import { markOf } from './marking.ts'

const V = 131_072
const PAIRS = 65_536
const TEXT = 256
const MARKS = ['green list, gamma 1/2', 'green list, gamma 1/4', 'gumbel', 'tournament, 30 rounds'] as const
const PATHS = [
  ['dyetrace, WebAssembly', 'wasm'],
  ['dyetrace, JavaScript', 'javascript'],
] as const

/** All cases of scoring. */
export function scoringCases(): readonly SpeedCase[] {
  return [
    ...MARKS.map(detection),
    routed(),
    engine('vLLM gumbel (Philox)', 'vllm/philox4x32-10-v1/gumbel', naivePhilox),
    engine('SGLang gumbel (MurmurHash3)', 'sglang/murmur3-v1/gumbel', naiveMurmur),
    distillation(),
    decoys(),
    accounts(),
  ]
}

/** Somewhere for results to go, so that no loop is left out. */
let sink = 0

/** Pairs of random ids, `words` each. */
function randomWords(words: number, count: number): Uint32Array {
  const random = seedrandom('pairs')
  return Uint32Array.from({ length: words * count }, () => Math.floor(random() * V))
}

function onBothPaths(compute: () => number): SpeedRun[] {
  return PATHS.map(([label, path]: readonly [string, KernelChoice]) => ({
    label,
    run() {
      useKernels(path)
      sink += compute()
    },
  }))
}

function floor(pairs: Uint32Array, stride: number): SpeedRun {
  return {
    label: 'floor: JavaScript, a multiplication a pair',
    run() {
      let sum = 0
      for (let at = 0; at < pairs.length; at += stride)
        sum += Math.imul(pairs[at]! ^ pairs[at + stride - 1]!, 0x9e3779b1) >>> 31
      sink += sum
    },
  }
}

function detection(name: (typeof MARKS)[number]): SpeedCase {
  const { scheme, key } = markOf(name, V)
  const stride = scheme.contextWidth + 1
  const pairs = randomWords(stride, PAIRS)
  return {
    name: `score pairs under one key: ${name}`,
    unit: 'token',
    units: PAIRS,
    runs: [
      floor(pairs, stride),
      ...onBothPaths(() => gatherEvidence(pairs, { scheme, key, lane: 0 }).sum),
      ...(name === MARKS[0] ? [naiveChacha(pairs, key)] : []),
    ],
  }
}

/** Half of the contexts are another layer's: each context costs a block of the route key as well. */
function routed(): SpeedCase {
  const { key, scheme } = markOf('green list, gamma 1/2', V, [
    { role: 'provider', label: 'a', share: 32768 },
    { role: 'cohort', label: 'b', share: 32768 },
  ])
  const stride = scheme.contextWidth + 1
  const pairs = randomWords(stride, PAIRS)
  return {
    name: 'score pairs under one key of two layers: green list, gamma 1/2',
    unit: 'token',
    units: PAIRS,
    runs: [floor(pairs, stride), ...onBothPaths(() => gatherEvidence(pairs, { scheme, key, lane: 0 }).sum)],
  }
}

function engine(
  name: string,
  scheme: 'vllm/philox4x32-10-v1/gumbel' | 'sglang/murmur3-v1/gumbel',
  naive: (pairs: Uint32Array, key: MarkKey) => SpeedRun,
): SpeedCase {
  const mark = createEngineMark(
    {
      scheme,
      contextWidth: 4,
      param: 0,
      delta: 0,
      engine: {},
      tokenizer: tokenizerDigest(['a', 'b']),
      vocabularySize: V,
      label: 'speed',
      created: '2026-11-30',
    },
    [0x9e3779b97f4a7c15n],
  )
  const { key } = mark
  const own = schemeOf(mark.profile, { lanes: 1 })
  // Without what makes contexts of one public hash count once, which is no part of scoring.
  const { publicIdentity: _, ...scored } = own
  const pairs = randomWords(5, PAIRS)
  return {
    name: `score pairs under one key: ${name}`,
    unit: 'token',
    units: PAIRS,
    runs: [
      floor(pairs, 5),
      ...onBothPaths(() => gatherEvidence(pairs, { scheme: scored, key, lane: 0 }).sum),
      naive(pairs, key),
    ],
  }
}

/** A hundred tokens a window under 256 decoys: the windows' blocks serve several tokens. */
function distillation(): SpeedCase {
  const { scheme, key } = markOf('green list, gamma 1/4', V)
  const random = seedrandom('windows')
  const [windows, tokens, count] = [64, 100, 256]
  const pairs = new Uint32Array(3 * windows * tokens)
  for (let w = 0; w < windows; w++) {
    // Likely tokens have low ids: as in a vocabulary that was made by frequency.
    const list = Array.from({ length: tokens }, () => Math.floor(V ** random())).sort((a, b) => a - b)
    for (const [t, token] of list.entries()) pairs.set([w, 7 * w, token], 3 * (w * tokens + t))
  }
  const coefficients = Float64Array.from({ length: windows * tokens }, () => random() - 0.5)
  const keys = [...decoyKeys(key, { material: sha256(utf8ToBytes('speed')), count })]
  return {
    name: 'weighted sums of 6,400 pairs under 256 decoys: green list, gamma 1/4',
    unit: 'pair and key',
    units: windows * tokens * count,
    runs: onBothPaths(
      () => weightedSumsUnder(keys, { contextWidth: 2, pairs, coefficients }, { scheme, lane: 0 })[0]!,
    ),
  }
}

/** Keys of so many lanes each, as many as make `accounts`. */
function keysOf(lanes: number, accounts: number): { profile: Profile; scheme: Scheme; keys: MarkKey[] } {
  const { profile, key, scheme } = markOf('green list, gamma 1/2', V, [
    { role: 'cohort', label: 'speed', lanes },
  ])
  const material = sha256(utf8ToBytes('speed'))
  return { profile, scheme, keys: [...decoyKeys(key, { material, count: Math.ceil(accounts / lanes) })] }
}

function decoys(): SpeedCase {
  const { scheme, keys } = keysOf(512, 1e5)
  const pairs = randomWords(3, TEXT)
  return {
    name: '1e5 decoys of 512 lanes against 256 pairs',
    unit: 'sweep',
    units: 1,
    runs: onBothPaths(() => laneSums(pairs, { scheme, lanes: 512, keys })[0]!),
  }
}

/** The whole call: keys checked, sums, the best ten with their verdicts. */
function accounts(): SpeedCase {
  const { profile, keys } = keysOf(32, 1e6)
  const ids = randomWords(1, TEXT + 2)
  const positions = countable([{ ids }], profile)
  return {
    name: '1e6 accounts of 32 lanes against 256 pairs',
    unit: 'sweep',
    units: 1,
    runs: onBothPaths(() => sweep(positions, keys).ranked.length),
  }
}

function naiveChacha(pairs: Uint32Array, key: MarkKey): SpeedRun {
  const bytes = new Uint8Array(markKeyWords(key).slice().buffer)
  const zeros = new Uint8Array(64)
  return {
    label: 'naive port: a block of @noble/ciphers a pair',
    run() {
      for (let at = 0; at < pairs.length; at += 3) {
        const nonce = new Uint8Array(Uint32Array.of(pairs[at]!, pairs[at + 1]!, 0).buffer)
        const token = pairs[at + 2]!
        const block = chacha8(bytes, nonce, zeros, undefined, token >>> 9)
        const bit = token % 512
        sink += 1 - ((block[bit >>> 3]! >>> (bit & 7)) & 1)
      }
    },
  }
}

const LOW = 0xffffffffn

function naivePhilox(pairs: Uint32Array, key: MarkKey): SpeedRun {
  const [low, high] = Array.from(markKeyWords(key), BigInt) as [bigint, bigint]
  const block = (counter: bigint[], key0: bigint, key1: bigint): bigint[] => {
    let [c0, c1, c2, c3] = counter as [bigint, bigint, bigint, bigint]
    for (let round = 0; round < 10; round++) {
      const [a, b] = [0xd2511f53n * c0, 0xcd9e8d57n * c2]
      ;[c0, c1, c2, c3] = [(b >> 32n) ^ c1 ^ key0, b & LOW, (a >> 32n) ^ c3 ^ key1, a & LOW]
      key0 = (key0 + 0x9e3779b9n) & LOW
      key1 = (key1 + 0xbb67ae85n) & LOW
    }
    return [c0, c1, c2, c3]
  }
  return {
    label: 'naive port: BigInt',
    run() {
      for (let at = 0; at < pairs.length; at += 5) {
        const ids = Array.from(pairs.subarray(at, at + 5), BigInt)
        const state = block([0x574d4358n ^ ids[0]!, 4n ^ ids[1]!, ids[2]!, ids[3]!], low, high) as [
          bigint,
          bigint,
          bigint,
          bigint,
        ]
        const word = block([ids[4]! >> 2n, state[0], state[1], state[2]], low ^ state[3], high ^ 0x574d544bn)
        const mantissa = Number(word[Number(ids[4]! & 3n)]! >> 8n)
        sink += -Math.log(1 - mantissa / 2 ** 24)
      }
    },
  }
}

function naiveMurmur(pairs: Uint32Array, key: MarkKey): SpeedRun {
  const words = Array.from(markKeyWords(key))
  return {
    label: 'naive port: hashes of lists',
    run() {
      for (let at = 0; at < pairs.length; at += 5) {
        const context = murmurHash(pairs.slice(at, at + 4))
        sink += -Math.log(1 - murmurHash([...words, context, pairs[at + 4]!]) / 2 ** 32)
      }
    },
  }
}

/** What was computed, for nobody: it keeps the loops. */
export function checksum(): number {
  return sink
}
