/**
 * Text that is built against an engine's hash without its key. Pairs of one identity are computed from the public part of the hash; they share their score under
 * every key and count once. Counting them all is the control, and accuses. Where no identity helps, the scheme says that its hash is open.
 */
import { describe, expect, test } from 'vitest'
import { countable, pairsOf } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { gatherEvidence } from '../../src/detect/evidence.ts'
import { identify } from '../../src/detect/identify.ts'
import { localise } from '../../src/detect/localise.ts'
import { evidenceOf, judge, mergeEvidence } from '../../src/detect/merge-evidence.ts'
import { parseEvidence } from '../../src/detect/parse-evidence.ts'
import type { EngineProfile } from '../../src/keys/engine-profile.ts'
import { isPublishedEngineKey } from '../../src/keys/engine-published.ts'
import { createProfile } from '../../src/keys/profile.ts'
import { murmurMix, murmurScramble, murmurTokenClass } from '../../src/prf/engines/murmur.ts'
import { textsealSum } from '../../src/prf/engines/textseal.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnUpperTail, nullMean, nullVariance } from '../../src/stats/tail.ts'
import { ENGINE_SCHEMES, engineMark, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { masterFromSeed } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'

const V = 128_000

/** The inverse of an odd number modulo 2^32. */
function inverse(a: number): number {
  let x = a
  for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(a, x))
  return x | 0
}

/** The word that `murmurScramble` makes this of. */
function unscramble(mixed: number): number {
  const rotated = Math.imul(mixed, inverse(0x1b873593))
  return Math.imul((rotated >>> 15) | (rotated << 17), inverse(0xcc9e2d51 | 0)) >>> 0
}

/** The word that takes a state to another. */
function wordBetween(state: number, target: number): number {
  const turned = Math.imul((target - 0xe6546b64) | 0, inverse(5))
  return unscramble(((turned >>> 13) | (turned << 19)) ^ state)
}

let seed = 1
function draw(below: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0
  return (seed >>> 8) % below
}

/** Windows of four ids whose state before the end of the hash is this one. */
function windowsOf(state: number, count: number): number[][] {
  const windows: number[][] = []
  while (windows.length < count) {
    const window = [draw(V), draw(V), draw(V)]
    const last = wordBetween(window.reduce(murmurMix, 0), state)
    if (last < V) windows.push([...window, last])
  }
  return windows
}

/** The state whose finished hash of four words is this. */
function stateOf(hash: number): number {
  const unshift = (x: number, by: number): number => {
    let out = x
    for (let i = by; i < 32; i += by) out = x ^ (out >>> by)
    return out
  }
  let x = unshift(hash, 16)
  x = unshift(Math.imul(x, inverse(0xc2b2ae35 | 0)), 13)
  x = unshift(Math.imul(x, inverse(0x85ebca6b | 0)), 16)
  return x ^ 16
}

/** The token whose scrambled word differs in the highest bit alone. Always the same distance away, which small vocabularies do not have. */
function twinOf(token: number): number {
  return unscramble(murmurScramble(token) ^ 0x80000000)
}

const sglang = engineProfile('SGLang gumbel', { contextWidth: 4, vocabularySize: 2 ** 32 - 1 })
const target = [1, 2, 3, 4].reduce(murmurMix, 0)
/** Documents of a window, as the prompt, and one token: all windows have one hash. */
const sglangText = windowsOf(target, 100).map((window) => ({ ids: [...window, 777], promptLength: 4 }))

/** Chances by the law of a text under fresh keys, with a scheme's identity and without. */
function lnPsOf(profile: EngineProfile, documents: Parameters<typeof countable>[0], keys: number) {
  const scheme = schemeOf(profile, { lanes: 1 })
  const { publicIdentity: _, ...counting } = scheme
  const positions = countable(documents, profile)
  const under = (one: typeof scheme, i: number): number => {
    const key = freshEngineKey(profile, `built ${i}`)
    const { sum, n, law } = gatherEvidence(pairsOf(positions), { scheme: one, key, lane: 0 })
    return lnUpperTail(law, { sum, n })
  }
  const numbers = Array.from({ length: keys }, (_, i) => i)
  return { once: numbers.map((i) => under(scheme, i)), all: numbers.map((i) => under(counting, i)) }
}

