/**
 * What engines' own detectors compute, from their published recipes and with the slow hashes of engine-reference.ts: so that a test can ask
 * whether the engine would find a text, and where its p-value differs from ours. Their p-values are theirs, flaws included.
 */
import { lnGammaUpperTail } from '../../src/stats/gamma.ts'
import * as hash from './engine-reference.ts'

/** Sum, number of scores and p-value. */
export interface Found {
  readonly score: number
  readonly n: number
  readonly lnP: number
  readonly repeated: number
}

const scoreOf = (u: number): number => -Math.log1p(-u)

/** vLLM's detector, one key or two. */
export function vllmDetect(
  tokens: readonly number[],
  {
    key,
    width = 4,
    deduplicate = true,
    alpha,
  }: { key: bigint; width?: number; deduplicate?: boolean; alpha?: number | undefined },
): Found {
  const keys =
    alpha === undefined ? [key] : [hash.vllmDerivedKey(key, 'key_a'), hash.vllmDerivedKey(key, 'key_b')]
  const weights = alpha === undefined ? [1] : [1 - alpha, alpha]
  const prefix: number[] = new Array(width).fill(-1)
  const seen = new Set<string>()
  let [score, n, repeated] = [0, 0, 0]
  for (const token of tokens) {
    const context = prefix.slice(-width)
    prefix.push(token)
    if (deduplicate && seen.has(context.join())) {
      repeated++
      continue
    }
    seen.add(context.join())
    n++
    for (const [i, k] of keys.entries()) {
      // A weight of 0 stands for a key that is not looked at.
      if (weights[i]! > 0) score += weights[i]! * scoreOf(hash.vllmUniform(hash.vllmWord(k, context, token)))
    }
  }
  const v = weights.reduce((sum, w) => sum + w * w, 0)
  return { score, n, repeated, lnP: n === 0 ? 0 : lnGammaUpperTail(score / v, { shape: n / v }) }
}

/** SGLang's detector: all scores together, or those of a key, or those of the windows that the coin gives to a key. */
export function sglangDetect(
  completion: readonly number[],
  {
    a,
    b,
    mixing = 0.5,
    prompt,
    width = 4,
    part = 'combined',
  }: {
    a: bigint
    b?: bigint | undefined
    mixing?: number
    prompt: readonly number[]
    width?: number
    part?: 'combined' | 'a_all' | 'b_all' | 'pa' | 'pb'
  },
): Found & { readonly z: number; readonly belowMiddle: number } {
  const start = prompt.slice(-width)
  const tokens = [...start, ...completion]
  const seen = new Set<string>()
  let [score, n, repeated, belowMiddle] = [0, 0, 0, 0]
  for (let i = prompt.length > 0 ? start.length : width; i < tokens.length; i++) {
    const context = tokens.slice(Math.max(0, i - width), i)
    if (seen.has(context.join())) {
      repeated++
      continue
    }
    seen.add(context.join())
    const isA = b === undefined || hash.sglangCoin(a, b, context) < Math.floor(mixing * 2 ** 32)
    if ((part === 'pa' && !isA) || (part === 'pb' && isA)) continue
    const key = part === 'a_all' || (part !== 'b_all' && isA) ? a : b!
    const token = hash.sglangTokenHash(key, context, tokens[i]!)
    score += scoreOf((token + 0.5) / 2 ** 32)
    belowMiddle += scoreOf((token + 0.5) / 2 ** 32) - scoreOf(token / 2 ** 32)
    n++
  }
  const lnP = n === 0 ? 0 : lnGammaUpperTail(score, { shape: n })
  return { score, n, repeated, lnP, z: (score - n) / Math.sqrt(n), belowMiddle }
}

/** Hugging Face's detector of green lists, whose p-value is not the normal tail. */
export function kgwDetect(
  tokens: readonly number[],
  {
    key,
    vocab,
    ratio,
    seeding,
    width,
  }: { key: bigint; vocab: number; ratio: number; seeding: 'lefthash' | 'selfhash'; width: number },
): { n: number; green: number; z: number; p: number } {
  const length = seeding === 'lefthash' ? width + 1 : width
  let [n, green] = [0, 0]
  const lists = new Map<string, Set<number>>()
  for (let i = 0; i + length <= tokens.length; i++) {
    const window = tokens.slice(i, i + length)
    const seeded = seeding === 'lefthash' ? window.slice(0, -1) : window
    const list =
      lists.get(seeded.join()) ?? new Set(hash.kgwGreenList(key, seeded, { vocab, ratio, seeding }))
    lists.set(seeded.join(), list)
    n++
    if (list.has(window.at(-1)!)) green++
  }
  const z = (green - ratio * n) / Math.sqrt(n * ratio * (1 - ratio))
  return { n, green, z, p: 1 - 0.5 * (1 + Math.sign(z) * (1 - Math.exp((-2 * z * z) / Math.PI))) }
}

/** vLLM SBW's detector: green tokens of positions whose context was not seen before. */
export function sbwDetect(
  tokens: readonly number[],
  {
    key,
    width,
    gamma,
    seeding,
  }: { key: bigint; width: number; gamma: number; seeding: 'lefthash' | 'selfhash' },
): { n: number; green: number } {
  const prefix: number[] = new Array(width).fill(-1)
  const seen = new Set<string>()
  let [n, green] = [0, 0]
  for (const token of tokens) {
    const context = prefix.slice(-width)
    prefix.push(token)
    if (seen.has(context.join())) continue
    seen.add(context.join())
    n++
    const { word } = hash.sbw(key, context, token, seeding)
    if ((word & 0x7fffffff) < Math.floor(gamma * 2147483647)) green++
  }
  return { n, green }
}