describe('SGLang: windows of one hash, each before the same token', () => {
  test('count once; counting them all accuses one key in five', () => {
    const { once, all } = lnPsOf(sglang, sglangText, 300)
    expect(once.filter((lnP) => lnP <= Math.log(1e-6)).length).toBe(0)
    expect(once.filter((lnP) => lnP <= Math.log(0.1)).length).toBeLessThanOrEqual(
      binomialBand(300, 0.1, 1e-6).hi,
    )
    expect(all.filter((lnP) => lnP <= Math.log(1e-6)).length).toBeGreaterThan(30)
    const verdict = detect(countable(sglangText, sglang), freshEngineKey(sglang, 1), { minimumCounted: 1 })
    expect([verdict.counted, verdict.seen]).toEqual([1, 500])
  })

  test('two windows and two tokens that differ where no key mixes: one score under every key', () => {
    const [token, other] = [777, twinOf(777)]
    expect(other).not.toBe(token)
    const [window] = windowsOf(target, 1)
    const scheme = schemeOf(sglang, { lanes: 1 })
    const { publicIdentity } = scheme
    const hash = hashOf(window!)
    const [partner] = windowsOf(stateOf(unscramble(murmurScramble(hash) ^ (1 << 18))), 1)
    expect(hashOf(partner!)).not.toBe(hash)
    const same = (context: number[], next: number) =>
      Array.from(publicIdentity!.of(context, next), (x) => x >>> 0)
    expect(same(partner!, other)).toEqual(same(window!, token))
    expect(same(partner!, token)).not.toEqual(same(window!, token))
    const fields = (context: number[], next: number) =>
      Array.from({ length: 50 }, (_, i) => scheme.field(freshEngineKey(sglang, i), context, next, 0))
    expect(fields(partner!, other)).toEqual(fields(window!, token))
    expect(fields(partner!, token)).not.toEqual(fields(window!, token))
    const positions = countable(
      [
        { ids: [...window!, token], promptLength: 4 },
        { ids: [...partner!, other], promptLength: 4 },
      ],
      sglang,
    )
    expect(positions.count).toBe(2)
    expect(detect(positions, freshEngineKey(sglang, 1)).counted).toBe(1)
  })

  test('shards that share a score under every key do not merge, and a record of both is refused', () => {
    const key = freshEngineKey(sglang, 1)
    const [a, b, ...rest] = sglangText.map((document) => evidenceOf(countable([document], sglang), key))
    expect(() => mergeEvidence(a!, b!)).toThrow(/scores of their own under sglang/)
    expect(rest.length).toBe(98)
    const whole = evidenceOf(countable(sglangText, sglang), key)
    expect(whole.n).toBe(1)
    const forged = { ...a!, n: 2, sum: 2 * a!.sum, scores: [a!.sum, a!.sum], seen: 10 }
    const pairs = [a!, b!].map(({ pairs }) => [...pairs]).sort((x, y) => x[0]! - y[0]!)
    expect(() => parseEvidence({ ...forged, pairs: pairs.flat() }, sglang)).toThrow(/scores of their own/)
    const plain = evidenceOf(countable([{ ids: [1, 2, 3, 4, 5, 6] }], sglang), key)
    expect(judge(mergeEvidence(a!, plain)).counted).toBe(3)
  })

  test('the class of a token without the passing bit would miss them', () => {
    expect(murmurTokenClass(0, 5)).not.toEqual(murmurTokenClass(0, 6))
    expect(murmurTokenClass(1, 5)).not.toEqual(murmurTokenClass(2, 5))
  })
})

function hashOf(window: readonly number[]): number {
  // By way of the scheme's own class: what is left of the hash, with the bit put back.
  const [first, token] = murmurClassOf(window)
  return unscramble(first! | ((token! ^ murmurScramble(0)) >>> 13))
}

function murmurClassOf(window: readonly number[]): readonly number[] {
  const { publicIdentity } = schemeOf(sglang, { lanes: 1 })
  return Array.from(publicIdentity!.of(window, 0))
}

describe('TextSeal: windows of one sum', () => {
  // a 10000019 + b 10000247 + c 100000007 = 0, where 10000019 = -228 modulo 10000247.
  const steps: [number, number, number][] = []
  for (let c = 1; c < 60_000 && steps.length < 80; c++) {
    for (const a of [aOf(c), aOf(c) - 10_000_247]) {
      const b = -(a * 10_000_019 + c * 100_000_007) / 10_000_247
      if (Math.abs(a) < 60_000 && Math.abs(b) < 60_000) steps.push([a, b, c])
    }
  }
  function aOf(c: number): number {
    const modulus = 10_000_247n
    let inverse228 = 1n
    // 10000247 is prime: Fermat.
    for (let [base, power] = [228n, modulus - 2n]; power > 0n; power >>= 1n) {
      if (power & 1n) inverse228 = (inverse228 * base) % modulus
      base = (base * base) % modulus
    }
    return Number((BigInt(c) * 100_000_007n * inverse228) % modulus)
  }
  const profile = engineProfile('TextSeal', { contextWidth: 2, vocabularySize: V })
  const documents = steps.map(([a, b, c]) => ({ ids: [60_000 + a, 60_000 + b, 60_000 + c], promptLength: 2 }))

  test('count once; counting them all accuses', () => {
    expect(documents.length).toBeGreaterThan(40)
    const [first] = documents
    for (const { ids } of documents)
      expect(textsealSum([ids[0]!, ids[1]!], ids[2]!)).toEqual(
        textsealSum([first!.ids[0]!, first!.ids[1]!], first!.ids[2]!),
      )
    const { once, all } = lnPsOf(profile, documents, 200)
    expect(once.filter((lnP) => lnP <= Math.log(1e-6)).length).toBe(0)
    expect(all.filter((lnP) => lnP <= Math.log(1e-6)).length).toBeGreaterThan(5)
  })
})

describe('Google SynthID: n-grams of one state', () => {
  const A = 6364136223846793005n
  // The shortest step (x, y) with x A + y = 0 modulo 2^64, by Euclid's algorithm on (2^64, A).
  let [r, next, x, nextX] = [2n ** 64n, A, 0n, 1n]
  while (next >= 2n ** 32n) {
    const q = r / next
    ;[r, next, x, nextX] = [next, r - q * next, nextX, x - q * nextX]
  }
  // nextX A = next, or nextX A - next = 0.
  const [dx, dy] = [Number(nextX), -Number(next)]
  const profile = engineProfile('Google SynthID', { contextWidth: 1, vocabularySize: 2 ** 32 - 1 })
  const scheme = schemeOf(profile, { lanes: 1 })

  test('count once, and have one score under every key', () => {
    expect(BigInt.asUintN(64, BigInt(dx) * A + BigInt(dy))).toBe(0n)
    const [from, to] = [
      [Math.max(-dx, 0), -dy],
      [Math.max(dx, 0), 0],
    ]
    for (const id of [...from!, ...to!]) expect(id).toBeLessThan(2 ** 32 - 1)
    for (let i = 0; i < 30; i++) {
      const key = freshEngineKey(profile, `state ${i}`)
      expect(scheme.field(key, [to![0]!], to![1]!, 0)).toBe(scheme.field(key, [from![0]!], from![1]!, 0))
    }
    const positions = countable([{ ids: from! }, { ids: to! }, { ids: [5, 6] }], profile)
    expect(positions.count).toBe(3)
    expect(detect(positions, freshEngineKey(profile, 1)).counted).toBe(2)
  })
})

describe('open and keyed hashes', () => {
  const hashes = Object.keys(ENGINE_SCHEMES).map((name) => [
    name,
    schemeOf(engineProfile(name), { lanes: 1 }).hash,
  ])

  test('which are which', () => {
    expect(hashes.filter(([, hash]) => hash === 'keyed').map(([name]) => name)).toEqual([
      'vLLM gumbel',
      'vLLM dual',
      'vLLM SynthID',
    ])
    const own = createProfile(masterFromSeed('hash'), {
      scheme: 'gumbel',
      contextWidth: 1,
      tokenizer: engineProfile('vLLM gumbel').tokenizer,
      vocabularySize: 9,
      layers: [{ role: 'provider', label: 'acme' }],
      created: '2026-11-25',
    })
    expect(schemeOf(own, { lanes: 1 }).hash).toBe('keyed')
  })

  /** Variance of a standardised sum over 400 pairs of ids in two arithmetic progressions, under fresh keys. */
  function varianceOf(name: string, [first, second]: readonly [number, number], keys: number): number {
    const profile = engineProfile(name, { contextWidth: 1, vocabularySize: 50_000 })
    const scheme = schemeOf(profile, { lanes: 1 })
    const { nullLaw } = scheme
    let squares = 0
    for (let k = 0; k < keys; k++) {
      const key = freshEngineKey(profile, `progression ${k}`)
      let sum = 0
      for (let i = 0; i < 400; i++)
        sum += scheme.score(scheme.field(key, [(i * first) % 50_000], (i * second) % 50_000, 0))
      squares += (sum - 400 * nullMean(nullLaw)) ** 2 / (400 * nullVariance(nullLaw))
    }
    return squares / keys
  }

  test.each([
    ['Google SynthID', [12345, 31337], 100, 2],
    ['TextSeal', [1021, 101], 800, 1.3],
  ] as const)('%s: progressions of ids have sums that spread too far', (name, steps, keys, least) => {
    expect(varianceOf(name, steps, keys)).toBeGreaterThan(least)
  })

  test.each([
    ['vLLM gumbel', [12345, 31337]],
    ['vLLM gumbel', [1021, 101]],
    ['vLLM SynthID', [12345, 31337]],
  ] as const)('%s: the same progressions do not', (name, steps) => {
    // A mean of 400 squares of nearly normal numbers has standard deviation sqrt(2 / 400); six of them, for 1 in 10^9.
    expect(Math.abs(varianceOf(name, steps, 400) - 1)).toBeLessThan(6 * Math.sqrt(2.2 / 400))
  })

  test.each(hashes)('%s: verdicts say so where it is open', (name, hash) => {
    const profile = engineProfile(name as string)
    const key = freshEngineKey(profile, 'note')
    const documents = [{ ids: Array.from({ length: 30 }, (_, i) => (i * i * 7) % 100) }]
    const positions = countable(documents, profile)
    const verdicts = [
      detect(positions, key),
      identify(documents, [{ profile, key }]).ranked[0]!.verdict,
      localise(documents[0]!, profile, key).verdict,
      ...(schemeOf(profile, { lanes: 1 }).identity ? [] : [judge(evidenceOf(positions, key))]),
    ]
    for (const { notes } of verdicts) {
      expect(notes.some((note) => note.includes('not built against this hash'))).toBe(hash === 'open')
      expect(notes.some((note) => note.includes('this key is published'))).toBe(false)
    }
  })
})

describe('keys that everybody knows', () => {
  const published: readonly [string, readonly bigint[]][] = [
    ['HF lefthash', [15485863n]],
    ['HF selfhash', [15485863n]],
    ['TextSeal', [42n, 12387n]],
    ['vLLM gumbel', [42n]],
    ['SGLang gumbel', [0x0123456789abcdefn]],
  ]
  const others: readonly [string, readonly bigint[]][] = [
    ['HF lefthash', [15485867n]],
    ['TextSeal', [42n, 99n]],
    ['vLLM gumbel', [8127364510293847561n]],
    ['SGLang dual', [0x0123456789abcdefn, 5n]],
  ]

  test('are named in verdicts, and stay readable', () => {
    for (const [list, expected] of [
      [published, true],
      [others, false],
    ] as const)
      for (const [name, integers] of list) {
        const { profile, key } = engineMark(name, integers)
        expect(isPublishedEngineKey(key), name).toBe(expected)
        const { notes } = detect(countable([{ ids: [1, 2, 3, 4, 5, 6] }], profile), key)
        expect(notes.some((note) => note.includes('anybody can have marked with it'))).toBe(expected)
      }
  })

  test('layers of the published list of SynthID, all or some', () => {
    const some = engineMark('Google SynthID', [654n, 400n, 836n, 123n], { param: 4 })
    expect(isPublishedEngineKey(some.key)).toBe(true)
    const own = engineMark('Google SynthID', [654n, 400n, 836n, 8127364510293847n], { param: 4 })
    expect(isPublishedEngineKey(own.key)).toBe(false)
  })
})
